//! Who dragline says it is: what a request carries, seen by a mock of a server.

use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{header, header_exists, header_regex, method, path},
};

use crate::support::{binary, ground::contents};

/// Crawls by this configuration into a folder of its own; the records, and all that was printed.
async fn crawl(config: &str) -> (Vec<serde_json::Value>, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("site.toml");
    std::fs::write(&file, config).unwrap();
    let out = folder.path().join("out");
    let output = binary::run(["run".as_ref(), file.as_os_str(), "--out".as_ref(), out.as_os_str()]).await;
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert_eq!(output.status.code(), Some(0), "{text}");
    (binary::read_records(&out), text)
}

/// Mounts a page that is there only for requests as described, and expects one of them.
async fn page(server: &MockServer, at: &str, mock: wiremock::MockBuilder, body: &str) {
    let page = ResponseTemplate::new(200).set_body_raw(body.to_owned(), "text/html");
    mock.and(path(at)).respond_with(page).expect(1).mount(server).await;
}

#[tokio::test]
async fn requests_say_who_asks_and_what_is_taken() {
    let server = MockServer::start().await;
    let us = || {
        Mock::given(method("GET"))
            .and(header("user-agent", "mybot/1.0 (+https://bot.example/)"))
            .and(header("x-team", "search"))
            .and(header_regex("accept-encoding", "gzip.*br.*zstd"))
            .and(header_exists("accept"))
    };
    page(&server, "/", us(), "<a href='/next'>next</a>").await;
    page(&server, "/next", us(), "the end").await;
    // robots.txt is asked for by the same name, and before anything else.
    us().and(path("/robots.txt")).respond_with(ResponseTemplate::new(404)).expect(1).mount(&server).await;

    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let seed = format!("{}/", server.uri());
    let output = binary::run([
        "crawl",
        &seed,
        "--out",
        out,
        "--rate",
        "unlimited",
        "--allow-address",
        "loopback",
        "--user-agent",
        "mybot/1.0 (+https://bot.example/)",
        "--header",
        "X-Team: search",
        "--quiet",
    ])
    .await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(binary::read_records(folder.path()).len(), 2);
    server.verify().await;
    assert_eq!(server.received_requests().await.unwrap()[0].url.path(), "/robots.txt");
}

#[tokio::test]
async fn the_default_name_is_draglines_with_the_contact() {
    let server = MockServer::start().await;
    let by_name = Mock::given(header_regex("user-agent", r"^dragline/\d+\.\d+\.\d+ \(\+mailto:me@example\.org\)$"));
    page(&server, "/", by_name, "hello").await;
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let seed = format!("{}/", server.uri());
    let args = ["crawl", &seed, "--out", out, "--allow-address", "loopback", "--robots", "ignore", "--quiet"];
    let output = binary::run(args.into_iter().chain(["--contact", "mailto:me@example.org"])).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    server.verify().await;
}

#[tokio::test]
async fn credentials_stay_with_the_origin_of_the_seed() {
    let (ours, theirs) = (MockServer::start().await, MockServer::start().await);
    let linked = format!("<a href='{}/linked'>out</a><a href='/moved'>moved</a>", theirs.uri());
    let with_token = || Mock::given(header("authorization", "Bearer sesame")).and(header("x-team", "search"));
    page(&ours, "/", with_token(), &linked).await;
    let moved = ResponseTemplate::new(302).insert_header("location", format!("{}/target", theirs.uri()));
    with_token().and(path("/moved")).respond_with(moved).expect(1).mount(&ours).await;
    for at in ["/linked", "/target"] {
        page(&theirs, at, Mock::given(header("x-team", "search")), "here").await;
    }

    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let seed = format!("{}/", ours.uri());
    let args = ["crawl", &seed, "--out", out, "--scope", "any", "--rate", "unlimited", "--robots", "ignore", "--quiet"];
    let headers =
        ["--allow-address", "loopback", "--header", "Authorization: Bearer sesame", "--header", "X-Team: search"];
    let output = binary::run(args.into_iter().chain(headers)).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    ours.verify().await;
    theirs.verify().await;
    for request in theirs.received_requests().await.unwrap() {
        assert!(!request.headers.contains_key("authorization"), "{request:?}");
    }
}

