//! The clients: one for each origin that was asked lately, on each way to it.
//!
//! A client has a pool of connections, which are closed when it is dropped, or when they were idle for a while;
//! it knows no bound over all hosts. So each origin has a client of its own, which takes some microseconds
//! and two kilobytes, and counts as many connections as its host may have. When they are too many together, the client of
//! the origin that was not asked for longest is dropped. A connection that is in use then serves its request to the
//! end, and is not kept.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use hashlink::LruCache;
use reqwest::Client;

use super::BuildError;
use crate::address::Origin;

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
    /// By way and origin, which tells the face; and how many connections each may keep.
    clients: LruCache<(usize, Origin), (Client, usize)>,
    /// The sum of them.
    connections: usize,
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

    /// The client for an origin on a way, with a face; it keeps `connections` at most.
    ///
    /// # Errors
    /// When none can be made, which was tried at the start.
    pub(super) fn get(
        &self,
        (way, face): (usize, usize),
        origin: &Origin,
        connections: usize,
    ) -> Result<Client, BuildError> {
        let key = (way, origin.clone());
        let connections = connections.min(self.capacity);
        if connections == 0 {
            return self.makers[way][face](0);
        }
        let mut evicted = Vec::new();
        let client = {
            let mut kept = self.lock();
            if let Some((client, _)) = kept.clients.get(&key) {
                return Ok(client.clone());
            }
            let client = self.makers[way][face](connections)?;
            while kept.connections + connections > self.capacity {
                let Some((_, (old, n))) = kept.clients.remove_lru() else { break };
                kept.connections -= n;
                evicted.push(old);
            }
            kept.clients.insert(key, (client.clone(), connections));
            kept.connections += connections;
            client
        };
        // Connections are closed when the lock is free again.
        drop(evicted);
        Ok(client)
    }

    /// How many connections those that there are may keep.
    pub(super) fn n_connections(&self) -> usize {
        self.lock().connections
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients").field("connections", &self.n_connections()).finish_non_exhaustive()
    }
}
