//! Entries of an XML document: sitemaps and feeds.
//!
//! One pass over the tokens with a stack of the open elements. End tags close the nearest open
//! element of their name and everything in it; one that closes nothing is ignored. A field ends
//! where the next field begins, and an entry where the next entry does, closed or not.

use super::{
    Kind, MAX_DEPTH,
    defect::{DefectKind, Position},
    draft::Draft,
    element::{Element, Field, Flavour, Prefixes, Vocabulary, attributes, classify, list_of},
    field::{Bases, Text, unescaped},
    harvest::Harvest,
    root::{kind_of, split, starts_html},
    tokens::{MAX_NAME_BYTES, Token, Tokens, name_of},
};

/// Reads entries into `harvest` until the document ends or breaks, or the harvest is full.
pub(super) fn read(tokens: &mut Tokens<'_>, harvest: &mut Harvest<'_>) {
    let mut document = Document::new(harvest);
    while !document.harvest.is_full() {
        document.at = tokens.at();
        match tokens.next() {
            Token::Open { tag, is_empty } => {
                document.open(tag, is_empty);
                if document.harvest.found.kind == Kind::Html {
                    return;
                }
            }
            Token::Close(name) => document.close(name),
            Token::Text(text) => document.push_text(text, true),
            Token::CData(text) => document.push_text(text, false),
            Token::DocType { is_html, has_entities } => document.document_type(is_html, has_entities),
            Token::End { is_broken } => return document.end(is_broken),
        }
        if document.open.len() > MAX_DEPTH {
            document.harvest.truncate(DefectKind::TooDeep, document.at, "");
            return document.break_off();
        }
    }
}

/// Where in the document we are.
struct Document<'h, 'a> {
    harvest: &'h mut Harvest<'a>,
    at: Position,
    open: Vec<Open>,
    /// The open elements' names, one after another.
    names: String,
    prefixes: Prefixes,
    bases: Bases,
    /// The entry at hand.
    draft: Option<Draft>,
    /// The field at hand; its element is the innermost that is one.
    field: Option<Text>,
    has_element: bool,
    looks_like_html: bool,
    has_ended: bool,
    /// Whether it defines entities of its own, which are not looked up.
    has_entities: bool,
}

#[derive(Debug)]
struct Open {
    element: Element,
    /// Where its name starts in `names`.
    name_at: usize,
}

impl<'h, 'a> Document<'h, 'a> {
    fn new(harvest: &'h mut Harvest<'a>) -> Self {
        Self {
            harvest,
            at: Position::default(),
            open: Vec::new(),
            names: String::new(),
            prefixes: Prefixes::default(),
            bases: Bases::default(),
            draft: None,
            field: None,
            has_element: false,
            looks_like_html: false,
            has_ended: false,
            has_entities: false,
        }
    }

    fn document_type(&mut self, is_html: bool, has_entities: bool) {
        self.has_entities |= has_entities;
        self.looks_like_html |= is_html;
        if !is_html {
            self.harvest.note(DefectKind::DocumentType, self.at, "");
        }
    }

    fn open(&mut self, tag: &str, is_empty: bool) {
        let name = name_of(tag);
        let name = &name[..name.floor_char_boundary(MAX_NAME_BYTES)];
        let (prefix, local) = split(name);
        if tag.contains("xmlns:") {
            self.prefixes.bind(tag);
        }
        if tag.contains("xml:base") {
            self.bases.open(self.open.len(), tag, self.harvest.base());
        }
        if !std::mem::replace(&mut self.has_element, true) {
            self.looks_like_html |= starts_html(local);
            if local.eq_ignore_ascii_case("html") {
                self.harvest.found.kind = Kind::Html;
                return;
            }
        }
        if self.harvest.found.kind == Kind::None
            && let Some(kind) = kind_of(local, tag)
        {
            self.root(kind, prefix, tag);
        }
        if self.has_ended {
            self.harvest.note(DefectKind::TrailingContent, self.at, name);
        }
        let vocabulary = self.prefixes.vocabulary(prefix);
        let element = self.classify(name, vocabulary);
        let element = self.make_room(name, vocabulary, element);
        if element == Element::Other {
            self.take_link(local, vocabulary, tag);
        } else if local.bytes().any(|b| b.is_ascii_uppercase()) && !matches!(local, "pubDate") {
            self.harvest.note(DefectKind::WrongCase, self.at, name);
        }
        self.begin(element, local, tag);
        self.open.push(Open { element, name_at: self.names.len() });
        self.names.push_str(name);
        if is_empty {
            self.pop();
        }
    }

    /// The root element was found, perhaps within others.
    fn root(&mut self, kind: Kind, prefix: &str, tag: &str) {
        self.harvest.found.kind = kind;
        if self.draft.is_some() || !matches!(kind, Kind::Urlset | Kind::Index) {
            return;
        }
        let binding = if prefix.is_empty() { "xmlns".to_owned() } else { format!("xmlns:{prefix}") };
        match attributes(tag).find(|(name, _)| *name == binding) {
            None => self.harvest.note(DefectKind::NoNamespace, self.at, tag),
            Some((_, uri)) if uri.trim() != "http://www.sitemaps.org/schemas/sitemap/0.9" => {
                self.harvest.note(DefectKind::WrongNamespace, self.at, uri);
            }
            Some(_) => {}
        }
    }

