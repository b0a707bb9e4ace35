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
//! - no error message contains credentials.

mod body;
mod client;
mod connect;
mod error;
pub mod guard;
pub mod retry;

pub use client::HttpFetcher;
pub use error::{ErrorKind, FetchError, Phase};

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::{
    address::CanonicalUrl,
    clock::{Clock, Timestamp},
};

/// Makes one exchange. An agent: cheap to share, safe to call from many tasks.
pub trait Fetcher: Send + Sync {
    /// Asks for one URL, once. Dropping the future closes or returns the connection.
    fn fetch(&self, request: Request) -> BoxFuture<'_, Result<Response, FetchError>>;
}

/// One GET.
#[derive(Debug, Clone)]
pub struct Request {
    /// What to ask for.
    pub url: CanonicalUrl,
    /// Headers besides those of [`Options`]; they win over those.
    pub headers: HeaderMap,
    /// The most body bytes kept, after decoding. More is cut, not an error.
    pub max_body_bytes: usize,
}

/// What a server answered.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// `HTTP/1.1`, `HTTP/2.0`, …
    pub version: http::Version,
    /// All header fields; `Content-Encoding` as sent although `body` is decoded.
    pub headers: HeaderMap,
    /// The body, decoded from its content encodings.
    pub body: Bytes,
    /// Bytes of the body as they came over the wire.
    pub wire_bytes: u64,
    /// Why the body is not whole, if it is not.
    pub truncated: Option<Truncation>,
    /// When, and how long.
    pub timings: Timings,
    /// The address that answered.
    pub remote: Option<SocketAddr>,
}

impl Response {
    /// A header's value as text, if it is there and is text.
    pub fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
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
    /// The connection broke off, or the length or the compressed data were wrong, after some of it.
    Incomplete,
}

/// When an exchange took place and how long its phases took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timings {
    /// When the request was handed to the client.
    pub sent_at: Timestamp,
    /// When the response's head was there, if it ever was.
    pub first_byte_at: Option<Timestamp>,
    /// When the exchange ended.
    pub ended_at: Timestamp,
    /// Name resolution, when one took place.
    pub dns: Option<Duration>,
    /// TCP connect, when a connection was opened.
    pub connect: Option<Duration>,
    /// TLS handshake, when one took place.
    pub tls: Option<Duration>,
}

/// What an [`HttpFetcher`] is built from.
#[derive(Debug, Clone)]
pub struct Options {
    /// The `User-Agent` header.
    pub user_agent: HeaderValue,
    /// Further headers of every request.
    pub headers: HeaderMap,
    /// Name resolution, TCP and TLS together.
    pub connect_timeout: Duration,
    /// Longest silence while a body is read.
    pub idle_timeout: Duration,
    /// The whole exchange, from call to last byte.
    pub timeout: Duration,
    /// Most bytes out for one byte in, once 1 MiB has come out.
    pub max_decode_ratio: u32,
    /// Idle connections kept for each host.
    pub idle_connections_per_host: usize,
    /// What the address guard lets through besides the public internet.
    pub allow: Vec<guard::Allow>,
    /// Fixed answers of name resolution, before DNS: a host name, or `*.suffix`, and its address.
    pub resolve: Vec<(String, IpAddr)>,
    /// Tells the time for [`Timings`].
    pub clock: Clock,
}
