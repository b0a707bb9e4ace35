//! What a body is, by its header and by how it begins.
//!
//! The MIME Sniffing standard (section 7, "determining the computed MIME type") decides first. Then
//! come the cases in which a header lies and a crawler should not believe it, although a browser
//! must (it displays or saves what it was told, and runs no script it was not promised): a page that
//! is announced as a download or an image, an image or a PDF that is announced as a page or as text,
//! a feed that is announced as a page, a page that is announced as XML. `X-Content-Type-Options:
//! nosniff` turns them off. Plain text is never taken for a page, however much it looks like one:
//! its author shows markup. `docs/CHARSETS.md` has the table. Reads at most [`MAX_ROOT_BYTES`].

use std::borrow::Cow;

use super::{Kind, MAX_ROOT_BYTES, MAX_SNIFF_BYTES, Sniffed, content_type, mime::Mime, signature};

/// The values that a server sent for whatever it did not know, byte by byte (section 5.1).
const APACHE_BUG: [&str; 4] =
    ["text/plain", "text/plain; charset=ISO-8859-1", "text/plain; charset=iso-8859-1", "text/plain; charset=UTF-8"];

/// Types that say "some bytes".
const GENERIC: [&str; 6] = [
    "application/octet-stream",
    "binary/octet-stream",
    "application/binary",
    "application/force-download",
    "application/x-download",
    "application/download",
];

/// Types that say nothing, by the standard.
const UNKNOWN: [&str; 4] = ["", "unknown/unknown", "application/unknown", "*/*"];

const XHTML_NAMESPACE: &[u8] = b"http://www.w3.org/1999/xhtml";

/// What a body is that came with this `Content-Type`. `no_sniff` is whether the answer asked not to
/// second-guess it ([`super::no_sniff`]).
pub fn sniff(content_type: Option<&str>, no_sniff: bool, body: &[u8]) -> Sniffed {
    let head = &body[..body.len().min(MAX_SNIFF_BYTES)];
    let said = content_type.and_then(Mime::read).map(|mime| mime.essence).unwrap_or_default();
    if UNKNOWN.contains(&&*said) {
        return unknown(no_sniff, head, body);
    }
    let kind = Kind::of(&said);
    let declared = Sniffed { kind, essence: Cow::Owned(said), by_body: false };
    if no_sniff {
        return by_root(declared, body);
    }
    let may_be_binary = content_type.is_some_and(|value| APACHE_BUG.contains(&value));
    if may_be_binary && !looks_binary(head) {
        return declared;
    }
    match (kind, matching(head)) {
        // Section 7, steps 5 to 8: the same family, another format.
        (Kind::Image, Some(found)) if found.kind == Kind::Image => found,
        (Kind::Audio | Kind::Video, Some(found)) if matches!(found.kind, Kind::Audio | Kind::Video) => found,
        // Not by the standard: what no text begins with, and what a server had no better name for.
        (Kind::Html | Kind::Xhtml | Kind::Text, Some(found)) if is_certain(&found, head) => found,
        (Kind::Binary, Some(found)) if GENERIC.contains(&&*declared.essence) && is_certain(&found, head) => found,
        _ if may_be_binary => Sniffed::found("application/octet-stream"),
        _ if is_download(&declared) && is_surely_html(body) => Sniffed::found("text/html"),
        _ => by_root(declared, body),
    }
}

/// Section 7.1: the header says nothing.
fn unknown(no_sniff: bool, head: &[u8], body: &[u8]) -> Sniffed {
    let unmarked = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head);
    if !no_sniff {
        if signature::is_html(unmarked) {
            return by_root(Sniffed::found("text/html"), body);
        }
        if signature::is_xml(unmarked) || root(body).is_some_and(|root| root.names_a_feed() || root.is_xhtml()) {
            return match by_root(Sniffed::found("text/xml"), body) {
                xml if xml.kind == Kind::Xml && is_surely_html(body) => Sniffed::found("text/html"),
                other => other,
            };
        }
        if is_surely_html(body) {
            return Sniffed::found("text/html");
        }
    }
    if signature::has_bom(head) {
        return Sniffed::found("text/plain");
    }
    match matching(head) {
        Some(found) => found,
        None if signature::is_binary(head) => Sniffed::found("application/octet-stream"),
        None => Sniffed::found("text/plain"),
    }
}

