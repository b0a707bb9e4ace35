//! MIME types: what a `Content-Type` says, read as browsers read it.
//!
//! "Parse a MIME type" of the MIME Sniffing standard (section 4.4) and "extract a MIME type" of the
//! Fetch standard, which makes one of several values. Of the parameters only `charset` is kept.
//! Where the standard gives up (`text/html charset=utf-8`) and the value still names a type or a
//! charset, [`Mime::read`] takes that. Each function reads its text once.

use std::borrow::Cow;

/// A type with its `charset`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mime {
    /// `type/subtype`, lower case; empty where the value names a charset and no type.
    pub(super) essence: String,
    /// The value of the first valid `charset` parameter, unquoted; may be no known label.
    pub(super) charset: Option<String>,
}

impl Mime {
    /// By the standard, or leniently where that finds nothing at all.
    pub(super) fn read(value: &str) -> Option<Self> {
        Self::extract(value).or_else(|| Self::guess(value))
    }

    /// The Fetch standard's "extract a MIME type" from the value of all `Content-Type` headers,
    /// joined by commas: the last type counts, and keeps the charset said for the same type before.
    pub(super) fn extract(value: &str) -> Option<Self> {
        let mut found: Option<Self> = None;
        for part in split_list(value) {
            let Some(next) = Self::parse(part).filter(|next| next.essence != "*/*") else { continue };
            found = Some(match found {
                Some(before) if before.essence == next.essence && next.charset.is_none() => before,
                _ => next,
            });
        }
        // `*/*` says as little as no type, but it is no failure either.
        found.or_else(|| Self::parse(value))
    }

    /// The MIME Sniffing standard's "parse a MIME type".
    pub(super) fn parse(value: &str) -> Option<Self> {
        let value = value.trim_matches(is_http_space);
        let (kind, rest) = value.split_once('/')?;
        let (subtype, parameters) = cut(rest, is_semicolon);
        let subtype = subtype.trim_end_matches(is_http_space);
        if !is_token(kind) || !is_token(subtype) {
            return None;
        }
        Some(Self { essence: format!("{kind}/{subtype}").to_ascii_lowercase(), charset: charset(parameters) })
    }

    /// What a malformed value still tells: the type at its start, and the first `charset=` in it.
    fn guess(value: &str) -> Option<Self> {
        let first = value.trim_start().split([';', ',', ' ', '\t']).next().unwrap_or_default();
        let is_type = first.split_once('/').is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype));
        let essence = if is_type { first.to_ascii_lowercase() } else { String::new() };
        let charset = loose_charset(value).map(str::to_owned);
        (is_type || charset.is_some()).then_some(Self { essence, charset })
    }
}

/// The first valid `charset` among parameters, which begin with their semicolon.
fn charset(mut rest: &str) -> Option<String> {
    while let Some(after) = rest.strip_prefix(';') {
        let (name, after) = cut(after.trim_start_matches(is_http_space), |c| matches!(c, ';' | '='));
        let Some(value) = after.strip_prefix('=') else {
            rest = after;
            continue;
        };
        let value_of = if value.starts_with('"') {
            let (text, after) = quoted_string(value);
            rest = cut(after, is_semicolon).1;
            text
        } else {
            let (text, after) = cut(value, is_semicolon);
            rest = after;
            let text = text.trim_end_matches(is_http_space);
            if text.is_empty() {
                continue;
            }
            Cow::Borrowed(text)
        };
        if name.eq_ignore_ascii_case("charset") && value_of.chars().all(is_quoted_string_char) {
            return Some(value_of.into_owned());
        }
    }
    None
}

/// "Collect an HTTP quoted string", its value: the text begins with the quote; what follows the
/// closing one is returned too.
pub(super) fn quoted_string(text: &str) -> (Cow<'_, str>, &str) {
    let body = &text[1..];
    let end = body.find(['"', '\\']).unwrap_or(body.len());
    if !body[end..].starts_with('\\') {
        return (Cow::Borrowed(&body[..end]), body.get(end + 1..).unwrap_or_default());
    }
    let mut value = body[..end].to_owned();
    let mut chars = body[end..].chars();
    loop {
        match chars.next() {
            None | Some('"') => return (Cow::Owned(value), chars.as_str()),
            // A backslash at the very end stands for itself.
            Some('\\') => value.push(chars.next().unwrap_or('\\')),
            Some(other) => value.push(other),
        }
    }
}

/// The Fetch standard's "get, decode, and split": parts between commas that no quotes enclose.
fn split_list(value: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let text = rest?;
        let (mut in_quotes, mut escaped) = (false, false);
        let end = text.bytes().position(|byte| {
            let is_end = byte == b',' && !in_quotes;
            match byte {
                _ if escaped => escaped = false,
                b'\\' if in_quotes => escaped = true,
                b'"' => in_quotes = !in_quotes,
                _ => {}
            }
            is_end
        });
        rest = end.map(|end| &text[end + 1..]);
        Some(text[..end.unwrap_or(text.len())].trim_matches([' ', '\t']))
    })
}

