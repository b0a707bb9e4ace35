//! Sections that say how: towards servers, in memory, on the terminal.

use std::{borrow::Cow, collections::BTreeMap};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::config::units::{Bytes, Rate, Span};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Politeness {
    /// Requests to one host.
    #[schemars(extend("x-min" = "1/h", "x-max" = "1000000/s"))]
    pub(crate) rate: Rate,
    /// Requests that may come at once after a pause.
    #[schemars(range(min = 1, max = 1000))]
    pub(crate) burst: u32,
    /// Connections to one host at once.
    #[schemars(range(min = 1, max = 1000))]
    pub(crate) per_host: u32,
    /// Whether a Crawl-delay in robots.txt is honoured.
    pub(crate) crawl_delay: bool,
    /// The longest Crawl-delay and Retry-After honoured; longer ones are cut to this.
    #[schemars(extend("x-min" = "0s", "x-max" = "7days"))]
    pub(crate) max_delay: Span,
    /// The first pause after a failing answer; it doubles each time.
    #[schemars(extend("x-min" = "1ms", "x-max" = "1h"))]
    pub(crate) backoff_base: Span,
    /// The longest such pause.
    #[schemars(extend("x-min" = "1ms", "x-max" = "7days"))]
    pub(crate) backoff_max: Span,
}