/// What the first bytes are a sign of, pages and XML not looked for.
fn matching(head: &[u8]) -> Option<Sniffed> {
    signature::print(head)
        .or_else(|| signature::image(head))
        .or_else(|| signature::audio_or_video(head))
        .or_else(|| signature::archive(head))
        .or_else(|| signature::font(head).filter(|_| signature::is_binary(head)))
        .map(Sniffed::found)
}

/// Whether no text can begin like this: `BM` and `ID3` are letters.
fn is_certain(found: &Sniffed, head: &[u8]) -> bool {
    found.kind == Kind::Pdf || signature::is_binary(head)
}

/// Section 7.2, "distinguishing if a resource is text or binary".
fn looks_binary(head: &[u8]) -> bool {
    !signature::has_bom(head) && signature::is_binary(head)
}

/// Whether a browser would save or decode it rather than show its text.
fn is_download(declared: &Sniffed) -> bool {
    match declared.kind {
        Kind::Image | Kind::Audio | Kind::Video | Kind::Font | Kind::Archive | Kind::Pdf => true,
        Kind::Binary => GENERIC.contains(&&*declared.essence),
        _ => false,
    }
}

/// XML is what its root element is: a page, a feed, or just XML. A page whose root element is that
/// of a feed or a sitemap is none.
fn by_root(declared: Sniffed, body: &[u8]) -> Sniffed {
    if !matches!(declared.kind, Kind::Xml | Kind::Html) {
        return declared;
    }
    let Some(root) = root(body) else { return declared };
    let (essence, kind) = match root.name {
        b"rss" => ("application/rss+xml", Kind::Feed),
        b"feed" => ("application/atom+xml", Kind::Feed),
        b"rdf:RDF" => ("application/rdf+xml", Kind::Feed),
        b"urlset" | b"sitemapindex" => ("text/xml", Kind::Xml),
        b"html" if declared.kind == Kind::Xml && root.is_xhtml() => ("application/xhtml+xml", Kind::Xhtml),
        _ => return declared,
    };
    if declared.kind == Kind::Xml && kind == Kind::Xml {
        return declared;
    }
    Sniffed { kind, essence: Cow::Borrowed(essence), by_body: true }
}

/// Whether it begins with `<!doctype html` or `<html`, behind a byte order mark, white space,
/// comments and an XML declaration.
fn is_surely_html(body: &[u8]) -> bool {
    let rest = skip_prolog(&body[..body.len().min(MAX_ROOT_BYTES)]);
    [&b"<!doctype html"[..], b"<html"].iter().any(|begin| {
        rest.get(..begin.len()).is_some_and(|found| found.eq_ignore_ascii_case(begin))
            && rest.get(begin.len()).is_some_and(|byte| byte.is_ascii_whitespace() || *byte == b'>')
    })
}

/// The first tag of an XML document.
struct Root<'b> {
    name: &'b [u8],
    /// The rest of the tag, as far as it was read.
    attributes: &'b [u8],
}

impl Root<'_> {
    /// Whether the element without a prefix is in the namespace of XHTML.
    fn is_xhtml(&self) -> bool {
        let declares = |at: usize| {
            let value = self.attributes[at + b"xmlns".len()..].trim_ascii_start();
            let value = value.strip_prefix(b"=").map(<[u8]>::trim_ascii_start);
            value.and_then(|value| value.get(1..)?.strip_prefix(XHTML_NAMESPACE)).is_some_and(|rest| {
                matches!(rest.first(), Some(b'"' | b'\'')) // the quote that closes
            })
        };
        let mut starts = (0..self.attributes.len()).filter(|&at| self.attributes[at..].starts_with(b"xmlns"));
        self.name == b"html" && starts.any(declares)
    }

    fn names_a_feed(&self) -> bool {
        matches!(self.name, b"rss" | b"feed" | b"rdf:RDF" | b"urlset" | b"sitemapindex")
    }
}

