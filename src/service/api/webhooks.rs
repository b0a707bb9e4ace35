//! Webhooks: who is told of crawls, and what came of it.

use axum::{
    Json,
    extract::{Path as InPath, Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    App,
    endpoint::Caller,
    extract::{self, Asked},
};
use crate::{
    clock::Timestamp,
    config::{HookEvent, HookSecret, hook_url, judge_hook_url},
    fetch::guard::Guard,
    service::{
        hooks::{Delivery, Hook, HookError, Kind, NewHook, Outcome},
        problem::Problem,
    },
};

/// Deliveries in a page of the list, unless asked for less or more, and at most.
const PER_PAGE: usize = 50;
const MAX_PER_PAGE: usize = 500;

/// Who is to be told, and of what.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WebhookRequest {
    /// Where events are sent, by POST: http or https, without a login.
    url: String,
    /// Which events; none is all.
    #[serde(default)]
    events: Vec<HookEvent>,
    /// What they are signed with, `whsec_` and 24 to 64 bytes in Base64; if there is none, one is made.
    secret: Option<String>,
    /// Everybody's crawls, and not only one's own: for `admin`.
    #[serde(default)]
    all: bool,
}

/// A webhook.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct WebhookView {
    id: String,
    /// Whose it is; none: the operator's, who has it in the configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    url: String,
    /// Which events; none is all.
    events: Vec<HookEvent>,
    /// Whether it hears of everybody's crawls.
    all: bool,
    /// RFC 3339.
    created_at: String,
    /// When its receiver said that it is gone (410): it is told nothing until it answers a test.
    #[serde(skip_serializing_if = "Option::is_none")]
    gone_at: Option<String>,
    /// Events that wait.
    waiting: usize,
    /// What the latest delivery came to.
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<Outcome>,
}

/// A webhook that was made.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct WebhookMade {
    /// What its events are signed with. It is shown here and nowhere else.
    secret: String,
    #[serde(flatten)]
    webhook: WebhookView,
}

/// Webhooks.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct WebhookList {
    webhooks: Vec<WebhookView>,
}

/// Which deliveries are listed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DeliveriesQuery {
    /// `next` of the page before.
    cursor: Option<u64>,
    /// At most so many.
    #[schemars(range(min = 1, max = 500))]
    limit: Option<usize>,
}

/// An attempt to tell an event.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct DeliveryView {
    /// Counts up.
    id: u64,
    /// The event: `webhook-id` and `id` of what is sent.
    event: String,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<Kind>,
    /// Which crawl it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    crawl: Option<String>,
    /// RFC 3339.
    at: String,
    /// Which attempt, from 1; 0 if none was made.
    attempt: u32,
    outcome: Outcome,
    /// What the receiver answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    /// Why it did not, as in records; or `redirect`.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    took_ms: u64,
    /// When it is tried again, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_at: Option<String>,
}

/// Deliveries, latest first.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct DeliveryList {
    deliveries: Vec<DeliveryView>,
    /// Where to go on; none at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
}

/// An event that is on its way.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "WebhookSent")]
pub(super) struct Sent {
    /// The event: `webhook-id` and `id` of what is sent.
    event: String,
}

fn view(hook: &Hook) -> WebhookView {
    WebhookView {
        id: hook.id.clone(),
        owner: Some(hook.owner.clone()).filter(|owner| !owner.is_empty()),
        url: hook.url.clone(),
        events: hook.events.clone(),
        all: hook.is_for_all,
        created_at: hook.created_at.rfc3339(),
        gone_at: hook.gone_at.map(Timestamp::rfc3339),
        waiting: hook.n_waiting(),
        last: hook.deliveries(None).next().map(|it| it.outcome),
    }
}

fn delivery(hook: &Hook, it: &Delivery) -> DeliveryView {
    let told = hook.told(it.event);
    DeliveryView {
        id: it.id,
        event: it.event.as_hyphenated().to_string(),
        kind: told.map(|(kind, _)| kind),
        crawl: told.and_then(|(_, crawl)| crawl).map(|id| id.to_string()),
        at: it.at.rfc3339(),
        attempt: it.attempt,
        outcome: it.outcome,
        status: it.status,
        error: it.error.clone(),
        took_ms: it.took_ms,
        next_at: it.next_at.map(Timestamp::rfc3339),
    }
}

