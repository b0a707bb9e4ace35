//! The shell client, as shells call it: the built program against a daemon of its own.

mod broken;
mod hostile;

use std::{fs, net::SocketAddr, sync::Arc};

use bytes::BufMut;
use dragline::vitro::{Options, Server, Web};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
};

use crate::support::{
    binary::{read_records, signal},
    daemon::{Daemon, config},
    ground::{Config, Ended, Ground, finish},
};

/// A small glass web, and the document of a crawl of it.
async fn web(pages_per_host: u32) -> (Server, Config) {
    let options = Options { n_hosts: 3, pages_per_host, curios: false, ..Options::demo() };
    let server = Server::start(Arc::new(Web::new(options)), 0).await.unwrap();
    let document = Config::new(server.seeds()).set("scope.mode", "domain").set("job.name", "web");
    (server, only_a_crawl(document))
}

/// Without what a document for a daemon may not say.
fn only_a_crawl(config: Config) -> Config {
    let foreign =
        ["job.out", "fetch.allow_addresses", "politeness.backoff_base", "telemetry.progress", "telemetry.log"];
    foreign.into_iter().fold(config, Config::without)
}

fn slow(document: &Config) -> Config {
    document.clone().set("politeness.rate", "20/s").set("politeness.per_host", 1)
}

/// The client, about to speak to whoever listens at `addr`.
fn command(ground: &Ground, addr: SocketAddr, args: &[&str]) -> Command {
    let url = format!("http://{addr}");
    ground.command(&[&["ctl", "--url", &url], args].concat())
}

async fn ctl(ground: &Ground, daemon: &Daemon, args: &[&str]) -> Ended {
    finish(command(ground, daemon.addr, args).spawn().unwrap()).await
}

/// The first line that it prints; it may go on to print others.
async fn first_line(child: &mut Child) -> String {
    line_of(child.stdout.as_mut().expect("it is piped")).await
}

