//! The head of one host's queue: the part that is in memory, and what was taken from it.

use std::collections::{BTreeMap, HashMap};

use super::super::{Place, QueuedUrl};
use crate::{address::Fingerprint, clock::Timestamp};

/// How much of the queue on disk is in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Nothing is known yet: the store has been asked for everything.
    Opening,
    /// All of it.
    All,
    /// Up to this place (`None`: nothing of it); whether the store has been asked for more.
    UpTo(Option<Place>, bool),
}

/// What is in memory of a host's queue. What is not is on disk, and so is what is.
#[derive(Debug)]
pub(super) struct Queue {
    head: BTreeMap<Place, QueuedUrl>,
    /// URLs that wait for another attempt.
    delayed: BTreeMap<(Timestamp, Place), QueuedUrl>,
    /// Leased, or waiting to be settled, or delayed: not to be taken from the queue again.
    out: HashMap<Fingerprint, u16>,
    /// How many are out at each depth.
    out_depths: BTreeMap<u16, u32>,
    reach: Reach,
}

impl Queue {
    pub(super) fn opening() -> Self {
        Self {
            head: BTreeMap::new(),
            delayed: BTreeMap::new(),
            out: HashMap::new(),
            out_depths: BTreeMap::new(),
            reach: Reach::Opening,
        }
    }

    pub(super) fn is_opening(&self) -> bool {
        self.reach == Reach::Opening
    }

    pub(super) fn is_all_here(&self) -> bool {
        self.reach == Reach::All
    }

    pub(super) fn first(&self) -> Option<&QueuedUrl> {
        self.head.first_key_value().map(|(_, first)| first)
    }

    pub(super) fn next_delayed(&self) -> Option<Timestamp> {
        self.delayed.first_key_value().map(|((at, _), _)| *at)
    }

    /// The least depth of what is out.
    pub(super) fn nearest_out(&self) -> Option<u16> {
        self.out_depths.first_key_value().map(|(depth, _)| *depth)
    }

    pub(super) fn n_out(&self) -> u64 {
        self.out.len() as u64
    }

    /// URLs in memory that are not leased.
    pub(super) fn n_here(&self) -> usize {
        self.head.len() + self.delayed.len()
    }

    /// Takes a URL out to be leased.
    pub(super) fn take(&mut self, place: Place) -> Option<QueuedUrl> {
        let queued = self.head.remove(&place)?;
        self.take_out(&queued);
        Some(queued)
    }

    /// Undoes [`Queue::take`].
    pub(super) fn put_back(&mut self, queued: QueuedUrl) {
        self.bring_in(queued.fingerprint);
        self.head.insert(queued.place, queued);
    }

    /// A leased URL's story has ended.
    pub(super) fn settled(&mut self, fingerprint: Fingerprint) {
        self.bring_in(fingerprint);
    }

    /// A leased URL is to be tried again; it stays out until its time has come.
    pub(super) fn delay(&mut self, queued: QueuedUrl) {
        self.delayed.insert((queued.not_before, queued.place), queued);
    }

    /// The store's answer to the opening.
    pub(super) fn open(&mut self, head: Vec<QueuedUrl>, limit: usize, now: Timestamp) {
        self.reach = Reach::UpTo(None, true);
        self.refill(head, limit, now);
    }

    /// Whether nothing would be lost if it were dropped; `parked` says that nobody wants its first.
    pub(super) fn is_idle(&self, parked: bool) -> bool {
        let rests = match self.reach {
            Reach::Opening => false,
            Reach::All => self.head.is_empty() || parked,
            Reach::UpTo(_, asked) => !asked && parked,
        };
        rests && self.out.is_empty()
    }

    /// A URL was queued, or queued nearer to the front. What does not fit is on disk.
    pub(super) fn offer(&mut self, queued: QueuedUrl, head: usize) {
        match self.reach {
            Reach::Opening => return,
            Reach::UpTo(reached, _) if reached.is_none_or(|place| queued.place > place) => return,
            Reach::UpTo(..) | Reach::All => self.head.insert(queued.place, queued),
        };
        // While the store is reading on from where memory ended, that place must not move.
        let asked = matches!(self.reach, Reach::UpTo(_, true));
        if self.head.len() > head && !asked {
            self.head.pop_last();
            self.reach = Reach::UpTo(self.head.last_key_value().map(|(place, _)| *place), false);
        }
    }

    pub(super) fn moved(&mut self, from: Place, queued: QueuedUrl, head: usize) {
        if self.out.contains_key(&queued.fingerprint) {
            return;
        }
        self.head.remove(&from);
        self.offer(queued, head);
    }

    /// The next part of the queue arrives from the store.
    pub(super) fn refill(&mut self, urls: Vec<QueuedUrl>, limit: usize, now: Timestamp) {
        let Reach::UpTo(reached, _) = self.reach else { return };
        let last = urls.last().map(|queued| queued.place);
        self.reach = if urls.len() < limit { Reach::All } else { Reach::UpTo(last.or(reached), false) };
        for queued in urls {
            if self.out.contains_key(&queued.fingerprint) {
                continue;
            }
            if queued.not_before > now {
                self.take_out(&queued);
                self.delayed.insert((queued.not_before, queued.place), queued);
            } else {
                self.head.insert(queued.place, queued);
            }
        }
    }

    /// From which place on the store should be asked for how many more, if it should.
    pub(super) fn wants(&mut self, head: usize) -> Option<(Option<Place>, usize)> {
        let Reach::UpTo(reached, false) = self.reach else { return None };
        if self.head.len() > head / 2 {
            return None;
        }
        self.reach = Reach::UpTo(reached, true);
        Some((reached, head - self.head.len()))
    }

    /// URLs whose time has come are back in the queue.
    pub(super) fn ripen(&mut self, now: Timestamp) {
        while let Some(entry) = self.delayed.first_entry()
            && entry.key().0 <= now
        {
            let queued = entry.remove();
            self.bring_in(queued.fingerprint);
            self.head.insert(queued.place, queued);
        }
    }

    fn take_out(&mut self, queued: &QueuedUrl) {
        if self.out.insert(queued.fingerprint, queued.place.depth).is_none() {
            *self.out_depths.entry(queued.place.depth).or_default() += 1;
        }
    }

    fn bring_in(&mut self, fingerprint: Fingerprint) {
        let Some(depth) = self.out.remove(&fingerprint) else { return };
        if let Some(n_out) = self.out_depths.get_mut(&depth) {
            *n_out -= 1;
            if *n_out == 0 {
                self.out_depths.remove(&depth);
            }
        }
    }
}
