//! Sections that say what is crawled, how far, and what is kept.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::units::{Bytes, Count, Limit, Rate, Span};

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Job {
    /// Name of the crawl: letters, digits, ".", "-" and "_". Empty: the config file's name without
    /// its extension, or the first seed's host.
    pub(crate) name: String,
    /// Output folder, relative to the current folder. Empty: "crawl-<name>".
    pub(crate) out: String,
    /// A URL or mail address by which the owners of servers can reach you. Needed to crawl the
    /// public internet; it becomes part of the user agent.
    pub(crate) contact: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Seeds {
    /// URLs to start from.
    pub(crate) urls: Vec<String>,
    /// Files with one URL a line; empty lines and lines that start with "#" are skipped.
    pub(crate) files: Vec<String>,
    /// Whether to read URLs from standard input, one a line.
    pub(crate) stdin: bool,
    /// URLs of sitemaps whose pages are seeds.
    pub(crate) sitemaps: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Limits {
    /// Pages fetched.
    #[schemars(extend("x-min" = 1))]
    pub(crate) pages: Limit<Count>,
    /// Bytes of bodies fetched.
    #[schemars(extend("x-min" = "1 B"))]
    pub(crate) bytes: Limit<Bytes>,
    /// Time spent crawling, over all runs of the job.
    #[schemars(extend("x-min" = "1s"))]
    pub(crate) duration: Limit<Span>,
    /// Links away from a seed; a URL further away is refused, the crawl goes on.
    #[schemars(extend("x-min" = 0, "x-max" = 65535))]
    pub(crate) depth: Limit<Count>,
    /// URLs that may be pending; one found beyond that is refused.
    #[schemars(extend("x-min" = 1))]
    pub(crate) queue: Limit<Count>,
    /// Pages fetched of one host.
    #[schemars(extend("x-min" = 1))]
    pub(crate) pages_per_host: Limit<Count>,
    /// Bytes of bodies fetched of one host.
    #[schemars(extend("x-min" = "1 B"))]
    pub(crate) bytes_per_host: Limit<Bytes>,
    /// Pages fetched of one directory: of all whose path has the same first `directory_levels`
    /// segments.
    #[schemars(extend("x-min" = 1))]
    pub(crate) pages_per_directory: Limit<Count>,
    /// Segments of a path that tell directories apart: with 2, /a/b/c/d belongs to /a/b/.
    #[schemars(range(min = 0, max = 1000))]
    pub(crate) directory_levels: u16,
    /// Failures in a row after which a host is given up.
    #[schemars(extend("x-min" = 1, "x-max" = 1_000_000))]
    pub(crate) errors_in_row: Limit<Count>,
    /// Longest URL, bytes; a longer one is refused.
    #[schemars(range(min = 16, max = 65536))]
    pub(crate) url_length: u32,
    /// Most parameters of a query; a URL with more is refused.
    #[schemars(extend("x-min" = 0, "x-max" = 65535))]
    pub(crate) parameters: Limit<Count>,
    /// Links kept of one page; the rest is dropped and the record says so.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(crate) links_per_page: u32,
    /// Requests to all hosts together.
    #[schemars(extend("x-min" = "1/h", "x-max" = "1000000/s"))]
    pub(crate) rate: Rate,
    /// Bytes of bodies a second, all hosts together, as they come over the wire.
    #[schemars(extend("x-min" = "1 KiB", "x-max" = "100 GiB"))]
    pub(crate) bandwidth: Limit<Bytes>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            pages: Limit::NONE,
            bytes: Limit::NONE,
            duration: Limit::NONE,
            depth: Limit::NONE,
            queue: Limit::NONE,
            pages_per_host: Limit::NONE,
            bytes_per_host: Limit::NONE,
            pages_per_directory: Limit::NONE,
            directory_levels: 2,
            errors_in_row: Limit(Some(Count(20))),
            url_length: 2048,
            parameters: Limit(Some(Count(100))),
            links_per_page: 50_000,
            rate: Rate::UNLIMITED,
            bandwidth: Limit::NONE,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Outputs {
    /// "jsonl" writes one record a URL to pages.jsonl; "none" keeps the counts and the report only.
    pub(crate) format: Format,
    /// Compression of the records.
    pub(crate) compression: Compression,
    /// Bytes of one file of records before the next is begun.
    #[schemars(extend("x-min" = "64 KiB"))]
    pub(crate) rotate: Limit<Bytes>,
    /// Whether a record holds the page's visible text.
    pub(crate) text: bool,
    /// Whether a record holds the page's links.
    pub(crate) links: bool,
    /// Whether a record holds kind, rel, text and position of every link, all occurrences.
    pub(crate) link_details: bool,
    /// Whether a record holds what the head says for other programs: alternates (hreflang), Open Graph,
    /// JSON-LD, refresh.
    pub(crate) metadata: bool,
    /// Whether a record holds the response's header fields.
    pub(crate) headers: bool,
    /// Whether report.html is written at the end.
    pub(crate) report: bool,
}

impl Default for Outputs {
    fn default() -> Self {
        Self {
            format: Format::Jsonl,
            compression: Compression::None,
            rotate: Limit::NONE,
            text: false,
            links: false,
            link_details: false,
            metadata: false,
            headers: false,
            report: true,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    Jsonl,
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Compression {
    None,
    Gzip,
    Zstd,
}
