//! A collector of traces on loopback: takes OTLP over HTTP, decodes it, and can be made to behave badly.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
};
use prost::Message;
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::any};

/// The collector.
pub(crate) struct Collector(MockServer);

/// A span as it came.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    pub(crate) name: String,
    pub(crate) trace: Vec<u8>,
    pub(crate) id: Vec<u8>,
    pub(crate) parent: Vec<u8>,
    /// Nanoseconds since the epoch.
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) is_error: bool,
    pub(crate) attributes: BTreeMap<String, String>,
    /// Of who sent it.
    pub(crate) resource: BTreeMap<String, String>,
}

impl Span {
    #[track_caller]
    pub(crate) fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).unwrap_or_else(|| panic!("{name} is not in {self:?}"))
    }
}

impl Collector {
    /// One that takes everything.
    pub(crate) async fn start() -> Self {
        Self::answering(ResponseTemplate::new(200)).await
    }

    pub(crate) async fn answering(answer: ResponseTemplate) -> Self {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(answer).mount(&server).await;
        Self(server)
    }

    /// One that takes a request and never answers.
    pub(crate) async fn hanging() -> Self {
        Self::answering(ResponseTemplate::new(200).set_delay(Duration::from_secs(3600))).await
    }

    /// From now on it answers otherwise.
    pub(crate) async fn answer(&self, answer: ResponseTemplate) {
        self.0.reset().await;
        Mock::given(any()).respond_with(answer).mount(&self.0).await;
    }

    pub(crate) fn endpoint(&self) -> String {
        self.0.uri()
    }

    /// The requests as they came.
    pub(crate) async fn requests(&self) -> Vec<Request> {
        self.0.received_requests().await.unwrap()
    }

    /// All spans that came.
    pub(crate) async fn spans(&self) -> Vec<Span> {
        self.requests().await.iter().flat_map(|request| decode(&request.body)).collect()
    }
}

fn decode(body: &[u8]) -> Vec<Span> {
    let request = ExportTraceServiceRequest::decode(body).expect("it is OTLP");
    let mut spans = Vec::new();
    for of_resource in request.resource_spans {
        let resource = of_resource.resource.map(|resource| attributes(resource.attributes)).unwrap_or_default();
        for span in of_resource.scope_spans.into_iter().flat_map(|of_scope| of_scope.spans) {
            spans.push(Span {
                name: span.name,
                trace: span.trace_id,
                id: span.span_id,
                parent: span.parent_span_id,
                from: span.start_time_unix_nano,
                to: span.end_time_unix_nano,
                is_error: span.status.is_some_and(|status| status.code == 2),
                attributes: attributes(span.attributes),
                resource: resource.clone(),
            });
        }
    }
    spans
}

fn attributes(all: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |value: Value| match value {
        Value::StringValue(text) => text,
        Value::IntValue(number) => number.to_string(),
        other => panic!("neither text nor number: {other:?}"),
    };
    all.into_iter().map(|one| (one.key, text(one.value.unwrap().value.unwrap()))).collect()
}

/// The spans below each, by its id.
pub(crate) fn children(spans: &[Span]) -> HashMap<&[u8], Vec<&Span>> {
    let mut below: HashMap<&[u8], Vec<&Span>> = HashMap::new();
    for span in spans {
        below.entry(&span.parent).or_default().push(span);
    }
    below
}
