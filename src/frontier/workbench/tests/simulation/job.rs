//! One job of the simulated world: its workbench, and models of its recorder, its workers and its channels.

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    time::Duration,
};

use tokio::sync::watch;

use super::{
    super::{Ask, Errand, Fate, Known, Lease, News, Next, Options, Returned, Task, Workbench},
    promise::{Asked, Promises},
    web::{Robots, Web},
};
use crate::{
    address::{CanonicalUrl, Fingerprint, HostId, Origin},
    clock::Timestamp,
    frontier::{self, Discovery, Frontier, HostRecord, MemoryFrontier, QueuedUrl, Retired, Status},
    politeness::{Conduct, Gate, Signal},
    robots::Policy,
    seeds::Chance,
    verdict::Refusal,
};

/// Requests in flight of one job.
const CONCURRENCY: usize = 4;
/// Attempts at a robots.txt, and at a page.
const ATTEMPTS: u32 = 3;
const BODY_BYTES: u64 = 700;

/// Where a URL stands. One that is in no map is unseen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stand {
    Queued,
    Leased,
    Done,
}

enum ToStore {
    Ask(Ask),
    Visit(Box<Visit>),
}

struct Visit {
    lease: Lease,
    conduct: Option<Conduct>,
    end: Ended,
}

enum Ended {
    Done { queued: QueuedUrl, fetched: bool, found: Vec<Discovery> },
    Again(QueuedUrl),
    Robots { origin: Origin, policy: Option<Policy> },
}

enum ToBench {
    Returned(Box<Returned>, Option<usize>),
    News(News),
}

pub(super) struct Job {
    bench: Workbench,
    options: Options,
    changes: watch::Receiver<()>,
    store: MemoryFrontier,
    committed: MemoryFrontier,
    n_fetched: u64,
    n_fetched_committed: u64,
    flying: Vec<(Lease, Option<Asked>)>,
    /// Answered, and not with the recorder yet.
    stalled: Vec<Visit>,
    to_store: VecDeque<ToStore>,
    to_bench: VecDeque<ToBench>,
    stands: HashMap<Fingerprint, Stand>,
    robots_out: HashSet<Origin>,
    directories: BTreeMap<String, u64>,
    /// Of which the workbench was told that they are done with.
    retired: HashSet<String>,
    /// URLs of a host that the workbench may hold beyond the bound: offered to it, or tried again.
    slack: HashMap<HostId, usize>,
    /// Hosts that have had a robots.txt of another's: each is worth a place beyond the bound.
    n_foreign: usize,
    foreign: HashSet<HostId>,
    passed_by: HashMap<HostId, usize>,
    is_drained: bool,
    n_told: usize,
}

impl Job {
    pub(super) fn new(options: Options, web: &Web, gate: &Gate, chance: &mut Chance, now: Timestamp) -> Self {
        let sizes = frontier::Options { max_queued: None, seen_cache_bytes: 0, buffer_bytes: 0 };
        let mut store = MemoryFrontier::new(&sizes);
        store.sift(web.seeds(chance.size(1..4))).expect("in memory");
        let bench = Workbench::new(options.clone(), gate, 0, now);
        let mut job = Self {
            changes: bench.changes(),
            bench,
            options,
            committed: store.clone(),
            store,
            n_fetched: 0,
            n_fetched_committed: 0,
            flying: Vec::new(),
            stalled: Vec::new(),
            to_store: VecDeque::new(),
            to_bench: VecDeque::new(),
            stands: HashMap::new(),
            robots_out: HashSet::new(),
            directories: BTreeMap::new(),
            retired: HashSet::new(),
            slack: HashMap::new(),
            n_foreign: 0,
            foreign: HashSet::new(),
            passed_by: HashMap::new(),
            is_drained: false,
            n_told: 0,
        };
        job.recall(web);
        job
    }

