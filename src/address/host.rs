//! Hosts and origins: to whom politeness is owed, and for whom a robots.txt speaks.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// A host name as the URL standard serialises it: lower case, ASCII, IPv6 in brackets, no port.
///
/// Politeness is owed to this and not to an origin: two ports and two schemes of one name are one
/// machine to its owner.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HostKey(Arc<str>);

impl HostKey {
    pub(crate) fn new(host: &str) -> Self {
        Self(Arc::from(host))
    }

    /// The name, as in a URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of nobody: for sums over hosts that are not named.
    pub fn none() -> Self {
        Self(Arc::from(""))
    }

    /// The 64-bit hash under which the frontier files this host.
    pub fn id(&self) -> HostId {
        HostId(xxh3_64(self.0.as_bytes()))
    }
}

impl fmt::Display for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// A 64-bit hash of a [`HostKey`]. Two hosts that collide would share a queue and be crawled more
/// slowly; no URL would be lost, because queue entries carry the whole URL.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(pub u64);

impl fmt::Debug for HostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Scheme, host and port, serialised as `scheme://host[:port]` (RFC 6454): the reach of one
/// robots.txt (RFC 9309 section 2.3).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Origin(Arc<str>);

impl Origin {
    pub(crate) fn new(serialised: &str) -> Self {
        Self(Arc::from(serialised))
    }

    /// The host in it.
    pub fn host(&self) -> HostKey {
        let authority = self.0.split_once("://").map_or(&*self.0, |(_, authority)| authority);
        let end = match authority.rfind(':') {
            // The colons of an IPv6 address are inside of its brackets.
            Some(colon) if !authority[colon..].contains(']') => colon,
            _ => authority.len(),
        };
        HostKey::new(&authority[..end])
    }

    /// `scheme://host[:port]`, without a trailing slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}
