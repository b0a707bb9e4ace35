//! `dragline fetch` against httpbin, which answers as its documentation says: redirects, authentication,
//! cookies, encodings, ranges, delays, statuses, dynamic data.
//!
//! httpbin is Python's and somebody else's, so these are answers that nobody made up for dragline. It runs on
//! loopback, one for all tests of this process, and ends with it.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::LazyLock,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::support::binary::{dragline, finish};

/// Named in what fails without it.
const HOW: &str = "run tests/run, which installs it, or: python3 -m pip install --no-deps --target target/httpbin \
    -r tests/httpbin/requirements.txt";

static HTTPBIN: LazyLock<Server> = LazyLock::new(Server::start);

/// A running httpbin. It reads standard input and ends when that does: with this process.
struct Server {
    port: u16,
    _stdin: ChildStdin,
    _process: Child,
}

impl Server {
    fn start() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = folder(root);
        assert!(folder.join("httpbin").is_dir(), "httpbin is not in {}: {HOW}", folder.display());
        let mut process = Command::new("python3")
            .arg(root.join("tests/httpbin/serve.py"))
            .env("PYTHONPATH", &folder)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("python3 does not start: {error}"));
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap_or_else(|_| panic!("httpbin does not start: {HOW}"));
        Self { port, _stdin: process.stdin.take().unwrap(), _process: process }
    }
}

#[expect(clippy::disallowed_methods, reason = "tests/run says where it has put httpbin")]
fn folder(root: &Path) -> PathBuf {
    std::env::var_os("HTTPBIN_PATH").map_or_else(|| root.join("target/httpbin"), PathBuf::from)
}

fn url(path: &str) -> String {
    format!("http://127.0.0.1:{}{path}", HTTPBIN.port)
}

/// The results for `paths`, in their order, with bodies, headers and hops; as fast as it goes.
async fn fetch(paths: &[&str], args: &[&str]) -> Vec<Value> {
    let fast = ["--allow-address", "loopback", "--rate", "unlimited", "--per-host", "8"];
    let told = ["--ordered", "--format", "json", "--include-body", "--show", "headers,redirects,timings"];
    let is_head = args.contains(&"--head");
    let told = told.iter().filter(|arg| !is_head || **arg != "--include-body");
    let mut command = dragline();
    command.arg("fetch").args(fast).args(told).args(args).args(paths.iter().map(|path| url(path)));
    command.env("DRAGLINE__FETCH__RETRIES", "0");
    // A host that answers with 503 would be left in peace for a while.
    command.env("DRAGLINE__POLITENESS__BACKOFF_BASE", "1ms").env("DRAGLINE__POLITENESS__BACKOFF_MAX", "1ms");
    let output = finish(command.spawn().unwrap()).await;
    let results: Vec<Value> =
        output.stdout.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
    assert_eq!(results.len(), paths.len(), "{}", String::from_utf8_lossy(&output.stderr));
    results
}

async fn fetch_one(path: &str, args: &[&str]) -> Value {
    fetch(&[path], args).await.remove(0)
}

/// The JSON in a body.
fn body(result: &Value) -> Value {
    serde_json::from_str(result["body"].as_str().unwrap_or_default()).unwrap_or_else(|_| panic!("no JSON: {result}"))
}

#[track_caller]
fn assert_status(result: &Value, status: u16) {
    assert_eq!(result["status"], status, "{result}");
}

#[tokio::test]
async fn redirects() {
    let chains = [
        ("/redirect/1", 1),
        ("/redirect/6", 6),
        ("/redirect/4?absolute=true", 4),
        ("/relative-redirect/5", 5),
        ("/absolute-redirect/5", 5),
        ("/links/3", 1),
    ];
    let results = fetch(&chains.map(|(path, _)| path), &[]).await;
    for ((path, n), result) in chains.iter().zip(&results) {
        assert_status(result, 200);
        assert_eq!(result["n_redirects"], *n, "{path}");
        let statuses: Vec<&Value> = result["hops"].as_array().unwrap().iter().map(|hop| &hop["status"]).collect();
        assert_eq!(statuses[..*n], vec![&json!(302); *n], "{path}");
        let end = if path.starts_with("/links") { "/links/3/0" } else { "/get" };
        assert_eq!(result["final_url"], url(end), "{path}");
    }
    let long = fetch(&["/redirect/11", "/redirect/10"], &["--max-redirects", "10"]).await;
    assert_eq!((&long[0]["outcome"], &long[0]["reason"]), (&json!("refused"), &json!("redirect-limit")));
    assert_status(&long[1], 200);
    let stays = fetch_one("/redirect/3", &["--no-follow"]).await;
    assert_eq!((&stays["outcome"], &stays["status"]), (&json!("redirected"), &json!(302)));
    assert_eq!(stays["headers"]["location"], json!(["/relative-redirect/2"]));
}

