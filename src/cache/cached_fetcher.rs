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
use http::{HeaderName, header};
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
        if request.headers.iter().any(|(name, value)| value.is_sensitive() || is_selective(name)) {
            // The answer is for one who knows a secret, or it is not the whole of it.
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

/// Whether a field asks for another answer than the whole and newest one.
fn is_selective(name: &HeaderName) -> bool {
    *name == header::RANGE || name.as_str().starts_with("if-")
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::{sync::Semaphore, task::JoinSet};

    use super::*;
    use crate::{
        address::Canonicalizer,
        fetch::{ErrorKind, Phase, Truncation},
    };

    /// Answers with a copy of `answer` whenever the gate gives a permit.
    struct Gated {
        answer: Mutex<Result<Response, FetchError>>,
        gate: Semaphore,
        n_asked: AtomicU64,
    }

    impl Gated {
        fn new(answer: Result<Response, FetchError>, permits: usize) -> Arc<Self> {
            let (answer, gate) = (Mutex::new(answer), Semaphore::new(permits));
            Arc::new(Self { answer, gate, n_asked: AtomicU64::new(0) })
        }

        fn n_asked(&self) -> u64 {
            self.n_asked.load(Ordering::SeqCst)
        }
    }

    impl Fetcher for Gated {
        fn fetch(&self, _: Request) -> BoxFuture<'_, Result<Response, FetchError>> {
            self.n_asked.fetch_add(1, Ordering::SeqCst);
            async {
                self.gate.acquire().await.unwrap().forget();
                self.answer.lock().unwrap().clone()
            }
            .boxed()
        }
    }

    fn page(status: u16) -> Response {
        Response { status, body: Bytes::from_static(b"hello"), wire_bytes: 5, ..Response::default() }
    }

    fn failure() -> FetchError {
        let (kind, phase) = (ErrorKind::Closed, Phase::Head);
        FetchError { kind, phase, message: "closed".into(), timings: Timings::default() }
    }

    fn get(path: &str) -> Request {
        let url = Canonicalizer::default().parse(&format!("http://h/{path}")).unwrap();
        Request::get(url, 1000)
    }

    const OPTIONS: Options = Options { max_bytes: 1 << 20, ttl: Duration::from_secs(60) };

    fn cache(inner: &Arc<Gated>) -> Arc<CachedFetcher> {
        let inner: Arc<dyn Fetcher> = Arc::clone(inner) as _;
        Arc::new(CachedFetcher::new(inner, OPTIONS, Clock::starting_at(Timestamp(0))))
    }

    #[tokio::test(start_paused = true)]
    async fn serves_again_until_the_time_is_over() {
        let inner = Gated::new(Ok(page(200)), 100);
        let cache = cache(&inner);
        let first = cache.fetch(get("a")).await.unwrap();
        assert_eq!((first.from_cache, first.wire_bytes), (false, 5));
        tokio::time::advance(Duration::from_secs(59)).await;
        let second = cache.fetch(get("a")).await.unwrap();
        assert_eq!((second.from_cache, second.wire_bytes, &second.body[..]), (true, 0, &b"hello"[..]));
        assert_eq!(second.timings.sent_at, Timestamp(59_000_000));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!cache.fetch(get("a")).await.unwrap().from_cache);
        assert!(!cache.fetch(get("b")).await.unwrap().from_cache);
        assert_eq!(cache.counts(), Counts { hits: 1, misses: 3, bypasses: 0 });
    }

    /// Lets 100 callers wait for one exchange, then opens the gate; what each got.
    async fn stampede(inner: &Arc<Gated>, cache: &Arc<CachedFetcher>) -> Vec<Result<Response, FetchError>> {
        let mut tasks = JoinSet::new();
        for _ in 0..100 {
            let cache = Arc::clone(cache);
            tasks.spawn(async move { cache.fetch(get("a")).await });
        }
        for _ in 0..300 {
            tokio::task::yield_now().await;
        }
        assert_eq!(inner.n_asked(), 1);
        inner.gate.add_permits(1);
        tasks.join_all().await
    }

    #[tokio::test]
    async fn a_stampede_is_one_exchange() {
        let inner = Gated::new(Ok(page(200)), 0);
        let cache = cache(&inner);
        let answers = stampede(&inner, &cache).await;
        assert_eq!(answers.iter().filter(|answer| !answer.as_ref().unwrap().from_cache).count(), 1);
        assert_eq!((inner.n_asked(), cache.counts()), (1, Counts { hits: 99, misses: 1, bypasses: 0 }));
    }

    #[tokio::test]
    async fn failures_and_other_statuses_are_shared_and_not_kept() {
        let truncated = Response { truncated: Some(Truncation::Incomplete), ..page(200) };
        for answer in [Err(failure()), Ok(page(404)), Ok(page(301)), Ok(truncated)] {
            let inner = Gated::new(answer.clone(), 0);
            let cache = cache(&inner);
            for got in stampede(&inner, &cache).await {
                assert_eq!(
                    got.map(|r| r.status).map_err(|e| e.kind),
                    answer.clone().map(|r| r.status).map_err(|e| e.kind)
                );
            }
            assert_eq!(inner.n_asked(), 1);
            inner.gate.add_permits(1);
            let _ = cache.fetch(get("a")).await;
            assert_eq!(inner.n_asked(), 2, "the next one asks again");
        }
    }

    #[tokio::test]
    async fn a_leader_that_is_dropped_hands_over() {
        let inner = Gated::new(Ok(page(200)), 0);
        let cache = cache(&inner);
        let mut leader = cache.fetch(get("a"));
        assert!(futures::poll!(&mut leader).is_pending());
        let mut tasks = JoinSet::new();
        for _ in 0..10 {
            let cache = Arc::clone(&cache);
            tasks.spawn(async move { cache.fetch(get("a")).await.unwrap().status });
        }
        tokio::task::yield_now().await;
        drop(leader);
        inner.gate.add_permits(1);
        assert_eq!(tasks.join_all().await, [200; 10]);
        assert_eq!(inner.n_asked(), 2);
    }

    #[tokio::test]
    async fn requests_with_headers_go_past_it_and_limits_are_told_apart() {
        let inner = Gated::new(Ok(page(200)), 100);
        let cache = cache(&inner);
        let mut request = get("a");
        request.headers.insert("range", http::HeaderValue::from_static("bytes=0-1"));
        cache.fetch(get("a")).await.unwrap();
        assert!(!cache.fetch(request).await.unwrap().from_cache);
        let longer = Request { max_body_bytes: 2000, ..get("a") };
        assert!(!cache.fetch(longer).await.unwrap().from_cache);
        assert_eq!(cache.counts(), Counts { hits: 0, misses: 2, bypasses: 1 });
    }

    #[tokio::test]
    async fn bounded_by_bytes() {
        let body = Bytes::from(vec![b'x'; 100_000]);
        let inner = Gated::new(Ok(Response { body, ..page(200) }), 1000);
        let cache = cache(&inner);
        for n in 0..50 {
            cache.fetch(get(&n.to_string())).await.unwrap();
        }
        cache.sweep().await;
        assert!((1..=1 << 20).contains(&cache.entries.weighted_size()), "{}", cache.entries.weighted_size());
    }
}
