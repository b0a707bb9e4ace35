//! The jar by the published cases and by cases of our own, under paused time.

use std::{collections::BTreeSet, time::Duration};

use super::*;
use crate::{
    address::{CanonicalUrl, Canonicalizer},
    clock::Clock,
};

const OPTIONS: CookieOptions = CookieOptions { max: 100, max_per_domain: 10 };

/// 2015-04-22, when the published cases were.
const THEN: Timestamp = Timestamp(1_429_660_800_000_000);

fn url(text: &str) -> CanonicalUrl {
    Canonicalizer::default().parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn jar() -> CookieJar {
    CookieJar::new(OPTIONS, Clock::starting_at(THEN))
}

fn sent(jar: &CookieJar, to: &str) -> String {
    jar.field(&url(to)).map(|field| String::from_utf8(field.as_bytes().to_vec()).unwrap()).unwrap_or_default()
}

/// What is sent to each URL after this field was received from that one.
fn check(from: &str, field: &str, taken: Result<(), Rejection>, expected: &[(&str, &str)]) {
    let jar = jar();
    assert_eq!(jar.set(&url(from), field.as_bytes()), taken, "{from}: {field}");
    for (to, cookies) in expected {
        assert_eq!(sent(&jar, to), *cookies, "{field} from {from} to {to}");
    }
}

#[derive(serde::Deserialize)]
struct Case {
    test: String,
    received: Vec<String>,
    sent: Vec<Pair>,
    #[serde(rename = "sent-to", default)]
    sent_to: Option<String>,
}

#[derive(serde::Deserialize)]
struct Pair {
    name: String,
    value: String,
}

/// Names of the cases that are argued in the list.
fn listed() -> BTreeSet<String> {
    let text = include_str!("../../../tests/conformance/cookies/expected-failures.txt");
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| Some(line.split_once(": ")?.0.to_owned()))
        .collect()
}

fn check_listed(failures: &BTreeSet<String>, report: &str, prefix: &str) {
    let listed: BTreeSet<_> = listed().into_iter().filter(|name| name.starts_with(prefix)).collect();
    let surprises: Vec<_> = listed.symmetric_difference(failures).collect();
    assert!(surprises.is_empty(), "failing but not listed, or listed and passing: {surprises:?}\n{report}");
}

#[test]
fn published_cases_of_the_ietf() {
    let cases: Vec<Case> =
        serde_json::from_str(include_str!("../../../tests/conformance/cookies/parser.json")).unwrap();
    assert!(cases.len() > 200);
    let (mut failures, mut report) = (BTreeSet::new(), String::new());
    for case in cases {
        let jar = CookieJar::new(CookieOptions { max: 3000, max_per_domain: 180 }, Clock::starting_at(THEN));
        let from = url(&format!("http://home.example.org/cookie-parser?{}", case.test));
        for field in &case.received {
            // Whether it is taken shows in what is sent.
            let _ = jar.set(&from, field.as_bytes());
        }
        let to = case.sent_to.unwrap_or_else(|| format!("/cookie-parser-result?{}", case.test));
        let to = Canonicalizer::default().resolve(from.as_url(), &to).unwrap();
        let pair = |pair: &Pair| match pair.name.as_str() {
            "" => pair.value.clone(),
            name => format!("{name}={}", pair.value),
        };
        let expected = case.sent.iter().map(pair).collect::<Vec<_>>().join("; ");
        let found = sent(&jar, to.as_str());
        if found != expected {
            report += &format!("{}: {:?}: sent {found:?}, expected {expected:?}\n", case.test, case.received);
            failures.insert(format!("parser {}", case.test));
        }
    }
    check_listed(&failures, &report, "parser");
}

#[derive(serde::Deserialize)]
struct DateCase {
    test: String,
    expected: Option<String>,
}

#[test]
fn published_dates() {
    let (mut failures, mut report) = (BTreeSet::new(), String::new());
    for text in [
        include_str!("../../../tests/conformance/cookies/dates.json"),
        include_str!("../../../tests/conformance/cookies/dates-bsd.json"),
    ] {
        for case in serde_json::from_str::<Vec<DateCase>>(text).unwrap() {
            let expected = case.expected.map(|date| httpdate::parse_http_date(&date).unwrap());
            let epoch = std::time::SystemTime::UNIX_EPOCH;
            let expected = expected.map(|at| at.duration_since(epoch).map_or(0, |since| since.as_secs()));
            let found = date::parse(&case.test).map(|at| at.0 / 1_000_000);
            if found != expected {
                report += &format!("{:?}: {found:?}, expected {expected:?}\n", case.test);
                failures.insert(format!("date {}", case.test));
            }
        }
    }
    check_listed(&failures, &report, "date");
}

