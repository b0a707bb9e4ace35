//! One active host: the head of its queue, what it was promised, and what is out.

mod judge;

use std::collections::VecDeque;

use judge::{Judgement, is_parked};

use super::{
    super::{HostTally, Place, QueuedUrl, Retired, Validators, retired::RetiredSet},
    Errand, Fate, Known, Options, Task, Wait, Why,
    origins::Origins,
    queue::Queue,
    recall::Recall,
};
use crate::{
    address::{Fingerprint, HostId, HostKey, Origin},
    clock::Timestamp,
    politeness::{
        Conduct, HostState, Policy,
        gate::{Denied, Hold, Member, Ticket},
    },
    robots,
    verdict::{Refusal, Refused},
};

/// What a host's turn came to.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "it lives for one turn, and nobody keeps more than one")]
pub(super) enum Turn {
    /// This may be done now, with the gate's leave if somebody is asked.
    Do(Task, Option<Ticket>),
    /// Nothing before that time.
    Wait(Timestamp, Why),
    /// Nothing of any host: all together are at their limit, until that time or until something is over.
    Everyone(Option<Timestamp>),
    /// Nothing until something about the host changes.
    Rest(Option<Why>),
    /// Nothing until the gate wakes it: another job may be all that is in the way.
    Busy(Why),
}

#[derive(Debug)]
pub(super) struct Slot {
    host: HostId,
    /// Known from the first URL or errand on.
    key: Option<HostKey>,
    policy: Policy,
    /// As this crawl knows it: what is durable, and by which it gives a host up. When the host may be
    /// asked is the gate's to say.
    state: HostState,
    gate: Member,
    /// The gate holds the host open for this slot.
    is_open: bool,
    tally: HostTally,
    origins: Origins,
    /// Directories that are done with.
    retired: RetiredSet,
    errands: VecDeque<Errand>,
    queue: Queue,
    recall: Recall,
    in_flight: u32,
    /// URLs leased since it was opened.
    n_leases: u64,
}

impl Slot {
    pub(super) fn opening(host: HostId, gate: Member) -> Self {
        Self {
            host,
            gate,
            is_open: false,
            key: None,
            policy: Policy::default(),
            state: HostState::default(),
            tally: HostTally::default(),
            origins: Origins::default(),
            retired: RetiredSet::default(),
            errands: VecDeque::new(),
            queue: Queue::opening(),
            recall: Recall::default(),
            in_flight: 0,
            n_leases: 0,
        }
    }

    /// The store's answer to the opening.
    pub(super) fn open(
        &mut self,
        known: Option<Box<Known>>,
        head: Vec<QueuedUrl>,
        limit: usize,
        options: &Options,
        now: Timestamp,
    ) {
        let key = known.as_ref().map(|known| known.host.host.clone()).or_else(|| head.first().map(QueuedUrl::host));
        if let Some(key) = key.or_else(|| self.errands.front().map(|errand| errand.url.host())) {
            self.name(key, options);
        }
        if let Some(known) = known {
            self.state = known.host.state;
            self.tally = known.host.tally;
            self.origins = Origins::new(known.robots);
            // A limit that was changed between two runs has not retired anything.
            let holds = |retired: &Retired| retired.rule.starts_with(&*options.retires(retired.why));
            known.retired.into_iter().filter(holds).for_each(|retired| self.retired.add(retired));
            self.state.reopen(&self.policy, now);
        }
        self.queue.open(head, limit, now, self.policy.longest_pause());
    }

    /// The crawl went on at `at`: nobody knows what the host was asked, and said, just before that.
    pub(super) fn go_on(&mut self, at: Timestamp) {
        self.state.go_on(&self.policy, at);
    }

    fn name(&mut self, key: HostKey, options: &Options) {
        self.policy = options.politeness.policy(key.as_str()).clone();
        self.key = Some(key);
    }

