//! Links in plain text: bounded, absolute, and parts of the text.
#![no_main]

use dragline::parse;
use libfuzzer_sys::fuzz_target;
use url::Url;

const MAX_LINKS: usize = 20;

fuzz_target!(|text: &str| {
    let url = Url::parse("http://localhost/").expect("a URL");
    let found = parse::text_links(text.as_bytes(), Some("text/plain; charset=utf-8"), &url, MAX_LINKS);
    assert!(found.urls.len() <= MAX_LINKS);
    let marked = text.trim_start_matches('\u{FEFF}');
    for link in &found.urls {
        assert!(link.len() <= parse::MAX_REFERENCE_BYTES);
        assert!(marked.is_empty() || text.contains(&**link) || text.starts_with('\u{FEFF}'));
        let lower = link.to_ascii_lowercase();
        assert!(lower.starts_with("http://") || lower.starts_with("https://"));
        assert!(!link.contains(char::is_whitespace));
    }
});
