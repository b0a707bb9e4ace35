//! The address guard: which IP addresses and ports a socket may be opened to.
//!
//! Pure. What passes by default is the public internet: unicast addresses that are globally reachable
//! by the IANA special-purpose registries (RFC 6890 and successors). An IPv6 form that carries an
//! IPv4 address inside (mapped, NAT64, 6to4, Teredo, ISATAP, …) is judged by what it carries as well.
//! [`Options`] widens and narrows this; `docs/GUARD.md` lists every range with its reason.
//!
//! It judges addresses and ports, and nothing else: which names and URLs a crawl is about is the
//! scope's. It knows nothing of DNS; whoever resolves a name asks it about each address found.
//!
//! Invariants:
//! - `deny` wins over everything, `allow` over the ranges;
//! - an address passes only if every address that it carries inside passes too;
//! - no network opens a cloud's metadata service: only an entry that names its address does.
//!
//! Reading order: `judge` (the order of the rules), `ranges` (the registries), `embedded` (IPv4 inside of
//! IPv6), `metadata` (the services of clouds), `entry` (what people write).

mod embedded;
mod entry;
mod judge;
mod metadata;
mod ranges;
#[cfg(test)]
mod tests;

pub use entry::{Entry, EntryError};
pub use judge::literal;
pub(super) use judge::{address, is_localhost};

use std::{fmt, net::IpAddr};

use super::ports::BlockedPort;

/// What differs from the default policy. The default: nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// What passes besides the public internet.
    pub allow: Vec<Entry>,
    /// What never passes, not even as an address of the public internet.
    pub deny: Vec<Entry>,
    /// Ports that pass although browsers block them.
    pub allow_ports: Vec<u16>,
}

/// Judges addresses and ports. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    options: std::sync::Arc<Options>,
}

/// Why no socket is opened for a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Objection {
    /// Its host is an address that doesn't pass.
    #[error("the address is {category}")]
    Address {
        /// The host.
        ip: IpAddr,
        /// What kind of address it is.
        category: Category,
    },
    /// Its port doesn't pass.
    #[error(transparent)]
    Port(#[from] BlockedPort),
}

/// Why an address doesn't pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Category {
    /// Listed in [`Options::deny`].
    Denied,
    /// A cloud's metadata service, wherever it lives: link-local, unique local, shared, even public
    /// addresses (see `metadata`).
    CloudMetadata,
    /// 0.0.0.0/8 ("this network") and ::.
    Unspecified,
    /// 127.0.0.0/8 and ::1.
    Loopback,
    /// RFC 1918, and fc00::/7 (unique local, RFC 4193).
    Private,
    /// 169.254.0.0/16 (RFC 3927) and fe80::/10 (RFC 4291).
    LinkLocal,
    /// 100.64.0.0/10, shared by carrier-grade NAT (RFC 6598).
    Shared,
    /// 224.0.0.0/4 (RFC 5771) and ff00::/8 (RFC 4291).
    Multicast,
    /// 255.255.255.255 (RFC 919).
    Broadcast,
    /// For examples in texts (RFC 5737, RFC 3849, RFC 9637).
    Documentation,
    /// For benchmarks of network gear (RFC 2544, RFC 5180).
    Benchmarking,
    /// 192.0.0.0/24 and 2001::/23 (RFC 6890, RFC 2928).
    ProtocolAssignments,
    /// 192.88.99.0/24 (RFC 7526, RFC 6751).
    SixToFourRelay,
    /// 2002::/16 (RFC 3056): a tunnel to the IPv4 address inside.
    SixToFour,
    /// 2001::/32 (RFC 4380): a tunnel to a client behind a NAT.
    Teredo,
    /// 2001:10::/28, 2001:20::/28 and 2001:30::/28 (RFC 4843, RFC 7343, RFC 9374): identifiers, not addresses.
    Orchid,
    /// fec0::/10 (RFC 3879).
    SiteLocal,
    /// 64:ff9b:1::/48 (RFC 8215): translated to IPv4 somewhere on the local network.
    LocalTranslation,
    /// 100::/64 (RFC 6666) and 100:0:0:1::/64 (RFC 9780): they lead nowhere.
    Discard,
    /// 5f00::/16 (RFC 9602): segments inside of somebody's network.
    SegmentRouting,
    /// Everything else that is not global unicast: 240.0.0.0/4 and IPv6 outside of 2000::/3.
    Reserved,
}

impl Category {
    /// In a word or two, for messages: `link-local`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::CloudMetadata => "cloud-metadata",
            Self::Unspecified => "unspecified",
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::LinkLocal => "link-local",
            Self::Shared => "shared",
            Self::Multicast => "multicast",
            Self::Broadcast => "broadcast",
            Self::Documentation => "documentation",
            Self::Benchmarking => "benchmarking",
            Self::ProtocolAssignments => "protocol-assignments",
            Self::SixToFourRelay => "6to4-relay",
            Self::SixToFour => "6to4",
            Self::Teredo => "teredo",
            Self::Orchid => "orchid",
            Self::SiteLocal => "site-local",
            Self::LocalTranslation => "local-translation",
            Self::Discard => "discard",
            Self::SegmentRouting => "segment-routing",
            Self::Reserved => "reserved",
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
