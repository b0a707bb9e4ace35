//! Entries of an XML document: sitemaps and feeds.
//!
//! One pass over the parser's events with a stack of the open elements. End tags close the nearest
//! open element of their name and everything in it; one that closes nothing is ignored.

use quick_xml::{
    Reader,
    events::{BytesRef, BytesStart, Event},
};

use super::{MAX_ADDRESS_BYTES, MAX_DEPTH, read::Harvest};

/// Reads entries into `harvest` until the document ends or breaks, or the harvest is full.
pub(super) fn read(text: &str, harvest: &mut Harvest) {
    let mut reader = Reader::from_str(text);
    let config = reader.config_mut();
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    config.allow_dangling_amp = true;
    let mut document = Document::default();
    while !harvest.is_full() {
        match reader.read_event() {
            Ok(Event::Start(tag)) if document.is_html(&tag) => return,
            Ok(Event::Start(tag)) => document.open(&tag, harvest),
            Ok(Event::Empty(tag)) => document.take_entry_link(&tag, harvest),
            Ok(Event::End(tag)) => document.close(tag.name().as_ref(), harvest),
            Ok(Event::Text(text)) => document.push_text(&text),
            Ok(Event::CData(text)) => document.push_text(&text),
            Ok(Event::GeneralRef(reference)) => document.push_reference(&reference),
            Ok(Event::Eof) if document.open.is_empty() => return,
            Ok(Event::Eof) | Err(_) => return harvest.truncate(),
            Ok(Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_)) => {}
        }
        if document.open.len() > MAX_DEPTH {
            return harvest.truncate();
        }
    }
}

/// The local name of the first element, and that element's attributes as written.
pub(super) fn root(text: &str) -> Option<(String, String)> {
    let mut reader = Reader::from_str(text);
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) | Event::Empty(tag) => {
                let local = split(tag.name().as_ref()).1.to_ascii_lowercase();
                return Some((local, tag.attributes_raw().to_owned()));
            }
            Event::Eof => return None,
            _ => {}
        }
    }
}

/// What an element means to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Element {
    /// `<url>` of a sitemap.
    Url,
    /// `<sitemap>` of a sitemap index.
    Sitemap,
    /// `<item>` of RSS.
    Item,
    /// `<entry>` of Atom.
    Entry,
    /// The text is a page's address.
    PageAddress,
    /// The text is a sitemap's address.
    SitemapAddress,
    Other,
}

/// Where in the document we are.
#[derive(Debug, Default)]
struct Document {
    open: Vec<Open>,
    /// The open elements' names, one after another.
    names: String,
    /// Text of the address at hand.
    address: String,
    has_root: bool,
}

#[derive(Debug)]
struct Open {
    element: Element,
    /// Where its name starts in `names`.
    name_at: usize,
}

impl Document {
    /// Whether `tag` is the root of a web page, an answer that stands in for many a sitemap.
    fn is_html(&mut self, tag: &BytesStart<'_>) -> bool {
        let is_root = !std::mem::replace(&mut self.has_root, true);
        is_root && split(tag.name().as_ref()).1.eq_ignore_ascii_case("html")
    }

    fn open(&mut self, tag: &BytesStart<'_>, harvest: &mut Harvest) {
        let name = tag.name();
        let element = self.element(name.as_ref());
        if matches!(element, Element::PageAddress | Element::SitemapAddress) {
            self.address.clear();
        }
        self.take_entry_link(tag, harvest);
        self.open.push(Open { element, name_at: self.names.len() });
        self.names.push_str(name.as_ref());
    }

    fn close(&mut self, name: &str, harvest: &mut Harvest) {
        let Some(at) = (0..self.open.len()).rev().find(|&at| self.name(at) == name) else { return };
        self.names.truncate(self.open[at].name_at);
        for closed in self.open.drain(at..).rev() {
            match closed.element {
                Element::PageAddress => harvest.add_page(self.address.trim()),
                Element::SitemapAddress => harvest.add_sitemap(self.address.trim()),
                _ => continue,
            }
            self.address.clear();
        }
    }