/// The webhook that a path names, if it is there for this caller.
fn named(app: &App, caller: &Caller, id: &str) -> Result<Hook, Problem> {
    let found = app.post.get(id);
    Ok(found.filter(|hook| caller.may_see(&hook.owner)).ok_or(HookError::Unknown)?)
}

pub(super) async fn create(State(app): State<App>, caller: Caller, request: Request) -> Result<Response, Problem> {
    let asked: WebhookRequest = extract::json(&app, request).await?;
    if asked.all && !caller.scopes.admin {
        return Err(Problem::forbidden("only a key with the scope \"admin\" may hear of everybody's crawls"));
    }
    let guard = Guard::new(app.base.borrow().settings().webhooks.guard.clone());
    let url = hook_url(&asked.url).and_then(|url| judge_hook_url(&url, &guard).map(|()| url));
    let url = url.map_err(|why| HookError::Unfit(format!("url: {why}")))?;
    let secret = asked.secret.as_deref().map(HookSecret::parse).transpose();
    let secret = secret.map_err(|why| HookError::Unfit(format!("secret: {why}")))?;
    let mut events = asked.events;
    events.sort_unstable();
    events.dedup();
    let (owner, url) = (caller.name.to_string(), url.as_str().to_owned());
    let (hook, secret) = app.post.create(NewHook { owner, is_for_all: asked.all, url, secret, events })?;
    let place = HeaderValue::try_from(format!("/v1/webhooks/{}", hook.id)).expect("an id is ASCII");
    let made = WebhookMade { secret, webhook: view(&hook) };
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], Json(made)).into_response())
}

pub(super) async fn list(State(app): State<App>, caller: Caller) -> Json<WebhookList> {
    let webhooks = app.post.list(|hook| caller.may_see(&hook.owner));
    Json(WebhookList { webhooks: webhooks.iter().map(view).collect() })
}

pub(super) async fn read(
    State(app): State<App>,
    caller: Caller,
    InPath(id): InPath<String>,
) -> Result<Json<WebhookView>, Problem> {
    named(&app, &caller, &id).map(|hook| Json(view(&hook)))
}

pub(super) async fn delete(
    State(app): State<App>,
    caller: Caller,
    InPath(id): InPath<String>,
) -> Result<StatusCode, Problem> {
    let hook = named(&app, &caller, &id)?;
    app.post.delete(&hook.id)?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn test(
    State(app): State<App>,
    caller: Caller,
    InPath(id): InPath<String>,
) -> Result<Response, Problem> {
    let hook = named(&app, &caller, &id)?;
    let event = app.post.ping(&hook.id)?.as_hyphenated().to_string();
    Ok((StatusCode::ACCEPTED, Json(Sent { event })).into_response())
}

pub(super) async fn deliveries(
    State(app): State<App>,
    caller: Caller,
    InPath(id): InPath<String>,
    Asked(asked): Asked<DeliveriesQuery>,
) -> Result<Json<DeliveryList>, Problem> {
    let hook = named(&app, &caller, &id)?;
    let most = asked.limit.unwrap_or(PER_PAGE);
    if !(1..=MAX_PER_PAGE).contains(&most) {
        return Err(Problem::bad_request(format!("the limit is a number from 1 to {MAX_PER_PAGE}")));
    }
    let mut found: Vec<&Delivery> = hook.deliveries(asked.cursor).take(most + 1).collect();
    let is_more = found.len() > most;
    found.truncate(most);
    let next = found.last().filter(|_| is_more).map(|it| it.id);
    Ok(Json(DeliveryList { deliveries: found.into_iter().map(|it| delivery(&hook, it)).collect(), next }))
}

pub(super) async fn redeliver(
    State(app): State<App>,
    caller: Caller,
    InPath((id, delivery)): InPath<(String, String)>,
) -> Result<Response, Problem> {
    let hook = named(&app, &caller, &id)?;
    let delivery: u64 = delivery.parse().map_err(|_| HookError::UnknownDelivery)?;
    let event = app.post.redeliver(&hook.id, delivery)?.as_hyphenated().to_string();
    Ok((StatusCode::ACCEPTED, Json(Sent { event })).into_response())
}