/// `Authorization` and `X-Api-Key` of each request to `at`, as `path: authorization, key`.
async fn secrets_seen(server: &MockServer) -> Vec<String> {
    let requests = server.received_requests().await.unwrap();
    let of = |request: &wiremock::Request, name: &str| {
        request.headers.get(name).map_or("-", |value| value.to_str().unwrap()).to_owned()
    };
    let line = |r: &wiremock::Request| format!("{} {}, {}", r.url.path(), of(r, "authorization"), of(r, "x-api-key"));
    let mut seen: Vec<_> = requests.iter().map(line).collect();
    seen.sort();
    seen
}

#[tokio::test]
async fn a_login_goes_to_its_origin_and_nowhere_else() {
    let (ours, theirs) = (MockServer::start().await, MockServer::start().await);
    // The same machine under another name, and another port: two other origins.
    let by_name = ours.uri().replace("127.0.0.1", "shop.test");
    let page = |body: String| ResponseTemplate::new(200).set_body_raw(body, "text/html");
    let moved = |to: String| ResponseTemplate::new(302).insert_header("location", to);
    let robots = format!("Sitemap: {}/sitemap.xml\nSitemap: {by_name}/sitemap.xml\n", theirs.uri());
    let links = format!(
        "<a href='/moved'></a><a href='/away'></a><a href='{}/link'></a><a href='{by_name}/link'></a>",
        theirs.uri()
    );
    let sitemap = format!("<urlset><url><loc>{}/listed</loc></url></urlset>", ours.uri());
    let answers = [
        (&ours, "/robots.txt", ResponseTemplate::new(200).set_body_raw(robots, "text/plain")),
        (&ours, "/", page(links)),
        (&ours, "/moved", moved(format!("{}/target", theirs.uri()))),
        (&ours, "/away", moved(format!("{by_name}/target"))),
        (&ours, "/listed", page("listed".into())),
        (&ours, "/link", page("link".into())),
        (&ours, "/target", page("target".into())),
        (&ours, "/sitemap.xml", ResponseTemplate::new(404)),
        (&theirs, "/robots.txt", moved(format!("{by_name}/robots.txt"))),
        (&theirs, "/sitemap.xml", ResponseTemplate::new(200).set_body_raw(sitemap, "application/xml")),
        (&theirs, "/link", page("link".into())),
        (&theirs, "/target", page("target".into())),
    ];
    for (server, at, answer) in answers {
        Mock::given(path(at)).respond_with(answer).mount(server).await;
    }

    let config = format!(
        "seeds.urls = ['{}/']\nscope.mode = 'any'\npoliteness.rate = 'unlimited'\n\
         fetch.allow_addresses = ['loopback']\nfetch.resolve.'shop.test' = '127.0.0.1'\n\
         telemetry.log = 'debug'\n[[auth]]\norigin = '{}'\nuser = 'bob'\npassword = 'sesame'\n\
         headers.x-api-key = 'sesame'\n",
        ours.uri(),
        ours.uri()
    );
    let (records, printed) = crawl(&config).await;
    assert!(!printed.contains("sesame") && !printed.contains("Ym9iOnNlc2FtZQ=="), "{printed}");
    assert_eq!(records.len(), 10, "{records:?}");

    let secrets = "Basic Ym9iOnNlc2FtZQ==, sesame";
    let ours = secrets_seen(&ours).await;
    let (with, without): (Vec<_>, Vec<_>) = ours.into_iter().partition(|line| line.ends_with(secrets));
    let expected: Vec<_> =
        ["/", "/away", "/listed", "/moved", "/robots.txt"].iter().map(|at| format!("{at} {secrets}")).collect();
    assert_eq!(with, expected);
    let by_name = ["/link -, -", "/robots.txt -, -", "/robots.txt -, -", "/sitemap.xml -, -", "/target -, -"];
    assert_eq!(without, by_name);
    let of_theirs = secrets_seen(&theirs).await;
    assert_eq!(of_theirs, ["/link -, -", "/robots.txt -, -", "/sitemap.xml -, -", "/target -, -"]);
}

