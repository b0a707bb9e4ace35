//! One active host: the head of its queue, what it was promised, and what is out.

use std::collections::VecDeque;

use super::{
    super::{HostTally, Place, QueuedUrl, Retired, retired::RetiredSet},
    Errand, Fate, Known, Options, Task,
    origins::{Origins, Word},
    queue::Queue,
};
use crate::{
    address::{Fingerprint, HostId, HostKey, Origin},
    clock::Timestamp,
    politeness::{Conduct, HostState, Pacer, Policy},
    robots,
    verdict::{Refusal, Refused},
};

/// What a host's turn came to.
#[derive(Debug)]
pub(super) enum Turn {
    /// This may be done now.
    Do(Task),
    /// Nothing before that time.
    Wait(Timestamp, Why),
    /// Nothing until something about the host changes.
    Rest(Option<Why>),
}

/// Why a host with URLs is not asked now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// Its interval has not passed.
    Politeness,
    /// All of its connections, or its budget, are out.
    Connections,
    /// It failed or asked for a pause, or its URLs wait for another attempt.
    Backoff,
    /// Its robots.txt is being asked for.
    Robots,
    /// Its queue is being read.
    Disk,
}

#[derive(Debug)]
pub(super) struct Slot {
    host: HostId,
    /// Known from the first URL or errand on.
    key: Option<HostKey>,
    policy: Policy,
    state: HostState,
    pacer: Option<Pacer>,
    /// A token was taken from the pacer and not used yet.
    token: bool,
    tally: HostTally,
    origins: Origins,
    /// Directories that are done with.
    retired: RetiredSet,
    errands: VecDeque<Errand>,
    queue: Queue,
    in_flight: u32,
}

