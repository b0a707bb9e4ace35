//! Kinds of links: which element and attribute a reference was found in, and sets of them.
//!
//! Tables only. A kind is shown by the name of its element ([`LinkKind::as_str`]); a set is asked for
//! by such names or by a group's ([`KindSet::named`]).

/// Where a link was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum LinkKind {
    /// `<a href>`; in SVG also `<a xlink:href>`.
    A,
    /// `<area href>`.
    Area,
    /// `<link href>` with a rel that names a document: `next`, `prev`, `alternate`, `canonical`, …
    Link,
    /// `<iframe src>`.
    Iframe,
    /// `<frame src>` in a frameset.
    Frame,
    /// `<meta http-equiv=refresh>`.
    Refresh,
    /// `<form action>` whose method is GET. What the fields would add to it is not known.
    Form,
    /// `<img src>`.
    Img,
    /// A candidate of `<img srcset>`.
    ImgSrcset,
    /// `<source src>`, in `<video>` and `<audio>`.
    Source,
    /// A candidate of `<source srcset>`, in `<picture>`.
    SourceSrcset,
    /// `<video src>`.
    Video,
    /// `<video poster>`.
    Poster,
    /// `<audio src>` and `<bgsound src>`.
    Audio,
    /// `<track src>`.
    Track,
    /// `<object data>`.
    Object,
    /// `<embed src>`.
    Embed,
    /// `<script src>`; in SVG `<script href>`.
    Script,
    /// `<link rel=stylesheet>`.
    Css,
    /// `<link rel=icon>` and its like.
    Icon,
    /// `<link>` with `preload`, `modulepreload`, `prefetch`, `prerender` or `manifest`, candidates
    /// of its `imagesrcset` included.
    Preload,
    /// `<input type=image src>`.
    Input,
    /// `<image>`, `<use>` and `<feImage>` of SVG.
    Svg,
    /// `background` of `<body>` and of the parts of a table.
    Background,
    /// `cite` of `<blockquote>`, `<q>`, `<ins>` and `<del>`.
    Cite,
}

use LinkKind as K;

impl LinkKind {
    /// Every kind.
    pub const ALL: [Self; 25] = [
        K::A,
        K::Area,
        K::Link,
        K::Iframe,
        K::Frame,
        K::Refresh,
        K::Form,
        K::Img,
        K::ImgSrcset,
        K::Source,
        K::SourceSrcset,
        K::Video,
        K::Poster,
        K::Audio,
        K::Track,
        K::Object,
        K::Embed,
        K::Script,
        K::Css,
        K::Icon,
        K::Preload,
        K::Input,
        K::Svg,
        K::Background,
        K::Cite,
    ];

    /// Its name: that of the element, where that tells enough.
    pub fn as_str(self) -> &'static str {
        match self {
            K::A => "a",
            K::Area => "area",
            K::Link => "link",
            K::Iframe => "iframe",
            K::Frame => "frame",
            K::Refresh => "refresh",
            K::Form => "form",
            K::Img | K::ImgSrcset => "img",
            K::Source | K::SourceSrcset => "source",
            K::Video | K::Poster => "video",
            K::Audio => "audio",
            K::Track => "track",
            K::Object => "object",
            K::Embed => "embed",
            K::Script => "script",
            K::Css => "css",
            K::Icon => "icon",
            K::Preload => "preload",
            K::Input => "input",
            K::Svg => "svg",
            K::Background => "background",
            K::Cite => "cite",
        }
    }

    /// Whether what it leads to is a part of the page (an image, a script, a style sheet, …) rather
    /// than another document. Frames are documents.
    pub fn is_embedded(self) -> bool {
        KindSet::ASSETS.contains(self)
    }
}

/// A set of kinds, and whether inert templates are searched for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KindSet(u64);

/// What asks for the contents of templates, besides kinds.
const TEMPLATES: u64 = 1 << 63;

impl KindSet {
    /// No kind.
    pub const NONE: Self = Self(0);
    /// What leads to other documents without a user's doing more than a click.
    pub const NAVIGATION: Self = Self::of(&[K::A, K::Area, K::Link, K::Iframe, K::Frame, K::Refresh]);
    /// What a page is made of.
    pub const ASSETS: Self = Self::of(&[
        K::Img,
        K::ImgSrcset,
        K::Source,
        K::SourceSrcset,
        K::Video,
        K::Poster,
        K::Audio,
        K::Track,
        K::Object,
        K::Embed,
        K::Script,
        K::Css,
        K::Icon,
        K::Preload,
        K::Input,
        K::Svg,
        K::Background,
    ]);
    /// Every kind.
    pub const ALL: Self = Self::of(&LinkKind::ALL);

