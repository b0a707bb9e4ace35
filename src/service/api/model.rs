//! What answers hold.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value as Json;

use crate::{
    engine::stats::Progress,
    report::Totals,
    service::{
        board::{Shown, State},
        ledger::Entry,
    },
};

/// A crawl.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Crawl {
    /// A UUID.
    pub(super) id: String,
    /// What its document calls it, or its first seed.
    pub(super) name: String,
    /// The name of the key that it was made with.
    pub(super) owner: String,
    /// How it stands.
    pub(super) state: State,
    /// Of those that wait, the ones with more go first; from 0 to 9.
    pub(super) priority: u8,
    /// Changes so far: also the ETag.
    pub(super) revision: u64,
    /// RFC 3339, UTC.
    pub(super) created_at: String,
    /// When it was over, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ended_at: Option<String>,
    /// Why it failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
    /// What became of its URLs so far; none before it has begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) counts: Option<Counts>,
    /// What it waits for, while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) waiting: Option<WaitingFor>,
    /// As it was sent, with what was changed since. Not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) document: Option<Json>,
    /// Seeds that were added since. Not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) more_seeds: Option<Vec<String>>,
}

/// What became of the URLs of a crawl, over all of its runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Counts {
    /// Distinct URLs known.
    pub(crate) discovered: u64,
    pub(crate) fetched: u64,
    pub(crate) not_modified: u64,
    pub(crate) redirected: u64,
    pub(crate) failed: u64,
    pub(crate) refused: u64,
    pub(crate) pending: u64,
    /// Requests right now.
    pub(crate) in_flight: u64,
    /// Bytes of bodies, decoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) body_bytes: Option<u64>,
}

/// Why a crawl does not do more right now.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct WaitingFor {
    /// Hosts that have URLs and are not asked now, by why.
    hosts: BTreeMap<&'static str, usize>,
    /// When the next one may be asked, if all wait: RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_at: Option<String>,
    /// The hosts that are waited for, when few are left.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    last: Vec<LastHost>,
}

/// A host that a crawl waits for.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct LastHost {
    host: String,
    /// RFC 3339.
    until: String,
    why: &'static str,
}

/// A page of a list of crawls.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct CrawlList {
    pub(super) crawls: Vec<Crawl>,
    /// Where to go on; none at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<String>,
}

/// What came of adding seeds.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct SeedsAdded {
    /// Seeds that were not added before.
    pub(super) added: usize,
    pub(super) crawl: Crawl,
}

/// Which version of the daemon this is.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Version {
    pub(super) name: &'static str,
    pub(super) version: &'static str,
    /// When the process was started, RFC 3339.
    pub(super) started_at: String,
}

impl Counts {
    /// Of a crawl that runs.
    pub(crate) fn of(progress: &Progress) -> Self {
        let tally = &progress.tally;
        Self {
            discovered: tally.discovered,
            fetched: tally.fetched,
            not_modified: tally.not_modified,
            redirected: tally.redirected,
            failed: tally.n_failed(),
            refused: tally.n_refused(),
            pending: tally.n_pending(),
            in_flight: progress.in_flight as u64,
            body_bytes: Some(tally.body_bytes),
        }
    }

    /// Of a crawl that nobody works on, by its receipt.
    pub(super) fn of_totals(totals: &Totals, body_bytes: u64) -> Self {
        Self {
            discovered: totals.discovered,
            fetched: totals.fetched,
            not_modified: totals.not_modified,
            redirected: totals.redirected,
            failed: totals.failed,
            refused: totals.refused,
            pending: totals.pending,
            in_flight: 0,
            body_bytes: Some(body_bytes),
        }
    }
}

impl WaitingFor {
    fn of(progress: &Progress) -> Self {
        let last = progress.tail.iter().flatten().map(|wait| LastHost {
            host: wait.host.to_string(),
            until: wait.until.rfc3339(),
            why: wait.why.as_str(),
        });
        Self {
            hosts: progress.waiting.iter().map(|(why, n)| (why.as_str(), *n)).collect(),
            next_at: progress.next_at.map(crate::clock::Timestamp::rfc3339),
            last: last.collect(),
        }
    }
}

impl Crawl {
    /// As the board shows it, without what only a file knows.
    pub(super) fn of(shown: &Shown) -> Self {
        let entry = &shown.entry;
        let (counts, waiting) = match &shown.live {
            Some(live) => {
                let progress = live.picture.borrow();
                (Some(Counts::of(&progress)), Some(WaitingFor::of(&progress)))
            }
            None => (None, None),
        };
        Self { counts, waiting, ..Self::summary(entry, &shown.name, shown.state()) }
    }

    /// What its entry says of it.
    pub(crate) fn summary(entry: &Entry, name: &str, state: State) -> Self {
        let ended = entry.ended.as_ref();
        Self {
            id: entry.id.to_string(),
            name: name.to_owned(),
            owner: entry.owner.clone(),
            state,
            priority: entry.priority,
            revision: entry.revision,
            created_at: entry.created_at.rfc3339(),
            ended_at: ended.map(|ended| ended.at.rfc3339()),
            error: ended.and_then(|ended| ended.error.clone()),
            counts: None,
            waiting: None,
            document: None,
            more_seeds: None,
        }
    }

    /// With texts of at most `most` characters.
    pub(crate) fn shorten(&mut self, most: usize) {
        for text in [Some(&mut self.name), self.error.as_mut()].into_iter().flatten() {
            if let Some((at, _)) = text.char_indices().nth(most) {
                text.truncate(at);
            }
        }
    }
}
