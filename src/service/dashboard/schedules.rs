//! Schedules: crawls that are begun by the clock. The list, the form for a new one, and a schedule's own page.

use axum::{
    extract::{Path, State},
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};

use super::{
    Dashboard,
    calls::{self, ScheduleRequest, ScheduleView},
    crawl,
    fetch::fact,
    gate::{Asked, Fields, Guest, Looks, Posted},
    page::{Page, alert, fragment, page, token, with_status},
    words::{ago_since, ahead_of, cut, plural},
};
use crate::{
    clock::Timestamp,
    config::{Document, DocumentFormat},
    report::moment,
    service::{door::Need, ledger::Overlap, problem::Problem},
};

/// Schedules on a page of the list: as many as a caller may have.
const PER_PAGE: usize = 100;
/// How often the list is looked at anew, seconds.
const EVERY_S: u32 = 5;
/// The last one of the page before.
const AFTER: &str = "after";
/// Longest expression that the list shows whole, characters.
const MAX_CRON_CHARS: usize = 60;
/// Choices of what is done when the crawl is not over.
const OVERLAPS: [(&str, &str, Overlap); 3] = [
    ("skip", "Pass this time over", Overlap::Skip),
    ("queue", "Begin again when it is over", Overlap::Queue),
    ("cancel", "End it and begin again", Overlap::Cancel),
];

pub(super) async fn show(
    State(dashboard): State<Dashboard>,
    looks: Looks,
    Asked(asked): Asked,
) -> Result<Response, Problem> {
    // From the page of a crawl: its document is a good beginning.
    let mut typed = Fields::default();
    if let Some(id) = asked.get("from") {
        let shown = calls::crawl(&dashboard.app, &looks.caller, id)?;
        let text = serde_json::to_string_pretty(&shown.entry.document).expect("what was JSON is JSON");
        typed.put("document", text);
    }
    Ok(show_with(&dashboard, &looks, &asked, &typed, None))
}

fn show_with(
    dashboard: &Dashboard,
    guest: &Guest,
    asked: &Fields,
    typed: &Fields,
    problem: Option<&Problem>,
) -> Response {
    let (_, list) = list(dashboard, guest, asked);
    let body = html! {
        h1 { "Schedules" }
        div.columns {
            div { (list) }
            div.forms { @if guest.may(Need::Crawl) { (form(guest, typed, problem)) } }
        }
    };
    let live = asked.get(AFTER).map_or("/schedules/live".to_owned(), |after| {
        format!("/schedules/live?{AFTER}={}", super::words::encoded(after))
    });
    page(guest, Page { title: "Schedules", at: "/schedules", live: Some(live), body })
}

pub(super) async fn live(State(dashboard): State<Dashboard>, looks: Looks, Asked(asked): Asked) -> Response {
    let (say, list) = list(&dashboard, &looks, &asked);
    fragment(EVERY_S, &say, &list)
}

fn list(dashboard: &Dashboard, guest: &Guest, asked: &Fields) -> (String, Markup) {
    let (app, now) = (&dashboard.app, dashboard.app.clock.now());
    let after = asked.get(AFTER).unwrap_or_default();
    let all = calls::schedules::all(app, &guest.caller);
    let n = all.len();
    let with_owner = guest.caller.scopes.admin && app.door.borrow().anybody().is_none();
    // Their ids are in the order in which they were made.
    let mut left = all.into_iter().filter(|it| it.id.as_str() > after);
    let shown: Vec<ScheduleView> = left.by_ref().take(PER_PAGE).collect();
    let next = left.next().and_then(|_| shown.last()).map(|last| last.id.clone());
    let say = plural(n as u64, "schedule");
    let markup = html! {
        section #schedules-part aria-labelledby="schedules-heading" data-part {
            h2 #schedules-heading { "By the clock" }
            @if shown.is_empty() {
                p.none {
                    "None. A schedule begins a crawl whenever a clock shows some time, and does it again each time: what has not changed is not sent for."
                    @if guest.may(Need::Crawl) { " Make one with the form." }
                }
            } @else { (table(guest, &shown, now, with_owner)) }
            @if !after.is_empty() || next.is_some() {
                nav.pager aria-label="Schedules" {
                    @if !after.is_empty() { a href="/schedules" { "From the start" } }
                    @if let Some(next) = next { a href={ "/schedules?" (AFTER) "=" (next) } { "Next" } }
                }
            }
        }
    };
    (say, markup)
}

