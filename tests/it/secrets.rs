//! No secret is in anything that dragline writes or prints, but for the jar of cookies.
//!
//! A crawl is given one secret in every place that can hold one, logs all there is to log, and every
//! byte of what it leaves behind is searched.

use std::{collections::BTreeMap, path::Path};

use base64::{Engine, prelude::BASE64_STANDARD};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::path};

use crate::support::{
    binary,
    collector::{Collector, Span},
};

const CLIENT_CERTIFICATE: &str = include_str!("../../src/fetch/tests/certs/client.pem");
const CLIENT_KEY: &str = include_str!("../../src/fetch/tests/certs/client.key");

/// What must not be found, and what it is.
fn secrets() -> BTreeMap<String, &'static str> {
    let base64 = |text: &str| BASE64_STANDARD.encode(text);
    let mut secrets = BTreeMap::from([
        ("sesame-header".to_owned(), "a header's value"),
        ("sesame-variable".to_owned(), "a header's value, from the environment"),
        ("sesame-password".to_owned(), "a password"),
        (base64("me:sesame-password"), "a login"),
        ("sesame-seed".to_owned(), "a seed's password"),
        (base64("bob:sesame-seed"), "a seed's login"),
        ("sesame-bearer".to_owned(), "a bearer token"),
        ("sesame-given".to_owned(), "a cookie that was given"),
        ("sesame-session".to_owned(), "a cookie that was set"),
        ("sesame-proxy".to_owned(), "a proxy's password"),
        ("sesame-collector".to_owned(), "the key of a collector of traces"),
        ("sesame-team".to_owned(), "another"),
        (base64("eve:sesame-proxy"), "a proxy's login"),
    ]);
    secrets.insert(CLIENT_KEY.lines().nth(1).unwrap().to_owned(), "a private key");
    secrets
}

fn check_free_of_secrets(place: &str, bytes: &[u8]) {
    for (secret, what) in secrets() {
        let is_there = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!is_there, "{place} holds {what}: {}", String::from_utf8_lossy(bytes));
    }
}

/// Every file below `folder`, but for the jar.
fn search(folder: &Path, n_files: &mut usize) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            search(&path, n_files);
        } else if !path.ends_with("state/cookies.json") {
            *n_files += 1;
            check_free_of_secrets(&path.display().to_string(), &std::fs::read(&path).unwrap());
        }
    }
}

