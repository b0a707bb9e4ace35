//! Traces as a collector gets them: one for each request of a URL that is followed, true, free of secrets; and a crawl
//! that does not care how its collector is.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use dragline::vitro::{Options, Server, Web};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::support::{
    collector::{Collector, Span, children},
    daemon::{self, Daemon},
    ground::{Config, Ground, until},
    links,
    site::{Reply, Site},
};

/// A site with one of each end.
async fn site() -> crate::support::responder::Running {
    Site::new()
        .page("/", links!["/a", "/moved", "/gone", "/private", "/late"])
        .page("/a", links!["/"])
        .redirect("/moved", 302, "/a")
        .status("/gone", 410)
        .reply("/late", Reply::html("late").after(Duration::from_millis(60)))
        .robots("User-agent: *\nDisallow: /private\n")
        .serve()
        .await
}

fn config(seed: &str, endpoint: &str) -> Config {
    Config::new(json!([seed])).set("traces.endpoint", endpoint).set("traces.sample", 1).set("traces.timeout", "2s")
}

fn named<'a>(spans: &'a [Span], name: &str) -> Vec<&'a Span> {
    spans.iter().filter(|span| span.name == name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_is_a_trace_with_its_steps() {
    let (ground, site, collector) = (Ground::new(), site().await, Collector::start().await);
    let config = config(&site.url("/"), &collector.endpoint())
        .set("job.name", "shop")
        .set("traces.attributes", json!({"deployment.environment.name": "test"}));
    ground.crawl(&config).await.with(0);
    let records = ground.reconciled();
    let spans = collector.spans().await;
    let visits = named(&spans, "visit");

    // One a URL that was asked for, and what it says is what the record says.
    let asked: BTreeMap<&str, &Value> =
        records.iter().filter(|(_, record)| record["outcome"] != "refused").map(|(url, r)| (url.as_str(), r)).collect();
    let told: BTreeMap<&str, &Span> = visits.iter().map(|span| (span.attribute("url.full"), *span)).collect();
    assert_eq!(told.keys().collect::<Vec<_>>(), asked.keys().collect::<Vec<_>>());
    assert_eq!(visits.len(), 5);
    for (url, record) in asked {
        let span = told[url];
        assert_eq!(span.attribute("dragline.outcome"), record["outcome"], "{url}");
        assert_eq!(span.attribute("http.response.status_code"), record["status"].to_string(), "{url}");
        assert_eq!(span.attribute("dragline.depth"), record["depth"].to_string(), "{url}");
        assert_eq!(span.attribute("dragline.body_bytes"), record["body_bytes"].to_string(), "{url}");
        assert_eq!(span.attribute("dragline.job"), "shop");
        assert_eq!(span.attribute("server.address"), "127.0.0.1");
        assert_eq!(span.is_error, record["outcome"] == "failed", "{url}");
        assert_eq!(span.resource["service.name"], "dragline");
        assert_eq!(span.resource["deployment.environment.name"], "test");
        assert!(span.parent.is_empty() && span.id.len() == 8 && span.trace.len() == 16);
    }
    assert_eq!(told[&*site.url("/gone")].attribute("error.type"), "http-410");

    // Each has its steps, one after the other and within it.
    let below = children(&spans);
    for span in visits.iter().chain(&named(&spans, "robots")) {
        let steps = &below[&span.id[..]];
        let names: BTreeSet<&str> = steps.iter().map(|step| step.name.as_str()).collect();
        for name in ["lease", "first-byte", "body", "inbox", "record"] {
            assert!(names.contains(name), "{name} is not in {names:?}");
        }
        if span.name == "visit" {
            assert!(names.contains("judge") && names.contains("write"), "{names:?}");
        }
        assert!(steps.iter().all(|step| step.trace == span.trace && step.from <= step.to));
        assert!(steps.is_sorted_by(|a, b| a.to <= b.from), "{steps:?}");
        assert!(steps[0].from >= span.from && steps.last().unwrap().to <= span.to, "{steps:?}");
        let sum: u64 = steps.iter().map(|step| step.to - step.from).sum();
        assert!(sum <= span.to - span.from, "{sum} of {span:?}");
    }
    let waits = |span: &Span| -> Duration {
        let step = below[&span.id[..]].iter().find(|step| step.name == "first-byte").unwrap();
        Duration::from_nanos(step.to - step.from)
    };
    assert!(waits(told[&*site.url("/late")]) >= Duration::from_millis(50), "{:?}", waits(told[&*site.url("/late")]));
    let first = &below[&told[&*site.url("/")].id[..]];
    assert!(first.iter().any(|step| step.name == "parse"));

    let robots = named(&spans, "robots");
    assert_eq!(robots.len(), 1);
    assert_eq!(
        (robots[0].attribute("url.full"), robots[0].attribute("dragline.outcome")),
        (&*site.url("/robots.txt"), "rules")
    );
    let commits = named(&spans, "commit");
    let n_visits: usize = commits.iter().map(|span| span.attribute("dragline.visits").parse::<usize>().unwrap()).sum();
    assert!(n_visits >= records.len() - 1, "{n_visits}");
    // Ids are of one span each.
    let ids: BTreeSet<&[u8]> = spans.iter().map(|span| &span.id[..]).collect();
    assert_eq!(ids.len(), spans.len());

    // And nobody who is crawled hears of it.
    let heads: Vec<String> = site.paths().iter().flat_map(|path| site.heads(path)).collect();
    assert!(heads.len() >= 6);
    for head in heads {
        let head = head.to_ascii_lowercase();
        assert!(!["traceparent", "tracestate", "baggage", "b3:"].iter().any(|name| head.contains(name)), "{head}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_share_is_heeded_and_the_same_urls_are_chosen_again() {
    let options = Options { pages_per_host: 60, ..Options::bench(3, 60) };
    let server = Server::start(Arc::new(Web::new(options)), 0).await.unwrap();
    let crawl = async |share: f64| {
        let (ground, collector) = (Ground::new(), Collector::start().await);
        let config = Config::vitro(&server)
            .set("traces.endpoint", collector.endpoint())
            .set("traces.sample", share)
            .set("politeness.rate", "unlimited");
        ground.crawl(&config).await.with(0);
        let n_asked = ground.reconciled().values().filter(|record| record["outcome"] != "refused").count();
        let spans = collector.spans().await;
        let urls: BTreeSet<String> =
            named(&spans, "visit").iter().map(|span| span.attribute("url.full").to_owned()).collect();
        (urls, n_asked, spans.len())
    };
    let (none, _, n_spans) = crawl(0.0).await;
    assert!(none.is_empty() && n_spans == 0, "{n_spans}");
    let (some, n_asked, _) = crawl(0.3).await;
    assert!(some.len() * 10 > n_asked && some.len() * 2 < n_asked, "{} of {n_asked}", some.len());
    assert_eq!(crawl(0.3).await.0, some);
    let (all, n_asked, _) = crawl(1.0).await;
    assert!(all.len() == n_asked && all.is_superset(&some), "{} of {n_asked}", all.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_and_failures_are_told() {
    let (ground, collector) = (Ground::new(), Collector::start().await);
    let site = Site::new()
        .page("/", links!["/flaky", "http://127.0.0.1:1/", "http://10.0.0.1/"])
        .replies("/flaky", [Reply::status(500), Reply::html("now")])
        .serve()
        .await;
    let config = config(&site.url("/"), &collector.endpoint())
        .set("scope.mode", "any")
        .set("robots.mode", "ignore")
        .set("fetch.retry_base", "10ms")
        .set("fetch.allow_ports", json!([1]))
        .set("fetch.retries", 1);
    ground.crawl(&config).await.with(0);
    let spans = collector.spans().await;
    let of = |url: &str| {
        let mut told: Vec<_> =
            named(&spans, "visit").into_iter().filter(|span| span.attribute("url.full") == url).collect();
        told.sort_by_key(|span| span.from);
        let said = |span: &&Span| {
            let error = span.attributes.get("error.type").cloned().unwrap_or_default();
            let said = [span.attribute("dragline.attempt"), span.attribute("dragline.outcome"), &error].join(" ");
            format!("{said} {}", span.is_error)
        };
        told.iter().map(said).collect::<Vec<_>>()
    };
    assert_eq!(of(&site.url("/flaky")), ["1 again http-500 true", "2 fetched  false"]);
    assert_eq!(of("http://127.0.0.1:1/"), ["1 again connect true", "2 failed connect true"]);
    assert_eq!(of("http://10.0.0.1/"), ["1 refused address-refused false"]);
    let below = children(&spans);
    let refused =
        spans.iter().find(|span| span.attributes.get("url.full").is_some_and(|url| url == "http://127.0.0.1:1/"));
    assert!(below[&refused.unwrap().id[..]].iter().any(|step| step.name == "connect"));
}

/// Crawls with a collector that is not as it should be: the crawl is, and ends in time.
async fn check_undisturbed(what: &str, endpoint: &str) -> String {
    let (ground, site) = (Ground::new(), site().await);
    let config = config(&site.url("/"), endpoint).set("telemetry.log", "info").set("traces.timeout", "1s");
    let began = Instant::now();
    let ended = ground.crawl(&config).await.with(0);
    let took = began.elapsed();
    assert_eq!(ground.reconciled().len(), 6, "{what}");
    // The crawl itself takes a fraction of a second; the machine may be busy.
    assert!(took < Duration::from_secs(8), "{what}: {took:?}");
    let said = ended.stderr.matches("the collector takes no traces").count();
    assert!(said <= 1, "{what}: {}", ended.stderr);
    assert!(ended.stderr.contains("not all spans were sent"), "{what}: {}", ended.stderr);
    ended.stderr
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_in_trouble_disturbs_nobody() {
    check_undisturbed("hangs", &Collector::hanging().await.endpoint()).await;
    let broken = Collector::answering(ResponseTemplate::new(500)).await;
    let said = check_undisturbed("answers 500", &broken.endpoint()).await;
    assert!(said.contains("500 Internal Server Error"), "{said}");
    assert!(
        check_undisturbed("busy", &Collector::answering(ResponseTemplate::new(503)).await.endpoint())
            .await
            .contains("503")
    );
    let said = check_undisturbed("is not there", "http://127.0.0.1:9").await;
    assert!(said.contains("can't be reached"), "{said}");
    let said = check_undisturbed("speaks no TLS", &broken.endpoint().replace("http:", "https:")).await;
    assert!(said.contains("can't be reached"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_full_drops_and_counts() {
    let server = Server::start(Arc::new(Web::new(Options::bench(3, 60))), 0).await.unwrap();
    let (ground, collector) = (Ground::new(), Collector::hanging().await);
    let config = Config::vitro(&server)
        .set("traces.endpoint", collector.endpoint())
        .set("traces.sample", 1)
        .set("traces.queue", 4)
        .set("traces.timeout", "300ms");
    let ended = ground.crawl(&config).await.with(0);
    let line = ended.stderr.lines().find(|line| line.contains("not all spans were sent")).unwrap();
    let dropped: u64 = line.split("dropped=").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(dropped > 500, "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_traces_crawls_and_urls_by_hand() {
    let (ground, site) = (Ground::new(), site().await);
    let collector = Collector::answering(ResponseTemplate::new(503)).await;
    let config = daemon::config()
        .set("traces.endpoint", collector.endpoint())
        .set("traces.sample", 1)
        .set("traces.headers", json!({"x-team": {"file": "key"}}));
    ground.write("key", "sesame-team\n");
    let daemon = Daemon::start(&ground, &config).await;
    let (_, result) = daemon.get(&format!("/v1/fetch?url={}", site.url("/moved"))).await;
    assert_eq!(result["status"], 200, "{result}");
    until("the collector is found to be down", || daemon.has_logged("the collector takes no traces")).await;

    // It is well again: nothing that waited is lost.
    collector.answer(ResponseTemplate::new(200)).await;
    until("the collector is found to be up", || daemon.has_logged("the collector takes traces again")).await;
    let id = daemon.begin(&json!({"job": {"name": "shop"}, "seeds": {"urls": [site.url("/")]}})).await;
    daemon.until(&id, &["finished"]).await;
    let metrics = daemon.call("GET", "/metrics", "", b"").await;
    let metrics = String::from_utf8(metrics.body).unwrap();
    assert!(metrics.contains("dragline_trace_spans_total{outcome=\"sent\"}"), "{metrics}");
    assert_eq!(daemon.stop().await, Some(0));

    let spans = collector.spans().await;
    let visits = named(&spans, "visit");
    assert!(visits.len() >= 5 && visits.iter().all(|span| span.attribute("dragline.crawl") == id), "{}", visits.len());
    let by_hand = named(&spans, "fetch");
    assert_eq!(by_hand.len(), 1);
    assert_eq!(by_hand[0].attribute("url.full"), site.url("/moved"));
    assert_eq!(by_hand[0].attribute("dragline.redirects"), "1");
    let below = children(&spans);
    let hops = &below[&by_hand[0].id[..]];
    let told: Vec<(&str, &str, &str)> = hops
        .iter()
        .map(|hop| (hop.name.as_str(), hop.attribute("http.response.status_code"), hop.attribute("dragline.outcome")))
        .collect();
    assert_eq!(told, [("hop", "302", "redirected"), ("hop", "200", "fetched")]);
    let steps: Vec<&str> = below[&hops[0].id[..]].iter().map(|step| step.name.as_str()).collect();
    assert!(steps.starts_with(&["robots", "turn"]) && steps.contains(&"first-byte"), "{steps:?}");
    let keys: Vec<_> =
        collector.requests().await.iter().map(|r| r.headers["x-team"].to_str().unwrap().to_owned()).collect();
    assert!(keys.iter().all(|key| key == "sesame-team"), "{keys:?}");
}
