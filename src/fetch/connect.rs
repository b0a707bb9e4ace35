//! What is known about how a connection came about: the trace of one exchange.
//!
//! hyper opens connections by itself, out of sight. A [`Trace`] travels with the exchange as a
//! task-local value; the resolver, a layer around the connector and a wrapper around the TLS session
//! store stamp it on their way. hyper may leave a half-open connection to a background task when
//! another becomes free first; the layer takes the trace along, so that its stamps are complete, and
//! the client reads it when the response's head is there, so that they don't come late.
//!
//! Nothing here decides anything; a missing stamp costs a number in a record.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use rustls::{
    NamedGroup,
    client::{ClientSessionMemoryCache, ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue},
    pki_types::ServerName,
};
use tokio::sync::Notify;
use tower::{Layer, Service};

use super::{Phase, Timings};
use crate::clock::{Clock, Timestamp};

/// TLS sessions remembered for resumption.
const TLS_SESSIONS: usize = 1024;

tokio::task_local! {
    /// The trace of the exchange that the current task is in.
    static TRACE: Arc<Trace>;
}

/// When the steps towards a connection were taken.
#[derive(Debug)]
pub(super) struct Trace {
    clock: Clock,
    steps: Mutex<Steps>,
    /// Told when a connection is begun, made or given up.
    moved: Notify,
}

#[derive(Debug, Default, Clone, Copy)]
struct Steps {
    called: Option<Timestamp>,
    resolving: Option<Timestamp>,
    resolved: Option<Timestamp>,
    tls_started: Option<Timestamp>,
    connected: Option<Timestamp>,
    gave_up: bool,
}

impl Trace {
    pub(super) fn new(clock: Clock) -> Arc<Self> {
        Arc::new(Self { clock, steps: Mutex::default(), moved: Notify::new() })
    }

    /// Runs `future` under this trace.
    pub(super) async fn follow<F: Future>(self: &Arc<Self>, future: F) -> F::Output {
        TRACE.scope(Arc::clone(self), future).await
    }

    /// The trace of the current task, if it is in an exchange.
    pub(super) fn current() -> Option<Arc<Self>> {
        TRACE.try_with(Arc::clone).ok()
    }

    pub(super) fn resolving(&self) {
        self.steps().resolving = Some(self.clock.now());
    }

    pub(super) fn resolved(&self) {
        self.steps().resolved = Some(self.clock.now());
    }

    /// Whether the exchange is waiting for a connection of its own.
    pub(super) fn is_connecting(&self) -> bool {
        let steps = *self.steps();
        steps.called.is_some() && steps.connected.is_none() && !steps.gave_up
    }

    /// Waits until [`Trace::is_connecting`] may have changed.
    pub(super) async fn moved(&self) {
        self.moved.notified().await;
    }

    /// Where an exchange that failed on its way to a connection stands.
    pub(super) fn phase(&self) -> Phase {
        let steps = *self.steps();
        if steps.resolving.is_some() && steps.resolved.is_none() { Phase::Resolve } else { Phase::Connect }
    }

    /// Writes the durations of the steps taken so far.
    pub(super) fn write(&self, timings: &mut Timings) {
        let steps = *self.steps();
        let between = |from: Option<Timestamp>, to: Option<Timestamp>| -> Option<Duration> { Some(to?.since(from?)) };
        timings.connecting_at = steps.called.unwrap_or_default();
        timings.dns = between(steps.resolving, steps.resolved);
        timings.connect = between(steps.resolved.or(steps.called), steps.tls_started.or(steps.connected));
        timings.tls = between(steps.tls_started, steps.connected);
    }

    fn steps(&self) -> MutexGuard<'_, Steps> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Stamps the begin and the end of connecting.
#[derive(Debug, Clone, Copy)]
pub(super) struct TraceLayer;

impl<S> Layer<S> for TraceLayer {
    type Service = Traced<S>;

    fn layer(&self, inner: S) -> Traced<S> {
        Traced { inner }
    }
}

/// A connector whose steps are traced.
#[derive(Debug, Clone)]
pub(super) struct Traced<S> {
    inner: S,
}

impl<S, R> Service<R> for Traced<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
    S::Response: Send,
    S::Error: Send,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, target: R) -> Self::Future {
        let connecting = self.inner.call(target);
        let Some(trace) = Trace::current() else { return Box::pin(connecting) };
        Box::pin(async move {
            // A second connection of one exchange (hyper retries on a pooled one that was closed
            // under it) is traced from its own beginning.
            *trace.steps() = Steps { called: Some(trace.clock.now()), ..Steps::default() };
            trace.moved.notify_one();
            let result = trace.follow(connecting).await;
            match result {
                Ok(_) => trace.steps().connected = Some(trace.clock.now()),
                // The request may be on its way over another connection.
                Err(_) => trace.steps().gave_up = true,
            }
            trace.moved.notify_one();
            result
        })
    }
}

/// A session store that tells when a handshake begins: the first thing that rustls does is to look
/// up what it knows about the server.
#[derive(Debug)]
pub(super) struct TracedSessions(ClientSessionMemoryCache);

impl TracedSessions {
    pub(super) fn new() -> Self {
        Self(ClientSessionMemoryCache::new(TLS_SESSIONS))
    }

    fn stamp() {
        // Ignored outside of an exchange: there is nobody to tell.
        let _ = TRACE.try_with(|trace| {
            let mut steps = trace.steps();
            if steps.tls_started.is_none() {
                steps.tls_started = Some(trace.clock.now());
            }
        });
    }
}

impl ClientSessionStore for TracedSessions {
    fn set_kx_hint(&self, server: ServerName<'static>, group: NamedGroup) {
        self.0.set_kx_hint(server, group);
    }

    fn kx_hint(&self, server: &ServerName<'_>) -> Option<NamedGroup> {
        Self::stamp();
        self.0.kx_hint(server)
    }

    fn set_tls12_session(&self, server: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.0.set_tls12_session(server, value);
    }

    fn tls12_session(&self, server: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        Self::stamp();
        self.0.tls12_session(server)
    }

    fn remove_tls12_session(&self, server: &ServerName<'static>) {
        self.0.remove_tls12_session(server);
    }

    fn insert_tls13_ticket(&self, server: ServerName<'static>, value: Tls13ClientSessionValue) {
        self.0.insert_tls13_ticket(server, value);
    }

    fn take_tls13_ticket(&self, server: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        Self::stamp();
        self.0.take_tls13_ticket(server)
    }
}