#[tokio::test]
async fn no_secret_is_printed_logged_or_stored() {
    // It plays the proxy, and so every site behind it.
    let proxy = MockServer::start().await;
    let links =
        "<a href='/next'></a><a href='http://eve:sesame-seed@other.test/'></a><a href='https://closed.test/'></a>";
    let home = ResponseTemplate::new(200)
        .set_body_raw(links, "text/html")
        .append_header("set-cookie", "sid=sesame-session; Path=/");
    Mock::given(path("/")).respond_with(home).mount(&proxy).await;
    let next = ResponseTemplate::new(200).set_body_raw("next", "text/html");
    Mock::given(path("/next")).respond_with(next).mount(&proxy).await;

    let collector = Collector::start().await;
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        file.display().to_string()
    };
    let password = write("password", "sesame-password\n");
    let cookies = write("cookies.txt", "site.test\tFALSE\t/\tFALSE\t0\tgiven\tsesame-given\n");
    let (certificate, key) = (write("client.pem", CLIENT_CERTIFICATE), write("client.key", CLIENT_KEY));
    let out = folder.path().join("out");
    let config = format!(
        "job.out = '{}'\nseeds.urls = ['http://site.test/', 'http://bob:sesame-seed@seed.test/']\nscope.mode = 'any'\n\
         politeness.rate = 'unlimited'\nfetch.retries = 0\ntelemetry.format = 'compact'\noutputs.headers = true\noutputs.links = true\n\
         fetch.headers.x-token = 'sesame-header'\nfetch.headers.x-other = {{ env = 'OTHER' }}\n\
         cookies.enabled = true\ncookies.file = '{cookies}'\n\
         proxy.urls = ['{}']\nproxy.check_names = false\n\
         traces.endpoint = '{}'\ntraces.sample = 1\ntraces.headers.x-plain = 'sesame-team'\n\
         traces.headers.authorization = {{ env = 'COLLECTOR' }}\n\
         [[auth]]\norigin = 'http://site.test'\nuser = 'me'\npassword.file = '{password}'\n\
         [[auth]]\norigin = 'http://other.test'\nbearer = 'sesame-bearer'\n\
         [[client_certificate]]\norigins = ['https://closed.test']\ncertificate = '{certificate}'\nkey = '{key}'\n",
        out.display(),
        proxy.uri().replace("//", "//eve:sesame-proxy@"),
        collector.endpoint(),
    );
    let file = write("site.toml", &config);
    let run = async |args: &[&str]| {
        let mut command = binary::dragline();
        command.args(args).env("RUST_LOG", "trace").env("OTHER", "sesame-variable");
        command.env("COLLECTOR", "Bearer sesame-collector");
        let output = binary::finish(command.spawn().unwrap()).await;
        check_free_of_secrets(&format!("stdout of {args:?}"), &output.stdout);
        check_free_of_secrets(&format!("stderr of {args:?}"), &output.stderr);
        output
    };
    for format in ["text", "json"] {
        assert!(run(&["check", &file, "--format", format]).await.status.success());
    }
    let output = run(&["run", &file]).await;
    let printed = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{printed}");
    assert!(printed.contains("hyper_util"), "the libraries' logs are searched as well");
    run(&["explain", "http://bob:sesame-seed@seed.test/", "--config", &file]).await;
    let mut n_files = 0;
    search(&out, &mut n_files);
    assert!(n_files >= 4, "{n_files} files were searched");

    // All of them were sent, so they could have been told.
    let requests = proxy.received_requests().await.unwrap();
    let sent: Vec<String> =
        requests.iter().flat_map(|r| r.headers.values().map(|v| v.to_str().unwrap().to_owned())).collect();
    for part in ["sesame-header", "sesame-variable", "sesame-bearer", "sesame-given", "sesame-session"] {
        assert!(sent.iter().any(|value| value.contains(part)), "{part} in {sent:?}");
    }
    for login in ["me:sesame-password", "bob:sesame-seed", "eve:sesame-proxy"] {
        let login = format!("Basic {}", BASE64_STANDARD.encode(login));
        assert!(sent.contains(&login), "{login} in {sent:?}");
    }

    // The collector has heard of every visit, and of no secret but its own.
    let spans = collector.spans().await;
    let visits: Vec<&str> =
        spans.iter().filter(|span| span.name == "visit").map(|span| span.attribute("url.full")).collect();
    for url in ["http://site.test/", "http://seed.test/", "http://other.test/"] {
        assert!(visits.contains(&url), "{url} in {visits:?}");
    }
    let closed =
        |span: &&Span| span.attributes.get("url.full").is_some_and(|url| url == "https://closed.test/robots.txt");
    assert!(spans.iter().find(closed).is_some_and(|span| span.is_error), "what went wrong is told, too");
    for request in collector.requests().await {
        check_free_of_secrets("a request to the collector", &request.body);
        assert_eq!(request.headers["authorization"], "Bearer sesame-collector");
        assert_eq!(request.headers["x-plain"], "sesame-team");
    }

    // Nor are they in what is said of mistakes.
    let bad = config
        .replace("['http://site.test/'", "['http:/eve:sesame-seed@/', 7")
        .replace("'sesame-bearer'", "['sesame-bearer']");
    let bad = bad
        .replace("x-token = 'sesame-header'", "x-token = ['sesame-header']")
        .replace("proxy.urls = ['http", "proxy.urls = ['gopher");
    let bad = write("bad.toml", &bad);
    assert_eq!(run(&["check", &bad]).await.status.code(), Some(2));
    for section in [
        "auth = 'sesame-password'",
        "auth = ['sesame-password']",
        "proxy.urls = [['http://eve:sesame-proxy@h']]",
        "traces.headers = 'sesame-team'",
        "traces.headers.x-plain = ['sesame-team']",
        "traces.endpoint = 'http://me:sesame-team@h'",
    ] {
        let bad = write("section.toml", section);
        assert_eq!(run(&["check", &bad]).await.status.code(), Some(2), "{section}");
    }
    for command in ["fetch", "crawl"] {
        for header in ["Authorization Bearer sesame-bearer", ": sesame-header", "x y: sesame-header"] {
            let output = run(&[command, "http://127.0.0.1:1/", "--header", header]).await;
            assert_eq!(output.status.code(), Some(2), "{header}");
        }
    }
}
