//! The prescan: which encoding a page declares, read from its bytes before they are text.
//!
//! The HTML standard's "prescan a byte stream to determine its encoding" with its helpers "get an
//! attribute", "extracting a character encoding from a meta element" and "get an XML encoding",
//! step by step. Stops at the end of the bytes it is given; never looks at anything twice.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252, X_USER_DEFINED};

/// The declared encoding, if any. Whoever declares UTF-16 in ASCII bytes means UTF-8.
pub(super) fn prescan(bytes: &[u8]) -> Option<&'static Encoding> {
    utf16_declaration(bytes).or_else(|| Scanner { bytes, at: 0 }.declaration()).or_else(|| declared_in_xml(bytes))
}

/// The encoding that an XML declaration gives, be it by the very bytes it is written in.
pub(super) fn xml_encoding(bytes: &[u8]) -> Option<&'static Encoding> {
    utf16_declaration(bytes).or_else(|| declared_in_xml(bytes))
}

fn utf16_declaration(bytes: &[u8]) -> Option<&'static Encoding> {
    if bytes.starts_with(b"<\0?\0x\0") { Some(UTF_16LE) } else { bytes.starts_with(b"\0<\0?\0x").then_some(UTF_16BE) }
}

/// A place in the bytes. Each method returns `None` where the bytes end, which ends the prescan.
struct Scanner<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Scanner<'b> {
    fn declaration(&mut self) -> Option<&'static Encoding> {
        loop {
            self.skip_until(|byte| byte == b'<')?;
            let rest = &self.bytes[self.at..];
            if rest.starts_with(b"<!--") {
                // The two dashes that end a comment may be those that begin it.
                let end = find(&rest[2..], b"-->")?;
                self.at += 2 + end + 3;
            } else if is_meta(rest) {
                self.at += b"<meta".len();
                if let Some(encoding) = self.meta()? {
                    return Some(encoding);
                }
            } else if rest.get(1).is_some_and(u8::is_ascii_alphabetic)
                || (rest.get(1) == Some(&b'/') && rest.get(2).is_some_and(u8::is_ascii_alphabetic))
            {
                self.skip_until(|byte| is_space(byte) || byte == b'>')?;
                while self.attribute()?.is_some() {}
            } else if matches!(rest.get(1), Some(b'!' | b'/' | b'?')) {
                self.skip_until(|byte| byte == b'>')?;
            } else {
                self.at += 1;
            }
        }
    }

    /// One `<meta>`, from behind its name on: `Some(None)` if it declares nothing.
    #[expect(clippy::option_option, reason = "the outer one is the end of the bytes, as everywhere here")]
    fn meta(&mut self) -> Option<Option<&'static Encoding>> {
        let (mut seen_http_equiv, mut seen_content, mut seen_charset) = (false, false, false);
        let (mut got_pragma, mut needs_pragma) = (false, None);
        let mut encoding = None;
        while let Some((name, value)) = self.attribute()? {
            if name.eq_ignore_ascii_case(b"http-equiv") && !seen_http_equiv {
                seen_http_equiv = true;
                got_pragma = value.eq_ignore_ascii_case(b"content-type");
            } else if name.eq_ignore_ascii_case(b"content") && !seen_content {
                seen_content = true;
                if let Some(found) = encoding_of_content(value)
                    && needs_pragma.is_none()
                {
                    (encoding, needs_pragma) = (Some(found), Some(true));
                }
            } else if name.eq_ignore_ascii_case(b"charset") && !seen_charset {
                seen_charset = true;
                (encoding, needs_pragma) = (Encoding::for_label(value), Some(false));
            }
        }
        Some(match needs_pragma {
            Some(true) if !got_pragma => None,
            Some(_) => encoding.map(as_meant),
            None => None,
        })
    }

    /// "Get an attribute": name and value, or `Some(None)` at the end of the tag.
    #[expect(clippy::option_option, reason = "the outer one is the end of the bytes, as everywhere here")]
    fn attribute(&mut self) -> Option<Option<(&'b [u8], &'b [u8])>> {
        self.skip_until(|byte| !is_space(byte) && byte != b'/')?;
        if self.byte()? == b'>' {
            return Some(None);
        }
        let start = self.at;
        self.at += 1; // a name may begin with `=`
        self.skip_until(|byte| is_space(byte) || matches!(byte, b'=' | b'/' | b'>'))?;
        let name = &self.bytes[start..self.at];
        self.skip_until(|byte| !is_space(byte))?;
        if self.byte()? != b'=' {
            return Some(Some((name, b"")));
        }
        self.at += 1;
        self.skip_until(|byte| !is_space(byte))?;
        let value = match self.byte()? {
            quote @ (b'"' | b'\'') => {
                self.at += 1;
                let start = self.at;
                self.skip_until(|byte| byte == quote)?;
                self.at += 1;
                &self.bytes[start..self.at - 1]
            }
            _ => {
                let start = self.at;
                self.skip_until(|byte| is_space(byte) || byte == b'>')?;
                &self.bytes[start..self.at]
            }
        };
        Some(Some((name, value)))
    }

    fn byte(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_until(&mut self, is_end: impl Fn(u8) -> bool) -> Option<()> {
        self.at += self.bytes.get(self.at..)?.iter().position(|&byte| is_end(byte))?;
        Some(())
    }
}

