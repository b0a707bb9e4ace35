//! What was promised: to a host, and to several hosts together.

use std::{collections::BTreeSet, time::Duration};

use dragline::clock::Timestamp;

use super::{Findings, Rule, SLACK};

/// What was promised to a host.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    /// Between two requests, on average, and how many may come at once.
    pub(crate) interval: Duration,
    pub(crate) burst: u32,
    /// Requests in flight.
    pub(crate) connections: u32,
    /// Between the end of an answer and the next request.
    pub(crate) delay: Duration,
    /// What its robots.txt asks for.
    pub(crate) crawl_delay: Option<Duration>,
    /// The longest pause that is honoured.
    pub(crate) max_delay: Duration,
    /// The first pause after a failure, of which half is certain, and the longest.
    pub(crate) backoff: (Duration, Duration),
    /// No page before the answer to /robots.txt.
    pub(crate) robots_first: bool,
    /// Where that redirects to.
    pub(crate) robots_elsewhere: BTreeSet<String>,
    /// What it disallows.
    pub(crate) disallowed: Paths,
    /// When nothing may arrive.
    pub(crate) quiet: Vec<(Timestamp, Timestamp)>,
    /// How much longer than another one a request may be on its way: over several connections, with bursts, and
    /// when quiet hours begin.
    pub(crate) transit: Duration,
    /// Answers that went out so shortly before a kill need not have been heard, or a pause that they ask for not
    /// written down.
    pub(crate) unheard: Duration,
    /// Failures that make nobody rest wait for an ordinary commit, so that those may be forgotten that were so
    /// shortly before.
    pub(crate) uncommitted: Duration,
}

impl Default for Policy {
    /// dragline's own, when nothing is configured.
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(1),
            burst: 1,
            connections: 1,
            delay: Duration::ZERO,
            crawl_delay: None,
            max_delay: Duration::from_secs(120),
            backoff: (Duration::from_secs(2), Duration::from_secs(300)),
            robots_first: true,
            robots_elsewhere: BTreeSet::new(),
            disallowed: Paths::default(),
            quiet: Vec::new(),
            transit: Duration::from_millis(15),
            unheard: Duration::from_millis(500),
            uncommitted: Duration::from_secs(3),
        }
    }
}

impl Policy {
    /// Whether all that is promised counts from what the server itself sent.
    pub(super) fn is_exact(&self) -> bool {
        self.connections == 1 && self.burst == 1
    }

    /// Nothing but the pauses that a host asks for.
    pub(crate) fn nothing() -> Self {
        let backoff = (Duration::ZERO, Duration::ZERO);
        Self { interval: Duration::ZERO, robots_first: false, connections: u32::MAX, backoff, ..Self::default() }
    }
}

/// Some of a host's paths, by how they begin; the longest beginning decides.
#[derive(Debug, Clone, Default)]
pub(crate) struct Paths(Vec<(String, bool)>);

impl Paths {
    /// What begins like this is among them …
    pub(crate) fn with(mut self, prefix: &str) -> Self {
        self.0.push((prefix.to_owned(), true));
        self
    }

    /// … or is not.
    pub(crate) fn but(mut self, prefix: &str) -> Self {
        self.0.push((prefix.to_owned(), false));
        self
    }

    pub(super) fn contain(&self, path: &str) -> bool {
        let rules = self.0.iter().filter(|(prefix, _)| path.starts_with(prefix.as_str()));
        rules.max_by_key(|(prefix, _)| prefix.len()).is_some_and(|(_, is_in)| *is_in)
    }

    pub(super) fn are_none(&self) -> bool {
        self.0.is_empty()
    }
}

/// What was promised to several hosts together: the least time between two requests of all, to one address (all
/// hosts are at one), and to one domain (the last two labels).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Shared {
    pub(crate) all: Duration,
    pub(crate) address: Duration,
    pub(crate) domain: Duration,
    /// As [`Policy::transit`].
    pub(crate) transit: Duration,
}

impl Shared {
    /// Judges a request by when others came.
    pub(super) fn judge(
        &self,
        findings: &mut Findings<'_>,
        last: Option<Timestamp>,
        last_of_domain: Option<Timestamp>,
        is_known: bool,
    ) {
        // Nobody knows the address of a host that was never asked: its first request is not held against it.
        let rules = [
            (Rule::AllHosts, self.all, last),
            (Rule::Address, self.address, last.filter(|_| is_known)),
            (Rule::Domain, self.domain, last_of_domain),
        ];
        for (rule, interval, last) in rules {
            if let Some(last) = last.filter(|_| !interval.is_zero()) {
                findings.not_before(rule, last + interval, SLACK.max(self.transit));
            }
        }
    }
}
