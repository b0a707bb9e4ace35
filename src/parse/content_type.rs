//! What the header of an answer says about its body, as far as a page needs it.
//!
//! Thin on purpose: `mime` reads a `Content-Type`, `sniff` decides what a body is. Here are the
//! questions that the parser and the engine ask of both.

use http::{HeaderMap, header::CONTENT_TYPE};

use super::{Kind, mime::Mime, sniff::sniff};

/// Whether a body should be read as a page, by its header and by how it begins (`sniff`).
pub fn is_html(content_type: Option<&str>, body: &[u8]) -> bool {
    sniff(content_type, false, body).is_page()
}

/// The value of all `Content-Type` headers, joined as the Fetch standard joins them. Bytes that are
/// not UTF-8 are read as Latin-1.
pub fn content_type(headers: &HeaderMap) -> Option<String> {
    let values: Vec<_> = headers.get_all(CONTENT_TYPE).iter().map(|value| text(value.as_bytes())).collect();
    (!values.is_empty()).then(|| values.join(", "))
}

/// Whether `X-Content-Type-Options` says `nosniff` (the Fetch standard's "determine nosniff": the
/// first value counts).
pub fn no_sniff(headers: &HeaderMap) -> bool {
    let value = headers.get("x-content-type-options").map(|value| text(value.as_bytes()));
    value.is_some_and(|value| value.split(',').next().unwrap_or_default().trim().eq_ignore_ascii_case("nosniff"))
}

/// Whether the header announces XML, in which `<script/>` is closed and CDATA sections are text.
pub(super) fn is_xhtml(content_type: Option<&str>) -> bool {
    content_type.and_then(Mime::read).is_some_and(|mime| is_xml(&mime.essence))
}

/// Whether a body of this type may declare its encoding in markup. Plain text that shows a `<meta>`,
/// a script or JSON that holds one in a string says nothing of itself.
pub(super) fn may_declare(content_type: Option<&str>) -> bool {
    let kind = content_type.and_then(Mime::read).map(|mime| Kind::of(&mime.essence));
    !matches!(kind, Some(Kind::Text | Kind::Json | Kind::Css | Kind::Script))
}

/// An XML MIME type (MIME Sniffing, section 4.6), by its essence in lower case.
pub(super) fn is_xml(essence: &str) -> bool {
    essence.ends_with("+xml") || matches!(essence, "text/xml" | "application/xml")
}

/// The label that the header gives for the encoding, if it gives one; it may be no known label.
pub(super) fn charset_label(content_type: &str) -> Option<String> {
    Mime::read(content_type)?.charset
}

/// The text of a header's value: UTF-8 if it is that, else Latin-1.
pub(super) fn text(value: &[u8]) -> String {
    std::str::from_utf8(value).map_or_else(|_| value.iter().map(|&byte| char::from(byte)).collect(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sensible_header_decides() {
        let page = b"<!doctype html><p>x";
        for (content_type, expected) in [
            (Some("text/html"), true),
            (Some("TEXT/HTML; charset=x"), true),
            (Some("text/html charset=utf-8"), true),
            (Some("text/html, text/html"), true),
            (Some(" application/xhtml+xml;q=1"), true),
            (Some("text/plain"), false),
            (Some("application/octet-stream"), true),
            (Some("application/vnd.ms-excel"), false),
            (Some("application/json"), false),
            (Some("text/htmlx"), false),
            (Some("image/png"), true),
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
        let far = [vec![b' '; super::super::MAX_ROOT_BYTES], b"<html>".to_vec()].concat();
        assert!(!is_html(None, &far));
    }

    #[test]
    fn reads_headers_as_the_fetch_standard_does() {
        let mut headers = HeaderMap::new();
        assert_eq!((content_type(&headers), no_sniff(&headers)), (None, false));
        headers.append(CONTENT_TYPE, "text/html; charset=gbk".parse().unwrap());
        headers.append(CONTENT_TYPE, "text/html".parse().unwrap());
        headers.append("x-content-type-options", " NoSniff , x".parse().unwrap());
        headers.append("x-content-type-options", "y".parse().unwrap());
        assert_eq!(content_type(&headers).as_deref(), Some("text/html; charset=gbk, text/html"));
        assert_eq!(charset_label(&content_type(&headers).unwrap()).as_deref(), Some("gbk"));
        assert!(no_sniff(&headers));
        assert_eq!((text(b"\xE9"), text("é".as_bytes())), ("é".to_owned(), "é".to_owned()));
    }

    #[test]
    fn xml_is_announced_in_several_ways() {
        for (value, expected) in [
            ("application/xhtml+xml; charset=utf-8", true),
            ("Application/XML", true),
            ("text/xml", true),
            ("image/svg+xml", true),
            ("text/html", false),
            ("xml", false),
        ] {
            assert_eq!(is_xhtml(Some(value)), expected, "{value}");
        }
    }
}
