//! Links in a PDF: bounded and absolute, whatever the file is.
#![no_main]

use dragline::parse;
use libfuzzer_sys::fuzz_target;

const MAX_LINKS: usize = 20;

fuzz_target!(|bytes: &[u8]| {
    let found = parse::pdf_links(bytes, MAX_LINKS);
    assert!(found.urls.len() <= MAX_LINKS);
    for link in &found.urls {
        // Latin-1 may take two bytes a character as text, and UTF-16 three for two.
        assert!(link.len() <= 2 * parse::MAX_REFERENCE_BYTES + 4);
        let lower = link.to_ascii_lowercase();
        assert!(lower.starts_with("http://") || lower.starts_with("https://"));
    }
});
