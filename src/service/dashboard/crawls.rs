//! The start page: all crawls, and the forms to begin one and to fetch one URL.

use std::borrow::Cow;

use axum::{extract::State, response::Response};
use maud::{Markup, html};

use super::{
    Dashboard, begin, calls, fetch,
    gate::{Asked, Fields, Guest, Looks},
    page::{Page, fragment, page},
    words::{ago, ahead, badge, cut, encoded, plural, rate, state_word},
};
use crate::{
    clock::Timestamp,
    engine::stats::Progress,
    report::count,
    service::{
        api::{Counts, Crawl},
        board::{Shown, State as CrawlState},
        door::Need,
        ledger::CrawlId,
        problem::Problem,
    },
};

/// Longest name that is shown whole, characters: a crawl without one is called by its first seed.
const MAX_NAME_CHARS: usize = 120;
/// Crawls that are not over, and that are, on a page.
const MAX_UNDER_WAY: usize = 100;
const PER_PAGE: usize = 20;
/// How often the lists are fetched anew, seconds.
const EVERY_S: u32 = 2;
/// The last crawl of the page before.
const AFTER: &str = "after";

pub(super) async fn show(
    State(dashboard): State<Dashboard>,
    looks: Looks,
    Asked(asked): Asked,
) -> Result<Response, Problem> {
    show_with(&dashboard, &looks, &asked, &Fields::default(), None).await
}

/// The page with a form that was sent, and what is wrong with it.
pub(super) async fn show_with(
    dashboard: &Dashboard,
    guest: &Guest,
    asked: &Fields,
    typed: &Fields,
    problem: Option<&Problem>,
) -> Result<Response, Problem> {
    let (_, lists) = lists(dashboard, guest, asked).await?;
    let body = html! {
        h1 { "Crawls" }
        @if let Some(why) = calls::load(&dashboard.app).await.why {
            div.alert { p { b { "No crawl is taken now: " } (why) ". " a href="/status" { "Status" } } }
        }
        div.columns {
            div { (lists) }
            div.forms {
                @if guest.may(Need::Crawl) { (begin::form(dashboard, guest, typed, problem)) }
                @if guest.may(Need::Fetch) {
                    section.card aria-labelledby="fetch-heading" {
                        h2 #fetch-heading { "Fetch one URL" }
                        (fetch::form(""))
                    }
                }
            }
        }
    };
    let live = asked.get(AFTER).map_or("/live".to_owned(), |after| format!("/live?{AFTER}={}", encoded(after)));
    Ok(page(guest, Page { title: "Crawls", at: "/", live: Some(live), body }))
}

pub(super) async fn live(
    State(dashboard): State<Dashboard>,
    looks: Looks,
    Asked(asked): Asked,
) -> Result<Response, Problem> {
    let (say, lists) = lists(&dashboard, &looks, &asked).await?;
    Ok(fragment(EVERY_S, &say, &lists))
}

/// What changes, and the same in a few words.
async fn lists(dashboard: &Dashboard, guest: &Guest, asked: &Fields) -> Result<(String, Markup), Problem> {
    let app = &dashboard.app;
    let after = asked.get(AFTER).map(str::parse::<CrawlId>).transpose();
    let after = after.map_err(|_| Problem::bad_request("that is no place in the list"))?;
    let (under_way, more) = calls::find(app, &guest.caller, None, MAX_UNDER_WAY, |state| !state.is_over()).await?;
    let (over, next) = calls::find(app, &guest.caller, after, PER_PAGE, CrawlState::is_over).await?;
    let counts = app.crawls.board.counts(|shown| guest.caller.may_see(&shown.entry.owner));
    let counts: Vec<String> =
        counts.iter().filter(|(_, n)| **n > 0).map(|(state, n)| format!("{n} {}", state_word(*state))).collect();
    let say = if counts.is_empty() { "no crawls".to_owned() } else { counts.join(", ") };
    let now = app.clock.now();
    let with_owner = guest.caller.scopes.admin && app.door.borrow().anybody().is_none();
    let markup = html! {
        p #summary.faint data-part { (say) }
        section #under-way aria-labelledby="under-way-heading" data-part {
            h2 #under-way-heading { "Under way" }
            (table(&under_way, false, now, with_owner))
            @if more.is_some() { p.faint { "The newest " (MAX_UNDER_WAY) " are shown." } }
        }
        section #over aria-labelledby="over-heading" data-part {
            h2 #over-heading { "Over" }
            (table(&over, true, now, with_owner))
            @if after.is_some() || next.is_some() {
                nav.pager aria-label="Crawls that are over" {
                    @if after.is_some() { a href="/" { "Newest" } }
                    @if let Some(next) = next { a href={ "/?" (AFTER) "=" (next) } { "Older" } }
                }
            }
        }
    };
    Ok((say, markup))
}

