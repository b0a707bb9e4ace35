//! One host: what it was asked and what it said, as far as that still matters.

use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use dragline::{clock::Timestamp, vitro::Arrival};

use super::{Findings, Policy, Rule, SLACK};

/// Failures in a row after which a pause doubles no more.
const MAX_DOUBLINGS: usize = 20;

pub(super) struct Ledger {
    policy: Arc<Policy>,
    /// The generic cell rate algorithm: when the next request is due on average.
    due: Timestamp,
    /// When the last request came in that counts, and when the last answer began.
    last: Option<Timestamp>,
    heard: Option<Timestamp>,
    under_way: Vec<UnderWay>,
    last_end: Option<End>,
    /// What robots.txt was answered with last.
    robots: Option<u16>,
    /// Since when its crawl-delay is known, and from when on it holds.
    crawl_delay: Option<Learnt>,
    pauses: Vec<Pause>,
    /// The failures since the last good answer that are known for certain.
    errors: Vec<Failure>,
    /// What was asked before this and fails is the same trouble.
    troubled: Timestamp,
    /// When the last good answer was over.
    well: Option<Timestamp>,
    /// Set if nothing has come back well that was asked after that.
    failing: Option<Failing>,
    /// By when the process that asks was dead, if it has not asked since.
    killed: Option<Timestamp>,
    /// The process that goes on has heard nothing of the host.
    on_trial: bool,
}

struct UnderWay {
    number: u64,
    at: Timestamp,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Robots,
    RobotsElsewhere,
    Other,
}

struct Learnt {
    at: Timestamp,
    next: Timestamp,
    may_be_forgotten: bool,
}

struct Failure {
    at: Timestamp,
    /// It made the host rest, which is written down soon.
    is_trouble: bool,
}

#[derive(Clone, Copy)]
struct Failing {
    at: Timestamp,
    may_be_forgotten: bool,
}

struct Pause {
    rule: Rule,
    since: End,
    until: Timestamp,
    /// After so many failures in a row, if it is for them.
    n_in_row: usize,
    may_be_forgotten: bool,
    /// It was not over when a process died that had written it down.
    outlives: bool,
}

/// The end of an answer. What was sent before it was heard may come in after it.
#[derive(Clone, Copy)]
struct End {
    at: Timestamp,
    /// How many such requests there may be yet: one for each other connection.
    may_cross: u32,
}

impl End {
    fn is_crossed(&mut self, it: &Arrival, policy: &Policy) -> bool {
        let crosses = self.may_cross > 0 && it.at <= self.at + policy.transit;
        self.may_cross -= u32::from(crosses);
        crosses
    }
}

impl Ledger {
    pub(super) fn new(policy: Arc<Policy>) -> Self {
        Self {
            policy,
            due: Timestamp::default(),
            last: None,
            heard: None,
            under_way: Vec::new(),
            last_end: None,
            robots: None,
            crawl_delay: None,
            pauses: Vec::new(),
            errors: Vec::new(),
            troubled: Timestamp::default(),
            well: None,
            failing: None,
            killed: None,
            on_trial: false,
        }
    }

    pub(super) fn promise(&mut self, policy: Arc<Policy>) {
        // A burst that was allowed is no debt under a policy without bursts: the next one is due an interval later.
        let from = if policy.is_exact() { self.last.max(self.heard) } else { self.last };
        if let Some(from) = from {
            self.due = self.due.min(from + policy.interval * policy.burst);
        }
        self.policy = policy;
    }

