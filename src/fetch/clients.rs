//! The clients: one for each origin that was asked lately, on each way to it.
//!
//! A client has a pool of connections, which are closed when it is dropped, or when they were idle for a while;
//! it knows no bound over all hosts. So each origin has a client of its own, which takes some microseconds
//! and two kilobytes, and counts as many connections as it may keep. When they are too many together, the client of
//! the origin that was not asked for longest is dropped. A connection that is in use then serves its request to the
//! end, and is not kept.
//!
//! A client may keep as many as its host may have, or, where many origins are asked, its *share*: so many that twice
//! as many origins would fit. If each claimed all that its host may have, used or not, the connections of a few
//! origins would push out those of all others, and each request would open one. A share is fixed when the client is
//! made; one that was made when there were many more origins is made again.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hashlink::LruCache;
use reqwest::Client;
use tokio::time::Instant;

use super::BuildError;
use crate::address::Origin;

/// How long an idle connection is kept, if there are not too many ([`Options::idle_connections`](super::Options::idle_connections)).
pub(super) const IDLE_CONNECTION: Duration = Duration::from_secs(30);

/// Makes clients that are all alike, but for how many idle connections each keeps.
pub(super) type Maker = Box<dyn Fn(usize) -> Result<Client, BuildError> + Send + Sync>;

/// See the module's contract.
pub(super) struct Clients {
    /// By way (straight ahead first), then by face (none first).
    makers: Vec<Vec<Maker>>,
    /// Most connections that all clients together may keep.
    capacity: usize,
    kept: Mutex<Kept>,
}

struct Kept {
    /// By way and origin, which tells the face.
    clients: LruCache<(usize, Origin), Pooled>,
    /// How many connections they may keep together.
    connections: usize,
}

struct Pooled {
    client: Client,
    /// Most connections that it keeps.
    connections: usize,
    asked: Instant,
}

impl Clients {
    /// With at most `capacity` idle connections at a time.
    ///
    /// # Errors
    /// When one of the makers makes none.
    pub(super) fn new(makers: Vec<Vec<Maker>>, capacity: usize) -> Result<Self, BuildError> {
        // What is wrong with a client is known at the start, and not at the first request that needs it.
        makers.iter().flatten().try_for_each(|make| make(1).map(drop))?;
        let kept = Kept { clients: LruCache::new_unbounded(), connections: 0 };
        Ok(Self { makers, capacity, kept: Mutex::new(kept) })
    }

    /// The client for an origin on a way, with a face; it keeps `wanted` connections at most.
    ///
    /// # Errors
    /// When none can be made, which was tried at the start.
    pub(super) fn get(
        &self,
        (way, face): (usize, usize),
        origin: &Origin,
        wanted: usize,
    ) -> Result<Client, BuildError> {
        let make = &self.makers[way][face];
        if wanted.min(self.capacity) == 0 {
            return make(0);
        }
        let (key, now) = ((way, origin.clone()), Instant::now());
        let mut dropped = Vec::new();
        let client = {
            let mut kept = self.lock();
            kept.drop_unasked(now, &mut dropped);
            let share = wanted.min(self.share(kept.clients.len()));
            match kept.clients.get_mut(&key) {
                Some(pooled) if 2 * pooled.connections > share => {
                    pooled.asked = now;
                    return Ok(pooled.client.clone());
                }
                Some(_) => kept.drop_one(&key, &mut dropped),
                None => {}
            }
            let client = make(share)?;
            while kept.connections + share > self.capacity && kept.drop_last(&mut dropped) {}
            kept.connections += share;
            kept.clients.insert(key, Pooled { client: client.clone(), connections: share, asked: now });
            client
        };
        // Connections are closed when the lock is free again.
        drop(dropped);
        Ok(client)
    }

    /// How many connections those that there are may keep.
    pub(super) fn n_connections(&self) -> usize {
        self.lock().connections
    }

