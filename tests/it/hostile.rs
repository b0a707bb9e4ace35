//! The built program among servers that mean harm.
//!
//! Each of them has an address of its own and does one thing wrong, all at the same time. Asserted for
//! each: how its URL ends in the records, by name. Of the crawl: that it ends in time, that the pages of
//! those who mean well are there long before, and how much memory it took at most.
//!
//! HTTP/2 is in [`http2`]. Certificates that are not what they should be are tested at the fetcher
//! (`src/fetch/tests`).

mod http2;

use std::{
    collections::BTreeMap,
    io::Write as _,
    time::{Duration, Instant},
};

use flate2::{
    Compression,
    write::{DeflateEncoder, GzEncoder, ZlibEncoder},
};
use serde_json::Value;
use tokio::process::Child;

use crate::support::{
    ground::{Config, Ended, Ground, finish},
    links,
    site::Site,
    villain::{Act, Villain, coded, says, says_and},
};

/// Bounds of the crawls here; `fetch.timeout` is the longest.
const FIRST_BYTE: Duration = Duration::from_secs(4);
const TIMEOUT: Duration = Duration::from_secs(6);
/// Of the crawl whose hosts are held up by our own decoding only.
const PATIENCE: Duration = Duration::from_secs(30);
const MEMORY_MIB: u64 = 16;
const BODY_MIB: u64 = 1;

/// What a connection may hold besides: hyper reads up to 400 KiB ahead, and a decoder has tables.
const CONNECTION_MIB: u64 = 1;

const TICK: Duration = Duration::from_millis(20);
const NOW: Duration = Duration::ZERO;

