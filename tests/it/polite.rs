//! Promises to hosts, proved from the servers' side.
//!
//! Each test serves a small site whose log of arrivals is the only witness: how dragline paces
//! itself is nobody's business here. Two hosts are two names for one server.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use dragline::{
    clock::{Clock, Timestamp},
    vitro::{Arrival, Log},
};
use serde_json::json;

use crate::{
    fire::auditor::{Auditor, Policy, Shared, audit, replay, tap},
    support::{
        audit::{assert_concurrency, assert_spacing, connections},
        binary::signal,
        ground::{Config, Ground, finish, until},
        responder::Running,
        site::{Framing, Reply, Site},
    },
};

/// What the busy loopback of a test machine may take off an interval.
const TOLERANCE: Duration = Duration::from_millis(15);

/// A home page with links to `/1` … `/n`, which exist.
fn pages(n: usize) -> Site {
    numbered(n, &Reply::html("leaf"))
}

fn numbered(n: usize, leaf: &Reply) -> Site {
    let paths: Vec<String> = (1..=n).map(|n| format!("/{n}")).collect();
    let links: Vec<&str> = paths.iter().map(String::as_str).collect();
    paths.iter().fold(Site::new().page("/", &links), |site, path| site.reply(path, leaf.clone()))
}

/// For hosts below `.test`, which are all this machine.
fn config(seeds: &[String]) -> Config {
    Config::new(json!(seeds)).set("scope.mode", "any").set("fetch.resolve", json!({"*.test": "127.0.0.1"}))
}

/// As promised when nothing is configured.
fn by_default(config: Config) -> Config {
    config.without("politeness.rate").without("politeness.per_host").without("politeness.backoff_base")
}

fn at(arrivals: &[Arrival], host: &str, path: &str) -> Timestamp {
    let found = arrivals.iter().find(|arrival| &*arrival.host == host && &*arrival.path == path);
    found.unwrap_or_else(|| panic!("{path} of {host} was never asked for: {arrivals:#?}")).at
}

#[tokio::test]
async fn by_default_a_host_is_asked_once_a_second_over_one_connection() {
    let (site, ground) = (pages(2).serve().await, Ground::new());
    let seeds = [site.url_on("a.test", "/"), site.url_on("b.test", "/")];
    ground.crawl(&by_default(config(&seeds))).await.with(0);
    let arrivals = site.arrivals();
    assert_eq!(arrivals.len(), 2 * 4, "robots.txt and three pages of each: {arrivals:#?}");
    assert_eq!(audit(&arrivals, &Policy::default()), []);
    for host in ["a.test", "b.test"] {
        assert_eq!(connections(&arrivals, host).len(), 1);
    }
    // Two hosts don't wait for each other.
    let (first, last) = (arrivals[0].at, arrivals[7].at);
    assert!(last.since(first) < Duration::from_millis(4500), "{:?}", last.since(first));
}

#[tokio::test]
async fn a_rate_and_its_burst_are_kept() {
    let (site, ground) = (pages(12).serve().await, Ground::new());
    let config = config(&[site.url("/")]).set("politeness.rate", "5/s");
    ground.crawl(&config.clone().set("politeness.per_host", 1)).await.with(0);
    let interval = Duration::from_millis(200);
    assert_spacing(&site.arrivals(), interval, TOLERANCE);
    assert_concurrency(&site.arrivals(), 1);

    let (site, ground) = (pages(12).serve().await, Ground::new());
    let config = config.set("seeds.urls", json!([site.url("/")])).set("politeness.burst", 4);
    ground.crawl(&config.set("politeness.per_host", 4)).await.with(0);
    let policy = Policy { interval, burst: 4, connections: 4, transit: TOLERANCE, ..Policy::default() };
    assert_eq!(audit(&site.arrivals(), &policy), []);
}

#[tokio::test]
async fn connections_to_one_host_are_bounded_and_used() {
    let leaf = Reply::html("leaf").after(Duration::from_millis(40));
    let (site, ground) = (numbered(24, &leaf).serve().await, Ground::new());
    ground.crawl(&config(&[site.url("/")]).set("politeness.per_host", 3)).await.with(0);
    let arrivals = site.arrivals();
    assert_concurrency(&arrivals, 3);
    assert_eq!(arrivals.iter().map(|arrival| arrival.in_flight).max(), Some(3), "it asks no less than it may");
}

