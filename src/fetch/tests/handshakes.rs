//! TLS: who is trusted, and every way in which a handshake or the end of a connection can be wrong.

use std::sync::LazyLock;

use rustls::{RootCertStore, ServerConfig, pki_types::PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

use super::*;

/// For `tls.test` and 127.0.0.1.
const CERT: &[u8] = include_bytes!("loopback_cert.der");
/// Of the same key, for `tls.test`, in January 2020.
const EXPIRED: &[u8] = include_bytes!("expired_cert.der");
const KEY: &[u8] = include_bytes!("loopback_key.der");

/// Trusts both certificates.
pub(super) fn roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(CERT.into()).unwrap();
    roots.add(EXPIRED.into()).unwrap();
    roots
}

fn config(cert: &'static [u8], versions: &[&'static rustls::SupportedProtocolVersion]) -> ServerConfig {
    static PROVIDER: LazyLock<Arc<rustls::crypto::CryptoProvider>> =
        LazyLock::new(|| Arc::new(rustls::crypto::ring::default_provider()));
    ServerConfig::builder_with_provider(Arc::clone(&PROVIDER))
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.into()], PrivatePkcs8KeyDer::from(KEY).into())
        .unwrap()
}

/// Accepts with the good certificate and these protocols.
pub(super) fn acceptor(alpn: &[&[u8]]) -> TlsAcceptor {
    let mut config = config(CERT, rustls::ALL_VERSIONS);
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}

/// A server that says this over TLS and then ends the connection, with or without saying so.
struct Saying {
    addr: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Saying {
    async fn start(config: ServerConfig, bytes: Vec<u8>, says_goodbye: bool) -> Self {
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                if !stream.read(&mut [0; 4096]).await.is_ok_and(|n| n > 0) {
                    continue;
                }
                stream.write_all(&bytes).await.unwrap();
                stream.flush().await.unwrap();
                // Without it the socket is closed and TLS knows of no end.
                if says_goodbye {
                    stream.shutdown().await.unwrap();
                }
            }
        });
        Self { addr, _tasks: tasks }
    }

    async fn fetch(&self, host: &str, roots: RootCertStore) -> Result<Response, FetchError> {
        let resolve = vec![("*.test".to_owned(), self.addr.ip())];
        let fetcher = HttpFetcher::with_roots(Options { resolve, ..options() }, roots).unwrap();
        fetcher.fetch(get(&format!("https://{host}:{}/", self.addr.port()))).await
    }
}

#[track_caller]
fn check_untrusted(result: Result<Response, FetchError>, message: &str) {
    let error = result.unwrap_err();
    assert_eq!((error.kind, error.phase), (ErrorKind::Tls, Phase::Connect), "{error}");
    assert!(error.message.starts_with("tls: ") && error.message.contains(message), "{error}");
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn certificates_that_are_not_trusted() {
    let good = Saying::start(config(CERT, rustls::ALL_VERSIONS), ok("", b"x"), true).await;
    assert_eq!(good.fetch("tls.test", roots()).await.unwrap().body, "x");
    check_untrusted(
        good.fetch("tls.test", RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned())).await,
        "UnknownIssuer",
    );
    check_untrusted(good.fetch("other.test", roots()).await, "not valid for name");
    let expired = Saying::start(config(EXPIRED, rustls::ALL_VERSIONS), ok("", b"x"), true).await;
    check_untrusted(expired.fetch("tls.test", roots()).await, "expired");
}

#[tokio::test]
async fn both_versions_are_spoken() {
    for version in rustls::ALL_VERSIONS {
        let server = Saying::start(config(CERT, &[version]), ok("", b"x"), true).await;
        assert_eq!(server.fetch("tls.test", roots()).await.unwrap().body, "x", "{version:?}");
    }
}

#[tokio::test]
async fn a_body_without_an_end_is_whole_only_if_tls_says_so() {
    // Who cuts a connection can't say goodbye for the server: what came may be a part.
    let until_close = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nwhole?".to_vec();
    for (says_goodbye, truncated) in [(true, None), (false, Some(Truncation::Incomplete))] {
        let server = Saying::start(config(CERT, rustls::ALL_VERSIONS), until_close.clone(), says_goodbye).await;
        let response = server.fetch("tls.test", roots()).await.unwrap();
        assert_eq!((&*response.body, response.truncated), (&b"whole?"[..], truncated));
        // A length says it as well.
        let server = Saying::start(config(CERT, rustls::ALL_VERSIONS), ok("", b"whole"), says_goodbye).await;
        let response = server.fetch("tls.test", roots()).await.unwrap();
        assert_eq!((&*response.body, response.truncated), (&b"whole"[..], None));
    }
}
