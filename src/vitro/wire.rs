//! One connection: what is spoken on it, and its requests.
//!
//! The first bytes tell: a TLS handshake, HTTP/2 with prior knowledge, or HTTP/1.1. In TLS the name that is asked for
//! (SNI), or else the address that was connected to, says whose certificate is shown and whether HTTP/2 is offered.

use std::{
    borrow::Cow,
    future::Future,
    net::IpAddr,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version, header};
use hyper::{
    body::Incoming,
    rt::Executor,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::server::Acceptor;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::JoinSet,
};
use tokio_rustls::{LazyConfigAcceptor, server::TlsStream};
use tokio_util::sync::CancellationToken;

use super::{
    Answer, Arrival, Ask, Authority, Web,
    answers::text,
    certificates::Subject,
    payload::{BrokenOff, InFlight, Payload},
    server::Shared,
};

/// How long a connection may say nothing.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// The first byte of a TLS handshake.
const HANDSHAKE: u8 = 0x16;
/// How HTTP/2 begins (RFC 9113, section 3.4), as far as no method of HTTP/1.1 does.
const PREFACE: &[u8; 3] = b"PRI";
/// Streams of one HTTP/2 connection at once.
const MAX_STREAMS: u32 = 100;

/// What is so of all requests of a connection.
#[derive(Debug, Clone, Copy)]
struct Line {
    number: u64,
    is_secure: bool,
}

/// One connection, from accept to close. Errors are those of the peer, or bodies broken off as planned: nobody to tell.
pub(super) async fn converse(stream: TcpStream, number: u64, shared: Arc<Shared>, cancel: CancellationToken) {
    // Without it a small answer waits for the acknowledgement of the last; the connection works either way.
    let _ = stream.set_nodelay(true);
    let line = Line { number, is_secure: false };
    let mut first = [0; PREFACE.len()];
    let peeked = tokio::select! {
        peeked = tokio::time::timeout(IDLE_TIMEOUT, stream.peek(&mut first)) => peeked,
        () = cancel.cancelled() => return,
    };
    match (peeked, first, &shared.authority) {
        (Err(_) | Ok(Err(_)), ..) => {}
        (_, [HANDSHAKE, ..], Some(authority)) => {
            let shaken = tokio::time::timeout(IDLE_TIMEOUT, shake_hands(stream, authority, &shared.web)).await;
            let Ok(Some(stream)) = shaken else { return };
            let line = Line { is_secure: true, ..line };
            match stream.get_ref().1.alpn_protocol() {
                Some(b"h2") => speak_http2(stream, line, shared, cancel).await,
                _ => speak_http1(stream, line, shared, cancel).await,
            }
        }
        (_, first, _) if first == *PREFACE => speak_http2(stream, line, shared, cancel).await,
        _ => speak_http1(stream, line, shared, cancel).await,
    }
}

async fn shake_hands(stream: TcpStream, authority: &Authority, web: &Web) -> Option<TlsStream<TcpStream>> {
    let local = stream.local_addr().ok()?.ip();
    let begun = LazyConfigAcceptor::new(Acceptor::default(), stream).await.ok()?;
    let (subject, host) = match (begun.client_hello().server_name(), local) {
        (Some(name), _) => (Subject::Name(name.to_ascii_lowercase()), web.host_number(name)?),
        (None, IpAddr::V4(address)) => (Subject::Address(address), web.host_at(address)?),
        (None, IpAddr::V6(_)) => return None,
    };
    let config = authority.config(subject, web.options_of(host).http2).ok()?;
    begun.into_stream(config).await.ok()
}

async fn speak_http1(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    line: Line,
    shared: Arc<Shared>,
    cancel: CancellationToken,
) {
    let service = service_fn(move |request| respond(Arc::clone(&shared), line, request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => {}
        () = cancel.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

async fn speak_http2(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    line: Line,
    shared: Arc<Shared>,
    cancel: CancellationToken,
) {
    let streams = Streams::default();
    let service = service_fn(move |request| respond(Arc::clone(&shared), line, request));
    let connection = http2::Builder::new(streams.clone())
        .timer(TokioTimer::new())
        .keep_alive_interval(IDLE_TIMEOUT)
        .max_concurrent_streams(MAX_STREAMS)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => {}
        () = cancel.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
    streams.0.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
}

/// The streams of one HTTP/2 connection. They end with it.
#[derive(Debug, Clone, Default)]
struct Streams(Arc<Mutex<JoinSet<()>>>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let mut streams = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while streams.try_join_next().is_some() {}
        streams.spawn(stream);
    }
}

async fn respond(shared: Arc<Shared>, line: Line, request: Request<Incoming>) -> Result<Response<Payload>, BrokenOff> {
    let authority = authority(&request);
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let spot = shared.web.locate(authority, target);
    let host = spot.map(|spot| spot.host());
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
        connection: line.number,
        in_flight: n_in_flight,
        status: 0,
        retry_after: None,
        began: None,
        ended: None,
    });
    let speaks = host.is_none_or(|host| shared.web.options_of(host).http2 || request.version() != Version::HTTP_2);
    let mut answer = match speaks {
        true => {
            let accepts = accepts(request.headers());
            let is_secure = line.is_secure;
            let ask = Ask { authority, target, attempt: 0, outage: None, accepts: &accepts, is_secure };
            shared.answer(ask, spot)
        }
        false => text(505, "this host speaks HTTP/1.1 only\n"),
    };
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        answer.status = StatusCode::METHOD_NOT_ALLOWED.as_u16();
        answer.headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    let retry_after = answer.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    in_flight.answered(answer.status, retry_after);
    if !answer.delay.is_zero() {
        tokio::time::sleep(answer.delay).await;
    }
    in_flight.begins();
    Ok(into_response(answer, request.version(), in_flight))
}

/// Whom a request is for: the host of an absolute target, or the `Host` header.
fn authority(request: &Request<Incoming>) -> &str {
    match request.uri().authority() {
        Some(authority) => authority.as_str(),
        None => request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default(),
    }
}

/// All `Accept-Encoding` fields as one.
fn accepts(headers: &HeaderMap) -> Cow<'_, str> {
    let mut fields = headers.get_all(header::ACCEPT_ENCODING).iter().map(|field| field.to_str().unwrap_or_default());
    let first = fields.next().unwrap_or_default();
    fields.fold(Cow::Borrowed(first), |all, field| Cow::Owned(format!("{all},{field}")))
}

fn into_response(answer: Answer, version: Version, in_flight: InFlight) -> Response<Payload> {
    let n_promised = answer.body.len();
    let mut response = Response::new(Payload::new(answer.body, answer.cut_at, answer.bandwidth, in_flight));
    *response.status_mut() = StatusCode::from_u16(answer.status).expect("every planned status is one");
    *response.headers_mut() = answer.headers;
    if answer.status != 204 {
        response.headers_mut().insert(header::CONTENT_LENGTH, n_promised.into());
    }
    if answer.closes && version != Version::HTTP_2 {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
