//! `dragline fetch` from the outside: what is asked of servers, what is said of it, and how it ends.

use std::{
    collections::BTreeSet,
    fs,
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use crate::{
    fire::auditor::{Policy, audit},
    support::{
        binary::{dragline, finish, signal},
        links,
        site::{Reply, Site},
    },
};

/// What a run said.
struct Said {
    results: Vec<Value>,
    text: String,
    errors: String,
    code: i32,
}

impl Said {
    /// The result for the only URL.
    fn only(&self) -> &Value {
        assert_eq!(self.results.len(), 1, "{}{}", self.text, self.errors);
        &self.results[0]
    }
}

/// `dragline fetch` on loopback, as fast as it goes.
async fn fetch(args: &[&str]) -> Said {
    fetch_with(args, "").await
}

async fn fetch_with(args: &[&str], stdin: &str) -> Said {
    let fast = ["fetch", "--allow-address", "loopback", "--rate", "unlimited", "--per-host", "8"];
    run([&fast, args].concat(), stdin).await
}

async fn run(args: Vec<&str>, stdin: &str) -> Said {
    let mut child = dragline().args(args).stdin(std::process::Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(stdin.as_bytes()).await.unwrap();
    drop(pipe);
    let output = finish(child).await;
    let text = String::from_utf8(output.stdout).unwrap();
    let results = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let errors = String::from_utf8(output.stderr).unwrap();
    Said { results, text, errors, code: output.status.code().unwrap() }
}

#[tokio::test]
async fn every_item_has_one_result_whatever_it_is() {
    let site =
        Site::new().page("/a", links![]).status("/gone", 410).robots("User-agent: *\nDisallow: /no").serve().await;
    let list = tempfile::NamedTempFile::new().unwrap();
    fs::write(list.path(), format!("\u{feff}# mine\n{}\r\n\nnonsense\n{}\n", site.url("/gone"), site.url("/no")))
        .unwrap();
    let stdin = format!("ftp://h/\n{}\n", site.url("/a"));
    let said = fetch_with(&[&site.url("/a"), "-", "--input", list.path().to_str().unwrap()], &stdin).await;
    assert_eq!(said.code, 2, "{}", said.errors);
    let mut told: Vec<_> = said
        .results
        .iter()
        .map(|it| {
            (
                it["position"].as_u64().unwrap(),
                it["outcome"].as_str().unwrap(),
                it["reason"].as_str().unwrap_or_default(),
            )
        })
        .collect();
    told.sort();
    let expected = [
        (1, "fetched", ""),
        (2, "invalid", ""),
        (3, "fetched", ""),
        (4, "failed", "http-410"),
        (5, "invalid", ""),
        (6, "refused", "robots-denied"),
    ];
    assert_eq!(told, expected);
    let refused = said.results.iter().find(|it| it["outcome"] == "refused").unwrap();
    assert_eq!(refused["rule"], "robots.txt line 2: Disallow: /no");
    let invalid = said.results.iter().find(|it| it["position"] == 5).unwrap();
    assert!(invalid["source"].as_str().unwrap().ends_with(":4") && invalid["url"] == "nonsense", "{invalid}");
    assert_eq!(site.paths().iter().filter(|path| *path == "/robots.txt").count(), 1);
    assert!(!site.paths().iter().any(|path| path == "/no"));
}

#[tokio::test]
async fn results_come_as_they_come_or_in_order() {
    let slow = Reply::html("slow").after(Duration::from_millis(400));
    let site = Site::new().reply("/slow", slow).page("/quick", links![]).serve().await;
    let urls = [site.url("/slow"), site.url("/quick")];
    let order = |said: &Said| said.results.iter().map(|it| it["position"].as_u64().unwrap()).collect::<Vec<_>>();
    let as_they_come = fetch(&[&urls[0], &urls[1]]).await;
    assert_eq!((order(&as_they_come), as_they_come.code), (vec![2, 1], 0));
    let ordered = fetch(&[&urls[0], &urls[1], "--ordered"]).await;
    assert_eq!((order(&ordered), ordered.code), (vec![1, 2], 0));
}

#[tokio::test]
async fn a_long_list_in_order_with_few_at_once() {
    let mut site = Site::new();
    for i in 0..60_u64 {
        let reply = Reply::html(format!("page {i}")).after(Duration::from_millis((i * 7919) % 50));
        site = site.reply(&format!("/{i}"), reply);
    }
    let site = site.serve().await;
    let list: String = (0..60).map(|i| format!("{}\n", site.url(&format!("/{i}")))).collect();
    let said = fetch_with(&["-", "--ordered", "--concurrency", "3", "--include-body"], &list).await;
    assert_eq!(said.code, 0, "{}", said.errors);
    let bodies: Vec<&str> = said.results.iter().map(|it| it["body"].as_str().unwrap()).collect();
    assert_eq!(bodies, (0..60).map(|i| format!("page {i}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn bodies_in_results() {
    let site = Site::new()
        .reply("/text", Reply::new(200, "text/plain", "grün\n"))
        .reply("/bytes", Reply::new(200, "application/octet-stream", vec![0xff, 0, 1]))
        .reply("/long", Reply::new(200, "text/plain", "x".repeat(5000)))
        .serve()
        .await;
    let body =
        async |path: &str| fetch(&[&site.url(path), "--include-body", "--max-size", "1 KiB"]).await.only().clone();
    let text = body("/text").await;
    assert_eq!((&text["body"], &text["content_type"]), (&"grün\n".into(), &"text/plain".into()));
    let bytes = body("/bytes").await;
    assert_eq!((&bytes["body_base64"], &bytes["body"]), (&"/wAB".into(), &Value::Null));
    let long = body("/long").await;
    assert_eq!((&long["truncated"], &long["body_bytes"]), (&"body-limit".into(), &1024.into()));
    assert_eq!(fetch(&[&site.url("/text")]).await.only()["body"], Value::Null);
}

#[tokio::test]
async fn bodies_as_files() {
    let site = Site::new()
        .page("/a", links![])
        .page("/A", links![])
        .reply("/..%2F..%2Fetc/passwd", Reply::new(200, "text/plain", "not yours"))
        .redirect("/r", 302, "/a")
        .status("/gone", 404)
        .serve()
        .await;
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("out");
    let urls: Vec<String> = ["/a", "/A", "/..%2F..%2Fetc/passwd", "/r", "/gone"].map(|path| site.url(path)).into();
    let args: Vec<&str> = urls.iter().map(String::as_str).chain(["--output-dir", dir.to_str().unwrap()]).collect();
    let said = fetch(&args).await;
    assert_eq!(said.code, 0, "{}", said.errors);
    let named: BTreeSet<String> = said.results.iter().filter_map(|it| it["file"].as_str()).map(str::to_owned).collect();
    let there: BTreeSet<String> =
        fs::read_dir(&dir).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(named, there);
    assert_eq!(named.len(), 4, "the 404 has no file: {named:?}");
    assert!(named.iter().all(|name| name.starts_with("127.0.0.1")), "{named:?}");
    assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 1);

    // The same list again takes the place of what it wrote before.
    assert_eq!(fetch(&args).await.code, 0);
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 4);

    let file = temp.path().join("file");
    fs::write(&file, "").unwrap();
    let refused = fetch(&[&urls[0], "--output-dir", file.to_str().unwrap()]).await;
    assert_eq!((refused.code, refused.results.len()), (6, 0));
}

#[tokio::test]
async fn what_is_shown() {
    let site = Site::new()
        .reply("/a", Reply::html("x").header("X-One", "1").header("X-One", "2"))
        .redirect("/r", 301, "/a")
        .robots("User-agent: *\nCrawl-delay: 0.1")
        .serve()
        .await;
    let plain = fetch(&[&site.url("/r")]).await;
    for key in ["timings", "headers", "hops", "cache", "robots"] {
        assert_eq!(plain.only()[key], Value::Null, "{key}");
    }
    let said = fetch(&[&site.url("/r"), "--show", "timings,headers,redirects,cache,robots"]).await;
    let it = said.only();
    assert_eq!(it["headers"]["x-one"], serde_json::json!(["1", "2"]));
    assert_eq!(it["hops"].as_array().unwrap().len(), 2);
    assert_eq!((&it["hops"][0]["status"], &it["n_redirects"]), (&301.into(), &1.into()));
    assert_eq!(it["final_url"], site.url("/a"));
    assert!(it["timings"]["total_ms"].as_f64().unwrap() > 0.0);
    assert_eq!(it["cache"], "off");
    assert_eq!((&it["robots"]["standing"], &it["robots"]["crawl_delay_ms"]), (&"rules".into(), &100.into()));
}

#[tokio::test]
async fn the_cache_answers_when_there_is_one() {
    let site = Site::new().reply("/a", Reply::html("x").header("Cache-Control", "max-age=60")).serve().await;
    let config = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    fs::write(config.path(), "[cache]\nenabled = true\n[politeness]\nrate = \"10/s\"\n").unwrap();
    let url = site.url("/a");
    let args = ["fetch", &url, &url, "--allow-address", "loopback", "--show", "cache", "--ordered", "--config"];
    let said = run([&args[..], &[config.path().to_str().unwrap()]].concat(), "").await;
    assert_eq!(said.code, 0, "{}", said.errors);
    assert_eq!(site.paths(), ["/robots.txt", "/a"]);
    let caches: BTreeSet<&str> = said.results.iter().map(|it| it["cache"].as_str().unwrap()).collect();
    assert!(caches.contains("miss") && (caches.contains("collapsed") || caches.contains("hit")), "{caches:?}");
}

#[tokio::test]
async fn hosts_are_asked_at_the_pace_of_a_crawl() {
    let site = Site::new().page("/a", links![]).redirect("/r", 302, "/a").serve().await;
    let urls = [site.url("/r"), site.url_on("localhost", "/a")];
    let began = Instant::now();
    let said = run(vec!["fetch", &urls[0], &urls[1], "--allow-address", "loopback"], "").await;
    assert_eq!(said.code, 0, "{}", said.errors);
    assert_eq!(audit(&site.arrivals(), &Policy::default()), []);
    assert_eq!(site.arrivals().len(), 5);
    assert!(began.elapsed() < Duration::from_millis(2900), "different hosts don't wait for each other");
}

#[tokio::test]
async fn secrets_go_to_the_origin_that_was_named_and_are_shown_nowhere() {
    let other = Site::new().page("/x", links![]).serve().await;
    let site = Site::new().redirect("/away", 302, &other.url("/x")).page("/x", links![]).serve().await;
    let away = site.url("/away").replace("http://", "http://me:sesame@");
    let args =
        [&*away, "--header", "X-Api-Key: open-sesame", "--header", "X-Plain: yes", "--show", "headers,redirects"];
    let said = fetch(&args).await;
    assert_eq!(said.code, 0, "{}", said.errors);
    assert!(!said.text.contains("sesame") && !said.errors.contains("sesame"), "{}{}", said.text, said.errors);
    let (there, away) = (site.heads("/away")[0].to_lowercase(), other.heads("/x")[0].to_lowercase());
    assert!(there.contains("authorization: basic bwu6c2vzyw1l") && there.contains("x-api-key: open-sesame"), "{there}");
    assert!(!away.contains("authorization") && !away.contains("sesame") && away.contains("x-plain: yes"), "{away}");
    assert!(!site.heads("/robots.txt")[0].contains("sesame"));
}

#[tokio::test]
async fn exit_codes_tell_how_it_went() {
    let site = Site::new().page("/a", links![]).status("/gone", 404).redirect("/r", 302, "/a").serve().await;
    let (good, gone, redirect) = (site.url("/a"), site.url("/gone"), site.url("/r"));
    let check = async |args: &[&str], code: i32| assert_eq!(fetch(args).await.code, code, "{args:?}");
    check(&[&good], 0).await;
    check(&[&gone], 0).await;
    check(&[&good, &gone, "--fail"], 7).await;
    check(&[&good, "--fail"], 0).await;
    check(&[&redirect, "--fail"], 0).await;
    check(&[&redirect, "--fail", "--no-follow"], 7).await;
    // A port that was free a moment ago, and that browsers do not block.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = format!("http://{nobody}/");
    check(&[&nobody, "--retries", "0"], 5).await;
    check(&[&nobody, "--retries", "0", "--fail"], 7).await;
    check(&["nonsense"], 2).await;
    check(&[&good, "--input", "/no/such/list"], 2).await;
    check(&[&good, "--config", "/no/such/config.toml"], 2).await;
    check(&[&good, "--timeout", "soon"], 2).await;
    check(&[], 2).await;
    let guarded = run(vec!["fetch", &good], "").await;
    assert_eq!((guarded.code, &guarded.only()["reason"]), (5, &"address-refused".into()));
    let blocked = fetch(&["http://127.0.0.1:25/", "--ignore-robots", "--format", "text"]).await;
    assert_eq!(blocked.code, 5);
    let told = "refused     port-refused: port 25 is one that browsers block (fetch.allow_ports lets it through)";
    assert!(blocked.text.contains(told), "{}", blocked.text);
}

#[tokio::test]
async fn an_empty_list_is_done() {
    let said = fetch_with(&["-", "--fail"], "\n# nothing\n").await;
    assert_eq!((said.code, said.text.as_str()), (0, ""));
}

#[tokio::test]
async fn head_asks_for_headers_only() {
    let site = Site::new().page("/a", links![]).serve().await;
    let said = fetch(&[&site.url("/a"), "--head", "--show", "headers"]).await;
    assert!(site.heads("/a")[0].starts_with("HEAD "));
    let it = said.only();
    assert_eq!((&it["status"], &it["body_bytes"], &it["digest"]), (&200.into(), &0.into(), &Value::Null));
    assert!(it["headers"]["content-length"][0].as_str().unwrap().parse::<u64>().unwrap() > 0);
}

#[tokio::test]
async fn ignoring_robots_is_logged() {
    let site = Site::new().page("/a", links![]).robots("User-agent: *\nDisallow: /").serve().await;
    let url = site.url("/a");
    let obeyed = fetch(&[&url]).await;
    assert_eq!(obeyed.only()["outcome"], "refused");
    assert!(!obeyed.errors.contains("ignored"), "{}", obeyed.errors);
    let ignored = fetch(&[&url, &url, "--ignore-robots", "--show", "robots"]).await;
    assert_eq!(ignored.code, 0);
    assert_eq!(ignored.errors.matches("robots.txt is ignored").count(), 1, "{}", ignored.errors);
    assert_eq!(ignored.results[0]["robots"]["standing"], "not-asked");
    assert_eq!(site.paths().iter().filter(|path| *path == "/robots.txt").count(), 1);
}

#[tokio::test]
async fn time_limits() {
    let slow = || Reply::html("slow").after(Duration::from_secs(20));
    let site = Site::new().reply("/slow", slow()).serve().await;
    let url = site.url("/slow");
    let began = Instant::now();
    let said = fetch(&[&url, "--timeout", "300ms", "--retries", "1"]).await;
    assert_eq!((&said.only()["reason"], &said.only()["attempts"]), (&"timeout".into(), &2.into()));
    let said = fetch(&[&url, "--deadline", "500ms"]).await;
    assert_eq!(said.only()["reason"], "deadline");
    assert!(began.elapsed() < Duration::from_secs(15));
}

#[tokio::test]
async fn an_interruption_leaves_what_is_there() {
    let slow = Reply::html("slow").after(Duration::from_secs(100));
    let site = Site::new().reply("/slow", slow).page("/quick", links![]).serve().await;
    let args = ["fetch", "--allow-address", "loopback", "--rate", "unlimited", "--per-host", "8", "-"];
    let mut child = dragline().args(args).stdin(std::process::Stdio::piped()).spawn().unwrap();
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(format!("{}\n{}\n", site.url("/slow"), site.url("/quick")).as_bytes()).await.unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // The result is there although standard input is open and the other URL is not done.
    let first: Value = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
    assert_eq!(first["url"], site.url("/quick"));
    signal(&child, "INT").await;
    let output = finish(child).await;
    assert_eq!(output.status.code(), Some(4));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("interrupted: 1 URL"), "{errors}");
    assert_eq!(lines.next_line().await.unwrap(), None);
}

#[tokio::test]
async fn text_for_people_is_fit_for_a_terminal() {
    let site = Site::new().reply("/a", Reply::html("one\n\u{1b}[31mtwo").header("X-Evil", "\u{9b}0m")).serve().await;
    let said = fetch(&[&site.url("/a"), "--format", "text", "--include-body", "--show", "headers,robots"]).await;
    assert_eq!(said.code, 0, "{}", said.errors);
    assert!(said.text.starts_with("200 ") && said.text.contains("one\n"), "{}", said.text);
    assert!(said.text.contains("robots      allowed (allow-all)"), "{}", said.text);
    assert!(!said.text.contains(['\u{1b}', '\u{9b}']), "{:?}", said.text);
}