#[tokio::test]
async fn all_requests_together_are_bounded() {
    let leaf = Reply::html("leaf").after(Duration::from_millis(40));
    let (site, ground) = (numbered(8, &leaf).serve().await, Ground::new());
    let seeds: Vec<String> = (0..5).map(|n| site.url_on(&format!("h{n}.test"), "/")).collect();
    ground.crawl(&config(&seeds).set("fetch.concurrency", 2)).await.with(0);
    let arrivals = site.arrivals();
    assert_eq!(arrivals.len(), 5 * 10);
    // Each answer takes at least 40 ms, so more than one arrival within the 35 ms after another is
    // a third request under way.
    let is_leaf = |arrival: &&Arrival| arrival.path.len() == 2;
    for one in arrivals.iter().filter(is_leaf) {
        let end = one.at + Duration::from_millis(35);
        let n_others = arrivals.iter().filter(is_leaf).filter(|other| other.at > one.at && other.at < end).count();
        assert!(n_others <= 1, "{n_others} requests during {one:?}");
    }
}

#[tokio::test]
async fn a_crawl_delay_is_honoured() {
    let site = pages(2).robots("User-agent: *\nCrawl-delay: 2\n");
    let (site, ground) = (site.serve().await, Ground::new());
    ground.crawl(&config(&[site.url("/")])).await.with(0);
    let arrivals = site.arrivals();
    // What robots.txt says is known after robots.txt.
    assert_spacing(&arrivals[1..], Duration::from_secs(2), TOLERANCE);
    assert_concurrency(&arrivals, 1);
    assert_eq!(arrivals.len(), 4);
}

#[tokio::test]
async fn retry_after_is_for_the_whole_host() {
    for status in [429, 503] {
        let busy = Reply::status(status).header("Retry-After", "2");
        let site = pages(6).replies("/1", [busy, Reply::html("well")]).serve().await;
        let ground = Ground::new();
        let seeds = [site.url_on("a.test", "/"), site.url_on("b.test", "/2")];
        ground.crawl(&config(&seeds).set("politeness.per_host", 1)).await.with(0);
        let arrivals = site.arrivals();
        let of_a: Vec<&Arrival> = arrivals.iter().filter(|arrival| &*arrival.host == "a.test").collect();
        let asked = of_a.iter().position(|arrival| &*arrival.path == "/1").unwrap();
        assert_eq!(of_a[asked].status, status);
        let pause = of_a[asked + 1].at.since(of_a[asked].at);
        assert!(pause >= Duration::from_secs(2), "{status}: {pause:?} until {:?}", of_a[asked + 1]);
        assert!(pause < Duration::from_secs(4), "{status}: {pause:?}");
        let records = ground.reconciled();
        let record = &records[&site.url_on("a.test", "/1")];
        assert_eq!((&record["outcome"], &record["attempts"]), (&json!("fetched"), &json!(2)));
    }
}

#[tokio::test]
async fn requests_that_fail_together_give_no_host_up() {
    let mut site = pages(30);
    for n in 1..=30 {
        let busy = Reply::status(503).after(Duration::from_millis(60));
        site = site.replies(&format!("/{n}"), [busy, Reply::html("well")]);
    }
    let (site, ground) = (site.serve().await, Ground::new());
    let config = config(&[site.url("/")]).set("politeness.per_host", 30).set("politeness.backoff_base", "100ms");
    ground.crawl(&config.set("limits.errors_in_row", 5)).await.with(0);
    let records = ground.reconciled();
    assert!(records.values().all(|record| record["outcome"] == "fetched"), "{records:#?}");
    let arrivals = site.arrivals();
    let took = arrivals.last().unwrap().at.since(arrivals[0].at);
    assert!(took < Duration::from_secs(3), "one pause, not one doubled thirty times: {took:?}");
}

#[tokio::test]
async fn redirects_between_hosts_obey_both_promises() {
    let site = Site::new();
    let site = (0..6).fold(site, |site, n| {
        let (here, there) = if n % 2 == 0 { ("a.test", "b.test") } else { ("b.test", "a.test") };
        let target = format!("http://{there}:{{port}}/{}", n + 1);
        site.host(here).redirect(&format!("/{n}"), 302, &target)
    });
    let (site, ground) = (site.host("a.test").page("/6", &[]).serve().await, Ground::new());
    // One connection, over which the interval counts from the answer: what arrives late is no excuse then.
    let config = config(&[site.url_on("a.test", "/0")]).set("politeness.rate", "2/s").set("politeness.per_host", 1);
    ground.crawl(&config).await.with(0);
    let arrivals = site.arrivals();
    let policy = Policy { interval: Duration::from_millis(500), ..Policy::default() };
    assert_eq!(audit(&arrivals, &policy), []);
    assert_eq!(ground.reconciled()[&site.url_on("a.test", "/6")]["redirects"].as_array().unwrap().len(), 6);
}

