//! Requests and heads of responses.

use super::*;

async fn check_head(bytes: &[u8], kind: ErrorKind) {
    let server = Server::sending(bytes).await;
    let error = server.fetch(options()).await.unwrap_err();
    assert_eq!((error.kind, error.phase), (kind, Phase::Head), "{error} from {:?}", bytes.escape_ascii().to_string());
    assert!(!error.message.contains("127.0.0.1"), "{error}");
    assert!(error.timings.ended_at >= error.timings.sent_at && error.timings.first_byte_at.is_none());
}

#[tokio::test]
async fn what_is_not_http_is_a_protocol_error() {
    check_head(b"SSH-2.0-OpenSSH_9.6\r\n", ErrorKind::Protocol).await;
    check_head(b"<html>no head at all</html>\r\n\r\n", ErrorKind::Protocol).await;
    check_head(b"HTTP/1.1 2x0 OK\r\n\r\n", ErrorKind::Protocol).await;
    check_head(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", ErrorKind::Protocol).await;
    check_head(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nab", ErrorKind::Protocol).await;
    check_head(&[0; 512], ErrorKind::Protocol).await;
}

#[tokio::test]
async fn a_head_that_breaks_off_is_closed() {
    check_head(b"", ErrorKind::Closed).await;
    check_head(b"HTTP/1.1 200 OK\r\nContent-", ErrorKind::Closed).await;
}

#[tokio::test]
async fn too_many_fields_are_a_protocol_error() {
    let fields = "X: y\r\n".repeat(MAX_FIELDS + 1);
    check_head(format!("HTTP/1.1 200 OK\r\n{fields}\r\n").as_bytes(), ErrorKind::Protocol).await;

    let fields = "X: y\r\n".repeat(MAX_FIELDS - 1);
    let server = Server::sending(format!("HTTP/1.1 200 OK\r\n{fields}Connection: close\r\n\r\n")).await;
    assert_eq!(server.fetch(options()).await.unwrap().headers.len(), MAX_FIELDS);
}

const MAX_FIELDS: usize = 256;

#[tokio::test]
async fn a_flood_of_header_bytes_is_a_protocol_error() {
    let head = b"HTTP/1.1 200 OK\r\nX: ".to_vec();
    let server = Server::start(vec![Step::Send(head), Step::Repeat(vec![b'y'; 65_536], Duration::ZERO)]).await;
    let error = server.fetch(options()).await.unwrap_err();
    assert_eq!((error.kind, error.phase), (ErrorKind::Protocol, Phase::Head), "{error}");
}

#[tokio::test]
async fn a_head_that_does_not_come_times_out() {
    let server = Server::start(vec![Step::Send(b"HTTP/1.1 200 OK\r\n".to_vec()), Step::Hold]).await;
    let error = server.fetch(Options { timeout: Duration::from_millis(300), ..options() }).await.unwrap_err();
    assert_eq!((error.kind, error.phase), (ErrorKind::Timeout, Phase::Head));
    assert!(error.timings.connect.is_some(), "it came as far as a connection");
    assert!(error.is_retryable() && error.blames_host());
}

#[tokio::test]
async fn a_late_head_is_in_the_timings() {
    let pause = Duration::from_millis(60);
    let server = Server::start(vec![Step::Wait(pause), Step::Send(ok("", b"x"))]).await;
    let timings = server.fetch(options()).await.unwrap().timings;
    assert!(timings.first_byte_at.unwrap().since(timings.sent_at) >= pause);
    assert!(timings.ended_at >= timings.first_byte_at.unwrap());
    assert!(timings.connect.is_some() && timings.dns.is_none() && timings.tls.is_none());
}

#[tokio::test]
async fn nobody_listens() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    drop(listener);
    let error = HttpFetcher::new(options()).unwrap().fetch(get(&format!("http://{addr}/"))).await.unwrap_err();
    assert_eq!((error.kind, error.phase), (ErrorKind::Connect, Phase::Connect));
    assert_eq!(error.message, "connection refused");
}

#[tokio::test]
async fn the_request_has_the_headers_it_is_given() {
    let server = Server::sending(ok("", b"")).await;
    let mut request = get(&format!("http://{}/a?b=c", server.addr));
    request.headers.append("x-team", HeaderValue::from_static("one"));
    request.headers.append("x-team", HeaderValue::from_static("two"));
    request.headers.insert("accept", HeaderValue::from_static("text/plain"));
    HttpFetcher::new(options()).unwrap().fetch(request).await.unwrap();

    let mut lines: Vec<_> = server.request().trim_end().lines().map(str::to_owned).collect();
    assert_eq!(lines.remove(0), "GET /a?b=c HTTP/1.1");
    lines.sort();
    let host = format!("host: {}", server.addr);
    assert_eq!(lines, ["accept: text/plain", &host, "x-team: one", "x-team: two"]);
}

#[tokio::test]
async fn a_redirect_is_an_outcome() {
    let head = "HTTP/1.1 301 Moved\r\nLocation: /elsewhere\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n";
    let server = Server::start(vec![Step::Send(head.into()), Step::Again]).await;
    let response = server.fetch(options()).await.unwrap();
    assert_eq!((response.status, response.header(http::header::LOCATION)), (301, Some("/elsewhere")));
    assert_eq!(response.remote, Some(server.addr));
    assert!(server.request().starts_with("GET / "));
}

#[tokio::test]
async fn lenient_heads_are_read() {
    let head = "HTTP/1.1 200 OK\r\nX-Fold: a\r\n b\r\nX-Space : c\r\nbad line\r\nContent-Length: 1\r\n\r\nx";
    let response = Server::sending(head).await.fetch(options()).await.unwrap();
    assert_eq!(response.body, "x");
    assert_eq!(response.header(HeaderName::from_static("x-space")), Some("c"));
}

#[tokio::test]
async fn connections_are_used_again() {
    let server = Server::start(vec![Step::Send(ok("", b"hello")), Step::Again]).await;
    let fetcher = HttpFetcher::new(options()).unwrap();
    for n in 0..3 {
        let response = fetcher.fetch(get(&server.url())).await.unwrap();
        assert_eq!(response.timings.connect.is_some(), n == 0);
    }
    assert_eq!(server.n_connections(), 1);
}

#[tokio::test]
async fn idle_connections_are_bounded_over_all_hosts() {
    let answer = vec![Step::Send(ok("", b"x")), Step::Again];
    let (a, b, c) =
        (Server::start(answer.clone()).await, Server::start(answer.clone()).await, Server::start(answer).await);
    let connections = Connections { default: 1, exceptions: vec![] };
    let options = Options { idle_connections: 2, connections, ..options() };
    let fetcher = HttpFetcher::new(options).unwrap();
    for server in [&a, &b, &a, &c, &a, &b] {
        fetcher.fetch(get(&server.url())).await.unwrap();
        let mut n_kept = 0;
        fetcher.held(&mut |name, n| n_kept += if name == "fetch.idle_connections" { n } else { 0 });
        assert!(n_kept <= 2, "{n_kept}");
    }
    assert_eq!([a.n_connections(), b.n_connections(), c.n_connections()], [1, 2, 1], "b was not asked for longest");
    for server in [&b, &c] {
        // The client closed it, and did not only forget it.
        let is_closed = async {
            while server.n_open() > usize::from(std::ptr::eq(server, &b)) {
                sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), is_closed).await.expect("it was closed");
    }
    assert_eq!(a.n_open(), 1);
}

#[tokio::test]
async fn statuses_without_a_body() {
    for status in [204, 304] {
        let head = format!("HTTP/1.1 {status} X\r\nContent-Encoding: gzip\r\n\r\n");
        let response = Server::sending(head).await.fetch(options()).await.unwrap();
        assert_eq!((response.status, response.body.len(), response.truncated), (status, 0, None));
    }
}