    /// What is known of the URLs, by the store.
    fn recall(&mut self, web: &Web) {
        self.stands.clear();
        for page in &web.pages {
            let stand = match self.store.status(&page.url).expect("in memory") {
                Status::Unseen => continue,
                Status::Queued { .. } => Stand::Queued,
                Status::Done => Stand::Done,
            };
            self.stands.insert(page.url.fingerprint(), stand);
        }
    }

    pub(super) fn ready(&self) -> Vec<HostId> {
        self.bench.inside().ready
    }

    /// What the dispatcher does: nothing without a free hand, and questions go to the store.
    pub(super) fn next(&mut self, now: Timestamp) -> Next {
        let next = if self.flying.len() < CONCURRENCY { self.bench.next(now) } else { Next::Rest };
        // Whoever had a turn and got nothing stands behind the others again.
        let ready: HashSet<HostId> = self.ready().into_iter().collect();
        self.passed_by.retain(|host, _| ready.contains(host));
        while let Some(ask) = self.bench.next_ask() {
            self.to_store.push_back(ToStore::Ask(ask));
        }
        next
    }

    pub(super) fn leased(
        &mut self,
        lease: Lease,
        ready: &[HostId],
        web: &Web,
        promises: &mut Promises,
        now: Timestamp,
    ) {
        assert!(!self.is_drained, "a lease after the end: {lease:?}");
        self.count_passed_by(lease.host.id(), ready);
        let asked = lease.ticket.map(|_| promises.asked(web, web.host(&lease.host), now));
        match &lease.task {
            Task::Robots(errand) => {
                assert!(self.options.obey_robots);
                assert!(self.robots_out.insert(errand.origin.clone()), "asked for twice at once: {errand:?}");
            }
            Task::Refuse(queued, _) => self.take(queued),
            Task::Visit(queued, _) => {
                self.take(queued);
                self.check_visit(queued, web, now);
            }
        }
        self.flying.push((lease, asked));
    }

    fn take(&mut self, queued: &QueuedUrl) {
        let before = self.stands.insert(queued.fingerprint, Stand::Leased);
        assert_eq!(before, Some(Stand::Queued), "{queued:?}");
    }

    fn check_visit(&self, queued: &QueuedUrl, web: &Web, now: Timestamp) {
        assert!(queued.not_before <= now, "its pause is not over: {queued:?}");
        assert_eq!(queued.held, None);
        assert!(self.options.max_depth.is_none_or(|most| queued.depth() <= most), "{queued:?}");
        assert!(!self.retired.contains(queued.url.directory(2)), "its directory is done with: {queued:?}");
        let denied = self.options.obey_robots && web.is_denied(web.page(&queued.url));
        assert!(!denied, "robots.txt denies it: {queued:?}");
    }

    /// A host that is ready has its turn before any other has two.
    fn count_passed_by(&mut self, leased: HostId, ready: &[HostId]) {
        let still: HashSet<HostId> = self.bench.inside().ready.into_iter().collect();
        self.passed_by.retain(|host, _| ready.contains(host) && still.contains(host) && *host != leased);
        for host in ready.iter().filter(|host| **host != leased && still.contains(host)) {
            let n = self.passed_by.entry(*host).or_default();
            *n += 1;
            assert!(*n <= ready.len().max(self.options.active_hosts) + self.n_foreign, "{host:?} starves");
        }
    }

    pub(super) fn answer_any(&mut self, chance: &mut Chance, web: &Web, promises: &mut Promises, now: Timestamp) {
        if !self.stalled.is_empty() && chance.percent(40) {
            let visit = self.stalled.swap_remove(chance.size(0..self.stalled.len()));
            self.to_store.push_back(ToStore::Visit(Box::new(visit)));
        } else if !self.flying.is_empty() {
            let i = chance.size(0..self.flying.len());
            self.answer(i, chance, web, promises, now);
        }
    }

