//! What is read of a call: its body under bounds, its query, what it names.

use std::{error::Error, time::Duration};

use axum::{
    body::{Body, to_bytes},
    extract::{FromRequestParts, Query, Request},
    http::{HeaderMap, header, request::Parts},
};
use http_body_util::LengthLimitError;
use serde::de::DeserializeOwned;

use super::App;
use crate::{
    config::{Document, DocumentFormat},
    service::{board::Shown, door::Caller, ledger::CrawlId, problem::Problem},
};

/// The query of a call.
pub(super) struct Asked<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        query
            .map(|Query(asked)| Self(asked))
            .map_err(|error| Problem::bad_request(format!("the query: {}", error.body_text())))
    }
}

/// All of a body.
async fn read(body: Body, most: usize, time: Duration) -> Result<Vec<u8>, Problem> {
    match tokio::time::timeout(time, to_bytes(body, most)).await {
        Err(_) => Err(Problem::too_slow()),
        Ok(Ok(bytes)) => Ok(bytes.into()),
        Ok(Err(error)) => {
            let is_long = error.source().is_some_and(<dyn Error>::is::<LengthLimitError>);
            Err(if is_long {
                Problem::too_large(most)
            } else {
                Problem::bad_request("the body could not be read to its end")
            })
        }
    }
}

/// The body of `request`, as text.
pub(crate) async fn text(app: &App, request: Request) -> Result<String, Problem> {
    let (most, time) = {
        let base = app.base.borrow();
        let daemon = &base.settings().daemon;
        (daemon.max_body_bytes, daemon.timeout)
    };
    let bytes = read(request.into_body(), most, time).await?;
    String::from_utf8(bytes).map_err(|_| Problem::bad_request("the body is not UTF-8"))
}

/// The body of `request`, which is JSON.
pub(super) async fn json<T: DeserializeOwned>(app: &App, request: Request) -> Result<T, Problem> {
    if media_type(request.headers()).is_none_or(|kind| kind != "application/json") {
        return Err(Problem::media_type("application/json"));
    }
    let text = text(app, request).await?;
    serde_json::from_str(&text).map_err(|error| Problem::unprocessable(format!("the body: {error}")))
}

/// The body of `request`, which is a document.
pub(super) async fn document(app: &App, request: Request) -> Result<Document, Problem> {
    let format = match media_type(request.headers()).as_deref() {
        Some("application/json" | "application/merge-patch+json") => DocumentFormat::Json,
        Some("application/toml") => DocumentFormat::Toml,
        _ => return Err(Problem::media_type("application/json or application/toml")),
    };
    let text = text(app, request).await?;
    let document = Document::parse(&text, format).map_err(|errors| Problem::document(&errors))?;
    if document.tree().is_object() { Ok(document) } else { Err(Problem::unprocessable("the document is no table")) }
}

/// What kind of body it is, without parameters, in lower case.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// The crawl that a path names, if it is there for this caller.
pub(crate) fn crawl(app: &App, caller: &Caller, id: &str) -> Result<Shown, Problem> {
    let unknown = || Problem::not_found("there is no such crawl");
    let id: CrawlId = id.parse().map_err(|_| unknown())?;
    app.crawls.board.get(id).filter(|shown| caller.may_see(&shown.entry.owner)).ok_or_else(unknown)
}

/// The revision that a call wants the crawl to be at, which is now at `current` (RFC 9110, section 13.1.1).
pub(super) fn if_match(headers: &HeaderMap, current: u64) -> Option<u64> {
    let mut values = headers.get_all(header::IF_MATCH).iter().peekable();
    values.peek()?;
    let tags: Vec<&str> =
        values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).map(str::trim).collect();
    if tags.contains(&"*") {
        return None;
    }
    let revision = |tag: &str| tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok();
    let revisions: Vec<u64> = tags.into_iter().filter_map(revision).collect();
    // What is no tag of ours matches nothing.
    Some(if revisions.contains(&current) { current } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_of_revisions() {
        let check = |values: &[&str], expected: Option<u64>| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::IF_MATCH, value.parse().unwrap());
            }
            assert_eq!(if_match(&headers, 7), expected, "{values:?}");
        };
        check(&[], None);
        check(&["*"], None);
        check(&["\"7\""], Some(7));
        check(&["\"6\", \"7\""], Some(7));
        check(&["\"6\"", "\"7\""], Some(7));
        check(&["\"6\""], Some(0));
        check(&["W/\"7\""], Some(0));
        check(&["7"], Some(0));
        check(&[""], Some(0));
    }
}