    /// How many connections a client may keep that joins `others`.
    fn share(&self, others: usize) -> usize {
        (self.capacity / (2 * others).max(1)).max(1)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// Drops the clients that nobody has asked for so long that they have no idle connection left.
    fn drop_unasked(&mut self, now: Instant, dropped: &mut Vec<Client>) {
        while self.clients.iter().next().is_some_and(|(_, last)| now.duration_since(last.asked) > IDLE_CONNECTION) {
            self.drop_last(dropped);
        }
    }

    /// Drops the client that was not asked for longest. `false` if there is none.
    fn drop_last(&mut self, dropped: &mut Vec<Client>) -> bool {
        let last = self.clients.remove_lru();
        last.map(|(_, pooled)| self.forget(pooled, dropped)).is_some()
    }

    fn drop_one(&mut self, key: &(usize, Origin), dropped: &mut Vec<Client>) {
        if let Some(pooled) = self.clients.remove(key) {
            self.forget(pooled, dropped);
        }
    }

    fn forget(&mut self, pooled: Pooled, dropped: &mut Vec<Client>) {
        self.connections -= pooled.connections;
        dropped.push(pooled.client);
    }
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients").field("connections", &self.n_connections()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rustls::RootCertStore;

    use super::*;
    use crate::{address::Canonicalizer, fetch::tls};

    type Made = Arc<Mutex<Vec<usize>>>;

    /// And how many connections each client may keep that was made.
    fn clients(capacity: usize) -> (Clients, Made) {
        let tls = tls::config(RootCertStore::empty(), tls::TlsVersion::V1_2, None).expect("a plain one");
        let made = Made::default();
        let log = made.clone();
        let make = move |n| {
            log.lock().expect("no test panics in here").push(n);
            Ok(Client::builder().tls_backend_preconfigured(tls.clone()).build()?)
        };
        let clients = Clients::new(vec![vec![Box::new(make)]], capacity).expect("it makes them");
        made.lock().expect("as above").clear();
        (clients, made)
    }

    fn ask(clients: &Clients, hosts: std::ops::Range<usize>, wanted: usize) {
        for n in hosts {
            let origin = Canonicalizer::default().parse(&format!("http://h{n}.test/")).expect("a URL").origin();
            clients.get((0, 0), &origin, wanted).expect("it makes them");
            assert!(clients.n_connections() <= clients.capacity);
        }
    }

    fn n_made(made: &Made) -> usize {
        std::mem::take(&mut *made.lock().expect("as above")).len()
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_has_all_that_it_may_have_while_there_is_room() {
        let (clients, made) = clients(1024);
        ask(&clients, 0..8, 64);
        ask(&clients, 0..8, 64);
        assert_eq!(*made.lock().expect("as above"), [64; 8]);
        assert_eq!(clients.n_connections(), 8 * 64);
    }

    #[tokio::test(start_paused = true)]
    async fn many_hosts_that_are_asked_in_turn_share() {
        for n_hosts in [17, 100, 1000] {
            let (clients, made) = clients(1024);
            (0..40).for_each(|_| ask(&clients, 0..n_hosts, 64));
            n_made(&made);
            ask(&clients, 0..n_hosts, 64);
            assert_eq!(n_made(&made), 0, "{n_hosts} hosts keep their connections");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn of_more_than_there_can_be_the_last_ones_are_kept() {
        let (clients, made) = clients(10);
        ask(&clients, 0..50, 64);
        n_made(&made);
        ask(&clients, 45..50, 64);
        assert_eq!(n_made(&made), 0);
        ask(&clients, 0..1, 64);
        assert_eq!(n_made(&made), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn when_the_others_are_done_a_host_has_more_again() {
        let (clients, made) = clients(1024);
        (0..40).for_each(|_| ask(&clients, 0..1000, 64));
        for _ in 0..10 {
            ask(&clients, 0..1, 64);
            tokio::time::advance(IDLE_CONNECTION / 5).await;
        }
        ask(&clients, 0..1, 64);
        assert_eq!(made.lock().expect("as above").last(), Some(&64));
        assert_eq!(clients.n_connections(), 64, "nobody else is counted any more");
    }
}
