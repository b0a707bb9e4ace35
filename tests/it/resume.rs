//! Crawls that are stopped, and go on: whatever stops them, the records end up the same, each once.
//!
//! The judge is the truth of the glass web: a crawl in many pieces is right when it is right as a
//! whole. [`check`] stops at moments that arrivals define, so that it stops in the thick of it on
//! any machine.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use dragline::vitro::{Latency, Options, Server, Web};
use serde_json::json;

use crate::{
    run::assert_truth,
    support::{
        binary::{by_url, read_receipt, read_records, signal},
        ground::{Config, Ground, finish, until},
        site::{Reply, Site},
    },
};

/// The demo web, a little slower than its crawlers.
async fn serve() -> Server {
    let latency = Latency::Even(Duration::from_millis(2), Duration::from_millis(15));
    let options = Options { latency, slow: Duration::from_millis(100), ..Options::demo() };
    Server::start(Arc::new(Web::new(options)), 0).await.unwrap()
}

/// Crawls, stopped by each of `signals` in turn after so many more requests, then to the end.
async fn check(signals: &[(&str, u64)], change: impl FnOnce(Config) -> Config) {
    let (server, ground) = (serve().await, Ground::new());
    let config = change(Config::vitro(&server).set("frontier.commit_every", "50ms"));
    for (name, more) in signals {
        let enough = server.log().n_seen() + more;
        let mut child = ground.start_crawl(&config);
        // The last ones may find that nothing is left to ask for.
        let ended = async { child.wait().await.unwrap() };
        tokio::select! {
            () = until("requests", || server.log().n_seen() >= enough) => {}
            _ = ended => {}
        }
        if child.try_wait().unwrap().is_none() {
            signal(&child, name).await;
        }
        let ended = finish(child).await;
        // Whatever stopped it, the folder is in order as far as it goes, which may be nowhere.
        let verdict = ground.run(&["verify", "out"]).await;
        assert!(verdict.code == Some(0) || verdict.stderr.contains("out holds no crawl"), "{verdict:?}");
        match (*name, ended.code) {
            ("KILL", None) => {}
            ("INT" | "TERM", Some(4)) => {
                assert!(ended.stderr.contains("Run the same command again to resume"), "{}", ended.stderr);
                ground.reconciled();
            }
            (_, Some(0)) => return assert_truth(&server, &ground.reconciled()),
            _ => panic!("{name}: {ended:?}"),
        }
    }
    ground.crawl(&config).await.with(0);
    ground.run(&["verify", "out"]).await.with(0);
    assert_truth(&server, &ground.reconciled());
    assert!(read_receipt(&ground.out())["runs"].as_u64().unwrap() >= 2);
}

#[tokio::test]
async fn interrupted_crawls_go_on() {
    check(&[("INT", 1), ("TERM", 40), ("INT", 90), ("TERM", 60), ("INT", 30)], |config| config).await;
}

#[tokio::test]
async fn killed_crawls_go_on() {
    check(&[("KILL", 0), ("KILL", 3), ("KILL", 33), ("KILL", 70), ("KILL", 80), ("KILL", 50)], |config| config).await;
}

#[tokio::test]
async fn packed_outputs_of_killed_crawls_are_whole() {
    check(&[("KILL", 20), ("TERM", 70), ("KILL", 60), ("KILL", 90)], |config| {
        config.set("outputs.compression", "zstd").set("outputs.rotate", "64 KiB").set("outputs.text", true)
    })
    .await;
}

#[tokio::test]
async fn crawls_with_hosts_on_disk_go_on() {
    check(&[("KILL", 30), ("INT", 60), ("KILL", 90)], |config| {
        config.set("frontier.active_hosts", 2).set("frontier.head", 2).set("fetch.concurrency", 8)
    })
    .await;
}