    /// A server has answered, and the worker has read it.
    fn answer(&mut self, i: usize, chance: &mut Chance, web: &Web, promises: &mut Promises, now: Timestamp) {
        let (lease, asked) = self.flying.swap_remove(i);
        let mut errand = None;
        let (signal, end) = match &lease.task {
            Task::Refuse(queued, _) => (Signal::Fine, done(queued, false, Vec::new())),
            Task::Visit(queued, _) => visited(queued, lease.may_retry, chance, web, now),
            Task::Robots(asked) => {
                self.robots_out.remove(&asked.origin);
                let (signal, policy, next) = got_robots(asked, web, now);
                errand = next;
                (signal, Ended::Robots { origin: asked.origin.clone(), policy })
            }
        };
        let conduct = asked.map(|asked| {
            promises.over(asked);
            let share = chance.below(1000);
            let first_byte_at = Timestamp(asked.at.0 + (now.0 - asked.at.0) * share / 1000);
            let remote = Some(web.addresses[asked.host]);
            Conduct {
                sent_at: asked.at,
                first_byte_at: Some(first_byte_at),
                ended_at: now,
                signal,
                jitter: 0.3,
                remote,
            }
        });
        let returned = Returned { host: lease.host.id(), ticket: lease.ticket, conduct, errand };
        self.to_bench.push_back(ToBench::Returned(Box::new(returned), asked.map(|asked| asked.host)));
        let visit = Visit { lease, conduct, end };
        if chance.percent(20) {
            self.stalled.push(visit);
        } else {
            self.to_store.push_back(ToStore::Visit(Box::new(visit)));
        }
    }

    /// The recorder takes some of what waits for it.
    pub(super) fn record_some(&mut self, chance: &mut Chance, web: &Web, now: Timestamp) {
        for _ in 0..chance.size(1..5) {
            let Some(message) = self.to_store.pop_front() else { return };
            match message {
                ToStore::Ask(ask) => {
                    let news = self.tell(ask);
                    self.to_bench.push_back(ToBench::News(news));
                }
                ToStore::Visit(visit) => self.record(*visit, web, now),
            }
        }
    }

    fn tell(&mut self, ask: Ask) -> News {
        let store = &mut self.store;
        match ask {
            Ask::Open { host, limit } => {
                let robots = store.robots(host).expect("in memory");
                let retired = store.retired(host).expect("in memory");
                let known = store.host(host).expect("in memory").map(|host| Box::new(Known { host, robots, retired }));
                News::Opened { host, known, head: store.head(host, None, limit).expect("in memory"), limit }
            }
            Ask::Head { host, after, limit } => {
                News::Head { host, urls: store.head(host, after, limit).expect("in memory"), limit }
            }
            Ask::Hosts { after, limit, max_depth } => {
                News::Hosts(store.waiting_hosts(after, limit, max_depth).expect("in memory"))
            }
            Ask::Page { host, fingerprint } => News::Page { host, fingerprint, recalled: None },
        }
    }

    fn record(&mut self, visit: Visit, web: &Web, now: Timestamp) {
        let host = visit.lease.host.id();
        let mut record =
            self.store.host(host).expect("in memory").unwrap_or_else(|| HostRecord::new(visit.lease.host.clone()));
        let policy = &web.policies[web.host(&visit.lease.host)];
        visit.conduct.iter().for_each(|conduct| record.state.settle(conduct, policy));
        let mut news = Vec::new();
        match visit.end {
            Ended::Done { queued, fetched, found } => {
                assert!(self.store.conclude(&queued.url).expect("in memory"), "{queued:?} was not queued");
                assert_eq!(self.stands.insert(queued.fingerprint, Stand::Done), Some(Stand::Leased));
                let body_bytes = if fetched { BODY_BYTES } else { 0 };
                record.tally.fetched += u64::from(fetched);
                record.tally.body_bytes += body_bytes;
                self.n_fetched += u64::from(fetched);
                self.sift(found, &mut news);
                if fetched {
                    self.note_page(&queued.url, host, &mut news);
                }
                let fate = Fate::Done { fetched, body_bytes };
                news.push(News::Settled { host, fingerprint: queued.fingerprint, fate });
            }
            Ended::Again(queued) => {
                self.store.postpone(&queued).expect("in memory");
                record.state.note_retry();
                assert_eq!(self.stands.insert(queued.fingerprint, Stand::Queued), Some(Stand::Leased));
                *self.slack.entry(host).or_default() += 1;
                news.push(News::Settled { host, fingerprint: queued.fingerprint, fate: Fate::Again(queued) });
            }
            Ended::Robots { origin, policy: learnt } => {
                if let Some(learnt) = learnt {
                    let owner = origin.host();
                    self.store.set_robots(owner.id(), &origin, &learnt).expect("in memory");
                    let mut owners = if owner.id() == host {
                        record.clone()
                    } else {
                        let known = self.store.host(owner.id()).expect("in memory");
                        known.unwrap_or_else(|| HostRecord::new(owner.clone()))
                    };
                    owners.state.learn_crawl_delay(learnt.crawl_delay(), now, &web.policies[web.host(&owner)]);
                    self.store.set_host(&owners).expect("in memory");
                    if owner.id() == host {
                        record = owners;
                    }
                    news.push(News::Robots { host: owner.id(), origin, policy: Ok(learnt) });
                }
            }
        }
        self.store.set_host(&record).expect("in memory");
        self.to_bench.extend(news.into_iter().map(ToBench::News));
    }

