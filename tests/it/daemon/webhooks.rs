//! Webhooks: who is told, of what, how often, and where nobody is led.

mod receiver;

use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::lives::try_call;
use crate::support::{
    binary::signal,
    daemon::{Daemon, config as usual},
    ground::{Config, Ground, contents, until},
    links,
    responder::Running,
    site::Site,
};
use receiver::{Answer, Receiver, Told};

/// Loopback may be told, and soon again.
fn config() -> Config {
    usual().set("webhooks.allow", json!(["loopback"])).set("webhooks.retry", "100ms").set("webhooks.timeout", "2s")
}

async fn site() -> (Running, Value) {
    let site = Site::new().page("/", links!["/a"]).page("/a", links![]).serve().await;
    let document = json!({"seeds": {"urls": [site.url("/")]}, "politeness": {"rate": "60/s"}});
    (site, document)
}

/// A hook at `url`, and its secret.
async fn hook(daemon: &Daemon, url: &str) -> (String, String) {
    let (status, made) = daemon.json("POST", "/v1/webhooks", Some(&json!({"url": url}))).await;
    assert_eq!(status, 201, "{made}");
    (made["id"].as_str().unwrap().to_owned(), made["secret"].as_str().unwrap().to_owned())
}

async fn deliveries(daemon: &Daemon, id: &str) -> Vec<Value> {
    let (status, list) = daemon.get(&format!("/v1/webhooks/{id}/deliveries")).await;
    assert_eq!(status, 200, "{list}");
    list["deliveries"].as_array().unwrap().clone()
}