#[tokio::test]
async fn killed_while_starting_it_starts() {
    let (server, ground) = (serve().await, Ground::new());
    let config = Config::vitro(&server);
    for after in [0, 5, 10, 20, 30, 40, 60, 80] {
        let child = ground.start_crawl(&config);
        tokio::time::sleep(Duration::from_millis(after)).await;
        signal(&child, "KILL").await;
        assert_eq!(finish(child).await.code, None);
    }
    ground.crawl(&config).await.with(0);
    assert_truth(&server, &ground.reconciled());
}

#[tokio::test]
async fn killed_in_the_middle_of_seeding_it_seeds_again() {
    const SEEDS: usize = 30_000;
    let (site, ground) = (Site::new().page("/", &[]).serve().await, Ground::new());
    // All but one are refused at once, with a record each.
    let lines: String = (1..SEEDS).map(|n| format!("{}\n", site.url(&format!("/no/{n}")))).collect();
    ground.write("seeds.txt", lines + &site.url("/"));
    let config = Config::new(json!([])).set("seeds.files", json!(["seeds.txt"]));
    let config = config.set("scope.exclude", json!(["*/no/*"])).set("outputs.rotate", "64 KiB");
    for after in [50, 200, 500] {
        let child = ground.start_crawl(&config);
        tokio::time::sleep(Duration::from_millis(after)).await;
        signal(&child, "KILL").await;
        finish(child).await;
    }
    ground.crawl(&config).await.with(0);
    let records = ground.reconciled();
    assert_eq!(records.len(), SEEDS);
    assert_eq!(records[&site.url("/")]["outcome"], "fetched");
}

/// Two pages, one of which takes `delay` to answer.
fn slow_site(delay: Duration) -> Site {
    Site::new().page("/", &["/slow"]).reply("/slow", Reply::html("<title>late</title>").after(delay))
}

#[tokio::test]
async fn a_second_signal_leaves_at_once_and_loses_nothing() {
    let slow = Reply::html("late").after(Duration::from_secs(600));
    let site = Site::new().page("/", &["/slow"]).replies("/slow", [slow, Reply::html("soon")]).serve().await;
    let ground = Ground::new();
    let config = Config::new(json!([site.url("/")])).set("shutdown.deadline", "1h").set("fetch.timeout", "1h");
    let config = config.set("fetch.idle_timeout", "1h");
    let child = ground.start_crawl(&config);
    until("the slow page", || site.paths().contains(&"/slow".to_owned())).await;
    signal(&child, "INT").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let began = Instant::now();
    signal(&child, "INT").await;
    finish(child).await.with(4).saying("Run the same command again to resume");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    let records = ground.reconciled();
    assert_eq!(records.keys().collect::<Vec<_>>(), [&site.url("/")]);
    ground.crawl(&config).await.with(0);
    assert_eq!(ground.reconciled()[&site.url("/slow")]["outcome"], "fetched");
}

#[tokio::test]
async fn what_is_in_flight_is_drained_within_the_deadline() {
    let (site, ground) = (slow_site(Duration::from_secs(1)).serve().await, Ground::new());
    let child = ground.start_crawl(&Config::new(json!([site.url("/")])).set("shutdown.deadline", "20s"));
    until("the slow page", || site.paths().contains(&"/slow".to_owned())).await;
    signal(&child, "TERM").await;
    // It was the last one, so the crawl is over; whether it says so or asks for another run is its choice.
    let ended = finish(child).await;
    assert!(matches!(ended.code, Some(0 | 4)), "{ended:?}");
    let records = ground.reconciled();
    assert_eq!(records[&site.url("/slow")]["title"], "late");
    assert_eq!(site.paths().iter().filter(|path| *path == "/slow").count(), 1);
}

#[tokio::test]
async fn what_is_not_done_by_the_deadline_stays_queued() {
    let (site, ground) = (slow_site(Duration::from_secs(600)).serve().await, Ground::new());
    let child = ground.start_crawl(&Config::new(json!([site.url("/")])).set("shutdown.deadline", "300ms"));
    until("the slow page", || site.paths().contains(&"/slow".to_owned())).await;
    let began = Instant::now();
    signal(&child, "TERM").await;
    finish(child).await.with(4);
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    assert_eq!(ground.reconciled().len(), 1);
    assert_eq!(read_receipt(&ground.out())["totals"]["pending"], 1);
}

