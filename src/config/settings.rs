//! The checked configuration: each subsystem's options, with units resolved and bounds kept.
//!
//! Made by [`Sources::load`](super::Sources::load) only. Sizes are bytes, times are [`Duration`]s,
//! `None` is "unlimited" or "not asked for".

use std::{collections::HashMap, net::IpAddr, num::NonZeroU64, path::PathBuf, time::Duration};

use http::{HeaderMap, HeaderValue};

use crate::{
    address::{self, CanonicalUrl, HostPattern, Origin},
    cache,
    clock::Clock,
    fetch::{
        self, Connections, IdentityOptions,
        cookies::{Cookie, CookieOptions},
        guard,
        proxy::ProxyOptions,
        redirect::Downgrade,
        tls::TlsOptions,
    },
    parse, politeness, robots, scope,
    sink::Compression,
    sitemap,
    telemetry::traces,
};

use super::{Daemon, Identity, Webhooks};

/// Everything a crawl is told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Name, place, contact.
    pub job: Job,
    /// Where it starts.
    pub seeds: Seeds,
    /// Which spellings are one URL.
    pub canonical: address::Options,
    /// Which URLs may be visited.
    pub scope: scope::Options,
    /// What is promised to hosts.
    pub politeness: politeness::Options,
    /// What is promised to all hosts at one address together.
    pub address_limit: politeness::gate::GroupLimit,
    /// What is promised to all hosts of one registrable domain together.
    pub domain_limit: politeness::gate::GroupLimit,
    /// When it stops.
    pub limits: Limits,
    /// How pages are asked for.
    pub fetch: Fetch,
    /// The cookies, if any are to be taken.
    pub cookies: Option<Cookies>,
    /// The cache of responses, if there is to be one.
    pub cache: Option<cache::Options>,
    /// How robots.txt is treated.
    pub robots: robots::Options,
    /// How sitemaps are read.
    pub sitemaps: sitemap::Options,
    /// What is wanted of pages.
    pub parse: parse::Options,
    /// Which links are followed.
    pub links: Links,
    /// The store of URLs.
    pub frontier: Frontier,
    /// Whether pages are asked for only if they have changed (`recrawl.validators`).
    pub recrawl_validators: bool,
    /// What is written.
    pub outputs: Outputs,
    /// Logs and display.
    pub telemetry: Telemetry,
    /// Where traces go, if there are to be any.
    pub traces: Option<traces::Options>,
    /// How long a drain may take (`shutdown.deadline`).
    pub shutdown_deadline: Duration,
    /// How `dragline serve` serves.
    pub daemon: Daemon,
    /// `[webhooks]` and `[[webhook]]`.
    pub webhooks: Webhooks,
    /// What makes another run the same job.
    pub identity: Identity,
}

/// `[job]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Letters, digits, `.`, `-`, `_`; never empty.
    pub name: String,
    /// The output folder.
    pub out: PathBuf,
    /// A URL or mail address.
    pub contact: Option<String>,
}

/// `[seeds]`. See [`Seeds::read`] for all of them as one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seeds {
    /// Given inline.
    pub urls: Vec<CanonicalUrl>,
    /// Files of URLs, one a line.
    pub files: Vec<PathBuf>,
    /// Whether standard input has more.
    pub stdin: bool,
    /// Sitemaps whose pages are seeds.
    pub sitemaps: Vec<CanonicalUrl>,
}

impl Seeds {
    /// No seeds, of what is no crawl.
    pub(crate) fn none() -> Self {
        Self { urls: Vec::new(), files: Vec::new(), stdin: false, sitemaps: Vec::new() }
    }
}

