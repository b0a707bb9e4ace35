//! What a web is made of.

use std::time::Duration;

use super::{Coding, Exception, Latency};

/// Links a page of [`Options::instrument`], besides those to its children: 50 with them.
pub const INSTRUMENT_LINKS: u32 = 47;

/// Bytes of one of its pages.
pub const INSTRUMENT_PAGE_BYTES: u32 = 15_000;

/// What a web is made of. Shares are per mille of the pages they are rolled for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Two webs of one seed (and the same other options) are equal byte by byte.
    pub seed: u64,
    /// Hosts, at least one.
    pub n_hosts: u32,
    /// Ordinary pages a host, on average; sizes are spread log-normally (a factor of 0.17 to 3.3).
    pub pages_per_host: u32,
    /// Links a page, on average, besides those to its children in the tree.
    pub links_per_page: u32,
    /// Bytes of a page, on average, spread as sizes of hosts are. A page is never shorter than its links.
    pub page_bytes: u32,
    /// Whether a page's links and bytes stay within a third of their averages, rather than be spread widely, and its
    /// markup is nested and varied.
    pub is_even: bool,
    /// Ordinary pages of all hosts together, exactly, in place of [`Options::pages_per_host`]. Hosts then differ more:
    /// by a factor of 400.
    pub n_pages: Option<u32>,
    /// Whether hosts form a tree by links between their home pages, so that all of them can be reached from the first.
    pub host_tree: bool,
    /// How long each page waits before it answers.
    pub latency: Latency,
    /// Most bytes a second of one answer's body; 0 for no limit.
    pub bandwidth: u32,
    /// How much longer a slow page waits.
    pub slow: Duration,
    /// Leaves that are 404, 410, 500, or 500 once, in equal parts.
    pub error_permille: u32,
    /// Leaves that redirect.
    pub redirect_permille: u32,
    /// Leaves that are slow.
    pub slow_permille: u32,
    /// Leaves whose body breaks off.
    pub truncated_permille: u32,
    /// The first so many hosts are sluggish: half of their leaves are slow besides those.
    pub sluggish_hosts: u32,
    /// Leaves that answer 503 with a `Retry-After` once.
    pub retry_after_permille: u32,
    /// What that `Retry-After` asks for, in whole seconds.
    pub retry_after_s: u32,
    /// Leaves at which an outage of their host begins.
    pub outage_permille: u32,
    /// Pages that set a cookie of their own, for their whole host, whenever they are answered with 200. Nobody looks
    /// at what comes back.
    pub cookie_permille: u32,
    /// Pages that are sent compressed to those who accept it.
    pub coded_permille: u32,
    /// How these are compressed.
    pub coding: Coding,
    /// Pages in windows-1252 rather than UTF-8.
    pub charset_permille: u32,
    /// Links that lead to another host.
    pub cross_host_permille: u32,
    /// What the hosts' robots.txt are like.
    pub robots: Robots,
    /// What `Crawl-delay` the hosts with [`Role::Patient`] ask for, in whole seconds.
    pub crawl_delay_s: u32,
    /// Pages of such a host, at most: few, so that a crawl of all hosts ends soon.
    pub patient_pages: u32,
    /// Whether hosts whose robots.txt can be read have sitemaps and orphans.
    pub sitemaps: bool,
    /// Where the endless calendars are.
    pub traps: Traps,
    /// Whether hosts 0, 2, 6, 8, … (roles [`Role::Fenced`] and [`Role::Bare`]) have a `/curio/` cabinet.
    pub curios: bool,
    /// Whether each answer is the last of its connection. Of HTTP/1.1 only.
    pub closes: bool,
    /// Whether hosts are asked over TLS, and only so. Needs a server that has an [`Authority`](super::Authority).
    pub is_secure: bool,
    /// Whether hosts speak HTTP/2 besides HTTP/1.1.
    pub http2: bool,
    /// What is otherwise on some hosts.
    pub exceptions: Vec<Exception>,
}

impl Default for Options {
    /// [`Options::demo`].
    fn default() -> Self {
        Self::demo()
    }
}

