//! A sitemap, an index, a text file or a feed, plain or packed: bounded whatever it is.
#![no_main]

use dragline::sitemap::{self, Limits, MAX_ADDRESS_BYTES, Origin};
use libfuzzer_sys::fuzz_target;
use url::Url;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { max_entries: 1000, max_decoded_bytes: 1 << 20, ..Limits::default() };
    sitemap::looks_like_sitemap(None, bytes);
    let url = Url::parse("http://h/a/sitemap.xml").expect("a URL");
    for url in [None, Some(&url)] {
        let found = sitemap::parse(bytes, &Origin { url, content_type: None }, &limits);
        assert!(found.pages.len() + found.sitemaps.len() <= limits.max_entries);
        assert!(found.pages.iter().chain(&found.sitemaps).all(|entry| entry.url.len() <= MAX_ADDRESS_BYTES));
    }
});
