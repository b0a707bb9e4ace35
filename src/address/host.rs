//! Hosts, domains and origins: to whom politeness is owed, who registered a name, and for whom a
//! robots.txt speaks.
//!
//! Domains are those of the Public Suffix List (crate `psl`, which carries a copy of the list), both
//! of its sections: whoever has `me.github.io` is somebody else than who has `you.github.io`. Nothing
//! here looks names up.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// A host name as the URL standard serialises it: lower case, ASCII, IPv6 in brackets, no port; but
/// without the trailing dot of the root.
///
/// Politeness is owed to this and not to an origin: two ports and two schemes of one name are one
/// machine to its owner. So are `example.com` and `example.com.`, which are one name to the DNS. The
/// URL standard and HTTP keep their origins and pages apart, and so do [`Origin`] and
/// [`CanonicalUrl`](super::CanonicalUrl).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HostKey(Arc<str>);

impl HostKey {
    pub(crate) fn new(host: &str) -> Self {
        Self(Arc::from(without_root(host)))
    }

    /// The part of the name that somebody registered: a public suffix and one label before it. None
    /// of an IP address, of a public suffix itself, and of a name without a dot.
    pub fn registrable_domain(&self) -> Option<&str> {
        registrable_domain(&self.0)
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

/// `example.com.` without its last dot.
pub(super) fn without_root(host: &str) -> &str {
    host.strip_suffix('.').filter(|name| !name.is_empty() && !name.ends_with('.')).unwrap_or(host)
}

/// [`HostKey::registrable_domain`] of a host as the URL standard serialises it.
pub(super) fn registrable_domain(host: &str) -> Option<&str> {
    let name = without_root(host);
    // Names with empty labels can be written and can't be registered. The list's default rule would
    // take `0.1` for the registrable domain of `127.0.0.1`.
    let is_name = !name.starts_with(['.', '[']) && !name.contains("..") && !is_ipv4(name);
    is_name.then(|| psl::domain_str(name)).flatten()
}

/// The URL standard makes an IPv4 address of every host that ends in a number.
fn is_ipv4(host: &str) -> bool {
    host.ends_with(|c: char| c.is_ascii_digit()) && host.parse::<std::net::Ipv4Addr>().is_ok()
}

/// [`Rule::Www`](super::Rule::Www): without its leading `www.`, all of them, as long as what remains
/// is a registrable domain or below one; `None` when there is nothing to drop.
pub(super) fn without_www(host: &str) -> Option<String> {
    // Looked up once, so that a host of many `www.` takes linear time.
    let least = if host.starts_with("www.") { registrable_domain(host)?.len() } else { return None };
    let mut shortest = host;
    while let Some(rest) = shortest.strip_prefix("www.").filter(|rest| rest.len() >= least) {
        shortest = rest;
    }
    (shortest.len() < host.len()).then(|| shortest.to_owned())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registrable_domains() {
        let check = |host: &str, expected: Option<&str>| assert_eq!(HostKey::new(host).registrable_domain(), expected);
        check("www.example.com", Some("example.com"));
        check("www.example.com.", Some("example.com"));
        check("a.b.example.co.uk", Some("example.co.uk"));
        check("x.me.github.io", Some("me.github.io"));
        check("a.unlisted-tld", Some("a.unlisted-tld"));
        check("xn--55qx5d.cn", None);
        check("a.xn--55qx5d.cn", Some("a.xn--55qx5d.cn"));
        for none in ["com", "co.uk", "github.io", "localhost", "", ".", "127.0.0.1", "[::1]", ".com", "a..com", "com."]
        {
            check(none, None);
        }
    }

    #[test]
    fn www_goes_where_a_domain_remains() {
        let check = |host: &str, expected: &str| {
            assert_eq!(without_www(host).as_deref().unwrap_or(host), expected, "{host}");
            assert_eq!(without_www(expected), None, "{host}");
        };
        check("www.example.com", "example.com");
        check("www.a.example.com", "a.example.com");
        check("www.www.example.com", "example.com");
        check("www.example.com.", "example.com.");
        for stays in ["www.com", "www.co.uk", "www.github.io", "www.localhost", "www2.example.com", "wwwexample.com"] {
            check(stays, stays);
        }
        check("www.www.com", "www.com");
        for stays in ["www..com", "www.", "127.0.0.1", "[::1]", "www.ck"] {
            check(stays, stays);
        }
    }

    #[test]
    fn the_root_makes_no_other_host() {
        assert_eq!(HostKey::new("example.com."), HostKey::new("example.com"));
        assert_eq!(HostKey::new("example.com.").id(), HostKey::new("example.com").id());
        assert_eq!(HostKey::new(".").as_str(), ".");
        assert_eq!(HostKey::new("a..").as_str(), "a..");
    }
}
