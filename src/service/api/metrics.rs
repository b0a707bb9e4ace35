//! Metrics, in the text format of OpenMetrics.
//!
//! What is counted as it happens is here; what exists anyway (crawls, the cache, what is held) is read when somebody
//! asks. Labels are from closed sets: calls by the path as it is in the table of calls, crawls by state, pages by outcome.
//! Nothing is labelled with a host, a URL, a crawl or a key.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{
    extract::State,
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

use super::{App, endpoint::Caller};
use crate::{
    engine::{
        event::{CrawlEvent, Outcome},
        stats::Progress,
        vitals,
    },
    job::Surroundings,
    service::{board::Board, foreman::free_bytes, hooks, problem::Problem},
};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Call {
    method: &'static str,
    path: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    of: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcomes {
    outcome: &'static str,
}

/// What is counted while the daemon runs. Clones count together.
#[derive(Debug, Clone)]
pub(crate) struct Metrics(Arc<Counters>);

#[derive(Debug)]
struct Counters {
    calls: Family<Call, Counter>,
    call_seconds: Histogram,
    urls: Family<Outcomes, Counter>,
    body_bytes: Counter,
    wire_bytes: Counter,
    retries: Counter,
    commits: Counter,
    commit_seconds: Histogram,
    latency_seconds: Histogram,
    deliveries: Family<Outcomes, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self(Arc::new(Counters {
            calls: Family::default(),
            call_seconds: Histogram::new(exponential_buckets(0.0005, 4.0, 9)),
            urls: Family::default(),
            body_bytes: Counter::default(),
            wire_bytes: Counter::default(),
            retries: Counter::default(),
            commits: Counter::default(),
            commit_seconds: Histogram::new(exponential_buckets(0.001, 4.0, 8)),
            latency_seconds: Histogram::new(exponential_buckets(0.004, 4.0, 8)),
            deliveries: Family::default(),
        }))
    }
}

impl Metrics {
    /// A call has been answered.
    pub(crate) fn count_call(&self, method: &Method, path: &'static str, status: StatusCode, took: Duration) {
        let method = match *method {
            Method::GET => "GET",
            Method::HEAD => "HEAD",
            Method::POST => "POST",
            Method::PUT => "PUT",
            Method::PATCH => "PATCH",
            Method::DELETE => "DELETE",
            _ => "other",
        };
        self.0.calls.get_or_create(&Call { method, path, status: status.as_u16() }).inc();
        self.0.call_seconds.observe(took.as_secs_f64());
    }

    /// Something has happened in a crawl.
    pub(crate) fn count(&self, event: &CrawlEvent) {
        match event {
            CrawlEvent::Concluded(conclusion) => {
                let outcome: Outcome = conclusion.outcome;
                self.0.urls.get_or_create(&Outcomes { outcome: outcome.as_str() }).inc();
                self.0.body_bytes.inc_by(conclusion.body_bytes);
                self.0.wire_bytes.inc_by(conclusion.wire_bytes);
                conclusion.latency.iter().for_each(|latency| self.0.latency_seconds.observe(latency.as_secs_f64()));
            }
            CrawlEvent::Retrying { .. } => {
                self.0.retries.inc();
            }
            CrawlEvent::Committed { took, .. } => {
                self.0.commits.inc();
                self.0.commit_seconds.observe(took.as_secs_f64());
            }
            _ => {}
        }
    }

    /// A webhook has been told something, or has not.
    pub(crate) fn count_delivery(&self, outcome: hooks::Outcome) {
        self.0.deliveries.get_or_create(&Outcomes { outcome: outcome.as_str() }).inc();
    }

    fn register(&self, registry: &mut Registry) {
        let counters = &*self.0;
        registry.register("api_calls", "Calls answered", counters.calls.clone());
        let help = "Time from a call to the head of its answer";
        registry.register_with_unit("api_call", help, Unit::Seconds, counters.call_seconds.clone());
        registry.register("crawl_urls", "URLs of crawls whose story ended, by how", counters.urls.clone());
        let help = "Bodies of crawled URLs, decoded";
        registry.register_with_unit("crawl_body", help, Unit::Bytes, counters.body_bytes.clone());
        let help = "Bodies of crawled URLs, over the wire";
        registry.register_with_unit("crawl_wire", help, Unit::Bytes, counters.wire_bytes.clone());
        registry.register("crawl_retries", "Attempts beyond the first", counters.retries.clone());
        registry.register("crawl_commits", "Commits of outputs and frontier", counters.commits.clone());
        let help = "Time that a commit took";
        registry.register_with_unit("crawl_commit", help, Unit::Seconds, counters.commit_seconds.clone());
        let help = "Time from a request of a crawl to the first byte of its answer";
        registry.register_with_unit("crawl_latency", help, Unit::Seconds, counters.latency_seconds.clone());
        let help = "Attempts to tell webhooks of an event, and events that were not told, by how they ended";
        registry.register("webhook_deliveries", help, counters.deliveries.clone());
    }
}

