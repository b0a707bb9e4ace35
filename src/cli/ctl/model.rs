//! What is read of the daemon's answers: no more than is shown, and nothing that a later daemon may leave out.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::{Exit, progress::Reading};

/// A crawl.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Crawl {
    pub(super) id: String,
    pub(super) state: String,
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) owner: String,
    #[serde(default)]
    pub(super) priority: u8,
    #[serde(default)]
    pub(super) created_at: String,
    #[serde(default)]
    pub(super) ended_at: Option<String>,
    #[serde(default)]
    pub(super) error: Option<String>,
    #[serde(default)]
    pub(super) counts: Option<Counts>,
    #[serde(default)]
    pub(super) waiting: Option<WaitingFor>,
}

/// What became of its URLs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Counts {
    pub(super) discovered: u64,
    pub(super) fetched: u64,
    pub(super) not_modified: u64,
    pub(super) redirected: u64,
    pub(super) failed: u64,
    pub(super) refused: u64,
    pub(super) pending: u64,
    pub(super) in_flight: u64,
    pub(super) body_bytes: Option<u64>,
}

/// Why it does not do more right now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct WaitingFor {
    pub(super) hosts: BTreeMap<String, u64>,
    pub(super) next_at: Option<String>,
    pub(super) last: Vec<LastHost>,
}

/// One of the last hosts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct LastHost {
    pub(super) host: String,
    pub(super) until: String,
    pub(super) why: String,
}

impl Counts {
    pub(super) fn n_pages(&self) -> u64 {
        self.fetched.saturating_add(self.not_modified)
    }

    pub(super) fn n_concluded(&self) -> u64 {
        let others = [self.redirected, self.failed, self.refused];
        others.into_iter().fold(self.n_pages(), u64::saturating_add)
    }

    pub(super) fn reading(&self) -> Reading {
        let n_bytes = self.body_bytes.unwrap_or_default();
        Reading { n_pages: self.n_pages(), n_bytes, n_urls: self.n_concluded() }
    }
}

impl Crawl {
    pub(super) fn is_over(&self) -> bool {
        matches!(self.state.as_str(), "cancelled" | "finished" | "limit-reached" | "failed")
    }

    /// How `dragline run` would have ended.
    pub(super) fn exit(&self) -> Exit {
        match self.state.as_str() {
            "finished" if self.counts.is_some_and(|counts| counts.n_pages() == 0) => Exit::NothingFetched,
            "finished" => Exit::Finished,
            "limit-reached" => Exit::LimitReached,
            "cancelled" => Exit::Interrupted,
            _ => Exit::Internal,
        }
    }
}
