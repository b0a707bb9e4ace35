//! From a body to text, a window at a time: unpacking, bounded, and decoding.
//!
//! Memory is one chunk of bytes, what it decodes to, and what the reader has not consumed.
//!
//! The encoding is, in this order: that of a byte order mark; UTF-16 if every other byte is zero;
//! UTF-8 if the first chunk has characters in UTF-8 beyond ASCII and no other (whatever is
//! declared); what the `Content-Type` or the XML declaration says (RFC 7303 section 3.2; UTF-8 if one of
//! them says so and the other differs); windows-1252 if nothing does and the first chunk is not UTF-8;
//! UTF-8.

use std::io::{self, Read};

use encoding_rs::{Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use flate2::read::MultiGzDecoder;

use super::defect::{DefectKind, Defects, Position};

/// RFC 1952 section 2.3.1.
const GZIP_MAGIC: [u8; 2] = [0x1F, 0x8B];
/// Bytes that are unpacked and decoded at once.
pub(super) const CHUNK_BYTES: usize = 32 * 1024;
/// Where an XML declaration is looked for, bytes.
const DECLARATION_BYTES: usize = 512;

enum Input<'a> {
    Plain(&'a [u8]),
    Gzip(Box<MultiGzDecoder<&'a [u8]>>),
}

impl Read for Input<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(bytes) => bytes.read(buffer),
            Self::Gzip(decoder) => decoder.read(buffer),
        }
    }
}

/// A document's text. What is [`Source::rest`] was decoded and not consumed.
pub(super) struct Source<'a> {
    input: Input<'a>,
    /// Bytes that may still be unpacked.
    left: usize,
    chunk: Vec<u8>,
    decoder: Decoder,
    text: String,
    consumed: usize,
    at: Position,
    has_ended: bool,
    /// Whether it is all there: within the bound, and unpacked to the end.
    pub(super) is_complete: bool,
    pub(super) defects: Defects,
}

impl<'a> Source<'a> {
    /// Of at most `max_bytes`, counted after unpacking. Malformed sequences become U+FFFD.
    pub(super) fn new(body: &'a [u8], content_type: Option<&str>, max_bytes: usize) -> Self {
        let is_gzip = body.starts_with(&GZIP_MAGIC);
        let input = if is_gzip { Input::Gzip(Box::new(MultiGzDecoder::new(body))) } else { Input::Plain(body) };
        let mut source = Self {
            input,
            left: max_bytes,
            chunk: Vec::new(),
            decoder: UTF_8.new_decoder_without_bom_handling(),
            text: String::new(),
            consumed: 0,
            at: Position::default(),
            has_ended: false,
            is_complete: true,
            defects: Defects::default(),
        };
        source.read_chunk();
        if is_gzip && source.chunk.starts_with(&GZIP_MAGIC) {
            source.note(DefectKind::GzipInGzip, "");
        }
        let (encoding, bom_length) = source.encoding(content_type);
        source.decoder = encoding.new_decoder_without_bom_handling();
        source.chunk.drain(..bom_length);
        source.decode();
        source
    }

    /// The text that comes next.
    pub(super) fn rest(&self) -> &str {
        &self.text[self.consumed..]
    }

    /// Before [`Source::rest`].
    pub(super) fn at(&self) -> Position {
        self.at
    }

    /// Consumes the next `n` bytes of text.
    pub(super) fn advance(&mut self, n: usize) {
        let gone = &self.text.as_bytes()[self.consumed..self.consumed + n];
        self.at.line += gone.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.at.byte += n as u64;
        self.consumed += n;
    }

    /// Makes [`Source::rest`] longer. `false` when there is no more.
    pub(super) fn fill(&mut self) -> bool {
        let before = self.rest().len();
        while !self.has_ended && self.rest().len() == before {
            self.read_chunk();
            self.decode();
        }
        self.rest().len() > before
    }

    /// Makes [`Source::rest`] at least `n` bytes long, if there are as many.
    pub(super) fn want(&mut self, n: usize) {
        while self.rest().len() < n && self.fill() {}
    }

    /// Notes a defect, with the next `n` bytes of text as its example.
    pub(super) fn note_ahead(&mut self, kind: DefectKind, n: usize) {
        let rest = &self.text[self.consumed..];
        self.defects.note(kind, self.at, &rest[..rest.floor_char_boundary(n)]);
    }

    fn note(&mut self, kind: DefectKind, example: &str) {
        self.defects.note(kind, self.at, example);
    }

