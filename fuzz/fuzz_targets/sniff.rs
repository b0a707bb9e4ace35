//! What a body is: never panics, and what was found is a fixed point. The first line is the header.
#![no_main]

use dragline::parse;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(2, |&byte| byte == b'\n');
    let header = String::from_utf8_lossy(parts.next().unwrap_or_default());
    let body = parts.next().unwrap_or_default();
    for content_type in [None, Some(&*header)] {
        for no_sniff in [false, true] {
            let found = parse::sniff(content_type, no_sniff, body);
            let again = parse::sniff(Some(&found.essence), true, body);
            assert_eq!((found.kind, &found.essence), (again.kind, &again.essence));
            assert!(no_sniff || parse::is_html(content_type, body) == found.is_page());
        }
    }
});