    fn sift(&mut self, found: Vec<Discovery>, news: &mut Vec<News>) {
        let sifted = self.store.sift(found).expect("in memory");
        for queued in sifted.admitted {
            assert_eq!(self.stands.insert(queued.fingerprint, Stand::Queued), None, "{queued:?}");
            news.push(News::Admitted(queued));
        }
        for (discovery, _) in sifted.refused {
            assert_eq!(self.stands.insert(discovery.fingerprint, Stand::Done), None);
        }
        for (from, url) in sifted.moved {
            news.push(News::Moved { from, url });
        }
    }

    /// Directories have budgets.
    fn note_page(&mut self, url: &CanonicalUrl, host: HostId, news: &mut Vec<News>) {
        let Some(most) = self.options.pages_per_directory else { return };
        let directory = url.directory(self.options.directory_levels).to_owned();
        let n_pages = self.directories.entry(directory.clone()).or_default();
        *n_pages += 1;
        if *n_pages == most {
            let why = Refusal::DirectoryPageLimit;
            let rule = format!("{}{directory}", self.options.retires(why)).into();
            let retired = Retired { directory, why, rule };
            self.store.retire(host, &retired).expect("in memory");
            news.push(News::Retired { host, retired });
        }
    }

    /// The workbench takes some of what waits for it.
    pub(super) fn hear_some(&mut self, chance: &mut Chance, web: &Web, promises: &mut Promises, now: Timestamp) {
        for _ in 0..chance.size(1..6) {
            let Some(message) = self.to_bench.pop_front() else { return };
            self.n_told += 1;
            match message {
                ToBench::Returned(returned, host) => {
                    if let Some((host, conduct)) = host.zip(returned.conduct.as_ref()) {
                        promises.heard(web, host, conduct);
                    }
                    if let Some(errand) = &returned.errand
                        && errand.url.host() != errand.origin.host()
                        && self.foreign.insert(errand.url.host().id())
                    {
                        self.n_foreign += 1;
                    }
                    self.bench.returned(*returned);
                }
                ToBench::News(news) => {
                    self.heed(&news, web, promises, now);
                    self.bench.news(news, now);
                }
            }
        }
    }

    fn heed(&mut self, news: &News, web: &Web, promises: &mut Promises, now: Timestamp) {
        match news {
            News::Admitted(url) | News::Moved { url, .. } => *self.slack.entry(url.host().id()).or_default() += 1,
            News::Retired { retired, .. } => drop(self.retired.insert(retired.directory.clone())),
            News::Robots { origin, policy: Ok(policy), .. } => {
                let host = web.host(&origin.host());
                // Other jobs may not have heard of it, and none of them asks less politely for that.
                promises.learnt_crawl_delay(web, host, policy.crawl_delay(), policy.fetched_at.min(now));
            }
            _ => {}
        }
    }

