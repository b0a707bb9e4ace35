//! Who has a place in memory: hosts come from disk, and go back to it so that others can come.

use super::{
    super::{Ask, Errand, FAR},
    Placed, Slot, Whereabouts, Why, Workbench,
};
use crate::{
    address::HostId,
    clock::Timestamp,
    frontier::{
        QueuedUrl, Waiting,
        workbench::front::{FIRST_PLACES, HOSTS_PER_SEARCH},
    },
};

/// How many hosts are looked at for one that can be put to sleep: those whose time is furthest off.
const SLEEPERS_TRIED: usize = 16;

impl Workbench {
    /// A URL was queued.
    pub(super) fn admitted(&mut self, queued: QueuedUrl, now: Timestamp) {
        let host = queued.host().id();
        if let Some(placed) = self.slots.get_mut(&host) {
            placed.slot.offer(queued, &self.options);
            self.wake(host);
        } else if self.front.asleep().contains(host) {
            // It is in the store by now, and comes when the host's time does.
        } else if !self.flush && queued.place.depth > self.options.deepest_now() {
            // Its turn comes at the end, when everything on disk is looked through once more.
        } else if self.front.n_in_line() == 0 && self.make_room(now) {
            // It comes back with the answer to the opening.
            self.open(host);
        } else {
            // Not before those that were there first.
            self.front.missed();
        }
    }

    pub(super) fn run_errand(&mut self, errand: Errand) {
        let host = errand.url.host().id();
        // A foreign robots.txt is worth a place beyond the bound: the host that waits for it has one.
        if !self.slots.contains_key(&host) {
            self.front.rouse(host);
            self.open(host);
        }
        if let Some(placed) = self.slots.get_mut(&host) {
            placed.slot.errand(errand);
            self.wake(host);
        }
    }

    fn open(&mut self, host: HostId) {
        let slot = Slot::opening(host, self.gate.clone());
        let placed = Placed { slot, turn: Whereabouts::Resting, why: Some(Why::Disk) };
        self.slots.insert(host, placed);
        self.front.opening();
        self.ask(Ask::Open { host, limit: self.options.head });
    }

    /// Gives free places to hosts that wait on disk, and looks for such hosts when none is known.
    pub(super) fn fill_places(&mut self, now: Timestamp) {
        self.front.ring(now);
        while self.front.n_in_line() > 0 && self.make_room(now) {
            let Some(host) = self.front.pop() else { break };
            // A foreign robots.txt may have given it a place meanwhile.
            if !self.slots.contains_key(&host) && !self.front.asleep().contains(host) {
                self.open(host);
            }
        }
        if let Some(after) = self.front.search() {
            let max_depth = (!self.flush).then(|| self.options.deepest_now());
            self.ask(Ask::Hosts { after, limit: HOSTS_PER_SEARCH, max_depth });
        }
    }

    /// A worker is free, and nobody is ready: there are more places if somebody waits for one.
    pub(super) fn feed_the_starving(&mut self, now: Timestamp) {
        // Hosts whose pages are being recalled will be ready in a moment.
        while self.n_recalls == 0 && self.front.grow() {
            self.fill_places(now);
        }
    }

    /// The search has found hosts.
    pub(super) fn found_hosts(&mut self, found: &Waiting) {
        let slots = &self.slots;
        self.front.found(found, |host| slots.contains_key(&host));
    }

    /// Has hosts leave that have nothing left, or nothing for a long time, until there is a free place.
    /// `false` when all places are taken by others.
    fn make_room(&mut self, now: Timestamp) -> bool {
        while self.slots.len() >= self.front.n_places() {
            if let Some(host) = self.idle.pop_first() {
                self.slots.remove(&host);
            } else if !self.put_one_to_sleep(now) {
                return false;
            }
        }
        true
    }

    /// The host whose time is furthest off gives its place up, if that is far. Its time is on disk and at
    /// the gate.
    fn put_one_to_sleep(&mut self, now: Timestamp) -> bool {
        if !self.front.may_sleep() {
            return false;
        }
        let furthest = self.waiting.iter().rev().take_while(|(at, _)| *at >= now + FAR).take(SLEEPERS_TRIED);
        let found = furthest.copied().find_map(|(at, host)| {
            let placed = self.slots.get(&host).filter(|placed| placed.slot.may_sleep())?;
            // What waits for the gate's memory waits for no time of its own.
            let why = placed.why.filter(|why| *why != Why::Memory)?;
            Some((host, placed.slot.wait(at, why)?))
        });
        let Some((host, wait)) = found else { return false };
        self.waiting.remove(&(wait.until, host));
        self.slots.remove(&host);
        self.front.sleep(host, wait);
        true
    }

    /// The host at the front of those that are ready has had its share, and somebody waits for its place:
    /// it leaves, or has no further turn until what it has out is settled. `false` when it may go on.
    pub(super) fn end_session(&mut self, host: HostId) -> bool {
        if self.front.n_in_line() == 0 {
            return false;
        }
        let Some(placed) = self.slots.get_mut(&host) else { return false };
        if !placed.slot.is_session_over(&self.options) {
            return false;
        }
        self.ready.pop_front();
        if placed.slot.may_leave() {
            self.slots.remove(&host);
            self.front.rotated(host);
        } else {
            placed.turn = Whereabouts::Resting;
            placed.why = Some(Why::Connections);
        }
        true
    }

    /// The host has nothing to be asked for: nobody else is held to this crawl's policy for it. It may
    /// stay for a while, because links to it may come, as long as there are no more of its kind than others.
    pub(super) fn note_idle(&mut self, host: HostId) {
        let Some(placed) = self.slots.get_mut(&host) else { return };
        if !placed.slot.is_idle(&self.options, self.flush) {
            return;
        }
        placed.slot.close();
        self.idle.insert(host);
        while self.idle.len() > FIRST_PLACES.max(self.slots.len() - self.idle.len()) {
            let Some(host) = self.idle.pop_first() else { break };
            self.slots.remove(&host);
        }
        self.front.shrink(self.n_active());
    }
}
