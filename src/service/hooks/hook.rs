//! One receiver: its queue, its log, and what becomes of both. Pure.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Happened, HookError, Kind, Ping};
use crate::{
    clock::Timestamp,
    config::{HookEvent, HookSecret},
    service::ledger::CrawlId,
};

/// Version of the files that are written.
pub(super) const VERSION: u32 = 1;
/// Longest pause between two attempts, whatever the receiver asks for.
const MAX_PAUSE: Duration = Duration::from_secs(6 * 3600);
/// By how much each pause is longer than the one before.
const GROWTH: u32 = 3;
/// To both sides, of a pause.
const JITTER: f64 = 0.2;

/// How much is done for a hook.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) queue: usize,
    pub(super) log: usize,
    pub(super) retry: Duration,
    pub(super) max_age: Duration,
}

/// One receiver, as its file holds it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hook {
    pub(super) version: u32,
    pub(crate) id: String,
    /// The name of the key that it was made with; empty: the operator's.
    pub(crate) owner: String,
    /// Whether it hears of everybody's crawls, as long as its owner may.
    pub(crate) is_for_all: bool,
    pub(crate) url: String,
    /// The operator's are in the configuration and not here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) secret: Option<HookSecret>,
    /// Which events; none is all.
    pub(crate) events: Vec<HookEvent>,
    pub(crate) created_at: Timestamp,
    /// When the receiver said that it is gone, if it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) gone_at: Option<Timestamp>,
    /// The last event that was offered and taken.
    pub(super) mark: u64,
    /// Deliveries so far.
    pub(super) n_deliveries: u64,
    /// What queue and log speak of.
    pub(super) messages: BTreeMap<Uuid, Message>,
    pub(super) queue: VecDeque<Pending>,
    /// The last one is the latest.
    pub(super) log: VecDeque<Delivery>,
    #[serde(skip)]
    pub(super) key: Option<HookSecret>,
    /// Whether its first event is on its way.
    #[serde(skip)]
    pub(super) is_in_flight: bool,
    /// Whether it could not be written, and has to be.
    #[serde(skip)]
    pub(super) is_dirty: bool,
}

/// An event as the receiver gets it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Message {
    pub(super) kind: Kind,
    pub(super) at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) crawl: Option<CrawlId>,
    pub(super) body: String,
}

/// An event that waits for the receiver.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Pending {
    pub(super) event: Uuid,
    /// When it was put here.
    pub(super) since: Timestamp,
    /// Attempts so far.
    pub(super) attempts: u32,
    pub(super) next_at: Timestamp,
    /// Not to be told before it is let go: it may turn out not to have happened.
    #[serde(skip)]
    pub(super) is_held: bool,
}

/// What came of one attempt to tell one event, or of none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Delivery {
    /// Which of this hook's.
    pub(crate) id: u64,
    pub(crate) event: Uuid,
    pub(crate) at: Timestamp,
    /// Which attempt, from 1; 0 if none was made.
    pub(crate) attempt: u32,
    pub(crate) outcome: Outcome,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    pub(crate) took_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) next_at: Option<Timestamp>,
}

/// How a delivery ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "DeliveryOutcome")]
pub(crate) enum Outcome {
    /// The receiver said that it has it.
    Delivered,
    /// It did not; there is another attempt.
    Failed,
    /// It did not for too long.
    GivenUp,
    /// The receiver said that it is gone for good.
    Gone,
    /// More waited than may.
    Dropped,
}

impl Outcome {
    pub(crate) const ALL: [Self; 5] = [Self::Delivered, Self::Failed, Self::GivenUp, Self::Gone, Self::Dropped];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::GivenUp => "given-up",
            Self::Gone => "gone",
            Self::Dropped => "dropped",
        }
    }
}

/// What an attempt came to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Heard {
    /// The receiver answered, and may have asked for a pause.
    Status(u16, Option<Duration>),
    /// It did not, or not what may be; the word for it.
    Error(String),
}

impl Hook {
    /// Whether it is there to hear of this.
    pub(super) fn wants(&self, event: HookEvent) -> bool {
        self.gone_at.is_none() && (self.events.is_empty() || self.events.contains(&event))
    }

