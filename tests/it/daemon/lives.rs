//! One daemon after the other in one folder: stopped, killed, struck at every step of the ledger.

use std::{sync::Arc, time::Duration};

use dragline::vitro::{Options, Server, Web};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{
    binary::signal,
    daemon::{Daemon, config},
    ground::{Ground, reconciled, until},
};

async fn web() -> (Server, Value) {
    let options = Options { n_hosts: 3, pages_per_host: 30, curios: false, ..Options::demo() };
    let server = Server::start(Arc::new(Web::new(options)), 0).await.unwrap();
    let document =
        json!({"seeds": {"urls": server.seeds()}, "scope": {"mode": "domain"}, "politeness": {"rate": "60/s"}});
    (server, document)
}

#[tokio::test(flavor = "multi_thread")]
async fn crawls_go_on_after_a_stop_and_after_a_kill() {
    let (ground, (_server, document)) = (Ground::new(), web().await);
    let daemon = Daemon::start(&ground, &config()).await;
    let ids = [daemon.begin(&document).await, daemon.begin(&document).await];
    let (_, paused) = daemon.json("POST", "/v1/crawls?paused=true", Some(&document)).await;
    for id in &ids {
        daemon.until(id, &["running"]).await;
    }
    assert_eq!(daemon.stop().await, Some(0));
    let daemon = Daemon::start_again(&ground, "").await;
    let running = daemon.until(&ids[0], &["running"]).await;
    assert!(running["counts"]["discovered"].as_u64() > Some(0) || running["counts"]["discovered"] == 0);
    daemon.kill().await;
    let daemon = Daemon::start_again(&ground, "").await;
    for id in &ids {
        daemon.until(id, &["finished"]).await;
    }
    let [first, second] = ids.each_ref().map(|id| reconciled(&daemon.out(id)));
    assert!(first.keys().eq(second.keys()) && first.len() > 50, "{} and {}", first.len(), second.len());
    let (_, paused) = daemon.get(&format!("/v1/crawls/{}", paused["id"].as_str().unwrap())).await;
    assert_eq!(paused["state"], "paused", "nobody resumed it");
    assert_eq!(daemon.stop().await, Some(0));
    for id in &ids {
        let out = ground.path("data").join("crawls").join(id).join("out");
        ground.run(&["verify", out.to_str().unwrap(), "--quiet"]).await.with(0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_there_whatever_step_the_daemon_dies_at() {
    let (ground, (_server, document)) = (Ground::new(), web().await);
    Daemon::start(&ground, &config()).await.stop().await;
    let mut known = Vec::new();
    for name in [
        "ledger.write",
        "ledger.sync",
        "ledger.rename",
        "ledger.folder",
        "ledger.add.rename",
        "ledger.add.folder",
        "ledger.delete",
    ] {
        for fault in ["return(kill)", "return(EIO)", "1*off->return(50% kill)", "1*off->return(ENOSPC)"] {
            let daemon = Daemon::start_again(&ground, &format!("{name}={fault}")).await;
            for n in 0..3 {
                let body = document.to_string();
                let lines = format!("Content-Type: application/json\r\nIdempotency-Key: {name}-{fault}-{n}\r\n");
                let Some((status, crawl)) = try_call(&daemon, "POST", "/v1/crawls?paused=true", &lines, &body).await
                else {
                    break;
                };
                match status {
                    201 => known.push(crawl["id"].as_str().unwrap().to_owned()),
                    503 => assert!(!crawl["detail"].as_str().unwrap().contains('/'), "{crawl}"),
                    _ => panic!("{status}: {crawl}"),
                }
            }
            if name == "ledger.delete" {
                let id = known.pop().unwrap();
                match try_call(&daemon, "DELETE", &format!("/v1/crawls/{id}"), "", "").await {
                    Some((204, _)) => {}
                    Some((503, _)) => known.push(id),
                    None => {}
                    Some(other) => panic!("{other:?}"),
                }
            }
            drop(daemon);
        }
    }
    let daemon = Daemon::start_again(&ground, "").await;
    assert!(known.len() > 10, "{}", known.len());
    for id in &known {
        assert_eq!(daemon.get(&format!("/v1/crawls/{id}")).await.0, 200, "{id} is gone");
    }
    // A call that was answered by nobody can be made again, and makes one crawl.
    let (_, all) = daemon.get("/v1/crawls?limit=500").await;
    let n_before = all["crawls"].as_array().unwrap().len();
    let lines = "Content-Type: application/json\r\nIdempotency-Key: ledger.write-return(kill)-0\r\n";
    for _ in 0..2 {
        try_call(&daemon, "POST", "/v1/crawls?paused=true", lines, &document.to_string()).await.unwrap();
    }
    let (_, all) = daemon.get("/v1/crawls?limit=500").await;
    assert!(all["crawls"].as_array().unwrap().len() <= n_before + 1);
}

/// A call that may end with the daemon.
pub(super) async fn try_call(
    daemon: &Daemon,
    method: &str,
    target: &str,
    lines: &str,
    body: &str,
) -> Option<(u16, Value)> {
    let mut stream = tokio::net::TcpStream::connect(daemon.addr).await.ok()?;
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let head =
        format!("{method} {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{lines}{length}\r\n", daemon.addr);
    stream.write_all(format!("{head}{body}").as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok()?;
    let text = String::from_utf8(answer).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, serde_json::from_str(body).unwrap_or_default()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_daemon_in_the_folder_is_refused() {
    let ground = Ground::new();
    let daemon = Daemon::start(&ground, &config()).await;
    ground.run(&["serve", "--config", "daemon.toml"]).await.with(6).saying("another daemon works on");
    assert_eq!(daemon.get("/readyz").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_is_read_again_and_a_wrong_one_is_not_taken() {
    let (ground, (_server, document)) = (Ground::new(), web().await);
    let daemon = Daemon::start(&ground, &config().set("limits.pages", 10)).await;
    let mut large = document.clone();
    large["limits"] = json!({"pages": 11});
    assert_eq!(daemon.json("POST", "/v1/crawls", Some(&large)).await.0, 422);
    ground.write("daemon.toml", config().set("limits.pages", "many").toml());
    signal(&daemon.child, "HUP").await;
    until("it says why", || daemon.has_logged("limits.pages")).await;
    assert_eq!(daemon.json("POST", "/v1/crawls", Some(&large)).await.0, 422);
    ground.write("daemon.toml", config().set("limits.pages", 20).set("daemon.running", 9).toml());
    signal(&daemon.child, "HUP").await;
    until("it takes it", || daemon.has_logged("is in force")).await;
    assert!(daemon.has_logged("daemon.running changes when"));
    assert_eq!(daemon.json("POST", "/v1/crawls", Some(&large)).await.0, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_and_silent_callers_disturb_nobody() {
    let (ground, (_server, document)) = (Ground::new(), web().await);
    let config = config().set("daemon.connections", 20).set("daemon.timeout", "1s").set("daemon.readers", 2);
    let daemon = Daemon::start(&ground, &config).await;
    let id = daemon.begin(&document).await;
    // Heads that never end, bodies that never come, and readers of events who are gone or do not read.
    let mut held = Vec::new();
    for n in 0..18 {
        let mut stream = tokio::net::TcpStream::connect(daemon.addr).await.unwrap();
        let text = match n % 3 {
            0 => "GET /v1/crawls HTTP/1.1\r\nHost: localho".to_owned(),
            1 => "POST /v1/crawls HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{".to_owned(),
            _ => String::new(),
        };
        stream.write_all(text.as_bytes()).await.unwrap();
        held.push(stream);
    }
    let began = std::time::Instant::now();
    assert_eq!(daemon.get("/healthz").await.0, 200);
    assert!(began.elapsed() < Duration::from_secs(10));
    for mut stream in held {
        let mut answer = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await;
        let text = String::from_utf8_lossy(&answer).into_owned();
        assert!(read.is_ok(), "it is kept for ever: {text}");
        assert!(text.is_empty() || text.contains(" 408 "), "{text}");
    }
    let (_, paused) = daemon.json("POST", "/v1/crawls?paused=true", Some(&document)).await;
    let paused = paused["id"].as_str().unwrap();
    let target = format!("GET /v1/crawls/{paused}/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let mut readers = Vec::new();
    for _ in 0..3 {
        let mut stream = tokio::net::TcpStream::connect(daemon.addr).await.unwrap();
        stream.write_all(target.as_bytes()).await.unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).await.unwrap();
        readers.push((stream, String::from_utf8_lossy(&head).into_owned()));
    }
    let statuses: Vec<&str> = readers.iter().map(|(_, head)| &head[9..]).collect();
    assert_eq!(statuses, ["200", "200", "503"]);
    daemon.until(&id, &["finished"]).await;
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_manager_is_told_how_it_is() {
    let ground = Ground::new();
    let socket = tokio::net::UnixDatagram::bind(ground.path("notify")).unwrap();
    ground.write("daemon.toml", config().toml());
    let mut command = ground.command(&["serve", "--config", "daemon.toml"]);
    command.env("NOTIFY_SOCKET", ground.path("notify")).env("WATCHDOG_USEC", "600000");
    let child = command.spawn().unwrap();
    let next = async || {
        let mut text = vec![0; 4096];
        let received = tokio::time::timeout(Duration::from_secs(30), socket.recv(&mut text)).await;
        let n = received.expect("it says something").unwrap();
        String::from_utf8_lossy(&text[..n]).into_owned()
    };
    let until = async |expected: &str| {
        let mut before = 0;
        loop {
            let said = next().await;
            if said.starts_with(expected) {
                return before;
            }
            assert!(said.starts_with("WATCHDOG=1"), "{said} before {expected}");
            before += 1;
        }
    };
    until("READY=1").await;
    until("WATCHDOG=1").await;
    signal(&child, "HUP").await;
    until("RELOADING=1").await;
    until("READY=1").await;
    signal(&child, "TERM").await;
    until("STOPPING=1").await;
    crate::support::ground::finish(child).await.with(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheduled_crawl_is_begun_in_time_and_done_again() {
    let (ground, (_server, document)) = (Ground::new(), web().await);
    ground.write("daemon.toml", config().toml());
    // Three seconds before a minute is full.
    let seconds = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() % 60;
    let shift = |more: i64| format!("clock.start=return({})", 57 - i64::try_from(seconds).unwrap() + more);
    let daemon = Daemon::start_again(&ground, &shift(0)).await;
    for (wrong, why) in [
        (json!({"cron": "* * * *", "document": document}), "five fields"),
        (json!({"cron": "* * * * *", "zone": "Nowhere", "document": document}), "not known"),
        (json!({"cron": "0 0 31 2 *", "document": document}), "never"),
        (json!({"cron": "* * * * *", "document": {"seeds": {"stdin": true}}}), "operator"),
        (json!({"cron": "* * * * *"}), "document"),
    ] {
        let (status, problem) = daemon.json("POST", "/v1/schedules", Some(&wrong)).await;
        assert!(status == 422 && problem.to_string().contains(why), "{wrong}: {problem}");
    }
    let (status, made) =
        daemon.json("POST", "/v1/schedules", Some(&json!({"cron": "* * * * *", "document": document}))).await;
    assert!(status == 201 && made["next_at"].as_str().unwrap().ends_with(":00.000Z"), "{made}");
    let at = format!("/v1/schedules/{}", made["id"].as_str().unwrap());
    let crawl = async |daemon: &Daemon| {
        for _ in 0..1000 {
            let (_, schedule) = daemon.get(&at).await;
            if let Some(id) = schedule["crawl"].as_str() {
                return id.to_owned();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("it is never begun");
    };
    let id = crawl(&daemon).await;
    daemon.until(&id, &["finished"]).await;
    let (_, schedule) = daemon.json("PATCH", &format!("{at}?paused=true"), None).await;
    assert!(schedule["paused"] == true && schedule.get("next_at").is_none(), "{schedule}");
    daemon.kill().await;
    // Hours later: what passed while it was paused is not made up for, what passed after that counts as one.
    let daemon = Daemon::start_again(&ground, &shift(3 * 3600)).await;
    let (_, schedule) = daemon.json("PATCH", &format!("{at}?paused=false"), None).await;
    assert_eq!(schedule["paused"], false);
    daemon.kill().await;
    let daemon = Daemon::start_again(&ground, &shift(9 * 3600)).await;
    let passes = async {
        loop {
            let (status, receipt) = daemon.get(&format!("/v1/crawls/{id}/receipt")).await;
            if status == 200 && receipt["pass"] == 2 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), passes).await.expect("it is done again");
    let (_, all) = daemon.get("/v1/crawls").await;
    assert_eq!(all["crawls"].as_array().unwrap().len(), 1, "{all}");
    assert_eq!(daemon.json("DELETE", &at, None).await.0, 204);
    assert_eq!(daemon.get("/v1/schedules").await.1, json!({"schedules": []}));
}
