//! Sitemaps and feeds: lists of URLs that a site offers.
//!
//! Read are the sitemaps.org protocol 0.9 (`<urlset>`, `<sitemapindex>`, lists of one URL a line)
//! and feeds (RSS 1.0 and 2.0, Atom 1.0), plain or gzipped, in any encoding that a byte order mark
//! or the XML declaration names. Pure: bytes in, entries out. Addresses come out as written, still
//! to be resolved and judged; dates and priorities are not read.
//!
//! Lenient with what the web serves: wrong namespaces and prefixes, unescaped ampersands, bytes
//! before the declaration, missing end tags. Of a document that breaks off, what came before is
//! kept. Strict about what a page is: a `<loc>` directly under its `<url>` or `<sitemap>`, the
//! `<link>` of a feed's item, the alternate links of a feed's entry; not the images, videos and
//! translations that extensions add.
//!
//! Invariants:
//! - any bytes are read to their end, in linear time, without recursion;
//! - decompressed bytes, entries, the length of each and the depth of elements are bounded;
//! - no entity that a document defines is expanded, and nothing outside of it is loaded.

mod decode;
mod read;
mod xml;

pub use read::{looks_like_sitemap, parse};

/// Longest address kept, bytes; a longer one is left out. The protocol's own limit is 2048.
pub const MAX_ADDRESS_BYTES: usize = 8_192;
/// Deepest nesting of elements; the protocol needs four.
pub const MAX_DEPTH: usize = 64;

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

/// What a document turned out to be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sitemap {
    /// Pages (`<urlset>`, a text list, a feed's links), as written, in document order.
    pub pages: Vec<String>,
    /// Further sitemaps (`<sitemapindex>`), as written, in document order.
    pub sitemaps: Vec<String>,
    /// Whether entries were left out because there were more than the bound, or because the
    /// document broke off or could not be read to its end.
    pub truncated: bool,
}