#[test]
fn a_cookie_goes_to_its_hosts() {
    use Rejection::{Domain, PublicSuffix};
    let shop = "http://www.shop.example.org/a/b";
    check(
        shop,
        "a=b",
        Ok(()),
        &[
            (shop, "a=b"),
            ("https://www.shop.example.org:8443/a/", "a=b"),
            ("http://shop.example.org/a/", ""),
            ("http://x.www.shop.example.org/a/", ""),
            ("http://www.shop.example.org./a/", ""),
        ],
    );
    check(
        shop,
        "a=b; Domain=.Shop.example.org; Path=/",
        Ok(()),
        &[
            (shop, "a=b"),
            ("http://shop.example.org/", "a=b"),
            ("http://x.y.shop.example.org/", "a=b"),
            ("http://xshop.example.org/", ""),
            ("http://example.org/", ""),
            ("http://shop.example.org.evil.test/", ""),
        ],
    );
    for (domain, why) in [
        ("org", PublicSuffix),
        (".org", PublicSuffix),
        ("org.", PublicSuffix),
        ("co.uk", PublicSuffix),
        ("other.org", Domain),
        ("x.www.shop.example.org", Domain),
        ("op.example.org", Domain),
        ("www.shop.example.org.", Domain),
        ("..example.org", PublicSuffix),
        ("münchen.de", Domain),
    ] {
        check(shop, &format!("a=b; Domain={domain}; Path=/"), Err(why), &[(shop, ""), ("http://co.uk/", "")]);
    }
    // Everybody's subdomains, and a suffix that is a host itself.
    check("http://me.github.io/", "a=b; Domain=github.io", Err(PublicSuffix), &[("http://you.github.io/", "")]);
    check(
        "http://github.io/",
        "a=b; Domain=github.io",
        Ok(()),
        &[("http://github.io/", "a=b"), ("http://me.github.io/", "")],
    );
    check(
        "http://localhost/",
        "a=b; Domain=localhost",
        Ok(()),
        &[("http://localhost/", "a=b"), ("http://a.localhost/", "")],
    );
}

#[test]
fn dots_don_t_make_a_public_suffix_private() {
    for suffix in ["co.uk", "uk", "github.io", "com", "nobody", "xn--p1ai"] {
        for dots in ["", ".", "..", "..."] {
            let (evil, victim) = (format!("https://evil.{suffix}{dots}/"), format!("https://victim.{suffix}{dots}/"));
            for domain in ["", ".", "..", "co.uk", "uk", "io", "github.io", suffix].map(str::to_owned) {
                for domain in [
                    domain.clone(),
                    format!("{domain}."),
                    format!("{domain}.."),
                    format!("..{domain}"),
                    format!("{domain}{dots}"),
                ] {
                    let jar = jar();
                    // Whether it is taken does not matter, but where it goes.
                    let _ = jar.set(&url(&evil), format!("a=b; Domain={domain}; Path=/").as_bytes());
                    assert_eq!(sent(&jar, &victim), "", "{evil} {domain:?} {victim}");
                    assert_eq!(sent(&jar, &format!("https://victim.{suffix}/")), "", "{evil} {domain:?}");
                }
            }
        }
    }
}

#[test]
fn addresses_have_no_subdomains() {
    check(
        "http://127.0.0.1/",
        "a=b; Domain=127.0.0.1",
        Ok(()),
        &[("http://127.0.0.1/", "a=b"), ("http://127.0.0.2/", "")],
    );
    check("http://1.127.0.1/", "a=b; Domain=127.0.1", Err(Rejection::Domain), &[]);
    check("http://[::1]/", "a=b", Ok(()), &[("http://[::1]/", "a=b"), ("http://[::2]/", "")]);
}

#[test]
fn a_cookie_goes_to_its_paths() {
    let check = |from: &str, field: &str, to: &str, goes: bool| {
        let expected = if goes { "a=b" } else { "" };
        check(&format!("http://h.test{from}"), field, Ok(()), &[(&format!("http://h.test{to}"), expected)]);
    };
    check("/a/b", "a=b", "/a", true);
    check("/a/b", "a=b", "/a/", true);
    check("/a/b", "a=b", "/a/x/y?z", true);
    check("/a/b", "a=b", "/ab", false);
    check("/a", "a=b", "/", true);
    check("/", "a=b; Path=/a/", "/a", false);
    check("/", "a=b; Path=/a/", "/a/b", true);
    check("/", "a=b; Path=/a", "/a?x", true);
    check("/x/y", "a=b; Path=a", "/x/z", true);
    check("/x/y", "a=b; Path=/a; Path=", "/x/z", true);
}