    /// The process that asks was alive at `from` and dead at `to`. All that it sent has come in.
    pub(super) fn died(&mut self, from: Timestamp, to: Timestamp) {
        // What was under way was heard by nobody.
        self.under_way.clear();
        self.killed = Some(to);
        self.on_trial = true;
        let (unheard, uncommitted) = (from - self.policy.unheard, from - self.policy.uncommitted);
        // What makes a host rest is written down soon, and all that was heard before with it; other failures are
        // with the next ordinary commit.
        let troubles = self.errors.iter().filter(|error| error.is_trouble && error.at < unheard);
        let durable = troubles.map(|error| error.at).max().unwrap_or_default();
        self.errors.retain(|error| error.at <= durable || error.at < uncommitted);
        for pause in &mut self.pauses {
            pause.may_be_forgotten |= pause.since.at >= unheard;
            pause.outlives = !pause.may_be_forgotten && pause.until > to;
        }
        // How long a pause the host asked for may be forgotten. Backoffs are not: whoever goes on leaves each host in
        // peace as if its last request had failed, and starts after all of them.
        self.pauses.retain(|pause| pause.rule == Rule::RetryAfter || !pause.may_be_forgotten);
        let certain = backoff(self.errors.len() + 1, &self.policy);
        let since = End { at: to, may_cross: 0 };
        self.pauses.push(Pause { n_in_row: 0, ..Pause::new(Rule::Backoff, since, to + certain) });
        if let Some(learnt) = &mut self.crawl_delay {
            learnt.may_be_forgotten |= learnt.at >= unheard;
        }
        if let Some(failing) = &mut self.failing {
            failing.may_be_forgotten |= failing.at >= unheard;
        }
    }

    /// A request has come in.
    pub(super) fn asked(&mut self, it: &Arrival, findings: &mut Findings<'_>) {
        let policy = Arc::clone(&self.policy);
        let kind = kind(&it.path, &policy);
        self.judge_rate(it, kind, &policy, findings);
        self.judge_pauses(it, &policy, findings);
        if let Some(end) = self.last_end.as_mut().filter(|_| !policy.delay.is_zero())
            && !end.is_crossed(it, &policy)
        {
            findings.not_before(Rule::Delay, end.at + policy.delay, SLACK);
        }
        for (from, to) in &policy.quiet {
            // What was sent before it began may come in after that.
            if it.at >= *from + policy.transit && it.at < *to {
                findings.not_before(Rule::Quiet, *to, SLACK);
            } else {
                findings.judged(Rule::Quiet);
            }
        }
        self.judge_connections(it, &policy, findings);
        if policy.robots_first && kind == Kind::Other {
            self.judge_robots(it, &policy, findings);
        }
        self.under_way.push(UnderWay { number: it.number, at: it.at, kind });
        self.killed = None;
    }

    fn judge_rate(&mut self, it: &Arrival, kind: Kind, policy: &Policy, findings: &mut Findings<'_>) {
        if let Some(interval) = self.crawl_pace(policy) {
            let learnt = self.crawl_delay.as_mut().expect("its pace is known");
            let is_early = learnt.next.since(it.at) > SLACK;
            if is_early && learnt.may_be_forgotten && self.killed.is_some() && kind != Kind::Other {
                // The robots.txt that says it was not written down either: it is asked for again, before all else.
                findings.forgotten();
                self.crawl_delay = None;
            } else {
                findings.not_before(Rule::CrawlDelay, learnt.next, SLACK);
                (learnt.next, learnt.may_be_forgotten) = (it.at + interval, false);
            }
        }
        if policy.interval.is_zero() {
            return;
        }
        if let Some(dead) = self.killed {
            // Whoever goes on takes all tokens for spent.
            findings.not_before(Rule::Rate, dead + policy.interval * policy.burst, SLACK);
        }
        let tolerance = if policy.is_exact() { SLACK } else { policy.transit };
        // At a crawl-delay's pace there are no bursts, and there may be none saved up for later.
        self.last = Some(it.at);
        let due = self.due - policy.interval * (policy.burst - 1);
        let is_kept = findings.not_before(Rule::Rate, due, tolerance);
        // Once reported, it is not held against those that come after it.
        self.due = if is_kept { self.due.max(it.at) } else { it.at } + policy.interval;
    }

    /// The interval that robots.txt asks for, if that is known and longer than the policy's.
    fn crawl_pace(&self, policy: &Policy) -> Option<Duration> {
        let asked =
            policy.crawl_delay.map(|asked| asked.min(policy.max_delay)).filter(|asked| *asked > policy.interval);
        asked.filter(|_| self.crawl_delay.is_some())
    }

    /// How many requests may be under way: one, at the pace of a crawl-delay.
    fn connections(&self, policy: &Policy) -> u32 {
        if self.crawl_pace(policy).is_some() { 1 } else { policy.connections }
    }

