//! What a `Content-Type` header says: whether the body is a page, and in which encoding.
//!
//! Lenient with what servers send (`text/html, text/html`, `text/html charset=utf-8`). Sniffs a
//! body only where the header says nothing, by the HTML patterns of the WHATWG MIME Sniffing
//! standard (section 7.1); a header that says something is believed.

/// How far white space before the first tag is skipped when sniffing: the standard's resource header.
const MAX_SNIFF_BYTES: usize = 1445;

/// What a page may begin with, upper case. Each must be followed by a space or `>`.
const HTML_PATTERNS: [&[u8]; 17] = [
    b"<!DOCTYPE HTML",
    b"<HTML",
    b"<HEAD",
    b"<SCRIPT",
    b"<IFRAME",
    b"<H1",
    b"<DIV",
    b"<FONT",
    b"<TABLE",
    b"<A",
    b"<STYLE",
    b"<TITLE",
    b"<B",
    b"<BODY",
    b"<BR",
    b"<P",
    b"<!--",
];

/// Whether a body should be read as a page.
///
/// `text/html` and `application/xhtml+xml` are; any other sensible type is not, `text/plain` and
/// `application/octet-stream` included. A missing, malformed or unknown type (`unknown/unknown`,
/// `application/unknown`, `*/*`) is decided by how the body begins.
pub fn is_html(content_type: Option<&str>, body: &[u8]) -> bool {
    let essence = content_type.map(essence).unwrap_or_default();
    if essence.eq_ignore_ascii_case("text/html") || is_xhtml(content_type) {
        return true;
    }
    let says_nothing = !essence.contains('/')
        || ["unknown/unknown", "application/unknown", "*/*"].iter().any(|known| essence.eq_ignore_ascii_case(known));
    says_nothing && starts_like_html(body)
}

/// Whether the header announces XHTML, in which `<script/>` is closed and CDATA sections are text.
pub(super) fn is_xhtml(content_type: Option<&str>) -> bool {
    content_type.is_some_and(|value| essence(value).eq_ignore_ascii_case("application/xhtml+xml"))
}

/// The label in the first `charset` parameter, if there is one and it is not empty.
pub(super) fn charset_label(content_type: &str) -> Option<&str> {
    let bytes = content_type.as_bytes();
    let mut from = 0;
    while let Some(found) = find_ignore_case(&bytes[from..], b"charset") {
        let start = from + found;
        let end = start + b"charset".len();
        from = end;
        let begins_a_word = start == 0 || matches!(bytes[start - 1], b';' | b' ' | b'\t' | b',');
        let Some(value) = content_type[end..].trim_start().strip_prefix('=') else { continue };
        if !begins_a_word {
            continue;
        }
        let value = value.trim_start();
        let label = match value.strip_prefix(['"', '\'']) {
            Some(quoted) => quoted.split(['"', '\'']).next(),
            None => value.split([';', ',', ' ', '\t']).next(),
        };
        let label = label.unwrap_or_default().trim();
        if !label.is_empty() {
            return Some(label);
        }
    }
    None
}

/// `type/subtype` without parameters.
fn essence(content_type: &str) -> &str {
    content_type.trim_start().split([';', ',', ' ', '\t']).next().unwrap_or_default()
}

fn starts_like_html(body: &[u8]) -> bool {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    let head = &body[..body.len().min(MAX_SNIFF_BYTES)];
    let Some(start) = head.iter().position(|byte| !matches!(byte, b'\t' | b'\n' | b'\x0C' | b'\r' | b' ')) else {
        return false;
    };
    HTML_PATTERNS.iter().any(|pattern| {
        let candidate = &head[start..];
        candidate.get(..pattern.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(pattern))
            && matches!(candidate.get(pattern.len()), Some(b' ' | b'>'))
    })
}

/// Where `needle` first occurs in `haystack`, ASCII case ignored. For short haystacks.
fn find_ignore_case(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window.eq_ignore_ascii_case(needle))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_decides_when_it_is_sensible() {
        let page = b"<!doctype html><p>x";
        for (content_type, expected) in [
            (Some("text/html"), true),
            (Some("TEXT/HTML; charset=x"), true),
            (Some("text/html charset=utf-8"), true),
            (Some("text/html, text/html"), true),
            (Some(" application/xhtml+xml;q=1"), true),
            (Some("text/plain"), false),
            (Some("application/octet-stream"), false),
            (Some("application/json"), false),
            (Some("text/htmlx"), false),
            (Some("image/png"), false),
            (Some("*/*"), true),
            (Some("unknown/unknown"), true),
            (Some("application/unknown"), true),
            (Some(""), true),
            (Some("html"), true),
            (None, true),
        ] {
            assert_eq!(is_html(content_type, page), expected, "{content_type:?}");
        }
    }

    #[test]
    fn sniffs_by_the_standard() {
        for (body, expected) in [
            (&b"\n\t <HtMl>"[..], true),
            (b"<!DocType HTML>", true),
            (b"\xEF\xBB\xBF<html >", true),
            (b"<a href=x>", true),
            (b"<abbr>", false),
            (b"<p", false),
            (b"<!-- c -->", true),
            (b"<!--c -->", false),
            (b"<?xml version='1.0'?>", false),
            (b"%PDF-1.7", false),
            (b"", false),
            (b"   ", false),
        ] {
            assert_eq!(is_html(None, body), expected, "{:?}", String::from_utf8_lossy(body));
        }
        let far = [vec![b' '; MAX_SNIFF_BYTES], b"<html>".to_vec()].concat();
        assert!(!is_html(None, &far));
    }

    #[test]
    fn finds_the_charset_parameter() {
        for (content_type, expected) in [
            ("text/html; charset=utf-8", Some("utf-8")),
            ("text/html;Charset = \"UTF-8\" ; x=y", Some("UTF-8")),
            ("text/html; charset='latin1'", Some("latin1")),
            ("text/html; charset=\"unclosed", Some("unclosed")),
            ("text/html charset=gbk", Some("gbk")),
            ("text/html; charset=; charset=big5", Some("big5")),
            ("text/html; mycharset=big5", None),
            ("text/html; charset", None),
            ("text/html", None),
            ("ß; charset=é", Some("é")),
        ] {
            assert_eq!(charset_label(content_type), expected, "{content_type}");
        }
    }
}