/// `[limits]`, but for those of URLs ([`scope::Options`]) and pages ([`parse::Options`]).
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Pages fetched.
    pub pages: Option<u64>,
    /// Body bytes fetched.
    pub bytes: Option<u64>,
    /// Time spent crawling, over all runs.
    pub duration: Option<Duration>,
    /// Links away from a seed.
    pub depth: Option<u16>,
    /// URLs pending.
    pub queue: Option<u64>,
    /// Pages fetched of one host.
    pub pages_per_host: Option<u64>,
    /// Body bytes fetched of one host.
    pub bytes_per_host: Option<u64>,
    /// Pages fetched of one directory.
    pub pages_per_directory: Option<u64>,
    /// Segments of a path that tell directories apart.
    pub directory_levels: u16,
    /// Pages in a chain that repeat what is known and lead to new URLs, after which the rest of the
    /// directory in which it began is refused (`traps.same_content`).
    pub same_content: Option<u32>,
    /// Least time between two requests to any host at all.
    pub interval: Option<Duration>,
    /// Body bytes a second, all hosts together.
    pub bandwidth: Option<u64>,
}

/// `[fetch]`.
#[derive(Debug, Clone)]
pub struct Fetch {
    /// The `User-Agent` header, contact included.
    pub user_agent: HeaderValue,
    /// The `Accept-Language` header, if there is to be one.
    pub accept_language: Option<HeaderValue>,
    /// Further headers; secrets are marked sensitive.
    pub headers: HeaderMap,
    /// Header fields for some hosts; the first that matches is the one.
    pub host_headers: Vec<(HostPattern, HeaderMap)>,
    /// Whom we trust, and who we are.
    pub tls: TlsOptions,
    /// The ways to servers.
    pub proxy: ProxyOptions,
    /// Secret header fields of one origin each.
    pub auth: HashMap<Origin, HeaderMap>,
    /// Requests in flight, all hosts together.
    pub concurrency: usize,
    /// Name resolution, connect and TLS.
    pub connect_timeout: Duration,
    /// From a connection to the end of the head.
    pub first_byte_timeout: Duration,
    /// Longest silence in a body.
    pub idle_timeout: Duration,
    /// Least rate of a body.
    pub min_rate: Option<fetch::MinRate>,
    /// Connections kept without a request.
    pub idle_connections: usize,
    /// Most header fields of a response.
    pub max_header_fields: usize,
    /// Most bytes of them.
    pub max_header_bytes: usize,
    /// One exchange.
    pub timeout: Duration,
    /// Longest body kept, decoded.
    pub max_body_bytes: usize,
    /// Bodies in memory, all together.
    pub memory_bytes: u64,
    /// Most decoded bytes for a byte.
    pub max_decode_ratio: u32,
    /// Attempts after the first.
    pub retries: u32,
    /// The first pause between two of them; it doubles.
    pub retry_base: Duration,
    /// The longest such pause.
    pub retry_max: Duration,
    /// Redirects in a chain.
    pub max_redirects: u8,
    /// What is done about redirects from `https` to `http`.
    pub downgrade: Downgrade,
    /// What the guard lets through, and what not.
    pub guard: guard::Options,
    /// `[dns]`.
    pub dns: fetch::resolve::Options,
    /// Fixed answers of name resolution.
    pub resolve: Vec<(String, IpAddr)>,
    /// Whether `nofollow` is obeyed.
    pub obey_nofollow: bool,
    /// How many connections each host may have, by its policy.
    pub connections: Connections,
}

/// `[cookies]`, when they are enabled.
#[derive(Debug, Clone)]
pub struct Cookies {
    /// Bounds of the jar.
    pub options: CookieOptions,
    /// Cookies to begin with.
    pub preset: Vec<Cookie>,
}

impl Settings {
    /// Who asks. Secret headers are for the origins of `seeds`; the jar, if there is to be one, is the caller's.
    pub fn identity_options(&self, seeds: &[CanonicalUrl]) -> IdentityOptions {
        IdentityOptions {
            user_agent: self.fetch.user_agent.clone(),
            accept_language: self.fetch.accept_language.clone(),
            headers: self.fetch.headers.clone(),
            seed_origins: seeds.iter().map(CanonicalUrl::origin).collect(),
            hosts: self.fetch.host_headers.clone(),
            auth: self.fetch.auth.clone(),
            cookies: None,
        }
    }

