//! Bodies: length, time, memory, framing.

use super::*;

fn head(fields: &str) -> Step {
    Step::Send(format!("HTTP/1.1 200 OK\r\n{fields}\r\n").into_bytes())
}

fn check(response: &Response, body: &[u8], truncated: Option<Truncation>) {
    assert_eq!(response.body, body);
    assert_eq!(response.truncated, truncated);
}

#[tokio::test]
async fn whole_bodies() {
    for (fields, body) in [
        ("Content-Length: 5\r\n", "hello"),
        ("Transfer-Encoding: chunked\r\n", "2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nT: v\r\n\r\n"),
        ("", "hello"),
    ] {
        let server = Server::start(vec![head(fields), Step::Send(body.into())]).await;
        let response = server.fetch(options()).await.unwrap();
        check(&response, b"hello", None);
        assert_eq!((response.wire_bytes, response.from_cache), (5, false));
    }
}

#[tokio::test]
async fn a_long_body_is_cut_at_the_limit_and_one_of_that_length_is_not() {
    let server = Server::sending(ok("", &[b'x'; 100_000])).await;
    let fetcher = HttpFetcher::new(options()).unwrap();
    for (limit, truncated) in [(0, true), (1, true), (99_999, true), (100_000, false), (200_000, false)] {
        let request = Request { max_body_bytes: limit, ..get(&server.url()) };
        let response = fetcher.fetch(request).await.unwrap();
        check(&response, &vec![b'x'; limit.min(100_000)], truncated.then_some(Truncation::BodyLimit));
    }
}

#[tokio::test]
async fn an_endless_body_is_cut_at_the_limit() {
    let server = Server::start(vec![head(""), Step::Repeat(vec![b'x'; 65_536], Duration::ZERO)]).await;
    let fetcher = HttpFetcher::new(options()).unwrap();
    let request = Request { max_body_bytes: 1_000_000, ..get(&server.url()) };
    check(&fetcher.fetch(request).await.unwrap(), &[b'x'; 1_000_000], Some(Truncation::BodyLimit));
}

#[tokio::test]
async fn a_drip_ends_with_the_deadline_and_keeps_what_came() {
    let server = Server::start(vec![head(""), Step::Repeat(b"x".into(), Duration::from_millis(10))]).await;
    let response = server.fetch(Options { timeout: Duration::from_millis(400), ..options() }).await.unwrap();
    assert_eq!(response.truncated, Some(Truncation::Timeout));
    assert!(!response.body.is_empty());
}

#[tokio::test]
async fn silence_ends_with_the_idle_timeout() {
    let quick = Options { idle_timeout: Duration::from_millis(250), ..options() };
    let server = Server::start(vec![head("Content-Length: 9\r\n"), Step::Send(b"abc".into()), Step::Hold]).await;
    check(&server.fetch(quick.clone()).await.unwrap(), b"abc", Some(Truncation::Timeout));

    let server = Server::start(vec![head("Content-Length: 9\r\n"), Step::Hold]).await;
    let error = server.fetch(quick).await.unwrap_err();
    assert_eq!((error.kind, error.phase), (ErrorKind::Timeout, Phase::Body));
    assert!(error.timings.first_byte_at.is_some());
}

#[tokio::test]
async fn a_break_after_some_of_the_body_is_a_truncation() {
    for (fields, body) in [
        ("Content-Length: 9\r\n", "abc"),
        ("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n"),
        ("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\nzz\r\nabc"),
        ("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n5\r\n"),
    ] {
        // In two pieces, so that the first is through before the fault is seen.
        let (first, rest) = body.split_at(body.find("abc").unwrap() + 3);
        let script = vec![
            head(fields),
            Step::Send(first.into()),
            Step::Wait(Duration::from_millis(20)),
            Step::Send(rest.into()),
        ];
        let response = Server::start(script).await.fetch(options()).await.unwrap();
        check(&response, b"abc", Some(Truncation::Incomplete));
    }
}

#[tokio::test]
async fn a_break_before_any_of_the_body_is_an_error_unless_the_status_says_enough() {
    let server = Server::start(vec![head("Content-Length: 9\r\n")]).await;
    let error = server.fetch(options()).await.unwrap_err();
    assert_eq!((error.kind, error.phase), (ErrorKind::Closed, Phase::Body), "{error}");

    let server = Server::start(vec![head("Transfer-Encoding: chunked\r\n"), Step::Send(b"zz\r\n".into())]).await;
    let error = server.fetch(options()).await.unwrap_err();
    assert_eq!((error.kind, error.phase), (ErrorKind::Protocol, Phase::Body), "{error}");

    let server = Server::sending("HTTP/1.1 404 No\r\nContent-Length: 9\r\n\r\n").await;
    let response = server.fetch(options()).await.unwrap();
    assert_eq!(response.status, 404);
    check(&response, b"", Some(Truncation::Incomplete));
}

#[tokio::test]
async fn responses_hold_their_share_of_the_memory_budget() {
    let server = Server::sending(ok("", &[b'x'; 90 << 10])).await;
    let options = Options { memory_budget_bytes: 100 << 10, timeout: Duration::from_millis(500), ..options() };
    let fetcher = HttpFetcher::new(options).unwrap();
    let first = fetcher.fetch(get(&server.url())).await.unwrap();
    assert_eq!(first.reservation.bytes(), 90 << 10);

    let error = fetcher.fetch(get(&server.url())).await.unwrap_err();
    assert_eq!((error.kind, error.phase), (ErrorKind::Busy, Phase::Body));
    assert!(!error.blames_host() && error.is_retryable(), "{error}");

    let clone = first.clone();
    drop(first);
    assert!(fetcher.fetch(get(&server.url())).await.is_err(), "a clone holds it still");
    drop(clone);
    fetcher.fetch(get(&server.url())).await.unwrap();
}

#[tokio::test]
async fn many_growing_bodies_all_end_under_a_small_budget() {
    let body = vec![b'x'; 300 << 10];
    let server = Server::start(vec![head(""), Step::Send(body.clone())]).await;
    let options = Options { memory_budget_bytes: 256 << 10, ..options() };
    let fetcher = HttpFetcher::new(options).unwrap();
    let mut tasks = JoinSet::new();
    for _ in 0..16 {
        let (fetcher, request) = (fetcher.clone(), get(&server.url()));
        tasks.spawn(async move { fetcher.fetch(request).await.unwrap().body.len() });
    }
    assert_eq!(tasks.join_all().await, [300 << 10; 16]);
}

#[tokio::test]
async fn a_dropped_exchange_gives_its_memory_back() {
    let drip = Server::start(vec![head(""), Step::Repeat(b"x".into(), Duration::from_millis(1))]).await;
    let whole = Server::sending(ok("", &[b'x'; 64 << 10])).await;
    let fetcher = HttpFetcher::new(Options { memory_budget_bytes: 64 << 10, ..options() }).unwrap();
    let dropped = tokio::time::timeout(Duration::from_millis(50), fetcher.fetch(get(&drip.url()))).await;
    assert!(dropped.is_err());
    assert_eq!(fetcher.fetch(get(&whole.url())).await.unwrap().reservation.bytes(), 64 << 10);
}
