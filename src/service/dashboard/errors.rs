//! The log of errors of a crawl: what failed last, when, where and why.

use axum::{
    extract::{Path, State},
    response::Response,
};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    Dashboard,
    calls::{self, PageOrder, PagesQuery},
    crawl::receipt_of,
    crawls,
    gate::{Asked, Fields, Guest, Looks},
    page::{Page, fragment, page},
    words::{MAX_TEXT_CHARS, ago_since, cut, encoded, link, plural},
};
use crate::{
    clock::Timestamp,
    report::count,
    service::{board::Shown, problem::Problem},
};

/// Failures on a page.
const PER_PAGE: usize = 50;
/// How often the newest are looked for while the crawl runs, seconds: each time its records are read from behind.
const EVERY_S: u32 = 10;
/// Kinds that one may choose from.
const MAX_KINDS: usize = 100;

/// What is told of a failure.
#[derive(Deserialize)]
struct Row {
    url: String,
    reason: Option<String>,
    error: Option<String>,
    status: Option<u16>,
    #[serde(default)]
    attempts: u32,
    #[serde(default)]
    fetched_at: String,
    remote_address: Option<String>,
}

/// Some failures, the newest first, and where to go on.
struct Log {
    rows: Vec<Row>,
    next: Option<String>,
}

async fn read(dashboard: &Dashboard, guest: &Guest, id: &str, asked: &Fields) -> Result<Log, Problem> {
    let query = PagesQuery {
        cursor: asked.get("cursor").map(str::to_owned),
        limit: Some(PER_PAGE),
        order: PageOrder::Newest,
        outcome: Some("failed".to_owned()),
        reason: asked.get("reason").map(str::to_owned),
        ..PagesQuery::default()
    };
    let read = calls::read_pages(&dashboard.app, &guest.caller, id, query).await?;
    let rows = read.pages.iter().filter_map(|page| serde_json::from_str(page.get()).ok()).collect();
    Ok(Log { rows, next: read.next })
}

pub(super) async fn show(
    State(dashboard): State<Dashboard>,
    looks: Looks,
    Path(id): Path<String>,
    Asked(asked): Asked,
) -> Result<Response, Problem> {
    let shown = calls::crawl(&dashboard.app, &looks.caller, &id)?;
    let log = read(&dashboard, &looks, &id, &asked).await?;
    let receipt = receipt_of(&dashboard.app, &shown).await;
    let mut kinds: Vec<(String, u64)> = receipt.map(|receipt| receipt.failed.into_iter().collect()).unwrap_or_default();
    kinds.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    kinds.truncate(MAX_KINDS);
    let (at, name) = (format!("/crawls/{}", shown.entry.id), crawls::called(&shown));
    let is_newest = asked.get("cursor").is_none();
    let live = (shown.live.is_some() && is_newest).then(|| {
        let reason = asked.get("reason").map(|reason| format!("?reason={}", encoded(reason)));
        format!("{at}/errors/live{}", reason.unwrap_or_default())
    });
    let body = html! {
        p.crumbs { a href="/" { "Crawls" } " / " a href=(at) { bdi { (name) } } }
        h1 { "Errors" }
        @if !kinds.is_empty() { (form(&at, &asked, &kinds)) }
        (part(&dashboard, &shown, &at, &asked, &log))
    };
    let title = format!("Errors of {name}");
    Ok(page(&looks, Page { title: &title, at: "/", live, body }))
}

pub(super) async fn live(
    State(dashboard): State<Dashboard>,
    looks: Looks,
    Path(id): Path<String>,
    Asked(asked): Asked,
) -> Result<Response, Problem> {
    let shown = calls::crawl(&dashboard.app, &looks.caller, &id)?;
    let log = read(&dashboard, &looks, &id, &asked).await?;
    let at = format!("/crawls/{}", shown.entry.id);
    let every = if shown.live.is_some() { EVERY_S } else { 0 };
    let say = format!("errors: {} shown", log.rows.len());
    Ok(fragment(every, &say, &part(&dashboard, &shown, &at, &asked, &log)))
}

fn form(at: &str, asked: &Fields, kinds: &[(String, u64)]) -> Markup {
    let chosen = asked.get("reason");
    html! {
        form.filters.card method="get" action={ (at) "/errors" } role="search" aria-label="Errors" {
            div.field {
                label for="reason" { "Kind" }
                select #reason name="reason" {
                    option value="" { "any" }
                    @if let Some(other) = chosen.filter(|chosen| kinds.iter().all(|(kind, _)| kind != chosen)) {
                        option value=(other) selected { (cut(other, MAX_TEXT_CHARS)) }
                    }
                    @for (kind, n) in kinds { option value=(kind) selected[chosen == Some(kind)] { (kind) " (" (count(*n)) ")" } }
                }
            }
            button type="submit" { "Filter" }
        }
    }
}

fn part(dashboard: &Dashboard, shown: &Shown, at: &str, asked: &Fields, log: &Log) -> Markup {
    let now = dashboard.app.clock.now();
    let reason = asked.get("reason").map(|reason| format!("reason={}&", encoded(reason))).unwrap_or_default();
    let is_newest = asked.get("cursor").is_none();
    html! {
        section #errors-part aria-labelledby="errors-heading" data-part {
            h2 #errors-heading { @if is_newest { "Last failures" } @else { "Earlier failures" } }
            @if log.rows.is_empty() {
                p.none {
                    @if log.next.is_some() { "None among the last records that were looked at." }
                    @else if !is_newest { "No earlier ones." }
                    @else if shown.live.is_some() { "None so far." }
                    @else { "None: no URL of this crawl has failed" @if !reason.is_empty() { " in this way" } "." }
                }
            } @else { (table(at, &log.rows, now)) }
            nav.pager aria-label="Errors" {
                @if !is_newest { a href={ (at) "/errors?" (reason) } { "Newest" } }
                @if let Some(next) = &log.next { a href={ (at) "/errors?" (reason) "cursor=" (encoded(next)) } { "Earlier" } }
                a href={ (at) "/pages?outcome=failed&" (reason) } { "As records, from the first" }
            }
        }
    }
}

fn table(at: &str, rows: &[Row], now: Timestamp) -> Markup {
    html! {
        table.cards role="table" aria-label="Failures, the newest first" {
            thead role="rowgroup" {
                tr role="row" { @for column in ["When", "URL", "Kind", "Why"] { th scope="col" role="columnheader" { (column) } } }
            }
            tbody role="rowgroup" {
                @for row in rows {
                    tr role="row" {
                        td.when role="cell" { (ago_since(now, &row.fetched_at)) }
                        th scope="row" role="rowheader" {
                            (link(&row.url))
                            small { bdi { (host(&row.url)) } @if let Some(address) = &row.remote_address { " at " bdi { (address) } } }
                        }
                        td role="cell" data-label="Kind" {
                            span.n { span.swatch.failed aria-hidden="true" {} " " bdi { (cut(row.reason.as_deref().unwrap_or("unknown"), MAX_TEXT_CHARS)) } }
                            small {
                                @if let Some(status) = row.status { "status " (status) ", " }
                                (plural(row.attempts.into(), "attempt"))
                            }
                        }
                        td role="cell" data-label="Why" {
                            @if let Some(error) = &row.error { small { bdi { (cut(error, MAX_TEXT_CHARS)) } } }
                            a href={ (at) "/explain?url=" (encoded(&row.url)) } aria-label={ "Explain " (cut(&row.url, MAX_TEXT_CHARS)) } { "Explain" }
                        }
                    }
                }
            }
        }
    }
}

/// The host of a URL as records have it.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or(rest)
}