    /// The names that [`KindSet::named`] knows: kinds, then parts of kinds, then groups. `template`
    /// is no kind but adds what stands in inert templates.
    pub const NAMES: [&'static str; 31] = [
        "a",
        "area",
        "link",
        "iframe",
        "frame",
        "refresh",
        "form",
        "img",
        "source",
        "video",
        "audio",
        "track",
        "object",
        "embed",
        "script",
        "css",
        "icon",
        "preload",
        "input",
        "svg",
        "background",
        "cite",
        "img-src",
        "srcset",
        "picture",
        "poster",
        "media",
        "navigation",
        "assets",
        "all",
        "template",
    ];

    /// The set of these kinds.
    pub const fn of(kinds: &[LinkKind]) -> Self {
        let (mut bits, mut i) = (0, 0);
        while i < kinds.len() {
            bits |= 1 << kinds[i] as u8;
            i += 1;
        }
        Self(bits)
    }

    /// The set by one of [`KindSet::NAMES`], by an element's name (`meta`, `body`, `q`) or by another
    /// obvious one (`style`, `image`), in any case. `None` if there is none of this name.
    pub fn named(name: &str) -> Option<Self> {
        let name = name.trim().to_ascii_lowercase();
        Some(match &*name {
            "img" | "image" | "images" => Self::of(&[K::Img, K::ImgSrcset]),
            "img-src" => Self::of(&[K::Img]),
            "srcset" => Self::of(&[K::ImgSrcset, K::SourceSrcset]),
            "source" | "picture" => Self::of(&[K::Source, K::SourceSrcset]),
            "video" => Self::of(&[K::Video, K::Poster]),
            "poster" => Self::of(&[K::Poster]),
            "media" => Self::of(&[K::Video, K::Poster, K::Audio, K::Track, K::Source, K::Object, K::Embed]),
            "meta" => Self::of(&[K::Refresh]),
            "style" | "styles" | "stylesheet" => Self::of(&[K::Css]),
            "scripts" => Self::of(&[K::Script]),
            "use" => Self::of(&[K::Svg]),
            "bgsound" => Self::of(&[K::Audio]),
            "body" => Self::of(&[K::Background]),
            "blockquote" | "q" | "ins" | "del" => Self::of(&[K::Cite]),
            "navigation" | "default" => Self::NAVIGATION,
            "assets" | "embedded" => Self::ASSETS,
            "all" => Self::ALL,
            "template" => Self(TEMPLATES),
            name => Self::of(&[LinkKind::ALL.into_iter().find(|kind| kind.as_str() == name)?]),
        })
    }

    /// Both together.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the kind is in it.
    #[inline]
    pub const fn contains(self, kind: LinkKind) -> bool {
        self.0 & (1 << kind as u8) != 0
    }

    /// Whether any kind of the other set is in it.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether links in inert templates are wanted.
    pub const fn has_templates(self) -> bool {
        self.0 & TEMPLATES != 0
    }
}

impl Default for KindSet {
    /// [`KindSet::NAVIGATION`].
    fn default() -> Self {
        Self::NAVIGATION
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_names_something_and_every_kind_has_one() {
        for name in KindSet::NAMES {
            assert_ne!(KindSet::named(name), Some(KindSet::NONE), "{name}");
            assert!(KindSet::named(&name.to_ascii_uppercase()).is_some(), "{name}");
        }
        for kind in LinkKind::ALL {
            assert!(KindSet::NAMES.contains(&kind.as_str()), "{kind:?}");
            assert!(KindSet::named(kind.as_str()).is_some_and(|set| set.contains(kind)), "{kind:?}");
            assert!(KindSet::ALL.contains(kind), "{kind:?}");
        }
        assert_eq!(KindSet::named("nonsense"), None);
    }

    #[test]
    fn pages_are_made_of_assets_and_lead_to_documents() {
        assert!(LinkKind::Img.is_embedded() && LinkKind::Css.is_embedded());
        assert!(!LinkKind::Iframe.is_embedded() && !LinkKind::Form.is_embedded());
        assert!(!KindSet::NAVIGATION.intersects(KindSet::ASSETS));
    }
}
