//! Politeness: crawls that are killed, resumed under other promises, stopped, and run side by side, while the
//! auditor listens to every server that they ask.
//!
//! - [`turns`]: one crawl of a glass web (crawl-delays, refused and moved robots.txt, redirects between hosts,
//!   failures once and for all, outages, `Retry-After`, slow and broken answers) as the built program, in turns: each ends with
//!   SIGKILL or SIGTERM, and the next one goes on under other [`Terms`].
//! - [`jobs`]: several jobs and a courier in one process, on the same hosts, through one gate; and quiet hours whose
//!   edges are met, by a clock that is handed in.
//! - [`beside`]: `dragline fetch`, as a process of its own, on hosts of its own, at the same time.
//! - [`mutants`]: each rule is broken on purpose, and must be found.
//!
//! Deliberately not: two processes on the same hosts. What is promised to a host is promised by one process.

mod beside;
mod jobs;
pub(crate) mod mutants;
mod terms;
mod turns;
mod world;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    Args, Results, Violations,
    auditor::{Auditor, Report},
};
use jobs::{Edge, Gates, jobs_on_the_same_hosts, quiet_hours};

/// How much is tried.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    /// Requests that the crawl in turns makes at least.
    pub(crate) requests: u64,
    pub(crate) hosts: u32,
    /// Pages of a host, on average.
    pub(crate) pages: u32,
    /// Requests of the crawl in flight; some two dozen wait for sluggish hosts. More of the others than the machine can
    /// work on wait for it, and what waits is late: each of them is on its way for this many times the machine's time
    /// for one.
    pub(crate) in_flight: u32,
    /// Turns until then, or more.
    pub(crate) turns: u64,
    /// Whether some hosts have a quiet minute in one of the turns: the real one, so it takes up to two.
    pub(crate) quiet: bool,
    /// Whether progress is told.
    pub(crate) is_told: bool,
}

impl Plan {
    /// What an ordinary test has the time for.
    pub(crate) fn short(seed: u64) -> Self {
        Self { seed, requests: 12_000, hosts: 360, pages: 120, in_flight: 40, turns: 6, quiet: false, is_told: false }
    }
}

/// Some part of the proof, and what its auditor found.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    pub(crate) report: Report,
    /// Processes that were killed, and that were asked to stop.
    pub(crate) kills: u64,
    pub(crate) stops: u64,
    pub(crate) took: Duration,
}

impl Part {
    pub(crate) fn json(&self) -> Value {
        let report = &self.report;
        let by_rule = |counts: &BTreeMap<_, u64>| -> Value {
            counts.iter().map(|(rule, n)| (format!("{rule:?}"), json!(n))).collect::<serde_json::Map<_, _>>().into()
        };
        let earliest: serde_json::Map<_, _> =
            report.earliest.iter().map(|(rule, by)| (format!("{rule:?}"), json!(by.as_secs_f64() * 1e3))).collect();
        json!({
            "part": self.name, "requests": report.requests, "hosts": report.hosts, "kills": self.kills,
            "stops": self.stops, "violations": by_rule(&report.counts), "judged": by_rule(&report.judged),
            "held": by_rule(&report.held), "backoffs_after_failures_in_row": report.grown, "outlived": report.outlived,
            "forgotten": report.forgotten, "earliest_ms": earliest, "seconds": self.took.as_secs_f64(),
        })
    }

    /// One sentence for each violation that is listed.
    pub(crate) fn violations(&self) -> Vec<String> {
        let listed = self.report.violations.iter();
        listed
            .map(|it| {
                let rule = it.rule;
                format!("{}: {rule:?}: {}{} at {}, early by {:?}", self.name, it.host, it.path, it.at, it.early_by)
            })
            .collect()
    }
}

/// The long form.
pub(crate) fn run(args: &Args, results: &mut Results) -> Result<(), Violations> {
    let requests = args.number("requests", 1_000_000);
    let hosts = u32::try_from(args.number("hosts", 1800)).unwrap_or(u32::MAX);
    // Six hosts in ten have many pages, and no host is to be at its end before all are.
    let pages = u32::try_from(4 * requests / u64::from(hosts)).unwrap_or(u32::MAX).max(20);
    let turns = args.number("turns", 40);
    let seed = args.number("seed", 1);
    let plan = Plan { seed, requests, hosts, pages, in_flight: 72, turns, quiet: true, is_told: true };
    results.push(&json!({"command": "politeness", "plan": format!("{plan:?}")}));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let parts = runtime.block_on(prove(&plan));
    let mut violations = Vec::new();
    for part in &parts {
        results.push(&part.json());
        tell(&plan, &part.json().to_string());
        violations.extend(part.violations());
    }
    let missed = runtime.block_on(mutants::missed());
    results.push(&json!({"mutants": mutants::names(), "missed": missed}));
    violations.extend(missed.into_iter().map(|name| format!("the auditor did not find a mutant: {name}")));
    if violations.is_empty() { Ok(()) } else { Err(Violations(violations)) }
}

/// All parts.
pub(crate) async fn prove(plan: &Plan) -> Vec<Part> {
    let (crawled, fetched) = tokio::join!(turns::crawl_in_turns(plan), beside::fetch(plan));
    let together = jobs_on_the_same_hosts(Gates::Shared, plan).await;
    let (begin, end) = tokio::join!(quiet_hours(Edge::Begin, plan), quiet_hours(Edge::End, plan));
    vec![crawled, fetched, together, begin, end]
}

/// An auditor that a log's tap tells, and that others ask.
type Ear = Arc<Mutex<Auditor>>;

fn n_heard(ear: &Ear) -> u64 {
    ear.lock().unwrap().n_requests()
}

fn part(name: &'static str, ear: &Ear, (kills, stops): (u64, u64), began: Instant) -> Part {
    Part { name, report: ear.lock().unwrap().report(), kills, stops, took: began.elapsed() }
}

#[expect(clippy::print_stdout, reason = "the long form is a program for the terminal")]
fn tell(plan: &Plan, text: &str) {
    if plan.is_told {
        println!("{text}");
    }
}
