//! What once broke, each by the name of what must hold.

use std::{fs, sync::Arc, time::Duration};

use dragline::vitro::{Options, Server, Web};
use serde_json::{Value, json};

use crate::support::{
    binary::signal,
    client::Client,
    daemon::{Daemon, config},
    ground::{Ground, reconciled, until},
};

async fn web(pages_per_host: u32) -> (Server, Value) {
    let options = Options { n_hosts: 3, pages_per_host, curios: false, slow: Duration::ZERO, ..Options::demo() };
    let server = Server::start(Arc::new(Web::new(options)), 0).await.unwrap();
    let document = json!({"seeds": {"urls": server.seeds()}, "scope": {"mode": "domain"}});
    (server, document)
}

/// Of one page.
fn short(document: &Value) -> Value {
    let mut document = document.clone();
    document["seeds"]["urls"] = json!([document["seeds"]["urls"][0]]);
    document["limits"] = json!({"depth": 0});
    document
}

#[tokio::test(flavor = "multi_thread")]
async fn seeds_that_come_as_a_crawl_ends_are_crawled() {
    let (ground, (_server, document)) = (Ground::new(), web(5).await);
    let (other, _) = web(5).await;
    let seed = other.seeds()[0].clone();
    let daemon = Daemon::start(&ground, &config()).await;
    for _ in 0..4 {
        let id = daemon.begin(&short(&document)).await;
        loop {
            let (_, crawl) = daemon.get(&format!("/v1/crawls/{id}")).await;
            if crawl["counts"]["fetched"] == 1 || crawl["state"] == "finished" {
                break;
            }
        }
        let (status, added) =
            daemon.json("POST", &format!("/v1/crawls/{id}/seeds"), Some(&json!({"urls": [seed]}))).await;
        assert!(status == 200 && added["added"] == 1, "{added}");
        let is_there = async {
            loop {
                daemon.until(&id, &["finished"]).await;
                if reconciled(&daemon.out(&id)).contains_key(&seed) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), is_there).await.expect("the seed is crawled");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_wanted_and_never_begun_is_still_wanted_after_a_cancel() {
    let (ground, (_server, document)) = (Ground::new(), web(5).await);
    let (other, _) = web(5).await;
    let seed = other.seeds()[0].clone();
    let daemon = Daemon::start(&ground, &config().set("daemon.running", 1)).await;
    let id = daemon.begin(&short(&document)).await;
    daemon.until(&id, &["finished"]).await;
    let mut slow = document.clone();
    slow["politeness"] = json!({"rate": "1/s", "per_host": 1});
    let blocker = daemon.begin(&slow).await;
    daemon.until(&blocker, &["running"]).await;
    let at = |what: &str| format!("/v1/crawls/{id}{what}");
    let (_, added) = daemon.json("POST", &at("/seeds"), Some(&json!({"urls": [seed]}))).await;
    assert_eq!(added["crawl"]["state"], "queued", "{added}");
    assert_eq!(daemon.json("POST", &at("/cancel"), None).await.1["state"], "cancelled");
    assert_eq!(daemon.json("POST", &at("/resume"), None).await.1["state"], "queued");
    assert_eq!(daemon.json("POST", &format!("/v1/crawls/{blocker}/cancel"), None).await.0, 200);
    daemon.until(&id, &["finished"]).await;
    assert!(reconciled(&daemon.out(&id)).contains_key(&seed));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crawl_that_was_to_end_when_the_daemon_died_has_ended() {
    let (ground, (_server, document)) = (Ground::new(), web(5).await);
    let daemon = Daemon::start(&ground, &config()).await;
    let (_, crawl) = daemon.json("POST", "/v1/crawls?paused=true", Some(&document)).await;
    let id = crawl["id"].as_str().unwrap().to_owned();
    let entry = daemon.out(&id).parent().unwrap().join("crawl.json");
    daemon.kill().await;
    let text = fs::read_to_string(&entry).unwrap().replace("\"want\": \"pause\"", "\"want\": \"cancel\"");
    fs::write(&entry, text).unwrap();
    let daemon = Daemon::start_again(&ground, "").await;
    assert_eq!(daemon.get(&format!("/v1/crawls/{id}")).await.1["state"], "cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn explaining_a_crawl_while_it_is_deleted_leaves_nothing_behind() {
    let (ground, (_server, document)) = (Ground::new(), web(5).await);
    let daemon = Daemon::start(&ground, &config()).await;
    for _ in 0..3 {
        let id = daemon.begin(&short(&document)).await;
        daemon.until(&id, &["finished"]).await;
        let target = format!("/v1/crawls/{id}/explain?url=http://x.test/");
        let explain = || daemon.get(&target);
        let delete = async {
            tokio::time::sleep(Duration::from_millis(30)).await;
            daemon.json("DELETE", &format!("/v1/crawls/{id}"), None).await.0
        };
        let (.., status) = tokio::join!(explain(), explain(), explain(), explain(), delete);
        assert_eq!(status, 204);
    }
    let left: Vec<_> = fs::read_dir(ground.path("data/crawls")).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert!(left.is_empty(), "{left:?}");
    // And one that an older daemon has left stops nobody.
    fs::create_dir_all(ground.path("data/crawls/01a21925-ce1f-77a3-9df3-4f1a4d0b9b8c/out/state")).unwrap();
    daemon.stop().await;
    let daemon = Daemon::start_again(&ground, "").await;
    assert_eq!(daemon.get("/v1/crawls").await.1, json!({"crawls": []}));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_watches_a_crawl_that_is_deleted_is_let_go() {
    let (ground, (_server, document)) = (Ground::new(), web(5).await);
    let daemon = Daemon::start(&ground, &config()).await;
    let (_, crawl) = daemon.json("POST", "/v1/crawls?paused=true", Some(&document)).await;
    let at = format!("/v1/crawls/{}", crawl["id"].as_str().unwrap());
    let (addr, target) = (daemon.addr, format!("{at}/events"));
    let watching =
        async move { Client::connect(addr).await.get(&addr.to_string(), &target, "Connection: close\r\n").await };
    let deleting = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        daemon.json("DELETE", &at, None).await.0
    };
    let both = async { tokio::join!(watching, deleting) };
    let (watched, status) = tokio::time::timeout(Duration::from_secs(20), both).await.expect("the stream ends");
    assert_eq!((watched.status, status), (200, 204));
    assert!(String::from_utf8_lossy(&watched.body).contains("\"deleted\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_the_operator_made_wrong_can_be_mended() {
    let (ground, (_server, document)) = (Ground::new(), web(5).await);
    let daemon = Daemon::start(&ground, &config().set("limits.pages", 900)).await;
    let mut large = document.clone();
    large["limits"] = json!({"pages": 900});
    let (_, crawl) = daemon.json("POST", "/v1/crawls?paused=true", Some(&large)).await;
    let at = format!("/v1/crawls/{}", crawl["id"].as_str().unwrap());
    ground.write("daemon.toml", config().set("limits.pages", 500).toml());
    signal(&daemon.child, "HUP").await;
    until("it takes it", || daemon.has_logged("is in force")).await;
    let (status, mended) = daemon.json("PATCH", &at, Some(&json!({"limits": {"pages": 100}}))).await;
    assert_eq!(status, 200, "{mended}");
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_and_places_of_an_earlier_pass_are_not_taken_for_those_of_a_later_one() {
    let (ground, (_server, document)) = (Ground::new(), web(10).await);
    let daemon = Daemon::start(&ground, &config()).await;
    let id = daemon.begin(&document).await;
    daemon.until(&id, &["finished"]).await;
    let at = |what: &str| format!("/v1/crawls/{id}{what}");
    let (_, page) = daemon.get(&at("/pages?limit=3")).await;
    let next = page["next"].as_str().unwrap().to_owned();
    let whole = daemon.call("GET", &at("/outputs/pages.jsonl"), "Range: bytes=5-9\r\nIf-Range: \"x\"\r\n", b"").await;
    assert_eq!(whole.status, 200, "a part on a condition that can't be judged");
    assert_eq!(daemon.json("POST", &at("/recrawl"), None).await.0, 200);
    let again = async {
        while daemon.get(&at("/receipt")).await.1["pass"] != 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), again).await.expect("it is done again");
    let (status, told) = daemon.get(&at(&format!("/pages?cursor={next}"))).await;
    assert!(status == 400 && told["detail"].as_str().unwrap().contains("earlier pass"), "{told}");
}
