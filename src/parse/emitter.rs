//! Between the tokenizer and the harvest: events become tags with the few attributes that matter.
//!
//! [`scan`](super::scan) drives this through html5gum's `Emitter` trait, piece by piece. Names go into small fixed
//! buffers, values only of wanted attributes into buffers that are used again for every tag, and
//! the rest (comments, doctypes, other attributes, text that nobody asked for) is not kept at all:
//! a tag costs no allocation. Errors in the markup are nobody's concern here.

use std::convert::Infallible;

use html5gum::{Emitter, State};

use super::{
    MAX_REFERENCE_BYTES,
    harvest::Harvest,
    scan::{Listener, deaf},
    tag::{Attr, N_ATTRS, Name, Tag},
};

/// The wanted attributes of the current tag.
#[derive(Debug, Default)]
pub(super) struct Attributes {
    values: [Vec<u8>; N_ATTRS],
    /// A bit for each [`Attr`].
    present: u32,
}

impl Attributes {
    /// The attribute's value, entities decoded. At most [`MAX_REFERENCE_BYTES`] and one more byte,
    /// which tells that there were more.
    #[inline]
    pub(super) fn get(&self, attr: Attr) -> Option<&[u8]> {
        self.has(attr).then(|| self.values[attr as usize].as_slice())
    }

    #[inline]
    fn has(&self, attr: Attr) -> bool {
        self.present & (1 << attr as u8) != 0
    }

    fn clear(&mut self) {
        self.present = 0;
    }

    /// Makes room for a value; `false` if there is one: the first of equal attributes wins.
    fn open(&mut self, attr: Attr) -> bool {
        if self.has(attr) {
            return false;
        }
        self.present |= 1 << attr as u8;
        self.values[attr as usize].clear();
        true
    }

    fn push(&mut self, attr: Attr, part: &[u8]) {
        let value = &mut self.values[attr as usize];
        let room = (MAX_REFERENCE_BYTES + 1).saturating_sub(value.len());
        value.extend_from_slice(&part[..part.len().min(room)]);
    }
}

/// What becomes of the current attribute.
#[derive(Debug, Clone, Copy)]
enum Current {
    /// Nothing.
    Unwanted,
    /// Its name is being read.
    Name,
    /// Its value is kept.
    Value(Attr),
}

/// An emitter that tells a [`Harvest`] what a page consists of.
#[derive(Debug)]
pub(super) struct TagEmitter<'h, 'p> {
    harvest: &'h mut Harvest<'p>,
    name: Name,
    is_end_tag: bool,
    is_self_closing: bool,
    /// The element, known once its name is complete.
    tag: Option<Tag>,
    attribute_name: Name,
    attribute: Current,
    attributes: Attributes,
}

impl<'h, 'p> TagEmitter<'h, 'p> {
    pub(super) fn new(harvest: &'h mut Harvest<'p>) -> Self {
        Self {
            harvest,
            name: Name::default(),
            is_end_tag: false,
            is_self_closing: false,
            tag: None,
            attribute_name: Name::default(),
            attribute: Current::Unwanted,
            attributes: Attributes::default(),
        }
    }

    fn init_tag(&mut self, is_end_tag: bool) {
        self.name.clear();
        self.is_end_tag = is_end_tag;
        self.is_self_closing = false;
        self.tag = None;
        self.attribute = Current::Unwanted;
        self.attributes.clear();
    }

    /// The name of the current attribute is complete: decides where its value goes.
    #[inline]
    fn end_attribute_name(&mut self) {
        if matches!(self.attribute, Current::Name) {
            let attr = self.tag.and_then(|tag| Attr::of(tag, self.attribute_name.as_bytes()));
            self.attribute = match attr {
                Some(attr) if self.attributes.open(attr) => Current::Value(attr),
                _ => Current::Unwanted,
            };
        }
    }
}

impl Emitter for TagEmitter<'_, '_> {
    type Token = Infallible;

    deaf!();

    #[inline]
    fn emit_string(&mut self, text: &[u8]) {
        self.harvest.text(text);
    }

    #[inline]
    fn init_start_tag(&mut self) {
        self.init_tag(false);
    }

    #[inline]
    fn init_end_tag(&mut self) {
        self.init_tag(true);
    }

    #[inline]
    fn push_tag_name(&mut self, part: &[u8]) {
        self.name.push(part);
    }

    #[inline]
    fn init_attribute(&mut self) {
        self.end_attribute_name();
        self.attribute = if self.wants_attributes() {
            self.attribute_name.clear();
            Current::Name
        } else {
            Current::Unwanted
        };
    }

    #[inline]
    fn push_attribute_name(&mut self, part: &[u8]) {
        if matches!(self.attribute, Current::Name) {
            self.attribute_name.push(part);
        }
    }

    #[inline]
    fn push_attribute_value(&mut self, part: &[u8]) {
        self.end_attribute_name();
        if let Current::Value(attr) = self.attribute {
            self.attributes.push(attr, part);
        }
    }

    #[inline]
    fn set_self_closing(&mut self) {
        self.is_self_closing = true;
    }

    #[inline]
    fn emit_current_tag(&mut self) -> Option<State> {
        self.end_attribute_name();
        let tag = self.tag.unwrap_or_else(|| Tag::of(self.name.as_bytes()));
        if self.is_end_tag {
            self.harvest.end_tag(tag, self.name.as_bytes());
            None
        } else {
            self.harvest.start_tag(tag, self.name.as_bytes(), &self.attributes, self.is_self_closing)
        }
    }

    fn current_is_appropriate_end_tag_token(&mut self) -> bool {
        self.is_end_tag && self.harvest.is_raw_text_of(Tag::of(self.name.as_bytes()))
    }

    fn adjusted_current_node_present_but_not_in_html_namespace(&mut self) -> bool {
        self.harvest.takes_cdata()
    }
}

impl Listener for TagEmitter<'_, '_> {
    #[inline]
    fn wants_text(&self) -> bool {
        self.harvest.wants_text()
    }

    #[inline]
    fn wants_attributes(&mut self) -> bool {
        let tag = *self.tag.get_or_insert_with(|| Tag::of(self.name.as_bytes()));
        !self.is_end_tag && self.harvest.wants_attributes(tag)
    }

    #[inline]
    fn wants_value(&mut self) -> bool {
        self.end_attribute_name();
        matches!(self.attribute, Current::Value(_))
    }
}
