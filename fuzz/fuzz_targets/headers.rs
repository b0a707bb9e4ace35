//! Header fields of an answer. Each line is a field; what `http` refuses never reaches the parsers.
#![no_main]

use dragline::{
    clock::Timestamp,
    fetch::retry::retry_after,
    parse::{self, LinkKind, MAX_HEADER_LINKS, MAX_REFERENCE_BYTES},
    robots::{Directives, MAX_DIRECTIVES, MAX_SIGNALS, Signals},
};
use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;
use url::Url;

/// What the first byte of a line stands for.
const NAMES: [&str; 10] = [
    "content-type",
    "link",
    "refresh",
    "retry-after",
    "x-content-type-options",
    "x-robots-tag",
    "content-signal",
    "content-usage",
    "tdm-reservation",
    "llm-policy",
];

fuzz_target!(|bytes: &[u8]| {
    let mut headers = HeaderMap::new();
    for line in bytes.split(|&byte| byte == b'\n') {
        let Some((&choice, value)) = line.split_first() else { continue };
        let name = HeaderName::from_static(NAMES[usize::from(choice) % NAMES.len()]);
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.append(name, value);
        }
    }
    let url = Url::parse("https://example.com/a/b?c").expect("a URL");

    let found = parse::header_links(&headers, &url);
    assert!(found.links.len() <= MAX_HEADER_LINKS);
    for link in &found.links {
        assert!(link.href.len() <= MAX_REFERENCE_BYTES);
        assert_eq!(link.kind == Some(LinkKind::Refresh), link.rel_text.is_empty());
        assert_eq!(link.rel_text, link.rel_text.to_ascii_lowercase());
        assert!(link.title.as_ref().is_none_or(|title| title.len() <= 1024));
    }

    let content_type = parse::content_type(&headers);
    let no_sniff = parse::no_sniff(&headers);
    for body in [&b""[..], b"<!doctype html>", b"%PDF-1.7", b"<?xml version='1.0'?><rss>", b"\0"] {
        let sniffed = parse::sniff(content_type.as_deref(), no_sniff, body);
        assert_eq!(sniffed.essence, sniffed.essence.to_ascii_lowercase());
        // Saying what was found changes nothing.
        assert_eq!(parse::sniff(Some(&sniffed.essence), true, body).kind, sniffed.kind);
        parse::charset(body, content_type.as_deref());
    }

    let values = headers.get_all("x-robots-tag").iter().map(HeaderValue::as_bytes);
    assert!(Directives::from_headers(values, "dragline").tokens().len() <= MAX_DIRECTIVES);
    assert!(Signals::from_headers(&headers).iter().count() <= MAX_SIGNALS);

    // As long as the server likes, but seconds are whole.
    assert!(retry_after(&headers, Timestamp(0)).is_none_or(|pause| pause.as_secs() > 0 || pause.is_zero()));
});