    /// Takes an event into the queue; how many had to make room for it. None: it was taken before.
    pub(super) fn take(&mut self, happened: &Happened, is_held: bool, bounds: &Bounds) -> Option<usize> {
        if happened.seq <= self.mark {
            return None;
        }
        self.mark = happened.seq;
        let (kind, crawl) = (Kind::Crawl(happened.event), Some(happened.crawl));
        let message = Message { kind, at: happened.at, crawl, body: happened.body.clone() };
        self.put(happened.id, message, happened.at, is_held);
        let n_dropped = self.queue.len().saturating_sub(bounds.queue);
        (0..n_dropped).for_each(|_| self.drop_oldest(happened.at, bounds));
        Some(n_dropped)
    }

    fn put(&mut self, event: Uuid, message: Message, now: Timestamp, is_held: bool) {
        self.messages.insert(event, message);
        self.queue.push_back(Pending { event, since: now, attempts: 0, next_at: now, is_held });
    }

    fn drop_oldest(&mut self, now: Timestamp, bounds: &Bounds) {
        // What is on its way may arrive; what is held may not be ours to drop.
        let at = usize::from(self.is_in_flight);
        let Some(dropped) = self.queue.remove(at).or_else(|| self.queue.pop_back()) else { return };
        tracing::warn!(hook = %self.id, event = %dropped.event, "an event is dropped: too many wait for the receiver");
        self.note(&dropped, Outcome::Dropped, None, None, (now, Duration::ZERO), None, bounds);
    }

    /// An event that tells of nothing.
    pub(super) fn ping(&mut self, event: Uuid, body: String, now: Timestamp, bounds: &Bounds) -> Result<(), HookError> {
        self.room(bounds)?;
        self.put(event, Message { kind: Kind::Ping(Ping::Ping), at: now, crawl: None, body }, now, false);
        Ok(())
    }

    /// Tells the event of a delivery once more, after all that wait.
    pub(super) fn redeliver(&mut self, delivery: u64, now: Timestamp, bounds: &Bounds) -> Result<Uuid, HookError> {
        self.room(bounds)?;
        let found = self.log.iter().find(|it| it.id == delivery).ok_or(HookError::UnknownDelivery)?;
        let event = found.event;
        let message = self.messages.get(&event).cloned().ok_or(HookError::UnknownDelivery)?;
        if self.queue.iter().any(|pending| pending.event == event) {
            return Err(HookError::Waits);
        }
        self.put(event, message, now, false);
        Ok(event)
    }

    fn room(&self, bounds: &Bounds) -> Result<(), HookError> {
        if self.queue.len() < bounds.queue { Ok(()) } else { Err(HookError::Full(self.queue.len())) }
    }

    /// When it is to be told something next; none if there is nothing, or it is being told.
    pub(super) fn next_at(&self) -> Option<Timestamp> {
        let first = self.queue.front().filter(|first| !self.is_in_flight && !first.is_held)?;
        Some(first.next_at)
    }

    /// Its first event goes out: which one, and what is sent.
    pub(super) fn begin(&mut self) -> Option<(Uuid, String)> {
        let event = self.queue.front()?.event;
        let body = self.messages.get(&event)?.body.clone();
        self.is_in_flight = true;
        Some((event, body))
    }

    /// Its first event has come back. `jitter` is from 0 to 1.
    pub(super) fn conclude(
        &mut self,
        heard: Heard,
        took: Duration,
        now: Timestamp,
        jitter: f64,
        bounds: &Bounds,
    ) -> Option<Outcome> {
        self.is_in_flight = false;
        let first = self.queue.front_mut()?;
        first.attempts += 1;
        let (status, error, asked) = match heard {
            // Nobody goes where it leads: it is not where the owner said.
            Heard::Status(status @ 300..=399, asked) => (Some(status), Some("redirect".to_owned()), asked),
            Heard::Status(status, asked) => (Some(status), None, asked),
            Heard::Error(error) => (None, Some(error), None),
        };
        let next_at = now + pause(bounds.retry, first.attempts, jitter).max(asked.unwrap_or_default().min(MAX_PAUSE));
        let outcome = match status {
            Some(200..=299) => Outcome::Delivered,
            Some(410) => Outcome::Gone,
            _ if next_at.since(first.since) > bounds.max_age => Outcome::GivenUp,
            _ => Outcome::Failed,
        };
        let pending = first.clone();
        let next_at = (outcome == Outcome::Failed).then_some(next_at);
        match next_at {
            Some(next_at) => first.next_at = next_at,
            None => drop(self.queue.pop_front()),
        }
        self.note(&pending, outcome, status, error, (now, took), next_at, bounds);
        let is_ping = self.messages.get(&pending.event).is_some_and(|message| message.kind == Kind::Ping(Ping::Ping));
        match outcome {
            Outcome::Gone => self.go(now, bounds),
            // Somebody has looked, and there he is again.
            Outcome::Delivered if is_ping => self.gone_at = None,
            _ => {}
        }
        Some(outcome)
    }

