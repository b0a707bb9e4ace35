//! What the hosts were promised, held against what they saw. A model that shares nothing with the gate: it hears each
//! answer when it is over, and knows for how long, and how carefully, its host is to be left alone since.

use std::time::Duration;

use crate::{clock::Timestamp, politeness::Policy};

/// What came of a request, to its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    /// It is well.
    Well,
    /// The parser panicked over the answer; the host can't help it, and nobody remembers when it was asked.
    Panicked,
    /// An error that is no reason for a pause.
    Error,
    /// A failure, and how long a pause was asked for, if one was.
    Trouble(Option<Duration>),
}

/// One request, as the server has it.
#[derive(Debug, Clone)]
pub(super) struct Arrival {
    pub(super) host: String,
    pub(super) url: String,
    pub(super) at: Timestamp,
    pub(super) ended: Option<Timestamp>,
    /// `None` when it was broken off, which tells nobody anything.
    pub(super) told: Option<Told>,
    /// Which process asked: those of one share a gate.
    pub(super) process: usize,
}

/// What is known of a host in one process.
///
/// Of what an earlier one has heard, this model expects nothing but that the interval is kept. What was heard after the last commit
/// before a disk failed is lost with it (`docs/POLITENESS.md`, "What survives a restart"), and what a job does not have in its own
/// store it can't know when the others are over. That a process goes on with care is checked by [`check`] on its own.
#[derive(Debug, Default)]
struct Known {
    not_before: Timestamp,
    /// Failed, and no request that was sent since then has gone well: it is tried by one at a time.
    in_trouble: bool,
    /// When the last failure was over that was no part of one before.
    troubled_at: Timestamp,
    errors_in_row: u32,
    has_answered: bool,
}

/// Holds all that one host has seen, in the order in which it came, against its policy.
pub(super) fn check(policy: &Policy, is_one_job: bool, log: &[&Arrival]) {
    // Who asks in the moment in which another answer is over may have heard of it, and may not have. And what is over in
    // one moment may be heard in any order: here errors come first, and then what forgives them.
    let mut ends: Vec<&Arrival> = log.iter().copied().filter(|arrival| arrival.ended.is_some()).collect();
    ends.sort_by_key(|arrival| (arrival.ended, matches!(arrival.told, Some(Told::Well | Told::Panicked))));
    let mut ends = ends.into_iter().peekable();
    let (mut known, mut process) = (Known::default(), 0);
    for (i, next) in log.iter().enumerate() {
        while let Some(over) = ends.next_if(|arrival| arrival.ended.is_some_and(|ended| ended < next.at)) {
            if over.process == process {
                known.hear(policy, over);
            }
        }
        if next.process != process {
            (known, process) = (Known::default(), next.process);
        }
        let before = &log[..i];
        let under_way = before.iter().filter(|before| before.ended.is_none_or(|ended| ended > next.at)).count();
        let what = || format!("{next:?} when it was known: {known:?}");
        assert!(under_way < policy.connections.get() as usize, "too many at once: {}", what());
        let last = before.last();
        assert!(last.is_none_or(|last| next.at.since(last.at) >= policy.interval), "too soon: {last:?} {}", what());
        assert!(next.at >= known.not_before, "no pause: {}", what());
        let is_told_now =
            |over: &&&Arrival| over.process == process && over.ended == Some(next.at) && over.told.is_some();
        let just_now: Vec<&&Arrival> = log.iter().filter(is_told_now).collect();
        let in_trouble = known.in_trouble && !just_now.iter().any(|over| known.is_forgiven_by(over));
        assert!(!in_trouble || under_way == 0, "more than one probe: {}", what());
        // Another job may be new to the host, and know nothing of an earlier process.
        let goes_on = is_one_job && before.iter().any(|before| before.process < process);
        let goes_on = goes_on && !known.has_answered && just_now.is_empty();
        assert!(!goes_on || under_way == 0, "it goes on without care: {}", what());
    }
}

impl Known {
    /// A request is over.
    fn hear(&mut self, policy: &Policy, over: &Arrival) {
        let ended = over.ended.expect("it is over");
        self.hold(ended + policy.delay);
        if policy.connections.get() == 1 || over.told.is_none() {
            self.hold(ended + policy.interval);
        }
        self.has_answered |= over.told.is_some();
        match over.told {
            None => {}
            Some(Told::Well | Told::Panicked) => {
                self.errors_in_row = 0;
                self.in_trouble &= !self.is_forgiven_by(over);
            }
            Some(Told::Error) => self.errors_in_row += 1,
            Some(Told::Trouble(asked)) => {
                // What was under way together fails together, and is one failure.
                if over.at >= self.troubled_at {
                    self.errors_in_row += 1;
                    self.troubled_at = ended;
                }
                self.in_trouble = true;
                // Half of the pause is certain, and it doubles.
                let doubled = policy.backoff_base * 2u32.saturating_pow(self.errors_in_row.max(1) - 1).min(1 << 20);
                let certain = doubled.min(policy.backoff_max) / 2;
                self.hold(ended + asked.map_or(certain, |asked| asked.min(policy.max_delay)));
            }
        }
    }

    /// A good answer says nothing of a host that got into trouble after it was asked.
    fn is_forgiven_by(&self, over: &Arrival) -> bool {
        match over.told {
            Some(Told::Well) => over.at >= self.troubled_at,
            Some(Told::Panicked) => true,
            _ => false,
        }
    }

    fn hold(&mut self, at: Timestamp) {
        self.not_before = self.not_before.max(at);
    }
}
