//! One request to the collector, under its bounds, and what its answer means (the OTLP specification, "OTLP/HTTP").
//!
//! No redirect is followed, no proxy is asked, and what the collector answers is read up to a bound. No message holds
//! a header or the endpoint, in which somebody may have put a key.

use std::{error::Error, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderValue, StatusCode, header};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use rustls::{ClientConfig, RootCertStore};
use url::Url;

use super::Options;

/// What is read of an answer.
const MAX_ANSWER_BYTES: usize = 64 << 10;
/// What is shown of a collector's own words.
const MAX_WORDS: usize = 200;

/// Why there can be no traces.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// TLS has no usable protocol versions, or a root that it does not take.
    #[error("set up tls for traces: {0}")]
    Tls(#[from] rustls::Error),
    /// The HTTP client refused its settings.
    #[error("set up the client for traces: {0}")]
    Client(#[from] reqwest::Error),
    /// The system has no random numbers, of which the ids of traces are made.
    #[error("the system gives no random bytes: {0}")]
    Chance(getrandom::Error),
}

/// The collector.
#[derive(Debug)]
pub(super) struct Collector {
    http: reqwest::Client,
    url: Url,
    headers: HeaderMap,
}

/// Why spans were not taken.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) why: String,
    /// Whether the same may be taken later, and how long the collector wants to be left in peace.
    pub(super) passes: Option<Duration>,
}

/// Spans that were not taken out of a request that was, and why.
#[derive(Debug, Default)]
pub(super) struct Rejected {
    pub(super) n_spans: u64,
    pub(super) why: String,
}

impl Collector {
    pub(super) fn new(options: &Options) -> Result<Self, BuildError> {
        let mut trusted: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
        for root in &options.roots {
            trusted.add(root.clone())?;
        }
        let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(trusted)
            .with_no_client_auth();
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .timeout(options.timeout)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .pool_max_idle_per_host(1)
            .user_agent(concat!("dragline/", env!("CARGO_PKG_VERSION")))
            .build()?;
        let mut url = options.endpoint.clone();
        let path = format!("{}/v1/traces", url.path().trim_end_matches('/'));
        url.set_path(&path);
        let mut headers = options.headers.clone();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        Ok(Self { http, url, headers })
    }

    /// Sends a request, encoded.
    ///
    /// # Errors
    /// When it was not taken.
    pub(super) async fn post(&self, body: Vec<u8>) -> Result<Rejected, Trouble> {
        let request = self.http.post(self.url.clone()).headers(self.headers.clone()).body(body);
        let mut response = request.send().await.map_err(|error| failed(&error))?;
        let status = response.status();
        if !status.is_success() {
            let passing = [
                StatusCode::TOO_MANY_REQUESTS,
                StatusCode::BAD_GATEWAY,
                StatusCode::SERVICE_UNAVAILABLE,
                StatusCode::GATEWAY_TIMEOUT,
            ];
            let asked = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
            let pause = Duration::from_secs(asked.unwrap_or_default());
            let passes = passing.contains(&status).then_some(pause);
            return Err(Trouble { why: format!("the collector answered {status}"), passes });
        }
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failed(&error))? {
            if answer.len() + chunk.len() > MAX_ANSWER_BYTES {
                // They were taken; what else it says is nobody's concern.
                return Ok(Rejected::default());
            }
            answer.extend_from_slice(&chunk);
        }
        Ok(rejected(&answer))
    }
}

/// What a collector says of spans that it did not take. Some answer with something else than they should.
fn rejected(answer: &[u8]) -> Rejected {
    let said = ExportTraceServiceResponse::decode(answer).ok().and_then(|answer| answer.partial_success);
    said.map_or_else(Rejected::default, |said| Rejected {
        n_spans: u64::try_from(said.rejected_spans).unwrap_or_default(),
        why: said.error_message.chars().filter(|c| !c.is_control()).take(MAX_WORDS).collect(),
    })
}

fn failed(error: &reqwest::Error) -> Trouble {
    let mut why = if error.is_timeout() { "it takes too long" } else { "it can't be reached" }.to_owned();
    // Without the outermost, which names the URL.
    let mut cause = error.source();
    while let Some(inner) = cause {
        let said = inner.to_string();
        if !why.ends_with(&said) {
            why.push_str(": ");
            why.push_str(&said);
        }
        cause = inner.source();
    }
    Trouble { why, passes: Some(Duration::ZERO) }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTracePartialSuccess;

    use super::*;

    #[test]
    fn what_was_not_taken_is_heard() {
        let check = |answer: &[u8], n_spans: u64, why: &str| {
            let rejected = rejected(answer);
            assert_eq!((rejected.n_spans, rejected.why.as_str()), (n_spans, why), "{answer:?}");
        };
        check(b"", 0, "");
        check(b"{}", 0, "");
        let said = |rejected_spans: i64, error_message: &str| {
            let error_message = error_message.to_owned();
            let partial_success = Some(ExportTracePartialSuccess { rejected_spans, error_message });
            ExportTraceServiceResponse { partial_success }.encode_to_vec()
        };
        check(&said(3, "too\nlong"), 3, "toolong");
        check(&said(-1, ""), 0, "");
        assert_eq!(rejected(&said(1, &"x".repeat(1000))).why.len(), MAX_WORDS);
    }
}
