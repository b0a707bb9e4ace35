//! A client that shares no code with dragline's: one GET on a raw socket, and what came back.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::responder::header;

/// What came back.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: u16,
    /// Status line and header fields.
    pub(crate) head: String,
    /// The body as sent; chunks are put together, content encodings are not undone.
    pub(crate) body: Vec<u8>,
    /// Whether less came than was promised.
    pub(crate) truncated: bool,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }
}

/// One connection, kept alive.
pub(crate) struct Client {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Client {
    pub(crate) async fn connect(addr: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(addr).await.unwrap(), unread: Vec::new() }
    }

    /// Asks for `target` of `authority`, with further header lines, each ending in `\r\n`.
    pub(crate) async fn get(&mut self, authority: &str, target: &str, lines: &str) -> Got {
        self.call("GET", authority, target, lines, b"").await
    }

    /// The same by any method, with a body; its length is told unless it is empty.
    pub(crate) async fn call(&mut self, method: &str, authority: &str, target: &str, lines: &str, body: &[u8]) -> Got {
        let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let request = format!("{method} {target} HTTP/1.1\r\nHost: {authority}\r\n{lines}{length}\r\n");
        self.stream.write_all(request.as_bytes()).await.unwrap();
        self.stream.write_all(body).await.unwrap();
        let head = self.until(b"\r\n\r\n").await.expect("a whole head");
        let head = String::from_utf8(head).unwrap();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let (body, truncated) = self.body(&head, status).await;
        Got { status, head, body, truncated }
    }

    async fn body(&mut self, head: &str, status: u16) -> (Vec<u8>, bool) {
        if header(head, "transfer-encoding").is_some() {
            return self.chunks().await;
        }
        let promised = match header(head, "content-length") {
            Some(length) => length.parse().unwrap(),
            None if status == 204 => 0,
            None => usize::MAX,
        };
        while self.unread.len() < promised && self.more().await {}
        let body: Vec<u8> = self.unread.drain(..promised.min(self.unread.len())).collect();
        let truncated = promised != usize::MAX && body.len() < promised;
        (body, truncated)
    }

    async fn chunks(&mut self) -> (Vec<u8>, bool) {
        let mut body = Vec::new();
        loop {
            let Some(line) = self.until(b"\r\n").await else { return (body, true) };
            let size = usize::from_str_radix(String::from_utf8(line).unwrap().trim(), 16).unwrap();
            while self.unread.len() < size + 2 && self.more().await {}
            if self.unread.len() < size + 2 {
                return (body, true);
            }
            body.extend(self.unread.drain(..size + 2).take(size));
            if size == 0 {
                return (body, false);
            }
        }
    }

    async fn until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = self.unread.windows(end.len()).position(|window| window == end) {
                return Some(self.unread.drain(..at + end.len()).collect());
            }
            if !self.more().await {
                return None;
            }
        }
    }

    /// Reads some; false at the end. A reset is an end as well.
    async fn more(&mut self) -> bool {
        self.stream.read_buf(&mut self.unread).await.unwrap_or(0) > 0
    }
}

/// One GET on a connection of its own.
pub(crate) async fn get(addr: SocketAddr, authority: &str, target: &str) -> Got {
    Client::connect(addr).await.get(authority, target, "Connection: close\r\n").await
}
