//! One spelling for paths and patterns, so that they can be compared octet by octet
//! (RFC 9309 section 2.2.2).
//!
//! Both sides get the same treatment: escapes of unreserved characters are decoded, other escapes
//! are upper-cased, and octets that no URI may contain (non-ASCII, controls, space, `"<>\^{|}` and
//! the backtick) are escaped. What is special in a pattern is escaped wherever it is meant literally
//! (section 2.2.3): a path's `*` and `$`, and a pattern's `$` that is not at its end.
//!
//! Section 2.2.2 wants reserved characters compared as if all were escaped, and its table shows that
//! those that delimit are not meant. So escapes of what delimits nothing are decoded: in the path
//! `! & ' ( ) + , : ; = @`, in the query `/ : ? @ [ ] '`, which browsers and the URL standard write
//! either way; that makes the RFC's `?baz=https://foo.bar` and `?baz=https%3A%2F%2Ffoo.bar` one. A
//! pattern without a question mark does not say which part it speaks of; for it, the query is
//! treated as the path is ([`decode_as_path`]).
//!
//! The results are ASCII. A `%` that begins no escape stays as it is.

use std::{borrow::Cow, fmt::Write as _};

/// A path with its query (`/a?b`) in the spelling that patterns are compared with.
pub(super) fn normalise_path(path: &str) -> Cow<'_, str> {
    if path.bytes().all(is_settled) {
        Cow::Borrowed(path)
    } else {
        Cow::Owned(rewrite(path.as_bytes(), escape_special))
    }
}

/// A rule's value in the spelling in which it is compared; `None` when it says nothing: when it is
/// empty, or begins with neither a slash nor a star (section 2.2 asks for a slash, and its example
/// `*.gif$` shows the star), so that no path could match.
pub(super) fn normalise_pattern(value: &[u8]) -> Option<String> {
    let (b'/' | b'*') = *value.first()? else { return None };
    let (value, anchored) = value.strip_suffix(b"$").map_or((value, false), |body| (body, true));
    let body = rewrite(value, |octet, out| if octet == b'*' { out.push('*') } else { escape_special(octet, out) });
    let anchor = if anchored { "$" } else { "" };
    let pattern = format!("{body}{anchor}");
    Some(if pattern.contains('?') { decode_query(&pattern).into_owned() } else { pattern })
}

/// Reserved characters that delimit nothing in a path (RFC 3986 section 3.3).
const IDLE_IN_PATH: &[u8] = b"!&'()+,:;=@";
/// Those that delimit nothing in a query.
const IDLE_IN_QUERY: &[u8] = b"/:?@[]'";

/// Decodes, after the first question mark of a normalised text, what delimits nothing there.
pub(super) fn decode_query(normalised: &str) -> Cow<'_, str> {
    decode_after_mark(normalised, IDLE_IN_QUERY)
}

/// Decodes the same there as [`normalise_path`] does before it.
pub(super) fn decode_as_path(normalised: &str) -> Cow<'_, str> {
    decode_after_mark(normalised, IDLE_IN_PATH)
}

fn decode_after_mark<'a>(normalised: &'a str, idle: &[u8]) -> Cow<'a, str> {
    let Some((before, query)) = normalised.split_once('?') else { return Cow::Borrowed(normalised) };
    if !query.contains('%') {
        return Cow::Borrowed(normalised);
    }
    let mut out = String::with_capacity(normalised.len());
    out.push_str(before);
    out.push('?');
    let mut rest = query;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        match rest.as_bytes()[at + 1..] {
            [hi, lo, ..]
                if hi.is_ascii_hexdigit() && lo.is_ascii_hexdigit() && idle.contains(&(hex(hi) << 4 | hex(lo))) =>
            {
                out.push(char::from(hex(hi) << 4 | hex(lo)));
                rest = &rest[at + 3..];
            }
            _ => {
                out.push('%');
                rest = &rest[at + 1..];
            }
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// RFC 3986 section 2.3.
fn is_unreserved(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'.' | b'_' | b'~')
}

/// Octets that stand for themselves in paths and patterns alike: unreserved ones, and reserved ones
/// (RFC 3986 section 2.2) without the two that are special in patterns.
fn is_settled(octet: u8) -> bool {
    is_unreserved(octet) || b":/?#[]@!&'()+,;=".contains(&octet)
}

