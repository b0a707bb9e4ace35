//! Where connections may go: the guard on literals and names, fixed answers, TLS.

use super::*;

fn strict() -> Options {
    Options { guard: guard::Options::default(), ..options() }
}

async fn check_refused(options: Options, url: &str, phase: Phase, message: &str) {
    let error = HttpFetcher::new(options).unwrap().fetch(get(url)).await.unwrap_err();
    assert_eq!((error.kind, error.phase), (ErrorKind::AddressRefused, phase), "{url}: {error}");
    assert_eq!(error.message, message, "{url}");
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn literal_addresses_are_judged_in_all_their_spellings() {
    let server = Server::sending(ok("", b"secret")).await;
    let port = server.addr.port();
    for host in
        ["127.0.0.1", "0x7f.1", "2130706433", "017700000001", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "[::1]"]
    {
        check_refused(strict(), &format!("http://{host}:{port}/"), Phase::Connect, "the address is loopback").await;
    }
    let url = "http://169.254.169.254/latest/meta-data/";
    check_refused(options(), url, Phase::Connect, "the address is cloud-metadata").await;
    assert_eq!(server.n_connections(), 0);
}

#[tokio::test]
async fn names_are_judged_by_their_addresses() {
    let server = Server::sending(ok("", b"secret")).await;
    let port = server.addr.port();
    let message = "the name has only loopback addresses";
    check_refused(strict(), &format!("http://localhost:{port}/"), Phase::Resolve, message).await;

    // By the URL standard these are names.
    for host in ["127.0.0.1..", "0x7f.1.."] {
        check_refused(strict(), &format!("http://{host}:{port}/"), Phase::Resolve, message).await;
    }

    let fixed = Options { resolve: vec![("intranet.test".into(), server.addr.ip())], ..strict() };
    check_refused(fixed, &format!("http://intranet.test:{port}/"), Phase::Resolve, message).await;
    assert_eq!(server.n_connections(), 0);
}

#[tokio::test]
async fn an_exception_lets_pass_what_it_names() {
    let server = Server::sending(ok("", b"x")).await;
    let options = Options { guard: allowing(&["127.0.0.0/8"]), ..strict() };
    let fetcher = HttpFetcher::new(options).unwrap();
    let port = server.addr.port();
    for host in ["127.0.0.1", "0x7f.1", "localhost", "[::ffff:127.0.0.1]"] {
        fetcher.fetch(get(&format!("http://{host}:{port}/"))).await.unwrap();
    }
}

#[tokio::test]
async fn fixed_answers_come_before_dns_and_keep_the_port() {
    let server = Server::sending(ok("", b"x")).await;
    let resolve = vec![("*.shop.test".to_owned(), server.addr.ip())];
    let fetcher = HttpFetcher::new(Options { resolve, ..options() }).unwrap();
    let response = fetcher.fetch(get(&format!("http://a.shop.test:{}/", server.addr.port()))).await.unwrap();
    assert_eq!(response.remote, Some(server.addr));
    assert!(response.timings.dns.is_some());
    assert!(server.request().contains("host: a.shop.test:"));
}

#[tokio::test]
async fn a_name_that_does_not_exist() {
    let fetcher = HttpFetcher::new(options()).unwrap();
    let error = fetcher.fetch(get("http://no-such-host.invalid/")).await.unwrap_err();
    assert_eq!((error.kind, error.phase), (ErrorKind::Dns, Phase::Resolve), "{error}");
    assert!(error.is_retryable());
}

#[tokio::test]
async fn a_server_that_does_not_speak_tls() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await;
    });
    let error = HttpFetcher::new(options()).unwrap().fetch(get(&format!("https://{addr}/"))).await.unwrap_err();
    assert_eq!((error.kind, error.phase), (ErrorKind::Tls, Phase::Connect), "{error}");
    assert!(error.message.starts_with("tls: "), "{error}");
    assert!(error.timings.connect.is_some() && error.timings.tls.is_none());
}

#[tokio::test]
async fn a_handshake_that_stalls_times_out_while_connecting() {
    let server = Server::start(vec![Step::Hold]).await;
    let short = Duration::from_millis(80);
    // Whichever limit is the shorter one.
    for options in [Options { connect_timeout: short, ..options() }, Options { timeout: short, ..options() }] {
        let url = format!("https://{}/", server.addr);
        let error = HttpFetcher::new(options).unwrap().fetch(get(&url)).await.unwrap_err();
        assert_eq!((error.kind, error.phase), (ErrorKind::Timeout, Phase::Connect), "{error}");
        assert_eq!(error.message, "timed out waiting for a connection");
    }
}

/// Serves HTTP over TLS with a certificate for `tls.test` and 127.0.0.1, a number of connections.
fn serve_tls(n_connections: usize) -> (SocketAddr, std::thread::JoinHandle<()>) {
    let cert = include_bytes!("loopback_cert.der").as_slice().into();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(include_bytes!("loopback_key.der").as_slice()).into();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let addr = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        use std::io::{Read, Write};
        for stream in listener.incoming().take(n_connections) {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut tls = rustls::StreamOwned::new(connection, stream.unwrap());
            // A client that doesn't trust us hangs up here.
            if tls.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {
                tls.write_all(&ok("Connection: close\r\n", b"over tls")).unwrap();
                tls.conn.send_close_notify();
                tls.flush().unwrap();
            }
        }
    });
    (addr, thread)
}

#[tokio::test]
async fn tls_is_timed_apart_and_trusts_its_roots_only() {
    let (addr, thread) = serve_tls(2);
    let resolve = vec![("tls.test".to_owned(), addr.ip())];
    let options = Options { resolve, ..options() };
    let url = format!("https://tls.test:{}/", addr.port());

    let mut roots = rustls::RootCertStore::empty();
    roots.add(include_bytes!("loopback_cert.der").as_slice().into()).unwrap();
    let response = HttpFetcher::with_roots(options.clone(), roots).unwrap().fetch(get(&url)).await.unwrap();
    assert_eq!(response.body, "over tls");
    let timings = response.timings;
    let (dns, connect, tls) = (timings.dns.unwrap(), timings.connect.unwrap(), timings.tls.unwrap());
    assert!(tls > Duration::ZERO, "a handshake takes time");
    assert!(dns + connect + tls <= timings.first_byte_at.unwrap().since(timings.sent_at));

    let error = HttpFetcher::new(options).unwrap().fetch(get(&url)).await.unwrap_err();
    assert_eq!((error.kind, error.phase), (ErrorKind::Tls, Phase::Connect));
    assert_eq!(error.message, "tls: invalid peer certificate: UnknownIssuer");
    thread.join().unwrap();
}
