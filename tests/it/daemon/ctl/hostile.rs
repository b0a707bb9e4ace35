//! What answers may be anything: each server here sends what no daemon sends, and the client neither hangs nor swells nor
//! believes it.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::command;
use crate::support::ground::{Ended, Ground, finish};

/// Sends the same to every call, again and again if it is `endless`.
struct Liar {
    addr: SocketAddr,
    tasks: JoinSet<()>,
}

impl Liar {
    async fn sending(head: &'static str, body: &'static [u8], endless: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(lie(stream, head, body, endless));
            }
        });
        Self { addr, tasks }
    }

    /// What comes of a command, within a time that is not the client's patience.
    async fn told(&self, ground: &Ground, args: &[&str]) -> Ended {
        assert!(!self.tasks.is_empty());
        let mut command = command(ground, self.addr, args);
        let ended = finish(command.env("DRAGLINE_KEY", "sesame").spawn().unwrap());
        let ended = tokio::time::timeout(Duration::from_secs(40), ended).await.expect("it does not hang");
        assert!(!ended.stderr.contains("panic") && !ended.stderr.contains("sesame"), "{}", ended.stderr);
        assert!(!ended.stderr.contains('\u{1b}') && !ended.stdout.contains('\u{1b}'), "{ended:?}");
        ended
    }
}

async fn lie(mut stream: TcpStream, head: &str, body: &[u8], endless: bool) {
    let mut call = [0; 4096];
    let _ = stream.read(&mut call).await;
    let _ = stream.write_all(head.as_bytes()).await;
    while stream.write_all(body).await.is_ok() && endless {}
    let _ = stream.shutdown().await;
}

const ID: &str = "01a2193c-c931-7221-9cc3-d386ecb937b1";
const JSON: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n";

