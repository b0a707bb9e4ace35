//! A crawl: how it stands, what became of its URLs, what it waits for, and what it has written.

use std::borrow::Cow;

use axum::{
    extract::{Path, State},
    response::Response,
};
use maud::{Markup, html};
use serde_json::Value as Json;

use super::{
    Dashboard, act, calls, crawls, explain,
    gate::{Guest, Looks},
    page::{Page, alert, fragment, page},
    plots, receipt,
    words::{ago, ahead, badge, cut, encoded, plural, rate, span, state_word},
};
use crate::{
    clock::Timestamp,
    engine::stats::Progress,
    report::{self, Receipt, Unit, count},
    service::{
        api::{App, calls::Output},
        board::{Live, Shown, State as CrawlState},
        door::Need,
        problem::Problem,
    },
};

/// How often a crawl that runs, and one that waits, is fetched anew, seconds; one that is over does not change.
const EVERY_S: u32 = 1;
const EVERY_WHILE_WAITING_S: u32 = 3;
/// Beginning of a document that is shown, characters.
const MAX_DOCUMENT_CHARS: usize = 50_000;
/// Files that are listed.
const MAX_FILES: usize = 200;

/// All there is to show of a crawl.
struct View {
    shown: Shown,
    receipt: Option<Receipt>,
    outputs: Vec<Output>,
    now: Timestamp,
}

/// What has been counted of a crawl: by those who work on it, or in its receipt.
pub(super) async fn receipt_of(app: &App, shown: &Shown) -> Option<Receipt> {
    match &shown.live {
        Some(live) => Some(Receipt::so_far(&shown.name, &live.picture.borrow().tally)),
        None => {
            let out = app.crawls.shelf.out(shown.entry.id);
            tokio::task::spawn_blocking(move || calls::read_receipt(&out)).await.unwrap_or_default()
        }
    }
}

async fn view(dashboard: &Dashboard, guest: &Guest, id: &str) -> Result<View, Problem> {
    let app = &dashboard.app;
    let shown = calls::crawl(app, &guest.caller, id)?;
    let out = app.crawls.shelf.out(shown.entry.id);
    let now = app.clock.now();
    let receipt = receipt_of(app, &shown).await;
    let seen = tokio::task::spawn_blocking(move || {
        let outputs = calls::files(&shown, &out);
        View { shown, receipt, outputs, now }
    });
    seen.await.map_err(|error| Problem::internal("the crawl can't be shown", &error))
}

pub(super) async fn show(
    State(dashboard): State<Dashboard>,
    looks: Looks,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    show_with(&dashboard, &looks, &id, None).await
}

/// The page, and why something was not done.
pub(super) async fn show_with(
    dashboard: &Dashboard,
    guest: &Guest,
    id: &str,
    problem: Option<&Problem>,
) -> Result<Response, Problem> {
    let view = view(dashboard, guest, id).await?;
    let (id, name) = (view.shown.entry.id, crawls::called(&view.shown).into_owned());
    let body = html! {
        p.crumbs { a href="/" { "Crawls" } }
        h1 { bdi { (name) } }
        @if let Some(problem) = problem { (alert(problem)) }
        nav.pager aria-label="This crawl" {
            a href={ "/crawls/" (id) "/pages" } { "Records" }
            a href={ "/crawls/" (id) "/errors" } { "Errors" }
            a href="#receipt" { "Receipt" }
            a href="#outputs" { "Outputs" }
            a href="#explain" { "Explain a URL" }
            a href="#document-heading" { "Document" }
            @if guest.may(Need::Crawl) { a href={ "/schedules?from=" (id) "#new" } { "Schedule it" } }
        }
        (parts(guest, &view))
        section aria-labelledby="explain" {
            h2 #explain { "Why, or why not?" }
            (explain::form(&id.to_string(), ""))
        }
        section aria-labelledby="document-heading" {
            h2 #document-heading { "Document" }
            details { summary { "As it was sent, with what was changed since" } (document(&view.shown)) }
        }
    };
    Ok(page(guest, Page { title: &name, at: "/", live: Some(format!("/crawls/{id}/live")), body }))
}

pub(super) async fn live(
    State(dashboard): State<Dashboard>,
    looks: Looks,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let view = view(&dashboard, &looks, &id).await?;
    let state = view.shown.state();
    let every = match state {
        state if state.is_over() => 0,
        CrawlState::Paused | CrawlState::Queued => EVERY_WHILE_WAITING_S,
        _ => EVERY_S,
    };
    let done = view
        .receipt
        .as_ref()
        .map(|receipt| receipt.totals.discovered - receipt.totals.pending.min(receipt.totals.discovered));
    let say = match done {
        Some(done) => format!("{}: {} done", state_word(state), plural(done, "URL")),
        None => state_word(state).to_owned(),
    };
    Ok(fragment(every, &say, &parts(&looks, &view)))
}

