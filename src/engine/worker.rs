//! A worker: does what one lease says, and tells what came of it.
//!
//! It never waits for politeness, never decides what is written, and owns nothing that would be
//! missed: it may panic or be dropped at any point.

mod condition;
mod page;
mod read;
mod robots;
pub(super) mod write;

use std::{sync::Arc, time::Duration};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{
    Options,
    event::{Conclusion, Failure, Outcome},
    judge::{Judge, Lead, Source},
    trail::Trail,
    visit::{Keep, Subject, Visit},
};
use crate::{
    address::{Canonicalizer, Fingerprint, HostKey},
    clock::{Clock, Timestamp},
    fetch::{
        ErrorKind, Fetcher, Response, Timings,
        retry::{self, ForHost},
    },
    frontier::{
        Discovery, QueuedUrl, Recent,
        workbench::{Lease, Returned, Task},
    },
    politeness::{Conduct, Signal},
    scope::Scope,
    verdict::Refused,
};

/// What every worker works with.
pub struct Stack {
    /// Makes exchanges.
    pub fetcher: Arc<dyn Fetcher>,
    /// Which URLs may be visited.
    pub scope: Scope,
    /// Makes URLs canonical.
    pub canonicalizer: Canonicalizer,
    /// Tells the time.
    pub clock: Clock,
}

/// Shared by all workers of a crawl.
pub(super) struct Worker {
    fetcher: Arc<dyn Fetcher>,
    judge: Judge,
    clock: Clock,
    options: Options,
    /// The number of the pass, from 1.
    pass: u32,
    /// What the frontier is known to know.
    recent: Option<Recent>,
}

impl Worker {
    pub(super) fn new(stack: Stack, options: Options, pass: u32, recent: Option<Recent>) -> Self {
        let judge = Judge {
            canonicalizer: stack.canonicalizer,
            scope: stack.scope,
            max_redirects: options.max_redirects,
            downgrade: options.downgrade,
            // Links take no more memory than the body that they are in may.
            max_link_bytes: options.max_body_bytes,
        };
        Self { fetcher: stack.fetcher, judge, clock: stack.clock, options, pass, recent }
    }

    /// Its crawl's name in logs, if it has one.
    pub(super) fn crawl(&self) -> Option<&str> {
        self.options.crawl.as_deref()
    }

    /// Does it.
    pub(super) async fn work(&self, lease: Lease) -> (Returned, Visit) {
        let ticket = lease.ticket;
        let trail = self.follow(&lease);
        let (mut visit, errand) = match lease.task {
            Task::Visit(queued, signals) => {
                let known = lease.recalled.and_then(|left| condition::Known::of(&queued, *left));
                (self.visit(lease.host, queued, signals.as_deref(), known, lease.may_retry, trail).await, None)
            }
            Task::Robots(errand) => self.get_robots(lease.host, errand, trail).await,
            Task::Refuse(queued, refused) => (self.refuse(lease.host, &queued, &refused), None),
        };
        if let Some(trail) = &mut visit.trail {
            trail.conclude(&visit.subject);
        }
        (Returned { host: visit.host.id(), ticket, conduct: visit.conduct, errand }, visit)
    }

    /// What of that may be news to the frontier, judged.
    fn news(&self, leads: &[Lead], source: &Source) -> Vec<Discovery> {
        let told = leads.iter().map(|lead| (lead.fingerprint, lead.way.depth));
        let may_be_news = self.recent.as_ref().map(|recent| recent.may_be_news(told));
        let is_known = |index: usize| may_be_news.as_ref().is_some_and(|flags| !flags[index]);
        let news = leads.iter().enumerate().filter(|(index, _)| !is_known(*index));
        news.map(|(_, lead)| self.judge.judge(lead.clone(), source)).collect()
    }

    /// A trail, if the lease is for a request and its URL is followed.
    fn follow(&self, lease: &Lease) -> Option<Box<Trail>> {
        let followed = self.options.followed;
        if !followed.is_any() {
            return None;
        }
        let (name, url, fingerprint, depth, attempts) = match &lease.task {
            Task::Visit(queued, _) => ("visit", &queued.url, queued.fingerprint, queued.depth(), queued.attempts),
            Task::Robots(errand) => ("robots", &errand.url, errand.url.fingerprint(), 0, errand.attempts.into()),
            Task::Refuse(..) => return None,
        };
        followed.follows(fingerprint).then(|| {
            let mut trail = Trail::begin(name, url.clone(), lease.leased_at);
            trail.lap("lease", self.clock.now());
            Box::new(Trail { depth, attempt: attempts + 1, ..trail })
        })
    }

