//! Waiting: for whom a crawl waits, and for how long it has.
//!
//! A crawl waits when a worker is free, no host is ready, and nothing but what is promised to hosts stands
//! in the way. The time counts for the host whose turn comes first, because that is what ends the wait: so
//! the times of all hosts add up to the time that the crawl would have saved without any promise.
//!
//! Not a wait: for an answer, for the disk, for a host that has no place in memory, or for the limit of all
//! hosts together (`limits.rate`).

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::stats::Waiting;
use crate::{
    address::HostKey,
    clock::Timestamp,
    frontier::workbench::{self, Why},
};

/// Hosts left below which a display names those that it waits for.
pub const MAX_TAIL: usize = 16;
/// Hosts that a display names because they wait for more than their interval.
pub const MAX_TROUBLED: usize = 32;
/// Hosts whose times are kept apart; half of them are kept when there are more.
const MAX_HOSTS: usize = 256;
/// How often the recorder is told of waits.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// A host that has something to be asked for and may not be asked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// Which.
    pub host: HostKey,
    /// Until when, at least.
    pub until: Timestamp,
    /// Why.
    pub why: Waiting,
    /// The `Crawl-delay` by which it is asked, if one is in force.
    pub crawl_delay: Option<Duration>,
    /// Its URLs in memory; there may be more.
    pub n_urls: usize,
}

impl From<workbench::Wait> for Wait {
    fn from(wait: workbench::Wait) -> Self {
        let workbench::Wait { host, until, why, crawl_delay, n_urls } = wait;
        Self { host, until, why: why.into(), crawl_delay, n_urls }
    }
}

impl From<Why> for Waiting {
    fn from(why: Why) -> Self {
        match why {
            Why::Politeness => Self::Politeness,
            Why::Connections => Self::Connections,
            Why::Backoff => Self::Backoff,
            Why::Probe => Self::Probe,
            Why::Quiet => Self::Quiet,
            Why::Blocked => Self::Blocked,
            Why::Address => Self::Address,
            Why::Domain => Self::Domain,
            Why::Memory => Self::Memory,
            Why::Robots => Self::Robots,
            Why::Disk => Self::Disk,
        }
    }
}

/// A host has held the crawl up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waited {
    /// Which.
    pub host: HostKey,
    /// Why it was not to be asked.
    pub why: Waiting,
    /// For how long.
    pub took: Duration,
}

/// How long a crawl has waited, over all of its runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitTally {
    /// In all, microseconds.
    pub total_us: u64,
    /// The same by reason.
    pub why: BTreeMap<Waiting, u64>,
    /// The same by host: those that held it up most, and some others. A host that once was among the
    /// least of too many has been counted anew since.
    pub hosts: BTreeMap<HostKey, u64>,
}

impl WaitTally {
    /// Counts one wait.
    pub fn add(&mut self, waited: &Waited) {
        let us = u64::try_from(waited.took.as_micros()).unwrap_or(u64::MAX);
        self.total_us = self.total_us.saturating_add(us);
        let why = self.why.entry(waited.why).or_default();
        *why = why.saturating_add(us);
        let host = self.hosts.entry(waited.host.clone()).or_default();
        *host = host.saturating_add(us);
        if self.hosts.len() > MAX_HOSTS {
            let kept = self.longest(MAX_HOSTS / 2).into_iter();
            self.hosts = kept.map(|(host, us)| (host.clone(), us)).collect();
        }
    }

    /// The `most` hosts that held it up for longest, and for how many microseconds.
    pub fn longest(&self, most: usize) -> Vec<(&HostKey, u64)> {
        let mut hosts: Vec<_> = self.hosts.iter().map(|(host, us)| (host, *us)).collect();
        hosts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        hosts.truncate(most);
        hosts
    }
}

/// Takes the time of waits, for the recorder to be told now and then.
#[derive(Debug)]
pub(super) struct Stopwatch {
    since: Option<(Timestamp, HostKey, Waiting)>,
    /// Not told yet. As many as there are hosts in memory or asleep, at most.
    times: HashMap<(HostKey, Waiting), Duration>,
    told_at: Timestamp,
}

impl Stopwatch {
    pub(super) fn new(now: Timestamp) -> Self {
        Self { since: None, times: HashMap::new(), told_at: now }
    }

    /// A wait begins, if somebody is waited for.
    pub(super) fn start(&mut self, now: Timestamp, held_up_by: Option<workbench::Wait>) {
        self.since = held_up_by.map(|wait| (now, wait.host, wait.why.into()));
    }

    /// It is over, whatever ended it.
    pub(super) fn stop(&mut self, now: Timestamp) {
        let Some((since, host, why)) = self.since.take() else { return };
        let took = now.since(since);
        if !took.is_zero() {
            *self.times.entry((host, why)).or_default() += took;
        }
    }

    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        !self.times.is_empty() && now.since(self.told_at) >= TELL_EVERY
    }

    /// What was not told yet.
    pub(super) fn take(&mut self, now: Timestamp) -> Vec<Waited> {
        self.told_at = now;
        self.times.drain().map(|((host, why), took)| Waited { host, why, took }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waited(host: &str, why: Waiting, seconds: u64) -> Waited {
        Waited { host: HostKey::new(host), why, took: Duration::from_secs(seconds) }
    }

    #[test]
    fn times_add_up_and_hosts_stay_bounded() {
        let mut tally = WaitTally::default();
        for round in 0..10 {
            tally.add(&waited("slow.test", Waiting::Backoff, 30));
            for number in 0..1000 {
                tally.add(&waited(&format!("h{}.test", (number * 7 + round) % 1000), Waiting::Politeness, 1));
            }
        }
        assert_eq!((tally.total_us, tally.why[&Waiting::Backoff]), (10_300_000_000, 300_000_000));
        assert!(tally.hosts.len() <= MAX_HOSTS, "{}", tally.hosts.len());
        assert_eq!(tally.longest(1), [(&HostKey::new("slow.test"), 300_000_000)]);
        let text = serde_json::to_string(&tally).expect("it serialises");
        assert_eq!(serde_json::from_str::<WaitTally>(&text).expect("it is read"), tally);
    }

    #[test]
    fn a_stopwatch_counts_only_what_was_begun() {
        let at = |seconds: u64| Timestamp(seconds * 1_000_000);
        let mut watch = Stopwatch::new(at(0));
        watch.stop(at(5));
        assert!(!watch.is_due(at(9)), "nobody was waited for");
        let host = HostKey::new("a");
        let wait = workbench::Wait { host, until: at(20), why: Why::Quiet, crawl_delay: None, n_urls: 1 };
        watch.start(at(10), Some(wait.clone()));
        watch.stop(at(12));
        watch.start(at(12), Some(wait));
        watch.stop(at(13));
        watch.start(at(13), None);
        watch.stop(at(19));
        assert!(watch.is_due(at(19)));
        assert_eq!(watch.take(at(19)), [waited("a", Waiting::Quiet, 3)]);
        assert!(!watch.is_due(at(99)));
    }
}
