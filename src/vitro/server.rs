//! The web on a socket: HTTP/1.1 with keep-alive, on loopback only.
//!
//! [`serve`] is the whole server as one future; whoever polls it owns it, and dropping it closes
//! every connection. [`Server`] is the comfortable form, with a task of its own.

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU32},
    time::Duration,
};

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use xxhash_rust::xxh3::xxh3_64;

use super::{
    Answer, Arrival, Ask, Log, Truth, Web,
    payload::{BrokenOff, InFlight, Payload},
};

/// Most connections open at once; further ones wait to be accepted.
pub const MAX_CONNECTIONS: usize = 4_096;
/// Most URLs whose attempts are counted.
pub const MAX_COUNTED: usize = 262_144;
/// What is answered in outages too: a host whose robots.txt can't be had is not asked for anything else.
const ROBOTS: [&str; 2] = ["/robots.txt", "/robots-moved.txt"];
/// How long a connection may say nothing.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// How long requests under way may take to finish when the server stops.
const DRAIN: Duration = Duration::from_secs(1);
/// After an accept that failed (no file descriptors left), before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A web being served.
#[derive(Debug)]
pub struct Server {
    web: Arc<Web>,
    log: Log,
    addr: SocketAddr,
    cancel: CancellationToken,
    task: JoinSet<()>,
}

impl Server {
    /// Serves `web` on 127.0.0.1 at `port`, or at any free port when that is 0. Dropping the server
    /// closes every connection at once.
    ///
    /// # Errors
    /// When the port can't be had.
    pub async fn start(web: Arc<Web>, port: u16) -> io::Result<Self> {
        Self::start_with_log(web, port, Log::default()).await
    }

    /// The same with a log of a given capacity.
    ///
    /// # Errors
    /// When the port can't be had.
    pub async fn start_with_log(web: Arc<Web>, port: u16, log: Log) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let addr = listener.local_addr()?;
        let cancel = CancellationToken::new();
        let mut task = JoinSet::new();
        task.spawn(serve(listener, Arc::clone(&web), log.clone(), cancel.clone()));
        Ok(Self { web, log, addr, cancel, task })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What it serves.
    pub fn web(&self) -> &Web {
        &self.web
    }

    /// The home pages of all hosts.
    pub fn seeds(&self) -> Vec<String> {
        self.web.seeds(self.addr.port())
    }

    /// What a crawl from [`Server::seeds`] must find.
    pub fn truth(&self) -> Truth {
        self.web.truth(self.addr.port())
    }

    /// Who asked for what, and when.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// Lets requests under way finish, for a second at most, and closes.
    pub async fn stop(mut self) {
        self.cancel.cancel();
        while self.task.join_next().await.is_some() {}
    }
}

/// What all connections share.
struct Shared {
    web: Arc<Web>,
    log: Log,
    /// Requests under way, by host; the last slot is for names that are no host.
    in_flight: Arc<[AtomicU32]>,
    /// How often each "once" URL has been asked for, by the hash of host and path.
    attempts: Mutex<HashMap<u64, u32>>,
    /// Hosts that have an outage: with which status they answer, and how often yet.
    outages: Mutex<HashMap<u32, (u16, u32)>>,
}

/// Serves `web` on `listener` until `cancel`, then for a moment longer to what is under way.
pub async fn serve(listener: TcpListener, web: Arc<Web>, log: Log, cancel: CancellationToken) {
    let in_flight = (0..=web.n_hosts()).map(|_| AtomicU32::new(0)).collect();
    let shared = Arc::new(Shared { web, log, in_flight, attempts: Mutex::default(), outages: Mutex::default() });
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    let mut n_opened = 0;
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = async {
            let slot = Arc::clone(&slots).acquire_owned().await.expect("the semaphore is never closed");
            listener.accept().await.map(|(stream, _)| (stream, slot))
        };
        let accepted = tokio::select! {
            () = cancel.cancelled() => break,
            accepted = accepted => accepted,
        };
        let Ok((stream, slot)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let (shared, cancel, number) = (Arc::clone(&shared), cancel.clone(), n_opened);
        n_opened += 1;
        connections.spawn(async move {
            converse(stream, number, shared, cancel).await;
            drop(slot);
        });
    }
    // What is not done in time is dropped with the set.
    let _ = tokio::time::timeout(DRAIN, async { while connections.join_next().await.is_some() {} }).await;
}

