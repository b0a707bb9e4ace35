//! Simple questions to a log of arrivals: spacing, connections, robots.txt first. The whole policy is
//! [`super::auditor`]'s.
//!
//! It knows what was promised and what arrived, and nothing of how dragline paces itself. Arrivals
//! jitter (loopback, two busy cores), so spacing is judged with a tolerance.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use dragline::{clock::Timestamp, vitro::Arrival};

/// What every host was promised.
#[derive(Debug, Clone)]
pub(crate) struct Promise {
    /// Between two requests, on average.
    pub(crate) interval: Duration,
    /// Requests that may come at once after a pause.
    pub(crate) burst: u32,
    /// Requests in flight at once.
    pub(crate) connections: u32,
    /// Hosts that asked for more time between requests, and for how much.
    pub(crate) crawl_delays: BTreeMap<String, Duration>,
    /// Whether robots.txt comes first.
    pub(crate) robots_first: bool,
    /// How much too early an arrival may be.
    pub(crate) tolerance: Duration,
}

impl Default for Promise {
    /// One request at a time, one a second, robots.txt first.
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(1),
            burst: 1,
            connections: 1,
            crawl_delays: BTreeMap::new(),
            robots_first: true,
            tolerance: Duration::from_millis(15),
        }
    }
}

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Violation {
    /// A request came before it was allowed.
    TooSoon { host: String, path: String, early_by: Duration },
    /// More requests were in flight than promised.
    TooMany { host: String, path: String, in_flight: u32 },
    /// A page was asked for before robots.txt had been.
    BeforeRobots { host: String, path: String },
}

/// Everything in `arrivals` that breaks `promise`, host by host, in the order of arrival.
pub(crate) fn audit(arrivals: &[Arrival], promise: &Promise) -> Vec<Violation> {
    by_host(arrivals).into_iter().flat_map(|(host, arrivals)| audit_host(host, &arrivals, promise)).collect()
}

fn audit_host(host: &str, arrivals: &[&Arrival], promise: &Promise) -> Vec<Violation> {
    let asked = promise.crawl_delays.get(host).copied().unwrap_or_default();
    let interval = promise.interval.max(asked);
    // A crawl-delay is between any two requests; it leaves no room for bursts.
    let burst = if asked > promise.interval { 1 } else { promise.burst.max(1) };
    let mut violations = Vec::new();
    let mut seen_robots = false;
    // The generic cell rate algorithm (ITU-T I.371): when the next request is due on average.
    let mut due = Timestamp::default();
    for arrival in arrivals {
        let (host, path) = (host.to_owned(), arrival.path.to_string());
        let earliest = due - interval * (burst - 1);
        let early_by = earliest.since(arrival.at);
        if early_by > promise.tolerance {
            violations.push(Violation::TooSoon { host: host.clone(), path: path.clone(), early_by });
            // Once reported, it is not held against those that come after it.
            due = arrival.at + interval;
        } else {
            due = due.max(arrival.at) + interval;
        }
        if arrival.in_flight > promise.connections {
            let in_flight = arrival.in_flight;
            violations.push(Violation::TooMany { host: host.clone(), path: path.clone(), in_flight });
        }
        seen_robots |= &*arrival.path == "/robots.txt";
        if promise.robots_first && !seen_robots {
            violations.push(Violation::BeforeRobots { host, path });
        }
    }
    violations
}

/// Panics when two requests of one host came less than `min_interval` apart, give or take.
#[track_caller]
pub(crate) fn assert_spacing(arrivals: &[Arrival], min_interval: Duration, tolerance: Duration) {
    let promise =
        Promise { interval: min_interval, connections: u32::MAX, robots_first: false, tolerance, ..Promise::default() };
    let violations = audit(arrivals, &promise);
    assert!(violations.is_empty(), "{violations:#?}");
}

/// Panics when more than `n` requests of one host were in flight at once.
#[track_caller]
pub(crate) fn assert_concurrency(arrivals: &[Arrival], n: u32) {
    let worst = arrivals.iter().max_by_key(|arrival| arrival.in_flight);
    if let Some(worst) = worst.filter(|worst| worst.in_flight > n) {
        panic!("{} requests in flight at once, {n} promised: {worst:?}", worst.in_flight);
    }
}

/// The connections that a host was asked over.
pub(crate) fn connections<'a>(arrivals: impl IntoIterator<Item = &'a Arrival>, host: &str) -> BTreeSet<u64> {
    arrivals.into_iter().filter(|arrival| &*arrival.host == host).map(|arrival| arrival.connection).collect()
}