    pub(super) fn commit(&mut self) {
        self.committed = self.store.clone();
        self.n_fetched_committed = self.n_fetched;
    }

    /// The process of this job is killed, and another one goes on from the last commit.
    pub(super) fn crash(&mut self, web: &Web, promises: &mut Promises, gate: &Gate, now: Timestamp) {
        for (_, asked) in self.flying.drain(..) {
            asked.into_iter().for_each(|asked| promises.broken_off(web, asked, now));
        }
        self.stalled.clear();
        self.to_store.clear();
        self.to_bench.clear();
        self.robots_out.clear();
        self.retired.clear();
        self.directories.clear();
        self.foreign.clear();
        self.passed_by.clear();
        (self.n_foreign, self.is_drained) = (0, false);
        self.store = self.committed.clone();
        self.n_fetched = self.n_fetched_committed;
        // Which directories are done with, the store knows; their counts are the recorder's.
        for host in &web.hosts {
            self.retired.extend(self.store.retired(host.id()).expect("in memory").into_iter().map(|it| it.directory));
        }
        for (i, host) in web.hosts.iter().enumerate() {
            let known = self.store.host(host.id()).expect("in memory");
            promises.forgotten_crawl_delay(i, known.and_then(|known| known.state.crawl_delay));
        }
        // It is gone before the next one comes and tells the time.
        self.bench = Workbench::new(self.options.clone(), &Gate::default(), self.n_fetched, now);
        self.bench = Workbench::new(self.options.clone(), gate, self.n_fetched, now).resumed(now);
        self.changes = self.bench.changes();
        self.recall(web);
    }

    /// Everything that is under way comes to its end. `true` when the workbench was told something.
    pub(super) fn settle_all(
        &mut self,
        chance: &mut Chance,
        web: &Web,
        promises: &mut Promises,
        now: Timestamp,
    ) -> bool {
        self.n_told = 0;
        while !self.flying.is_empty() {
            self.answer(0, chance, web, promises, now);
        }
        self.to_store.extend(self.stalled.drain(..).map(|visit| ToStore::Visit(Box::new(visit))));
        while !self.to_store.is_empty() {
            self.record_some(chance, web, now);
        }
        while !self.to_bench.is_empty() {
            self.hear_some(chance, web, promises, now);
        }
        self.n_told > 0
    }

    /// Whether the gate has something to tell; it is told only once.
    pub(super) fn is_woken(&mut self) -> bool {
        let is_woken = self.changes.has_changed().unwrap_or(false);
        self.changes.mark_unchanged();
        is_woken
    }

    pub(super) fn drained(&mut self) {
        // What a robots.txt that is elsewhere came to may still be on its way to the recorder: nobody waits for it.
        assert_eq!((self.flying.len(), self.store.n_queued()), (0, 0), "it says that nothing is left");
        self.is_drained = true;
    }

    fn is_at_limit(&self) -> bool {
        self.options.max_pages.is_some_and(|most| self.n_fetched >= most)
    }

    /// Whether the run has ended, as drained or at its limit. Then it holds nothing at the gate any more.
    pub(super) fn is_over(&mut self, now: Timestamp) -> bool {
        let is_over = (self.is_drained || self.is_at_limit()) && self.flying.is_empty();
        if is_over {
            self.to_bench.clear();
            self.bench = Workbench::new(self.options.clone(), &Gate::default(), self.n_fetched, now);
            self.changes = self.bench.changes();
        }
        is_over
    }

    /// For those who read why a run failed.
    pub(super) fn picture(&self) -> String {
        let (bench, flying) = (&self.bench, self.flying.len());
        format!("\n{:?} {:?} {:?} {flying} in flight", bench.sizes(), bench.waiting(), bench.next_at())
    }

