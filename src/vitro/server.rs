//! The web on a socket, on loopback only: peers from elsewhere are turned away.
//!
//! What is spoken on a connection is the business of `wire.rs`. [`serve`] is the whole server as one future; whoever polls it owns it, and dropping it closes
//! every connection. [`Server`] is the comfortable form, with a task of its own.

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU32},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpSocket},
    sync::Semaphore,
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use xxhash_rust::xxh3::xxh3_64;

use super::{Answer, Ask, Authority, Log, Truth, Web, web::Spot, wire};

/// Most connections open at once; further ones wait to be accepted.
pub const MAX_CONNECTIONS: usize = 32_768;
/// Connections that wait to be accepted.
const BACKLOG: u32 = 4_096;
/// Most URLs whose attempts are counted.
pub const MAX_COUNTED: usize = 262_144;
/// What is answered in outages too: a host whose robots.txt can't be had is not asked for anything else.
const ROBOTS: [&str; 2] = ["/robots.txt", "/robots-moved.txt"];
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
        Self::start_on(listen((Ipv4Addr::LOCALHOST, port).into())?, web, log, None)
    }

    /// The same on a socket of [`listen`] or [`listen_everywhere`], with an authority for hosts that are asked over TLS.
    ///
    /// # Errors
    /// When the socket is none that listens.
    pub fn start_on(
        listener: TcpListener,
        web: Arc<Web>,
        log: Log,
        authority: Option<Arc<Authority>>,
    ) -> io::Result<Self> {
        let addr = match listener.local_addr()? {
            addr if addr.ip().is_unspecified() => (Ipv4Addr::LOCALHOST, addr.port()).into(),
            addr => addr,
        };
        let cancel = CancellationToken::new();
        let mut task = JoinSet::new();
        task.spawn(serve_all(listener, Arc::clone(&web), log.clone(), authority, cancel.clone()));
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

/// A socket that listens at one address.
///
/// # Errors
/// When that can't be had.
pub fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}

/// A socket that listens at all addresses 127.a.b.c. On Linux it is bound to the loopback device; elsewhere it is
/// open to all, and only [`serve`] turns others away.
///
/// # Errors
/// When the port can't be had.
pub fn listen_everywhere(port: u16) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    // Old kernels want a privilege for it. Then it is left to `is_ours` alone.
    #[cfg(target_os = "linux")]
    let _ = socket.bind_device(Some(b"lo"));
    socket.bind((Ipv4Addr::UNSPECIFIED, port).into())?;
    socket.listen(BACKLOG)
}

/// Whether a connection comes from this machine by way of loopback.
fn is_ours(local: SocketAddr, peer: SocketAddr) -> bool {
    local.ip().is_loopback() && peer.ip().is_loopback()
}

/// What all connections share.
pub(super) struct Shared {
    pub(super) web: Arc<Web>,
    pub(super) log: Log,
    pub(super) authority: Option<Arc<Authority>>,
    /// Requests under way, by host; the last slot is for names that are no host.
    pub(super) in_flight: Arc<[AtomicU32]>,
    /// How often each "once" URL has been asked for, by the hash of host and path.
    attempts: Mutex<HashMap<u64, u32>>,
    /// Hosts that have an outage: with which status they answer, and how often yet.
    outages: Mutex<HashMap<u32, (u16, u32)>>,
}

/// Serves `web` on `listener` until `cancel`, then for a moment longer to what is under way.
pub async fn serve(listener: TcpListener, web: Arc<Web>, log: Log, cancel: CancellationToken) {
    serve_all(listener, web, log, None, cancel).await;
}

async fn serve_all(
    listener: TcpListener,
    web: Arc<Web>,
    log: Log,
    authority: Option<Arc<Authority>>,
    cancel: CancellationToken,
) {
    let shared = Arc::new(Shared::new(web, log, authority));
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    let mut n_opened = 0;
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = async {
            let slot = Arc::clone(&slots).acquire_owned().await.expect("the semaphore is never closed");
            listener.accept().await.map(|(stream, peer)| (stream, peer, slot))
        };
        let accepted = tokio::select! {
            () = cancel.cancelled() => break,
            accepted = accepted => accepted,
        };
        let Ok((stream, peer, slot)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        if !stream.local_addr().is_ok_and(|local| is_ours(local, peer)) {
            continue;
        }
        let (shared, cancel, number) = (Arc::clone(&shared), cancel.clone(), n_opened);
        n_opened += 1;
        connections.spawn(async move {
            wire::converse(stream, number, shared, cancel).await;
            drop(slot);
        });
    }
    // What is not done in time is dropped with the set.
    let _ = tokio::time::timeout(DRAIN, async { while connections.join_next().await.is_some() {} }).await;
}

