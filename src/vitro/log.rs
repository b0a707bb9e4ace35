//! The log of arrivals: what a server saw, in the order in which it saw it.
//!
//! A bounded ring; when it is full the oldest arrival goes, and the count of all that were seen
//! tells that it went. Whoever wants more than the ring holds takes a [tap](Log::tapped): it is told of
//! each request when it has come in and when its answer goes out, and keeps what it likes.
//!
//! Written a few times a request, under a lock that nothing slow happens in. Times are read under that lock, so that
//! their order is the order of what is told.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::clock::{Clock, Timestamp};

/// One request, as its server saw it come in, and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// Which of all that were seen, from 0.
    pub number: u64,
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
    /// The status it was answered with; 0 while that is not known, and for what is no HTTP.
    pub status: u16,
    /// The `Retry-After` it was answered with.
    pub retry_after: Option<Box<str>>,
    /// When the first of its answer was about to be handed to the socket; none while it is not, or where nobody says.
    pub began: Option<Timestamp>,
    /// When the last of its answer was about to be handed to the socket; none while it is not. A peer that
    /// has read the answer to its end has read it after that.
    pub ended: Option<Timestamp>,
}

/// What a tap is told, in the order of time.
#[derive(Debug, Clone, Copy)]
pub enum Moment<'a> {
    /// A request has come in. Its answer is not known yet.
    Asked(&'a Arrival),
    /// The end of its answer goes out, or its peer went away before.
    Ended {
        /// The arrival's number.
        number: u64,
        /// When.
        at: Timestamp,
        /// When the first of it went out: at the same time, unless somebody said otherwise.
        began: Timestamp,
        /// With which status.
        status: u16,
        /// With which `Retry-After`.
        retry_after: Option<&'a str>,
    },
}

