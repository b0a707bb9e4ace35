//! The workbench step by step, between a store in memory and workers that take a fixed time.

mod simulation;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    num::NonZeroU32,
};

use proptest::prelude::*;

use super::*;
use crate::{
    address::{Canonicalizer, HostPattern},
    frontier::Kind,
    politeness::{Backoff, Gate, HostState, Quiet, Signal},
    robots,
};

const START: Timestamp = Timestamp(1_700_000_000_000_000);
const LATENCY: Duration = Duration::from_millis(100);

fn options(active_hosts: usize, interval: Duration) -> Options {
    let mut politeness = politeness::Options::default();
    politeness.default.interval = interval;
    Options {
        active_hosts,
        head: 4,
        session_budget: NonZeroU64::new(1_000_000).unwrap(),
        max_depth: None,
        max_pages: None,
        pages_per_host: None,
        pages_per_directory: None,
        same_content: None,
        directory_levels: 2,
        bytes_per_host: None,
        obey_robots: false,
        recalls: false,
        limits: gate::Limits::default(),
        politeness,
    }
}

/// A workbench, what its recorder would do, and what its workers would.
struct World {
    bench: Workbench,
    politeness: politeness::Options,
    recalls: bool,
    now: Timestamp,
    queues: BTreeMap<HostId, BTreeMap<Place, QueuedUrl>>,
    hosts: HashMap<HostId, HostRecord>,
    robots: HashMap<HostId, Vec<(Origin, Policy)>>,
    /// What every robots.txt says.
    robots_txt: Option<(&'static [u8], robots::Options)>,
    n_permits: usize,
    out: VecDeque<(Timestamp, Lease)>,
    /// Whose URLs were asked for, in order.
    log: Vec<(Timestamp, String)>,
    /// How often each host was read from disk.
    opened: BTreeMap<String, usize>,
    names: HashMap<HostId, String>,
    most_slots: usize,
    n_recalled: usize,
}

/// What an earlier pass left of a page.
fn left_of(page: Fingerprint) -> Validators {
    let etag = Some(page.0.to_le_bytes().to_vec());
    Validators { pass: 1, etag, last_modified: None, digest: [0; 32], is_sitemap: false, links: Vec::new() }
}

impl World {
    fn new(options: Options, n_permits: usize) -> Self {
        Self {
            politeness: options.politeness.clone(),
            recalls: options.recalls,
            bench: Workbench::new(options, &Gate::default(), 0, START),
            now: START,
            queues: BTreeMap::new(),
            hosts: HashMap::new(),
            robots: HashMap::new(),
            robots_txt: None,
            n_permits,
            out: VecDeque::new(),
            log: Vec::new(),
            opened: BTreeMap::new(),
            names: HashMap::new(),
            most_slots: 0,
            n_recalled: 0,
        }
    }

    /// `n_urls` wait on disk.
    fn with(mut self, name: &str, n_urls: u64) -> Self {
        for seq in 0..n_urls {
            self.queue(name, seq);
        }
        self
    }

    fn queue(&mut self, name: &str, seq: u64) -> QueuedUrl {
        let url = Canonicalizer::default().parse(&format!("http://{name}/{seq}")).expect("valid");
        let place = Place { depth: 0, seq };
        let queued = QueuedUrl {
            place,
            fingerprint: url.fingerprint(),
            url,
            kind: Kind::Page,
            nesting: 0,
            hops_off_site: 0,
            via: None,
            redirects: Vec::new(),
            attempts: 0,
            not_before: Timestamp::default(),
            held: None,
        };
        self.names.insert(queued.host().id(), name.to_owned());
        self.queues.entry(queued.host().id()).or_default().insert(place, queued.clone());
        queued
    }

    /// A URL is found while the crawl is under way.
    fn discover(&mut self, name: &str, seq: u64) {
        let queued = self.queue(name, seq);
        self.bench.news(News::Admitted(queued), self.now);
    }