    pub(super) fn check(&self) {
        let count = |stand| self.stands.values().filter(|it| **it == stand).count();
        let (queued, leased) = (count(Stand::Queued), count(Stand::Leased));
        assert_eq!((queued + leased) as u64, self.store.n_queued(), "a URL is lost or doubled");
        let flying = self.flying.iter().filter(|(lease, _)| !matches!(lease.task, Task::Robots(_))).count();
        let is_page = |visit: &&Visit| !matches!(visit.end, Ended::Robots { .. });
        let told = self.to_store.iter().filter(|it| matches!(it, ToStore::Visit(visit) if is_page(&&**visit))).count();
        assert_eq!(leased, flying + told + self.stalled.iter().filter(is_page).count(), "a lease is lost or doubled");
        assert!(self.options.max_pages.is_none_or(|most| self.n_fetched <= most), "more pages than allowed");
        let inside = self.bench.inside();
        assert!(inside.n_slots <= self.options.active_hosts + self.n_foreign, "{} hosts in memory", inside.n_slots);
        for (host, n_urls) in inside.heads {
            let most = self.options.head + self.slack.get(&host).copied().unwrap_or_default();
            assert!(n_urls <= most, "{n_urls} URLs of one host in memory, {most} are allowed");
        }
    }

    pub(super) fn check_end(&self, web: &Web) {
        if self.is_drained {
            assert!(self.stands.values().all(|stand| *stand == Stand::Done));
        }
        let mut of_hosts: HashMap<HostId, u64> = HashMap::new();
        let mut store = self.store.clone();
        for host in &web.hosts {
            let n_fetched = store.host(host.id()).expect("in memory").map_or(0, |host| host.tally.fetched);
            of_hosts.insert(host.id(), n_fetched);
            assert!(self.options.pages_per_host.is_none_or(|most| n_fetched <= most), "{host}: {n_fetched} pages");
        }
        assert_eq!(of_hosts.values().sum::<u64>(), self.n_fetched);
    }
}

fn done(queued: &QueuedUrl, fetched: bool, found: Vec<Discovery>) -> Ended {
    Ended::Done { queued: queued.clone(), fetched, found }
}

fn visited(queued: &QueuedUrl, may_retry: bool, chance: &mut Chance, web: &Web, now: Timestamp) -> (Signal, Ended) {
    if chance.percent(2) {
        // The worker panicked.
        return (Signal::Fine, done(queued, false, Vec::new()));
    }
    let came = web.answer(queued);
    let attempts = queued.attempts + 1;
    if came.failed && may_retry && attempts < ATTEMPTS {
        let pause = if came.signal == Signal::Faulty { chance.millis(4000) } else { Duration::ZERO };
        return (came.signal, Ended::Again(QueuedUrl { attempts, not_before: now + pause, ..queued.clone() }));
    }
    (came.signal, done(queued, came.fetched, came.found))
}

fn got_robots(errand: &Errand, web: &Web, now: Timestamp) -> (Signal, Option<Policy>, Option<Errand>) {
    let host = web.host(&errand.url.host());
    let is_own = errand.url.host() == errand.origin.host();
    let again = |errand: &Errand| {
        (u32::from(errand.attempts) + 1 < ATTEMPTS).then(|| Errand { attempts: errand.attempts + 1, ..errand.clone() })
    };
    match web.robots[host] {
        Robots::Elsewhere(other) if is_own && other != host => {
            let url = web.pages[other].url.robots_txt();
            (Signal::Fine, None, Some(Errand { url, redirects: errand.redirects + 1, ..errand.clone() }))
        }
        Robots::Text(text) => (Signal::Fine, Some(web.policy_of(text, 200, now)), None),
        Robots::Missing | Robots::Elsewhere(_) => (Signal::Fine, Some(web.policy_of("", 404, now)), None),
        Robots::Flaky if errand.attempts > 0 => (Signal::Fine, Some(web.policy_of("", 404, now)), None),
        Robots::Flaky | Robots::Down => match again(errand) {
            Some(next) => (Signal::Trouble, None, Some(next)),
            None => (Signal::Trouble, Some(web.policy_of("", 503, now)), None),
        },
    }
}
