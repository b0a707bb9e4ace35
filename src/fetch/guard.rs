//! The address guard: which IP addresses a socket may be opened to.
//!
//! Pure. By default only globally reachable unicast addresses pass (IANA special-purpose
//! registries, RFC 6890 and successors); IPv6 forms that embed an IPv4 address are judged by what
//! they embed as well. [`Allow`] lists what passes besides. Cloud metadata services live on
//! link-local addresses (169.254.169.254) or unique-local ones (fd00:ec2::254) and need no rule.
//!
//! It judges addresses and nothing else: ports, names and URLs are the scope's.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

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

/// Why an address doesn't pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Category {
    /// 0.0.0.0/8 ("this network") and ::.
    Unspecified,
    /// 127.0.0.0/8 and ::1.
    Loopback,
    /// RFC 1918, and fc00::/7 (unique local, RFC 4193).
    Private,
    /// 169.254.0.0/16 and fe80::/10; cloud metadata among them.
    LinkLocal,
    /// 100.64.0.0/10, shared by carrier-grade NAT (RFC 6598).
    Shared,
    /// 224.0.0.0/4 and ff00::/8.
    Multicast,
    /// 255.255.255.255.
    Broadcast,
    /// For examples in texts (RFC 5737, RFC 3849, RFC 9637).
    Documentation,
    /// For benchmarks of network gear (RFC 2544, RFC 5180).
    Benchmarking,
    /// 192.0.0.0/24 and 2001::/23 (RFC 6890, RFC 2928).
    ProtocolAssignments,
    /// 192.88.99.0/24 (RFC 7526).
    SixToFourRelay,
    /// 2001:10::/28 and 2001:20::/28 (RFC 4843, RFC 7343): identifiers, not addresses.
    Orchid,
    /// fec0::/10 (RFC 3879).
    SiteLocal,
    /// 64:ff9b:1::/48 (RFC 8215): translated to IPv4 somewhere on the local network.
    LocalTranslation,
    /// 100::/64 (RFC 6666).
    Discard,
    /// Everything else that is not global unicast: 240.0.0.0/4 and IPv6 outside of 2000::/3.
    Reserved,
}

