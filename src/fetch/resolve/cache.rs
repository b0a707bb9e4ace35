//! What is known about names, for as long as it holds, and one look-up a name at a time.
//!
//! Which of a name's addresses answered last is remembered with them, and it is tried first: one that is
//! dead costs its share of the time to connect once, not at every connection.
//!
//! moka keeps the entries bounded and lets one caller look up while the others wait; if that one is
//! dropped or panics, the next of them takes over. Whether an entry still holds is judged here, by
//! tokio's clock.

use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use moka::future::Cache;
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};

use super::{Counts, Failure, Found, Lookup, MAX_LOOKUPS, MAX_WAIT, Options, order::interleaved};

/// A [`Lookup`] with a memory.
#[derive(Debug)]
pub(super) struct CachedLookup {
    lookup: Arc<dyn Lookup>,
    entries: Cache<String, Entry>,
    options: Options,
    running: Semaphore,
    hits: AtomicU64,
    misses: AtomicU64,
    negative: AtomicU64,
}

#[derive(Debug, Clone)]
struct Entry {
    answer: Result<Arc<Known>, Failure>,
    until: Instant,
}

#[derive(Debug)]
struct Known {
    ips: Vec<IpAddr>,
    /// The one that answered last.
    good: Mutex<Option<IpAddr>>,
}

impl CachedLookup {
    pub(super) fn new(lookup: Arc<dyn Lookup>, options: Options) -> Self {
        Self {
            lookup,
            entries: Cache::new(options.cache_entries),
            options,
            running: Semaphore::new(MAX_LOOKUPS),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            negative: AtomicU64::new(0),
        }
    }

    /// The addresses of `name`, at most [`super::MAX_ADDRESSES`] in the order in which they are to be tried.
    pub(super) async fn look_up(&self, name: &str) -> Result<Vec<IpAddr>, Failure> {
        let has_expired = |entry: &Entry| entry.until <= Instant::now();
        let entry = self.entries.entry_by_ref(name).or_insert_with_if(self.ask(name), has_expired).await;
        let counter = if entry.is_fresh() { &self.misses } else { &self.hits };
        counter.fetch_add(1, Ordering::Relaxed);
        let answer = entry.into_value().answer;
        if answer.is_err() {
            self.negative.fetch_add(1, Ordering::Relaxed);
        }
        answer.map(|known| known.ordered())
    }

    /// Tells that `ip` answered for `name`. What is not one of its addresses is passed over: a fixed
    /// answer, a proxy.
    pub(super) async fn answered(&self, name: &str, ip: IpAddr) {
        if let Some(Entry { answer: Ok(known), .. }) = self.entries.get(name).await {
            known.tell(ip);
        }
    }

    pub(super) fn n_known(&self) -> u64 {
        self.entries.entry_count()
    }

    pub(super) fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts { hits: read(&self.hits), misses: read(&self.misses), negative: read(&self.negative) }
    }

    async fn ask(&self, name: &str) -> Entry {
        let before = self.entries.get(name).await.and_then(|entry| entry.answer.ok()?.good());
        let answer = self.ask_in_turn(name).await.and_then(|found| {
            let ips = interleaved(found.ips, self.options.family);
            if ips.is_empty() { Err(Failure::NoAddress(found.ttl)) } else { Ok(Found { ips, ..found }) }
        });
        let until = Instant::now() + self.ttl(&answer);
        let answer = answer.map(|found| {
            let known = Known { ips: found.ips, good: Mutex::default() };
            before.into_iter().for_each(|ip| known.tell(ip));
            Arc::new(known)
        });
        Entry { answer, until }
    }

    async fn ask_in_turn(&self, name: &str) -> Result<Found, Failure> {
        let free = timeout(MAX_WAIT, self.running.acquire()).await;
        let _permit = free.map_err(|_| Failure::Busy)?.expect("the semaphore of look-ups is never closed");
        timeout(self.options.timeout, self.lookup.look_up(name)).await.map_err(|_| Failure::Timeout)?
    }

    fn ttl(&self, answer: &Result<Found, Failure>) -> Duration {
        let options = &self.options;
        match answer {
            // Not `clamp`, which panics when the least is more than the most.
            Ok(found) => found.ttl.max(options.min_ttl).min(options.max_ttl),
            Err(Failure::NoName(ttl) | Failure::NoAddress(ttl)) => (*ttl).min(options.negative_ttl),
            Err(Failure::Timeout | Failure::Failed(_)) => options.failure_ttl,
            Err(Failure::Busy) => Duration::ZERO,
        }
    }
}

impl Known {
    fn good(&self) -> Option<IpAddr> {
        *self.good.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, ip: IpAddr) {
        if self.ips.contains(&ip) {
            *self.good.lock().unwrap_or_else(PoisonError::into_inner) = Some(ip);
        }
    }

    fn ordered(&self) -> Vec<IpAddr> {
        let good = self.good();
        good.into_iter().chain(self.ips.iter().copied().filter(|&ip| Some(ip) != good)).collect()
    }
}

#[cfg(test)]
impl CachedLookup {
    /// How many names are remembered once the cache has been tidied up.
    pub(super) async fn n_entries(&self) -> u64 {
        self.entries.run_pending_tasks().await;
        self.entries.entry_count()
    }
}
