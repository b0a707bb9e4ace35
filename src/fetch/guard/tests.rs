//! The policy, range by range and form by form. Every row of the registries is in
//! `tests/it/conformance/guard.rs`.

use std::net::Ipv4Addr;

use super::*;

fn entries(texts: &[&str]) -> Vec<Entry> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn check(allow: &[&str], ip: &str, expected: Result<(), Category>) {
    let guard = Guard::new(Options { allow: entries(allow), ..Options::default() });
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
        "168.63.129.15",
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
        check(&[], &format!("2a00::5efe:{ip}"), Ok(()));
    }
    for ip in ["2001:4860:4860::8888", "2606:4700::1111", "2001:200::1", "2a00::1", "2003::1", "3ffe::1", "4000::1"] {
        check(&[], ip, if ip == "4000::1" { Err(Category::Reserved) } else { Ok(()) });
    }
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
        ("168.63.129.16", CloudMetadata),
        ("169.254.0.1", LinkLocal),
        ("169.254.169.254", CloudMetadata),
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
        let [a, b, c, d] = ip.parse::<Ipv4Addr>().unwrap().octets();
        for form in [
            format!("::ffff:{ip}"),
            format!("::ffff:0:{ip}"),
            format!("64:ff9b::{ip}"),
            format!("2a00::5efe:{ip}"),
            format!("2a00::200:5efe:{ip}"),
            format!("2002:{a:02x}{b:02x}:{c:02x}{d:02x}::1"),
            format!("2001:0:{a:02x}{b:02x}:{c:02x}{d:02x}:0:0:f7f7:fbfb"),
            format!("2001:0:808:808:0:0:{:02x}{:02x}:{:02x}{:02x}", !a, !b, !c, !d),
        ] {
            check(&[], &form, Err(category));
        }
        if a != 0 {
            check(&[], &format!("::{ip}"), Err(category));
            // Every place where RFC 6052 puts it, even where the prefix is let through.
            for form in [
                format!("64:ff9b:1:{a:02x}{b:02x}:{c:x}:{d:02x}00::"),
                format!("64:ff9b:1:{a:x}:{b:x}:{c:02x}{d:02x}::"),
                format!("64:ff9b:1:0:{a:x}:{b:02x}{c:02x}:{d:02x}00:0"),
                format!("64:ff9b:1::{ip}"),
            ] {
                check(&["64:ff9b:1::/48"], &form, Err(category));
            }
        }
    }
    for (ip, category) in [
        ("::", Unspecified),
        ("::1", Loopback),
        ("::8.8.8.8", Reserved),
        ("::ffff:0:8.8.8.8", Reserved),
        ("64:ff9b:1::8.8.8.8", LocalTranslation),
        ("64:ff9b:1::", Unspecified),
        ("64:ff9b:2::1", Reserved),
        ("100::1", Discard),
        ("100:0:0:1::1", Discard),
        ("100:0:0:2::1", Reserved),
        ("5f00::1", SegmentRouting),
        ("2001:0:808:808:0:0:f7f7:fbfb", Teredo),
        ("2001:1::1", ProtocolAssignments),
        ("2001:1ff::1", ProtocolAssignments),
        ("2001:2::1", Benchmarking),
        ("2001:10::1", Orchid),
        ("2001:2f::1", Orchid),
        ("2001:30::1", Orchid),
        ("2001:db8::1", Documentation),
        ("2002:808:808::1", SixToFour),
        ("3fff::1", Documentation),
        ("fc00::1", Private),
        ("fd00:ec2::254", CloudMetadata),
        ("fd20:ce::254", CloudMetadata),
        ("fe80::1", LinkLocal),
        ("fe80::a9fe:a9fe", CloudMetadata),
        ("febf::1", LinkLocal),
        ("fec0::1", SiteLocal),
        ("ff02::1", Multicast),
        ("1fff::1", Reserved),
    ] {
        check(&[], ip, Err(category));
    }
}

#[test]
fn entries_let_pass_what_they_name_and_nothing_beside() {
    check(&["loopback"], "127.0.0.1", Ok(()));
    check(&["localhost"], "127.9.9.9", Ok(()));
    check(&["loopback"], "::1", Ok(()));
    check(&["loopback"], "::ffff:127.0.0.1", Ok(()));
    check(&["loopback"], "64:ff9b::127.0.0.1", Err(Category::Loopback));
    check(&["loopback"], "10.0.0.1", Err(Category::Private));
    check(&["10.0.0.0/8"], "10.1.2.3", Ok(()));
    check(&["10.0.0.0/8"], "::ffff:10.1.2.3", Ok(()));
    check(&["::ffff:10.0.0.0/104"], "10.1.2.3", Ok(()));
    check(&["10.0.0.0/8"], "192.168.0.1", Err(Category::Private));
    check(&["192.168.7.7"], "192.168.7.7", Ok(()));
    check(&["192.168.7.7"], "192.168.7.8", Err(Category::Private));
    check(&["fd00::/8", "127.0.0.1"], "fd12::1", Ok(()));
    check(&["::/0"], "10.0.0.1", Err(Category::Private));
}