/// One connection, from accept to close.
async fn converse(stream: TcpStream, number: u64, shared: Arc<Shared>, cancel: CancellationToken) {
    // Without it a small answer waits for the acknowledgement of the last; the connection works either way.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| respond(Arc::clone(&shared), number, request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    // Errors are those of the peer, or bodies broken off as planned: nobody to tell.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = cancel.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

async fn respond(
    shared: Arc<Shared>,
    connection: u64,
    request: Request<Incoming>,
) -> Result<Response<Payload>, BrokenOff> {
    let authority = authority(&request);
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let host = shared.web.host_number(authority);
    let slot = host.unwrap_or(shared.web.n_hosts()) as usize;
    let host_name = || match host {
        Some(host) => Arc::clone(shared.web.sites.name(host)),
        None => authority.to_ascii_lowercase().into(),
    };
    let mut in_flight = InFlight::enter(&shared.in_flight, slot, &shared.log, |n_in_flight, number, at| Arrival {
        number,
        at,
        host: host_name(),
        path: target.into(),
        connection,
        in_flight: n_in_flight,
        status: 0,
        retry_after: None,
        began: None,
        ended: None,
    });
    let answer = shared.answer(&request, authority, target);
    let retry_after = answer.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    in_flight.answered(answer.status, retry_after);
    if !answer.delay.is_zero() {
        tokio::time::sleep(answer.delay).await;
    }
    in_flight.begins();
    Ok(into_response(answer, in_flight))
}

/// Whom a request is for: the host of an absolute target, or the `Host` header.
fn authority(request: &Request<Incoming>) -> &str {
    match request.uri().authority() {
        Some(authority) => authority.as_str(),
        None => request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default(),
    }
}

impl Shared {
    fn answer(&self, request: &Request<Incoming>, authority: &str, target: &str) -> Answer {
        let headers = request.headers();
        let gzip = headers.get_all(header::ACCEPT_ENCODING).iter().any(accepts_gzip);
        let attempt = match self.web.counts_attempts(authority, target) {
            true => self.count_attempt(authority, target),
            false => 0,
        };
        let outage = self.outage(authority, target, attempt);
        let mut answer = self.web.answer(&Ask { authority, target, attempt, outage, gzip });
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            answer.status = StatusCode::METHOD_NOT_ALLOWED.as_u16();
            answer.headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        answer
    }

    /// How often a URL has been asked for before this time.
    fn count_attempt(&self, authority: &str, target: &str) -> u32 {
        let host = self.web.host_number(authority).unwrap_or(u32::MAX);
        let key = xxh3_64(target.as_bytes()) ^ u64::from(host).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        if attempts.len() >= MAX_COUNTED && !attempts.contains_key(&key) {
            return 1;
        }
        let n = attempts.entry(key).or_default();
        *n = n.saturating_add(1);
        *n - 1
    }

    /// What a request is answered with because of an outage of its host. One that would begin during another is none.
    fn outage(&self, authority: &str, target: &str, attempt: u32) -> Option<u16> {
        if self.web.options().outage_permille == 0 || ROBOTS.contains(&target) {
            return None;
        }
        let host = self.web.host_number(authority)?;
        let mut outages = self.outages.lock().unwrap_or_else(PoisonError::into_inner);
        if attempt == 0
            && let Some(outage) = self.web.outage(authority, target)
        {
            outages.entry(host).or_insert(outage);
        }
        let (status, left) = outages.get_mut(&host)?;
        let status = *status;
        *left -= 1;
        if *left == 0 {
            outages.remove(&host);
        }
        Some(status)
    }
}

/// Whether one `Accept-Encoding` field names gzip with a weight above zero.
fn accepts_gzip(field: &HeaderValue) -> bool {
    field.to_str().unwrap_or_default().split(',').any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        named && !parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

fn into_response(answer: Answer, in_flight: InFlight) -> Response<Payload> {
    let n_promised = answer.body.len();
    let mut response = Response::new(Payload::new(answer.body, answer.cut_at, in_flight));
    *response.status_mut() = StatusCode::from_u16(answer.status).expect("every planned status is one");
    *response.headers_mut() = answer.headers;
    if answer.status != 204 {
        response.headers_mut().insert(header::CONTENT_LENGTH, n_promised.into());
    }
    response
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Options, map::Place},
        *,
    };

    #[test]
    fn an_outage_spoils_answers_in_a_row_to_whatever_is_asked_for() {
        let web = Arc::new(Web::new(Options { outage_permille: 900, pages_per_host: 200, ..Options::demo() }));
        let in_flight = (0..=web.n_hosts()).map(|_| AtomicU32::new(0)).collect();
        let (attempts, outages) = (Mutex::default(), Mutex::default());
        let shared = Shared { web: Arc::clone(&web), log: Log::new(0), in_flight, attempts, outages };
        let name = web.host_name(0);
        let paths: Vec<String> = (0..200).map(|n| Place::Page(n).path(web.options().seed, 0)).collect();
        let begins = |path: &&String| web.outage(name, path).is_some_and(|(_, times)| times == 4);
        let first = paths.iter().find(begins).expect("a quarter of them last so long").as_str();
        let (status, _) = web.outage(name, first).expect("it does");
        let asked = [first, "/", "/robots.txt", first, "/", "/"];
        let answered = asked.map(|path| shared.outage(name, path, u32::from(path != first)));
        assert_eq!(answered, [Some(status), Some(status), None, Some(status), Some(status), None]);
        assert_eq!(shared.outage(web.host_name(2), "/", 1), None, "another host");
        assert!([502, 503, 504].contains(&status));
        let ask = Ask { authority: name, target: "/", attempt: 0, outage: Some(status), gzip: false };
        let answer = web.answer(&ask);
        assert!(answer.status == status && !answer.headers.contains_key(header::RETRY_AFTER));
    }

    #[test]
    fn gzip_is_accepted_by_name_and_weight() {
        for (field, expected) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("br", false),
            ("gzip;q=0", false),
            ("gzip; q=0.0, br", false),
            ("", false),
        ] {
            assert_eq!(accepts_gzip(&HeaderValue::from_static(field)), expected, "{field}");
        }
    }
}