fn escape_special(octet: u8, out: &mut String) {
    write!(out, "%{octet:02X}").expect("writing to a string does not fail");
}

/// Rewrites octet by octet; `special` gets `*` and `$`.
fn rewrite(octets: &[u8], special: impl Fn(u8, &mut String)) -> String {
    let mut out = String::with_capacity(octets.len() + 8);
    let mut rest = octets;
    let mut idle = IDLE_IN_PATH;
    while let Some((&octet, tail)) = rest.split_first() {
        rest = tail;
        if octet == b'?' {
            idle = &[];
        }
        match (octet, tail) {
            (b'%', &[hi, lo, ref after @ ..]) if hi.is_ascii_hexdigit() && lo.is_ascii_hexdigit() => {
                let escaped = hex(hi) << 4 | hex(lo);
                if is_unreserved(escaped) || idle.contains(&escaped) {
                    out.push(char::from(escaped));
                } else {
                    escape_special(escaped, &mut out);
                }
                rest = after;
            }
            (b'%', _) => out.push('%'),
            (b'*' | b'$', _) => special(octet, &mut out),
            (octet, _) if is_settled(octet) => out.push(char::from(octet)),
            (octet, _) => escape_special(octet, &mut out),
        }
    }
    out
}

/// The value of a hexadecimal digit.
fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check_path(path: &str, expected: &str) {
        assert_eq!(decode_query(&normalise_path(path)), expected);
    }

    fn check_pattern(value: &str, expected: &str) {
        assert_eq!(normalise_pattern(value.as_bytes()).as_deref(), Some(expected));
    }

    #[test]
    fn the_table_of_rfc_9309_section_2_2_2() {
        for check in [check_path, check_pattern] {
            check("/foo/bar?baz=quz", "/foo/bar?baz=quz");
            check("/foo/bar?baz=https://foo.bar", "/foo/bar?baz=https://foo.bar");
            check("/foo/bar?baz=https%3A%2F%2Ffoo.bar", "/foo/bar?baz=https://foo.bar");
            check("/foo/bar/ツ", "/foo/bar/%E3%83%84");
            check("/foo/bar/%E3%83%84", "/foo/bar/%E3%83%84");
            check("/foo/bar/%e3%83%84", "/foo/bar/%E3%83%84");
            check("/foo/bar/%62%61%7A", "/foo/bar/baz");
        }
    }

    #[test]
    fn reserved_characters_stay_what_they_are() {
        for check in [check_path, check_pattern] {
            check("/a%2fb", "/a%2Fb");
            check("/a/b", "/a/b");
            check("/a?b%26c=d%3De", "/a?b%26c=d%3De");
            check("/a%3Db%3a%26/?%3D%3a", "/a=b:&/?%3D:");
            check("/a%3F%23%5B%2A%25", "/a%3F%23%5B%2A%25");
            check("/a?f[0]=x", "/a?f[0]=x");
            check("/a?f%5B0%5d='x%27", "/a?f[0]='x'");
            check("/{a}|b c", "/%7Ba%7D%7Cb%20c");
            check("/%7ba%7D", "/%7Ba%7D");
            check("/100%", "/100%");
            check("/%4", "/%4");
            check("/%zz%2", "/%zz%2");
        }
    }

    #[test]
    fn special_characters_are_special_in_patterns_only() {
        check_path("/a*b$", "/a%2Ab%24");
        check_path("/a%2ab%24", "/a%2Ab%24");
        check_pattern("/a%2ab%24", "/a%2Ab%24");
        check_pattern("/a*b$", "/a*b$");
        check_pattern("/a$b*", "/a%24b*");
        check_pattern("/a$$", "/a%24$");
        check_pattern("*.gif$", "*.gif$");
        for nothing in ["", "fish", "$", "?a", "%2Fa", "http://h/a"] {
            assert_eq!(normalise_pattern(nothing.as_bytes()), None, "{nothing}");
        }
    }

    #[test]
    fn a_plain_path_is_not_copied() {
        assert!(matches!(decode_query(&normalise_path("/a/b?c=d")), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn results_are_ascii(path in any::<String>(), value in prop::collection::vec(any::<u8>(), 0..40)) {
            prop_assert!(decode_query(&normalise_path(&path)).is_ascii());
            prop_assert!(normalise_pattern(&value).is_none_or(|p| p.is_ascii()));
        }
    }
}