fn gauge(registry: &mut Registry, name: &str, help: &str, value: u64) {
    let gauge = Gauge::<i64>::default();
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
    registry.register(name, help, gauge);
}

fn gauges(registry: &mut Registry, name: &str, help: &str, values: impl IntoIterator<Item = (&'static str, u64)>) {
    let family = Family::<Of, Gauge>::default();
    for (of, value) in values {
        family.get_or_create(&Of { of }).set(i64::try_from(value).unwrap_or(i64::MAX));
    }
    registry.register(name, help, family);
}

/// What exists right now.
fn read(board: &Board, surroundings: &Surroundings, registry: &mut Registry) {
    let counts = board.counts(|_| true);
    gauges(registry, "crawls", "Crawls by state", counts.into_iter().map(|(state, n)| (state.as_str(), n as u64)));
    let (mut in_flight, mut pending, mut hosts) = (0, 0, 0);
    let mut held: BTreeMap<&'static str, u64> = BTreeMap::new();
    for shown in board.list(None, usize::MAX, |shown| shown.live.is_some()) {
        let Some(live) = shown.live else { continue };
        let progress = live.picture.borrow();
        in_flight += progress.in_flight as u64;
        pending += progress.tally.n_pending();
        hosts += progress.hosts_active as u64;
        for (name, n) in &progress.recorder {
            *held.entry(name).or_default() += n;
        }
    }
    gauge(registry, "crawl_requests_in_flight", "Requests of crawls in flight", in_flight);
    gauge(registry, "crawl_urls_pending", "URLs of running crawls that are not concluded", pending);
    gauge(registry, "crawl_hosts_active", "Hosts in memory with something left to do", hosts);
    let vitals = vitals::take(&Progress::default(), surroundings.http.as_ref(), &surroundings.gate);
    for (name, n) in vitals.held {
        *held.entry(name).or_default() += n;
    }
    gauges(registry, "held", "Sizes of maps, queues and pools", held);
    gauge(registry, "resident_memory_bytes", "Resident memory", vitals.rss_bytes);
    gauge(registry, "open_files", "Open files, sockets among them", vitals.files as u64);
    gauge(registry, "open_sockets", "Open sockets", vitals.sockets as u64);
    gauge(registry, "tasks", "Tasks of the runtime", vitals.tasks as u64);
    if let Some(cache) = &surroundings.cache {
        let counts = cache.counts();
        let answers = [
            ("hit", counts.hits),
            ("stale", counts.stale),
            ("revalidated", counts.revalidated),
            ("collapsed", counts.collapsed),
            ("miss", counts.misses),
            ("bypass", counts.bypasses),
        ];
        gauges(
            registry,
            "cache_answers",
            "Requests to the cache since the start, by what it had to do with them",
            answers,
        );
        gauge(registry, "cache_urls", "URLs in the cache", counts.urls);
        gauge(registry, "cache_bytes", "Bytes in the cache", counts.bytes);
    }
}

pub(super) async fn metrics(State(app): State<App>, _: Caller) -> Result<Response, Problem> {
    let mut registry = Registry::with_prefix("dragline");
    app.metrics.register(&mut registry);
    read(&app.crawls.board, &app.surroundings, &mut registry);
    let hooks = app.post.summary();
    let states = [("told", (hooks.hooks - hooks.gone) as u64), ("gone", hooks.gone as u64)];
    gauges(&mut registry, "webhooks", "Webhooks, by whether their receivers are told", states);
    gauge(&mut registry, "webhook_events_waiting", "Events that wait for receivers", hooks.waiting as u64);
    let help = "How long the oldest event has waited for its receiver";
    gauge(&mut registry, "webhook_oldest_seconds", help, hooks.oldest.as_secs());
    let free = free_bytes(&app.crawls.shelf).unwrap_or_default();
    gauge(&mut registry, "disk_free_bytes", "Free space where the data folder is", free);
    let started = Gauge::<f64, std::sync::atomic::AtomicU64>::default();
    started.set(app.started_at.0 as f64 / 1e6);
    registry.register("start_time_seconds", "When the process was started, since the epoch", started);
    let mut text = String::new();
    encode(&mut text, &registry).map_err(|error| Problem::internal("the metrics can't be written", &error))?;
    let kind = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}
