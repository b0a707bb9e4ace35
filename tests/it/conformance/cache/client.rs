//! The suite's client: sends a test's requests one after another and holds the answers against what it
//! expects, then what the server saw.

use std::{sync::Arc, time::Duration};

use dragline::{
    address::Canonicalizer,
    cache::{
        CachedFetcher, Options,
        policy::{Mode, Rules},
    },
    clock::{Clock, Timestamp},
    fetch::{FetchError, Fetcher, Request, Response},
};
use http::{HeaderMap, HeaderName, Method};
use serde_json::Value;

use super::server::{Arrival, BODY, Origin, field_value, fixed, joined};

/// Mon, 01 Jun 2026 12:00:00 GMT.
const START: Timestamp = Timestamp(1_780_315_200_000_000);
/// The suite's pause.
const PAUSE: Duration = Duration::from_secs(3);

/// Plays a test.
///
/// # Errors
/// What was not as expected.
pub(super) async fn play(test: &Value, mode: Mode) -> Result<(), String> {
    let requests = test["requests"].as_array().expect("requests");
    let clock = Clock::starting_at(START);
    let origin = Arc::new(Origin::new(requests, clock));
    let options = Options {
        max_bytes: 1 << 20,
        entry_max_bytes: 1 << 20,
        keep: Duration::from_secs(86_400),
        rules: Rules { mode, ..Rules::default() },
    };
    let cache = CachedFetcher::new(Arc::clone(&origin) as Arc<dyn Fetcher>, options, clock);
    let mut answers: Vec<Option<Response>> = Vec::new();
    for (n, case) in requests.iter().enumerate() {
        let before = answers.last().and_then(Option::as_ref);
        let answer = cache.fetch(request(case, n + 1, before)).await;
        check(case, n + 1, &answer)?;
        answers.push(answer.ok());
        if case["pause_after"] == true {
            tokio::time::advance(PAUSE).await;
        }
    }
    check_arrivals(requests, &answers, &origin.arrivals())
}

fn request(case: &Value, number: usize, before: Option<&Response>) -> Request {
    let mut url = "http://origin.example/test/1".to_owned();
    if let Some(name) = case["filename"].as_str() {
        url += &format!("/{name}");
    }
    if let Some(query) = case["query_arg"].as_str() {
        url += &format!("?{query}");
    }
    let url = Canonicalizer::default().parse(&url).expect("a URL");
    let mut headers = HeaderMap::new();
    for field in case["request_headers"].as_array().into_iter().flatten() {
        let then = before.and_then(|before| joined(&before.headers, "server-now")).and_then(|then| then.parse().ok());
        let then = Timestamp(then.unwrap_or(0u64) * 1000);
        let (name, value) = fixed(field, case, then, "");
        headers.append(name.parse::<HeaderName>().expect("a name"), field_value(&value));
    }
    headers.insert("req-num", field_value(&number.to_string()));
    let method = case["request_method"].as_str().unwrap_or("GET");
    let method = Method::from_bytes(method.as_bytes()).expect("a method");
    Request { method, headers, accept_stale: true, ..Request::get(url, 1 << 20) }
}