#[tokio::test]
async fn a_waiting_retry_survives_kills() {
    let site = Site::new()
        .page("/", &["/flaky", "/other"])
        .replies("/flaky", [Reply::status(500), Reply::html("at last")])
        .reply("/other", Reply::html("").after(Duration::from_secs(600)))
        .serve()
        .await;
    let (flaky, ground) = (site.url("/flaky"), Ground::new());
    let config = Config::new(json!([site.url("/")])).set("frontier.commit_every", "10ms");
    let slow = config.clone().set("fetch.retry_base", "1h").set("fetch.retry_max", "1h");
    let mut waits = Vec::new();
    for n in 1..=2 {
        let child = ground.start_crawl(&slow);
        // It goes on with what is not waiting, and has committed by then.
        until("the slow page", || site.paths().iter().filter(|path| *path == "/other").count() == n).await;
        until("the flaky page", || site.paths().contains(&"/flaky".to_owned())).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        signal(&child, "KILL").await;
        finish(child).await;
        let told = ground.run(&["explain", &flaky, "--config", "crawl.toml", "--json"]).await.with(0).stdout;
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        waits.push((told["frontier"]["attempts"].clone(), told["frontier"]["retry_at"].clone()));
    }
    assert_eq!(waits[0].0, 1, "{waits:?}");
    assert!(waits[0].1.is_string() && waits[0] == waits[1], "{waits:?}");
    assert_eq!(site.paths().iter().filter(|path| *path == "/flaky").count(), 1);
    // How long a pause found in the store may be is bounded by what politeness may ask for.
    let soon = config.set("politeness.max_delay", "1s").set("politeness.backoff_max", "1s").set("fetch.timeout", "2s");
    ground.crawl(&soon.set("fetch.retries", 1)).await.with(0);
    assert_eq!(ground.reconciled()[&flaky]["attempts"], 2);
    assert_eq!(ground.reconciled()[&flaky]["outcome"], "fetched");
}

#[tokio::test]
async fn a_kill_costs_a_page_that_is_tried_again_one_request_and_not_two() {
    let slow = Reply::html("late").after(Duration::from_secs(600));
    let replies = [Reply::status(500), slow, Reply::html("at last")];
    let site = Site::new().page("/", &["/faulty"]).replies("/faulty", replies).serve().await;
    let (faulty, ground) = (site.url("/faulty"), Ground::new());
    let n_asked = || site.paths().iter().filter(|path| *path == "/faulty").count();
    let config = Config::new(json!([site.url("/")])).set("frontier.commit_every", "1m").set("fetch.retry_base", "10ms");
    let child = ground.start_crawl(&config);
    until("the second attempt", || n_asked() == 2).await;
    signal(&child, "KILL").await;
    finish(child).await;
    ground.crawl(&config).await.with(0);
    assert_eq!(n_asked(), 3);
    assert_eq!(ground.reconciled()[&faulty]["attempts"], 2, "the first one was not forgotten");
}

#[tokio::test]
async fn a_crawl_in_memory_starts_over() {
    let (server, ground) = (serve().await, Ground::new());
    let config = Config::vitro(&server).set("frontier.store", "memory");
    let child = ground.start_crawl(&config);
    until("requests", || server.log().n_seen() > 30).await;
    signal(&child, "INT").await;
    finish(child).await.with(4).saying("can't be resumed");
    let before = by_url(read_records(&ground.out()));
    assert!(!before.is_empty());
    // Its records are not thrown away for it.
    ground.crawl(&config).await.with(6).saying("--fresh");
    assert_eq!(by_url(read_records(&ground.out())), before);
    ground.run(&["run", "crawl.toml", "--fresh"]).await.with(0);
    assert_truth(&server, &ground.reconciled());
}