#[tokio::test]
async fn robots_and_sitemaps_count_as_requests() {
    let site = pages(1)
        .reply("/robots.txt", Reply::status(301).header("Location", "/real-robots.txt"))
        .reply("/real-robots.txt", Reply::new(200, "text/plain", "Sitemap: http://a.test:{port}/map.xml"))
        .sitemap("/map.xml", &["http://a.test:{port}/1"]);
    let (site, ground) = (site.serve().await, Ground::new());
    ground.crawl(&config(&[site.url_on("a.test", "/")]).set("politeness.rate", "2/s")).await.with(0);
    let arrivals = site.arrivals();
    assert_spacing(&arrivals, Duration::from_millis(500), TOLERANCE);
    assert_eq!(arrivals.len(), 5, "{arrivals:#?}");
}

#[tokio::test]
async fn a_robots_txt_that_fails_slows_its_host() {
    let busy = Reply::status(503).header("Retry-After", "1");
    let site = pages(1).replies("/robots.txt", [busy, Reply::new(200, "text/plain", "")]).serve().await;
    let ground = Ground::new();
    ground.crawl(&config(&[site.url("/")])).await.with(0);
    assert_spacing(&site.arrivals()[..2], Duration::from_secs(1), TOLERANCE);
    assert_eq!(site.paths()[..3], ["/robots.txt", "/robots.txt", "/"]);
}

#[tokio::test]
async fn all_hosts_together_have_a_rate() {
    let (site, ground) = (pages(2).serve().await, Ground::new());
    let seeds: Vec<String> = (0..4).map(|n| site.url_on(&format!("h{n}.test"), "/")).collect();
    ground.crawl(&config(&seeds).set("limits.rate", "10/s")).await.with(0);
    let arrivals = site.arrivals();
    assert_eq!(arrivals.len(), 4 * 4);
    let took = arrivals[15].at.since(arrivals[0].at);
    assert!(took >= Duration::from_millis(15 * 100) - TOLERANCE, "{took:?}");
    assert!(took < Duration::from_secs(4), "{took:?}");
}

#[tokio::test]
async fn exceptions_are_for_their_hosts() {
    let (site, ground) = (pages(3).serve().await, Ground::new());
    let seeds = [site.url_on("slow.test", "/"), site.url_on("fast.test", "/")];
    let slow = "[[host]]\nmatch = \"slow.test\"\nrate = \"2/s\"\nper_host = 1\n";
    ground.write("crawl.toml", config(&seeds).toml() + slow);
    ground.run(&["run", "crawl.toml"]).await.with(0);
    let (of_slow, of_fast): (Vec<_>, Vec<_>) = site.arrivals().into_iter().partition(|one| &*one.host == "slow.test");
    assert_spacing(&of_slow, Duration::from_millis(500), TOLERANCE);
    assert!(of_fast.last().unwrap().at.since(of_fast[0].at) < Duration::from_millis(1000));
}

#[tokio::test]
async fn a_promise_outlives_the_process() {
    let (site, ground) = (pages(8).serve().await, Ground::new());
    let config = config(&[site.url_on("a.test", "/")]).set("politeness.rate", "1/s").set("politeness.per_host", 1);
    for (name, n_requests) in [("KILL", 2), ("INT", 4), ("KILL", 5)] {
        let child = ground.start_crawl(&config);
        until("requests", || site.arrivals().len() >= n_requests).await;
        // Long enough for the answer to be known, too short for it to be committed by the clock.
        tokio::time::sleep(Duration::from_millis(30)).await;
        signal(&child, name).await;
        finish(child).await;
    }
    ground.crawl(&config).await.with(0);
    // A request that was under way when its process was killed is asked again.
    assert_spacing(&site.arrivals(), Duration::from_secs(1), TOLERANCE);
    assert_eq!(ground.reconciled().len(), 9);
}

#[tokio::test]
async fn a_pause_that_was_asked_for_outlives_the_process() {
    let busy = Reply::status(503).header("Retry-After", "3");
    let site = pages(2).replies("/1", [busy, Reply::html("well")]).serve().await;
    let ground = Ground::new();
    let config = config(&[site.url_on("a.test", "/")]).set("politeness.per_host", 1);
    let child = ground.start_crawl(&config);
    until("the busy page", || site.paths().contains(&"/1".to_owned())).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    signal(&child, "TERM").await;
    finish(child).await.with(4);
    let n_before = site.arrivals().len();
    ground.crawl(&config).await.with(0);
    let arrivals = site.arrivals();
    let pause = arrivals[n_before].at.since(at(&arrivals, "a.test", "/1"));
    assert!(pause >= Duration::from_secs(3), "{pause:?}");
}

