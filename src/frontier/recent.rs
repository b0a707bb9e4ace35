//! Fingerprints seen recently, in front of the store: nearly every link of a page points to a URL
//! that was seen a moment ago.

use super::stored::Seen;
use crate::address::Fingerprint;

/// A bounded memory of what the seen-set said: a table in which a fingerprint has two places, of which
/// the one used longer ago is taken by the next that belongs there.
#[derive(Debug)]
pub(super) struct Recent {
    /// Two places side by side for each set; zero is empty, for no URL has that fingerprint.
    keys: Vec<u128>,
    numbers: Vec<u64>,
}

impl Recent {
    /// A key and a number.
    const ENTRY_BYTES: u64 = 24;

    pub(super) fn new(bytes: u64) -> Self {
        let n_sets = usize::try_from(bytes / Self::ENTRY_BYTES / 2).unwrap_or(usize::MAX / 64).max(32);
        // Zeroes are not touched before they are used, so memory follows what is seen.
        Self { keys: vec![0; 2 * n_sets], numbers: vec![0; 2 * n_sets] }
    }

    /// Places for fingerprints, taken or not.
    pub(super) fn n_places(&self) -> usize {
        self.keys.len()
    }

    /// What was last known of it. May lag behind: a URL remembered as queued may be done.
    pub(super) fn get(&mut self, fingerprint: Fingerprint) -> Option<Seen> {
        let at = self.set(fingerprint);
        if self.keys[at] != fingerprint.0 {
            if self.keys[at + 1] != fingerprint.0 {
                return None;
            }
            self.keys.swap(at, at + 1);
            self.numbers.swap(at, at + 1);
        }
        Some(Seen::unpack(self.numbers[at]))
    }

    pub(super) fn put(&mut self, fingerprint: Fingerprint, seen: Seen) {
        let at = self.set(fingerprint);
        if self.keys[at] != fingerprint.0 {
            self.keys[at + 1] = self.keys[at];
            self.numbers[at + 1] = self.numbers[at];
            self.keys[at] = fingerprint.0;
        }
        self.numbers[at] = seen.pack();
    }

    /// Where a fingerprint's two places begin. Its lower half is a hash.
    fn set(&self, fingerprint: Fingerprint) -> usize {
        let n_sets = (self.keys.len() / 2) as u128;
        let at = ((fingerprint.0 & u128::from(u64::MAX)) * n_sets) >> 64;
        2 * usize::try_from(at).expect("it is below the number of sets")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frontier::Place;

    #[test]
    fn keeps_what_is_asked_for_and_stays_bounded() {
        let mut recent = Recent::new(0);
        let spread = |i: u128| Fingerprint(i.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
        recent.put(spread(1), Seen::Done);
        for i in 2..10_000 {
            recent.put(spread(i), Seen::Queued(Place { depth: 1, seq: 7 }));
            assert_eq!(recent.get(spread(i)), Some(Seen::Queued(Place { depth: 1, seq: 7 })));
            assert_eq!(recent.get(spread(1)), Some(Seen::Done), "asked for all the time");
        }
        assert_eq!((recent.get(spread(2)), recent.keys.len()), (None, 64));
        recent.put(spread(1), Seen::Queued(Place { depth: 0, seq: 0 }));
        assert_eq!(recent.get(spread(1)), Some(Seen::Queued(Place { depth: 0, seq: 0 })), "the last word counts");
    }
}