/// The label in the first `charset=` that begins a word.
fn loose_charset(value: &str) -> Option<&str> {
    const NAME: &[u8] = b"charset";
    let bytes = value.as_bytes();
    let mut from = 0;
    while let Some(found) = bytes[from..].windows(NAME.len()).position(|window| window.eq_ignore_ascii_case(NAME)) {
        let start = from + found;
        from = start + NAME.len();
        let begins_a_word = start == 0 || matches!(bytes[start - 1], b';' | b' ' | b'\t' | b',');
        let Some(label) = value[from..].trim_start().strip_prefix('=') else { continue };
        let label = match label.trim_start() {
            quoted if quoted.starts_with(['"', '\'']) => quoted[1..].split(['"', '\'']).next(),
            plain => plain.split([';', ',', ' ', '\t']).next(),
        };
        if let Some(label) = label.map(str::trim).filter(|label| begins_a_word && !label.is_empty()) {
            return Some(label);
        }
    }
    None
}

/// Up to the first character that ends it, and from there on.
pub(super) fn cut(text: &str, is_end: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(is_end).unwrap_or(text.len()))
}

fn is_semicolon(c: char) -> bool {
    c == ';'
}

/// HTTP white space: tab, line feed, carriage return, space.
fn is_http_space(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' ')
}

/// Solely HTTP token code points, and at least one.
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// HTTP quoted-string token code points.
fn is_quoted_string_char(c: char) -> bool {
    matches!(c, '\t' | ' '..='~' | '\u{80}'..='\u{FF}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(value: &str, essence: Option<&str>, charset: Option<&str>) {
        let found = Mime::parse(value);
        let found = found.as_ref().map(|mime| (&*mime.essence, mime.charset.as_deref()));
        assert_eq!(found, essence.map(|essence| (essence, charset)), "{value}");
    }

    #[test]
    fn parses_by_the_standard() {
        let html = Some("text/html");
        check(" TEXT/HTML ;CHARSET=GBK", html, Some("GBK"));
        check("text/html;charset=gbk(", html, Some("gbk("));
        check("text/html;x=(;charset=gbk", html, Some("gbk"));
        check("text/html;charset=gbk;charset=windows-1255", html, Some("gbk"));
        check("text/html;charset=;charset=gbk", html, Some("gbk"));
        check("text/html;charset=\"\";charset=gbk", html, Some(""));
        check("text/html;charset =gbk", html, None);
        check("text/html;charset= gbk", html, Some(" gbk"));
        check("text/html;charset='gbk'", html, Some("'gbk'"));
        check("text/html;\";charset=gbk", html, Some("gbk"));
        check("text/html;;;;charset=\"gbk", html, Some("gbk"));
        check("text/html;charset=\"\\g\\b\\k\"x;y", html, Some("gbk"));
        check("text/html;x=\";charset=big5\";charset=gbk", html, Some("gbk"));
        check("text/html;charset=\"a\\", html, Some("a\\"));
        check("text/html;charset=\u{100};charset=gbk", html, Some("gbk"));
        for failure in ["", "\t", "bogus", "bogus/", "bogus/ ", "bogus/bogus/;", "</>", "text/html(;a=b", "Ā/Ā", "/a"]
        {
            check(failure, None, None);
        }
    }

    #[test]
    fn extracts_the_last_type_of_several() {
        for (value, expected) in [
            ("text/html;charset=gbk, text/html", Some(("text/html", Some("gbk")))),
            ("text/html;charset=gbk, text/html;x=y;charset=big5", Some(("text/html", Some("big5")))),
            ("text/html;charset=gbk, text/plain", Some(("text/plain", None))),
            ("text/html;charset=gbk, text/plain, text/html", Some(("text/html", None))),
            ("text/html;x=\",\";charset=gbk", Some(("text/html", Some("gbk")))),
            (", text/plain,", Some(("text/plain", None))),
            ("text/plain, */*", Some(("text/plain", None))),
            ("*/*", Some(("*/*", None))),
            ("text/html, bogus", Some(("text/html", None))),
            ("bogus", None),
        ] {
            let found = Mime::extract(value);
            let found = found.as_ref().map(|mime| (&*mime.essence, mime.charset.as_deref()));
            assert_eq!(found, expected, "{value}");
        }
    }

    #[test]
    fn takes_what_malformed_values_still_tell() {
        for (value, expected) in [
            ("text/html charset=utf-8", Some(("text/html", Some("utf-8")))),
            ("text/html charset = 'utf-8'", Some(("text/html", Some("utf-8")))),
            ("charset=gbk", Some(("", Some("gbk")))),
            (";charset=gbk", Some(("", Some("gbk")))),
            ("html; charset=gbk", Some(("", Some("gbk")))),
            ("html; mycharset=gbk", None),
            ("ß; charset=é", Some(("", Some("é")))),
            ("text/html x", Some(("text/html", None))),
            ("charset charset", None),
        ] {
            let found = Mime::read(value);
            let found = found.as_ref().map(|mime| (&*mime.essence, mime.charset.as_deref()));
            assert_eq!(found, expected, "{value}");
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_an_essence_is_a_fixed_point(value in "[a-zA-Z/;=, \"'\\\\cé\t]{0,40}") {
            if let Some(mime) = Mime::read(&value) {
                let again = Mime::parse(&mime.essence);
                prop_assert_eq!(again.map(|mime| mime.essence).unwrap_or_default(), mime.essence);
            }
        }
    }
}
