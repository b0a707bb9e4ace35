//! What the tags of a page mean to a crawler.
//!
//! Fed by [`super::emitter`] in document order. Knows no more of the page's structure than it
//! must: which element's raw text it is in, whether a template or `<noscript>` is open, whether
//! SVG's rules hold, whether frames count. Links count where a browser that runs no scripts shows
//! them: in `<noscript>`, but not in templates, unless they are shadow roots or asked for. What the
//! head says counts only where it governs the document.

use encoding_rs::Encoding;
use html5gum::State;
use url::Url;

use super::{
    Options,
    elements::{is_block, is_cell, is_item, is_void},
    emitter::Attributes,
    foreign::Foreign,
    head::Head,
    leads::wanted,
    links::Links,
    structure::Structure,
    tag::{Attr, Tag, TagSet},
    text::{Collapsed, Gap},
};
use crate::address::join_in;

/// What was found so far.
#[derive(Debug)]
pub(super) struct Harvest<'p> {
    pub(super) url: &'p Url,
    pub(super) encoding: &'static Encoding,
    pub(super) options: &'p Options,
    pub(super) is_xhtml: bool,
    /// Elements of which attributes are wanted.
    wanted: TagSet,

    pub(super) links: Links<'p>,
    pub(super) head: Head<'p>,
    pub(super) base: Option<Url>,
    pub(super) text: Option<Collapsed>,

    /// The element whose contents are not markup, if we are in one.
    raw: Option<Tag>,
    /// Whether the raw text is that of the document's title.
    is_in_title: bool,
    pub(super) n_templates: usize,
    /// How many templates were open where their contents became inert.
    pub(super) inert_at: Option<usize>,
    is_in_noscript: bool,
    pub(super) is_in_form: bool,
    pub(super) foreign: Foreign,
    /// How many templates were open where the last anchor began.
    pub(super) anchor_templates: usize,
    structure: Structure,
    /// How many links came before the body.
    body_at: usize,
}

impl<'p> Harvest<'p> {
    pub(super) fn new(url: &'p Url, encoding: &'static Encoding, options: &'p Options, is_xhtml: bool) -> Self {
        let max_text_bytes = options.limits.max_text_bytes;
        Self {
            url,
            encoding,
            options,
            is_xhtml,
            wanted: wanted(options),
            links: Links::new(options),
            head: Head::new(options),
            base: None,
            text: (max_text_bytes > 0).then(|| Collapsed::new(max_text_bytes)),
            raw: None,
            is_in_title: false,
            n_templates: 0,
            inert_at: None,
            is_in_noscript: false,
            is_in_form: false,
            foreign: Foreign::default(),
            anchor_templates: 0,
            structure: if is_xhtml { Structure::Body } else { Structure::Head },
            body_at: 0,
        }
    }

    /// Whether any attribute of the element is wanted.
    #[inline]
    pub(super) fn wants_attributes(&self, tag: Tag) -> bool {
        self.wanted.contains(tag)
    }

    /// Takes a start tag; answers how its contents are to be read if not as markup.
    pub(super) fn start_tag(
        &mut self,
        tag: Tag,
        name: &[u8],
        attributes: &Attributes,
        self_closing: bool,
    ) -> Option<State> {
        let is_html = !self.foreign.is_current();
        if is_html && self.n_templates == 0 && !self.takes_place(tag, name) {
            return None;
        }
        self.separate(name, true);
        let html_inside = match tag {
            Tag::AnnotationXml => attributes.get(Attr::Encoding).is_some_and(|encoding| {
                encoding.eq_ignore_ascii_case(b"text/html") || encoding.eq_ignore_ascii_case(b"application/xhtml+xml")
            }),
            Tag::Font => attributes.get(Attr::Fonts).is_some(),
            _ => false,
        };
        let is_foreign = self.foreign.start(tag, name, html_inside, self_closing);
        if is_foreign {
            if self.wanted.contains(tag) && self.counts() {
                self.foreign_links(tag, attributes);
            }
            return None;
        }
        let is_closed = self.is_xhtml && self_closing;
        match tag {
            Tag::Other => return None,
            Tag::Template if !is_closed => {
                self.n_templates += 1;
                let is_shadow = attributes
                    .get(Attr::ShadowRoot)
                    .is_some_and(|mode| mode.eq_ignore_ascii_case(b"open") || mode.eq_ignore_ascii_case(b"closed"));
                if !is_shadow && self.inert_at.is_none() {
                    self.inert_at = Some(self.n_templates);
                }
            }
            Tag::Noscript if !is_closed => self.is_in_noscript = true,
            _ if self.wanted.contains(tag) => self.wanted_element(tag, attributes),
            _ => {}
        }
        let state = raw_text_state(tag)?;
        if is_closed {
            return None;
        }
        self.raw = Some(tag);
        if self.n_templates == 0 {
            match tag {
                Tag::Title if self.head.title.is_none() => {
                    self.head.title = Some(Collapsed::new(self.options.limits.max_meta_bytes));
                    self.is_in_title = true;
                }
                Tag::Script => self.head.begin_json_ld(attributes.get(Attr::Type)),
                _ => {}
            }
        }
        Some(state)
    }

