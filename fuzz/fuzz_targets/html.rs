//! A page: every list and text is within its bound. The first byte chooses the content type.
#![no_main]

use dragline::parse::{self, Limits, MAX_REFERENCE_BYTES, MAX_ROBOTS_TOKENS};
use libfuzzer_sys::fuzz_target;
use url::Url;

const TYPES: [Option<&str>; 4] =
    [None, Some("text/html; charset=utf-8"), Some("application/xhtml+xml"), Some("text/html; charset=shift_jis")];

fuzz_target!(|bytes: &[u8]| {
    let Some((&choice, body)) = bytes.split_first() else { return };
    let content_type = TYPES[usize::from(choice) % TYPES.len()];
    let url = Url::parse("https://example.com/a/b").expect("a URL");
    let limits = Limits { max_links: 50, max_meta_bytes: 100, max_text_bytes: 1000 };
    let page = parse::page(body, content_type, &url, &limits);
    assert!(page.links.len() <= limits.max_links);
    assert!(page.links.iter().all(|link| link.href.len() <= MAX_REFERENCE_BYTES));
    assert!(page.robots.len() <= MAX_ROBOTS_TOKENS);
    for text in [&page.title, &page.description, &page.language].into_iter().flatten() {
        assert!(text.len() <= limits.max_meta_bytes);
    }
    assert!(page.text.is_none_or(|text| text.len() <= limits.max_text_bytes));
    assert!(page.canonical.is_none_or(|canonical| Url::parse(&canonical).is_ok()));
    assert!(matches!(page.base.scheme(), "http" | "https"));
});