/// Waits for a delivery of which this is true.
async fn delivery(daemon: &Daemon, id: &str, fits: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..1000 {
        if let Some(found) = deliveries(daemon, id).await.into_iter().find(|it| fits(it)) {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no such delivery: {:#?}", deliveries(daemon, id).await);
}

fn types(told: &[Told]) -> Vec<&str> {
    told.iter().map(|told| told.body["type"].as_str().unwrap()).collect()
}

fn key(name: &str, scopes: &[&str]) -> Value {
    let digest: String = Sha256::digest(format!("key-{name}")).iter().map(|byte| format!("{byte:02x}")).collect();
    json!({"name": name, "hash": format!("sha256:{digest}"), "scopes": scopes})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_hears_of_a_crawl_in_order_and_knows_who_speaks() {
    let (ground, receiver, (_site, document)) =
        (Ground::new(), Receiver::start(Answer::Status(204)).await, site().await);
    let daemon = Daemon::start(&ground, &config()).await;
    let (id, secret) = hook(&daemon, &receiver.url()).await;
    let crawl = daemon.begin(&document).await;
    let told = receiver.until(3).await;
    assert_eq!(types(&told), ["crawl.created", "crawl.started", "crawl.finished"]);
    for told in &told {
        told.verify(&secret);
        assert_eq!(told.body["crawl"]["id"], *crawl);
        assert_eq!(told.body["id"], told.header("webhook-id"));
        assert!(told.body["crawl"]["document"].is_null(), "{}", told.body);
    }
    let states = told.iter().map(|told| told.body["crawl"]["state"].as_str().unwrap()).collect::<Vec<_>>();
    assert_eq!(states, ["queued", "running", "finished"]);
    assert_eq!(told[2].body["crawl"]["counts"]["fetched"], 2, "{}", told[2].body);
    let (_, paused) = daemon.json("POST", "/v1/crawls?paused=true", Some(&document)).await;
    let target = format!("/v1/crawls/{}", paused["id"].as_str().unwrap());
    daemon.call("POST", &format!("{target}/cancel"), "", b"").await;
    assert_eq!(daemon.call("DELETE", &target, "", b"").await.status, 204);
    daemon.call("POST", &format!("/v1/crawls/{crawl}/recrawl"), "", b"").await;
    daemon.call("POST", &format!("/v1/webhooks/{id}/test"), "", b"").await;
    let all = receiver.until(10).await;
    let (recrawl, other): (Vec<Told>, Vec<Told>) =
        all[3..].iter().cloned().partition(|told| told.body["crawl"]["id"] == *crawl);
    assert_eq!(types(&recrawl), ["crawl.started", "crawl.finished"]);
    assert_eq!(types(&other), ["crawl.created", "crawl.paused", "crawl.cancelled", "crawl.deleted", "ping"]);
    let ids: std::collections::BTreeSet<_> = all.iter().map(|told| told.header("webhook-id").to_owned()).collect();
    assert_eq!(ids.len(), 10);
    let log = deliveries(&daemon, &id).await;
    assert!(log.iter().all(|it| it["outcome"] == "delivered" && it["status"] == 204), "{log:#?}");
    assert_eq!(log[9]["type"], "crawl.created");
    let (_, page) = daemon.get(&format!("/v1/webhooks/{id}/deliveries?limit=4")).await;
    let (_, rest) = daemon.get(&format!("/v1/webhooks/{id}/deliveries?cursor={}", page["next"])).await;
    assert_eq!(rest["deliveries"].as_array().unwrap().len(), 6);
    let again = format!("/v1/webhooks/{id}/deliveries/{}/redeliver", log[9]["id"]);
    assert_eq!(daemon.call("POST", &again, "", b"").await.status, 202);
    assert_eq!(receiver.until(11).await[10].raw, all[0].raw, "byte for byte");
    let metrics = daemon.call("GET", "/metrics", "", b"").await.body;
    let metrics = String::from_utf8(metrics).unwrap();
    assert!(metrics.contains("dragline_webhook_deliveries_total{outcome=\"delivered\"} 11"), "{metrics}");
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_shown_once_and_lies_in_one_file_that_nobody_else_may_read() {
    let (ground, receiver) = (Ground::new(), Receiver::start(Answer::Status(500)).await);
    let daemon = Daemon::start(&ground, &config()).await;
    let (id, secret) = hook(&daemon, &receiver.url()).await;
    daemon.call("POST", &format!("/v1/webhooks/{id}/test"), "", b"").await;
    delivery(&daemon, &id, |it| it["status"] == 500).await;
    let bare = secret.strip_prefix("whsec_").unwrap().to_owned();
    for target in ["/v1/webhooks", &format!("/v1/webhooks/{id}"), &format!("/v1/webhooks/{id}/deliveries"), "/metrics"]
    {
        let got = daemon.call("GET", target, "", b"").await;
        assert!(got.status == 200 && !String::from_utf8_lossy(&got.body).contains(&bare), "{target}");
    }
    let log = daemon.log.clone();
    assert_eq!(daemon.stop().await, Some(0));
    assert!(!log.lock().unwrap().iter().any(|line| line.contains(&bare)));
    let holding: Vec<_> = contents(&ground.path("data"))
        .into_iter()
        .filter(|(_, bytes)| String::from_utf8_lossy(bytes).contains(&bare))
        .map(|(path, _)| path)
        .collect();
    let [file] = holding.as_slice() else { panic!("{holding:?}") };
    let file = ground.path("data").join(file);
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600, "{}", file.display());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_down_is_told_when_it_is_back() {
    let (ground, (_site, document)) = (Ground::new(), site().await);
    let daemon = Daemon::start(&ground, &config()).await;
    let receiver = Receiver::start(Answer::Status(503)).await;
    let (id, secret) = hook(&daemon, &receiver.url()).await;
    daemon.begin(&document).await;
    receiver.until(3).await;
    receiver.answer(Answer::Status(200));
    delivery(&daemon, &id, |it| it["type"] == "crawl.finished" && it["outcome"] == "delivered").await;
    let told = receiver.told();
    let n_first = told.iter().filter(|it| it.body["type"] == "crawl.created").count();
    assert!(n_first >= 4, "{:?}", types(&told));
    assert_eq!(types(&told[..n_first]), vec!["crawl.created"; n_first], "others wait for the first");
    assert!(
        told[..n_first]
            .iter()
            .all(|it| it.raw == told[0].raw && it.header("webhook-id") == told[0].header("webhook-id"))
    );
    told.iter().for_each(|told| told.verify(&secret));
    let failed = delivery(&daemon, &id, |it| it["outcome"] == "failed").await;
    assert!(failed["next_at"].as_str() > failed["at"].as_str(), "{failed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happened_before_a_kill_is_told_after_it_under_the_same_id() {
    let (ground, (_site, document)) = (Ground::new(), site().await);
    let daemon = Daemon::start(&ground, &config()).await;
    let receiver = Receiver::start(Answer::Close).await;
    let (id, _) = hook(&daemon, &receiver.url()).await;
    let crawl = daemon.begin(&document).await;
    daemon.until(&crawl, &["finished"]).await;
    let before = receiver.until(1).await;
    daemon.kill().await;
    receiver.answer(Answer::Status(200));
    let daemon = Daemon::start_again(&ground, "").await;
    delivery(&daemon, &id, |it| it["type"] == "crawl.finished" && it["outcome"] == "delivered").await;
    let told: Vec<Told> = receiver.told().into_iter().filter(|told| told.answered == Some(200)).collect();
    assert_eq!(types(&told), ["crawl.created", "crawl.started", "crawl.finished"]);
    assert_eq!(told[0].header("webhook-id"), before[0].header("webhook-id"));
    // Nothing is told again by the next one.
    daemon.kill().await;
    let daemon = Daemon::start_again(&ground, "").await;
    daemon.call("POST", &format!("/v1/webhooks/{id}/test"), "", b"").await;
    delivery(&daemon, &id, |it| it["type"] == "ping" && it["outcome"] == "delivered").await;
    let n = receiver.told().iter().filter(|told| told.answered == Some(200)).count();
    assert_eq!(n, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_step_the_daemon_tells_of_what_is_on_disk_and_of_nothing_else() {
    let (ground, receiver) = (Ground::new(), Receiver::start(Answer::Status(200)).await);
    let document = json!({"seeds": {"urls": ["http://nobody.vitro.test/"]}}).to_string();
    let daemon = Daemon::start(&ground, &config()).await;
    hook(&daemon, &receiver.url()).await;
    daemon.stop().await;
    let mut deleted = std::collections::BTreeSet::new();
    for name in [
        "hooks.write",
        "hooks.sync",
        "hooks.rename",
        "hooks.folder",
        "ledger.write",
        "ledger.rename",
        "ledger.folder",
        "ledger.add.rename",
        "ledger.add.folder",
        "ledger.delete",
    ] {
        for fault in ["return(kill)", "1*off->return(kill)", "1*return(EIO)", "1*off->1*return(ENOSPC)"] {
            // What is left of the round before is told first, so that the fault strikes what this one does.
            let daemon = Daemon::start_again(&ground, "").await;
            while daemon.get("/v1/webhooks").await.1["webhooks"][0]["waiting"] != 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            daemon.kill().await;
            let daemon = Daemon::start_again(&ground, &format!("{name}={fault}")).await;
            let made =
                try_call(&daemon, "POST", "/v1/crawls?paused=true", "Content-Type: application/json\r\n", &document)
                    .await;
            let id =
                made.filter(|(status, _)| *status == 201).map(|(_, crawl)| crawl["id"].as_str().unwrap().to_owned());
            if let Some(id) = id {
                try_call(&daemon, "POST", &format!("/v1/crawls/{id}/cancel"), "", "").await;
                if let Some((204, _)) = try_call(&daemon, "DELETE", &format!("/v1/crawls/{id}"), "", "").await {
                    deleted.insert(id);
                }
            }
            drop(daemon);
        }
    }
    let daemon = Daemon::start_again(&ground, "").await;
    let (_, all) = daemon.get("/v1/crawls?limit=500").await;
    let mut expected = std::collections::BTreeSet::new();
    for crawl in all["crawls"].as_array().unwrap() {
        let id = crawl["id"].as_str().unwrap().to_owned();
        expected.extend(["crawl.created", "crawl.paused"].map(|event| (id.clone(), event.to_owned())));
        match crawl["state"].as_str().unwrap() {
            "cancelled" => drop(expected.insert((id, "crawl.cancelled".to_owned()))),
            state => assert_eq!(state, "paused"),
        }
    }
    assert!(all["crawls"].as_array().unwrap().len() > 8 && !deleted.is_empty(), "{all}");
    let told = || -> std::collections::BTreeSet<(String, String)> {
        let pair = |told: Told| {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            (text(&told.body["crawl"]["id"]), text(&told.body["type"]))
        };
        receiver.told().into_iter().map(pair).collect()
    };
    until("all that is on disk is told", || expected.is_subset(&told())).await;
    until("and what was deleted", || deleted.iter().all(|id| told().contains(&(id.clone(), "crawl.deleted".into()))))
        .await;
    // Of what is not there any more only its deletion had to be told; of what is there, no deletion.
    let there: std::collections::BTreeSet<_> = expected.iter().map(|(id, _)| id.clone()).collect();
    let wrong: Vec<_> = told().into_iter().filter(|it| there.contains(&it.0) && !expected.contains(it)).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_led_where_the_operator_did_not_say() {
    let (ground, receiver) = (Ground::new(), Receiver::start(Answer::Status(200)).await);
    let port = receiver.addr.port();
    // What crawls may reach says nothing.
    let daemon = Daemon::start(&ground, &usual().set("webhooks.retry", "100ms")).await;
    for host in ["127.0.0.1", "10.1.2.3", "localhost", "[::1]", "169.254.169.254", "0x7f000001", "[::ffff:127.0.0.1]"] {
        let url = format!("http://{host}:{port}/");
        let (status, problem) = daemon.json("POST", "/v1/webhooks", Some(&json!({"url": url}))).await;
        assert_eq!(status, 422, "{url}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains("webhooks.allow"), "{problem}");
    }
    let (id, _) = hook(&daemon, &format!("http://inner.vitro.test:{port}/")).await;
    daemon.call("POST", &format!("/v1/webhooks/{id}/test"), "", b"").await;
    let refused = delivery(&daemon, &id, |it| it["outcome"] == "failed").await;
    assert_eq!(refused["error"], "address-refused");
    assert!(receiver.told().is_empty());
    daemon.stop().await;
    let daemon = Daemon::start(&ground, &config()).await;
    delivery(&daemon, &id, |it| it["outcome"] == "delivered").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_gone_moved_or_never_done_holds_nobody_up() {
    let (ground, (_site, document)) = (Ground::new(), site().await);
    let daemon = Daemon::start(&ground, &config()).await;
    let good = Receiver::start(Answer::Status(200)).await;
    let gone = Receiver::start(Answer::Status(410)).await;
    let moved = Receiver::start(Answer::Redirect(good.url())).await;
    let [endless, silent, slow] = [
        Receiver::start(Answer::Endless).await,
        Receiver::start(Answer::Silent).await,
        Receiver::start(Answer::Drip).await,
    ];
    let mut ids = Vec::new();
    for receiver in [&gone, &moved, &endless, &silent, &slow, &good] {
        ids.push(hook(&daemon, &receiver.url()).await.0);
    }
    daemon.begin(&document).await;
    let began = std::time::Instant::now();
    assert_eq!(types(&good.until(3).await), ["crawl.created", "crawl.started", "crawl.finished"]);
    assert!(began.elapsed() < Duration::from_secs(10));
    delivery(&daemon, &ids[2], |it| it["type"] == "crawl.finished" && it["outcome"] == "delivered").await;
    delivery(&daemon, &ids[0], |it| it["outcome"] == "gone" && it["status"] == 410).await;
    let (_, view) = daemon.get(&format!("/v1/webhooks/{}", ids[0])).await;
    assert!(view["gone_at"].is_string() && view["waiting"] == 0, "{view}");
    assert_eq!(delivery(&daemon, &ids[1], |it| it["status"] == 302).await["error"], "redirect");
    assert_eq!(delivery(&daemon, &ids[3], |it| it["outcome"] == "failed").await["error"], "timeout");
    assert_eq!(delivery(&daemon, &ids[4], |it| it["outcome"] == "failed").await["error"], "timeout");
    assert_eq!(good.told().len(), 3, "nobody was sent there");
    // A test that is answered brings it back.
    gone.answer(Answer::Status(200));
    daemon.call("POST", &format!("/v1/webhooks/{}/test", ids[0]), "", b"").await;
    delivery(&daemon, &ids[0], |it| it["type"] == "ping" && it["outcome"] == "delivered").await;
    let (_, view) = daemon.get(&format!("/v1/webhooks/{}", ids[0])).await;
    assert!(view["gone_at"].is_null(), "{view}");
    // It stops although somebody does not answer.
    let began = std::time::Instant::now();
    assert_eq!(daemon.stop().await, Some(0));
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_others_is_not_there() {
    let (ground, (_site, document)) = (Ground::new(), site().await);
    let keys = json!([
        key("a", &["read", "crawl"]),
        key("b", &["read", "crawl"]),
        key("boss", &["admin"]),
        key("eye", &["read"])
    ]);
    let mut daemon = Daemon::start(&ground, &config().set("key", keys)).await;
    let [of_a, of_b, of_all] = [
        Receiver::start(Answer::Status(200)).await,
        Receiver::start(Answer::Status(200)).await,
        Receiver::start(Answer::Status(200)).await,
    ];
    daemon.with_key("key-b");
    let everything = json!({"url": of_b.url(), "all": true});
    assert_eq!(daemon.json("POST", "/v1/webhooks", Some(&everything)).await.0, 403);
    hook(&daemon, &of_b.url()).await;
    daemon.with_key("key-boss");
    let (status, made) = daemon.json("POST", "/v1/webhooks", Some(&json!({"url": of_all.url(), "all": true}))).await;
    assert_eq!(status, 201, "{made}");
    daemon.with_key("key-eye");
    assert_eq!(daemon.json("POST", "/v1/webhooks", Some(&json!({"url": of_b.url()}))).await.0, 403);
    daemon.with_key("key-a");
    let (id, _) = hook(&daemon, &of_a.url()).await;
    let crawl = daemon.begin(&document).await;
    daemon.until(&crawl, &["finished"]).await;
    of_a.until(3).await;
    of_all.until(3).await;
    assert!(of_b.told().is_empty());
    daemon.with_key("key-b");
    assert_eq!(daemon.get("/v1/webhooks").await.1["webhooks"].as_array().unwrap().len(), 1);
    for (method, target) in [
        ("GET", format!("/v1/webhooks/{id}")),
        ("DELETE", format!("/v1/webhooks/{id}")),
        ("POST", format!("/v1/webhooks/{id}/test")),
        ("GET", format!("/v1/webhooks/{id}/deliveries")),
        ("POST", format!("/v1/webhooks/{id}/deliveries/1/redeliver")),
        ("GET", "/v1/webhooks/..%2f..%2fversion".to_owned()),
    ] {
        assert_eq!(daemon.call(method, &target, "", b"").await.status, 404, "{method} {target}");
    }
    daemon.with_key("key-boss");
    assert_eq!(daemon.get("/v1/webhooks").await.1["webhooks"].as_array().unwrap().len(), 3);
    assert_eq!(daemon.call("DELETE", &format!("/v1/webhooks/{id}"), "", b"").await.status, 204);
    assert_eq!(daemon.get(&format!("/v1/webhooks/{id}")).await.0, 404);
    // Whose key is gone hears nothing any more.
    let keys = json!([key("a", &["read", "crawl"]), key("boss", &["read", "crawl"])]);
    ground.write("daemon.toml", config().set("key", keys).toml());
    signal(&daemon.child, "HUP").await;
    until("the keys are read", || daemon.has_logged("was read again")).await;
    daemon.with_key("key-a");
    let n = of_all.told().len();
    let crawl = daemon.begin(&document).await;
    daemon.until(&crawl, &["finished"]).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(of_all.told().len(), n, "it was admin's to hear of everybody");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_hooks_are_refused_and_there_are_not_too_many() {
    let ground = Ground::new();
    let daemon = Daemon::start(&ground, &config().set("webhooks.per_caller", 2)).await;
    let long = format!("https://a.example/{}", "x".repeat(10_000));
    let secret = format!("whsec_{}", BASE64_STANDARD.encode([3; 24]));
    for (body, expected) in [
        (json!({}), "url"),
        (json!({"url": 3}), "body"),
        (json!({"url": ""}), "no URL"),
        (json!({"url": long}), "2048"),
        (json!({"url": "ftp://a.example/"}), "http://"),
        (json!({"url": "file:///etc/passwd"}), "http://"),
        (json!({"url": "https://a.example/\r\nx: y"}), "control"),
        (json!({"url": "https://a.example/\u{0}"}), "control"),
        (json!({"url": "https://me:hunter2@a.example/"}), "user name"),
        (json!({"url": "https://a.example:22/"}), "port"),
        (json!({"url": "https://a.example/", "secret": "hunter2"}), "whsec_"),
        (json!({"url": "https://a.example/", "secret": "whsec_aHVudGVyMg=="}), "whsec_"),
        (json!({"url": "https://a.example/", "events": ["crawl.exploded"]}), "crawl.exploded"),
        (json!({"url": "https://a.example/", "events": ["ping"]}), "ping"),
        (json!({"url": "https://a.example/", "owner": "boss"}), "owner"),
    ] {
        let (status, problem) = daemon.json("POST", "/v1/webhooks", Some(&body)).await;
        let detail = problem["detail"].as_str().unwrap();
        assert!(status == 422 && detail.contains(expected), "{body}: {status} {problem}");
        assert!(!detail.contains("hunter2") && !detail.contains("aHVudGVyMg"), "{problem}");
    }
    for _ in 0..2 {
        let given = json!({"url": "https://a.example/", "secret": secret, "events": ["crawl.failed", "crawl.failed"]});
        let (status, made) = daemon.json("POST", "/v1/webhooks", Some(&given)).await;
        assert!(status == 201 && made["secret"] == *secret && made["events"] == json!(["crawl.failed"]), "{made}");
    }
    let (status, problem) = daemon.json("POST", "/v1/webhooks", Some(&json!({"url": "https://a.example/"}))).await;
    assert!(status == 429 && problem["detail"].as_str().unwrap().contains("webhooks.per_caller"), "{problem}");
    let document = json!({"seeds": {"urls": ["http://a.test/"]}, "webhooks": {"allow": ["loopback"]}});
    assert_eq!(daemon.json("POST", "/v1/crawls", Some(&document)).await.0, 422, "a caller can't widen it");
    let id = daemon.get("/v1/webhooks").await.1["webhooks"][0]["id"].as_str().unwrap().to_owned();
    for (target, expected) in [("deliveries?limit=0", 400), ("deliveries?cursor=x", 400)] {
        assert_eq!(daemon.get(&format!("/v1/webhooks/{id}/{target}")).await.0, expected, "{target}");
    }
    assert_eq!(daemon.call("POST", &format!("/v1/webhooks/{id}/deliveries/9/redeliver"), "", b"").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operators_hooks_hear_of_all_and_a_damaged_file_stops_no_crawl() {
    let (ground, (_site, document)) = (Ground::new(), site().await);
    let [first, second] = [Receiver::start(Answer::Status(200)).await, Receiver::start(Answer::Status(200)).await];
    let secret = format!("whsec_{}", BASE64_STANDARD.encode([9; 32]));
    ground.write("secret", &secret);
    let at = |name: &str, receiver: &Receiver, events: &[&str]| {
        let file = ground.path("secret").display().to_string();
        json!({"name": name, "url": receiver.url(), "secret": {"file": file}, "events": events})
    };
    let hooks = |hooks: &[Value]| config().set("webhook", json!(hooks));
    let daemon = Daemon::start(&ground, &hooks(&[at("one", &first, &["crawl.finished"])])).await;
    daemon.begin(&document).await;
    let told = first.until(1).await;
    told[0].verify(&secret);
    assert_eq!(types(&told), ["crawl.finished"]);
    let (status, problem) = daemon.json("DELETE", "/v1/webhooks/operator-one", None).await;
    assert_eq!(status, 409, "{problem}");
    // Another one by SIGHUP.
    ground.write("daemon.toml", hooks(&[at("two", &second, &[])]).toml());
    signal(&daemon.child, "HUP").await;
    until("it is read again", || daemon.has_logged("was read again")).await;
    daemon.begin(&document).await;
    assert_eq!(types(&second.until(3).await), ["crawl.created", "crawl.started", "crawl.finished"]);
    assert_eq!(first.told().len(), 1);
    let (id, _) = hook(&daemon, &first.url()).await;
    daemon.stop().await;
    let kept = contents(&ground.path("data/webhooks"));
    assert_eq!(kept.len(), 3);
    assert!(kept.values().all(|bytes| !String::from_utf8_lossy(bytes).contains(&secret)), "it is in its own file only");
    for (spoilt, name) in [("{\"version\": 1", id.as_str()), ("nonsense", "operator-two")] {
        ground.write(&format!("data/webhooks/{name}.json"), spoilt);
    }
    let daemon = Daemon::start_again(&ground, "").await;
    assert!(daemon.has_logged("damaged") && daemon.has_logged(&format!("{id}.json.damaged")));
    assert_eq!(daemon.get(&format!("/v1/webhooks/{id}")).await.0, 404);
    daemon.begin(&document).await;
    assert_eq!(types(&second.until(6).await)[3..], ["crawl.created", "crawl.started", "crawl.finished"]);
    assert_eq!(
        std::fs::read_to_string(ground.path(&format!("data/webhooks/{id}.json.damaged"))).unwrap(),
        "{\"version\": 1"
    );
}
