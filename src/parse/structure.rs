//! Where in the document we are, as far as it decides which frames count.
//!
//! A browser takes a `<frameset>` only where no body has begun to show, drops everything but frames
//! within and after it, and drops a `<frame>` anywhere else. This follows HTML's insertion modes
//! ("in head", "after head", "in body" with its frameset-ok flag, "in frameset") no further than
//! that. What it gets wrong: an `<input type=hidden>` is taken for one that shows. What it does not
//! want to get right: text in a `<noscript>` counts as shown to a browser without scripts, but many
//! pages excuse themselves there before their frames.

use super::tag::{Tag, TagSet};

/// How far the document has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Structure {
    /// Nothing that belongs to a body has come.
    Head,
    /// In the body, with nothing to be seen yet.
    EmptyBody,
    /// In the body, or in a document without such rules (XML).
    Body,
    /// In as many framesets.
    Frameset(u32),
    /// After them.
    AfterFrameset,
}

/// What may stand in a head.
const HEAD: TagSet = TagSet::of(&[
    Tag::Html,
    Tag::Base,
    Tag::Link,
    Tag::Meta,
    Tag::Title,
    Tag::Noframes,
    Tag::Style,
    Tag::Script,
    Tag::Template,
    Tag::Noscript,
]);

impl Structure {
    /// Takes notice of a start tag of HTML; whether it counts.
    pub(super) fn start(&mut self, tag: Tag, name: &[u8]) -> bool {
        match (&mut *self, tag) {
            (Self::Head | Self::EmptyBody, Tag::Frameset) => *self = Self::Frameset(1),
            (Self::Head, _) if HEAD.contains(tag) || name == b"head" => {}
            (Self::Head | Self::EmptyBody, Tag::Frame) => {
                *self = Self::EmptyBody;
                return false;
            }
            (Self::Head | Self::EmptyBody, _) => *self = if shows(tag, name) { Self::Body } else { Self::EmptyBody },
            (Self::Frameset(depth), Tag::Frameset) => *depth = depth.saturating_add(1),
            (Self::Frameset(_), Tag::Frame | Tag::Noframes | Tag::Html) => {}
            (Self::AfterFrameset, Tag::Noframes | Tag::Html) => {}
            (Self::Frameset(_) | Self::AfterFrameset, _) => return false,
            (Self::Body, _) => return !matches!(tag, Tag::Frame | Tag::Frameset),
        }
        true
    }

    /// Takes notice of an end tag.
    #[inline]
    pub(super) fn end(&mut self, tag: Tag) {
        if tag == Tag::Frameset
            && let Self::Frameset(depth) = self
        {
            *depth -= 1;
            if *depth == 0 {
                *self = Self::AfterFrameset;
            }
        }
    }

    /// Takes notice of text that is neither a title's nor a script's and the like.
    #[inline]
    pub(super) fn text(&mut self, text: &[u8]) {
        if matches!(self, Self::Head | Self::EmptyBody)
            && text.iter().any(|byte| !byte.is_ascii_whitespace() && *byte != 0)
        {
            *self = Self::Body;
        }
    }
}

/// Whether the element makes a body one that no frameset replaces.
fn shows(tag: Tag, name: &[u8]) -> bool {
    matches!(tag, Tag::Area | Tag::Embed | Tag::Img | Tag::Input | Tag::Object | Tag::Textarea | Tag::Xmp | Tag::Iframe)
        || matches!(
            name,
            b"body"
                | b"pre"
                | b"listing"
                | b"li"
                | b"dd"
                | b"dt"
                | b"button"
                | b"applet"
                | b"marquee"
                | b"table"
                | b"br"
                | b"keygen"
                | b"wbr"
                | b"hr"
                | b"select"
        )
}