/// "Extracting a character encoding from a meta element": the label in `text/html; charset=…`.
fn encoding_of_content(content: &[u8]) -> Option<&'static Encoding> {
    let mut rest = content;
    loop {
        let found = rest.windows(7).position(|window| window.eq_ignore_ascii_case(b"charset"))?;
        rest = rest[found + 7..].trim_ascii_start();
        if let Some(value) = rest.strip_prefix(b"=") {
            let value = value.trim_ascii_start();
            let label = match value.first()? {
                quote @ (b'"' | b'\'') => {
                    let end = value[1..].iter().position(|byte| byte == quote)?;
                    &value[1..=end]
                }
                _ => value.split(|&byte| is_space(byte) || byte == b';').next()?,
            };
            return Encoding::for_label(label);
        }
    }
}

/// "Get an XML encoding": the label in `<?xml version="1.0" encoding="…"?>`.
fn declared_in_xml(bytes: &[u8]) -> Option<&'static Encoding> {
    let declaration = bytes.strip_prefix(b"<?xml")?;
    let declaration = &declaration[..find(declaration, b">")?];
    let after = &declaration[find(declaration, b"encoding")? + b"encoding".len()..];
    let value = trim_controls(trim_controls(after).strip_prefix(b"=")?);
    let quote = value.first().filter(|byte| matches!(byte, b'"' | b'\''))?;
    let label = &value[1..=value[1..].iter().position(|byte| byte == quote)?];
    if label.iter().any(|&byte| byte <= b' ') {
        return None;
    }
    Encoding::for_label(label).map(|encoding| if is_utf16(encoding) { UTF_8 } else { encoding })
}

fn as_meant(declared: &'static Encoding) -> &'static Encoding {
    if is_utf16(declared) {
        UTF_8
    } else if declared == X_USER_DEFINED {
        WINDOWS_1252
    } else {
        declared
    }
}

fn is_utf16(encoding: &'static Encoding) -> bool {
    encoding == UTF_16LE || encoding == UTF_16BE
}

fn is_meta(rest: &[u8]) -> bool {
    rest.get(..5).is_some_and(|name| name.eq_ignore_ascii_case(b"<meta"))
        && rest.get(5).is_some_and(|&byte| is_space(byte) || byte == b'/')
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\x0C' | b'\r' | b' ')
}

fn trim_controls(bytes: &[u8]) -> &[u8] {
    &bytes[bytes.iter().position(|&byte| byte > b' ').unwrap_or(bytes.len())..]
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expected: Option<&str>) {
        assert_eq!(prescan(bytes).map(Encoding::name), expected, "{}", bytes.escape_ascii());
    }

    #[test]
    fn reads_meta_elements() {
        check(b"<meta charset=utf-8>", Some("UTF-8"));
        check(b"<META CharSet = 'Shift_JIS' >", Some("Shift_JIS"));
        check(b"<meta/charset=\"gbk\"/>", Some("GBK"));
        check(b"<!doctype html><html><head><meta name=x content=y><meta charset=big5>", Some("Big5"));
        check(b"<meta http-equiv=Content-Type content='text/html; charset=euc-kr'>", Some("EUC-KR"));
        check(b"<meta content='text/html; charset = \"koi8-r\"' http-equiv=content-type>", Some("KOI8-R"));
        check(b"<meta content='charset charset=latin1;x' http-equiv=content-type>", Some("windows-1252"));
        check(b"<meta content='text/html; charset=euc-kr'>", None);
        check(b"<meta charset=utf-16>", Some("UTF-8"));
        check(b"<meta charset=x-user-defined>", Some("windows-1252"));
        check(b"<meta charset=nonsense><meta charset=gbk>", Some("GBK"));
        check(b"<meta charset=gbk charset=big5>", Some("GBK"));
        check(b"<meta charset=nonsense content='charset=gbk' http-equiv=content-type>", None);
        check(b"<metadata charset=gbk>", None);
        check(b"<meta charset=gbk", None);
        check(b"<meta charset='gbk>", None);
        check(b"<meta =charset=gbk>", None);
    }

    #[test]
    fn passes_over_what_is_not_a_declaration() {
        check(b"<!-- <meta charset=gbk> --><meta charset=big5>", Some("Big5"));
        check(b"<!--><meta charset=big5>", Some("Big5"));
        check(b"<!-- <meta charset=gbk>", None);
        check(b"<a title='<meta charset=gbk>'><meta charset=big5>", Some("Big5"));
        check(b"</a title='<meta charset=gbk>'><meta charset=big5>", Some("Big5"));
        check(b"<!x '<meta charset=gbk>", None);
        check(b"<? <meta charset=gbk><meta charset=big5>", Some("Big5"));
        check(b"a < b <1 <meta charset=big5>", Some("Big5"));
        check(b"", None);
        check(b"<", None);
        check(b"<meta", None);
    }

    #[test]
    fn reads_xml_declarations() {
        check(b"<?xml version=\"1.0\" encoding=\"gbk\"?>", Some("GBK"));
        check(b"<?xml version='1.0' encoding = 'utf-16'?>", Some("UTF-8"));
        check(b"<?xml encoding='gbk'?><meta charset=big5>", Some("Big5"));
        check(b"<?xml encoding='gb k'?>", None);
        check(b"<?xml encoding=gbk?>", None);
        check(b"<?xml version='1.0'?> encoding='gbk'", None);
        check(b" <?xml encoding='gbk'?>", None);
        check(b"<\0?\0x\0m\0", Some("UTF-16LE"));
        check(b"\0<\0?\0x\0m", Some("UTF-16BE"));
    }
}
