//! The IPv4 addresses inside of an IPv6 address: where a packet to it may end up.
//!
//! Only forms that can be told by the address alone. A provider's own NAT64 or 6rd prefix looks like
//! any other network; who has one lists it in `deny`.

use std::net::{Ipv4Addr, Ipv6Addr};

/// At most four of them, most of the time none.
pub(super) fn embedded_v4(ip: Ipv6Addr) -> impl Iterator<Item = Ipv4Addr> {
    let segments = ip.segments();
    let v4 = |high: u16, low: u16| Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    let last = v4(segments[6], segments[7]);
    let found = match segments {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => [None; 4],
        // IPv4-compatible (RFC 4291 2.5.5.1), -mapped (2.5.5.2), -translated (RFC 2765).
        [0, 0, 0, 0, 0, 0, ..] | [0, 0, 0, 0, 0, 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] => [last, None, None, None],
        // NAT64's well-known prefix (RFC 6052), which is always 96 bits long.
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => [last, None, None, None],
        [0x64, 0xff9b, 1, ..] => local_translation(ip),
        // 6to4 (RFC 3056).
        [0x2002, high, low, ..] => [v4(high, low), None, None, None],
        // Teredo: the server's address, and the client's with all bits flipped.
        [0x2001, 0, high, low, ..] => [v4(high, low), v4(!segments[6], !segments[7]), None, None],
        // ISATAP's interface identifier (RFC 5214).
        [_, _, _, _, 0 | 0x200, 0x5efe, ..] => [last, None, None, None],
        _ => [None; 4],
    };
    found.into_iter().flatten()
}

/// The local prefix of NAT64 may be carved up for prefixes of 48, 56, 64 or 96 bits, each of which has
/// the IPv4 address at another place (RFC 6052 section 2.2), around the octet 8 that is zero. Which
/// of them it is can't be seen, so all are judged; but 0.0.0.0/8, where nobody is, is what the bits
/// of another layout look like, and counts only if it is all there is.
fn local_translation(ip: Ipv6Addr) -> [Option<Ipv4Addr>; 4] {
    let at = ip.octets();
    let layouts = [
        Ipv4Addr::new(at[6], at[7], at[9], at[10]),
        Ipv4Addr::new(at[7], at[9], at[10], at[11]),
        Ipv4Addr::new(at[9], at[10], at[11], at[12]),
        Ipv4Addr::new(at[12], at[13], at[14], at[15]),
    ];
    let found = layouts.map(|ip| (ip.octets()[0] != 0).then_some(ip));
    if found == [None; 4] { [Some(Ipv4Addr::UNSPECIFIED), None, None, None] } else { found }
}
