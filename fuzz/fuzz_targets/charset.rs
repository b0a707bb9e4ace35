//! Encoding and text of a body. The first line is the `Content-Type`, or nothing for none.
#![no_main]

use dragline::parse::{self, CharsetSource, Limits};
use libfuzzer_sys::fuzz_target;
use url::Url;

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(2, |&byte| byte == b'\n');
    let header = String::from_utf8_lossy(parts.next().unwrap_or_default());
    let body = parts.next().unwrap_or_default();
    let content_type = (!header.is_empty()).then_some(&*header);

    let found = parse::charset(body, content_type);
    match found.source {
        CharsetSource::Bom => assert!(matches!(found.name(), "UTF-8" | "UTF-16LE" | "UTF-16BE")),
        CharsetSource::Header => assert!(content_type.is_some()),
        CharsetSource::Meta => {}
        CharsetSource::Detected => assert!(!body.is_ascii() || found.name() == "ISO-2022-JP"),
        CharsetSource::Default => assert!(body.is_ascii() && found.name() == "UTF-8"),
    }
    // A byte order mark overrides everything.
    let marked = [b"\xEF\xBB\xBF", body].concat();
    assert_eq!(parse::charset(&marked, content_type).source, CharsetSource::Bom);
    // Decoding never panics, and a page says the encoding that was asked for alone.
    let url = Url::parse("http://localhost/").expect("a URL");
    let limits = Limits { max_links: 10, max_meta_bytes: 100, max_text_bytes: 1000 };
    assert_eq!(parse::page(body, content_type, &url, &parse::Options::new(limits)).charset, found);
});