    fn read_chunk(&mut self) {
        self.chunk.clear();
        let most = CHUNK_BYTES.min(self.left) as u64;
        // On an error the bytes before it are in the buffer all the same.
        let outcome = self.input.by_ref().take(most).read_to_end(&mut self.chunk);
        self.left -= self.chunk.len();
        if outcome.is_err() {
            self.note(DefectKind::DamagedGzip, "");
            self.is_complete = false;
            self.has_ended = true;
        } else if self.left == 0 {
            self.has_ended = true;
            if !matches!(self.input.read(&mut [0]), Ok(0)) {
                self.note(DefectKind::TooLarge, "");
                self.is_complete = false;
            }
        } else if self.chunk.len() < CHUNK_BYTES {
            self.has_ended = true;
        }
    }

    /// Appends what the chunk decodes to, in place of what was consumed.
    fn decode(&mut self) {
        self.text.drain(..self.consumed);
        self.consumed = 0;
        let room = self.decoder.max_utf8_buffer_length(self.chunk.len()).expect("chunks are small");
        self.text.reserve(room);
        let (_, _, is_malformed) = self.decoder.decode_to_string(&self.chunk, &mut self.text, self.has_ended);
        // The last character of a document that was cut is no mistake of its writer's.
        if is_malformed && (self.is_complete || !self.has_ended) {
            self.note(DefectKind::MalformedBytes, "");
        }
    }

    /// What the document is encoded in, and the length of its byte order mark.
    fn encoding(&mut self, content_type: Option<&str>) -> (&'static Encoding, usize) {
        if let Some((encoding, length)) = Encoding::for_bom(&self.chunk) {
            return (self.not_utf8(encoding), length);
        }
        match self.chunk.as_slice() {
            [b'<', 0, ..] => return (self.not_utf8(UTF_16LE), 0),
            [0, b'<', ..] => return (self.not_utf8(UTF_16BE), 0),
            _ => {}
        }
        let declaration = declared(&self.chunk);
        let header = content_type.and_then(charset);
        let announced = match (header, declaration) {
            (Some(header), Some(declared)) if header != declared && declared == UTF_8 => Some(UTF_8),
            (header, declared) => header.or(declared),
        };
        let encoding = match (evidence(&self.chunk), announced) {
            (Evidence::Ascii, announced) => announced.unwrap_or(UTF_8),
            (Evidence::Utf8, _) => UTF_8,
            // A stray byte makes no other encoding of UTF-8, unless that is the header's word.
            (Evidence::Other, announced) => {
                header.filter(|header| *header != UTF_8).or(announced).unwrap_or(WINDOWS_1252)
            }
            (Evidence::Mixed, announced) => announced.unwrap_or(UTF_8),
        };
        if announced.is_some_and(|announced| announced != encoding) {
            let label = announced.map_or("", Encoding::name);
            self.note(DefectKind::WrongEncoding, label);
        }
        (self.not_utf8(encoding), 0)
    }

    fn not_utf8(&mut self, encoding: &'static Encoding) -> &'static Encoding {
        if encoding != UTF_8 {
            self.note(DefectKind::NotUtf8, encoding.name());
        }
        encoding
    }
}

/// What the bytes themselves say.
enum Evidence {
    Ascii,
    /// Characters beyond ASCII, all of them in UTF-8.
    Utf8,
    /// Bytes beyond ASCII, none of them in UTF-8.
    Other,
    Mixed,
}

fn evidence(chunk: &[u8]) -> Evidence {
    let (mut has_utf8, mut has_other) = (false, false);
    let mut pieces = chunk.utf8_chunks().peekable();
    while let Some(piece) = pieces.next() {
        has_utf8 |= !piece.valid().is_ascii();
        // The chunk may end within a character.
        let is_cut = pieces.peek().is_none() && piece.invalid().len() < 4 && chunk.len() >= CHUNK_BYTES;
        has_other |= !piece.invalid().is_empty() && !is_cut;
    }
    match (has_utf8, has_other) {
        (false, false) => Evidence::Ascii,
        (true, false) => Evidence::Utf8,
        (false, true) => Evidence::Other,
        (true, true) => Evidence::Mixed,
    }
}

/// What `<?xml … encoding="…"?>` says.
fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(DECLARATION_BYTES)]);
    let (_, after) = head.split_once("<?xml")?;
    let (declaration, _) = after.split_once('>')?;
    let (_, value) = declaration.split_once("encoding")?;
    let value = value.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (label, _) = value[1..].split_once(quote)?;
    // A declaration that can be read octet by octet is not in UTF-16, whatever it says.
    Encoding::for_label(label.as_bytes()).filter(|encoding| ![UTF_16LE, UTF_16BE].contains(encoding))
}