#[tokio::test]
async fn redirects_by_every_status() {
    let statuses = [300, 301, 302, 303, 304, 305, 306, 307, 308];
    let paths = statuses.map(|status| format!("/redirect-to?url=%2Fget%3Fa%3Db&status_code={status}"));
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    for head in [false, true] {
        let results = fetch(&paths, if head { &["--head"] } else { &[] }).await;
        for (status, result) in statuses.iter().zip(&results) {
            if matches!(status, 301 | 302 | 303 | 307 | 308) {
                assert_status(result, 200);
                assert_eq!(result["final_url"], url("/get?a=b"));
                assert!(head || body(result)["args"] == json!({"a": "b"}), "{result}");
            } else {
                // A choice, an answer about a cache, and two that are not used any more.
                assert_status(result, *status);
                assert_eq!(result["n_redirects"], 0);
            }
        }
    }
}

#[tokio::test]
async fn every_status_is_told() {
    let statuses = [
        200, 201, 204, 206, 300, 304, 400, 401, 402, 403, 404, 405, 406, 407, 409, 410, 418, 451, 500, 501, 502, 504,
        599, 429, 503,
    ];
    let paths = statuses.map(|status| format!("/status/{status}"));
    let results = fetch(&paths.iter().map(String::as_str).collect::<Vec<_>>(), &[]).await;
    for (status, result) in statuses.iter().zip(&results) {
        assert_status(result, *status);
        let (outcome, reason) = match status {
            200..=299 => ("fetched", Value::Null),
            _ => ("failed", json!(format!("http-{status}"))),
        };
        assert_eq!((&result["outcome"], &result["reason"]), (&json!(outcome), &reason), "{status}");
    }
    let of = |status: u16| &results[statuses.iter().position(|it| *it == status).unwrap()];
    assert!(of(418)["body"].as_str().unwrap().contains("teapot"));
    assert!(of(401)["headers"]["www-authenticate"][0].as_str().unwrap().starts_with("Basic "));
    assert_eq!(of(204)["body_bytes"], 0);
    let tried = fetch_one("/status/500", &["--retries", "1"]).await;
    assert_eq!((&tried["attempts"], &tried["status"]), (&json!(2), &json!(500)));
}

#[tokio::test]
async fn authentication() {
    let paths = ["/basic-auth/me/se%20same", "/hidden-basic-auth/me/se%20same", "/bearer"];
    let without = fetch(&paths, &[]).await;
    assert_eq!(without.iter().map(|it| it["status"].as_u64().unwrap()).collect::<Vec<_>>(), [401, 404, 401]);
    // "me:se same"
    let basic = fetch(&paths[..2], &["--header", "Authorization: Basic bWU6c2Ugc2FtZQ=="]).await;
    for result in &basic {
        assert_status(result, 200);
        assert_eq!(body(result)["user"], "me");
        assert!(!result.to_string().contains("bWU6"), "{result}");
    }
    let bearer = fetch_one("/bearer", &["--header", "Authorization: Bearer t0ken"]).await;
    assert_eq!(body(&bearer), json!({"authenticated": true, "token": "t0ken"}));
    let login = url(paths[0]).replace("http://", "http://me:se%20same@");
    let mut command = dragline();
    let output = command.args(["fetch", &login, "--allow-address", "loopback", "--rate", "unlimited"]).spawn().unwrap();
    let text = String::from_utf8(finish(output).await.stdout).unwrap();
    assert!(text.contains("\"status\":200") && !text.contains("me:se"), "{text}");
}

#[tokio::test]
async fn cookies() {
    let set = "/cookies/set?flavour=oat&size=big";
    let config = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
    std::fs::write(config.path(), "[cookies]\nenabled = true\n").unwrap();
    let enabled = ["--config", config.path().to_str().unwrap(), "--concurrency", "1"];
    let paths = [set, "/cookies", "/cookies/set/flavour/rye", "/cookies/delete?size", "/cookies"];
    let bodies: Vec<Value> = fetch(&paths, &enabled).await.iter().map(body).collect();
    let expected = [
        json!({"flavour": "oat", "size": "big"}),
        json!({"flavour": "oat", "size": "big"}),
        json!({"flavour": "rye", "size": "big"}),
        json!({"flavour": "rye"}),
        json!({"flavour": "rye"}),
    ];
    assert_eq!(bodies.iter().map(|body| &body["cookies"]).collect::<Vec<_>>(), expected.iter().collect::<Vec<_>>());
    // A server's cookies are as secret as a password: the result of the redirect itself doesn't tell them.
    let told = fetch_one(set, &[&enabled[..], &["--no-follow"]].concat()).await;
    assert!(told["headers"]["set-cookie"].is_array() && !told["headers"].to_string().contains("oat"), "{told}");

    let without = fetch(&[set, "/cookies"], &["--concurrency", "1"]).await;
    without.iter().for_each(|result| assert_eq!(body(result)["cookies"], json!({})));
    let by_hand = fetch_one("/cookies", &["--header", "Cookie: a=b; c=d"]).await;
    assert_eq!(body(&by_hand)["cookies"], json!({"a": "b", "c": "d"}));
}

