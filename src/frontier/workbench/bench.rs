//! The hosts in turn.

#[cfg(test)]
mod inside;
mod picture;
mod places;

use std::collections::{BTreeSet, HashMap, VecDeque};

use tokio::sync::watch;

use super::{
    Ask, Fate, Lease, News, Next, Options, Returned, Task, Why,
    front::Front,
    slot::{Slot, Turn},
};
use crate::{
    address::{HostId, HostKey},
    clock::Timestamp,
    frontier::Validators,
    politeness::{
        Gate,
        gate::{Member, Ticket},
    },
};

/// The active hosts and their turns. See the module's essay.
#[derive(Debug)]
pub struct Workbench {
    options: Options,
    slots: HashMap<HostId, Placed>,
    ready: VecDeque<HostId>,
    waiting: BTreeSet<(Timestamp, HostId)>,
    /// Hosts that may be dropped to make room.
    idle: BTreeSet<HostId>,
    /// Hosts that rest until the gate wakes them.
    busy: BTreeSet<HostId>,
    asks: VecDeque<Ask>,
    /// Asks without an answer yet.
    n_asked: usize,
    /// Those of them that are about pages.
    n_recalls: usize,
    front: Front,
    /// Leases not settled yet, whatever for.
    n_out: u64,
    n_fetched: u64,
    in_flight: usize,
    gate: Member,
    /// Nothing else is left: URLs that are too deep get their refusals.
    flush: bool,
    /// When the crawl went on, if it is not a new one.
    resumed_at: Option<Timestamp>,
}

/// A slot and where it is.
#[derive(Debug)]
struct Placed {
    slot: Slot,
    turn: Whereabouts,
    why: Option<Why>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whereabouts {
    Ready,
    Waiting(Timestamp),
    Resting,
}

impl Workbench {
    /// With nothing in memory; it begins by asking for hosts. `n_fetched` pages of the crawl's
    /// budget are used already. The `gate` is where it meets the other jobs of the process.
    pub fn new(options: Options, gate: &Gate, n_fetched: u64, now: Timestamp) -> Self {
        Self {
            gate: gate.join(options.limits.clone(), now),
            front: Front::new(options.active_hosts),
            options,
            slots: HashMap::new(),
            ready: VecDeque::new(),
            waiting: BTreeSet::new(),
            idle: BTreeSet::new(),
            busy: BTreeSet::new(),
            asks: VecDeque::new(),
            n_asked: 0,
            n_recalls: 0,
            n_out: 0,
            n_fetched,
            in_flight: 0,
            flush: false,
            resumed_at: None,
        }
    }

    /// The same for a crawl that goes on at `now`. What its last process asked just before it ended
    /// may not have been written down, so every host is left in peace for as long as its policy says.
    #[must_use]
    pub fn resumed(self, now: Timestamp) -> Self {
        Self { resumed_at: Some(now), ..self }
    }

    /// What may be done now.
    pub fn next(&mut self, now: Timestamp) -> Next {
        loop {
            self.fill_places(now);
            self.gate.take_woken().into_iter().for_each(|host| self.wake(host));
            self.ring(now);
            while let Some(&host) = self.ready.front() {
                if self.is_budget_out() {
                    return Next::Rest;
                }
                match self.take_turn(host, now) {
                    Ok(Some(lease)) => return Next::Lease(Box::new(lease)),
                    Ok(None) => {}
                    Err(Some(at)) => return Next::WaitUntil(at),
                    Err(None) => return Next::Rest,
                }
            }
            // A host may just have gone idle, and no news need come that would bring us here again:
            // its place is given to one that waits on disk now or never.
            self.fill_places(now);
            self.feed_the_starving(now);
            if let Some(at) = self.next_at() {
                return Next::WaitUntil(at);
            }
            if self.is_something_under_way() {
                return Next::Rest;
            }
            if self.flush {
                return Next::Drained;
            }
            // All that is left is too deep or held, and no other way can turn up any more.
            self.flush = true;
            self.front.search_again();
            // In order, so that a simulated run can be repeated.
            let hosts: BTreeSet<HostId> = self.slots.keys().copied().collect();
            hosts.into_iter().for_each(|host| self.wake(host));
        }
    }

    /// Gives the front host its turn and puts it where it then belongs. An error is the time until
    /// which all hosts together must wait, if one is known.
    fn take_turn(&mut self, host: HostId, now: Timestamp) -> Result<Option<Lease>, Option<Timestamp>> {
        if self.end_session(host) {
            return Ok(None);
        }
        let Some(placed) = self.slots.get_mut(&host) else {
            self.ready.pop_front();
            return Ok(None);
        };
        match placed.slot.turn(now, &self.options, self.flush) {
            Turn::Do(task, ticket) => {
                let key = placed.slot.key().cloned();
                let (may_retry, recalled) = (placed.slot.may_retry(), placed.slot.take_recalled(&task));
                // Behind the others, so that one host can't starve them.
                self.ready.rotate_left(1);
                self.want(host);
                Ok(Some(self.lease(key, task, ticket, may_retry, recalled, now)))
            }
            Turn::Everyone(at) => Err(at),
            Turn::Wait(at, why) => {
                self.ready.pop_front();
                placed.turn = Whereabouts::Waiting(at);
                placed.why = Some(why);
                self.waiting.insert((at, host));
                self.want(host);
                Ok(None)
            }
            Turn::Rest(why) => {
                self.ready.pop_front();
                placed.turn = Whereabouts::Resting;
                placed.why = why;
                self.want(host);
                self.note_idle(host);
                Ok(None)
            }
            Turn::Busy(why) => {
                self.ready.pop_front();
                placed.turn = Whereabouts::Resting;
                placed.why = Some(why);
                self.busy.insert(host);
                self.want(host);
                Ok(None)
            }
        }
    }