#[tokio::test]
async fn credentials_of_a_seed_are_its_origins_login() {
    let server = MockServer::start().await;
    let by_name = server.uri().replace("127.0.0.1", "shop.test");
    let link = format!("<a href='{}/link'></a>", by_name.replace("//", "//eve:trap@"));
    page(&server, "/", Mock::given(header("authorization", "Basic Ym9iOnNlc2FtZQ==")), &link).await;
    page(&server, "/link", Mock::given(method("GET")), "here").await;
    let config = format!(
        "seeds.urls = ['{}/']\nscope.mode = 'any'\npoliteness.rate = 'unlimited'\nrobots.mode = 'ignore'\n\
         fetch.allow_addresses = ['loopback']\nfetch.resolve.'shop.test' = '127.0.0.1'\ntelemetry.log = 'debug'\n",
        server.uri().replace("//", "//bob:sesame@")
    );
    let (records, printed) = crawl(&config).await;
    assert!(!printed.contains("sesame"), "{printed}");
    assert_eq!(records.len(), 2);
    server.verify().await;
    assert_eq!(secrets_seen(&server).await, ["/ Basic Ym9iOnNlc2FtZQ==, -", "/link -, -"]);
}

#[tokio::test]
async fn some_hosts_are_told_something_else() {
    let server = MockServer::start().await;
    let config = |host: &str| {
        format!(
            "seeds.urls = ['{}/']\nrobots.mode = 'ignore'\nfetch.allow_addresses = ['loopback']\n\
             fetch.resolve.'*.test' = '127.0.0.1'\nfetch.accept_language = 'de'\nfetch.headers.x-team = 'search'\n\
             [[host]]\nmatch = '*.shop.test'\naccept_language = 'fr'\nuser_agent = 'other/2'\n\
             headers.x-team = 'shop'\nheaders.x-more = 'yes'\n",
            server.uri().replace("127.0.0.1", host)
        )
    };
    let plain = Mock::given(header("accept-language", "de")).and(header("x-team", "search"));
    page(&server, "/", plain, "plain").await;
    crawl(&config("other.test")).await;
    server.verify().await;
    server.reset().await;
    let french = Mock::given(header("accept-language", "fr")).and(header("x-team", "shop"));
    page(&server, "/", french.and(header("x-more", "yes")).and(header("user-agent", "other/2")), "other").await;
    crawl(&config("www.shop.test")).await;
    server.verify().await;
}

