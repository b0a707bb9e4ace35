//! How things stand with a host: what each answer does to the time of the next question.
//!
//! The same pure step is taken by the gate, which acts on it, by the workbench, which judges by it,
//! and by the recorder, which makes it durable; so all know the same after every visit.
//!
//! A host that fails is a circuit: closed while it is well; *resting* until `not_before`, with pauses
//! that grow; then *half open*, asked by one request at a time, until a good answer closes it again or
//! the next failure makes it rest for longer; given up when it has failed too often.

use std::{fmt, net::IpAddr, num::NonZeroU32, time::Duration};

use serde::{Deserialize, Serialize};

use super::Policy;
use crate::clock::Timestamp;

/// A host that has become faster is believed this slowly: by one part in so many with each answer.
const LATENCY_FALL: u32 = 4;

/// How one request went, in time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conduct {
    /// When it was sent.
    pub sent_at: Timestamp,
    /// When the answer began to arrive: by then the server had the request for certain.
    pub first_byte_at: Option<Timestamp>,
    /// When it was over.
    pub ended_at: Timestamp,
    /// What the answer says about the host.
    pub signal: Signal,
    /// A random number in 0..1 that spreads a backoff.
    pub jitter: f64,
    /// The address that answered, where it is known to be the host's (not behind a proxy).
    pub remote: Option<IpAddr>,
}

impl Conduct {
    /// By then the server had the request for certain.
    pub fn heard_at(&self) -> Timestamp {
        self.first_byte_at.unwrap_or(self.ended_at)
    }
}

/// What an answer says about the host.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Signal {
    /// It is well.
    Fine,
    /// It answered, and badly (500, garbage): that may be this URL's fault, so no pause, but it counts.
    Faulty,
    /// It failed: unreachable, silent, or a 5xx that is not a request for a pause.
    Trouble,
    /// It asks for a pause (429, 503), for as long as `Retry-After` says if it says anything.
    SlowDown(Option<Duration>),
    /// It is well, and asks to be left alone for so long before what it points to is asked for
    /// (`Retry-After` of a redirect, RFC 9110 section 10.2.3).
    Later(Duration),
}

/// How things stand with a host. Durable.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HostState {
    /// Nobody asks before this: interval, crawl-delay and backoff in one.
    pub not_before: Timestamp,
    /// Until when a process that has forgotten the token bucket must wait for it to be full.
    pub refilled_at: Timestamp,
    /// Set while `not_before` is there because of a failing host or a request for a pause.
    pub backing_off: bool,
    /// Why it was backed off from the last time.
    pub backoff: Option<Backoff>,
    /// Failures since the last good answer.
    pub errors_in_row: u32,
    /// When the last failure that counted as trouble was over. What was sent before that and fails
    /// too is the same trouble.
    pub troubled_at: Timestamp,
    /// Failed too often; its remaining URLs are refused.
    pub given_up: bool,
    /// `Crawl-delay` of its robots.txt.
    pub crawl_delay: Option<Duration>,
    /// How long it takes to answer, to the first byte: goes up with the last answer at once, and comes
    /// down slowly.
    pub latency: Option<Duration>,
    /// Requests made.
    pub requests: u64,
    /// URLs sent back into the queue to be asked for again.
    pub retries: u64,
    /// What it said last may not be known: one request at a time, until something is heard of it. Never
    /// written down, because it is about one process that goes on after another.
    #[serde(skip)]
    pub on_trial: bool,
}

/// Where the circuit of a host stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Circuit {
    /// It is asked as the policy allows.
    Closed,
    /// Nobody asks before that time.
    Resting(Timestamp),
    /// It has rested: one request at a time tries whether it is well again.
    HalfOpen,
    /// It is not asked any more.
    GivenUp,
}

impl Circuit {
    /// As people read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Resting(_) => "resting",
            Self::HalfOpen => "half-open",
            Self::GivenUp => "given-up",
        }
    }
}

