//! What elements mean: entries, their fields, and what extensions add to them.
//!
//! Names are compared without regard to case. A prefix counts by the namespace it was bound to, or
//! by convention (`image:`) if that says nothing; where a binding ends is not followed.

use super::{Kind, MAX_PREFIXES, MAX_VALUE_BYTES, root::split};

/// What an element means to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    Entry(Flavour),
    Field(Field),
    Group(Group),
    Other,
}

/// Whose entry it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flavour {
    /// `<url>` of a sitemap.
    Url,
    /// `<sitemap>` of a sitemap index.
    Sitemap,
    /// `<item>` of RSS.
    Item,
    /// `<entry>` of Atom.
    Entry,
}

/// An element whose text is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Address,
    /// `<guid>` of RSS, an address if there is no better one.
    Guid,
    /// How good a witness it is; the best counts.
    Lastmod(u8),
    Priority,
    Changefreq,
    Image,
    Video,
    NewsDate,
    NewsTitle,
    NewsName,
    NewsLanguage,
}

impl Field {
    pub(super) fn is_address(self) -> bool {
        matches!(self, Self::Address | Self::Guid | Self::Image | Self::Video)
    }
}

/// An element of an extension that has fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    Image,
    Video,
    News,
}

/// Whose element it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Vocabulary {
    /// Of sitemaps, or without a prefix.
    Base,
    Image,
    Video,
    News,
    Xhtml,
    Media,
    Dublin,
    Atom,
    /// Known, and of no use.
    Foreign,
    Unknown,
}

impl Vocabulary {
    fn of_namespace(uri: &str) -> Self {
        let known = [
            ("sitemap-image", Self::Image),
            ("sitemap-video", Self::Video),
            ("sitemap-news", Self::News),
            ("sitemap-mobile", Self::Foreign),
            ("sitemap-pagemap", Self::Foreign),
            ("schemas/sitemap", Self::Base),
            ("w3.org/1999/xhtml", Self::Xhtml),
            ("w3.org/TR/xhtml", Self::Xhtml),
            ("search.yahoo.com/mrss", Self::Media),
            ("purl.org/dc/", Self::Dublin),
            ("w3.org/2005/Atom", Self::Atom),
            ("purl.org/atom", Self::Atom),
        ];
        known.iter().find(|(part, _)| uri.contains(part)).map_or(Self::Unknown, |(_, vocabulary)| *vocabulary)
    }

    fn by_convention(prefix: &str) -> Self {
        match prefix.to_ascii_lowercase().as_str() {
            "" | "sitemap" | "sm" => Self::Base,
            "image" => Self::Image,
            "video" => Self::Video,
            "news" | "n" => Self::News,
            "xhtml" => Self::Xhtml,
            "media" => Self::Media,
            "dc" | "dcterms" => Self::Dublin,
            "atom" | "a10" | "atom10" => Self::Atom,
            "mobile" | "pagemap" | "itunes" | "content" => Self::Foreign,
            _ => Self::Unknown,
        }
    }
}

/// The prefixes that a document binds, at most [`MAX_PREFIXES`].
#[derive(Debug, Default)]
pub(super) struct Prefixes(Vec<(String, Vocabulary)>);

impl Prefixes {
    /// Notes what a tag binds.
    pub(super) fn bind(&mut self, tag: &str) {
        for (name, uri) in attributes(tag) {
            let Some(prefix) = name.strip_prefix("xmlns:") else { continue };
            let vocabulary = Vocabulary::of_namespace(uri);
            let is_known = self.0.iter().any(|(known, _)| known == prefix);
            if vocabulary != Vocabulary::Unknown && !is_known && prefix.len() <= 64 && self.0.len() < MAX_PREFIXES {
                self.0.push((prefix.to_owned(), vocabulary));
            }
        }
    }

    pub(super) fn vocabulary(&self, prefix: &str) -> Vocabulary {
        if prefix.is_empty() {
            return Vocabulary::Base;
        }
        let bound = self.0.iter().find(|(known, _)| known == prefix).map(|(_, vocabulary)| *vocabulary);
        bound.unwrap_or_else(|| Vocabulary::by_convention(prefix))
    }
}

