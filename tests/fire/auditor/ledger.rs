//! One host: what it was asked and what it said, as far as that still matters.

use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use dragline::{clock::Timestamp, vitro::Arrival};

use super::{Findings, Policy, Rule, SLACK};

/// Failures in a row after which a pause doubles no more.
const MAX_DOUBLINGS: u32 = 20;

pub(super) struct Ledger {
    policy: Arc<Policy>,
    /// The generic cell rate algorithm: when the next request is due on average.
    due: Timestamp,
    /// When the last request came in that counts.
    last: Option<Timestamp>,
    under_way: Vec<UnderWay>,
    last_end: Option<Timestamp>,
    /// What robots.txt was answered with last.
    robots: Option<u16>,
    /// Since when its crawl-delay is known, and from when on it holds.
    crawl_delay: Option<Learnt>,
    pauses: Vec<Pause>,
    /// When each failure since the last good answer was over.
    errors: Vec<Timestamp>,
    /// What was asked before this and fails is the same trouble.
    troubled: Timestamp,
    /// When it failed, if nothing has come back well that was asked after that.
    failing: Option<Timestamp>,
    /// The process that asks was killed, and has not asked since.
    is_bereft: bool,
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

struct Pause {
    rule: Rule,
    since: Timestamp,
    until: Timestamp,
    may_be_forgotten: bool,
}

impl Ledger {
    pub(super) fn new(policy: Arc<Policy>) -> Self {
        Self {
            policy,
            due: Timestamp::default(),
            last: None,
            under_way: Vec::new(),
            last_end: None,
            robots: None,
            crawl_delay: None,
            pauses: Vec::new(),
            errors: Vec::new(),
            troubled: Timestamp::default(),
            failing: None,
            is_bereft: false,
        }
    }

    pub(super) fn promise(&mut self, policy: Arc<Policy>) {
        // A burst that was allowed is no debt under a policy without bursts: the next one is due an interval later.
        if let Some(last) = self.last {
            self.due = self.due.min(last + policy.interval * policy.burst);
        }
        self.policy = policy;
    }

    pub(super) fn died(&mut self, from: Timestamp, to: Timestamp) {
        // What was under way was heard by nobody.
        self.under_way.clear();
        self.is_bereft = true;
        let unheard = from - self.policy.unheard;
        for pause in &mut self.pauses {
            pause.may_be_forgotten |= (unheard..=to).contains(&pause.since);
        }
        if let Some(learnt) = &mut self.crawl_delay {
            learnt.may_be_forgotten |= (unheard..=to).contains(&learnt.at);
        }
        let uncommitted = from - self.policy.uncommitted;
        self.errors.retain(|at| *at < uncommitted);
    }

    /// A request has come in.
    pub(super) fn asked(&mut self, it: &Arrival, findings: &mut Findings<'_>) {
        let policy = Arc::clone(&self.policy);
        self.judge_rate(it, &policy, findings);
        self.judge_pauses(it, &policy, findings);
        if let Some(end) = self.last_end.filter(|end| !policy.delay.is_zero() && !crossed(it, *end, &policy)) {
            findings.not_before(Rule::Delay, end + policy.delay, SLACK);
        }
        for (from, to) in &policy.quiet {
            // What was sent before it began may come in after that.
            if it.at >= *from + policy.transit && it.at < *to {
                findings.not_before(Rule::Quiet, *to, SLACK);
            } else {
                findings.judged(Rule::Quiet);
            }
        }
        let most = if self.crawl_pace(&policy).is_some() { 1 } else { policy.connections };
        let n_others = self.under_way.len();
        findings.never(Rule::Connections, n_others + 1 > most as usize);
        if policy.connections > 1 && self.failing.is_some_and(|failed| failed + policy.transit < it.at) {
            findings.never(Rule::Probe, n_others > 0);
        }
        let kind = kind(&it.path, &policy);
        if policy.robots_first && kind == Kind::Other {
            self.judge_robots(it, &policy, findings);
        }
        self.under_way.push(UnderWay { number: it.number, at: it.at, kind });
        self.is_bereft = false;
    }