/// What changes.
fn parts(guest: &Guest, view: &View) -> Markup {
    let (shown, id) = (&view.shown, view.shown.entry.id);
    html! {
        div #state data-part { (state(view)) }
        div #actions data-part { (act::buttons(guest, shown)) }
        div #account-part data-part { @if let Some(receipt) = &view.receipt { (report::account(receipt)) } }
        div #now data-part {
            @if let Some(live) = &shown.live {
                (waiting(live, view.now))
            }
        }
        div #plots-part data-part {
            @if let (Some(live), Some(receipt)) = (&shown.live, &view.receipt) {
                (plots::live(live, receipt, view.now))
            } @else if let Some(receipt) = &view.receipt {
                (report::sections(receipt))
            }
        }
        div.pair {
            div #receipt-part data-part { @if let Some(receipt) = &view.receipt { (receipt::table(receipt, &format!("/crawls/{id}"))) } }
            section #outputs-part aria-labelledby="outputs" data-part {
                h2 #outputs { "Outputs" }
                p { a href={ "/crawls/" (id) "/pages" } { "Look through the records" } ", or take the files:" }
                (outputs(view))
            }
        }
    }
}

fn state(view: &View) -> Markup {
    let (entry, state) = (&view.shown.entry, view.shown.state());
    let ended = entry.ended.as_ref();
    html! {
        p.state {
            (badge(state))
            "begun " (ago(view.now, entry.created_at)) " by " bdi { (entry.owner) }
            @if let Some(ended) = ended { ", over " (ago(view.now, ended.at)) }
            @if let Some(speed) = view.shown.live.as_ref().and_then(|live| live.history.rate(view.now)) {
                "; " b { (rate(speed)) } " pages right now"
            }
        }
        @if let Some(error) = ended.and_then(|ended| ended.error.as_ref()) {
            div.alert { p { b { "It could not go on: " } (error) } }
        }
        @if state == CrawlState::Queued { p.faint { "As many crawls are running as may at once, or the disk is short of space: it waits for its turn." } }
        @if view.receipt.is_none() && !state.is_over() { p.faint { "Nothing has been asked for yet." } }
    }
}

fn waiting(live: &Live, now: Timestamp) -> Markup {
    let progress = live.picture.borrow();
    html! {
        section aria-labelledby="waiting" {
            h2 #waiting { "Right now" }
            p {
                b { (count(progress.in_flight as u64)) } " in flight; "
                (plural(progress.hosts_active as u64, "host")) " with something left to do. Waits: "
                (crawls::hosts_waited_for(&progress)) "."
                @if let Some(at) = progress.next_at { " The next host may be asked " (ahead(now, at)) "." }
            }
            div.pair { (busiest(&progress)) (waited_for(&progress, now)) }
        }
    }
}

fn busiest(progress: &Progress) -> Markup {
    let rows = progress.busiest.iter().map(|(host, load)| {
        let cells = vec![count(load.in_flight.into()), count(load.queued as u64), count(load.fetched)];
        (host.to_string(), cells)
    });
    hosts("Busiest hosts", ["Host", "In flight", "Queued in memory", "Pages"], rows)
}

/// The last hosts of a crawl, which it can only wait for; else those that wait for more than their interval.
fn waited_for(progress: &Progress, now: Timestamp) -> Markup {
    let (caption, waits) = match &progress.tail {
        Some(tail) if !tail.is_empty() => ("Hosts that are waited for", tail),
        _ => ("Hosts that are held back", &progress.troubled),
    };
    let rows = waits.iter().map(|wait| {
        let until = wait.until.since(now);
        let until = if until.is_zero() { "now".to_owned() } else { format!("in {}", span(until)) };
        (wait.host.to_string(), vec![count(wait.n_urls as u64), wait.why.to_string(), until])
    });
    hosts(caption, ["Host", "URLs", "Why", "Next"], rows)
}

/// A table of hosts, each of which leads to its page.
fn hosts(caption: &str, columns: [&str; 4], rows: impl ExactSizeIterator<Item = (String, Vec<String>)>) -> Markup {
    html! {
        @if rows.len() > 0 {
            div.scroll role="region" aria-label=(caption) tabindex="0" {
                table {
                    caption { (caption) }
                    thead { tr { @for column in columns { th scope="col" { (column) } } } }
                    tbody {
                        @for (host, cells) in rows {
                            tr {
                                th scope="row" { a href={ "/host?name=" (encoded(&host)) } { bdi { (host) } } }
                                @for cell in cells { td { (cell) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn outputs(view: &View) -> Markup {
    let id = view.shown.entry.id;
    let n_more = view.outputs.len().saturating_sub(MAX_FILES);
    html! {
        @if view.outputs.is_empty() {
            p.none { "No files yet." }
        } @else {
            ul.files {
                @for output in view.outputs.iter().take(MAX_FILES) {
                    li { a href={ "/crawls/" (id) "/outputs/" (output.file) } { (output.file) } " " span.faint { (Unit::Bytes.show(output.bytes)) } }
                }
            }
            @if n_more > 0 { p.faint { (n_more) " more: the API lists them all." } }
        }
    }
}

fn document(shown: &Shown) -> Markup {
    html! {
        (json(&shown.entry.document))
        @if !shown.entry.more_seeds.is_empty() {
            p { (plural(shown.entry.more_seeds.len() as u64, "seed")) " added since." }
        }
    }
}

/// A document, or its beginning.
pub(super) fn json(document: &Json) -> Markup {
    let text = serde_json::to_string_pretty(document).expect("what was JSON is JSON");
    let beginning = cut(&text, MAX_DOCUMENT_CHARS);
    html! {
        pre tabindex="0" role="region" aria-label="Document as JSON" { (beginning) }
        @if matches!(beginning, Cow::Owned(_)) { p.faint { "This is its beginning: the API has all of it." } }
    }
}
