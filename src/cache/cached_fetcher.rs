//! The cache as a fetcher around a fetcher: what becomes of a request.
//!
//! Reads like the list of its ends: past the cache, from memory, by waiting for another's exchange, by
//! one's own. The exchange itself, and what it changes in the store, is in `exchange`.

use std::sync::Arc;

use futures::{FutureExt, future::BoxFuture};
use http::{HeaderMap, HeaderName, Method, header};
use tokio::sync::Semaphore;

use super::{
    Counts, Options, answer,
    exchange::{Exchanges, How, Landed},
    flight::Flights,
    key::{FlightKey, User},
    policy::{self, Plan},
};
use crate::{
    address::CanonicalUrl,
    clock::{Clock, Timestamp},
    fetch::{CacheStatus, FetchError, Fetcher, Request, Response},
    shutdown::Tasks,
};

/// Most revalidations in the background at a time; when all are taken, what is stale is served without.
const MAX_BACKGROUND: usize = 16;

/// Fields with which a request goes past the cache: it wants a part, or changes something on a condition.
const GO_PAST: [HeaderName; 4] = [header::RANGE, header::IF_RANGE, header::IF_MATCH, header::IF_UNMODIFIED_SINCE];

/// A [`Fetcher`] that remembers. See the module's contract.
///
/// Dropping it ends the revalidations that run in the background.
pub struct CachedFetcher {
    core: Arc<Core>,
    background: Tasks,
}

/// What tasks in the background need, too.
struct Core {
    exchanges: Exchanges,
    flights: Flights<FlightKey, Arc<Landed>>,
    free: Arc<Semaphore>,
    clock: Clock,
}

impl CachedFetcher {
    /// A cache in front of `inner`.
    pub fn new(inner: Arc<dyn Fetcher>, options: Options, clock: Clock) -> Self {
        Self::of(Exchanges::new(inner, options, clock), clock)
    }

    /// The same cache in front of another way to the same servers: what one keeps the other finds. They don't wait
    /// for each other's exchanges, for one may have to wait for what the other need not.
    #[must_use]
    pub fn beside(&self, inner: Arc<dyn Fetcher>) -> Self {
        Self::of(self.core.exchanges.beside(inner), self.core.clock)
    }

    fn of(exchanges: Exchanges, clock: Clock) -> Self {
        let free = Arc::new(Semaphore::new(MAX_BACKGROUND));
        let core = Core { exchanges, flights: Flights::new(), free, clock };
        Self { core: Arc::new(core), background: Tasks::new() }
    }

    /// What happened so far.
    pub fn counts(&self) -> Counts {
        let Exchanges { counters, shelves, .. } = &self.core.exchanges;
        counters.read(shelves.size())
    }

    /// Drops what has expired or was evicted. The owner calls it now and then; without it memory is
    /// freed by and by, as the cache is used.
    pub async fn sweep(&self) {
        self.core.exchanges.shelves.sweep().await;
    }

    /// Forgets all that is kept of a URL, or everything.
    pub async fn forget(&self, url: Option<&CanonicalUrl>) {
        let shelves = &self.core.exchanges.shelves;
        match url {
            Some(url) => shelves.remove_all(url).await,
            None => shelves.clear(),
        }
        shelves.sweep().await;
    }

    async fn answer(&self, request: Request) -> Result<Response, FetchError> {
        let Core { exchanges, clock, .. } = &*self.core;
        let counters = &exchanges.counters;
        if goes_past(&request) {
            counters.bypasses.add();
            return exchanges.past(request).await;
        }
        let asked_at = clock.now();
        let user = User::of(&request.headers);
        let entry = exchanges.shelves.find(&request, &user).await;
        let plan = policy::plan(entry.as_ref().map(|e| &e.facts), &request.headers, request.accept_stale, asked_at);
        let status = match plan {
            Plan::Fresh => {
                counters.hits.add();
                CacheStatus::Hit
            }
            Plan::Stale => {
                counters.stale.add();
                CacheStatus::Stale
            }
            Plan::StaleWhileRevalidate => {
                self.revalidate(&request, &user);
                counters.stale.add();
                CacheStatus::Stale
            }
            Plan::Unavailable => {
                counters.unavailable.add();
                return Ok(answer::unavailable(asked_at, asked_at));
            }
            Plan::Ask => return self.core.fly(&request, &user, asked_at).await,
        };
        let entry = entry.expect("only what is there can be fresh or stale");
        Ok(answer::from_memory(&entry, &request, status, asked_at, clock.now()))
    }

