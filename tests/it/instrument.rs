//! `dragline vitro` from outside: each knob through a client or a crawl of the built program, and a crawl that is
//! complete by the list of what can be reached.

use std::{
    collections::BTreeSet,
    fs,
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};

use dragline::vitro::{Options, Web};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    process::Child,
};

use crate::support::{
    binary::{by_url, dragline, read_records, run, signal},
    client::{Client, get},
    ground::{Config, Ground},
};

/// The web being served, and the folder of its files.
struct Vitro {
    child: Child,
    addr: SocketAddr,
    seed: String,
    n_pages: u64,
}

impl Vitro {
    async fn start(ground: &Ground, args: &[&str]) -> Self {
        let mut child = ground.command(&[&["vitro", "--listen", "0", "--json"], args].concat()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = tokio::time::timeout(Duration::from_secs(60), lines.next_line()).await.unwrap().unwrap();
        let said: Value = serde_json::from_str(&first.expect("it says where it is")).unwrap();
        let text = |key: &str| said[key].as_str().unwrap().to_owned();
        Self {
            child,
            addr: text("listen").parse().unwrap(),
            seed: text("seed"),
            n_pages: said["pages"].as_u64().unwrap(),
        }
    }

    /// Asks it to stop, and says how it ended.
    async fn stop(mut self) -> Option<i32> {
        signal(&self.child, "INT").await;
        self.child.wait().await.unwrap().code()
    }

    fn config(&self) -> Config {
        Config::new(vec![self.seed.clone()])
            .set("scope.mode", "any")
            .set("fetch.allow_addresses", vec!["loopback"])
            .set("politeness.rate", "unlimited")
            .set("politeness.per_host", 4)
    }
}

fn lines(path: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(path).unwrap();
    let lines: BTreeSet<String> = text.lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), text.lines().count(), "every URL once");
    lines
}

/// The URLs of pages that a crawl asked for, by its records.
fn asked(ground: &Ground) -> BTreeSet<String> {
    let records = by_url(read_records(&ground.out()));
    let asked = records.into_iter().filter(|(_, record)| record["outcome"] != "refused").map(|(url, _)| url);
    asked.filter(|url| !url.contains("/sitemap")).collect()
}

async fn check_complete(args: &[&str], change: impl FnOnce(&Vitro, Config) -> Config) {
    let ground = Ground::new();
    let (urls, log) = (ground.path("urls.txt"), ground.path("arrivals.jsonl"));
    let files = ["--urls", urls.to_str().unwrap(), "--log", log.to_str().unwrap()];
    let vitro = Vitro::start(&ground, &[args, &files].concat()).await;
    let expected = lines(&urls);
    assert_eq!(expected.len() as u64, vitro.n_pages, "{args:?}");
    let config = change(&vitro, vitro.config());
    ground.crawl(&config).await.with(0);
    let asked = asked(&ground);
    let (missing, unknown) = (expected.difference(&asked), asked.difference(&expected));
    assert_eq!((missing.collect::<Vec<_>>(), unknown.collect::<Vec<_>>()), (vec![], vec![]), "{args:?}");
    assert_eq!(vitro.stop().await, Some(0));
    let arrivals: Vec<Value> =
        fs::read_to_string(&log).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let pages: BTreeSet<(String, String)> = arrivals
        .iter()
        .filter(|it| !it["path"].as_str().unwrap().contains("robots"))
        .map(|it| (it["host"].as_str().unwrap().to_owned(), it["path"].as_str().unwrap().to_owned()))
        .collect();
    let n_sitemaps = pages.iter().filter(|(_, path)| path.starts_with("/sitemap")).count();
    assert_eq!(pages.len() - n_sitemaps, expected.len(), "each was asked for, and nothing else: {args:?}");
    for arrival in &arrivals {
        let time = |key: &str| arrival[key].as_u64().unwrap();
        assert!(time("at_us") <= time("began_us") && time("began_us") <= time("ended_us"), "{arrival}");
    }
}

#[tokio::test]
async fn a_crawl_by_address_is_complete() {
    check_complete(&["--hosts", "7", "--pages", "400"], |_, config| config).await;
}

#[tokio::test]
async fn a_crawl_of_a_web_with_everything_is_complete() {
    let knobs =
        ["--errors", "0.1", "--redirects", "0.1", "--robots", "some", "--sitemaps", "--encoding", "br", "--close"];
    let args = [&["--hosts", "4", "--pages", "300", "--latency", "lognormal:2ms,0.5"][..], &knobs].concat();
    check_complete(&args, |_, config| config.set("fetch.retry_base", "20ms")).await;
}

