//! Which addresses of a name are tried, and in which order.

use std::net::IpAddr;

use super::{Family, MAX_ADDRESSES};

/// At most [`MAX_ADDRESSES`], the families in turn (RFC 8305 section 4), each in the server's order.
pub(super) fn interleaved(ips: Vec<IpAddr>, family: Family) -> Vec<IpAddr> {
    let (v4, v6): (Vec<_>, Vec<_>) = ips.into_iter().partition(IpAddr::is_ipv4);
    let (first, second) = match family {
        Family::Ipv6First => (v6, v4),
        Family::Ipv4First => (v4, v6),
        Family::Ipv4 => (v4, Vec::new()),
        Family::Ipv6 => (v6, Vec::new()),
    };
    let n_pairs = first.len().max(second.len());
    let pairs = (0..n_pairs).flat_map(|i| [first.get(i), second.get(i)]);
    let mut ordered: Vec<IpAddr> = Vec::new();
    for ip in pairs.flatten() {
        if ordered.len() == MAX_ADDRESSES {
            break;
        }
        if !ordered.contains(ip) {
            ordered.push(*ip);
        }
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns() {
        let check = |family: Family, expected: &[&str]| {
            let ips = ["1.0.0.1", "1.0.0.2", "1.0.0.1", "1.0.0.3", "2::1"].map(|ip| ip.parse().unwrap());
            let expected: Vec<IpAddr> = expected.iter().map(|ip| ip.parse().unwrap()).collect();
            assert_eq!(interleaved(ips.to_vec(), family), expected, "{family:?}");
        };
        check(Family::Ipv6First, &["2::1", "1.0.0.1", "1.0.0.2", "1.0.0.3"]);
        check(Family::Ipv4First, &["1.0.0.1", "2::1", "1.0.0.2", "1.0.0.3"]);
        check(Family::Ipv4, &["1.0.0.1", "1.0.0.2", "1.0.0.3"]);
        check(Family::Ipv6, &["2::1"]);
    }

    #[test]
    fn a_name_with_a_thousand_addresses_has_sixteen() {
        let ips: Vec<IpAddr> = (0..1000_u32).map(|n| std::net::Ipv4Addr::from_bits(0x0100_0000 + n).into()).collect();
        assert_eq!(interleaved(ips.clone(), Family::Ipv6First), ips[..MAX_ADDRESSES]);
    }
}
