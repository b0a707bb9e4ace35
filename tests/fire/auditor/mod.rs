//! The auditor: is told what a server saw and sent, and what was promised, and lists every promise that was
//! broken.
//!
//! It knows nothing of how dragline paces itself, and has none of its code: rates are counted by the generic
//! cell rate algorithm (ITU-T I.371) over arrivals, connections by overlaps of exchanges, pauses from the
//! answers as they were sent. It listens to the server's log ([`Moment`]s, in the order of time) while a crawl
//! runs, so that a million requests take no more memory than the hosts that they were sent to.
//!
//! # How much too early is too early
//!
//! A promise is about what is sent, and the witness is the server. Over one connection without bursts every
//! promise is counted from what the server itself sent (the interval from the beginning of the last answer, rests
//! and pauses from its end), so an arrival can't be early but by the resolution of clocks: [`SLACK`]. Over several, and with bursts, the interval is counted from sending, and an arrival
//! whose forerunner was long on its way is nearer to it. How long that may be is [`Policy::transit`]. It is the limit
//! of the algorithm and not a discount on each interval: an interval that is kept too short by a
//! hair is found after as many requests as there are hairs in it. What was sent before an answer was heard may
//! cross it within the same time: at most one request for each other connection.
//!
//! # What a kill may cost
//!
//! Nobody can know of an answer that went out just before the process was killed ([`Policy::unheard`]). If it asked for
//! a pause, the process that goes on does not know how long a one until the host says it again, so that every
//! request in that pause is excused and counted, as [`Report::forgotten`]. Nothing else is: after a kill each host is
//! owed a rest as if its last request had failed, an interval for each token of a burst, and one request at a time until
//! it has answered.
//!
//! # Whether anything was proved
//!
//! A rule that had no occasion to be broken was not tried. [`Report::held`] counts the requests that came as soon as a
//! rule allowed them, so that it was this rule that held them back. (Of a pause after a failure that is any time in the
//! half that is left to chance.)

mod ledger;
mod policy;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
    time::Duration,
};

use dragline::{
    clock::Timestamp,
    vitro::{Arrival, Moment, Tap},
};

use ledger::Ledger;
pub(crate) use policy::{Paths, Policy, Shared};

/// What clocks may differ by: a microsecond of rounding on both sides, and what a clock that is being corrected
/// drifts in a pause (at most 0.5 ms a second).
pub(crate) const SLACK: Duration = Duration::from_millis(2);
/// What comes so soon after it may has waited for that.
const SOON: Duration = Duration::from_millis(60);
/// Most violations that are listed. All are counted.
const MAX_LISTED: usize = 100;

/// What was promised to a host of this name.
pub(crate) type Promises = Box<dyn Fn(&str) -> Arc<Policy> + Send>;

/// Which promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rule {
    /// The interval, with bursts of the size promised.
    Rate,
    /// The interval that robots.txt asks for.
    CrawlDelay,
    /// The rest after an answer.
    Delay,
    /// Requests in flight.
    Connections,
    /// One request at a time to a host that has failed.
    Probe,
    /// `Retry-After`.
    RetryAfter,
    /// The pause after a failure, which grows.
    Backoff,
    /// No page before robots.txt was answered.
    RobotsFirst,
    /// No page while robots.txt can't be had (429, 5xx).
    RobotsClosed,
    /// Nothing that robots.txt disallows.
    Disallowed,
    /// Nothing in quiet hours.
    Quiet,
    /// The rate of all hosts, of an address, of a domain.
    AllHosts,
    Address,
    Domain,
}

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) rule: Rule,
    pub(crate) host: Arc<str>,
    pub(crate) path: Box<str>,
    /// The request's number in the log, and when it came.
    pub(crate) number: u64,
    pub(crate) at: Timestamp,
    /// How much too early, where that is what is wrong.
    pub(crate) early_by: Duration,
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub(crate) struct Report {
    pub(crate) requests: u64,
    pub(crate) hosts: usize,
    /// The first of the violations, and how many there are of each rule.
    pub(crate) violations: Vec<Violation>,
    pub(crate) counts: BTreeMap<Rule, u64>,
    /// Requests that a kill excuses.
    pub(crate) forgotten: u64,
    /// Pauses that were written down when a process died, not over then, and kept by the next one.
    pub(crate) outlived: u64,
    /// How many pauses were judged that follow so many failures in a row.
    pub(crate) grown: BTreeMap<usize, u64>,
    /// How often each rule had something to judge: a time to wait for, a second connection, a page.
    pub(crate) judged: BTreeMap<Rule, u64>,
    /// How often each rule is what a request waited for: a time that was just over, the last of several connections.
    pub(crate) held: BTreeMap<Rule, u64>,
    /// The earliest arrival that its rule's tolerance excused.
    pub(crate) earliest: BTreeMap<Rule, Duration>,
}

