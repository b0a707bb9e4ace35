//! Links in a PDF: the targets of its URI actions.
//!
//! An action is `/URI (…)` or `/URI <…>` (ISO 32000-1 section 12.6.4.7), in the file itself or, from
//! PDF 1.5 on, in object streams (section 7.5.7) packed with Flate. Those are found by scanning for
//! their keywords, without the table of objects: so a damaged or cut file gives what it still holds,
//! and one that was updated gives what it held before as well. Other streams (text, images, fonts)
//! hold no actions and are passed over. Encrypted files, whose strings are, give nothing. What is not
//! absolute http(s) is left out. Linear; unpacks at most [`MAX_PDF_STREAM_BYTES`] at a time and
//! [`MAX_PDF_INFLATED_BYTES`] in all.

use std::io::Read;

use flate2::bufread::ZlibDecoder;

use super::{FoundLinks, MAX_REFERENCE_BYTES};

/// Most bytes that one object stream may unpack to; the rest of it is not read.
pub const MAX_PDF_STREAM_BYTES: usize = 8 << 20;
/// Most bytes that all object streams of a file may unpack to.
pub const MAX_PDF_INFLATED_BYTES: usize = 64 << 20;
/// What ends a stream.
const END: &[u8] = b"endstream";
/// Longest dictionary that is looked at before a stream, bytes.
const MAX_DICTIONARY_BYTES: usize = 4096;

/// The links of a PDF, at most `max_links`.
pub fn pdf_links(body: &[u8], max_links: usize) -> FoundLinks {
    links_within(body, max_links, MAX_PDF_STREAM_BYTES, MAX_PDF_INFLATED_BYTES)
}

/// The links, with at most so many bytes unpacked of a stream and of all.
fn links_within(body: &[u8], max_links: usize, max_stream_bytes: usize, room_bytes: usize) -> FoundLinks {
    let mut finder = Finder { found: FoundLinks::default(), max_links, max_stream_bytes, room_bytes };
    let mut at = 0;
    let mut object = 0;
    // Where the next `endstream` is, once it was looked for: nothing is searched twice.
    let mut end = 0;
    while let Some(next) = position(body, at, |byte| matches!(byte, b'/' | b'o' | b's')) {
        let rest = &body[next..];
        at = next + 1;
        if rest.starts_with(b"/URI") {
            at = next + finder.action(rest);
        } else if rest.starts_with(b"obj") {
            object = next;
        } else if let Some(data) = stream_data(rest) {
            let dictionary = &body[object.max(next.saturating_sub(MAX_DICTIONARY_BYTES))..next];
            object = next;
            let start = body.len() - data.len();
            // A stream without an end is the last one, in a file that was cut.
            if end == usize::MAX {
                continue;
            }
            if end < start {
                end = find(data, END).map_or(usize::MAX, |found| start + found);
            }
            if finder.object_stream(dictionary, &body[start..end.min(body.len())]) {
                at = if end == usize::MAX { start } else { end + END.len() };
            }
        }
        if finder.is_full() {
            break;
        }
    }
    finder.found
}

struct Finder {
    found: FoundLinks,
    max_links: usize,
    /// Most bytes that a stream may unpack to.
    max_stream_bytes: usize,
    /// How many more bytes all streams together may unpack to.
    room_bytes: usize,
}

impl Finder {
    /// Reads `/URI` and its text; how many bytes that took.
    fn action(&mut self, rest: &[u8]) -> usize {
        let name = b"/URI".len();
        let value = name + rest[name..].iter().take_while(|&&byte| is_space(byte)).count();
        let (bytes, length) = match rest[value..] {
            [b'(', ..] => literal(&rest[value..]),
            [b'<', second, ..] if second != b'<' => hexadecimal(&rest[value..]),
            _ => return name,
        };
        match bytes {
            Some(bytes) => self.keep(&bytes),
            None => self.found.truncated = true,
        }
        value + length
    }

    fn keep(&mut self, bytes: &[u8]) {
        let text = text_of(bytes);
        let url = text.trim_matches(|c: char| c <= ' ');
        let is_web = ["http://", "https://"].iter().any(|scheme| {
            url.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme)) && url.len() > scheme.len()
        });
        if is_web && self.found.urls.len() == self.max_links {
            self.found.truncated = true;
        } else if is_web {
            self.found.urls.push(url.to_owned());
        }
    }

    fn is_full(&self) -> bool {
        self.found.truncated && self.found.urls.len() >= self.max_links
    }

    /// Reads a stream if it is a packed one of objects. Whether it may be passed over from here on:
    /// an object stream that is not packed is read with the file.
    fn object_stream(&mut self, dictionary: &[u8], data: &[u8]) -> bool {
        let has = |name: &[u8]| find(dictionary, name).is_some();
        if !has(b"/ObjStm") {
            return true;
        }
        if !has(b"/FlateDecode") {
            return has(b"/Filter");
        }
        if has(b"/ASCIIHexDecode") || has(b"/ASCII85Decode") || has(b"/LZWDecode") || has(b"/Crypt") {
            return true; // another filter comes first
        }
        let room = self.max_stream_bytes.min(self.room_bytes);
        let mut objects = Vec::new();
        // What could be unpacked before an error or the bound counts.
        let result = ZlibDecoder::new(data).take(room as u64 + 1).read_to_end(&mut objects);
        if objects.len() > room {
            objects.truncate(room);
            self.found.truncated = true;
        }
        self.found.truncated |= result.is_err();
        self.room_bytes -= objects.len();
        let mut at = 0;
        while let Some(next) = position(&objects, at, |byte| byte == b'/') {
            at = next + 1;
            if objects[next..].starts_with(b"/URI") {
                at = next + self.action(&objects[next..]);
            }
            if self.is_full() {
                break;
            }
        }
        true
    }
}

