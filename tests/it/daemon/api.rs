//! What callers do, and what comes of it.

use std::{io::Read, sync::Arc};

use dragline::vitro::{Options, Server, Web};
use serde_json::{Value, json};

use crate::support::{
    daemon::{Daemon, config},
    ground::{Ground, PATIENCE, reconciled},
};

/// A small glass web, and the document of a crawl of all of it.
async fn web(pages_per_host: u32) -> (Server, Value) {
    let options = Options { n_hosts: 3, pages_per_host, curios: false, ..Options::demo() };
    let server = Server::start(Arc::new(Web::new(options)), 0).await.unwrap();
    let document = json!({"job": {"name": "web"}, "seeds": {"urls": server.seeds()}, "scope": {"mode": "domain"}});
    (server, document)
}

/// A document of a crawl that takes long.
fn slowly(document: &Value) -> Value {
    let mut document = document.clone();
    document["politeness"] = json!({"rate": "2/s", "per_host": 1});
    document
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crawl_is_explained_while_it_runs() {
    let (ground, (server, document)) = (Ground::new(), web(40).await);
    let daemon = Daemon::start(&ground, &config()).await;
    let id = daemon.begin(&slowly(&document)).await;
    daemon.until(&id, &["running"]).await;
    let explain = async |url: &str| {
        let (status, why) = daemon.get(&format!("/v1/crawls/{id}/explain?url={url}")).await;
        assert_eq!(status, 200, "{why}");
        why
    };
    // A page that is done has its record, as soon as that is committed.
    let seed = document["seeds"]["urls"][0].as_str().unwrap();
    let done = async { while explain(seed).await["last"]["outcome"] != "fetched" {} };
    tokio::time::timeout(PATIENCE, done).await.expect("the seed is fetched soon");
    // And among those that are not done yet some are known to wait.
    let mut waits = Vec::new();
    for url in server.truth().pages.keys() {
        let why = explain(url).await;
        assert!(why["unseen_state"].is_null(), "{why}");
        if why["frontier"]["state"] == "queued" {
            waits.push(why);
        }
    }
    assert!(waits.iter().all(|why| why["frontier"]["via"].is_string()), "{waits:?}");
    let is_waiting = |why: &Value| why["conclusion"].as_str().unwrap().starts_with("it waits: ");
    assert!(waits.iter().any(is_waiting), "{waits:?}");
    assert!(waits.iter().any(|why| why["host"]["requests"].as_u64() > Some(0)), "what is not committed is told");
    let (_, crawl) = daemon.get(&format!("/v1/crawls/{id}")).await;
    assert_eq!(crawl["state"], "running", "nobody disturbed it");
    // That an operator keeps everybody from its host is a reason, too.
    let host = seed.split('/').nth(2).unwrap().split(':').next().unwrap();
    daemon.json("PUT", &format!("/v1/hosts/{host}/block?seconds=600"), None).await;
    let notes = explain(seed).await["notes"].to_string();
    assert!(notes.contains("is blocked until"), "{notes}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crawl_is_begun_watched_read_and_deleted() {
    let (ground, (_server, document)) = (Ground::new(), web(20).await);
    let daemon = Daemon::start(&ground, &config()).await;
    let id = daemon.begin(&document).await;
    let watched = daemon.call("GET", &format!("/v1/crawls/{id}/events"), "", b"").await;
    assert_eq!((watched.status, watched.truncated), (200, false));
    let watched = String::from_utf8(watched.body).unwrap();
    assert!(watched.contains("event: state") && watched.contains("event: page"), "{watched}");
    assert!(watched.contains("\"state\":\"finished\""), "it ends when the crawl does: {watched}");
    let (_, crawl) = daemon.get(&format!("/v1/crawls/{id}")).await;
    assert_eq!(
        (&crawl["state"], &crawl["name"], &crawl["owner"]),
        (&json!("finished"), &json!("web"), &json!("local"))
    );

    // The records over the API are those in the file, which are in order.
    let records = reconciled(&daemon.out(&id));
    let (mut read, mut target) = (Vec::new(), format!("/v1/crawls/{id}/pages?limit=7"));
    loop {
        let (status, page) = daemon.get(&target).await;
        assert_eq!(status, 200, "{page}");
        read.extend(page["pages"].as_array().unwrap().iter().map(|page| page["url"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        target = format!("/v1/crawls/{id}/pages?limit=7&cursor={next}");
    }
    assert_eq!(read.len(), records.len());
    assert!(read.iter().all(|url| records.contains_key(url)));
    let (_, failed) = daemon.get(&format!("/v1/crawls/{id}/pages?limit=1000&outcome=failed")).await;
    let n_failed = records.values().filter(|record| record["outcome"] == "failed").count();
    assert_eq!(failed["pages"].as_array().unwrap().len(), n_failed);
    let (_, receipt) = daemon.get(&format!("/v1/crawls/{id}/receipt")).await;
    assert_eq!(receipt["totals"]["discovered"], records.len());
    assert_eq!(crawl["counts"]["discovered"], records.len());

    let (_, outputs) = daemon.get(&format!("/v1/crawls/{id}/outputs")).await;
    let names: Vec<_> = outputs["outputs"].as_array().unwrap().iter().map(|it| it["file"].as_str().unwrap()).collect();
    assert_eq!(names, ["pages.jsonl", "receipt.json", "report.html"]);
    let all = daemon.call("GET", &format!("/v1/crawls/{id}/outputs/pages.jsonl"), "", b"").await;
    let on_disk = std::fs::read(daemon.out(&id).join("pages.jsonl")).unwrap();
    assert!(all.status == 200 && all.body == on_disk);
    let part = format!("/v1/crawls/{id}/outputs/pages.jsonl");
    let part = daemon.call("GET", &part, "Range: bytes=10-19\r\n", b"").await;
    assert_eq!((part.status, part.body.as_slice()), (206, &on_disk[10..20]));
    let whole = format!("/v1/crawls/{id}/outputs/pages.jsonl");
    let packed = daemon.call("GET", &whole, "Accept-Encoding: gzip\r\n", b"").await;
    assert_eq!((packed.status, packed.header("content-encoding")), (200, Some("gzip")));
    let mut unpacked = Vec::new();
    flate2::read::MultiGzDecoder::new(packed.body.as_slice()).read_to_end(&mut unpacked).unwrap();
    assert!(unpacked == on_disk && packed.body.len() < on_disk.len() / 2);
    let both = daemon.call("GET", &whole, "Accept-Encoding: gzip\r\nRange: bytes=10-19\r\n", b"").await;
    assert_eq!((both.status, both.header("content-encoding"), both.body.as_slice()), (206, None, &on_disk[10..20]));
    assert_eq!(part.header("content-range"), Some(format!("bytes 10-19/{}", on_disk.len()).as_str()));

    let seed = document["seeds"]["urls"][0].as_str().unwrap();
    let (_, why) = daemon.get(&format!("/v1/crawls/{id}/explain?url={seed}")).await;
    assert!(why["conclusion"].as_str().unwrap().starts_with("it was fetched"), "{why}");
    let (status, gone) = daemon.json("DELETE", &format!("/v1/crawls/{id}"), None).await;
    assert_eq!((status, gone), (204, Value::Null));
    assert_eq!(daemon.get(&format!("/v1/crawls/{id}")).await.0, 404);
    assert_eq!(daemon.get("/v1/crawls").await.1, json!({"crawls": []}));
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crawl_is_paused_changed_resumed_and_done_again() {
    let (ground, (_server, document)) = (Ground::new(), web(15).await);
    let daemon = Daemon::start(&ground, &config()).await;
    let id = daemon.begin(&slowly(&document)).await;
    let at = |what: &str| format!("/v1/crawls/{id}{what}");
    daemon.until(&id, &["running"]).await;
    assert_eq!(daemon.json("DELETE", &at(""), None).await.0, 409, "somebody works on it");
    assert_eq!(daemon.json("POST", &at("/pause"), None).await.0, 200);
    let paused = daemon.until(&id, &["paused"]).await;
    assert!(paused["counts"]["pending"].as_u64().unwrap() > 0, "{paused}");

    // Only if nobody else was quicker; and not what would make another crawl of it.
    let faster = json!({"politeness": {"rate": null}}).to_string();
    let merge = "Content-Type: application/merge-patch+json\r\n";
    let stale = daemon.call("PATCH", &at(""), &format!("{merge}If-Match: \"1\"\r\n"), faster.as_bytes()).await;
    assert_eq!(stale.status, 412);
    let (status, other) = daemon.json("PATCH", &at(""), Some(&json!({"scope": {"mode": "any"}}))).await;
    assert!(status == 422 && other["detail"].as_str().unwrap().contains("scope.mode"), "{other}");
    let (status, wider) = daemon.json("PATCH", &at(""), Some(&json!({"robots": {"mode": "ignore"}}))).await;
    assert_eq!(status, 422, "{wider}");
    let revision = paused["revision"].as_u64().unwrap();
    let lines = format!("{merge}If-Match: \"{revision}\"\r\n");
    let changed = daemon.call("PATCH", &at("?priority=9"), &lines, faster.as_bytes()).await;
    assert_eq!(changed.status, 200);
    assert_eq!(changed.header("etag"), Some(format!("\"{}\"", revision + 1).as_str()));
    let changed: Value = serde_json::from_slice(&changed.body).unwrap();
    assert!(changed["priority"] == 9 && changed["document"]["politeness"] == json!({"per_host": 1}), "{changed}");

    assert_eq!(daemon.json("POST", &at("/resume"), None).await.0, 200);
    let finished = daemon.until(&id, &["finished"]).await;
    assert_eq!(finished["counts"]["pending"], 0);
    let first = reconciled(&daemon.out(&id));
    assert_eq!(daemon.json("POST", &at("/resume"), None).await.0, 409, "nothing is left");
    assert_eq!(daemon.json("POST", &at("/pause"), None).await.0, 409);

    // Again: what it wrote is set aside.
    assert_eq!(daemon.json("POST", &at("/recrawl"), None).await.0, 200);
    daemon.until(&id, &["finished"]).await;
    let (_, receipt) = daemon.get(&at("/receipt")).await;
    assert_eq!(receipt["pass"], 2);
    assert_eq!(reconciled(&daemon.out(&id)).len(), first.len());
    let old = daemon.call("GET", &at("/outputs/passes/1/receipt.json"), "", b"").await;
    assert_eq!(serde_json::from_slice::<Value>(&old.body).unwrap()["pass"], 1);
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_raised_and_seeds_are_added() {
    let (ground, (_server, document)) = (Ground::new(), web(15).await);
    let daemon = Daemon::start(&ground, &config()).await;
    let mut limited = document.clone();
    limited["limits"] = json!({"pages": 5});
    limited["scope"] = json!({"mode": "host"});
    limited["seeds"]["urls"] = json!([document["seeds"]["urls"][0]]);
    let id = daemon.begin(&limited).await;
    let at = |what: &str| format!("/v1/crawls/{id}{what}");
    let reached = daemon.until(&id, &["limit-reached"]).await;
    assert!(reached["counts"]["fetched"].as_u64().unwrap() >= 5, "{reached}");
    assert_eq!(daemon.json("PATCH", &at(""), Some(&json!({"limits": null}))).await.0, 200);
    assert_eq!(daemon.json("POST", &at("/resume"), None).await.0, 200);
    daemon.until(&id, &["finished"]).await;
    let before = reconciled(&daemon.out(&id));

    // Of another web. What is known by now, if only as out of scope, has its record.
    let (other, _) = web(5).await;
    let more = other.seeds()[0].clone();
    let (status, added) = daemon.json("POST", &at("/seeds"), Some(&json!({"urls": [more]}))).await;
    assert_eq!((status, &added["added"]), (200, &json!(1)), "{added}");
    daemon.until(&id, &["finished"]).await;
    let after = reconciled(&daemon.out(&id));
    assert!(after.len() > before.len() && after[&more]["outcome"] == "fetched", "{} and {}", before.len(), after.len());
    let (_, again) = daemon.json("POST", &at("/seeds"), Some(&json!({"urls": [more]}))).await;
    assert_eq!((&again["added"], &again["crawl"]["state"]), (&json!(0), &json!("finished")), "{again}");
    for wrong in
        [json!({"urls": []}), json!({"urls": ["not a url"]}), json!({"urls": ["https://example.com/"]}), json!({})]
    {
        let (status, problem) = daemon.json("POST", &at("/seeds"), Some(&wrong)).await;
        assert_eq!(status, 422, "{wrong}: {problem}");
    }
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_call_makes_one_crawl_and_lists_have_pages() {
    let (ground, (_server, document)) = (Ground::new(), web(5).await);
    let daemon = Daemon::start(&ground, &config().set("daemon.running", 1)).await;
    let lines = "Content-Type: application/json\r\nIdempotency-Key: monday\r\n";
    let body = document.to_string();
    let first = daemon.call("POST", "/v1/crawls", lines, body.as_bytes()).await;
    let again = daemon.call("POST", "/v1/crawls", lines, body.as_bytes()).await;
    assert_eq!((first.status, again.status), (201, 200));
    let id = |body: &[u8]| serde_json::from_slice::<Value>(body).unwrap()["id"].as_str().unwrap().to_owned();
    assert_eq!(id(&first.body), id(&again.body));
    assert_eq!(first.header("location"), Some(format!("/v1/crawls/{}", id(&first.body)).as_str()));
    let other = daemon.call("POST", "/v1/crawls?paused=true", lines, body.as_bytes()).await;
    assert_eq!(other.status, 422, "the same word for another call");
    // Also after a restart.
    daemon.stop().await;
    let daemon = Daemon::start_again(&ground, "").await;
    let again = daemon.call("POST", "/v1/crawls", lines, body.as_bytes()).await;
    assert_eq!((again.status, id(&again.body)), (200, id(&first.body)));

    let mut ids = vec![id(&first.body)];
    for _ in 0..4 {
        let (_, crawl) = daemon.json("POST", "/v1/crawls?paused=true", Some(&document)).await;
        assert_eq!(crawl["state"], "paused");
        ids.push(crawl["id"].as_str().unwrap().to_owned());
    }
    ids.reverse();
    let (mut listed, mut target) = (Vec::new(), "/v1/crawls?limit=2".to_owned());
    loop {
        let (_, page) = daemon.get(&target).await;
        listed.extend(page["crawls"].as_array().unwrap().iter().map(|crawl| crawl["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        target = format!("/v1/crawls?limit=2&cursor={next}");
    }
    assert_eq!(listed, ids);
    let (_, paused) = daemon.get("/v1/crawls?state=paused").await;
    assert_eq!(paused["crawls"].as_array().unwrap().len(), 4);
    let (_, gone) = daemon.json("POST", &format!("/v1/crawls/{}/cancel", ids[0]), None).await;
    assert_eq!(gone["state"], "cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_is_blocked_also_after_a_restart_and_let_go_again() {
    let (ground, (_server, document)) = (Ground::new(), web(10).await);
    let daemon = Daemon::start(&ground, &config()).await;
    let (status, blocked) = daemon.json("PUT", "/v1/hosts/H0.vitro.test/block?seconds=600", None).await;
    assert!(status == 200 && blocked["host"] == "h0.vitro.test" && blocked["blocked_until"].is_string(), "{blocked}");
    daemon.stop().await;
    let daemon = Daemon::start_again(&ground, "").await;
    let id = daemon.begin(&document).await;
    let waits = async {
        loop {
            let (_, crawl) = daemon.get(&format!("/v1/crawls/{id}")).await;
            if crawl["waiting"]["last"].as_array().is_some_and(|last| last.iter().any(|it| it["why"] == "blocked")) {
                return crawl;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let crawl = tokio::time::timeout(std::time::Duration::from_secs(30), waits).await.expect("it waits for the host");
    let last = crawl["waiting"]["last"].as_array().unwrap();
    assert!(last.iter().any(|it| it["host"] == "h0.vitro.test" && it["why"] == "blocked"), "{crawl}");
    let (_, hosts) = daemon.get("/v1/hosts").await;
    let held = hosts["hosts"].as_array().unwrap().iter().find(|host| host["host"] == "h0.vitro.test").unwrap();
    assert!(held["blocked_until"].is_string() && held["why"] == "blocked", "{hosts}");
    assert!(held["next_at"] == held["blocked_until"] && held["crawls"] == json!([id]), "{hosts}");
    let (_, load) = daemon.get("/v1/load").await;
    assert!(load["accepting"] == true && load["running"] == 1 && load["queued"] == 0, "{load}");
    assert!(load["disk_free_bytes"].as_u64().unwrap() > 0 && load["hosts"].as_u64().unwrap() > 0, "{load}");
    assert_eq!(daemon.json("DELETE", "/v1/hosts/h0.vitro.test/block", None).await.0, 200);
    daemon.until(&id, &["finished"]).await;
    reconciled(&daemon.out(&id));
    for name in ["a/b", "h0.vitro.test:80", "%00", "a b"] {
        let got = daemon.call("POST", &format!("/v1/hosts/{}/reset", name.replace(' ', "%20")), "", b"").await;
        assert_eq!(got.status, 404, "{name}");
    }
    assert_eq!(daemon.json("POST", "/v1/hosts/h1.vitro.test/reset", None).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn single_urls_are_fetched_and_kept() {
    let (ground, (server, document)) = (Ground::new(), web(5).await);
    let daemon = Daemon::start(&ground, &config()).await;
    let seed = document["seeds"]["urls"][0].as_str().unwrap();
    let (status, first) = daemon.get(&format!("/v1/fetch?url={seed}&max_age=60")).await;
    assert_eq!((status, &first["outcome"], &first["cache"]), (200, &json!("fetched"), &json!("miss")), "{first}");
    let (_, second) = daemon.get(&format!("/v1/fetch?url={seed}&max_age=60&include_body=true")).await;
    // Its server said nothing about how long it is good, so that it is stale, and good enough for this caller.
    assert_eq!((&second["cache"], &second["digest"]), (&json!("stale"), &first["digest"]), "{second}");
    assert!(second["body"].as_str().unwrap().contains("<html"), "{second}");
    let body = daemon.call("GET", &format!("/v1/fetch?url={seed}&max_age=60&form=body"), "", b"").await;
    assert_eq!((body.status, body.header("dragline-cache")), (200, Some("stale")));
    assert_eq!(body.body, second["body"].as_str().unwrap().as_bytes());
    let n_asked = server.log().arrivals().iter().filter(|arrival| &*arrival.path == "/").count();
    assert_eq!(n_asked, 1);

    let urls = json!({"urls": [seed, "not a url", "https://example.com/", "http://169.254.169.254/"], "max_age": 60});
    let (status, batch) = daemon.json("POST", "/v1/fetch", Some(&urls)).await;
    assert_eq!(status, 200, "{batch}");
    let told: Vec<_> = batch["results"].as_array().unwrap().iter().map(|it| (&it["outcome"], &it["reason"])).collect();
    let (none, missing) = (Value::Null, json!("contact-missing"));
    assert_eq!(told[0], (&json!("fetched"), &none));
    assert_eq!(told[1].0, &json!("invalid"));
    assert_eq!(told[2], (&json!("refused"), &missing));
    assert!(told[3].0 == "refused" || told[3].0 == "failed", "{batch}");
    for wrong in [json!({"urls": []}), json!({"urls": vec!["http://a.test/"; 101]}), json!({"url": "x"})] {
        assert_eq!(daemon.json("POST", "/v1/fetch", Some(&wrong)).await.0, 422, "{wrong}");
    }
    assert_eq!(daemon.get("/v1/fetch").await.0, 400);
    assert_eq!(daemon.get(&format!("/v1/fetch?url={seed}&deadline_ms=0")).await.0, 400);
    let (status, robots) = daemon.get(&format!("/v1/inspect/robots?url={seed}private/x")).await;
    assert!(status == 200 && robots["standing"] == "rules" && robots["allowed"] == false, "{robots}");
    assert!(robots["rule"].as_str().unwrap().contains("/private/") && robots["line"].is_u64(), "{robots}");
    let (status, sitemap) = daemon.get(&format!("/v1/inspect/sitemap?url={seed}sitemap.xml&limit=2")).await;
    assert!(
        status == 200 && sitemap["kind"] == "urlset" && sitemap["entries"].as_array().unwrap().len() <= 2,
        "{sitemap}"
    );
    assert_eq!(daemon.get(&format!("/v1/inspect/sitemap?url={seed}sitemap.xml&limit=0")).await.0, 400);
    assert_eq!(daemon.get("/v1/inspect/robots?url=nonsense").await.0, 400);
    assert_eq!(daemon.get("/v1/inspect/robots?url=http://192.168.0.1/").await.0, 403);
    let (_, cache) = daemon.get("/v1/cache").await;
    assert!(cache["stale"] == 3 && cache["urls"].as_u64() > Some(0), "{cache}");
    let (status, purged) = daemon.json("DELETE", &format!("/v1/cache?url={seed}"), None).await;
    assert_eq!(status, 200, "{purged}");
    let (_, again) = daemon.get(&format!("/v1/fetch?url={seed}&max_age=60")).await;
    assert_eq!(again["cache"], "miss");
    let (_, purged) = daemon.json("DELETE", "/v1/cache", None).await;
    assert_eq!((&purged["urls"], &purged["bytes"]), (&json!(0), &json!(0)), "{purged}");
    let metrics = daemon.call("GET", "/metrics", "", b"").await;
    let metrics = String::from_utf8(metrics.body).unwrap();
    assert!(
        metrics.ends_with("# EOF\n") && metrics.contains("dragline_cache_answers_total{of=\"stale\"} 3"),
        "{metrics}"
    );
}