    /// What may be done now. Takes it from the queue if anything may.
    pub(super) fn turn(&mut self, now: Timestamp, options: &Options, flush: bool) -> Turn {
        if self.queue.is_opening() {
            return Turn::Rest(Some(Why::Disk));
        }
        self.queue.ripen(now);
        if !self.errands.is_empty() {
            return self.when_paced(now, options, Self::lease_errand);
        }
        let Some(first) = self.queue.first() else { return self.nothing_queued() };
        let place = first.place;
        match self.judge(first, now, options, flush) {
            // The store is not asked between a host's turn and the request: it may be busy for a while.
            Judgement::Fetch if options.recalls && !self.recall.has(first.fingerprint) => Turn::Rest(Some(Why::Disk)),
            Judgement::Fetch => self.when_paced(now, options, |slot, ticket| slot.lease(place, ticket)),
            Judgement::Refuse(refused) => self.refuse(place, refused),
            // What is delayed may be the very thing that the first one has to wait for.
            Judgement::Rest(why) => {
                // The gate may have no place for the host whose robots.txt this one waits for.
                if self.in_flight == 0 {
                    self.close();
                }
                self.queue.next_delayed().map_or(Turn::Rest(why), |at| Turn::Wait(at, Why::Backoff))
            }
            Judgement::AskRobots => {
                let (origin, url) = (first.url.origin(), first.url.robots_txt());
                // Not before: a host that is to be asked in hours may leave until then.
                self.when_paced(now, options, |slot, ticket| {
                    let known = slot.origins.ask(origin.clone());
                    slot.errands.push_back(Errand { origin, url, redirects: 0, attempts: 0, known });
                    slot.lease_errand(ticket)
                })
            }
        }
    }

    fn nothing_queued(&self) -> Turn {
        if !self.queue.is_all_here() {
            return Turn::Rest(Some(Why::Disk));
        }
        match self.queue.next_delayed() {
            Some(at) => Turn::Wait(at, Why::Backoff),
            None => Turn::Rest((self.in_flight > 0).then_some(Why::Connections)),
        }
    }

    /// Nothing more of a directory is to be asked for.
    pub(super) fn retire(&mut self, retired: Retired) {
        self.retired.add(retired);
    }

    /// Does it if the host may be asked now, and then it counts as asked.
    fn when_paced(&mut self, now: Timestamp, options: &Options, lease: impl FnOnce(&mut Self, Ticket) -> Turn) -> Turn {
        if self.key.is_none() {
            let errand = self.errands.front().map(|errand| errand.url.host());
            let key = errand.or_else(|| self.queue.first().map(QueuedUrl::host));
            key.into_iter().for_each(|key| self.name(key, options));
        }
        match self.enter(now) {
            Ok(ticket) => lease(self, ticket),
            Err(Denied::Until(at, Hold::AllHosts)) => Turn::Everyone(Some(at)),
            Err(Denied::Busy(Hold::AllHosts)) => Turn::Everyone(None),
            Err(Denied::Until(at, hold)) => Turn::Wait(at, hold.into()),
            Err(Denied::Busy(hold)) => Turn::Busy(hold.into()),
        }
    }

    fn enter(&mut self, now: Timestamp) -> Result<Ticket, Denied> {
        if let Some(key) = self.key.as_ref().filter(|_| !self.is_open) {
            self.gate.open(key, &self.policy, Some(&self.state), now)?;
            self.is_open = true;
        }
        self.gate.try_enter(self.host, now)
    }

    /// Nothing is to be asked of the host for now: others are not held to this crawl's policy for it.
    pub(super) fn close(&mut self) {
        if std::mem::take(&mut self.is_open) {
            self.gate.close(self.host);
        }
    }

    fn lease(&mut self, place: Place, ticket: Ticket) -> Turn {
        let Some(queued) = self.queue.take(place) else { return Turn::Rest(None) };
        self.n_leases += 1;
        self.in_flight += 1;
        self.origins.used(&queued.url.origin());
        let signals = self.origins.signals(&queued.url);
        Turn::Do(Task::Visit(queued, signals), Some(ticket))
    }

    fn refuse(&mut self, place: Place, refused: Refused) -> Turn {
        let Some(queued) = self.queue.take(place) else { return Turn::Rest(None) };
        self.n_leases += 1;
        if matches!(refused.why, Refusal::RobotsDenied | Refusal::RobotsUnreachable) {
            self.origins.used(&queued.url.origin());
        }
        Turn::Do(Task::Refuse(queued, Box::new(refused)), None)
    }

    fn lease_errand(&mut self, ticket: Ticket) -> Turn {
        let Some(errand) = self.errands.pop_front() else { return Turn::Rest(None) };
        self.in_flight += 1;
        Turn::Do(Task::Robots(errand), Some(ticket))
    }

    pub(super) fn returned(&mut self, ticket: Option<Ticket>, conduct: Option<&Conduct>) {
        if let Some(conduct) = conduct {
            self.state.settle(conduct, &self.policy);
        }
        if let Some(ticket) = ticket {
            self.in_flight -= 1;
            self.gate.leave(self.host, ticket, conduct);
        }
    }

    /// Whether another attempt at one of the host's URLs is within its budget.
    pub(super) fn may_retry(&self) -> bool {
        self.state.may_retry(&self.policy)
    }

