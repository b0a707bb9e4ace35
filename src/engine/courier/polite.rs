//! Politeness as a layer: a fetcher that waits for the host's turn and tells how it went.

use std::{sync::Arc, time::Duration};

use futures::{FutureExt, future::BoxFuture};
use moka::future::Cache;
use tokio::{sync::Mutex, time::sleep_until};

use super::conduct::conduct;
use crate::{
    address::{HostId, HostKey, Origin},
    clock::{Clock, Timestamp},
    fetch::{ErrorKind, FetchError, Fetcher, Phase, Request, Response, Timings},
    politeness::{
        self, Policy,
        gate::{Denied, Member},
    },
};

/// A wait that is longer is told, because nobody should have to guess what he waits for …
const LONG_WAIT: Duration = Duration::from_secs(10);
/// … but not more often than this for one host.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// A [`Fetcher`] whose requests reach no server before the gate lets them. Stands directly in front of
/// the one that opens connections. See the module's contract.
pub struct PoliteFetcher {
    inner: Arc<dyn Fetcher>,
    member: Member,
    policies: politeness::Options,
    /// Crawl-delays that were heard, the most recently used of them.
    delays: Cache<HostId, Delay>,
    /// When it was told last that a host makes everybody wait.
    told: Cache<HostId, Timestamp>,
    /// Whose turn it is at each host: whoever comes first, and he alone asks the gate. One that is forgotten
    /// costs an order and no promise.
    turns: Cache<HostId, Arc<Mutex<()>>>,
    clock: Clock,
}

#[derive(Debug, Clone)]
struct Delay {
    delay: Duration,
    heard: Timestamp,
    /// Whose robots.txt says so.
    origin: Origin,
}

impl PoliteFetcher {
    /// In front of `inner`: the promises of `policies`. How many requests are in flight at most is for the
    /// member's gate to say: whoever waited for room anywhere else would come late to the time that the gate
    /// gave it, and too soon before the next. Of at most `max_hosts` hosts a crawl-delay is remembered.
    pub fn new(
        inner: Arc<dyn Fetcher>,
        member: Member,
        policies: politeness::Options,
        max_hosts: u64,
        clock: Clock,
    ) -> Self {
        let (delays, told, turns) = (Cache::new(max_hosts), Cache::new(max_hosts), Cache::new(max_hosts));
        Self { inner, member, policies, delays, told, turns, clock }
    }

    /// What the robots.txt of an origin, heard just now, says about the time between requests. The longest
    /// that any origin of the host asks for holds for the host, until that origin asks for another.
    pub(super) async fn learn_crawl_delay(&self, origin: &Origin, delay: Option<Duration>) {
        let host = origin.host().id();
        let known = self.delays.get(&host).await;
        let is_others = known.filter(|known| known.origin != *origin && Some(known.delay) > delay).is_some();
        match delay {
            _ if is_others => {}
            Some(delay) => {
                self.delays.insert(host, Delay { delay, heard: self.clock.now(), origin: origin.clone() }).await;
            }
            None => self.delays.invalidate(&host).await,
        }
    }

    async fn fetch_politely(&self, request: Request) -> Result<Response, FetchError> {
        let host = request.url.host();
        let turns = self.turns.get_with(host.id(), async { Arc::default() }).await;
        let turn = turns.lock().await;
        let (policy, not_before) = self.promise(&host).await;
        sleep_until(self.clock.instant(not_before)).await;
        let patience = Some(self.clock.now() + LONG_WAIT);
        let permit = match self.member.enter(&host, &policy, self.clock, patience).await {
            Ok(permit) => permit,
            // Nobody is in a hurry here: whoever is drops the future.
            Err(denied) => {
                self.tell(&host, denied).await;
                self.member.enter(&host, &policy, self.clock, None).await.map_err(|_| self.busy())?
            }
        };
        drop(turn);
        let url = request.url.clone();
        let result = self.inner.fetch(request).await;
        permit.settle(conduct(&url, &result).as_ref());
        result
    }

    /// The policy for a host, with what its robots.txt asks for, and until when it is to be left alone
    /// since that was heard.
    async fn promise(&self, host: &HostKey) -> (Policy, Timestamp) {
        let policy = self.policies.policy(host.as_str()).clone();
        let asked = self.delays.get(&host.id()).await.filter(|_| policy.honour_crawl_delay);
        let Some(Delay { delay, heard, .. }) = asked else { return (policy, Timestamp::default()) };
        let delay = delay.min(policy.max_delay);
        if delay <= policy.interval {
            return (policy, Timestamp::default());
        }
        let one = std::num::NonZeroU32::MIN;
        (Policy { interval: delay, burst: one, connections: one, ..policy }, heard + delay)
    }

    /// Says what a long wait is for.
    async fn tell(&self, host: &HostKey, denied: Denied) {
        let now = self.clock.now();
        let Denied::Until(until, why) = denied else { return };
        let was_told = self.told.get(&host.id()).await.is_some_and(|at| now.since(at) < TELL_EVERY);
        if until.since(now) > LONG_WAIT && !was_told {
            self.told.insert(host.id(), now).await;
            tracing::info!(%host, %until, why = why.as_str(), "the host is not to be asked for a while");
        }
    }

    fn busy(&self) -> FetchError {
        let now = self.clock.now();
        let timings = Timings { sent_at: now, ended_at: now, ..Timings::default() };
        let message = "more hosts are being asked than can be remembered".to_owned();
        FetchError { kind: ErrorKind::Busy, phase: Phase::Connect, message, timings }
    }
}

impl Fetcher for PoliteFetcher {
    fn fetch(&self, request: Request) -> BoxFuture<'_, Result<Response, FetchError>> {
        self.fetch_politely(request).boxed()
    }
}
