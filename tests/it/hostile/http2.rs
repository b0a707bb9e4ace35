//! The built program among servers that abuse HTTP/2, frame by frame, over TLS that it trusts.
//!
//! The same is asserted as of HTTP/1: how each URL ends, in which time, that those who mean well are
//! not held up, and how much memory it takes at most. More kinds of abuse, one at a time, are tested at
//! the fetcher (`src/fetch/tests/h2.rs`).

use std::{collections::BTreeMap, net::Ipv4Addr, sync::Arc, time::Instant};

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, split},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

use super::{BODY_MIB, CONNECTION_MIB, Duration, End, MEMORY_MIB, TIMEOUT, check, config, run};
use crate::support::{ground::Ground, links, site::Site};

const CERTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/fetch/tests/certs");

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// `:status: 200`, from HPACK's static table.
const STATUS_200: u8 = 0x88;

/// What is sent for a request on a stream: first this, and then that for ever.
struct Answer {
    once: Vec<u8>,
    for_ever: Vec<u8>,
}

struct Case {
    name: &'static str,
    answer: fn(u32) -> Answer,
    end: End,
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A field without compression.
fn field(name: &str, value: &str) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    [vec![0], text(name), text(value)].concat()
}

fn head(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &[STATUS_200])
}

fn hello(stream: u32) -> Answer {
    Answer { once: [head(stream), frame(DATA, END_STREAM, stream, b"hello")].concat(), for_ever: Vec::new() }
}

/// A field of 4,000 bytes goes into the table, and is then named `n_times` by a byte each.
fn bomb(n_times: usize) -> Vec<u8> {
    let long = [&[0x40, 1, b'x', 0x7f, 0x81, 0x1e][..], &[b'y'; 4000]].concat();
    [&[STATUS_200][..], &long, &vec![0xbe; n_times]].concat()
}

fn cases() -> Vec<Case> {
    let case = |name, answer, end| Case { name, answer, end };
    let failed = End::Failed;
    vec![
        case(
            "continuations",
            |id| {
                let more = frame(CONTINUATION, 0, id, &field("x", &"y".repeat(99)).repeat(99));
                Answer { once: frame(HEADERS, 0, id, &[STATUS_200]), for_ever: more }
            },
            failed("protocol", ""),
        ),
        case(
            "empty continuations",
            |id| {
                let more = frame(CONTINUATION, 0, id, b"").repeat(99);
                Answer { once: frame(HEADERS, 0, id, &[STATUS_200]), for_ever: more }
            },
            failed("protocol", ""),
        ),
        case(
            "compression bomb",
            |id| {
                let once = frame(HEADERS, END_HEADERS | END_STREAM, id, &bomb(12_000));
                Answer { once, for_ever: Vec::new() }
            },
            failed("protocol", ""),
        ),
        case(
            "settings",
            |_| Answer { once: Vec::new(), for_ever: frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 9]).repeat(50) },
            failed("timeout", ""),
        ),
        case(
            "pings",
            |_| Answer { once: Vec::new(), for_ever: frame(PING, 0, 0, &[7; 8]).repeat(50) },
            failed("timeout", ""),
        ),
        case(
            "rapid resets",
            |id| Answer { once: Vec::new(), for_ever: frame(RST_STREAM, 0, id, &[0, 0, 0, 2]).repeat(99) },
            failed("closed", ""),
        ),
        case("silence", |_| Answer { once: Vec::new(), for_ever: Vec::new() }, failed("timeout", "")),
        case("a head and silence", |id| Answer { once: head(id), for_ever: Vec::new() }, failed("timeout", "")),
        case(
            "a part and silence",
            |id| Answer { once: [head(id), frame(DATA, 0, id, b"part")].concat(), for_ever: Vec::new() },
            End::Cut("timeout"),
        ),
        case(
            "a part and a reset",
            |id| {
                let cut = frame(RST_STREAM, 0, id, &[0, 0, 0, 2]);
                Answer { once: [head(id), frame(DATA, 0, id, b"part"), cut].concat(), for_ever: Vec::new() }
            },
            End::Cut("incomplete"),
        ),
        case(
            "no bytes for ever",
            |id| Answer { once: head(id), for_ever: frame(DATA, 0, id, b"").repeat(50) },
            failed("", ""),
        ),
        case("hello", hello, End::Whole(5)),
    ]
}

/// Interim answers (RFC 9110 section 15.2) without end, and never the answer.
fn interim(stream: u32) -> Answer {
    let early = [&[0x08, 3][..], b"103", &field("link", "</a>")].concat();
    Answer { once: Vec::new(), for_ever: frame(HEADERS, END_HEADERS, stream, &early).repeat(50) }
}

/// Servers that answer so, each on a port of its own; the URLs of all.
struct Servers {
    urls: Vec<String>,
    _tasks: JoinSet<()>,
}

impl Servers {
    async fn start(answers: impl IntoIterator<Item = fn(u32) -> Answer>) -> Self {
        let acceptor = acceptor();
        let (mut urls, mut tasks) = (Vec::new(), JoinSet::new());
        for (n, answer) in answers.into_iter().enumerate() {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            urls.push(format!("https://h{n}.tls.test:{}/", listener.local_addr().unwrap().port()));
            let acceptor = acceptor.clone();
            tasks.spawn(async move {
                let mut peers = JoinSet::new();
                while let Ok((stream, _)) = listener.accept().await {
                    peers.spawn(serve(acceptor.clone(), stream, answer));
                }
            });
        }
        Self { urls, _tasks: tasks }
    }
}

