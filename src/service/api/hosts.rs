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
    engine::{stats::Progress, waits::Wait},
    service::{board::Shown, door::Caller as Guest, problem::Problem},
};

/// Longest block, and what one is for that says nothing: a year.
const MAX_BLOCK_S: u64 = 366 * 24 * 3600;
/// Most hosts in the list.
const MAX_LISTED: usize = 1000;

/// A host.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Host {
    /// Its name as in URLs, without a port.
    pub(crate) host: String,
    /// Crawls, and callers who fetch, that have something to ask of it.
    pub(crate) jobs: usize,
    /// Requests right now, of as many as there may be.
    pub(crate) in_flight: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) connections: Option<u32>,
    /// Time between two requests, milliseconds; `Crawl-delay` is in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) interval_ms: Option<u64>,
    /// The `Crawl-delay` that is honoured, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) crawl_delay_ms: Option<u64>,
    /// Until when it is left in peace because it failed or asked for a pause: RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rests_until: Option<String>,
    /// Failures since the last good answer.
    pub(crate) errors_in_row: u32,
    /// Until when it is blocked: RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) blocked_until: Option<String>,
    /// URLs of running crawls that wait in memory; there may be more on disk. Only of hosts that are busiest or waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) queued: Option<usize>,
    /// Why the crawl that may ask it next does not ask it now, and until when: RFC 3339. Only of hosts that are waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_at: Option<String>,
    /// Running crawls of the caller's that are busy with it or wait for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) crawls: Vec<String>,
}

/// Some hosts.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct HostList {
    /// Those that running crawls are busiest with, or wait for; and for an admin those that are blocked. At most 1,000.
    pub(crate) hosts: Vec<Host>,
}

/// For how long a host is blocked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BlockQuery {
    /// Seconds; without, for a year.
    #[schemars(range(min = 1, max = 31_622_400))]
    seconds: Option<u64>,
}

/// What running crawls say of a host.
#[derive(Debug, Default)]
struct Told {
    queued: Option<usize>,
    wait: Option<(Timestamp, &'static str)>,
    crawls: Vec<String>,
}

impl Told {
    /// Another crawl is busy with it, or waits for it.
    fn add(&mut self, crawl: &str, queued: usize, wait: Option<&Wait>) {
        if self.crawls.last().is_some_and(|last| last == crawl) {
            // The same crawl tells of it twice: as one of the busiest, and as one that it waits for.
            self.queued = self.queued.max(Some(queued));
        } else {
            self.crawls.push(crawl.to_owned());
            self.queued = Some(self.queued.unwrap_or_default() + queued);
        }
        let wait = wait.map(|wait| (wait.until, wait.why.as_str()));
        self.wait = [self.wait, wait].into_iter().flatten().min_by_key(|(until, _)| *until);
    }
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn host(app: &App, key: &HostKey, told: Told) -> Host {
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
        queued: told.queued,
        why: told.wait.map(|(_, why)| why),
        next_at: told.wait.map(|(until, _)| until.rfc3339()),
        crawls: told.crawls,
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

/// What the running crawls of a caller say of hosts.
fn told(app: &App, caller: &Guest) -> BTreeMap<HostKey, Told> {
    let mut told: BTreeMap<HostKey, Told> = BTreeMap::new();
    let is_shown = |shown: &Shown| shown.live.is_some() && caller.may_see(&shown.entry.owner);
    for shown in app.crawls.board.list(None, usize::MAX, is_shown) {
        let Some(live) = shown.live else { continue };
        let (id, progress) = (shown.entry.id.to_string(), live.picture.borrow());
        let Progress { busiest, tail, troubled, .. } = &*progress;
        for (host, load) in busiest {
            told.entry(host.clone()).or_default().add(&id, load.queued, None);
        }
        for wait in tail.iter().flatten().chain(troubled) {
            told.entry(wait.host.clone()).or_default().add(&id, wait.n_urls, Some(wait));
        }
    }
    told
}

/// Hosts that there is something to say about: those of running crawls by name, then those that are only blocked.
pub(crate) fn listed(app: &App, caller: &Guest) -> HostList {
    let (told, now) = (told(app, caller), app.clock.now());
    let blocked = if caller.scopes.admin { app.crawls.board.blocked() } else { BTreeMap::new() };
    let blocked = blocked.into_iter().filter(|(_, until)| *until > now).map(|(name, _)| HostKey::new(&name));
    let blocked: Vec<HostKey> = blocked.filter(|key| !told.contains_key(key)).collect();
    let all = told.into_iter().chain(blocked.into_iter().map(|key| (key, Told::default())));
    HostList { hosts: all.take(MAX_LISTED).map(|(key, told)| host(app, &key, told)).collect() }
}

/// The host of this name, whatever is known of it.
pub(crate) fn seen(app: &App, caller: &Guest, name: &str) -> Result<Host, Problem> {
    let key = named(name)?;
    let told = told(app, caller).remove(&key).unwrap_or_default();
    Ok(host(app, &key, told))
}

/// Lets a host be asked as if it had never failed.
pub(crate) fn pardon(app: &App, caller: &Guest, name: &str) -> Result<Host, Problem> {
    app.surroundings.gate.pardon(&named(name)?, app.clock.now());
    seen(app, caller, name)
}

/// Has nobody ask a host for so many seconds, or a year.
pub(crate) async fn close(app: &App, caller: &Guest, name: &str, seconds: Option<u64>) -> Result<Host, Problem> {
    let seconds = seconds.unwrap_or(MAX_BLOCK_S);
    if !(1..=MAX_BLOCK_S).contains(&seconds) {
        return Err(Problem::bad_request(format!("seconds is a number from 1 to {MAX_BLOCK_S}")));
    }
    let until = app.clock.now() + std::time::Duration::from_secs(seconds);
    app.crawls.block(named(name)?, Some(until)).await?;
    seen(app, caller, name)
}

/// Lets a host be asked that was blocked.
pub(crate) async fn open(app: &App, caller: &Guest, name: &str) -> Result<Host, Problem> {
    app.crawls.block(named(name)?, None).await?;
    seen(app, caller, name)
}

pub(super) async fn list(State(app): State<App>, caller: Caller) -> Json<HostList> {
    Json(listed(&app, &caller))
}

pub(super) async fn read(
    State(app): State<App>,
    caller: Caller,
    InPath(name): InPath<String>,
) -> Result<Json<Host>, Problem> {
    seen(&app, &caller, &name).map(Json)
}

pub(super) async fn reset(
    State(app): State<App>,
    caller: Caller,
    InPath(name): InPath<String>,
) -> Result<Json<Host>, Problem> {
    pardon(&app, &caller, &name).map(Json)
}

pub(super) async fn block(
    State(app): State<App>,
    caller: Caller,
    InPath(name): InPath<String>,
    Asked(asked): Asked<BlockQuery>,
) -> Result<Json<Host>, Problem> {
    close(&app, &caller, &name, asked.seconds).await.map(Json)
}

pub(super) async fn unblock(
    State(app): State<App>,
    caller: Caller,
    InPath(name): InPath<String>,
) -> Result<Json<Host>, Problem> {
    open(&app, &caller, &name).await.map(Json)
}
