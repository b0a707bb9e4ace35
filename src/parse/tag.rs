//! Names: of elements and of the attributes wanted of them.
//!
//! Tables only. Names come lower-cased from the tokenizer and are compared as bytes; an element
//! that plays no part here is [`Tag::Other`], whatever it is called.

/// Longest name that means something here: `annotation-xml`, `shadowrootmode`.
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
#[repr(u8)]
pub(super) enum Tag {
    /// Any element not listed.
    Other,
    /// Links and metadata.
    A,
    Area,
    Base,
    Embed,
    Form,
    Frame,
    Frameset,
    Html,
    /// `<img>`, and `<image>`, which browsers take for it.
    Img,
    Input,
    Link,
    /// `<audio>` and `<bgsound>`.
    Audio,
    Meta,
    Object,
    Source,
    /// `<use>` and `<feImage>` of SVG.
    SvgUse,
    Track,
    Video,
    /// `<body>` and the parts of a table, for their backgrounds.
    Backed,
    /// What may cite.
    Cited,
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
            b"embed" => Self::Embed,
            b"form" => Self::Form,
            b"frame" => Self::Frame,
            b"frameset" => Self::Frameset,
            b"html" => Self::Html,
            b"img" | b"image" => Self::Img,
            b"input" => Self::Input,
            b"link" => Self::Link,
            b"audio" | b"bgsound" => Self::Audio,
            b"meta" => Self::Meta,
            b"object" => Self::Object,
            b"source" => Self::Source,
            b"use" | b"feimage" => Self::SvgUse,
            b"track" => Self::Track,
            b"video" => Self::Video,
            b"body" | b"table" | b"tbody" | b"td" | b"tfoot" | b"th" | b"thead" | b"tr" => Self::Backed,
            b"blockquote" | b"del" | b"ins" | b"q" => Self::Cited,
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
}

/// A set of elements.
#[derive(Debug, Clone, Copy)]
pub(super) struct TagSet(u64);

impl TagSet {
    pub(super) const fn of(tags: &[Tag]) -> Self {
        let (mut bits, mut i) = (0, 0);
        while i < tags.len() {
            bits |= 1 << tags[i] as u8;
            i += 1;
        }
        Self(bits)
    }

    /// With these too, if they are wanted.
    pub(super) const fn and(self, wanted: bool, tags: &[Tag]) -> Self {
        if wanted { Self(self.0 | Self::of(tags).0) } else { self }
    }

    #[inline]
    pub(super) const fn contains(self, tag: Tag) -> bool {
        self.0 & (1 << tag as u8) != 0
    }
}

/// The attributes that are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Attr {
    Action,
    Alt,
    Background,
    Cite,
    Content,
    Data,
    Encoding,
    /// One of those that make `<font>` a piece of HTML.
    Fonts,
    Href,
    Hreflang,
    HttpEquiv,
    Lang,
    Method,
    Name,
    Poster,
    Property,
    Rel,
    ShadowRoot,
    Src,
    /// `srcset`, and `imagesrcset` of a `<link>`.
    Srcset,
    Title,
    Type,
    XlinkHref,
    XmlLang,
}

/// How many there are of [`Attr`].
pub(super) const N_ATTRS: usize = Attr::XmlLang as usize + 1;

impl Attr {
    /// The attribute of this name of an element, if it is wanted.
    pub(super) fn of(tag: Tag, name: &[u8]) -> Option<Self> {
        Some(match (name, tag) {
            (b"href", _) => Self::Href,
            (b"src", _) => Self::Src,
            (b"rel", Tag::A | Tag::Area | Tag::Link) => Self::Rel,
            (b"content", Tag::Meta) => Self::Content,
            (b"name", Tag::Meta) => Self::Name,
            (b"property", Tag::Meta) => Self::Property,
            (b"http-equiv", Tag::Meta) => Self::HttpEquiv,
            (b"xlink:href", Tag::A | Tag::Img | Tag::SvgUse | Tag::Script) => Self::XlinkHref,
            (b"srcset", Tag::Img | Tag::Source) | (b"imagesrcset", Tag::Link) => Self::Srcset,
            (b"alt", Tag::Img | Tag::Area | Tag::Input) => Self::Alt,
            (b"title" | b"hreflang" | b"type", Tag::Link) => match name {
                b"title" => Self::Title,
                b"type" => Self::Type,
                _ => Self::Hreflang,
            },
            (b"type", Tag::Input | Tag::Script) => Self::Type,
            (b"lang", Tag::Html) => Self::Lang,
            (b"xml:lang", Tag::Html) => Self::XmlLang,
            (b"action", Tag::Form) => Self::Action,
            (b"method", Tag::Form) => Self::Method,
            (b"poster", Tag::Video) => Self::Poster,
            (b"data", Tag::Object) => Self::Data,
            (b"background", Tag::Backed) => Self::Background,
            (b"cite", Tag::Cited) => Self::Cite,
            (b"encoding", Tag::AnnotationXml) => Self::Encoding,
            (b"color" | b"face" | b"size", Tag::Font) => Self::Fonts,
            (b"shadowrootmode", Tag::Template) => Self::ShadowRoot,
            _ => return None,
        })
    }
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
