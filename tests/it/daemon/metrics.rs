//! `/metrics` is OpenMetrics, line by line, and the page and the pictures that explain it know no more and no less.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde_json::{Value, json};

use crate::support::{
    collector::Collector,
    daemon::{Daemon, config},
    ground::Ground,
    links,
    site::{Reply, Site},
};

/// A family of series.
#[derive(Debug, Default)]
struct Family {
    kind: String,
    unit: Option<String>,
    help: String,
    /// By suffix and labels.
    samples: BTreeMap<(String, BTreeMap<String, String>), f64>,
}

impl Family {
    #[track_caller]
    fn value(&self, suffix: &str, labels: &[(&str, &str)]) -> f64 {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let key = (suffix.to_owned(), labels);
        *self.samples.get(&key).unwrap_or_else(|| panic!("{key:?} is not in {self:?}"))
    }
}

/// Which endings the samples of a kind have (OpenMetrics 1.0, section 5).
fn suffixes(kind: &str) -> &'static [&'static str] {
    match kind {
        "counter" => &["_total", "_created"],
        "gauge" => &[""],
        "histogram" => &["_bucket", "_count", "_sum", "_created"],
        "info" => &["_info"],
        other => panic!("an unknown kind: {other}"),
    }
}

/// Reads a whole exposition, and panics where it is none.
fn parse(text: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut current = String::new();
    let body = text.strip_suffix("# EOF\n").expect("it ends with # EOF");
    for line in body.lines() {
        if let Some(said) = line.strip_prefix("# ") {
            let (what, rest) = said.split_once(' ').unwrap();
            let (name, value) = rest.split_once(' ').unwrap();
            if name != current {
                assert!(!families.contains_key(name), "{name} is told in two places");
                name.clone_into(&mut current);
            }
            let family = families.entry(name.to_owned()).or_default();
            match what {
                "HELP" => value.clone_into(&mut family.help),
                "TYPE" => value.clone_into(&mut family.kind),
                "UNIT" => family.unit = Some(value.to_owned()),
                other => panic!("{other}: {line}"),
            }
            continue;
        }
        let family = families.get_mut(&current).expect("a sample comes after its family");
        let (series, value) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').map_or((series, ""), |(name, rest)| {
            (name, rest.strip_suffix('}').unwrap_or_else(|| panic!("no end of labels: {line}")))
        });
        let suffix = name.strip_prefix(current.as_str()).unwrap_or_else(|| panic!("{name} is not of {current}"));
        assert!(suffixes(&family.kind).contains(&suffix), "{name} is no {}", family.kind);
        let value = match value {
            "+Inf" => f64::INFINITY,
            number => number.parse().unwrap_or_else(|_| panic!("no number: {line}")),
        };
        let before = family.samples.insert((suffix.to_owned(), read_labels(labels)), value);
        assert!(before.is_none(), "a series is told twice: {line}");
    }
    families
}

fn read_labels(text: &str) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("no label: {rest}"));
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name}");
        // No value of ours has a quote or a backslash in it.
        let (value, after) = after.split_once('"').unwrap();
        assert!(!value.contains('\\'), "{value}");
        assert!(labels.insert(name.to_owned(), value.to_owned()).is_none(), "{name} twice");
        rest = after.strip_prefix(',').unwrap_or(after);
    }
    labels
}

