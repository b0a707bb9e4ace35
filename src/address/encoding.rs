//! Resolving references as the URL standard has it, where crate `url` needs help: queries in the
//! encoding of the page that they stand on, and more slashes before a host than two.
//!
//! Not here: what is made of the result (`canonicalizer`). Everything that resolves what the web
//! wrote does it here, so that a crawl and whoever asks about it mean the same address.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8};
use url::{ParseError, Url};

/// Resolves a reference, as a browser would. The standard's "special authority ignore slashes state"
/// passes over all slashes before a host (`///host/p` leads to `host`), where crate `url` sees two of
/// them and an empty host.
///
/// # Errors
/// When the result is no valid URL.
pub fn join(base: &Url, reference: &str) -> Result<Url, ParseError> {
    base.join(&with_two_slashes(base, reference))
}

/// The reference with two of the slashes that it begins with, if they are more and the base's scheme
/// is one that has them ignored.
fn with_two_slashes<'r>(base: &Url, reference: &'r str) -> Cow<'r, str> {
    if !matches!(base.scheme(), "http" | "https") {
        return reference.into();
    }
    // As the parser strips it, and drops tabs and line ends wherever they are.
    let begun = reference.trim_start_matches(|c: char| c <= ' ');
    let is_slash = |c: char| matches!(c, '/' | '\\');
    let rest = begun.trim_start_matches(|c: char| is_slash(c) || matches!(c, '\t' | '\n' | '\r'));
    let n_slashes = begun[..begun.len() - rest.len()].chars().filter(|c| is_slash(*c)).count();
    if n_slashes > 2 { format!("//{rest}").into() } else { reference.into() }
}

/// Resolves a reference that stands on a page in `page`, as a browser would ([`join`]): the URL standard has
/// the query written in the page's encoding (`é` is `%E9` on a page in windows-1252), and servers of
/// such pages expect that.
///
/// # Errors
/// When the result is no valid URL.
pub fn join_in(base: &Url, reference: &str, page: &'static Encoding) -> Result<Url, ParseError> {
    let encoding = page.output_encoding();
    if encoding == UTF_8 || reference.is_ascii() {
        return join(base, reference);
    }
    let reference = with_two_slashes(base, reference);
    let encode: &dyn Fn(&str) -> Cow<'_, [u8]> = &|query| encoded(query, encoding);
    Url::options().base_url(Some(base)).encoding_override(Some(encode)).parse(&reference)
}

/// A query in an encoding. What has no place in it is written as `%26%23…%3B` (URL standard,
/// "percent-encode after encoding"); a query has no `#` of its own that could be mistaken for it.
fn encoded<'q>(query: &'q str, encoding: &'static Encoding) -> Cow<'q, [u8]> {
    let (encoded, _, has_unmappable) = encoding.encode(query);
    if !has_unmappable {
        return encoded;
    }
    let mut out = Vec::with_capacity(encoded.len());
    let mut is_in_reference = false;
    for (i, &byte) in encoded.iter().enumerate() {
        match byte {
            b'&' if encoded.get(i + 1) == Some(&b'#') => is_in_reference = true,
            b'#' if is_in_reference => out.extend_from_slice(b"%26%23"),
            b';' if is_in_reference => {
                is_in_reference = false;
                out.extend_from_slice(b"%3B");
            }
            byte => out.push(byte),
        }
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(reference: &str, page: &'static Encoding, expected: &str) {
        let base = Url::parse("http://h/").expect("valid");
        assert_eq!(join_in(&base, reference, page).expect("valid").as_str(), expected);
    }

    /// In the manner of web-platform-tests' urltestdata.json.
    #[test]
    fn slashes_before_a_host_are_ignored() {
        let check = |base: &str, reference: &str, expected: Option<&str>| {
            let base = Url::parse(base).expect("valid");
            let joined = join(&base, reference).ok();
            assert_eq!(joined.as_ref().map(Url::as_str), expected, "{reference:?} against {base}");
            let expected_in = joined.filter(|_| reference.is_ascii());
            let joined_in = join_in(&base, reference, encoding_rs::WINDOWS_1252).ok();
            assert!(expected_in.is_none() || joined_in == expected_in, "{reference:?}");
        };
        let http = "http://example.org/foo/bar";
        for reference in [
            "//h/p",
            "///h/p",
            "////h/p",
            "/////////h/p",
            "\\\\\\h/p",
            "/\\/h/p",
            "\\/\\/h/p",
            "//\\h/p",
            "/\t/\n/h/p",
            "\t///h/p",
            " \u{0}\u{1f}///h/p ",
            "///\r\nh/p",
            "/\r/\n/\t\\h/p",
            "///h:80/p",
            "///H/./x/../p",
        ] {
            check(http, reference, Some("http://h/p"));
        }
        check("https://example.org/", "///h:80/p//q///r", Some("https://h:80/p//q///r"));
        check(http, "///u:p@h?q#///f", Some("http://u:p@h/?q#///f"));
        check(http, "/", Some("http://example.org/"));
        check(http, "/a///b", Some("http://example.org/a///b"));
        check(http, "a///b", Some("http://example.org/foo/a///b"));
        check(http, "?///h", Some("http://example.org/foo/bar?///h"));
        check(http, "", Some(http));
        for reference in ["//", "///", "///?q", "///#f", "\\\\\\", "///:80/", "///a b/"] {
            check(http, reference, None);
        }
        check("file:///a/b", "///c", Some("file:///c"));
        check("foo://h/a", "///c", Some("foo:///c"));
    }

    #[test]
    fn slashes_and_queries() {
        check("///i/é?é", encoding_rs::WINDOWS_1252, "http://i/%C3%A9?%E9");
    }

    #[test]
    fn queries_are_in_the_encoding_of_the_page() {
        check("/é?x=é", encoding_rs::WINDOWS_1252, "http://h/%C3%A9?x=%E9");
        check("/é?x=é", UTF_8, "http://h/%C3%A9?x=%C3%A9");
        check("/é?x=é", encoding_rs::UTF_16LE, "http://h/%C3%A9?x=%C3%A9");
        check("?a=日&b=é;c#é", encoding_rs::WINDOWS_1252, "http://h/?a=%26%2326085%3B&b=%E9;c#%C3%A9");
        check("?日", encoding_rs::SHIFT_JIS, "http://h/?%93%FA");
    }
}