#[tokio::test]
async fn encodings_are_undone() {
    let paths = ["/gzip", "/deflate", "/brotli"];
    for ((path, key), result) in paths.iter().zip(["gzipped", "deflated", "brotli"]).zip(fetch(&paths, &[]).await) {
        assert_status(&result, 200);
        assert_eq!(body(&result)[key], true, "{path}");
        let coding = if *path == "/brotli" { "br" } else { &path[1..] };
        assert_eq!(result["headers"]["content-encoding"], json!([coding]));
        assert_ne!(result["wire_bytes"], result["body_bytes"], "{path}");
    }
    let utf8 = fetch_one("/encoding/utf8", &[]).await;
    assert!(utf8["body"].as_str().unwrap().contains("∮ E⋅da = Q"), "{utf8}");
}

#[tokio::test]
async fn ranges() {
    let whole = fetch_one("/range/100?duration=1&chunk_size=10", &[]).await;
    let alphabet: String = (0..100_u8).map(|i| char::from(b'a' + i % 26)).collect();
    assert_eq!((&whole["body"], &whole["status"]), (&json!(alphabet), &json!(200)));
    assert_eq!(whole["headers"]["accept-ranges"], json!(["bytes"]));
    assert!(whole["timings"]["total_ms"].as_f64().unwrap() > 500.0, "{whole}");
    let part = fetch_one("/range/100", &["--header", "Range: bytes=10-19"]).await;
    assert_status(&part, 206);
    assert_eq!(part["body"], alphabet[10..20]);
    assert_eq!(part["headers"]["content-range"], json!(["bytes 10-19/100"]));
    let beyond = fetch_one("/range/100", &["--header", "Range: bytes=200-300"]).await;
    assert_status(&beyond, 416);
}

#[tokio::test]
async fn delays_and_drips() {
    let began = Instant::now();
    let delayed = fetch_one("/delay/1", &[]).await;
    assert_status(&delayed, 200);
    assert!(delayed["timings"]["first_byte_ms"].as_f64().unwrap() >= 1000.0, "{delayed}");
    let late = fetch_one("/delay/10", &["--timeout", "500ms"]).await;
    assert_eq!((&late["outcome"], &late["reason"]), (&json!("failed"), &json!("timeout")));
    let drip = fetch_one("/drip?duration=1&numbytes=5&code=200&delay=0", &[]).await;
    assert_eq!((&drip["body"], &drip["truncated"]), (&json!("*****"), &Value::Null));
    let cut = fetch_one("/drip?duration=8&numbytes=8&code=200&delay=0", &["--timeout", "1500ms"]).await;
    assert_eq!((&cut["status"], &cut["truncated"]), (&json!(200), &json!("timeout")));
    let dripped = cut["body"].as_str().unwrap();
    assert!(!dripped.is_empty() && dripped.len() < 8 && dripped.bytes().all(|byte| byte == b'*'), "{dripped}");
    assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
}

#[tokio::test]
async fn dynamic_data() {
    let paths = [
        "/bytes/100?seed=7",
        "/bytes/100?seed=7",
        "/stream-bytes/1000?seed=7&chunk_size=10",
        "/stream/4",
        "/base64/ZHJhZ2xpbmU=",
        "/uuid",
    ];
    let results = fetch(&paths, &[]).await;
    results.iter().for_each(|result| assert_status(result, 200));
    assert_eq!(results[0]["digest"], results[1]["digest"]);
    assert_eq!(results[0]["body_bytes"], 100);
    assert_eq!(results[2]["body_bytes"], 1000);
    assert_eq!(results[3]["body"].as_str().unwrap().lines().count(), 4);
    assert_eq!(results[4]["body"], "dragline");
    assert_eq!(body(&results[5])["uuid"].as_str().unwrap().len(), 36);
    let cut = fetch_one("/bytes/5000", &["--max-size", "1 KiB"]).await;
    assert_eq!((&cut["body_bytes"], &cut["truncated"]), (&json!(1024), &json!("body-limit")));
}