#[tokio::test]
async fn a_crawl_by_name_goes_by_a_resolver_override_or_a_proxy() {
    let args = ["--hosts", "5", "--pages", "100", "--by", "name"];
    check_complete(&args, |_, config| config.set(r#"fetch.resolve."*.vitro.test""#, "127.0.0.1")).await;
    let proxied = |vitro: &Vitro, config: Config| config.set("proxy.urls", vec![format!("http://{}", vitro.addr)]);
    check_complete(&args, proxied).await;
}

#[tokio::test]
async fn a_crawl_over_tls_and_http2_is_complete() {
    for http2 in [&["--http2"][..], &[]] {
        for (by, resolve) in [("address", false), ("name", true)] {
            let ground = Ground::new();
            let ca = ground.path("ca.pem");
            let args = ["--hosts", "3", "--pages", "60", "--tls", "--ca", ca.to_str().unwrap(), "--by", by];
            check_complete(&[&args, http2].concat(), |vitro, config| {
                assert!(vitro.seed.starts_with("https://"));
                let config = config.set("tls.roots", vec![ca.to_str().unwrap()]);
                if resolve { config.set(r#"fetch.resolve."*.vitro.test""#, "127.0.0.1") } else { config }
            })
            .await;
        }
    }
}

#[tokio::test]
async fn scope_and_depth_bound_the_list() {
    let ground = Ground::new();
    let count = async |args: &[&str]| {
        let urls = ground.path("urls.jsonl");
        let files = ["--hosts", "5", "--pages", "2000", "--urls", urls.to_str().unwrap()];
        let vitro = Vitro::start(&ground, &[&files, args].concat()).await;
        assert_eq!(vitro.stop().await, Some(0));
        fs::read_to_string(&urls)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect::<Vec<Value>>()
    };
    let all = count(&[]).await;
    assert_eq!(all.len(), 2000);
    let near = count(&["--depth", "1"]).await;
    assert_eq!(near.len(), all.iter().filter(|line| line["depth"].as_u64().unwrap() <= 1).count());
    let own = count(&["--scope", "host"]).await;
    assert!(own.iter().all(|line| line["url"].as_str().unwrap().starts_with("http://127.0.0.1:")));
    assert!(own.len() < 2000 && own[0]["outcome"] == "fetched" && own[0]["status"] == 200);
}

#[tokio::test]
async fn every_address_and_form_of_a_request_is_answered_with_the_same_web() {
    let ground = Ground::new();
    let vitro = Vitro::start(&ground, &["--hosts", "300", "--pages", "3000"]).await;
    let port = vitro.addr.port();
    // Host 299 is at 127.0.1.44.
    let last: SocketAddr = format!("127.0.1.44:{port}").parse().unwrap();
    let by_address = get(last, &last.to_string(), "/").await;
    let named = format!("h299.vitro.test:{port}");
    let by_name = get(vitro.addr, &named, "/").await;
    let by_proxy = get(vitro.addr, &named, &format!("http://{named}/")).await;
    assert_eq!((by_address.status, by_name.status, &by_proxy.body), (200, 200, &by_name.body));
    let text = String::from_utf8(by_address.body).unwrap();
    assert!(text.contains(&format!("http://{last}/")) && !text.contains("http://h"), "links go by address");
    let text = String::from_utf8(by_name.body).unwrap();
    assert!(text.contains(&format!("http://{named}/")) && !text.contains("http://127."), "links go by name");
    let beyond = format!("127.0.1.45:{port}");
    assert_eq!(get(beyond.parse().unwrap(), &beyond, "/").await.status, 421);
    let web = Web::new(Options::instrument(300, 3000));
    assert_eq!(web.host_at("127.0.1.44".parse().unwrap()), Some(299));
    assert_eq!(vitro.stop().await, Some(0));
}

#[tokio::test]
async fn knobs_of_a_file_hold_for_their_hosts() {
    let ground = Ground::new();
    ground.write(
        "knobs.toml",
        "[all]\nlatency = \"1ms\"\n[[host]]\nhosts = \"h1.*\"\nlatency = \"300ms\"\nclose = true\n\
         [[host]]\nhosts = \"2\"\nbandwidth = \"40 kB\"\n[[host]]\nhosts = \"3\"\nencoding = \"gzip\"\nrobots = \"deny\"\n",
    );
    let knobs = ground.path("knobs.toml");
    let vitro = Vitro::start(&ground, &["--hosts", "4", "--pages", "40", "--knobs", knobs.to_str().unwrap()]).await;
    let ask = async |host: u32, lines: &str| {
        let began = Instant::now();
        let mut client = Client::connect(vitro.addr).await;
        let got = client.get(&format!("h{host}.vitro.test"), "/", lines).await;
        (got, began.elapsed())
    };
    let (slow, took) = ask(1, "").await;
    assert!(took >= Duration::from_millis(300) && slow.header("connection") == Some("close"), "{took:?}");
    let (narrow, took) = ask(2, "").await;
    // The first piece comes at once, the others every 50 ms.
    assert!(narrow.body.len() > 9_000 && !narrow.truncated && took >= Duration::from_millis(200), "{took:?}");
    let (packed, _) = ask(3, "Accept-Encoding: gzip\r\n").await;
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    let robots = get(vitro.addr, "h3.vitro.test", "/robots.txt").await;
    assert!(String::from_utf8(robots.body).unwrap().contains("User-agent: *\nDisallow: /\n"));
    let (plain, _) = ask(0, "Accept-Encoding: gzip\r\n").await;
    assert_eq!((plain.header("connection"), plain.header("content-encoding")), (None, None));
    assert_eq!(vitro.stop().await, Some(0));
}

#[tokio::test]
async fn hostile_bytes_end_a_connection_and_nothing_else() {
    let ground = Ground::new();
    let vitro = Vitro::start(&ground, &["--tls", "--http2", "--ca", ground.path("ca.pem").to_str().unwrap()]).await;
    for bytes in [
        &b"\x16\x03\x01\xff\xff garbage that is no handshake"[..],
        b"PRI * HTTP/2.0\r\n\r\nnot a preface",
        b"GET",
        b"\0\0\0\0",
        b"GET / HTTP/1.1\r\nHost: \xff\xff\r\n\r\n",
        b"CONNECT h0.vitro.test:443 HTTP/1.1\r\nHost: h0.vitro.test\r\n\r\n",
        b"",
    ] {
        let mut stream = TcpStream::connect(vitro.addr).await.unwrap();
        // It may close before it has read all of it.
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
    }
    assert_eq!(get(vitro.addr, "h0.vitro.test", "/").await.status, 421, "asked in the clear, it says so");
    assert_eq!(vitro.stop().await, Some(0));
}

#[tokio::test]
async fn what_it_cannot_do_it_says() {
    let ground = Ground::new();
    ground.write("bad.toml", "[all]\nlatnecy = \"1ms\"\n");
    let (bad, nowhere) = (ground.path("bad.toml"), ground.path("no/such/file"));
    for (args, words) in [
        (vec!["--listen", "0.0.0.0:0"], "loopback only"),
        (vec!["--listen", "192.0.2.1:80"], "loopback only"),
        (vec!["--latency", "soon"], "is no latency"),
        (vec!["--errors", "2"], "is no share"),
        (vec!["--hosts", "0"], "--hosts"),
        (vec!["--encoding", "rot13"], "rot13"),
        (vec!["--knobs", bad.to_str().unwrap()], "latnecy"),
        (vec!["--listen", "0", "--urls", nowhere.to_str().unwrap()], "file"),
        (vec!["--listen", "0", "--log", nowhere.to_str().unwrap()], "file"),
    ] {
        let output = run([vec!["vitro"], args.clone()].concat()).await;
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {stderr}");
        assert!(stderr.contains(words), "{args:?}: {stderr}");
    }
    let mut command = dragline();
    let mut full = command.args(["vitro", "--listen", "0", "--json", "--log", "/dev/full"]).spawn().unwrap();
    let mut lines = BufReader::new(full.stdout.take().unwrap()).lines();
    let said: Value = serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap();
    let addr = said["listen"].as_str().unwrap().parse().unwrap();
    assert_eq!(get(addr, "h0.vitro.test", "/").await.status, 200);
    let ended = tokio::time::timeout(Duration::from_secs(30), full.wait_with_output()).await.unwrap().unwrap();
    assert_eq!(ended.status.code(), Some(6), "a log with gaps is none");
    assert!(String::from_utf8(ended.stderr).unwrap().contains("the log can't be written"));
}