impl Shared {
    fn new(web: Arc<Web>, log: Log, authority: Option<Arc<Authority>>) -> Self {
        let in_flight = (0..=web.n_hosts()).map(|_| AtomicU32::new(0)).collect();
        Self { web, log, authority, in_flight, attempts: Mutex::default(), outages: Mutex::default() }
    }

    /// The answer to what is asked, with what it depends on besides.
    pub(super) fn answer(&self, mut ask: Ask<'_>, spot: Option<Spot<'_>>) -> Answer {
        if let Some(spot) = &spot {
            if spot.counts_attempts() {
                ask.attempt = self.count_attempt(spot.host(), ask.target);
            }
            ask.outage = self.outage(spot, ask.target, ask.attempt);
        }
        self.web.answer_at(&ask, spot)
    }

    /// How often a URL has been asked for before this time.
    fn count_attempt(&self, host: u32, target: &str) -> u32 {
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
    fn outage(&self, spot: &Spot<'_>, target: &str, attempt: u32) -> Option<u16> {
        let host = spot.host();
        if self.web.options_of(host).outage_permille == 0 || ROBOTS.contains(&target) {
            return None;
        }
        let mut outages = self.outages.lock().unwrap_or_else(PoisonError::into_inner);
        if attempt == 0
            && let Some(outage) = spot.outage()
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

#[cfg(test)]
mod tests {
    use http::header;

    use super::{
        super::{Options, map::Place},
        *,
    };

    #[test]
    fn an_outage_spoils_answers_in_a_row_to_whatever_is_asked_for() {
        let web = Arc::new(Web::new(Options { outage_permille: 900, pages_per_host: 200, ..Options::demo() }));
        let shared = Shared::new(Arc::clone(&web), Log::new(0), None);
        let spot = |name, path: &str| web.locate(name, path).expect("a host");
        let name = web.host_name(0);
        let paths: Vec<String> = (0..200).map(|n| Place::Page(n).path(web.options().seed, 0)).collect();
        let begins = |path: &&String| spot(name, path).outage().is_some_and(|(_, times)| times == 4);
        let first = paths.iter().find(begins).expect("a quarter of them last so long").as_str();
        let (status, _) = spot(name, first).outage().expect("it does");
        let asked = [first, "/", "/robots.txt", first, "/", "/"];
        let answered = asked.map(|path| shared.outage(&spot(name, path), path, u32::from(path != first)));
        assert_eq!(answered, [Some(status), Some(status), None, Some(status), Some(status), None]);
        assert_eq!(shared.outage(&spot(web.host_name(2), "/"), "/", 1), None, "another host");
        assert!([502, 503, 504].contains(&status));
        let ask = Ask { authority: name, target: "/", attempt: 0, outage: Some(status), accepts: "", is_secure: false };
        let answer = web.answer(&ask);
        assert!(answer.status == status && !answer.headers.contains_key(header::RETRY_AFTER));
    }

    #[test]
    fn only_loopback_is_ours() {
        let check = |local: &str, peer: &str, expected| {
            let both = [local, peer].map(|address| SocketAddr::new(address.parse().expect("an address"), 80));
            assert_eq!(is_ours(both[0], both[1]), expected, "{local} {peer}");
        };
        check("127.0.0.1", "127.0.0.1", true);
        check("127.3.2.1", "127.0.0.1", true);
        check("::1", "::1", true);
        check("192.0.2.7", "192.0.2.7", false);
        check("127.0.0.1", "192.0.2.7", false);
        check("192.0.2.7", "127.0.0.1", false);
        check("0.0.0.0", "127.0.0.1", false);
    }
}
