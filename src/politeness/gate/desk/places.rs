//! The places among all requests of the process, and whose turn it is when there are none.
//!
//! A member that has more requests in flight than its share (all places, divided by the members) stands back for a
//! moment when a place becomes free for which another one was told to wait: else whoever gives places back would
//! always be the first to ask for them. A share that nobody asks for is anybody's.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    num::NonZeroU32,
    time::Duration,
};

use super::super::{Denied, Hold, group::Asker};
use crate::clock::Timestamp;

/// How long a place is left to those who waited for one: long enough for them to be woken, too short to matter if they
/// do not want it any more.
const COURTESY: Duration = Duration::from_millis(20);

#[derive(Debug, Default)]
pub(super) struct Places {
    /// Requests in flight, of all and of each member that has any.
    in_flight: u32,
    of: HashMap<u64, u32>,
    /// Who was told to wait for a place.
    waiting: BTreeSet<Asker>,
    /// Members that were woken since and have not asked, and until when that counts.
    woken: BTreeMap<u64, Timestamp>,
}

impl Places {
    /// Whether there is a place for the asker, if there are `most`, and `n_members` to share them.
    pub(super) fn ask(
        &mut self,
        asker: Asker,
        most: Option<NonZeroU32>,
        n_members: usize,
        now: Timestamp,
    ) -> Result<(), Denied> {
        let Some(most) = most.map(NonZeroU32::get) else { return Ok(()) };
        self.woken.remove(&asker.0);
        self.woken.retain(|_, until| *until > now);
        if self.in_flight >= most {
            self.waiting.insert(asker);
            return Err(Denied::Busy(Hold::AllHosts));
        }
        let share = most.div_ceil(u32::try_from(n_members).unwrap_or(u32::MAX).max(1));
        let has = self.of.get(&asker.0).copied().unwrap_or_default();
        match self.woken.values().max() {
            Some(until) if has >= share => Err(Denied::Until(*until, Hold::AllHosts)),
            _ => Ok(()),
        }
    }

    pub(super) fn enter(&mut self, member: u64) {
        self.in_flight += 1;
        *self.of.entry(member).or_default() += 1;
    }

    /// A place is free again. Gives those who are to be woken.
    pub(super) fn leave(&mut self, member: u64, now: Timestamp) -> BTreeSet<Asker> {
        self.in_flight = self.in_flight.saturating_sub(1);
        if let Some(has) = self.of.get_mut(&member) {
            *has -= 1;
            if *has == 0 {
                self.of.remove(&member);
            }
        }
        let woken = std::mem::take(&mut self.waiting);
        self.woken.extend(woken.iter().map(|(member, _)| (*member, now + COURTESY)));
        woken
    }

    /// The asker wants no place any more.
    pub(super) fn forget(&mut self, asker: Asker) {
        self.waiting.remove(&asker);
        if !self.waiting.iter().any(|(member, _)| *member == asker.0) {
            self.woken.remove(&asker.0);
        }
    }

    /// The member is gone; what it has in flight is given back by [`Places::leave`].
    pub(super) fn part(&mut self, member: u64) {
        self.waiting.retain(|(waiter, _)| *waiter != member);
        self.woken.remove(&member);
    }
}
