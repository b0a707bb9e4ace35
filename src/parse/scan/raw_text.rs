//! Where text that is no markup may end: the end tags in it, and in scripts only those that stand where one counts.
//!
//! `<!--` in a script begins text in which another `<script>` hides the end tag that belongs to it (the standard's
//! "script data escaped" and "double escaped" states, 13.2.5.18 to 13.2.5.31). It does not know which element the text is of.

use std::ops::Range;

use memchr::{memchr, memchr2};

use super::scanner::ends_name;

/// What looks like an end tag.
pub(super) struct EndTag {
    /// Where it begins.
    pub(super) open: usize,
    /// Its name.
    pub(super) name: Range<usize>,
}

/// How a script has hidden what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escape {
    /// This is no script: nothing can be hidden.
    Never,
    /// Not.
    No,
    /// By `<!--`.
    Once,
    /// By a `<script` behind that: end tags don't count.
    Twice,
}

/// The end tags in a text, from one to the next.
pub(super) struct EndTags<'t> {
    text: &'t [u8],
    at: usize,
    escape: Escape,
}

impl<'t> EndTags<'t> {
    pub(super) fn new(text: &'t [u8], from: usize, is_script: bool) -> Self {
        Self { text, at: from, escape: if is_script { Escape::No } else { Escape::Never } }
    }

    /// The next one that would end the text if its name is the right one.
    pub(super) fn next(&mut self) -> Option<EndTag> {
        while let Some(found) = self.find() {
            let rest = &self.text[found..];
            match (self.escape, rest) {
                (Escape::Once | Escape::Twice, [b'-', b'-', b'>', ..]) => {
                    self.escape = Escape::No;
                    self.at = found + 3;
                }
                // Its dashes may be those of its end.
                (Escape::No, [b'<', b'!', b'-', b'-', ..]) => {
                    self.escape = Escape::Once;
                    self.at = found + 2;
                }
                (Escape::Once, [b'<', letter, ..]) if letter.is_ascii_alphabetic() => {
                    self.switch(found + 1, Escape::Twice);
                }
                (Escape::Twice, [b'<', b'/', ..]) => self.switch(found + 2, Escape::Once),
                (Escape::Never | Escape::No | Escape::Once, [b'<', b'/', letter, ..])
                    if letter.is_ascii_alphabetic() =>
                {
                    let (name, is_whole) = self.word(found + 2);
                    self.at = name.end;
                    if is_whole {
                        return Some(EndTag { open: found, name });
                    }
                }
                _ => self.at = found + 1,
            }
        }
        None
    }

    /// The next byte that may mean something.
    fn find(&self) -> Option<usize> {
        let rest = self.text.get(self.at..)?;
        let n_bytes = match self.escape {
            Escape::Never | Escape::No => memchr(b'<', rest),
            Escape::Once | Escape::Twice => memchr2(b'<', b'-', rest),
        };
        Some(self.at + n_bytes?)
    }

    /// Passes over the word that begins at `start`; if it is `script`, what follows is hidden as `to` says.
    fn switch(&mut self, start: usize, to: Escape) {
        let (word, is_whole) = self.word(start);
        self.at = word.end;
        if is_whole && self.text[word].eq_ignore_ascii_case(b"script") {
            self.escape = to;
        }
    }

    /// The letters from `start` on, and whether they end as a name does.
    fn word(&self, start: usize) -> (Range<usize>, bool) {
        let rest = &self.text[start..];
        let n_bytes = rest.iter().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(rest.len());
        let is_whole = rest.get(n_bytes).is_some_and(|byte| ends_name(*byte));
        (start..start + n_bytes, is_whole)
    }
}