    pub(super) fn settled(&mut self, fingerprint: Fingerprint, fate: Fate) {
        match fate {
            Fate::Done { fetched, body_bytes } => {
                self.queue.settled(fingerprint);
                self.tally.fetched += u64::from(fetched);
                self.tally.body_bytes += body_bytes;
            }
            Fate::Again(queued) => {
                self.state.note_retry();
                self.queue.delay(queued);
            }
        }
    }

    pub(super) fn errand(&mut self, errand: Errand) {
        self.errands.push_back(errand);
    }

    /// What was learnt of an origin's robots.txt.
    pub(super) fn robots(&mut self, origin: Origin, policy: Result<robots::Policy, Refusal>) {
        let heard = policy.as_ref().ok().map(|policy| policy.fetched_at);
        self.origins.learn(origin, policy);
        let Some(heard) = heard else { return };
        let delay = self.origins.crawl_delay();
        self.state.learn_crawl_delay(delay, heard, &self.policy);
        self.gate.learn_crawl_delay(self.host, delay, heard);
    }

    /// A URL was queued, or queued nearer to the front.
    pub(super) fn offer(&mut self, queued: QueuedUrl, options: &Options) {
        if self.key.is_none() {
            self.name(queued.host(), options);
        }
        self.queue.offer(queued, options.head);
    }

    /// The next part of the queue arrives from the store.
    pub(super) fn refill(&mut self, urls: Vec<QueuedUrl>, limit: usize, now: Timestamp) {
        self.queue.refill(urls, limit, now, self.policy.longest_pause());
    }

    /// Pages of which the store is to be asked what an earlier pass left: those that are next, as many as may be
    /// asked for at once.
    pub(super) fn wants_recalled(&mut self, options: &Options) -> Vec<Fingerprint> {
        if !options.recalls {
            return Vec::new();
        }
        let n = usize::try_from(self.policy.connections.get()).unwrap_or(usize::MAX);
        self.recall.wants(self.queue.next(n).map(|queued| queued.fingerprint))
    }

    /// The store's answer.
    pub(super) fn recalled(&mut self, fingerprint: Fingerprint, left: Option<Box<Validators>>) {
        self.recall.answered(fingerprint, left);
    }

    /// What was recalled of what is leased.
    pub(super) fn take_recalled(&mut self, task: &Task) -> Option<Box<Validators>> {
        match task {
            Task::Visit(queued, _) | Task::Refuse(queued, _) => self.recall.take(queued.fingerprint),
            Task::Robots(_) => None,
        }
    }

    pub(super) fn queue(&mut self) -> &mut Queue {
        &mut self.queue
    }

    /// Whether nothing would be lost if the slot were dropped: all that it knows is on disk.
    pub(super) fn is_idle(&self, options: &Options, flush: bool) -> bool {
        let parked = !flush && self.queue.first().is_some_and(|first| is_parked(first, options));
        self.queue.is_idle(parked) && self.in_flight == 0 && self.errands.is_empty() && !self.origins.is_any_pending()
    }

    /// Whether it has had all the leases that it may have while others wait for its place. A
    /// robots.txt that waits to be asked for is asked for first: other hosts may need it.
    pub(super) fn is_session_over(&self, options: &Options) -> bool {
        self.n_leases >= options.session_budget.get() && self.errands.is_empty()
    }

    /// Whether nothing would be lost if it were read from disk once more.
    pub(super) fn may_leave(&self) -> bool {
        let is_still = self.in_flight == 0 && self.errands.is_empty() && !self.origins.is_any_pending();
        is_still && self.queue.is_at_rest()
    }

    /// The same if it has no turn in between: a robots.txt that was asked for is of use first. If it were
    /// out of date before the host's time comes, nothing but robots.txt would ever be asked for.
    pub(super) fn may_sleep(&self) -> bool {
        self.may_leave() && !self.origins.is_any_unused()
    }

    /// What it waits for until then.
    pub(super) fn wait(&self, until: Timestamp, why: Why) -> Option<Wait> {
        let interval = self.state.pace(&self.policy).0;
        let crawl_delay = self.state.crawl_delay.filter(|_| interval > self.policy.interval).map(|_| interval);
        Some(Wait { host: self.key.clone()?, until, why, crawl_delay, n_urls: self.queue.n_here() })
    }

    pub(super) fn host(&self) -> HostId {
        self.host
    }

    pub(super) fn key(&self) -> Option<&HostKey> {
        self.key.as_ref()
    }

    /// URLs that are leased or wait for another attempt.
    pub(super) fn n_out(&self) -> usize {
        usize::try_from(self.queue.n_out()).unwrap_or(usize::MAX)
    }

    /// Requests in flight, URLs queued in memory, pages fetched.
    pub(super) fn load(&self) -> (u32, usize, u64) {
        (self.in_flight, self.queue.n_here(), self.tally.fetched)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.close();
    }
}
