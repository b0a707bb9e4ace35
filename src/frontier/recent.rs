//! Fingerprints seen recently, in front of the store: nearly every link of a page points to a URL
//! that was seen a moment ago.
//!
//! It is shared with those who find links, so that what is known for certain is dropped where it was found: it need not
//! travel to the one who writes, and waits for nobody in memory.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::stored::Seen;
use crate::address::Fingerprint;

/// Sets of a table at first.
const FIRST_SETS: usize = 512;
/// A table grows when one place in so many is taken: of what has two places, few have to go before.
const FULL: usize = 4;

/// What a frontier remembers of what its seen-set said lately. Clones are the same memory.
///
/// It may lag behind and it may have forgotten; it knows nothing that the frontier does not. What is no news to it is none
/// to the frontier, now or later: a URL's place only ever moves forward, until it is done.
#[derive(Debug, Clone)]
pub struct Recent(Arc<Mutex<Memory>>);

impl Recent {
    pub(super) fn new(bytes: u64) -> Self {
        Self(Arc::new(Mutex::new(Memory::new(bytes))))
    }

    /// Whether the frontier may make anything of URLs that were found, told by their fingerprints and the depths at which
    /// they would be asked for ([`Place::HELD`] for one that would not): not of those that it knows to be done, or queued
    /// for no later.
    ///
    /// [`Place::HELD`]: super::Place::HELD
    pub fn may_be_news(&self, found: impl Iterator<Item = (Fingerprint, u16)>) -> Vec<bool> {
        let mut memory = self.lock();
        let known = found.map(|(fingerprint, depth)| (memory.get(fingerprint), depth));
        known.map(|(seen, depth)| seen.is_none_or(|seen| seen.moves_to(depth))).collect()
    }

    /// Forgets everything, for all who share it.
    pub(super) fn clear(&self) {
        let mut memory = self.lock();
        *memory = Memory::with_sets(FIRST_SETS.min(memory.max_sets), memory.max_sets);
    }

    /// Places for fingerprints, taken or not.
    pub(super) fn n_places(&self) -> usize {
        self.lock().keys.len()
    }

    /// What was last known of it. May lag behind: a URL remembered as queued may be done.
    pub(super) fn get(&self, fingerprint: Fingerprint) -> Option<Seen> {
        self.lock().get(fingerprint)
    }

    pub(super) fn put(&self, fingerprint: Fingerprint, seen: Seen) {
        self.lock().put(fingerprint, seen);
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A bounded memory of what the seen-set said: a table in which a fingerprint has two places, of which
/// the one used longer ago is taken by the next that belongs there.
///
/// It begins small and doubles until it has the size that it may have. A table of that size from the start would cost a page of memory for
/// nearly every URL of a small crawl, since hashes lie anywhere, and each first touch of one a fault.
#[derive(Debug)]
struct Memory {
    /// Two places side by side for each set; zero is empty, for no URL has that fingerprint.
    keys: Vec<u128>,
    numbers: Vec<u64>,
    n_taken: usize,
    max_sets: usize,
}

impl Memory {
    /// A key and a number.
    const ENTRY_BYTES: u64 = 24;

    fn new(bytes: u64) -> Self {
        let max_sets = usize::try_from(bytes / Self::ENTRY_BYTES / 2).unwrap_or(usize::MAX / 64).max(32);
        Self::with_sets(FIRST_SETS.min(max_sets), max_sets)
    }

    fn with_sets(n_sets: usize, max_sets: usize) -> Self {
        // Written, and not only asked for, where it is going to be: reading a page of memory and then writing it is two
        // faults, and after the second the processors tell each other.
        let (keys, numbers) =
            (std::iter::repeat_n(0, 2 * n_sets).collect(), std::iter::repeat_n(0, 2 * n_sets).collect());
        Self { keys, numbers, n_taken: 0, max_sets }
    }

    /// Puts all there is into a table of twice the size.
    fn grow(&mut self) {
        let n_sets = self.keys.len().min(self.max_sets);
        let Self { keys, numbers, .. } = std::mem::replace(self, Self::with_sets(n_sets, self.max_sets));
        for (keys, numbers) in keys.chunks_exact(2).zip(numbers.chunks_exact(2)) {
            // What was used last is put last, and so comes to stand first again.
            for place in [1, 0].into_iter().filter(|place| keys[*place] != 0) {
                self.place(Fingerprint(keys[place]), numbers[place]);
            }
        }
    }

    fn get(&mut self, fingerprint: Fingerprint) -> Option<Seen> {
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

    fn put(&mut self, fingerprint: Fingerprint, seen: Seen) {
        if self.n_taken >= self.keys.len() / FULL && self.keys.len() / 2 < self.max_sets {
            self.grow();
        }
        self.place(fingerprint, seen.pack());
    }

    fn place(&mut self, fingerprint: Fingerprint, number: u64) {
        let at = self.set(fingerprint);
        if self.keys[at] != fingerprint.0 {
            self.n_taken += usize::from(self.keys[at + 1] == 0);
            self.keys[at + 1] = self.keys[at];
            self.numbers[at + 1] = self.numbers[at];
            self.keys[at] = fingerprint.0;
        }
        self.numbers[at] = number;
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
        let mut recent = Memory::new(0);
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

    #[test]
    fn grows_with_what_it_remembers_and_forgets_nothing_by_it() {
        let bytes = 1 << 20;
        let mut recent = Memory::new(bytes);
        assert_eq!(recent.keys.len(), 2 * FIRST_SETS);
        let spread = |i: u128| Fingerprint(xxhash_rust::xxh3::xxh3_128(&i.to_le_bytes()));
        let seen = |i: u128| Seen::Queued(Place { depth: 1, seq: u64::try_from(i).unwrap() });
        // Sets overflow now and then, as they do in a table that never grew.
        let mut n_known = 0;
        for i in 1..=10_000 {
            recent.put(spread(i), seen(i));
            assert_eq!(recent.get(spread(i)), Some(seen(i)));
        }
        for i in 1..=10_000 {
            n_known += u64::from(recent.get(spread(i)) == Some(seen(i)));
        }
        assert!(n_known > 9_000, "{n_known}");
        (10_001..=200_000).for_each(|i| recent.put(spread(i), seen(i)));
        assert!(recent.keys.len() as u64 * Memory::ENTRY_BYTES <= bytes, "{}", recent.keys.len());
        assert!(recent.keys.len() as u64 * Memory::ENTRY_BYTES > bytes / 2);
    }
}
