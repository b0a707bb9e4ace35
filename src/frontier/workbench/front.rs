//! The front: how many hosts may have a place in memory, and who is next in line for one.
//!
//! It begins small and is doubled only when a worker starved: when one was free, no host was ready, and
//! somebody waited on disk. So memory follows what the workers need, and `frontier.active_hosts` is only the
//! most that it may come to. (The front of BUbiNG grows for the same reason: P. Boldi, A. Marino, M. Santini,
//! S. Vigna, "BUbiNG: Massive Crawling for the Masses", 2014.)
//!
//! Pure: it knows numbers and ids. Who has a place, and what it costs to give it up, is the workbench's.

use std::collections::VecDeque;

use super::{Wait, asleep::Asleep, scan::Scan};
use crate::{address::HostId, clock::Timestamp, frontier::Waiting};

/// Places at the beginning, and the least that are left.
pub(super) const FIRST_PLACES: usize = 16;

/// Most hosts looked for at once.
pub(super) const HOSTS_PER_SEARCH: usize = 256;

/// Places, and who waits for them.
#[derive(Debug)]
pub(super) struct Front {
    n_places: usize,
    least: usize,
    most: usize,
    /// Found on disk without a place, in the order of the search.
    line: VecDeque<HostId>,
    scan: Scan,
    /// Hosts that are being read from disk.
    n_opening: usize,
    /// Whose turn it is, when both kinds wait for a place.
    sleepers_first: bool,
    asleep: Asleep,
    /// Those who have slept enough, in that order.
    awake: VecDeque<HostId>,
}

impl Front {
    /// At most `most` places.
    pub(super) fn new(most: usize) -> Self {
        let least = FIRST_PLACES.min(most);
        Self {
            n_places: least,
            least,
            most,
            line: VecDeque::new(),
            scan: Scan::new(),
            n_opening: 0,
            sleepers_first: true,
            asleep: Asleep::default(),
            awake: VecDeque::new(),
        }
    }

    pub(super) fn n_places(&self) -> usize {
        self.n_places
    }

    pub(super) fn n_opening(&self) -> usize {
        self.n_opening
    }

    /// Hosts that are known to wait on disk for a place.
    pub(super) fn n_in_line(&self) -> usize {
        self.line.len() + self.awake.len()
    }

    /// Hosts whose time is far.
    pub(super) fn asleep(&self) -> &Asleep {
        &self.asleep
    }

    /// Whether one more can be kept in mind whose time is far.
    pub(super) fn may_sleep(&self) -> bool {
        !self.asleep.is_full()
    }

    /// A host gave its place up, and comes back when its wait is over.
    pub(super) fn sleep(&mut self, host: HostId, wait: Wait) {
        self.asleep.add(host, wait);
    }

    /// A host has a place although it would sleep.
    pub(super) fn rouse(&mut self, host: HostId) {
        self.asleep.remove(host);
    }

    /// Those whose time has come want a place now.
    pub(super) fn ring(&mut self, now: Timestamp) {
        self.awake.extend(std::iter::from_fn(|| self.asleep.pop_awake(now)));
    }

    /// Everything on disk is to be looked through once more.
    pub(super) fn search_again(&mut self) {
        self.scan = Scan::new();
    }

    /// Whether nobody waits on disk, as far as is known, and nobody needs to be looked for.
    pub(super) fn is_all_in_memory(&self) -> bool {
        self.n_in_line() == 0 && !self.scan.is_due()
    }

    /// Who gets the next place. Hosts that have slept and hosts that were found take turns: there may be
    /// enough of either kind to starve the other.
    pub(super) fn pop(&mut self) -> Option<HostId> {
        let sleepers_first = self.sleepers_first;
        self.sleepers_first = !sleepers_first;
        let (first, second) = (&mut self.awake, &mut self.line);
        let (first, second) = if sleepers_first { (first, second) } else { (second, first) };
        first.pop_front().or_else(|| second.pop_front())
    }

    /// A host is on disk without a place.
    pub(super) fn missed(&mut self) {
        self.scan.missed();
    }

