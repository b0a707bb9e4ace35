//! Names: of elements and of the attributes wanted of them.
//!
//! Tables only. Names come lower-cased from the tokenizer and are compared as bytes; an element
//! that plays no part here is [`Tag::Other`], whatever it is called.

/// Most attributes wanted of one element.
pub(super) const SLOTS: usize = 3;

/// Longest name that means something here: `annotation-xml`.
const MAX_NAME_BYTES: usize = 14;

/// A name in the making. Longer ones than [`MAX_NAME_BYTES`] are like no other: empty.
#[derive(Debug, Default)]
pub(super) struct Name {
    bytes: [u8; MAX_NAME_BYTES],
    /// More than [`MAX_NAME_BYTES`] if the name was too long.
    n_bytes: usize,
}

impl Name {
    #[inline]
    pub(super) fn clear(&mut self) {
        self.n_bytes = 0;
    }

    #[inline]
    pub(super) fn push(&mut self, part: &[u8]) {
        let end = self.n_bytes.saturating_add(part.len());
        if let Some(room) = self.bytes.get_mut(self.n_bytes..end) {
            room.copy_from_slice(part);
        }
        self.n_bytes = end;
    }

    #[inline]
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.n_bytes).unwrap_or_default()
    }
}

/// The elements that a harvest tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    /// Any element not listed.
    Other,
    /// Links and metadata.
    A,
    Area,
    Base,
    Frame,
    Html,
    Link,
    Meta,
    /// Contents that are not markup.
    Iframe,
    Noembed,
    Noframes,
    Plaintext,
    Script,
    Style,
    Textarea,
    Title,
    Xmp,
    /// Contents that are markup but not part of the page as shown.
    Noscript,
    Template,
    /// Where HTML's rules end and begin again.
    AnnotationXml,
    Desc,
    Font,
    ForeignObject,
    Math,
    MathText,
    Svg,
}

impl Tag {
    pub(super) fn of(name: &[u8]) -> Self {
        match name {
            b"a" => Self::A,
            b"area" => Self::Area,
            b"base" => Self::Base,
            b"frame" => Self::Frame,
            b"html" => Self::Html,
            b"link" => Self::Link,
            b"meta" => Self::Meta,
            b"iframe" => Self::Iframe,
            b"noembed" => Self::Noembed,
            b"noframes" => Self::Noframes,
            b"plaintext" => Self::Plaintext,
            b"script" => Self::Script,
            b"style" => Self::Style,
            b"textarea" => Self::Textarea,
            b"title" => Self::Title,
            b"xmp" => Self::Xmp,
            b"noscript" => Self::Noscript,
            b"template" => Self::Template,
            b"annotation-xml" => Self::AnnotationXml,
            b"desc" => Self::Desc,
            b"font" => Self::Font,
            b"foreignobject" => Self::ForeignObject,
            b"math" => Self::Math,
            b"mi" | b"mo" | b"mn" | b"ms" | b"mtext" => Self::MathText,
            b"svg" => Self::Svg,
            _ => Self::Other,
        }
    }

    /// Whether any attribute of the element is wanted.
    #[inline]
    pub(super) fn wants_attributes(self) -> bool {
        matches!(
            self,
            Self::A
                | Self::Area
                | Self::Base
                | Self::Frame
                | Self::Html
                | Self::Link
                | Self::Meta
                | Self::Iframe
                | Self::AnnotationXml
                | Self::Font
        )
    }

    /// In which slot an attribute of the element is kept, if it is.
    pub(super) fn slot(self, attribute: &[u8]) -> Option<usize> {
        match (self, attribute) {
            (Self::A | Self::Area | Self::Base | Self::Link, b"href")
            | (Self::Iframe | Self::Frame, b"src")
            | (Self::Html, b"lang")
            | (Self::Meta, b"content")
            | (Self::AnnotationXml, b"encoding")
            | (Self::Font, b"color" | b"face" | b"size") => Some(0),
            (Self::A | Self::Area | Self::Link, b"rel") | (Self::Meta, b"name") => Some(1),
            (Self::A, b"xlink:href") | (Self::Meta, b"http-equiv") => Some(2),
            _ => None,
        }
    }
}

