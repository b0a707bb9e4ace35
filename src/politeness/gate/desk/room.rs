//! What is forgotten, and when: memory follows the hosts that are open and those that are still owed a pause.

use super::{Denied, Desk, Hold, Host};
use crate::address::HostId;

/// Addresses and domains are looked through for what can be forgotten when there are this many more of them
/// than after the last time, and twice as many.
pub(super) const SWEEP_FROM: usize = 1024;
/// Hosts that are remembered although nobody has them open, if nobody needs their place.
const MOST_KEPT: usize = 1024;
/// How many of those that nobody has open are looked at when there is no room at all.
const LOOKED_AT: usize = 64;
/// Hosts forgotten for one that is new: more than one, so that those that nobody has open become fewer.
const FORGOTTEN_AT_ONCE: usize = 2;

impl Desk {
    /// Forgets hosts that nobody has open and that are owed nothing, a few for each that comes. With a
    /// limit for addresses not before it must be: whose address is forgotten is asked once more without it.
    pub(super) fn make_room(&mut self) -> Result<(), Denied> {
        let most = if self.address_limit.is_none() { MOST_KEPT } else { usize::MAX };
        if self.hosts.len() >= most.min(self.options.max_hosts) {
            for _ in 0..FORGOTTEN_AT_ONCE {
                self.forget_one();
            }
        }
        if self.addresses.len() + self.domains.len() >= self.sweep_at {
            self.sweep_groups();
        }
        if self.hosts.len() >= self.options.max_hosts {
            self.forget_in_need();
        }
        if self.hosts.len() >= self.options.max_hosts { Err(self.memory_denied()) } else { Ok(()) }
    }

    /// Forgets one that is only kept for its trouble, when there is no room at all.
    fn forget_in_need(&mut self) {
        let owed = |id: &HostId| self.hosts.get(id).map_or(self.latest, Host::owed_until);
        let first = self.free.iter().take(LOOKED_AT).find(|(_, id)| owed(id) <= self.latest).copied();
        if let Some((at, id)) = first {
            self.free.remove(&(at, id));
            self.hosts.remove(&id);
        }
    }

    fn forget_one(&mut self) -> bool {
        let Some(&(_, id)) = self.free.first().filter(|(at, _)| *at <= self.latest) else { return false };
        self.free.pop_first();
        self.hosts.remove(&id);
        true
    }

    fn sweep_groups(&mut self) {
        let now = self.latest;
        self.addresses.retain(|_, group| !group.is_idle(now));
        self.domains.retain(|_, group| !group.is_idle(now));
        self.sweep_at = (2 * (self.addresses.len() + self.domains.len())).max(SWEEP_FROM);
    }

    /// Forgets all that may be forgotten at `now`.
    #[cfg(test)]
    pub(in crate::politeness::gate) fn sweep(&mut self, now: crate::clock::Timestamp) {
        self.tell(now);
        while self.forget_one() {}
        self.sweep_groups();
    }

    pub(super) fn memory_denied(&self) -> Denied {
        let owed = self.free.iter().take(LOOKED_AT).filter_map(|(_, id)| self.hosts.get(id));
        let next = owed.map(Host::owed_until).min();
        // When all are open, one of them is closed some time.
        let pause = std::time::Duration::from_secs(1);
        Denied::Until(next.map_or(self.latest + pause, |at| at.max(self.latest + pause)), Hold::Memory)
    }
}
