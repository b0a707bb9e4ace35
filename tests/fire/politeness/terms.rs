//! Terms: what a crawl promises, once as its configuration and once as the auditor's policy.

use std::time::Duration;

use dragline::clock::Timestamp;
use serde_json::json;

use crate::{fire::auditor::Policy, support::ground::Config};

/// How much longer than another one a request may be on its way: from the moment when the crawler decides, or hears of
/// an answer, until the server has read the request. Five threads of two processes have to be given a core on that way, and
/// where the machine has other work each of them waits (200 ms in all were seen in a debug build on two cores
/// with eleven threads for them). Matters where requests overlap only, see the auditor, and when a process was killed:
/// what it sent comes in within this.
pub(super) const TRANSIT: Duration = Duration::from_millis(500);
/// From the moment when an answer goes out until what it asks for is on disk: reading it, a place in the
/// recorder's inbox, 100 ms between two commits that are pressing, and a commit.
const UNHEARD: Duration = Duration::from_millis(500);
/// `frontier.commit_every`, and a commit.
const UNCOMMITTED: Duration = Duration::from_secs(3);
/// The first pause after a failure, and the longest: the certain half of the first is longer than any interval and
/// rest here, and of the longest so much longer that its growth is seen.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(12));

/// What is promised.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) name: &'static str,
    pub(crate) interval_ms: u64,
    pub(crate) burst: u32,
    pub(crate) connections: u32,
    pub(crate) delay_ms: u64,
}

impl Terms {
    pub(crate) const PLAIN: Self = Self { name: "plain", interval_ms: 500, burst: 1, connections: 1, delay_ms: 0 };
    pub(crate) const FAST: Self = Self { name: "fast", interval_ms: 250, ..Self::PLAIN };
    /// Too few for answers of a second and more, so that it is the connections that are waited for.
    pub(crate) const SEVERAL: Self =
        Self { name: "several connections", interval_ms: 250, connections: 3, ..Self::PLAIN };
    /// The rest is longer than the interval, or it would not be what is waited for.
    pub(crate) const RESTS: Self = Self { name: "rests", interval_ms: 250, delay_ms: 400, ..Self::PLAIN };

    /// In which order the turns take them.
    pub(crate) const ALL: [Self; 5] = [
        Self::PLAIN,
        Self::SEVERAL,
        Self::FAST,
        Self { name: "bursts", burst: 4, connections: 2, ..Self::PLAIN },
        Self::RESTS,
    ];

    /// As a configuration says it.
    pub(crate) fn configure(&self, config: Config) -> Config {
        config
            .set("politeness.rate", format!("{}/s", 1000 / self.interval_ms))
            .set("politeness.burst", self.burst)
            .set("politeness.per_host", self.connections)
            .set("politeness.delay", format!("{}ms", self.delay_ms))
            .set("politeness.backoff_base", format!("{}s", BACKOFF.0.as_secs()))
            .set("politeness.backoff_max", format!("{}s", BACKOFF.1.as_secs()))
            .set("politeness.crawl_delay", true)
            .set("limits.errors_in_row", "unlimited")
    }

    /// As the auditor holds it against what it hears.
    pub(crate) fn policy(&self) -> Policy {
        Policy {
            interval: Duration::from_millis(self.interval_ms),
            burst: self.burst,
            connections: self.connections,
            delay: Duration::from_millis(self.delay_ms),
            backoff: BACKOFF,
            transit: TRANSIT,
            unheard: UNHEARD,
            uncommitted: UNCOMMITTED,
            ..Policy::default()
        }
    }
}

/// A minute in which some hosts are not asked.
#[derive(Debug, Clone)]
pub(crate) struct QuietMinute {
    pub(crate) hosts: Vec<String>,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
}

impl QuietMinute {
    const MICROS: u64 = 60_000_000;

    /// The next full minute that is not about to begin.
    pub(crate) fn after(now: Timestamp, hosts: Vec<String>) -> Self {
        let from = Timestamp((now.0 + 10_000_000).div_ceil(Self::MICROS) * Self::MICROS);
        Self { hosts, from, to: Timestamp(from.0 + Self::MICROS) }
    }

    /// As tables of a configuration.
    pub(crate) fn toml(&self) -> String {
        let clock = |at: Timestamp| at.rfc3339()[11..16].to_owned();
        let window = json!([format!("{}-{} UTC", clock(self.from), clock(self.to))]);
        self.hosts.iter().map(|host| format!("[[host]]\nmatch = \"{host}\"\nquiet = {window}\n")).collect()
    }
}