#[tokio::test]
async fn what_is_sent_is_what_was_asked_for() {
    let args = ["--header", "X-Mine: yes", "--user-agent", "tester/1 (+https://example.org/)"];
    let results = fetch(&["/headers", "/user-agent", "/get?b=2&a=1&a=3", "/ip"], &args).await;
    let headers = &body(&results[0])["headers"];
    assert_eq!((&headers["X-Mine"], &headers["Host"]), (&json!("yes"), &json!(url("")[7..])));
    assert_eq!(body(&results[1])["user-agent"], "tester/1 (+https://example.org/)");
    assert_eq!(body(&results[2])["args"], json!({"a": ["1", "3"], "b": "2"}));
    assert_eq!(body(&results[3])["origin"], "127.0.0.1");
    let plain = fetch_one("/user-agent", &[]).await;
    assert_eq!(body(&plain)["user-agent"], concat!("dragline/", env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn response_headers() {
    let result = fetch_one("/response-headers?X-One=1&X-One=2&Content-Language=de", &[]).await;
    assert_eq!(
        (&result["headers"]["x-one"], &result["headers"]["content-language"]),
        (&json!(["1", "2"]), &json!(["de"]))
    );
}

#[tokio::test]
async fn validators() {
    let etag = async |args: &[&str]| fetch_one("/etag/abc", args).await;
    let plain = etag(&[]).await;
    assert_status(&plain, 200);
    assert_eq!(plain["headers"]["etag"], json!(["abc"]));
    assert_status(&etag(&["--header", "If-None-Match: abc"]).await, 304);
    assert_status(&etag(&["--header", "If-None-Match: other"]).await, 200);
    assert_status(&etag(&["--header", "If-Match: other"]).await, 412);
    let fresh = fetch_one("/cache", &[]).await;
    assert_status(&fresh, 200);
    assert!(fresh["headers"]["last-modified"].is_array() && fresh["headers"]["etag"].is_array(), "{fresh}");
    let old = ["--header", "If-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT"];
    assert_status(&fetch_one("/cache", &old).await, 304);
    let max_age = fetch_one("/cache/60", &[]).await;
    assert_eq!(max_age["headers"]["cache-control"], json!(["public, max-age=60"]));
}

#[tokio::test]
async fn robots() {
    let results = fetch(&["/robots.txt", "/deny"], &[]).await;
    assert_eq!(results[0]["body"], "User-agent: *\nDisallow: /deny\n");
    assert_eq!((&results[1]["outcome"], &results[1]["reason"]), (&json!("refused"), &json!("robots-denied")));
    assert_eq!(results[1]["rule"], "robots.txt line 2: Disallow: /deny");
    let ignored = fetch_one("/deny", &["--ignore-robots"]).await;
    assert!(ignored["body"].as_str().unwrap().contains("YOU SHOULDN'T BE HERE"), "{ignored}");
}

#[tokio::test]
async fn formats() {
    let paths = ["/html", "/xml", "/json", "/links/4/0", "/image/png", "/image/jpeg", "/image/webp", "/image/svg"];
    let results = fetch(&paths, &[]).await;
    let types = [
        "text/html; charset=utf-8",
        "application/xml",
        "application/json",
        "text/html; charset=utf-8",
        "image/png",
        "image/jpeg",
        "image/webp",
        "image/svg+xml",
    ];
    for ((path, content_type), result) in paths.iter().zip(types).zip(&results) {
        assert_status(result, 200);
        assert_eq!(result["content_type"], content_type, "{path}");
    }
    assert!(results[0]["body"].as_str().unwrap().contains("Herman Melville"));
    assert!(results[1]["body"].as_str().unwrap().starts_with("<?xml"));
    assert_eq!(body(&results[2])["slideshow"]["author"], "Yours Truly");
    assert_eq!(results[3]["body"].as_str().unwrap().matches("<a href='/links/4/").count(), 3);
    assert!(results[4]["body_base64"].as_str().unwrap().starts_with("iVBORw0KGgo"));
    assert!(results[5]["body_base64"].as_str().unwrap().starts_with("/9j/"));
    assert!(results[6]["body_base64"].as_str().unwrap().starts_with("UklGR"));
    assert!(results[7]["body"].as_str().unwrap().contains("<svg"));
    let by_accept = fetch_one("/image", &["--header", "Accept: image/webp"]).await;
    assert_eq!(by_accept["content_type"], "image/webp");
}

#[tokio::test]
async fn one_deep_url_and_many_at_once() {
    let paths: Vec<String> = (0..100).map(|i| format!("/anything/{i}?n={i}")).collect();
    let results = fetch(&paths.iter().map(String::as_str).collect::<Vec<_>>(), &[]).await;
    for (i, result) in results.iter().enumerate() {
        assert_eq!(result["position"], i + 1);
        assert_eq!(body(result)["args"]["n"], i.to_string());
    }
}
