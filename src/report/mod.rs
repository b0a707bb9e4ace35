//! The receipt: what became of every URL, for programs (`receipt.json`) and for people
//! (`report.html`).
//!
//! [`Receipt`] is the contract: the committed counts of a crawl over all of its runs, in names and
//! units that hold without this program. [`html()`] draws the very same receipt as one page that
//! needs no network, no script and no second file.
//!
//! Deliberately not: counting (that is [`crate::engine::stats`], and nobody else), writing files
//! (that is the caller's), looking at records.
//!
//! Invariants:
//! - `discovered = fetched + not_modified + redirected + failed + refused + pending`, or [`Totals::balanced`] says
//!   that it is not so;
//! - sizes are bounded whatever the crawl: named hosts by the engine, buckets by 65, time by
//!   [`crate::engine::stats::Timeline::MAX_BUCKETS`];
//! - whatever a server or a user chose (host names, the job's name, file names) is text on the page,
//!   never markup.

mod html;
mod left_alone;
mod parts;
mod plots;
mod receipt;
mod units;
mod waited;

#[cfg(test)]
mod tests;

pub use html::html;
pub(crate) use html::{account, failures, latency, sections, status};
pub(crate) use parts::moment;
pub(crate) use plots::recent;
pub(crate) use units::{Unit, count, number};

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{engine::End, sink::Mark, verdict::Refusal};

/// How its pages look: also those of the daemon, which show the same things.
pub(crate) const STYLE: &str = include_str!("style.css");

/// The account of a crawl, over all of its runs. Made by [`Receipt::new`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "dragline receipt")]
pub struct Receipt {
    /// Version of dragline that wrote it.
    pub dragline: String,
    /// Name of the job.
    pub job: String,
    /// When the first run began, RFC 3339.
    pub started_at: String,
    /// When the last run ended, RFC 3339.
    pub ended_at: String,
    /// How the last run ended.
    pub end: End,
    /// Processes that have worked on the crawl, in this pass.
    pub runs: u32,
    /// Which pass over the crawl this is, from 1; `--recrawl` begins another.
    #[serde(default = "first_pass")]
    pub pass: u32,
    /// What became of all URLs.
    pub totals: Totals,
    /// Failed URLs by reason: `http-404`, `timeout`, …
    pub failed: BTreeMap<String, u64>,
    /// Refused URLs by reason.
    pub refused: BTreeMap<Refusal, u64>,
    /// Directories that were done with before all of their URLs were asked for (at most 100 are
    /// named), and the reason in the records of what was left in them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub retired: BTreeMap<String, Refusal>,
    /// Concluded URLs by the status of their last answer; those without an answer are in none.
    pub status: BTreeMap<u16, u64>,
    /// The same by class: `1xx` to `5xx`, and `other` when a server made one up.
    pub status_class: BTreeMap<String, u64>,
    /// Concluded URLs by links away from a seed; the deepest entry also counts all deeper ones when
    /// it is 200.
    pub depth: BTreeMap<u16, u64>,
    /// The hosts with the most URLs, those first.
    pub hosts: Vec<HostLine>,
    /// The sum of all hosts that are not named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_hosts: Option<HostCounts>,
    /// Bytes of bodies, decoded.
    pub body_bytes: u64,
    /// Bytes of bodies over the wire.
    pub wire_bytes: u64,
    /// Attempts beyond the first.
    pub retries: u64,
    /// robots.txt files asked for.
    pub robots_fetched: u64,
    /// Time spent crawling, over all runs, seconds.
    pub active_seconds: f64,
    /// How much of that time only what is promised to hosts kept the crawl from asking for more.
    #[serde(default)]
    pub waited: WaitedFor,
    /// Pages fetched per second of that time; 0 when there was none.
    pub pages_per_second: f64,
    /// How far the output files are.
    pub outputs: Vec<Mark>,
    /// From request to first byte, milliseconds; by powers of two, up to the largest seen.
    pub latency_ms: Vec<Bucket>,
    /// Decoded bodies of fetched pages, bytes; by powers of two, up to the largest seen.
    pub size_bytes: Vec<Bucket>,
    /// Pages fetched over crawl time.
    pub timeline: PagesOverTime,
}

fn first_pass() -> u32 {
    1
}

/// The receipt's equation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Totals {
    /// Distinct URLs known.
    pub discovered: u64,
    /// Answered with a success.
    pub fetched: u64,
    /// Pages that have not been modified since an earlier pass.
    #[serde(default)]
    pub not_modified: u64,
    /// Answered with a redirect.
    pub redirected: u64,
    /// Answered with an error, or not at all.
    pub failed: u64,
    /// Judged, and not asked for.
    pub refused: u64,
    /// Not concluded when the last run ended.
    pub pending: u64,
    /// Whether `discovered` is the sum of the six others.
    pub balanced: bool,
}

/// Counts of one named host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HostLine {
    /// Its name as in URLs, without a port.
    pub host: String,
    /// Its counts.
    #[serde(flatten)]
    pub counts: HostCounts,
}

/// Counts of one host, or of several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HostCounts {
    /// Pages fetched.
    pub fetched: u64,
    /// Pages that have not been modified since an earlier pass.
    #[serde(default)]
    pub not_modified: u64,
    /// Redirects.
    pub redirected: u64,
    /// URLs failed.
    pub failed: u64,
    /// URLs refused.
    pub refused: u64,
    /// Bytes of bodies, decoded.
    pub body_bytes: u64,
    /// Mean time from request to first byte, milliseconds; none without an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_latency_ms: Option<u64>,
}

/// How long a crawl waited for hosts: a worker was free, no host might be asked yet, and nothing else stood
/// in the way.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WaitedFor {
    /// Over all runs, seconds.
    pub seconds: f64,
    /// The same by what was waited for: `politeness` (an interval or crawl-delay), `backoff`, `quiet`,
    /// `address`, `domain`.
    pub why: BTreeMap<String, f64>,
    /// The hosts whose turn was waited for most, those first, at most 20. A wait counts for the host whose
    /// turn ended it.
    pub hosts: Vec<WaitLine>,
    /// When the last run was stopped while few hosts were left and all of them had to wait: until when.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<LeftLine>,
}

/// How long a host was waited for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WaitLine {
    /// Its name as in URLs, without a port.
    pub host: String,
    /// How long.
    pub seconds: f64,
}

/// A host that still had to be waited for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LeftLine {
    /// Its name as in URLs, without a port.
    pub host: String,
    /// When it may be asked next, RFC 3339.
    pub until: String,
    /// Why not before: `politeness`, `backoff`, `quiet`, `address`, `domain`.
    pub why: String,
    /// The `Crawl-delay` by which it is asked, seconds, if one is in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crawl_delay_seconds: Option<f64>,
}

/// One bucket of a histogram by powers of two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Bucket {
    /// The least value in it.
    pub from: u64,
    /// The least value above it; none when 64 bits don't hold that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<u64>,
    /// The same for people, rounded: `4–8 KiB`.
    pub label: String,
    /// How many.
    pub count: u64,
}

/// Pages fetched over crawl time (pauses between runs left out), in equal buckets from the start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PagesOverTime {
    /// Width of a bucket, milliseconds.
    pub bucket_ms: u64,
    /// Pages fetched in each; the last one may not have been over.
    pub fetched: Vec<u64>,
}
