//! How a stored response becomes the answer to a request: its fields, its age, as much of its body as is
//! wanted, or a 304 if the caller has it already.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};

use super::{policy, shelf::Entry};
use crate::{
    clock::Timestamp,
    fetch::{CacheStatus, FetchError, Request, Reservation, Response, Timings, Truncation},
};

/// An answer without an exchange of its own.
pub(super) fn from_memory(
    entry: &Entry,
    request: &Request,
    status: CacheStatus,
    asked_at: Timestamp,
    now: Timestamp,
) -> Response {
    let served = Response {
        wire_bytes: 0,
        from_cache: true,
        timings: instant(asked_at, now),
        ..composed(entry, request, status, now)
    };
    if !policy::not_modified(&request.headers, entry.response.status, &entry.response.headers, &entry.facts) {
        return served;
    }
    let mut headers = policy::fields_of_304(&served.headers);
    headers.remove(header::CONTENT_LENGTH);
    Response { status: 304, headers, body: Bytes::new(), raw: None, truncated: None, ..served }
}

/// An answer that `exchange`, a 304, has just confirmed, or could not replace.
pub(super) fn after_exchange(entry: &Entry, request: &Request, status: CacheStatus, exchange: &Exchange) -> Response {
    Response {
        wire_bytes: exchange.wire_bytes,
        timings: exchange.timings,
        remote: exchange.remote.or(entry.response.remote),
        from_cache: false,
        ..composed(entry, request, status, exchange.timings.ended_at)
    }
}

/// What is told of an exchange whose answer was not the one served.
pub(super) struct Exchange {
    pub(super) wire_bytes: u64,
    pub(super) timings: Timings,
    pub(super) remote: Option<std::net::SocketAddr>,
}

impl Exchange {
    pub(super) fn of(response: &Response) -> Self {
        Self { wire_bytes: response.wire_bytes, timings: response.timings, remote: response.remote }
    }

    pub(super) fn failed(error: &FetchError) -> Self {
        Self { wire_bytes: 0, timings: error.timings, remote: None }
    }
}

/// The answer of somebody else's exchange.
pub(super) fn shared(response: &Response, asked_at: Timestamp, now: Timestamp) -> Response {
    let mut response = response.clone();
    // Said to the one who asked.
    response.headers.remove(header::SET_COOKIE);
    Response {
        wire_bytes: 0,
        from_cache: true,
        cache: Some(CacheStatus::Collapsed),
        timings: instant(asked_at, now),
        ..response
    }
}

/// RFC 9111 section 5.2.1.7: nothing at hand, and nobody may be asked.
pub(super) fn unavailable(asked_at: Timestamp, now: Timestamp) -> Response {
    Response { status: 504, from_cache: true, timings: instant(asked_at, now), ..Response::default() }
}

/// A copy to keep: of the fetcher's it holds neither the memory budget nor the connection's read buffer,
/// of which a body that came in one piece is a slice.
pub(super) fn detached(response: &Response, headers: HeaderMap) -> Response {
    Response {
        body: Bytes::copy_from_slice(&response.body),
        raw: response.raw.as_deref().map(Bytes::copy_from_slice),
        headers,
        reservation: Reservation::default(),
        cache: None,
        ..response.clone()
    }
}

fn composed(entry: &Entry, request: &Request, status: CacheStatus, now: Timestamp) -> Response {
    let stored = &entry.response;
    let mut headers = stored.headers.clone();
    let age = policy::age(&entry.facts, now).as_secs();
    headers.insert(header::AGE, HeaderValue::from(age));
    let is_head = request.method == Method::HEAD;
    let is_cut = !is_head && stored.body.len() > request.max_body_bytes;
    let length = if is_head { 0 } else { stored.body.len().min(request.max_body_bytes) };
    Response {
        headers,
        body: stored.body.slice(..length),
        raw: stored.raw.clone().filter(|_| request.keep_raw && !is_head),
        truncated: is_cut.then_some(Truncation::BodyLimit),
        cache: Some(status),
        ..stored.clone()
    }
}

fn instant(asked_at: Timestamp, now: Timestamp) -> Timings {
    Timings { sent_at: asked_at, first_byte_at: Some(now), ended_at: now, ..Timings::default() }
}