/// Listens to one server.
pub(crate) struct Auditor {
    promises: Promises,
    shared: Shared,
    hosts: HashMap<Arc<str>, Ledger>,
    /// Whose requests are under way.
    under_way: HashMap<u64, Arc<str>>,
    last: Option<Timestamp>,
    domains: HashMap<Box<str>, Timestamp>,
    report: Report,
}

impl Auditor {
    pub(crate) fn new(promises: Promises) -> Self {
        Self {
            promises,
            shared: Shared::default(),
            hosts: HashMap::new(),
            under_way: HashMap::new(),
            last: None,
            domains: HashMap::new(),
            report: Report::default(),
        }
    }

    /// The same, with promises to several hosts together.
    pub(crate) fn sharing(self, shared: Shared) -> Self {
        Self { shared, ..self }
    }

    /// What is promised from now on.
    pub(crate) fn promise(&mut self, promises: Promises) {
        for (host, ledger) in &mut self.hosts {
            ledger.promise(promises(host));
        }
        self.promises = promises;
    }

    /// The process that asks the hosts of `is_meant` was killed, not before `from` and not after `to`. All that it sent
    /// has come in, and no other has asked since.
    pub(crate) fn died(&mut self, from: Timestamp, to: Timestamp, is_meant: impl Fn(&str) -> bool) {
        self.hosts.iter_mut().filter(|(host, _)| is_meant(host)).for_each(|(_, ledger)| ledger.died(from, to));
    }

    /// What the server's log tells.
    pub(crate) fn tell(&mut self, moment: Moment<'_>) {
        match moment {
            Moment::Asked(arrival) => self.asked(arrival),
            Moment::Ended { number, began, at, status, retry_after } => {
                let Some(host) = self.under_way.remove(&number) else { return };
                if let Some(ledger) = self.hosts.get_mut(&host) {
                    ledger.ended(number, (began, at), status, retry_after);
                }
            }
        }
    }

    /// Requests so far.
    pub(crate) fn n_requests(&self) -> u64 {
        self.report.requests
    }

    pub(crate) fn report(&self) -> Report {
        Report { hosts: self.hosts.len(), ..self.report.clone() }
    }

    fn asked(&mut self, it: &Arrival) {
        self.report.requests += 1;
        let findings = &mut Findings { it, report: &mut self.report };
        self.shared.judge(
            findings,
            self.last,
            self.domains.get(domain(&it.host)).copied(),
            self.hosts.contains_key(&it.host),
        );
        self.last = Some(it.at);
        if !self.shared.domain.is_zero() {
            self.domains.insert(domain(&it.host).into(), it.at);
        }
        let promises = &self.promises;
        let ledger = self.hosts.entry(it.host.clone()).or_insert_with(|| Ledger::new(promises(&it.host)));
        ledger.asked(it, findings);
        self.under_way.insert(it.number, it.host.clone());
    }
}

/// The last two labels of a name.
fn domain(host: &str) -> &str {
    host.rmatch_indices('.').nth(1).map_or(host, |(at, _)| &host[at + 1..])
}

