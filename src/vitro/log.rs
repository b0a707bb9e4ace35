//! The log of arrivals: what a server saw, in the order in which it saw it.
//!
//! A bounded ring; when it is full the oldest arrival goes, and the count of all that were seen
//! tells that it went. Written once a request, under a lock that nothing slow happens in.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use crate::clock::Timestamp;

/// One request, as its server saw it come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// When its head had been read.
    pub at: Timestamp,
    /// Whom it asked: the host's name in lower case, without a port.
    pub host: Arc<str>,
    /// Path and query, as sent.
    pub path: Box<str>,
    /// Which connection it came over; numbered from 0 in the order of their opening.
    pub connection: u64,
    /// Requests of this host under way, this one among them, at that moment. A request is under way
    /// until the last of its answer has been handed to the socket.
    pub in_flight: u32,
    /// The status it was answered with.
    pub status: u16,
}

/// Keeps the last `capacity` arrivals. Clones share one ring.
#[derive(Debug, Clone)]
pub struct Log {
    capacity: usize,
    ring: Arc<Mutex<Ring>>,
}

#[derive(Debug, Default)]
struct Ring {
    kept: VecDeque<Arrival>,
    n_seen: u64,
}

impl Default for Log {
    /// Keeps [`Log::DEFAULT_CAPACITY`] arrivals.
    fn default() -> Self {
        Self::new(Self::DEFAULT_CAPACITY)
    }
}

impl Log {
    /// Arrivals kept unless told otherwise; some 10 MB when full.
    pub const DEFAULT_CAPACITY: usize = 65_536;

    /// An empty log. A capacity of 0 only counts.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, ring: Arc::default() }
    }

    /// The arrivals kept, oldest first.
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner).kept.iter().cloned().collect()
    }

    /// How many there were in all.
    pub fn n_seen(&self) -> u64 {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner).n_seen
    }

    /// Forgets the arrivals and the count.
    pub fn clear(&self) {
        *self.ring.lock().unwrap_or_else(PoisonError::into_inner) = Ring::default();
    }

    /// Adds one. `arrival` is called only if it will be kept.
    pub fn push(&self, arrival: impl FnOnce() -> Arrival) {
        let arrival = (self.capacity > 0).then(arrival);
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        ring.n_seen += 1;
        if let Some(arrival) = arrival {
            if ring.kept.len() >= self.capacity {
                ring.kept.pop_front();
            }
            ring.kept.push_back(arrival);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival(n: u64) -> Arrival {
        Arrival { at: Timestamp(n), host: "h".into(), path: "/".into(), connection: n, in_flight: 1, status: 200 }
    }

    #[test]
    fn the_oldest_goes_and_is_still_counted() {
        let log = Log::new(2);
        (0..5).for_each(|n| log.push(|| arrival(n)));
        assert_eq!(log.arrivals(), [arrival(3), arrival(4)]);
        assert_eq!(log.n_seen(), 5);
        log.clear();
        assert_eq!((log.arrivals(), log.n_seen()), (Vec::new(), 0));
    }

    #[test]
    fn capacity_zero_only_counts() {
        let log = Log::new(0);
        log.push(|| unreachable!("not kept, so not made"));
        assert_eq!((log.arrivals().len(), log.n_seen()), (0, 1));
    }
}