fn check(case: &Value, number: usize, answer: &Result<Response, FetchError>) -> Result<(), String> {
    let ensure = |holds: bool, fault: String| if holds { Ok(()) } else { Err(format!("answer {number} {fault}")) };
    let kind = case["expected_type"].as_str().unwrap_or_default();
    let answer = match answer {
        // Whoever hears of the failure was not served from the cache.
        Err(_) if kind == "not_cached" && case["disconnect"] == true => return Ok(()),
        Err(error) => return Err(format!("answer {number} is an error: {}", error.message)),
        Ok(answer) => answer,
    };
    let count: Option<usize> = joined(&answer.headers, "server-request-count").and_then(|count| count.parse().ok());
    if kind == "cached" && !(answer.status == 304 && count.is_none()) {
        ensure(count.is_some_and(|count| count < number), "does not come from the cache".into())?;
    }
    if kind == "not_cached" {
        ensure(count == Some(number), "comes from the cache".into())?;
    }
    ensure(kind.is_empty() || answer.status != 999, "should have been asked for conditionally".into())?;
    let expected = case["expected_status"].as_u64().or_else(|| case["response_status"][0].as_u64()).unwrap_or(200);
    ensure(u64::from(answer.status) == expected, format!("has status {}, not {expected}", answer.status))?;
    for field in case["expected_response_headers"].as_array().into_iter().flatten() {
        check_field(case, &answer.headers, field).or_else(|fault| ensure(false, fault))?;
    }
    for field in case["expected_response_headers_missing"].as_array().into_iter().flatten() {
        let (name, part) = (field.as_str().or(field[0].as_str()).expect("a name"), field[1].as_str());
        let said = joined(&answer.headers, name);
        let is_there = said.is_some_and(|said| part.is_none_or(|part| said.contains(part)));
        ensure(!is_there, format!("has the field {name}"))?;
    }
    let body = String::from_utf8_lossy(&answer.body);
    let expected = match case.get("expected_response_text").or(case.get("response_body")) {
        _ if case["check_body"] == false => None,
        Some(text) => text.as_str(),
        None if matches!(answer.status, 204 | 304) || case["request_method"] == "HEAD" => None,
        None => Some(BODY),
    };
    ensure(expected.is_none_or(|expected| body == expected), format!("has the body {body}, not {expected:?}"))
}

/// `"name"`, `["name", value]`, or `["name", "=" or ">", other]`.
fn check_field(case: &Value, headers: &HeaderMap, field: &Value) -> Result<(), String> {
    let name = field.as_str().or(field[0].as_str()).expect("a name");
    let Some(said) = joined(headers, name) else { return Err(format!("lacks the field {name}")) };
    if field.is_string() {
        return Ok(());
    }
    let holds = match field.get(2) {
        Some(least) if field[1] == ">" => said.parse().ok() > least.as_i64(),
        Some(other) => joined(headers, other.as_str().expect("a name")).as_ref() == Some(&said),
        None => {
            let now = joined(headers, "server-now").and_then(|now| now.parse().ok()).unwrap_or(0u64);
            said == fixed(field, case, Timestamp(now * 1000), "").1
        }
    };
    if holds { Ok(()) } else { Err(format!("has the field {name}: {said}, not {field}")) }
}

fn check_arrivals(requests: &[Value], answers: &[Option<Response>], arrivals: &[Arrival]) -> Result<(), String> {
    let mut arrivals = arrivals.iter();
    for (n, case) in requests.iter().enumerate() {
        let number = n + 1;
        let kind = case["expected_type"].as_str().unwrap_or_default();
        if kind == "cached" {
            continue;
        }
        let arrival = arrivals.next();
        let condition = match kind {
            "etag_validated" => Some("if-none-match"),
            "lm_validated" => Some("if-modified-since"),
            _ => None,
        };
        let Some(arrival) = arrival else {
            let is_needed = !kind.is_empty() || case.get("expected_request_headers").is_some();
            if is_needed || case.get("expected_method").is_some() {
                return Err(format!("request {number} was not sent to the server"));
            }
            continue;
        };
        if kind == "not_cached" && arrival.number != number {
            return Err(format!("answer {number} comes from the cache"));
        }
        if let Some(name) = condition.filter(|name| !arrival.headers.contains_key(*name)) {
            return Err(format!("request {number} lacks {name}"));
        }
        for field in case["expected_request_headers"].as_array().into_iter().flatten() {
            check_field(case, &arrival.headers, field).map_err(|fault| format!("request {number} {fault}"))?;
        }
        let method = case["expected_method"].as_str();
        if method.is_some_and(|method| method != arrival.method) {
            return Err(format!("request {number} has the method {}", arrival.method));
        }
        let answer = answers[n].as_ref();
        for (name, sent) in arrival.saved.iter().filter(|(name, _)| name != "date") {
            let received = answer.and_then(|answer| joined(&answer.headers, name));
            if answer.is_some() && received.as_ref() != Some(sent) {
                return Err(format!("answer {number} has the field {name}: {received:?}, not {sent}"));
            }
        }
    }
    Ok(())
}