/// What is found about one request.
struct Findings<'a> {
    it: &'a Arrival,
    report: &'a mut Report,
}

impl Findings<'_> {
    /// The request may not come before `due`, give or take.
    fn not_before(&mut self, rule: Rule, due: Timestamp, tolerance: Duration) -> bool {
        self.not_before_a_chance(rule, (due, Duration::ZERO), tolerance)
    }

    /// The request may not come before `due`, give or take, and how much longer than that it has to wait is left to
    /// chance, up to `chance`.
    fn not_before_a_chance(&mut self, rule: Rule, (due, chance): (Timestamp, Duration), tolerance: Duration) -> bool {
        let early_by = due.since(self.it.at);
        self.judged(rule);
        if early_by > tolerance {
            self.violation(rule, early_by);
            return false;
        }
        let earliest = self.report.earliest.entry(rule).or_default();
        *earliest = early_by.max(*earliest);
        if self.it.at.since(due) < chance + SOON {
            self.held(rule);
        }
        true
    }

    /// The rule is what held the request back.
    fn held(&mut self, rule: Rule) {
        *self.report.held.entry(rule).or_default() += 1;
    }

    /// Something that may not be.
    fn never(&mut self, rule: Rule, is_so: bool) {
        self.judged(rule);
        if is_so {
            self.violation(rule, Duration::ZERO);
        }
    }

    fn forgotten(&mut self) {
        self.report.forgotten += 1;
    }

    fn outlived(&mut self) {
        self.report.outlived += 1;
    }

    /// A pause was judged that follows so many failures in a row, if any.
    fn grown(&mut self, n_in_row: usize) {
        if n_in_row > 0 {
            *self.report.grown.entry(n_in_row).or_default() += 1;
        }
    }

    fn judged(&mut self, rule: Rule) {
        *self.report.judged.entry(rule).or_default() += 1;
    }

    fn violation(&mut self, rule: Rule, early_by: Duration) {
        *self.report.counts.entry(rule).or_default() += 1;
        if self.report.violations.len() < MAX_LISTED {
            let Arrival { host, path, number, at, .. } = self.it.clone();
            self.report.violations.push(Violation { rule, host, path, number, at, early_by });
        }
    }
}

/// Has an auditor listen to a log.
pub(crate) fn tap(auditor: &Arc<Mutex<Auditor>>) -> Tap {
    let auditor = auditor.clone();
    Box::new(move |moment| auditor.lock().expect("it never panics").tell(moment))
}

/// Everything in a log that breaks one policy, which is the same for all hosts.
pub(crate) fn audit(log: &[Arrival], policy: &Policy) -> Vec<Violation> {
    let policy = Arc::new(policy.clone());
    replay(log, Auditor::new(Box::new(move |_| policy.clone())))
}

/// Tells an auditor a log that was kept, for its violations.
pub(crate) fn replay(log: &[Arrival], auditor: Auditor) -> Vec<Violation> {
    listen(log, auditor).violations
}

fn listen(log: &[Arrival], mut auditor: Auditor) -> Report {
    let ends = log.iter().filter_map(|arrival| Some((arrival.ended?, Some(arrival))));
    let mut moments: Vec<(Timestamp, bool, &Arrival)> = log.iter().map(|arrival| (arrival.at, true, arrival)).collect();
    moments.extend(ends.filter_map(|(at, arrival)| Some((at, false, arrival?))));
    // An end and a request in the same microsecond: what was asked had the answer, unless it is its own.
    moments.sort_by_key(|(at, asked, arrival)| (*at, *asked && arrival.ended != Some(*at), arrival.number, !*asked));
    for (at, asked, arrival) in moments {
        auditor.tell(if asked {
            Moment::Asked(arrival)
        } else {
            let (number, status, retry_after) = (arrival.number, arrival.status, arrival.retry_after.as_deref());
            Moment::Ended { number, began: arrival.began.unwrap_or(at), at, status, retry_after }
        });
    }
    auditor.report()
}
