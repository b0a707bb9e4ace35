//! The IANA special-purpose registries, and what else is not unicast on the public internet.
//!
//! A row passes when the registry calls it globally reachable and somebody else's web server can be
//! there: AS112 and AMT (IPv4 and IPv6), and NAT64's well-known prefix. Globally reachable too, and
//! refused, are the anycast addresses of PCP, TURN and DNS-SD (the nearest machine that answers is the
//! own network's router), and ORCHIDs and drone tags (identifiers that no network routes). 6to4 and
//! Teredo, of which the registry says "N/A", are tunnels that nobody serves from any more.
//!
//! `tests/conformance/guard/` holds the registries, and a test goes through every row.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Category;

/// What kind of address it is, unless it is one of the public internet. Judges the address only, not
/// what is embedded in it.
pub(super) fn category(ip: IpAddr) -> Option<Category> {
    match ip {
        IpAddr::V4(ip) => category_v4(ip),
        IpAddr::V6(ip) => category_v6(ip),
    }
}

/// The IPv4 registry, multicast and class E.
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

/// The IPv6 registry; outside of 2000::/3 only NAT64's well-known prefix passes.
fn category_v6(ip: Ipv6Addr) -> Option<Category> {
    Some(match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Category::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => Category::Loopback,
        // NAT64's well-known prefix (RFC 6052).
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => return None,
        [0x64, 0xff9b, 1, ..] => Category::LocalTranslation,
        [0x100, 0, 0, 0 | 1, ..] => Category::Discard,
        [0x2001, 0, ..] => Category::Teredo,
        [0x2001, 0x2, 0, ..] => Category::Benchmarking,
        // AMT (RFC 7450) and AS112 (RFC 7535).
        [0x2001, 0x3, ..] | [0x2001, 0x4, 0x112, ..] => return None,
        [0x2001, 0x10..=0x3f, ..] => Category::Orchid,
        [0x2001, 0..=0x1ff, ..] => Category::ProtocolAssignments,
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Category::Documentation,
        [0x2002, ..] => Category::SixToFour,
        [0x2000..=0x3fff, ..] => return None,
        [0x5f00, ..] => Category::SegmentRouting,
        [0xfc00..=0xfdff, ..] => Category::Private,
        [0xfe80..=0xfebf, ..] => Category::LinkLocal,
        [0xfec0..=0xfeff, ..] => Category::SiteLocal,
        [0xff00..=0xffff, ..] => Category::Multicast,
        _ => Category::Reserved,
    })
}