    /// Asks the server behind the caller's back, unless somebody does already.
    fn revalidate(&self, request: &Request, user: &User) {
        let Ok(permit) = Arc::clone(&self.core.free).try_acquire_owned() else { return };
        let Some(seat) = self.core.flights.begin(FlightKey::of(request)) else { return };
        let (core, request, user) = (Arc::clone(&self.core), request.clone(), user.clone());
        core.exchanges.counters.background.add();
        self.background.spawn("cache revalidation", async move {
            seat.land(core.exchanges.exchange(&request, &user)).await;
            drop(permit);
        });
    }
}

impl Core {
    /// Waits for the exchange of those who ask alike, or makes it.
    async fn fly(&self, request: &Request, user: &User, asked_at: Timestamp) -> Result<Response, FetchError> {
        let seat = self.flights.join(FlightKey::of(request));
        let mut is_own = false;
        let work = async {
            is_own = true;
            self.exchanges.exchange(request, user).await
        };
        let landed = seat.land(work).await;
        drop(seat);
        if request.accept_stale
            && let Some(response) = self.stand_in(request, user, &landed, is_own, asked_at).await
        {
            return Ok(response);
        }
        let counters = &self.exchanges.counters;
        if is_own {
            match landed.how {
                How::Hit => counters.hits.add(),
                How::Stale => counters.stale.add(),
                How::Revalidated => counters.revalidated.add(),
                How::Asked => counters.misses.add(),
            }
            return landed.result.clone();
        }
        counters.collapsed.add();
        let response = landed.result.as_ref().map_err(Clone::clone)?;
        Ok(answer::shared(response, asked_at, self.clock.now()))
    }

    /// What is stored, in the stead of an error (RFC 5861 section 4).
    async fn stand_in(
        &self,
        request: &Request,
        user: &User,
        landed: &Landed,
        is_own: bool,
        asked_at: Timestamp,
    ) -> Option<Response> {
        let (status, exchange) = match &landed.result {
            Ok(response) if response.status >= 500 => (Some(response.status), answer::Exchange::of(response)),
            Ok(_) => return None,
            Err(error) => (None, answer::Exchange::failed(error)),
        };
        let entry = self.exchanges.shelves.find(request, user).await?;
        let now = self.clock.now();
        if entry.response.status >= 500 || !policy::may_stand_in(&entry.facts, &request.headers, status, now) {
            return None;
        }
        self.exchanges.counters.stale.add();
        Some(match is_own {
            true => answer::after_exchange(&entry, request, CacheStatus::Stale, &exchange),
            false => answer::from_memory(&entry, request, CacheStatus::Stale, asked_at, now),
        })
    }
}

/// Whether a request has nothing to do with what is stored.
fn goes_past(request: &Request) -> bool {
    let is_readable = matches!(request.method, Method::GET | Method::HEAD);
    let no_store = |headers: &HeaderMap| policy::directives::Directives::of_request(headers).no_store;
    !is_readable || GO_PAST.iter().any(|name| request.headers.contains_key(name)) || no_store(&request.headers)
}

impl Fetcher for CachedFetcher {
    fn fetch(&self, request: Request) -> BoxFuture<'_, Result<Response, FetchError>> {
        self.answer(request).boxed()
    }

    fn held(&self, tell: &mut dyn FnMut(&'static str, u64)) {
        let counts = self.counts();
        tell("cache.urls", counts.urls);
        tell("cache.bytes", counts.bytes);
        tell("cache.flights", self.core.flights.len() as u64);
        self.core.exchanges.inner.held(tell);
    }
}

impl std::fmt::Debug for CachedFetcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CachedFetcher").field("counts", &self.counts()).finish_non_exhaustive()
    }
}
