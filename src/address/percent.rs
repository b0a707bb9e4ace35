//! [`Rule::PercentEncoding`](super::Rule::PercentEncoding): the normal form of escapes.
//!
//! RFC 3986 section 6.2.2.1 (upper-case hex digits) and 6.2.2.2 (unreserved characters are not
//! escaped). Escapes of all other bytes keep their meaning by staying escaped; characters that a
//! URL may hold raw are not escaped either. Dot segments in disguise (`%2E%2E`) are gone before:
//! the URL standard's parser takes them for what they are.

use std::borrow::Cow;

/// The normal form of `text`, or `None` when it already has it.
pub(super) fn normal_form(text: &str) -> Option<String> {
    let mut at = text.find('%')?;
    let mut out: Cow<'_, str> = Cow::Borrowed("");
    // Up to where `text` has been copied to `out`.
    let mut copied = 0;
    loop {
        let step = match escaped(&text.as_bytes()[at..]) {
            Some(byte) => {
                let before = [&out[..], &text[copied..at]];
                let escape = &text[at..at + 3];
                if is_unreserved(byte) && !would_complete_an_escape(before, byte) {
                    let out = out.to_mut();
                    out.push_str(&text[copied..at]);
                    out.push(char::from(byte));
                    copied = at + 3;
                } else if escape.bytes().any(|b| b.is_ascii_lowercase()) {
                    let out = out.to_mut();
                    out.push_str(&text[copied..at]);
                    out.push_str(&escape.to_ascii_uppercase());
                    copied = at + 3;
                }
                3
            }
            None => 1,
        };
        match text[at + step..].find('%') {
            Some(next) => at += step + next,
            None => break,
        }
    }
    if copied == 0 {
        return None;
    }
    let mut out = out.into_owned();
    out.push_str(&text[copied..]);
    Some(out)
}

/// The byte that an escape at the start of `bytes` stands for.
fn escaped(bytes: &[u8]) -> Option<u8> {
    let [b'%', hi, lo, ..] = bytes else { return None };
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    Some(digit(*hi)? << 4 | digit(*lo)?)
}

/// RFC 3986 section 2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Whether `byte` would make an escape of a stray `%`, or of one and a hex digit, that stands right
/// before it: `%%341` means a percent sign and `41`, and must not become `%41`.
fn would_complete_an_escape(before: [&str; 2], byte: u8) -> bool {
    let mut last = before[1].bytes().rev().chain(before[0].bytes().rev());
    match (last.next(), last.next()) {
        (Some(b'%'), _) => byte.is_ascii_hexdigit(),
        // A `%` two places back is stray: that of a whole escape is three places back.
        (Some(hi), Some(b'%')) => hi.is_ascii_hexdigit() && byte.is_ascii_hexdigit(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(normal_form(text).as_deref().unwrap_or(text), expected, "{text}");
        assert_eq!(normal_form(text).is_none(), text == expected, "{text}");
        assert_eq!(normal_form(expected), None, "{text} → {expected}");
    }

    #[test]
    fn normal_forms() {
        check("", "");
        check("/plain", "/plain");
        check("/%7Euser/%c3%a9", "/~user/%C3%A9");
        check("%41%5a%61%7a%30%39%2d%2e%5f%7e", "AZaz09-._~");
        check("%2f%3F%23%26%3d%25%20%00", "%2F%3F%23%26%3D%25%20%00");
        check("a%2Ehtml", "a.html");
        check("é%c3", "é%C3");
    }

    #[test]
    fn no_escape_is_made() {
        check("%", "%");
        check("%4", "%4");
        check("%zz%4g", "%zz%4g");
        check("%%341", "%%341");
        check("%4%31", "%4%31");
        check("%%34%31", "%%341");
        check("%25%34%31", "%2541");
        check("%2541", "%2541");
        check("%%7e", "%~");
        check("%4%7e1", "%4~1");
        check("%%61", "%%61");
    }

    /// What a server makes of it.
    fn decode(text: &str) -> Vec<u8> {
        let mut bytes = text.as_bytes();
        let mut out = Vec::new();
        while let Some(first) = bytes.first() {
            let byte = escaped(bytes);
            out.push(byte.unwrap_or(*first));
            bytes = &bytes[if byte.is_some() { 3 } else { 1 }..];
        }
        out
    }

    proptest! {
        #[test]
        fn meaning_is_kept(text in "(%|[0-9a-fA-F]|%[0-9a-f]{2}|%[2-7][0-9A-Fa-f]|[g/é.~]){0,12}") {
            let normal = normal_form(&text).unwrap_or_else(|| text.clone());
            prop_assert_eq!(decode(&normal), decode(&text));
            prop_assert_eq!(normal_form(&normal), None);
        }
    }
}