    fn classify(&self, name: &str, vocabulary: Vocabulary) -> Element {
        let parent = self.open.last().map(|open| (open.element, self.name(self.open.len() - 1)));
        classify(name, vocabulary, parent, self.harvest.found.kind)
    }

    /// Closes what should have been closed before this element, and says what the element is then.
    fn make_room(&mut self, name: &str, vocabulary: Vocabulary, element: Element) -> Element {
        let mut element = element;
        if matches!(self.open.last(), Some(Open { element: Element::Field(_), .. })) {
            let at = self.open.len() - 1;
            let parent = at.checked_sub(1).map(|at| (self.open[at].element, self.name(at)));
            let sibling = classify(name, vocabulary, parent, self.harvest.found.kind);
            if sibling != Element::Other {
                self.harvest.note(DefectKind::MismatchedTag, self.at, name);
                self.pop();
                element = sibling;
            }
        }
        let Element::Entry(flavour) = element else { return element };
        if let Some(at) = self.open.iter().rposition(|open| open.element == Element::Entry(flavour)) {
            self.harvest.note(DefectKind::MismatchedTag, self.at, name);
            self.close_to(at);
        }
        element
    }

    /// An element begins.
    fn begin(&mut self, element: Element, local: &str, tag: &str) {
        match element {
            Element::Entry(flavour) => {
                self.finish_draft();
                let mut draft = Draft::new(flavour, self.at);
                if flavour == Flavour::Item
                    && let Some((_, about)) = attributes(tag).find(|(name, _)| *name == "rdf:about")
                    && let Some(about) = self.unescaped(about)
                {
                    draft.set_fallback(&about);
                }
                self.infer(flavour);
                self.draft = Some(draft);
            }
            Element::Field(field) => {
                let is_no_address = |(name, value): (&str, &str)| {
                    name.eq_ignore_ascii_case("isPermaLink") && value.trim().eq_ignore_ascii_case("false")
                };
                if self.draft.is_none()
                    && let Some(at) = self.open.len().checked_sub(1)
                    && let Some(flavour) = list_of(self.name(at), self.harvest.found.kind)
                {
                    self.harvest.note(DefectKind::StrayAddress, self.at, "");
                    self.draft = Some(Draft::new(flavour, self.at));
                }
                if field == Field::Guid && attributes(tag).any(is_no_address) {
                    return;
                }
                self.field = Some(Text::new(field, self.at));
                if local.eq_ignore_ascii_case("link") {
                    self.take_reference(tag);
                }
            }
            _ => {}
        }
    }

    /// What an entry says about a document whose root said nothing, or something else.
    fn infer(&mut self, flavour: Flavour) {
        let kind = match flavour {
            Flavour::Url => Kind::Urlset,
            Flavour::Sitemap => Kind::Index,
            Flavour::Item => Kind::Rss,
            Flavour::Entry => Kind::Atom,
        };
        let found = &mut self.harvest.found.kind;
        if *found == Kind::None {
            *found = kind;
            self.harvest.note(DefectKind::UnknownRoot, self.at, "");
        } else if *found != kind {
            self.harvest.note(DefectKind::MixedKinds, self.at, "");
        }
    }

    /// `<link href>` of an RSS item, in place of its text.
    fn take_reference(&mut self, tag: &str) {
        let href = attributes(tag).find(|(name, _)| name.eq_ignore_ascii_case("href")).map(|(_, href)| href);
        if let (Some(href), Some(text)) = (href, &mut self.field) {
            text.push(href, true, true, self.harvest);
        }
    }

    /// Addresses in attributes, of elements directly within an entry: links of an Atom entry
    /// (RFC 4287 section 4.2.7; without `rel` they are alternate), translations, enclosures.
    fn take_link(&mut self, local: &str, vocabulary: Vocabulary, tag: &str) {
        let Some(Open { element: Element::Entry(_), .. }) = self.open.last() else { return };
        let Some(flavour) = self.draft.as_ref().map(Draft::flavour) else { return };
        let is_link = local.eq_ignore_ascii_case("link");
        let is_media = match vocabulary {
            Vocabulary::Media => local.eq_ignore_ascii_case("content"),
            _ => flavour == Flavour::Item && local.eq_ignore_ascii_case("enclosure"),
        };
        if !is_link && !is_media {
            return;
        }
        let (mut href, mut rel, mut language, mut kind) = (None, "", None, "");
        for (name, value) in attributes(tag) {
            match name.to_ascii_lowercase().as_str() {
                "href" | "url" => href = Some(value),
                "rel" => rel = value.trim(),
                "hreflang" => language = Some(value),
                "type" | "medium" => kind = value.trim(),
                _ => {}
            }
        }
        let Some(href) = href else { return };
        let Some(href) = self.unescaped(href) else { return };
        let href = self.bases.resolve(&href);
        let (at, harvest) = (self.at, &mut *self.harvest);
        let Some(draft) = &mut self.draft else { return };
        let is_alternate = rel.split_whitespace().any(|rel| rel.eq_ignore_ascii_case("alternate"));
        match (flavour, vocabulary) {
            _ if is_media && kind.starts_with("image") => draft.set(Field::Image, &href, false, at, harvest),
            _ if is_media && kind.starts_with("video") => draft.set(Field::Video, &href, false, at, harvest),
            _ if is_media => {}
            (Flavour::Entry, Vocabulary::Base | Vocabulary::Atom | Vocabulary::Unknown)
                if rel.is_empty() || is_alternate =>
            {
                if draft.has_address() {
                    draft.add_alternate(&href, language, at, harvest);
                } else {
                    draft.set(Field::Address, &href, false, at, harvest);
                }
            }
            (Flavour::Url, Vocabulary::Xhtml | Vocabulary::Base | Vocabulary::Unknown) if is_alternate => {
                draft.add_alternate(&href, language, at, harvest);
            }
            _ => {}
        }
    }

