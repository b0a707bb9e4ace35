//! What a receipt says, and what its page may never do.

use std::collections::BTreeMap;

use super::{Receipt, html};
use crate::{
    address::HostKey,
    engine::{
        Book, End, Finished, Limit,
        stats::{HostTally, Tally, Timeline, Waiting},
        waits::{Wait, WaitTally, Waited},
    },
    sink::Mark,
    verdict::Refusal,
};

fn finished(tally: Tally, hosts: Vec<(HostKey, HostTally)>) -> Finished {
    let book = Book {
        tally,
        runs: 2,
        started_at: "2026-11-24T10:00:00.000Z".to_owned(),
        updated_at: "2026-11-24T10:02:00.500Z".to_owned(),
        outputs: vec![Mark { file: "pages.jsonl".to_owned(), bytes: 10_240, records: 17, crc32: None }],
        ..Book::default()
    };
    let n_queued = book.tally.n_pending();
    Finished { end: End::LimitReached(Limit::Pages(1000)), book, tail: vec![], n_queued, hosts }
}

fn tally() -> Tally {
    Tally {
        discovered: 20,
        fetched: 10,
        not_modified: 0,
        redirected: 2,
        failed: BTreeMap::from([("http-404".to_owned(), 2), ("timeout".to_owned(), 1)]),
        refused: BTreeMap::from([(Refusal::RobotsDenied, 2)]),
        retired: BTreeMap::from([("http://a.example/trap/".into(), Refusal::DuplicateContent)]),
        status: BTreeMap::from([(200, 10), (301, 2), (404, 2), (999, 1)]),
        depth: BTreeMap::from([(0, 1), (1, 16)]),
        body_bytes: 100_000,
        wire_bytes: 40_000,
        retries: 3,
        robots_fetched: 1,
        latency_ms: vec![0, 0, 4, 8, 0, 2],
        size_bytes: vec![1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9],
        timeline: Timeline { bucket_ms: 250, counts: vec![4, 0, 6] },
        active_ms: 2500,
        waited: WaitTally::default(),
    }
}

fn host(name: &str, fetched: u64, failed: u64, latency_sum_ms: u64) -> (HostKey, HostTally) {
    let tally = HostTally { fetched, failed, latency_sum_ms, latency_count: fetched, ..HostTally::default() };
    (HostKey::new(name), tally)
}

#[test]
fn every_url_is_accounted_for() {
    let totals = Receipt::new("job", &finished(tally(), vec![])).totals;
    assert_eq!((totals.failed, totals.refused, totals.pending), (3, 2, 3));
    assert_eq!(totals.discovered, totals.fetched + totals.redirected + totals.failed + totals.refused + totals.pending);
    assert!(totals.balanced);
}

#[test]
fn more_ends_than_beginnings_are_admitted() {
    let receipt = Receipt::new("job", &finished(Tally { discovered: 16, ..tally() }, vec![]));
    assert!(!receipt.totals.balanced);
    assert!(html(&receipt).contains("can't be trusted"));
}

#[test]
fn statuses_have_their_classes() {
    let receipt = Receipt::new("job", &finished(tally(), vec![]));
    let classes: Vec<_> = receipt.status_class.iter().map(|(class, n)| (class.as_str(), *n)).collect();
    assert_eq!(classes, [("1xx", 0), ("2xx", 10), ("3xx", 2), ("4xx", 2), ("5xx", 0), ("other", 1)]);
}

#[test]
fn buckets_say_what_is_in_them() {
    let receipt = Receipt::new("job", &finished(tally(), vec![]));
    let latency: Vec<_> = receipt.latency_ms.iter().map(|b| (b.from, b.below, b.label.as_str(), b.count)).collect();
    assert_eq!(latency[0], (0, Some(1), "0 ms", 0));
    assert_eq!(latency[1], (1, Some(2), "1–2 ms", 0));
    assert_eq!(latency[5], (16, Some(32), "16–32 ms", 2));
    assert_eq!(receipt.size_bytes[13].label, "4–8 KiB");
}

#[test]
fn the_largest_number_has_a_bucket_and_nothing_is_beyond() {
    let receipt = Receipt::new("job", &finished(Tally { size_bytes: vec![1; 80], ..tally() }, vec![]));
    let last = receipt.size_bytes.last().expect("there are buckets");
    assert_eq!((receipt.size_bytes.len(), last.from, last.below), (65, 1 << 63, None));
    assert!(html(&receipt).contains("≥ 8 EiB"));
}

#[test]
fn rates_are_per_second_of_crawl_time() {
    let receipt = Receipt::new("job", &finished(tally(), vec![]));
    assert_eq!((receipt.active_seconds, receipt.pages_per_second), (2.5, 4.0));
}

#[test]
fn hosts_without_a_name_are_the_rest() {
    let hosts = vec![host("a.test", 5, 1, 100), host("", 7, 0, 0)];
    let receipt = Receipt::new("job", &finished(tally(), hosts));
    assert_eq!(receipt.hosts.len(), 1);
    assert_eq!(receipt.hosts[0].counts.mean_latency_ms, Some(20));
    assert_eq!(receipt.other_hosts.map(|others| others.fetched), Some(7));
}

#[test]
fn survives_a_round_trip_through_json() {
    let receipt = Receipt::new("job", &finished(tally(), vec![host("a.test", 5, 1, 100), host("", 7, 0, 0)]));
    let text = serde_json::to_string_pretty(&receipt).expect("it serialises");
    assert_eq!(serde_json::from_str::<Receipt>(&text).expect("it is read"), receipt);
    let value: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    assert_eq!(value["refused"]["robots-denied"], 2);
    assert_eq!(value["retired"]["http://a.example/trap/"], "duplicate-content");
    assert_eq!(value["end"]["limit-reached"]["pages"], 1000);
    assert_eq!(value["hosts"][0]["host"], "a.test");
    assert_eq!(value["hosts"][0]["fetched"], 5);
}

