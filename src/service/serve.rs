//! The daemon put together: it listens, serves, reloads and ends.

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use axum::Router;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

use super::{
    api::{App, Desk, Metrics, Parts, router},
    dashboard,
    door::Door,
    foreman::{self, Crawls, Foreman},
    hooks::Post,
    ledger::{Shelf, ShelfError},
    patience::Patient,
    places::Places,
};
use crate::{
    clock::Clock,
    config::{Base, ConfigErrors, Sources},
    fetch::HttpFetcher,
    job::assemble,
    shutdown::{Shutdown, Tasks},
};

/// Documents that are judged at once: each may take a processor for a second.
const JUDGES: usize = 2;
/// Outputs that are read through at once, for callers who want records.
const SCANS: usize = 8;
/// After a connection could not be taken.
const PAUSE: Duration = Duration::from_millis(100);
/// Connections that the system holds until they are taken. Beyond them a caller's first packet is lost, and the next one comes a
/// second later; the system may allow fewer (`net.core.somaxconn`).
const BACKLOG: u32 = 4096;
/// Longest head of a call, bytes.
const MAX_HEAD_BYTES: usize = 64 << 10;
/// Most header fields of a call.
const MAX_HEADERS: usize = 64;

/// What is built once, when the daemon starts: what listens, and what opens connections for all crawls.
const SET_AT_THE_START: &[&str] = &[
    "daemon.listen",
    "daemon.data",
    "daemon.running",
    "daemon.crawls",
    "daemon.connections",
    "daemon.fetches",
    "daemon.answers",
    "daemon.events",
    "daemon.readers",
    "daemon.disk_reserve",
    "cache",
    "client_certificate",
    "dns",
    "fetch.allow_addresses",
    "fetch.allow_ports",
    "fetch.concurrency",
    "fetch.connect_timeout",
    "fetch.deny_addresses",
    "fetch.first_byte_timeout",
    "fetch.idle_connections",
    "fetch.idle_timeout",
    "fetch.decode_ratio",
    "fetch.max_header_size",
    "fetch.max_headers",
    "fetch.memory",
    "fetch.min_rate",
    "fetch.min_rate_window",
    "fetch.resolve",
    "fetch.timeout",
    "host",
    "limits.bandwidth",
    "politeness.per_host",
    "proxy",
    "telemetry",
    "tls",
    "traces",
    "webhooks",
];

