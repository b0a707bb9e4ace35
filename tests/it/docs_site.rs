//! Acceptance: real documentation behind a real server, judged by an independent script.
//!
//! The sites are Debian's `sqlite3-doc` (written by hand and by scripts over twenty years, with some
//! four hundred dead links) and `python3-doc` (Sphinx), each behind a porch with a link of every
//! kind. `tests/truth/reachable.py` says which URLs there are and how nginx answers them; nginx's
//! access log says what was really asked for. Deliberately not tested here: politeness under load,
//! WARC, many hosts.

mod crawl;
mod nginx;

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{BuildHasher, Hasher, RandomState},
    path::Path,
    process::Command,
    thread,
    time::Duration,
};

use crawl::{Crawl, Pace, Record, UNLIMITED, records};
use nginx::{CLOSED, Hit, Site};
use serde_json::Value;

/// Where Debian's package puts it.
const SQLITE_DOCS: &str = "/usr/share/doc/sqlite3";
/// Where Debian's package puts it, whatever the version of Python.
const PYTHON_DOCS: &str = "/usr/share/doc/python3-doc/html";

/// Interruptions of one crawl.
const N_INTERRUPTIONS: usize = 10;
/// At this pace the crawl of [`SQLITE_DOCS`], of about 1,200 requests, takes six seconds.
const LEISURELY: Pace = Pace { rate: "200/s", per_host: 4 };
/// Bounds of the time between start and interruption. Ten times the longest is less than the crawl takes.
const INTERRUPT_AFTER_MS: std::ops::Range<u64> = 20..500;

#[test]
fn the_crawl_of_the_sqlite_documentation_is_exact() {
    check_exact(SQLITE_DOCS, 700);
}

#[test]
fn the_crawl_of_the_python_documentation_is_exact() {
    check_exact(PYTHON_DOCS, 400);
}

/// The judge is judged first: nginx answers each URL of the site as the script says.
#[test]
fn the_truth_is_what_nginx_answers() {
    let site = Site::serve(SQLITE_DOCS);
    let base = site.base();
    let mut answers: BTreeMap<u16, usize> = BTreeMap::new();
    for (url, record) in truth(&site) {
        let Some(target) = url.strip_prefix(base.trim_end_matches('/')) else { continue };
        let expected = record.status.unwrap_or(404);
        let found = site.head(target);
        assert_eq!(u64::from(found), expected, "{url}");
        *answers.entry(found).or_default() += 1;
    }
    assert!(answers[&200] > 700 && answers[&301] == 1 && answers[&403] == 1 && answers[&404] > 100, "{answers:?}");
    assert_eq!(site.hits().len(), answers.values().sum::<usize>());
}

/// Crawls `docs`, which has at least `n_pages` pages, and compares with truth and access log.
fn check_exact(docs: &str, n_pages: usize) {
    let site = Site::serve(docs);
    let expected = truth(&site);
    assert!(expected.len() > n_pages, "the truth knows {} URLs only", expected.len());
    let out = site.scratch().join("out");
    Crawl::start(&site.base(), &out, UNLIMITED).finish();

    let found = records(&out);
    let missed: Vec<_> = expected.iter().filter(|(url, _)| !found.contains_key(*url)).take(20).collect();
    let made_up: Vec<_> = found.iter().filter(|(url, _)| !expected.contains_key(*url)).take(20).collect();
    assert!(missed.is_empty() && made_up.is_empty(), "missed: {missed:#?}\nmade up: {made_up:#?}");
    for (url, expected) in &expected {
        assert_eq!(&found[url], expected, "{url}");
    }
    check_access_log(&site, &expected);
}

/// Of a site that has not changed, a second pass fetches nothing, and meets every URL again.
#[test]
fn a_second_pass_over_the_sqlite_documentation_fetches_nothing() {
    let site = Site::serve(SQLITE_DOCS);
    let out = site.scratch().join("out");
    Crawl::start(&site.base(), &out, UNLIMITED).finish();
    let (first, n_first) = (records(&out), site.hits().len());
    Crawl::again(&site.base(), &out, UNLIMITED).finish();
    let second = records(&out);
    assert_eq!(records(&out.join("passes/1")), first);
    let mut expected = first;
    for record in expected.values_mut().filter(|record| record.outcome == "fetched") {
        (record.outcome, record.status) = ("not-modified".to_owned(), Some(304));
    }
    let differ: Vec<_> = expected.iter().filter(|(url, record)| second.get(*url) != Some(record)).take(20).collect();
    assert!(differ.is_empty(), "{differ:#?}");
    assert_eq!(second.len(), expected.len());
    let hits = &site.hits()[n_first..];
    let n_whole = hits.iter().filter(|hit| hit.status == 200 && hit.target != "/robots.txt").count();
    let n_same = hits.iter().filter(|hit| hit.status == 304).count();
    assert!(n_whole == 0 && n_same > 700, "{n_whole} pages were sent, {n_same} were not");
}

/// What each URL's record must say, by the independent script.
fn truth(site: &Site) -> BTreeMap<String, Record> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/truth/reachable.py");
    let answer = Command::new(python())
        .arg("-B")
        .arg(script)
        .arg(site.root())
        .args(["--base", &site.base(), "--disallow", CLOSED])
        .output()
        .expect("Python starts");
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    let lines = String::from_utf8(answer.stdout).expect("JSON is UTF-8");
    let line = |line: &str| {
        let json: Value = serde_json::from_str(line).expect("JSON lines");
        (json["url"].as_str().expect("text").to_owned(), expected_record(&json["status"]))
    };
    lines.lines().map(line).collect()
}