#[tokio::test]
async fn cookies_are_sent_back_saved_and_in_no_record() {
    use std::os::unix::fs::PermissionsExt;

    let server = MockServer::start().await;
    let uri = server.uri();
    let by_name = uri.replace("127.0.0.1", "other.test");
    let page = |links: String| ResponseTemplate::new(200).set_body_raw(links, "text/html");
    let login = page(format!("<a href='/in'></a><a href='{by_name}/in'></a>"))
        .append_header("set-cookie", "sid=sesame; Max-Age=100; Path=/; HttpOnly")
        .append_header("set-cookie", "wide=sesame; Domain=other.test");
    Mock::given(path("/")).respond_with(login).mount(&server).await;
    Mock::given(path("/in")).respond_with(page("in".into())).mount(&server).await;

    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (folder.path().join("site.toml"), folder.path().join("out"));
    let preset = folder.path().join("cookies.txt");
    std::fs::write(&preset, "127.0.0.1\tFALSE\t/\tFALSE\t0\tgiven\tsesame\n").unwrap();
    let config = format!(
        "seeds.urls = ['{uri}/']\nscope.mode = 'any'\npoliteness.rate = 'unlimited'\nrobots.mode = 'ignore'\n\
         fetch.allow_addresses = ['loopback']\nfetch.resolve.'other.test' = '127.0.0.1'\noutputs.headers = true\n\
         telemetry.log = 'debug'\ncookies.enabled = true\ncookies.file = '{}'\n",
        preset.display()
    );
    std::fs::write(&file, config).unwrap();
    let output = binary::run(["run".as_ref(), file.as_os_str(), "--out".as_ref(), out.as_os_str()]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("sesame"), "{output:?}");

    let mut seen = Vec::new();
    for request in server.received_requests().await.unwrap() {
        let cookies = request.headers.get("cookie").map_or("-", |value| value.to_str().unwrap()).to_owned();
        let host = request.headers["host"].to_str().unwrap().split(':').next().unwrap().to_owned();
        seen.push(format!("{host}{} {cookies}", request.url.path()));
    }
    seen.sort();
    assert_eq!(seen, ["127.0.0.1/ given=sesame", "127.0.0.1/in given=sesame; sid=sesame", "other.test/in -"]);

    let records = binary::by_url(binary::read_records(&out));
    assert_eq!(records[&format!("{uri}/")]["headers"]["set-cookie"], serde_json::json!(["<secret>", "<secret>"]));
    assert!(!format!("{records:?}").contains("sesame"));
    let saved = out.join("state/cookies.json");
    assert_eq!(std::fs::metadata(&saved).unwrap().permissions().mode() & 0o777, 0o600);
    let saved: serde_json::Value = serde_json::from_slice(&std::fs::read(&saved).unwrap()).unwrap();
    assert_eq!(saved["cookies"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_resumed_job_has_its_cookies_and_a_fresh_one_has_not() {
    let server = MockServer::start().await;
    let next = ResponseTemplate::new(200)
        .set_body_raw("<a href='/next'>next</a>", "text/html")
        .append_header("set-cookie", "sid=1; Path=/");
    Mock::given(path("/")).respond_with(next).mount(&server).await;
    let end = ResponseTemplate::new(200).set_body_raw("the end", "text/html");
    Mock::given(path("/next")).and(header("cookie", "sid=1")).respond_with(end).expect(1).mount(&server).await;

    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (folder.path().join("site.toml"), folder.path().join("out"));
    let run = async |pages: u32, extra: &[&str]| {
        let config = format!(
            "seeds.urls = ['{}/']\nrobots.mode = 'ignore'\nfetch.allow_addresses = ['loopback']\n\
             cookies.enabled = true\nlimits.pages = {pages}\npoliteness.rate = 'unlimited'\n",
            server.uri()
        );
        std::fs::write(&file, config).unwrap();
        let args = ["run".as_ref(), file.as_os_str(), "--out".as_ref(), out.as_os_str()];
        binary::run(args.into_iter().chain(extra.iter().map(AsRef::as_ref))).await
    };
    assert_eq!(run(1, &[]).await.status.code(), Some(3));
    let output = run(9, &[]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    server.verify().await;
    assert_eq!(run(1, &["--fresh"]).await.status.code(), Some(3));
    assert!(!server.received_requests().await.unwrap().last().unwrap().headers.contains_key("cookie"));

    // A jar that can't be read stops the crawl, and all is left as it is.
    std::fs::write(out.join("state/cookies.json"), "{ sesame").unwrap();
    let before = contents(&out);
    let output = run(9, &[]).await;
    assert_eq!(output.status.code(), Some(6), "{output:?}");
    let printed = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(printed.contains("cookies.json can't be used: line 1") && !printed.contains("sesame"), "{printed}");
    assert!(contents(&out) == before, "the folder was changed");
    assert_eq!(run(1, &["--fresh"]).await.status.code(), Some(3), "it is done away with");
}
