//! The head of one host's queue: the part that is in memory, and what was taken from it.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

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
    out: HashMap<Fingerprint, Place>,
    /// Shorter ways to what is out that were found meanwhile.
    shorter: HashMap<Fingerprint, QueuedUrl>,
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
            shorter: HashMap::new(),
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

    /// The first `n` that may be taken.
    pub(super) fn next(&self, n: usize) -> impl Iterator<Item = &QueuedUrl> {
        self.head.values().take(n)
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

    /// A leased URL's story has ended.
    pub(super) fn settled(&mut self, fingerprint: Fingerprint) {
        self.bring_in(fingerprint);
    }

    /// A leased URL is to be tried again; it stays out until its time has come.
    pub(super) fn delay(&mut self, mut queued: QueuedUrl) {
        // As it is on disk: a shorter way counts from where it was found.
        if let Some(shorter) = self.shorter.remove(&queued.fingerprint) {
            queued = QueuedUrl { attempts: queued.attempts, not_before: queued.not_before, ..shorter };
        }
        self.delayed.insert((queued.not_before, queued.place), queued);
    }

    /// The store's answer to the opening.
    pub(super) fn open(&mut self, head: Vec<QueuedUrl>, limit: usize, now: Timestamp, longest: Duration) {
        self.reach = Reach::UpTo(None, true);
        self.refill(head, limit, now, longest);
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

    /// Whether all that is known of the queue is on disk as it is here: nothing is leased, nothing is being
    /// read. What waits for another attempt is on disk with its time.
    pub(super) fn is_at_rest(&self) -> bool {
        matches!(self.reach, Reach::All | Reach::UpTo(_, false)) && self.out.len() == self.delayed.len()
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
            let last = self.head.last_key_value().map(|(place, _)| *place);
            // Delayed URLs that ripened lie beyond: they must not draw the end of memory forward, over
            // what was never read.
            let reached = match self.reach {
                Reach::UpTo(reached, _) => reached.min(last),
                Reach::All | Reach::Opening => last,
            };
            self.reach = Reach::UpTo(reached, false);
        }
    }

    /// A queued URL is nearer to the front now, wherever it is.
    pub(super) fn moved(&mut self, from: Place, queued: QueuedUrl, head: usize) {
        let fingerprint = queued.fingerprint;
        if self.out.contains_key(&fingerprint) {
            self.bring_in(fingerprint);
            self.take_out(&queued);
            self.shorter.insert(fingerprint, queued);
            let delayed = self.delayed.iter().find(|(_, known)| known.fingerprint == fingerprint).map(|(key, _)| *key);
            if let Some(known) = delayed.and_then(|key| self.delayed.remove(&key)) {
                self.delay(known);
            }
            return;
        }
        self.head.remove(&from);
        self.offer(queued, head);
    }

    /// The next part of the queue arrives from the store. Nothing waits for longer than `longest`,
    /// whatever a clock that was set back makes of the times in it.
    pub(super) fn refill(&mut self, urls: Vec<QueuedUrl>, limit: usize, now: Timestamp, longest: Duration) {
        let Reach::UpTo(reached, _) = self.reach else { return };
        let last = urls.last().map(|queued| queued.place);
        self.reach = if urls.len() < limit { Reach::All } else { Reach::UpTo(last.or(reached), false) };
        for queued in urls {
            if self.out.contains_key(&queued.fingerprint) {
                continue;
            }
            if queued.not_before > now {
                self.take_out(&queued);
                self.delayed.insert((queued.not_before.min(now + longest), queued.place), queued);
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
        if self.out.insert(queued.fingerprint, queued.place).is_none() {
            *self.out_depths.entry(queued.place.depth).or_default() += 1;
        }
    }

    fn bring_in(&mut self, fingerprint: Fingerprint) {
        self.shorter.remove(&fingerprint);
        let Some(place) = self.out.remove(&fingerprint) else { return };
        if let Some(n_out) = self.out_depths.get_mut(&place.depth) {
            *n_out -= 1;
            if *n_out == 0 {
                self.out_depths.remove(&place.depth);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{address::Canonicalizer, frontier::Kind};

    const NOW: Timestamp = Timestamp(1_000_000_000);
    const LONGEST: Duration = Duration::from_secs(60);

    fn queued(depth: u16, seq: u64, not_before: u64) -> QueuedUrl {
        let url = Canonicalizer::default().parse(&format!("http://h/{seq}")).expect("valid");
        QueuedUrl {
            place: Place { depth, seq },
            fingerprint: url.fingerprint(),
            url,
            kind: Kind::Page,
            nesting: 0,
            hops_off_site: 0,
            via: None,
            redirects: Vec::new(),
            attempts: 0,
            not_before: Timestamp(not_before),
            held: None,
        }
    }

    #[test]
    fn a_ripened_url_does_not_draw_the_end_of_memory_forward() {
        let mut queue = Queue::opening();
        // Two of many fit; both are taken, fail and wait.
        queue.open(vec![queued(5, 1, 0), queued(5, 2, 0)], 2, NOW, LONGEST);
        for seq in [1, 2] {
            let taken = queue.take(Place { depth: 5, seq }).expect("in memory");
            queue.delay(QueuedUrl { not_before: NOW + Duration::from_secs(1), ..taken });
        }
        // Nearer ones come and fill memory, which then ends with them.
        for seq in [11, 12, 13] {
            queue.offer(queued(1, seq, 0), 2);
        }
        assert_eq!(queue.reach, Reach::UpTo(Some(Place { depth: 1, seq: 12 }), false));
        queue.ripen(NOW + Duration::from_secs(2));
        queue.offer(queued(0, 21, 0), 2);
        let Reach::UpTo(Some(reached), _) = queue.reach else { panic!("{:?}", queue.reach) };
        assert!(reached <= Place { depth: 1, seq: 12 }, "what was never read lies behind {reached:?}");
    }

    #[test]
    fn a_shorter_way_to_what_is_out_is_not_forgotten() {
        let mut queue = Queue::opening();
        queue.open(vec![queued(5, 1, 0)], 9, NOW, LONGEST);
        let taken = queue.take(Place { depth: 5, seq: 1 }).expect("in memory");
        let shorter = QueuedUrl { via: Some("http://nearer.example/".into()), ..queued(2, 1, 0) };
        queue.moved(taken.place, shorter.clone(), 9);
        assert_eq!(queue.nearest_out(), Some(2));
        queue.delay(QueuedUrl { not_before: NOW, attempts: 1, ..taken });
        queue.ripen(NOW);
        assert_eq!(queue.first(), Some(&QueuedUrl { not_before: NOW, attempts: 1, ..shorter }));
        assert_eq!(queue.first().map(|first| first.place.depth), Some(2));
        assert_eq!((queue.n_out(), queue.n_here()), (0, 1));
    }

    #[test]
    fn a_clock_that_was_set_back_delays_nobody_for_long() {
        let mut queue = Queue::opening();
        queue.open(vec![queued(0, 1, NOW.0 * 50)], 9, NOW, LONGEST);
        assert_eq!(queue.next_delayed(), Some(NOW + LONGEST));
    }
}
