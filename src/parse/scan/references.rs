//! Character references, by html5gum: `&amp;`, `&#x26;`, and what browsers make of `&copy` in a text and in an address.
//!
//! Each piece is handed to it in a document of its own, and what it makes of that to whoever is listening.

use std::convert::Infallible;

use html5gum::{Emitter, State, Tokenizer};

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

    deaf!();

    fn emit_string(&mut self, text: &[u8]) {
        self.0.emit_string(text);
    }

    fn push_attribute_value(&mut self, part: &[u8]) {
        self.0.push_attribute_value(part);
    }

    fn emit_current_tag(&mut self) -> Option<State> {
        None
    }

    fn current_is_appropriate_end_tag_token(&mut self) -> bool {
        false
    }

    fn init_start_tag(&mut self) {}
    fn init_end_tag(&mut self) {}
    fn push_tag_name(&mut self, _part: &[u8]) {}
    fn init_attribute(&mut self) {}
    fn push_attribute_name(&mut self, _part: &[u8]) {}
    fn set_self_closing(&mut self) {}
}
