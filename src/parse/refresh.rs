//! `<meta http-equiv=refresh>`: where it leads.
//!
//! The HTML standard's "shared declarative refresh steps", which forgive almost anything.

/// Reads the `content` of a refresh: seconds to wait (no more than [`u32::MAX`]), and the URL as
/// written, `None` if it names none (the page reloads). `None` altogether if it does not parse, and
/// nothing happens.
pub(super) fn declarative(content: &[u8]) -> Option<(u32, Option<&[u8]>)> {
    let rest = content.trim_ascii_start();
    let after_digits = skip(rest, |byte| byte.is_ascii_digit());
    let digits = &rest[..rest.len() - after_digits.len()];
    if digits.is_empty() && rest.first() != Some(&b'.') {
        return None;
    }
    let seconds =
        digits.iter().fold(0_u32, |sum, digit| sum.saturating_mul(10).saturating_add(u32::from(digit - b'0')));
    let rest = skip(after_digits, |byte| byte.is_ascii_digit() || byte == b'.');
    match rest.first() {
        None => Some((seconds, None)),
        Some(byte) if matches!(byte, b';' | b',') || byte.is_ascii_whitespace() => Some((seconds, target(rest))),
        Some(_) => None,
    }
}

/// The URL in what follows the seconds.
fn target(rest: &[u8]) -> Option<&[u8]> {
    let rest = rest.trim_ascii_start();
    let rest = rest.strip_prefix(b";").or_else(|| rest.strip_prefix(b",")).unwrap_or(rest).trim_ascii_start();
    if rest.is_empty() {
        return None;
    }
    Some(match strip_url_equals(rest) {
        Prefix::Absent => unquote(rest),
        Prefix::Stripped(value) => unquote(value),
        Prefix::Broken => rest,
    })
}

/// What stands before a URL in a refresh.
enum Prefix<'c> {
    /// No `u`: a URL or a quote begins here.
    Absent,
    /// `url =`; this follows.
    Stripped(&'c [u8]),
    /// Began like `url =` but is none: part of a URL.
    Broken,
}

fn strip_url_equals(rest: &[u8]) -> Prefix<'_> {
    if !rest.first().is_some_and(|byte| byte.eq_ignore_ascii_case(&b'u')) {
        return Prefix::Absent;
    }
    if !rest.get(..3).is_some_and(|word| word.eq_ignore_ascii_case(b"url")) {
        return Prefix::Broken;
    }
    rest[3..].trim_ascii_start().strip_prefix(b"=").map_or(Prefix::Broken, |v| Prefix::Stripped(v.trim_ascii_start()))
}

/// Without its opening quote and from its closing quote on.
fn unquote(value: &[u8]) -> &[u8] {
    match value.split_first() {
        Some((quote @ (b'"' | b'\''), quoted)) => quoted.split(|byte| byte == quote).next().unwrap_or_default(),
        _ => value,
    }
}

fn skip(bytes: &[u8], is_skipped: impl Fn(u8) -> bool) -> &[u8] {
    &bytes[bytes.iter().position(|&byte| !is_skipped(byte)).unwrap_or(bytes.len())..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_as_browsers_do() {
        for (content, expected) in [
            ("0; url=/a", Some("/a")),
            ("5;URL='/a'", Some("/a")),
            (" 0 , uRl = \"/a\" trailing", Some("/a")),
            ("0;/a", Some("/a")),
            ("0 /a", Some("/a")),
            ("0;'/a'b", Some("/a")),
            ("0; url='/a", Some("/a")),
            (".5; url=/a", Some("/a")),
            ("1.5.2; url=/a", Some("/a")),
            ("0; urn:x", Some("urn:x")),
            ("0; url", Some("url")),
            ("0; up/a", Some("up/a")),
            ("0; url /a", Some("url /a")),
            ("0; url=", Some("")),
            ("5", None),
            ("5;", None),
            ("5; ", None),
            ("", None),
            ("url=/a", None),
            ("; url=/a", None),
            ("5x; url=/a", None),
            ("-1; url=/a", None),
        ] {
            let target = declarative(content.as_bytes()).and_then(|(_, target)| target);
            assert_eq!(target, expected.map(str::as_bytes), "{content}");
        }
        for (content, seconds) in [
            ("5", Some(5)),
            (" 30;", Some(30)),
            ("1.9; url=/a", Some(1)),
            (".9", Some(0)),
            ("99999999999", Some(u32::MAX)),
            ("5x", None),
            ("", None),
        ] {
            assert_eq!(declarative(content.as_bytes()).map(|(seconds, _)| seconds), seconds, "{content}");
        }
    }
}