/// How dragline's record puts what the script says.
fn expected_record(status: &Value) -> Record {
    let record = |outcome: &str, status, reason: Option<&str>| Record {
        outcome: outcome.to_owned(),
        status,
        reason: reason.map(str::to_owned),
    };
    match (status.as_u64(), status.as_str()) {
        (Some(200), _) => record("fetched", Some(200), None),
        (Some(301), _) => record("redirected", Some(301), None),
        (Some(code), _) => record("failed", Some(code), Some(&format!("http-{code}"))),
        (_, Some("offsite")) => record("refused", None, Some("out-of-scope")),
        (_, Some("robots")) => record("refused", None, Some("robots-denied")),
        _ => panic!("the site has a link that this test does not know how to judge: {status}"),
    }
}

/// The first Python that has html5lib: Debian's, or the caller's own.
pub(crate) fn python() -> &'static str {
    let has_parser =
        |python: &&str| Command::new(python).args(["-c", "import html5lib"]).output().is_ok_and(|o| o.status.success());
    let found = ["/usr/bin/python3", "python3"].into_iter().find(has_parser);
    found.expect("html5lib is missing: install python3-html5lib, or run tests/run, which does")
}

/// Every URL that may be asked for was, once, and nothing else was; robots.txt first, and once.
fn check_access_log(site: &Site, expected: &BTreeMap<String, Record>) {
    let hits = site.hits();
    let mut asked: BTreeMap<&str, usize> = BTreeMap::new();
    for Hit { method, target, .. } in &hits {
        assert_eq!(method, "GET", "{target}");
        *asked.entry(target).or_default() += 1;
    }
    assert_eq!(hits.first().map(|hit| hit.target.as_str()), Some("/robots.txt"));
    let twice: Vec<_> = asked.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "asked for more than once: {twice:#?}");
    let base = site.base();
    let allowed = expected.iter().filter(|(_, record)| record.outcome != "refused");
    let mut allowed: BTreeSet<&str> =
        allowed.filter_map(|(url, _)| url.strip_prefix(base.trim_end_matches('/'))).collect();
    allowed.insert("/robots.txt");
    assert_eq!(asked.into_keys().collect::<BTreeSet<_>>(), allowed);
}

#[test]
fn ten_interruptions_lose_nothing_and_write_nothing_twice() {
    let site = Site::serve(SQLITE_DOCS);
    let (calm, stormy) = (site.scratch().join("calm"), site.scratch().join("stormy"));
    Crawl::start(&site.base(), &calm, UNLIMITED).finish();
    let n_calm = site.hits().len();

    let seed = random_seed();
    let mut moments = Moments(seed);
    for (i, signal) in ["INT", "TERM", "KILL"].into_iter().cycle().take(N_INTERRUPTIONS).enumerate() {
        let which = format!("interruption {i}, SIG{signal}, DRAGLINE_TEST_SEED={seed}");
        let mut crawl = Crawl::start(&site.base(), &stormy, LEISURELY);
        thread::sleep(moments.next_delay());
        if !crawl.is_running() {
            let (status, said) = crawl.wait();
            panic!("{which}: the crawl had ended by itself with {status}: {said}");
        }
        crawl.signal(signal);
        let (status, said) = crawl.wait();
        assert!(!status.success(), "{which}: it ended as if it were finished: {said}");
    }
    Crawl::start(&site.base(), &stormy, LEISURELY).finish();

    let (expected, found) = (records(&calm), records(&stormy));
    let lost: Vec<_> = expected.iter().filter(|(url, record)| found.get(*url) != Some(record)).take(20).collect();
    assert!(lost.is_empty(), "DRAGLINE_TEST_SEED={seed}: lost or changed: {lost:#?}");
    assert_eq!(found.len(), expected.len(), "DRAGLINE_TEST_SEED={seed}");
    check_pace(&site.hits()[n_calm..], seed);
}

/// The promise to the host holds across interruptions: never more connections or requests than allowed.
fn check_pace(hits: &[Hit], seed: u64) {
    // What the limiter lets through in a second, at most, besides one burst of a connection each.
    let most = 200 + LEISURELY.per_host as usize;
    for (i, first) in hits.iter().enumerate() {
        let window: Vec<&Hit> = hits[i..].iter().take_while(|hit| hit.at < first.at + 1.0).collect();
        assert!(window.len() <= most, "DRAGLINE_TEST_SEED={seed}: {} requests within a second", window.len());
    }
    let connections: BTreeSet<u64> = hits.iter().map(|hit| hit.connection).collect();
    let most = (N_INTERRUPTIONS + 1) * LEISURELY.per_host as usize * 2;
    assert!(connections.len() <= most, "DRAGLINE_TEST_SEED={seed}: {} connections", connections.len());
}

/// A seed from `DRAGLINE_TEST_SEED`, or a new one.
fn random_seed() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a failed run is repeated with the seed that it names")]
    let given = std::env::var("DRAGLINE_TEST_SEED");
    given.map_or_else(|_| RandomState::new().build_hasher().finish(), |seed| seed.parse().expect("a number"))
}

/// Moments to interrupt at: splitmix64.
struct Moments(u64);

impl Moments {
    fn next_delay(&mut self) -> Duration {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let span = INTERRUPT_AFTER_MS.end - INTERRUPT_AFTER_MS.start;
        Duration::from_millis(INTERRUPT_AFTER_MS.start + (mixed ^ (mixed >> 31)) % span)
    }
}