/// The `charset` parameter of a `Content-Type`.
fn charset(content_type: &str) -> Option<&'static Encoding> {
    let parameters = content_type.split(';').skip(1);
    let values = parameters.filter_map(|parameter| parameter.split_once('='));
    let mut labels = values.filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
    let (_, label) = labels.next()?;
    let encoding = Encoding::for_label(label.trim().trim_matches(['"', '\'']).as_bytes());
    encoding.filter(|encoding| ![UTF_16LE, UTF_16BE].contains(encoding))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).expect("in memory");
        encoder.finish().expect("in memory")
    }

    fn text_of(mut source: Source<'_>) -> (String, bool) {
        let mut text = String::new();
        loop {
            text.push_str(source.rest());
            source.advance(source.rest().len());
            if !source.fill() {
                return (text, source.is_complete);
            }
        }
    }

    #[track_caller]
    fn check(body: &[u8], expected: &str, is_complete: bool) {
        assert_eq!(text_of(Source::new(body, None, 64)), (expected.to_owned(), is_complete));
    }

    #[test]
    fn encodings() {
        check("é".as_bytes(), "é", true);
        check(b"\xEF\xBB\xBF\xC3\xA9", "é", true);
        check(b"\xFF\xFE<\0a\0", "<a", true);
        check(b"\xFE\xFF\0<\0a", "<a", true);
        check(b"<\0a\0", "<a", true);
        check(b"\0<\0a", "<a", true);
        check(b"<?xml encoding='ISO-8859-1'?>\xE9", "<?xml encoding='ISO-8859-1'?>é", true);
        check(b"<?xml encoding='ISO-8859-1'?>\xC3\xA9", "<?xml encoding='ISO-8859-1'?>é", true);
        check(b"<?xml encoding = \"utf-16\"?>\xC3\xA9", "<?xml encoding = \"utf-16\"?>é", true);
        check(b"<?xml encoding=\"klingon\"?>\xE9", "<?xml encoding=\"klingon\"?>é", true);
        check(b"<?xml encoding='utf-8'?>a\xFFb", "<?xml encoding='utf-8'?>a\u{FFFD}b", true);
        check(b"\xC3\xA9 \xFF", "é \u{FFFD}", true);
    }

    #[test]
    fn the_header_counts_where_the_bytes_leave_it_open() {
        let decode = |body: &[u8], header| text_of(Source::new(body, Some(header), 64)).0;
        assert_eq!(decode(b"\xE4\xF6", "text/xml; charset=\"iso-8859-5\""), "фі");
        assert_eq!(decode("ä".as_bytes(), "text/xml;charset=iso-8859-1"), "ä");
        assert_eq!(decode(b"\xE4", "text/xml"), "ä");
        assert_eq!(decode(b"\xE4", "text/xml; charset=utf-8"), "\u{FFFD}");
        assert_eq!(decode(b"<?xml encoding='utf-8'?>\xE4", "text/xml; charset=latin1"), "<?xml encoding='utf-8'?>ä");
    }

    #[test]
    fn gzip_of_one_and_two_members() {
        check(&gzip(b"hello"), "hello", true);
        check(&[gzip(b"hel"), gzip(b"lo")].concat(), "hello", true);
    }

    #[test]
    fn gzip_that_breaks_off_keeps_its_beginning() {
        let whole = gzip(b"hello");
        check(&whole[..whole.len() - 4], "hello", false);
        check(&whole[..3], "", false);
        check(&[&whole[..], b"junk"].concat(), "hello", false);
    }

    #[test]
    fn a_bomb_stops_at_the_bound() {
        check(&gzip(&[b'a'; 1 << 20]), &"a".repeat(64), false);
        check(&gzip(&[b'a'; 64]), &"a".repeat(64), true);
        check(&[b'a'; 65], &"a".repeat(64), false);
    }

    #[test]
    fn characters_on_the_seam_of_chunks() {
        for shift in 0..4 {
            let text = format!("{}{}", "a".repeat(shift), "é€😀".repeat(3 * CHUNK_BYTES / 9));
            let (read, is_complete) = text_of(Source::new(text.as_bytes(), None, 1 << 20));
            assert!(read == text && is_complete, "{shift}");
        }
    }
}
