//! The fetcher over reqwest: one exchange, from the call to the last byte.
//!
//! reqwest is used for what is below HTTP's semantics: connections, pooling, framing, TLS. All that
//! it would decide by itself is switched off: redirects, decoding, cookies, proxies from the
//! environment, the referrer. It keeps one liberty: a request that the server provably did not
//! process (HTTP/2's REFUSED_STREAM, a pooled connection closed before the first byte) is sent again.

use std::{net::IpAddr, sync::Arc, time::Duration};

use futures::{FutureExt, future::BoxFuture};
use rustls::{ClientConfig, RootCertStore, client::Resumption};
use tokio::time::{Instant, timeout_at};
use url::Host;

use super::{
    BuildError, ErrorKind, FetchError, Fetcher, Options, Phase, Request, Response, Timings, Truncation,
    body::{self, BodyRead, End, Limits},
    budget::Budget,
    classify::{self, Fault},
    connect::{Trace, TraceLayer, TracedSessions},
    decode::{Bounds, Decoder},
    guard::Guard,
    resolve::GuardedResolver,
};

/// How long an idle connection is kept. Their number follows the hosts asked in this time.
const IDLE_CONNECTION: Duration = Duration::from_secs(30);

/// Header fields of a response. hyper bounds their bytes at about 400 KiB in HTTP/1.
const MAX_HEADER_FIELDS: usize = 256;

/// Bytes of header fields in HTTP/2.
const MAX_HEADER_BYTES_HTTP2: u32 = 256 * 1024;

/// A [`Fetcher`] that opens connections. Cheap to clone; clones share pool and memory budget.
#[derive(Debug, Clone)]
pub struct HttpFetcher {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    client: reqwest::Client,
    guard: Guard,
    budget: Budget,
    options: Options,
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
        let guard = Guard::new(options.allow.clone());
        let resolver = GuardedResolver::new(guard.clone(), options.resolve.clone());
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls_config(roots)?)
            .dns_resolver(resolver)
            .connector_layer(TraceLayer)
            .connect_timeout(options.connect_timeout)
            .pool_idle_timeout(IDLE_CONNECTION)
            .pool_max_idle_per_host(options.idle_connections_per_host)
            .tcp_nodelay(true)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            // Servers in the wild write these, and browsers read them (RFC 9112 section 5).
            .http1_allow_obsolete_multiline_headers_in_responses(true)
            .http1_allow_spaces_after_header_name_in_responses(true)
            .http1_ignore_invalid_headers_in_responses(true)
            .http1_max_headers(MAX_HEADER_FIELDS)
            .http2_max_header_list_size(MAX_HEADER_BYTES_HTTP2)
            .build()?;
        let budget = Budget::new(options.memory_budget_bytes);
        Ok(Self { shared: Arc::new(Shared { client, guard, budget, options }) })
    }
}

impl Fetcher for HttpFetcher {
    fn fetch(&self, request: Request) -> BoxFuture<'_, Result<Response, FetchError>> {
        self.shared.exchange(request).boxed()
    }
}

impl Shared {
    async fn exchange(&self, request: Request) -> Result<Response, FetchError> {
        let clock = self.options.clock;
        let deadline = Instant::now() + self.options.timeout;
        let trace = Trace::new(clock);
        let mut timings = Timings { sent_at: clock.now(), ..Timings::default() };

        let max_bytes = request.max_body_bytes;
        let head = self.head(request, &trace, deadline).await;
        trace.write(&mut timings);
        let mut head = match head {
            Ok(head) => head,
            Err(fault) => {
                timings.ended_at = clock.now();
                return Err(error(fault, timings));
            }
        };
        timings.first_byte_at = Some(clock.now());

        let mut response = Response {
            status: head.status().as_u16(),
            version: head.version(),
            remote: head.remote_addr(),
            ..Response::default()
        };
        let bounds = Bounds { max_bytes, max_ratio: self.options.max_decode_ratio };
        let limits = Limits { deadline, idle: self.options.idle_timeout, bounds };
        response.headers = std::mem::take(head.headers_mut());
        let decoder = Decoder::new(&response.headers, bounds);
        let read = body::read(head, decoder, limits, &self.budget).await;
        timings.ended_at = clock.now();
        response.timings = timings;
        conclude(response, read).map_err(|fault| error(fault, timings))
    }

    async fn head(&self, request: Request, trace: &Arc<Trace>, deadline: Instant) -> Result<reqwest::Response, Fault> {
        self.check_literal(&request)?;
        let mut outgoing = reqwest::Request::new(request.method.clone(), request.url.as_url().clone());
        *outgoing.headers_mut() = request.headers;
        match timeout_at(deadline, trace.follow(self.client.execute(outgoing))).await {
            Ok(Ok(head)) => Ok(head),
            Ok(Err(error)) => Err(classify::of_head(&error, trace)),
            Err(_) => Err(classify::of_deadline(trace)),
        }
    }

    /// Checks a host that is an address: the resolver will not see it.
    fn check_literal(&self, request: &Request) -> Result<(), Fault> {
        let ip = match request.url.as_url().host() {
            Some(Host::Ipv4(ip)) => IpAddr::V4(ip),
            Some(Host::Ipv6(ip)) => IpAddr::V6(ip),
            Some(Host::Domain(_)) | None => return Ok(()),
        };
        self.guard.check(ip).map_err(|category| {
            Fault::new(ErrorKind::AddressRefused, Phase::Connect, format!("the address is {category}"))
        })
    }
}

/// Puts a body, or what came of it, into its response.
fn conclude(mut response: Response, read: BodyRead) -> Result<Response, Fault> {
    let is_empty = read.body.is_empty();
    response.body = read.body;
    response.wire_bytes = read.wire_bytes;
    response.reservation = read.reservation;
    let (truncation, fault) = match read.end {
        None => return Ok(response),
        Some(End::Limit) => (Truncation::BodyLimit, None),
        Some(End::Ratio) => (Truncation::DecodeRatio, None),
        Some(End::Deadline) => (Truncation::Timeout, Some(timed_out("timed out while the body was read"))),
        Some(End::Idle) => (Truncation::Timeout, Some(timed_out("the body stopped coming"))),
        Some(End::Budget) => (
            Truncation::Timeout,
            Some(Fault::new(ErrorKind::Busy, Phase::Body, "no memory was free for the body (fetch.memory)")),
        ),
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

/// TLS 1.2 and 1.3 by ring, with roots that are part of the program: a static binary in an empty
/// container trusts the same authorities as any other.
fn tls_config(roots: RootCertStore) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.resumption = Resumption::store(Arc::new(TracedSessions::new()));
    Ok(config)
}