fn root(body: &[u8]) -> Option<Root<'_>> {
    let mut rest = skip_prolog(&body[..body.len().min(MAX_ROOT_BYTES)]);
    if rest.get(..9).is_some_and(|begin| begin.eq_ignore_ascii_case(b"<!doctype")) {
        rest = skip_prolog(skip_doctype(rest)?);
    }
    let tag = rest.strip_prefix(b"<")?;
    let tag = &tag[..tag.iter().position(|&byte| byte == b'>').unwrap_or(tag.len())];
    let end = tag.iter().position(|byte| byte.is_ascii_whitespace() || *byte == b'/').unwrap_or(tag.len());
    Some(Root { name: &tag[..end], attributes: &tag[end..] })
}

/// What follows a document type, whose internal subset may hold tags of its own.
fn skip_doctype(rest: &[u8]) -> Option<&[u8]> {
    let end = rest.iter().position(|byte| matches!(byte, b'[' | b'>'))?;
    if rest[end] == b'>' {
        return Some(&rest[end + 1..]);
    }
    let close = end + rest[end..].iter().position(|&byte| byte == b']')?;
    let close = close + rest[close..].iter().position(|&byte| byte == b'>')?;
    Some(&rest[close + 1..])
}

/// What follows a byte order mark, white space, comments and processing instructions.
fn skip_prolog(head: &[u8]) -> &[u8] {
    let mut rest = signature::skip_space(head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head));
    loop {
        let end: &[u8] = match rest {
            [b'<', b'!', b'-', b'-', ..] => b"-->",
            [b'<', b'?', ..] => b"?>",
            _ => return rest,
        };
        let Some(found) = rest.windows(end.len()).skip(2).position(|window| window == end) else { return b"" };
        rest = signature::skip_space(&rest[2 + found + end.len()..]);
    }
}

impl Sniffed {
    /// Known from the body.
    fn found(essence: &'static str) -> Self {
        Self { kind: Kind::of(essence), essence: Cow::Borrowed(essence), by_body: true }
    }

    /// Whether it should be read as a page.
    pub fn is_page(&self) -> bool {
        matches!(self.kind, Kind::Html | Kind::Xhtml)
    }
}

impl Kind {
    /// The kind of a type by its essence in lower case (section 4.6, "MIME type groups").
    pub(super) fn of(essence: &str) -> Self {
        let (family, subtype) = essence.split_once('/').unwrap_or_default();
        match essence {
            "text/html" => Self::Html,
            "application/xhtml+xml" | "application/vnd.wap.xhtml+xml" => Self::Xhtml,
            "application/rss+xml" | "application/atom+xml" | "application/rdf+xml" => Self::Feed,
            "image/svg+xml" => Self::Image,
            _ if content_type::is_xml(essence) => Self::Xml,
            "application/json" | "text/json" => Self::Json,
            _ if subtype.ends_with("+json") => Self::Json,
            "text/css" => Self::Css,
            _ if is_script(family, subtype) => Self::Script,
            "application/pdf" | "application/x-pdf" => Self::Pdf,
            "application/ogg" => Self::Audio,
            "application/vnd.ms-fontobject" | "application/vnd.ms-opentype" => Self::Font,
            _ => match family {
                "image" => Self::Image,
                "audio" => Self::Audio,
                "video" => Self::Video,
                "font" => Self::Font,
                "text" => Self::Text,
                "application" if subtype.starts_with("font-") || subtype.starts_with("x-font-") => Self::Font,
                "application" if is_archive(subtype) => Self::Archive,
                _ => Self::Binary,
            },
        }
    }

