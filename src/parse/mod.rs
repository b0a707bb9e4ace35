//! Pages: what a body says, as far as a crawler asks.
//!
//! [`page`] turns bytes into a [`Page`]: encoding, links in document order, and what the head says
//! about the document. Pure; linear in the size of the body; every list and text is bounded by
//! [`Limits`]. It does not judge links, fetch anything or build a tree.

mod charset;
mod html;

pub use charset::{Charset, CharsetSource};
pub use html::page;

use url::Url;

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
    /// `<title>`, white space collapsed.
    pub title: Option<String>,
    /// `<meta name=description>`.
    pub description: Option<String>,
    /// `<html lang>`.
    pub language: Option<String>,
    /// `<link rel=canonical>`, resolved.
    pub canonical: Option<String>,
    /// Tokens of `<meta name=robots>`, lower case: `noindex`, `nofollow`, …
    pub robots: Vec<String>,
    /// Links to other documents, in document order, all occurrences.
    pub links: Vec<Link>,
    /// Whether there were more links than [`Limits::max_links`].
    pub links_truncated: bool,
    /// Against what links are resolved: the first valid `<base href>`, or the page's own URL.
    pub base: Url,
    /// The visible text when it was asked for.
    pub text: Option<String>,
}

/// One reference to another document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The reference as written, entities decoded, white space at the ends stripped.
    pub href: String,
    /// Which element it was found in.
    pub kind: LinkKind,
    /// `rel` contains `nofollow`.
    pub nofollow: bool,
}

/// Where a link was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkKind {
    /// `<a href>` and `<area href>`.
    Anchor,
    /// `<link href>` with a rel that names a document: `next`, `prev`, `alternate`, `canonical`, …
    LinkRel,
    /// `<iframe src>` and `<frame src>`.
    Frame,
    /// `<meta http-equiv=refresh>`.
    Refresh,
}
