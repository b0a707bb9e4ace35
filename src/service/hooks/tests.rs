//! One hook, event by event, over times that are handed in.

use std::time::Duration;

use uuid::Uuid;

use super::{
    Happened, Hook, HookError, Outcome,
    hook::{Bounds, Heard},
    post::{event_id, new_hook},
};
use crate::{clock::Timestamp, config::HookEvent, service::ledger::CrawlId};

const NOW: Timestamp = Timestamp(1_800_000_000_000_000);
const BOUNDS: Bounds =
    Bounds { queue: 3, log: 5, retry: Duration::from_secs(10), max_age: Duration::from_secs(24 * 3600) };

fn at(seconds: u64) -> Timestamp {
    NOW + Duration::from_secs(seconds)
}

fn happened(seq: u64, event: HookEvent) -> Happened {
    let (id, crawl) = (event_id(NOW), CrawlId::new(NOW));
    Happened { seq, id, event, at: at(seq), crawl, owner: "me".into(), body: format!("{{\"n\":{seq}}}") }
}

fn finished(seq: u64) -> Happened {
    happened(seq, HookEvent::Finished)
}

fn hook() -> Hook {
    new_hook("h".into(), "me".into(), NOW, 0)
}

/// A hook that waits to be told of these.
fn waiting(seqs: std::ops::RangeInclusive<u64>) -> (Hook, Vec<Uuid>) {
    let (mut hook, events) = (hook(), seqs.map(finished).collect::<Vec<_>>());
    for event in &events {
        assert_eq!(hook.take(event, false, &BOUNDS), Some(0));
    }
    let ids = events.iter().map(|event| event.id).collect();
    (hook, ids)
}

/// Tells the first event, with this answer.
fn tell(hook: &mut Hook, heard: Heard, now: Timestamp) -> Option<Outcome> {
    hook.begin().expect("something is due");
    hook.conclude(heard, Duration::from_millis(7), now, 0.5, &BOUNDS)
}

fn status(status: u16) -> Heard {
    Heard::Status(status, None)
}

#[test]
fn an_event_is_taken_once_and_told_in_order() {
    let (mut hook, ids) = waiting(1..=2);
    assert_eq!(hook.take(&finished(2), false, &BOUNDS), None);
    assert_eq!(hook.n_waiting(), 2, "the second was taken before");
    let (first, body) = hook.begin().unwrap();
    assert_eq!((first, body.as_str()), (ids[0], "{\"n\":1}"));
    assert_eq!(hook.next_at(), None, "one at a time");
    assert_eq!(hook.conclude(status(204), Duration::ZERO, at(3), 0.5, &BOUNDS), Some(Outcome::Delivered));
    assert_eq!(hook.begin().unwrap().0, ids[1]);
}

#[test]
fn pauses_grow_and_have_an_end() {
    let (mut hook, _) = waiting(1..=1);
    let mut now = at(1);
    let mut pauses = Vec::new();
    while tell(&mut hook, Heard::Error("connect".into()), now) == Some(Outcome::Failed) {
        let next = hook.next_at().unwrap();
        pauses.push(next.since(now).as_secs());
        now = next;
    }
    assert_eq!(pauses, [10, 30, 90, 270, 810, 2430, 7290, 21600, 21600, 21600], "with the jitter in the middle");
    assert_eq!(hook.n_waiting(), 0);
    let last = hook.deliveries(None).next().unwrap();
    assert_eq!((last.outcome, last.attempt, last.next_at), (Outcome::GivenUp, 11, None));
}

#[test]
fn jitter_spreads_pauses_to_both_sides() {
    let pause = |jitter: f64| {
        let (mut hook, _) = waiting(1..=1);
        hook.begin();
        hook.conclude(status(500), Duration::ZERO, at(1), jitter, &BOUNDS);
        hook.next_at().unwrap().since(at(1)).as_millis()
    };
    assert_eq!(
        [pause(0.0), pause(0.5), pause(1.0), pause(9.0), pause(f64::NAN)],
        [8000, 10_000, 12_000, 12_000, 10_000]
    );
}

#[test]
fn a_receiver_may_ask_for_a_pause_within_bounds() {
    let pause = |asked: u64| {
        let (mut hook, _) = waiting(1..=1);
        tell(&mut hook, Heard::Status(429, Some(Duration::from_secs(asked))), at(1));
        hook.next_at().unwrap().since(at(1)).as_secs()
    };
    assert_eq!([pause(0), pause(60), pause(10_000_000)], [10, 60, 6 * 3600]);
}

