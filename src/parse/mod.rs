//! Pages: what a body says, as far as a crawler asks.
//!
//! [`page`] turns bytes into a [`Page`]: encoding, links in document order, and what the head says
//! about the document. [`is_html`] tells whether a body should be handed to it. Pure; linear in
//! the size of the body; every list and text is bounded by [`Limits`] or by a named constant
//! (`MAX_…` below). It does not judge links, fetch anything, resolve links (the caller does, against
//! [`Page::base`]) or build a tree.
//!
//! In reading order: `content_type` (is it a page, what encoding does the header claim),
//! `mime`, `sniff` and `signature` (what a body is), `charset` and `prescan` (bytes to text),
//! `scan` (the tokenizer), `emitter` (its events become tags with the few attributes that matter), `harvest` and
//! `leads` (what tags mean), `links` and `head` (what is kept of them), `kind` (the kinds of links), and
//! the rules that are looked up: `tag`, `elements`, `relation`, `foreign`, `structure`, `srcset`,
//! `refresh`, `text`. Beside the pages: `header_links`, `plain_text` and `pdf`.

mod charset;
mod content_type;
mod elements;
mod emitter;
mod foreign;
mod harvest;
mod head;
mod header_links;
mod html;
mod kind;
mod leads;
mod links;
mod mime;
mod pdf;
mod plain_text;
mod prescan;
mod refresh;
mod relation;
mod scan;
mod signature;
mod sniff;
mod srcset;
mod structure;
mod tag;
#[cfg(test)]
mod tests;
mod text;

pub use charset::{Charset, CharsetSource, charset};
pub use content_type::{content_type, is_html, no_sniff};
pub use header_links::{HeaderLink, HeaderLinks, MAX_HEADER_LINKS, header_links};
pub use html::page;
pub use kind::{KindSet, LinkKind};
pub use pdf::{MAX_PDF_INFLATED_BYTES, MAX_PDF_STREAM_BYTES, pdf_links};
pub use plain_text::text_links;
pub use relation::Rel;
pub use sniff::sniff;

/// How much of a body is looked at for signatures, bytes: the MIME Sniffing standard's resource
/// header.
pub const MAX_SNIFF_BYTES: usize = 1445;

/// How far the root element of an XML document is looked for, bytes.
pub const MAX_ROOT_BYTES: usize = 8192;

use std::borrow::Cow;

use url::Url;

/// Longest reference kept, bytes. One that is longer is left out and [`Page::links_truncated`]
/// says so; no server accepts a request line of this size. Of a longer `srcset` the end is.
pub const MAX_REFERENCE_BYTES: usize = 64 * 1024;

/// Longest `<base>` that is taken, bytes, resolved: every link of the page is joined with it, so that
/// a long one would make much of little. Longer ones than servers accept serve nobody.
pub const MAX_BASE_BYTES: usize = 4096;

/// Most refreshes of one page of which the first that leads somewhere is taken.
pub const MAX_REFRESHES: usize = 16;

/// Most robots tokens kept of one page; the known vocabulary has about a dozen.
pub const MAX_ROBOTS_TOKENS: usize = 32;

/// Most alternates kept of one page: more than twice the languages that have a code of two letters.
pub const MAX_ALTERNATES: usize = 400;

/// Most pairs kept of one page in each of [`Metadata::open_graph`] and [`Metadata::usage`].
pub const MAX_META_PAIRS: usize = 100;

/// Most pieces of JSON-LD kept of one page.
pub const MAX_JSON_LD: usize = 64;

/// Most bytes of JSON-LD kept of one page, all pieces together.
pub const MAX_JSON_LD_BYTES: usize = 1 << 20;

/// Bounds of one page's harvest.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most links kept of one page (`limits.links_per_page`).
    pub max_links: usize,
    /// Longest text kept of a title, description and the like, bytes.
    pub max_meta_bytes: usize,
    /// Longest visible text kept, bytes; 0 keeps none (`outputs.text`).
    pub max_text_bytes: usize,
}

/// What is wanted of pages.
#[derive(Debug, Clone)]
pub struct Options {
    /// Bounds.
    pub limits: Limits,
    /// Which links (`links.kinds`).
    pub kinds: KindSet,
    /// By which name, besides `robots`, a meta element addresses us, in any case.
    pub agent: String,
    /// Longest text and `rel` kept of a link, bytes; 0 keeps neither.
    pub max_link_text_bytes: usize,
    /// Whether references that are a fragment alone (`#x`) are links.
    pub fragments: bool,
    /// Whether [`Page::metadata`] is gathered.
    pub metadata: bool,
}

impl Options {
    /// What a crawl wants that is told nothing else: [`KindSet::NAVIGATION`], no texts, no metadata.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            kinds: KindSet::NAVIGATION,
            agent: "dragline".to_owned(),
            max_link_text_bytes: 0,
            fragments: false,
            metadata: false,
        }
    }
}

