//! Hosts over all crawls: how often they are asked, for which of them somebody waits and why; and what an operator may
//! do to one.

use std::time::Duration;

use axum::{
    extract::{Path, State},
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};

use super::{
    Dashboard,
    calls::{self, Host},
    crawls::called,
    fetch::fact,
    gate::{Asked, Guest, Looks, Posted},
    page::{Page, alert, fragment, page, token, with_status},
    words::{ahead_of, encoded, plural, span},
};
use crate::{
    clock::Timestamp,
    report::{count, moment},
    service::{door::Need, problem::Problem},
};

/// Hosts on the page; the API lists more.
const MAX_SHOWN: usize = 200;
/// Crawls that are named beside a host.
const MAX_CRAWLS: usize = 5;
/// How often hosts are looked at anew, seconds.
const EVERY_S: u32 = 2;
/// The field that names a host.
const NAME: &str = "name";
/// For how long one is blocked: what it is called, and seconds.
const SPANS: [(&str, u64); 5] = [
    ("an hour", 3600),
    ("a day", 24 * 3600),
    ("a week", 7 * 24 * 3600),
    ("30 days", 30 * 24 * 3600),
    ("a year", 366 * 24 * 3600),
];

pub(super) async fn show(State(dashboard): State<Dashboard>, looks: Looks) -> Response {
    let body = html! {
        h1 { "Hosts" }
        p.faint { "How things stand with those that running crawls are busiest with or wait for, for all crawls together." }
        (parts(&dashboard, &looks).1)
        section aria-labelledby="look-up" {
            h2 #look-up { "Look a host up" }
            form.line.card method="get" action="/host" {
                div.field {
                    label for="host-name" { "Name, as in URLs" }
                    input #host-name name=(NAME) required placeholder="www.example.com" autocomplete="off" autocapitalize="off" spellcheck="false";
                }
                button type="submit" { "Look up" }
            }
        }
    };
    page(&looks, Page { title: "Hosts", at: "/hosts", live: Some("/hosts/live".to_owned()), body })
}

pub(super) async fn live(State(dashboard): State<Dashboard>, looks: Looks) -> Response {
    let (say, parts) = parts(&dashboard, &looks);
    fragment(EVERY_S, &say, &parts)
}

/// What changes, and the same in a few words.
fn parts(dashboard: &Dashboard, guest: &Guest) -> (String, Markup) {
    let (mut hosts, now) = (calls::hosts::listed(&dashboard.app, &guest.caller).hosts, dashboard.app.clock.now());
    let n = hosts.len();
    let n_held = hosts.iter().filter(|host| rank(host) < Rank::Waits).count();
    // Those that somebody may want to do something about come first.
    hosts.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| b.queued.cmp(&a.queued)));
    let told = format!("{}, {} held back", plural(n as u64, "host"), count(n_held as u64));
    let markup = html! {
        section #hosts-part aria-labelledby="hosts-heading" data-part {
            h2 #hosts-heading { "Asked, or waited for" }
            @if hosts.is_empty() {
                p.none { "No crawl is running, so no host is waited for. " a href="/#start" { "Start one" } ", or look a host up below." }
            } @else {
                p.faint { (told) "." }
                (table(dashboard, &hosts[..n.min(MAX_SHOWN)], now))
                @if n > MAX_SHOWN { p.faint { (count((n - MAX_SHOWN) as u64)) " more: the API lists up to 1,000, " code { "/v1/hosts" } "." } }
            }
        }
    };
    // What stands before the colon is news at once, the rest now and then.
    (format!("hosts: {told}"), markup)
}

/// What is the matter with a host, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Blocked,
    Rests,
    Held,
    Waits,
    Fine,
}

fn rank(host: &Host) -> Rank {
    match host {
        Host { blocked_until: Some(_), .. } => Rank::Blocked,
        Host { rests_until: Some(_), .. } => Rank::Rests,
        Host { why: Some(why), .. } if *why != "politeness" && *why != "connections" => Rank::Held,
        Host { why: Some(_), .. } => Rank::Waits,
        _ => Rank::Fine,
    }
}

