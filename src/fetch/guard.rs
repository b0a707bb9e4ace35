//! The address guard: which IP addresses a socket may be opened to.
//!
//! Pure. By default only globally reachable unicast addresses pass (IANA special-purpose
//! registries, RFC 6890 and successors); forms that embed an IPv4 address are judged by what they
//! embed. [`Allow`] lists what passes besides.

use std::{net::IpAddr, str::FromStr};

use ipnet::IpNet;

/// An exception to the guard: a network, or the word `loopback` (also `localhost`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allow {
    /// 127.0.0.0/8 and ::1.
    Loopback,
    /// A network in CIDR notation; a single address is a network of one.
    Net(IpNet),
}

/// Text that is neither a network nor a known word.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither a CIDR network, an IP address nor `loopback`")]
pub struct AllowError(pub String);

impl FromStr for Allow {
    type Err = AllowError;
    fn from_str(text: &str) -> Result<Self, AllowError> {
        if matches!(text, "loopback" | "localhost") {
            return Ok(Self::Loopback);
        }
        let net = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        net.map(Self::Net).map_err(|_| AllowError(text.to_owned()))
    }
}