    /// What opens connections is built from this.
    pub fn fetch_options(&self, clock: Clock) -> fetch::Options {
        let fetch = &self.fetch;
        fetch::Options {
            connect_timeout: fetch.connect_timeout,
            first_byte_timeout: fetch.first_byte_timeout,
            idle_timeout: fetch.idle_timeout,
            min_rate: fetch.min_rate,
            max_header_fields: fetch.max_header_fields,
            max_header_bytes: fetch.max_header_bytes,
            bandwidth: self.limits.bandwidth,
            timeout: fetch.timeout,
            max_decode_ratio: fetch.max_decode_ratio,
            idle_connections: fetch.idle_connections,
            connections: fetch.connections.clone(),
            memory_budget_bytes: fetch.memory_bytes,
            guard: fetch.guard.clone(),
            resolve: fetch.resolve.clone(),
            dns: fetch.dns.clone(),
            tls: fetch.tls.clone(),
            proxy: fetch.proxy.clone(),
            clock,
        }
    }

    /// What tells webhooks is built from this: a guard, a pool and time limits of its own, no proxy, and no certificate
    /// of ours, which is for origins of the operator's and not for whoever a caller names.
    pub fn webhook_options(&self, clock: Clock) -> fetch::Options {
        let (usual, hooks) = (self.fetch_options(clock), &self.webhooks);
        fetch::Options {
            connect_timeout: hooks.timeout,
            first_byte_timeout: hooks.timeout,
            timeout: hooks.timeout,
            bandwidth: None,
            idle_connections: 0,
            connections: Connections { default: 1, exceptions: Vec::new() },
            guard: hooks.guard.clone(),
            tls: TlsOptions { certificates: Vec::new(), ..usual.tls },
            proxy: ProxyOptions::default(),
            ..usual
        }
    }

    /// A digest of [`Settings::identity`], 64 hexadecimal digits.
    pub fn fingerprint(&self) -> String {
        self.identity.fingerprint()
    }
}

/// `[links]`, but for the kinds, which are among the parser's options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Links {
    /// Links whose `rel` says any of this are left alone.
    pub obey_rel: parse::Rel,
    /// Whether URLs in plain text are links.
    pub text_files: bool,
    /// Whether the links of PDFs are followed.
    pub pdf: bool,
}

/// `[frontier]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frontier {
    /// Where it is kept.
    pub store: Store,
    /// Hosts in memory at once.
    pub active_hosts: usize,
    /// URLs of one host in memory.
    pub head: usize,
    /// URLs of one host in a row of turns while others wait on disk.
    pub session_budget: NonZeroU64,
    /// Longest time between commits.
    pub commit_every: Duration,
    /// Most URLs between commits.
    pub commit_urls: usize,
    /// Bytes for fingerprints seen recently.
    pub seen_cache_bytes: u64,
    /// Bytes for the store's own cache.
    pub buffer_bytes: u64,
}

/// Where the frontier is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// In the output folder; survives every stop.
    Disk,
    /// Lost with the process.
    Memory,
}

/// `[outputs]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outputs {
    /// How records are written.
    pub format: Format,
    /// How they are compressed.
    pub compression: Compression,
    /// Bytes of one file before the next is begun.
    pub rotate_bytes: Option<u64>,
    /// Whether a record holds the visible text.
    pub text: bool,
    /// Whether a record holds the links.
    pub links: bool,
    /// Whether a record holds what is known of each.
    pub link_details: bool,
    /// Whether a record holds what the head says for other programs.
    pub metadata: bool,
    /// Whether a record holds the response's headers.
    pub headers: bool,
    /// Whether `report.html` is written.
    pub report: bool,
}

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `pages.jsonl`.
    Jsonl,
    /// Not at all.
    None,
}

/// `[telemetry]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telemetry {
    /// A filter that `tracing_subscriber::EnvFilter` understands.
    pub log: String,
    /// How log lines look.
    pub format: LogFormat,
    /// Whether there may be a live display.
    pub progress: Progress,
    /// Time between log lines of progress.
    pub interval: Duration,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people, with colours on a terminal.
    Pretty,
    /// For people, on one line each.
    Compact,
    /// For machines, one object a line.
    Json,
}

/// Whether there may be a live display.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// On a terminal.
    Auto,
    /// Log lines only.
    Never,
}