/// How a URL ends.
#[derive(Debug)]
enum End {
    /// Failed for this reason, with an error that says this.
    Failed(&'static str, &'static str),
    /// Fetched, and cut for this reason.
    Cut(&'static str),
    /// Fetched whole: so many bytes.
    Whole(u64),
    /// Answered by a redirect.
    Redirected,
}

struct Case {
    name: &'static str,
    scheme: &'static str,
    script: Vec<Act>,
    end: End,
}

fn case(name: &'static str, script: Vec<Act>, end: End) -> Case {
    Case { name, scheme: "http", script, end }
}

fn tls(name: &'static str, script: Vec<Act>, end: End) -> Case {
    Case { name, scheme: "https", script, end }
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n";

fn ok(rest: &str) -> String {
    format!("{OK}{rest}")
}

/// Heads: late, endless, broken.
fn heads() -> Vec<Case> {
    use End::Failed;
    let late = "waiting for the response";
    let early = "connection closed early";
    let many = "header fields are too many or too long";
    vec![
        case("silence after the request", vec![Act::Read, Act::Hold], Failed("timeout", late)),
        case("silence before it", vec![Act::Hold], Failed("timeout", late)),
        case("a head that drips", says_and(ok("X: "), Act::Repeat(b"y".into(), TICK)), Failed("timeout", late)),
        case("fields that drip", says_and(OK, Act::Repeat(b"X: y\r\n".into(), 2 * TICK)), Failed("timeout", late)),
        case("an endless field", says_and(ok("X: "), Act::Repeat(vec![b'y'; 65536], NOW)), Failed("protocol", many)),
        case("a flood of fields", says_and(OK, Act::Repeat(b"X: y\r\n".repeat(100), NOW)), Failed("protocol", many)),
        case(
            "an endless status line",
            says_and("HTTP/1.1 200 ", Act::Repeat(vec![b'O'; 65536], NOW)),
            Failed("protocol", ""),
        ),
        case(
            "interim responses that drip",
            vec![Act::Read, Act::Repeat(b"HTTP/1.1 100 Continue\r\n\r\n".into(), TICK)],
            Failed("timeout", late),
        ),
        case(
            "a flood of interim responses",
            vec![Act::Read, Act::Repeat(b"HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\n".repeat(99), NOW)],
            Failed("timeout", late),
        ),
        case(
            "an answer after an interim one",
            says(format!("HTTP/1.1 100 Continue\r\n\r\n{}", ok("Content-Length: 2\r\n\r\nok"))),
            End::Whole(2),
        ),
        case(
            "an upgrade",
            says("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nxx"),
            Failed("http-101", ""),
        ),
        case("nothing", vec![Act::Read], Failed("closed", early)),
        case("half a head", says(ok("Content-Le")), Failed("closed", early)),
        case("another protocol", says("SSH-2.0-OpenSSH_9.6\r\n"), Failed("protocol", "")),
        case("HTTP/0.9", says("<html>no head at all</html>\n"), Failed("protocol", "")),
        case("noughts", says([0; 4096]), Failed("protocol", "")),
        case("a status that is no number", says("HTTP/1.1 2x0 OK\r\n\r\n"), Failed("protocol", "")),
        case("a status out of range", says("HTTP/1.1 99 Low\r\nContent-Length: 0\r\n\r\n"), Failed("protocol", "")),
        case("a version from the future", says("HTTP/3.7 200 OK\r\n\r\n"), Failed("protocol", "")),
        case("a reset with the request unread", vec![Act::Wait(5 * TICK), Act::Reset], Failed("closed", "")),
        case("a reset after it", vec![Act::Read, Act::Reset], Failed("closed", "")),
        case(
            "a reset in the head",
            vec![Act::Read, Act::Send(ok("X").into()), Act::Wait(TICK), Act::Reset],
            Failed("closed", ""),
        ),
        case("a nought in a field", says(ok("X: a\0b\r\nContent-Length: 2\r\n\r\nok")), Failed("protocol", "")),
    ]
}

/// Bodies: late, endless, of another length than they say.
fn bodies() -> Vec<Case> {
    use End::{Cut, Failed, Whole};
    let chunked = |body: &str| ok(&format!("Transfer-Encoding: chunked\r\n\r\n{body}"));
    let length = |n: u64, body: &str| ok(&format!("Content-Length: {n}\r\n\r\n{body}"));
    vec![
        case("silence for a body", says_and(length(9, ""), Act::Hold), Failed("timeout", "the body stopped coming")),
        case("silence in the body", says_and(length(9, "abc"), Act::Hold), Cut("timeout")),
        case("a body that drips", says_and(length(1 << 20, "x"), Act::Repeat(b"x".into(), TICK)), Cut("too-slow")),
        case(
            "chunks that drip",
            says_and(chunked("1\r\nx\r\n"), Act::Repeat(b"1\r\nx\r\n".into(), TICK)),
            Cut("too-slow"),
        ),
        case("an endless body", says_and(ok("\r\n"), Act::Repeat(vec![b'x'; 65536], NOW)), Cut("body-limit")),
        case(
            "an endless body in chunks",
            says_and(chunked(""), Act::Repeat([&b"1000\r\n"[..], &[b'x'; 4096], b"\r\n"].concat(), NOW)),
            Cut("body-limit"),
        ),
        case("less than it says", says(length(9, "abc")), Cut("incomplete")),
        case("nothing of what it says", says(length(9, "")), Failed("closed", "connection closed early")),
        case("more than it says", says(length(3, "abcdef")), Whole(3)),
        case("a length beyond all", says(length(u64::MAX - 2, "abc")), Cut("incomplete")),
        case("a length that is none", says(ok("Content-Length: -3\r\n\r\nabc")), Failed("protocol", "")),
        case(
            "a length too large for a number",
            says(ok("Content-Length: 99999999999999999999\r\n\r\nabc")),
            Failed("protocol", ""),
        ),
        case("two lengths", says(ok("Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd")), Failed("protocol", "")),
        case("one length twice", says(ok("Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc")), Whole(3)),
        case(
            "a length and chunks",
            says(ok("Content-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")),
            Whole(3),
        ),
        case("a chunk whose size is no number", says(chunked("zz\r\nabc")), Failed("protocol", "")),
        case("a chunk whose size overflows", says(chunked("ffffffffffffffffff\r\nabc")), Failed("protocol", "")),
        case("a chunk without its end", says(chunked("3\r\nabcde\r\n0\r\n\r\n")), Cut("incomplete")),
        case("chunks without the last", says(chunked("3\r\nabc\r\n")), Cut("incomplete")),
        case(
            "an endless chunk extension",
            says_and(chunked("3;"), Act::Repeat(vec![b'x'; 65536], NOW)),
            Failed("protocol", ""),
        ),
        case(
            "a flood of trailers",
            says_and(chunked("3\r\nabc\r\n0\r\n"), Act::Repeat(b"T: v\r\n".repeat(99), NOW)),
            Cut("incomplete"),
        ),
        case("a body that no status 204 has", says("HTTP/1.1 204 No\r\nContent-Length: 3\r\n\r\nabc"), Whole(0)),
        case("until the end, in HTTP/1.0", says("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nabc"), Whole(3)),
        case(
            "a reset for a body",
            vec![Act::Read, Act::Send(length(9, "").into()), Act::Wait(TICK), Act::Reset],
            Failed("closed", ""),
        ),
        case(
            "a reset in the body",
            vec![Act::Read, Act::Send(length(9, "abc").into()), Act::Wait(5 * TICK), Act::Reset],
            Cut("incomplete"),
        ),
        case(
            "a reset in a chunk",
            vec![Act::Read, Act::Send(chunked("9\r\nabc").into()), Act::Wait(5 * TICK), Act::Reset],
            Cut("incomplete"),
        ),
    ]
}

/// Where a redirect leads is another URL, and has a record of its own.
fn redirects() -> Vec<Case> {
    let to = |location: &str| says(format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"));
    vec![
        case("a redirect to itself", to("/"), End::Failed("redirect-loop", "")),
        case("a redirect to a private address", to("http://10.1.2.3/"), End::Redirected),
        case("a redirect to the cloud's metadata", to("http://169.254.169.254/latest/meta-data/"), End::Redirected),
        case("a redirect to a private address, disguised", to("http://[::ffff:192.168.7.1]:8080/"), End::Redirected),
        case("a redirect in decimal", to("http://167772161/"), End::Redirected),
    ]
}

/// What is no TLS, or none that is trusted.
fn handshakes() -> Vec<Case> {
    use End::Failed;
    let alert = |code: u8| vec![Act::Wait(TICK), Act::Send(vec![0x15, 3, 3, 0, 2, 2, code]), Act::Wait(5 * TICK)];
    vec![
        tls(
            "plain HTTP where TLS is due",
            vec![Act::Wait(TICK), Act::Send(b"HTTP/1.1 400 No\r\n\r\n".into()), Act::Wait(5 * TICK)],
            Failed("tls", "tls: "),
        ),
        tls(
            "noughts for a handshake",
            vec![Act::Wait(TICK), Act::Send(vec![0; 4096]), Act::Wait(5 * TICK)],
            Failed("tls", "tls: "),
        ),
        tls("no version in common", alert(70), Failed("tls", "ProtocolVersion")),
        tls("no cipher in common", alert(40), Failed("tls", "HandshakeFailure")),
        tls(
            "an endless handshake record",
            vec![Act::Wait(TICK), Act::Send(vec![0x16, 3, 3, 0x40, 0]), Act::Repeat(b"x".into(), TICK)],
            Failed("timeout", "waiting for a connection"),
        ),
        tls("a handshake that stalls", vec![Act::Hold], Failed("timeout", "waiting for a connection")),
        tls("the end instead of a handshake", vec![Act::Wait(TICK)], Failed("connect", "")),
        tls("a reset instead of a handshake", vec![Act::Wait(TICK), Act::Reset], Failed("connect", "")),
    ]
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn zlib(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn raw_deflate(data: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn brotli(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    brotli::CompressorWriter::new(&mut out, 65536, 5, 24).write_all(data).unwrap();
    out
}

fn zstd(data: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(23).unwrap();
    // In two parts, so that it can't know the length and shrink the window.
    encoder.write_all(&data[..1000]).unwrap();
    encoder.flush().unwrap();
    encoder.write_all(&data[1000..]).unwrap();
    encoder.finish().unwrap()
}

/// 4 MiB of nothing under every coding, and under stacks of them.
fn bombs() -> Vec<Case> {
    let zeros = vec![0; 4 << 20];
    let (gz, br, zs) = (gzip(&zeros), brotli(&zeros), zstd(&zeros));
    let bombs = [
        ("a gzip bomb", "gzip", gz.clone()),
        ("a deflate bomb", "deflate", zlib(&zeros)),
        ("a raw deflate bomb", "deflate", raw_deflate(&zeros)),
        ("a brotli bomb", "br", br.clone()),
        ("a zstd bomb", "zstd", zs.clone()),
        ("gzip in gzip", "gzip, gzip", gzip(&gz)),
        ("brotli in brotli", "br, br", brotli(&br)),
        ("zstd in gzip", "zstd, gzip", gzip(&zs)),
        ("brotli four times", "br, br, br, br", brotli(&brotli(&brotli(&br)))),
    ];
    let mut cases: Vec<_> = bombs
        .into_iter()
        .map(|(name, coding, body)| case(name, says(coded(coding, &body)), End::Cut("decoded")))
        .collect();
    let head = |coding: &str| ok(&format!("Content-Encoding: {coding}\r\n\r\n"));
    let members = gzip(b"").repeat(100);
    let frames = [&[0x50, 0x2a, 0x4d, 0x18, 0, 16, 0, 0][..], &[0; 4096]].concat();
    cases.push(case("endless empty members", says_and(head("gzip"), Act::Repeat(members, NOW)), End::Cut("decoded")));
    cases.push(case("endless empty frames", says_and(head("zstd"), Act::Repeat(frames, NOW)), End::Cut("decoded")));
    cases.push(case(
        "no brotli",
        says(coded("br", b"\xff\xff\xff\xff, not brotli")),
        End::Failed("protocol", "doesn't decode"),
    ));
    cases.push(case("half a gzip", says(coded("gzip", &gzip(b"half of this")[..14])), End::Cut("incomplete")));
    cases.push(case("an unknown coding", says(coded("aes128gcm", b"secret")), End::Whole(6)));
    cases
}

/// Servers by URL, with what is expected of each.
async fn start(cases: Vec<Case>) -> (Vec<Villain>, BTreeMap<String, (&'static str, End)>) {
    let (mut villains, mut expected) = (Vec::new(), BTreeMap::new());
    for Case { name, scheme, script, end } in cases {
        let villain = Villain::start(script).await;
        expected.insert(villain.url(scheme), (name, end));
        villains.push(villain);
    }
    (villains, expected)
}

fn config(seeds: impl IntoIterator<Item = String>) -> Config {
    Config::new(seeds.into_iter().collect::<Vec<_>>())
        .set("scope.mode", "any")
        .set("robots.mode", "ignore")
        .set("fetch.retries", 0)
        .set("fetch.concurrency", 256)
        .set("fetch.connect_timeout", "4s")
        .set("fetch.first_byte_timeout", format!("{}s", FIRST_BYTE.as_secs()))
        .set("fetch.idle_timeout", "3s")
        .set("fetch.timeout", format!("{}s", TIMEOUT.as_secs()))
        .set("fetch.min_rate", "1 KiB")
        .set("fetch.min_rate_window", "4500ms")
        .set("fetch.body", format!("{BODY_MIB} MiB"))
        .set("fetch.memory", format!("{MEMORY_MIB} MiB"))
        .set("fetch.max_redirects", 5)
}

/// Runs to the end; the most memory that it ever had, MiB.
async fn run(ground: &Ground, config: &Config) -> (Ended, u64) {
    let child = ground.start_crawl(config);
    let peak = peak_mib(&child);
    let (ended, peak) = tokio::join!(finish(child), peak);
    (ended, peak)
}

/// Watches a process until it is gone: its greatest resident size, MiB.
fn peak_mib(child: &Child) -> impl Future<Output = u64> + use<> {
    let status = format!("/proc/{}/status", child.id().expect("it runs"));
    async move {
        let mut peak_kib = 0;
        // A zombie has no memory to tell of.
        while let Ok(text) = std::fs::read_to_string(&status) {
            let Some(line) = text.lines().find_map(|line| line.strip_prefix("VmHWM:")) else { break };
            peak_kib = line.trim().trim_end_matches("kB").trim().parse().unwrap();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        peak_kib / 1024
    }
}

/// The memory of a crawl of as many hosts that mean well.
async fn harmless_peak(n_hosts: usize) -> u64 {
    let (villains, expected) =
        start((0..n_hosts).map(|_| case("harmless", says(ok("Content-Length: 2\r\n\r\nok")), End::Whole(2))).collect())
            .await;
    let ground = Ground::new();
    let (ended, peak) = run(&ground, &config(expected.keys().cloned())).await;
    ended.with(0);
    check(&ground.reconciled(), &expected, TIMEOUT);
    drop(villains);
    assert!(peak > 0, "it was seen");
    peak
}

/// Every URL ended as expected; all that did not at once.
#[track_caller]
fn check(records: &BTreeMap<String, Value>, expected: &BTreeMap<String, (&'static str, End)>, timeout: Duration) {
    let wrong = expected.iter().filter_map(|(url, (name, end))| {
        let record = &records[url];
        let text = |key: &str| record[key].as_str().unwrap_or_default();
        let took = record["timings"]["total_ms"].as_f64().unwrap_or_default();
        let right = match end {
            // No reason stands for any: which limit is met first is a matter of chance.
            End::Failed(reason, error) => {
                let is_expected = reason.is_empty() || text("reason") == *reason;
                text("outcome") == "failed" && is_expected && text("error").contains(error)
            }
            // Which limit on decoding is met first depends on the coding.
            End::Cut("decoded") => matches!(text("truncated"), "decode-ratio" | "body-limit"),
            End::Cut(why) => text("outcome") == "fetched" && text("truncated") == *why,
            End::Whole(n_bytes) => record["body_bytes"] == *n_bytes && record["truncated"].is_null(),
            End::Redirected => text("outcome") == "redirected",
        };
        let in_time = took < timeout.as_millis() as f64 + 1_500.0;
        let silent = !text("error").contains("127.");
        (!(right && in_time && silent)).then(|| format!("{name}: expected {end:?}, found {record}"))
    });
    let wrong: Vec<_> = wrong.collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), expected.len(), wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_villain_has_its_end_and_nobody_else_notices() {
    let cases = [heads(), bodies(), redirects(), handshakes()].into_iter().flatten().collect::<Vec<_>>();
    let n_hosts = cases.len();
    let (_villains, expected) = start(cases).await;
    let paths: Vec<String> = (0..20).map(|n| format!("/{n}")).collect();
    let site = paths
        .iter()
        .zip(paths.iter().skip(1))
        .fold(Site::new().page("/", links!["/0"]), |site, (path, next)| site.page(path, links![next.as_str()]));
    let good = site.page("/19", &[]).serve().await;
    let chain = (0..9).fold(Site::new(), |site, n| site.redirect(&format!("/{n}"), 302, &format!("/{}", n + 1)));
    let circle = chain.redirect("/a", 302, "/b").redirect("/b", 301, "/c").redirect("/c", 307, "/a").serve().await;
    let base = harmless_peak(n_hosts).await;

    let ground = Ground::new();
    let seeds = expected.keys().cloned().chain([good.url("/"), circle.url("/0"), circle.url("/a")]);
    let started = Instant::now();
    let (ended, peak) = run(&ground, &config(seeds)).await;
    let took = started.elapsed();
    ended.with(0);
    let records = ground.reconciled();
    check(&records, &expected, TIMEOUT);

    for (url, refused) in [
        ("http://10.1.2.3/", "address-refused"),
        ("http://169.254.169.254/latest/meta-data/", "address-refused"),
        ("http://[::ffff:c0a8:701]:8080/", "address-refused"),
        ("http://10.0.0.1/", "address-refused"),
    ] {
        assert_eq!(records[url]["reason"], refused, "{}", records[url]);
    }
    let at_limit = records.values().filter(|record| record["reason"] == "redirect-limit");
    assert_eq!(at_limit.count(), 1, "the long chain has an end");
    for hop in ["/a", "/b", "/c"] {
        let record = &records[&circle.url(hop)];
        assert!(record["outcome"] == "redirected" || record["reason"] == "redirect-loop", "{record}");
    }

    // The chain of good pages, each found on the one before, was through while others were still waited for.
    let at = |url: &str| records[url]["fetched_at"].as_str().unwrap_or_else(|| panic!("{}", records[url])).to_owned();
    let last_good = at(&good.url("/19"));
    let hanging = expected.iter().find(|(_, (name, _))| *name == "silence after the request").expect("it is there").0;
    let begun: jiff::Timestamp = at(hanging).parse().unwrap();
    let done: jiff::Timestamp = last_good.parse().unwrap();
    assert!(done.duration_since(begun) < FIRST_BYTE.try_into().unwrap(), "{begun} {done}");
    assert!(took < TIMEOUT + Duration::from_secs(10), "{took:?}");

    let bound = base + MEMORY_MIB + BODY_MIB + CONNECTION_MIB * n_hosts as u64;
    assert!(peak <= bound, "{peak} MiB, not {bound}; {base} when all mean well");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_bombs_at_once_take_no_more_memory_than_they_may() {
    let cases: Vec<Case> = (0..6).flat_map(|_| bombs()).collect();
    let n_hosts = cases.len();
    assert!(n_hosts >= 64);
    let (_villains, expected) = start(cases).await;
    let base = harmless_peak(n_hosts).await;
    let ground = Ground::new();
    let patience = format!("{}s", PATIENCE.as_secs());
    let config = config(expected.keys().cloned())
        .set("fetch.timeout", patience.clone())
        .set("fetch.first_byte_timeout", patience);
    let (ended, peak) = run(&ground, &config).await;
    ended.with(0);
    let records = ground.reconciled();
    check(&records, &expected, PATIENCE);
    let undecoded = records.values().filter(|record| record["undecoded"] == "aes128gcm").count();
    assert_eq!(undecoded, 6);
    let bound = base + MEMORY_MIB + BODY_MIB + CONNECTION_MIB * n_hosts as u64;
    assert!(peak <= bound, "{peak} MiB, not {bound}; {base} when all mean well");
}
