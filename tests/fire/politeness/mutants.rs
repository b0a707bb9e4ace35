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
    keys: &'static [(&'static str, &'static str)],
    rule: Option<Rule>,
}

const MUTANTS: &[Mutant] = &[
    Mutant { name: "nothing", keys: &[], rule: None },
    Mutant {
        name: "an interval that is a twentieth too short",
        keys: &[("politeness.rate", "252/m"), ("politeness.delay", "0s")],
        rule: Some(Rule::Rate),
    },
    Mutant { name: "a burst", keys: &[("politeness.burst", "3"), ("politeness.delay", "0s")], rule: Some(Rule::Rate) },
    Mutant { name: "a second connection", keys: &[("politeness.per_host", "2")], rule: Some(Rule::Connections) },
    Mutant { name: "no rest", keys: &[("politeness.delay", "0s")], rule: Some(Rule::Delay) },
    Mutant { name: "no crawl-delay", keys: &[("politeness.crawl_delay", "false")], rule: Some(Rule::CrawlDelay) },
    Mutant { name: "a Retry-After cut short", keys: &[("politeness.max_delay", "1s")], rule: Some(Rule::RetryAfter) },
    Mutant { name: "no backoff", keys: &[("politeness.backoff_base", "1ms")], rule: Some(Rule::Backoff) },
    Mutant { name: "no robots.txt", keys: &[("robots.mode", "ignore")], rule: Some(Rule::RobotsFirst) },
    Mutant { name: "a path that is disallowed", keys: &[], rule: Some(Rule::Disallowed) },
    Mutant { name: "a quiet hour", keys: &[], rule: Some(Rule::Quiet) },
    Mutant { name: "a process that forgets", keys: &[], rule: Some(Rule::RetryAfter) },
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
            None => report.counts.is_empty() && report.requests > 15,
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

/// Two hosts with something for each rule.
fn site() -> Site {
    let slow = Reply::html("slow").after(Duration::from_millis(700));
    let busy = Reply::status(429).header("Retry-After", "3");
    let gone = || Reply::status(502);
    Site::new()
        .host("a.test")
        .robots("User-agent: *\nDisallow: /secret\n")
        .page(
            "/",
            &["/1", "/slow", "/busy", "/2", "/gone", "/private/3", "/secret", "/4", "/5", "http://c.test:{port}/"],
        )
        .reply("/slow", slow)
        .replies("/busy", [busy, Reply::html("well")])
        .replies("/gone", [gone(), gone(), Reply::html("well")])
        .host("c.test")
        .robots("User-agent: *\nCrawl-delay: 0.8\n")
        .page("/", &["/1", "/2", "/4"])
        .host("")
        .reply("/1", Reply::html("1"))
        .reply("/2", Reply::html("2"))
        .reply("/private/3", Reply::html("3"))
        .reply("/4", Reply::html("4"))
        .reply("/5", Reply::html("5"))
}

fn auditor(mutant: &Mutant) -> Auditor {
    let terms = Terms { delay_ms: 300, ..Terms::FAST };
    let disallowed = Paths::default().with("/secret");
    let disallowed = if mutant.rule == Some(Rule::Disallowed) { disallowed.with("/private/") } else { disallowed };
    let always = (Timestamp::default(), Timestamp(u64::MAX));
    let quiet = if mutant.rule == Some(Rule::Quiet) { vec![always] } else { Vec::new() };
    let policy = Policy { disallowed, quiet, ..terms.policy() };
    let patient = Arc::new(Policy { crawl_delay: Some(Duration::from_millis(800)), ..policy.clone() });
    let policy = Arc::new(policy);
    Auditor::new(Box::new(move |host| if host == "c.test" { patient.clone() } else { policy.clone() }))
}

async fn crawl(mutant: &Mutant) -> Report {
    let ear = Arc::new(Mutex::new(auditor(mutant)));
    let log = Log::tapped(100, tap(&ear));
    let (site, ground) = (site().serve_logged(log.clone()).await, Ground::new());
    let terms = Terms { delay_ms: 300, ..Terms::FAST };
    let config = Config::new(json!([site.url_on("a.test", "/")]))
        .set("scope.mode", "any")
        .set("fetch.resolve", json!({"*.test": "127.0.0.1"}))
        .set("fetch.retries", 4);
    let keys =
        mutant.keys.iter().map(|(key, value)| (*key, serde_json::from_str(value).unwrap_or(Value::from(*value))));
    let config = keys.fold(terms.configure(config), |config, (key, value)| config.set(key, value));
    if mutant.name == "a process that forgets" {
        let mut child = ground.start_crawl(&config);
        let is_busy = || site.arrivals().iter().any(|it| it.status == 429 && it.ended.is_some());
        until("the busy page", is_busy).await;
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
