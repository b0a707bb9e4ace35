//! Single-flight: many want one thing, one of them gets it.
//!
//! Those who want the same at the same time sit in one flight. The first does the work; the others wait
//! for its result. If the worker is dropped or panics, one of those who wait does the work, and so on:
//! one at a time, and nobody is left behind. A result, good or bad, is given to all who sit there when it
//! comes. Flights are remembered while somebody sits in them, so that there are never more than callers.
//! Deliberately not: a store; whoever comes later starts anew.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, PoisonError},
};

use tokio::sync::OnceCell;

use crate::lock::{Mutex, MutexGuard};

type Board<K, T> = Mutex<HashMap<K, Flight<T>>>;

/// One under way.
struct Flight<T> {
    cell: Arc<OnceCell<T>>,
    /// Counted under the lock: the cell's own count goes down only after a seat has let go of the lock, when
    /// two that are given up at once have each seen the other.
    n_seats: usize,
}

impl<T> Flight<T> {
    fn new() -> Self {
        Self { cell: Arc::new(OnceCell::new()), n_seats: 0 }
    }

    fn seat(&mut self) -> Arc<OnceCell<T>> {
        self.n_seats += 1;
        Arc::clone(&self.cell)
    }
}

/// The flights under way.
pub(super) struct Flights<K, T> {
    board: Arc<Board<K, T>>,
}

/// A seat in one of them; given up when it is dropped.
pub(super) struct Seat<K: Hash + Eq, T> {
    board: Arc<Board<K, T>>,
    key: K,
    cell: Arc<OnceCell<T>>,
}

impl<K: Hash + Eq + Clone, T: Clone> Flights<K, T> {
    pub(super) fn new() -> Self {
        Self { board: Arc::new(Mutex::new(HashMap::new())) }
    }

    /// A seat in the flight for `key`, which begins with it if there is none.
    pub(super) fn join(&self, key: K) -> Seat<K, T> {
        let cell = locked(&self.board).entry(key.clone()).or_insert_with(Flight::new).seat();
        Seat { board: Arc::clone(&self.board), key, cell }
    }

    /// A seat in a new flight, unless one is under way.
    pub(super) fn begin(&self, key: K) -> Option<Seat<K, T>> {
        let mut board = locked(&self.board);
        if board.contains_key(&key) {
            return None;
        }
        let cell = board.entry(key.clone()).or_insert_with(Flight::new).seat();
        Some(Seat { board: Arc::clone(&self.board), key, cell })
    }

    /// Keys that somebody works on or waits for.
    pub(super) fn len(&self) -> usize {
        locked(&self.board).len()
    }
}

impl<K: Hash + Eq, T: Clone> Seat<K, T> {
    /// The flight's result: of `work`, or of somebody else's.
    pub(super) async fn land(&self, work: impl Future<Output = T>) -> T {
        // The cell's own queue hands over from a worker that is dropped to the next who waits.
        self.cell.get_or_init(|| work).await.clone()
    }
}

impl<K: Hash + Eq, T> Drop for Seat<K, T> {
    fn drop(&mut self) {
        let mut board = locked(&self.board);
        let Some(flight) = board.get_mut(&self.key).filter(|flight| Arc::ptr_eq(&flight.cell, &self.cell)) else {
            return;
        };
        flight.n_seats -= 1;
        if flight.n_seats == 0 || self.cell.initialized() {
            board.remove(&self.key);
        }
    }
}

/// Nothing panics while the board is locked, and a board is never half changed.
fn locked<K, T>(board: &Board<K, T>) -> MutexGuard<'_, HashMap<K, Flight<T>>> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::FutureExt;
    use tokio::task::JoinSet;

    use super::*;

    #[tokio::test]
    async fn one_works_and_all_get_it() {
        let flights = Flights::new();
        let worked = AtomicUsize::new(0);
        let seats: Vec<_> = (0..1000).map(|_| flights.join("a")).collect();
        let work = || async {
            tokio::task::yield_now().await;
            worked.fetch_add(1, Ordering::SeqCst)
        };
        let landed = futures::future::join_all(seats.iter().map(|seat| seat.land(work()))).await;
        assert_eq!((landed, worked.load(Ordering::SeqCst)), (vec![0; 1000], 1));
        drop(seats);
        assert_eq!(flights.len(), 0);
        assert_eq!(flights.join("a").land(work()).await, 1, "whoever comes later starts anew");
    }

    #[tokio::test]
    async fn a_worker_that_is_dropped_or_panics_hands_over_to_one() {
        let flights = Arc::new(Flights::new());
        let attempts = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        for _ in 0..100 {
            let (flights, attempts) = (flights.clone(), attempts.clone());
            tasks.spawn(async move {
                let seat = flights.join("a");
                let work = async {
                    tokio::task::yield_now().await;
                    match attempts.fetch_add(1, Ordering::SeqCst) {
                        n if n < 3 => panic!("attempt {n}"),
                        n => n,
                    }
                };
                seat.land(work).await
            });
        }
        let dropped = flights.join("a");
        let mut never = Box::pin(dropped.land(std::future::pending()));
        assert!((&mut never).now_or_never().is_none());
        drop(never);
        drop(dropped);
        let (mut landed, mut panicked) = (0, 0);
        while let Some(result) = tasks.join_next().await {
            match result {
                Ok(n) => {
                    assert_eq!(n, 3);
                    landed += 1;
                }
                Err(_) => panicked += 1,
            }
        }
        assert_eq!((landed, panicked, attempts.load(Ordering::SeqCst)), (97, 3, 4));
        assert_eq!(flights.len(), 0, "nobody is left");
    }

    #[tokio::test]
    async fn a_flight_that_all_have_left_is_forgotten() {
        let flights = Flights::<_, ()>::new();
        let (first, second) = (flights.join("a"), flights.join("a"));
        assert!(flights.begin("a").is_none());
        drop(first);
        assert_eq!(flights.len(), 1);
        drop(second);
        assert_eq!(flights.len(), 0);
        assert!(flights.begin("a").is_some());
    }
}