/// Four hosts with all that can slow a crawler down.
fn troubled() -> Site {
    let text = |body: &str| Reply::new(200, "text/plain", body);
    let html = |path: &str| Reply::html(format!("<title>{path}</title>"));
    let busy = |retry_after: &str| Reply::status(503).header("Retry-After", retry_after);
    let to_b = "http://b.test:{port}/from-a";
    // Redirects within the host and to another one, one of them with a Retry-After; pauses of all kinds.
    Site::new()
        .host("a.test")
        .robots("User-agent: *\nSitemap: http://a.test:{port}/map.xml\n")
        .sitemap("/map.xml", &["http://a.test:{port}/mapped"])
        .page("/", &["/1", "/2", "/moved", "/away", "/seconds", "/date", "/bad-gateway", "/error", "/slow", "/3", "/4"])
        .redirect("/moved", 301, "/target")
        .reply("/away", Reply::status(302).header("Location", to_b).header("Retry-After", "1"))
        .replies("/seconds", [Reply::status(429).header("Retry-After", "2"), html("seconds")])
        .replies("/date", [busy("{date+3}"), html("date")])
        .replies("/bad-gateway", [Reply::status(502), Reply::status(504), html("bad-gateway")])
        .replies("/error", [Reply::status(500), html("error")])
        .reply("/slow", html("slow").after(Duration::from_millis(300)))
        .reply("/mapped", html("mapped").framed(Framing::Chunked(7)))
        // Its robots.txt is elsewhere, and busy at first.
        .host("b.test")
        .replies("/robots.txt", [busy("1"), Reply::status(301).header("Location", "/real-robots.txt")])
        .reply("/real-robots.txt", text("User-agent: *\nAllow: /\n"))
        .page("/", &["/1", "/2", "/3", "/back"])
        .redirect("/back", 307, "http://a.test:{port}/from-b")
        // It asks for time.
        .host("c.test")
        .robots("User-agent: *\nCrawl-delay: 1.2\n")
        .page("/", &["/1", "/2", "http://d.test:{port}/deep"])
        // It has no robots.txt, and fails without a word.
        .host("d.test")
        .page("/", &["/1", "/2"])
        .replies("/1", [Reply::status(503), Reply::status(503), html("1")])
        .host("")
        .reply("/1", html("1"))
        .reply("/2", html("2").after(Duration::from_millis(120)))
        .reply("/3", html("3"))
        .reply("/4", html("4"))
}

/// Holds what they see against what is promised to them, over so many connections.
fn troubled_auditor(connections: u32) -> Auditor {
    let policy = Policy {
        interval: Duration::from_millis(250),
        delay: Duration::from_millis(100),
        backoff: (Duration::from_millis(400), Duration::from_secs(2)),
        robots_elsewhere: BTreeSet::from(["/real-robots.txt".to_owned()]),
        connections,
        transit: Duration::from_millis(120),
        ..Policy::default()
    };
    let patient = Arc::new(Policy { crawl_delay: Some(Duration::from_millis(1200)), ..policy.clone() });
    let policy = Arc::new(policy);
    let promises = move |host: &str| if host == "c.test" { patient.clone() } else { policy.clone() };
    Auditor::new(Box::new(promises))
}

fn troubled_config(site: &Running) -> Config {
    let seeds = ["a", "b", "c", "d"].map(|name| site.url_on(&format!("{name}.test"), "/"));
    config(&seeds)
        .set("politeness.rate", "4/s")
        .set("politeness.delay", "100ms")
        .set("politeness.backoff_base", "400ms")
        .set("politeness.backoff_max", "2s")
        .set("fetch.retries", 4)
}

#[tokio::test]
async fn the_auditor_finds_nothing_in_a_crawl_with_all_kinds_of_trouble() {
    for connections in [1, 3] {
        let (site, ground) = (troubled().serve().await, Ground::new());
        let config = troubled_config(&site).set("politeness.per_host", connections);
        ground.crawl(&config).await.with(0);
        let arrivals = site.arrivals();
        assert_eq!(replay(&arrivals, troubled_auditor(connections)), [], "{connections} connections: {arrivals:#?}");
        let records = ground.reconciled();
        for path in ["/seconds", "/date", "/bad-gateway", "/error", "/mapped", "/target"] {
            let url = site.url_on("a.test", path);
            assert!(records.contains_key(&url), "{url} has no record: {records:#?}");
        }
        assert_eq!(records[&site.url_on("a.test", "/bad-gateway")]["attempts"], 3);
        assert_eq!(records[&site.url_on("d.test", "/1")]["outcome"], "fetched");
    }
}

