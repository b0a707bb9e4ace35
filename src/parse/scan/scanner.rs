//! From markup to what a [`Listener`] is told of it: the standard's states, as far as they can be told apart by what comes
//! next in a text that is all there.

use std::{borrow::Cow, ops::Range};

use html5gum::{State, Tokenizer};
use memchr::{memchr, memmem};

use super::{
    Listener,
    raw_text::{EndTag, EndTags},
    references,
};

/// Tells the listener what `text` consists of.
pub(in crate::parse) fn scan<L: Listener>(text: &str, listener: L) {
    scan_from(State::Data, text, listener);
}

/// The same, with a text that begins in `state`.
pub(super) fn scan_from<L: Listener>(state: State, text: &str, listener: L) {
    if memchr(0, text.as_bytes()).is_some() {
        let mut tokenizer = Tokenizer::new_with_emitter(text, listener);
        tokenizer.set_state(state);
        let Ok(()) = tokenizer.finish();
        return;
    }
    Scanner { text: &with_line_feeds(text), at: 0, listener }.run(state);
}

/// The text with its line ends as the standard has them before it is tokenized (13.2.3.5).
fn with_line_feeds(text: &str) -> Cow<'_, str> {
    if memchr(b'\r', text.as_bytes()).is_none() {
        return text.into();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((line, after)) = rest.split_once('\r') {
        out.push_str(line);
        out.push('\n');
        rest = after.strip_prefix('\n').unwrap_or(after);
    }
    out.push_str(rest);
    out.into()
}

/// A text without NULs and carriage returns, and how far it has been read.
struct Scanner<'t, L> {
    text: &'t str,
    /// The first byte that has not been read; always the beginning of a character.
    at: usize,
    listener: L,
}

impl<L: Listener> Scanner<'_, L> {
    fn run(mut self, mut state: State) {
        while self.at < self.text.len() {
            state = match state {
                State::Data => self.data(),
                State::RcData | State::RawText | State::ScriptData => self.raw_text(state),
                State::CdataSection => self.cdata_section(),
                State::PlainText => self.plain_text(),
            };
        }
        self.listener.emit_eof();
    }

    /// Markup, up to where something else begins.
    fn data(&mut self) -> State {
        // Where the text begins that has not been told.
        let mut from = self.at;
        while let Some(open) = self.find(b'<', self.at) {
            let switch = match (self.byte(open + 1), self.byte(open + 2)) {
                (Some(name), _) if name.is_ascii_alphabetic() => {
                    self.tell(from..open, State::Data);
                    self.listener.init_start_tag();
                    self.at = open + 1;
                    self.tag()
                }
                (Some(b'/'), Some(name)) if name.is_ascii_alphabetic() => {
                    self.tell(from..open, State::Data);
                    self.listener.init_end_tag();
                    self.at = open + 2;
                    self.tag()
                }
                // Nothing at all, or a bogus comment.
                (Some(b'/'), Some(_)) | (Some(b'?'), _) => {
                    self.tell(from..open, State::Data);
                    self.skip_past(b'>', open + 2);
                    None
                }
                (Some(b'!'), _) => {
                    self.tell(from..open, State::Data);
                    self.declaration(open + 2)
                }
                // Text, to which more may come.
                _ => {
                    self.at = open + 1;
                    continue;
                }
            };
            if let Some(state) = switch {
                return state;
            }
            from = self.at;
        }
        self.at = self.text.len();
        self.tell(from..self.at, State::Data);
        State::Data
    }

    /// What begins with `<!`, from behind it. Answers as [`Scanner::tag`] does.
    fn declaration(&mut self, start: usize) -> Option<State> {
        let rest = &self.bytes()[start..];
        if rest.starts_with(b"--") {
            self.at = comment_end(self.bytes(), start + 2);
        } else if rest.starts_with(b"[CDATA[")
            && self.listener.adjusted_current_node_present_but_not_in_html_namespace()
        {
            self.at = start + 7;
            return Some(State::CdataSection);
        } else {
            // A doctype, of which quotes protect nothing, or a bogus comment.
            self.skip_past(b'>', start);
        }
        None
    }

    /// A tag that the listener knows to begin, from its name on. One that has no end is none. Answers how what comes
    /// after it is to be read, if not as before.
    fn tag(&mut self) -> Option<State> {
        let end = self.end_of(self.at, SPACE | END);
        in_lower_case(&self.text.as_bytes()[self.at..end], |part| self.listener.push_tag_name(part));
        self.at = end;
        self.rest_of_tag()
    }

    /// A tag from behind its name on.
    fn rest_of_tag(&mut self) -> Option<State> {
        let is_wanted = self.byte(self.at) != Some(b'>') && self.listener.wants_attributes();
        loop {
            self.skip_spaces();
            match self.byte(self.at)? {
                b'>' => break,
                b'/' if self.byte(self.at + 1) == Some(b'>') => {
                    self.listener.set_self_closing();
                    self.at += 1;
                    break;
                }
                b'/' => self.at += 1,
                _ => self.attribute(is_wanted),
            }
        }
        self.at += 1;
        self.listener.emit_current_tag()
    }

    fn attribute(&mut self, is_wanted: bool) {
        // A `=` at its beginning is part of the name.
        let end = self.end_of(self.at + 1, SPACE | END | EQUALS);
        if is_wanted {
            self.listener.init_attribute();
            in_lower_case(&self.text.as_bytes()[self.at..end], |part| self.listener.push_attribute_name(part));
        }
        self.at = end;
        self.skip_spaces();
        if self.byte(self.at) != Some(b'=') {
            return;
        }
        self.at += 1;
        self.skip_spaces();
        let start = self.at;
        let value = match self.byte(start) {
            None | Some(b'>') => return,
            Some(quote @ (b'"' | b'\'')) => {
                let Some(end) = self.find(quote, start + 1) else {
                    self.at = self.text.len();
                    return;
                };
                self.at = end + 1;
                start + 1..end
            }
            Some(_) => {
                self.at = self.end_of(start, SPACE | CLOSE);
                start..self.at
            }
        };
        if is_wanted {
            self.tell_value(start..self.at, value);
        }
    }

    /// Text that only an end tag ends of which the listener says that it does.
    fn raw_text(&mut self, state: State) -> State {
        let from = self.at;
        let mut end_tags = EndTags::new(self.text.as_bytes(), from, matches!(state, State::ScriptData));
        while let Some(EndTag { open, name }) = end_tags.next() {
            let listener = &mut self.listener;
            listener.init_end_tag();
            in_lower_case(&self.text.as_bytes()[name.clone()], |part| listener.push_tag_name(part));
            if listener.current_is_appropriate_end_tag_token() {
                self.tell(from..open, state);
                self.at = name.end;
                return self.rest_of_tag().unwrap_or(State::Data);
            }
        }
        self.at = self.text.len();
        self.tell(from..self.at, state);
        State::Data
    }

    fn cdata_section(&mut self) -> State {
        let rest = &self.bytes()[self.at..];
        let n_bytes = memmem::find(rest, b"]]>");
        let end = self.at + n_bytes.unwrap_or(rest.len());
        self.tell(self.at..end, State::CdataSection);
        self.at = n_bytes.map_or(end, |_| end + 3);
        State::Data
    }

    fn plain_text(&mut self) -> State {
        self.tell(self.at..self.text.len(), State::PlainText);
        self.at = self.text.len();
        State::PlainText
    }

    /// Text that stands in `state`, which decides whether it may hold character references.
    fn tell(&mut self, range: Range<usize>, state: State) {
        if range.is_empty() || !self.listener.wants_text() {
            return;
        }
        let text = &self.text[range];
        if matches!(state, State::Data | State::RcData) && memchr(b'&', text.as_bytes()).is_some() {
            references::tell_text(text, state, &mut self.listener);
        } else {
            self.listener.emit_string(text.as_bytes());
        }
    }

    /// The value of an attribute: as it is `written`, and without its quotes.
    fn tell_value(&mut self, written: Range<usize>, value: Range<usize>) {
        if !self.listener.wants_value() {
            return;
        }
        let value = &self.text.as_bytes()[value];
        if memchr(b'&', value).is_some() {
            references::tell_value(&self.text[written], &mut self.listener);
        } else {
            self.listener.push_attribute_value(value);
        }
    }

    fn bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }

    #[inline]
    fn byte(&self, at: usize) -> Option<u8> {
        self.bytes().get(at).copied()
    }

    fn find(&self, byte: u8, from: usize) -> Option<usize> {
        Some(from + memchr(byte, self.bytes().get(from..)?)?)
    }

    fn skip_past(&mut self, byte: u8, from: usize) {
        self.at = self.find(byte, from).map_or(self.text.len(), |at| at + 1);
    }

    #[inline]
    fn skip_spaces(&mut self) {
        while self.byte(self.at).is_some_and(is_space) {
            self.at += 1;
        }
    }

    /// Where from `from` on the first byte is that is of one of these classes.
    #[inline]
    fn end_of(&self, from: usize, classes: u8) -> usize {
        let rest = &self.bytes()[from..];
        from + rest.iter().position(|byte| CLASSES[usize::from(*byte)] & classes != 0).unwrap_or(rest.len())
    }
}

