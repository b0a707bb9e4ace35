//! Which encoding a page is in, and its text.
//!
//! The order is that of the HTML standard ("determining the character encoding") and of the
//! Encoding standard: a byte order mark, the HTTP header, a declaration within the first 1024
//! bytes, and then a guess from the bytes. Browsers never guess UTF-8 for a page from the network;
//! we do, because nothing but UTF-8 is valid UTF-8 by accident and we have no authors to educate.
//! Plain text, scripts, style sheets and JSON declare nothing in markup: what they show is no `<meta>`
//! of theirs. The text is borrowed from the body wherever the body already is UTF-8.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, ISO_2022_JP, UTF_8};
use url::Url;

use super::{
    content_type::{charset_label, is_xhtml, may_declare},
    prescan::{prescan, xml_encoding},
};

/// How much of a page is searched for a declaration: the standard's number.
const PRESCAN_BYTES: usize = 1024;

/// How much is searched where the first bytes declare nothing and no others than ASCII show that the
/// page is UTF-8. A browser that meets `<meta charset>` later on starts the page again in that
/// encoding (the HTML standard's "changing the encoding while parsing").
const LATE_PRESCAN_BYTES: usize = 16 * 1024;

/// How many bytes, from the first that is not ASCII, a guess is based on.
const MAX_DETECT_BYTES: usize = 128 * 1024;

/// The encoding of a page and how it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charset {
    /// The encoding, by the Encoding standard.
    pub encoding: &'static Encoding,
    /// What it was concluded from.
    pub source: CharsetSource,
}

impl Charset {
    /// The encoding's name in the Encoding standard: `UTF-8`, `windows-1252`, `Shift_JIS`, …
    pub fn name(&self) -> &'static str {
        self.encoding.name()
    }
}

/// What an encoding was concluded from, most trusted first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CharsetSource {
    /// The byte order mark.
    Bom,
    /// The `charset` parameter of `Content-Type`.
    Header,
    /// `<meta charset>`, `<meta http-equiv=content-type>` or an XML declaration.
    Meta,
    /// The bytes themselves.
    Detected,
    /// Nothing said and nothing to guess from: the page is plain ASCII.
    Default,
}

impl CharsetSource {
    /// As `dragline inspect charset` prints it: `bom`, `header`, `meta`, `detected` or `default`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bom => "bom",
            Self::Header => "header",
            Self::Meta => "meta",
            Self::Detected => "detected",
            Self::Default => "default",
        }
    }
}

/// The encoding of `body`, which came with this `Content-Type`.
pub fn charset(body: &[u8], content_type: Option<&str>) -> Charset {
    let nowhere = Url::parse("http://localhost/").expect("a URL");
    determine(body, content_type, &nowhere).0
}

/// The encoding of `body` and its text without the byte order mark. Malformed sequences become U+FFFD.
pub(super) fn decode<'b>(body: &'b [u8], content_type: Option<&str>, url: &Url) -> (Charset, Cow<'b, str>) {
    let (charset, bom_bytes) = determine(body, content_type, url);
    let (text, _malformed) = charset.encoding.decode_without_bom_handling(&body[bom_bytes..]);
    (charset, text)
}

/// The encoding of `body` and the length of its byte order mark.
fn determine(body: &[u8], content_type: Option<&str>, url: &Url) -> (Charset, usize) {
    if let Some((encoding, bom_bytes)) = Encoding::for_bom(body) {
        return (Charset { encoding, source: CharsetSource::Bom }, bom_bytes);
    }
    let header = content_type.and_then(charset_label).and_then(|label| Encoding::for_label(label.as_bytes()));
    if let Some(encoding) = header {
        return (Charset { encoding, source: CharsetSource::Header }, 0);
    }
    let begin = &body[..body.len().min(PRESCAN_BYTES)];
    // XML knows no `<meta>`: it is UTF-8 unless its declaration says otherwise.
    let (is_xml, may_declare) = (is_xhtml(content_type), may_declare(content_type));
    let declared = match () {
        () if is_xml => xml_encoding(begin),
        () if may_declare => prescan(begin),
        () => None,
    };
    if let Some(encoding) = declared {
        return (Charset { encoding, source: CharsetSource::Meta }, 0);
    }
    (guess(body, is_xml, may_declare, url), 0)
}