/// What one page said.
#[derive(Debug, Clone)]
pub struct Page {
    /// The encoding that the text was decoded from.
    pub charset: Charset,
    /// The first `<title>` (outside of SVG and templates), white space collapsed.
    pub title: Option<String>,
    /// `<meta name=description>`, white space collapsed.
    pub description: Option<String>,
    /// `<html lang>`, in XHTML `xml:lang` before it; or `<meta http-equiv=content-language>` with one
    /// language.
    pub language: Option<String>,
    /// `<link rel=canonical>`, resolved; only if it is http(s).
    pub canonical: Option<String>,
    /// Tokens of `<meta name=robots>` and of the one named [`Options::agent`], lower case, each once:
    /// `noindex`, `nofollow`, …
    pub robots: Vec<String>,
    /// The first `<meta http-equiv=refresh>` that a browser would obey: one that parses, and leads to a
    /// valid URL that is no `javascript:`.
    pub refresh: Option<Refresh>,
    /// More of the kind, if [`Options::metadata`] asks for it; [`Metadata::usage`] is there always.
    pub metadata: Metadata,
    /// Links of [`Options::kinds`], in document order, all occurrences. References that name no
    /// document on a server are not among them: `javascript:`, `mailto:`, `tel:`, `data:` and the
    /// like, and, unless [`Options::fragments`], fragments alone (`#x`) where no `<base>` makes them
    /// name another document.
    pub links: Vec<Link>,
    /// Whether links were left out: more than [`Limits::max_links`], or one longer than
    /// [`MAX_REFERENCE_BYTES`].
    pub links_truncated: bool,
    /// Against what links are resolved: the first `<base href>` that is a valid URL, can be a base
    /// and is no longer than [`MAX_BASE_BYTES`], or the page's own URL.
    pub base: Url,
    /// The visible text when it was asked for: blocks on lines of their own, white space
    /// collapsed, nothing of scripts, styles, templates, `<noscript>`, form fields or SVG.
    pub text: Option<String>,
}

/// What `<meta http-equiv=refresh>` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refresh {
    /// To wait before.
    pub seconds: u32,
    /// Where it leads, resolved; `None` if it names nothing and the page reloads.
    pub url: Option<String>,
}

/// What the head says besides, as it was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// `<link rel=alternate hreflang>`; only http(s). At most [`MAX_ALTERNATES`].
    pub alternates: Vec<Alternate>,
    /// Open Graph and its kin (`og:title`, `article:author`, `twitter:card`): names in lower case and
    /// contents, in order, all occurrences. At most [`MAX_META_PAIRS`].
    pub open_graph: Vec<(String, String)>,
    /// Signals of how the page may be used (`tdm-reservation`, `content-signal`, `llm-policy`):
    /// names in lower case and contents. At most [`MAX_META_PAIRS`].
    pub usage: Vec<(String, String)>,
    /// `<script type=application/ld+json>`, as written, unchecked. At most [`MAX_JSON_LD`] of
    /// [`MAX_JSON_LD_BYTES`] together.
    pub json_ld: Vec<String>,
    /// Whether any of this was left out for its bound.
    pub truncated: bool,
}

/// The page in another language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alternate {
    /// `hreflang` as written: a language tag, or `x-default`.
    pub language: String,
    /// Where, resolved.
    pub url: String,
}

/// One reference to another document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The reference as written, entities decoded, C0 controls and spaces at the ends stripped.
    /// May be empty: the base itself.
    pub href: String,
    /// Which element it was found in.
    pub kind: LinkKind,
    /// What its `rel` says about following it.
    pub rel: Rel,
    /// Its ordinal among all references of the wanted kinds, from 0, those included that are not
    /// kept (fragments alone, too many, too long).
    pub position: u32,
    /// `rel` as written, white space collapsed, if [`Options::max_link_text_bytes`] asks for it.
    pub rel_text: Option<Box<str>>,
    /// What people read, white space collapsed, if it is asked for likewise: of an `<a>` its text or,
    /// for want of any, its images' `alt`; of areas and images their `alt`; of a `<link>` its title.
    pub text: Option<Box<str>>,
}

/// What a body is ([`sniff`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sniffed {
    /// What it is good for.
    pub kind: Kind,
    /// Its MIME type without parameters, lower case: what the header said, or what was found.
    pub essence: Cow<'static, str>,
    /// Whether the body decided, and not the header.
    pub by_body: bool,
}

/// Kinds of content, as far as a crawler tells them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// HTML.
    Html,
    /// XHTML, under a type of its own or as XML with that root element.
    Xhtml,
    /// RSS, Atom or RDF.
    Feed,
    /// Other XML, sitemaps included.
    Xml,
    /// Plain text and other types of text.
    Text,
    /// PDF.
    Pdf,
    /// Images, SVG included.
    Image,
    /// Sound.
    Audio,
    /// Moving pictures.
    Video,
    /// Fonts.
    Font,
    /// Archives and compressed files.
    Archive,
    /// JSON.
    Json,
    /// Style sheets.
    Css,
    /// JavaScript.
    Script,
    /// Anything else.
    Binary,
}

/// Links found in what is no page: plain text or a PDF.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FoundLinks {
    /// Absolute http(s) URLs as written, in order, all occurrences.
    pub urls: Vec<String>,
    /// Whether some were left out, or part of the file was not read: a bound was reached.
    pub truncated: bool,
}
