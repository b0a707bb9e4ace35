//! How names are looked up: `[dns]`, checked.

use std::net::{IpAddr, SocketAddr};

use super::{
    build::Checks,
    raw::{self, Raw},
};
use crate::fetch::resolve::{Family, Options};

/// Where name servers listen (RFC 1035 section 4.2).
const DNS_PORT: u16 = 53;

pub(crate) fn dns(raw: &Raw, checks: &mut Checks<'_>) -> Options {
    let dns = &raw.dns;
    let mut servers = Vec::new();
    for (i, text) in dns.servers.iter().enumerate() {
        match server(text) {
            Some(server) => servers.push(server),
            None => {
                checks.fail(
                    &format!("dns.servers[{i}]"),
                    format!("`{text}` is neither an IP address nor one with a port"),
                );
            }
        }
    }
    if dns.min_ttl.0 > dns.max_ttl.0 {
        checks.fail("dns.min_ttl", "is longer than dns.max_ttl");
    }
    Options {
        servers,
        family: match dns.family {
            raw::Family::Ipv6First => Family::Ipv6First,
            raw::Family::Ipv4First => Family::Ipv4First,
            raw::Family::Ipv4 => Family::Ipv4,
            raw::Family::Ipv6 => Family::Ipv6,
        },
        timeout: dns.timeout.0,
        retries: dns.retries,
        cache_entries: dns.cache_entries,
        min_ttl: dns.min_ttl.0,
        max_ttl: dns.max_ttl.0,
        negative_ttl: dns.negative_ttl.0,
        failure_ttl: dns.failure_ttl.0,
    }
}

/// `1.1.1.1`, `1.1.1.1:5353`, `2606:4700::1111`, `[2606:4700::1111]:5353`.
fn server(text: &str) -> Option<SocketAddr> {
    text.parse().ok().or_else(|| Some(SocketAddr::new(text.parse::<IpAddr>().ok()?, DNS_PORT)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_addresses_with_or_without_a_port() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(server(text), expected.map(|addr| addr.parse().unwrap()), "{text}");
        };
        check("1.1.1.1", Some("1.1.1.1:53"));
        check("1.1.1.1:5353", Some("1.1.1.1:5353"));
        check("2606:4700::1111", Some("[2606:4700::1111]:53"));
        check("[2606:4700::1111]:5353", Some("[2606:4700::1111]:5353"));
        check("dns.example.org", None);
        check("", None);
    }
}
