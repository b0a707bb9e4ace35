//! Foreign content: where in a page the rules of SVG and MathML hold instead of HTML's.
//!
//! There, `<title>`, `<style>` and `<script>` contain markup, `<![CDATA[` is text and most
//! elements are not what HTML calls by their name. A tree builder knows this from its stack of
//! open elements; this keeps only the few that switch between the rules. What it gets wrong for
//! that: an `</svg>` within HTML within SVG closes the SVG, and an SVG that is left open ends with
//! the next tag that looks like HTML, not with its parent.

use super::{
    elements::{ends_break_out, starts_break_out},
    tag::Tag,
};

/// Deepest nesting that is followed. Elements beyond it are taken to be like their parent, so that
/// the work for each tag is bounded.
const MAX_DEPTH: usize = 32;

/// An open element that switches between the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Open {
    tag: Tag,
    /// Whether HTML's rules hold for the element's children.
    is_html_inside: bool,
}

/// The open elements that switch between the rules, outermost first.
#[derive(Debug, Default)]
pub(super) struct Foreign {
    open: Vec<Open>,
}

impl Foreign {
    /// Whether the next tag or text stands in SVG or MathML.
    #[inline]
    pub(super) fn is_current(&self) -> bool {
        self.open.last().is_some_and(|open| !open.is_html_inside)
    }

    /// Whether the nearest root is that of an SVG.
    pub(super) fn is_svg(&self) -> bool {
        self.nearest_root() == Some(Tag::Svg)
    }

    /// Whether anything here is within SVG, HTML embedded in it included.
    #[inline]
    pub(super) fn is_within_svg(&self) -> bool {
        self.open.iter().any(|open| open.tag == Tag::Svg)
    }

    /// Takes notice of a start tag. `html_inside` says that the element's attributes make it a
    /// place for HTML (`annotation-xml`) or a piece of HTML (`font`). Answers whether the element
    /// is foreign.
    pub(super) fn start(&mut self, tag: Tag, name: &[u8], html_inside: bool, self_closing: bool) -> bool {
        if !self.is_current() {
            let is_root = matches!(tag, Tag::Svg | Tag::Math);
            if is_root && !self_closing {
                self.push(tag, false);
            }
            return is_root;
        }
        if starts_break_out(name) || (tag == Tag::Font && html_inside) {
            self.break_out();
            return false;
        }
        if !self_closing {
            let is_svg = self.nearest_root() == Some(Tag::Svg);
            match tag {
                Tag::Svg => self.push(tag, false),
                Tag::ForeignObject | Tag::Desc | Tag::Title if is_svg => self.push(tag, true),
                Tag::MathText if !is_svg => self.push(tag, true),
                Tag::AnnotationXml if !is_svg => self.push(tag, html_inside),
                _ => {}
            }
        }
        true
    }

    /// Takes notice of an end tag.
    pub(super) fn end(&mut self, tag: Tag, name: &[u8]) {
        if self.open.is_empty() {
            return;
        }
        if let Some(at) = self.open.iter().rposition(|open| open.tag == tag) {
            self.open.truncate(at);
        } else if self.is_current() && ends_break_out(name) {
            self.break_out();
        }
    }

    fn push(&mut self, tag: Tag, is_html_inside: bool) {
        if self.open.len() < MAX_DEPTH {
            self.open.push(Open { tag, is_html_inside });
        }
    }

    /// Back to where HTML's rules hold.
    fn break_out(&mut self) {
        while self.is_current() {
            self.open.pop();
        }
    }

    fn nearest_root(&self) -> Option<Tag> {
        self.open.iter().rev().map(|open| open.tag).find(|tag| matches!(tag, Tag::Svg | Tag::Math))
    }
}