    /// A host that has something left has given its place up: it goes behind all others. When all of them
    /// are known, that is the end of the line, and else the search comes back to it in its next pass.
    pub(super) fn rotated(&mut self, host: HostId) {
        if self.scan.is_due() || self.line.len() >= HOSTS_PER_SEARCH {
            self.scan.missed();
        } else {
            self.line.push_back(host);
        }
    }

    /// Behind which host to look for more, when there may be some and none of them is known.
    pub(super) fn search(&mut self) -> Option<Option<HostId>> {
        if self.line.is_empty() { self.scan.next_pass() } else { None }
    }

    /// The search found these; those that `have_place` are passed by.
    pub(super) fn found(&mut self, found: &Waiting, has_place: impl Fn(HostId) -> bool) {
        let lost = found.hosts.iter().copied().filter(|host| !has_place(*host) && !self.asleep.contains(*host));
        self.line.extend(lost);
        self.scan.answered(found.reached);
    }

    /// A host is being read from disk; until that is done nobody knows what it has for the workers.
    pub(super) fn opening(&mut self) {
        self.n_opening += 1;
    }

    pub(super) fn opened(&mut self) {
        self.n_opening = self.n_opening.saturating_sub(1);
    }

    /// A worker starved. `true` when there are more places now.
    pub(super) fn grow(&mut self) -> bool {
        if self.n_opening > 0 || self.n_places >= self.most || self.n_in_line() == 0 {
            return false;
        }
        self.n_places = self.n_places.saturating_mul(2).min(self.most);
        true
    }

    /// `n_taken` places are left in use by hosts that have something left. Far fewer than there are: half as many will do until a worker
    /// starves again.
    pub(super) fn shrink(&mut self, n_taken: usize) {
        if n_taken <= self.n_places / 4 {
            self.n_places = (self.n_places / 2).max(self.least);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::HostKey;

    const NOW: Timestamp = Timestamp(1_000_000);

    fn all(numbers: std::ops::Range<u64>) -> Waiting {
        Waiting { hosts: numbers.map(HostId).collect(), reached: None }
    }

    #[test]
    fn it_grows_only_for_somebody_and_not_beyond_the_bound() {
        let mut front = Front::new(50);
        assert_eq!(front.n_places(), 16);
        assert!(!front.grow(), "nobody waits");
        front.found(&all(0..200), |_| false);
        assert!(front.grow());
        front.opening();
        assert!(!front.grow(), "those that were let in have not been heard yet");
        front.opened();
        assert!(front.grow());
        assert_eq!(front.n_places(), 50);
        assert!(!front.grow());
    }

    #[test]
    fn it_shrinks_when_few_are_left_and_not_below_its_beginning() {
        let mut front = Front::new(1024);
        front.found(&all(0..200), |_| false);
        while front.grow() {}
        front.shrink(300);
        assert_eq!(front.n_places(), 1024);
        front.shrink(256);
        assert_eq!(front.n_places(), 512);
        (0..20).for_each(|_| front.shrink(0));
        assert_eq!(front.n_places(), 16);
        let mut small = Front::new(3);
        small.shrink(0);
        assert_eq!(small.n_places(), 3);
    }

    #[test]
    fn who_has_slept_and_who_was_found_take_turns() {
        let mut front = Front::new(4);
        front.found(&all(0..3), |host| host == HostId(1));
        for (number, until) in [(7, NOW), (8, NOW), (9, Timestamp(NOW.0 + 1))] {
            let (host, why) = (HostKey::new("h"), super::super::Why::Quiet);
            front.sleep(HostId(number), Wait { host, until, why, crawl_delay: None, n_urls: 1 });
        }
        front.ring(NOW);
        let order: Vec<u64> = std::iter::from_fn(|| front.pop()).map(|host| host.0).collect();
        assert_eq!(order, [7, 0, 8, 2], "1 has a place, and 9 sleeps");
        assert_eq!((front.n_in_line(), front.asleep().first_at()), (0, Some(Timestamp(NOW.0 + 1))));
    }
}
