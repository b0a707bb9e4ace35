//! What several hosts share: an address, or a registrable domain.
//!
//! A burst of one, so that the next free time is all there is to remember. Hosts that wait for it each
//! have a time reserved, in the order in which they came: were they all told the same time, the first
//! one of them in whatever order would always win.

use std::collections::{HashMap, HashSet, VecDeque};

use super::{Denied, GroupLimit, Hold};
use crate::{address::HostId, clock::Timestamp};

/// Who waits: a member, for a host.
pub(super) type Asker = (u64, HostId);

#[derive(Debug, Default)]
pub(super) struct Group {
    /// Nobody asks before this.
    not_before: Timestamp,
    pub(super) in_flight: u32,
    /// Whose turn is when.
    reserved: HashMap<Asker, Timestamp>,
    /// The end of what is reserved.
    tail: Timestamp,
    /// Who waits for a connection, first come first.
    waiters: VecDeque<Asker>,
    /// The same, so that nobody is in line twice.
    in_line: HashSet<Asker>,
}

impl Group {
    /// Whether `asker` may send one request now. Takes nothing yet.
    pub(super) fn ask(&mut self, asker: Asker, limit: GroupLimit, hold: Hold, now: Timestamp) -> Result<(), Denied> {
        if limit.connections.is_some_and(|most| self.in_flight >= most.get()) {
            if self.in_line.insert(asker) {
                self.waiters.push_back(asker);
            }
            return Err(Denied::Busy(hold));
        }
        if limit.interval.is_zero() {
            return Ok(());
        }
        let own = self.reserved.get(&asker).copied();
        let is_its_turn = own.map_or(self.tail <= now, |at| at <= now);
        if is_its_turn && self.not_before <= now {
            return Ok(());
        }
        // One whose time came when another answer had just been late waits for the group, and not in
        // line again.
        let at = own.map_or_else(|| self.tail.max(self.not_before).max(now), |at| at.max(self.not_before));
        if own.is_none() {
            self.tail = at + limit.interval;
            self.reserved.insert(asker, at);
        }
        Err(Denied::Until(at, hold))
    }

    /// `asker` sends one request.
    pub(super) fn enter(&mut self, asker: Asker, limit: GroupLimit, now: Timestamp) {
        self.reserved.remove(&asker);
        self.in_flight += 1;
        self.hold_until(now + limit.interval);
    }

    /// A request is over; those who wait for a connection are to be woken.
    pub(super) fn leave(&mut self) -> VecDeque<Asker> {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.in_line.clear();
        std::mem::take(&mut self.waiters)
    }

    /// `asker` wants nothing any more.
    pub(super) fn forget(&mut self, asker: Asker) {
        // What is reserved for nobody is nothing to wait for.
        if self.reserved.remove(&asker).is_some() && self.reserved.is_empty() {
            self.tail = Timestamp::default();
        }
        if self.in_line.remove(&asker) {
            self.waiters.retain(|waiter| *waiter != asker);
        }
    }

    pub(super) fn hold_until(&mut self, at: Timestamp) {
        self.not_before = self.not_before.max(at);
    }

    /// Whether nothing would be forgotten with it.
    pub(super) fn is_idle(&self, now: Timestamp) -> bool {
        self.in_flight == 0 && self.waiters.is_empty() && self.reserved.is_empty() && self.not_before <= now
    }
}
