//! Simple questions to a log of arrivals. Whole policies are the auditor's (`tests/fire/auditor`), which answers
//! these as well.

use std::{collections::BTreeSet, time::Duration};

use dragline::vitro::Arrival;

use crate::fire::auditor::{Policy, audit};

/// Panics when two requests of one host came less than `min_interval` apart, give or take.
#[track_caller]
pub(crate) fn assert_spacing(arrivals: &[Arrival], min_interval: Duration, tolerance: Duration) {
    let policy = Policy { interval: min_interval, transit: tolerance, connections: u32::MAX, ..Policy::nothing() };
    assert_eq!(audit(arrivals, &policy), []);
}

/// Panics when more than `n` requests of one host were in flight at once.
#[track_caller]
pub(crate) fn assert_concurrency(arrivals: &[Arrival], n: u32) {
    let worst = arrivals.iter().max_by_key(|arrival| arrival.in_flight);
    if let Some(worst) = worst.filter(|worst| worst.in_flight > n) {
        panic!("{} requests in flight at once, {n} promised: {worst:?}", worst.in_flight);
    }
    assert_eq!(audit(arrivals, &Policy { connections: n, ..Policy::nothing() }), []);
}

/// The connections that a host was asked over.
pub(crate) fn connections<'a>(arrivals: impl IntoIterator<Item = &'a Arrival>, host: &str) -> BTreeSet<u64> {
    arrivals.into_iter().filter(|arrival| &*arrival.host == host).map(|arrival| arrival.connection).collect()
}

mod tests {
    use dragline::clock::Timestamp;

    use super::*;

    fn arrival(host: &str, at_ms: u64, in_flight: u32) -> Arrival {
        let at = Timestamp(1_000_000_000 + at_ms * 1000);
        Arrival {
            number: at_ms,
            at,
            host: host.into(),
            path: "/".into(),
            connection: u64::from(in_flight),
            in_flight,
            status: 200,
            retry_after: None,
            began: None,
            ended: Some(at),
        }
    }

    #[test]
    fn kept_promises_are_not_accused() {
        let arrivals = [arrival("a", 1005, 1), arrival("b", 1, 1), arrival("a", 0, 1)];
        assert_spacing(&arrivals, Duration::from_secs(1), Duration::from_millis(15));
        assert_concurrency(&arrivals, 1);
    }

    #[test]
    #[should_panic(expected = "Rate")]
    fn spacing_is_asserted() {
        assert_spacing(
            &[arrival("a", 0, 1), arrival("a", 50, 1)],
            Duration::from_millis(100),
            Duration::from_millis(10),
        );
    }

    #[test]
    #[should_panic(expected = "3 requests in flight")]
    fn concurrency_is_asserted() {
        assert_concurrency(&[arrival("a", 0, 3)], 2);
    }

    #[test]
    fn connections_are_counted_by_host() {
        let arrivals = [arrival("a", 0, 1), arrival("a", 0, 2), arrival("b", 0, 3)];
        assert_eq!(connections(&arrivals, "a"), BTreeSet::from([1, 2]));
    }
}
