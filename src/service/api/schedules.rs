//! Schedules: crawls that are begun again and again.

use axum::{
    Json,
    extract::{Path as InPath, Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    App,
    crawls::{PRIORITY, checked, judge},
    endpoint::Caller,
    extract::{self, Asked},
};
use crate::{
    clock::Timestamp,
    config::Document,
    service::{
        door::Caller as Guest,
        foreman::Set,
        ledger::{CrawlId, Overlap, Schedule, next},
        problem::Problem,
    },
};

/// Longest document of a schedule: all of them are in one file.
const MAX_DOCUMENT_BYTES: usize = 64 << 10;

/// When a crawl is begun.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScheduleRequest {
    /// Five fields: minute, hour, day of month, month, day of week.
    pub(crate) cron: String,
    /// The zone whose clock counts.
    #[serde(default = "utc")]
    pub(crate) zone: String,
    /// What is done when the time has come and the crawl is not over.
    #[serde(default)]
    pub(crate) overlap: Overlap,
    /// Of those that wait, the ones with more go first.
    #[schemars(range(min = 0, max = 9))]
    pub(crate) priority: Option<u8>,
    /// What is crawled, as for `POST /v1/crawls`.
    pub(crate) document: Value,
}

fn utc() -> String {
    "UTC".to_owned()
}

/// A schedule.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ScheduleView {
    pub(crate) id: String,
    pub(crate) owner: String,
    pub(crate) cron: String,
    pub(crate) zone: String,
    pub(crate) overlap: Overlap,
    pub(crate) priority: u8,
    pub(crate) paused: bool,
    /// The crawl that it has begun; it is done again each time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) crawl: Option<String>,
    /// When it was dealt with last, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fired_at: Option<String>,
    /// When it is due next, RFC 3339; none while it is paused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_at: Option<String>,
    pub(crate) document: Value,
}

/// Schedules.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ScheduleList {
    schedules: Vec<ScheduleView>,
}

/// Whether a schedule is paused.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PauseQuery {
    /// Whether it begins nothing for now. What passes meanwhile is not made up for.
    paused: bool,
}

fn view(schedule: Schedule) -> ScheduleView {
    let next_at = schedule.due_at().filter(|_| !schedule.is_paused);
    ScheduleView {
        id: schedule.id.to_string(),
        owner: schedule.owner,
        cron: schedule.cron,
        zone: schedule.zone,
        overlap: schedule.overlap,
        priority: schedule.priority,
        paused: schedule.is_paused,
        crawl: schedule.crawl.map(|id| id.to_string()),
        fired_at: schedule.fired_at.map(Timestamp::rfc3339),
        next_at: next_at.map(Timestamp::rfc3339),
        document: schedule.document,
    }
}

fn unknown() -> Problem {
    Problem::not_found("there is no such schedule")
}

/// The schedule that a path names, if it is there for this caller.
fn named(app: &App, caller: &Guest, id: &str) -> Result<Schedule, Problem> {
    let id: CrawlId = id.parse().map_err(|_| unknown())?;
    let found = app.crawls.board.schedule(id);
    found.filter(|schedule| caller.may_see(&schedule.owner)).ok_or_else(unknown)
}

/// Makes a schedule of this caller's.
pub(crate) async fn make(app: &App, caller: &Guest, asked: ScheduleRequest) -> Result<ScheduleView, Problem> {
    let priority = checked(asked.priority)?.unwrap_or(PRIORITY);
    if asked.document.to_string().len() > MAX_DOCUMENT_BYTES {
        return Err(Problem::unprocessable(format!("the document of a schedule may have {MAX_DOCUMENT_BYTES} bytes")));
    }
    judge(app, Document::of(asked.document.clone())).await?;
    let now = app.clock.now();
    if next(&asked.cron, &asked.zone, now).map_err(Problem::unprocessable)?.is_none() {
        return Err(Problem::unprocessable("cron: there never is such a time"));
    }
    let schedule = Schedule {
        id: CrawlId::new(now),
        owner: caller.name.to_string(),
        created_at: now,
        cron: asked.cron,
        zone: asked.zone,
        overlap: asked.overlap,
        priority,
        document: asked.document,
        is_paused: false,
        crawl: None,
        fired_at: None,
        is_owed: false,
    };
    let made = app.crawls.schedule(schedule.id, Set::Put(Box::new(schedule))).await?;
    made.map(view).ok_or_else(unknown)
}

/// All schedules that there are for this caller, the oldest first.
pub(crate) fn all(app: &App, caller: &Guest) -> Vec<ScheduleView> {
    let all = app.crawls.board.schedules().into_values();
    all.filter(|schedule| caller.may_see(&schedule.owner)).map(view).collect()
}

/// One of them.
pub(crate) fn find(app: &App, caller: &Guest, id: &str) -> Result<ScheduleView, Problem> {
    named(app, caller, id).map(view)
}

/// Pauses one of them, or has it go on.
pub(crate) async fn halt(app: &App, caller: &Guest, id: &str, is_paused: bool) -> Result<ScheduleView, Problem> {
    let schedule = named(app, caller, id)?;
    let set = app.crawls.schedule(schedule.id, Set::Pause(is_paused)).await?;
    set.map(view).ok_or_else(unknown)
}

/// Does away with one of them.
pub(crate) async fn remove(app: &App, caller: &Guest, id: &str) -> Result<(), Problem> {
    let schedule = named(app, caller, id)?;
    app.crawls.schedule(schedule.id, Set::Delete).await?;
    Ok(())
}

pub(super) async fn create(State(app): State<App>, caller: Caller, request: Request) -> Result<Response, Problem> {
    let asked: ScheduleRequest = extract::json(&app, request).await?;
    let made = make(&app, &caller, asked).await?;
    Ok((StatusCode::CREATED, Json(made)).into_response())
}

pub(super) async fn list(State(app): State<App>, caller: Caller) -> Json<ScheduleList> {
    Json(ScheduleList { schedules: all(&app, &caller) })
}

pub(super) async fn read(
    State(app): State<App>,
    caller: Caller,
    InPath(id): InPath<String>,
) -> Result<Json<ScheduleView>, Problem> {
    find(&app, &caller, &id).map(Json)
}

pub(super) async fn pause(
    State(app): State<App>,
    caller: Caller,
    InPath(id): InPath<String>,
    Asked(asked): Asked<PauseQuery>,
) -> Result<Json<ScheduleView>, Problem> {
    halt(&app, &caller, &id, asked.paused).await.map(Json)
}

pub(super) async fn delete(
    State(app): State<App>,
    caller: Caller,
    InPath(id): InPath<String>,
) -> Result<StatusCode, Problem> {
    remove(&app, &caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