    fn close(&mut self, name: &str) {
        let name = &name[..name.floor_char_boundary(MAX_NAME_BYTES)];
        let Some(at) = (0..self.open.len()).rev().find(|&at| self.name(at).eq_ignore_ascii_case(name)) else {
            return self.harvest.note(DefectKind::MismatchedTag, self.at, name);
        };
        if at + 1 < self.open.len() {
            self.harvest.note(DefectKind::MismatchedTag, self.at, name);
        }
        self.close_to(at);
        self.has_ended = self.open.is_empty();
    }

    /// Closes the element at `at`, and those in it.
    fn close_to(&mut self, at: usize) {
        while self.open.len() > at {
            self.pop();
        }
    }

    /// Closes the innermost element.
    fn pop(&mut self) {
        let Some(closed) = self.open.pop() else { return };
        self.names.truncate(closed.name_at);
        self.bases.close(self.open.len());
        match closed.element {
            Element::Field(_) => {
                self.finish_field();
                // An address in no entry is all of its own.
                if matches!(self.open.last(), None | Some(Open { element: Element::Other, .. })) {
                    self.finish_draft();
                }
            }
            Element::Entry(_) => self.finish_draft(),
            _ => {
                if let Some(text) = &mut self.field {
                    text.leave(self.open.len() + 1);
                }
            }
        }
    }

    fn finish_field(&mut self) {
        let Some(mut text) = self.field.take() else { return };
        text.flush(!self.has_entities, self.harvest);
        if let Some(draft) = &mut self.draft {
            // What is left of a whole address is one; the rest of one would be made up.
            if text.has_entity && text.field.is_address() && !super::list::is_address(text.value.trim()) {
                return draft.drop_address(text.field, &text.value, text.at, self.harvest);
            }
            let value = if text.field == Field::Address { self.bases.resolve(&text.value) } else { text.value.into() };
            draft.set(text.field, &value, text.is_cut, text.at, self.harvest);
        }
    }

    fn finish_draft(&mut self) {
        if let Some(draft) = self.draft.take() {
            draft.finish(self.harvest);
        }
    }

    fn push_text(&mut self, text: &str, is_escaped: bool) {
        if self.open.is_empty() && self.has_ended && !text.trim().is_empty() {
            self.harvest.note(DefectKind::TrailingContent, self.at, text);
        }
        // Some wrap an address in elements of another vocabulary.
        let depth = self.open.iter().rev().position(|open| open.element != Element::Other).unwrap_or_default();
        let innermost = self.open.len().checked_sub(depth + 1).map(|at| self.open[at].element);
        let Some(Element::Field(kind)) = innermost else { return };
        let is_loc = kind == Field::Address
            && self.draft.as_ref().is_some_and(|draft| matches!(draft.flavour(), Flavour::Url | Flavour::Sitemap));
        if depth > 0 && !is_loc {
            return;
        }
        let depth = if depth > 0 { self.open.len() } else { 0 };
        if let Some(field) = &mut self.field
            && field.takes(depth, text)
        {
            field.push(text, is_escaped, !self.has_entities, self.harvest);
        }
    }

    /// A value without its references; `None` if it refers to an entity that the document defines.
    fn unescaped(&mut self, value: &str) -> Option<String> {
        unescaped(value, !self.has_entities, self.at, self.harvest)
    }

    fn end(&mut self, is_broken: bool) {
        if is_broken || !self.open.is_empty() {
            self.harvest.truncate(DefectKind::Truncated, self.at, "");
        }
        self.break_off();
        if self.harvest.found.kind == Kind::None && self.looks_like_html {
            self.harvest.found.kind = Kind::Html;
        }
    }

    /// What came before the end is kept, but for a field that was cut.
    fn break_off(&mut self) {
        self.field = None;
        if self.draft.as_ref().is_some_and(Draft::has_address) {
            self.finish_draft();
        }
    }

    fn name(&self, at: usize) -> &str {
        let end = self.open.get(at + 1).map_or(self.names.len(), |next| next.name_at);
        &self.names[self.open[at].name_at..end]
    }
}
