//! Politeness: what is promised to a host.
//!
//! A [`Policy`] is the promise: how often, over how many connections, and what happens when the
//! host asks for less. [`HostState`] is how things stand with one host; it is durable, so that a
//! promise outlives the process. [`Pacer`] holds the `governor` limiter of a host and answers one
//! question, "when next?"; nobody ever waits on it.
//!
//! Pure: time is handed in. The frontier's workbench owns the pacers and asks them; a worker never
//! sleeps for politeness.
//!
//! Invariants, as seen from the server's side:
//! - never more than `connections` requests at once;
//! - with one connection and a burst of one, two requests arrive at least one interval apart:
//!   the interval is counted from the moment when the previous response began to arrive;
//! - a `Crawl-delay` longer than the interval replaces it, up to `max_crawl_delay`;
//! - after 429, 503 or a host that fails, nobody asks before `not_before`, also after a restart.

mod pacer;
mod state;

pub use pacer::Pacer;
pub use state::{Backoff, Conduct, HostState, Signal};

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
        }
    }
}

impl Policy {
    /// The longest time for which a host can be left in peace.
    pub fn longest_pause(&self) -> Duration {
        self.max_delay.max(self.backoff_max)
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