    /// As records and `dragline inspect` spell it: `html`, `pdf`, …
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Xhtml => "xhtml",
            Self::Feed => "feed",
            Self::Xml => "xml",
            Self::Text => "text",
            Self::Pdf => "pdf",
            Self::Image => "image",
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Font => "font",
            Self::Archive => "archive",
            Self::Json => "json",
            Self::Css => "css",
            Self::Script => "script",
            Self::Binary => "binary",
        }
    }
}

fn is_script(family: &str, subtype: &str) -> bool {
    matches!(family, "text" | "application")
        && (subtype.strip_prefix("x-").unwrap_or(subtype).starts_with("javascript")
            || matches!(subtype, "ecmascript" | "x-ecmascript" | "jscript" | "livescript"))
}

fn is_archive(subtype: &str) -> bool {
    matches!(
        subtype.strip_prefix("x-").unwrap_or(subtype),
        "gzip"
            | "zip"
            | "zip-compressed"
            | "rar-compressed"
            | "vnd.rar"
            | "tar"
            | "7z-compressed"
            | "bzip2"
            | "bzip"
            | "xz"
            | "zstd"
            | "compress"
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR";
    const PAGE: &[u8] = b"<!doctype html><p>x";
    const XHTML: &[u8] = b"<?xml version='1.0'?><!DOCTYPE html [<!ELEMENT x (y)>]>\n<html lang='en' xmlns = \"http://www.w3.org/1999/xhtml\">";

    fn check(content_type: &str, body: &[u8], kind: Kind, essence: &str, by_body: bool) {
        let content_type = (!content_type.is_empty()).then_some(content_type);
        let found = sniff(content_type, false, body);
        let expected = Sniffed { kind, essence: essence.to_owned().into(), by_body };
        assert_eq!(found, expected, "{content_type:?} {}", body.escape_ascii());
    }

    #[test]
    fn nothing_said_is_decided_by_the_body() {
        for nothing in ["", "*/*", "unknown/unknown", "application/unknown", "nonsense"] {
            check(nothing, PAGE, Kind::Html, "text/html", true);
            check(nothing, PNG, Kind::Image, "image/png", true);
            check(nothing, b"%PDF-1.7", Kind::Pdf, "application/pdf", true);
            check(nothing, b"%!PS-Adobe-3.0", Kind::Binary, "application/postscript", true);
            check(nothing, b"\x1F\x8B\x08", Kind::Archive, "application/x-gzip", true);
            check(nothing, b"hello", Kind::Text, "text/plain", true);
            check(nothing, b"", Kind::Text, "text/plain", true);
            check(nothing, b"\xFF\xFEh\0", Kind::Text, "text/plain", true);
            check(nothing, b"a\0b", Kind::Binary, "application/octet-stream", true);
            check(nothing, b"<?xml version='1.0'?><x/>", Kind::Xml, "text/xml", true);
            check(nothing, b"<?xml version='1.0'?><rss>", Kind::Feed, "application/rss+xml", true);
            check(nothing, b"<feed xmlns='x'>", Kind::Feed, "application/atom+xml", true);
            check(nothing, XHTML, Kind::Xhtml, "application/xhtml+xml", true);
            check(nothing, b"<?xml version='1.0'?><!--c--><HTML>", Kind::Html, "text/html", true);
            check(nothing, b"\xEF\xBB\xBF<!--c--><!DOCTYPE HTML>", Kind::Html, "text/html", true);
            check(nothing, b"wOF2 is a format", Kind::Text, "text/plain", true);
        }
    }

    #[test]
    fn the_standard_corrects_within_a_family() {
        check("image/gif", PNG, Kind::Image, "image/png", true);
        check("image/gif", b"?", Kind::Image, "image/gif", false);
        check("image/svg+xml", b"<svg>", Kind::Image, "image/svg+xml", false);
        check("video/mp4", b"OggS\0", Kind::Audio, "application/ogg", true);
        check("text/plain", b"a\0b", Kind::Binary, "application/octet-stream", true);
        check("text/plain; charset=UTF-8", b"a\0b", Kind::Binary, "application/octet-stream", true);
        check("text/plain;charset=UTF-8", b"a\0b", Kind::Text, "text/plain", false);
        check("text/plain", b"\xEF\xBB\xBFa\0b", Kind::Text, "text/plain", false);
        check("text/plain", b"BMW and ID3", Kind::Text, "text/plain", false);
        check("text/css", b"a{}", Kind::Css, "text/css", false);
        check("application/LD+json; x", b"{}", Kind::Json, "application/ld+json", false);
        check("text/javascript", b"", Kind::Script, "text/javascript", false);
        check("application/vnd.ms-excel", PAGE, Kind::Binary, "application/vnd.ms-excel", false);
    }

    #[test]
    fn a_lie_is_not_believed() {
        for download in ["application/octet-stream", "image/png", "application/pdf", "video/mp4", "application/zip"] {
            check(download, b"\xEF\xBB\xBF\n<!-- c --><!DOCTYPE html>", Kind::Html, "text/html", true);
            check(download, b"<html>", Kind::Html, "text/html", true);
            assert!(!sniff(Some(download), true, b"<html>").is_page(), "nosniff");
            assert!(!sniff(Some(download), false, b"<p>no sure sign").is_page());
        }
        for text in ["text/html", "application/xhtml+xml", "text/plain"] {
            check(text, PNG, Kind::Image, "image/png", true);
            check(text, b"\x1F\x8B\x08\0", Kind::Archive, "application/x-gzip", true);
        }
        check("text/html", b"%PDF-1.4", Kind::Pdf, "application/pdf", true);
        check("application/octet-stream", b"%PDF-1.4", Kind::Pdf, "application/pdf", true);
        check("application/octet-stream", b"BMW", Kind::Binary, "application/octet-stream", false);
        check("text/html", b"<?xml version='1.0'?>\n<rss version='2.0'>", Kind::Feed, "application/rss+xml", true);
        check("text/html", b"<urlset xmlns='x'>", Kind::Xml, "text/xml", true);
        check("text/html", XHTML, Kind::Html, "text/html", false);
        check("text/plain", PAGE, Kind::Text, "text/plain", false);
        check("application/json", PAGE, Kind::Json, "application/json", false);
    }

    #[test]
    fn xml_is_what_its_root_is() {
        for xml in ["application/xml", "text/xml;charset=utf-8", "application/foo+xml"] {
            check(xml, XHTML, Kind::Xhtml, "application/xhtml+xml", true);
            check(xml, b"<rdf:RDF xmlns:rdf='x'>", Kind::Feed, "application/rdf+xml", true);
            let essence = xml.split(';').next().unwrap();
            check(xml, b"<html>", Kind::Xml, essence, false);
            check(xml, b"<html xmlns:h='http://www.w3.org/1999/xhtml'>", Kind::Xml, essence, false);
            check(xml, b"<html xmlns='http://www.w3.org/1999/xhtml2'>", Kind::Xml, essence, false);
            check(xml, b"<urlset>", Kind::Xml, essence, false);
            check(xml, b"<!DOCTYPE html [ <!ENTITY", Kind::Xml, essence, false);
            check(xml, b"<!-- ", Kind::Xml, essence, false);
        }
        check("application/rss+xml", b"", Kind::Feed, "application/rss+xml", false);
    }

    proptest! {
        #[test]
        fn never_panics(
            content_type in proptest::option::of("(text/(html|plain|xml)|image/png|application/octet-stream)?.{0,8}"),
            begin in proptest::sample::select(vec![&b""[..], PNG, PAGE, XHTML, b"<!--", b"<?", b"\xFF\xFB", b"\x1A\x45\xDF\xA3"]),
            rest in proptest::collection::vec(any::<u8>(), 0..80),
            no_sniff: bool,
        ) {
            let body = [begin, &rest].concat();
            let found = sniff(content_type.as_deref(), no_sniff, &body);
            prop_assert_eq!(Kind::of(&found.essence), found.kind);
            // Saying what was found changes nothing.
            let again = sniff(Some(&found.essence), true, &body);
            prop_assert_eq!(again.essence, found.essence);
        }
    }
}
