//! The clients: one for each origin that was asked lately, on each way to it.
//!
//! A client has a pool of connections, which are closed when it is dropped, or when they were idle for a while;
//! it knows no bound over all hosts. So each origin has a client of its own, which takes some microseconds
//! and two kilobytes, and when there are too many, the client of the origin that was not asked for longest is
//! dropped. A connection that is in use then serves its request to the end, and is not kept.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use hashlink::LruCache;
use reqwest::Client;

use super::BuildError;
use crate::address::Origin;

/// Makes clients that are all alike.
pub(super) type Maker = Box<dyn Fn() -> Result<Client, BuildError> + Send + Sync>;

/// See the module's contract.
pub(super) struct Clients {
    /// By way (straight ahead first), then by face (none first).
    makers: Vec<Vec<Maker>>,
    /// By way and origin, which tells the face.
    kept: Mutex<LruCache<(usize, Origin), Client>>,
}

impl Clients {
    /// With at most `capacity` clients (one at least) at a time.
    ///
    /// # Errors
    /// When one of the makers makes none.
    pub(super) fn new(makers: Vec<Vec<Maker>>, capacity: usize) -> Result<Self, BuildError> {
        // What is wrong with a client is known at the start, and not at the first request that needs it.
        makers.iter().flatten().try_for_each(|make| make().map(drop))?;
        Ok(Self { makers, kept: Mutex::new(LruCache::new(capacity.max(1))) })
    }

    /// The client for an origin on a way, with a face.
    ///
    /// # Errors
    /// When none can be made, which was tried at the start.
    pub(super) fn get(&self, way: usize, face: usize, origin: &Origin) -> Result<Client, BuildError> {
        let key = (way, origin.clone());
        let (client, _evicted) = {
            let mut kept = self.lock();
            if let Some(client) = kept.get(&key) {
                return Ok(client.clone());
            }
            let client = self.makers[way][face]()?;
            let evicted = if kept.len() >= kept.capacity() { kept.remove_lru() } else { None };
            kept.insert(key, client.clone());
            // Its connections are closed when the lock is free again.
            (client, evicted)
        };
        Ok(client)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, LruCache<(usize, Origin), Client>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients").field("kept", &self.len()).finish_non_exhaustive()
    }
}
