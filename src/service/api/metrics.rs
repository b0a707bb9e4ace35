//! Metrics, in the text format of OpenMetrics.
//!
//! What is counted as it happens is here; what exists anyway (crawls, hosts, pools, the cache, what is held) is read when
//! somebody asks (`read`), and so is the process (`process`). Labels are from closed sets: calls by the path as it is in the
//! table of calls, crawls by state, pages by outcome. Nothing is labelled with a host, a URL, a crawl or a key.

mod process;
mod read;

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

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
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

use super::{App, endpoint::Caller};
use crate::{
    engine::{
        event::{CrawlEvent, Failure, Outcome},
        waits::Waited,
    },
    service::{hooks, problem::Problem},
};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Call {
    method: &'static str,
    path: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Why {
    why: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcomes {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Standing {
    standing: &'static str,
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
    discovered: Counter,
    failures: Family<Why, Counter>,
    refusals: Family<Why, Counter>,
    robots: Family<Standing, Counter>,
    hosts_slowed: Family<Why, Counter>,
    hosts_given_up: Counter,
    directories_retired: Counter,
    waited_seconds: Family<Why, Counter<f64, AtomicU64>>,
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
            discovered: Counter::default(),
            failures: Family::default(),
            refusals: Family::default(),
            robots: Family::default(),
            hosts_slowed: Family::default(),
            hosts_given_up: Counter::default(),
            directories_retired: Counter::default(),
            waited_seconds: Family::default(),
            commits: Counter::default(),
            commit_seconds: Histogram::new(exponential_buckets(0.001, 4.0, 8)),
            latency_seconds: Histogram::new(exponential_buckets(0.004, 4.0, 8)),
            deliveries: deliveries(),
        }))
    }
}

/// Each outcome from the start: what is counted for the first time is a change.
fn deliveries() -> Family<Outcomes, Counter> {
    let family = Family::default();
    for outcome in hooks::Outcome::ALL {
        drop(family.get_or_create(&Outcomes { outcome: outcome.as_str() }));
    }
    family
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
                match outcome {
                    Outcome::Failed(why) => self.0.failures.get_or_create(&Why { why: class(why) }).inc(),
                    Outcome::Refused(why) => self.0.refusals.get_or_create(&Why { why: why.as_str() }).inc(),
                    Outcome::Fetched | Outcome::NotModified | Outcome::Redirected => 0,
                };
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
            CrawlEvent::Discovered { n_urls } => {
                self.0.discovered.inc_by(*n_urls);
            }
            CrawlEvent::RobotsFetched { standing, .. } => {
                self.0.robots.get_or_create(&Standing { standing }).inc();
            }
            CrawlEvent::HostSlowed { why, .. } => {
                self.0.hosts_slowed.get_or_create(&Why { why }).inc();
            }
            CrawlEvent::HostGivenUp { .. } => {
                self.0.hosts_given_up.inc();
            }
            CrawlEvent::DirectoryRetired { .. } => {
                self.0.directories_retired.inc();
            }
            CrawlEvent::Waited(Waited { why, took, .. }) => {
                self.0.waited_seconds.get_or_create(&Why { why: why.as_str() }).inc_by(took.as_secs_f64());
            }
            CrawlEvent::Followed(_) => {}
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
        registry.register("crawl_urls_discovered", "URLs that nobody had seen before", counters.discovered.clone());
        registry.register("crawl_failures", "URLs of crawls that failed, by why", counters.failures.clone());
        registry.register(
            "crawl_refusals",
            "URLs of crawls that were not asked for, by why",
            counters.refusals.clone(),
        );
        registry.register("crawl_robots", "Requests for a robots.txt, by what it means", counters.robots.clone());
        let help = "Hosts that were left in peace for a while, by why";
        registry.register("crawl_hosts_slowed", help, counters.hosts_slowed.clone());
        registry.register("crawl_hosts_given_up", "Hosts that failed too often", counters.hosts_given_up.clone());
        let help = "Directories of which nothing more is asked for";
        registry.register("crawl_directories_retired", help, counters.directories_retired.clone());
        let help = "Time for which nothing but what is promised to hosts held a crawl up, by why";
        registry.register_with_unit("crawl_waited", help, Unit::Seconds, counters.waited_seconds.clone());
        registry.register("crawl_commits", "Commits of outputs and frontier", counters.commits.clone());
        let help = "Time that a commit took";
        registry.register_with_unit("crawl_commit", help, Unit::Seconds, counters.commit_seconds.clone());
        let help = "Time from a request of a crawl to the first byte of its answer";
        registry.register_with_unit("crawl_latency", help, Unit::Seconds, counters.latency_seconds.clone());
        let help = "Attempts to tell webhooks of an event, and events that were not told, by how they ended";
        registry.register("webhook_deliveries", help, counters.deliveries.clone());
    }
}

/// Statuses by their first digit: servers answer with any number.
fn class(why: Failure) -> &'static str {
    match why {
        Failure::Status(400..500) => "http-4xx",
        Failure::Status(500..600) => "http-5xx",
        Failure::Status(_) => "http-other",
        Failure::Error(kind) => kind.as_str(),
        Failure::Redirect(kind) => kind.as_str(),
    }
}

pub(super) async fn metrics(State(app): State<App>, _: Caller) -> Result<Response, Problem> {
    let mut registry = Registry::default();
    let ours = registry.sub_registry_with_prefix("dragline");
    app.metrics.register(ours);
    read::read(&app, ours);
    process::read(&app, &mut registry);
    let mut text = String::new();
    encode(&mut text, &registry).map_err(|error| Problem::internal("the metrics can't be written", &error))?;
    let kind = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}
