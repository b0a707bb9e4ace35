//! Sitemaps and feeds: lists of URLs that a site offers (sitemaps.org protocol 0.9, text lists).
//!
//! Pure: bytes in, entries out. Lenient with what the web serves, strict with what could exhaust
//! memory: entries are bounded, nothing nests, no entity of a document's own is expanded.

/// What a document turned out to be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sitemap {
    /// Pages (`<urlset>`, a text list, a feed's links), as written, in document order.
    pub pages: Vec<String>,
    /// Further sitemaps (`<sitemapindex>`), as written, in document order.
    pub sitemaps: Vec<String>,
    /// Whether entries were left out because there were more than the bound, or the XML broke off.
    pub truncated: bool,
}