#[test]
fn what_carries_an_address_passes_if_both_do() {
    check(&["10.0.0.0/8"], "64:ff9b::10.1.2.3", Ok(()));
    check(&["10.0.0.0/8"], "2002:0a01:0203::1", Err(Category::SixToFour));
    check(&["2002::/16"], "2002:0a01:0203::1", Err(Category::Private));
    check(&["2002::/16", "10.0.0.0/8"], "2002:0a01:0203::1", Ok(()));
    check(&["2002::/16"], "2002:0808:0808::1", Ok(()));
    check(&["64:ff9b:1::/48"], "64:ff9b:1::8.8.8.8", Ok(()));
    check(&["64:ff9b:1::/48"], "64:ff9b:1::10.0.0.1", Err(Category::Private));
    check(&["64:ff9b:1::/48", "10.0.0.0/8"], "64:ff9b:1::10.0.0.1", Ok(()));
    check(&["::/0", "0.0.0.0/0"], "64:ff9b::127.0.0.1", Err(Category::Loopback));
    check(&["::/0"], "64:ff9b::10.0.0.1", Err(Category::Private));
}

#[test]
fn only_its_own_address_opens_a_metadata_service() {
    for ip in ["169.254.169.254", "100.100.100.200", "fd00:ec2::254", "192.0.0.192", "168.63.129.16"] {
        check(&["0.0.0.0/0", "::/0"], ip, Err(Category::CloudMetadata));
        check(&[ip], ip, Ok(()));
    }
    check(&["169.254.0.0/16"], "169.254.169.254", Err(Category::CloudMetadata));
    check(&["169.254.0.0/16"], "169.254.169.253", Ok(()));
    check(&["169.254.169.254/32"], "::ffff:169.254.169.254", Ok(()));
    check(&["::ffff:169.254.169.254"], "169.254.169.254", Ok(()));
    check(&["169.254.169.254"], "64:ff9b::169.254.169.254", Err(Category::CloudMetadata));
}

#[test]
fn deny_wins_over_allow_and_over_the_internet() {
    let guard = Guard::new(Options {
        allow: entries(&["10.0.0.0/8", "loopback"]),
        deny: entries(&["10.9.0.0/16", "8.8.8.8", "2001:db8:1::/48", "::1"]),
        allow_ports: vec![],
    });
    let check = |ip: &str, expected| assert_eq!(guard.check(ip.parse().unwrap()), expected, "{ip}");
    check("10.1.0.1", Ok(()));
    check("10.9.0.1", Err(Category::Denied));
    check("::ffff:10.9.0.1", Err(Category::Denied));
    check("64:ff9b::10.9.0.1", Err(Category::Denied));
    check("8.8.8.8", Err(Category::Denied));
    check("64:ff9b::8.8.8.8", Err(Category::Denied));
    check("2002:808:808::1", Err(Category::Denied));
    check("8.8.4.4", Ok(()));
    check("127.0.0.1", Ok(()));
    check("::1", Err(Category::Denied));
    let closed = Guard::new(Options { deny: entries(&["localhost"]), ..Options::default() });
    assert_eq!(closed.check("127.1.2.3".parse().unwrap()), Err(Category::Denied));
}

#[test]
fn entries_are_networks_addresses_or_a_word() {
    for text in ["", "lo", "10.0.0.0/33", "10.0.0", "example.com", "10.0.0.0/8 ", "127.1", "[::1]", "fe80::1%1"] {
        assert_eq!(text.parse::<Entry>(), Err(EntryError(text.to_owned())));
    }
}

#[test]
fn ports_and_urls() {
    let check = |url: &str, expected: &str| {
        let guard = Guard::new(Options { allow_ports: vec![6000], ..Options::default() });
        let said = guard.check_url(&url.parse().unwrap()).map_err(|objection| objection.to_string());
        assert_eq!(said.err().unwrap_or_default(), expected, "{url}");
    };
    check("http://example.org/", "");
    check("https://8.8.8.8:8443/", "");
    check("http://example.org:6000/", "");
    check("http://example.org:25/", "port 25 is one that browsers block");
    check("http://example.org:0/", "port 0 is one that browsers block");
    check("https://127.1/", "the address is loopback");
    check("http://127.1:25/", "the address is loopback");
    check("http://[::ffff:a9fe:a9fe]/", "the address is cloud-metadata");
}

#[test]
fn names_that_tell_their_address() {
    for name in ["localhost", "localhost.", "a.localhost", "A.B.LOCALHOST."] {
        assert_eq!(Guard::default().check_name(name), Err(Category::Loopback), "{name}");
        let open = Guard::new(Options { allow: entries(&["::1"]), ..Options::default() });
        assert_eq!(open.check_name(name), Ok(()), "{name}");
    }
    for (name, category) in [
        ("127.0.0.1..", Category::Loopback),
        ("0x7f.1..", Category::Loopback),
        ("169.254.169.254...", Category::CloudMetadata),
    ] {
        assert_eq!(Guard::default().check_name(name), Err(category), "{name}");
    }
    for name in
        ["", "8.8.8.8..", "127.0.0.1.example.org", "example.org", "notlocalhost", "localhost.example.org", "localhosts"]
    {
        assert_eq!(Guard::default().check_name(name), Ok(()), "{name}");
    }
}