#[test]
fn secure_cookies_and_prefixes() {
    use Rejection::{Insecure, Prefix};
    let (plain, safe) = ("http://h.test/", "https://h.test/");
    check(safe, "a=b; Secure", Ok(()), &[(safe, "a=b"), (plain, ""), ("https://h.test:8443/", "a=b")]);
    check(plain, "a=b; Secure", Err(Insecure), &[(safe, "")]);
    check(safe, "a=b; SameSite=None", Err(Prefix), &[(safe, "")]);
    check(safe, "a=b; SameSite=None; Secure", Ok(()), &[(safe, "a=b")]);
    check(safe, "a=b; SameSite=Strict", Ok(()), &[(safe, "a=b")]);
    check(safe, "__Secure-a=b", Err(Prefix), &[(safe, "")]);
    check(safe, "__SECURE-a=b; Secure", Ok(()), &[(safe, "__SECURE-a=b")]);
    check(safe, "__Host-a=b; Secure; Path=/", Ok(()), &[(safe, "__Host-a=b")]);
    for field in [
        "__Host-a=b; Secure",
        "__host-a=b; Path=/",
        "__Host-a=b; Secure; Path=/; Domain=h.test",
        "__Host-a; Secure; Path=/",
    ] {
        check(safe, field, Err(Prefix), &[(safe, "")]);
    }
    check(plain, "__Host-a=b; Secure; Path=/", Err(Insecure), &[]);
}

#[test]
fn a_plain_cookie_does_not_cover_a_secure_one() {
    let jar = jar();
    jar.set(&url("https://www.h.test/"), b"a=safe; Secure; Domain=h.test; Path=/x").unwrap();
    let plain = url("http://www.h.test/x/y");
    for field in ["a=evil; Path=/x", "a=evil; Path=/x/y", "a=evil; Domain=h.test; Path=/x"] {
        assert_eq!(jar.set(&plain, field.as_bytes()), Err(Rejection::Insecure), "{field}");
    }
    jar.set(&plain, b"a=other; Path=/").unwrap();
    jar.set(&plain, b"b=other; Path=/x").unwrap();
    assert_eq!(sent(&jar, "https://www.h.test/x"), "a=safe; b=other; a=other");
    jar.set(&url("https://www.h.test/"), b"a=new; Domain=h.test; Path=/x").unwrap();
    assert_eq!(sent(&jar, "http://www.h.test/x"), "a=new; b=other; a=other");
}

