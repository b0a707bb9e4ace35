//! TLS as configured: roots, versions, certificates of ours. The certificates here are for these tests
//! only; their authority's key was thrown away.

use rustls::{
    RootCertStore, ServerConfig, SupportedProtocolVersion,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
    version::{TLS12, TLS13},
};

use super::*;
use crate::{
    address::Origin,
    fetch::tls::{ClientCertificate, PemError, TlsOptions, TlsVersion, certificates},
};

const AUTHORITY: &[u8] = include_bytes!("certs/ca.pem");

/// Trusts the authority of the tests.
pub(super) fn trusting() -> TlsOptions {
    TlsOptions { roots: certificates(AUTHORITY).unwrap(), ..TlsOptions::default() }
}

/// A server for `tls.test`, its subdomains and 127.0.0.1, that asks for certificates of this authority.
pub(super) fn server(clients: Option<&[u8]>, versions: &[&'static SupportedProtocolVersion]) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = if versions.is_empty() { &[&TLS13, &TLS12] } else { versions };
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(versions).unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(pem) => {
            let mut roots = RootCertStore::empty();
            roots.add(certificates(pem).unwrap().remove(0)).unwrap();
            builder.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap(),
            )
        }
    };
    let chain = vec![CertificateDer::from_pem_slice(include_bytes!("certs/server.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("certs/server.key")).unwrap();
    builder.with_single_cert(chain, key).unwrap()
}

/// Takes TLS off and hands what is in it to `plain`; for as long as the tasks live.
pub(super) async fn serve(config: ServerConfig, plain: SocketAddr) -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut peers = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            peers.spawn(async move {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    let mut plain = TcpStream::connect(plain).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut stream, &mut plain).await;
                }
            });
        }
    });
    (addr, tasks)
}

async fn check(server_config: ServerConfig, ours: impl Fn(&Origin) -> TlsOptions, expected: Result<(), &str>) {
    let plain = Server::sending(ok("Connection: close\r\n", b"over tls")).await;
    let (addr, _tasks) = serve(server_config, plain.addr).await;
    let request = get(&format!("https://{addr}/"));
    let options = Options { tls: ours(&request.url.origin()), ..options() };
    let result = HttpFetcher::new(options).unwrap().fetch(request).await;
    match (result, expected) {
        (Ok(response), Ok(())) => assert_eq!(response.body, "over tls"),
        (Err(error), Err(message)) => {
            assert_eq!(error.kind, ErrorKind::Tls, "{error}");
            assert!(error.message.contains(message), "{error}");
        }
        (result, expected) => panic!("{result:?}, expected {expected:?}"),
    }
}

#[tokio::test]
async fn further_roots_are_trusted() {
    check(server(None, &[]), |_| trusting(), Ok(())).await;
    check(server(None, &[]), |_| TlsOptions::default(), Err("UnknownIssuer")).await;
}

#[tokio::test]
async fn old_versions_are_not_spoken() {
    let newest = |_: &Origin| TlsOptions { min_version: TlsVersion::V1_3, ..trusting() };
    check(server(None, &[&TLS12]), |_| trusting(), Ok(())).await;
    check(server(None, &[&TLS12]), newest, Err("")).await;
    check(server(None, &[&TLS13]), newest, Ok(())).await;
}

fn ours(origins: Vec<Origin>) -> ClientCertificate {
    ClientCertificate::from_pem(origins, include_bytes!("certs/client.pem"), include_bytes!("certs/client.key"))
        .unwrap()
}

#[tokio::test]
async fn our_certificate_is_shown_to_its_origins_only() {
    let showing = |origin: &Origin| TlsOptions { certificates: vec![ours(vec![origin.clone()])], ..trusting() };
    check(server(Some(AUTHORITY), &[]), showing, Ok(())).await;
    check(server(Some(AUTHORITY), &[&TLS12]), showing, Ok(())).await;
    // The same machine by another port is another origin.
    let elsewhere = |_: &Origin| {
        let other = get("https://127.0.0.1/").url.origin();
        TlsOptions { certificates: vec![ours(vec![other])], ..trusting() }
    };
    check(server(Some(AUTHORITY), &[]), elsewhere, Err("")).await;
}

#[test]
fn files_that_are_of_no_use() {
    let (chain, key) = (include_bytes!("certs/client.pem"), include_bytes!("certs/client.key"));
    let made = |chain: &[u8], key: &[u8]| ClientCertificate::from_pem(vec![], chain, key).map(|_| ());
    assert_eq!(made(chain, key), Ok(()));
    assert_eq!(made(key, key), Err(PemError::NoCertificate));
    assert_eq!(made(b"sesame", key), Err(PemError::NoCertificate));
    assert_eq!(made(b"-----BEGIN CERTIFICATE-----\nsesame\n", key), Err(PemError::NotPem));
    assert_eq!(made(chain, chain), Err(PemError::NoKey));
    assert_eq!(made(chain, include_bytes!("certs/server.key")), Err(PemError::NoPair));
    assert!(!format!("{:?}", ours(vec![])).contains("key"));
}
