//! What webhooks are told: with each change of a crawl's entry, in the same write.

use std::collections::BTreeMap;

use super::Foreman;
use crate::{
    config::HookEvent,
    service::{
        api::{Crawl, counts},
        board::State,
        hooks::{Happened, Post, event_id},
        ledger::{CrawlId, Entry, Owed, Shelf, ShelfError},
    },
    shutdown::blocking,
};

/// Most events that an entry holds until they are in the queues of their hooks.
const MAX_OWED: usize = 16;
/// Longest name and longest error in an event, in characters: a document may have longer ones.
const MAX_TEXT: usize = 1000;

/// What is told of a crawl that has come to a state.
fn event_of(state: State) -> Option<HookEvent> {
    match state {
        State::Running => Some(HookEvent::Started),
        State::Paused => Some(HookEvent::Paused),
        State::Finished => Some(HookEvent::Finished),
        State::LimitReached => Some(HookEvent::LimitReached),
        State::Failed => Some(HookEvent::Failed),
        State::Cancelled => Some(HookEvent::Cancelled),
        State::Queued | State::Pausing | State::Cancelling => None,
    }
}

impl Foreman {
    /// Has an entry that is about to be written say what is to be told of it; whether there is anything.
    pub(super) fn note_news(&self, entry: &mut Entry) -> bool {
        let is_running = self.running.get(&entry.id).is_some_and(|crawl| crawl.live.is_some());
        let event = event_of(State::of(entry, is_running)).filter(|event| entry.said != Some(*event));
        event.is_some_and(|event| self.note(entry, event))
    }

    /// The same for one event.
    pub(super) fn note(&self, entry: &mut Entry, event: HookEvent) -> bool {
        if !self.post.is_wanted(event, &entry.owner) {
            return false;
        }
        let now = self.surroundings.clock.now();
        entry.said = Some(event);
        entry.owed.push(Owed { seq: 0, id: event_id(now), event, at: now, is_taken: false });
        true
    }

    /// Writes an entry by `write`, and hands over what is to be told of it: not before it is on disk.
    pub(super) fn write(
        &self,
        entry: &mut Entry,
        write: impl FnOnce(&Shelf, &Entry) -> Result<(), ShelfError>,
    ) -> Result<(), ShelfError> {
        if self.post.is_written() {
            entry.owed.retain(|owed| !owed.is_taken);
        }
        if entry.owed.len() > MAX_OWED {
            tracing::error!(crawl = %entry.id, "webhooks can't be written for long: the oldest events of the crawl are lost");
            entry.owed.drain(..entry.owed.len() - MAX_OWED);
        }
        // Numbered at each attempt to write: what was taken since has an earlier number.
        for owed in entry.owed.iter_mut().filter(|owed| !owed.is_taken) {
            owed.seq = self.post.next_seq();
        }
        blocking(|| write(&self.shelf, entry))?;
        for i in 0..entry.owed.len() {
            if !entry.owed[i].is_taken {
                self.post.take(&happened(&self.shelf, entry, &entry.owed[i]));
                entry.owed[i].is_taken = true;
            }
        }
        Ok(())
    }

    /// Takes a crawl from the ledger by `delete`. Whoever is told of it hears it when it has come about; killed between
    /// the two, the next start finds out whether it has.
    pub(super) fn write_deletion(
        &self,
        entry: &Entry,
        delete: impl FnOnce(&Shelf) -> Result<(), ShelfError>,
    ) -> Result<(), ShelfError> {
        if !self.post.is_wanted(HookEvent::Deleted, &entry.owner) {
            return blocking(|| delete(&self.shelf));
        }
        let now = self.surroundings.clock.now();
        let (seq, id) = (self.post.next_seq(), event_id(now));
        let owed = Owed { seq, id, event: HookEvent::Deleted, at: now, is_taken: false };
        self.post.hold(&happened(&self.shelf, entry, &owed));
        let deleted = blocking(|| delete(&self.shelf));
        match deleted {
            Ok(()) => self.post.let_go(id),
            Err(_) => self.post.withdraw(id),
        }
        deleted
    }
}

/// Offers what entries have to tell to the hooks, which know what they have taken.
pub(super) fn recover(post: &Post, shelf: &Shelf, entries: &mut BTreeMap<CrawlId, Entry>) {
    let owed = entries.values().flat_map(|entry| entry.owed.iter().map(|owed| happened(shelf, entry, owed)));
    post.recover(owed.collect(), |id| entries.contains_key(&id));
    entries.values_mut().flat_map(|entry| &mut entry.owed).for_each(|owed| owed.is_taken = true);
}

/// An event with what receivers get.
fn happened(shelf: &Shelf, entry: &Entry, owed: &Owed) -> Happened {
    let state = State::of(entry, owed.event == HookEvent::Started);
    let mut crawl = Crawl::summary(entry, &super::name_of(entry), state);
    crawl.shorten(MAX_TEXT);
    if !matches!(owed.event, HookEvent::Created | HookEvent::Started | HookEvent::Deleted) {
        crawl.counts = counts(&shelf.out(entry.id));
    }
    let body = serde_json::json!({
        "id": owed.id.as_hyphenated().to_string(),
        "type": owed.event,
        "at": owed.at.rfc3339(),
        "crawl": crawl,
    });
    Happened {
        seq: owed.seq,
        id: owed.id,
        event: owed.event,
        at: owed.at,
        crawl: entry.id,
        owner: entry.owner.clone(),
        body: body.to_string(),
    }
}