/// Why a host is left in peace for longer than its interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Backoff {
    /// It asked for it (429, 503), without saying for how long.
    Asked,
    /// It asked for this long (`Retry-After`).
    AskedFor(Duration),
    /// It failed: unreachable, silent, or a 5xx.
    Failed,
}

impl fmt::Display for Backoff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked => f.write_str("it asked for a pause"),
            Self::AskedFor(pause) => write!(f, "it asked for a pause of {} s", pause.as_secs()),
            Self::Failed => f.write_str("it failed"),
        }
    }
}

impl HostState {
    /// Takes in how a request went.
    pub fn settle(&mut self, conduct: &Conduct, policy: &Policy) {
        let (interval, burst, connections) = self.pace(policy);
        // With one connection the server's own answer proves when it had the request. With more,
        // requests overlap, and the time of sending is the best that is known.
        let heard = if connections.get() == 1 { conduct.heard_at() } else { conduct.sent_at };
        if burst.get() == 1 {
            self.hold_until(heard + interval);
        }
        self.refilled_at = self.refilled_at.max(heard + interval * burst.get());
        self.requests += 1;
        self.on_trial = false;
        self.learn_latency(conduct);
        self.hold_until(conduct.ended_at + self.pause(policy));
        match conduct.signal {
            Signal::Fine => self.forgive(conduct),
            Signal::Later(asked) => {
                self.forgive(conduct);
                self.hold_until(conduct.ended_at + asked.min(policy.max_delay));
            }
            Signal::Faulty => self.count_error(policy),
            Signal::Trouble => {
                self.backoff = Some(Backoff::Failed);
                self.back_off(conduct, None, policy);
            }
            Signal::SlowDown(asked) => {
                self.backoff = Some(asked.map_or(Backoff::Asked, Backoff::AskedFor));
                self.back_off(conduct, asked, policy);
            }
        }
    }

    /// Interval, burst and connections in force: the policy's, or the crawl-delay's, which is for
    /// one request at a time.
    pub fn pace(&self, policy: &Policy) -> (Duration, NonZeroU32, NonZeroU32) {
        match self.crawl_delay {
            Some(delay) if policy.honour_crawl_delay && delay > policy.interval => {
                (delay.min(policy.max_delay).max(policy.interval), NonZeroU32::MIN, NonZeroU32::MIN)
            }
            _ => (policy.interval, policy.burst, policy.connections),
        }
    }

    /// How long nobody asks after the end of an answer: the policy's delay, or what the host's slowness
    /// makes of it.
    pub fn pause(&self, policy: &Policy) -> Duration {
        let adaptive = policy.adaptive.as_ref().zip(self.latency);
        policy.delay.max(adaptive.map_or(Duration::ZERO, |(adaptive, latency)| adaptive.pause(latency)))
    }

    /// Where the circuit stands at `now`.
    pub fn circuit(&self, now: Timestamp) -> Circuit {
        match (self.given_up, self.backing_off) {
            (true, _) => Circuit::GivenUp,
            (false, false) => Circuit::Closed,
            (false, true) if now < self.not_before => Circuit::Resting(self.not_before),
            (false, true) => Circuit::HalfOpen,
        }
    }

    /// Whether another attempt at one of its URLs is within its budget. What is out at once may
    /// overdraw it, by one for each connection.
    pub fn may_retry(&self, policy: &Policy) -> bool {
        policy.retries.is_none_or(|budget| self.retries < budget.most(self.requests))
    }

    /// One of its URLs will be asked for again.
    pub fn note_retry(&mut self) {
        self.retries += 1;
    }

    /// What another job, or an earlier process, knows of the host. Times hold for all; what was counted
    /// is taken over only by one who knows nothing yet.
    pub fn merge(&mut self, other: &Self) {
        if self.requests == 0 && self.troubled_at == Timestamp::default() {
            self.errors_in_row = self.errors_in_row.max(other.errors_in_row);
            self.backing_off |= other.backing_off;
            self.troubled_at = other.troubled_at;
            self.backoff = other.backoff;
            self.on_trial |= other.on_trial;
        }
        self.hold_until(other.not_before);
        self.refilled_at = self.refilled_at.max(other.refilled_at);
        self.latency = self.latency.max(other.latency);
    }

