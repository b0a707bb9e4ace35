//! The tokenizer: markup to tags and text, as the HTML standard reads it (section 13.2.5).
//!
//! It speaks to an [`Emitter`] as html5gum's own tokenizer does, and says the same; only faster, because it
//! looks for what ends a piece in a text that is all there, where html5gum goes byte by byte through states. Comments,
//! doctypes and errors are passed over: nobody here asks for them.
//!
//! html5gum is what it is held against (`tests`), and what does the work that is rare or long to get right: character
//! references (`references`), and all of a document that has a NUL in it. Linear in the length of the text: what is
//! looked for in vain, to the end, ends the document.
//!
//! In reading order: `scanner` (markup), `raw_text` (where text ends that is no markup), `references`.

/// What an [`Emitter`] is told that nobody here listens to: comments, doctypes, errors.
macro_rules! deaf {
    () => {
        #[inline]
        fn should_emit_errors(&mut self) -> bool {
            false
        }

        #[inline]
        fn pop_token(&mut self) -> Option<std::convert::Infallible> {
            None
        }

        fn set_last_start_tag(&mut self, _last_start_tag: Option<&[u8]>) {}
        fn emit_eof(&mut self) {}
        fn emit_error(&mut self, _error: html5gum::Error) {}
        fn init_comment(&mut self) {}
        fn push_comment(&mut self, _part: &[u8]) {}
        fn emit_current_comment(&mut self) {}
        fn init_doctype(&mut self) {}
        fn push_doctype_name(&mut self, _part: &[u8]) {}
        fn set_doctype_public_identifier(&mut self, _value: &[u8]) {}
        fn push_doctype_public_identifier(&mut self, _part: &[u8]) {}
        fn set_doctype_system_identifier(&mut self, _value: &[u8]) {}
        fn push_doctype_system_identifier(&mut self, _part: &[u8]) {}
        fn set_force_quirks(&mut self) {}
        fn emit_current_doctype(&mut self) {}
    };
}
pub(super) use deaf;

mod raw_text;
mod references;
mod scanner;
#[cfg(test)]
mod tests;

use std::convert::Infallible;

use html5gum::Emitter;

pub(super) use scanner::scan;

/// An emitter that says what need not be told.
pub(super) trait Listener: Emitter<Token = Infallible> {
    /// Whether text that stands here matters.
    fn wants_text(&self) -> bool;

    /// Whether the attributes of the current tag matter, whose name is complete.
    fn wants_attributes(&mut self) -> bool;

    /// Whether the value of the current attribute matters.
    fn wants_value(&mut self) -> bool;
}
