//! Fingerprints seen recently, in front of the store: nearly every link of a page points to a URL
//! that was seen a moment ago.

use std::collections::HashMap;

use super::stored::Seen;
use crate::address::Fingerprint;

/// A bounded memory of what the seen-set said, in two generations: when the young one is full it
/// becomes the old one, and what was not asked for since is forgotten.
#[derive(Debug)]
pub(super) struct Recent {
    young: HashMap<Fingerprint, Seen>,
    old: HashMap<Fingerprint, Seen>,
    generation: usize,
}

impl Recent {
    /// A table entry with its share of empty slots, bytes.
    const ENTRY_BYTES: u64 = 56;

    pub(super) fn new(bytes: u64) -> Self {
        let generation = usize::try_from(bytes / Self::ENTRY_BYTES / 2).unwrap_or(usize::MAX).max(64);
        Self { young: HashMap::new(), old: HashMap::new(), generation }
    }

    /// What was last known of it. May lag behind: a URL remembered as queued may be done.
    pub(super) fn get(&mut self, fingerprint: Fingerprint) -> Option<Seen> {
        if let Some(seen) = self.young.get(&fingerprint) {
            return Some(*seen);
        }
        let seen = *self.old.get(&fingerprint)?;
        self.put(fingerprint, seen);
        Some(seen)
    }

    pub(super) fn put(&mut self, fingerprint: Fingerprint, seen: Seen) {
        if self.young.len() >= self.generation {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(fingerprint, seen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_is_asked_for_and_stays_bounded() {
        let mut recent = Recent::new(0);
        recent.put(Fingerprint(0), Seen::Done);
        for i in 1..10_000 {
            recent.put(Fingerprint(i), Seen::Done);
            assert_eq!(recent.get(Fingerprint(0)), Some(Seen::Done));
            assert!(recent.young.len() + recent.old.len() <= 2 * recent.generation);
        }
        assert_eq!(recent.get(Fingerprint(1)), None);
    }
}
