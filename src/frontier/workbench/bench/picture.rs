//! What the workbench shows of itself: who waits for what, and who is busiest. Reads only.

use std::collections::BTreeMap;

use super::{
    super::{Sizes, Wait},
    Why, Workbench,
};
use crate::{address::HostKey, clock::Timestamp};

impl Workbench {
    /// Pages fetched, over all runs.
    pub fn n_fetched(&self) -> u64 {
        self.n_fetched
    }

    /// Leases that hold a connection and have not come back.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Hosts in memory.
    pub fn n_active(&self) -> usize {
        self.slots.len() - self.idle.len()
    }

    /// When the next host may be asked, if any waits for a time.
    pub fn next_at(&self) -> Option<Timestamp> {
        let waiting = self.waiting.first().map(|(at, _)| *at);
        [waiting, self.front.asleep().first_at()].into_iter().flatten().min()
    }

    /// For whom everything waits after [`Workbench::next`] had nothing to give: the host whose time comes
    /// first, if times of hosts are all that stands in the way. Nobody while something is being read from
    /// disk, or waits there for a place.
    pub fn held_up_by(&self) -> Option<Wait> {
        let is_politeness = self.ready.is_empty() && self.n_asked == 0 && self.front.is_all_in_memory();
        let first = self.waits().next().filter(|_| is_politeness)?;
        (first.why != Why::Memory).then_some(first)
    }

    /// Whom everything waits for, those whose time comes first in front, when no more than `most` hosts are
    /// left that have anything to be asked for; as [`Workbench::held_up_by`].
    pub fn tail(&self, most: usize) -> Option<Vec<Wait>> {
        let is_tail = self.n_active() + self.front.asleep().len() <= most && self.held_up_by().is_some();
        is_tail.then(|| self.waits().collect())
    }

    /// All hosts that wait for a time, those whose time comes first in front.
    fn waits(&self) -> impl Iterator<Item = Wait> {
        let placed = self.waiting.iter().filter_map(|(at, host)| {
            let placed = self.slots.get(host)?;
            placed.slot.wait(*at, placed.why?)
        });
        let (mut placed, mut asleep) = (placed.peekable(), self.front.asleep().waits().cloned().peekable());
        std::iter::from_fn(move || match (placed.peek(), asleep.peek()) {
            (Some(one), Some(other)) if other.until < one.until => asleep.next(),
            (Some(_), _) => placed.next(),
            (None, _) => asleep.next(),
        })
    }

    /// Up to `most` hosts that wait for more than their interval: for the end of a pause, a probe, quiet hours, a block, or
    /// what they share with others. Those whose time comes first stand in front.
    pub fn troubled(&self, most: usize) -> Vec<Wait> {
        let is_trouble = |why: Why| {
            matches!(why, Why::Backoff | Why::Probe | Why::Quiet | Why::Blocked | Why::Address | Why::Domain)
        };
        let placed = self.waiting.iter().filter_map(|(at, host)| {
            let placed = self.slots.get(host)?;
            placed.slot.wait(*at, placed.why.filter(|why| is_trouble(*why))?)
        });
        let asleep = self.front.asleep().waits().filter(|wait| is_trouble(wait.why));
        // Both are in order of time.
        let mut found: Vec<Wait> = placed.take(most).chain(asleep.take(most).cloned()).collect();
        found.sort_by_key(|wait| wait.until);
        found.truncate(most);
        found
    }

    /// How much it holds. Takes time in proportion to the hosts in memory.
    pub fn sizes(&self) -> Sizes {
        let urls = self.slots.values().map(|placed| (placed.slot.load().1, placed.slot.n_out()));
        let (urls, urls_out) = urls.fold((0, 0), |sum, slot| (sum.0 + slot.0, sum.1 + slot.1));
        Sizes {
            places: self.front.n_places(),
            slots: self.slots.len(),
            idle: self.idle.len(),
            opening: self.front.n_opening(),
            ready: self.ready.len(),
            waiting: self.waiting.len(),
            busy: self.busy.len(),
            asleep: self.front.asleep().len(),
            in_line: self.front.n_in_line(),
            urls,
            urls_out,
            leases: self.n_out,
            asks: self.n_asked,
        }
    }

    /// How many hosts wait for what.
    pub fn waiting(&self) -> BTreeMap<Why, usize> {
        let mut counts = BTreeMap::new();
        let placed = self.slots.values().filter_map(|placed| placed.why);
        for why in placed.chain(self.front.asleep().waits().map(|wait| wait.why)) {
            *counts.entry(why).or_default() += 1;
        }
        counts
    }

    /// The `n` hosts with most requests in flight, then most URLs in memory: (host, in flight,
    /// queued in memory, fetched).
    pub fn busiest(&self, n: usize) -> Vec<(HostKey, u32, usize, u64)> {
        let mut loads: Vec<_> = self.slots.values().map(|placed| (placed.slot.load(), placed.slot.host())).collect();
        loads.retain(|((in_flight, queued, _), _)| in_flight + u32::from(*queued > 0) > 0);
        loads.sort_unstable_by(|a, b| b.cmp(a));
        let named = loads.into_iter().take(n).filter_map(|((in_flight, queued, fetched), host)| {
            let key = self.slots.get(&host)?.slot.key()?.clone();
            Some((key, in_flight, queued, fetched))
        });
        named.collect()
    }
}
