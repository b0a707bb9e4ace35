//! The fetcher over reqwest: one exchange, from the call to the last byte.
//!
//! reqwest is used for what is below HTTP's semantics: connections, pooling, framing, TLS. All that
//! it would decide by itself is switched off: redirects, decoding, cookies, proxies from the
//! environment, the referrer. It keeps one liberty: a request that the server provably did not
//! process (HTTP/2's REFUSED_STREAM, a pooled connection closed before the first byte) is sent again.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture};
use http::Method;
use rustls::RootCertStore;
use tokio::time::{Instant, timeout_at};

use super::{
    Answered, BuildError, ErrorKind, FetchError, Fetcher, Options, Phase, Request, Response, Timings, Truncation,
    bandwidth::Bandwidth,
    body::{self, BodyRead, End, Limits, Share, Shares},
    budget::Budget,
    classify::{self, Fault},
    clients::IDLE_CONNECTION,
    connect::{Trace, TraceLayer},
    decode::{Bounds, Decoder},
    guard::{Guard, Objection},
    head::{self, Caps},
    proxy,
    resolve::{Counts, DnsLookup, GuardedResolver},
    transports::{Failed, Transports},
};

/// What a server may send of one body, and of all on a connection, before we read: what HTTP/2 buffers
/// is beyond the memory budget.
const HTTP2_STREAM_WINDOW_BYTES: u32 = 512 * 1024;
const HTTP2_CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;

/// An HTTP/2 connection in use is probed when it has been silent for this long, and closed when the
/// probe gets no answer for as long again: the next request should not be sent into the void.
const HTTP2_PROBE: Duration = Duration::from_secs(15);

/// A [`Fetcher`] that opens connections. Cheap to clone; clones share pool and memory budget.
#[derive(Debug, Clone)]
pub struct HttpFetcher {
    pub(super) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) struct Shared {
    transports: Transports,
    guard: Guard,
    resolver: GuardedResolver,
    pub(super) shares: Shares,
    options: Arc<Options>,
}

impl HttpFetcher {
    /// Builds the client. Opens nothing; needs no file of the system, certificates included.
    ///
    /// # Errors
    /// When TLS or the client can't be set up with these options.
    pub fn new(options: Options) -> Result<Self, BuildError> {
        Self::with_roots(options, webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect())
    }

    /// As [`HttpFetcher::new`], trusting these certificate authorities.
    pub(super) fn with_roots(options: Options, roots: RootCertStore) -> Result<Self, BuildError> {
        let guard = Guard::new(options.guard.clone());
        let lookup = Arc::new(DnsLookup::new(&options.dns)?);
        let resolver =
            |guard| GuardedResolver::new(guard, options.resolve.clone(), lookup.clone(), options.dns.clone());
        // For the addresses of proxies, which the configuration names.
        let free = resolver(Guard::new(proxy::unguarded()));
        let resolver = resolver(guard.clone());
        let options = Arc::new(options);
        let build = {
            let options = options.clone();
            move || builder(&options)
        };
        let transports = Transports::new(&options, roots, (&resolver, &free), build)?;
        let shares =
            Shares { memory: Budget::new(options.memory_budget_bytes), bandwidth: Bandwidth::new(options.bandwidth) };
        Ok(Self { shared: Arc::new(Shared { transports, guard, resolver, shares, options }) })
    }

    /// Sends `body` by POST, once, and gives the head of the answer; what follows it is not read, so that no receiver can
    /// keep us. Not a [`Fetcher`]'s: what stands in front of one (cache, identity, politeness) is for asking, and this is
    /// for telling.
    ///
    /// # Errors
    /// As [`Fetcher::fetch`]: guard, resolver and time limits are the same.
    pub async fn post(&self, request: Request, body: Bytes) -> Result<Answered, FetchError> {
        let (shared, clock) = (&self.shared, self.shared.options.clock);
        let deadline = Instant::now() + shared.options.timeout;
        let trace = Trace::new(clock);
        let mut timings = Timings { sent_at: clock.now(), ..Timings::default() };
        let head = shared.head(Request { method: Method::POST, ..request }, body, &trace, deadline).await;
        trace.write(&mut timings);
        timings.ended_at = clock.now();
        let (mut head, _) = head.map_err(|fault| error(fault, timings))?;
        Ok(Answered { status: head.status().as_u16(), headers: std::mem::take(head.headers_mut()) })
    }

