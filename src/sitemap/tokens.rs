//! Markup, token by token, out of a stream of text.
//!
//! The tokens of XML 1.0, read as leniently as can be without guessing: `<` that begins no markup
//! is text, a tag ends at the next tag if it has no end of its own, quotes that are never closed
//! are ignored. Comments, instructions and document types (with all that they define) are passed
//! over in linear time and take no memory.
//!
//! Deliberately not: what elements mean, whether they match, what references stand for.

use super::{
    MAX_TAG_BYTES,
    defect::{DefectKind, Position},
    source::Source,
};

/// What must be seen to tell one kind of markup from another: `<![CDATA[`.
const LOOK_AHEAD: usize = 9;
/// Of a name, so many bytes count.
pub(super) const MAX_NAME_BYTES: usize = 256;

/// One piece of a document.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token<'t> {
    /// Some text, its references not replaced. A text may come in several pieces.
    Text(&'t str),
    /// Some text as it is.
    CData(&'t str),
    /// `<name …>` or `<name …/>`: what stands within.
    Open { tag: &'t str, is_empty: bool },
    /// `</name>`: its name.
    Close(&'t str),
    /// `<!DOCTYPE …>`, passed over. `has_entities` if it defines some.
    DocType { is_html: bool, has_entities: bool },
    /// Nothing more. `is_broken` if the document ended within markup.
    End { is_broken: bool },
}

/// A stream of tokens.
pub(super) struct Tokens<'a> {
    pub(super) source: Source<'a>,
    /// Bytes of the token that was handed out, to be consumed before the next one.
    taken: usize,
    in_cdata: bool,
    is_broken: bool,
    /// Of a tag beyond the bound.
    long_name: String,
}

/// Where a tag ends.
struct TagEnd {
    /// Before the `>`, or what stands in for it.
    content: usize,
    /// With it.
    whole: usize,
    is_malformed: bool,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(source: Source<'a>) -> Self {
        Self { source, taken: 0, in_cdata: false, is_broken: false, long_name: String::new() }
    }

    /// Where the next token starts.
    pub(super) fn at(&mut self) -> Position {
        self.source.advance(std::mem::take(&mut self.taken));
        self.source.at()
    }

    /// The next token.
    pub(super) fn next(&mut self) -> Token<'_> {
        self.source.advance(std::mem::take(&mut self.taken));
        loop {
            if self.in_cdata {
                if let Some(length) = self.cdata_piece() {
                    return Token::CData(&self.source.rest()[..length]);
                }
                continue;
            }
            self.source.want(LOOK_AHEAD);
            let rest = self.source.rest().as_bytes();
            match rest {
                [] => return Token::End { is_broken: self.is_broken },
                [b'<', b'/', ..] => return self.close(),
                [b'<', b'?', ..] => self.skip_instruction(),
                [b'<', b'!', b'-', b'-', ..] => self.skip_past(4, "-->"),
                [b'<', b'!', ..] if is_cdata(rest) => {
                    self.source.advance(LOOK_AHEAD);
                    self.in_cdata = true;
                }
                [b'<', b'!', second, ..] if second.is_ascii_alphabetic() => return self.skip_document_type(),
                [b'<', first, ..] if starts_name(*first) => return self.open(),
                [b'<'] => {
                    self.is_broken = true;
                    self.source.advance(1);
                }
                _ => {
                    let is_stray = rest[0] == b'<';
                    // A stray `<` and what follows it, or all that stands before the next.
                    let from = usize::from(is_stray);
                    let length = find(&rest[from..], b'<').map_or(rest.len(), |at| at + from);
                    if is_stray {
                        self.note(DefectKind::StrayLessThan, length);
                    }
                    self.taken = length;
                    return Token::Text(&self.source.rest()[..length]);
                }
            }
        }
    }

    fn note(&mut self, kind: DefectKind, length: usize) {
        self.source.note_ahead(kind, length);
    }

    /// The length of a piece of a CDATA section; none at its end.
    fn cdata_piece(&mut self) -> Option<usize> {
        loop {
            let rest = self.source.rest();
            if let Some(end) = rest.find("]]>") {
                if end > 0 {
                    self.taken = end;
                    return Some(end);
                }
                self.source.advance(3);
                self.in_cdata = false;
                return None;
            }
            // Its end may be cut in two.
            let length = rest.floor_char_boundary(rest.len().saturating_sub(2));
            if length > 0 {
                self.taken = length;
                return Some(length);
            }
            if !self.source.fill() {
                self.note(DefectKind::UnclosedMarkup, 0);
                self.source.advance(self.source.rest().len());
                self.is_broken = true;
                self.in_cdata = false;
                return None;
            }
        }
    }

    fn close(&mut self) -> Token<'_> {
        let Some(TagEnd { content, whole, is_malformed }) = self.find_tag_end(2) else {
            if self.source.rest().len() >= MAX_TAG_BYTES {
                self.skip_long_tag(2);
                return Token::Close(&self.long_name);
            }
            return self.break_off();
        };
        if is_malformed {
            self.note(DefectKind::MalformedTag, whole);
        }
        self.taken = whole;
        Token::Close(name_of(&self.source.rest()[2.min(content)..content]))
    }

    fn open(&mut self) -> Token<'_> {
        let Some(TagEnd { content, whole, is_malformed }) = self.find_tag_end(1) else {
            if self.source.rest().len() >= MAX_TAG_BYTES {
                self.skip_long_tag(1);
                return Token::Open { tag: &self.long_name, is_empty: false };
            }
            return self.break_off();
        };
        if is_malformed {
            self.note(DefectKind::MalformedTag, whole);
        }
        self.taken = whole;
        let tag = &self.source.rest()[1..content];
        match tag.strip_suffix('/') {
            Some(tag) => Token::Open { tag, is_empty: true },
            None => Token::Open { tag, is_empty: false },
        }
    }

    /// A tag beyond the bound, whose name begins at `from`: passed over, but for its name.
    fn skip_long_tag(&mut self, from: usize) {
        self.note(DefectKind::TagTooLong, MAX_TAG_BYTES);
        let name = name_of(&self.source.rest()[from..]);
        self.long_name = name[..name.floor_char_boundary(MAX_NAME_BYTES)].to_owned();
        let seen = self.source.rest().floor_char_boundary(MAX_TAG_BYTES);
        self.skip_past(seen, ">");
    }

    /// The document ends within a tag.
    fn break_off(&mut self) -> Token<'_> {
        self.is_broken = true;
        self.taken = self.source.rest().len();
        Token::End { is_broken: true }
    }

    /// Where the tag ends whose name begins at `from`; `None` if that is beyond the bound or the
    /// document's end.
    fn find_tag_end(&mut self, from: usize) -> Option<TagEnd> {
        let mut at = from;
        let mut quote = None;
        let mut first_end = None;
        loop {
            let bytes = self.source.rest().as_bytes();
            let bound = bytes.len().min(MAX_TAG_BYTES);
            while at < bound {
                match (bytes[at], quote) {
                    (b'>', None) => return Some(TagEnd { content: at, whole: at + 1, is_malformed: false }),
                    (b'<', None) => return Some(TagEnd { content: at, whole: at, is_malformed: true }),
                    (b'>', Some(_)) => first_end = first_end.or(Some(at)),
                    (byte, Some(open)) if byte == open => quote = None,
                    // Only a value is quoted.
                    (byte @ (b'"' | b'\''), None) if is_value(&bytes[..at]) => quote = Some(byte),
                    _ => {}
                }
                at += 1;
            }
            if bound == MAX_TAG_BYTES || !self.source.fill() {
                // A quote that is never closed was none.
                return first_end.map(|at| TagEnd { content: at, whole: at + 1, is_malformed: true });
            }
        }
    }

    /// `<?…?>`; an XML declaration ends at `>` in any case.
    fn skip_instruction(&mut self) {
        let is_declaration = self.source.rest().get(..5).is_some_and(|start| start.eq_ignore_ascii_case("<?xml"))
            && self.source.rest()[5..].starts_with(|c: char| c.is_whitespace());
        if !is_declaration {
            return self.skip_past(2, "?>");
        }
        self.source.want(MAX_TAG_BYTES.min(512));
        match self.source.rest().find('>') {
            Some(end) => {
                if !self.source.rest()[..end].ends_with('?') {
                    self.note(DefectKind::MalformedDeclaration, end + 1);
                }
                self.source.advance(end + 1);
            }
            None => self.skip_past(2, "?>"),
        }
    }

    /// Consumes `n` bytes and everything up to and including `end`.
    fn skip_past(&mut self, n: usize, end: &str) {
        let start = self.source.at();
        self.source.advance(n);
        loop {
            if let Some(at) = self.source.rest().find(end) {
                return self.source.advance(at + end.len());
            }
            // The end may be cut in two.
            let rest = self.source.rest();
            let gone = rest.floor_char_boundary(rest.len().saturating_sub(end.len() - 1));
            self.source.advance(gone);
            if !self.source.fill() {
                self.source.advance(self.source.rest().len());
                self.is_broken = true;
                return self.source.defects.note(DefectKind::UnclosedMarkup, start, end);
            }
        }
    }

    /// `<!DOCTYPE … [ … ]>`: quotes, comments and instructions within are passed over as a whole, so
    /// that brackets in them do not count.
    fn skip_document_type(&mut self) -> Token<'_> {
        self.source.want(64);
        let head = self.source.rest();
        let mut words = head[2..head.find(['>', '[']).unwrap_or(head.len()).max(2)].split_whitespace();
        let is_type = words.next().is_some_and(|word| word.eq_ignore_ascii_case("doctype"));
        let is_html = is_type && words.next().is_some_and(|word| word.eq_ignore_ascii_case("html"));
        let (mut in_subset, mut has_entities) = (false, false);
        self.source.advance(2);
        loop {
            let mark = |c: char| matches!(c, '"' | '\'' | '[' | ']' | '<' | '>');
            let Some(at) = self.source.rest().find(mark) else {
                self.source.advance(self.source.rest().len());
                if !self.source.fill() {
                    return self.break_off();
                }
                continue;
            };
            self.source.advance(at);
            self.source.want(8);
            let rest = self.source.rest();
            match rest.as_bytes()[0] {
                b'"' => self.skip_past(1, "\""),
                b'\'' => self.skip_past(1, "'"),
                b'<' if rest.starts_with("<!--") => self.skip_past(4, "-->"),
                b'<' if rest.starts_with("<?") => self.skip_past(2, "?>"),
                b'>' if !in_subset => {
                    self.taken = 1;
                    return Token::DocType { is_html, has_entities };
                }
                byte => {
                    has_entities |= rest.starts_with("<!ENTITY");
                    in_subset = byte == b'[' || in_subset && byte != b']';
                    self.source.advance(1);
                }
            }
        }
    }
}

fn find(bytes: &[u8], byte: u8) -> Option<usize> {
    bytes.iter().position(|b| *b == byte)
}

fn is_cdata(rest: &[u8]) -> bool {
    rest.get(..LOOK_AHEAD).is_some_and(|start| start.eq_ignore_ascii_case(b"<![CDATA["))
}

fn starts_name(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || matches!(byte, b'_' | b':') || !byte.is_ascii()
}

/// Whether what stands before a quote ends in `=`.
fn is_value(before: &[u8]) -> bool {
    before.trim_ascii_end().ends_with(b"=")
}

/// The name at the start of a tag.
pub(super) fn name_of(tag: &str) -> &str {
    tag.split(|c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\'' | '=')).next().unwrap_or_default()
}