fn table(crawls: &[(Shown, Crawl)], is_over: bool, now: Timestamp, with_owner: bool) -> Markup {
    let (name, last, none) = if is_over {
        ("Crawls that are over", "Ended", "None yet.")
    } else {
        (
            "Crawls under way",
            "Waits for",
            "None. Those that wait, run or are paused are shown here; the form begins one.",
        )
    };
    if crawls.is_empty() {
        return html! { p.none { (none) } };
    }
    // A narrow window shows each row as a card, for which style takes the table's parts out of their roles.
    html! {
        table.cards role="table" aria-label=(name) {
            thead role="rowgroup" {
                tr role="row" {
                    @for column in ["Crawl", "State", "URLs done", "Pages", last] {
                        th scope="col" role="columnheader" { (column) }
                    }
                }
            }
            tbody role="rowgroup" {
                @for (shown, crawl) in crawls { (row(shown, crawl.counts.as_ref(), last, now, with_owner)) }
            }
        }
    }
}

fn row(shown: &Shown, counts: Option<&Counts>, last: &str, now: Timestamp, with_owner: bool) -> Markup {
    let entry = &shown.entry;
    let speed = shown.live.as_ref().and_then(|live| live.history.rate(now));
    html! {
        tr role="row" {
            th scope="row" role="rowheader" {
                a href={ "/crawls/" (entry.id) } { bdi { (called(shown)) } }
                small { (ago(now, entry.created_at)) @if with_owner { ", by " bdi { (entry.owner) } } }
            }
            td role="cell" { (badge(shown.state())) }
            td role="cell" data-label="URLs done" { @if let Some(counts) = counts { (progress(counts)) } @else { "–" } }
            td.n role="cell" data-label="Pages" {
                @if let Some(counts) = counts { (count(counts.fetched + counts.not_modified)) } @else { "–" }
                @if let Some(speed) = speed { small { (rate(speed)) } }
            }
            td role="cell" data-label=(last) { (waits_for(shown, now)) }
        }
    }
}

/// What a crawl is called: never nothing.
pub(super) fn called(shown: &Shown) -> Cow<'_, str> {
    if shown.name.is_empty() { "(without a name)".into() } else { cut(&shown.name, MAX_NAME_CHARS) }
}

fn progress(counts: &Counts) -> Markup {
    let done = counts.discovered.saturating_sub(counts.pending);
    let told = format!("{} of {}", count(done), count(counts.discovered));
    html! {
        progress aria-label={ (told) " URLs done" } value=(done) max=(counts.discovered.max(1)) {}
        small { (told) @if counts.failed > 0 { ", " (count(counts.failed)) " failed" } }
    }
}

fn waits_for(shown: &Shown, now: Timestamp) -> Markup {
    match (&shown.live, shown.state()) {
        (Some(live), _) => waiting(&live.picture.borrow(), now),
        (None, CrawlState::Queued) => html! { "a place among those that run" },
        (None, CrawlState::Running) => html! { "its folder" },
        (None, CrawlState::Paused) => html! { "somebody to resume it" },
        (None, _) => match shown.entry.ended.as_ref() {
            Some(ended) => ago(now, ended.at),
            None => html! { "–" },
        },
    }
}

/// Hosts that are waited for, by why.
fn waiting(progress: &Progress, now: Timestamp) -> Markup {
    html! {
        (hosts_waited_for(progress))
        @if let Some(at) = progress.next_at { small { "next " (ahead(now, at)) } }
    }
}

/// The same without until when.
pub(super) fn hosts_waited_for(progress: &Progress) -> String {
    let mut why: Vec<_> = progress.waiting.iter().filter(|(_, n)| **n > 0).collect();
    why.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
    let why: Vec<String> = why.iter().map(|(why, n)| format!("{} for {why}", plural(**n as u64, "host"))).collect();
    if why.is_empty() { "nothing".to_owned() } else { why.join(", ") }
}
