//! Politeness: what is promised to a host.
//!
//! A [`Policy`] is the promise: how often, over how many connections, at which hours, and what
//! happens when the host asks for less. [`HostState`] is how things stand with one host; it is
//! durable, so that a promise outlives the process. [`Pacer`] holds the `governor` limiter of a host
//! and answers one question, "when next?"; nobody ever waits on it.
//!
//! The [`Gate`] is where all jobs of a process meet: a host is promised something by the process, not
//! by each job for itself. Whoever sends a request passes it, as a [`gate::Member`]: the workbench of
//! a crawl asks it synchronously, what has no workbench waits in [`gate::Member::enter`].
//!
//! Pure: time is handed in, except in that one `async` function. A worker never sleeps for politeness.
//!
//! Invariants, as seen from the server's side:
//! - never more than `connections` requests at once;
//! - with one connection and a burst of one, two requests arrive at least one interval apart:
//!   the interval is counted from the moment when the previous response began to arrive;
//! - a `Crawl-delay` longer than the interval replaces it, up to `max_delay`;
//! - with a `delay`, or an adaptive one, the end of an answer and the next request are that far apart;
//! - after 429, 503 or a host that fails, nobody asks before `not_before`, also after a restart, and
//!   then one request at a time until an answer is good;
//! - nothing is sent in a host's quiet hours;
//! - when several jobs ask one host, the strictest of their policies holds for all of them.

pub mod gate;
mod pacer;
mod quiet;
mod state;

pub use gate::Gate;
pub use pacer::Pacer;
pub use quiet::{Quiet, QuietError};
pub use state::{Backoff, Circuit, Conduct, HostState, Signal};

use std::{num::NonZeroU32, time::Duration};

use crate::address::HostPattern;

/// The promise to one host.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Least time between requests on average; zero is "unlimited".
    pub interval: Duration,
    /// How many requests may come at once after a pause.
    pub burst: NonZeroU32,
    /// Requests in flight at once.
    pub connections: NonZeroU32,
    /// Whether robots.txt's `Crawl-delay` is honoured.
    pub honour_crawl_delay: bool,
    /// The longest `Crawl-delay` and `Retry-After` honoured; longer ones are cut to this.
    pub max_delay: Duration,
    /// The first pause after a failing answer; it doubles each time.
    pub backoff_base: Duration,
    /// The longest such pause.
    pub backoff_max: Duration,
    /// Failures in a row after which the host is given up; `None` never gives up.
    pub errors_in_row: Option<NonZeroU32>,
    /// Least time between the end of an answer and the next request. The interval limits how often the
    /// host is asked; this is a rest that it has for certain, however long it worked.
    pub delay: Duration,
    /// The same in proportion to how long the host takes to answer.
    pub adaptive: Option<Adaptive>,
    /// When the host is not asked at all.
    pub quiet: Quiet,
    /// Attempts beyond the first at all of the host's URLs together; `None` is no limit.
    pub retries: Option<RetryBudget>,
}

/// A delay in proportion to the time to first byte.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adaptive {
    /// Times the measured time.
    pub factor: f64,
    /// Never shorter than this, once something was measured.
    pub min: Duration,
    /// Never longer than this.
    pub max: Duration,
}

impl Adaptive {
    /// The delay for a host that takes `latency`.
    pub fn pause(&self, latency: Duration) -> Duration {
        // Bounded before it is a `Duration`: the factor is whatever somebody wrote.
        let seconds = (latency.as_secs_f64() * self.factor).min(self.max.as_secs_f64());
        Duration::try_from_secs_f64(seconds).unwrap_or(self.max).max(self.min).min(self.max)
    }
}

/// How many of the requests to a host may be further attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryBudget {
    /// So many in any case …
    pub free: u32,
    /// … and so many of a hundred requests.
    pub percent: u32,
}

impl RetryBudget {
    /// The most retries after `requests`.
    pub fn most(self, requests: u64) -> u64 {
        u64::from(self.free).saturating_add(requests.saturating_mul(u64::from(self.percent)) / 100)
    }
}

impl Default for Policy {
    /// A good citizen: one request at a time, one a second.
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(1),
            burst: NonZeroU32::MIN,
            connections: NonZeroU32::MIN,
            honour_crawl_delay: true,
            max_delay: Duration::from_secs(120),
            backoff_base: Duration::from_secs(2),
            backoff_max: Duration::from_secs(300),
            errors_in_row: NonZeroU32::new(20),
            delay: Duration::ZERO,
            adaptive: None,
            quiet: Quiet::default(),
            retries: Some(RetryBudget { free: 100, percent: 20 }),
        }
    }
}

impl Policy {
    /// The longest time for which a host can be left in peace.
    pub fn longest_pause(&self) -> Duration {
        let adaptive = self.adaptive.map_or(Duration::ZERO, |adaptive| adaptive.max);
        self.max_delay.max(self.backoff_max).max(self.delay).max(adaptive)
    }

    /// The promise to a host that `self` and `other` are both made to. Quiet hours, and when a host is
    /// given up or not retried any more, stay everybody's own affair.
    #[must_use]
    pub fn strictest(&self, other: &Self) -> Self {
        let adaptive = match (self.adaptive, other.adaptive) {
            (Some(a), Some(b)) => {
                Some(Adaptive { factor: a.factor.max(b.factor), min: a.min.max(b.min), max: a.max.max(b.max) })
            }
            (a, b) => a.or(b),
        };
        Self {
            interval: self.interval.max(other.interval),
            burst: self.burst.min(other.burst),
            connections: self.connections.min(other.connections),
            honour_crawl_delay: self.honour_crawl_delay || other.honour_crawl_delay,
            max_delay: self.max_delay.max(other.max_delay),
            backoff_base: self.backoff_base.max(other.backoff_base),
            backoff_max: self.backoff_max.max(other.backoff_max),
            delay: self.delay.max(other.delay),
            adaptive,
            ..self.clone()
        }
    }
}

/// The default policy and its exceptions; the first that matches wins.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// For every host without an exception.
    pub default: Policy,
    /// In order.
    pub exceptions: Vec<(HostPattern, Policy)>,
}

impl Options {
    /// The promise to `host`.
    pub fn policy(&self, host: &str) -> &Policy {
        self.exceptions.iter().find(|(pattern, _)| pattern.matches(host)).map_or(&self.default, |(_, policy)| policy)
    }
}
