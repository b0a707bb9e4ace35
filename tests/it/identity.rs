//! Who dragline says it is: what a request carries, seen by a mock of a server.

use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{header, header_exists, header_regex, method, path},
};

use crate::support::binary;

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
