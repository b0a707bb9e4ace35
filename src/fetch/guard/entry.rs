//! What people write into `allow` and `deny`: a network, an address, or a word.

use std::{net::IpAddr, str::FromStr};

use ipnet::IpNet;

/// A network, or the word `loopback` (also `localhost`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// 127.0.0.0/8 and ::1.
    Loopback,
    /// A network in CIDR notation; a single address is a network of one.
    Net(IpNet),
}

/// Text that is neither a network nor a known word.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither a CIDR network, an IP address nor `loopback`")]
pub struct EntryError(pub String);

impl FromStr for Entry {
    type Err = EntryError;

    fn from_str(text: &str) -> Result<Self, EntryError> {
        if matches!(text, "loopback" | "localhost") {
            return Ok(Self::Loopback);
        }
        let net = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        net.map(|net| Self::Net(unmapped(net))).map_err(|_| EntryError(text.to_owned()))
    }
}

impl Entry {
    /// Whether `ip`, which is not IPv4-mapped, is one of these.
    pub(super) fn contains(self, ip: IpAddr) -> bool {
        match self {
            Self::Loopback => ip.is_loopback(),
            Self::Net(net) => net.contains(&ip),
        }
    }

    /// Whether it names this one address and no other.
    pub(super) fn is_exactly(self, ip: IpAddr) -> bool {
        matches!(self, Self::Net(net) if net.addr() == ip && net.prefix_len() == net.max_prefix_len())
    }
}

/// A network in mapped form, `::ffff:10.0.0.0/104`, as the IPv4 network that it is.
fn unmapped(net: IpNet) -> IpNet {
    let IpNet::V6(v6) = net else { return net };
    let v4 = v6.addr().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(96));
    let v4 = v4.and_then(|(ip, prefix)| ipnet::Ipv4Net::new(ip, prefix).ok());
    v4.map_or(net, IpNet::V4)
}
