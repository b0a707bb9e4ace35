//! The fetcher against sockets: a raw server on loopback plays the servers of the wild.
//!
//! What can only be seen on the wire is tested here: timing, early ends, wrong lengths, encodings, TLS.
//! The pure parts (guard, retry table, decoding of single codings) are tested beside their code.

mod bodies;
mod bounds;
mod codings;
mod egress;
mod h2;
mod handshakes;
mod heads;
mod names;
mod proxies;
mod tls;

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use http::{HeaderName, HeaderValue};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::sleep,
};

use super::*;
use crate::address::Canonicalizer;

/// What a server does on a connection once it has read a request's head.
#[derive(Debug, Clone)]
enum Step {
    /// Sends bytes.
    Send(Vec<u8>),
    /// Waits.
    Wait(Duration),
    /// Sends these bytes again and again, as long as the client takes them, with a pause between.
    Repeat(Vec<u8>, Duration),
    /// Keeps the connection open and reads the next request, which gets the same answer.
    Again,
    /// Keeps the connection open, silently.
    Hold,
}

/// A server whose every connection follows one script; it closes when the script is over.
struct Server {
    addr: SocketAddr,
    connections: Arc<AtomicUsize>,
    /// Connections that were closed.
    closed: Arc<AtomicUsize>,
    /// The last request's head.
    request: Arc<std::sync::Mutex<String>>,
    _tasks: JoinSet<()>,
}

impl Server {
    async fn start(script: Vec<Step>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (connections, closed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let request = Arc::new(std::sync::Mutex::new(String::new()));
        let mut tasks = JoinSet::new();
        let (count, n_closed, seen) = (Arc::clone(&connections), Arc::clone(&closed), Arc::clone(&request));
        tasks.spawn(async move {
            let mut peers = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let (played, n_closed) = (play(stream, script.clone(), Arc::clone(&seen)), Arc::clone(&n_closed));
                peers.spawn(async move {
                    played.await;
                    n_closed.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        Self { addr, connections, closed, request, _tasks: tasks }
    }

    /// A server that sends these bytes and closes.
    async fn sending(bytes: impl AsRef<[u8]>) -> Self {
        Self::start(vec![Step::Send(bytes.as_ref().to_vec())]).await
    }

    fn n_connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    fn n_open(&self) -> usize {
        self.n_connections() - self.closed.load(Ordering::SeqCst)
    }

    fn request(&self) -> String {
        self.request.lock().unwrap().clone()
    }

    fn url(&self) -> String {
        format!("http://{}/", self.addr)
    }

    /// Fetches `/` with these options.
    async fn fetch(&self, options: Options) -> Result<Response, FetchError> {
        HttpFetcher::new(options).unwrap().fetch(get(&self.url())).await
    }
}

async fn play(mut stream: TcpStream, script: Vec<Step>, seen: Arc<std::sync::Mutex<String>>) {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return,
            }
        }
        *seen.lock().unwrap() = String::from_utf8(head).unwrap();
        let mut again = false;
        for step in &script {
            match step {
                Step::Send(bytes) => {
                    if stream.write_all(bytes).await.is_err() {
                        return;
                    }
                }
                Step::Wait(pause) => sleep(*pause).await,
                Step::Repeat(bytes, pause) => {
                    while stream.write_all(bytes).await.is_ok() {
                        sleep(*pause).await;
                    }
                }
                Step::Again => again = true,
                Step::Hold => std::future::pending().await,
            }
        }
        if !again {
            // Closing with unread input would reset the connection; there is none.
            return;
        }
    }
}

fn options() -> Options {
    Options {
        connect_timeout: Duration::from_secs(5),
        first_byte_timeout: Duration::from_secs(10),
        idle_timeout: Duration::from_secs(5),
        min_rate: None,
        max_header_fields: 256,
        max_header_bytes: 256 << 10,
        timeout: Duration::from_secs(10),
        max_decode_ratio: 100,
        memory_budget_bytes: 64 << 20,
        bandwidth: None,
        idle_connections: 64,
        connections: Connections { default: 4, exceptions: vec![] },
        guard: allowing(&["loopback"]),
        resolve: vec![],
        dns: resolve::Options::default(),
        tls: crate::fetch::tls::TlsOptions::default(),
        proxy: proxy::ProxyOptions::default(),
        clock: Clock::system(),
    }
}

fn allowing(entries: &[&str]) -> guard::Options {
    let allow = entries.iter().map(|text| text.parse().unwrap()).collect();
    guard::Options { allow, ..guard::Options::default() }
}

fn get(url: &str) -> Request {
    let url = Canonicalizer::default().parse(url).unwrap();
    Request::get(url, 8 << 20)
}

fn ok(headers: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}
