//! The records of a crawl, page by page.

use axum::{
    extract::{Path, State},
    response::Response,
};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    Dashboard,
    calls::{self, PageOrder, PagesQuery},
    crawls,
    gate::{Asked, Fields, Looks},
    page::{Page, page},
    words::{MAX_TEXT_CHARS, cut, encoded, link},
};
use crate::{report::Unit, service::problem::Problem};

/// Records on a page.
const PER_PAGE: usize = 50;
/// How records end.
const OUTCOMES: [&str; 5] = ["fetched", "not-modified", "redirected", "failed", "refused"];
/// Fields of the form, which are those of the API.
const FILTERS: [&str; 4] = ["outcome", "reason", "status", "url"];

/// What is shown of a record.
#[derive(Deserialize)]
struct Row {
    url: String,
    outcome: String,
    reason: Option<String>,
    rule: Option<String>,
    error: Option<String>,
    status: Option<u16>,
    #[serde(default)]
    depth: u16,
    title: Option<String>,
    content_type: Option<String>,
    body_bytes: Option<u64>,
}

pub(super) async fn show(
    State(dashboard): State<Dashboard>,
    looks: Looks,
    Path(id): Path<String>,
    Asked(asked): Asked,
) -> Result<Response, Problem> {
    let shown = calls::crawl(&dashboard.app, &looks.caller, &id)?;
    let read = calls::read_pages(&dashboard.app, &looks.caller, &id, query(&asked)?).await?;
    let rows: Vec<Row> = read.pages.iter().filter_map(|page| serde_json::from_str(page.get()).ok()).collect();
    let name = crawls::called(&shown);
    let filters: String =
        FILTERS.iter().filter_map(|name| Some(format!("{name}={}&", encoded(asked.get(name)?)))).collect();
    let at = format!("/crawls/{}", shown.entry.id);
    let next = read.next.filter(|_| !rows.is_empty() || asked.get("cursor").is_none());
    let is_end = next.is_none() || (rows.len() < PER_PAGE && shown.live.is_some());
    let body = html! {
        p.crumbs { a href="/" { "Crawls" } " / " a href=(at) { bdi { (name) } } }
        h1 { "Records" }
        (form(&at, &asked))
        @if rows.is_empty() {
            p.none {
                @if filters.is_empty() { "No record" } @else { "No record fits" }
                @if next.is_some() { " so far" }
                ". "
                @if !filters.is_empty() { a href={ (at) "/pages" } { "Show all" } }
            }
        } @else { (table(&at, &rows)) }
        nav.pager aria-label="Records" {
            @if asked.get("cursor").is_some() { a href={ (at) "/pages?" (filters) } { "From the start" } }
            @if let Some(next) = &next {
                a href={ (at) "/pages?" (filters) "cursor=" (encoded(next)) } { @if is_end { "Look for more" } @else { "Next" } }
            }
        }
    };
    let title = format!("Records of {name}");
    Ok(page(&looks, Page { title: &title, at: "/", live: None, body }))
}

fn query(asked: &Fields) -> Result<PagesQuery, Problem> {
    let text = |name: &str| asked.get(name).map(str::to_owned);
    let status = asked.get("status").map(str::parse::<u16>).transpose();
    Ok(PagesQuery {
        cursor: text("cursor"),
        limit: Some(PER_PAGE),
        order: PageOrder::Oldest,
        outcome: text("outcome"),
        reason: text("reason"),
        status: status.map_err(|_| Problem::bad_request("a status is a number such as 404"))?,
        url: text("url"),
    })
}

fn form(at: &str, asked: &Fields) -> Markup {
    html! {
        form.filters.card method="get" action={ (at) "/pages" } role="search" aria-label="Records" {
            div.field {
                label for="outcome" { "Outcome" }
                select #outcome name="outcome" {
                    option value="" { "any" }
                    @for outcome in OUTCOMES { option value=(outcome) selected[asked.get("outcome") == Some(outcome)] { (outcome) } }
                }
            }
            div.field { label for="reason" { "Reason" } input #reason name="reason" value=(asked.typed("reason")) placeholder="http-404, timeout, …"; }
            div.field { label for="status" { "Status" } input #status name="status" value=(asked.typed("status")) inputmode="numeric"; }
            div.field { label for="url" { "Text in the URL" } input #url name="url" value=(asked.typed("url")); }
            button type="submit" { "Filter" }
        }
    }
}

fn table(at: &str, rows: &[Row]) -> Markup {
    html! {
        table.cards.records role="table" aria-label="Records" {
            thead role="rowgroup" {
                tr role="row" {
                    @for column in ["URL", "Outcome", "Status", "Depth", "Body", "Why"] { th scope="col" role="columnheader" { (column) } }
                }
            }
            tbody role="rowgroup" {
                @for row in rows {
                    tr role="row" {
                        th scope="row" role="rowheader" {
                            (link(&row.url))
                            @if let Some(title) = &row.title { small { bdi { (cut(title, MAX_TEXT_CHARS)) } } }
                        }
                        td role="cell" data-label="Outcome" {
                            span.n { span class={ "swatch " (row.outcome) } aria-hidden="true" {} " " (row.outcome) }
                            @if let Some(reason) = &row.reason { small { (reason) } }
                        }
                        td.n role="cell" data-label="Status" { @if let Some(status) = row.status { (status) } @else { "–" } }
                        td.n.depth role="cell" data-label="Depth" { (row.depth) }
                        td role="cell" data-label="Body" {
                            @if let Some(bytes) = row.body_bytes { span.n { (Unit::Bytes.show(bytes)) } } @else { "–" }
                            @if let Some(kind) = &row.content_type { small { bdi { (cut(kind.split(';').next().unwrap_or(kind), MAX_TEXT_CHARS)) } } }
                        }
                        td role="cell" data-label="Why" {
                            @if let Some(why) = row.rule.as_ref().or(row.error.as_ref()) { small { bdi { (cut(why, MAX_TEXT_CHARS)) } } }
                            a href={ (at) "/explain?url=" (encoded(&row.url)) } aria-label={ "Explain " (cut(&row.url, MAX_TEXT_CHARS)) } { "Explain" }
                        }
                    }
                }
            }
        }
    }
}