/// Who is told of every request. It is called under the log's lock: it must be quick, and leave the log alone.
pub type Tap = Box<dyn FnMut(Moment<'_>) + Send>;

/// Keeps the last `capacity` arrivals. Clones share one ring.
#[derive(Debug, Clone)]
pub struct Log {
    capacity: usize,
    clock: Clock,
    ring: Arc<Mutex<Ring>>,
}

#[derive(Default)]
struct Ring {
    kept: VecDeque<Arrival>,
    n_seen: u64,
    tap: Option<Tap>,
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring").field("n_kept", &self.kept.len()).field("n_seen", &self.n_seen).finish_non_exhaustive()
    }
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
        Self { capacity, clock: Clock::system(), ring: Arc::default() }
    }

    /// The same, with somebody who is told of every request.
    pub fn tapped(capacity: usize, tap: Tap) -> Self {
        let log = Self::new(capacity);
        log.ring().tap = Some(tap);
        log
    }

    /// The clock that arrivals are dated by.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// The arrivals kept, oldest first.
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.ring().kept.iter().cloned().collect()
    }

    /// How many there were in all.
    pub fn n_seen(&self) -> u64 {
        self.ring().n_seen
    }

    /// Forgets the arrivals. Numbers go on.
    pub fn clear(&self) {
        self.ring().kept.clear();
    }

    /// Adds one that has just come in: `arrival` makes it of its number and the time. The entry that comes back
    /// is held until the end of the answer.
    pub fn push(&self, arrival: impl FnOnce(u64, Timestamp) -> Arrival) -> Entry {
        let mut ring = self.ring();
        let number = ring.n_seen;
        ring.n_seen += 1;
        if self.capacity > 0 || ring.tap.is_some() {
            let arrival = arrival(number, self.clock.now());
            if let Some(tap) = &mut ring.tap {
                tap(Moment::Asked(&arrival));
            }
            if ring.kept.len() >= self.capacity {
                ring.kept.pop_front();
            }
            if self.capacity > 0 {
                ring.kept.push_back(arrival);
            }
        }
        drop(ring);
        Entry { log: self.clone(), number, status: 0, retry_after: None, began: None }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ring {
    /// Whether nobody will ask when anything was: nothing is kept, and nobody is told.
    fn hears_nothing(&self) -> bool {
        self.kept.is_empty() && self.tap.is_none()
    }

    /// The arrival of that number, if it is still kept.
    fn find(&mut self, number: u64) -> Option<&mut Arrival> {
        let first = self.kept.front()?.number;
        self.kept.get_mut(usize::try_from(number.checked_sub(first)?).ok()?)
    }
}

/// A request that is under way. Dropping it is the end of its answer.
#[derive(Debug)]
pub struct Entry {
    log: Log,
    number: u64,
    status: u16,
    retry_after: Option<Box<str>>,
    began: Option<Timestamp>,
}

impl Entry {
    /// What it will be answered with.
    pub fn answered(&mut self, status: u16, retry_after: Option<&str>) {
        self.status = status;
        self.retry_after = retry_after.map(Box::from);
        if let Some(arrival) = self.log.ring().find(self.number) {
            arrival.status = status;
            arrival.retry_after.clone_from(&self.retry_after);
        }
    }

    /// The first of its answer goes out now.
    pub fn begins(&mut self) {
        let mut ring = self.log.ring();
        if ring.hears_nothing() {
            return;
        }
        self.began = Some(self.log.clock.now());
        if let Some(arrival) = ring.find(self.number) {
            arrival.began = self.began;
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut ring = self.log.ring();
        if ring.hears_nothing() {
            return;
        }
        let at = self.log.clock.now();
        if let Some(arrival) = ring.find(self.number) {
            arrival.ended = Some(at);
        }
        if let Some(tap) = &mut ring.tap {
            let retry_after = self.retry_after.as_deref();
            let began = self.began.unwrap_or(at);
            tap(Moment::Ended { number: self.number, at, began, status: self.status, retry_after });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival(number: u64, at: Timestamp) -> Arrival {
        Arrival {
            number,
            at,
            host: "h".into(),
            path: "/".into(),
            connection: number,
            in_flight: 1,
            status: 0,
            retry_after: None,
            began: None,
            ended: None,
        }
    }

    #[test]
    fn the_oldest_goes_and_is_still_counted() {
        let log = Log::new(2);
        (0..5).for_each(|_| drop(log.push(arrival)));
        let kept = log.arrivals();
        assert_eq!(kept.iter().map(|arrival| arrival.number).collect::<Vec<_>>(), [3, 4]);
        assert!(kept[0].at <= kept[1].at && kept.iter().all(|arrival| arrival.ended.is_some()));
        assert_eq!(log.n_seen(), 5);
        log.clear();
        assert_eq!((log.arrivals(), log.n_seen()), (Vec::new(), 5));
    }

    #[test]
    fn an_answer_is_added_to_its_arrival() {
        let log = Log::new(9);
        let mut first = log.push(arrival);
        let second = log.push(arrival);
        first.answered(503, Some("7"));
        let kept = log.arrivals();
        assert_eq!((kept[0].status, kept[0].retry_after.as_deref()), (503, Some("7")));
        assert_eq!((kept[0].began, kept[0].ended), (None, None));
        first.begins();
        let began = log.arrivals()[0].began.expect("it has begun");
        drop(first);
        let kept = log.arrivals();
        assert!(began >= kept[1].at && kept[0].ended.is_some_and(|ended| ended >= began));
        assert_eq!((kept[1].status, kept[1].began, kept[1].ended), (0, None, None));
        log.clear();
        drop(second);
        assert_eq!(log.arrivals(), []);
    }

    #[test]
    fn a_tap_is_told_everything_in_the_order_of_time() {
        let told = Arc::<Mutex<Vec<String>>>::default();
        let heard = told.clone();
        let log = Log::tapped(
            0,
            Box::new(move |moment| {
                heard.lock().expect("nobody panics").push(match moment {
                    Moment::Asked(arrival) => format!("asked {}", arrival.number),
                    Moment::Ended { number, status, retry_after, .. } => {
                        format!("ended {number} {status} {retry_after:?}")
                    }
                });
            }),
        );
        let first = log.push(arrival);
        let mut second = log.push(arrival);
        second.answered(429, Some("1"));
        drop(second);
        drop(first);
        assert_eq!(
            *told.lock().expect("nobody panics"),
            ["asked 0", "asked 1", "ended 1 429 Some(\"1\")", "ended 0 0 None"]
        );
        assert_eq!((log.arrivals().len(), log.n_seen()), (0, 2));
    }

    #[test]
    fn capacity_zero_only_counts() {
        let log = Log::new(0);
        drop(log.push(|_, _| unreachable!("not kept, so not made")));
        assert_eq!((log.arrivals().len(), log.n_seen()), (0, 1));
    }
}
