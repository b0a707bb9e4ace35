//! What simulations look at inside of a workbench. Tests only.

use super::Workbench;
use crate::address::HostId;

/// Sizes and order of things that nobody else needs to know.
pub(in super::super) struct Inside {
    /// Hosts that have a place.
    pub(in super::super) n_slots: usize,
    /// URLs in memory of each, those that wait for another attempt included.
    pub(in super::super) heads: Vec<(HostId, usize)>,
    /// Whose turn it is, in order.
    pub(in super::super) ready: Vec<HostId>,
}

impl Workbench {
    pub(in super::super) fn inside(&self) -> Inside {
        let heads = self.slots.values().map(|placed| (placed.slot.host(), placed.slot.load().1));
        Inside { n_slots: self.slots.len(), heads: heads.collect(), ready: self.ready.iter().copied().collect() }
    }
}