    fn judge_pauses(&mut self, it: &Arrival, policy: &Policy, findings: &mut Findings<'_>) {
        let mut is_forgotten = false;
        for pause in &mut self.pauses {
            if pause.since.is_crossed(it, policy) {
                continue;
            }
            // Whoever goes on can't know of it until an answer says it again. Each such request is counted.
            if pause.may_be_forgotten && pause.until.since(it.at) > SLACK {
                is_forgotten = true;
                continue;
            }
            // Half of a backoff is certain, and of the other half chance takes a part.
            let chance = if pause.rule == Rule::Backoff { pause.until.since(pause.since.at) } else { Duration::ZERO };
            findings.not_before_a_chance(pause.rule, (pause.until, chance), SLACK);
            findings.grown(pause.n_in_row);
            if pause.outlives {
                findings.outlived();
            }
        }
        if is_forgotten {
            findings.forgotten();
        }
        self.pauses.retain(|pause| pause.until > it.at);
    }

    fn judge_connections(&self, it: &Arrival, policy: &Policy, findings: &mut Findings<'_>) {
        let (most, n_others) = (self.connections(policy), self.under_way.len());
        findings.never(Rule::Connections, n_others + 1 > most as usize);
        if most > 1 && n_others + 1 == most as usize {
            findings.held(Rule::Connections);
        }
        let is_failing = self.failing.is_some_and(|failing| failing.at + policy.transit < it.at);
        if policy.connections > 1 && (is_failing || self.on_trial) {
            findings.never(Rule::Probe, n_others > 0);
        }
    }

    fn judge_robots(&self, it: &Arrival, policy: &Policy, findings: &mut Findings<'_>) {
        // On the way to it, it is not known yet.
        let is_known =
            self.robots.is_some_and(|status| !(300..400).contains(&status) || policy.robots_elsewhere.is_empty());
        findings.never(Rule::RobotsFirst, !is_known);
        findings.never(Rule::RobotsClosed, self.robots.is_some_and(|status| status == 429 || status >= 500));
        if !policy.disallowed.are_none() && self.robots.is_some_and(|status| (200..400).contains(&status)) {
            findings.never(Rule::Disallowed, policy.disallowed.contain(&it.path));
        }
    }

    /// The answer to a request, which began to go out at `began`, has gone out.
    pub(super) fn ended(&mut self, number: u64, (began, at): (Timestamp, Timestamp), status: u16, asks: Option<&str>) {
        let Some(place) = self.under_way.iter().position(|other| other.number == number) else { return };
        let asked = self.under_way.swap_remove(place);
        let policy = Arc::clone(&self.policy);
        self.on_trial = false;
        self.heard(began, &policy);
        self.learn(&asked, (began, at), status, &policy);
        self.last_end = Some(self.end(at, &policy));
        let wanted = asks.and_then(|text| pause_asked(text, at)).map(|wanted| wanted.min(policy.max_delay));
        match status {
            429 | 502 | 503 | 504 => {
                self.count_trouble(asked.at, at, &policy);
                self.failing = Some(Failing { at, may_be_forgotten: false });
                match wanted.filter(|_| matches!(status, 429 | 503)) {
                    Some(wanted) => self.pause(Rule::RetryAfter, at, wanted, &policy),
                    None => self.pause(Rule::Backoff, at, backoff(self.errors.len(), &policy), &policy),
                }
                return;
            }
            300..=399 => {
                self.forgive(at);
                if let Some(wanted) = wanted {
                    self.pause(Rule::RetryAfter, at, wanted, &policy);
                }
            }
            0 | 408 | 425 | 500..=599 => self.count_error(at, false, &policy),
            _ => self.forgive(at),
        }
        // Whoever does not know that it failed takes any answer for the end of its trial.
        let proves = |failing: Failing| (200..500).contains(&status) || failing.may_be_forgotten;
        if self.failing.is_some_and(|failing| asked.at >= failing.at && proves(failing)) {
            self.failing = None;
        }
    }

