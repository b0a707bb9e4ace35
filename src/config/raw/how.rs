//! Sections that say how: robots.txt and sitemaps, the store, the terminal, the end.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::units::{Bytes, Span};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Robots {
    /// "obey" robots.txt, or "ignore" it and don't ask for it: for your own servers only.
    pub(crate) mode: RobotsMode,
    /// The product token by which robots.txt addresses this crawler: letters, "-" and "_".
    pub(crate) agent: String,
    /// How long a robots.txt is good for at most; its HTTP caching may make it shorter, down to 5
    /// minutes.
    #[schemars(extend("x-min" = "1s", "x-max" = "1day"))]
    pub(crate) max_age: Span,
    /// How much longer a known robots.txt is gone by while it can't be reached.
    #[schemars(extend("x-min" = "0s", "x-max" = "30days"))]
    pub(crate) grace: Span,
    /// When a robots.txt that can't be reached is asked for again.
    #[schemars(extend("x-min" = "1s", "x-max" = "1day"))]
    pub(crate) unreachable_retry: Span,
    /// Bytes of a robots.txt that are read; the rest is ignored.
    #[schemars(extend("x-min" = "500 KiB", "x-max" = "64 MiB"))]
    pub(crate) max_size: Bytes,
    /// Redirects followed to a robots.txt.
    #[schemars(range(min = 5, max = 50))]
    pub(crate) max_redirects: u8,
    /// Attempts at a robots.txt that can't be reached before its origin is refused.
    #[schemars(range(min = 1, max = 20))]
    pub(crate) attempts: u8,
    /// Whether sitemaps that robots.txt names are read.
    pub(crate) sitemaps: bool,
    /// "record" what robots.txt says about the use of content (Content-Signal, Content-Usage, …), or
    /// "obey": refuse URLs for which it reserves one of the purposes.
    pub(crate) signals: RobotsSignals,
    /// What the crawl is for: "search", "ai-input", "ai-train", "tdm".
    pub(crate) purposes: Vec<String>,
}

impl Default for Robots {
    fn default() -> Self {
        Self {
            mode: RobotsMode::Obey,
            agent: "dragline".into(),
            max_age: Span::secs(24 * 3600),
            grace: Span::secs(24 * 3600),
            unreachable_retry: Span::secs(600),
            max_size: Bytes::kib(500),
            max_redirects: 5,
            attempts: 3,
            sitemaps: true,
            signals: RobotsSignals::Record,
            purposes: vec!["search".to_owned()],
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RobotsMode {
    Obey,
    Ignore,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RobotsSignals {
    Record,
    Obey,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Sitemaps {
    /// Bytes of one sitemap that are read, counted after unpacking; sitemaps.org allows 50 MiB.
    #[schemars(extend("x-min" = "64 KiB", "x-max" = "1 GiB"))]
    pub(crate) max_size: Bytes,
    /// Entries of one sitemap that are read; sitemaps.org allows 50000.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(crate) max_entries: u32,
    /// Sitemap indexes above a sitemap that is still read; sitemaps.org allows 1.
    #[schemars(range(min = 0, max = 16))]
    pub(crate) nesting: u8,
    /// Whether what one sitemap lists is visited newest first (by lastmod, then by priority) instead of
    /// in the order of the list.
    pub(crate) newest_first: bool,
    /// Whether the translations of a page that a sitemap names (xhtml:link with hreflang) are
    /// visited as if they were listed.
    pub(crate) alternates: bool,
}

impl Default for Sitemaps {
    fn default() -> Self {
        Self { max_size: Bytes::mib(50), max_entries: 50_000, nesting: 4, newest_first: true, alternates: true }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Frontier {
    /// "disk" survives every stop; "memory" is for short runs that need not be resumed.
    pub(crate) store: Store,
    /// Most hosts held in memory at once; the others wait on disk. There are fewer as long as fewer keep
    /// the workers busy.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(crate) active_hosts: u32,
    /// URLs of one host held in memory; its others wait on disk.
    #[schemars(range(min = 1, max = 100_000))]
    pub(crate) head: u32,
    /// URLs of one host that are dealt with in a row of turns while other hosts wait on disk for its place
    /// in memory; then it goes behind them.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub(crate) session_budget: u32,
    /// Longest time between two commits of outputs and frontier.
    #[schemars(extend("x-min" = "10ms", "x-max" = "1m"))]
    pub(crate) commit_every: Span,
    /// Most URLs concluded between two commits.
    #[schemars(range(min = 1, max = 100_000))]
    pub(crate) commit_urls: u32,
    /// Memory for the cache of URLs seen.
    #[schemars(extend("x-min" = "64 KiB", "x-max" = "1 TiB"))]
    pub(crate) seen_cache: Bytes,
    /// Memory for changes of the frontier before they become files; as much again while they do.
    #[schemars(extend("x-min" = "16 KiB", "x-max" = "1 TiB"))]
    pub(crate) buffer: Bytes,
}

impl Default for Frontier {
    fn default() -> Self {
        Self {
            store: Store::Disk,
            active_hosts: 1024,
            head: 256,
            session_budget: 500,
            commit_every: Span::secs(1),
            commit_urls: 2000,
            seen_cache: Bytes::mib(32),
            buffer: Bytes::mib(32),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Store {
    Disk,
    Memory,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Recrawl {
    /// Whether each page's ETag, Last-Modified and links are kept, so that --recrawl asks for it only if
    /// it has changed.
    pub(crate) validators: bool,
}

impl Default for Recrawl {
    fn default() -> Self {
        Self { validators: true }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Telemetry {
    /// What is logged: a level, or a filter such as "info,dragline::fetch=debug". The variable
    /// RUST_LOG wins over the file.
    pub(crate) log: String,
    /// How log lines look.
    pub(crate) format: LogFormat,
    /// "auto" shows a live display on a terminal and log lines elsewhere; "never" only log lines.
    pub(crate) progress: Progress,
    /// Time between two log lines of progress.
    #[schemars(extend("x-min" = "100ms", "x-max" = "1day"))]
    pub(crate) interval: Span,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self { log: "info".into(), format: LogFormat::Pretty, progress: Progress::Auto, interval: Span::secs(10) }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    Pretty,
    Compact,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Progress {
    Auto,
    Never,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Shutdown {
    /// How long requests in flight may take to finish after the first Ctrl-C or SIGTERM.
    #[schemars(extend("x-min" = "0s", "x-max" = "1h"))]
    pub(crate) deadline: Span,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { deadline: Span::secs(30) }
    }
}