/// As a query has it: `dragline_crawl_urls_total`.
fn queried(name: &str, kind: &str) -> String {
    match kind {
        "counter" => format!("{name}_total"),
        "info" => format!("{name}_info"),
        _ => name.to_owned(),
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The names of metrics in a text.
fn names_in(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = text.split(|c| !is_part(c));
    words.filter(|word| word.starts_with("dragline_") || word.starts_with("process_")).map(str::to_owned).collect()
}

/// A daemon that has seen something of everything, and what it says.
async fn seen() -> String {
    let (ground, collector) = (Ground::new(), Collector::start().await);
    let site = Site::new()
        .page("/", links!["/a", "/gone", "/broken", "/moved", "/private", "/wait", "http://elsewhere.example/"])
        .page("/a", &[])
        .status("/gone", 410)
        .status("/broken", 500)
        .redirect("/moved", 302, "/a")
        .replies("/wait", [Reply::status(429).header("Retry-After", "1"), Reply::html("now")])
        .robots("User-agent: *\nDisallow: /private\n")
        .serve()
        .await;
    let config = config().set("traces.endpoint", collector.endpoint()).set("traces.sample", 1);
    let daemon = Daemon::start(&ground, &config).await;
    daemon.get(&format!("/v1/fetch?url={}", site.url("/a"))).await;
    let document =
        json!({"seeds": {"urls": [site.url("/"), "http://127.0.0.1:1/"]}, "fetch": {"retries": 1, "retry_base": "1s"}});
    let id = daemon.begin(&document).await;
    daemon.until(&id, &["finished"]).await;
    // One that is under way while somebody looks.
    let slow = Site::new().reply("/", Reply::html("late").after(std::time::Duration::from_secs(30))).serve().await;
    let id = daemon.begin(&json!({"seeds": {"urls": [slow.url("/")]}})).await;
    crate::support::ground::until("the slow page is asked for", || slow.paths().contains(&"/".to_owned())).await;
    let mut metrics = daemon.call("GET", "/metrics", "", b"").await;
    // The picture of a crawl is drawn now and then.
    while !String::from_utf8_lossy(&metrics.body).contains("dragline_crawl_requests_in_flight 1\n") {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        metrics = daemon.call("GET", "/metrics", "", b"").await;
    }
    let kind = metrics.header("content-type").unwrap().to_owned();
    assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
    let (status, _) = daemon.json("POST", &format!("/v1/crawls/{id}/cancel"), None).await;
    assert!(status < 300, "{status}");
    String::from_utf8(metrics.body).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_openmetrics_and_told_of_in_full() {
    let text = seen().await;
    let families = parse(&text);
    for (name, family) in &families {
        assert!(!family.help.is_empty() && !family.kind.is_empty(), "{name}: {family:?}");
        assert!(name.starts_with("dragline_") || name.starts_with("process_"), "{name}");
        // Base units, as the last word of the name.
        for unit in ["seconds", "bytes"] {
            let is_of = name.ends_with(&format!("_{unit}"));
            assert_eq!(family.unit.as_deref() == Some(unit), is_of, "{name}: {:?}", family.unit);
        }
        assert!(!["_ms", "_millis", "_kb", "_mib"].iter().any(|unit| name.ends_with(unit)), "{name}");
        // Nothing whose number somebody else decides is a label.
        let series = family.samples.len();
        assert!(series < 200, "{name} has {series} series");
        for (_, labels) in family.samples.keys() {
            assert!(labels.values().all(|value| !value.contains("127.0.0.1") && !value.contains("://")), "{labels:?}");
        }
        if family.kind == "histogram" {
            check_histogram(name, family);
        }
    }

    // What happened is in it.
    let of = |name: &str| &families[name];
    assert_eq!(of("dragline_crawl_urls").value("_total", &[("outcome", "fetched")]), 3.0);
    assert_eq!(of("dragline_crawl_urls").value("_total", &[("outcome", "redirected")]), 1.0);
    assert_eq!(of("dragline_crawl_failures").value("_total", &[("why", "http-4xx")]), 1.0);
    assert_eq!(of("dragline_crawl_failures").value("_total", &[("why", "http-5xx")]), 1.0);
    assert_eq!(of("dragline_crawl_refusals").value("_total", &[("why", "robots-denied")]), 1.0);
    assert!(of("dragline_crawl_robots").value("_total", &[("standing", "rules")]) >= 1.0);
    assert!(of("dragline_crawl_hosts_slowed").value("_total", &[("why", "asked for a pause")]) >= 1.0);
    assert_eq!(of("dragline_crawls").value("", &[("of", "running")]), 1.0);
    assert_eq!(of("dragline_crawl_requests_in_flight").value("", &[]), 1.0);
    assert_eq!(of("dragline_held").value("", &[("of", "dispatcher.permits")]), 1.0);
    assert_eq!(of("dragline_pool_in_use").value("", &[("pool", "crawls")]), 1.0);
    assert!(of("dragline_pool_in_use").value("", &[("pool", "connections")]) >= 1.0);
    assert!(of("dragline_held_bytes").value("", &[("of", "store.log")]) > 0.0);
    assert!(of("dragline_trace_spans").value("_total", &[("outcome", "sent")]) > 0.0);
    assert_eq!(of("dragline_trace_collector_up").value("", &[]), 1.0);
    if cfg!(target_os = "linux") {
        assert!(of("process_resident_memory_bytes").value("", &[]) > 1e6);
        assert!(of("process_open_fds").value("", &[]) > 3.0);
        assert!(of("process_start_time_seconds").value("", &[]) > 1.7e9);
    }

    check_told_of(&families);
}

fn check_histogram(name: &str, family: &Family) {
    let mut buckets: Vec<(f64, f64)> = Vec::new();
    for ((suffix, labels), count) in &family.samples {
        if suffix == "_bucket" {
            let le = &labels["le"];
            buckets.push((if le == "+Inf" { f64::INFINITY } else { le.parse().unwrap() }, *count));
        }
    }
    buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    assert!(buckets.is_sorted_by(|a, b| a.1 <= b.1), "{name} is not cumulative: {buckets:?}");
    assert_eq!(buckets.last().unwrap(), &(f64::INFINITY, family.value("_count", &[])), "{name}");
}

/// The page has a row for each, and for no other; dashboard and alerts ask for what there is.
fn check_told_of(families: &BTreeMap<String, Family>) {
    let given: BTreeSet<String> = families.iter().map(|(name, family)| queried(name, &family.kind)).collect();
    let page = read("docs/OPERATIONS.md");
    let section = page.split("\n## Metrics\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('|').next());
    let told: BTreeSet<String> = rows.flat_map(names_in).collect();
    assert_eq!(told, given, "docs/OPERATIONS.md, against what is given");

    let dashboard: Value = serde_json::from_str(&read("docker/grafana/dragline.json")).unwrap();
    let mut asked = names_in(&read("docker/grafana/alerts.yml"));
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            asked.extend(names_in(target["expr"].as_str().unwrap()));
        }
    }
    let ends = ["_bucket", "_count", "_sum"];
    let is_given = |name: &String| {
        given.contains(name) || ends.iter().any(|end| name.strip_suffix(end).is_some_and(|name| given.contains(name)))
    };
    let unknown: Vec<&String> = asked.iter().filter(|name| !is_given(name)).collect();
    assert!(unknown.is_empty() && asked.len() > 20, "nobody gives {unknown:?}");
}

#[test]
fn what_is_no_exposition_is_noticed() {
    let good = "# HELP a A.\n# TYPE a counter\na_total{x=\"1\"} 1\n# EOF\n";
    assert_eq!(parse(good)["a"].value("_total", &[("x", "1")]), 1.0);
    for bad in [
        good.replace("# EOF\n", ""),
        good.replace("_total", ""),
        good.replace("} 1", "} one"),
        good.replace("a_total{x=\"1\"} 1\n", "a_total{x=\"1\"} 1\na_total{x=\"1\"} 2\n"),
        good.replace("counter", "sum"),
    ] {
        assert!(std::panic::catch_unwind(|| parse(&bad)).is_err(), "{bad}");
    }
}
