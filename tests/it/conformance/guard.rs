//! The address guard against every row of the IANA special-purpose registries, in every spelling.
//!
//! The data is in `tests/conformance/guard/`; its README names the source. Addresses of each row are
//! asked about as they are, as hosts of URLs in all spellings of the URL standard, and inside of every
//! IPv6 form that carries an IPv4 address.

use std::{
    collections::BTreeSet,
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
};

use ipnet::IpNet;
use serde_json::{Value, json};

use super::inspect;

struct Row {
    net: IpNet,
    is_reachable: bool,
}

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/guard").join(file);
    fs::read_to_string(path).expect("the data is there")
}

/// The fields of a CSV file (RFC 4180): quoted ones may hold commas and line breaks.
fn records(csv: &str) -> Vec<Vec<String>> {
    let (mut records, mut record, mut field, mut quoted) = (vec![], vec![], String::new(), false);
    for c in csv.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => record.push(std::mem::take(&mut field)),
            '\n' if !quoted => {
                record.push(std::mem::take(&mut field));
                records.push(std::mem::take(&mut record));
            }
            c => field.push(c),
        }
    }
    records
}

fn rows(file: &str) -> Vec<Row> {
    let mut rows = vec![];
    for record in records(&read(file)).iter().skip(1) {
        let is_reachable = record[8] == "True";
        for block in record[0].split(", ") {
            let net = block.split(' ').next().expect("a block").parse().expect("a network");
            rows.push(Row { net, is_reachable });
        }
    }
    assert_eq!(rows.len(), if file == "ipv4.csv" { 26 } else { 25 }, "{file} is whole");
    rows
}

/// The first and the last address of a network, their neighbours inside, and some of the middle.
fn samples(net: IpNet) -> BTreeSet<IpAddr> {
    let (first, last) = (bits(net.network()), bits(net.broadcast()));
    let middle = first + (last - first) / 2;
    let third = first + (last - first) / 3;
    let all = [first, (first + 1).min(last), third, middle, last.saturating_sub(1).max(first), last];
    all.into_iter().map(|bits| of_bits(bits, net)).collect()
}

