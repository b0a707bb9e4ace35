//! Entries that are in no run yet.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{BuildHasherDefault, Hasher},
};

use super::{Key, N_TABLES, Table, filter::halves};

/// What an entry costs in memory beside its bytes, about.
const ENTRY_BYTES: usize = 64;

/// A table in memory; `None` is a key that is gone.
pub(super) type Sorted = BTreeMap<Key, Option<Box<[u8]>>>;

/// The youngest entries of all tables.
#[derive(Debug, Default)]
pub(in crate::frontier) struct Fresh {
    /// [`Table::Seen`]: asked for all the time, and in order only when it becomes a run.
    numbers: HashMap<Key, u64, BuildHasherDefault<AlreadyHashed>>,
    /// The others. One place is never used.
    sorted: [Sorted; N_TABLES],
    size: usize,
}

impl Fresh {
    pub(super) fn number(&self, key: Key) -> Option<u64> {
        self.numbers.get(&key).copied()
    }

    pub(super) fn put_number(&mut self, key: Key, number: u64) {
        if self.numbers.insert(key, number).is_none() {
            self.size += 40;
        }
    }

    /// The outer `None` says that nothing is known of it here.
    pub(super) fn get(&self, table: Table, key: Key) -> Option<Option<&[u8]>> {
        self.sorted[table.at()].get(&key).map(Option::as_deref)
    }

    pub(super) fn put(&mut self, table: Table, key: Key, value: Option<Box<[u8]>>) {
        let new = value.as_ref().map_or(0, |value| value.len());
        let old = self.sorted[table.at()].insert(key, value);
        match old {
            None => self.size += ENTRY_BYTES + new,
            Some(old) => self.size = (self.size + new).saturating_sub(old.map_or(0, |old| old.len())),
        }
    }

    pub(super) fn sorted(&self, table: Table) -> &Sorted {
        &self.sorted[table.at()]
    }

    /// All numbers, by key.
    pub(super) fn sorted_numbers(&self) -> Vec<(Key, u64)> {
        let mut numbers: Vec<_> = self.numbers.iter().map(|(key, number)| (*key, *number)).collect();
        numbers.sort_unstable_by_key(|(key, _)| *key);
        numbers
    }

    /// Bytes in memory, about.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    pub(super) fn len(&self, table: Table) -> usize {
        if table == Table::Seen { self.numbers.len() } else { self.sorted[table.at()].len() }
    }
}

/// Fingerprints are hashes: their lower half is as good a hash as any.
#[derive(Debug, Default)]
pub(in crate::frontier) struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        // Only whole keys are hashed, which come by `write_u128`.
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u128(&mut self, key: u128) {
        self.0 = halves(key)[0];
    }
}
