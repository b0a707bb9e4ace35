//! A TTL cache of responses in front of a [`Fetcher`], with single-flight.
//!
//! Any number of concurrent requests for one URL cause one exchange; a leader that fails or is
//! cancelled hands over, it does not strand its followers (moka's `try_get_with`). Bounded by
//! bytes, expired entries are swept periodically. This first form keeps what was answered with 200
//! for a fixed time; RFC 9111 semantics are to come.

mod cached_fetcher;

pub use cached_fetcher::CachedFetcher;

use std::time::Duration;

/// Bounds of the cache.
#[derive(Debug, Clone)]
pub struct Options {
    /// Most bytes of bodies and headers held.
    pub max_bytes: u64,
    /// How long a response is served.
    pub ttl: Duration,
}