    fn judge_rate(&mut self, it: &Arrival, policy: &Policy, findings: &mut Findings<'_>) {
        if let Some(interval) = self.crawl_pace(policy) {
            let learnt = self.crawl_delay.as_mut().expect("its pace is known");
            let (next, may_be_forgotten) = (learnt.next, learnt.may_be_forgotten);
            learnt.next = it.at + interval;
            if may_be_forgotten && self.is_bereft && next.since(it.at) > SLACK {
                findings.forgotten();
                // It is heard again when robots.txt is asked for again.
                self.crawl_delay = None;
            } else {
                if let Some(learnt) = &mut self.crawl_delay {
                    learnt.may_be_forgotten = false;
                }
                findings.not_before(Rule::CrawlDelay, next, SLACK);
            }
        }
        if policy.interval.is_zero() {
            return;
        }
        let is_exact = policy.connections == 1 && policy.burst == 1;
        let tolerance = if is_exact { SLACK } else { policy.transit };
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

    fn judge_pauses(&mut self, it: &Arrival, policy: &Policy, findings: &mut Findings<'_>) {
        let is_first = self.is_bereft;
        let mut n_forgotten = 0;
        for pause in &self.pauses {
            if crossed(it, pause.since, policy) {
                continue;
            }
            if is_first && pause.may_be_forgotten && pause.until.since(it.at) > SLACK {
                n_forgotten += 1;
            } else {
                findings.not_before(pause.rule, pause.until, SLACK);
            }
        }
        if n_forgotten > 0 {
            findings.forgotten();
        }
        self.pauses.retain(|pause| pause.until > it.at && !(is_first && pause.may_be_forgotten));
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

    /// The answer to a request goes out.
    pub(super) fn ended(&mut self, number: u64, at: Timestamp, status: u16, retry_after: Option<&str>) {
        let Some(place) = self.under_way.iter().position(|other| other.number == number) else { return };
        let asked = self.under_way.swap_remove(place);
        let policy = Arc::clone(&self.policy);
        self.last_end = self.last_end.max(Some(at));
        if asked.kind == Kind::Robots || (asked.kind == Kind::RobotsElsewhere && self.robots.is_some()) {
            // Another job may be on its way to what this one knows already.
            let leads_on = (300..400).contains(&status) && !policy.robots_elsewhere.is_empty();
            if !leads_on || self.robots.is_none() {
                self.robots = Some(status);
            }
            if status == 200 && self.crawl_delay.is_none() {
                let next = asked.at + policy.crawl_delay.unwrap_or_default().min(policy.max_delay);
                self.crawl_delay = Some(Learnt { at, next, may_be_forgotten: false });
            }
        }
        // More of them change nothing.
        self.errors.truncate(MAX_DOUBLINGS as usize + 1);
        let may_count = asked.at >= self.troubled;
        let wanted = retry_after.and_then(|text| pause_asked(text, at)).map(|wanted| wanted.min(policy.max_delay));
        match status {
            429 | 502 | 503 | 504 => {
                if may_count {
                    self.errors.push(at);
                    self.troubled = at;
                }
                self.failing = Some(at);
                let (rule, pause) = match wanted.filter(|_| matches!(status, 429 | 503)) {
                    Some(wanted) => (Rule::RetryAfter, wanted),
                    None => (Rule::Backoff, self.backoff(&policy)),
                };
                self.pause(rule, at, pause);
                return;
            }
            300..=399 => {
                self.errors.clear();
                if let Some(wanted) = wanted {
                    self.pause(Rule::RetryAfter, at, wanted);
                }
            }
            0 | 408 | 425 | 500..=599 => self.errors.push(at),
            _ => self.errors.clear(),
        }
        if self.failing.is_some_and(|failed| asked.at >= failed) && (200..500).contains(&status) {
            self.failing = None;
        }
    }

    /// What is kept of the host that comes and goes.
    #[cfg(test)]
    pub(super) fn n_kept(&self) -> usize {
        self.under_way.len() + self.pauses.len() + self.errors.len()
    }

    /// The half of a pause that is certain.
    fn backoff(&self, policy: &Policy) -> Duration {
        let n_doublings = u32::try_from(self.errors.len()).unwrap_or(u32::MAX).max(1) - 1;
        let doubled = policy.backoff.0.saturating_mul(1 << n_doublings.min(MAX_DOUBLINGS));
        doubled.min(policy.backoff.1) / 2
    }

    fn pause(&mut self, rule: Rule, since: Timestamp, pause: Duration) {
        let (until, transit) = (since + pause, self.policy.transit);
        // One that ends before this one matters only for what may cross the answer to this one.
        self.pauses.retain(|other| other.until > since && (other.until > until || since <= other.since + transit));
        self.pauses.push(Pause { rule, since, until, may_be_forgotten: false });
    }
}

/// What crossed an answer on its way is not late.
fn crossed(it: &Arrival, end: Timestamp, policy: &Policy) -> bool {
    policy.connections > 1 && it.at <= end + policy.transit
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