fn by_host(arrivals: &[Arrival]) -> BTreeMap<&str, Vec<&Arrival>> {
    let mut hosts: BTreeMap<&str, Vec<&Arrival>> = BTreeMap::new();
    for arrival in arrivals {
        hosts.entry(&arrival.host).or_default().push(arrival);
    }
    for arrivals in hosts.values_mut() {
        arrivals.sort_by_key(|arrival| arrival.at);
    }
    hosts
}

mod tests {
    use super::*;

    fn arrival(host: &str, path: &str, at_ms: u64, in_flight: u32) -> Arrival {
        let at = Timestamp(1_000_000_000 + at_ms * 1000);
        Arrival { at, host: host.into(), path: path.into(), connection: u64::from(in_flight), in_flight, status: 200 }
    }

    fn too_soon(path: &str, early_ms: u64) -> Violation {
        Violation::TooSoon { host: "a".into(), path: path.into(), early_by: Duration::from_millis(early_ms) }
    }

    #[test]
    fn kept_promises_are_not_accused() {
        let arrivals = [
            arrival("a", "/robots.txt", 0, 1),
            arrival("b", "/robots.txt", 1, 1),
            arrival("a", "/", 990, 1),
            arrival("b", "/", 1500, 1),
            arrival("a", "/x", 2005, 1),
        ];
        assert_eq!(audit(&arrivals, &Promise::default()), []);
        assert_spacing(&arrivals, Duration::from_secs(1), Duration::from_millis(15));
        assert_concurrency(&arrivals, 1);
    }

    #[test]
    fn planted_violations_are_found() {
        let arrivals = [
            arrival("a", "/", 0, 1),
            arrival("a", "/robots.txt", 1000, 1),
            arrival("a", "/soon", 1900, 1),
            arrival("a", "/fine", 2900, 1),
            arrival("a", "/both", 2950, 2),
        ];
        let expected = [
            Violation::BeforeRobots { host: "a".into(), path: "/".into() },
            too_soon("/soon", 100),
            too_soon("/both", 950),
            Violation::TooMany { host: "a".into(), path: "/both".into(), in_flight: 2 },
        ];
        assert_eq!(audit(&arrivals, &Promise::default()), expected);
    }

    #[test]
    fn the_order_of_the_log_does_not_matter() {
        let arrivals = [arrival("a", "/late", 1500, 1), arrival("a", "/robots.txt", 0, 1)];
        assert_eq!(audit(&arrivals, &Promise::default()), []);
    }

    #[test]
    fn bursts_are_allowed_up_to_their_size_and_no_more() {
        let promise = Promise { burst: 3, connections: 3, robots_first: false, ..Promise::default() };
        let at_once: Vec<Arrival> = (1..=4).map(|n| arrival("a", &format!("/{n}"), 0, 1)).collect();
        assert_eq!(audit(&at_once[..3], &promise), []);
        assert_eq!(audit(&at_once, &promise), [too_soon("/4", 1000)]);
    }

    #[test]
    fn a_crawl_delay_replaces_the_interval_and_allows_no_burst() {
        let crawl_delays = BTreeMap::from([("a".to_owned(), Duration::from_secs(3))]);
        let promise = Promise { crawl_delays, burst: 2, robots_first: false, ..Promise::default() };
        let arrivals = [arrival("a", "/1", 0, 1), arrival("a", "/2", 1000, 1), arrival("a", "/3", 4000, 1)];
        assert_eq!(audit(&arrivals, &promise), [too_soon("/2", 2000)]);
    }

    #[test]
    #[should_panic(expected = "TooSoon")]
    fn spacing_is_asserted() {
        let arrivals = [arrival("a", "/1", 0, 1), arrival("a", "/2", 50, 1)];
        assert_spacing(&arrivals, Duration::from_millis(100), Duration::from_millis(10));
    }

    #[test]
    #[should_panic(expected = "3 requests in flight")]
    fn concurrency_is_asserted() {
        assert_concurrency(&[arrival("a", "/1", 0, 3)], 2);
    }

    #[test]
    fn connections_are_counted_by_host() {
        let arrivals = [arrival("a", "/1", 0, 1), arrival("a", "/2", 0, 2), arrival("b", "/", 0, 3)];
        assert_eq!(connections(&arrivals, "a"), BTreeSet::from([1, 2]));
    }
}
