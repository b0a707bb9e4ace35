//! The suite's server, as a fetcher: answers each request as its test says, and remembers what it saw.

use std::{collections::HashMap, sync::Mutex};

use bytes::Bytes;
use dragline::{
    clock::{Clock, Timestamp},
    fetch::{ErrorKind, FetchError, Fetcher, Phase, Request, Response, Timings},
};
use futures::{FutureExt, future::BoxFuture};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

/// What is sent as a body where a test does not care.
pub(super) const BODY: &str = "5f5e6a4c-3a1d-4b6e-8f0a-0c6f5f5e6a4c";

/// One request as it arrived, and the fields of its answer that must reach the client.
#[derive(Clone)]
pub(super) struct Arrival {
    pub(super) number: usize,
    pub(super) method: String,
    pub(super) headers: HeaderMap,
    pub(super) saved: Vec<(String, String)>,
}

pub(super) struct Origin {
    requests: Vec<Value>,
    clock: Clock,
    seen: Mutex<Seen>,
}

/// The fields of the test that were sent with the answer to each request.
type Sent = HashMap<usize, Vec<(String, String)>>;

#[derive(Default)]
struct Seen {
    arrivals: Vec<Arrival>,
    sent: Sent,
}

impl Origin {
    pub(super) fn new(requests: &[Value], clock: Clock) -> Self {
        Self { requests: requests.to_vec(), clock, seen: Mutex::default() }
    }

    pub(super) fn arrivals(&self) -> Vec<Arrival> {
        self.seen.lock().expect("no panic").arrivals.clone()
    }

    fn answer(&self, request: &Request) -> Result<Response, FetchError> {
        let mut seen = self.seen.lock().expect("no panic");
        let Seen { arrivals, sent } = &mut *seen;
        let number: usize = request.headers["req-num"].to_str().expect("digits").parse().expect("a number");
        let case = &self.requests[number - 1];
        let status = self.status(request, number, case, sent);
        let now = self.clock.now();
        let mut headers = HeaderMap::new();
        let mut set = |name: &str, value: &str| {
            headers.append(name.parse::<HeaderName>().expect("a name"), field_value(value));
        };
        set("server-base-url", request.url.path_and_query());
        set("server-request-count", &(arrivals.len() + 1).to_string());
        set("client-request-count", &number.to_string());
        set("server-now", &(now.0 / 1000).to_string());
        let mut saved: Vec<String> = Vec::new();
        for field in case["response_headers"].as_array().into_iter().flatten() {
            let (name, value) = fixed(field, case, now, request.url.path_and_query());
            set(&name, &value);
            sent.entry(number).or_default().push((name.clone(), value));
            if field.get(2).is_none_or(|expected| expected == true) && !saved.contains(&name) {
                saved.push(name);
            }
        }
        for (name, value) in [("content-type", "text/plain".to_owned()), ("date", http_date(now, 0, false))] {
            if !headers.contains_key(name) {
                headers.insert(name, field_value(&value));
            }
        }
        let saved = saved.into_iter().map(|name| (name.clone(), joined(&headers, &name).expect("set"))).collect();
        let method = request.method.to_string();
        arrivals.push(Arrival { number, method, headers: request.headers.clone(), saved });
        let numbers: Vec<String> = arrivals.iter().map(|arrival| arrival.number.to_string()).collect();
        headers.insert("request-numbers", field_value(&numbers.join(" ")));
        if case["disconnect"] == true {
            let message = "connection closed".into();
            let timings = Timings { sent_at: now, ended_at: now, ..Timings::default() };
            return Err(FetchError { kind: ErrorKind::Closed, phase: Phase::Head, message, timings });
        }
        let body = match status {
            204 | 304 => "",
            _ if request.method == http::Method::HEAD => "",
            _ => case["response_body"].as_str().unwrap_or(BODY),
        };
        let body = Bytes::from(body.to_owned());
        let timings = Timings { sent_at: now, first_byte_at: Some(now), ended_at: now, ..Timings::default() };
        Ok(Response { status, headers, body, timings, ..Response::default() })
    }

    /// 304 where the test expects a validation and the request is one; 999 where it is not.
    fn status(&self, request: &Request, number: usize, case: &Value, sent: &Sent) -> u16 {
        let own = case["response_status"][0].as_u64().map_or(200, |status| u16::try_from(status).expect("a status"));
        if !case["expected_type"].as_str().is_some_and(|kind| kind.ends_with("validated")) {
            return own;
        }
        // Relative dates are those that were sent; what was not sent may still be named.
        let written = |field: &Value| Some((field[0].as_str()?.to_ascii_lowercase(), field[1].as_str()?.to_owned()));
        let before = sent.get(&(number - 1)).cloned().unwrap_or_else(|| {
            let fields = self.requests[number - 2]["response_headers"].as_array();
            fields.into_iter().flatten().filter_map(written).collect()
        });
        let matches = |validator: &str, condition: &str| {
            let value = before.iter().rfind(|(name, _)| name == validator).map(|(_, value)| value);
            value.is_some() && joined(&request.headers, condition).as_ref() == value
        };
        if matches("last-modified", "if-modified-since") || matches("etag", "if-none-match") { 304 } else { 999 }
    }
}

impl Fetcher for Origin {
    fn fetch(&self, request: Request) -> BoxFuture<'_, Result<Response, FetchError>> {
        std::future::ready(self.answer(&request)).boxed()
    }
}

/// A field of a test: dates are seconds from now, locations lie below the URL that was asked for.
pub(super) fn fixed(field: &Value, case: &Value, now: Timestamp, base: &str) -> (String, String) {
    const DATES: [&str; 5] = ["date", "expires", "last-modified", "if-modified-since", "if-unmodified-since"];
    let name = field[0].as_str().expect("a name").to_ascii_lowercase();
    let text = field[1].as_str().unwrap_or_default();
    let value = if let Some(seconds) = field[1].as_i64().filter(|_| DATES.contains(&name.as_str())) {
        let rfc850 = case["rfc850date"].as_array().is_some_and(|names| names.iter().any(|n| *n == name));
        http_date(now, seconds, rfc850)
    } else if let Some(number) = field[1].as_i64() {
        number.to_string()
    } else if case["magic_locations"] == true && ["location", "content-location"].contains(&name.as_str()) {
        if text.is_empty() { base.to_owned() } else { format!("{base}/{text}") }
    } else {
        text.to_owned()
    };
    (name, value)
}

/// Like the names and bytes of a JSON text sent by Node: Latin-1.
pub(super) fn field_value(text: &str) -> HeaderValue {
    let bytes: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).expect("Latin-1")).collect();
    HeaderValue::from_bytes(bytes.trim_ascii()).expect("a field's value")
}

/// All lines of a field, joined; none if there is none.
pub(super) fn joined(headers: &HeaderMap, name: &str) -> Option<String> {
    let text = |value: &HeaderValue| value.as_bytes().iter().map(|&byte| char::from(byte)).collect::<String>();
    let lines: Vec<String> = headers.get_all(name).iter().map(text).collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}

fn http_date(now: Timestamp, seconds: i64, rfc850: bool) -> String {
    let at = jiff::Timestamp::from_second(i64::try_from(now.0 / 1_000_000).expect("a date") + seconds).expect("a date");
    let format = if rfc850 { "%A, %d-%b-%y %H:%M:%S GMT" } else { "%a, %d %b %Y %H:%M:%S GMT" };
    at.strftime(format).to_string()
}