    /// A robots.txt that allows everything is known, and stays so.
    fn with_open_robots(mut self, name: &str) -> Self {
        let url = Canonicalizer::default().parse(&format!("http://{name}/")).expect("valid");
        let answer = robots::Answer { status: 200, headers: &http::HeaderMap::new(), body: b"" };
        let policy = Policy::from_response(&answer, START, &robots::Options::default());
        self.robots.insert(url.host().id(), vec![(url.origin(), policy)]);
        self.with_state(name, HostState::default())
    }

    fn with_state(mut self, name: &str, state: HostState) -> Self {
        let host = HostKey::new(name);
        self.hosts.insert(host.id(), HostRecord { state, ..HostRecord::new(host) });
        self
    }

    /// Answers one question of the workbench.
    fn answer(&mut self, ask: Ask) {
        let head = |host: HostId, after: Option<Place>, limit: usize| -> Vec<QueuedUrl> {
            let queue = self.queues.get(&host).into_iter().flatten();
            queue
                .filter(|(place, _)| after.is_none_or(|after| **place > after))
                .map(|(_, q)| q.clone())
                .take(limit)
                .collect()
        };
        let news = match ask {
            Ask::Open { host, limit } => {
                *self.opened.entry(self.names[&host].clone()).or_default() += 1;
                let robots = self.robots.get(&host).cloned().unwrap_or_default();
                let known = self.hosts.get(&host).cloned();
                let known = known.map(|host| Box::new(Known { host, robots, retired: Vec::new() }));
                News::Opened { host, known, head: head(host, None, limit), limit }
            }
            Ask::Head { host, after, limit } => News::Head { host, urls: head(host, after, limit), limit },
            Ask::Hosts { after, limit, .. } => {
                let hosts = self.queues.iter().filter(|(_, queue)| !queue.is_empty()).map(|(host, _)| *host);
                let hosts = hosts.filter(|host| after.is_none_or(|after| *host > after));
                let hosts: Vec<_> = hosts.take(limit).collect();
                let reached = hosts.last().copied().filter(|_| hosts.len() == limit);
                News::Hosts(Waiting { hosts, reached })
            }
            Ask::Page { host, fingerprint } => {
                self.n_recalled += 1;
                News::Page { host, fingerprint, recalled: Some(Box::new(left_of(fingerprint))) }
            }
        };
        self.bench.news(news, self.now);
    }

    /// A worker is done with what it took first.
    fn settle_one(&mut self) {
        let Some((_, lease)) = self.out.pop_front() else { return };
        let host = lease.host.id();
        let sent_at = self.now - LATENCY;
        let conduct = Conduct {
            sent_at,
            first_byte_at: Some(self.now),
            ended_at: self.now,
            signal: Signal::Fine,
            jitter: 0.5,
            remote: None,
        };
        let policy = self.politeness.policy(lease.host.as_str()).clone();
        let record = self.hosts.entry(host).or_insert_with(|| HostRecord::new(lease.host.clone()));
        let ticket = lease.ticket;
        let conduct = ticket.map(|_| conduct);
        conduct.iter().for_each(|conduct| record.state.settle(conduct, &policy));
        self.bench.returned(Returned { host, ticket, conduct, errand: None });
        let news = match lease.task {
            Task::Visit(queued, _) | Task::Refuse(queued, _) => {
                let taken = self.queues.get_mut(&host).and_then(|queue| queue.remove(&queued.place));
                assert!(taken.is_some(), "{} was leased twice", queued.url);
                let fate = Fate::Done { fetched: true, body_bytes: 1 };
                News::Settled { host, fingerprint: queued.fingerprint, fate }
            }
            Task::Robots(errand) => {
                let (body, options) = self.robots_txt.as_ref().expect("it was not to be asked for");
                let answer = robots::Answer { status: 200, headers: &http::HeaderMap::new(), body };
                let robots = Policy::from_response(&answer, self.now, options);
                record.state.learn_crawl_delay(robots.crawl_delay(), self.now, &policy);
                self.robots.insert(host, vec![(errand.origin.clone(), robots.clone())]);
                News::Robots { host, origin: errand.origin, policy: Ok(robots) }
            }
        };
        self.bench.news(news, self.now);
    }

