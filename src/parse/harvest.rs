//! What the tags of a page mean to a crawler.
//!
//! Fed by [`super::emitter`] in document order. Knows no more of the page's structure than it
//! must: which element's raw text it is in, whether a template or `<noscript>` is open, whether
//! SVG's rules hold. Links count wherever a crawler that runs no scripts may see them, in
//! templates and `<noscript>` too; what the head says counts only where it governs the document.

use html5gum::State;
use url::Url;

use super::{
    Limits, Link, LinkKind, MAX_REFERENCE_BYTES, MAX_ROBOTS_TOKENS,
    emitter::Attributes,
    foreign::Foreign,
    refresh,
    relation::relations,
    tag::{Tag, is_block, is_cell},
    text::{Collapsed, Gap},
};

/// What was found so far.
#[derive(Debug)]
pub(super) struct Harvest<'p> {
    url: &'p Url,
    limits: &'p Limits,
    is_xhtml: bool,

    pub(super) links: Vec<Link>,
    pub(super) links_truncated: bool,
    /// The first reference that was a fragment alone, and how many links came before it.
    pub(super) first_fragment: Option<(usize, Link)>,
    pub(super) base: Option<Url>,
    pub(super) canonical: Option<String>,
    pub(super) title: Option<Collapsed>,
    pub(super) description: Option<String>,
    pub(super) language: Option<String>,
    pub(super) robots: Vec<String>,
    pub(super) text: Option<Collapsed>,

    /// The element whose contents are not markup, if we are in one.
    raw: Option<Tag>,
    /// Whether the raw text is that of the document's title.
    is_in_title: bool,
    n_templates: usize,
    is_in_noscript: bool,
    foreign: Foreign,
}

impl<'p> Harvest<'p> {
    pub(super) fn new(url: &'p Url, limits: &'p Limits, is_xhtml: bool) -> Self {
        Self {
            url,
            limits,
            is_xhtml,
            links: Vec::new(),
            links_truncated: false,
            first_fragment: None,
            base: None,
            canonical: None,
            title: None,
            description: None,
            language: None,
            robots: Vec::new(),
            text: (limits.max_text_bytes > 0).then(|| Collapsed::new(limits.max_text_bytes)),
            raw: None,
            is_in_title: false,
            n_templates: 0,
            is_in_noscript: false,
            foreign: Foreign::default(),
        }
    }

    /// Takes a start tag; answers how its contents are to be read if not as markup.
    pub(super) fn start_tag(
        &mut self,
        tag: Tag,
        name: &[u8],
        attributes: &Attributes,
        self_closing: bool,
    ) -> Option<State> {
        if let Some(text) = &mut self.text {
            separate(text, name);
        }
        let html_inside = match tag {
            Tag::AnnotationXml => attributes.get(0).is_some_and(|encoding| {
                encoding.eq_ignore_ascii_case(b"text/html") || encoding.eq_ignore_ascii_case(b"application/xhtml+xml")
            }),
            Tag::Font => attributes.get(0).is_some(),
            _ => false,
        };
        let is_foreign = self.foreign.start(tag, name, html_inside, self_closing);
        if is_foreign {
            if tag == Tag::A {
                self.anchor(attributes.get(0).or(attributes.get(2)), attributes.get(1));
            }
            return None;
        }
        match tag {
            Tag::A | Tag::Area => self.anchor(attributes.get(0), attributes.get(1)),
            Tag::Iframe | Tag::Frame => {
                if let Some(src) = attributes.get(0) {
                    self.link(src, LinkKind::Frame, false);
                }
            }
            Tag::Link => self.link_element(attributes),
            Tag::Meta => self.meta(attributes),
            Tag::Base => self.base(attributes),
            Tag::Html if self.n_templates == 0 && self.language.is_none() => {
                self.language = attributes.get(0).and_then(|lang| Collapsed::of(lang, self.limits.max_meta_bytes));
            }
            Tag::Template if !(self.is_xhtml && self_closing) => self.n_templates += 1,
            Tag::Noscript if !(self.is_xhtml && self_closing) => self.is_in_noscript = true,
            _ => {}
        }
        let state = raw_text_state(tag)?;
        if self.is_xhtml && self_closing {
            return None;
        }
        self.raw = Some(tag);
        if tag == Tag::Title && self.title.is_none() && self.n_templates == 0 {
            self.title = Some(Collapsed::new(self.limits.max_meta_bytes));
            self.is_in_title = true;
        }
        Some(state)
    }

    /// Takes an end tag.
    pub(super) fn end_tag(&mut self, tag: Tag, name: &[u8]) {
        if let Some(text) = &mut self.text {
            separate(text, name);
        }
        self.raw = None;
        self.is_in_title = false;
        match tag {
            Tag::Template => self.n_templates = self.n_templates.saturating_sub(1),
            Tag::Noscript => self.is_in_noscript = false,
            _ => {}
        }
        self.foreign.end(tag, name);
    }