/// HTML elements that end any SVG or MathML they are found in: the start tags that the HTML
/// standard lists ("rules for parsing tokens in foreign content"), `font` aside.
pub(super) fn starts_break_out(name: &[u8]) -> bool {
    matches!(
        name,
        b"b" | b"big"
            | b"blockquote"
            | b"body"
            | b"br"
            | b"center"
            | b"code"
            | b"dd"
            | b"div"
            | b"dl"
            | b"dt"
            | b"em"
            | b"embed"
            | b"h1"
            | b"h2"
            | b"h3"
            | b"h4"
            | b"h5"
            | b"h6"
            | b"head"
            | b"hr"
            | b"i"
            | b"img"
            | b"li"
            | b"listing"
            | b"menu"
            | b"meta"
            | b"nobr"
            | b"ol"
            | b"p"
            | b"pre"
            | b"ruby"
            | b"s"
            | b"small"
            | b"span"
            | b"strong"
            | b"strike"
            | b"sub"
            | b"sup"
            | b"table"
            | b"tt"
            | b"u"
            | b"ul"
            | b"var"
    )
}

/// HTML elements whose end tags end any SVG or MathML left open within them. The standard looks
/// the element up among the open ones; we keep none and take it that it is there.
pub(super) fn ends_break_out(name: &[u8]) -> bool {
    starts_break_out(name)
        || matches!(
            name,
            b"article"
                | b"aside"
                | b"button"
                | b"details"
                | b"figure"
                | b"footer"
                | b"form"
                | b"header"
                | b"html"
                | b"label"
                | b"main"
                | b"nav"
                | b"section"
                | b"summary"
                | b"tbody"
                | b"td"
                | b"th"
                | b"thead"
                | b"tr"
        )
}

/// Elements that stand on lines of their own in visible text.
pub(super) fn is_block(name: &[u8]) -> bool {
    matches!(
        name,
        b"address"
            | b"article"
            | b"aside"
            | b"blockquote"
            | b"body"
            | b"br"
            | b"caption"
            | b"center"
            | b"dd"
            | b"details"
            | b"dialog"
            | b"dir"
            | b"div"
            | b"dl"
            | b"dt"
            | b"fieldset"
            | b"figcaption"
            | b"figure"
            | b"footer"
            | b"form"
            | b"h1"
            | b"h2"
            | b"h3"
            | b"h4"
            | b"h5"
            | b"h6"
            | b"header"
            | b"hgroup"
            | b"hr"
            | b"html"
            | b"legend"
            | b"li"
            | b"listing"
            | b"main"
            | b"menu"
            | b"nav"
            | b"ol"
            | b"optgroup"
            | b"option"
            | b"p"
            | b"plaintext"
            | b"pre"
            | b"search"
            | b"section"
            | b"select"
            | b"summary"
            | b"table"
            | b"tbody"
            | b"tfoot"
            | b"thead"
            | b"tr"
            | b"ul"
            | b"xmp"
    )
}

/// Elements that are words of their own in visible text without being blocks.
pub(super) fn is_cell(name: &[u8]) -> bool {
    matches!(name, b"td" | b"th")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_put_together_and_bounded() {
        let mut name = Name::default();
        name.push(b"annotation");
        name.push(b"-xml");
        assert_eq!(Tag::of(name.as_bytes()), Tag::AnnotationXml);
        name.push(b"x");
        assert_eq!(name.as_bytes(), b"");
        name.push(b"");
        name.push(b"a");
        assert_eq!(Tag::of(name.as_bytes()), Tag::Other);
        name.clear();
        name.push(b"a");
        assert_eq!(Tag::of(name.as_bytes()), Tag::A);
    }
}