    /// The host asks for `delay` between requests (the longest, when several origins ask), as was heard
    /// at `heard`: the next request waits for it already.
    pub fn learn_crawl_delay(&mut self, delay: Option<Duration>, heard: Timestamp, policy: &Policy) {
        let before = self.pace(policy).0;
        self.crawl_delay = delay;
        let interval = self.pace(policy).0;
        if interval > before {
            self.hold_until(heard + interval);
        }
    }

    /// After a restart: the bucket's tokens are forgotten, so wait until it would be full.
    pub fn reopen(&mut self, policy: &Policy, now: Timestamp) {
        self.bound(policy, now);
        self.hold_until(self.refilled_at);
    }

    /// Read back at `now`: cuts times that are later than any that would have been written by now. A clock that has
    /// been set back since left them; what they say is not known, and a failure that is still to come would seem
    /// to be part of one before it for as long as they hold. `true` when there were any.
    pub fn bound(&mut self, policy: &Policy, now: Timestamp) -> bool {
        let (interval, burst, _) = self.pace(policy);
        let mut is_cut = false;
        for (time, latest) in [
            (&mut self.not_before, now + policy.longest_pause().max(interval)),
            (&mut self.refilled_at, now + interval * burst.get()),
            (&mut self.troubled_at, now),
        ] {
            is_cut |= *time > latest;
            *time = latest.min(*time);
        }
        is_cut
    }

    /// When a crawl is done again: what was held against the host is forgiven, what is owed to it is not.
    pub fn begin_pass(&mut self) {
        self.errors_in_row = 0;
        self.given_up = false;
        (self.requests, self.retries) = (0, 0);
    }

    /// Somebody asked it just before `at`, and nobody knows how that went: as if the whole bucket had been spent
    /// at that time.
    pub fn distrust(&mut self, policy: &Policy, at: Timestamp) {
        let (interval, burst, _) = self.pace(policy);
        self.hold_until(at + (interval * burst.get()).max(self.pause(policy)));
    }

    /// A crawl goes on at `at`. What its last process asked and heard just before it ended may not have been
    /// written down, so as if the whole bucket had been spent at the start, and as if the last answer had been one
    /// more failure. How long a pause the host may have asked for in that moment nobody knows; so it is tried by
    /// one request.
    pub fn go_on(&mut self, policy: &Policy, at: Timestamp) {
        self.distrust(policy, at);
        self.hold_until(at + backoff(self.errors_in_row.saturating_add(1), policy) / 2);
        self.on_trial = true;
    }

    /// A good answer. One to a request that was sent before the trouble began says nothing about how it
    /// is now, so that the host is tried by one request all the same.
    fn forgive(&mut self, conduct: &Conduct) {
        self.errors_in_row = 0;
        if conduct.sent_at >= self.troubled_at {
            self.backing_off = false;
        }
    }

    fn learn_latency(&mut self, conduct: &Conduct) {
        let Some(at) = conduct.first_byte_at else { return };
        let last = at.since(conduct.sent_at);
        self.latency = Some(match self.latency {
            Some(before) if before > last => before - (before - last) / LATENCY_FALL,
            _ => last,
        });
    }

    fn count_error(&mut self, policy: &Policy) {
        self.errors_in_row = self.errors_in_row.saturating_add(1);
        if policy.errors_in_row.is_some_and(|most| self.errors_in_row >= most.get()) {
            self.given_up = true;
        }
    }

