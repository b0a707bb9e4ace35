//! Hosts: how things stand with them, for all crawls together; and what an operator may do.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Path as InPath, State},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{App, endpoint::Caller, extract::Asked};
use crate::{
    address::{Canonicalizer, HostKey},
    clock::Timestamp,
    service::problem::Problem,
};

/// Longest block, and what one is for that says nothing: a year.
const MAX_BLOCK_S: u64 = 366 * 24 * 3600;

/// A host.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Host {
    /// Its name as in URLs, without a port.
    host: String,
    /// Crawls, and callers who fetch, that have something to ask of it.
    jobs: usize,
    /// Requests right now, of as many as there may be.
    in_flight: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    connections: Option<u32>,
    /// Time between two requests, milliseconds; `Crawl-delay` is in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    interval_ms: Option<u64>,
    /// The `Crawl-delay` that is honoured, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    crawl_delay_ms: Option<u64>,
    /// Until when it is left in peace because it failed or asked for a pause: RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    rests_until: Option<String>,
    /// Failures since the last good answer.
    errors_in_row: u32,
    /// Until when it is blocked: RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    blocked_until: Option<String>,
    /// URLs of running crawls that wait in memory; there may be more on disk. Only of hosts that are busiest or waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    queued: Option<usize>,
}

/// Some hosts.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct HostList {
    /// Those that running crawls are busiest with, or wait for when few are left.
    hosts: Vec<Host>,
}

/// For how long a host is blocked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BlockQuery {
    /// Seconds; without, for a year.
    #[schemars(range(min = 1, max = 31_622_400))]
    seconds: Option<u64>,
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn host(app: &App, key: &HostKey, queued: Option<usize>) -> Host {
    let view = app.surroundings.gate.view(key, app.clock.now());
    Host {
        host: key.to_string(),
        jobs: view.n_jobs,
        in_flight: view.in_flight,
        connections: view.connections,
        interval_ms: view.interval.map(millis),
        crawl_delay_ms: view.crawl_delay.map(millis),
        rests_until: view.rests_until.map(Timestamp::rfc3339),
        errors_in_row: view.errors_in_row,
        blocked_until: view.blocked_until.map(Timestamp::rfc3339),
        queued,
    }
}

/// The host that a path names.
fn named(name: &str) -> Result<HostKey, Problem> {
    let url = Canonicalizer::default().parse(&format!("http://{name}/"));
    let is_plain = !name.contains(['/', '?', '#', '@', '\\', ' ']) && (name.starts_with('[') || !name.contains(':'));
    url.ok()
        .filter(|url| is_plain && url.as_url().port().is_none())
        .map(|url| url.host())
        .ok_or_else(|| Problem::not_found("this is no host's name"))
}

pub(super) async fn list(State(app): State<App>, caller: Caller) -> Json<HostList> {
    let mut queued: BTreeMap<HostKey, usize> = BTreeMap::new();
    let is_shown = |shown: &crate::service::board::Shown| shown.live.is_some() && caller.may_see(&shown.entry.owner);
    for shown in app.crawls.board.list(None, usize::MAX, is_shown) {
        let Some(live) = shown.live else { continue };
        let progress = live.picture.borrow();
        for (host, load) in &progress.busiest {
            *queued.entry(host.clone()).or_default() += load.queued;
        }
        for wait in progress.tail.iter().flatten() {
            queued.entry(wait.host.clone()).or_insert(wait.n_urls);
        }
    }
    Json(HostList { hosts: queued.into_iter().map(|(key, queued)| host(&app, &key, Some(queued))).collect() })
}

pub(super) async fn read(
    State(app): State<App>,
    _: Caller,
    InPath(name): InPath<String>,
) -> Result<Json<Host>, Problem> {
    Ok(Json(host(&app, &named(&name)?, None)))
}

pub(super) async fn reset(
    State(app): State<App>,
    _: Caller,
    InPath(name): InPath<String>,
) -> Result<Json<Host>, Problem> {
    let key = named(&name)?;
    app.surroundings.gate.pardon(&key, app.clock.now());
    Ok(Json(host(&app, &key, None)))
}

pub(super) async fn block(
    State(app): State<App>,
    _: Caller,
    InPath(name): InPath<String>,
    Asked(asked): Asked<BlockQuery>,
) -> Result<Json<Host>, Problem> {
    let key = named(&name)?;
    let seconds = asked.seconds.unwrap_or(MAX_BLOCK_S);
    if !(1..=MAX_BLOCK_S).contains(&seconds) {
        return Err(Problem::bad_request(format!("seconds is a number from 1 to {MAX_BLOCK_S}")));
    }
    let until = app.clock.now() + std::time::Duration::from_secs(seconds);
    app.crawls.block(key.clone(), Some(until)).await?;
    Ok(Json(host(&app, &key, None)))
}

pub(super) async fn unblock(
    State(app): State<App>,
    _: Caller,
    InPath(name): InPath<String>,
) -> Result<Json<Host>, Problem> {
    let key = named(&name)?;
    app.crawls.block(key.clone(), None).await?;
    Ok(Json(host(&app, &key, None)))
}
