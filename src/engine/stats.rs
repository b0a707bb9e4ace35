//! Counting: the tally that becomes the receipt, and the live picture that displays show.
//!
//! [`Tally`] is a fold over [`CrawlEvent`]s and nothing else. It is committed together with what it
//! counts, so it agrees with the outputs after any crash. Its size is bounded whatever the crawl.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::{
    event::{Conclusion, CrawlEvent, Outcome},
    waits::{Wait, WaitTally},
};
pub use crate::frontier::HostTally;
pub use crate::frontier::workbench::Sizes;
use crate::{address::HostKey, clock::Timestamp, verdict::Refusal};

/// Depths beyond this are counted together.
const MAX_DEPTH_COUNTED: u16 = 200;

/// Most retired directories that a tally names.
pub const MAX_RETIRED_NAMED: usize = 100;

/// Counts of a whole crawl, over all of its runs. A host's are in its [`HostTally`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// Distinct URLs known.
    pub discovered: u64,
    /// Ends by kind.
    pub fetched: u64,
    /// Pages that have not been modified since an earlier pass.
    #[serde(default)]
    pub not_modified: u64,
    /// Redirects.
    pub redirected: u64,
    /// Failed URLs by reason (`http-404`, `timeout`, …).
    pub failed: BTreeMap<String, u64>,
    /// Refused URLs by reason.
    pub refused: BTreeMap<Refusal, u64>,
    /// Directories that were done with before all of their URLs were asked for, the first
    /// [`MAX_RETIRED_NAMED`] of them, and why.
    #[serde(default)]
    pub retired: BTreeMap<String, Refusal>,
    /// Concluded URLs by the last answer's status.
    pub status: BTreeMap<u16, u64>,
    /// Concluded URLs by depth; the last bucket holds all deeper ones.
    pub depth: BTreeMap<u16, u64>,
    /// Decoded body bytes.
    pub body_bytes: u64,
    /// Body bytes over the wire.
    pub wire_bytes: u64,
    /// Attempts beyond the first.
    pub retries: u64,
    /// robots.txt files asked for.
    pub robots_fetched: u64,
    /// Milliseconds to the first byte: bucket `i` counts [2^(i-1), 2^i), bucket 0 counts 0.
    pub latency_ms: Vec<u64>,
    /// Body sizes in bytes, in the same kind of buckets.
    pub size_bytes: Vec<u64>,
    /// Fetched pages over active crawl time.
    pub timeline: Timeline,
    /// Time spent crawling, over all runs, milliseconds.
    pub active_ms: u64,
    /// How much of it the crawl waited for hosts.
    #[serde(default)]
    pub waited: WaitTally,
}

impl Tally {
    /// Counts one event.
    pub fn apply(&mut self, event: &CrawlEvent) {
        match event {
            CrawlEvent::Discovered { n_urls } => self.discovered += n_urls,
            CrawlEvent::Concluded(conclusion) => self.conclude(conclusion),
            CrawlEvent::Retrying { .. } => self.retries += 1,
            CrawlEvent::RobotsFetched { .. } => self.robots_fetched += 1,
            CrawlEvent::DirectoryRetired { directory, why, .. } => {
                if self.retired.len() < MAX_RETIRED_NAMED {
                    self.retired.insert(directory.clone(), *why);
                }
            }
            CrawlEvent::Waited(waited) => self.waited.add(waited),
            CrawlEvent::HostSlowed { .. }
            | CrawlEvent::HostGivenUp { .. }
            | CrawlEvent::Followed(_)
            | CrawlEvent::Committed { .. } => {}
        }
    }

    fn conclude(&mut self, conclusion: &Conclusion) {
        match conclusion.outcome {
            Outcome::Fetched => {
                self.fetched += 1;
                bump(&mut self.size_bytes, conclusion.body_bytes);
                self.timeline.add(self.active_ms);
            }
            Outcome::NotModified => self.not_modified += 1,
            Outcome::Redirected => self.redirected += 1,
            Outcome::Failed(why) => *self.failed.entry(why.to_string()).or_default() += 1,
            Outcome::Refused(why) => *self.refused.entry(why).or_default() += 1,
        }
        if let Some(status) = conclusion.status {
            *self.status.entry(status).or_default() += 1;
        }
        if let Some(latency) = conclusion.latency {
            bump(&mut self.latency_ms, millis(latency));
        }
        *self.depth.entry(conclusion.depth.min(MAX_DEPTH_COUNTED)).or_default() += 1;
        self.body_bytes += conclusion.body_bytes;
        self.wire_bytes += conclusion.wire_bytes;
    }

    /// URLs that failed, whatever the reason.
    pub fn n_failed(&self) -> u64 {
        self.failed.values().sum()
    }

    /// URLs that were refused, whatever the reason.
    pub fn n_refused(&self) -> u64 {
        self.refused.values().sum()
    }

    /// Pages, as budgets count them: one that has not been modified is a page too.
    pub fn n_pages(&self) -> u64 {
        self.fetched + self.not_modified
    }

    /// URLs that have a record.
    pub fn n_concluded(&self) -> u64 {
        self.n_pages() + self.redirected + self.n_failed() + self.n_refused()
    }

    /// URLs whose story has not ended.
    pub fn n_pending(&self) -> u64 {
        self.discovered.saturating_sub(self.n_concluded())
    }
}