    /// The receiver does not want to hear anything any more; what it was still to hear is not lost without a word.
    fn go(&mut self, now: Timestamp, bounds: &Bounds) {
        tracing::warn!(hook = %self.id, "the receiver says that it is gone (410): it is told nothing until it answers a test");
        self.gone_at = Some(now);
        for pending in std::mem::take(&mut self.queue) {
            self.note(&pending, Outcome::Gone, None, None, (now, Duration::ZERO), None, bounds);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one line of the log, field by field")]
    fn note(
        &mut self,
        pending: &Pending,
        outcome: Outcome,
        status: Option<u16>,
        error: Option<String>,
        (at, took): (Timestamp, Duration),
        next_at: Option<Timestamp>,
        bounds: &Bounds,
    ) {
        self.n_deliveries += 1;
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let (id, event, attempt) = (self.n_deliveries, pending.event, pending.attempts);
        self.log.push_back(Delivery { id, event, at, attempt, outcome, status, error, took_ms, next_at });
        while self.log.len() > bounds.log {
            self.log.pop_front();
        }
        let (queue, log) = (&self.queue, &self.log);
        self.messages.retain(|id, _| queue.iter().any(|it| it.event == *id) || log.iter().any(|it| it.event == *id));
    }

    /// What was held is to be told.
    pub(super) fn let_go(&mut self, event: Uuid) {
        self.queue.iter_mut().filter(|pending| pending.event == event).for_each(|pending| pending.is_held = false);
    }

    /// What was held has not happened.
    pub(super) fn withdraw(&mut self, event: Uuid) {
        self.queue.retain(|pending| pending.event != event);
        self.messages.remove(&event);
    }

    /// Deletions that were not to be, of crawls that are `there`.
    pub(super) fn undeleted(&self, there: impl Fn(CrawlId) -> bool) -> Vec<Uuid> {
        let is_undone =
            |message: &Message| message.kind == Kind::Crawl(HookEvent::Deleted) && message.crawl.is_some_and(&there);
        self.messages.iter().filter(|(_, message)| is_undone(message)).map(|(event, _)| *event).collect()
    }

    /// Since when its first event waits.
    pub(super) fn waits_since(&self) -> Option<Timestamp> {
        self.queue.front().map(|first| first.since)
    }

    /// What an event was.
    pub(crate) fn told(&self, event: Uuid) -> Option<(Kind, Option<CrawlId>)> {
        self.messages.get(&event).map(|message| (message.kind, message.crawl))
    }

    /// Events that wait.
    pub(crate) fn n_waiting(&self) -> usize {
        self.queue.len()
    }

    /// What is remembered, latest first, of those before `before`.
    pub(crate) fn deliveries(&self, before: Option<u64>) -> impl Iterator<Item = &Delivery> {
        self.log.iter().rev().filter(move |it| before.is_none_or(|before| it.id < before))
    }
}

/// How long to wait after so many attempts.
fn pause(retry: Duration, attempts: u32, jitter: f64) -> Duration {
    let growth = GROWTH.saturating_pow(attempts.saturating_sub(1).min(20));
    let share = 1.0 - JITTER + 2.0 * JITTER * if jitter.is_nan() { 0.5 } else { jitter.clamp(0.0, 1.0) };
    retry.saturating_mul(growth).min(MAX_PAUSE).mul_f64(share)
}