/// What an element called `name` is in a document of `kind`, within `parent`, an element and its name.
pub(super) fn classify(name: &str, vocabulary: Vocabulary, parent: Option<(Element, &str)>, kind: Kind) -> Element {
    let (prefix, local) = split(name);
    let is = |expected: &str| local.eq_ignore_ascii_case(expected);
    let field = match parent {
        Some((Element::Entry(flavour), parent)) => {
            let is_own = vocabulary == Vocabulary::Base || prefix == split(parent).0;
            field_of_entry(flavour, is_own, vocabulary, &is)
        }
        // In no entry: an address is one all the same.
        Some((Element::Other, list)) if is("loc") && list_of(list, kind).is_some() => {
            let is_own = vocabulary == Vocabulary::Base || prefix == split(list).0;
            is_own.then_some(Element::Field(Field::Address))
        }
        Some((Element::Group(Group::Image), _)) if is("loc") => Some(Element::Field(Field::Image)),
        Some((Element::Group(Group::Video), _)) if is("content_loc") || is("player_loc") => {
            Some(Element::Field(Field::Video))
        }
        Some((Element::Group(Group::Video), _)) if is("thumbnail_loc") => Some(Element::Field(Field::Image)),
        Some((Element::Group(Group::News), _)) if is("publication_date") => Some(Element::Field(Field::NewsDate)),
        Some((Element::Group(Group::News), _)) if is("title") => Some(Element::Field(Field::NewsTitle)),
        Some((Element::Group(Group::News), _)) if is("publication") => Some(Element::Group(Group::News)),
        Some((Element::Group(Group::News), _)) if is("name") => Some(Element::Field(Field::NewsName)),
        Some((Element::Group(Group::News), _)) if is("language") => Some(Element::Field(Field::NewsLanguage)),
        _ => None,
    };
    if let Some(field) = field {
        return field;
    }
    let is_list = matches!(kind, Kind::Urlset | Kind::Index | Kind::None);
    // An image has a `<url>` in RSS, a source has an `<entry>` nowhere.
    match vocabulary {
        Vocabulary::Base | Vocabulary::Unknown if is_list && is("url") => Element::Entry(Flavour::Url),
        Vocabulary::Base | Vocabulary::Unknown if is_list && is("sitemap") => Element::Entry(Flavour::Sitemap),
        Vocabulary::Base | Vocabulary::Unknown if matches!(kind, Kind::Rss | Kind::None) && is("item") => {
            Element::Entry(Flavour::Item)
        }
        Vocabulary::Base | Vocabulary::Unknown | Vocabulary::Atom
            if matches!(kind, Kind::Atom | Kind::None) && is("entry") =>
        {
            Element::Entry(Flavour::Entry)
        }
        _ => Element::Other,
    }
}

/// Whose entries a root element of this name lists, in a document of `kind`.
pub(super) fn list_of(name: &str, kind: Kind) -> Option<Flavour> {
    let local = split(name).1;
    match kind {
        Kind::Urlset if local.eq_ignore_ascii_case("urlset") => Some(Flavour::Url),
        Kind::Index if local.eq_ignore_ascii_case("sitemapindex") => Some(Flavour::Sitemap),
        _ => None,
    }
}

/// The field that an element directly within an entry is.
fn field_of_entry(
    flavour: Flavour,
    is_own: bool,
    vocabulary: Vocabulary,
    is: &dyn Fn(&str) -> bool,
) -> Option<Element> {
    let lastmod = |rank| Some(Element::Field(Field::Lastmod(rank)));
    match flavour {
        Flavour::Url | Flavour::Sitemap if is_own && is("loc") => Some(Element::Field(Field::Address)),
        Flavour::Url | Flavour::Sitemap if is_own && is("lastmod") => lastmod(3),
        Flavour::Url if is_own && is("priority") => Some(Element::Field(Field::Priority)),
        Flavour::Url if is_own && is("changefreq") => Some(Element::Field(Field::Changefreq)),
        Flavour::Item if is_own && is("link") => Some(Element::Field(Field::Address)),
        Flavour::Item if is_own && is("guid") => Some(Element::Field(Field::Guid)),
        Flavour::Item if is_own && is("pubDate") => lastmod(3),
        Flavour::Item if vocabulary == Vocabulary::Atom && is("updated") => lastmod(2),
        Flavour::Entry if is_own && (is("updated") || is("modified")) => lastmod(3),
        Flavour::Entry if is_own && (is("published") || is("issued") || is("created")) => lastmod(2),
        Flavour::Item | Flavour::Entry if vocabulary == Vocabulary::Dublin && (is("date") || is("modified")) => {
            lastmod(1)
        }
        _ if vocabulary == Vocabulary::Image && is("image") => Some(Element::Group(Group::Image)),
        _ if vocabulary == Vocabulary::Video && is("video") => Some(Element::Group(Group::Video)),
        _ if vocabulary == Vocabulary::News && is("news") => Some(Element::Group(Group::News)),
        _ => None,
    }
}

/// The attributes of a tag: names and values as written. Quotes may be missing.
pub(super) fn attributes(tag: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = tag.find(char::is_whitespace).map_or("", |at| &tag[at..]);
    std::iter::from_fn(move || {
        loop {
            rest = rest.trim_start();
            let name_end = rest.find(|c: char| c.is_whitespace() || c == '=')?;
            let name = &rest[..name_end];
            let Some(value) = rest[name_end..].trim_start().strip_prefix('=') else {
                rest = &rest[name_end..];
                continue;
            };
            let value = value.trim_start();
            let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
            let (value, after) = match quote {
                Some(quote) => value[1..].split_once(quote).unwrap_or((&value[1..], "")),
                None => value.split_once(char::is_whitespace).unwrap_or((value, "")),
            };
            rest = after;
            return Some((name, value));
        }
    })
}

/// The bound of a field's text, bytes, before references are replaced.
pub(super) fn max_bytes(field: Field) -> usize {
    2 * if field.is_address() { super::MAX_ADDRESS_BYTES } else { MAX_VALUE_BYTES }
}
