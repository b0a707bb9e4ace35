//! Whole crawls by the built program, judged by what it leaves behind.
//!
//! The glass web knows its truth: every URL that a crawl must account for, and how each ends. A
//! crawl is right when its records are that truth, no URL more or less, and when the receipt's
//! numbers are those that one gets by counting the records. Its stores, bounds, packings and
//! formats of configuration must make no difference to that.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fs,
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use dragline::{
    engine::event::Outcome,
    vitro::{Expectation, Latency, Options, Server, Web},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;
use url::Url;

use crate::support::{
    binary::{read_receipt, read_records},
    client::Client,
    ground::{Config, Ground, finish},
    links, reader,
    site::{Reply, Site},
};

/// The demo web without its pauses.
fn options() -> Options {
    Options { latency: Latency::NONE, slow: Duration::from_millis(20), ..Options::demo() }
}

async fn serve(options: Options) -> Server {
    Server::start(Arc::new(Web::new(options)), 0).await.unwrap()
}

/// Outcome, reason, status and whether the body broke off, as a record says it.
fn said(record: &Value) -> (String, Option<String>, Option<u64>, bool) {
    let text = |key: &str| record[key].as_str().map(str::to_owned);
    (text("outcome").unwrap(), text("reason"), record["status"].as_u64(), record["truncated"] == "incomplete")
}

fn expected(expectation: &Expectation) -> (String, Option<String>, Option<u64>, bool) {
    let reason = match expectation.outcome {
        Outcome::Failed(why) => Some(why.to_string()),
        Outcome::Refused(why) => Some(why.to_string()),
        Outcome::Fetched | Outcome::NotModified | Outcome::Redirected => None,
    };
    (expectation.outcome.as_str().to_owned(), reason, expectation.status.map(u64::from), expectation.truncated)
}

/// Panics unless the records are the truth about `server`, and the sitemaps on the way to it.
#[track_caller]
pub(crate) fn assert_truth(server: &Server, records: &BTreeMap<String, Value>) {
    let truth = server.truth();
    let mut wrong = Vec::new();
    for (url, expectation) in &truth.pages {
        let (got, expected) = (records.get(url).map(said), expected(expectation));
        if got.as_ref() != Some(&expected) {
            wrong.push(format!("{url}: {got:?}, not {expected:?}"));
        }
    }
    for url in &truth.sitemaps {
        let is_right = |record: &Value| record["outcome"] == "fetched" && record["kind"] == "sitemap";
        if !records.get(url).is_some_and(is_right) {
            wrong.push(format!("{url}: {:?}, not a sitemap", records.get(url)));
        }
    }
    let is_known = |url: &String| truth.pages.contains_key(url) || truth.sitemaps.contains(url);
    wrong.extend(records.keys().filter(|url| !is_known(url)).map(|url| format!("{url}: not in the truth")));
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Crawls a web with `config` and judges all of it.
async fn check(options: Options, change: impl FnOnce(Config) -> Config) -> Ground {
    let (server, ground) = (serve(options).await, Ground::new());
    let ended = ground.crawl(&change(Config::vitro(&server))).await.with(0);
    assert!(ended.stderr.contains("finished"), "{}", ended.stderr);
    assert_truth(&server, &ground.reconciled());
    ground
}

#[tokio::test]
async fn the_records_of_a_crawl_are_the_truth() {
    let ground = check(options(), |config| config).await;
    assert!(fs::read_to_string(ground.out().join("report.html")).unwrap().contains("<html"));
}

#[tokio::test]
async fn so_they_are_with_the_frontier_in_memory() {
    check(options(), |config| config.set("frontier.store", "memory")).await;
}

#[tokio::test]
async fn so_they_are_within_the_tightest_bounds() {
    check(options(), |config| {
        config
            .set("frontier.head", 1)
            .set("frontier.active_hosts", 1)
            .set("frontier.commit_urls", 1)
            .set("frontier.seen_cache", "64 KiB")
            .set("frontier.buffer", "1 MiB")
            .set("fetch.concurrency", 1)
    })
    .await;
}

#[tokio::test]
async fn so_they_are_within_tight_bounds_with_many_at_once() {
    let small = Options { n_hosts: 14, pages_per_host: 12, cross_host_permille: 500, ..options() };
    check(small, |config| {
        config
            .set("frontier.head", 2)
            .set("frontier.active_hosts", 2)
            .set("frontier.commit_urls", 3)
            .set("frontier.seen_cache", "64 KiB")
            .set("fetch.concurrency", 16)
            .set("fetch.memory", "10 MiB")
    })
    .await;
}

#[tokio::test]
async fn packed_and_rotated_outputs_hold_the_same() {
    for packing in ["gzip", "zstd", "none"] {
        let ground = check(Options { pages_per_host: 200, ..options() }, |config| {
            config
                .set("outputs.compression", packing)
                .set("outputs.rotate", "64 KiB")
                .set("outputs.text", packing != "none")
                .set("frontier.commit_urls", 20)
        })
        .await;
        let files = read_receipt(&ground.out())["outputs"].as_array().unwrap().len();
        assert!(files > 1, "{packing}: {files} files");
    }
}

#[tokio::test]
async fn without_outputs_the_counts_are_the_same() {
    let (server, ground) = (serve(options()).await, Ground::new());
    ground.crawl(&Config::vitro(&server).set("outputs.format", "none").set("outputs.report", false)).await.with(0);
    let truth = server.truth();
    let receipt = read_receipt(&ground.out());
    assert_eq!(receipt["totals"]["discovered"], truth.pages.len() + truth.sitemaps.len());
    assert_eq!(receipt["totals"]["fetched"], truth.count(Outcome::Fetched) + truth.sitemaps.len());
    let mut files: Vec<_> = fs::read_dir(ground.out()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, ["receipt.json", "state"]);
}

/// Depths of all URLs, by a walk of its own: breadth first over the anchors of the pages.
async fn depths(server: &Server, seed: &str) -> BTreeMap<String, u64> {
    let mut depths = BTreeMap::from([(seed.to_owned(), 0)]);
    let mut queue = VecDeque::from([seed.to_owned()]);
    let mut client = Client::connect(server.addr()).await;
    while let Some(from) = queue.pop_front() {
        let url = Url::parse(&from).unwrap();
        let got = client.get(url.authority(), url.path(), "").await;
        for link in reader::links(&url, &reader::text(&got)) {
            let to = String::from(link);
            if !depths.contains_key(&to) {
                depths.insert(to.clone(), depths[&from] + 1);
                queue.push_back(to);
            }
        }
    }
    depths
}

#[tokio::test]
async fn depth_is_counted_from_the_seed() {
    let server = serve(Options { links_per_page: 3, ..Options::bench(4, 60) }).await;
    let seed = server.seeds().swap_remove(0);
    // The walk knows nothing of robots.txt, so the crawl does as if there were none.
    let config = Config::vitro(&server).set("seeds.urls", json!([seed])).set("robots.mode", "ignore");
    let depths = depths(&server, &seed).await;
    assert!(depths.values().any(|depth| *depth > 3));
    for most in 0..=2 {
        let ground = Ground::new();
        ground.crawl(&config.clone().set("limits.depth", most)).await.with(0);
        let records = ground.reconciled();
        for (url, depth) in depths.iter().filter(|(_, depth)| **depth <= most + 1) {
            let end = if *depth <= most { ("fetched", json!(null)) } else { ("refused", json!("too-deep")) };
            let record = records.get(url).unwrap_or_else(|| panic!("{url} is missing"));
            assert_eq!((record["outcome"].as_str().unwrap(), record["reason"].clone()), end, "{url}");
            assert_eq!(record["depth"], *depth, "{url}");
        }
        assert_eq!(records.len(), depths.values().filter(|depth| **depth <= most + 1).count());
    }
}

#[tokio::test]
async fn records_hold_what_outputs_ask_for() {
    let page = "<title>T</title><p>some words</p><a href=/a>a</a><a href=/a#x>again</a><a href='mailto:x@y'>m</a>";
    let site = Site::new().reply("/", Reply::html(page).header("X-Thing", "one")).page("/a", &[]).serve().await;
    let ground = Ground::new();
    let config = Config::new(json!([site.url("/")]));
    ground
        .crawl(&config.set("outputs.text", true).set("outputs.links", true).set("outputs.headers", true))
        .await
        .with(0);
    let records = ground.reconciled();
    let record = &records[&site.url("/")];
    assert!(record["text"].as_str().unwrap().contains("some words"), "{record}");
    assert_eq!(record["links"], json!([site.url("/a")]));
    assert_eq!(record["headers"]["x-thing"], json!(["one"]));
    assert_eq!(record["title"], "T");
    let hex: String = Sha256::digest(page).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(record["digest"], format!("sha256:{hex}"));
    assert_eq!(records[&site.url("/a")]["via"], site.url("/"));
    let plain = Ground::new();
    plain.crawl(&Config::new(json!([site.url("/")]))).await.with(0);
    let record = &plain.reconciled()[&site.url("/")];
    assert!(["text", "links", "headers"].iter().all(|key| record.get(key).is_none()), "{record}");
}

#[tokio::test]
async fn include_and_exclude_refuse_with_a_reason() {
    let links = links!["/docs/a", "/docs/b.zip", "/blog/c", "/docs/d"];
    let site = Site::new().page("/", links).page("/docs/a", &[]).page("/docs/d", &[]).page("/blog/c", &[]);
    let (site, ground) = (site.serve().await, Ground::new());
    let flags = ["--include", "*/docs/*", "--include", "re:/$", "--exclude", "*.zip", "--rate", "unlimited"];
    let seed = site.url("/");
    let flags = [&["crawl", &seed, "--out", "out", "--allow-address", "loopback"], &flags[..]].concat();
    ground.run(&flags).await.with(0);
    let records = ground.reconciled();
    let ends: Vec<_> = records.values().map(|r| (r["outcome"].as_str().unwrap(), r["reason"].as_str())).collect();
    let (fetched, excluded) = (("fetched", None), ("refused", Some("excluded")));
    assert_eq!(ends, [fetched, excluded, fetched, excluded, fetched]);
    let asked: BTreeSet<String> = site.paths().into_iter().collect();
    assert_eq!(asked, BTreeSet::from(["/", "/docs/a", "/docs/d", "/robots.txt"].map(str::to_owned)));
}

#[tokio::test]
async fn max_pages_is_exact_and_raising_it_resumes() {
    let (server, ground) = (serve(options()).await, Ground::new());
    let config = Config::vitro(&server);
    for most in [1, 7, 40] {
        let ended = ground.crawl(&config.clone().set("limits.pages", most)).await.with(3);
        assert!(ended.stderr.contains(&format!("limits.pages = {most}")), "{}", ended.stderr);
        let records = ground.reconciled();
        let n_fetched = records.values().filter(|record| record["outcome"] == "fetched").count();
        assert_eq!(n_fetched, most);
    }
    // Nothing is left of what the limit allows: the same command again says so again.
    ground.crawl(&config.clone().set("limits.pages", 40)).await.with(3);
    ground.crawl(&config).await.with(0);
    assert_truth(&server, &ground.reconciled());
}

#[tokio::test]
async fn limits_of_bytes_and_time_end_a_crawl_and_say_so() {
    let (server, ground) = (serve(options()).await, Ground::new());
    let ended = ground.crawl(&Config::vitro(&server).set("limits.bytes", "50 KB")).await.with(3);
    assert!(ended.stderr.contains("limits.bytes = "), "{}", ended.stderr);
    ground.reconciled();
    let (slow, ground) = (Site::new().reply("/", Reply::html("").after(Duration::from_secs(30))), Ground::new());
    let slow = slow.serve().await;
    let config = Config::new(json!([slow.url("/")])).set("limits.duration", "1s").set("shutdown.deadline", "100ms");
    let ended = ground.crawl(&config).await.with(3);
    assert!(ended.stderr.contains("limits.duration = "), "{}", ended.stderr);
    assert_eq!(read_receipt(&ground.out())["totals"]["pending"], 1);
}

#[tokio::test]
async fn nothing_fetched_has_an_exit_code() {
    let ground = Ground::new();
    // A port that was free a moment ago, and that nobody listens on.
    let dead = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let seed = format!("http://{dead}/");
    ground.crawl(&Config::new(json!([seed])).set("fetch.retries", 0)).await.with(5);
    let records = ground.reconciled();
    assert_eq!(records[&seed]["reason"], "robots-unreachable");
    let again = Ground::new();
    again.crawl(&Config::new(json!([seed])).set("fetch.retries", 0).set("robots.mode", "ignore")).await.with(5);
    assert_eq!(again.reconciled()[&seed]["reason"], "connect");
}

#[tokio::test]
async fn the_guard_refuses_loopback_unless_told() {
    let (site, ground) = (Site::new().page("/", &[]).serve().await, Ground::new());
    let config = Config::new(json!([site.url("/")])).without("fetch.allow_addresses");
    ground.crawl(&config.set("job.contact", "me@example.org")).await.with(5);
    let records = ground.reconciled();
    assert_eq!(records[&site.url("/")]["outcome"], "refused");
    assert_eq!(records[&site.url("/")]["reason"], "address-refused");
    assert_eq!(site.paths(), [""; 0]);
}

#[tokio::test]
async fn every_format_of_configuration_is_the_same_crawl() {
    let site = Site::new().page("/", links!["/a"]).page("/a", &[]).serve().await;
    let config = Config::new(json!([site.url("/")])).set("fetch.resolve", json!({"*.x.test": "127.0.0.1"}));
    for (name, text) in [("c.toml", config.toml()), ("c.yaml", config.yaml()), ("c.json", config.json())] {
        let ground = Ground::new();
        ground.write(name, &text);
        ground.run(&["run", name]).await.with(0);
        assert_eq!(ground.reconciled().len(), 2, "{name}");
    }
}

#[tokio::test]
async fn seeds_come_from_files_and_standard_input() {
    let pages = ["/a", "/b", "/c"];
    let site = pages.iter().fold(Site::new(), |site, page| site.page(page, &[])).serve().await;
    let ground = Ground::new();
    ground.write("seeds.txt", format!("# the first\n{}\n\n  {}  \n", site.url("/a"), site.url("/b")));
    let config = Config::new(json!([])).set("seeds.files", json!(["seeds.txt"])).set("seeds.stdin", true);
    ground.write("crawl.toml", config.set("job.contact", "me@example.org").toml());
    let mut child = ground.command(&["run", "crawl.toml"]).stdin(Stdio::piped()).spawn().unwrap();
    let lines = format!("{}\n{}", site.url("/c"), site.url("/a"));
    child.stdin.take().unwrap().write_all(lines.as_bytes()).await.unwrap();
    finish(child).await.with(0);
    let urls: Vec<String> = ground.reconciled().into_keys().collect();
    assert_eq!(urls, pages.map(|page| site.url(page)));
}

#[tokio::test]
async fn the_pages_of_a_sitemap_are_seeds() {
    let site = Site::new().sitemap("/map.xml", &["http://127.0.0.1:{port}/a", "http://127.0.0.1:{port}/b"]);
    let (site, ground) = (site.page("/a", &[]).page("/b", &[]).serve().await, Ground::new());
    ground.crawl(&Config::new(json!([])).set("seeds.sitemaps", json!([site.url("/map.xml")]))).await.with(0);
    let records = ground.reconciled();
    assert_eq!(records.len(), 3);
    assert_eq!(records[&site.url("/map.xml")]["kind"], "sitemap");
    assert!(["/a", "/b"].iter().all(|page| records[&site.url(page)]["outcome"] == "fetched"));
}

#[tokio::test]
async fn the_environment_wins_over_the_file() {
    let (site, ground) = (Site::new().page("/", links!["/a"]).page("/a", &[]).serve().await, Ground::new());
    ground.write("crawl.toml", Config::new(json!([site.url("/")])).set("limits.depth", 5).toml());
    let mut command = ground.command(&["run", "crawl.toml"]);
    finish(command.env("DRAGLINE__LIMITS__DEPTH", "0").spawn().unwrap()).await.with(0);
    assert_eq!(ground.reconciled()[&site.url("/a")]["reason"], "too-deep");
}

#[tokio::test]
async fn the_demo_ends_well_and_names_its_report() {
    let ground = Ground::new();
    let ended = ground.run(&["demo", "--port", "0", "--pages", "60", "--out", "out"]).await.with(0);
    assert!(ended.stderr.contains("out/report.html"), "{}", ended.stderr);
    assert!(ground.out().join("report.html").metadata().unwrap().len() > 1000);
    assert!(ground.reconciled().len() > 60);
    assert_eq!(ended.stdout, "");
}

#[tokio::test]
async fn quiet_says_nothing_when_all_is_well() {
    let (site, ground) = (Site::new().page("/", links!["/gone"]).serve().await, Ground::new());
    ground.write("crawl.toml", Config::new(json!([site.url("/")])).without("telemetry.log").toml());
    let ended = ground.run(&["run", "crawl.toml", "--quiet"]).await.with(0);
    assert_eq!((&*ended.stdout, &*ended.stderr), ("", ""));
    assert_eq!(read_records(&ground.out()).len(), 2);
}