fn table(guest: &Guest, shown: &[ScheduleView], now: Timestamp, with_owner: bool) -> Markup {
    html! {
        table.cards role="table" aria-label="Schedules" {
            thead role="rowgroup" {
                tr role="row" {
                    @for column in ["When", "What", "Next", "Last", "Crawl"] { th scope="col" role="columnheader" { (column) } }
                    @if guest.may(Need::Crawl) { th scope="col" role="columnheader" { "Do" } }
                }
            }
            tbody role="rowgroup" {
                @for it in shown {
                    tr role="row" {
                        th scope="row" role="rowheader" {
                            a href={ "/schedules/" (it.id) } { code { (cut(&it.cron, MAX_CRON_CHARS)) } }
                            small { bdi { (it.zone) } @if with_owner { ", by " bdi { (it.owner) } } }
                        }
                        td role="cell" data-label="What" { bdi { (about(it)) } }
                        td role="cell" data-label="Next" { (next(it, now)) @if let Some(at) = &it.next_at { small { (moment(at)) } } }
                        td role="cell" data-label="Last" { (last(it, now)) }
                        td role="cell" data-label="Crawl" { (crawl_of(it)) }
                        @if guest.may(Need::Crawl) { td role="cell" data-label="Do" { (button(guest, it, true)) } }
                    }
                }
            }
        }
    }
}

/// What it crawls, in a few words: its name, or its first seed.
fn about(it: &ScheduleView) -> String {
    let name = it.document.pointer("/job/name").and_then(|name| name.as_str());
    let seeds = it.document.pointer("/seeds/urls");
    let seed = seeds.and_then(|seeds| seeds.get(0).unwrap_or(seeds).as_str());
    cut(name.or(seed).unwrap_or("(without a name)"), MAX_CRON_CHARS).into_owned()
}

fn next(it: &ScheduleView, now: Timestamp) -> Markup {
    html! {
        @match &it.next_at {
            Some(at) => (ahead_of(now, at)),
            None => @if it.paused { span.badge.paused { "paused" } } @else { "never" },
        }
    }
}

fn last(it: &ScheduleView, now: Timestamp) -> Markup {
    html! { @match &it.fired_at { Some(at) => (ago_since(now, at)), None => "not yet" } }
}

fn crawl_of(it: &ScheduleView) -> Markup {
    html! { @match &it.crawl { Some(id) => a href={ "/crawls/" (id) } { "Look" }, None => "–" } }
}

/// Pauses it, or has it go on. In a list it says of which.
fn button(guest: &Guest, it: &ScheduleView, is_listed: bool) -> Markup {
    let (word, label) = if it.paused { ("resume", "Resume") } else { ("pause", "Pause") };
    let named = is_listed.then(|| format!("{label} {}, {}", about(it), cut(&it.cron, MAX_CRON_CHARS)));
    html! {
        form method="post" action={ "/schedules/" (it.id) "/" (word) } {
            (token(guest))
            @if is_listed { input type="hidden" name="back" value="list"; }
            button.plain.small type="submit" aria-label=[named] { (label) }
        }
    }
}

fn form(guest: &Guest, typed: &Fields, problem: Option<&Problem>) -> Markup {
    let overlap = typed.typed("overlap");
    let or = |name: &str, default: &'static str| typed.get(name).unwrap_or(default).to_owned();
    html! {
        section.card #new aria-labelledby="new-heading" {
            h2 #new-heading { "Schedule a crawl" }
            @if let Some(problem) = problem { (alert(problem)) }
            form method="post" action="/schedules/new#new" {
                (token(guest))
                div.field {
                    label for="cron" { "When (cron)" }
                    input #cron name="cron" value=(typed.typed("cron")) required autocomplete="off" spellcheck="false" placeholder="30 4 * * MON" aria-describedby="cron-hint";
                    p #cron-hint.hint { "Minute, hour, day of month, month, day of week. " code { "30 4 * * MON" } ": Mondays at 4:30; " code { "0 */6 * * *" } ": every six hours." }
                }
                div.field {
                    label for="zone" { "Time zone" }
                    input #zone name="zone" value=(or("zone", "UTC")) required autocomplete="off" spellcheck="false" aria-describedby="zone-hint";
                    p #zone-hint.hint { "Whose clock counts: " code { "UTC" } ", " code { "Europe/Berlin" } ", …" }
                }
                div.field {
                    label for="overlap" { "If it is not over by then" }
                    select #overlap name="overlap" { @for (word, label, _) in OVERLAPS { option value=(word) selected[word == overlap] { (label) } } }
                }
                div.field {
                    label for="priority" { "Priority" }
                    input #priority name="priority" value=(or("priority", "5")) inputmode="numeric" autocomplete="off" aria-describedby="priority-hint";
                    p #priority-hint.hint { "0 to 9; of those that wait for a place the highest goes first." }
                }
                div.field {
                    label for="schedule-document" { "Document (TOML, or JSON)" }
                    textarea #schedule-document name="document" rows="8" required spellcheck="false" autocapitalize="off" aria-describedby="document-hint"
                        placeholder="[seeds]\nurls = [\"https://example.com/\"]" { (typed.typed("document")) }
                    p #document-hint.hint { "What is crawled, as " code { "dragline run" } " takes it." }
                }
                button type="submit" { "Schedule" }
            }
        }
    }
}

