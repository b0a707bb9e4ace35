//! What nobody may do, and what nobody is told.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{
    daemon::{Daemon, config},
    ground::{Ground, PATIENCE},
};

fn key(name: &str, key: &str, scopes: &[&str]) -> Value {
    let digest: String = Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect();
    json!({"name": name, "hash": format!("sha256:{digest}"), "scopes": scopes})
}

fn document() -> Value {
    json!({"seeds": {"urls": ["http://nobody.vitro.test/"]}})
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_calls_are_told_what_is_wrong_and_nothing_else() {
    let ground = Ground::new();
    let daemon = Daemon::start(&ground, &config().set("daemon.body", "2 KiB")).await;
    let json = "Content-Type: application/json\r\n";
    let long = format!("{{\"job\": {{\"name\": \"{}\"}}}}", "x".repeat(4000));
    let deep = "[".repeat(100_000);
    let cases: &[(&str, &str, &str, &[u8], u16)] = &[
        ("GET", "/nothing", "", b"", 404),
        ("GET", "/v1/nothing", "", b"", 404),
        ("PUT", "/v1/crawls", "", b"", 405),
        ("GET", "/v1/crawls/../../etc/passwd", "", b"", 404),
        ("GET", "/v1/crawls/00000000-0000-0000-0000-000000000000", "", b"", 404),
        ("GET", "/v1/crawls?limit=0", "", b"", 400),
        ("GET", "/v1/crawls?limit=x", "", b"", 400),
        ("GET", "/v1/crawls?stat=running", "", b"", 400),
        ("GET", "/v1/crawls?state=bored", "", b"", 400),
        ("GET", "/v1/crawls?cursor=..", "", b"", 400),
        ("POST", "/v1/crawls", "", b"{}", 415),
        ("POST", "/v1/crawls", "Content-Type: text/plain\r\n", b"{}", 415),
        ("POST", "/v1/crawls", json, b"", 422),
        ("POST", "/v1/crawls", json, b"{", 422),
        ("POST", "/v1/crawls", json, b"[]", 422),
        ("POST", "/v1/crawls", json, b"{}", 422),
        ("POST", "/v1/crawls", json, b"\xff\xfe", 400),
        ("POST", "/v1/crawls", json, long.as_bytes(), 413),
        ("POST", "/v1/crawls", json, &deep.as_bytes()[..1500], 422),
        ("POST", "/v1/crawls", "Content-Type: application/toml\r\n", b"[seeds", 422),
        ("POST", "/v1/crawls", json, br#"{"seeds": {"files": ["/etc/passwd"]}}"#, 422),
        ("POST", "/v1/crawls", json, br#"{"job": {"out": "/tmp/x"}}"#, 422),
        ("POST", "/v1/fetch", json, br#"{"urls": 3}"#, 422),
        ("GET", "/v1/crawls", "Sec-Fetch-Site: cross-site\r\n", b"", 403),
        ("GET", "/v1/crawls", "Origin: http://evil.example\r\n", b"", 403),
    ];
    let folder = ground.path("").display().to_string();
    for (method, target, lines, body, expected) in cases {
        let got = daemon.call(method, target, lines, body).await;
        let text = String::from_utf8_lossy(&got.body).into_owned();
        assert_eq!(got.status, *expected, "{method} {target} {}: {text}", String::from_utf8_lossy(body));
        assert_eq!(got.header("content-type"), Some("application/problem+json"), "{method} {target}");
        let problem: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(problem["status"], *expected);
        assert!(
            problem["detail"].is_string() && problem["type"].as_str().unwrap().starts_with("urn:dragline:problem:")
        );
        assert!(!text.contains("root:") && !text.contains(folder.as_str()), "it tells too much: {text}");
        assert_eq!(got.header("x-content-type-options"), Some("nosniff"));
    }
    let other = crate::support::client::get(daemon.addr, "evil.example", "/v1/crawls").await;
    assert_eq!(other.status, 421);
    assert_eq!(daemon.get("/readyz").await.0, 200, "none of that did any harm");
    assert_eq!(daemon.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crawl_has_no_files_but_its_own() {
    let ground = Ground::new();
    let daemon = Daemon::start(&ground, &config()).await;
    let (_, crawl) = daemon.json("POST", "/v1/crawls?paused=true", Some(&document())).await;
    let id = crawl["id"].as_str().unwrap();
    std::fs::create_dir_all(daemon.out(id)).unwrap();
    std::fs::write(daemon.out(id).join("secret.txt"), "sesame").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", daemon.out(id).join("pages-7.jsonl")).unwrap();
    for file in [
        "secret.txt",
        "../crawl.json",
        "..%2fcrawl.json",
        "%2e%2e/crawl.json",
        "/etc/passwd",
        "state/frontier/manifest",
        "passes/../../crawl.json",
        "passes/1/../../secret.txt",
        "pages-7.jsonl",
        "receipt.json",
        "",
    ] {
        let got = daemon.call("GET", &format!("/v1/crawls/{id}/outputs/{file}"), "", b"").await;
        assert_eq!(got.status, 404, "{file}: {}", String::from_utf8_lossy(&got.body));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_opens_what_it_is_for_and_shows_its_own() {
    let ground = Ground::new();
    let keys = [
        key("a", "key-a", &["read", "crawl"]),
        key("b", "key-b", &["read", "crawl", "fetch"]),
        key("boss", "key-boss", &["admin"]),
        key("eye", "key-eye", &["read"]),
    ];
    let keys: String = keys
        .iter()
        .map(|key| format!("[[key]]\nname = {}\nhash = {}\nscopes = {}\n", key["name"], key["hash"], key["scopes"]))
        .collect();
    ground.write("daemon.toml", format!("{}\n{keys}", config().toml()));
    let mut daemon = Daemon::start_again(&ground, "").await;
    assert_eq!(daemon.get("/v1/crawls").await.0, 401);
    assert_eq!(daemon.get("/metrics").await.0, 401);
    assert_eq!(daemon.get("/healthz").await.0, 200);
    daemon.with_key("key-x");
    assert_eq!(daemon.get("/v1/crawls").await.0, 401);
    daemon.with_key("key-a");
    let (status, crawl) = daemon.json("POST", "/v1/crawls?paused=true", Some(&document())).await;
    assert_eq!((status, &crawl["owner"]), (201, &json!("a")));
    let at = format!("/v1/crawls/{}", crawl["id"].as_str().unwrap());
    assert_eq!(daemon.get(&at).await.0, 200);
    assert_eq!(daemon.get("/v1/fetch?url=http://x.vitro.test/").await.0, 403);
    for (key, read, act) in [("key-b", 404, 404), ("key-eye", 404, 403), ("key-boss", 200, 200)] {
        daemon.with_key(key);
        assert_eq!(daemon.get(&at).await.0, read, "{key}");
        assert_eq!(daemon.json("POST", &format!("{at}/cancel"), None).await.0, act, "{key}");
        let n = daemon.get("/v1/crawls").await.1["crawls"].as_array().unwrap().len();
        assert_eq!(n, usize::from(read == 200), "{key}");
    }
    assert!(!daemon.has_logged("key-a") && !daemon.has_logged("key-boss"));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_listens_to_others_only_with_a_key() {
    let ground = Ground::new();
    ground.write("daemon.toml", config().set("daemon.listen", "0.0.0.0:0").toml());
    let refused = ground.run(&["serve", "--config", "daemon.toml"]).await.with(2);
    refused.saying("daemon.toml:").saying("daemon.listen").saying("dragline key");
    let ran = ground.run(&["key", "me", "--scopes", "admin"]).await.with(0);
    let secret = ran.stderr.lines().find_map(|line| line.strip_prefix("  dl_")).unwrap();
    let (made, secret) = (&ran.stdout, format!("dl_{secret}"));
    assert!(secret.len() > 40 && made.contains("[[key]]\nname = \"me\"\nhash = \"sha256:"), "{made}");
    // What is appended to a file that others may read opens nothing.
    assert!(!made.contains(&secret), "{made}");
    ground.write("daemon.toml", format!("{}\n{made}", config().set("daemon.listen", "0.0.0.0:0").toml()));
    let mut daemon = Daemon::start_again(&ground, "").await;
    daemon.addr.set_ip([127, 0, 0, 1].into());
    assert_eq!(daemon.get("/v1/crawls").await.0, 401);
    daemon.with_key(&secret);
    assert_eq!(daemon.get("/v1/crawls").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_speaks_tls_when_it_has_a_certificate() {
    use rustls::{
        ClientConfig, RootCertStore,
        pki_types::{CertificateDer, pem::PemObject},
    };
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let ground = Ground::new();
    ground.write("server.pem", include_str!("../../../src/fetch/tests/certs/server.pem"));
    ground.write("server.key", include_str!("../../../src/fetch/tests/certs/server.key"));
    let half = config().set("daemon.tls_certificate", "server.pem");
    ground.write("daemon.toml", half.toml());
    ground
        .run(&["serve", "--config", "daemon.toml"])
        .await
        .with(2)
        .saying("daemon.tls_key")
        .saying("private key of server.pem");
    ground.write("daemon.toml", half.clone().set("daemon.tls_key", "server.pem").toml());
    ground.run(&["serve", "--config", "daemon.toml"]).await.with(2).saying("holds no private key");
    let daemon = Daemon::start(&ground, &half.set("daemon.tls_key", "server.key")).await;
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_slice(include_bytes!("../../../src/fetch/tests/certs/ca.pem")).unwrap();
    roots.add(ca).unwrap();
    let provider = rustls::crypto::ring::default_provider().into();
    let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let client = client.with_root_certificates(roots).with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(client));
    let stream = TcpStream::connect(daemon.addr).await.unwrap();
    let mut stream = connector.connect("tls.test".try_into().unwrap(), stream).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(String::from_utf8_lossy(&answer).starts_with("HTTP/1.1 200 OK"), "{}", String::from_utf8_lossy(&answer));
    // Without TLS nobody answers.
    let mut plain = TcpStream::connect(daemon.addr).await.unwrap();
    plain.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/1.1"), "{}", String::from_utf8_lossy(&answer));
}

/// A page of 8 MiB, over and over.
async fn large_page() -> wiremock::MockServer {
    let server = wiremock::MockServer::start().await;
    let page = wiremock::ResponseTemplate::new(200).set_body_raw(vec![b'x'; 8 << 20], "text/plain");
    wiremock::Mock::given(wiremock::matchers::any()).respond_with(page).mount(&server).await;
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_who_do_not_read_hold_no_more_bodies_than_there_is_room_for() {
    let (ground, server) = (Ground::new(), large_page().await);
    let config = config().set("daemon.answers", "8 MiB").set("fetch.allow_addresses", ["127.0.0.0/8"].as_slice());
    let daemon = Daemon::start(&ground, &config).await;
    let url = format!("{}/large", server.uri());
    let mut idle = TcpStream::connect(daemon.addr).await.unwrap();
    let call = format!("GET /v1/fetch?url={url}&form=body HTTP/1.1\r\nHost: {}\r\n\r\n", daemon.addr);
    idle.write_all(call.as_bytes()).await.unwrap();
    let mut head = [0; 12];
    idle.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");
    // It has the beginning and reads no more of it.
    let both = json!({"urls": [url, url], "include_body": true});
    let (status, problem) = daemon.json("POST", "/v1/fetch", Some(&both)).await;
    assert_eq!(status, 503, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("daemon.answers"), "{problem}");
    let (status, _) = daemon.get("/v1/crawls").await;
    assert_eq!(status, 200, "it is room for bodies that is short, and nothing else");
    drop(idle);
    let again = async { while daemon.json("POST", "/v1/fetch", Some(&both)).await.0 != 200 {} };
    tokio::time::timeout(PATIENCE, again).await.expect("its room comes back");
}
