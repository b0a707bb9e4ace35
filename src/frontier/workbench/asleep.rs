//! Hosts that gave their place up because their time is far: when it comes, and what they wait for.
//!
//! A host that is not to be asked for hours needs no head of its queue in memory. All that it knows is on
//! disk, its time included; what is kept here is little, so that nobody opens it again and again only to
//! learn that its time has not come.

use std::collections::{BTreeMap, HashMap};

use super::Wait;
use crate::{address::HostId, clock::Timestamp};

/// Most hosts that sleep: below 200 bytes each. Whoever comes later keeps its place.
const MAX_ASLEEP: usize = 65_536;

/// Who sleeps, ordered by when they wake.
#[derive(Debug, Default)]
pub(super) struct Asleep {
    by_time: BTreeMap<(Timestamp, HostId), Wait>,
    times: HashMap<HostId, Timestamp>,
}

impl Asleep {
    /// Whether no other host can be kept in mind.
    pub(super) fn is_full(&self) -> bool {
        self.times.len() >= MAX_ASLEEP
    }

    pub(super) fn len(&self) -> usize {
        self.times.len()
    }

    pub(super) fn contains(&self, host: HostId) -> bool {
        self.times.contains_key(&host)
    }

    /// A host sleeps until its wait is over.
    pub(super) fn add(&mut self, host: HostId, wait: Wait) {
        self.remove(host);
        self.times.insert(host, wait.until);
        self.by_time.insert((wait.until, host), wait);
    }

    /// A host has a place again.
    pub(super) fn remove(&mut self, host: HostId) {
        if let Some(at) = self.times.remove(&host) {
            self.by_time.remove(&(at, host));
        }
    }

    /// When the next one wakes.
    pub(super) fn first_at(&self) -> Option<Timestamp> {
        self.by_time.first_key_value().map(|((at, _), _)| *at)
    }

    /// Whose time came first, if it has come: that one is awake.
    pub(super) fn pop_awake(&mut self, now: Timestamp) -> Option<HostId> {
        let (_, host) = *self.by_time.first_key_value().filter(|((at, _), _)| *at <= now)?.0;
        self.remove(host);
        Some(host)
    }

    /// What they wait for, those that wake first in front.
    pub(super) fn waits(&self) -> impl Iterator<Item = &Wait> {
        self.by_time.values()
    }
}
