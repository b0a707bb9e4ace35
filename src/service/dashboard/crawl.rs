//! A crawl: how it stands, what became of its URLs, what it waits for, and what it has written.

use axum::{
    extract::{Path, State},
    response::Response,
};
use maud::{Markup, html};

use super::{
    Dashboard, act, calls, crawls, explain,
    gate::{Guest, Looks},
    page::{Page, alert, fragment, page},
    plots,
    words::{ago, ahead, badge, plural, rate, span, state_word},
};
use crate::{
    clock::Timestamp,
    engine::stats::Progress,
    report::{self, Receipt, Unit, count, table},
    service::{
        api::calls::Output,
        board::{Live, Shown, State as CrawlState},
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

async fn view(dashboard: &Dashboard, guest: &Guest, id: &str) -> Result<View, Problem> {
    let app = &dashboard.app;
    let shown = calls::crawl(app, &guest.caller, id)?;
    let out = app.crawls.shelf.out(shown.entry.id);
    let now = app.clock.now();
    let seen = tokio::task::spawn_blocking(move || {
        let receipt = match &shown.live {
            Some(live) => Some(Receipt::so_far(&shown.name, &live.picture.borrow().tally)),
            None => calls::read_receipt(&out),
        };
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
    let (id, name) = (view.shown.entry.id, crawls::called(&view.shown).to_owned());
    let body = html! {
        p.crumbs { a href="/" { "Crawls" } }
        h1 { bdi { (name) } }
        @if let Some(problem) = problem { (alert(problem)) }
        nav.pager aria-label="This crawl" {
            a href={ "/crawls/" (id) "/pages" } { "Records" }
            a href="#outputs" { "Outputs" }
            a href="#explain" { "Explain a URL" }
            a href="#document-heading" { "Document" }
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
    Ok(page(guest, Page { title: &name, live: Some(format!("/crawls/{id}/live")), body }))
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
        section #outputs-part aria-labelledby="outputs" data-part {
            h2 #outputs { "Outputs" }
            p { a href={ "/crawls/" (id) "/pages" } { "Look through the records" } ", or take the files:" }
            (outputs(view))
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
    html! {
        @if !progress.busiest.is_empty() {
            (table("Busiest hosts", &["Host", "In flight", "Queued in memory", "Pages"], rows))
        }
    }
}

/// The last hosts of a crawl, which it can only wait for.
fn waited_for(progress: &Progress, now: Timestamp) -> Markup {
    let last = progress.tail.iter().flatten();
    let rows = last.map(|wait| {
        let until = wait.until.since(now);
        let until = if until.is_zero() { "now".to_owned() } else { format!("in {}", span(until)) };
        (wait.host.to_string(), vec![count(wait.n_urls as u64), wait.why.to_string(), until])
    });
    html! {
        @if progress.tail.as_ref().is_some_and(|tail| !tail.is_empty()) {
            (table("Hosts that are waited for", &["Host", "URLs", "Why", "Next"], rows))
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
    let text = serde_json::to_string_pretty(&shown.entry.document).expect("what was JSON is JSON");
    let beginning: String = text.chars().take(MAX_DOCUMENT_CHARS).collect();
    html! {
        pre tabindex="0" aria-label="Document as JSON" { (beginning) }
        @if beginning.len() < text.len() { p.faint { "This is its beginning: the API has all of it." } }
        @if !shown.entry.more_seeds.is_empty() {
            p { (plural(shown.entry.more_seeds.len() as u64, "seed")) " added since." }
        }
    }
}
