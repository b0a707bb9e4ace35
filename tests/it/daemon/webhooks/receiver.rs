//! A receiver of webhooks on a raw socket, which verifies by itself who speaks.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::support::ground::until;

/// What it does with what it is told.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    Status(u16),
    Redirect(String),
    /// 200, and a body that never ends.
    Endless,
    /// A head that comes byte by byte, and never ends.
    Drip,
    /// Nothing at all, on an open connection.
    Silent,
    /// It closes the connection.
    Close,
}

/// One call.
#[derive(Debug, Clone)]
pub(super) struct Told {
    head: String,
    pub(super) raw: Vec<u8>,
    pub(super) body: Value,
    pub(super) answered: Option<u16>,
}

impl Told {
    #[track_caller]
    pub(super) fn header(&self, name: &str) -> &str {
        crate::support::responder::header(&self.head, name).unwrap_or_else(|| panic!("no {name}: {}", self.head))
    }

    /// Whether whoever has this secret has sent it, just now.
    #[track_caller]
    pub(super) fn verify(&self, secret: &str) {
        assert!(self.head.starts_with("POST /hook?b=2&a=1 HTTP/1.1\r\n"), "{}", self.head);
        assert_eq!(self.header("content-type"), "application/json");
        let key = BASE64_STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(format!("{}.{}.", self.header("webhook-id"), self.header("webhook-timestamp")).as_bytes());
        mac.update(&self.raw);
        let expected = format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()));
        assert_eq!(self.header("webhook-signature"), expected);
        let at: u64 = self.header("webhook-timestamp").parse().unwrap();
        let now = dragline::clock::Clock::system().now().0 / 1_000_000;
        assert!(now.abs_diff(at) < 60, "{at} and {now}");
    }
}

/// Closed when it is dropped.
pub(super) struct Receiver {
    pub(super) addr: SocketAddr,
    answer: Arc<Mutex<Answer>>,
    told: Arc<Mutex<Vec<Told>>>,
    _tasks: JoinSet<()>,
}

impl Receiver {
    pub(super) async fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (answer, told) = (Arc::new(Mutex::new(answer)), Arc::new(Mutex::new(Vec::new())));
        let mut tasks = JoinSet::new();
        let (answers, heard) = (answer.clone(), told.clone());
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(hear(stream, answers.clone(), heard.clone()));
            }
        });
        Self { addr, answer, told, _tasks: tasks }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/hook?b=2&a=1", self.addr)
    }

    /// From now on.
    pub(super) fn answer(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    /// All calls so far.
    pub(super) fn told(&self) -> Vec<Told> {
        self.told.lock().unwrap().clone()
    }

    /// All calls, when there are so many.
    pub(super) async fn until(&self, n: usize) -> Vec<Told> {
        until("so many calls", || self.told.lock().unwrap().len() >= n).await;
        self.told()
    }
}

async fn hear(mut stream: TcpStream, answer: Arc<Mutex<Answer>>, told: Arc<Mutex<Vec<Told>>>) {
    let mut bytes = Vec::new();
    let (head, body) = loop {
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return;
        }
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8(bytes[..end + 4].to_vec()).unwrap();
        let length: usize = crate::support::responder::header(&head, "content-length").unwrap().parse().unwrap();
        if bytes.len() >= end + 4 + length {
            break (head, bytes[end + 4..].to_vec());
        }
    };
    let answer = answer.lock().unwrap().clone();
    let answered = if let Answer::Status(status) = answer { Some(status) } else { None };
    let json = serde_json::from_slice(&body).unwrap();
    told.lock().unwrap().push(Told { head, raw: body, body: json, answered });
    let empty = "Content-Length: 0\r\nConnection: close\r\n\r\n";
    match answer {
        Answer::Status(status) => drop(stream.write_all(format!("HTTP/1.1 {status} x\r\n{empty}").as_bytes()).await),
        Answer::Redirect(to) => {
            drop(stream.write_all(format!("HTTP/1.1 302 x\r\nLocation: {to}\r\n{empty}").as_bytes()).await);
        }
        Answer::Endless => {
            let mut sent = stream.write_all(b"HTTP/1.1 200 x\r\n\r\n").await;
            while sent.is_ok() {
                sent = stream.write_all(&[b'x'; 4096]).await;
            }
        }
        Answer::Drip => {
            let mut sent = stream.write_all(b"HTTP/1.1 200 x\r\nx: ").await;
            while sent.is_ok() {
                tokio::time::sleep(Duration::from_millis(50)).await;
                sent = stream.write_all(b"x").await;
            }
        }
        Answer::Silent => drop(stream.read(&mut [0; 1]).await),
        Answer::Close => {}
    }
}
