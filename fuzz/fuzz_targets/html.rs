//! A page: every list and text is within its bound. The first byte chooses the content type.
#![no_main]

use dragline::parse::{
    self, KindSet, Limits, MAX_ALTERNATES, MAX_JSON_LD_BYTES, MAX_META_PAIRS, MAX_REFERENCE_BYTES, MAX_ROBOTS_TOKENS,
    Options,
};
use libfuzzer_sys::fuzz_target;
use url::Url;

const TYPES: [Option<&str>; 4] =
    [None, Some("text/html; charset=utf-8"), Some("application/xhtml+xml"), Some("text/html; charset=shift_jis")];

fuzz_target!(|bytes: &[u8]| {
    let Some((&choice, body)) = bytes.split_first() else { return };
    let content_type = TYPES[usize::from(choice) % TYPES.len()];
    let url = Url::parse("https://example.com/a/b").expect("a URL");
    let limits = Limits { max_links: 50, max_meta_bytes: 100, max_text_bytes: 1000 };
    // All that can be asked for, srcset and JSON-LD among it.
    let options = Options {
        kinds: KindSet::ALL,
        max_link_text_bytes: 50,
        fragments: true,
        metadata: true,
        ..Options::new(limits)
    };
    let page = parse::page(body, content_type, &url, &options);
    assert!(page.links.iter().filter_map(|link| link.text.as_ref()).all(|text| text.len() <= 50));
    let said = &page.metadata;
    assert!(said.alternates.len() <= MAX_ALTERNATES);
    assert!(said.open_graph.len() <= MAX_META_PAIRS && said.usage.len() <= MAX_META_PAIRS);
    assert!(said.json_ld.iter().map(String::len).sum::<usize>() <= MAX_JSON_LD_BYTES);
    assert!(page.links.len() <= limits.max_links);
    assert!(page.links.iter().all(|link| link.href.len() <= MAX_REFERENCE_BYTES));
    assert!(page.robots.len() <= MAX_ROBOTS_TOKENS);
    for text in [&page.title, &page.description, &page.language].into_iter().flatten() {
        assert!(text.len() <= limits.max_meta_bytes);
    }
    assert!(page.text.is_none_or(|text| text.len() <= limits.max_text_bytes));
    assert!(page.canonical.is_none_or(|canonical| Url::parse(&canonical).is_ok()));
    assert!(!page.base.cannot_be_a_base());
});
