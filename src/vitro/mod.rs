//! The glass web: a procedural web on loopback, for `dragline demo`, the tests and the benchmarks.
//!
//! Every page is computed from a hash of the seed, its host and its number, so the same [`Options`]
//! give the same web in every process and on every platform, however large, and a page costs no
//! memory. [`Web`] is pure: it answers and it knows the [`Truth`]. [`Server`] puts it on a socket and
//! keeps a [`Log`] of arrivals, which is how politeness is proved from the server's side.
//!
//! It is deliberately not a general web server: loopback only, HTTP/1.1 only, GET and HEAD only.
//!
//! # What is in it
//!
//! Hosts are `h0.vitro.test`, `h1.vitro.test`, …, told apart by the `Host` header on one listener;
//! `127.0.0.1` and `localhost` are `h0`. Any other name gets 421. A host has
//! - ordinary pages, `/` and `/<section>/<word>-<word>-<n>.html`: a tree (every page can be reached)
//!   plus links that favour low numbers by a power law, to this and to other hosts, spelled
//!   root-relative, relative, scheme-relative, absolute, with fragments and with upper-case hosts;
//! - among the leaves of the tree, by the shares in [`Options`]: 404, 410, 500 always, 500 once,
//!   503 with `Retry-After` once, redirects (301, 302, 307, 308), slow pages, bodies that break
//!   off, the beginnings of outages (below); and among all pages gzip by `Accept-Encoding` and windows-1252 by
//!   header or by meta, and some that set a cookie of their own if [`Options::cookie_permille`] says so;
//! - orphans, which only a sitemap names (`/sitemap.xml`, or an index of plain and gzip sitemaps);
//! - `/private/…` behind `Disallow`, one of them opened again by a longer `Allow`;
//! - `/trap/<year>/<month>`, an endless calendar behind `Disallow` (or open: [`Traps::Open`]);
//! - `/curio/…`, one specimen of each oddity: every status above, 204, 403, 429 once, a chain of
//!   three redirects, a loop of two, redirects relative, absolute, to another host, with a fragment,
//!   without a `Location`; a truncated body; an empty one; a plain text with things that look like
//!   links; windows-1252, Shift_JIS and UTF-16, each with a link that only the right decoding
//!   finds; markup oddities (unquoted, padded, entities, commented out, in scripts); `<base href>`;
//!   percent-encoded spellings of one URL; a link out of the web (`http://elsewhere.test/`).
//!
//! With [`Robots::Varied`] a host's number modulo 6 gives it a [`Role`]: an ordinary robots.txt, a
//! `Crawl-delay` (a small host), a 404, a 503 (so everything on it is refused), a sitemap index, and
//! a robots.txt behind a redirect.
//!
//! # Outages
//!
//! With [`Options::outage_permille`], the first request for some pages is the first that a host fails at: it answers
//! that and the next ones, one to four in all, with 502, with 504, or with a 503 that does not say for how long,
//! whatever they ask for but robots.txt. So a host fails several times in a row, which pages that fail by themselves
//! don't make it do.
//!
//! # State
//!
//! The "once" pages and the outages are the only state: the server counts attempts at such pages, per process, in a
//! table of at most [`server::MAX_COUNTED`] URLs; when it is full, further ones answer as if asked before.
//! The [`Truth`] takes it for granted that a crawler asks again after 429, 500, 502, 503 and 504 for as long as they last.

mod curio;
mod dice;
mod log;
mod map;
mod page;
mod payload;
mod prose;
pub mod server;
mod sites;
mod truth;
mod web;

pub use log::{Arrival, Entry, Log, Moment, Tap};
pub use server::{Server, serve};
pub use truth::{Expectation, Truth};
pub use web::Web;

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;

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
    /// Each page waits for a time between these before it answers.
    pub latency: (Duration, Duration),
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
    /// Pages that are sent in gzip to those who accept it.
    pub gzip_permille: u32,
    /// Pages in windows-1252 rather than UTF-8.
    pub charset_permille: u32,
    /// Links that lead to another host.
    pub cross_host_permille: u32,
    /// What the hosts' robots.txt are like.
    pub robots: Robots,
    /// What `Crawl-delay` the hosts with [`Role::Patient`] ask for, in whole seconds.
    pub crawl_delay_s: u32,
    /// Whether hosts whose robots.txt can be read have sitemaps and orphans.
    pub sitemaps: bool,
    /// Where the endless calendars are.
    pub traps: Traps,
    /// Whether hosts 0, 2, 6, 8, … (roles [`Role::Fenced`] and [`Role::Bare`]) have a `/curio/` cabinet.
    pub curios: bool,
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
            latency: (Duration::from_millis(2), Duration::from_millis(40)),
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
            gzip_permille: 300,
            charset_permille: 80,
            cross_host_permille: 120,
            robots: Robots::Varied,
            crawl_delay_s: 1,
            sitemaps: true,
            traps: Traps::Fenced,
            curios: true,
        }
    }

    /// For benchmarks: no waiting, no failures, a plain robots.txt on every host.
    pub fn bench(n_hosts: u32, pages_per_host: u32) -> Self {
        Self {
            n_hosts,
            pages_per_host,
            links_per_page: 20,
            latency: (Duration::ZERO, Duration::ZERO),
            error_permille: 0,
            redirect_permille: 0,
            slow_permille: 0,
            truncated_permille: 0,
            retry_after_permille: 0,
            gzip_permille: 0,
            charset_permille: 0,
            robots: Robots::Plain,
            sitemaps: false,
            traps: Traps::Off,
            curios: false,
            ..Self::demo()
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
}

/// Where the endless calendars are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Traps {
    /// Nowhere.
    Off,
    /// On hosts whose robots.txt disallows them.
    Fenced,
    /// On every host, and no robots.txt says so: the web has no end, and its [`Truth`] leaves the
    /// calendars out.
    Open,
}

/// What somebody asks of the web.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// The `Host` header: `h1.vitro.test:8080`. Absolute links repeat its port.
    pub authority: &'a str,
    /// Path and query.
    pub target: &'a str,
    /// How often the same has been asked before.
    pub attempt: u32,
    /// What its host fails with at this moment, if it has an outage.
    pub outage: Option<u16>,
    /// Whether `Accept-Encoding` allows gzip.
    pub gzip: bool,
}

/// What the web answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The header fields, without `Content-Length`.
    pub headers: HeaderMap,
    /// The whole body, in its encodings.
    pub body: Bytes,
    /// How long the server waits before it answers.
    pub delay: Duration,
    /// Where the body breaks off although `Content-Length` promises all of it.
    pub cut_at: Option<usize>,
}
