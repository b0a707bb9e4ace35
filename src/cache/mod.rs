//! A cache of responses in front of a [`Fetcher`](crate::fetch::Fetcher): RFC 9111 and RFC 5861, with
//! single-flight.
//!
//! [`policy`] says what may be done, purely; [`CachedFetcher`] does it. It is told in `docs/CACHE.md`.
//!
//! Invariants:
//! - any number of concurrent requests that are alike cause one exchange at a time; one that fails is
//!   everybody's, one whose caller is dropped or panics is taken over by the next, and nobody hangs;
//! - what is secret in a request is part of the key: no user sees another's answers;
//! - bounded by bytes in all, by bytes an entry, by variants a URL, by time; the owner sweeps by calling
//!   [`CachedFetcher::sweep`] now and then;
//! - a request that does not say [`accept_stale`](crate::fetch::Request::accept_stale) makes its exchange
//!   itself and hears of its failure: whoever promised a host its pace can keep it.
//!
//! Deliberately not: a store that outlives the process; parts (206); answers to POST. Requests for
//! parts, and those with other preconditions than `If-None-Match` and `If-Modified-Since`, go past it.

mod answer;
mod cached_fetcher;
mod counters;
mod exchange;
mod flight;
mod key;
pub mod policy;
mod shelf;
#[cfg(test)]
mod tests;

pub use cached_fetcher::CachedFetcher;

use std::time::Duration;

/// How often an owner should call [`CachedFetcher::sweep`].
pub const SWEEP: Duration = Duration::from_secs(30);

/// Bounds and rules of the cache.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Most bytes of bodies and header fields held.
    pub max_bytes: u64,
    /// Most bytes of one response; a larger one is not kept.
    pub entry_max_bytes: usize,
    /// How long a response is kept after it has become stale: to be revalidated, or served stale where
    /// that is allowed.
    pub keep: Duration,
    /// What may be kept, and for how long it is fresh.
    pub rules: policy::Rules,
}

/// How often the cache helped. Each request is counted once, in one of the first seven.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Served from memory, fresh.
    pub hits: u64,
    /// Served from memory, stale, as the request or the response allowed.
    pub stale: u64,
    /// Served from memory after a 304 of the server's.
    pub revalidated: u64,
    /// Served by waiting for another's exchange, or sharing its failure.
    pub collapsed: u64,
    /// Exchanges made, and answered with something new or not at all.
    pub misses: u64,
    /// Exchanges made past the cache.
    pub bypasses: u64,
    /// Requests that wanted no exchange, and found nothing: 504.
    pub unavailable: u64,
    /// Revalidations in the background.
    pub background: u64,
    /// URLs thrown out for want of room.
    pub evicted: u64,
    /// URLs held, as of the last sweep.
    pub urls: u64,
    /// Bytes held, as of the last sweep.
    pub bytes: u64,
}