/// Behind the end of a comment whose text begins at `start`: at the first `>` that follows two dashes, of which those that
/// opened it count, or `--!`, of which they don't.
fn comment_end(text: &[u8], start: usize) -> usize {
    let mut from = start;
    while let Some(n_bytes) = memchr(b'>', &text[from..]) {
        let close = from + n_bytes;
        if text[start - 2..close].ends_with(b"--") || text[start..close].ends_with(b"--!") {
            return close + 1;
        }
        from = close + 1;
    }
    text.len()
}

/// What ends something within a tag: white space, `>`, `/`, `=`.
const SPACE: u8 = 1;
const CLOSE: u8 = 2;
const SLASH: u8 = 4;
const EQUALS: u8 = 8;
/// What may stand behind a name.
const END: u8 = CLOSE | SLASH;

/// To which of these each byte belongs.
const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    classes[b' ' as usize] = SPACE;
    classes[b'\n' as usize] = SPACE;
    classes[b'\t' as usize] = SPACE;
    classes[b'\x0c' as usize] = SPACE;
    classes[b'>' as usize] = CLOSE;
    classes[b'/' as usize] = SLASH;
    classes[b'=' as usize] = EQUALS;
    classes
};

/// Whether a name ends before this byte.
#[inline]
pub(super) fn ends_name(byte: u8) -> bool {
    CLASSES[usize::from(byte)] & (SPACE | END) != 0
}

/// White space within a tag.
#[inline]
fn is_space(byte: u8) -> bool {
    CLASSES[usize::from(byte)] & SPACE != 0
}

/// Says a name in lower case, in as many parts as it takes.
#[inline]
fn in_lower_case(name: &[u8], mut say: impl FnMut(&[u8])) {
    if name.iter().any(u8::is_ascii_uppercase) {
        name.iter().for_each(|byte| say(&[byte.to_ascii_lowercase()]));
    } else {
        say(name);
    }
}
