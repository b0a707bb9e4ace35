//! The text of a field as it comes in, and the addresses against which references are meant.

use std::borrow::Cow;

use url::{ParseError, Url};

use super::{
    MAX_ADDRESS_BYTES,
    defect::{DefectKind, Position},
    element::{Field, attributes, max_bytes},
    escape::{Oddity, unescape},
    harvest::Harvest,
};
use crate::address::join;

/// Text of a field, in pieces.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) field: Field,
    pub(super) at: Position,
    pub(super) value: String,
    /// What comes behind `value`, its references not yet replaced: they may be cut in two.
    raw: String,
    /// Whether there was more than its bound.
    pub(super) is_cut: bool,
    /// Whether it refers to an entity that the document defines, so that this is not all of it.
    pub(super) has_entity: bool,
    /// The depth of the unknown element that it stands in, if it is none of the field's own.
    inner: Option<usize>,
}

impl Text {
    pub(super) fn new(field: Field, at: Position) -> Self {
        Self { field, at, value: String::new(), raw: String::new(), is_cut: false, has_entity: false, inner: None }
    }

    pub(super) fn push(&mut self, text: &str, is_escaped: bool, keeps_unknown: bool, harvest: &mut Harvest<'_>) {
        if !is_escaped {
            self.flush(keeps_unknown, harvest);
        }
        let is_first = self.value.is_empty() && self.raw.is_empty();
        let text = if is_first { text.trim_start() } else { text };
        let room = max_bytes(self.field).saturating_sub(self.value.len() + self.raw.len());
        // White space at the end makes nothing longer.
        self.is_cut |= text.trim_end().len() > room;
        let target = if is_escaped { &mut self.raw } else { &mut self.value };
        target.push_str(&text[..text.floor_char_boundary(room)]);
    }

    /// Whether text directly within the field's element (`depth` 0), or within an unknown element there at
    /// this depth, is its text: its own if there is any, else that of the first element with some.
    pub(super) fn takes(&mut self, depth: usize, text: &str) -> bool {
        let is_empty = self.value.is_empty() && self.raw.is_empty();
        if depth > 0 {
            if is_empty && !text.trim().is_empty() {
                self.inner = Some(depth);
            }
            return self.inner == Some(depth);
        }
        if self.inner.is_some() && !text.trim().is_empty() {
            *self = Self::new(self.field, self.at);
        }
        self.inner.is_none()
    }

    /// The unknown element at this depth ends; another is not it.
    pub(super) fn leave(&mut self, depth: usize) {
        if self.inner == Some(depth) {
            self.inner = Some(usize::MAX);
        }
    }

    /// Replaces the references in what was read.
    pub(super) fn flush(&mut self, keeps_unknown: bool, harvest: &mut Harvest<'_>) {
        let raw = std::mem::take(&mut self.raw);
        let at = self.at;
        unescape(&raw, &mut self.value, keeps_unknown, |oddity| {
            self.has_entity |= oddity == Oddity::Defined;
            harvest.note(defect_of(oddity), at, &raw);
        });
    }
}

/// A value without its references; `None` if it refers to an entity that the document defines.
pub(super) fn unescaped(value: &str, keeps_unknown: bool, at: Position, harvest: &mut Harvest<'_>) -> Option<String> {
    let mut out = String::with_capacity(value.len());
    let mut has_entity = false;
    unescape(value, &mut out, keeps_unknown, |oddity| {
        has_entity |= oddity == Oddity::Defined;
        harvest.note(defect_of(oddity), at, value);
    });
    if has_entity {
        harvest.note(DefectKind::DefinedEntity, at, value);
    }
    (!has_entity).then_some(out)
}

fn defect_of(oddity: Oddity) -> DefectKind {
    match oddity {
        Oddity::Ampersand => DefectKind::UnescapedAmpersand,
        Oddity::Unknown | Oddity::Defined => DefectKind::UnknownEntity,
        Oddity::Double => DefectKind::DoubleEscaped,
    }
}

/// `xml:base` of the open elements (XML Base, RFC 4287 section 2), as far as it is an absolute URL.
#[derive(Debug, Default)]
pub(super) struct Bases(Vec<(usize, Url)>);

impl Bases {
    /// An element begins, at a depth.
    pub(super) fn open(&mut self, depth: usize, tag: &str, document: Option<&Url>) {
        let Some((_, value)) = attributes(tag).find(|(name, _)| *name == "xml:base") else { return };
        if value.len() > MAX_ADDRESS_BYTES {
            return;
        }
        let mut base = String::new();
        unescape(value, &mut base, true, |_| {});
        let outer = self.0.last().map(|(_, url)| url).or(document);
        if let Ok(url) = outer.map_or_else(|| Url::parse(&base), |outer| join(outer, &base)) {
            self.0.push((depth, url));
        }
    }

    /// The element at a depth ends.
    pub(super) fn close(&mut self, depth: usize) {
        if self.0.last().is_some_and(|(known, _)| *known >= depth) {
            self.0.pop();
        }
    }

    /// `address` in full if it is a reference and an element gave it a base.
    pub(super) fn resolve<'t>(&self, address: &'t str) -> Cow<'t, str> {
        match self.0.last() {
            Some((_, base)) if !address.trim().is_empty() && is_relative(address) => {
                join(base, address).map_or(Cow::Borrowed(address), |url| Cow::Owned(url.into()))
            }
            _ => Cow::Borrowed(address),
        }
    }
}

fn is_relative(address: &str) -> bool {
    matches!(Url::parse(address), Err(ParseError::RelativeUrlWithoutBase))
}