pub(super) async fn create(
    State(dashboard): State<Dashboard>,
    looks: Looks,
    Posted(fields): Posted,
) -> Result<Response, Problem> {
    match made(&dashboard, &looks, &fields).await {
        Ok(made) => Ok(Redirect::to(&format!("/schedules/{}", made.id)).into_response()),
        Err(problem) => {
            let page = show_with(&dashboard, &looks, &Fields::default(), &fields, Some(&problem));
            Ok(with_status(problem.code(), page))
        }
    }
}

async fn made(dashboard: &Dashboard, guest: &Guest, fields: &Fields) -> Result<ScheduleView, Problem> {
    let text = fields.typed("document");
    let is_json = text.trim_start().starts_with('{');
    let format = if is_json { DocumentFormat::Json } else { DocumentFormat::Toml };
    let document = Document::parse(text, format).map_err(|errors| Problem::document(&errors))?;
    let priority = fields.get("priority").map(str::parse).transpose();
    let overlap = OVERLAPS.iter().find(|(word, ..)| Some(*word) == fields.get("overlap"));
    let asked = ScheduleRequest {
        cron: fields.get("cron").unwrap_or_default().to_owned(),
        zone: fields.get("zone").unwrap_or("UTC").to_owned(),
        overlap: overlap.map(|(_, _, overlap)| *overlap).unwrap_or_default(),
        priority: priority.map_err(|_| Problem::unprocessable("a priority is a number from 0 to 9"))?,
        document: document.tree().clone(),
    };
    calls::schedules::make(&dashboard.app, &guest.caller, asked).await
}

pub(super) async fn one(
    State(dashboard): State<Dashboard>,
    looks: Looks,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    one_with(&dashboard, &looks, &id, None)
}

fn one_with(dashboard: &Dashboard, guest: &Guest, id: &str, problem: Option<&Problem>) -> Result<Response, Problem> {
    let it = calls::schedules::find(&dashboard.app, &guest.caller, id)?;
    let now = dashboard.app.clock.now();
    let overlap = OVERLAPS.iter().find(|(_, _, overlap)| *overlap == it.overlap).map_or("", |(_, label, _)| label);
    let name = about(&it);
    let body = html! {
        p.crumbs { a href="/schedules" { "Schedules" } }
        h1 { bdi { (name) } }
        @if let Some(problem) = problem { (alert(problem)) }
        @if guest.may(Need::Crawl) { (buttons(guest, &it)) }
        dl.told {
            (fact("When", html! { code { (it.cron) } small { "by the clock of " bdi { (it.zone) } } }))
            (fact("Next", html! { (next(&it, now)) @if let Some(at) = &it.next_at { small { (moment(at)) } } }))
            (fact("Last", html! { (last(&it, now)) @if let Some(at) = &it.fired_at { small { (moment(at)) } } }))
            (fact("Crawl", html! { @match &it.crawl { Some(id) => a href={ "/crawls/" (id) } { (id) }, None => "none has been begun yet" } }))
            (fact("If it is not over", html! { (overlap) }))
            (fact("Priority", html! { (it.priority) }))
            (fact("Made by", html! { bdi { (it.owner) } }))
        }
        section aria-labelledby="document-heading" {
            h2 #document-heading { "Document" }
            (crawl::json(&it.document))
        }
    };
    Ok(page(guest, Page { title: &name, at: "/schedules", live: None, body }))
}

fn buttons(guest: &Guest, it: &ScheduleView) -> Markup {
    html! {
        div.actions {
            (button(guest, it, false))
            details #delete {
                summary { "Delete…" }
                form method="post" action={ "/schedules/" (it.id) "/delete" } {
                    (token(guest))
                    p { "The crawl that it has begun stays. This can't be undone." }
                    button.danger #schedule-delete type="submit" { "Delete the schedule" }
                }
            }
        }
    }
}

pub(super) async fn act(
    State(dashboard): State<Dashboard>,
    looks: Looks,
    Path((id, word)): Path<(String, String)>,
    Posted(fields): Posted,
) -> Result<Response, Problem> {
    let (app, caller) = (&dashboard.app, &looks.caller);
    let is_listed = fields.get("back").is_some();
    let own = format!("/schedules/{id}");
    let (done, next) = match word.as_str() {
        "pause" => (calls::schedules::halt(app, caller, &id, true).await.map(drop), own.as_str()),
        "resume" => (calls::schedules::halt(app, caller, &id, false).await.map(drop), own.as_str()),
        "delete" => (calls::schedules::remove(app, caller, &id).await, "/schedules"),
        _ => return Err(Problem::not_found("there is no such thing to do")),
    };
    match done {
        Ok(()) => Ok(Redirect::to(if is_listed { "/schedules" } else { next }).into_response()),
        Err(problem) => {
            let page = one_with(&dashboard, &looks, &id, Some(&problem))?;
            Ok(with_status(problem.code(), page))
        }
    }
}
