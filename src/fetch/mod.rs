//! One exchange with a server: a [`Request`] goes out, a [`Response`] or a [`FetchError`] comes back.
//!
//! The only module that names reqwest. It opens sockets, and every one of them passes the address
//! [`guard`] after name resolution. It does not follow redirects, retry, wait for politeness or
//! judge URLs: those are decisions, and decisions are the engine's.
//!
//! Invariants:
//! - an exchange ends within `Options::timeout`, whatever the server does;
//! - a body is never longer in memory than `Request::max_body_bytes`, compressed or not; one that
//!   was cut says so in [`Response::truncated`];
//! - all bodies that are being read or still held by a [`Response`], and the windows of their
//!   decoders, fit in `Options::memory_budget_bytes`, plus one body of the greatest length
//!   ([`Reservation`]);
//! - while we wait for memory or bandwidth of our own, no server is called slow;
//! - no error message contains credentials, or the URL;
//! - what is secret goes to the origins that it is for, and to no other.
//!
//! Two fetchers: [`IdentityFetcher`] says who asks, and what stands behind it down to [`HttpFetcher`]
//! brings that to the server as it is.
//!
//! Reading order: `identity` and `cookies` (the head of a request), `client` (one exchange), `guard` and `ports`
//! (where it may go), `transports`, `proxy` and `tls` (which way, and with which certificate), `clients` (which
//! connections are kept), `resolve` and `connect`
//! (how a socket comes about), `head`, `body`, `kept` and `decode` (how bytes become a body), `pace`, `bandwidth`,
//! `budget` and `windows` (what bounds it), `classify` (how failures get a name). Beside them, for whoever asks:
//! the tables `redirect` and `retry`.

mod bandwidth;
mod body;
mod budget;
mod classify;
mod client;
mod clients;
mod connect;
pub mod cookies;
mod decode;
mod error;
pub mod guard;
mod head;
mod identity;
mod kept;
mod pace;
pub mod ports;
pub mod proxy;
pub mod redirect;
pub mod resolve;
pub mod retry;
#[cfg(test)]
mod tests;
pub mod tls;
mod transports;
mod windows;

pub use budget::Reservation;
pub use client::HttpFetcher;
pub use error::{BuildError, ErrorKind, FetchError, Phase};
pub use identity::{IdentityFetcher, IdentityOptions};

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderName, Method};

use crate::{
    address::{CanonicalUrl, HostPattern},
    clock::{Clock, Timestamp},
};

/// Makes one exchange. An agent: cheap to share, safe to call from many tasks.
pub trait Fetcher: Send + Sync {
    /// Asks for one URL, once. Dropping the future closes or returns the connection.
    fn fetch(&self, request: Request) -> BoxFuture<'_, Result<Response, FetchError>>;

    /// Tells the sizes of what it holds, by name, and of what stands behind it. Cheap.
    fn held(&self, _tell: &mut dyn FnMut(&'static str, u64)) {}
}

/// One request, without a body.
#[derive(Debug, Clone)]
pub struct Request {
    /// What to ask for.
    pub url: CanonicalUrl,
    /// How; a crawl uses GET only.
    pub method: Method,
    /// Its header fields. They win over those that an [`IdentityFetcher`] adds on the way.
    pub headers: HeaderMap,
    /// The most body bytes kept, after decoding. More is cut, not an error.
    pub max_body_bytes: usize,
    /// Whether the body is wanted as it came, too ([`Response::raw`]).
    pub keep_raw: bool,
    /// Whether a cache may serve what is stale and ask by itself in the background, or hide a failure
    /// behind it, where the server allows that. Not for whoever promised the host its pace: an exchange
    /// that nobody asked for is paced by nobody, and one that failed unseen slows nobody down.
    pub accept_stale: bool,
}

impl Request {
    /// A GET without headers of its own.
    pub fn get(url: CanonicalUrl, max_body_bytes: usize) -> Self {
        Self {
            url,
            method: Method::GET,
            headers: HeaderMap::new(),
            max_body_bytes,
            keep_raw: false,
            accept_stale: false,
        }
    }
}

/// The head of what a server answered to something that it was told.
#[derive(Debug, Clone)]
pub struct Answered {
    /// The status code.
    pub status: u16,
    /// All header fields.
    pub headers: HeaderMap,
}

/// What a server answered. The default is an empty answer without a status, a base for tests.
#[derive(Debug, Clone, Default)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// `HTTP/1.1`, `HTTP/2.0`, …
    pub version: http::Version,
    /// All header fields; `Content-Encoding` as sent although `body` is decoded.
    pub headers: HeaderMap,
    /// The body, decoded from its content encodings; as it came if one of them is unknown
    /// ([`Response::undecoded`]).
    pub body: Bytes,
    /// The content encodings that were not undone because one is unknown or there are too many, as
    /// sent, at most a hundred characters.
    pub undecoded: Option<Box<str>>,
    /// The body as it came, before its content encodings were undone (transfer codings are), when it
    /// was asked for.
    pub raw: Option<Bytes>,
    /// Bytes of the body as they came over the wire.
    pub wire_bytes: u64,
    /// Why the body is not whole, if it is not.
    pub truncated: Option<Truncation>,
    /// When, and how long.
    pub timings: Timings,
    /// The address that answered; not known behind a proxy.
    pub remote: Option<SocketAddr>,
    /// The proxy through which it came, without its login.
    pub proxy: Option<Arc<str>>,
    /// Whether it was served without an exchange of its own; `wire_bytes` is zero then.
    pub from_cache: bool,
    /// What a cache had to do with it; none if the server's answer is served as it came.
    pub cache: Option<CacheStatus>,
    /// Keeps the body accounted for in the fetcher's memory budget until the last clone is dropped.
    pub reservation: Reservation,
}

impl Response {
    /// A header's value as text, if it is there and is text.
    pub fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// What a cache had to do with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CacheStatus {
    /// Served from memory, fresh.
    Hit,
    /// Served from memory although stale: the request or the response allowed it. If that was after an
    /// exchange that failed, [`Response::from_cache`] is false.
    Stale,
    /// Served from memory after the server said that it has not changed: an exchange was made.
    Revalidated,
    /// Served with the answer of another's exchange that was under way.
    Collapsed,
}

impl CacheStatus {
    /// As in records: `hit`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Stale => "stale",
            Self::Revalidated => "revalidated",
            Self::Collapsed => "collapsed",
        }
    }
}

