//! What is said of one sitemap or feed.
//!
//! Addresses are resolved against the sitemap's own and written as the URL standard serialises them; where that differs
//! from what was written, the written text stands beside it (`raw`).

use schemars::JsonSchema;
use serde::Serialize;
use url::Url;

use crate::{
    address::join,
    sitemap::{self, Origin},
};

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Answer {
    pub(crate) kind: &'static str,
    pub(crate) entries: Vec<Entry>,
    pub(crate) sitemaps: Vec<String>,
    /// The same, with what else is known of them.
    pub(crate) sitemap_entries: Vec<Entry>,
    pub(crate) defects: Vec<Defect>,
    pub(crate) truncated: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Entry {
    pub(crate) url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) raw: Option<String>,
    pub(crate) lastmod: Option<String>,
    /// RFC 3339, in UTC.
    pub(crate) lastmod_time: Option<String>,
    pub(crate) priority: Option<f64>,
    pub(crate) changefreq: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) alternates: Vec<Alternate>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) images: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) videos: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) news: Option<News>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Alternate {
    pub(crate) url: String,
    pub(crate) hreflang: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct News {
    pub(crate) name: Option<String>,
    pub(crate) language: Option<String>,
    pub(crate) publication_date: Option<String>,
    pub(crate) title: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Defect {
    pub(crate) kind: &'static str,
    pub(crate) text: &'static str,
    pub(crate) count: u64,
    pub(crate) line: u64,
    pub(crate) byte: u64,
    pub(crate) example: Option<String>,
}

/// What is in a sitemap that lies at `url`.
pub(crate) fn answer(body: &[u8], url: Option<&Url>, content_type: Option<&str>) -> Answer {
    // Without an address of its own only absolute URLs have a meaning, and there is nothing to compare with.
    let found = sitemap::parse(body, &Origin { url, content_type }, &sitemap::Limits::default());
    let resolve = |entries: Vec<sitemap::Entry>| -> Vec<Entry> {
        entries.into_iter().filter_map(|entry| Entry::new(entry, url)).collect()
    };
    let (entries, sitemap_entries) = (resolve(found.pages), resolve(found.sitemaps));
    Answer {
        kind: found.kind.as_str(),
        entries,
        sitemaps: sitemap_entries.iter().map(|entry| entry.url.clone()).collect(),
        sitemap_entries,
        defects: found.defects.into_iter().map(Defect::from).collect(),
        truncated: found.truncated,
    }
}

fn resolve(base: Option<&Url>, address: &str) -> Option<String> {
    let url = base.map_or_else(|| Url::parse(address), |base| join(base, address));
    url.ok().map(String::from)
}

impl Entry {
    /// `None` if its address is no URL.
    fn new(entry: sitemap::Entry, base: Option<&Url>) -> Option<Self> {
        let url = resolve(base, &entry.url)?;
        let extras = entry.extras.map(|extras| *extras).unwrap_or_default();
        let all = |addresses: Vec<String>| addresses.iter().filter_map(|address| resolve(base, address)).collect();
        let alternates = extras.alternates.into_iter().filter_map(|alternate| {
            resolve(base, &alternate.url).map(|url| Alternate { url, hreflang: alternate.hreflang })
        });
        let time = entry.modified.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
        Some(Self {
            raw: Some(entry.url).filter(|raw| *raw != url),
            url,
            lastmod: entry.lastmod,
            lastmod_time: time.map(|time| time.to_string()),
            priority: entry.priority,
            changefreq: entry.changefreq.map(sitemap::ChangeFrequency::as_str),
            alternates: alternates.collect(),
            images: all(extras.images),
            videos: all(extras.videos),
            news: extras.news.map(|news| News {
                name: news.name,
                language: news.language,
                publication_date: news.publication_date,
                title: news.title,
            }),
        })
    }
}

impl From<sitemap::Defect> for Defect {
    fn from(defect: sitemap::Defect) -> Self {
        Self {
            kind: defect.kind.as_str(),
            text: defect.kind.text(),
            count: defect.count,
            line: defect.line,
            byte: defect.byte,
            example: defect.example,
        }
    }
}