fn table(dashboard: &Dashboard, hosts: &[Host], now: Timestamp) -> Markup {
    html! {
        table.cards.numbers role="table" aria-label="Hosts" {
            thead role="rowgroup" {
                tr role="row" {
                    @for column in ["Host", "Waits for", "In flight", "Interval", "Queued", "Failures in a row", "Crawls"] {
                        th scope="col" role="columnheader" { (column) }
                    }
                }
            }
            tbody role="rowgroup" {
                @for host in hosts {
                    tr role="row" {
                        th scope="row" role="rowheader" { a href={ "/host?" (NAME) "=" (encoded(&host.host)) } { bdi { (host.host) } } }
                        td.words role="cell" data-label="Waits for" { div { (waits(host, now)) } }
                        td role="cell" data-label="In flight" { (in_flight(host)) }
                        td role="cell" data-label="Interval" { (interval(host)) }
                        td role="cell" data-label="Queued" { @if let Some(n) = host.queued { (count(n as u64)) } @else { "–" } }
                        td role="cell" data-label="Failures" { (host.errors_in_row) }
                        td.words role="cell" data-label="Crawls" { (crawls(dashboard, host)) }
                    }
                }
            }
        }
    }
}

/// What keeps it from being asked, in words.
fn waits(host: &Host, now: Timestamp) -> Markup {
    html! {
        @match (rank(host), &host.blocked_until, &host.rests_until, host.why) {
            (Rank::Blocked, Some(until), ..) => { span.badge.failed { "blocked" } " opens " (ahead_of(now, until)) }
            (Rank::Rests, _, Some(until), _) => { span.badge.paused { "resting" } " may be asked " (ahead_of(now, until)) }
            (_, _, _, Some(why)) => { (why) @if let Some(at) = &host.next_at { ", " (ahead_of(now, at)) } }
            // Whoever waits for no time: for an answer, or for a turn among crawls and hosts.
            _ if host.in_flight > 0 => { "an answer" }
            _ if host.queued > Some(0) => { "its turn" }
            _ => { "nothing" }
        }
    }
}

fn in_flight(host: &Host) -> Markup {
    html! { (host.in_flight) @if let Some(most) = host.connections { " of " (most) } }
}

fn interval(host: &Host) -> Markup {
    html! {
        @match host.interval_ms { Some(ms) => (span(Duration::from_millis(ms))), None => "–" }
        @if host.crawl_delay_ms.is_some() { small { "by crawl-delay" } }
    }
}

/// The caller's crawls that want it, by name.
fn crawls(dashboard: &Dashboard, host: &Host) -> Markup {
    let board = &dashboard.app.crawls.board;
    let named = host.crawls.iter().take(MAX_CRAWLS).filter_map(|id| id.parse().ok().and_then(|id| board.get(id)));
    let n_more = host.crawls.len().saturating_sub(MAX_CRAWLS);
    html! {
        @if host.crawls.is_empty() { "–" } @else {
            ul.names {
                @for shown in named { li { a href={ "/crawls/" (shown.entry.id) } { bdi { (called(&shown)) } } } }
                @if n_more > 0 { li { (n_more) " more" } }
            }
        }
    }
}

pub(super) async fn one(
    State(dashboard): State<Dashboard>,
    looks: Looks,
    Asked(asked): Asked,
) -> Result<Response, Problem> {
    one_with(&dashboard, &looks, asked.typed(NAME).trim(), None)
}

fn one_with(dashboard: &Dashboard, guest: &Guest, name: &str, problem: Option<&Problem>) -> Result<Response, Problem> {
    let host = calls::hosts::seen(&dashboard.app, &guest.caller, name)?;
    let live = format!("/host/live?{NAME}={}", encoded(&host.host));
    let body = html! {
        p.crumbs { a href="/hosts" { "Hosts" } }
        h1 { bdi { (host.host) } }
        @if let Some(problem) = problem { (alert(problem)) }
        (facts(dashboard, &host))
        @if guest.may(Need::Admin) { (buttons(guest, &host)) }
    };
    Ok(page(guest, Page { title: &host.host, at: "/hosts", live: Some(live), body }))
}

