//! Where elements lead: the links and the metadata in the attributes of one.
//!
//! The second half of [`Harvest`]: one table from elements to links of their kinds. It knows nothing
//! of where in the page an element stands but what `harvest` noted.

use url::Url;

use super::{
    KindSet, LinkKind, MAX_BASE_BYTES, MAX_REFERENCE_BYTES, Options, Rel,
    emitter::Attributes,
    harvest::Harvest,
    links::strip,
    refresh, relation, srcset,
    tag::{Attr, Tag, TagSet},
    text::{Collapsed, owned},
};
use crate::address::join_in;

impl Harvest<'_> {
    /// Whether links count here.
    pub(super) fn counts(&self) -> bool {
        self.inert_at.is_none() || self.options.kinds.has_templates()
    }

    /// An element of HTML with wanted attributes.
    pub(super) fn wanted_element(&mut self, tag: Tag, attributes: &Attributes) {
        match tag {
            Tag::Link => self.link_element(attributes),
            Tag::Meta => self.meta(attributes),
            Tag::Base => self.base(attributes),
            Tag::Html => self.html(attributes),
            _ if self.counts() => self.links_of(tag, attributes),
            _ => {}
        }
    }

    /// An element of HTML that does nothing but lead elsewhere.
    fn links_of(&mut self, tag: Tag, attributes: &Attributes) {
        use LinkKind as K;
        let value = |attr| attributes.get(attr);
        match tag {
            Tag::A => self.anchor(value(Attr::Href), value(Attr::Rel)),
            Tag::Area => {
                let rel = value(Attr::Rel);
                self.link(value(Attr::Href), K::Area, said(rel), rel, value(Attr::Alt));
            }
            Tag::Iframe => self.plain(value(Attr::Src), K::Iframe),
            Tag::Frame => self.plain(value(Attr::Src), K::Frame),
            Tag::Form if self.is_in_form => {}
            Tag::Form => {
                self.is_in_form = self.n_templates == 0;
                let method = value(Attr::Method).unwrap_or_default();
                if !method.eq_ignore_ascii_case(b"post") && !method.eq_ignore_ascii_case(b"dialog") {
                    self.plain(value(Attr::Action), K::Form);
                }
            }
            Tag::Img => {
                let alt = value(Attr::Alt);
                if self.is_in_anchor() {
                    self.links.anchor_alt(alt.unwrap_or_default());
                }
                self.link(value(Attr::Src), K::Img, Rel::default(), None, alt);
                self.srcset(value(Attr::Srcset), K::ImgSrcset, alt);
            }
            Tag::Source => {
                self.plain(value(Attr::Src), K::Source);
                self.srcset(value(Attr::Srcset), K::SourceSrcset, None);
            }
            Tag::Video => {
                self.plain(value(Attr::Src), K::Video);
                self.plain(value(Attr::Poster), K::Poster);
            }
            Tag::Audio => self.plain(value(Attr::Src), K::Audio),
            Tag::Track => self.plain(value(Attr::Src), K::Track),
            Tag::Object => self.plain(value(Attr::Data), K::Object),
            Tag::Embed => self.plain(value(Attr::Src), K::Embed),
            Tag::Script => self.plain(value(Attr::Src), K::Script),
            Tag::Input if value(Attr::Type).is_some_and(|kind| kind.eq_ignore_ascii_case(b"image")) => {
                self.link(value(Attr::Src), K::Input, Rel::default(), None, value(Attr::Alt));
            }
            Tag::Backed => self.plain(value(Attr::Background), K::Background),
            Tag::Cited => self.plain(value(Attr::Cite), K::Cite),
            _ => {}
        }
    }

    /// An element of SVG or MathML.
    pub(super) fn foreign_links(&mut self, tag: Tag, attributes: &Attributes) {
        let href = attributes.get(Attr::Href).or(attributes.get(Attr::XlinkHref));
        match tag {
            Tag::A => self.anchor(href, attributes.get(Attr::Rel)),
            Tag::Img | Tag::SvgUse if self.foreign.is_svg() => self.plain(href, LinkKind::Svg),
            Tag::Script if self.foreign.is_svg() => self.plain(href, LinkKind::Script),
            _ => {}
        }
    }

    fn anchor(&mut self, href: Option<&[u8]>, rel: Option<&[u8]>) {
        let index = self.link(href, LinkKind::A, said(rel), rel, None);
        self.links.open_anchor(index);
        self.anchor_templates = self.n_templates;
    }

    fn link_element(&mut self, attributes: &Attributes) {
        let (href, Some(rel)) = (attributes.get(Attr::Href), attributes.get(Attr::Rel)) else { return };
        let (said, Some(kind)) = relation::relations(rel) else { return };
        if self.counts() {
            self.link(href, kind, said, Some(rel), attributes.get(Attr::Title));
            // A preloaded image may have its candidates and no address for all.
            if kind == LinkKind::Preload {
                self.srcset(attributes.get(Attr::Srcset), kind, None);
            }
        }
        let Some(href) = href.filter(|_| self.n_templates == 0) else { return };
        if said.canonical {
            self.head.canonical(href);
        }
        if said.alternate
            && let Some(language) = attributes.get(Attr::Hreflang)
        {
            self.head.alternate(language, href);
        }
    }

    fn meta(&mut self, attributes: &Attributes) {
        let Some(content) = attributes.get(Attr::Content) else { return };
        let is_refresh = attributes.get(Attr::HttpEquiv).is_some_and(|of| of.eq_ignore_ascii_case(b"refresh"));
        if is_refresh && let Some((seconds, target)) = refresh::declarative(content) {
            if self.counts() {
                self.plain(target, LinkKind::Refresh);
            }
            if self.n_templates == 0 {
                self.head.refresh(seconds, target);
            }
        }
        if self.n_templates == 0 {
            self.head.meta(attributes, content);
        }
    }

    fn html(&mut self, attributes: &Attributes) {
        let xml_lang = attributes.get(Attr::XmlLang).filter(|_| self.is_xhtml);
        if self.n_templates == 0 && self.head.language.is_none() {
            let language = xml_lang.or(attributes.get(Attr::Lang));
            self.head.language = language.and_then(|lang| Collapsed::of(lang, self.options.limits.max_meta_bytes));
        }
    }

    fn base(&mut self, attributes: &Attributes) {
        if self.base.is_some() || self.n_templates > 0 {
            return;
        }
        let href = attributes.get(Attr::Href).map(strip).filter(|href| href.len() <= MAX_REFERENCE_BYTES);
        let Some(href) = href else { return };
        // The standard rules out data: and javascript:; nothing can be resolved against their like.
        // That each link is joined with the base makes much of little where it is long.
        let is_taken = |base: &Url| !base.cannot_be_a_base() && base.as_str().len() <= MAX_BASE_BYTES;
        self.base = join_in(self.url, &owned(href), self.encoding).ok().filter(is_taken);
    }

    fn srcset(&mut self, srcset: Option<&[u8]>, kind: LinkKind, text: Option<&[u8]>) {
        if let Some(srcset) = srcset
            && self.options.kinds.contains(kind)
        {
            // The end of one that is too long was cut off.
            let (whole, cut) = srcset.split_at(srcset.len().min(MAX_REFERENCE_BYTES));
            self.links.truncated |= !cut.is_empty();
            let mut candidates = srcset::candidates(whole).peekable();
            while let Some(candidate) = candidates.next() {
                if cut.is_empty() || candidates.peek().is_some() {
                    self.links.take(candidate, kind, Rel::default(), None, text);
                }
            }
        }
    }

    fn plain(&mut self, href: Option<&[u8]>, kind: LinkKind) {
        self.link(href, kind, Rel::default(), None, None);
    }

    /// The link's place among those kept, if it is kept.
    fn link(
        &mut self,
        href: Option<&[u8]>,
        kind: LinkKind,
        said: Rel,
        rel: Option<&[u8]>,
        text: Option<&[u8]>,
    ) -> Option<usize> {
        let href = href.filter(|_| self.options.kinds.contains(kind))?;
        self.links.take(href, kind, said, rel, text)
    }
}

