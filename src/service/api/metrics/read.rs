//! What exists right now: read from those who have it, when somebody asks.

use std::collections::BTreeMap;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, info::Info},
    registry::{Registry, Unit},
};
use tokio::runtime::Handle;

use super::super::App;
use crate::{
    cache::CachedFetcher,
    engine::{
        stats::{Progress, Waiting},
        vitals,
    },
    frontier::workbench::Sizes,
    service::foreman::free_bytes,
    telemetry::traces::Traces,
};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    of: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct State {
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Pool {
    pool: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

pub(super) fn gauge(registry: &mut Registry, name: &str, help: &str, value: u64) {
    registry.register(name, help, gauge_of(value));
}

pub(super) fn bytes(registry: &mut Registry, name: &str, help: &str, value: u64) {
    registry.register_with_unit(name, help, Unit::Bytes, gauge_of(value));
}

fn gauge_of(value: u64) -> Gauge {
    let gauge = Gauge::default();
    gauge.set(int(value));
    gauge
}

fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn gauges<L: EncodeLabelSet + Clone + std::hash::Hash + Eq + Send + Sync + std::fmt::Debug + 'static>(
    values: impl IntoIterator<Item = (L, u64)>,
) -> Family<L, Gauge> {
    let family = Family::<L, Gauge>::default();
    for (label, value) in values {
        family.get_or_create(&label).set(int(value));
    }
    family
}

fn counters<L: EncodeLabelSet + Clone + std::hash::Hash + Eq + Send + Sync + std::fmt::Debug + 'static>(
    values: impl IntoIterator<Item = (L, u64)>,
) -> Family<L, Counter> {
    let family = Family::<L, Counter>::default();
    for (label, value) in values {
        family.get_or_create(&label).inc_by(value);
    }
    family
}

/// Everything that exists right now, but for the process.
pub(super) fn read(app: &App, registry: &mut Registry) {
    registry.register("build", "The program", Info::new([("version", env!("CARGO_PKG_VERSION"))]));
    let counts = app.crawls.board.counts(|_| true);
    let by_state = gauges(counts.into_iter().map(|(state, n)| (Of { of: state.as_str() }, n as u64)));
    registry.register("crawls", "Crawls by state", by_state);
    let crawling = Crawling::of(app);
    let held = crawling.register(app, registry);
    sizes(held, registry);
    pools(app, registry);
    app.surroundings.cache.iter().for_each(|cache| cached(cache, registry));
    app.surroundings.traces.iter().for_each(|traces| traced(traces, registry));
    told(app, registry);
    let free = free_bytes(&app.crawls.shelf).unwrap_or_default();
    bytes(registry, "disk_free", "Free space where the data folder is", free);
    let runtime = Handle::current().metrics();
    gauge(registry, "tasks", "Tasks of the runtime", runtime.num_alive_tasks() as u64);
    let queued = runtime.global_queue_depth() as u64;
    gauge(registry, "tasks_queued", "Tasks that are ready and wait in the common queue of the runtime", queued);
    gauge(registry, "worker_threads", "Threads that run tasks", runtime.num_workers() as u64);
}

/// Of all running crawls together.
#[derive(Default)]
struct Crawling {
    in_flight: u64,
    pending: u64,
    hosts_active: u64,
    hosts: BTreeMap<&'static str, u64>,
    waiting: BTreeMap<Waiting, u64>,
    held: BTreeMap<&'static str, u64>,
}

impl Crawling {
    fn of(app: &App) -> Self {
        let mut all = Self::default();
        for shown in app.crawls.board.list(None, usize::MAX, |shown| shown.live.is_some()) {
            let Some(live) = shown.live else { continue };
            let progress = live.picture.borrow();
            all.in_flight += progress.in_flight as u64;
            all.pending += progress.tally.n_pending();
            all.hosts_active += progress.hosts_active as u64;
            let Sizes { ready, waiting, busy, opening, idle, asleep, in_line, .. } = progress.held.bench;
            let states = [
                ("ready", ready),
                ("waiting", waiting),
                ("busy", busy),
                ("opening", opening),
                ("idle", idle),
                ("asleep", asleep),
                ("in-line", in_line),
            ];
            states.into_iter().for_each(|(state, n)| *all.hosts.entry(state).or_default() += n as u64);
            progress.waiting.iter().for_each(|(why, n)| *all.waiting.entry(*why).or_default() += *n as u64);
            vitals::counts(&progress).into_iter().for_each(|(name, n)| *all.held.entry(name).or_default() += n);
        }
        all
    }