impl Category {
    /// In a word or two, for messages: `link-local`.
    pub fn as_str(self) -> &'static str {
        match self {
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
            Self::Orchid => "orchid",
            Self::SiteLocal => "site-local",
            Self::LocalTranslation => "local-translation",
            Self::Discard => "discard",
            Self::Reserved => "reserved",
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Judges addresses.
#[derive(Debug, Clone, Default)]
pub struct Guard {
    allow: Vec<Allow>,
}

impl Guard {
    /// A guard with these exceptions.
    pub fn new(allow: Vec<Allow>) -> Self {
        Self { allow }
    }

    /// Whether a socket may be opened to `ip`.
    ///
    /// # Errors
    /// What kind of address it is, when it may not.
    pub fn check(&self, ip: IpAddr) -> Result<(), Category> {
        // An IPv4-mapped address opens an IPv4 socket: it is that address, for exceptions too.
        let ip = ip.to_canonical();
        if self.allow.iter().any(|allow| allow.contains(ip)) {
            return Ok(());
        }
        let category = match ip {
            IpAddr::V4(ip) => category_v4(ip),
            IpAddr::V6(ip) => category_v6(ip),
        };
        category.map_or(Ok(()), Err)
    }
}

impl Allow {
    fn contains(self, ip: IpAddr) -> bool {
        match self {
            Self::Loopback => ip.is_loopback(),
            Self::Net(net) if net.contains(&ip) => true,
            // A net that was itself written in mapped form, `::ffff:10.0.0.0/104`.
            Self::Net(IpNet::V6(net)) if net.prefix_len() >= 96 => {
                matches!(ip, IpAddr::V4(v4) if net.contains(&v4.to_ipv6_mapped()))
            }
            Self::Net(_) => false,
        }
    }
}

/// The IANA IPv4 Special-Purpose Address Registry, multicast and class E. AS112 and AMT anycast
/// (192.31.196.0/24, 192.52.193.0/24, 192.175.48.0/24) are globally reachable and pass.
fn category_v4(ip: Ipv4Addr) -> Option<Category> {
    Some(match ip.octets() {
        [0, ..] => Category::Unspecified,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Category::Private,
        [100, 64..=127, ..] => Category::Shared,
        [127, ..] => Category::Loopback,
        [169, 254, ..] => Category::LinkLocal,
        [192, 0, 0, _] => Category::ProtocolAssignments,
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Category::Documentation,
        [192, 88, 99, _] => Category::SixToFourRelay,
        [198, 18 | 19, ..] => Category::Benchmarking,
        [224..=239, ..] => Category::Multicast,
        [255, 255, 255, 255] => Category::Broadcast,
        [240..=255, ..] => Category::Reserved,
        _ => return None,
    })
}

/// The IANA IPv6 Special-Purpose Address Registry; outside of 2000::/3 only NAT64's well-known
/// prefix passes.
fn category_v6(ip: Ipv6Addr) -> Option<Category> {
    if ip.is_unspecified() {
        return Some(Category::Unspecified);
    }
    if ip.is_loopback() {
        return Some(Category::Loopback);
    }
    if let Some(category) = embedded_v4(ip).into_iter().flatten().find_map(category_v4) {
        return Some(category);
    }
    Some(match ip.segments() {
        // NAT64's well-known prefix (RFC 6052), with an embedded address that has passed.
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => return None,
        [0x64, 0xff9b, 1, ..] => Category::LocalTranslation,
        [0x100, 0, 0, 0, ..] => Category::Discard,
        // Teredo (RFC 4380), with embedded addresses that have passed.
        [0x2001, 0, ..] => return None,
        [0x2001, 0x2, 0, ..] => Category::Benchmarking,
        [0x2001, 0x10..=0x2f, ..] => Category::Orchid,
        [0x2001, 0..=0x1ff, ..] => Category::ProtocolAssignments,
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Category::Documentation,
        [0x2000..=0x3fff, ..] => return None,
        [0xfc00..=0xfdff, ..] => Category::Private,
        [0xfe80..=0xfebf, ..] => Category::LinkLocal,
        [0xfec0..=0xfeff, ..] => Category::SiteLocal,
        [0xff00..=0xffff, ..] => Category::Multicast,
        _ => Category::Reserved,
    })
}

/// The IPv4 addresses inside of an IPv6 address, of which there may be two.
fn embedded_v4(ip: Ipv6Addr) -> [Option<Ipv4Addr>; 2] {
    let segments = ip.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    let last = v4(segments[6], segments[7]);
    match segments {
        // IPv4-compatible (RFC 4291 2.5.5.1), -mapped (2.5.5.2), -translated (RFC 2765).
        [0, 0, 0, 0, 0, 0, ..] | [0, 0, 0, 0, 0, 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] => [Some(last), None],
        // NAT64; the local prefix may be carved up in several ways, of which this is the usual one.
        [0x64, 0xff9b, 0, 0, 0, 0, ..] | [0x64, 0xff9b, 1, ..] => [Some(last), None],
        // 6to4 (RFC 3056).
        [0x2002, high, low, ..] => [Some(v4(high, low)), None],
        // Teredo: the server's address, and the client's with all bits flipped.
        [0x2001, 0, high, low, ..] => [Some(v4(high, low)), Some(Ipv4Addr::from_bits(!last.to_bits()))],
        // ISATAP's interface identifier (RFC 5214).
        [_, _, _, _, 0 | 0x200, 0x5efe, ..] => [Some(last), None],
        _ => [None, None],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(allow: &[&str], ip: &str, expected: Result<(), Category>) {
        let guard = Guard::new(allow.iter().map(|text| text.parse().unwrap()).collect());
        assert_eq!(guard.check(ip.parse().unwrap()), expected, "{ip} with {allow:?}");
    }

    #[test]
    fn the_public_internet_passes() {
        for ip in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.31.196.1",
            "192.52.193.1",
            "192.88.98.1",
            "192.167.255.255",
            "192.169.0.0",
            "192.175.48.1",
            "198.17.255.255",
            "198.20.0.0",
            "198.51.99.1",
            "203.0.112.1",
            "223.255.255.255",
        ] {
            check(&[], ip, Ok(()));
            check(&[], &format!("::ffff:{ip}"), Ok(()));
            check(&[], &format!("64:ff9b::{ip}"), Ok(()));
        }
        for ip in ["2001:4860:4860::8888", "2606:4700::1111", "2001:200::1", "2a00::1", "2002:808:808::1", "3ffe::1"] {
            check(&[], ip, Ok(()));
        }
        // Teredo: server 8.8.8.8, client 8.8.4.4 flipped.
        check(&[], "2001:0:808:808:0:0:f7f7:fbfb", Ok(()));
    }

    #[test]
    fn special_purpose_addresses_do_not() {
        use Category::*;
        for (ip, category) in [
            ("0.0.0.0", Unspecified),
            ("0.1.2.3", Unspecified),
            ("10.0.0.0", Private),
            ("10.255.255.255", Private),
            ("100.64.0.0", Shared),
            ("100.127.255.255", Shared),
            ("127.0.0.1", Loopback),
            ("127.255.255.254", Loopback),
            ("169.254.169.254", LinkLocal),
            ("172.16.0.1", Private),
            ("172.31.255.255", Private),
            ("192.0.0.1", ProtocolAssignments),
            ("192.0.0.170", ProtocolAssignments),
            ("192.0.2.1", Documentation),
            ("198.51.100.1", Documentation),
            ("203.0.113.9", Documentation),
            ("192.88.99.1", SixToFourRelay),
            ("192.168.1.1", Private),
            ("198.18.0.1", Benchmarking),
            ("198.19.255.255", Benchmarking),
            ("224.0.0.1", Multicast),
            ("239.255.255.255", Multicast),
            ("240.0.0.1", Reserved),
            ("255.255.255.254", Reserved),
            ("255.255.255.255", Broadcast),
        ] {
            check(&[], ip, Err(category));
            check(&[], &format!("::ffff:{ip}"), Err(category));
            check(&[], &format!("64:ff9b::{ip}"), Err(category));
            check(&[], &format!("64:ff9b:1::{ip}"), Err(category));
            check(&[], &format!("2a00::5efe:{ip}"), Err(category));
            let [a, b, c, d] = ip.parse::<Ipv4Addr>().unwrap().octets();
            check(&[], &format!("2002:{a:02x}{b:02x}:{c:02x}{d:02x}::1"), Err(category));
            check(&[], &format!("2001:0:{a:02x}{b:02x}:{c:02x}{d:02x}:0:0:f7f7:fbfb"), Err(category));
            check(&[], &format!("2001:0:808:808:0:0:{:02x}{:02x}:{:02x}{:02x}", !a, !b, !c, !d), Err(category));
        }
        for (ip, category) in [
            ("::", Unspecified),
            ("::1", Loopback),
            ("::127.0.0.1", Loopback),
            ("::8.8.8.8", Reserved),
            ("::ffff:0:8.8.8.8", Reserved),
            ("::ffff:0:10.0.0.1", Private),
            ("64:ff9b:1::8.8.8.8", LocalTranslation),
            ("64:ff9b:2::1", Reserved),
            ("100::1", Discard),
            ("100:0:0:1::1", Reserved),
            ("5f00::1", Reserved),
            ("2001:1::1", ProtocolAssignments),
            ("2001:1ff::1", ProtocolAssignments),
            ("2001:2::1", Benchmarking),
            ("2001:10::1", Orchid),
            ("2001:2f::1", Orchid),
            ("2001:db8::1", Documentation),
            ("3fff::1", Documentation),
            ("fc00::1", Private),
            ("fd00:ec2::254", Private),
            ("fe80::1", LinkLocal),
            ("febf::1", LinkLocal),
            ("fec0::1", SiteLocal),
            ("ff02::1", Multicast),
            ("4000::1", Reserved),
            ("1fff::1", Reserved),
        ] {
            check(&[], ip, Err(category));
        }
    }

    #[test]
    fn exceptions_pass_and_nothing_beside_them() {
        check(&["loopback"], "127.0.0.1", Ok(()));
        check(&["localhost"], "127.9.9.9", Ok(()));
        check(&["loopback"], "::1", Ok(()));
        check(&["loopback"], "::ffff:127.0.0.1", Ok(()));
        check(&["loopback"], "64:ff9b::127.0.0.1", Err(Category::Loopback));
        check(&["loopback"], "10.0.0.1", Err(Category::Private));
        check(&["10.0.0.0/8"], "10.1.2.3", Ok(()));
        check(&["10.0.0.0/8"], "::ffff:10.1.2.3", Ok(()));
        check(&["::ffff:10.0.0.0/104"], "10.1.2.3", Ok(()));
        check(&["10.0.0.0/8"], "2002:0a01:0203::1", Err(Category::Private));
        check(&["10.0.0.0/8"], "192.168.0.1", Err(Category::Private));
        check(&["192.168.7.7"], "192.168.7.7", Ok(()));
        check(&["192.168.7.7"], "192.168.7.8", Err(Category::Private));
        check(&["fd00::/8", "127.0.0.1"], "fd12::1", Ok(()));
        check(&["::/0"], "64:ff9b::10.0.0.1", Ok(()));
        check(&["::/0"], "10.0.0.1", Err(Category::Private));
    }

    #[test]
    fn exceptions_are_networks_addresses_or_a_word() {
        for text in ["", "lo", "10.0.0.0/33", "10.0.0", "example.com", "10.0.0.0/8 "] {
            assert_eq!(text.parse::<Allow>(), Err(AllowError(text.to_owned())));
        }
    }
}