    /// What became of the names that were to be looked up so far.
    pub fn name_lookups(&self) -> Counts {
        self.shared.resolver.counts()
    }
}

impl Fetcher for HttpFetcher {
    fn fetch(&self, request: Request) -> BoxFuture<'_, Result<Response, FetchError>> {
        self.shared.exchange(request).boxed()
    }

    fn held(&self, tell: &mut dyn FnMut(&'static str, u64)) {
        tell("fetch.body_bytes", self.shared.shares.memory.held_bytes() as u64);
        tell("fetch.names", self.shared.resolver.n_names());
        tell("fetch.idle_connections", self.shared.transports.n_kept() as u64);
    }
}

impl Shared {
    async fn exchange(&self, request: Request) -> Result<Response, FetchError> {
        let clock = self.options.clock;
        let deadline = Instant::now() + self.options.timeout;
        let trace = Trace::new(clock);
        let mut timings = Timings { sent_at: clock.now(), ..Timings::default() };

        let (max_bytes, keep_raw) = (request.max_body_bytes, request.keep_raw);
        let head = self.head(request, Bytes::new(), &trace, deadline).await;
        trace.write(&mut timings);
        let (mut head, proxy) = match head {
            Ok(found) => found,
            Err(fault) => {
                timings.ended_at = clock.now();
                return Err(error(fault, timings));
            }
        };
        timings.first_byte_at = Some(clock.now());

        let mut response = Response {
            status: head.status().as_u16(),
            version: head.version(),
            remote: head.remote_addr().filter(|_| proxy.is_none()),
            proxy,
            ..Response::default()
        };
        let bounds = Bounds { max_bytes, max_ratio: self.options.max_decode_ratio };
        let (idle, min_rate) = (self.options.idle_timeout, self.options.min_rate);
        let limits = Limits { deadline, idle, min_rate, bounds, keep_raw };
        response.headers = std::mem::take(head.headers_mut());
        let decoder = Decoder::new(&response.headers, bounds).unwrap_or_else(|codings| {
            response.undecoded = Some(codings);
            None
        });
        let read = body::read(head, decoder, limits, &self.shares).await;
        timings.ended_at = clock.now();
        response.timings = timings;
        conclude(response, read).map_err(|fault| error(fault, timings))
    }

    /// The head of the answer, and the proxy that it came through. A proxy that can't be used is replaced by
    /// the next one: no server has seen the request yet.
    async fn head(
        &self,
        request: Request,
        body: Bytes,
        trace: &Arc<Trace>,
        deadline: Instant,
    ) -> Result<(reqwest::Response, Option<Arc<str>>), Fault> {
        self.check_target(&request)?;
        let caps = Caps { n_fields: self.options.max_header_fields, n_bytes: self.options.max_header_bytes };
        let (mut tried, mut last) = (Vec::new(), None);
        loop {
            // It may look a name up, which has a time limit of its own.
            let route = match timeout_at(deadline, self.transports.route(&request.url, &tried)).await {
                Ok(Ok(route)) => route,
                Ok(Err(none_left)) => return Err(last.unwrap_or(none_left)),
                Err(_) => return Err(classify::of_waiting(Phase::Resolve)),
            };
            let mut outgoing = reqwest::Request::new(request.method.clone(), request.url.as_url().clone());
            outgoing.headers_mut().clone_from(&request.headers);
            if !body.is_empty() {
                *outgoing.body_mut() = Some(body.clone().into());
            }
            let exchange = trace.follow(route.execute(outgoing));
            let head = head::wait(exchange, trace, deadline, self.options.first_byte_timeout).await;
            let (head, result) = match head.and_then(|head| route.check(&head).map(|()| head)) {
                Ok(head) => (Some(head), Ok(())),
                Err(fault) => (None, Err(fault)),
            };
            match (self.transports.conclude(&route, result), head) {
                (Ok(()), Some(head)) => {
                    let proxy = route.proxy_label();
                    let name = request.url.as_url().domain().filter(|_| proxy.is_none());
                    if let Some((name, remote)) = name.zip(head.remote_addr()) {
                        self.resolver.answered(name, remote.ip()).await;
                    }
                    caps.check(head.headers())?;
                    return Ok((head, proxy));
                }
                (Err(Failed::TryNext(index, fault)), _) => {
                    tried.push(index);
                    last = Some(fault);
                }
                (Err(Failed::ForGood(fault)), _) => return Err(fault),
                (Ok(()), None) => unreachable!("a failure is never concluded as a success"),
            }
        }
    }

