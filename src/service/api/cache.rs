//! The cache of answers: what it holds, and forgetting.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{App, endpoint::Caller, extract::Asked};
use crate::{address::Canonicalizer, service::problem::Problem};

/// What the cache holds, and what came of requests since the start.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CacheView {
    /// URLs in it.
    pub(crate) urls: u64,
    /// Bytes that they take.
    pub(crate) bytes: u64,
    /// URLs that made room for others.
    pub(crate) evicted: u64,
    pub(crate) hits: u64,
    pub(crate) stale: u64,
    pub(crate) revalidated: u64,
    /// Requests that waited for another's exchange.
    pub(crate) collapsed: u64,
    pub(crate) misses: u64,
    pub(crate) bypasses: u64,
}

/// What is forgotten.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PurgeQuery {
    /// Only this URL; without, everything.
    url: Option<String>,
}

/// What there is to say of the cache.
pub(crate) async fn view(app: &App) -> Result<CacheView, Problem> {
    let cache = app.surroundings.cache.as_ref();
    let cache = cache.ok_or_else(|| Problem::not_found("there is no cache (cache.enabled)"))?;
    // What was put in a moment ago is not counted before that.
    cache.sweep().await;
    let counts = cache.counts();
    Ok(CacheView {
        urls: counts.urls,
        bytes: counts.bytes,
        evicted: counts.evicted,
        hits: counts.hits,
        stale: counts.stale,
        revalidated: counts.revalidated,
        collapsed: counts.collapsed,
        misses: counts.misses,
        bypasses: counts.bypasses,
    })
}

pub(super) async fn read(State(app): State<App>, _: Caller) -> Result<Json<CacheView>, Problem> {
    view(&app).await.map(Json)
}

/// Has the cache forget a URL, or everything.
pub(crate) async fn forget(app: &App, url: Option<&str>) -> Result<CacheView, Problem> {
    let url = url.map(|url| Canonicalizer::new(&app.base.borrow().settings().canonical).parse(url));
    let url = url.transpose().map_err(|error| Problem::bad_request(format!("url: {error}")))?;
    if let Some(cache) = &app.surroundings.cache {
        cache.forget(url.as_ref()).await;
    }
    view(app).await
}

pub(super) async fn purge(
    State(app): State<App>,
    _: Caller,
    Asked(asked): Asked<PurgeQuery>,
) -> Result<Json<CacheView>, Problem> {
    forget(&app, asked.url.as_deref()).await.map(Json)
}
