//! Mutants: crawls in which one rule is broken on purpose, by a configuration that promises less than the
//! auditor is told. Each must be found, under the name of its rule; and where nothing is broken nothing may be.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use dragline::{clock::Timestamp, vitro::Log};
use serde_json::{Value, json};

use super::{
    Plan,
    jobs::{Gates, jobs_on_the_same_hosts},
    terms::Terms,
};
use crate::{
    fire::auditor::{Auditor, Paths, Policy, Report, Rule, tap},
    support::{
        ground::{Config, Ground, finish, until},
        site::{Reply, Site},
    },
};

/// What is broken, by which keys, and which rule that is.
struct Mutant {
    name: &'static str,
    terms: Terms,
    keys: &'static [(&'static str, &'static str)],
    /// After an answer of this status the process is killed, and the next one begins the crawl anew.
    forgets: Option<u16>,
    rule: Option<Rule>,
}

/// Without a mutation.
const SOUND: Mutant = Mutant { name: "nothing", terms: Terms::RESTS, keys: &[], forgets: None, rule: None };

const MUTANTS: &[Mutant] = &[
    SOUND,
    Mutant { name: "nothing, over several connections", terms: Terms::SEVERAL, ..SOUND },
    Mutant {
        name: "an interval that is a twentieth too short",
        keys: &[("politeness.rate", "252/m"), ("politeness.delay", "0s")],
        rule: Some(Rule::Rate),
        ..SOUND
    },
    Mutant {
        name: "a burst",
        keys: &[("politeness.burst", "3"), ("politeness.delay", "0s")],
        rule: Some(Rule::Rate),
        ..SOUND
    },
    Mutant {
        name: "a second connection",
        keys: &[("politeness.per_host", "2")],
        rule: Some(Rule::Connections),
        ..SOUND
    },
    Mutant {
        name: "one connection more than several",
        terms: Terms::SEVERAL,
        keys: &[("politeness.per_host", "4")],
        rule: Some(Rule::Connections),
        ..SOUND
    },
    Mutant { name: "no rest", keys: &[("politeness.delay", "0s")], rule: Some(Rule::Delay), ..SOUND },
    Mutant {
        name: "no crawl-delay",
        keys: &[("politeness.crawl_delay", "false")],
        rule: Some(Rule::CrawlDelay),
        ..SOUND
    },
    Mutant {
        name: "a Retry-After cut short",
        keys: &[("politeness.max_delay", "1s")],
        rule: Some(Rule::RetryAfter),
        ..SOUND
    },
    Mutant { name: "no backoff", keys: &[("politeness.backoff_base", "1ms")], rule: Some(Rule::Backoff), ..SOUND },
    Mutant {
        name: "a backoff that does not grow",
        keys: &[("politeness.backoff_max", "2s")],
        rule: Some(Rule::Backoff),
        ..SOUND
    },
    Mutant { name: "no robots.txt", keys: &[("robots.mode", "ignore")], rule: Some(Rule::RobotsFirst), ..SOUND },
    Mutant { name: "a path that is disallowed", rule: Some(Rule::Disallowed), ..SOUND },
    Mutant { name: "a quiet hour", rule: Some(Rule::Quiet), ..SOUND },
    Mutant { name: "a process that forgets a pause", forgets: Some(429), rule: Some(Rule::RetryAfter), ..SOUND },
    Mutant { name: "a process that forgets a failure", forgets: Some(504), rule: Some(Rule::Backoff), ..SOUND },
];

/// Jobs that don't meet in one gate.
const GATES: &str = "a gate for each job";

pub(crate) fn names() -> Vec<&'static str> {
    MUTANTS.iter().map(|mutant| mutant.name).chain([GATES]).collect()
}

/// The mutants that the auditor did not find, with what it found instead.
pub(crate) async fn missed() -> Vec<String> {
    let plan = Plan { requests: 2400, hosts: 12, ..Plan::short(7) };
    let (reports, together) = tokio::join!(
        futures::future::join_all(MUTANTS.iter().map(crawl)),
        jobs_on_the_same_hosts(Gates::OneEach, &plan)
    );
    let mut missed = Vec::new();
    for (mutant, report) in MUTANTS.iter().zip(reports) {
        let is_found = match mutant.rule {
            Some(rule) => report.counts.contains_key(&rule),
            None => report.counts.is_empty() && report.requests > 20,
        };
        if !is_found {
            missed.push(format!("{}: {report:?}", mutant.name));
        }
    }
    let counts = &together.report.counts;
    if !counts.contains_key(&Rule::Rate) || !counts.contains_key(&Rule::Connections) {
        missed.push(format!("{GATES}: {counts:?}"));
    }
    missed
}