    /// Checks the port, and a host that is an address: the resolver will not see those.
    fn check_target(&self, request: &Request) -> Result<(), Fault> {
        self.guard.check_url(request.url.as_url()).map_err(|objection| {
            let kind = match objection {
                Objection::Address { .. } => ErrorKind::AddressRefused,
                Objection::Port(_) => ErrorKind::PortRefused,
            };
            Fault::new(kind, Phase::Connect, objection.to_string())
        })
    }
}

/// A client but for its way and its face.
fn builder(options: &Options) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .connector_layer(TraceLayer)
        .connect_timeout(options.connect_timeout)
        .pool_idle_timeout(IDLE_CONNECTION)
        .tcp_nodelay(true)
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .no_proxy()
        // Servers in the wild write these, and browsers read them (RFC 9112 section 5).
        .http1_allow_obsolete_multiline_headers_in_responses(true)
        .http1_allow_spaces_after_header_name_in_responses(true)
        .http1_ignore_invalid_headers_in_responses(true)
        .http1_max_headers(options.max_header_fields)
        .http2_max_header_list_size(u32::try_from(options.max_header_bytes).unwrap_or(u32::MAX))
        .http2_initial_stream_window_size(HTTP2_STREAM_WINDOW_BYTES)
        .http2_initial_connection_window_size(HTTP2_CONNECTION_WINDOW_BYTES)
        .http2_keep_alive_interval(HTTP2_PROBE)
        .http2_keep_alive_timeout(HTTP2_PROBE)
}

/// Puts a body, or what came of it, into its response.
fn conclude(mut response: Response, read: BodyRead) -> Result<Response, Fault> {
    let is_empty = read.body.is_empty();
    response.body = read.body;
    response.raw = read.raw;
    response.wire_bytes = read.wire_bytes;
    response.reservation = read.reservation;
    let (truncation, fault) = match read.end {
        None => return Ok(response),
        Some(End::Limit) => (Truncation::BodyLimit, None),
        Some(End::Ratio) => (Truncation::DecodeRatio, None),
        Some(End::Deadline) => (Truncation::Timeout, Some(timed_out("timed out while the body was read"))),
        Some(End::Idle) => (Truncation::Timeout, Some(timed_out("the body stopped coming"))),
        Some(End::TooSlow) => (Truncation::TooSlow, Some(timed_out("the body came too slowly"))),
        Some(End::Busy(share)) => {
            let message = match share {
                Share::Memory => "no memory was free for the body (fetch.memory)",
                Share::Bandwidth => "no bandwidth was free for the body (limits.bandwidth)",
            };
            (Truncation::Busy, Some(Fault::new(ErrorKind::Busy, Phase::Body, message)))
        }
        Some(End::Broken(error)) => (Truncation::Incomplete, Some(classify::of_body(&error))),
        Some(End::Corrupt) => {
            let message = "the body doesn't decode";
            (Truncation::Incomplete, Some(Fault::new(ErrorKind::Protocol, Phase::Body, message)))
        }
    };
    match fault {
        // A success without any of its body is none; any other status has said what matters.
        Some(fault) if is_empty && (200..300).contains(&response.status) => Err(fault),
        _ => {
            response.truncated = Some(truncation);
            Ok(response)
        }
    }
}

fn timed_out(message: &str) -> Fault {
    Fault::new(ErrorKind::Timeout, Phase::Body, message)
}

fn error(fault: Fault, timings: Timings) -> FetchError {
    FetchError { kind: fault.kind, phase: fault.phase, message: fault.message, timings }
}