#[tokio::test]
async fn the_auditor_finds_nothing_across_a_kill() {
    let auditor = Arc::new(Mutex::new(troubled_auditor(1)));
    let log = Log::tapped(1000, tap(&auditor));
    let (site, ground) = (troubled().serve_logged(log.clone()).await, Ground::new());
    let config = troubled_config(&site).set("politeness.per_host", 1);
    for n_requests in [8, 14, 20, 27] {
        let child = ground.start_crawl(&config);
        until("requests", || site.arrivals().len() >= n_requests).await;
        let before = log.clock().now();
        signal(&child, "KILL").await;
        finish(child).await;
        // What it sent last comes in.
        tokio::time::sleep(Duration::from_millis(30)).await;
        auditor.lock().unwrap().died(before, log.clock().now(), |_| true);
    }
    ground.crawl(&config).await.with(0);
    let report = auditor.lock().unwrap().report();
    assert_eq!(report.violations, [], "{:#?}", site.arrivals());
    assert!(report.forgotten <= 4 * 4, "{report:?}");
    ground.reconciled();
}

#[tokio::test]
async fn hosts_of_one_address_or_domain_share_its_limit() {
    let (site, ground) = (pages(2).serve().await, Ground::new());
    let seeds: Vec<String> = (0..4).map(|n| site.url_on(&format!("h{n}.x.test"), "/")).collect();
    ground.crawl(&config(&seeds).set("politeness.ip_rate", "5/s")).await.with(0);
    let policy = Arc::new(Policy { connections: 4, ..Policy::nothing() });
    let audit = |arrivals: &[Arrival], shared: Shared| {
        let policy = policy.clone();
        replay(arrivals, Auditor::new(Box::new(move |_| policy.clone())).sharing(shared))
    };
    let arrivals = site.arrivals();
    assert_eq!(arrivals.len(), 4 * 4);
    // The first ones go out before anybody knows that it is one address, so that one of them may arrive just
    // before what is sent to another host of it.
    let known: Vec<_> = arrivals.into_iter().filter(|it| &*it.path != "/robots.txt").collect();
    assert_eq!(
        audit(&known, Shared { address: Duration::from_millis(200), transit: TOLERANCE, ..Shared::default() }),
        []
    );

    let (site, ground) = (pages(2).serve().await, Ground::new());
    let seeds: Vec<String> = (0..4).map(|n| site.url_on(&format!("h{n}.x.test"), "/")).collect();
    let config = config(&seeds).set("politeness.domain_rate", "10/s").set("politeness.domain_connections", 1);
    ground.crawl(&config).await.with(0);
    let domain = Shared { domain: Duration::from_millis(100), transit: TOLERANCE, ..Shared::default() };
    assert_eq!(audit(&site.arrivals(), domain), []);
    assert_eq!(site.arrivals().len(), 4 * 4);
}

#[tokio::test]
async fn nothing_is_asked_in_quiet_hours_and_explain_says_why() {
    let (site, ground) = (pages(2).serve().await, Ground::new());
    // From an hour ago to an hour from now, whatever the time is.
    let hour = (Clock::system().now().0 / 3_600_000_000) % 24;
    let quiet = format!("{:02}:00-{:02}:00 UTC", (hour + 23) % 24, (hour + 2) % 24);
    let config = config(&[site.url("/")]).set("politeness.quiet", json!([quiet])).set("limits.duration", "2s");
    ground.crawl(&config).await.with(3);
    assert_eq!(site.arrivals().len(), 0);
    ground.write("crawl.toml", config.toml());
    let told = ground.run(&["explain", &site.url("/"), "--config", "crawl.toml"]).await;
    assert!(told.stdout.contains("quiet hours"), "{}", told.stdout);
    // It waits for the end of them, but nobody has to wait for it.
    ground.write("crawl.toml", config.set("limits.duration", "1h").toml());
    let child = ground.start(&["run", "crawl.toml"]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    signal(&child, "INT").await;
    let began = std::time::Instant::now();
    finish(child).await.with(4);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(site.arrivals().len(), 0);
}