impl Slot {
    pub(super) fn opening(host: HostId) -> Self {
        Self {
            host,
            key: None,
            policy: Policy::default(),
            state: HostState::default(),
            pacer: None,
            token: false,
            tally: HostTally::default(),
            origins: Origins::default(),
            retired: RetiredSet::default(),
            errands: VecDeque::new(),
            queue: Queue::opening(),
            in_flight: 0,
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

    /// Nobody knows what the host was asked just before `at`.
    pub(super) fn distrust(&mut self, at: Timestamp) {
        self.state.distrust(&self.policy, at);
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
        loop {
            if !self.errands.is_empty() {
                return self.paced(now).unwrap_or_else(|| self.lease_errand());
            }
            let Some(first) = self.queue.first() else { return self.nothing_queued() };
            let place = first.place;
            match self.judge(first, now, options, flush) {
                Judgement::Fetch => return self.paced(now).unwrap_or_else(|| self.lease(place, None)),
                Judgement::Refuse(refused) => return self.lease(place, Some(refused)),
                // What is delayed may be the very thing that the first one has to wait for.
                Judgement::Rest(why) => {
                    return self.queue.next_delayed().map_or(Turn::Rest(why), |at| Turn::Wait(at, Why::Backoff));
                }
                Judgement::AskRobots => {
                    let url = first.url.robots_txt();
                    let origin = first.url.origin();
                    let known = self.origins.ask(origin.clone());
                    self.errands.push_back(Errand { origin, url, redirects: 0, attempts: 0, known });
                }
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

    /// Everything that is judged before a URL is asked for, except for time.
    fn judge(&self, queued: &QueuedUrl, now: Timestamp, options: &Options, flush: bool) -> Judgement {
        if !flush && is_parked(queued, options) {
            return Judgement::Rest(None);
        }
        if let Some(held) = &queued.held {
            return Judgement::Refuse(held.refused.clone());
        }
        if is_parked(queued, options) {
            let most = options.max_depth.unwrap_or_default();
            return Judgement::Refuse(Refused::by(Refusal::TooDeep, format!("limits.depth = {most}")));
        }
        if self.state.given_up {
            let rule = self.policy.errors_in_row.map(|most| format!("limits.errors_in_row = {most}").into());
            return Judgement::Refuse(Refused { why: Refusal::HostGivenUp, rule });
        }
        let nearest_out = self.queue.nearest_out();
        if options.max_depth.is_some() && nearest_out.is_some_and(|depth| queued.place.depth > depth) {
            return Judgement::Rest(Some(Why::Connections));
        }
        if let Some(most) = options.pages_per_host {
            if self.tally.fetched >= most {
                let rule = format!("limits.pages_per_host = {most}");
                return Judgement::Refuse(Refused::by(Refusal::HostPageLimit, rule));
            }
            if self.tally.fetched + self.queue.n_out() >= most {
                return Judgement::Rest(Some(Why::Connections));
            }
        }
        if let Some(most) = options.bytes_per_host.filter(|most| self.tally.body_bytes >= *most) {
            let rule = format!("limits.bytes_per_host = {most} B");
            return Judgement::Refuse(Refused::by(Refusal::HostByteLimit, rule));
        }
        if let Some(refused) = self.retired.refuse(&queued.url, options.directory_levels) {
            return Judgement::Refuse(refused);
        }
        if !options.obey_robots {
            return Judgement::Fetch;
        }
        match self.origins.judge(&queued.url, now) {
            Word::Allowed => Judgement::Fetch,
            Word::Refused(refused) => Judgement::Refuse(refused),
            Word::Pending => Judgement::Rest(Some(Why::Robots)),
            Word::Unknown => Judgement::AskRobots,
        }
    }

    /// Nothing more of a directory is to be asked for.
    pub(super) fn retire(&mut self, retired: Retired) {
        self.retired.add(retired);
    }

    /// `None` when the host may be asked now.
    fn paced(&mut self, now: Timestamp) -> Option<Turn> {
        let (interval, burst, connections) = self.state.pace(&self.policy);
        if self.in_flight >= connections.get() {
            return Some(Turn::Rest(Some(Why::Connections)));
        }
        if now < self.state.not_before {
            let why = if self.state.backing_off { Why::Backoff } else { Why::Politeness };
            return Some(Turn::Wait(self.state.not_before, why));
        }
        if !self.token {
            let pacer = self.pacer.get_or_insert_with(|| Pacer::new(interval, burst, now));
            if let Err(at) = pacer.take(now) {
                return Some(Turn::Wait(at, Why::Politeness));
            }
            self.token = true;
        }
        None
    }

    fn lease(&mut self, place: Place, refusal: Option<Refused>) -> Turn {
        let Some(queued) = self.queue.take(place) else { return Turn::Rest(None) };
        Turn::Do(match refusal {
            Some(refused) => Task::Refuse(queued, Box::new(refused)),
            None => {
                self.token = false;
                self.in_flight += 1;
                self.origins.used(&queued.url.origin());
                let signals = self.origins.signals(&queued.url);
                Task::Visit(queued, signals)
            }
        })
    }

    fn lease_errand(&mut self) -> Turn {
        let Some(errand) = self.errands.pop_front() else { return Turn::Rest(None) };
        self.token = false;
        self.in_flight += 1;
        Turn::Do(Task::Robots(errand))
    }

    /// What was leased is being done. Requests that don't wait for each other's answers are kept apart
    /// from here on, whatever tokens are left over.
    pub(super) fn leased(&mut self, now: Timestamp) {
        let (interval, burst, _) = self.state.pace(&self.policy);
        if burst.get() == 1 {
            self.state.hold_until(now + interval);
        }
    }

    /// A lease that could not be used after all (all hosts together are at their limit).
    pub(super) fn put_back(&mut self, task: Task) {
        match task {
            Task::Visit(queued, _) => {
                self.in_flight -= 1;
                self.token = true;
                self.queue.put_back(queued);
            }
            Task::Robots(errand) => {
                self.in_flight -= 1;
                self.token = true;
                self.errands.push_front(errand);
            }
            Task::Refuse(queued, _) => {
                self.queue.put_back(queued);
            }
        }
    }

    pub(super) fn returned(&mut self, held_connection: bool, conduct: Option<&Conduct>) {
        self.in_flight -= u32::from(held_connection);
        if let Some(conduct) = conduct {
            self.state.settle(conduct, &self.policy);
        }
    }

    pub(super) fn settled(&mut self, fingerprint: Fingerprint, fate: Fate) {
        match fate {
            Fate::Done { fetched, body_bytes } => {
                self.queue.settled(fingerprint);
                self.tally.fetched += u64::from(fetched);
                self.tally.body_bytes += body_bytes;
            }
            Fate::Again(queued) => self.queue.delay(queued),
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
        let before = self.state.pace(&self.policy);
        self.state.learn_crawl_delay(self.origins.crawl_delay(), heard, &self.policy);
        if self.state.pace(&self.policy) != before {
            self.pacer = None;
            self.token = false;
        }
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

    pub(super) fn queue(&mut self) -> &mut Queue {
        &mut self.queue
    }

    /// Whether nothing would be lost if the slot were dropped: all that it knows is on disk.
    pub(super) fn is_idle(&self, options: &Options, flush: bool) -> bool {
        let parked = !flush && self.queue.first().is_some_and(|first| is_parked(first, options));
        self.queue.is_idle(parked) && self.in_flight == 0 && self.errands.is_empty() && !self.origins.is_any_pending()
    }

    pub(super) fn host(&self) -> HostId {
        self.host
    }

    pub(super) fn key(&self) -> Option<&HostKey> {
        self.key.as_ref()
    }

    /// Requests in flight, URLs queued in memory, pages fetched.
    pub(super) fn load(&self) -> (u32, usize, u64) {
        (self.in_flight, self.queue.n_here(), self.tally.fetched)
    }
}

/// Whether a URL has to wait until nothing else is left.
fn is_parked(queued: &QueuedUrl, options: &Options) -> bool {
    queued.place.depth > options.deepest_now()
}

/// What [`Slot::judge`] says.
enum Judgement {
    Fetch,
    Refuse(Refused),
    AskRobots,
    Rest(Option<Why>),
}