/// Commands of every kind, with a file to submit.
fn commands() -> [&'static [&'static str]; 11] {
    [
        &["crawls"],
        &["show", ID],
        &["show", "abcd"],
        &["submit", "web.toml"],
        &["watch", ID, "--patience", "1s"],
        &["pause", ID],
        &["pages", ID],
        &["get", ID, "pages.jsonl", "--patience", "1s"],
        &["fetch", "http://a.test/"],
        &["explain", ID, "http://a.test/"],
        &["version"],
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_daemon_is_called_so() {
    let ground = Ground::new();
    ground.write("web.toml", "seeds.urls = [\"http://a.test/\"]\n");
    let answers: [(&str, &[u8], &str); 6] = [
        ("SSH-2.0-OpenSSH_9.2\r\n", b"", "it speaks no HTTP"),
        (JSON, b"<html>\x1b[2J</html>", "unexpected answer"),
        ("HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n", b"\x1b]0;x\x07", "no word of explanation"),
        (
            "HTTP/1.1 302 Found\r\nLocation: http://evil.test/\x1b\r\nContent-Length: 0\r\n\r\n",
            b"",
            "is no dragline daemon",
        ),
        (
            "HTTP/1.1 307 Found\r\nLocation: http://evil.test/\r\nContent-Length: 0\r\n\r\n",
            b"",
            "redirect to http://evil.test/",
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"", ""),
    ];
    for (head, body, expected) in answers {
        let liar = Liar::sending(head, body, false).await;
        for args in commands() {
            let told = liar.told(&ground, args).await;
            let is_fine = told.code == Some(9) || (expected.is_empty() && told.code == Some(0) && args[0] == "get");
            assert!(is_fine, "{args:?} of {head:?}: {told:?}");
            let has_own_words = matches!(args[0], "watch" | "get");
            assert!(told.stderr.contains(expected) || has_own_words, "{args:?} of {head:?}: {}", told.stderr);
        }
        let url = format!("http://{}", liar.addr);
        ground.run(&["healthcheck", "--url", &url]).await.with(1).saying("not ready: ");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_called_but_who_was_named() {
    let ground = Ground::new();
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for status in ["301 Moved", "302 Found", "303 See", "307 Same", "308 Same", "300 Choose"] {
        let place = elsewhere.local_addr().unwrap();
        let head = format!("HTTP/1.1 {status}\r\nLocation: http://{place}/v1/crawls\r\nContent-Length: 0\r\n\r\n");
        let liar = Liar::sending(head.leak(), b"", false).await;
        liar.told(&ground, &["crawls"]).await.with(9).saying("and none is followed").saying(&place.to_string());
        liar.told(&ground, &["cancel", ID]).await.with(9);
    }
    let called = tokio::time::timeout(Duration::from_millis(100), elsewhere.accept()).await;
    assert!(called.is_err(), "somebody was sent on");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_end_is_cut() {
    let ground = Ground::new();
    ground.write("web.toml", "seeds.urls = [\"http://a.test/\"]\n");
    let liar = Liar::sending(JSON, &[b' '; 16384], true).await;
    for args in commands() {
        let told = liar.told(&ground, args).await;
        assert_eq!(told.code, Some(9), "{args:?}: {}", told.stderr);
    }
    let stream = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";
    let liar = Liar::sending(stream, b"data: x", true).await;
    liar.told(&ground, &["watch", ID]).await.with(9);
    let endless = "HTTP/1.1 503 No\r\nConnection: close\r\n\r\n";
    let liar = Liar::sending(endless, &[b'x'; 16384], true).await;
    liar.told(&ground, &["crawls"]).await.with(9).saying("is longer than");
    ground.run(&["healthcheck", "--url", &format!("http://{}", liar.addr)]).await.with(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_that_go_in_circles_end() {
    let ground = Ground::new();
    for (body, args) in [
        (br#"{"crawls":[],"next":"a"}"# as &[u8], &["crawls"] as &[&str]),
        (br#"{"crawls":[],"next":"a"}"#, &["show", "abcd"]),
    ] {
        let liar = Liar::sending(JSON, body, false).await;
        liar.told(&ground, args).await.with(9).saying("its list of crawls has no end");
    }
    let liar = Liar::sending(JSON, br#"{"pages":[],"next":"a"}"#, false).await;
    assert_eq!(liar.told(&ground, &["pages", ID]).await.with(0).stdout, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_says_of_itself_is_text() {
    let ground = Ground::new();
    let crawl =
        br#"{"crawls":[{"id":"\u001b[2J","name":"\u001b]0;x\u0007\n\u202e","state":"\u009bx","created_at":"\u001b"}]}"#;
    let liar = Liar::sending(JSON, crawl, false).await;
    assert_eq!(liar.told(&ground, &["crawls"]).await.with(0).stdout.lines().count(), 2);
    let head = "HTTP/1.1 409 No\r\nContent-Type: application/problem+json\r\nConnection: close\r\n\r\n";
    let liar = Liar::sending(head, br#"{"title":"\u001b[2J","detail":"\u001b[31m\nx"}"#, false).await;
    liar.told(&ground, &["pause", ID]).await.with(10).saying("(409): \u{fffd}[31m x");
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_spoken_with_whom_is_trusted() {
    const CERTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/fetch/tests/certs");
    let ground = Ground::new();
    let chain = CertificateDer::pem_file_iter(format!("{CERTS}/server.pem")).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(format!("{CERTS}/server.key")).unwrap();
    let tls = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(tls));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut call = [0; 4096];
            let _ = stream.read(&mut call).await;
            let _ = stream.write_all(format!("{JSON}{{\"crawls\":[]}}").as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    let ca = format!("{CERTS}/ca.pem");
    ground.run(&["ctl", "--url", &url, "crawls"]).await.with(9).saying("no daemon answers at https://");
    ground.run(&["ctl", "--url", &url, "crawls", "--ca-file", &ca]).await.with(0).saying("no crawls");
    ground.run(&["ctl", "--url", &url, "crawls", "--ca-file", "missing.pem"]).await.with(2);
}