fn acceptor() -> TlsAcceptor {
    let read = |name: &str| std::fs::read(format!("{CERTS}/{name}")).unwrap();
    let chain = vec![CertificateDer::from_pem_slice(&read("server.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(&read("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_no_client_auth().with_single_cert(chain, key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

async fn serve(acceptor: TlsAcceptor, stream: TcpStream, answer: fn(u32) -> Answer) {
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let (mut read, mut write) = split(stream);
    let mut preface = [0; 24];
    if read.read_exact(&mut preface).await.is_err() || write.write_all(&frame(SETTINGS, 0, 0, &[])).await.is_err() {
        return;
    }
    let stream = loop {
        let mut head = [0; 9];
        if read.read_exact(&mut head).await.is_err() {
            return;
        }
        let length = usize::try_from(u32::from_be_bytes([0, head[0], head[1], head[2]])).unwrap();
        if read.read_exact(&mut vec![0; length]).await.is_err() {
            return;
        }
        if head[3] == HEADERS {
            break u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        }
    };
    let Answer { once, for_ever } = answer(stream);
    if write.write_all(&once).await.is_err() {
        return;
    }
    let _ = write.flush().await;
    let flood = async {
        while !for_ever.is_empty() && write.write_all(&for_ever).await.is_ok() {
            let _ = write.flush().await;
        }
        if for_ever.is_empty() {
            std::future::pending::<()>().await;
        }
    };
    // What the other side says is read all the while, or it could not say that it has had enough.
    let mut said = [0; 4096];
    let hear = async { while read.read(&mut said).await.is_ok_and(|n| n > 0) {} };
    tokio::select! {
        () = flood => {}
        () = hear => {}
    }
}

fn http2(seeds: impl IntoIterator<Item = String>) -> crate::support::ground::Config {
    config(seeds)
        .set("tls.roots", json!([format!("{CERTS}/ca.pem")]))
        .set("fetch.resolve", json!({"*.tls.test": "127.0.0.1"}))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_abuse_of_http2_has_its_end_and_nobody_else_notices() {
    let cases = cases();
    let n_hosts = cases.len();
    let harmless = Servers::start((0..n_hosts).map(|_| hello as fn(u32) -> Answer)).await;
    let ground = Ground::new();
    let (ended, base) = run(&ground, &http2(harmless.urls.iter().cloned())).await;
    ended.with(0);
    for record in ground.reconciled().values() {
        assert_eq!((&record["http_version"], &record["body_bytes"]), (&json!("HTTP/2.0"), &json!(5)), "{record}");
    }

    let servers = Servers::start(cases.iter().map(|case| case.answer)).await;
    let good = (0..20).fold(Site::new().page("/", links!["/0"]), |site, n| {
        site.page(&format!("/{n}"), links![format!("/{}", n + 1).as_str()])
    });
    let good = good.page("/20", &[]).serve().await;
    let expected: BTreeMap<_, _> =
        servers.urls.iter().cloned().zip(cases.into_iter().map(|case| (case.name, case.end))).collect();
    let ground = Ground::new();
    let started = Instant::now();
    let (ended, peak) = run(&ground, &http2(expected.keys().cloned().chain([good.url("/")]))).await;
    ended.with(0);
    assert!(started.elapsed() < TIMEOUT + Duration::from_secs(10), "{:?}", started.elapsed());
    let records = ground.reconciled();
    check(&records, &expected, TIMEOUT);

    // The chain of good pages was through while the silent one was still waited for.
    let at = |url: &str| -> jiff::Timestamp { records[url]["fetched_at"].as_str().unwrap().parse().unwrap() };
    let (silent, _) = expected.iter().find(|(_, (name, _))| *name == "silence").expect("it is there");
    let waited = at(&good.url("/20")).duration_since(at(silent));
    assert!(waited < super::FIRST_BYTE.try_into().unwrap(), "{waited:?}");

    let bound = base + MEMORY_MIB + BODY_MIB + CONNECTION_MIB * n_hosts as u64;
    assert!(peak <= bound, "{peak} MiB, not {bound}; {base} when all mean well");
}

/// h2 keeps the interim answers of all that it reads in one go, some 2 MiB, each in many times its size. What
/// matters is that it is no more however long they come.
const INTERIM_MIB: u64 = 96;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn interim_answers_without_end_are_bounded_in_time_and_memory() {
    let harmless = Servers::start([hello as fn(u32) -> Answer]).await;
    let ground = Ground::new();
    let (ended, base) = run(&ground, &http2(harmless.urls.iter().cloned())).await;
    ended.with(0);
    let servers = Servers::start([interim as fn(u32) -> Answer]).await;
    let expected = BTreeMap::from([(servers.urls[0].clone(), ("interim answers", End::Failed("timeout", "")))]);
    let ground = Ground::new();
    let (ended, peak) = run(&ground, &http2(expected.keys().cloned())).await;
    ended.with(5);
    check(&ground.reconciled(), &expected, TIMEOUT);
    let bound = base + INTERIM_MIB;
    assert!(peak <= bound, "{peak} MiB, not {bound}; {base} when it means well");
}
