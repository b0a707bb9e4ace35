//! The search for hosts that wait on disk for a place in memory.

use crate::address::HostId;

/// Passes over the hosts in the order of their ids, as long as there may be one that has no place. A pass
/// goes on from where its last answer ended and never begins again before its end, so that every host that
/// waits is met once in each.
#[derive(Debug)]
pub(super) struct Scan {
    /// There may be some.
    due: bool,
    /// Somebody was left without a place since the pass began.
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

    /// A host found no place, or gave its place up.
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

    /// The answer came so far; `None`: to the end.
    pub(super) fn answered(&mut self, reached: Option<HostId>) {
        self.asked = false;
        self.cursor = reached;
        if reached.is_none() {
            // The end of a pass. Another one is due if somebody was passed by.
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
        scan.answered(Some(HostId(4)));
        scan.missed();
        assert_eq!(scan.next_pass(), Some(Some(HostId(4))), "it goes on and does not begin again");
        scan.answered(None);
        assert!(scan.is_due(), "somebody was passed by");
        assert_eq!(scan.next_pass(), Some(None));
        scan.answered(None);
        assert!(!scan.is_due());
        scan.missed();
        assert!(scan.is_due());
    }
}
