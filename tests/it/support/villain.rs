//! Servers that mean harm: each plays one script, on an address of its own below 127.0.0.0/8, so that
//! each is a host of its own to a crawler.
//!
//! A script says what is done with every connection. It knows nothing of HTTP: what it sends is
//! written out, to the byte.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::sleep,
};

/// What is done with a connection, one after the other; then it is closed.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Reads the head of a request.
    Read,
    /// Sends bytes.
    Send(Vec<u8>),
    /// Sends these bytes again and again, as long as they are taken, with a pause between.
    Repeat(Vec<u8>, Duration),
    /// Waits.
    Wait(Duration),
    /// Says and does nothing more, and keeps the connection open.
    Hold,
    /// Resets the connection.
    Reset,
}

/// What is sent once, after the request.
pub(crate) fn says(bytes: impl AsRef<[u8]>) -> Vec<Act> {
    vec![Act::Read, Act::Send(bytes.as_ref().to_vec())]
}

/// The same, and then more.
pub(crate) fn says_and(bytes: impl AsRef<[u8]>, then: Act) -> Vec<Act> {
    let mut script = says(bytes);
    script.push(then);
    script
}

/// A response with a body under a content coding.
pub(crate) fn coded(coding: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// A running one; it stops when dropped.
pub(crate) struct Villain {
    addr: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Villain {
    pub(crate) async fn start(script: Vec<Act>) -> Self {
        let listener = TcpListener::bind((address(), 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut peers = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                peers.spawn(play(stream, script.clone()));
            }
        });
        Self { addr, _tasks: tasks }
    }

    pub(crate) fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}/", self.addr)
    }
}

/// Another one each time: hosts are told apart by their addresses.
fn address() -> Ipv4Addr {
    static NEXT: AtomicU16 = AtomicU16::new(1);
    let [high, low] = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    Ipv4Addr::new(127, 66, high, low)
}

async fn play(mut stream: TcpStream, script: Vec<Act>) {
    for act in script {
        let sent = match act {
            Act::Read => read_head(&mut stream).await,
            Act::Send(bytes) => stream.write_all(&bytes).await.is_ok(),
            Act::Repeat(bytes, pause) => {
                while stream.write_all(&bytes).await.is_ok() {
                    sleep(pause).await;
                }
                false
            }
            Act::Wait(pause) => {
                sleep(pause).await;
                true
            }
            Act::Hold => std::future::pending().await,
            Act::Reset => {
                stream.set_zero_linger().unwrap();
                false
            }
        };
        if !sent {
            return;
        }
    }
}

async fn read_head(stream: &mut TcpStream) -> bool {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return false,
        }
    }
    true
}