/// Why the daemon can't serve.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    #[error(transparent)]
    Shelf(#[from] ShelfError),
    #[error("{0}")]
    Stack(#[from] assemble::StackError),
    #[error("can't listen at {addr} (daemon.listen): {source}")]
    Listen { addr: SocketAddr, source: io::Error },
}

/// A daemon that listens, and has not taken a call yet.
pub(crate) struct Service {
    listener: TcpListener,
    addr: SocketAddr,
    app: App,
    foreman: Foreman,
    /// What brings events to webhooks.
    http: Arc<HttpFetcher>,
    base: watch::Sender<Arc<Base>>,
    door: watch::Sender<Arc<Door>>,
    sources: Sources,
    shutdown: Shutdown,
    tasks: Tasks,
}

impl Service {
    /// Claims the data folder and the port. `sources` is where `base` came from, for when it is read again.
    pub(crate) async fn open(base: Base, sources: Sources, shutdown: Shutdown) -> Result<Self, ServeError> {
        let settings = Arc::new(base.settings().clone());
        let daemon = settings.daemon.clone();
        let data: PathBuf = daemon.data.clone();
        let opened = tokio::task::spawn_blocking(move || Shelf::open(&data)).await;
        let (shelf, held) = opened.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))?;
        let listen = |source| ServeError::Listen { addr: daemon.listen, source };
        let listener = bind(daemon.listen).map_err(listen)?;
        let addr = listener.local_addr().map_err(listen)?;
        let (clock, tasks) = (Clock::system(), Tasks::new());
        let surroundings = assemble::surroundings(&settings, clock, &tasks)?;
        let http = HttpFetcher::new(settings.webhook_options(clock)).map_err(assemble::StackError::from)?;
        let (courier, secrets) = assemble::courier(&settings, &surroundings);
        let (base, base_seen) = watch::channel(Arc::new(base));
        let (door, door_seen) = watch::channel(Arc::new(Door::new(&daemon.keys, &daemon.names)));
        let options = foreman::Options {
            running: daemon.running,
            crawls: daemon.crawls,
            events: daemon.events,
            disk_reserve_bytes: daemon.disk_reserve_bytes,
        };
        let metrics = Metrics::default();
        let data = shelf.path().to_owned();
        let unusable = |source| ShelfError::Io { path: data.clone(), source };
        let post = Post::open(&data, base_seen.clone(), clock, metrics.clone()).map_err(unusable)?;
        let (foreman, crawls) = Foreman::new(
            (shelf, held),
            base_seen.clone(),
            surroundings.clone(),
            options,
            metrics.clone(),
            post.clone(),
            shutdown.clone(),
        );
        tasks.spawn("trash", async move {
            // What an earlier process had no time to remove.
            let emptied = tokio::task::spawn_blocking(move || Shelf::empty_trash(&data)).await;
            if let Ok(Err(error)) = emptied {
                tracing::warn!(%error, "what was deleted is not removed");
            }
        });
        let app = App::new(Parts {
            crawls,
            base: base_seen,
            door: door_seen,
            desk: Desk::new(courier, secrets, settings, clock),
            connections: Places::new(daemon.connections),
            readers: Places::new(daemon.readers),
            judges: Places::new(JUDGES),
            scans: Places::new(SCANS),
            clock,
            started_at: clock.now(),
            shutdown: shutdown.clone(),
            metrics,
            post,
            surroundings,
        });
        let http = Arc::new(http);
        Ok(Self { listener, addr, app, foreman, http, base, door, sources, shutdown, tasks })
    }

    /// Where it listens.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// By whom orders are given.
    pub(crate) fn crawls(&self) -> Crawls {
        self.app.crawls.clone()
    }

    /// Serves until it is asked to stop and every crawl has stopped; reads its configuration again whenever `reload`
    /// says so, which is told when that was done.
    pub(crate) async fn run(self, mut reload: impl AsyncFnMut(bool) -> Option<()>) {
        let Self { listener, app, foreman, http, base, door, sources, shutdown, tasks, .. } = self;
        let surroundings = app.surroundings.clone();
        let post = app.post.clone();
        let (deadline, agent) = {
            let base = base.borrow();
            let settings = base.settings();
            (settings.shutdown_deadline, settings.fetch.user_agent.clone())
        };
        let working = async {
            let telling = app.post.clone().run(http, agent, shutdown.clone(), deadline);
            let serving = accept(listener, app, &shutdown);
            tokio::join!(foreman.run(), serving, telling)
        };
        let reloading = async {
            let mut is_done = false;
            while reload(is_done).await.is_some() {
                is_done = true;
                match read_again(&sources, &base, &door) {
                    Ok(()) => {
                        let operators = base.borrow().settings().webhooks.operators.clone();
                        post.set_operators(&operators);
                        tracing::info!("the configuration was read again and is in force");
                    }
                    Err(errors) => tracing::error!("the configuration is not taken, the one before stays: {errors}"),
                }
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            _ = working => {}
            () = reloading => {}
        }
        let deadline = base.borrow().settings().shutdown_deadline;
        surroundings.finish_traces(&shutdown, deadline).await;
        drop(tasks);
    }
}

