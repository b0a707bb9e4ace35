//! A sitemap, an index, a text file or a feed, plain or packed: bounded whatever it is.
#![no_main]

use dragline::sitemap::{self, Limits, MAX_ADDRESS_BYTES};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { max_entries: 1000, max_decoded_bytes: 1 << 20, ..Limits::default() };
    sitemap::looks_like_sitemap(None, bytes);
    let found = sitemap::parse(bytes, &limits);
    assert!(found.pages.len() + found.sitemaps.len() <= limits.max_entries);
    assert!(found.pages.iter().chain(&found.sitemaps).all(|url| url.len() <= MAX_ADDRESS_BYTES));
});
