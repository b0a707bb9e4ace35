//! An HTTP/1.1 responder of a hundred lines, for tests in which every byte matters.
//!
//! It writes what a [`Site`] describes and nothing else: no `Date`, no `Server`, no corrections. It
//! keeps connections alive, and logs arrivals in the form that the auditor reads.

use std::{
    collections::HashMap,
    io::Write as _,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use dragline::vitro::{Arrival, Log};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::site::{Framing, Reply, Site};

/// Longest request head read.
const MAX_HEAD: usize = 64 * 1024;

/// A website being served; dropping it closes every connection.
pub(crate) struct Running {
    addr: SocketAddr,
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

struct Shared {
    site: Site,
    port: u16,
    log: Log,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    in_flight: HashMap<String, u32>,
    n_asked: HashMap<(String, String), usize>,
    heads: Vec<(String, String)>,
}

impl Running {
    pub(super) async fn start(site: Site, log: Log) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let port = addr.port();
        let shared = Arc::new(Shared { site, port, log, state: Mutex::default() });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::clone(&shared)));
        Self { addr, shared, _tasks: tasks }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `http://127.0.0.1:<port><path>`
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// `http://<host>:<port><path>`
    pub(crate) fn url_on(&self, host: &str, path: &str) -> String {
        format!("http://{host}:{}{path}", self.addr.port())
    }

    /// Every request so far, in the order of arrival.
    pub(crate) fn arrivals(&self) -> Vec<Arrival> {
        self.shared.log.arrivals()
    }

    /// The paths asked for, in the order of arrival.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.arrivals().into_iter().map(|arrival| arrival.path.into()).collect()
    }

    /// The heads of the requests for `path`, request line and all, as they were sent.
    pub(crate) fn heads(&self, path: &str) -> Vec<String> {
        let state = self.shared.state.lock().unwrap();
        state.heads.iter().filter(|(asked, _)| asked == path).map(|(_, head)| head.clone()).collect()
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    for number in 0.. {
        let Ok((stream, _)) = listener.accept().await else { return };
        while connections.try_join_next().is_some() {}
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            // An error is a peer that went away.
            let _ = converse(stream, number, &shared).await;
        });
    }
}

async fn converse(mut stream: TcpStream, connection: u64, shared: &Shared) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut unread = Vec::new();
    while let Some(head) = read_head(&mut stream, &mut unread).await? {
        let target = head.split(' ').nth(1).unwrap_or("/").to_owned();
        let host = header(&head, "host").unwrap_or_default().to_ascii_lowercase();
        let host = host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name).to_owned();
        let last = header(&head, "connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        let is_head = head.starts_with("HEAD ");

        let in_flight = shared.enter(&host, &target, head);
        let mut entry = shared.log.push(|number, at| Arrival {
            number,
            at,
            host: host.as_str().into(),
            path: target.as_str().into(),
            connection,
            in_flight,
            status: 0,
            retry_after: None,
            began: None,
            ended: None,
        });
        let reply = shared.reply(&host, &target).dated(shared.log.clock().now());
        let retry_after = reply.headers.iter().find(|(name, _)| name == "Retry-After").map(|(_, value)| &**value);
        entry.answered(reply.status, retry_after);
        tokio::time::sleep(reply.delay).await;
        // Before the last byte goes out, because the peer may ask again as soon as it has that.
        shared.leave(&host);
        drop(entry);
        let bytes = shared.bytes(&reply, is_head);
        stream.write_all(&bytes).await?;
        if last || matches!(reply.framing, Framing::UntilClose | Framing::CutAt(_) | Framing::Verbatim) {
            return stream.shutdown().await;
        }
    }
    Ok(())
}

/// The next request's head, or `None` when the peer is done or sends what is no request.
async fn read_head(stream: &mut TcpStream, unread: &mut Vec<u8>) -> std::io::Result<Option<String>> {
    loop {
        if let Some(end) = unread.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = unread.drain(..end + 4).collect();
            return Ok(String::from_utf8(head).ok());
        }
        if unread.len() > MAX_HEAD || stream.read_buf(unread).await? == 0 {
            return Ok(None);
        }
    }
}

/// A header field's value in a head.
pub(crate) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).find_map(|line| {
        let (field, value) = line.split_once(':')?;
        field.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

impl Shared {
    fn reply(&self, host: &str, target: &str) -> Reply {
        let on_host = (host.to_owned(), target.to_owned());
        let on_any = (String::new(), target.to_owned());
        let Some(replies) = self.site.routes.get(&on_host).or_else(|| self.site.routes.get(&on_any)) else {
            return Reply::new(404, "text/plain", "not described");
        };
        let mut state = self.state.lock().unwrap();
        let n_before = state.n_asked.entry(on_host).or_default();
        *n_before += 1;
        replies[(*n_before - 1).min(replies.len() - 1)].clone()
    }

    fn enter(&self, host: &str, target: &str, head: String) -> u32 {
        let mut state = self.state.lock().unwrap();
        state.heads.push((target.to_owned(), head));
        let in_flight = state.in_flight.entry(host.to_owned()).or_default();
        *in_flight += 1;
        *in_flight
    }

    fn leave(&self, host: &str) {
        let mut state = self.state.lock().unwrap();
        *state.in_flight.get_mut(host).expect("it was entered") -= 1;
    }

    fn bytes(&self, reply: &Reply, is_head: bool) -> Vec<u8> {
        let body = replace(&reply.body, b"{port}", self.port.to_string().as_bytes());
        if reply.framing == Framing::Verbatim {
            return body;
        }
        let reason = http::StatusCode::from_u16(reply.status).ok().and_then(|status| status.canonical_reason());
        let mut out = format!("HTTP/1.1 {} {}\r\n", reply.status, reason.unwrap_or("Odd")).into_bytes();
        for (name, value) in &reply.headers {
            let value = value.replace("{port}", &self.port.to_string());
            write!(out, "{name}: {value}\r\n").unwrap();
        }
        match reply.framing {
            Framing::Length | Framing::CutAt(_) => write!(out, "Content-Length: {}\r\n", body.len()).unwrap(),
            Framing::Chunked(_) => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
            Framing::UntilClose | Framing::Verbatim => out.extend_from_slice(b"Connection: close\r\n"),
        }
        out.extend_from_slice(b"\r\n");
        match reply.framing {
            _ if is_head => {}
            Framing::CutAt(at) => out.extend_from_slice(&body[..at.min(body.len())]),
            Framing::Chunked(size) => {
                for chunk in body.chunks(size.max(1)) {
                    write!(out, "{:x}\r\n", chunk.len()).unwrap();
                    out.extend_from_slice(chunk);
                    out.extend_from_slice(b"\r\n");
                }
                out.extend_from_slice(b"0\r\n\r\n");
            }
            _ => out.extend_from_slice(&body),
        }
        out
    }
}

fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.windows(from.len()).position(|window| window == from) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    out.extend_from_slice(rest);
    out
}
