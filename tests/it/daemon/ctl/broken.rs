//! What breaks while the client is at it: the daemon, the connection, the reader of its output.

use std::fs;

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinSet,
};

use super::{command, ctl, first_line, json_lines, slow, web};
use crate::support::{
    binary::read_records,
    daemon::{Daemon, config},
    ground::{Ground, finish, until},
};

/// A daemon that can be started again at the same address.
async fn settled(ground: &Ground) -> Daemon {
    let daemon = Daemon::start(ground, &config()).await;
    ground.write("daemon.toml", config().set("daemon.listen", daemon.addr.to_string()).toml());
    daemon
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_is_killed_and_started_again_is_waited_for() {
    let (ground, (_server, document)) = (Ground::new(), web(40).await);
    let mut daemon = settled(&ground).await;
    ground.write("slow.toml", slow(&document).toml());
    let id = ctl(&ground, &daemon, &["submit", "slow.toml"]).await.with(0).stdout.trim().to_owned();
    let mut watching = command(&ground, daemon.addr, &["watch", "web", "--json"]).spawn().unwrap();
    let quiet = command(&ground, daemon.addr, &["watch", "web", "--quiet"]).spawn().unwrap();
    let log = command(&ground, daemon.addr, &["watch", "web"]).spawn().unwrap();
    let following = command(&ground, daemon.addr, &["pages", "web", "--follow"]).spawn().unwrap();
    first_line(&mut watching).await;
    for _ in 0..2 {
        let out = daemon.out(&id).join("pages.jsonl");
        let before = fs::metadata(&out).map_or(0, |file| file.len());
        until("it goes on", || fs::metadata(&out).map_or(0, |file| file.len()) > before).await;
        daemon.kill().await;
        // Long enough to be told.
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        daemon = Daemon::start_again(&ground, "").await;
        daemon.until(&id, &["running", "finished"]).await;
    }
    let [quiet, log] = [finish(quiet).await.with(0), finish(log).await.with(0)];
    assert_eq!(quiet.stderr, "");
    log.saying("waiting for it to come back").saying("the daemon is back").saying("web: finished");
    let events = json_lines(&finish(watching).await.with(0).stdout);
    assert!(events.iter().any(|event| event["data"]["state"] == "finished"));
    let url = |record: &Value| record["url"].as_str().unwrap().to_owned();
    let followed: Vec<String> = json_lines(&finish(following).await.with(0).stdout).iter().map(url).collect();
    let records: Vec<String> = read_records(&daemon.out(&id)).iter().map(url).collect();
    assert_eq!(followed, records, "each record once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_does_not_come_back_is_given_up() {
    let (ground, (_server, document)) = (Ground::new(), web(40).await);
    let daemon = Daemon::start(&ground, &config()).await;
    ground.write("slow.toml", slow(&document).toml());
    let args = ["submit", "slow.toml", "--watch", "--patience", "1s"];
    let mut watching = command(&ground, daemon.addr, &args).spawn().unwrap();
    first_line(&mut watching).await;
    daemon.kill().await;
    finish(watching).await.with(9).saying("the daemon did not come back within 1.0s");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_who_goes_away_is_no_failure() {
    let (ground, (_server, document)) = (Ground::new(), web(40).await);
    let daemon = Daemon::start(&ground, &config()).await;
    ground.write("web.toml", document.toml());
    let id = ctl(&ground, &daemon, &["submit", "web.toml", "--watch"]).await.with(0).stdout.trim().to_owned();
    for args in [&["pages", &id] as &[&str], &["watch", &id, "--json"], &["crawls"], &["receipt", &id]] {
        let mut child = command(&ground, daemon.addr, args).spawn().unwrap();
        drop(child.stdout.take());
        let ended = finish(child).await.with(0);
        assert!(!ended.stderr.contains("error") && !ended.stderr.contains("panic"), "{args:?}: {}", ended.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_goes_on_where_it_stopped() {
    let (ground, (_server, document)) = (Ground::new(), web(60).await);
    let daemon = Daemon::start(&ground, &config()).await;
    let run = async |args: &[&str]| ctl(&ground, &daemon, args).await;
    ground.write("web.toml", document.toml());
    let id = run(&["submit", "web.toml", "--watch"]).await.with(0).stdout.trim().to_owned();
    let whole = fs::read(daemon.out(&id).join("pages.jsonl")).unwrap();
    assert!(whole.len() > 70_000, "{}", whole.len());
    let list = run(&["get", "web"]).await.with(0).stdout;
    assert!(list.contains("  pages.jsonl\n") && list.contains("  receipt.json\n"), "{list}");

    let check = async |draft: Option<&[u8]>| {
        if let Some(draft) = draft {
            ground.write("pages.jsonl.part", draft);
        }
        run(&["get", "web", "pages.jsonl"]).await.with(0).saying("pages.jsonl: ");
        assert!(fs::read(ground.path("pages.jsonl")).unwrap() == whole, "{:?}", draft.map(<[u8]>::len));
        assert!(!ground.path("pages.jsonl.part").exists());
    };
    check(None).await;
    check(Some(&whole[..70_000])).await;
    check(Some(&whole[..1])).await;
    check(Some(&whole)).await;
    check(Some(b"")).await;
    // Of another file, and longer than this one.
    check(Some(b"something else")).await;
    check(Some(&vec![b'x'; 70_000])).await;
    check(Some(&[&whole, b"more".as_slice()].concat())).await;
    check(Some(&vec![b'x'; whole.len() + 200_000])).await;

    assert_eq!(run(&["get", "web", "pages.jsonl", "--output", "-"]).await.with(0).stdout.as_bytes(), whole);
    fs::create_dir(ground.path("folder")).unwrap();
    run(&["get", "web", "receipt.json", "--output", "folder"]).await.with(0);
    assert!(ground.path("folder/receipt.json").exists());
    run(&["get", "web", "nothing.jsonl"]).await.with(10).saying("(404)");
    assert!(!ground.path("nothing.jsonl.part").exists());
    run(&["get", "web", "../crawl.json"]).await.with(10).saying("(404)");
    run(&["get", "web", ".."]).await.with(2);
    run(&["get", "web", "receipt.json", "--output", "no/such/folder"]).await.with(6).saying("can't be written");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_breaks_every_now_and_then_is_no_end_of_a_download() {
    const AT_MOST: usize = 3000;
    let ground = Ground::new();
    let file: Vec<u8> = (0..20_000_u32).flat_map(u32::to_le_bytes).take(20_000).collect();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (mut tasks, sent) = (JoinSet::new(), file.clone());
    tasks.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut call = [0; 4096];
            let n = stream.read(&mut call).await.unwrap();
            let call = String::from_utf8_lossy(&call[..n]).to_lowercase();
            let from =
                call.split_once("range: bytes=").map(|(_, from)| from.split('-').next().unwrap().parse().unwrap());
            let status = if from.is_some() { "206 Partial Content" } else { "200 OK" };
            let (from, length, last) = (from.unwrap_or(0), sent.len(), sent.len() - 1);
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\nContent-Range: bytes {from}-{last}/{length}\r\n\r\n",
                length - from
            );
            let _ = stream.write_all(head.as_bytes()).await;
            let _ = stream.write_all(&sent[from..length.min(from + AT_MOST)]).await;
        }
    });
    let id = "01a2193c-c931-7221-9cc3-d386ecb937b1";
    for output in ["whole", "-"] {
        let got = command(&ground, addr, &["get", id, "pages.jsonl", "--output", output]).output().await.unwrap();
        assert_eq!(got.status.code(), Some(0), "{got:?}");
        assert!(if output == "-" { got.stdout == file } else { fs::read(ground.path(output)).unwrap() == file });
    }
}