fn bits(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => ip.to_bits().into(),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

fn of_bits(bits: u128, net: IpNet) -> IpAddr {
    match net {
        IpNet::V4(_) => Ipv4Addr::from_bits(u32::try_from(bits).expect("an IPv4 address")).into(),
        IpNet::V6(_) => Ipv6Addr::from_bits(bits).into(),
    }
}

/// Whether the rows let it pass: the smallest network around it decides.
fn passes(rows: &[Row], ip: IpAddr, exceptions: &BTreeSet<IpNet>) -> bool {
    let innermost = rows.iter().filter(|row| row.net.contains(&ip)).max_by_key(|row| row.net.prefix_len());
    innermost.is_none_or(|row| row.is_reachable && !exceptions.contains(&row.net))
}

/// Hosts of URLs that are this address.
fn spellings(ip: Ipv4Addr) -> Vec<String> {
    let n = ip.to_bits();
    let [a, b, c, d] = ip.octets();
    let dotted = ip.to_string();
    let full_width: String = dotted
        .chars()
        .map(|c| c.to_digit(10).and_then(|digit| char::from_u32(0xff10 + digit)).unwrap_or('。'))
        .collect();
    let percent: String = dotted.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let circled: String = dotted
        .chars()
        .map(|c| {
            if ('1'..='9').contains(&c) {
                char::from_u32(0x2460 + c as u32 - '1' as u32).expect("a circled digit")
            } else {
                c
            }
        })
        .collect();
    vec![
        dotted.clone(),
        format!("{dotted}."),
        n.to_string(),
        format!("{n:#x}"),
        format!("{n:#X}").replace("0X", "0x"),
        format!("0{n:o}"),
        format!("0000000{n:o}."),
        format!("{a:#x}.{b:#x}.{c:#x}.{d:#x}"),
        format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"),
        format!("{a:#x}.0{b:o}.{c}.{d:#x}"),
        format!("{a}.{}", n & 0xff_ffff),
        format!("{a}.{b}.{}", n & 0xffff),
        format!("0X{a:x}.{:#x}", n & 0xff_ffff),
        full_width,
        percent,
        circled,
        format!("user:pass@{dotted}"),
        format!("example.org@{dotted}:8080"),
        format!("[::ffff:{dotted}]"),
        format!("[::FFFF:{:X}:{:X}]:443", n >> 16, n & 0xffff),
        format!("[0:0:0:0:0:ffff:{dotted}]"),
        format!("[0000:0000:0000:0000:0000:ffff:{:04x}:{:04x}]", n >> 16, n & 0xffff),
    ]
}

/// IPv6 addresses that carry this one.
fn carriers(ip: Ipv4Addr) -> Vec<Ipv6Addr> {
    let n = u128::from(ip.to_bits());
    let prefix = |text: &str| text.parse::<Ipv6Addr>().expect("an address").to_bits();
    [
        prefix("::ffff:0:0") | n,
        prefix("64:ff9b::") | n,
        n,
        prefix("::ffff:0:0:0") | n,
        prefix("64:ff9b:1::") | n,
        prefix("64:ff9b:1::") | (n >> 16) << 64 | (n & 0xffff) << 40,
        prefix("2002::1") | n << 80,
        prefix("2001:0:808:808::") | (!n & 0xffff_ffff),
        prefix("2001::f7f7:f7f7") | n << 64,
        prefix("2a00::5efe:0:0") | n,
        prefix("2a00::200:5efe:0:0") | n,
    ]
    .map(Ipv6Addr::from_bits)
    .to_vec()
}

/// Questions, each with whether the address may pass.
fn ask(cases: &[(Value, bool)]) {
    let questions: Vec<Value> = cases.iter().map(|(question, _)| question.clone()).collect();
    let answers = inspect("guard", &questions);
    for ((question, passes), answer) in cases.iter().zip(answers) {
        assert_eq!(answer["allowed"], *passes, "{question}: {answer}");
        assert_eq!(answer["category"].is_null(), *passes, "{question}: {answer}");
        assert!(answer["error"].is_null() && answer["ip"].is_string(), "{question}: {answer}");
    }
}

#[test]
fn every_row_of_the_registries_in_every_spelling() {
    let listed: BTreeSet<IpNet> = read("expected-exceptions.txt")
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.parse().expect("a network"))
        .collect();
    let (v4, v6) = (rows("ipv4.csv"), rows("ipv6.csv"));
    for net in &listed {
        assert!(v4.iter().chain(&v6).any(|row| row.net == *net && row.is_reachable), "{net} is no exception");
    }
    let mut cases = vec![];
    for row in &v4 {
        for ip in samples(row.net) {
            let passes_v4 = passes(&v4, ip, &listed);
            cases.push((json!({ "ip": ip.to_string() }), passes_v4));
            let IpAddr::V4(ip) = ip else { panic!("{ip} is of the IPv4 registry") };
            for host in spellings(ip) {
                cases.push((json!({ "url": format!("http://{host}/a?b=c") }), passes_v4));
            }
            // A mapped address and one of NAT64 are the address inside; all the other forms don't pass,
            // but for ISATAP, which is an interface of any network.
            for (i, carrier) in carriers(ip).into_iter().enumerate() {
                let passes = passes_v4 && matches!(i, 0 | 1 | 9 | 10);
                cases.push((json!({ "ip": carrier.to_string() }), passes));
                cases.push((json!({ "url": format!("https://[{carrier}]/") }), passes));
            }
        }
    }
    for row in &v6 {
        for ip in samples(row.net) {
            let IpAddr::V6(v6_ip) = ip else { panic!("{ip} is of the IPv6 registry") };
            let embedded = match row.net.to_string().as_str() {
                // What is inside decides.
                "::ffff:0.0.0.0/96" | "64:ff9b::/96" => {
                    Some(Ipv4Addr::from_bits(u32::try_from(v6_ip.to_bits() & 0xffff_ffff).expect("32 bits")))
                }
                _ => None,
            };
            let passes = match embedded {
                Some(ip) => passes(&v4, ip.into(), &listed) && !ip.is_multicast(),
                None => passes(&v6, ip, &listed),
            };
            let long: Vec<String> = v6_ip.segments().iter().map(|segment| format!("{segment:04X}")).collect();
            for text in [ip.to_string(), long.join(":")] {
                cases.push((json!({ "ip": text }), passes));
                cases.push((json!({ "url": format!("http://[{text}]:8080/") }), passes));
            }
        }
    }
    assert!(cases.len() > 5500, "{}", cases.len());
    ask(&cases);
}

