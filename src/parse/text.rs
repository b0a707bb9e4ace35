//! Text as people read it: white space collapsed, bounded, in whole characters.
//!
//! Takes bytes because the tokenizer may hand over a character in pieces.

/// The bytes as a text of their own. They come from a decoded text and are UTF-8, unless a bound cut
/// a character in two; such a piece becomes U+FFFD.
pub(super) fn owned(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes).into_owned(), str::to_owned)
}

/// What is due before the next word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Gap {
    /// The word goes on.
    None,
    /// White space.
    Space,
    /// A block ended or began.
    Line,
}

/// A text that grows by pieces up to a bound.
#[derive(Debug)]
pub(super) struct Collapsed {
    out: Vec<u8>,
    max_bytes: usize,
    gap: Gap,
    is_full: bool,
}

impl Collapsed {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self { out: Vec::new(), max_bytes, gap: Gap::None, is_full: max_bytes == 0 }
    }

    /// `bytes` collapsed, `None` if nothing is left.
    pub(super) fn of(bytes: &[u8], max_bytes: usize) -> Option<String> {
        let mut text = Self::new(max_bytes);
        text.push(bytes);
        text.finish()
    }

    /// Adds running text. NULs vanish, as they do in a browser.
    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        while let Some(&first) = bytes.first() {
            if self.is_full {
                return;
            }
            if first == 0 {
                bytes = &bytes[1..];
            } else if first.is_ascii_whitespace() {
                self.gap(Gap::Space);
                bytes = &bytes[1..];
            } else {
                let end = bytes.iter().position(|byte| *byte == 0 || byte.is_ascii_whitespace()).unwrap_or(bytes.len());
                self.push_word(&bytes[..end]);
                bytes = &bytes[end..];
            }
        }
    }

    /// Separates what comes from what was; the widest gap wins.
    pub(super) fn gap(&mut self, gap: Gap) {
        self.gap = self.gap.max(gap);
    }

    /// The text, `None` if there is none.
    pub(super) fn finish(self) -> Option<String> {
        let mut text = match String::from_utf8(self.out) {
            Ok(text) => text,
            Err(error) => {
                // The bound cut a character in two; nothing else makes invalid UTF-8 of valid.
                let end = error.utf8_error().valid_up_to();
                let mut out = error.into_bytes();
                out.truncate(end);
                String::from_utf8_lossy(&out).into_owned()
            }
        };
        text.truncate(text.trim_ascii_end().len());
        (!text.is_empty()).then_some(text)
    }

    fn push_word(&mut self, word: &[u8]) {
        if !self.out.is_empty() {
            match self.gap {
                Gap::None => {}
                Gap::Space => self.out.push(b' '),
                Gap::Line => self.out.push(b'\n'),
            }
        }
        self.gap = Gap::None;
        let room = self.max_bytes.saturating_sub(self.out.len());
        self.is_full = word.len() >= room;
        self.out.extend_from_slice(&word[..word.len().min(room)]);
        self.out.truncate(self.max_bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, max_bytes: usize, expected: Option<&str>) {
        assert_eq!(Collapsed::of(input.as_bytes(), max_bytes).as_deref(), expected, "{input:?} in {max_bytes}");
    }

    #[test]
    fn collapses_and_cuts_between_characters() {
        check("  a \n\t b  ", 100, Some("a b"));
        check(" \n ", 100, None);
        check("", 100, None);
        check("a\0b", 100, Some("ab"));
        check("abc", 0, None);
        check("abc", 2, Some("ab"));
        check("a bc", 2, Some("a"));
        check("ééé", 3, Some("é"));
        check("日本", 2, None);
        check("日本", 6, Some("日本"));
        check("a日", 3, Some("a"));
    }

    #[test]
    fn joins_pieces_of_characters_and_keeps_the_widest_gap() {
        let mut text = Collapsed::new(100);
        text.gap(Gap::Line);
        text.push(&"é".as_bytes()[..1]);
        text.push(&"é".as_bytes()[1..]);
        text.push(b" ");
        text.gap(Gap::Line);
        text.push(b" x ");
        assert_eq!(text.finish().as_deref(), Some("é\nx"));
    }
}