    /// What there is to say when the work on a lease ended in a panic: the URL is not tried again,
    /// and its record says that the fault is ours.
    pub(super) fn failed(&self, lease: Lease) -> (Returned, Visit) {
        let ticket = lease.ticket;
        let now = self.clock.now();
        let subject = match lease.task {
            Task::Visit(queued, _) | Task::Refuse(queued, _) => {
                let failure = Failure::Error(ErrorKind::Internal);
                let error = "the page made dragline panic; please report it";
                self.conclude_without_answer(&queued, Outcome::Failed(failure), Some(error), None, now)
            }
            Task::Robots(errand) => {
                let known = errand.known.as_ref();
                let policy = crate::robots::Policy::unreachable_but_known(known, now, &self.options.robots);
                Subject::Robots { origin: errand.origin, policy: Some(Ok(policy)) }
            }
        };
        // The host may have been asked: it is owed its interval.
        let timings = Timings { sent_at: now, ended_at: now, ..Timings::default() };
        let conduct = ticket.map(|_| conduct(&timings, Signal::Fine, Fingerprint(0)));
        let returned = Returned { host: lease.host.id(), ticket, conduct, errand: None };
        (returned, Visit { host: lease.host, conduct, subject, found: Vec::new(), trail: None })
    }

    fn refuse(&self, host: HostKey, queued: &QueuedUrl, refused: &Refused) -> Visit {
        let now = self.clock.now();
        let record = write::refused_in_queue(queued, refused, now).to_line();
        let subject = Self::concluded_without_answer(queued, Outcome::Refused(refused.why), record, now);
        Visit { host, conduct: None, subject, found: Vec::new(), trail: None }
    }

    fn conclude_without_answer(
        &self,
        queued: &QueuedUrl,
        outcome: Outcome,
        error: Option<&str>,
        timings: Option<&Timings>,
        at: Timestamp,
    ) -> Subject {
        let record = write::without_answer(queued, outcome, error, timings, at).to_line();
        Self::concluded_without_answer(queued, outcome, record, at)
    }

    fn concluded_without_answer(queued: &QueuedUrl, outcome: Outcome, record: Vec<u8>, at: Timestamp) -> Subject {
        let conclusion = Conclusion {
            url: queued.url.clone(),
            depth: queued.depth(),
            outcome,
            status: None,
            via: queued.via.clone(),
            content: None,
            body_bytes: 0,
            wire_bytes: 0,
            latency: None,
            at,
        };
        Subject::Concluded { conclusion, record, keep: Keep::AsItIs }
    }
}

/// How a request went that was not answered.
pub(super) fn conduct(timings: &Timings, signal: Signal, fingerprint: Fingerprint) -> Conduct {
    Conduct {
        sent_at: timings.sent_at,
        first_byte_at: timings.first_byte_at,
        ended_at: timings.ended_at,
        signal,
        jitter: chance(fingerprint, timings.ended_at),
        remote: None,
    }
}

/// How a request went that was answered; `None` when the host was not asked for it.
pub(super) fn conduct_of(response: &Response, host: ForHost, fingerprint: Fingerprint) -> Option<Conduct> {
    let asked_pause = retry::retry_after(&response.headers, response.timings.ended_at);
    let signal = match signal_of(host, asked_pause).filter(|_| !response.from_cache)? {
        // RFC 9110 section 10.2.3: how long to wait before what it points to is asked for.
        Signal::Fine if (300..400).contains(&response.status) => asked_pause.map_or(Signal::Fine, Signal::Later),
        signal => signal,
    };
    let remote = response.remote.map(|remote| remote.ip());
    Some(Conduct { remote, ..conduct(&response.timings, signal, fingerprint) })
}

/// What came of a request, in politeness's words; `None` when the host was not asked. `asked_pause` is
/// what its `Retry-After` says.
pub(super) fn signal_of(host: ForHost, asked_pause: Option<Duration>) -> Option<Signal> {
    Some(match host {
        ForHost::Unasked => return None,
        ForHost::Fine => Signal::Fine,
        ForHost::Faulty => Signal::Faulty,
        ForHost::Trouble => Signal::Trouble,
        ForHost::SlowDown => Signal::SlowDown(asked_pause),
    })
}

/// A number in 0..1 that spreads what would otherwise happen at once; the same input gives the
/// same, so a run can be repeated.
pub(super) fn chance(fingerprint: Fingerprint, at: Timestamp) -> f64 {
    let hash = xxh3_64_with_seed(&fingerprint.to_bytes(), at.0);
    #[expect(clippy::cast_precision_loss, reason = "53 bits of chance are plenty")]
    let share = (hash >> 11) as f64 / (1u64 << 53) as f64;
    share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_is_spread_and_repeatable() {
        let draws: Vec<f64> = (0..1000).map(|i| chance(Fingerprint(i), Timestamp(7))).collect();
        assert!(draws.iter().all(|share| (0.0..1.0).contains(share)));
        let mean = draws.iter().sum::<f64>() / 1000.0;
        assert!((0.45..0.55).contains(&mean), "{mean}");
        assert_eq!(chance(Fingerprint(3), Timestamp(7)).to_bits(), draws[3].to_bits());
    }
}
