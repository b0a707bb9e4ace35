//! Pages: what a body says, as far as a crawler asks.
//!
//! [`page`] turns bytes into a [`Page`]: encoding, links in document order, and what the head says
//! about the document. [`is_html`] tells whether a body should be handed to it. Pure; linear in
//! the size of the body; every list and text is bounded by [`Limits`] or by a named constant
//! ([`MAX_REFERENCE_BYTES`], [`MAX_ROBOTS_TOKENS`]). It does not judge links, fetch anything,
//! resolve links (the caller does, against [`Page::base`]) or build a tree.
//!
//! In reading order: `content_type` and `mime` (what the header claims), `sniff` and `signature`
//! (what the body is), `charset` and `prescan` (bytes to text), `emitter` (the tokenizer's events
//! become tags with the few attributes that matter), `harvest` (tags become links and metadata),
//! `tag`, `relation`, `foreign`, `refresh` and `text` (the rules they look up); and what has links
//! besides pages: `header_links`, `plain_text`, `pdf`.

mod charset;
mod content_type;
mod emitter;
mod foreign;
mod harvest;
mod header_links;
mod html;
mod mime;
mod pdf;
mod plain_text;
mod prescan;
mod refresh;
mod relation;
mod signature;
mod sniff;
mod tag;
#[cfg(test)]
mod tests;
mod text;

pub use charset::{Charset, CharsetSource, charset};
pub use content_type::{content_type, is_html, no_sniff};
pub use header_links::{HeaderLink, HeaderLinks, MAX_HEADER_LINKS, header_links};
pub use html::page;
pub use pdf::{MAX_PDF_INFLATED_BYTES, MAX_PDF_STREAM_BYTES, pdf_links};
pub use plain_text::text_links;
pub use sniff::sniff;

/// How much of a body is looked at for signatures, bytes: the MIME Sniffing standard's resource
/// header.
pub const MAX_SNIFF_BYTES: usize = 1445;

/// How far the root element of an XML document is looked for, bytes.
pub const MAX_ROOT_BYTES: usize = 8192;

use std::borrow::Cow;

use url::Url;

/// Longest reference kept, bytes. One that is longer is left out and [`Page::links_truncated`]
/// says so; no server accepts a request line of this size.
pub const MAX_REFERENCE_BYTES: usize = 64 * 1024;

/// Most robots tokens kept of one page; the known vocabulary has about a dozen.
pub const MAX_ROBOTS_TOKENS: usize = 32;

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

/// What one page said.
#[derive(Debug, Clone)]
pub struct Page {
    /// The encoding that the text was decoded from.
    pub charset: Charset,
    /// The first `<title>` (outside of SVG and templates), white space collapsed.
    pub title: Option<String>,
    /// `<meta name=description>`, white space collapsed.
    pub description: Option<String>,
    /// `<html lang>`.
    pub language: Option<String>,
    /// `<link rel=canonical>`, resolved; only if it is http(s).
    pub canonical: Option<String>,
    /// Tokens of `<meta name=robots>` and `<meta name=dragline>`, lower case, each once:
    /// `noindex`, `nofollow`, …
    pub robots: Vec<String>,
    /// Links to other documents, in document order, all occurrences. References that name no
    /// document on a server are not among them: `javascript:`, `mailto:`, `tel:`, `data:`, and
    /// fragments alone (`#x`) unless a `<base>` makes them name another document.
    pub links: Vec<Link>,
    /// Whether links were left out: more than [`Limits::max_links`], or one longer than
    /// [`MAX_REFERENCE_BYTES`].
    pub links_truncated: bool,
    /// Against what links are resolved: the first `<base href>` that is a valid http(s) URL, or
    /// the page's own URL.
    pub base: Url,
    /// The visible text when it was asked for: blocks on lines of their own, white space
    /// collapsed, nothing of scripts, styles, templates, `<noscript>`, form fields or SVG.
    pub text: Option<String>,
}

/// One reference to another document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The reference as written, entities decoded, C0 controls and spaces at the ends stripped.
    /// May be empty: the base itself.
    pub href: String,
    /// Which element it was found in.
    pub kind: LinkKind,
    /// `rel` contains `nofollow`.
    pub nofollow: bool,
}

/// Where a link was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkKind {
    /// `<a href>` and `<area href>`; in SVG also `<a xlink:href>`.
    Anchor,
    /// `<link href>` with a rel that names a document: `next`, `prev`, `alternate`, `canonical`, …
    LinkRel,
    /// `<iframe src>` and `<frame src>`.
    Frame,
    /// `<meta http-equiv=refresh>`.
    Refresh,
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