impl Default for Politeness {
    fn default() -> Self {
        Self {
            rate: Rate::ONE_A_SECOND,
            burst: 1,
            per_host: 1,
            crawl_delay: true,
            max_delay: Span::secs(120),
            backoff_base: Span::secs(2),
            backoff_max: Span::secs(300),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Fetch {
    /// The User-Agent header. Empty: "dragline/<version> (+<contact>)".
    pub(crate) user_agent: String,
    /// Further headers of every request, as name = "value". A secret comes from the environment,
    /// name = { env = "VARIABLE" }, or from a file, name = { file = "path" }; it is never printed.
    pub(crate) headers: BTreeMap<String, Header>,
    /// Requests in flight, all hosts together.
    #[schemars(range(min = 1, max = 10_000))]
    pub(crate) concurrency: u32,
    /// Name resolution, connect and TLS handshake together.
    #[schemars(extend("x-min" = "10ms", "x-max" = "10m"))]
    pub(crate) connect_timeout: Span,
    /// Longest silence while a body is read.
    #[schemars(extend("x-min" = "10ms", "x-max" = "1h"))]
    pub(crate) idle_timeout: Span,
    /// One whole exchange, from call to last byte.
    #[schemars(extend("x-min" = "10ms", "x-max" = "1day"))]
    pub(crate) timeout: Span,
    /// Longest body kept, decoded; more is cut and the record says so.
    #[schemars(extend("x-min" = "1 KiB", "x-max" = "4 GiB"))]
    pub(crate) body: Bytes,
    /// Bytes of bodies in memory, all requests together; at least `body`.
    #[schemars(extend("x-min" = "64 KiB", "x-max" = "1 TiB"))]
    pub(crate) memory: Bytes,
    /// Most decoded bytes for one byte of a compressed body.
    #[schemars(range(min = 2, max = 100_000))]
    pub(crate) decode_ratio: u32,
    /// Attempts after the first, for failures that may pass.
    #[schemars(range(min = 0, max = 20))]
    pub(crate) retries: u8,
    /// Redirects in one chain.
    #[schemars(range(min = 0, max = 50))]
    pub(crate) max_redirects: u8,
    /// What the address guard lets through besides the public internet: networks ("10.0.0.0/8"),
    /// addresses, or "loopback".
    pub(crate) allow_addresses: Vec<String>,
    /// Fixed answers of name resolution: host = "address". A host is a name or "*.suffix".
    pub(crate) resolve: BTreeMap<String, String>,
    /// Whether links marked nofollow, by rel, by a robots meta element or by X-Robots-Tag, are left alone.
    pub(crate) nofollow: bool,
}

impl Default for Fetch {
    fn default() -> Self {
        Self {
            user_agent: String::new(),
            headers: BTreeMap::new(),
            concurrency: 64,
            connect_timeout: Span::secs(10),
            idle_timeout: Span::secs(15),
            timeout: Span::secs(60),
            body: Bytes::mib(10),
            memory: Bytes::mib(256),
            decode_ratio: 200,
            retries: 2,
            max_redirects: 10,
            allow_addresses: Vec::new(),
            resolve: BTreeMap::new(),
            nofollow: false,
        }
    }
}

/// A header's value, or where it is found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Header {
    Text(String),
    Secret(Secret),
}

/// Exactly one of the two.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Secret {
    pub(crate) env: Option<String>,
    pub(crate) file: Option<String>,
}

impl JsonSchema for Header {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "header".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let source = |key: &str| {
            json_schema!({
                "type": "object", "properties": { key: { "type": "string" } }, "required": [key], "additionalProperties": false,
            })
        };
        json_schema!({
            "anyOf": [{ "type": "string" }, source("env"), source("file")],
            "x-expects": "a text, { env = \"VARIABLE\" } or { file = \"path\" }",
        })
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Cache {
    /// Whether responses are cached.
    pub(crate) enabled: bool,
    /// Bytes of responses held.
    #[schemars(extend("x-min" = "64 KiB", "x-max" = "1 TiB"))]
    pub(crate) size: Bytes,
    /// How long a response is served.
    #[schemars(extend("x-min" = "1ms", "x-max" = "365days"))]
    pub(crate) ttl: Span,
}

impl Default for Cache {
    fn default() -> Self {
        Self { enabled: false, size: Bytes::mib(64), ttl: Span::secs(300) }
    }
}

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
    /// Hosts held in memory at once; the others wait on disk.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(crate) active_hosts: u32,
    /// URLs of one host held in memory; its others wait on disk.
    #[schemars(range(min = 1, max = 100_000))]
    pub(crate) head: u32,
    /// Longest time between two commits of outputs and frontier.
    #[schemars(extend("x-min" = "10ms", "x-max" = "1m"))]
    pub(crate) commit_every: Span,
    /// Most URLs concluded between two commits.
    #[schemars(range(min = 1, max = 100_000))]
    pub(crate) commit_urls: u32,
    /// Memory for the cache of URLs seen.
    #[schemars(extend("x-min" = "64 KiB", "x-max" = "1 TiB"))]
    pub(crate) seen_cache: Bytes,
    /// Memory for the store's own cache.
    #[schemars(extend("x-min" = "1 MiB", "x-max" = "1 TiB"))]
    pub(crate) store_cache: Bytes,
}

impl Default for Frontier {
    fn default() -> Self {
        Self {
            store: Store::Disk,
            active_hosts: 1024,
            head: 256,
            commit_every: Span::secs(1),
            commit_urls: 2000,
            seen_cache: Bytes::mib(32),
            store_cache: Bytes::mib(64),
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

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct HostRule {
    /// Which hosts: a name "example.com", its subdomains "*.example.com", or a SURT prefix,
    /// "(com,example,)" for the host, "(com,example," for it and all below it.
    #[serde(rename = "match")]
    pub(crate) pattern: String,
    /// Instead of politeness.rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-min" = "1/h", "x-max" = "1000000/s"))]
    pub(crate) rate: Option<Rate>,
    /// Instead of politeness.burst.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub(crate) burst: Option<u32>,
    /// Instead of politeness.per_host.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub(crate) per_host: Option<u32>,
    /// Instead of politeness.crawl_delay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) crawl_delay: Option<bool>,
    /// Instead of politeness.max_delay.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-min" = "0s", "x-max" = "7days"))]
    pub(crate) max_delay: Option<Span>,
}

impl HostRule {
    /// Every key set: what the reference shows as an example.
    pub(crate) fn example() -> Self {
        Self {
            pattern: "*.example.com".into(),
            rate: Some(Rate::ONE_A_SECOND),
            burst: Some(1),
            per_host: Some(1),
            crawl_delay: Some(true),
            max_delay: Some(Span::secs(120)),
        }
    }
}