/// What the `rel` of an anchor says.
fn said(rel: Option<&[u8]>) -> Rel {
    rel.map(relation::follow).unwrap_or_default()
}

/// The elements that links, metadata and the rules of SVG and MathML need the attributes of.
pub(super) fn wanted(options: &Options) -> TagSet {
    use LinkKind as K;
    let any = |kinds: &[K]| options.kinds.intersects(KindSet::of(kinds));
    let has_text = options.max_link_text_bytes > 0;
    TagSet::of(&[Tag::Base, Tag::Html, Tag::Link, Tag::Meta, Tag::AnnotationXml, Tag::Font, Tag::Template])
        .and(any(&[K::A]), &[Tag::A])
        .and(any(&[K::Area]), &[Tag::Area])
        .and(any(&[K::Iframe]), &[Tag::Iframe])
        .and(any(&[K::Frame]), &[Tag::Frame])
        .and(any(&[K::Form]), &[Tag::Form])
        .and(any(&[K::Img, K::ImgSrcset, K::Svg]) || has_text, &[Tag::Img])
        .and(any(&[K::Svg]), &[Tag::SvgUse])
        .and(any(&[K::Source, K::SourceSrcset]), &[Tag::Source])
        .and(any(&[K::Video, K::Poster]), &[Tag::Video])
        .and(any(&[K::Audio]), &[Tag::Audio])
        .and(any(&[K::Track]), &[Tag::Track])
        .and(any(&[K::Object]), &[Tag::Object])
        .and(any(&[K::Embed]), &[Tag::Embed])
        .and(any(&[K::Script]) || options.metadata, &[Tag::Script])
        .and(any(&[K::Input]), &[Tag::Input])
        .and(any(&[K::Background]), &[Tag::Backed])
        .and(any(&[K::Cite]), &[Tag::Cited])
}
