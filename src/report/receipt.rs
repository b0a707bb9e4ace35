//! From the committed book to the receipt.
//!
//! Only renames, sums and rounds: every number was counted by the engine and committed together
//! with what it counts.

use std::collections::BTreeMap;

use super::{Bucket, HostCounts, HostLine, LeftLine, PagesOverTime, Receipt, Totals, WaitLine, WaitedFor, units::Unit};
use crate::engine::{
    Book, End, Finished,
    stats::{HostTally, Tally},
    waits::{Wait, WaitTally},
};

/// Buckets of a histogram of 64-bit numbers by powers of two: zero, and one for each bit.
const MAX_BUCKETS: usize = 65;

/// Hosts named that were waited for.
const MAX_WAIT_LINES: usize = 20;

impl Receipt {
    /// What the receipt of a crawl would be if it ended now, without what only an end tells.
    pub(crate) fn so_far(job: &str, tally: &Tally) -> Self {
        let (n_queued, book) = (tally.n_pending(), Book { tally: tally.clone(), ..Book::default() });
        Self::new(job, &Finished { end: End::Interrupted, book, tail: Vec::new(), n_queued, hosts: Vec::new() })
    }

    /// The receipt of a crawl whose last run has just ended; `job` is its name.
    pub fn new(job: &str, finished: &Finished) -> Self {
        let book = &finished.book;
        let tally = &book.tally;
        let (other, named): (Vec<_>, Vec<_>) = finished.hosts.iter().partition(|(host, _)| host.as_str().is_empty());
        let active_seconds = thousandths(tally.active_ms as f64 / 1000.0);
        Self {
            dragline: env!("CARGO_PKG_VERSION").to_owned(),
            job: job.to_owned(),
            started_at: book.started_at.clone(),
            ended_at: book.updated_at.clone(),
            end: finished.end,
            runs: book.runs,
            pass: book.pass(),
            totals: totals(tally, finished.n_queued),
            failed: tally.failed.clone(),
            refused: tally.refused.clone(),
            retired: tally.retired.clone(),
            status: tally.status.clone(),
            status_class: classes(&tally.status),
            depth: tally.depth.clone(),
            hosts: named
                .into_iter()
                .map(|(host, tally)| HostLine { host: host.to_string(), counts: tally.into() })
                .collect(),
            other_hosts: other.first().map(|(_, tally)| tally.into()),
            body_bytes: tally.body_bytes,
            wire_bytes: tally.wire_bytes,
            retries: tally.retries,
            robots_fetched: tally.robots_fetched,
            active_seconds,
            waited: waited(&tally.waited, &finished.tail),
            pages_per_second: if tally.active_ms == 0 {
                0.0
            } else {
                thousandths(tally.fetched as f64 / active_seconds)
            },
            outputs: book.outputs.clone(),
            latency_ms: buckets(&tally.latency_ms, Unit::Millis),
            size_bytes: buckets(&tally.size_bytes, Unit::Bytes),
            timeline: PagesOverTime { bucket_ms: tally.timeline.bucket_ms, fetched: tally.timeline.counts.clone() },
        }
    }
}

/// What ended is counted as it ends, what is pending by the frontier: two books that must agree.
fn totals(tally: &Tally, n_queued: u64) -> Totals {
    Totals {
        discovered: tally.discovered,
        fetched: tally.fetched,
        not_modified: tally.not_modified,
        redirected: tally.redirected,
        failed: tally.n_failed(),
        refused: tally.n_refused(),
        pending: n_queued,
        balanced: tally.discovered == tally.n_concluded() + n_queued,
    }
}

fn waited(tally: &WaitTally, left: &[Wait]) -> WaitedFor {
    let seconds = |us: u64| thousandths(us as f64 / 1e6);
    let hosts = tally.longest(MAX_WAIT_LINES).into_iter();
    let left = left.iter().map(|wait| LeftLine {
        host: wait.host.to_string(),
        until: wait.until.rfc3339(),
        why: wait.why.as_str().to_owned(),
        crawl_delay_seconds: wait.crawl_delay.map(|delay| thousandths(delay.as_secs_f64())),
    });
    WaitedFor {
        seconds: seconds(tally.total_us),
        why: tally.why.iter().map(|(why, us)| (why.as_str().to_owned(), seconds(*us))).collect(),
        hosts: hosts.map(|(host, us)| WaitLine { host: host.to_string(), seconds: seconds(us) }).collect(),
        left: left.collect(),
    }
}

/// The five classes, each of which is there, and `other` if there is any.
fn classes(status: &BTreeMap<u16, u64>) -> BTreeMap<String, u64> {
    let mut classes: BTreeMap<String, u64> = (1..=5).map(|class| (format!("{class}xx"), 0)).collect();
    for (status, n) in status {
        let class = match status / 100 {
            class @ 1..=5 => format!("{class}xx"),
            _ => "other".to_owned(),
        };
        *classes.entry(class).or_default() += n;
    }
    classes
}

fn buckets(counts: &[u64], unit: Unit) -> Vec<Bucket> {
    let mut buckets = Vec::with_capacity(counts.len().min(MAX_BUCKETS));
    let mut from = 0_u64;
    for &count in counts.iter().take(MAX_BUCKETS) {
        let below = if from == 0 { Some(1) } else { from.checked_mul(2) };
        buckets.push(Bucket { from, below, label: unit.range(from, below), count });
        from = below.unwrap_or(u64::MAX);
    }
    buckets
}

fn thousandths(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

impl From<&HostTally> for HostCounts {
    fn from(tally: &HostTally) -> Self {
        Self {
            fetched: tally.fetched,
            not_modified: tally.not_modified,
            redirected: tally.redirected,
            failed: tally.failed,
            refused: tally.refused,
            body_bytes: tally.body_bytes,
            mean_latency_ms: tally.mean_latency_ms(),
        }
    }
}

impl HostCounts {
    /// URLs that ended.
    pub fn n_urls(&self) -> u64 {
        [self.not_modified, self.redirected, self.failed, self.refused]
            .into_iter()
            .fold(self.fetched, u64::saturating_add)
    }
}
