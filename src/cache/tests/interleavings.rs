//! The single flight under shuttle: whatever the order in which callers come, are cancelled and go.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use shuttle::future::{self, JoinHandle, yield_now};

use super::super::flight::Flights;
use crate::lock::in_many_orders;

/// Orders tried of each test.
const N_ORDERS: usize = 3_000;

/// Counts who works, and how many do so at once.
#[derive(Default)]
struct Work {
    n_begun: AtomicUsize,
    n_now: AtomicUsize,
}

/// Ends a piece of work, however it ends.
struct Working<'a>(&'a Work);

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.0.n_now.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Work {
    async fn done(&self) -> usize {
        let n = self.n_begun.fetch_add(1, Ordering::SeqCst);
        assert_eq!(self.n_now.fetch_add(1, Ordering::SeqCst), 0, "two work on one flight");
        let _working = Working(self);
        yield_now().await;
        yield_now().await;
        n
    }
}

fn caller(flights: &Arc<Flights<u8, usize>>, work: &Arc<Work>) -> JoinHandle<usize> {
    let (flights, work) = (Arc::clone(flights), Arc::clone(work));
    future::spawn(async move {
        let seat = flights.join(0);
        seat.land(work.done()).await
    })
}

#[test]
fn whoever_is_cancelled_one_of_the_others_goes_on_and_nobody_hangs() {
    in_many_orders(N_ORDERS, || {
        let (flights, work) = (Arc::new(Flights::new()), Arc::new(Work::default()));
        let callers: Vec<_> = (0..4).map(|_| caller(&flights, &work)).collect();
        // Two of four are cancelled at any time, one of them likely the one who works.
        callers[..2].iter().for_each(JoinHandle::abort);
        let n_landed = callers.into_iter().map(future::block_on).filter(Result::is_ok).count();
        assert!(n_landed >= 2, "two were left alone");
        assert!(work.n_begun.load(Ordering::SeqCst) <= 4);
        assert_eq!(flights.len(), 0, "a flight is remembered that nobody sits in");
    });
}

#[test]
fn who_sits_in_one_flight_gets_one_result() {
    in_many_orders(N_ORDERS, || {
        let (flights, work) = (Arc::new(Flights::new()), Arc::new(Work::default()));
        let seats: Vec<_> = (0..3).map(|_| flights.join(0)).collect();
        let callers: Vec<_> = seats
            .into_iter()
            .map(|seat| {
                let work = Arc::clone(&work);
                future::spawn(async move { seat.land(work.done()).await })
            })
            .collect();
        let late = caller(&flights, &work);
        let landed: Vec<_> = callers.into_iter().map(|it| future::block_on(it).expect("not cancelled")).collect();
        assert_eq!(landed, [0, 0, 0]);
        let late = future::block_on(late).expect("not cancelled");
        assert_eq!(work.n_begun.load(Ordering::SeqCst), late + 1, "a later one asks at most once more");
        assert_eq!(flights.len(), 0);
    });
}

/// What broke: each of two seats that were given up at once saw the other, so the flight stayed on the board. Its
/// page would never have been revalidated in the background again.
#[test]
fn two_seats_given_up_at_once_leave_no_flight_behind() {
    in_many_orders(N_ORDERS, || {
        let flights = Arc::new(Flights::<u8, ()>::new());
        let waiting: Vec<_> = (0..2)
            .map(|_| {
                let seat = flights.join(0);
                future::spawn(async move { seat.land(pending()).await })
            })
            .collect();
        waiting.iter().for_each(JoinHandle::abort);
        waiting.into_iter().for_each(|it| drop(future::block_on(it)));
        assert!(flights.begin(0).is_some(), "nobody sits there, so another may begin");
        assert_eq!(flights.len(), 0);
    });
}
