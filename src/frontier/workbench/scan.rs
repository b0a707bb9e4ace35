//! The search for hosts that wait on disk for a place in memory.

use crate::address::HostId;

/// Passes over the hosts in the order of their ids, as long as there may be one that has no place.
#[derive(Debug)]
pub(super) struct Scan {
    /// There may be some.
    due: bool,
    /// One was met for which there was no room since the pass began.
    missed: bool,
    cursor: Option<HostId>,
    asked: bool,
}

impl Scan {
    pub(super) fn new() -> Self {
        Self { due: true, missed: false, cursor: None, asked: false }
    }

    /// Whether there may be hosts without a place.
    pub(super) fn is_due(&self) -> bool {
        self.due
    }

    /// A host found no place.
    pub(super) fn missed(&mut self) {
        self.due = true;
        self.missed = true;
    }

    /// Behind which host to look next, if it is time to look.
    pub(super) fn next_pass(&mut self) -> Option<Option<HostId>> {
        if !self.due || self.asked {
            return None;
        }
        if self.cursor.is_none() {
            self.missed = false;
        }
        self.asked = true;
        Some(self.cursor)
    }

    /// A host that was found has a place now.
    pub(super) fn passed(&mut self, host: HostId) {
        self.cursor = Some(host);
    }

    /// The rest of an answer finds no room: the pass goes on from here when there is some.
    pub(super) fn no_room(&mut self) {
        self.asked = false;
        self.missed = true;
    }

    /// All hosts of an answer have a place; `last` says that there are none behind them.
    pub(super) fn answered(&mut self, last: bool) {
        self.asked = false;
        if last {
            // The end of a pass. Another one is due if somebody was passed by.
            self.cursor = None;
            self.due = self.missed;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_that_missed_nobody_is_the_last() {
        let mut scan = Scan::new();
        assert_eq!(scan.next_pass(), Some(None));
        assert_eq!(scan.next_pass(), None, "one question at a time");
        scan.passed(HostId(4));
        scan.answered(false);
        assert_eq!(scan.next_pass(), Some(Some(HostId(4))));
        scan.no_room();
        assert_eq!(scan.next_pass(), Some(Some(HostId(4))));
        scan.answered(true);
        assert!(scan.is_due(), "somebody was passed by");
        assert_eq!(scan.next_pass(), Some(None));
        scan.answered(true);
        assert!(!scan.is_due());
        scan.missed();
        assert!(scan.is_due());
    }
}