/// Reads the configuration again and puts what may change while the daemon runs into force: what crawls that begin from
/// now on are told, keys and names.
fn read_again(
    sources: &Sources,
    base: &watch::Sender<Arc<Base>>,
    door: &watch::Sender<Arc<Door>>,
) -> Result<(), ConfigErrors> {
    let new = Base::load(sources)?;
    let now = new.settings().daemon.clone();
    for key in base.borrow().differences(&new, SET_AT_THE_START) {
        tracing::warn!("{key} changes when the daemon is started again");
    }
    door.send_replace(Arc::new(Door::new(&now.keys, &now.names)));
    base.send_replace(Arc::new(new));
    Ok(())
}

/// Listens at `addr`, with room for a burst.
fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A daemon that is started again takes the port over from connections of the one before that are being closed.
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}

/// Takes connections, at most so many at once, until it is asked to stop; then waits for the calls under way.
async fn accept(listener: TcpListener, app: App, shutdown: &Shutdown) {
    let places = app.connections.free();
    let service = router(app.clone(), dashboard::router(&app));
    let mut connections = JoinSet::new();
    loop {
        let place = tokio::select! {
            biased;
            () = shutdown.requested() => break,
            place = places.clone().acquire_owned() => place.expect("nobody closes it"),
        };
        let taken = tokio::select! {
            biased;
            () = shutdown.requested() => break,
            taken = listener.accept() => taken,
            // So that the list of those that are over stays short.
            Some(_) = connections.join_next() => continue,
        };
        match taken {
            Ok((stream, _)) => {
                let (timeout, tls) = {
                    let base = app.base.borrow();
                    (base.settings().daemon.timeout, base.settings().daemon.tls.clone())
                };
                let service = TowerToHyperService::new(service.clone());
                let connection = connection(stream, tls, service, timeout, shutdown.clone());
                connections.spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection can't be taken");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    // Whoever is being answered gets his answer, but not for longer than what is in flight gets.
    let deadline = app.base.borrow().settings().shutdown_deadline;
    let all = async { while connections.join_next().await.is_some() {} };
    tokio::select! {
        () = all => {}
        () = tokio::time::sleep(deadline) => {}
        () = shutdown.now() => {}
    }
}

async fn connection(
    stream: TcpStream,
    tls: Option<Arc<ServerConfig>>,
    service: TowerToHyperService<Router>,
    timeout: Duration,
    shutdown: Shutdown,
) {
    let _ = stream.set_nodelay(true);
    let Some(tls) = tls else { return serve(stream, service, timeout, shutdown).await };
    match tokio::time::timeout(timeout, TlsAcceptor::from(tls).accept(stream)).await {
        Ok(Ok(stream)) => serve(stream, service, timeout, shutdown).await,
        Ok(Err(error)) => tracing::debug!(%error, "a caller does not speak TLS as we do"),
        Err(_) => tracing::debug!("a caller was too slow to speak TLS"),
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    service: TowerToHyperService<Router>,
    timeout: Duration,
    shutdown: Shutdown,
) {
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(timeout)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(Patient::new(stream, timeout)), service);
    tokio::pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = shutdown.requested() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke off");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Environment, Flags};

    fn base(change: impl FnOnce(&mut Flags)) -> Base {
        let mut flags = Flags::default();
        change(&mut flags);
        let environment = Environment::given(Vec::<(String, String)>::new());
        Base::load(&Sources { flags, environment, ..Sources::default() }).unwrap()
    }

    #[test]
    fn what_does_not_change_while_it_runs_is_told_by_key() {
        let before = base(|_| {});
        let unknown: Vec<_> = SET_AT_THE_START.iter().filter(|path| !before.knows(path)).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
        let after = base(|flags| {
            flags.set("fetch.deny_addresses", "test", vec!["10.0.0.0/8".to_owned()]);
            flags.set("cache.enabled", "test", true);
            flags.set("limits.pages", "test", 7);
        });
        let told = before.differences(&after, SET_AT_THE_START);
        assert_eq!(told, ["cache.enabled", "fetch.deny_addresses"]);
    }
}
