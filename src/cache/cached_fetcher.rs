//! The cache as a fetcher around a fetcher.
//!
//! moka does the hard parts: admission and eviction by weight, and single-flight whose waiters are
//! woken when the leader fails or is dropped. What is decided here is what may be kept: whole answers
//! with 200. Everything else (errors, other statuses, truncated bodies) is given to the leader and to
//! those who waited with it, and forgotten.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture};
use moka::{future::Cache, ops::compute::Op};

use super::{Counts, Options};
use crate::{
    address::CanonicalUrl,
    clock::{Clock, Timestamp},
    fetch::{FetchError, Fetcher, Request, Reservation, Response, Timings},
};

/// Weight of an entry besides URL, headers and body: the maps and counters around it.
const ENTRY_OVERHEAD_BYTES: usize = 512;

/// A [`Fetcher`] that remembers. See the module's contract.
pub struct CachedFetcher {
    inner: Arc<dyn Fetcher>,
    entries: Cache<Key, Arc<Entry>>,
    ttl: Duration,
    clock: Clock,
    hits: AtomicU64,
    misses: AtomicU64,
    bypasses: AtomicU64,
}

/// A body that was cut at one limit is not the answer to a request with another.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    url: CanonicalUrl,
    max_body_bytes: usize,
}

struct Entry {
    response: Response,
    stored_at: Timestamp,
}

/// The outcome of an exchange that is shared and not kept.
enum Passing {
    Response(Box<Response>),
    Error(FetchError),
}

impl CachedFetcher {
    /// A cache in front of `inner`.
    pub fn new(inner: Arc<dyn Fetcher>, options: Options, clock: Clock) -> Self {
        let entries = Cache::builder()
            .max_capacity(options.max_bytes)
            .weigher(|key: &Key, entry: &Arc<Entry>| weight(key, &entry.response))
            // Frees what expired; whether it has is decided by the clock that was handed in.
            .time_to_live(options.ttl)
            .build();
        let (hits, misses, bypasses) = Default::default();
        Self { inner, entries, ttl: options.ttl, clock, hits, misses, bypasses }
    }

    /// What happened so far.
    pub fn counts(&self) -> Counts {
        Counts {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            bypasses: self.bypasses.load(Ordering::Relaxed),
        }
    }

    /// Drops what has expired or was evicted. The owner calls it now and then; without it memory is
    /// freed by and by, as the cache is used.
    pub async fn sweep(&self) {
        self.entries.run_pending_tasks().await;
    }

    async fn fetch_cached(&self, request: Request) -> Result<Response, FetchError> {
        if !request.headers.is_empty() {
            // The answer may depend on them; whose are they? RFC 9111 section 4.1 will know.
            self.bypasses.fetch_add(1, Ordering::Relaxed);
            return self.inner.fetch(request).await;
        }
        let asked_at = self.clock.now();
        let key = Key { url: request.url.clone(), max_body_bytes: request.max_body_bytes };
        self.forget_stale(&key).await;

        // Set by the one whose future is run; the others wait for its result.
        let mut own = None;
        let result = self.entries.try_get_with(key, self.exchange(request, &mut own)).await;
        if let Some(own) = own {
            self.misses.fetch_add(1, Ordering::Relaxed);
            return own;
        }
        self.hits.fetch_add(1, Ordering::Relaxed);
        match result {
            Ok(entry) => Ok(self.served(&entry.response, asked_at)),
            Err(passing) => match &*passing {
                Passing::Response(response) => Ok(self.served(response, asked_at)),
                Passing::Error(error) => Err(error.clone()),
            },
        }
    }

    /// The leader's part: asks, keeps the result for itself in `own`, and gives the others theirs.
    async fn exchange(
        &self,
        request: Request,
        own: &mut Option<Result<Response, FetchError>>,
    ) -> Result<Arc<Entry>, Passing> {
        let result = self.inner.fetch(request).await;
        let shared = match &result {
            Ok(response) if is_kept(response) => {
                Ok(Arc::new(Entry { response: detached(response), stored_at: self.clock.now() }))
            }
            Ok(response) => Err(Passing::Response(Box::new(response.clone()))),
            Err(error) => Err(Passing::Error(error.clone())),
        };
        *own = Some(result);
        shared
    }

    /// Removes an entry that is too old, in one step with finding it so: another caller may have
    /// put a fresh one in its place.
    async fn forget_stale(&self, key: &Key) {
        let now = self.clock.now();
        let is_stale = |entry: &Entry| now.since(entry.stored_at) >= self.ttl;
        if self.entries.get(key).await.is_some_and(|entry| is_stale(&entry)) {
            let remove = |entry: Option<moka::Entry<Key, Arc<Entry>>>| {
                let stale = entry.is_some_and(|entry| is_stale(entry.value()));
                std::future::ready(if stale { Op::Remove } else { Op::Nop })
            };
            self.entries.entry_by_ref(key).and_compute_with(remove).await;
        }
    }

    fn served(&self, response: &Response, asked_at: Timestamp) -> Response {
        let now = self.clock.now();
        Response {
            wire_bytes: 0,
            from_cache: true,
            timings: Timings { sent_at: asked_at, first_byte_at: Some(now), ended_at: now, ..Timings::default() },
            ..response.clone()
        }
    }
}

impl Fetcher for CachedFetcher {
    fn fetch(&self, request: Request) -> BoxFuture<'_, Result<Response, FetchError>> {
        self.fetch_cached(request).boxed()
    }
}

impl std::fmt::Debug for CachedFetcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CachedFetcher").field("ttl", &self.ttl).field("counts", &self.counts()).finish_non_exhaustive()
    }
}

fn is_kept(response: &Response) -> bool {
    response.status == 200 && response.truncated.is_none()
}

/// A copy that holds nothing of the fetcher's: neither its memory budget nor the connection's read
/// buffer, of which a body that came in one piece is a slice.
fn detached(response: &Response) -> Response {
    Response { body: Bytes::copy_from_slice(&response.body), reservation: Reservation::default(), ..response.clone() }
}

fn weight(key: &Key, response: &Response) -> u32 {
    let headers: usize = response.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    let bytes = ENTRY_OVERHEAD_BYTES + key.url.as_str().len() + headers + response.body.len();
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