    /// Hands out all that may be done now. `None` when nothing is left; else until when to wait.
    fn hand_out(&mut self) -> Option<Option<Timestamp>> {
        let mut n_rounds = 0;
        loop {
            n_rounds += 1;
            assert!(n_rounds < 100_000, "it never rests");
            if self.out.len() >= self.n_permits {
                self.answer_all();
                return Some(None);
            }
            let until = match self.bench.next(self.now) {
                Next::Lease(lease) => {
                    if let Task::Visit(queued, _) = &lease.task {
                        let left = lease.recalled.as_deref();
                        assert_eq!(left.is_some(), self.recalls);
                        assert!(left.is_none_or(|left| *left == left_of(queued.fingerprint)), "another's");
                        self.log.push((self.now, lease.host.to_string()));
                        let n_out = self.out.iter().filter(|(_, other)| other.task == lease.task).count();
                        assert_eq!(n_out, 0, "{} is out already", queued.url);
                    }
                    self.out.push_back((self.now + LATENCY, *lease));
                    continue;
                }
                Next::Drained => return None,
                Next::WaitUntil(at) => {
                    assert!(at > self.now, "a wait for a time that has come is no rest");
                    Some(at)
                }
                Next::Rest => None,
            };
            if !self.answer_all() {
                return Some(until);
            }
        }
    }

    /// `true` when there was a question.
    fn answer_all(&mut self) -> bool {
        self.most_slots = self.most_slots.max(self.bench.sizes().slots);
        let mut asked = false;
        while let Some(ask) = self.bench.next_ask() {
            self.answer(ask);
            asked = true;
        }
        asked
    }

    /// Until nothing is left, or that time comes. `true` when nothing is left.
    fn run_until(&mut self, end: Timestamp) -> bool {
        while let Some(until) = self.hand_out() {
            let done = self.out.front().map(|(at, _)| *at);
            let next = [done, until].into_iter().flatten().min();
            let next = next.unwrap_or_else(|| panic!("it waits for nothing: {:?}", self.bench.sizes()));
            if next > end {
                self.now = end;
                return false;
            }
            self.now = self.now.max(next);
            while self.out.front().is_some_and(|(at, _)| *at <= self.now) {
                self.settle_one();
            }
        }
        true
    }

    fn run(&mut self) {
        assert!(self.run_until(self.now + Duration::from_secs(10_000_000)), "it never ends");
        let left: usize = self.queues.values().map(BTreeMap::len).sum();
        assert_eq!(left, 0, "it stopped early: {:?}", self.bench.sizes());
    }

    /// How many of a host's URLs are queued.
    fn left(&self, name: &str) -> usize {
        let of = |(host, queue): (&HostId, &BTreeMap<_, _>)| if self.names[host] == name { queue.len() } else { 0 };
        self.queues.iter().map(of).sum()
    }