    /// Whether a start tag of HTML counts where it stands.
    #[inline]
    fn takes_place(&mut self, tag: Tag, name: &[u8]) -> bool {
        if self.structure == Structure::Body {
            return self.is_xhtml || !matches!(tag, Tag::Frame | Tag::Frameset);
        }
        let before = self.structure;
        let counts = self.structure.start(tag, name);
        match (before, self.structure) {
            (Structure::EmptyBody, Structure::Frameset(_)) => self.links.drop_from(self.body_at),
            (Structure::Head, Structure::EmptyBody) => self.body_at = self.links.list.len(),
            _ => {}
        }
        counts
    }

    /// Takes an end tag.
    pub(super) fn end_tag(&mut self, tag: Tag, name: &[u8]) {
        self.separate(name, false);
        self.raw = None;
        self.is_in_title = false;
        match tag {
            Tag::A if self.is_in_anchor() => self.links.close_anchor(),
            Tag::Template => {
                self.n_templates = self.n_templates.saturating_sub(1);
                self.inert_at = self.inert_at.filter(|at| *at <= self.n_templates);
            }
            Tag::Noscript => self.is_in_noscript = false,
            Tag::Form => self.is_in_form = false,
            Tag::Script => self.head.end_json_ld(),
            Tag::Frameset if self.n_templates == 0 => self.structure.end(tag),
            _ => {}
        }
        self.foreign.end(tag, name);
    }

    /// Whether text that comes now would be kept, or tells something.
    #[inline]
    pub(super) fn wants_text(&self) -> bool {
        match self.raw {
            _ if self.text.is_some() || self.is_in_title => true,
            Some(_) => self.head.is_in_json_ld(),
            None => self.structure != Structure::Body || self.is_in_anchor(),
        }
    }

    /// Takes text, entities decoded, possibly in pieces.
    #[inline]
    pub(super) fn text(&mut self, text: &[u8]) {
        if self.is_in_title {
            if let Some(title) = &mut self.head.title {
                title.push(text);
            }
        } else if self.raw.is_some() {
            if self.head.is_in_json_ld() {
                self.head.json_ld_text(text);
            } else if self.text.is_some() {
                self.visible_text(text);
            }
        } else {
            if self.structure != Structure::Body && !self.is_in_noscript && self.n_templates == 0 {
                self.structure.text(text);
            }
            if self.is_in_anchor() {
                self.links.anchor_text(text);
            }
            if self.text.is_some() {
                self.visible_text(text);
            }
        }
    }

    /// Whether we are in the raw text of such an element, so that its end tag ends it.
    pub(super) fn is_raw_text_of(&self, tag: Tag) -> bool {
        self.raw == Some(tag)
    }

    /// Whether `<![CDATA[` begins text here, and not a comment.
    pub(super) fn takes_cdata(&self) -> bool {
        self.is_xhtml || self.foreign.is_current()
    }

    /// Whether what comes belongs to the open anchor. A template's contents are a document of their own,
    /// and no part of what it stands in.
    #[inline]
    pub(super) fn is_in_anchor(&self) -> bool {
        self.links.has_open_anchor() && self.anchor_templates == self.n_templates
    }

    fn visible_text(&mut self, piece: &[u8]) {
        let is_shown = matches!(self.raw, None | Some(Tag::Xmp | Tag::Plaintext))
            && self.n_templates == 0
            && !self.is_in_noscript
            && !self.foreign.is_within_svg();
        if let Some(text) = &mut self.text
            && is_shown
        {
            text.push(piece);
        }
    }

    /// A tag of this name separates what is read as text.
    #[inline]
    fn separate(&mut self, name: &[u8], begins: bool) {
        if self.text.is_some() || self.is_in_anchor() {
            self.separate_text(name, begins);
        }
    }

    fn separate_text(&mut self, name: &[u8], begins: bool) {
        let (is_block, is_cell) = (is_block(name), is_cell(name));
        if let Some(text) = &mut self.text
            && (is_block || is_cell)
        {
            text.gap(if is_block { Gap::Line } else { Gap::Space });
        }
        if (is_block || is_cell) && !is_void(name) && self.is_in_anchor() {
            self.links.anchor_block(begins, is_item(name));
        }
    }
}

/// The reference of a page in `encoding` as a URL, if it is an http(s) one.
pub(super) fn resolve(base: &Url, reference: &str, encoding: &'static Encoding) -> Option<Url> {
    join_in(base, reference, encoding).ok().filter(|url| matches!(url.scheme(), "http" | "https"))
}

/// How the contents of an HTML element are read when they are not markup. `<noscript>` is markup
/// to those who run no scripts.
fn raw_text_state(tag: Tag) -> Option<State> {
    match tag {
        Tag::Title | Tag::Textarea => Some(State::RcData),
        Tag::Script => Some(State::ScriptData),
        Tag::Style | Tag::Iframe | Tag::Noembed | Tag::Noframes | Tag::Xmp => Some(State::RawText),
        Tag::Plaintext => Some(State::PlainText),
        _ => None,
    }
}
