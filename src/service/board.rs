//! The board: what the foreman shows of its crawls to whoever asks.
//!
//! The foreman is the only one who writes; readers take a copy of what they want and go. Nothing here waits.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::{
    events::Events,
    history::History,
    ledger::{CrawlId, Entry, How, Schedule, Want},
};
use crate::{
    clock::Timestamp,
    engine::{Looks, stats::Progress},
    sink::Mark,
};

/// How a crawl stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// It waits for a place.
    Queued,
    Running,
    /// It was asked to pause, and what is in flight is finishing.
    Pausing,
    Paused,
    /// It was asked to end, and what is in flight is finishing.
    Cancelling,
    Cancelled,
    Finished,
    LimitReached,
    Failed,
}

impl State {
    pub(crate) const ALL: [Self; 9] = [
        Self::Queued,
        Self::Running,
        Self::Pausing,
        Self::Paused,
        Self::Cancelling,
        Self::Cancelled,
        Self::Finished,
        Self::LimitReached,
        Self::Failed,
    ];

    pub(crate) fn of(entry: &Entry, is_running: bool) -> Self {
        match (&entry.ended, entry.want, is_running) {
            (Some(ended), ..) => match ended.how {
                How::Finished => Self::Finished,
                How::LimitReached => Self::LimitReached,
                How::Cancelled => Self::Cancelled,
                How::Failed => Self::Failed,
            },
            (None, Want::Run, true) => Self::Running,
            (None, Want::Run, false) => Self::Queued,
            (None, Want::Pause, true) => Self::Pausing,
            (None, Want::Pause, false) => Self::Paused,
            (None, Want::Cancel, _) => Self::Cancelling,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Pausing => "pausing",
            Self::Paused => "paused",
            Self::Cancelling => "cancelling",
            Self::Cancelled => "cancelled",
            Self::Finished => "finished",
            Self::LimitReached => "limit-reached",
            Self::Failed => "failed",
        }
    }

    pub(crate) fn is_over(self) -> bool {
        matches!(self, Self::Cancelled | Self::Finished | Self::LimitReached | Self::Failed)
    }
}

/// What is shown of a crawl.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    pub(crate) entry: Arc<Entry>,
    pub(crate) name: String,
    pub(crate) live: Option<Live>,
    pub(crate) events: Arc<Events>,
}

/// What is shown of a crawl that is being worked on.
#[derive(Debug, Clone)]
pub(crate) struct Live {
    pub(crate) picture: watch::Receiver<Progress>,
    /// Which pass it is, from 1.
    pub(crate) pass: u32,
    /// How it has been going on.
    pub(crate) history: Arc<History>,
    /// How far its outputs are on disk.
    pub(crate) outputs: watch::Receiver<Arc<[Mark]>>,
    /// By which its state is looked at.
    pub(crate) looks: Looks,
}

impl Shown {
    pub(crate) fn state(&self) -> State {
        State::of(&self.entry, self.live.is_some())
    }
}

/// Clones are one board.
#[derive(Debug, Clone, Default)]
pub(crate) struct Board {
    crawls: Arc<Mutex<BTreeMap<CrawlId, Shown>>>,
    schedules: Arc<Mutex<BTreeMap<CrawlId, Schedule>>>,
    blocked: Arc<Mutex<BTreeMap<String, Timestamp>>>,
}

impl Board {
    fn crawls(&self) -> MutexGuard<'_, BTreeMap<CrawlId, Shown>> {
        self.crawls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn show_schedules(&self, schedules: BTreeMap<CrawlId, Schedule>) {
        *self.schedules.lock().unwrap_or_else(PoisonError::into_inner) = schedules;
    }

    pub(super) fn show_blocked(&self, blocked: BTreeMap<String, Timestamp>) {
        *self.blocked.lock().unwrap_or_else(PoisonError::into_inner) = blocked;
    }

    /// Hosts that were blocked, and until when: a time that may have passed.
    pub(crate) fn blocked(&self) -> BTreeMap<String, Timestamp> {
        self.blocked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn schedule(&self, id: CrawlId) -> Option<Schedule> {
        self.schedules.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// Every schedule.
    pub(crate) fn schedules(&self) -> BTreeMap<CrawlId, Schedule> {
        self.schedules.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn show(&self, shown: Shown) {
        self.crawls().insert(shown.entry.id, shown);
    }

    pub(super) fn take_down(&self, id: CrawlId) {
        self.crawls().remove(&id);
    }

    pub(crate) fn get(&self, id: CrawlId) -> Option<Shown> {
        self.crawls().get(&id).cloned()
    }

    /// Up to `most` crawls that `fits` after `after`, newest first.
    pub(crate) fn list(&self, after: Option<CrawlId>, most: usize, fits: impl Fn(&Shown) -> bool) -> Vec<Shown> {
        let crawls = self.crawls();
        let older = match after {
            Some(after) => crawls.range(..after),
            None => crawls.range(..),
        };
        older.rev().map(|(_, shown)| shown).filter(|shown| fits(shown)).take(most).cloned().collect()
    }

    /// Crawls that fit by state, each of which is there.
    pub(crate) fn counts(&self, fits: impl Fn(&Shown) -> bool) -> BTreeMap<State, usize> {
        let mut counts: BTreeMap<State, usize> = State::ALL.into_iter().map(|state| (state, 0)).collect();
        let crawls = self.crawls();
        crawls.values().filter(|shown| fits(shown)).for_each(|shown| *counts.entry(shown.state()).or_default() += 1);
        counts
    }
}