    fn n_asked(&self, name: &str) -> usize {
        self.log.iter().filter(|(_, host)| host == name).count()
    }
}

fn hosts(world: World, n_hosts: usize, n_urls: u64) -> World {
    (0..n_hosts).fold(world, |world, number| world.with(&format!("h{number}.test"), n_urls))
}

#[test]
fn the_front_stays_small_while_it_keeps_the_workers_busy() {
    let mut world = hosts(World::new(options(1000, Duration::ZERO), 10), 300, 20);
    world.run();
    assert_eq!((world.log.len(), world.most_slots), (6000, 16));
}

#[test]
fn the_front_grows_when_a_worker_starves_and_at_once() {
    // Everyone is asked once a second and answers in a tenth of it: 64 workers need 640 hosts.
    let mut world = hosts(World::new(options(1024, Duration::from_secs(1)), 64), 2000, 5);
    let n_before_waiting = {
        world.hand_out();
        world.out.len()
    };
    assert_eq!(n_before_waiting, 64, "the front grew until every worker had something to do");
    assert_eq!(world.bench.sizes().places, 64);
    world.run();
    assert_eq!(world.most_slots, 1024);
    assert_eq!(world.bench.sizes().places, 16, "and it shrank when the hosts were drained");
    let took = world.now.since(START).as_secs_f64();
    assert!(took < 1.1 * 10_000.0 / 640.0 + 5.0, "a small front cost time: {took} s");
}

#[test]
fn one_host_has_one_place() {
    let mut world = World::new(options(1024, Duration::from_secs(1)), 64).with("a.test", 50);
    world.run();
    let sizes = world.bench.sizes();
    assert_eq!((world.most_slots, sizes.places, world.opened["a.test"]), (1, 16, 1));
}

#[test]
fn a_giant_host_takes_no_turn_of_the_others() {
    let mut options = options(100, Duration::ZERO);
    let giant = politeness::Policy {
        connections: NonZeroU32::new(64).unwrap(),
        interval: Duration::ZERO,
        ..politeness::Policy::default()
    };
    options.politeness.exceptions.push((HostPattern::Exact("giant.test".into()), giant));
    options.head = 500;
    let mut world = hosts(World::new(options, 16).with("giant.test", 4000), 10, 30);
    world.run_until(START + 40 * LATENCY);
    for number in 0..10 {
        // One connection, so one URL in each latency, from the first on.
        assert_eq!(world.n_asked(&format!("h{number}.test")), 30, "h{number}.test");
    }
    assert!(world.n_asked("giant.test") >= 6 * 30, "and what they leave is the giant's");
    world.run();
}

#[test]
fn endless_hosts_do_not_starve_those_that_wait_for_their_places() {
    let mut options = options(2, Duration::ZERO);
    options.session_budget = NonZeroU64::new(10).unwrap();
    let mut world = World::new(options, 4).with("endless1.test", 5000).with("endless2.test", 5000);
    world = hosts(world, 20, 25);
    let before_the_last = |world: &World| {
        let last = world.log.iter().rposition(|(_, host)| host.starts_with('h')).expect("they were asked");
        world.log[..last].iter().filter(|(_, host)| host.starts_with("endless")).count()
    };
    world.run();
    // Three sessions each, and in as many an endless one has as much as any other.
    assert!(before_the_last(&world) <= 2 * 4 * 10, "{}", before_the_last(&world));
    assert_eq!(world.most_slots, 2);
    assert!(world.opened["h0.test"] >= 3);
}

#[test]
fn nobody_is_rotated_when_nobody_waits() {
    let mut options = options(2, Duration::ZERO);
    options.session_budget = NonZeroU64::new(1).unwrap();
    let mut world = World::new(options, 4).with("a.test", 100).with("b.test", 100);
    world.run();
    assert_eq!((world.opened["a.test"], world.opened["b.test"]), (1, 1));
}

#[test]
fn a_host_whose_time_is_far_gives_its_place_and_keeps_its_time() {
    let far = START + Duration::from_secs(250);
    let state = HostState { not_before: far, backing_off: true, errors_in_row: 3, ..HostState::default() };
    let mut world = World::new(options(1, Duration::from_secs(1)), 4).with("ill.test", 3).with_state("ill.test", state);
    world = hosts(world, 5, 20);
    world.run_until(far - Duration::from_millis(1));
    assert_eq!(world.n_asked("ill.test"), 0);
    assert_eq!(world.log.len(), 100, "the others were not held up");
    assert_eq!(world.opened["ill.test"], 1, "and nobody asked again and again whether it is well");
    let sizes = world.bench.sizes();
    let wait = world.bench.held_up_by().expect("nothing else is left");
    assert_eq!((sizes.asleep, wait.host.as_str(), wait.until, wait.why), (1, "ill.test", far, Why::Backoff));
    world.run();
    let first = world.log.iter().find(|(_, host)| host == "ill.test").expect("it was asked");
    assert_eq!((first.0, world.opened["ill.test"]), (far, 2));
}

#[test]
fn quiet_hosts_do_not_keep_the_places_of_others() {
    for obey_robots in [false, true] {
        let options = Options { obey_robots, ..options(4, Duration::from_secs(1)) };
        quiet_hosts_leave(options);
    }
}

fn quiet_hosts_leave(mut options: Options) {
    let quiet = Quiet::parse(&["00:00-23:00 UTC".to_owned()]).expect("valid");
    let policy = politeness::Policy { quiet, ..politeness::Policy::default() };
    options.politeness.exceptions.push((HostPattern::Suffix(".quiet.test".into()), policy));
    let mut world = World::new(options, 4);
    world.robots_txt = Some((b"", robots::Options::default()));
    world = (0..50).fold(world, |world, number| world.with(&format!("q{number}.quiet.test"), 2));
    world = hosts(world, 50, 2);
    // 22:13:20 on that day, then one hour in which the quiet ones may be asked.
    world.run_until(START + Duration::from_secs(40 * 60));
    assert_eq!(world.log.len(), 100, "all that are not quiet");
    assert!(world.opened.values().all(|n| *n == 1), "{:?}", world.opened);
    world.run();
    assert!(world.opened.values().all(|n| *n <= 2), "{:?}", world.opened);
}

#[test]
fn a_slow_host_is_asked_for_more_than_its_robots_txt() {
    // robots.txt is out of date before the host's next time comes, and others always want its place.
    let mut options = options(1, Duration::from_secs(1));
    options.obey_robots = true;
    options.politeness.default.max_delay = Duration::from_secs(3600);
    let mut world = World::new(options, 4).with("slow.test", 3);
    let robots = robots::Options { max_age: Duration::from_secs(300), ..robots::Options::default() };
    let text: &[u8] = b"User-agent: *\nCrawl-delay: 600";
    world.robots_txt = Some((text, robots));
    world = hosts(world, 3, 3);
    world.run();
    assert_eq!(world.log.len(), 12);
}

#[test]
fn what_is_left_of_a_page_is_at_hand_before_its_hosts_turn() {
    let mut options = Options { recalls: true, obey_robots: true, ..options(8, Duration::from_secs(1)) };
    options.politeness.default.connections = NonZeroU32::new(3).unwrap();
    let mut world = World::new(options, 4);
    world.robots_txt = Some((b"", robots::Options::default()));
    world = hosts(world, 20, 30);
    world.run();
    assert_eq!(world.log.len(), 600);
    assert!((600..660).contains(&world.n_recalled), "{}", world.n_recalled);
}

#[test]
fn a_robots_txt_that_refuses_is_asked_for_again_when_it_is_out_of_date() {
    let mut options = options(4, Duration::from_secs(1));
    options.obey_robots = true;
    let mut world = World::new(options, 4).with("closed.test", 1).with("long.test", 900).with_open_robots("long.test");
    let robots = robots::Options { max_age: Duration::from_secs(300), ..robots::Options::default() };
    world.robots_txt = Some((b"User-agent: *\nDisallow: /", robots.clone()));
    assert!(!world.run_until(START + Duration::from_secs(3)));
    assert_eq!(world.n_asked("closed.test"), 0);
    world.robots_txt = Some((b"", robots));
    assert!(!world.run_until(START + Duration::from_secs(200)));
    world.discover("closed.test", 1);
    assert!(!world.run_until(START + Duration::from_secs(210)));
    assert_eq!((world.n_asked("closed.test"), world.left("closed.test")), (0, 0), "what was said still holds");
    assert!(!world.run_until(START + Duration::from_secs(400)));
    world.discover("closed.test", 2);
    assert!(!world.run_until(START + Duration::from_secs(410)));
    assert_eq!(world.n_asked("closed.test"), 1, "it was asked again what it says");
}

#[test]
fn a_tail_tells_for_whom_the_crawl_waits() {
    let slow = HostState { crawl_delay: Some(Duration::from_secs(30)), ..HostState::default() };
    let mut world = World::new(options(10, Duration::from_secs(1)), 4);
    world = world.with("slow.test", 3).with_state("slow.test", slow).with("fast.test", 5);
    assert_eq!(world.bench.tail(5), None, "nothing is known yet");
    world.run_until(START + Duration::from_secs(2));
    let tail = world.bench.tail(5).expect("two hosts are left, and both wait");
    let told: Vec<_> = tail.iter().map(|wait| (wait.host.as_str(), wait.crawl_delay.is_some(), wait.n_urls)).collect();
    assert_eq!(told, [("fast.test", false, 3), ("slow.test", true, 2)]);
    assert_eq!(world.bench.tail(1), None, "there are more than one");
    assert_eq!(tail[1].until, START + LATENCY + Duration::from_secs(30));
    world.run();
    assert_eq!(world.bench.tail(5), None);
}

#[test]
fn whoever_waits_for_more_than_an_interval_is_named() {
    let rests = |seconds| HostState {
        not_before: START + Duration::from_secs(seconds),
        backing_off: true,
        backoff: Some(Backoff::Failed),
        errors_in_row: 3,
        ..HostState::default()
    };
    let mut world = World::new(options(10, Duration::from_secs(1)), 4);
    world = world.with("late.test", 3).with_state("late.test", rests(200));
    world = world.with("sore.test", 2).with_state("sore.test", rests(100)).with("well.test", 50);
    assert!(world.bench.troubled(5).is_empty(), "nothing is known yet");
    world.run_until(START + Duration::from_secs(3));
    let told = |world: &World, most| -> Vec<_> {
        world.bench.troubled(most).iter().map(|wait| (wait.host.to_string(), wait.why, wait.n_urls)).collect()
    };
    let expected = [("sore.test".to_owned(), Why::Backoff, 2), ("late.test".to_owned(), Why::Backoff, 3)];
    assert_eq!(told(&world, 5), expected);
    assert_eq!(told(&world, 1), expected[..1], "the one whose time comes first");
    world.run();
    assert!(world.bench.troubled(5).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn everything_is_asked_for_once_within_all_bounds(
        sizes in proptest::collection::vec(0u64..40, 1..60),
        places in 1usize..40, session in 1u64..20, n_permits in 1usize..20, head in 1usize..8,
        interval_ms in prop_oneof![Just(0u64), Just(1000), Just(90_000)], connections in 1u32..4,
    ) {
        let mut options = options(places, Duration::from_millis(interval_ms));
        options.session_budget = NonZeroU64::new(session).unwrap();
        options.head = head;
        options.politeness.default.connections = NonZeroU32::new(connections).unwrap();
        let mut world = World::new(options, n_permits);
        for (number, n_urls) in sizes.iter().enumerate() {
            world = world.with(&format!("h{number}.test"), *n_urls);
        }
        world.run();
        prop_assert_eq!(world.log.len() as u64, sizes.iter().sum::<u64>());
        prop_assert!(world.most_slots <= places);
        let sizes = world.bench.sizes();
        prop_assert_eq!((sizes.urls, sizes.urls_out, sizes.leases, sizes.asleep, sizes.in_line), (0, 0, 0, 0, 0));
        for host in world.log.iter().map(|(_, host)| host).collect::<BTreeSet<_>>() {
            let times: Vec<Timestamp> = world.log.iter().filter(|(_, of)| of == host).map(|(at, _)| *at).collect();
            let least = Duration::from_millis(interval_ms);
            prop_assert!(times.windows(2).all(|two| two[1].since(two[0]) >= least), "{} {:?}", host, times);
        }
    }
}
