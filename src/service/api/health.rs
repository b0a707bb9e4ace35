//! Whether the daemon lives, and whether it is ready.

use std::time::Duration;

use axum::{Json, extract::State, http::StatusCode};
use schemars::JsonSchema;
use serde::Serialize;

use super::{App, model::Version};
use crate::service::{board::State as Standing, foreman::free_bytes};

/// The foreman answers within this time, or something is wrong with him or the disk.
const PATIENCE: Duration = Duration::from_secs(2);

/// It lives.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Health {
    status: &'static str,
}

/// Whether the daemon takes crawls, and why not.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Readiness {
    /// Whether it does.
    pub(crate) ready: bool,
    /// One for each thing that was looked at: `ok`, or what is wrong.
    pub(crate) checks: Vec<Check>,
}

/// Something that was looked at.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Check {
    /// `foreman`, `data`, `disk`, `stopping`.
    pub(crate) name: &'static str,
    pub(crate) ok: bool,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<&'static str>,
}

pub(super) async fn health() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Whether crawls are taken.
pub(crate) async fn readiness(app: &App) -> Readiness {
    let reserve = app.base.borrow().settings().daemon.disk_reserve_bytes;
    let shelf = app.crawls.shelf.clone();
    let disk = tokio::task::spawn_blocking(move || (shelf.can_be_written(), free_bytes(&shelf)));
    let disk = tokio::time::timeout(PATIENCE, disk).await;
    let (is_writable, free) = disk.ok().and_then(Result::ok).unwrap_or((false, None));
    let heard = tokio::time::timeout(PATIENCE, app.crawls.is_heard()).await.unwrap_or(false);
    let check = |name, ok, why| Check { name, ok, why: (!ok).then_some(why) };
    let checks = vec![
        check("foreman", heard, "it does not answer"),
        check("data", is_writable, "the data folder can't be written"),
        check("disk", free.is_none_or(|free| free >= reserve), "less space is free than daemon.disk_reserve"),
        check("stopping", !app.shutdown.is_requested(), "it was asked to stop"),
    ];
    Readiness { ready: checks.iter().all(|check| check.ok), checks }
}

pub(super) async fn ready(State(app): State<App>) -> (StatusCode, Json<Readiness>) {
    let readiness = readiness(&app).await;
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness))
}

/// Whether more work is taken, and how much there is.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Load {
    /// Whether a crawl that is sent now would be taken.
    pub(crate) accepting: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<&'static str>,
    /// Whether one that is taken now would be begun at once.
    pub(crate) idle: bool,
    /// Crawls that are being worked on, of as many as may be.
    pub(crate) running: usize,
    pub(crate) max_running: usize,
    /// Crawls that wait for a place.
    pub(crate) queued: usize,
    /// Crawls in the ledger, of as many as are kept.
    pub(crate) crawls: usize,
    pub(crate) max_crawls: usize,
    /// Hosts that are remembered, for all crawls together.
    pub(crate) hosts: usize,
    /// Bytes that are free where the data folder is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) disk_free_bytes: Option<u64>,
    /// With less than this no crawl is begun.
    pub(crate) disk_reserve_bytes: u64,
}

/// The load as it is.
pub(crate) async fn current(app: &App) -> Load {
    let (max_running, max_crawls, disk_reserve_bytes) = {
        let base = app.base.borrow();
        let daemon = &base.settings().daemon;
        (daemon.running, daemon.crawls, daemon.disk_reserve_bytes)
    };
    let shelf = app.crawls.shelf.clone();
    let disk = tokio::time::timeout(PATIENCE, tokio::task::spawn_blocking(move || free_bytes(&shelf))).await;
    let disk_free_bytes = disk.ok().and_then(Result::ok).flatten();
    let counts = app.crawls.board.counts(|_| true);
    let of = |states: &[Standing]| states.iter().filter_map(|state| counts.get(state)).sum::<usize>();
    let running = of(&[Standing::Running, Standing::Pausing, Standing::Cancelling]);
    let (queued, crawls) = (of(&[Standing::Queued]), counts.values().sum());
    let why = match () {
        () if app.shutdown.is_requested() => Some("it was asked to stop"),
        () if crawls >= max_crawls => Some("as many crawls are kept as may be (daemon.crawls)"),
        () => None,
    };
    let accepting = why.is_none();
    let idle = accepting && queued == 0 && running < max_running;
    let hosts = app.surroundings.gate.n_hosts();
    Load {
        accepting,
        why,
        idle,
        running,
        max_running,
        queued,
        crawls,
        max_crawls,
        hosts,
        disk_free_bytes,
        disk_reserve_bytes,
    }
}

pub(super) async fn load(State(app): State<App>) -> Json<Load> {
    Json(current(&app).await)
}

pub(super) async fn version(State(app): State<App>) -> Json<Version> {
    let (name, version) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    Json(Version { name, version, started_at: app.started_at.rfc3339() })
}
