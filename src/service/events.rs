//! What happens to a crawl, for those who watch: the last so many events, in order.
//!
//! Writers never wait: the recorder tells of each page on its way to the next. Readers come for what they have not
//! seen, at their own pace; whoever is too slow finds a gap, and is told how long it is. Nothing here is durable: after a
//! restart numbers begin again under another epoch, and a reader who comes back with an older one gets all there is.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use serde_json::Value as Json;
use tokio::sync::watch;

/// Events that are kept of a crawl that is over.
const KEPT: usize = 16;

/// One event.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    /// From 1, without gaps.
    pub(crate) number: u64,
    /// `state`, `progress`, `page`.
    pub(crate) kind: &'static str,
    pub(crate) data: Json,
}

/// The events of one crawl.
#[derive(Debug)]
pub(crate) struct Events {
    /// When it was made: what numbers mean.
    epoch: u64,
    most: usize,
    kept: Mutex<VecDeque<Event>>,
    last: watch::Sender<u64>,
}

/// What a reader gets.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Events that are gone which the reader has not seen.
    pub(crate) n_missed: u64,
    pub(crate) events: Vec<Event>,
}

impl Events {
    /// Of the last `most` events.
    pub(crate) fn new(epoch: u64, most: usize) -> Self {
        Self { epoch, most: most.max(1), kept: Mutex::default(), last: watch::Sender::new(0) }
    }

    pub(crate) fn tell(&self, kind: &'static str, data: Json) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let number = *self.last.borrow() + 1;
        if kept.len() == self.most {
            kept.pop_front();
        }
        kept.push_back(Event { number, kind, data });
        // Under the lock, so that numbers are told in order.
        self.last.send_replace(number);
    }

    /// What came after `seen`.
    pub(crate) fn since(&self, seen: u64) -> Batch {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let events: Vec<Event> = kept.iter().filter(|event| event.number > seen).cloned().collect();
        // Whatever was told since and is not there any more.
        let n_missed = self.last.borrow().saturating_sub(seen).saturating_sub(events.len() as u64);
        Batch { n_missed, events }
    }

    /// Lets go of all but the last few: of a crawl that is over nobody has come back for a while.
    pub(crate) fn let_go(&self) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let n_gone = kept.len().saturating_sub(KEPT);
        if n_gone > 0 {
            kept.drain(..n_gone);
            kept.shrink_to_fit();
        }
    }

    /// The number of the last event, and when it changes.
    pub(crate) fn last(&self) -> watch::Receiver<u64> {
        self.last.subscribe()
    }

    /// How an event is named to readers.
    pub(crate) fn name(&self, number: u64) -> String {
        format!("{:x}-{number}", self.epoch)
    }

    /// What a reader has seen who saw the event of this name last. Of another epoch it says nothing.
    pub(crate) fn seen(&self, name: &str) -> u64 {
        let parts = name
            .split_once('-')
            .and_then(|(epoch, number)| Some((u64::from_str_radix(epoch, 16).ok()?, number.parse::<u64>().ok()?)));
        parts.filter(|(epoch, _)| *epoch == self.epoch).map_or(0, |(_, number)| number.min(*self.last.borrow()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_reader_gets_what_it_has_not_seen_and_learns_what_it_missed() {
        let events = Events::new(7, 3);
        let check = |seen: &str, expected: (u64, &[u64])| {
            let batch = events.since(events.seen(seen));
            let numbers: Vec<u64> = batch.events.iter().map(|event| event.number).collect();
            assert_eq!((batch.n_missed, numbers.as_slice()), expected, "{seen}");
        };
        check("", (0, &[]));
        (1..=5).for_each(|n| events.tell("page", json!(n)));
        assert_eq!(events.name(5), "7-5");
        check("7-5", (0, &[]));
        check("7-3", (0, &[4, 5]));
        check("7-1", (1, &[3, 4, 5]));
        check("", (2, &[3, 4, 5]));
        // Of another life, of no life, and from the future.
        check("6-4", (2, &[3, 4, 5]));
        check("rubbish", (2, &[3, 4, 5]));
        check("7-99", (0, &[]));
        assert_eq!(*events.last().borrow(), 5);
        let events = Events::new(7, 100);
        (1..=50).for_each(|n| events.tell("page", json!(n)));
        events.let_go();
        let batch = events.since(10);
        assert_eq!((batch.n_missed, batch.events.len()), (24, KEPT));
    }
}
