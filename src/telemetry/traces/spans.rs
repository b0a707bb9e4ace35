//! What is told becomes spans as OTLP has them, with the attributes of OpenTelemetry's semantic conventions where these
//! have a name for it.

use http::Version;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span::SpanKind, status::StatusCode},
};
use prost::Message;
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128_with_seed};

use super::{Told, Whose};
use crate::{clock::Timestamp, engine::trail::Trail};

/// What is told of a URL.
const MAX_URL_CHARS: usize = 2048;

/// Makes spans, and the request that holds them.
pub(super) struct Maker {
    resource: Vec<(String, String)>,
    ids: Ids,
}

/// Numbers that nobody else has: those of a counter, hashed with a secret of the process.
struct Ids {
    seed: u64,
    n: u64,
}

impl Ids {
    fn next(&mut self) -> [u8; 8] {
        self.n += 1;
        self.n.to_be_bytes()
    }

    fn trace(&mut self) -> Vec<u8> {
        // Zero is no id.
        xxh3_128_with_seed(&self.next(), self.seed).max(1).to_be_bytes().to_vec()
    }

    fn span(&mut self) -> Vec<u8> {
        xxh3_64_with_seed(&self.next(), self.seed).max(1).to_be_bytes().to_vec()
    }
}

impl Maker {
    pub(super) fn new(resource: Vec<(String, String)>) -> Result<Self, getrandom::Error> {
        Ok(Self { resource, ids: Ids { seed: getrandom::u64()?, n: 0 } })
    }

    /// A trace.
    pub(super) fn spans(&mut self, told: &Told) -> Vec<Span> {
        let trace = self.ids.trace();
        let mut spans = Vec::new();
        match told {
            Told::Followed { whose, trail } => {
                self.trail(trail, Some(whose), &trace, &[], &mut spans);
            }
            Told::Committed { whose, n_visits, from, to } => {
                let mut attributes = owner(whose);
                attributes.push(pair("dragline.visits", int(*n_visits as u64)));
                let span = self.span("commit", SpanKind::Internal, *from, *to, &trace, &[]);
                spans.push(Span { attributes, ..span });
            }
            Told::Delivered { hops } => {
                if let (Some(first), Some(last)) = (hops.first(), hops.last()) {
                    let span = self.span("fetch", SpanKind::Internal, first.began_at, last.ended_at, &trace, &[]);
                    let mut attributes = vec![
                        pair("url.full", url(first)),
                        pair("dragline.outcome", text(last.outcome)),
                        pair("dragline.redirects", int(hops.len() as u64 - 1)),
                    ];
                    attributes.extend(last.error.as_deref().map(|why| pair("error.type", text(why))));
                    let parent = span.span_id.clone();
                    spans.push(Span { attributes, status: status(last), ..span });
                    hops.iter().for_each(|hop| self.trail(hop, None, &trace, &parent, &mut spans));
                }
            }
        }
        spans
    }

    /// One request: its span, and one for each of its steps.
    fn trail(&mut self, trail: &Trail, whose: Option<&Whose>, trace: &[u8], parent: &[u8], spans: &mut Vec<Span>) {
        let span = self.span(trail.name, SpanKind::Client, trail.began_at, trail.ended_at, trace, parent);
        let parent = span.span_id.clone();
        let mut attributes = whose.map(owner).unwrap_or_default();
        attributes.extend(described(trail));
        spans.push(Span { attributes, status: status(trail), ..span });
        for step in &trail.steps {
            spans.push(self.span(step.name, SpanKind::Internal, step.from, step.to, trace, &parent));
        }
    }

    fn span(
        &mut self,
        name: &str,
        kind: SpanKind,
        from: Timestamp,
        to: Timestamp,
        trace: &[u8],
        parent: &[u8],
    ) -> Span {
        Span {
            trace_id: trace.to_vec(),
            span_id: self.ids.span(),
            parent_span_id: parent.to_vec(),
            name: name.to_owned(),
            kind: kind.into(),
            start_time_unix_nano: from.0.saturating_mul(1000),
            end_time_unix_nano: to.0.saturating_mul(1000),
            // It was decided at the beginning that it is kept (W3C Trace Context, `sampled`).
            flags: 1,
            ..Span::default()
        }
    }

    /// The request that brings them to a collector, encoded.
    pub(super) fn request(&self, spans: Vec<Span>) -> Vec<u8> {
        let attributes = self.resource.iter().map(|(name, value)| pair(name, text(value))).collect();
        let scope = InstrumentationScope {
            name: "dragline".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..InstrumentationScope::default()
        };
        let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, ..ScopeSpans::default() }];
        let resource = Some(Resource { attributes, ..Resource::default() });
        let resource_spans = vec![ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }];
        ExportTraceServiceRequest { resource_spans }.encode_to_vec()
    }
}

/// Whose crawl it is of.
fn owner(whose: &Whose) -> Vec<KeyValue> {
    let job = pair("dragline.job", text(&whose.job));
    let crawl = whose.crawl.as_deref().map(|crawl| pair("dragline.crawl", text(crawl)));
    std::iter::once(job).chain(crawl).collect()
}

/// What is known of a request.
fn described(trail: &Trail) -> Vec<KeyValue> {
    let mut all = vec![
        pair("http.request.method", text(trail.method.as_str())),
        pair("url.full", url(trail)),
        pair("server.address", text(trail.url.host_str())),
        pair("dragline.depth", int(trail.depth.into())),
        pair("dragline.attempt", int(trail.attempt.into())),
        pair("dragline.outcome", text(trail.outcome)),
        pair("dragline.found", int(trail.n_found as u64)),
    ];
    all.extend(trail.url.as_url().port_or_known_default().map(|port| pair("server.port", int(port.into()))));
    // The convention counts only what is sent again.
    all.extend((trail.attempt > 1).then(|| pair("http.request.resend_count", int(u64::from(trail.attempt) - 1))));
    all.extend(trail.error.as_deref().map(|why| pair("error.type", text(why))));
    if let Some(answered) = &trail.answered {
        all.push(pair("http.response.status_code", int(answered.status.into())));
        all.extend(answered.version.map(|of| pair("network.protocol.version", text(version(of)))));
        if let Some((body_bytes, wire_bytes)) = answered.body_bytes {
            all.push(pair("http.response.body.size", int(wire_bytes)));
            all.push(pair("dragline.body_bytes", int(body_bytes)));
        }
        all.extend(answered.cache.map(|how| pair("dragline.cache", text(how.as_str()))));
        all.extend(answered.remote.map(|remote| pair("network.peer.address", text(&remote.ip().to_string()))));
    }
    all
}

/// A refusal is no error: it is what was asked for.
fn status(trail: &Trail) -> Option<Status> {
    let is_error = trail.error.is_some() && trail.outcome != "refused";
    is_error.then(|| Status { code: StatusCode::Error.into(), ..Status::default() })
}

fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "0.9",
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        Version::HTTP_3 => "3",
        _ => "1.1",
    }
}

/// Canonical URLs have no login.
fn url(trail: &Trail) -> Value {
    Value::StringValue(trail.url.as_str().chars().take(MAX_URL_CHARS).collect())
}

fn text(text: &str) -> Value {
    Value::StringValue(text.to_owned())
}

fn int(number: u64) -> Value {
    Value::IntValue(i64::try_from(number).unwrap_or(i64::MAX))
}

fn pair(name: &str, value: Value) -> KeyValue {
    KeyValue { key: name.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}
