//! The workbench with a store and workers around it that cost next to nothing.

use std::{
    collections::{BTreeMap, HashMap},
    num::{NonZeroU32, NonZeroU64},
    time::Duration,
};

use dragline::{
    address::{CanonicalUrl, HostId},
    clock::Timestamp,
    frontier::{
        Kind, Lease, Place, QueuedUrl, Task, Waiting,
        workbench::{Ask, Fate, News, Next, Options, Returned, Workbench},
    },
    politeness::{self, Conduct, Gate, Signal, gate::Limits},
};

/// Leases that are out at once.
const N_PERMITS: usize = 64;
const START: Timestamp = Timestamp(1_700_000_000_000_000);
/// Long enough for a workbench that asks about nothing more.
const ALL: usize = 1 << 20;

/// A workbench that is gone through again and again; each time its URLs have other places in their queues.
pub(super) struct Turns {
    bench: Workbench,
    now: Timestamp,
    seq: u64,
    /// What is queued "on disk", by host.
    queues: HashMap<HostId, BTreeMap<Place, QueuedUrl>>,
}

impl Turns {
    pub(super) fn new() -> Self {
        let mut politeness = politeness::Options::default();
        politeness.default.interval = Duration::ZERO;
        politeness.default.connections = NonZeroU32::new(64).expect("not zero");
        let options = Options {
            active_hosts: 1024,
            head: ALL,
            session_budget: NonZeroU64::MAX,
            max_depth: None,
            max_pages: None,
            pages_per_host: None,
            pages_per_directory: None,
            same_content: None,
            directory_levels: 2,
            bytes_per_host: None,
            obey_robots: false,
            recalls: false,
            limits: Limits::default(),
            politeness,
        };
        Self { bench: Workbench::new(options, &Gate::default(), 0, START), now: START, seq: 0, queues: HashMap::new() }
    }

    /// Admits all URLs, and has each leased, returned and settled. Returns the number of leases.
    pub(super) fn go_through(&mut self, urls: &[CanonicalUrl]) -> usize {
        for url in urls {
            self.seq += 1;
            let queued = queued(url, self.seq);
            self.queues.entry(queued.host().id()).or_default().insert(queued.place, queued.clone());
            self.bench.news(News::Admitted(queued), self.now);
        }
        let (mut out, mut n_leases) = (Vec::new(), 0);
        loop {
            match self.bench.next(self.now) {
                Next::Lease(lease) => {
                    n_leases += 1;
                    out.push(*lease);
                    if out.len() < N_PERMITS {
                        continue;
                    }
                }
                Next::WaitUntil(at) => self.now = self.now.max(at),
                Next::Rest if self.answer() => continue,
                Next::Rest => assert!(!out.is_empty(), "it waits for nothing: {:?}", self.bench.sizes()),
                Next::Drained => return n_leases,
            }
            self.now = self.now + Duration::from_millis(1);
            for lease in out.drain(..) {
                self.settle(lease);
            }
        }
    }

    fn settle(&mut self, lease: Lease) {
        let conduct = Conduct {
            sent_at: self.now,
            first_byte_at: Some(self.now),
            ended_at: self.now,
            signal: Signal::Fine,
            jitter: 0.5,
            remote: None,
        };
        let host = lease.host.id();
        self.bench.returned(Returned { host, ticket: lease.ticket, conduct: Some(conduct), errand: None });
        let Task::Visit(url, _) = lease.task else { panic!("nothing else was to be done") };
        self.queues.get_mut(&host).expect("it was queued").remove(&url.place);
        let fate = Fate::Done { fetched: true, body_bytes: 1 };
        self.bench.news(News::Settled { host, fingerprint: url.fingerprint, fate }, self.now);
    }

    /// Answers what the workbench asks. `true` if it asked.
    fn answer(&mut self) -> bool {
        let mut asked = false;
        while let Some(ask) = self.bench.next_ask() {
            asked = true;
            let news = match ask {
                Ask::Open { host, limit } => News::Opened { host, known: None, head: self.head(host, None), limit },
                Ask::Head { host, after, limit } => News::Head { host, urls: self.head(host, after), limit },
                Ask::Hosts { .. } => News::Hosts(Waiting { hosts: self.hosts(), reached: None }),
                Ask::Page { host, fingerprint } => News::Page { host, fingerprint, recalled: None },
            };
            self.bench.news(news, self.now);
        }
        asked
    }

    fn head(&self, host: HostId, after: Option<Place>) -> Vec<QueuedUrl> {
        let queue = self.queues.get(&host).into_iter().flatten();
        queue.filter(|(place, _)| after.is_none_or(|after| **place > after)).map(|(_, url)| url.clone()).collect()
    }

    fn hosts(&self) -> Vec<HostId> {
        let waiting = self.queues.iter().filter(|(_, queue)| !queue.is_empty());
        let mut hosts: Vec<HostId> = waiting.map(|(host, _)| *host).collect();
        hosts.sort();
        hosts
    }
}

fn queued(url: &CanonicalUrl, seq: u64) -> QueuedUrl {
    QueuedUrl {
        place: Place { depth: 1, seq },
        fingerprint: url.fingerprint(),
        url: url.clone(),
        kind: Kind::Page,
        nesting: 0,
        hops_off_site: 0,
        via: None,
        redirects: Vec::new(),
        attempts: 0,
        not_before: Timestamp::default(),
        held: None,
    }
}
