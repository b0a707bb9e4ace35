//! The glass web: a procedural web on loopback, for `dragline demo`, the tests and the benchmarks.
//!
//! Every page is computed from a hash of the seed, its host and its number, so the same [`Options`]
//! give the same web in every process and on every platform, however large, and a page costs no
//! memory. [`Web`] is pure: it answers and it knows the [`Truth`]. [`Server`] puts it on a socket and
//! keeps a [`Log`] of arrivals, which is how politeness is proved from the server's side.
//!
//! It is deliberately not a general web server: loopback only, GET and HEAD only.
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

mod answers;
mod certificates;
mod coding;
mod curio;
mod dice;
mod draw;
mod journal;
pub mod knobs;
mod log;
mod map;
mod options;
mod page;
mod payload;
mod prose;
mod reach;
pub mod server;
mod sites;
#[cfg(test)]
mod tests;
mod truth;
mod web;
mod wire;

pub use certificates::{Authority, AuthorityError};
pub use journal::Journal;
pub use knobs::{Coding, Exception, Knobs, Latency};
pub use log::{Arrival, Entry, Log, Moment, Tap};
pub use options::{INSTRUMENT_LINKS, INSTRUMENT_PAGE_BYTES, Options, Robots, Role, Traps};
pub use reach::{Found, Reach};
pub use server::{Server, serve};
pub use truth::{Expectation, Truth};
pub use web::Web;

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;

/// How hosts are addressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// `h3.vitro.test`.
    Names,
    /// `127.0.0.4`.
    Addresses,
}

/// What URLs look like from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// How hosts are addressed.
    pub naming: Naming,
    /// Through which port.
    pub port: u16,
}

impl Form {
    /// By name.
    pub fn names(port: u16) -> Self {
        Self { naming: Naming::Names, port }
    }

    /// By literal address.
    pub fn addresses(port: u16) -> Self {
        Self { naming: Naming::Addresses, port }
    }
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
    /// The value of `Accept-Encoding`.
    pub accepts: &'a str,
    /// Whether it is asked over TLS.
    pub is_secure: bool,
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
    /// Most bytes of the body a second; 0 for no limit.
    pub bandwidth: u32,
    /// Whether it is the last of its connection.
    pub closes: bool,
}