/// Hosts with something for each rule: one with a little of all, one with a crawl-delay, one that fails several times
/// in a row, and one that takes its time.
fn site() -> Site {
    let slow = Reply::html("slow").after(Duration::from_millis(700));
    let sluggish = || Reply::html("sluggish").after(Duration::from_millis(1400));
    let to_others = ["http://c.test:{port}/", "http://d.test:{port}/", "http://e.test:{port}/"];
    let pages = ["/1", "/slow", "/busy", "/2", "/gone", "/private/3", "/secret", "/4", "/5"];
    let of_e = ["/6", "/7", "/8", "/9"];
    let busy = Reply::status(429).header("Retry-After", "3");
    let gone = || Reply::status(502);
    Site::new()
        .host("a.test")
        .robots("User-agent: *\nDisallow: /secret\n")
        .page("/", &[&to_others[..], &pages[..]].concat())
        .reply("/slow", slow)
        .replies("/busy", [busy, Reply::html("well")])
        .replies("/gone", [gone(), gone(), Reply::html("well")])
        .host("c.test")
        .robots("User-agent: *\nCrawl-delay: 0.8\n")
        .page("/", &["/1", "/2", "/4"])
        .host("d.test")
        .replies("/", [gone(), Reply::status(503), Reply::status(504), Reply::html("well")])
        .host("e.test")
        .page("/", &of_e)
        .reply("/6", sluggish())
        .reply("/7", sluggish())
        .reply("/8", sluggish())
        .reply("/9", sluggish())
        .host("")
        .reply("/1", Reply::html("1"))
        .reply("/2", Reply::html("2"))
        .reply("/private/3", Reply::html("3"))
        .reply("/4", Reply::html("4"))
        .reply("/5", Reply::html("5"))
}

fn auditor(mutant: &Mutant) -> Auditor {
    let disallowed = Paths::default().with("/secret");
    let disallowed = if mutant.rule == Some(Rule::Disallowed) { disallowed.with("/private/") } else { disallowed };
    let always = (Timestamp::default(), Timestamp(u64::MAX));
    let quiet = if mutant.rule == Some(Rule::Quiet) { vec![always] } else { Vec::new() };
    let policy = Policy { disallowed, quiet, ..mutant.terms.policy() };
    let patient = Arc::new(Policy { crawl_delay: Some(Duration::from_millis(800)), ..policy.clone() });
    let policy = Arc::new(policy);
    Auditor::new(Box::new(move |host| if host == "c.test" { patient.clone() } else { policy.clone() }))
}

async fn crawl(mutant: &Mutant) -> Report {
    let ear = Arc::new(Mutex::new(auditor(mutant)));
    let log = Log::tapped(100, tap(&ear));
    let (site, ground) = (site().serve_logged(log.clone()).await, Ground::new());
    let config = Config::new(json!([site.url_on("a.test", "/")]))
        .set("scope.mode", "any")
        .set("fetch.resolve", json!({"*.test": "127.0.0.1"}))
        .set("fetch.retries", 4);
    let keys =
        mutant.keys.iter().map(|(key, value)| (*key, serde_json::from_str(value).unwrap_or(Value::from(*value))));
    let config = keys.fold(mutant.terms.configure(config), |config, (key, value)| config.set(key, value));
    if let Some(status) = mutant.forgets {
        let mut child = ground.start_crawl(&config);
        let has_failed = || site.arrivals().iter().any(|it| it.status == status && it.ended.is_some());
        until("the failure", has_failed).await;
        tokio::time::sleep(Duration::from_millis(700)).await;
        let from = log.clock().now();
        child.start_kill().unwrap();
        finish(child).await;
        ear.lock().unwrap().died(from, log.clock().now(), |_| true);
        ground.run(&["run", "crawl.toml", "--fresh"]).await.with(0);
    } else {
        ground.crawl(&config).await.with(0);
    }
    ear.lock().unwrap().report()
}
