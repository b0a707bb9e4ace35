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
pub(super) struct Readiness {
    /// Whether it does.
    ready: bool,
    /// One for each thing that was looked at: `ok`, or what is wrong.
    checks: Vec<Check>,
}

/// Something that was looked at.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Check {
    /// `foreman`, `data`, `disk`, `stopping`.
    name: &'static str,
    ok: bool,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'static str>,
}

pub(super) async fn health() -> Json<Health> {
    Json(Health { status: "ok" })
}

pub(super) async fn ready(State(app): State<App>) -> (StatusCode, Json<Readiness>) {
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
    let ready = checks.iter().all(|check| check.ok);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, checks }))
}

/// Whether more work is taken, and how much there is.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Load {
    /// Whether a crawl that is sent now would be taken.
    accepting: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'static str>,
    /// Whether one that is taken now would be begun at once.
    idle: bool,
    /// Crawls that are being worked on, of as many as may be.
    running: usize,
    max_running: usize,
    /// Crawls that wait for a place.
    queued: usize,
    /// Crawls in the ledger, of as many as are kept.
    crawls: usize,
    max_crawls: usize,
}

pub(super) async fn load(State(app): State<App>) -> Json<Load> {
    let (max_running, max_crawls) = {
        let base = app.base.borrow();
        (base.settings().daemon.running, base.settings().daemon.crawls)
    };
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
    Json(Load { accepting, why, idle, running, max_running, queued, crawls, max_crawls })
}

pub(super) async fn version(State(app): State<App>) -> Json<Version> {
    let (name, version) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    Json(Version { name, version, started_at: app.started_at.rfc3339() })
}