    fn back_off(&mut self, conduct: &Conduct, asked: Option<Duration>, policy: &Policy) {
        // Requests that were under way together fail together. Counted one by one they would double
        // the pause for each, and a moment's trouble would cost a host with many connections all.
        if conduct.sent_at >= self.troubled_at {
            self.count_error(policy);
            self.troubled_at = conduct.ended_at;
        }
        let doubled = backoff(self.errors_in_row, policy);
        // Half of the pause is certain, half is jitter. Full jitter is for many clients that would come
        // back together; here one client owes one host a rest, and a rest that chance makes nothing of
        // is none. (A URL's own pause has full jitter, see `fetch::retry`.)
        let pause = match asked {
            Some(asked) => asked.min(policy.max_delay),
            None => doubled.mul_f64(0.5 + conduct.jitter.clamp(0.0, 1.0) / 2.0),
        };
        self.backing_off = true;
        self.hold_until(conduct.ended_at + pause);
    }

    /// As if the host had never failed, nor asked for a pause. The interval is for the caller to keep.
    pub fn pardon(&mut self) {
        self.not_before = Timestamp::default();
        (self.backing_off, self.on_trial, self.errors_in_row) = (false, false, 0);
    }

    /// Nobody asks before `at`.
    pub fn hold_until(&mut self, at: Timestamp) {
        self.not_before = self.not_before.max(at);
    }
}