/// Counts one of a host's URLs.
pub fn count(tally: &mut HostTally, conclusion: &Conclusion) {
    match conclusion.outcome {
        Outcome::Fetched => tally.fetched += 1,
        Outcome::NotModified => tally.not_modified += 1,
        Outcome::Redirected => tally.redirected += 1,
        Outcome::Failed(_) => tally.failed += 1,
        Outcome::Refused(_) => tally.refused += 1,
    }
    tally.body_bytes += conclusion.body_bytes;
    if let Some(latency) = conclusion.latency {
        tally.latency_sum_ms += millis(latency);
        tally.latency_count += 1;
    }
}

/// Counts over time in at most [`Timeline::MAX_BUCKETS`] equal buckets, which double in width when
/// time outgrows them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Timeline {
    /// Width of a bucket.
    pub bucket_ms: u64,
    /// Counts, from the start.
    pub counts: Vec<u64>,
}

impl Default for Timeline {
    fn default() -> Self {
        Self { bucket_ms: 250, counts: Vec::new() }
    }
}

impl Timeline {
    /// Most buckets kept.
    pub const MAX_BUCKETS: usize = 240;

    fn add(&mut self, at_ms: u64) {
        let mut index = usize::try_from(at_ms / self.bucket_ms).unwrap_or(usize::MAX);
        while index >= Self::MAX_BUCKETS {
            self.counts = self.counts.chunks(2).map(|pair| pair.iter().sum()).collect();
            self.bucket_ms *= 2;
            index = usize::try_from(at_ms / self.bucket_ms).unwrap_or(usize::MAX);
        }
        if self.counts.len() <= index {
            self.counts.resize(index + 1, 0);
        }
        self.counts[index] += 1;
    }
}

/// Counts `value` in buckets by powers of two.
fn bump(buckets: &mut Vec<u64>, value: u64) {
    let index = (u64::BITS - value.leading_zeros()) as usize;
    if buckets.len() <= index {
        buckets.resize(index + 1, 0);
    }
    buckets[index] += 1;
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Sizes of things in memory, by name.
pub type Gauges = BTreeMap<&'static str, u64>;

/// The live picture of a running crawl, published a few times a second.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// When it was taken.
    pub at: Timestamp,
    /// Counts so far, over all runs.
    pub tally: Tally,
    /// Requests in flight.
    pub in_flight: usize,
    /// Hosts in memory with something left to do.
    pub hosts_active: usize,
    /// Why hosts with URLs are not asked now, and how many.
    pub waiting: BTreeMap<Waiting, usize>,
    /// When the next host may be asked, if all are waiting.
    pub next_at: Option<Timestamp>,
    /// The hosts that are waited for, those whose time comes first in front, when nothing else can be done
    /// and no more than [`MAX_TAIL`](super::waits::MAX_TAIL) hosts are left.
    pub tail: Option<Vec<Wait>>,
    /// Hosts that wait for more than their interval, at most [`MAX_TROUBLED`](super::waits::MAX_TROUBLED).
    pub troubled: Vec<Wait>,
    /// What the dispatcher holds.
    pub held: Held,
    /// What recorder and store hold.
    pub recorder: Gauges,
    /// Hosts with most in flight or most queued, at most five.
    pub busiest: Vec<(HostKey, HostLoad)>,
    /// What the run is doing.
    pub stage: Stage,
    /// Pages that the run may fetch at most, when it is bounded.
    pub max_pages: Option<u64>,
}

/// What the dispatcher holds, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Held {
    /// In the workbench.
    pub bench: Sizes,
    /// Leases whose permits are not free again.
    pub permits: usize,
    /// Messages that nobody has taken in.
    pub inbox: usize,
}

/// How much of a host is under way.
#[derive(Debug, Clone, Copy, Default)]
pub struct HostLoad {
    /// Requests in flight.
    pub in_flight: u32,
    /// URLs queued in memory (more may be on disk).
    pub queued: usize,
    /// Pages fetched.
    pub fetched: u64,
}

/// Why a host that has URLs is not being asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Waiting {
    /// Its interval or crawl-delay has not passed.
    Politeness,
    /// All of its connections are in use.
    Connections,
    /// It failed or asked for a pause.
    Backoff,
    /// Its robots.txt is being asked for.
    Robots,
    /// Its next URLs are being read from disk.
    Disk,
    /// It has rested after a failure, and one request is trying whether it is well again.
    Probe,
    /// It is in its quiet hours.
    Quiet,
    /// All hosts at its address are at their limit together.
    Address,
    /// All hosts of its domain are at their limit together.
    Domain,
    /// No other host can be remembered yet.
    Memory,
    /// The operator has blocked it.
    Blocked,
}

impl Waiting {
    /// As in receipts: in one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Politeness => "politeness",
            Self::Connections => "connections",
            Self::Backoff => "backoff",
            Self::Robots => "robots",
            Self::Disk => "disk",
            Self::Probe => "probe",
            Self::Quiet => "quiet",
            Self::Address => "address",
            Self::Domain => "domain",
            Self::Memory => "memory",
            Self::Blocked => "blocked",
        }
    }
}

impl std::fmt::Display for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Politeness => "politeness",
            Self::Connections => "connections busy",
            Self::Backoff => "backoff",
            Self::Robots => "robots.txt",
            Self::Disk => "disk",
            Self::Probe => "one probe",
            Self::Quiet => "quiet hours",
            Self::Address => "their address",
            Self::Domain => "their domain",
            Self::Memory => "memory",
            Self::Blocked => "the operator",
        })
    }
}

/// What a run is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Stage {
    /// Leasing URLs.
    #[default]
    Crawling,
    /// No new requests; those in flight are finishing.
    Draining,
    /// Outputs and frontier are final.
    Done,
}
