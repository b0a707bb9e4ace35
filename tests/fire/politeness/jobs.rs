//! Several jobs of one process on the same hosts, over real sockets; and quiet hours whose edges are met.

use std::{
    num::NonZeroU32,
    sync::Arc,
    time::{Duration, Instant},
};

use dragline::{
    address::{CanonicalUrl, Canonicalizer},
    clock::{Clock, Timestamp},
    config::{Environment, Settings, Sources},
    engine::{
        self, Book, Extras, Job, Seed, Stack,
        courier::{self, Courier, Order, PoliteFetcher},
        groups,
        stats::Progress,
    },
    fetch::{Fetcher, HttpFetcher, IdentityFetcher},
    frontier::{self, Kind, MemoryFrontier, workbench},
    politeness::{Gate, gate},
    scope::Scope,
    shutdown::Shutdown,
    sink::NullSink,
};
use tokio::sync::watch;

use super::{
    Part, Plan, n_heard, part,
    terms::{QuietMinute, Terms},
    world::World,
};
use crate::support::ground::{Config, Ground};

/// Crawls side by side, besides a courier.
const N_JOBS: usize = 3;
/// How many URLs the courier brings at once.
const N_ORDERS: usize = 8;

/// Where the jobs of a process meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gates {
    /// In one gate, as they should.
    Shared,
    /// Nowhere: what the auditor must find.
    OneEach,
}

/// Crawls of one web and orders to a courier, all at once.
pub(crate) async fn jobs_on_the_same_hosts(gates: Gates, plan: &Plan) -> Part {
    let began = Instant::now();
    let n_requests = plan.requests / 8;
    let n_hosts = u32::try_from(n_requests / 50).unwrap_or(u32::MAX).clamp(12, plan.hosts.max(12));
    let world = World::serve(plan.seed + 2, n_hosts, 200).await;
    let terms = Terms::FAST;
    world.promise(&terms.policy(), None);
    let clock = Clock::system();
    let bench = Bench::new(&terms.configure(Config::vitro(&world.server)), clock);
    let shared = Gate::new(gate::Options::default(), clock.now());
    let gate = || if gates == Gates::Shared { shared.clone() } else { Gate::default() };
    let shutdown = Shutdown::new();
    let crawls = futures::future::join_all((0..N_JOBS).map(|_| engine::run(bench.job(gate(), &shutdown))));
    let orders = bench.fetch_all(gate(), world.server.truth().pages.into_keys(), &shutdown);
    let enough = async {
        let patience = Instant::now() + Duration::from_secs(600);
        while n_heard(&world.ear) < n_requests && Instant::now() < patience {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        shutdown.request();
    };
    let (finished, (), ()) = tokio::join!(crawls, orders, enough);
    for run in finished {
        run.expect("it works");
    }
    assert!(n_heard(&world.ear) >= n_requests, "{} requests of {n_requests}", n_heard(&world.ear));
    part("jobs on the same hosts", &world.ear, (0, 0), began)
}

/// An edge of quiet hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edge {
    /// 2023-11-14 22:00:00 UTC: they begin.
    Begin = 1_699_999_200,
    /// An hour later they end.
    End = 1_700_002_800,
}

/// A crawl whose hosts become quiet while it is under way, or that begins while they are: a clock that is handed in
/// shows the hours, and real time passes on real sockets.
pub(crate) async fn quiet_hours(edge: Edge, plan: &Plan) -> Part {
    let began = Instant::now();
    let world = World::serve(plan.seed + 3, 40, 200).await;
    let hosts = (0..40).map(|host| world.server.web().host_name(host).to_owned()).collect();
    let terms = Terms::FAST;
    let config = terms.configure(Config::vitro(&world.server));
    let config = config.set("politeness.quiet", serde_json::json!(["22:00-23:00 UTC"]));
    let (before, hour) = (Duration::from_secs(3), Duration::from_secs(3600));
    let at = Timestamp(edge as u64 * 1_000_000);
    let clock = Clock::starting_at(at - before);
    // The same moment by the server's clock, too early by what passes between the two readings.
    let heard_at = world.log.clock().now() + at.since(clock.now());
    let (from, to) = if edge == Edge::Begin { (heard_at, heard_at + hour) } else { (heard_at - hour, heard_at) };
    world.promise(&terms.policy(), Some(QuietMinute { hosts, from, to }));
    let bench = Bench::new(&config, clock);
    let shutdown = Shutdown::new();
    let gate = Gate::new(gate::Options::default(), clock.now());
    let wait = async {
        tokio::time::sleep_until(clock.instant(at)).await;
        assert!(edge == Edge::End || n_heard(&world.ear) > 0, "nobody was asked before the edge");
        tokio::time::sleep(Duration::from_secs(2)).await;
        shutdown.request();
    };
    let (finished, ()) = tokio::join!(engine::run(bench.job(gate, &shutdown)), wait);
    finished.expect("it works");
    assert!(n_heard(&world.ear) > 0, "it asks when it may");
    part(if edge == Edge::Begin { "quiet hours begin" } else { "quiet hours end" }, &world.ear, (0, 0), began)
}