impl Options {
    /// Six hosts, some 300 URLs, one of everything; crawled in seconds without a rate limit.
    pub fn demo() -> Self {
        Self {
            seed: 1,
            n_hosts: 6,
            pages_per_host: 45,
            links_per_page: 12,
            page_bytes: 6_000,
            is_even: false,
            n_pages: None,
            host_tree: false,
            latency: Latency::Even(Duration::from_millis(2), Duration::from_millis(40)),
            bandwidth: 0,
            slow: Duration::from_millis(700),
            error_permille: 40,
            redirect_permille: 60,
            slow_permille: 15,
            truncated_permille: 10,
            sluggish_hosts: 0,
            retry_after_permille: 10,
            retry_after_s: 1,
            outage_permille: 0,
            cookie_permille: 0,
            coded_permille: 300,
            coding: Coding::Gzip,
            charset_permille: 80,
            cross_host_permille: 120,
            robots: Robots::Varied,
            crawl_delay_s: 1,
            patient_pages: 5,
            sitemaps: true,
            traps: Traps::Fenced,
            curios: true,
            closes: false,
            is_secure: false,
            http2: false,
            exceptions: Vec::new(),
        }
    }

    /// For benchmarks: no waiting, no failures, a plain robots.txt on every host.
    pub fn bench(n_hosts: u32, pages_per_host: u32) -> Self {
        Self {
            n_hosts,
            pages_per_host,
            links_per_page: 20,
            latency: Latency::NONE,
            error_permille: 0,
            redirect_permille: 0,
            slow_permille: 0,
            truncated_permille: 0,
            retry_after_permille: 0,
            coded_permille: 0,
            charset_permille: 0,
            robots: Robots::Plain,
            sitemaps: false,
            traps: Traps::Off,
            curios: false,
            ..Self::demo()
        }
    }

    /// The instrument: what `dragline vitro` serves unless it is told otherwise. So many pages in all; about 50 links
    /// a page, a third of them to other hosts; 10 to 20 kB a page; everything is allowed and can be reached.
    pub fn instrument(n_hosts: u32, n_pages: u32) -> Self {
        Self {
            pages_per_host: n_pages / n_hosts.max(1),
            n_pages: Some(n_pages),
            links_per_page: INSTRUMENT_LINKS,
            page_bytes: INSTRUMENT_PAGE_BYTES,
            is_even: true,
            host_tree: true,
            cross_host_permille: 345,
            robots: Robots::Allow,
            ..Self::bench(n_hosts, 1)
        }
    }
}

/// What the hosts' robots.txt are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Robots {
    /// 404 everywhere: [`Role::Bare`].
    Missing,
    /// The same simple file everywhere: [`Role::Fenced`].
    Plain,
    /// A file that allows everything: [`Role::Open`].
    Allow,
    /// A file that disallows one section, an eighth of the pages, besides `/private/`: [`Role::Guarded`].
    Some,
    /// A file that disallows everything: [`Role::Shut`].
    Deny,
    /// 503, always: [`Role::Closed`].
    Closed,
    /// By the host's number modulo 6, in the order of [`Role`].
    Varied,
}

/// What kind of site a host is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A robots.txt that disallows `/trap/` and `/private/`, and names a sitemap.
    Fenced,
    /// The same with a `Crawl-delay`, without a sitemap; five pages.
    Patient,
    /// robots.txt is 404: everything is allowed.
    Bare,
    /// robots.txt is 503, always: everything is refused.
    Closed,
    /// As `Fenced`, with a sitemap index.
    Indexed,
    /// As `Fenced`, with `/robots.txt` redirecting to `/robots-moved.txt`.
    Moved,
    /// A robots.txt that allows everything, and names a sitemap.
    Open,
    /// As `Fenced`, and the section `/people/` is disallowed as well.
    Guarded,
    /// A robots.txt that disallows everything.
    Shut,
}

/// Where the endless calendars are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Traps {
    /// Nowhere.
    Off,
    /// On hosts whose robots.txt disallows them.
    Fenced,
    /// On every host, and no robots.txt says so: the web has no end, and its [`Truth`](super::Truth) leaves the
    /// calendars out.
    Open,
}
