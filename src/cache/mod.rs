//! A TTL cache of responses in front of a [`Fetcher`](crate::fetch::Fetcher), with single-flight.
//!
//! Any number of concurrent requests for one URL cause one exchange; a leader that fails or is
//! cancelled hands over, it does not strand its followers (moka's `try_get_with`). Bounded by
//! bytes; the owner sweeps expired entries by calling [`CachedFetcher::sweep`] now and then. This
//! first form keeps whole answers with 200 for a fixed time; RFC 9111 semantics are to come.
//!
//! Not kept: other statuses, truncated bodies, errors. They are shared by those who waited for the
//! same exchange, and the next request asks again. A request with headers of its own goes past the
//! cache.

mod cached_fetcher;

pub use cached_fetcher::CachedFetcher;

use std::time::Duration;

/// Bounds of the cache.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Most bytes of bodies and headers held.
    pub max_bytes: u64,
    /// How long a response is served.
    pub ttl: Duration,
}

/// How often the cache helped. Each request is counted once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Served without an exchange of their own: from memory, or by waiting for another's.
    pub hits: u64,
    /// Exchanges made.
    pub misses: u64,
    /// Exchanges made past the cache.
    pub bypasses: u64,
}