#[test]
fn the_schema_names_every_field_that_is_written() {
    let schema = serde_json::to_value(schemars::schema_for!(Receipt)).expect("it serialises");
    let receipt = Receipt::new("job", &finished(tally(), vec![host("a.test", 5, 1, 100), host("", 7, 0, 0)]));
    let written = serde_json::to_value(&receipt).expect("it serialises");
    for field in written.as_object().expect("an object").keys() {
        assert!(schema["properties"].get(field).is_some(), "{field} is not in the schema");
    }
}

#[test]
fn a_crawl_of_nothing_has_a_page() {
    let empty = Finished { end: End::Finished, book: Book::default(), tail: vec![], n_queued: 0, hosts: vec![] };
    let receipt = Receipt::new("", &empty);
    assert!(receipt.totals.balanced);
    assert_eq!(receipt.pages_per_second, 0.0);
    let page = html(&receipt);
    assert!(!page.contains("<svg"), "nothing to draw");
    assert!(!page.contains("NaN") && page.contains("No files were written"));
}

#[test]
fn the_page_needs_no_network_and_no_script() {
    // Directories are shown as text, and are the only addresses on it.
    let tally = Tally { retired: BTreeMap::new(), ..tally() };
    let page = html(&Receipt::new("job", &finished(tally, vec![host("a.test", 5, 1, 100)])));
    for banned in ["<script", "<link", "<img", "<image", "src=", "href=", "url(", "@import", "://"] {
        assert!(!page.contains(banned), "{banned} in the page");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn every_plot_is_drawn_named_and_without_colours_of_its_own() {
    let page = html(&Receipt::new("job", &finished(tally(), vec![host("a.test", 5, 1, 100)])));
    assert_eq!(page.matches(" role=\"img\"").count(), 9);
    assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
    for id in ["account", "status", "time", "latency", "sizes", "failed", "refused", "depth", "hosts"] {
        assert!(
            page.contains(&format!("aria-labelledby=\"plot-{id}\""))
                && page.contains(&format!("<title id=\"plot-{id}\">"))
        );
    }
    assert!(page.contains("Left alone") && page.contains("http://a.example/trap/"), "what was done with early");
    assert!(!page.contains("=\"#0102"), "a signal colour is left");
    assert!(!page.contains("fill=\"#") && !page.contains("stroke=\"#"), "a colour that no dark window can change");
}

#[test]
fn foreign_text_stays_text() {
    let evil = "\"><script>alert(1)</script><x fill=\"#010203\" y='";
    let mut tally = tally();
    tally.failed.insert(evil.to_owned(), 50);
    let mut finished = finished(tally, vec![host(evil, 5, 1, 100)]);
    finished.book.outputs[0].file = evil.to_owned();
    finished.book.started_at = evil.to_owned();
    let page = html(&Receipt::new(evil, &finished));
    assert!(!page.contains("<script") && !page.contains("<x"));
    assert!(page.contains("&lt;script&gt;"));
}

#[test]
fn absurd_counts_are_drawn_all_the_same() {
    let most = u64::MAX / 4;
    let tally = Tally {
        discovered: most,
        fetched: most,
        failed: (0..500).map(|i| (format!("reason-{i}"), 1)).collect(),
        refused: BTreeMap::new(),
        status: BTreeMap::from([(200, most)]),
        depth: (0..=200).map(|depth| (depth, 1)).collect(),
        latency_ms: vec![u64::MAX; 65],
        size_bytes: vec![most],
        timeline: Timeline { bucket_ms: 1 << 40, counts: vec![u64::MAX; 240] },
        active_ms: u64::MAX,
        ..tally()
    };
    let page = html(&Receipt::new("job", &finished(tally, vec![])));
    assert!(page.contains("488 more") && page.contains("12 or more"));
    assert!(!page.contains("NaN"));
}

#[test]
fn a_receipt_says_for_whom_the_crawl_waited_and_until_when() {
    let page = html(&Receipt::new("job", &finished(tally(), vec![])));
    assert!(!page.contains("Waiting"), "a crawl that never waited says nothing of it");
    let mut waiting = finished(tally(), vec![]);
    for (host, why, ms) in [("a.test", Waiting::Politeness, 1500), ("<b>.test", Waiting::Quiet, 90_000)] {
        let took = std::time::Duration::from_millis(ms);
        waiting.book.tally.waited.add(&Waited { host: HostKey::new(host), why, took });
    }
    let (host, until) = (HostKey::new("a.test"), crate::clock::Timestamp(1_795_521_600_000_000));
    let crawl_delay = Some(std::time::Duration::from_secs(30));
    waiting.tail = vec![Wait { host, until, why: Waiting::Politeness, crawl_delay, n_urls: 3 }];
    let receipt = Receipt::new("job", &waiting);
    let written = serde_json::to_value(&receipt.waited).expect("it serialises");
    let expected = serde_json::json!({
        "seconds": 91.5,
        "why": { "politeness": 1.5, "quiet": 90.0 },
        "hosts": [{ "host": "<b>.test", "seconds": 90.0 }, { "host": "a.test", "seconds": 1.5 }],
        "left": [
            { "host": "a.test", "until": "2026-11-24T12:00:00.000Z", "why": "politeness", "crawl_delay_seconds": 30.0 }
        ],
    });
    assert_eq!(written, expected);
    let page = html(&receipt);
    for text in ["91.5 s of the crawl time", "&lt;b&gt;.test", "2026-11-24 12:00:00 UTC", "crawl-delay 30 s"] {
        assert!(page.contains(text), "{text}");
    }
}
