//! What the workbench shows of itself: who waits for what, and who is busiest. Reads only.

use std::collections::BTreeMap;

use super::{Why, Workbench};
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
        self.waiting.first().map(|(at, _)| *at)
    }

    /// How many hosts wait for what.
    pub fn waiting(&self) -> BTreeMap<Why, usize> {
        let mut counts = BTreeMap::new();
        for why in self.slots.values().filter_map(|placed| placed.why) {
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