    /// Takes text, entities decoded, possibly in pieces.
    #[inline]
    pub(super) fn text(&mut self, text: &[u8]) {
        if self.is_in_title {
            if let Some(title) = &mut self.title {
                title.push(text);
            }
        } else if self.text.is_some() {
            self.visible_text(text);
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

    fn anchor(&mut self, href: Option<&[u8]>, rel: Option<&[u8]>) {
        if let Some(href) = href {
            let nofollow = rel.is_some_and(|rel| relations(rel).nofollow);
            self.link(href, LinkKind::Anchor, nofollow);
        }
    }

    fn link_element(&mut self, attributes: &Attributes) {
        let (Some(href), Some(rel)) = (attributes.get(0), attributes.get(1)) else { return };
        let relations = relations(rel);
        if !relations.names_document {
            return;
        }
        self.link(href, LinkKind::LinkRel, relations.nofollow);
        if relations.is_canonical && self.canonical.is_none() && self.n_templates == 0 {
            let href = strip(href);
            if !href.is_empty() && href.len() <= MAX_REFERENCE_BYTES {
                self.canonical = Some(String::from_utf8_lossy(href).into_owned());
            }
        }
    }

    fn meta(&mut self, attributes: &Attributes) {
        let Some(content) = attributes.get(0) else { return };
        let is = |slot, value: &[u8]| attributes.get(slot).is_some_and(|found| found.eq_ignore_ascii_case(value));
        if is(2, b"refresh")
            && let Some(target) = refresh::target(content)
        {
            self.link(target, LinkKind::Refresh, false);
        }
        if self.n_templates > 0 {
            return;
        }
        if is(1, b"description") && self.description.is_none() {
            self.description = Collapsed::of(content, self.limits.max_meta_bytes);
        } else if is(1, b"robots") || is(1, b"dragline") {
            self.robots(content);
        }
    }

    /// Splits directives at commas and, since people leave them out, at white space; but what
    /// follows a colon is one value (`unavailable_after: 25 Jun 2030`).
    fn robots(&mut self, content: &[u8]) {
        for directive in content.split(|&byte| byte == b',') {
            let mut rest = directive.trim_ascii();
            while !rest.is_empty() && self.robots.len() < MAX_ROBOTS_TOKENS {
                let end = match rest.iter().position(|&byte| byte == b':' || byte.is_ascii_whitespace()) {
                    Some(end) if rest[end..].trim_ascii_start().starts_with(b":") => rest.len(),
                    Some(end) => end,
                    None => rest.len(),
                };
                if let Some(mut token) = Collapsed::of(&rest[..end], self.limits.max_meta_bytes) {
                    token.make_ascii_lowercase();
                    if !self.robots.contains(&token) {
                        self.robots.push(token);
                    }
                }
                rest = rest[end..].trim_ascii_start();
            }
        }
    }

    fn base(&mut self, attributes: &Attributes) {
        if self.base.is_some() || self.n_templates > 0 {
            return;
        }
        let Some(href) = attributes.get(0).map(strip).filter(|href| href.len() <= MAX_REFERENCE_BYTES) else { return };
        self.base = resolve(self.url, &String::from_utf8_lossy(href));
    }

    fn link(&mut self, href: &[u8], kind: LinkKind, nofollow: bool) {
        let href = strip(href);
        if names_no_document(href) {
            return;
        }
        let is_fragment = href.first() == Some(&b'#');
        if is_fragment && self.first_fragment.is_some() {
            return;
        }
        if href.len() > MAX_REFERENCE_BYTES {
            self.links_truncated |= !is_fragment;
            return;
        }
        if !is_fragment && self.links.len() >= self.limits.max_links {
            self.links_truncated = true;
            return;
        }
        let link = Link { href: String::from_utf8_lossy(href).into_owned(), kind, nofollow };
        if is_fragment {
            self.first_fragment = Some((self.links.len(), link));
        } else {
            self.links.push(link);
        }
    }
}

/// The reference as a URL, if it is an http(s) one.
pub(super) fn resolve(base: &Url, reference: &str) -> Option<Url> {
    base.join(reference).ok().filter(|url| matches!(url.scheme(), "http" | "https"))
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

fn separate(text: &mut Collapsed, name: &[u8]) {
    if is_block(name) {
        text.gap(Gap::Line);
    } else if is_cell(name) {
        text.gap(Gap::Space);
    }
}

/// Without C0 controls and spaces at the ends, as the URL standard begins to parse.
fn strip(reference: &[u8]) -> &[u8] {
    let start = reference.iter().position(|&byte| byte > b' ').unwrap_or(reference.len());
    let end = reference.iter().rposition(|&byte| byte > b' ').map_or(start, |last| last + 1);
    &reference[start..end]
}

/// Whether the scheme is one that leads to no document on a server. Tabs and line ends within it
/// don't count, as in the URL standard.
fn names_no_document(reference: &[u8]) -> bool {
    if !reference.first().is_some_and(|byte| matches!(byte, b'j' | b'J' | b'm' | b'M' | b't' | b'T' | b'd' | b'D')) {
        return false;
    }
    let letters = || reference.iter().filter(|byte| !matches!(byte, b'\t' | b'\n' | b'\r'));
    [&b"javascript:"[..], b"mailto:", b"tel:", b"data:"].iter().any(|scheme| {
        let mut letters = letters();
        scheme.iter().all(|expected| letters.next().is_some_and(|letter| letter.eq_ignore_ascii_case(expected)))
    })
}