    fn push_text(&mut self, text: &str) {
        // One byte beyond the bound is enough to tell that an address is too long.
        if self.is_in_address() && self.address.len() <= MAX_ADDRESS_BYTES {
            self.address.push_str(if self.address.is_empty() { text.trim_start() } else { text });
        }
    }

    fn push_reference(&mut self, name: &str) {
        if self.is_in_address() && self.address.len() <= MAX_ADDRESS_BYTES {
            push_reference(&mut self.address, name);
        }
    }

    fn is_in_address(&self) -> bool {
        self.open.last().is_some_and(|open| matches!(open.element, Element::PageAddress | Element::SitemapAddress))
    }

    /// What an element called `name` is here.
    fn element(&self, name: &str) -> Element {
        let (prefix, local) = split(name);
        let is = |expected: &str| local.eq_ignore_ascii_case(expected);
        match self.parent_of(prefix) {
            Some(Element::Url) if is("loc") => Element::PageAddress,
            Some(Element::Sitemap) if is("loc") => Element::SitemapAddress,
            Some(Element::Item) if is("link") => Element::PageAddress,
            _ if is("url") => Element::Url,
            _ if is("sitemap") => Element::Sitemap,
            _ if is("item") => Element::Item,
            _ if is("entry") => Element::Entry,
            _ => Element::Other,
        }
    }

    /// The innermost open element, if an element with `prefix` belongs to its vocabulary:
    /// `<image:loc>` in a `<url>` is an extension's.
    fn parent_of(&self, prefix: &str) -> Option<Element> {
        let at = self.open.len().checked_sub(1)?;
        (prefix.is_empty() || prefix == split(self.name(at)).0).then_some(self.open[at].element)
    }

    fn name(&self, at: usize) -> &str {
        let end = self.open.get(at + 1).map_or(self.names.len(), |next| next.name_at);
        &self.names[self.open[at].name_at..end]
    }

    /// `<link href="…">` of an Atom entry (RFC 4287 section 4.2.7); without `rel` it is alternate.
    fn take_entry_link(&self, tag: &BytesStart<'_>, harvest: &mut Harvest) {
        let name = tag.name();
        let (prefix, local) = split(name.as_ref());
        if self.parent_of(prefix) != Some(Element::Entry) || !local.eq_ignore_ascii_case("link") {
            return;
        }
        let (mut href, mut is_alternate) = (None, true);
        for attribute in tag.attributes().with_checks(false).flatten() {
            match attribute.key.as_ref() {
                "href" => href = Some(unescape(&attribute.value)),
                "rel" => is_alternate = attribute.value.trim().eq_ignore_ascii_case("alternate"),
                _ => {}
            }
        }
        if let Some(href) = href.filter(|_| is_alternate) {
            harvest.add_page(href.trim());
        }
    }
}

/// `image:loc` as `("image", "loc")`, `loc` as `("", "loc")`.
fn split(name: &str) -> (&str, &str) {
    name.split_once(':').unwrap_or(("", name))
}

/// Appends what `&name;` stands for: one of XML's five entities or a character; anything else,
/// such as an unescaped query parameter or an entity that the document defines, stays as written.
fn push_reference(out: &mut String, name: &str) {
    let character = match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => BytesRef::new(name).resolve_char_ref().ok().flatten(),
    };
    match character {
        Some(character) => out.push(character),
        None => out.extend(["&", name, ";"]),
    }
}

/// An attribute's value with its references replaced, as [`push_reference`] does it.
fn unescape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut pieces = value.split('&');
    out.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        match piece.split_once(';') {
            Some((name, after)) => {
                push_reference(&mut out, name);
                out.push_str(after);
            }
            None => out.extend(["&", piece]),
        }
    }
    out
}
