//! Character references, by html5gum: `&amp;`, `&#x26;`, and what browsers make of `&copy` in a text and in an address.
//!
//! Each piece is handed to it in a document of its own, and what it makes of that to whoever is listening.

use std::convert::Infallible;

use html5gum::{Emitter, Error, State, Tokenizer};

/// Text that is read in `state`.
pub(super) fn tell_text<E: Emitter>(text: &str, state: State, listener: &mut E) {
    let mut tokenizer = Tokenizer::new_with_emitter(text, Forward(listener));
    tokenizer.set_state(state);
    let Ok(()) = tokenizer.finish();
}

/// The value of an attribute as it is `written`, with its quotes if it has any.
pub(super) fn tell_value<E: Emitter>(written: &str, listener: &mut E) {
    let Ok(()) = Tokenizer::new_with_emitter(&format!("<a a={written}>"), Forward(listener)).finish();
}

/// Lets text and values through.
struct Forward<'l, E>(&'l mut E);

impl<E: Emitter> Emitter for Forward<'_, E> {
    type Token = Infallible;

    fn emit_string(&mut self, text: &[u8]) {
        self.0.emit_string(text);
    }

    fn push_attribute_value(&mut self, part: &[u8]) {
        self.0.push_attribute_value(part);
    }

    fn should_emit_errors(&mut self) -> bool {
        false
    }

    fn pop_token(&mut self) -> Option<Infallible> {
        None
    }

    fn emit_current_tag(&mut self) -> Option<State> {
        None
    }

    fn current_is_appropriate_end_tag_token(&mut self) -> bool {
        false
    }

    fn set_last_start_tag(&mut self, _last_start_tag: Option<&[u8]>) {}
    fn emit_eof(&mut self) {}
    fn emit_error(&mut self, _error: Error) {}
    fn init_start_tag(&mut self) {}
    fn init_end_tag(&mut self) {}
    fn push_tag_name(&mut self, _part: &[u8]) {}
    fn init_attribute(&mut self) {}
    fn push_attribute_name(&mut self, _part: &[u8]) {}
    fn set_self_closing(&mut self) {}
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
}
