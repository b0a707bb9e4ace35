//! Where responses are kept: a shelf for each URL, on it a bounded number of variants.
//!
//! moka bounds the bytes, evicts, and lets go of a shelf when nothing on it can be of use any more. A
//! variant belongs to a user (a hash of what was secret in the request) and to what the request said in
//! the fields that the response varies by. Deliberately not: what may be kept or served (`policy`).

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use http::HeaderMap;
use moka::{Expiry, future::Cache, notification::RemovalCause, ops::compute::Op};

use super::{
    key::User,
    policy::{self, Facts, Selecting},
};
use crate::{
    address::CanonicalUrl,
    clock::Timestamp,
    fetch::{Request, Response},
};

/// Most variants of one URL; the oldest goes when another comes.
const MAX_VARIANTS: usize = 16;
/// Weight of a variant besides URL, header fields and body: the maps and counters around it.
const ENTRY_OVERHEAD_BYTES: usize = 512;

/// One stored response.
pub(super) struct Entry {
    /// Whole; its fields are those that may be stored. Accounted for by the shelves, not by the fetcher.
    pub(super) response: Response,
    pub(super) facts: Facts,
    pub(super) selecting: Selecting,
    pub(super) user: User,
}

impl Entry {
    fn is_for(&self, request: &Request, user: &User) -> bool {
        // A raw body that is wanted must be there and fit; a decoded one is cut where the caller says.
        let longest = |raw: &bytes::Bytes| raw.len().max(self.response.body.len());
        let has_raw = self.response.raw.as_ref().is_some_and(|raw| longest(raw) <= request.max_body_bytes);
        self.user == *user && (!request.keep_raw || has_raw) && policy::matches(&self.selecting, &request.headers)
    }

    /// What it takes of the cache's bytes.
    pub(super) fn weight(&self) -> usize {
        let headers: usize =
            self.response.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 2).sum();
        let selecting: usize =
            self.selecting.iter().map(|(name, value)| name.as_str().len() + value.as_ref().map_or(0, Vec::len)).sum();
        let raw = self.response.raw.as_ref().map_or(0, bytes::Bytes::len);
        ENTRY_OVERHEAD_BYTES + headers + selecting + self.response.body.len() + raw
    }
}

/// The variants of one URL, newest first.
#[derive(Default)]
struct Shelf {
    entries: Vec<Arc<Entry>>,
    /// From its last change on.
    kept_for: Duration,
}

/// All shelves.
pub(super) struct Shelves {
    shelves: Cache<CanonicalUrl, Arc<Shelf>>,
    entry_max_bytes: usize,
    /// How long something is kept after it has become stale.
    keep: Duration,
    evicted: Arc<AtomicU64>,
}

impl Shelves {
    pub(super) fn new(max_bytes: u64, entry_max_bytes: usize, keep: Duration) -> Self {
        let evicted = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&evicted);
        let shelves = Cache::builder()
            .max_capacity(max_bytes)
            .weigher(|url: &CanonicalUrl, shelf: &Arc<Shelf>| {
                let entries: usize = shelf.entries.iter().map(|entry| entry.weight()).sum();
                u32::try_from(url.as_str().len() + entries).unwrap_or(u32::MAX)
            })
            .expire_after(KeptFor)
            .eviction_listener(move |_, _, cause| {
                if cause == RemovalCause::Size {
                    counter.fetch_add(1, Ordering::Relaxed);
                }
            })
            .build();
        Self { shelves, entry_max_bytes, keep, evicted }
    }

    /// The newest response that is one to this request, fresh or not.
    pub(super) async fn find(&self, request: &Request, user: &User) -> Option<Arc<Entry>> {
        let shelf = self.shelves.get(&request.url).await?;
        shelf.entries.iter().find(|entry| entry.is_for(request, user)).cloned()
    }

    /// Keeps a response, in the place of those to the same request. One that is too large only takes
    /// their place away.
    pub(super) async fn put(&self, url: &CanonicalUrl, headers: &HeaderMap, entry: Entry, now: Timestamp) {
        let fits = entry.weight() <= self.entry_max_bytes;
        let entry = Arc::new(entry);
        self.change(url, now, |entries| {
            entries.retain(|old| old.user != entry.user || !policy::matches(&old.selecting, headers));
            if fits {
                entries.insert(0, entry);
                entries.truncate(MAX_VARIANTS);
            }
        })
        .await;
    }

    /// Forgets one response, if it is still there.
    pub(super) async fn remove(&self, url: &CanonicalUrl, entry: &Arc<Entry>) {
        self.change(url, Timestamp(0), |entries| entries.retain(|old| !Arc::ptr_eq(old, entry))).await;
    }

    /// Forgets all of a URL, whosever it is.
    pub(super) async fn remove_all(&self, url: &CanonicalUrl) {
        self.shelves.invalidate(url).await;
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        self.shelves.invalidate_all();
    }

    /// Changes a shelf in one step: others may be at it.
    async fn change(&self, url: &CanonicalUrl, now: Timestamp, change: impl FnOnce(&mut Vec<Arc<Entry>>)) {
        let keep = self.keep;
        let changed = |old: Option<moka::Entry<CanonicalUrl, Arc<Shelf>>>| {
            let mut entries = old.map(|old| old.value().entries.clone()).unwrap_or_default();
            change(&mut entries);
            let left = |entry: &Arc<Entry>| entry.facts.lifetime.saturating_sub(policy::age(&entry.facts, now));
            let kept_for = entries.iter().map(left).max().unwrap_or_default().saturating_add(keep);
            let op = match entries.is_empty() {
                true => Op::Remove,
                false => Op::Put(Arc::new(Shelf { entries, kept_for })),
            };
            std::future::ready(op)
        };
        // Boxed: moka's future is large, and everyone who asks would carry it about.
        Box::pin(self.shelves.entry_by_ref(url).and_compute_with(changed)).await;
    }

    /// Drops what has expired or was evicted.
    pub(super) async fn sweep(&self) {
        self.shelves.run_pending_tasks().await;
    }

    /// URLs kept, bytes they take, and how many were thrown out for want of room.
    pub(super) fn size(&self) -> (u64, u64, u64) {
        (self.shelves.entry_count(), self.shelves.weighted_size(), self.evicted.load(Ordering::Relaxed))
    }
}

/// Frees what is of no use any more; whether it may be served is decided by the clock that was handed in.
struct KeptFor;

impl Expiry<CanonicalUrl, Arc<Shelf>> for KeptFor {
    fn expire_after_create(&self, _: &CanonicalUrl, shelf: &Arc<Shelf>, _: Instant) -> Option<Duration> {
        Some(shelf.kept_for)
    }

    fn expire_after_update(
        &self,
        _: &CanonicalUrl,
        shelf: &Arc<Shelf>,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(shelf.kept_for)
    }
}