    /// Over one connection the interval counts from here: by now the server has had the request for certain.
    fn heard(&mut self, began: Timestamp, policy: &Policy) {
        self.heard = self.heard.max(Some(began));
        if policy.is_exact() {
            self.due = self.due.max(began + policy.interval);
        }
        let pace = self.crawl_pace(policy);
        if let (Some(interval), Some(learnt)) = (pace, &mut self.crawl_delay) {
            learnt.next = learnt.next.max(began + interval);
        }
    }

    /// What an answer says of robots.txt.
    fn learn(&mut self, asked: &UnderWay, (began, at): (Timestamp, Timestamp), status: u16, policy: &Policy) {
        if asked.kind == Kind::Other || (asked.kind == Kind::RobotsElsewhere && self.robots.is_none()) {
            return;
        }
        // Another job may be on its way to what this one knows already.
        let leads_on = (300..400).contains(&status) && !policy.robots_elsewhere.is_empty();
        if !leads_on || self.robots.is_none() {
            self.robots = Some(status);
        }
        if status == 200 && self.crawl_delay.is_none() {
            let next = began + policy.crawl_delay.unwrap_or_default().min(policy.max_delay);
            self.crawl_delay = Some(Learnt { at, next, may_be_forgotten: false });
        }
    }

    /// What is kept of the host that comes and goes.
    #[cfg(test)]
    pub(super) fn n_kept(&self) -> usize {
        self.under_way.len() + self.pauses.len() + self.errors.len()
    }

    fn forgive(&mut self, at: Timestamp) {
        self.errors.clear();
        self.well = Some(at);
    }

    /// Requests that are under way together and fail together are one failure.
    fn count_trouble(&mut self, asked: Timestamp, at: Timestamp, policy: &Policy) {
        let transit = if self.connections(policy) > 1 { policy.transit } else { Duration::ZERO };
        if asked >= self.troubled + transit {
            self.count_error(at, true, policy);
            self.troubled = at;
        }
    }

    /// Over several connections a good answer that went out just before may be heard after this, and forgive it: then it
    /// counts for its own pause and makes no other one longer.
    fn count_error(&mut self, at: Timestamp, is_trouble: bool, policy: &Policy) {
        let is_forgiven = self.connections(policy) > 1 && self.well.is_some_and(|well| at <= well + policy.transit);
        // More of them change nothing.
        if !is_forgiven && self.errors.len() <= MAX_DOUBLINGS {
            self.errors.push(Failure { at, is_trouble });
        }
    }

    fn end(&self, at: Timestamp, policy: &Policy) -> End {
        End { at, may_cross: self.connections(policy).saturating_sub(1) }
    }

    fn pause(&mut self, rule: Rule, since: Timestamp, pause: Duration, policy: &Policy) {
        let (until, transit) = (since + pause, policy.transit);
        // One that ends before this one matters only for what may cross the answer to this one.
        self.pauses.retain(|other| other.until > since && (other.until > until || since <= other.since.at + transit));
        let n_in_row = if rule == Rule::Backoff { self.errors.len() } else { 0 };
        self.pauses.push(Pause { n_in_row, ..Pause::new(rule, self.end(since, policy), until) });
    }
}

impl Pause {
    fn new(rule: Rule, since: End, until: Timestamp) -> Self {
        Self { rule, since, until, n_in_row: 0, may_be_forgotten: false, outlives: false }
    }
}

/// The half of a pause that is certain after so many failures in a row, of which there is one.
fn backoff(n_in_row: usize, policy: &Policy) -> Duration {
    let n_doublings = n_in_row.max(1) - 1;
    let doubled = policy.backoff.0.saturating_mul(1 << n_doublings.min(MAX_DOUBLINGS));
    doubled.min(policy.backoff.1) / 2
}

fn kind(path: &str, policy: &Policy) -> Kind {
    match path {
        "/robots.txt" => Kind::Robots,
        _ if policy.robots_elsewhere.contains(path) => Kind::RobotsElsewhere,
        _ => Kind::Other,
    }
}

/// Seconds, or a date, whose fractions of a second nobody can know.
fn pause_asked(text: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(date.saturating_sub(Duration::from_micros(now.0)))
}