/// What jobs are put together from.
struct Bench {
    settings: Settings,
    fetcher: Arc<dyn Fetcher>,
    http: Arc<HttpFetcher>,
    clock: Clock,
}

impl Bench {
    fn new(config: &Config, clock: Clock) -> Self {
        let ground = Ground::new();
        ground.write("crawl.toml", config.toml());
        let environment = Environment::given([("HOME", "/nonexistent")]);
        let file = Some(ground.path("crawl.toml"));
        let settings = Sources { file, environment, ..Sources::default() }.load().expect("it is good").settings;
        let http = Arc::new(HttpFetcher::new(settings.fetch_options(clock)).expect("it can be built"));
        let identity = settings.identity_options(&[]);
        let fetcher = Arc::new(IdentityFetcher::new(http.clone(), identity));
        Self { settings, fetcher, http, clock }
    }

    fn job(&self, gate: Gate, shutdown: &Shutdown) -> Job {
        let seeds: Vec<CanonicalUrl> = self.settings.seeds.urls.clone();
        let stack = Stack {
            fetcher: self.fetcher.clone(),
            scope: Scope::new(&self.settings.scope, &seeds).expect("it has no patterns"),
            canonicalizer: Canonicalizer::default(),
            clock: self.clock,
        };
        let options = frontier::Options { max_queued: None, seen_cache_bytes: 0, buffer_bytes: 0 };
        Job {
            options: self.options(),
            seeds: seeds.into_iter().map(|url| Seed { url, kind: Kind::Page }).collect(),
            more_seeds: Vec::new(),
            stack,
            frontier: Box::new(MemoryFrontier::new(&options)),
            sink: Box::new(NullSink),
            book: Book::default(),
            observers: Vec::new(),
            progress: watch::Sender::new(Progress::default()),
            shutdown: shutdown.clone(),
            gate,
            looks: engine::looks().1,
        }
    }

    fn options(&self) -> engine::Options {
        let settings = &self.settings;
        engine::Options {
            crawl: None,
            followed: engine::trail::Sampler::NONE,
            concurrency: 32,
            max_body_bytes: settings.fetch.max_body_bytes,
            retries: settings.fetch.retries,
            retry_base: settings.fetch.retry_base,
            retry_max: settings.fetch.retry_max,
            max_redirects: usize::from(settings.fetch.max_redirects),
            downgrade: settings.fetch.downgrade,
            validators: false,
            obey_nofollow: settings.fetch.obey_nofollow,
            obey_rel: settings.links.obey_rel,
            parse: settings.parse.clone(),
            text_links: false,
            pdf_links: false,
            sitemaps: settings.sitemaps,
            robots: settings.robots.clone(),
            extras: Extras::default(),
            groups: groups::Options::default(),
            commit_every: settings.frontier.commit_every,
            commit_visits: settings.frontier.commit_urls,
            max_bytes: None,
            max_duration: None,
            drain_deadline: settings.shutdown_deadline,
            workbench: workbench::Options {
                active_hosts: settings.frontier.active_hosts,
                head: settings.frontier.head,
                session_budget: settings.frontier.session_budget,
                max_depth: None,
                max_pages: None,
                pages_per_host: None,
                bytes_per_host: None,
                pages_per_directory: None,
                same_content: None,
                directory_levels: 1,
                recalls: false,
                obey_robots: settings.robots.obey,
                limits: gate::Limits::default(),
                politeness: settings.politeness.clone(),
            },
        }
    }

    /// Has a courier bring all of `urls`, some at once, until told to stop.
    async fn fetch_all(&self, gate: Gate, urls: impl Iterator<Item = String>, shutdown: &Shutdown) {
        let limits = gate::Limits { burst: NonZeroU32::MIN, ..gate::Limits::default() };
        let member = gate.join(limits, self.clock.now());
        let politeness = self.settings.politeness.clone();
        let polite = Arc::new(PoliteFetcher::new(self.http.clone(), member, politeness, 10_000, self.clock));
        let stack = Arc::new(IdentityFetcher::new(polite.clone(), self.settings.identity_options(&[])));
        let options = courier::Options {
            robots: self.settings.robots.clone(),
            max_origins: 10_000,
            max_redirects: 5,
            downgrade: self.settings.fetch.downgrade,
            retries: 2,
            retry_base: self.settings.fetch.retry_base,
            retry_max: self.settings.fetch.retry_max,
        };
        let courier = &Courier::new(stack, polite, Canonicalizer::default(), self.clock, options);
        let canonicalizer = Canonicalizer::default();
        let urls = urls.filter(|url| url.contains(".vitro.test")).filter_map(|url| canonicalizer.parse(&url).ok());
        let orders = futures::StreamExt::for_each_concurrent(futures::stream::iter(urls), N_ORDERS, |url| async move {
            courier.deliver(Order::get(url, 1 << 20)).await;
        });
        tokio::select! {
            () = orders => {}
            () = shutdown.requested() => {}
        }
    }
}