/// The longest that a host is left in peace after so many failures in a row, of which half is certain.
fn backoff(errors_in_row: u32, policy: &Policy) -> Duration {
    let n_doublings = errors_in_row.saturating_sub(1).min(20);
    policy.backoff_base.saturating_mul(1 << n_doublings).min(policy.backoff_max)
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Adaptive, RetryBudget},
        *,
    };

    const T: Timestamp = Timestamp(1_000_000_000);

    fn conduct(signal: Signal) -> Conduct {
        let ms = Duration::from_millis;
        Conduct {
            sent_at: T,
            first_byte_at: Some(T + ms(300)),
            ended_at: T + ms(500),
            signal,
            jitter: 1.0,
            remote: None,
        }
    }

    #[test]
    fn the_interval_counts_from_the_first_byte() {
        let mut state = HostState::default();
        state.settle(&conduct(Signal::Fine), &Policy::default());
        assert_eq!(state.not_before, T + Duration::from_millis(1300));
        assert!(!state.backing_off);
    }

    #[test]
    fn a_crawl_delay_replaces_a_shorter_interval_and_is_bounded() {
        let policy = Policy { connections: NonZeroU32::new(4).expect("4"), ..Policy::default() };
        let mut state = HostState { crawl_delay: Some(Duration::from_secs(7)), ..HostState::default() };
        assert_eq!(state.pace(&policy), (Duration::from_secs(7), NonZeroU32::MIN, NonZeroU32::MIN));
        state.crawl_delay = Some(Duration::from_secs(100_000));
        assert_eq!(state.pace(&policy).0, policy.max_delay);
        state.crawl_delay = Some(Duration::from_millis(10));
        assert_eq!(state.pace(&policy), (policy.interval, policy.burst, policy.connections));
    }

    #[test]
    fn the_first_request_after_robots_txt_waits_for_its_crawl_delay() {
        let mut state = HostState::default();
        state.learn_crawl_delay(Some(Duration::from_secs(7)), T, &Policy::default());
        assert_eq!(state.not_before, T + Duration::from_secs(7));
        state.learn_crawl_delay(None, T, &Policy::default());
        assert_eq!(state.pace(&Policy::default()).0, Duration::from_secs(1));
    }

    #[test]
    fn trouble_backs_off_exponentially_and_ends_in_giving_up() {
        let policy = Policy { errors_in_row: NonZeroU32::new(3), ..Policy::default() };
        let mut state = HostState::default();
        let mut pauses = Vec::new();
        for n in 0..3 {
            let later = Duration::from_secs(60 * n);
            let sent_at = T + later;
            let ended_at = sent_at + Duration::from_millis(500);
            state.settle(&Conduct { sent_at, ended_at, ..conduct(Signal::Trouble) }, &policy);
            pauses.push(state.not_before.since(ended_at).as_secs());
        }
        assert_eq!(pauses, [2, 4, 8]);
        assert!(state.given_up);
    }

    #[test]
    fn requests_that_fail_together_are_one_trouble() {
        let policy = Policy { connections: NonZeroU32::new(50).expect("50"), ..Policy::default() };
        let mut state = HostState::default();
        for _ in 0..50 {
            state.settle(&conduct(Signal::Trouble), &policy);
        }
        assert_eq!((state.errors_in_row, state.given_up), (1, false));
        assert_eq!(state.not_before, T + Duration::from_millis(500) + policy.backoff_base);
        // A good answer among them forgives, and the rest of them is not held against the host.
        state.settle(&conduct(Signal::Fine), &policy);
        state.settle(&conduct(Signal::SlowDown(None)), &policy);
        assert_eq!(state.errors_in_row, 0);
        assert!(state.backing_off);
    }

    #[test]
    fn retry_after_is_obeyed_and_bounded() {
        let mut state = HostState::default();
        state.settle(&conduct(Signal::SlowDown(Some(Duration::from_secs(4)))), &Policy::default());
        assert_eq!(state.not_before, T + Duration::from_millis(4500));
        assert_eq!(state.backoff.map(|why| why.to_string()).as_deref(), Some("it asked for a pause of 4 s"));
        state.settle(&conduct(Signal::SlowDown(Some(Duration::from_secs(9999)))), &Policy::default());
        assert_eq!(state.not_before, T + Duration::from_millis(500) + Policy::default().max_delay);
    }

    #[test]
    fn a_redirect_may_ask_for_patience_and_is_no_failure() {
        let mut state = HostState { errors_in_row: 2, ..HostState::default() };
        state.settle(&conduct(Signal::Later(Duration::from_secs(9))), &Policy::default());
        assert_eq!(state.not_before, T + Duration::from_millis(9500));
        assert_eq!((state.errors_in_row, state.circuit(T)), (0, Circuit::Closed));
        state.settle(&conduct(Signal::Later(Duration::from_secs(99_999))), &Policy::default());
        assert_eq!(state.not_before, T + Duration::from_millis(500) + Policy::default().max_delay);
    }

    #[test]
    fn a_delay_counts_from_the_end_of_the_answer() {
        let policy = Policy { delay: Duration::from_secs(3), ..Policy::default() };
        let mut state = HostState::default();
        state.settle(&conduct(Signal::Fine), &policy);
        assert_eq!(state.not_before, T + Duration::from_millis(3500));
    }

    #[test]
    fn a_slow_host_is_asked_less_often_and_within_bounds() {
        let seconds = Duration::from_secs_f64;
        let adaptive = Adaptive { factor: 10.0, min: seconds(0.1), max: seconds(20.0) };
        let policy = Policy { adaptive: Some(adaptive), interval: Duration::ZERO, ..Policy::default() };
        let mut state = HostState::default();
        let mut pauses = Vec::new();
        for latency in [0.3, 0.001, 0.001, 1.0, 9.0, 0.002] {
            let first_byte_at = Some(T + seconds(latency));
            state.settle(&Conduct { first_byte_at, ..conduct(Signal::Fine) }, &policy);
            pauses.push(state.pause(&policy).as_secs_f64());
        }
        let expected = [3.0, 2.2525, 1.691_875, 10.0, 20.0, 20.0];
        assert!(pauses.iter().zip(expected).all(|(is, be)| (is - be).abs() < 1e-3), "{pauses:?}");
        let quick = HostState { latency: Some(Duration::from_micros(10)), ..HostState::default() };
        assert_eq!(quick.pause(&policy), seconds(0.1));
        assert_eq!(HostState::default().pause(&policy), Duration::ZERO, "nothing was measured yet");
    }

    #[test]
    fn the_circuit_closes_on_a_good_probe_only() {
        let policy = Policy::default();
        let mut state = HostState::default();
        assert_eq!(state.circuit(T), Circuit::Closed);
        state.settle(&conduct(Signal::Trouble), &policy);
        let rested = state.not_before;
        assert_eq!(state.circuit(T), Circuit::Resting(rested));
        // The good answer to something that was sent before the trouble is no probe.
        state.settle(&conduct(Signal::Fine), &policy);
        assert_eq!(state.circuit(rested), Circuit::HalfOpen);
        let probe = Conduct {
            sent_at: rested,
            first_byte_at: Some(rested),
            ended_at: rested + Duration::from_millis(10),
            ..conduct(Signal::Fine)
        };
        let mut worse = state.clone();
        worse.settle(&Conduct { signal: Signal::Trouble, ..probe }, &policy);
        assert!(matches!(worse.circuit(rested), Circuit::Resting(_)));
        state.settle(&probe, &policy);
        assert_eq!(state.circuit(rested), Circuit::Closed);
        state.given_up = true;
        assert_eq!(state.circuit(rested), Circuit::GivenUp);
    }

    #[test]
    fn retries_have_a_budget_that_grows_with_requests() {
        let policy = Policy { retries: Some(RetryBudget { free: 2, percent: 50 }), ..Policy::default() };
        let mut state = HostState::default();
        let mut n_retries = 0;
        for _ in 0..10 {
            state.settle(&conduct(Signal::Faulty), &policy);
            if state.may_retry(&policy) {
                state.note_retry();
                n_retries += 1;
            }
        }
        assert_eq!(n_retries, 7, "two, and half of ten");
        assert!(state.may_retry(&Policy { retries: None, ..policy }));
    }

    #[test]
    fn what_several_know_is_merged() {
        let mut known = HostState { not_before: T + Duration::from_secs(9), errors_in_row: 3, ..HostState::default() };
        known.backing_off = true;
        let mut fresh = HostState::default();
        fresh.merge(&known);
        assert_eq!((fresh.not_before, fresh.errors_in_row, fresh.backing_off), (known.not_before, 3, true));
        let mut well = HostState { requests: 5, ..HostState::default() };
        well.merge(&known);
        assert_eq!((well.not_before, well.errors_in_row, well.backing_off), (known.not_before, 0, false));
    }

    #[test]
    fn an_older_store_is_read() {
        let old = r#"{"not_before":7,"refilled_at":0,"backing_off":false,"errors_in_row":1,"given_up":false,"crawl_delay":null}"#;
        let state: HostState = serde_json::from_str(old).expect("fields that are missing have defaults");
        assert_eq!((state.not_before, state.errors_in_row, state.requests), (Timestamp(7), 1, 0));
    }

    #[test]
    fn what_may_have_been_forgotten_is_waited_for() {
        let policy = Policy { burst: NonZeroU32::new(3).expect("3"), ..Policy::default() };
        let mut state = HostState::default();
        state.distrust(&policy, T);
        assert_eq!(state.not_before, T + Duration::from_secs(3));
        state.crawl_delay = Some(Duration::from_secs(7));
        state.distrust(&policy, T);
        assert_eq!(state.not_before, T + Duration::from_secs(7));
        let later = T + Duration::from_secs(60);
        let mut known = HostState { not_before: later, ..HostState::default() };
        known.distrust(&policy, T);
        assert_eq!(known.not_before, later);
    }

    #[test]
    fn a_failure_that_was_not_written_down_is_left_in_peace_all_the_same() {
        let policy = Policy { interval: Duration::from_millis(100), ..Policy::default() };
        let pause = |errors_in_row| {
            let mut state = HostState { errors_in_row, ..HostState::default() };
            state.go_on(&policy, T);
            // What the process before it would have done at least, had it lived.
            let mut heard = HostState { errors_in_row, ..HostState::default() };
            let failed =
                Conduct { sent_at: T, ended_at: T, first_byte_at: None, jitter: 0.0, ..conduct(Signal::Trouble) };
            heard.settle(&failed, &policy);
            assert!(state.not_before >= heard.not_before, "after {errors_in_row} failures");
            state.not_before.since(T)
        };
        assert_eq!([0, 1, 2, 30].map(|n| pause(n).as_secs()), [1, 2, 4, 150]);
        let slow = Policy { interval: Duration::from_secs(9), ..policy };
        let mut state = HostState::default();
        state.go_on(&slow, T);
        assert_eq!(state.not_before, T + Duration::from_secs(9));
    }

    #[test]
    fn a_host_is_on_trial_until_something_is_heard_of_it() {
        let mut state = HostState::default();
        state.go_on(&Policy::default(), T);
        let mut known = HostState::default();
        known.merge(&state);
        assert!(known.on_trial);
        let json = serde_json::to_string(&known).expect("it serialises");
        assert!(!serde_json::from_str::<HostState>(&json).expect("it is read back").on_trial, "{json}");
        known.settle(&conduct(Signal::Faulty), &Policy::default());
        assert!(!known.on_trial);
    }

    #[test]
    fn a_good_answer_forgives() {
        let mut state = HostState { errors_in_row: 5, backing_off: true, ..HostState::default() };
        state.settle(&conduct(Signal::Fine), &Policy::default());
        assert_eq!((state.errors_in_row, state.backing_off), (0, false));
    }

    #[test]
    fn a_restart_waits_for_the_bucket_but_not_for_a_stepped_clock() {
        let policy = Policy { burst: NonZeroU32::new(5).expect("5"), ..Policy::default() };
        let mut state = HostState::default();
        state.settle(&conduct(Signal::Fine), &policy);
        state.reopen(&policy, T + Duration::from_secs(1));
        assert_eq!(state.not_before, T + Duration::from_millis(5300));
        let mut stepped = HostState { not_before: T + Duration::from_secs(1_000_000), ..HostState::default() };
        stepped.reopen(&policy, T);
        assert!(stepped.not_before <= T + policy.backoff_max);
    }

    /// What broke: with a clock that had been a year ahead, trouble that was to come was taken for a part of what
    /// had been, for a year. It was not counted, no pause grew, and no good answer closed the circuit.
    #[test]
    fn trouble_counts_after_a_clock_was_set_back() {
        let policy = Policy { errors_in_row: NonZeroU32::new(3), ..Policy::default() };
        let year = Duration::from_secs(365 * 86_400);
        let mut state = HostState::default();
        let ahead = Conduct { sent_at: T + year, ended_at: T + year, ..conduct(Signal::Trouble) };
        state.settle(&ahead, &policy);
        assert!(state.bound(&policy, T));
        assert!(!state.clone().bound(&policy, T), "what is cut once is within bounds");
        state.reopen(&policy, T);
        assert_eq!((state.troubled_at, state.refilled_at), (T, T + policy.interval));
        let rested = state.not_before;
        assert!(rested <= T + policy.longest_pause());
        let probe = Conduct { sent_at: rested, first_byte_at: None, ended_at: rested, ..conduct(Signal::Trouble) };
        let mut worse = state.clone();
        worse.settle(&probe, &policy);
        assert_eq!((worse.errors_in_row, worse.not_before), (2, rested + 2 * policy.backoff_base));
        worse.settle(&Conduct { sent_at: worse.not_before, ended_at: worse.not_before, ..probe }, &policy);
        assert!(worse.given_up);
        state.settle(&Conduct { signal: Signal::Fine, ..probe }, &policy);
        assert_eq!(state.circuit(rested), Circuit::Closed);
    }

    #[test]
    fn a_bucket_that_takes_longer_than_any_pause_is_waited_for() {
        let policy =
            Policy { interval: Duration::from_secs(60), burst: NonZeroU32::new(10).expect("10"), ..Policy::default() };
        let mut state = HostState::default();
        state.settle(&conduct(Signal::Fine), &policy);
        state.reopen(&policy, T + Duration::from_secs(1));
        assert_eq!(state.not_before, T + Duration::from_millis(600_300));
    }
}