/// What follows the keyword `stream` and its end of line, if this is it (section 7.3.8.1).
fn stream_data(rest: &[u8]) -> Option<&[u8]> {
    let data = rest.strip_prefix(b"stream")?;
    data.strip_prefix(b"\r\n").or_else(|| data.strip_prefix(b"\n")).or_else(|| data.strip_prefix(b"\r"))
}

/// A literal string with its parentheses (section 7.3.4.2), and how many bytes it took. `None` if it
/// is longer than [`MAX_REFERENCE_BYTES`] or has no end.
fn literal(rest: &[u8]) -> (Option<Vec<u8>>, usize) {
    let mut text = Vec::new();
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(&byte) = rest.get(at) {
        if text.len() > MAX_REFERENCE_BYTES {
            return (None, at);
        }
        at += 1;
        match byte {
            b'(' => {
                depth += 1;
                if depth == 1 {
                    continue;
                }
            }
            b')' => {
                depth -= 1;
                if depth == 0 {
                    return (Some(text), at);
                }
            }
            b'\\' => {
                at += escape(&rest[at..], &mut text);
                continue;
            }
            _ => {}
        }
        text.push(byte);
    }
    (None, at)
}

/// What a backslash stands before, and how many bytes of it belong to the escape.
fn escape(rest: &[u8], text: &mut Vec<u8>) -> usize {
    let digits = rest.iter().take(3).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
    if digits > 0 {
        // Beyond eight bits the high ones are ignored.
        text.push(rest[..digits].iter().fold(0_u8, |value, digit| value.wrapping_mul(8).wrapping_add(digit - b'0')));
        return digits;
    }
    match rest {
        [b'\r', b'\n', ..] => return 2,
        [b'\r' | b'\n', ..] => {}
        [b'n', ..] => text.push(b'\n'),
        [b'r', ..] => text.push(b'\r'),
        [b't', ..] => text.push(b'\t'),
        [b'b', ..] => text.push(0x08),
        [b'f', ..] => text.push(0x0C),
        [other, ..] => text.push(*other),
        [] => return 0,
    }
    1
}

/// A hexadecimal string with its angle brackets (section 7.3.4.3), as [`literal`] answers.
fn hexadecimal(rest: &[u8]) -> (Option<Vec<u8>>, usize) {
    let mut text = Vec::new();
    let mut high = None;
    for (at, &byte) in rest.iter().enumerate().skip(1) {
        if byte == b'>' {
            text.extend(high); // a missing last digit is 0
            return (Some(text), at + 1);
        }
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            _ if is_space(byte) => continue,
            _ => return (Some(Vec::new()), at), // no string at all
        };
        match high.take() {
            None => high = Some(digit << 4),
            Some(high) => text.push(high | digit),
        }
        if text.len() > MAX_REFERENCE_BYTES {
            return (None, at);
        }
    }
    (None, rest.len())
}

/// A text string (section 7.9.2.2): UTF-16 with its mark, else UTF-8 or, as good as
/// PDFDocEncoding for an address, Latin-1.
fn text_of(bytes: &[u8]) -> String {
    if let Some((encoding, mark)) = encoding_rs::Encoding::for_bom(bytes) {
        return encoding.decode_without_bom_handling(&bytes[mark..]).0.into_owned();
    }
    super::content_type::text(bytes)
}

/// White space of PDF (section 7.2.2).
fn is_space(byte: u8) -> bool {
    matches!(byte, 0 | b'\t' | b'\n' | 0x0C | b'\r' | b' ')
}