#[test]
fn what_is_no_question_about_an_address() {
    let check = |question: Value, expected: Value| {
        let mut answer = inspect("guard", std::slice::from_ref(&question)).remove(0);
        let error = answer["error"].take();
        assert_eq!(answer, expected, "{question}");
        error.as_str().map(str::to_owned)
    };
    let not = json!({ "allowed": false, "category": null, "ip": null, "error": null });
    for url in [
        "",
        "example.org",
        "//example.org/",
        "http://",
        "http:///",
        "http://256.256.256.256/",
        "http://0x1ffffffff/",
        "http://1.2.3.4.5/",
        "http://127.0.0.09/",
        "http://[::1/",
        "http://[::1%25lo]/",
        "http://a b/",
        "http://example.org:99999/",
        "ftp://8.8.8.8/",
        "file:///etc/passwd",
        "gopher://8.8.8.8/",
        "data:text/html,x",
        "javascript:alert(1)",
        "ws://8.8.8.8/",
    ] {
        assert!(check(json!({ "url": url }), not.clone()).is_some(), "{url}");
    }
    for ip in
        ["", "example.org", "10.0.0.0/8", "1.2.3.4:80", "[::1]:80", "1.2.3.4.5", "::g", "1.2.3.4 5", "%", "fe80::1%"]
    {
        assert_eq!(check(json!({ "ip": ip }), not.clone()).as_deref(), Some("not an IP address"), "{ip}");
    }
    for (ip, is) in [
        (" 127.0.0.1\n", "127.0.0.1"),
        ("[::1]", "::1"),
        ("0x7f.1", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("::1%lo", "::1"),
    ] {
        let expected = json!({ "allowed": false, "category": "loopback", "ip": is, "error": null });
        assert_eq!(check(json!({ "ip": ip }), expected), None, "{ip}");
    }
    let name = |allowed: bool, category: Option<&str>| json!({ "allowed": allowed, "category": category, "ip": null, "error": null });
    for url in [
        "http://localhost/",
        "http://LOCALHOST.:8080/",
        "https://a.b.localhost/",
        "http://%6cocalhost/",
        "http://ⓛocalhost/",
        "http://127.0.0.1../",
        "http://0x7f.1.../",
    ] {
        assert_eq!(check(json!({ "url": url }), name(false, Some("loopback"))), None, "{url}");
    }
    for url in ["http://example.org/", "https://127.0.0.1.nip.io/", "http://localhost.example.org:8080/"] {
        assert_eq!(check(json!({ "url": url }), name(true, None)), None, "{url}");
    }
    for port in [0, 22, 25, 6667, 10080] {
        assert_eq!(check(json!({ "url": format!("http://example.org:{port}/") }), name(false, Some("port"))), None);
    }
    let answers = inspect("guard", &[json!({}), json!({ "ip": "::1", "url": "http://h/" }), json!({ "ip": 1 })]);
    assert!(answers.iter().all(|answer| answer["error"].is_string() && answer["allowed"] == false), "{answers:?}");
}