pub(super) async fn one_live(
    State(dashboard): State<Dashboard>,
    looks: Looks,
    Asked(asked): Asked,
) -> Result<Response, Problem> {
    let host = calls::hosts::seen(&dashboard.app, &looks.caller, asked.typed(NAME).trim())?;
    let say = match rank(&host) {
        Rank::Blocked => "blocked",
        Rank::Rests => "resting",
        _ => "open",
    };
    Ok(fragment(EVERY_S, say, &facts(&dashboard, &host)))
}

fn facts(dashboard: &Dashboard, host: &Host) -> Markup {
    let now = dashboard.app.clock.now();
    let is_known = host.interval_ms.is_some() || host.jobs > 0;
    html! {
        div #host-part data-part {
            @if !is_known && host.blocked_until.is_none() {
                p.none { "Nobody has asked it lately: nothing is known of it." }
            }
            dl.told {
                (fact("Waits for", waits(host, now)))
                (fact("In flight", in_flight(host)))
                (fact("Interval", interval(host)))
                (fact("Failures in a row", html! { (host.errors_in_row) }))
                @if let Some(until) = &host.rests_until { (fact("Rests until", html! { (moment(until)) })) }
                @if let Some(until) = &host.blocked_until { (fact("Blocked until", html! { (moment(until)) })) }
                @if let Some(n) = host.queued { (fact("Queued in memory", html! { (plural(n as u64, "URL")) })) }
                (fact("Jobs that have it open", html! { (host.jobs) }))
                (fact("Crawls that want it", crawls(dashboard, host)))
            }
        }
    }
}

fn buttons(guest: &Guest, host: &Host) -> Markup {
    let named = html! { (token(guest)) input type="hidden" name=(NAME) value=(host.host); };
    html! {
        section aria-labelledby="do" {
            h2 #do { "What can be done" }
            div.actions {
                form method="post" action="/host/reset" {
                    (named)
                    button.plain #host-reset type="submit" aria-describedby="reset-hint" { "Forget its failures" }
                }
                p #reset-hint.hint { "It is then asked as if it had never failed or asked for a pause; its interval is kept." }
            }
            @if host.blocked_until.is_some() {
                form method="post" action="/host/unblock" {
                    (named)
                    button.plain #host-unblock type="submit" { "Unblock" }
                }
            }
            form.line.card method="post" action="/host/block" {
                (named)
                div.field {
                    label for="seconds" { "Nobody asks it for" }
                    select #seconds name="seconds" { @for (label, seconds) in SPANS { option value=(seconds) { (label) } } }
                }
                button.danger #host-block type="submit" { "Block" }
            }
        }
    }
}

pub(super) async fn act(
    State(dashboard): State<Dashboard>,
    looks: Looks,
    Path(word): Path<String>,
    Posted(fields): Posted,
) -> Result<Response, Problem> {
    let (app, caller, name) = (&dashboard.app, &looks.caller, fields.typed(NAME).trim());
    let done = match word.as_str() {
        "reset" => calls::hosts::pardon(app, caller, name),
        "unblock" => calls::hosts::open(app, caller, name).await,
        "block" => {
            let seconds = fields.get("seconds").map(str::parse::<u64>).transpose();
            let seconds = seconds.map_err(|_| Problem::bad_request("seconds is a number"))?;
            calls::hosts::close(app, caller, name, seconds).await
        }
        _ => return Err(Problem::not_found("there is no such thing to do")),
    };
    match done {
        Ok(host) => Ok(Redirect::to(&format!("/host?{NAME}={}", encoded(&host.host))).into_response()),
        Err(problem) => {
            let page = one_with(&dashboard, &looks, name, Some(&problem))?;
            Ok(with_status(problem.code(), page))
        }
    }
}