/// Why a body was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Truncation {
    /// It was longer than the limit on bodies.
    BodyLimit,
    /// It unpacked to more than `Options::max_decode_ratio` times its size.
    DecodeRatio,
    /// The connection broke off, or the length or the compressed data were wrong, after some of it
    /// (or after a head that says enough by itself: any status but 2xx).
    Incomplete,
    /// A time limit ran out after some of it.
    Timeout,
    /// It came more slowly than [`Options::min_rate`].
    TooSlow,
    /// Time ran out while dragline waited for memory or bandwidth of its own.
    Busy,
}

impl Truncation {
    /// As in records: `body-limit`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BodyLimit => "body-limit",
            Self::DecodeRatio => "decode-ratio",
            Self::Incomplete => "incomplete",
            Self::Timeout => "timeout",
            Self::TooSlow => "too-slow",
            Self::Busy => "busy",
        }
    }

    /// What went wrong, if another attempt might get more; `None` where a limit of ours was reached,
    /// which it would reach again.
    pub fn failure(self) -> Option<ErrorKind> {
        match self {
            Self::BodyLimit | Self::DecodeRatio => None,
            Self::Incomplete => Some(ErrorKind::Closed),
            Self::Timeout | Self::TooSlow => Some(ErrorKind::Timeout),
            Self::Busy => Some(ErrorKind::Busy),
        }
    }
}

/// The least that must come of a body, unless it ends before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MinRate {
    /// Bytes of the wire.
    pub bytes_per_second: u64,
    /// Over so much time of waiting for the server, again and again.
    pub window: Duration,
}

/// When an exchange took place and how long its phases took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timings {
    /// When the request was handed to the client.
    pub sent_at: Timestamp,
    /// When a connection for it was begun; zero if none was.
    pub connecting_at: Timestamp,
    /// When the response's head was there, if it ever was.
    pub first_byte_at: Option<Timestamp>,
    /// When the exchange ended.
    pub ended_at: Timestamp,
    /// Name resolution, when one took place (not for addresses and not on a connection used again).
    pub dns: Option<Duration>,
    /// TCP connect, when a connection was opened for this exchange.
    pub connect: Option<Duration>,
    /// TLS handshake, when one took place.
    pub tls: Option<Duration>,
}

/// How many connections hosts may have.
#[derive(Debug, Clone)]
pub struct Connections {
    /// Of a host that none of the exceptions matches.
    pub default: usize,
    /// The first that matches a host is its.
    pub exceptions: Vec<(HostPattern, usize)>,
}

impl Connections {
    /// Those of a host.
    pub fn of(&self, host: &str) -> usize {
        self.exceptions.iter().find(|(pattern, _)| pattern.matches(host)).map_or(self.default, |(_, n)| *n)
    }
}

/// What an [`HttpFetcher`] is built from.
#[derive(Debug, Clone)]
pub struct Options {
    /// Name resolution, TCP and TLS together.
    pub connect_timeout: Duration,
    /// From the moment when there is a connection for the request to the end of the response's head.
    pub first_byte_timeout: Duration,
    /// Longest silence while a body is read.
    pub idle_timeout: Duration,
    /// The least rate of a body.
    pub min_rate: Option<MinRate>,
    /// The whole exchange, from call to last byte.
    pub timeout: Duration,
    /// Most header fields of a response.
    pub max_header_fields: usize,
    /// Most bytes of them; 384 KiB are the most that can be had.
    pub max_header_bytes: usize,
    /// Most bytes out for one byte in, once 1 MiB has come out.
    pub max_decode_ratio: u32,
    /// Most bytes of bodies in memory, in the reading or held by responses. A body that finds no
    /// room waits, and its exchange may time out.
    pub memory_budget_bytes: u64,
    /// Bytes of bodies a second, all exchanges of a fetcher together.
    pub bandwidth: Option<u64>,
    /// Connections kept without a request, over all hosts; of more, those of the host that was not asked for
    /// longest are closed.
    pub idle_connections: usize,
    /// How many connections each host may have; so many are kept.
    pub connections: Connections,
    /// What the address guard lets through, and what not.
    pub guard: guard::Options,
    /// Fixed answers of name resolution, before DNS: a host name, or `*.suffix` (its subdomains), or
    /// `*`, and its address. The exact name wins, then the longest suffix; several entries of one name
    /// are several addresses. The guard judges them like any other.
    pub resolve: Vec<(String, IpAddr)>,
    /// How names are looked up.
    pub dns: resolve::Options,
    /// Whom we trust, and who we are.
    pub tls: tls::TlsOptions,
    /// The ways to servers.
    pub proxy: proxy::ProxyOptions,
    /// Tells the time for [`Timings`].
    pub clock: Clock,
}
