//! What the servers see, judged by a model that shares nothing with the gate: who asked when, and whether that
//! was too soon or too much. Not judged: the limit of an address, because the gate may forget which it is.

use std::time::Duration;

use super::web::Web;
use crate::{
    clock::Timestamp,
    politeness::{
        Conduct, Policy, Signal,
        gate::{self, GroupLimit},
    },
};

/// Rounding of a token bucket.
const ROUNDING: Duration = Duration::from_micros(2);

/// What a host, or several together, have seen.
#[derive(Debug, Default)]
struct Seen {
    in_flight: u32,
    last_sent: Option<Timestamp>,
    not_before: Timestamp,
    /// Failed, and no request that was sent since then has gone well.
    in_trouble: bool,
    /// When the last failure was over that was no part of one before.
    troubled_at: Timestamp,
    /// Failures since the last good answer, of all jobs.
    errors_in_row: u32,
    /// `Crawl-delay`, as heard.
    crawl_delay: Option<Duration>,
    /// The first time that it is owed.
    heard_until: Timestamp,
    /// Tokens times the interval, and when that was so.
    credit: Option<(Duration, Timestamp)>,
}

/// A request that a server has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) host: usize,
    pub(super) at: Timestamp,
}

#[derive(Debug)]
pub(super) struct Promises {
    hosts: Vec<Seen>,
    domains: Vec<Seen>,
    all: Seen,
    limits: gate::Limits,
    process: gate::Options,
    /// With several, what one of them has heard of a crawl-delay holds only while it has the host open, and
    /// that is its own affair.
    is_one_job: bool,
    /// The gate has no room for all hosts, and forgets those that nobody has open and that have rested. Then a job
    /// knows what its own store does, which after a kill may be less than what was heard.
    forgets: bool,
}

impl Promises {
    pub(super) fn new(web: &Web, limits: gate::Limits, process: gate::Options, n_jobs: usize) -> Self {
        let some = |n: usize| (0..n).map(|_| Seen::default()).collect();
        Self {
            hosts: some(web.hosts.len()),
            domains: some(3),
            all: Seen::default(),
            limits,
            forgets: process.max_hosts < web.hosts.len(),
            process,
            is_one_job: n_jobs == 1,
        }
    }

    /// A request reaches a host.
    pub(super) fn asked(&mut self, web: &Web, host: usize, now: Timestamp) -> Asked {
        let policy = &web.policies[host];
        let seen = &mut self.hosts[host];
        let crawl_delay = seen.crawl_delay.filter(|delay| *delay > policy.interval).map(|it| it.min(policy.max_delay));
        let connections = if crawl_delay.is_some() { 1 } else { policy.connections.get() };
        let what = format!("host {host} at {now:?}: {seen:?} under {policy:?}");
        assert!(seen.in_flight < connections, "too many at once: {what}");
        assert!(now >= seen.not_before.max(seen.heard_until), "too soon: {what}");
        // One job remembers itself what it was told.
        let forgets = self.forgets && !self.is_one_job;
        assert!(!seen.in_trouble || seen.in_flight == 0 || forgets, "more than one probe: {what}");
        if policy.burst.get() == 1 {
            seen.not_before = seen.not_before.max(now + crawl_delay.unwrap_or(policy.interval));
        } else {
            seen.spend(policy, now);
        }
        seen.in_flight += 1;
        seen.last_sent = Some(now);
        let (connections, interval) = (self.process.connections, self.process.interval);
        self.all.enter(GroupLimit { interval, connections }, now, "all hosts");
        self.domains[host % 3].enter(self.limits.domain, now, "a domain");
        Asked { host, at: now }
    }

    /// Its client went away without a word: the server may have been at work until now.
    pub(super) fn broken_off(&mut self, web: &Web, asked: Asked, now: Timestamp) {
        self.over(asked);
        let policy = &web.policies[asked.host];
        self.hosts[asked.host].hold(now + policy.interval.max(policy.delay));
    }

    /// The server is done with it.
    pub(super) fn over(&mut self, asked: Asked) {
        self.hosts[asked.host].in_flight -= 1;
        self.all.in_flight -= 1;
        self.domains[asked.host % 3].in_flight -= 1;
    }

    /// A job has taken in how it went: from now on nobody may say that they did not know.
    pub(super) fn heard(&mut self, web: &Web, host: usize, conduct: &Conduct) {
        let (policy, seen) = (&web.policies[host], &mut self.hosts[host]);
        if policy.connections.get() == 1 && policy.burst.get() == 1 {
            seen.hold(conduct.first_byte_at.expect("it answered") + policy.interval);
        }
        seen.hold(conduct.ended_at + policy.delay);
        match conduct.signal {
            Signal::Fine | Signal::Later(_) => {
                seen.errors_in_row = 0;
                seen.in_trouble &= conduct.sent_at < seen.troubled_at;
            }
            Signal::Faulty => seen.errors_in_row += 1,
            Signal::Trouble | Signal::SlowDown(_) => {
                // What was under way together fails together, and is one failure.
                if conduct.sent_at >= seen.troubled_at {
                    seen.errors_in_row += 1;
                    seen.troubled_at = conduct.ended_at;
                }
                seen.in_trouble = true;
                let errors = if self.forgets { 1 } else { seen.errors_in_row.max(1) };
                // Half of the pause is certain, and it doubles.
                let doubled = policy.backoff_base * 2u32.saturating_pow(errors - 1).min(1 << 20);
                let pause = match conduct.signal {
                    Signal::SlowDown(Some(asked)) => asked.min(policy.max_delay),
                    _ => doubled.min(policy.backoff_max) / 2,
                };
                seen.hold(conduct.ended_at + pause);
            }
        }
    }

    /// A job goes on that may have forgotten what it heard.
    pub(super) fn forgotten_crawl_delay(&mut self, host: usize, remembered: Option<Duration>) {
        let seen = &mut self.hosts[host];
        (seen.crawl_delay, seen.heard_until) = (remembered.filter(|_| self.is_one_job), Timestamp::default());
    }

    pub(super) fn learnt_crawl_delay(&mut self, web: &Web, host: usize, delay: Option<Duration>, at: Timestamp) {
        if !self.is_one_job {
            return;
        }
        let (policy, seen) = (&web.policies[host], &mut self.hosts[host]);
        seen.crawl_delay = delay;
        if let Some(delay) = delay.filter(|delay| *delay > policy.interval) {
            seen.heard_until = at + delay.min(policy.max_delay);
        }
    }
}

impl Seen {
    fn hold(&mut self, at: Timestamp) {
        self.not_before = self.not_before.max(at);
    }

    /// Takes a token from a bucket that is filled by one each interval, up to the burst.
    fn spend(&mut self, policy: &Policy, now: Timestamp) {
        let full = policy.interval * policy.burst.get();
        let credit = self.credit.map_or(full, |(credit, at)| full.min(credit + now.since(at)));
        assert!(credit + ROUNDING >= policy.interval, "beyond the burst at {now:?}: {self:?}");
        self.credit = Some((credit.saturating_sub(policy.interval), now));
    }

    fn enter(&mut self, limit: GroupLimit, now: Timestamp, what: &str) {
        assert!(limit.connections.is_none_or(|most| self.in_flight < most.get()), "too many at {what}: {self:?}");
        let gap = self.last_sent.map(|last| now.since(last));
        assert!(gap.is_none_or(|gap| gap + ROUNDING >= limit.interval), "{what} again after {gap:?}");
        self.in_flight += 1;
        self.last_sent = Some(now);
    }
}