    fn lease(
        &mut self,
        key: Option<HostKey>,
        task: Task,
        ticket: Option<Ticket>,
        may_retry: bool,
        recalled: Option<Box<Validators>>,
        leased_at: Timestamp,
    ) -> Lease {
        self.n_out += 1;
        self.in_flight += usize::from(ticket.is_some());
        let host = key.unwrap_or_else(|| match &task {
            Task::Visit(queued, _) | Task::Refuse(queued, _) => queued.host(),
            Task::Robots(errand) => errand.url.host(),
        });
        Lease { host, task, ticket, may_retry, recalled, leased_at }
    }

    /// A lease comes back.
    pub fn returned(&mut self, returned: Returned) {
        self.in_flight -= usize::from(returned.ticket.is_some());
        if let Some(placed) = self.slots.get_mut(&returned.host) {
            placed.slot.returned(returned.ticket, returned.conduct.as_ref());
            self.wake(returned.host);
        }
        if let Some(errand) = returned.errand {
            self.n_out -= 1;
            self.run_errand(errand);
        }
    }

    /// Takes in what the recorder did.
    pub fn news(&mut self, news: News, now: Timestamp) {
        match news {
            News::Admitted(queued) => self.admitted(queued, now),
            News::Moved { from, url } => {
                let host = url.host().id();
                if let Some(placed) = self.slots.get_mut(&host) {
                    placed.slot.queue().moved(from, url, self.options.head);
                    self.wake(host);
                } else {
                    self.admitted(url, now);
                }
            }
            News::Settled { host, fingerprint, fate } => {
                self.n_out -= 1;
                if let Fate::Done { fetched, .. } = fate {
                    self.n_fetched += u64::from(fetched);
                }
                self.with(host, |slot, _| slot.settled(fingerprint, fate));
            }
            News::Robots { host, origin, policy } => {
                self.n_out -= 1;
                self.with(host, |slot, _| slot.robots(origin, policy));
            }
            News::Retired { host, retired } => self.with(host, |slot, _| slot.retire(retired)),
            News::Opened { host, known, head, limit } => {
                self.n_asked -= 1;
                self.front.opened();
                let resumed_at = self.resumed_at;
                self.with(host, |slot, options| {
                    slot.open(known, head, limit, options, now);
                    if let Some(at) = resumed_at {
                        slot.go_on(at);
                    }
                });
            }
            News::Head { host, urls, limit } => {
                self.n_asked -= 1;
                self.with(host, |slot, _| slot.refill(urls, limit, now));
            }
            News::Hosts(found) => {
                self.n_asked -= 1;
                self.found_hosts(&found);
            }
            News::Page { host, fingerprint, recalled } => {
                self.n_asked -= 1;
                self.n_recalls -= 1;
                self.with(host, |slot, _| slot.recalled(fingerprint, recalled));
            }
        }
    }

    fn with(&mut self, host: HostId, change: impl FnOnce(&mut Slot, &Options)) {
        if let Some(placed) = self.slots.get_mut(&host) {
            change(&mut placed.slot, &self.options);
            self.wake(host);
        }
    }

    fn ask(&mut self, ask: Ask) {
        self.n_asked += 1;
        self.asks.push_back(ask);
    }

    /// Asks for more of a host's queue when little of it is left in memory, and for what is left of the next pages.
    fn want(&mut self, host: HostId) {
        let Some(placed) = self.slots.get_mut(&host) else { return };
        if let Some((after, limit)) = placed.slot.queue().wants(self.options.head) {
            self.ask(Ask::Head { host, after, limit });
        }
        let Some(placed) = self.slots.get_mut(&host) else { return };
        for fingerprint in placed.slot.wants_recalled(&self.options) {
            self.n_recalls += 1;
            self.ask(Ask::Page { host, fingerprint });
        }
    }

    /// The oldest question to the store that was not taken yet.
    pub fn next_ask(&mut self) -> Option<Ask> {
        self.asks.pop_front()
    }

    /// Puts a question back that could not be sent.
    pub fn put_back_ask(&mut self, ask: Ask) {
        self.asks.push_front(ask);
    }

    /// Tells when to look again although nothing was told: another job has left a place free.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.gate.changes()
    }

    /// Something about the host changed: its turn is to be looked at again.
    fn wake(&mut self, host: HostId) {
        let Some(placed) = self.slots.get_mut(&host) else { return };
        match placed.turn {
            Whereabouts::Ready => return,
            Whereabouts::Waiting(at) => {
                self.waiting.remove(&(at, host));
            }
            Whereabouts::Resting => {
                self.idle.remove(&host);
                self.busy.remove(&host);
            }
        }
        placed.turn = Whereabouts::Ready;
        placed.why = None;
        self.ready.push_back(host);
    }

    /// Wakes the hosts whose time has come.
    fn ring(&mut self, now: Timestamp) {
        while let Some(&(at, host)) = self.waiting.first()
            && at <= now
        {
            self.wake(host);
        }
    }

    fn is_something_under_way(&self) -> bool {
        self.in_flight > 0
            || self.n_out > 0
            || self.n_asked > 0
            || !self.busy.is_empty()
            || !self.front.is_all_in_memory()
    }

    /// Whether every page that may still be fetched is out.
    fn is_budget_out(&self) -> bool {
        self.options.max_pages.is_some_and(|most| self.n_fetched + self.n_out >= most)
    }
}