#[tokio::test(start_paused = true)]
async fn longer_paths_go_first_then_older_cookies_and_a_new_value_keeps_its_place() {
    let jar = jar();
    for field in ["a=1; Path=/", "b=2; Path=/x", "c=3; Path=/", "d=4; Path=/x/y", "a=5; Path=/"] {
        jar.set(&url("http://h.test/"), field.as_bytes()).unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    assert_eq!(sent(&jar, "http://h.test/x/y"), "d=4; b=2; a=5; c=3");
    // It stays so in a file.
    let again = CookieJar::new(OPTIONS, Clock::starting_at(THEN));
    assert_eq!(again.restore(&jar.to_json()), Ok(4));
    assert_eq!(sent(&again, "http://h.test/x/y"), "d=4; b=2; a=5; c=3");
}

#[tokio::test(start_paused = true)]
async fn cookies_end() {
    let jar = jar();
    let home = url("http://h.test/");
    jar.set(&home, b"short=1; Max-Age=10").unwrap();
    jar.set(&home, b"long=1; Max-Age=99999999999").unwrap();
    jar.set(&home, b"session=1").unwrap();
    assert_eq!(jar.cookies()[1].expires, Some(THEN + Duration::from_secs(400 * 24 * 3600)));
    tokio::time::advance(Duration::from_secs(10)).await;
    assert_eq!(sent(&jar, "http://h.test/"), "long=1; session=1");
    let revision = jar.revision();
    jar.set(&home, b"session=; Expires=Thu, 01 Jan 1970 00:00:00 GMT").unwrap();
    jar.set(&home, b"unknown=; Max-Age=0").unwrap();
    assert!(jar.revision() > revision);
    assert_eq!((sent(&jar, "http://h.test/"), jar.len()), ("long=1".to_owned(), 2));
}

#[tokio::test(start_paused = true)]
async fn the_jar_is_bounded_and_keeps_what_is_used() {
    let jar = CookieJar::new(CookieOptions { max: 5, max_per_domain: 3 }, Clock::starting_at(THEN));
    let set = async |url_text: &str, field: &str| {
        jar.set(&url(url_text), field.as_bytes()).unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;
    };
    for n in 0..20 {
        set(&format!("https://h{n}.a.test/"), &format!("n{n}=x; Domain=a.test; Path=/p{n}")).await;
    }
    assert_eq!(jar.cookies().iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["n17", "n18", "n19"]);
    // Used just now, so it stays; among the others a plain one goes before a secure one.
    assert_eq!(sent(&jar, "http://a.test/p17"), "n17=x");
    tokio::time::advance(Duration::from_secs(1)).await;
    set("https://a.test/", "n18=x; Domain=a.test; Path=/p18; Secure").await;
    set("https://a.test/", "new=x").await;
    assert_eq!(jar.cookies().iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["n17", "n18", "new"]);
    for n in 0..20 {
        set(&format!("https://b{n}.test/"), "b=x").await;
        assert!(jar.len() <= 5, "{}", jar.len());
    }
    assert_eq!(sent(&jar, "https://b15.test/"), "b=x");
    assert_eq!(sent(&jar, "https://a.test/p17"), "");
}

#[tokio::test(start_paused = true)]
async fn files() {
    let jar = jar();
    let text = "# Netscape HTTP Cookie File\n\n.h.test\tTRUE\t/\tFALSE\t0\ta\t1\n\
                #HttpOnly_www.h.test\tFALSE\t/x\tTRUE\t1629660800.5\tb\t2\r\nh.test\tFALSE\t/\tfalse\t7\told\t3\n\
                com\tTRUE\t/\tFALSE\t0\tsuper\t4\nh.test\tFALSE\t/\tFALSE\t0\tempty\t\n";
    assert_eq!(jar.restore(text.as_bytes()), Ok(3));
    assert_eq!(sent(&jar, "https://www.h.test/x"), "b=2; a=1");
    assert_eq!(sent(&jar, "http://h.test/x"), "a=1; empty=");
    assert_eq!(sent(&jar, "http://h.com/x"), "");
    let json = jar.to_json();
    let again = CookieJar::new(OPTIONS, Clock::starting_at(THEN));
    assert_eq!(again.restore(&json), Ok(3));
    assert_eq!(again.cookies(), jar.cookies());
    // Whichever byte is flipped, the cookies are the same or the file is refused.
    for i in 0..json.len() {
        for flip in [1, 0x10, 0x80] {
            let mut damaged = json.clone();
            damaged[i] ^= flip;
            if let Ok(cookies) = Cookie::read_all(&damaged) {
                assert_eq!(cookies, jar.cookies(), "byte {i}, {flip}");
            }
        }
    }

    let check = |text: &[u8], expected: &str| {
        let error = Cookie::read_all(text).unwrap_err().to_string();
        assert!(error.starts_with(expected) && !error.contains("sesame"), "{error}");
    };
    check(b"a\tb\nsesame", "line 1: expected domain");
    check(b"h.test\tTRUE\t/\tTRUE\t0\ta\tb\nh.test\tTRUE\t/\tTRUE\tsoon\ta\tsesame", "line 2: ");
    check(b"h.test\tTRUE\tx\tTRUE\t0\ta\tsesame", "line 1: ");
    check(b"{\"cookies\":\n\"sesame\"}", "line 2: expected JSON");
    check(b"{\"version\":9,\"cookies\":[]}", "is of version 9");
    check(b"\xff", "is not UTF-8");
}

#[test]
fn values_are_not_in_the_debug_output() {
    let jar = jar();
    jar.set(&url("http://h.test/"), b"name=sesame").unwrap();
    assert!(!format!("{jar:?} {:?} {:?}", jar.cookies(), jar.field(&url("http://h.test/"))).contains("sesame"));
}

mod laws {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever a server sends, the next request can be sent, to it and to nobody else.
        #[test]
        fn any_field_leaves_a_sound_jar(fields in prop::collection::vec(any::<Vec<u8>>(), 0..20), texts in prop::collection::vec("[ -~]{0,12}=[ -~]{0,12};( ?(domain|path|max-age|expires|secure|samesite)=[a-z./0-9]{0,8};){0,3}", 0..20)) {
            let jar = jar();
            let home = url("https://www.shop.example.org/a/b");
            for field in fields.iter().map(Vec::as_slice).chain(texts.iter().map(String::as_bytes)) {
                let _ = jar.set(&home, field);
            }
            let _ = jar.field(&home);
            prop_assert!(jar.len() <= OPTIONS.max_per_domain);
            prop_assert_eq!(sent(&jar, "https://www.other.org/a/b"), "");
            let again = CookieJar::new(OPTIONS, Clock::starting_at(THEN));
            again.restore(&jar.to_json()).unwrap();
            prop_assert_eq!(sent(&again, home.as_str()), sent(&jar, home.as_str()));
        }
    }
}
