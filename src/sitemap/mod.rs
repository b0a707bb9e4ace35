//! Sitemaps and feeds: lists of URLs that a site offers.
//!
//! Read are the sitemaps.org protocol 0.9 (`<urlset>`, `<sitemapindex>`, lists of one URL a line)
//! with the extensions for images, videos, news and translations, and feeds (RSS 0.9x, 1.0 and
//! 2.0, Atom 0.3 and 1.0), plain or gzipped, in any encoding. Pure: bytes in, entries out.
//! Addresses come out as written, still to be resolved and judged: a list may name other hosts,
//! and whether these are visited is for the caller's scope to say.
//!
//! Lenient with what the web serves: wrong namespaces and prefixes, unescaped ampersands, bytes
//! before the declaration, missing end tags, upper case, an encoding that is not the declared one.
//! Of a document that breaks off, what came before is kept. What was wrong is told in
//! [`Sitemap::defects`], each kind once.
//!
//! Bytes stream through (`source` unpacks and decodes them, `tokens` cuts them into markup, or
//! `list` into lines, `document` knows what elements mean, `harvest` keeps entries), so memory
//! is that of a window on the text and of what is kept. The tokenizer is our own: quick-xml holds a
//! whole tag, comment or text at once, and ends at the first mistake. The two are compared in tests.
//!
//! Invariants:
//! - any bytes are read to their end, in linear time, without recursion;
//! - unpacked bytes, entries, the length of each and of all together, the length of a tag and the
//!   depth of elements are bounded;
//! - no entity that a document defines is expanded, and nothing outside of it is loaded.

mod date;
mod defect;
mod document;
mod draft;
mod element;
mod entry;
mod escape;
mod field;
mod harvest;
mod list;
mod read;
mod root;
mod source;
mod tokens;

#[cfg(test)]
mod tests;

pub use date::parse_date;
pub use defect::{Defect, DefectKind};
pub use entry::{Alternate, ChangeFrequency, Entry, Extras, News, newest_first};
pub use read::{looks_like_sitemap, parse};

use url::Url;

/// Longest address kept, bytes; a longer one is left out. The protocol's own limit is 2048.
pub const MAX_ADDRESS_BYTES: usize = 8_192;
/// Longest of the other values (dates, names, titles), bytes; a longer one is left out.
pub const MAX_VALUE_BYTES: usize = 512;
/// Deepest nesting of elements; the protocol needs four. Reading ends there.
pub const MAX_DEPTH: usize = 64;
/// Longest tag that is read as a whole, bytes. Of a longer one only the name counts.
pub const MAX_TAG_BYTES: usize = 64 * 1024;
/// Most bytes of memory for what entries are (addresses, dates); as much again for what belongs to
/// them (alternates, images, videos, news). Each value is charged with an overhead.
pub const MAX_KEPT_BYTES: usize = 32 << 20;
/// Most namespace prefixes remembered of one document.
pub const MAX_PREFIXES: usize = 32;

/// Bounds of one document's harvest.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most entries kept, pages and sitemaps together. The protocol allows 50,000.
    pub max_entries: usize,
    /// Most bytes read, counted after decompression. The protocol allows 50 MB (52,428,800).
    pub max_decoded_bytes: usize,
}

impl Default for Limits {
    /// Those of the protocol.
    fn default() -> Self {
        Self { max_entries: 50_000, max_decoded_bytes: 52_428_800 }
    }
}

/// How a crawl treats sitemaps (`[sitemaps]`).
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Bounds of one document (`sitemaps.max_entries`, `sitemaps.max_size`).
    pub limits: Limits,
    /// Indexes above a sitemap that is still read (`sitemaps.nesting`). The protocol allows one.
    pub max_nesting: u8,
    /// Whether what one document lists is queued in the order of [`newest_first`]
    /// (`sitemaps.newest_first`).
    pub newest_first: bool,
    /// Whether translations of a page count as listed (`sitemaps.alternates`).
    pub alternates: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { limits: Limits::default(), max_nesting: 4, newest_first: true, alternates: true }
    }
}

/// What is known of a document besides its bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Origin<'a> {
    /// Where it was found. If given, addresses are compared with it, which costs time: relative
    /// ones, invalid ones and those of other hosts are defects.
    pub url: Option<&'a Url>,
    /// The `Content-Type` it came with.
    pub content_type: Option<&'a str>,
}

/// What kind of document something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// `<urlset>`: a list of pages.
    Urlset,
    /// `<sitemapindex>`: a list of sitemaps.
    Index,
    /// One URL a line.
    Text,
    /// RSS 0.9x, 1.0 or 2.0.
    Rss,
    /// Atom 0.3 or 1.0.
    Atom,
    /// A web page, often an error message, in place of a sitemap.
    Html,
    /// Nothing of these.
    #[default]
    None,
}

impl Kind {
    /// `urlset`, `index`, `text`, `rss`, `atom`, `html` or `none`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Urlset => "urlset",
            Self::Index => "index",
            Self::Text => "text",
            Self::Rss => "rss",
            Self::Atom => "atom",
            Self::Html => "html",
            Self::None => "none",
        }
    }
}

/// What was read of a document.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sitemap {
    /// Which kind it turned out to be, whatever it was called.
    pub kind: Kind,
    /// Pages (`<urlset>`, a text list, the items of a feed), in document order.
    pub pages: Vec<Entry>,
    /// Further sitemaps (`<sitemapindex>`), in document order.
    pub sitemaps: Vec<Entry>,
    /// What was wrong with it, in the order of first occurrence; each kind once.
    pub defects: Vec<Defect>,
    /// Whether entries were left out because there were more than the bounds, or because the
    /// document broke off or could not be read to its end.
    pub truncated: bool,
}