fn guess(body: &[u8], is_xml: bool, may_declare: bool, url: &Url) -> Charset {
    let first_foreign = Encoding::ascii_valid_up_to(body);
    // ISO-2022-JP is the one encoding of the web that hides in ASCII bytes, behind escapes.
    let first_escape = Encoding::iso_2022_jp_ascii_valid_up_to(&body[..first_foreign]);
    let is_ascii = first_escape == body.len();
    let is_utf8 = first_escape == first_foreign && is_utf8(&body[first_foreign..]);
    if is_utf8 && !is_ascii {
        return Charset { encoding: UTF_8, source: CharsetSource::Detected };
    }
    if may_declare
        && !(is_ascii && is_xml)
        && let Some(encoding) = prescan(&body[..body.len().min(LATE_PRESCAN_BYTES)])
    {
        return Charset { encoding, source: CharsetSource::Meta };
    }
    if is_ascii {
        return Charset { encoding: UTF_8, source: CharsetSource::Default };
    }
    let start = first_escape.saturating_sub(2); // the detector looks at what a letter follows
    let end = body.len().min(start + MAX_DETECT_BYTES);
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(&body[start..end], end == body.len());
    let encoding = detector.guess(top_level_domain(url), Utf8Detection::Allow);
    // The escapes were another's, a terminal's perhaps, and all else is ASCII.
    if first_foreign == body.len() && encoding != ISO_2022_JP {
        return Charset { encoding: UTF_8, source: CharsetSource::Default };
    }
    Charset { encoding, source: CharsetSource::Detected }
}

/// Whether the bytes are UTF-8, be it cut off within a character as a capped body is.
fn is_utf8(bytes: &[u8]) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => error.valid_up_to() > 0 && error.error_len().is_none(),
    }
}

