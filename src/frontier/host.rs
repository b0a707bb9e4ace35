//! What is remembered of a host: how things stand with it, and what was counted of it.

use serde::{Deserialize, Serialize};

use super::MAX_ORIGINS;
use crate::{
    address::{HostKey, Origin},
    politeness::HostState,
    robots::Policy,
};

/// Puts an origin's robots.txt into the list of its host.
pub(super) fn remember(robots: &mut Vec<(Origin, Policy)>, origin: &Origin, policy: &Policy) {
    robots.retain(|(known, _)| known != origin);
    if robots.len() >= MAX_ORIGINS {
        robots.remove(0);
    }
    robots.push((origin.clone(), policy.clone()));
}

/// How things stand with a host. Small: it is written at every commit in which it changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostRecord {
    /// Which.
    pub host: HostKey,
    /// What is owed to it.
    pub state: HostState,
    /// What was counted of it.
    pub tally: HostTally,
}

impl HostRecord {
    /// As a new pass finds it: nothing counted, and what is owed to it still owed.
    pub(super) fn begin_pass(&mut self) {
        self.tally = HostTally::default();
        self.state.begin_pass();
    }

    /// Of a host of which nothing is known.
    pub fn new(host: HostKey) -> Self {
        Self { host, state: HostState::default(), tally: HostTally::default() }
    }
}

/// Counts of one host.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct HostTally {
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
    /// Decoded body bytes.
    pub body_bytes: u64,
    /// Sum of times to first byte, milliseconds.
    pub latency_sum_ms: u64,
    /// How many times are in the sum.
    pub latency_count: u64,
}

impl HostTally {
    /// Pages, as budgets count them: one that has not been modified is a page too.
    pub fn n_pages(&self) -> u64 {
        self.fetched + self.not_modified
    }

    /// URLs that ended.
    pub fn n_urls(&self) -> u64 {
        [self.not_modified, self.redirected, self.failed, self.refused]
            .into_iter()
            .fold(self.fetched, u64::saturating_add)
    }

    /// Mean time to first byte, milliseconds.
    pub fn mean_latency_ms(&self) -> Option<u64> {
        self.latency_sum_ms.checked_div(self.latency_count)
    }
}