#[test]
fn whoever_is_gone_is_told_nothing_until_he_answers_a_test() {
    let (mut hook, _) = waiting(1..=3);
    assert_eq!(tell(&mut hook, status(410), at(4)), Some(Outcome::Gone));
    assert!(hook.gone_at.is_some() && hook.n_waiting() == 0 && !hook.wants(HookEvent::Finished));
    assert_eq!(hook.deliveries(None).filter(|it| it.outcome == Outcome::Gone).count(), 3, "each has a word");
    hook.ping(event_id(NOW), "{}".into(), at(5), &BOUNDS).unwrap();
    assert_eq!(tell(&mut hook, status(500), at(5)), Some(Outcome::Failed));
    assert!(hook.gone_at.is_some());
    assert_eq!(tell(&mut hook, status(200), at(20)), Some(Outcome::Delivered));
    assert!(hook.wants(HookEvent::Finished));
}

#[test]
fn a_redirect_is_not_followed_and_has_a_word() {
    let (mut hook, _) = waiting(1..=1);
    assert_eq!(tell(&mut hook, status(302), at(1)), Some(Outcome::Failed));
    let last = hook.deliveries(None).next().unwrap();
    assert_eq!((last.status, last.error.as_deref()), (Some(302), Some("redirect")));
}

#[test]
fn the_oldest_make_room_but_for_what_is_on_its_way() {
    let (mut hook, ids) = waiting(1..=3);
    hook.begin();
    assert_eq!(hook.take(&finished(4), false, &BOUNDS), Some(1));
    let dropped = hook.deliveries(None).next().unwrap();
    assert_eq!((dropped.event, dropped.outcome, dropped.attempt), (ids[1], Outcome::Dropped, 0));
    assert_eq!(hook.conclude(status(200), Duration::ZERO, at(5), 0.5, &BOUNDS), Some(Outcome::Delivered));
    assert_eq!(hook.begin().unwrap().0, ids[2]);
    assert_eq!(hook.n_waiting(), 2);
}

#[test]
fn the_log_is_bounded_and_forgets_what_nobody_speaks_of() {
    let mut hook = hook();
    for seq in 1..=20 {
        hook.take(&finished(seq), false, &BOUNDS);
        tell(&mut hook, status(200), at(seq));
    }
    let ids: Vec<u64> = hook.deliveries(None).map(|it| it.id).collect();
    assert_eq!(ids, [20, 19, 18, 17, 16]);
    assert_eq!(hook.deliveries(Some(18)).map(|it| it.id).collect::<Vec<_>>(), [17, 16]);
    assert_eq!(hook.messages.len(), 5);
}

#[test]
fn what_is_remembered_can_be_told_again_and_nothing_else() {
    let (mut hook, ids) = waiting(1..=1);
    assert!(matches!(hook.redeliver(1, at(1), &BOUNDS), Err(HookError::UnknownDelivery)));
    tell(&mut hook, status(500), at(1));
    assert!(matches!(hook.redeliver(1, at(2), &BOUNDS), Err(HookError::Waits)));
    tell(&mut hook, status(200), at(11));
    assert_eq!(hook.redeliver(1, at(12), &BOUNDS).unwrap(), ids[0]);
    assert_eq!(hook.begin().unwrap(), (ids[0], "{\"n\":1}".to_owned()));
    let (mut full, _) = waiting(1..=3);
    assert!(matches!(full.ping(event_id(NOW), "{}".into(), at(5), &BOUNDS), Err(HookError::Full(3))));
}

#[test]
fn what_is_held_waits_for_a_word() {
    let (mut hook, deleted) = (hook(), happened(1, HookEvent::Deleted));
    hook.take(&deleted, true, &BOUNDS);
    assert_eq!(hook.next_at(), None);
    // As after a kill: nobody knows by itself whether it has happened.
    let text = serde_json::to_string(&hook).unwrap();
    let read: Hook = serde_json::from_str(&text).unwrap();
    assert_eq!(read.undeleted(|id| id == deleted.crawl), [deleted.id]);
    assert!(read.undeleted(|_| false).is_empty());
    hook.let_go(deleted.id);
    assert_eq!(hook.next_at(), Some(deleted.at));
    hook.withdraw(deleted.id);
    assert!(hook.n_waiting() == 0 && hook.messages.is_empty());
}

#[test]
fn what_was_on_its_way_when_the_process_died_is_told_again() {
    let (mut hook, ids) = waiting(1..=2);
    hook.begin();
    let read: Hook = serde_json::from_str(&serde_json::to_string(&hook).unwrap()).unwrap();
    assert_eq!(read.next_at(), Some(at(1)));
    assert_eq!(read.clone().begin().unwrap().0, ids[0]);
}

#[test]
fn only_what_was_asked_for() {
    let mut hook = hook();
    assert!(hook.wants(HookEvent::Created));
    hook.events = vec![HookEvent::Failed];
    assert!(hook.wants(HookEvent::Failed) && !hook.wants(HookEvent::Created));
}