    /// Gives back what is held.
    fn register(self, app: &App, registry: &mut Registry) -> BTreeMap<&'static str, u64> {
        gauge(registry, "crawl_requests_in_flight", "Requests of crawls in flight", self.in_flight);
        gauge(registry, "crawl_urls_pending", "URLs of running crawls that are not concluded", self.pending);
        gauge(registry, "crawl_hosts_active", "Hosts in memory with something left to do", self.hosts_active);
        let hosts = gauges(self.hosts.into_iter().map(|(state, n)| (State { state }, n)));
        registry.register("crawl_hosts", "Hosts of running crawls, by what they do", hosts);
        let waiting = self.waiting.into_iter().map(|(why, n)| (super::Why { why: why.as_str() }, n));
        registry.register("crawl_hosts_held_up", "Hosts with URLs that are not asked now, by why", gauges(waiting));
        // What belongs to the process and no crawl; names that each crawl has, too, are the crawls'.
        let shared = vitals::take(&Progress::default(), app.surroundings.http.as_ref(), &app.surroundings.gate);
        let own = shared.held.into_iter().filter(|(name, _)| name.starts_with("gate.") || name.starts_with("fetch."));
        self.held.into_iter().chain(own).collect()
    }
}

/// Base units only: bytes are not counted with things.
fn sizes(held: BTreeMap<&'static str, u64>, registry: &mut Registry) {
    let (in_bytes, things): (Vec<_>, Vec<_>) = held.into_iter().partition(|(name, _)| name.ends_with("_bytes"));
    let things = gauges(things.into_iter().map(|(of, n)| (Of { of }, n)));
    registry.register("held", "Sizes of maps, queues and stores", things);
    let in_bytes = in_bytes.into_iter().map(|(of, n)| (Of { of: of.trim_end_matches("_bytes") }, n));
    registry.register_with_unit("held", "The same in bytes", Unit::Bytes, gauges(in_bytes));
}

/// What there are only so many places of.
fn pools(app: &App, registry: &mut Registry) {
    let settings = app.desk.settings();
    let running = app.crawls.board.list(None, usize::MAX, |shown| shown.live.is_some()).len();
    let pools = [
        ("connections", app.connections.load()),
        ("crawls", (running as u64, settings.daemon.running as u64)),
        ("fetches", app.desk.load()),
        ("judges", app.judges.load()),
        ("readers", app.readers.load()),
        ("scans", app.scans.load()),
    ];
    let in_use = pools.map(|(pool, (in_use, _))| (Pool { pool }, in_use));
    registry.register("pool_in_use", "Places of pools that are taken", gauges(in_use));
    let size = pools.map(|(pool, (_, size))| (Pool { pool }, size));
    registry.register("pool_size", "Places of pools", gauges(size));
    bytes(
        registry,
        "body_memory_limit",
        "What all bodies together may take (fetch.memory)",
        settings.fetch.memory_bytes,
    );
    let (held, limit) = app.desk.room();
    bytes(registry, "answer_memory", "What bodies in answers to callers take", held);
    bytes(registry, "answer_memory_limit", "What they may take (daemon.answers)", limit);
}

fn cached(cache: &CachedFetcher, registry: &mut Registry) {
    let counts = cache.counts();
    let answers = [
        ("hit", counts.hits),
        ("stale", counts.stale),
        ("revalidated", counts.revalidated),
        ("collapsed", counts.collapsed),
        ("miss", counts.misses),
        ("bypass", counts.bypasses),
    ];
    let help = "Requests to the cache, by what it had to do with them";
    registry.register("cache_answers", help, counters(answers.map(|(of, n)| (Of { of }, n))));
    gauge(registry, "cache_urls", "URLs in the cache", counts.urls);
    bytes(registry, "cache", "What the cache takes", counts.bytes);
}

fn told(app: &App, registry: &mut Registry) {
    let hooks = app.post.summary();
    let states = [("told", (hooks.hooks - hooks.gone) as u64), ("gone", hooks.gone as u64)];
    let states = gauges(states.map(|(of, n)| (Of { of }, n)));
    registry.register("webhooks", "Webhooks, by whether their receivers are told", states);
    gauge(registry, "webhook_events_waiting", "Events that wait for receivers", hooks.waiting as u64);
    let help = "How long the oldest event has waited for its receiver";
    registry.register_with_unit("webhook_oldest", help, Unit::Seconds, gauge_of(hooks.oldest.as_secs()));
}

fn traced(traces: &Traces, registry: &mut Registry) {
    let counts = traces.counts();
    let spans = [("sent", counts.sent), ("dropped", counts.dropped), ("rejected", counts.rejected)];
    let spans = counters(spans.map(|(outcome, n)| (Outcome { outcome }, n)));
    registry.register("trace_spans", "Spans of traces, by what became of them", spans);
    gauge(registry, "traces_waiting", "Traces that wait to be sent", counts.waiting);
    let help = "Whether the collector took what it was sent last";
    gauge(registry, "trace_collector_up", help, u64::from(traces.is_up()));
}
