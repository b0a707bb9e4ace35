//! What [`Counts`] is read from.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Counts;

/// One for each way in which a request can end.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) hits: Counter,
    pub(super) stale: Counter,
    pub(super) revalidated: Counter,
    pub(super) collapsed: Counter,
    pub(super) misses: Counter,
    pub(super) bypasses: Counter,
    pub(super) unavailable: Counter,
    pub(super) background: Counter,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    /// As of now, with the size of the store.
    pub(super) fn read(&self, (urls, bytes, evicted): (u64, u64, u64)) -> Counts {
        Counts {
            hits: self.hits.get(),
            stale: self.stale.get(),
            revalidated: self.revalidated.get(),
            collapsed: self.collapsed.get(),
            misses: self.misses.get(),
            bypasses: self.bypasses.get(),
            unavailable: self.unavailable.get(),
            background: self.background.get(),
            evicted,
            urls,
            bytes,
        }
    }
}