/// The last label of the host's name in the form the detector takes, which panics on any other.
fn top_level_domain(url: &Url) -> Option<&[u8]> {
    let label = url.domain()?.rsplit('.').find(|label| !label.is_empty())?.as_bytes();
    let is_clean = label.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    is_clean.then_some(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &[u8], content_type: Option<&str>, name: &str, source: CharsetSource, text: &str) {
        let url = Url::parse("http://example.jp/").unwrap();
        let (charset, decoded) = decode(body, content_type, &url);
        assert_eq!((charset.name(), charset.source, &*decoded), (name, source, text), "{:?}", body.escape_ascii());
    }

    #[test]
    fn the_order_is_the_standards() {
        use CharsetSource::{Bom, Default, Detected, Header, Meta};
        let latin = Some("text/html; charset=latin1");
        check(b"\xEF\xBB\xBF\xC3\xA9", latin, "UTF-8", Bom, "é");
        check(b"\xFF\xFEa\0b\0", latin, "UTF-16LE", Bom, "ab");
        check(b"\xFE\xFF\0a\0b", None, "UTF-16BE", Bom, "ab");
        check(b"<meta charset=utf-8>\xE9", latin, "windows-1252", Header, "<meta charset=utf-8>é");
        check(
            b"<meta charset=latin1>\xE9",
            Some("text/html; charset=nonsense"),
            "windows-1252",
            Meta,
            "<meta charset=latin1>é",
        );
        check(b"<meta charset=utf-8>\xE9", None, "UTF-8", Meta, "<meta charset=utf-8>\u{FFFD}");
        check("héé".as_bytes(), None, "UTF-8", Detected, "héé");
        check(b"plain", None, "UTF-8", Default, "plain");
        check(b"", None, "UTF-8", Default, "");
        check(b"\x1B[1mbold\x1B[0m", None, "UTF-8", Default, "\x1B[1mbold\x1B[0m");
        check(b"\xC3", Some("text/html; charset=utf-8"), "UTF-8", Header, "\u{FFFD}");
    }

    #[test]
    fn guesses_from_the_bytes() {
        let japanese = "これは日本語の文章です。文字コードを推測します。";
        for encoding in [encoding_rs::SHIFT_JIS, encoding_rs::EUC_JP, ISO_2022_JP] {
            let (bytes, ..) = encoding.encode(japanese);
            check(&bytes, None, encoding.name(), CharsetSource::Detected, japanese);
        }
        let cut = &"日本語".as_bytes()[..8];
        check(cut, None, "UTF-8", CharsetSource::Detected, "日本\u{FFFD}");
    }

    #[test]
    fn a_late_declaration_still_counts() {
        let mut body = vec![b' '; 4000];
        body.extend(b"<meta charset=koi8-r>\xD4");
        let url = Url::parse("http://example.org/").unwrap();
        let (charset, text) = decode(&body, None, &url);
        assert_eq!((charset.name(), charset.source), ("KOI8-R", CharsetSource::Meta));
        assert!(text.ends_with('т'));
        // Also where everything else is ASCII, but not against what the bytes show.
        body.truncate(4021);
        assert_eq!(super::charset(&body, None).name(), "KOI8-R");
        body.extend("é".as_bytes());
        assert_eq!(super::charset(&body, None), Charset { encoding: UTF_8, source: CharsetSource::Detected });
    }

    #[test]
    fn xml_knows_no_meta() {
        use CharsetSource::{Default, Detected, Header, Meta};
        let xhtml = Some("application/xhtml+xml");
        check(b"<meta charset=gbk>", xhtml, "UTF-8", Default, "<meta charset=gbk>");
        check("<meta charset=gbk>é".as_bytes(), xhtml, "UTF-8", Detected, "<meta charset=gbk>é");
        check(b"<?xml encoding='koi8-r'?>\xD4", xhtml, "KOI8-R", Meta, "<?xml encoding='koi8-r'?>т");
        check(b"<?xml encoding='koi8-r'?>", Some("text/xml;charset=gbk"), "GBK", Header, "<?xml encoding='koi8-r'?>");
        // What is no UTF-8 although nothing says so is no XML either, and the declaration helps.
        check(b"<meta charset=koi8-r>\xD4", xhtml, "KOI8-R", Meta, "<meta charset=koi8-r>т");
    }

    #[test]
    fn text_that_shows_a_declaration_declares_nothing() {
        use CharsetSource::{Default, Header, Meta};
        let shown = b"<meta charset=gbk>";
        for text in ["text/plain", "application/json", "application/ld+json", "text/css", "text/javascript", "text/x-c"]
        {
            check(shown, Some(text), "UTF-8", Default, "<meta charset=gbk>");
        }
        check(shown, Some("text/plain; charset=gbk"), "GBK", Header, "<meta charset=gbk>");
        for page in ["text/html", "", "unknown/unknown", "application/octet-stream", "*/*"] {
            check(shown, Some(page), "GBK", Meta, "<meta charset=gbk>");
        }
    }

    #[test]
    fn odd_encodings() {
        use CharsetSource::{Header, Meta};
        check(b"a\xE9", Some("text/html; charset=iso-2022-kr"), "replacement", Header, "\u{FFFD}");
        check(b"\xE9", Some("text/html; charset=x-user-defined"), "x-user-defined", Header, "\u{F7E9}");
        check(b"<meta charset=x-user-defined>\xE9", None, "windows-1252", Meta, "<meta charset=x-user-defined>é");
        check(b"a\0", Some("text/html; charset=unicode"), "UTF-16LE", Header, "a");
    }

    #[test]
    fn utf8_is_not_copied() {
        let url = Url::parse("http://example.org/").unwrap();
        for (body, content_type) in
            [("é", None), ("é", Some("text/html; charset=utf-8")), ("ascii", Some("text/html; charset=latin1"))]
        {
            assert!(matches!(decode(body.as_bytes(), content_type, &url).1, Cow::Borrowed(_)), "{body}");
        }
    }

    #[test]
    fn odd_hosts_do_not_upset_the_detector() {
        for url in
            ["http://192.168.0.1/", "http://localhost/", "http://example.xn--p1ai./", "foo://EXAMPLE.Ü/", "data:x"]
        {
            decode(b"\xE9\xE8 caf\xE9", None, &Url::parse(url).unwrap());
        }
    }
}
