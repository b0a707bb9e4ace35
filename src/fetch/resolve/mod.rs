//! From a name to the addresses that a socket may be opened to: where the guard stands.
//!
//! The client has no other way to an address. Fixed answers come first, then the names that are not for
//! DNS, then a cache, then a `Lookup`; whatever they say passes the guard *after* it is taken out of the
//! cache, and the address that was checked is the address that is connected to. So a name that changes
//! its answer between two questions gains nothing, nor does one that had an answer before. Literal
//! addresses never come here; the client checks those before it asks.
//!
//! Invariants:
//! - an address that the guard refuses is never handed to the client;
//! - of any number of exchanges that ask for one name at once, one looks it up;
//! - an answer is kept as long as its TTL says, within `min_ttl` and `max_ttl`; that there is none,
//!   within `negative_ttl`; that nobody could tell, for `failure_ttl`;
//! - a look-up ends within `timeout`, and at most `MAX_LOOKUPS` of them run at once.
//!
//! Reading order: `guarded` (the client's resolver), `cache`, `order` (which address is tried first), `dns` (the
//! look-up that asks name servers).

mod cache;
mod dns;
mod guarded;
mod order;
#[cfg(test)]
pub(super) mod tests;

pub(super) use dns::DnsLookup;
pub(super) use guarded::GuardedResolver;

use std::{
    fmt::Debug,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use futures::future::BoxFuture;

use super::guard::Category;

/// Look-ups at once. One that is over leaves nothing behind.
const MAX_LOOKUPS: usize = 128;

/// How long an exchange waits until one of them may be its own.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// Addresses of one name that are kept and tried.
const MAX_ADDRESSES: usize = 16;

/// How names are looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The name servers; none: those of the system.
    pub servers: Vec<SocketAddr>,
    /// Which addresses are asked for, and which are tried first.
    pub family: Family,
    /// The whole of a look-up, all attempts together.
    pub timeout: Duration,
    /// Attempts after the first; each has its share of `timeout`.
    pub retries: u8,
    /// Names that are remembered.
    pub cache_entries: u64,
    /// An answer is kept at least so long, whatever its TTL.
    pub min_ttl: Duration,
    /// And at most so long.
    pub max_ttl: Duration,
    /// That a name or its addresses don't exist is remembered at most so long (RFC 2308).
    pub negative_ttl: Duration,
    /// That a look-up failed is remembered so long.
    pub failure_ttl: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            family: Family::Ipv6First,
            timeout: Duration::from_secs(8),
            retries: 1,
            cache_entries: 16_384,
            min_ttl: Duration::from_secs(5),
            max_ttl: Duration::from_secs(3600),
            negative_ttl: Duration::from_secs(60),
            failure_ttl: Duration::from_secs(5),
        }
    }
}

/// Which addresses of a name are asked for. Of two families the second is tried when the first has not
/// connected within 300 ms (RFC 8305, by hyper).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Family {
    /// Both, IPv6 first.
    #[default]
    Ipv6First,
    /// Both, IPv4 first.
    Ipv4First,
    /// IPv4 only.
    Ipv4,
    /// IPv6 only.
    Ipv6,
}

/// What became of the questions for names so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Answered from the cache, or by a look-up that was under way.
    pub hits: u64,
    /// Looked up.
    pub misses: u64,
    /// Those of both whose answer was that there is none, or a failure.
    pub negative: u64,
}

/// Finds the addresses of a name. An agent; knows nothing of guard and cache.
pub(super) trait Lookup: Debug + Send + Sync {
    /// Asks for the addresses of `name`, which is ASCII, in lower case, and has no dot at its end.
    fn look_up<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Found, Failure>>;
}

/// The addresses of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Not empty.
    pub(super) ips: Vec<IpAddr>,
    /// How long it holds.
    pub(super) ttl: Duration,
}

/// Why there is no address. Cheap to clone, because it is cached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    /// There is no such name (NXDOMAIN), for so long.
    #[error("there is no such name")]
    NoName(Duration),
    /// The name has no address (NODATA), for so long.
    #[error("the name has no address")]
    NoAddress(Duration),
    /// No server answered in time.
    #[error("look up the name: no answer in time")]
    Timeout,
    /// Whatever else was said (SERVFAIL, garbage, no route to a server).
    #[error("look up the name: {0}")]
    Failed(String),
    /// Too many other names were being looked up; never cached.
    #[error("too many names are being looked up")]
    Busy,
}

/// A name that leads nowhere.
#[derive(Debug, thiserror::Error)]
pub(super) enum ResolveError {
    /// There is nothing to connect to.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// None of its addresses may be asked.
    #[error("the name has only {0} addresses")]
    Refused(Category),
    /// One of them may not, and it is not we who choose.
    #[error("the name has {0} addresses among others")]
    Mixed(Category),
}