/// The next line, and nothing of what comes after it, which is for others.
async fn line_of(pipe: &mut (impl AsyncRead + Unpin)) -> String {
    let mut line = Vec::new();
    while line.last() != Some(&b'\n') {
        assert!(pipe.read_buf(&mut (&mut line).limit(1)).await.unwrap() > 0, "it prints something");
    }
    String::from_utf8(line).unwrap()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(json).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crawl_is_submitted_watched_and_read() {
    let (ground, (_server, document)) = (Ground::new(), web(20).await);
    let daemon = Daemon::start(&ground, &config()).await;
    let run = async |args: &[&str]| ctl(&ground, &daemon, args).await;
    ground.write("web.toml", document.toml());
    assert_eq!(run(&["crawls"]).await.with(0).saying("no crawls").stdout, "");

    let submitted = run(&["submit", "web.toml", "--watch", "--priority", "7"]).await.with(0);
    let submitted = submitted.saying("running").saying("web: finished ·");
    let id = submitted.stdout.trim().to_owned();
    let (_, crawl) = daemon.get(&format!("/v1/crawls/{id}")).await;
    assert_eq!((&crawl["state"], &crawl["priority"]), (&Value::from("finished"), &Value::from(7)));
    // One that is over is over.
    assert_eq!(run(&["watch", "web", "--quiet"]).await.with(0).stderr, "");
    let events = json_lines(&run(&["watch", &id, "--json"]).await.with(0).stdout);
    let last = events.last().unwrap();
    assert!(last["event"] == "state" && last["data"]["state"] == "finished" && last["id"].is_string(), "{last}");
    assert!(events.iter().any(|event| event["event"] == "page" && event["data"]["url"].is_string()));

    // It is meant by its id, either end of it, and its name.
    let table = run(&["crawls"]).await.with(0).stdout;
    assert!(table.contains("finished") && table.contains(&id[24..]) && table.lines().count() == 2, "{table}");
    for word in [&id, &id[..8], &id[32..], &id.to_uppercase(), "web"] {
        let shown = run(&["show", word]).await.with(0).stdout;
        assert!(shown.starts_with("web\n") && shown.contains(&id), "{word}: {shown}");
    }
    assert_eq!(json(&run(&["show", "web", "--json"]).await.with(0).stdout), crawl);
    let listed = json_lines(&run(&["crawls", "--json", "--state", "finished"]).await.with(0).stdout);
    assert!(listed.len() == 1 && listed[0]["id"] == *id);

    let records = read_records(&daemon.out(&id));
    assert!(records.len() > 50, "{}", records.len());
    assert_eq!(json_lines(&run(&["pages", "web"]).await.with(0).stdout), records);
    assert_eq!(json_lines(&run(&["pages", "web", "--follow"]).await.with(0).stdout), records);
    let failed = json_lines(&run(&["pages", "web", "--outcome", "failed", "--status", "404"]).await.with(0).stdout);
    let expected = |record: &&Value| record["outcome"] == "failed" && record["status"] == 404;
    assert_eq!(failed.len(), records.iter().filter(expected).count());
    let some = json_lines(&run(&["pages", "web", "--url-part", "/sitemap", "--reason", "x"]).await.with(0).stdout);
    assert!(some.is_empty());
    let receipt = json(&run(&["receipt", "web"]).await.with(0).stdout);
    assert_eq!(receipt, json(&fs::read_to_string(daemon.out(&id).join("receipt.json")).unwrap()));

    let seed = records[0]["url"].as_str().unwrap();
    let why = run(&["explain", "web", seed]).await.with(0).stdout;
    assert!(why.starts_with(seed) && why.contains("  so          it was "), "{why}");
    assert!(json(&run(&["explain", "web", seed, "--json"]).await.with(0).stdout)["conclusion"].is_string());
    let version = run(&["version"]).await.with(0).stdout;
    assert!(version.starts_with(concat!("dragline ", env!("CARGO_PKG_VERSION"), ", running since 2")), "{version}");
    assert_eq!(json(&run(&["version", "--json"]).await.with(0).stdout)["name"], "dragline");
    assert_eq!(run(&["delete", "web"]).await.with(0).stdout, format!("{}: deleted\n", &id[24..]));
    run(&["watch", &id]).await.with(10).saying("there is no such crawl");
}

#[tokio::test(flavor = "multi_thread")]
async fn crawls_are_paused_resumed_cancelled_and_done_again() {
    let (ground, (server, document)) = (Ground::new(), web(20).await);
    let daemon = Daemon::start(&ground, &config()).await;
    let run = async |args: &[&str]| ctl(&ground, &daemon, args).await;
    ground.write("slow.json", slow(&document).json());
    let id = run(&["submit", "slow.json", "--paused"]).await.with(0).stdout.trim().to_owned();
    assert_eq!(run(&["pause", "web"]).await.with(0).stdout, format!("{} web: paused\n", &id[24..]));
    assert_eq!(json(&run(&["resume", "web", "--json"]).await.with(0).stdout)["id"], *id);
    daemon.until(&id, &["running"]).await;

    // What can't be done to one is done to the others.
    let mixed = run(&["cancel", "nobody", "web", "0123456789"]).await.with(10);
    let mixed = mixed.saying("cancel: nobody: no crawl has the name").saying("cancel: 0123456789:");
    assert!(mixed.stdout.contains(" web: cancel"), "{}", mixed.stdout);
    assert_eq!(run(&["watch", "web", "--quiet"]).await.with(4).stderr, "");
    run(&["delete", "web"]).await.with(0);

    ground.write("limited.toml", document.clone().set("limits.pages", 3).set("job.name", "limited").toml());
    run(&["submit", "limited.toml", "--watch", "--quiet"]).await.with(3);
    run(&["cancel", "limited"]).await.with(10).saying("(409)");
    ground.write("none.toml", document.set("seeds.urls", vec!["http://127.0.0.1:9/"]).toml());
    run(&["submit", "none.toml", "--watch"]).await.with(5).saying("finished, but no page was fetched");
    let seeds = run(&["seeds", "web", &server.seeds()[0], &server.seeds()[1]]).await.with(0).stdout;
    assert!(seeds.contains(" web: 2 seeds added, "), "{seeds}");
    run(&["watch", "web"]).await.with(0);
    run(&["seeds", "web", "nonsense"]).await.with(2).saying("urls[0] is no URL to crawl");
    run(&["recrawl", "web"]).await.with(0);
    run(&["watch", "web"]).await.with(0);
    assert_eq!(json(&run(&["receipt", "web"]).await.with(0).stdout)["pass"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_judged_with_their_places_and_words_make_one_crawl() {
    let (ground, (_server, document)) = (Ground::new(), web(5).await);
    let daemon = Daemon::start(&ground, &config()).await;
    let run = async |args: &[&str]| ctl(&ground, &daemon, args).await;
    ground.write(
        "bad.toml",
        format!("{}limits.depht = 3\nscope.mode = \"galaxy\"\n", document.clone().without("scope.mode").toml()),
    );
    let refused = run(&["submit", "bad.toml"]).await.with(2);
    assert_eq!(refused.stdout, "");
    refused
        .saying("(422)")
        .saying("\n  bad.toml:")
        .saying("limits.depht: unknown key; did you mean")
        .saying("scope.mode");
    ground.write("site.yaml", document.yaml());
    run(&["submit", "site.yaml"]).await.with(2).saying("--format");
    run(&["submit", "missing.toml"]).await.with(2).saying("missing.toml can't be read");
    assert_eq!(run(&["crawls", "--json"]).await.with(0).stdout, "", "none of that made a crawl");

    let mut ids = Vec::new();
    ground.write("document", document.json());
    for _ in 0..2 {
        let mut submit = command(&ground, daemon.addr, &["submit", "-", "--paused", "--idempotency-key", "monday"]);
        submit.stdin(fs::File::open(ground.path("document")).unwrap());
        ids.push(finish(submit.spawn().unwrap()).await.with(0).stdout);
    }
    assert_eq!(ids[0], ids[1]);
    ground.write("web.toml", document.toml());
    run(&["submit", "web.toml", "--idempotency-key", "monday"]).await.with(2).saying("(422)");
    // Two of one name are two.
    run(&["submit", "web.toml", "--paused"]).await.with(0);
    run(&["show", "web"]).await.with(10).saying("2 crawls are meant by `web`:\n  ").saying(&ids[0].trim()[24..]);
    run(&["show", ""]).await.with(10).saying("of an id it takes 4 characters");
    // All pages of the list, up to the limit.
    for _ in 0..3 {
        run(&["submit", "web.toml", "--paused"]).await.with(0);
    }
    assert_eq!(run(&["crawls", "--limit", "4"]).await.with(0).saying("there are more").stdout.lines().count(), 5);
    assert_eq!(run(&["crawls", "--limit", "5"]).await.with(0).stdout.lines().count(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn single_urls_are_fetched() {
    let (ground, (server, _)) = (Ground::new(), web(5).await);
    let daemon = Daemon::start(&ground, &config()).await;
    let run = async |args: &[&str]| ctl(&ground, &daemon, args).await;
    let seed = &server.seeds()[0];
    let args = ["fetch", seed, "not a url", seed, "--max-age", "60", "--include-body", "--deadline", "30s"];
    let results = json_lines(&run(&args).await.with(0).stdout);
    let told: Vec<_> = results.iter().map(|it| (it["position"].as_u64(), it["outcome"].as_str().unwrap())).collect();
    assert_eq!(told, [(Some(1), "fetched"), (Some(2), "invalid"), (Some(3), "fetched")]);
    assert!(results[0]["body"].as_str().unwrap().contains("<html"), "{}", results[0]);
    run(&["fetch", "http://169.254.169.254/"]).await.with(5);
    run(&["fetch", seed, "--deadline", "11m"]).await.with(2).saying("deadline_ms");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_opens_what_it_is_for_and_is_shown_to_nobody() {
    let ground = Ground::new();
    let keys = [("eye", "sesame-eye", "read"), ("hand", "sesame-hand", "crawl")].map(|(name, key, scope)| {
        let digest: String = Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect();
        format!("[[key]]\nname = \"{name}\"\nhash = \"sha256:{digest}\"\nscopes = [\"{scope}\"]\n")
    });
    ground.write("daemon.toml", format!("{}\n{}", config().toml(), keys.concat()));
    let daemon = Daemon::start_again(&ground, "").await;
    ground.write("web.toml", "seeds.urls = [\"http://nobody.vitro.test/\"]\n");
    ground.write("eye.key", "sesame-eye\n# further lines don't count\n");
    ground.write("bad.key", "two words\n");
    let url = format!("http://{}", daemon.addr);
    let run = async |key: &str, args: &[&str], code: i32| {
        let mut command = ground.command(&[&["ctl"], args].concat());
        command.env("DRAGLINE_URL", &url).env("DRAGLINE_KEY", key).env("RUST_LOG", "trace");
        // Nor is it sent to whoever the environment calls a proxy.
        command.env("HTTP_PROXY", "http://127.0.0.1:1").env("ALL_PROXY", "http://127.0.0.1:1");
        let ended = finish(command.spawn().unwrap()).await.with(code);
        assert!(!format!("{}{}", ended.stdout, ended.stderr).contains("sesame"), "{}", ended.stderr);
        ended
    };
    run("", &["crawls"], 10).await.saying("(401)").saying("no key was sent: DRAGLINE_KEY or --key-file");
    run("sesame-wrong", &["crawls"], 10).await.saying("the key that was sent is not known");
    run("sesame eye", &["crawls"], 2).await.saying("DRAGLINE_KEY holds no key");
    run("sesame-eye", &["crawls"], 0).await;
    run("sesame-eye", &["submit", "web.toml"], 10).await.saying("(403)");
    run("sesame-wrong", &["crawls", "--key-file", "eye.key"], 0).await;
    run("sesame-eye", &["crawls", "--key-file", "bad.key"], 2).await.saying("bad.key holds no key");
    run("sesame-eye", &["crawls", "--key-file", "nope.key"], 2).await.saying("nope.key can't be read");
    run("sesame-eye", &["crawls", "--url", "http://me:sesame-x@127.0.0.1/"], 2).await.saying("holds a login");
    let watched = run("sesame-eye", &["watch", "0123456789ab"], 10).await;
    assert!(watched.stdout.is_empty());
    // Readiness is nobody's secret.
    ground.run(&["healthcheck", "--url", &url]).await.with(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_stops_watching_leaves_the_crawl_alone() {
    let (ground, (_server, document)) = (Ground::new(), web(40).await);
    let daemon = Daemon::start(&ground, &config()).await;
    ground.write("slow.toml", slow(&document).toml());
    let mut child = command(&ground, daemon.addr, &["submit", "slow.toml", "--watch", "--json"]).spawn().unwrap();
    let id = json(&first_line(&mut child).await)["id"].as_str().unwrap().to_owned();
    // From then on it is being watched.
    let logged = line_of(child.stderr.as_mut().expect("it is piped")).await;
    assert!(logged.contains("INFO"), "{logged}");
    signal(&child, "INT").await;
    finish(child).await.with(4).saying("web: no longer watched; the crawl goes on at its daemon");
    daemon.until(&id, &["running"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_a_number_for_docker() {
    let ground = Ground::new();
    let daemon = Daemon::start(&ground, &config()).await;
    let url = format!("http://{}", daemon.addr);
    let healthy = ground.run(&["healthcheck", "--url", &url]).await.with(0);
    assert_eq!((healthy.stdout.as_str(), healthy.stderr.as_str()), ("", ""));
    daemon.kill().await;
    ground.run(&["healthcheck", "--url", &url]).await.with(1).saying("not ready: no daemon answers at");
    ground.run(&["healthcheck", "--url", "nonsense"]).await.with(2);
}