fn position(bytes: &[u8], from: usize, is_it: impl Fn(u8) -> bool) -> Option<usize> {
    bytes.get(from..)?.iter().position(|&byte| is_it(byte)).map(|at| from + at)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = position(haystack, from, |byte| byte == needle[0]) {
        if haystack[at..].starts_with(needle) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::ZlibEncoder};
    use proptest::prelude::*;

    use super::*;

    fn check(body: &[u8], expected: &[&str]) {
        assert_eq!(pdf_links(body, 100).urls, expected, "{}", body.escape_ascii());
    }

    fn packed(objects: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(objects).unwrap();
        encoder.finish().unwrap()
    }

    fn stream(dictionary: &str, data: &[u8]) -> Vec<u8> {
        [format!("7 0 obj\n<<{dictionary}>>\nstream\r\n").as_bytes(), data, b"\nendstream\nendobj\n"].concat()
    }

    #[test]
    fn reads_strings_of_both_kinds() {
        check(b"<</S/URI/URI(http://a/b)>>", &["http://a/b"]);
        check(b"<< /Type /Action /S /URI /URI\n ( https://a/b_(c)\\(d\\)\\051\\\r\ne ) >>", &["https://a/b_(c)(d))e"]);
        check(b"/URI(http://a/\\\\\\q\\7x)", &["http://a/\\q\u{7}x"]);
        check(b"/URI <687474703A2F 2f612F7>", &["http://a/p"]);
        check(b"/URI <FEFF0068007400740070003A002F002F0061>", &["http://a"]);
        check(b"/URI (http://a/\xE9)/URI(http://b/\xC3\xA9)", &["http://a/é", "http://b/é"]);
        check(b"/URI (mailto:x@y) /URI (b.html) /URI (http://) /URI <zz> /URI <</Base(http://a/)>> /URI 7 0 R", &[]);
        check(b"/URI (http://a", &[]);
        check(b"/URI (http://a/(b)", &[]);
        check(b"/URI <6874", &[]);
        check(b"/URI", &[]);
    }

    #[test]
    fn reads_object_streams() {
        let objects = packed(b"1 0 2 9 <</A 1>> <</S/URI/URI(http://a/)>>");
        let file =
            [stream("/Type/ObjStm/N 2/First 8/Filter/FlateDecode", &objects), b"/URI(http://b/)".to_vec()].concat();
        check(&file, &["http://a/", "http://b/"]);
        // Cut off, it still gives what it holds.
        let open = [b"7 0 obj<</Filter[/FlateDecode]/Type /ObjStm>>stream\n", &objects[..]].concat();
        check(&open, &["http://a/"]);
        assert!(pdf_links(&open[..open.len() - 20], 9).truncated);
        check(&stream("/Type/ObjStm", b"<</URI(http://a/)>>"), &["http://a/"]);
    }

    #[test]
    fn passes_over_other_streams() {
        check(&stream("/Length 9", b"/URI(http://a/)"), &[]);
        check(&stream("/Filter/FlateDecode", &packed(b"/URI(http://a/)")), &[]);
        check(&stream("/Type/ObjStm/Filter[/ASCII85Decode/FlateDecode]", b"/URI(http://a/)"), &[]);
        check(b"obj stream\nno end /URI(http://a/)", &["http://a/"]);
    }

    #[test]
    fn is_bounded() {
        let found = pdf_links(&b"/URI(http://a/)".repeat(5), 3);
        assert_eq!((found.urls.len(), found.truncated), (3, true));
        assert!(!pdf_links(&b"/URI(http://a/)".repeat(3), 3).truncated);
        let long = [b"/URI(http://", &*b"a".repeat(MAX_REFERENCE_BYTES), b")/URI(http://b)"].concat();
        assert_eq!(pdf_links(&long, 9), FoundLinks { urls: vec!["http://b".to_owned()], truncated: true });
    }

    #[test]
    fn bombs_and_hostile_files_end_soon() {
        // Each stream is cut before its link, or has no room left.
        let bomb = packed(&[&[b' '; 1000][..], b"/URI(http://a/)"].concat());
        let small = packed(b"/URI(http://b/)");
        let files = [&bomb, &small, &bomb, &small].map(|data| stream("/Type/ObjStm/Filter/FlateDecode", data)).concat();
        let found = links_within(&files, 9, 1000, 2000);
        assert_eq!((found.urls, found.truncated), (vec!["http://b/".to_owned()], true));
        assert_eq!(links_within(&files, 9, 1100, 4000).urls.len(), 4);
        for hostile in
            ["obj/URI(", "/URI<4", "stream\n", "obj<<>>stream\n", "/URI(\\", "/ObjStm/FlateDecode stream\n", "/URI("]
        {
            pdf_links(&hostile.as_bytes().repeat(500_000 / hostile.len()), 9);
        }
    }

    proptest! {
        #[test]
        fn never_panics(
            parts in proptest::collection::vec(
                proptest::sample::select(vec![
                    &b"/URI"[..], b"(", b")", b"<", b">", b"\\", b"http://a", b"obj", b"<</Type/ObjStm/Filter/FlateDecode>>",
                    b"stream\n", b"endstream", b"68", b"\\7", b"\x78\x9c\x01\x02\x00", b" ",
                ]),
                0..40,
            ),
        ) {
            for url in pdf_links(&parts.concat(), 5).urls {
                prop_assert!(url.starts_with("http://"));
            }
        }
    }
}
