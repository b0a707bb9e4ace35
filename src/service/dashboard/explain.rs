//! Why a URL of a crawl was fetched or was not, for people: the conclusion first, then the chain of decisions.

use std::time::Duration;

use axum::{
    extract::{Path, State},
    response::Response,
};
use maud::{Markup, html};
use serde_json::Value as Json;

use super::{
    Dashboard, calls, crawls,
    fetch::fact,
    gate::{Asked, Looks},
    page::{Page, page},
    words::{link, plural, span},
};
use crate::{
    engine::explain::{Explanation, FrontierView, HostView, RobotsView, ScopeView},
    report::{count, moment},
    service::problem::Problem,
};

/// The form.
pub(super) fn form(id: &str, url: &str) -> Markup {
    html! {
        form.line.card method="get" action={ "/crawls/" (id) "/explain" } {
            div.field {
                label for="explain-url" { "A URL of this crawl, or one that you miss in it" }
                input #explain-url name="url" value=(url) required placeholder="https://example.com/page" autocomplete="off" spellcheck="false";
            }
            button type="submit" { "Explain" }
        }
    }
}

pub(super) async fn show(
    State(dashboard): State<Dashboard>,
    looks: Looks,
    Path(id): Path<String>,
    Asked(asked): Asked,
) -> Result<Response, Problem> {
    let shown = calls::crawl(&dashboard.app, &looks.caller, &id)?;
    let url = asked.typed("url").trim();
    let told = match url {
        "" => None,
        url => calls::explained(&dashboard.app, &looks.caller, &id, url.to_owned()).await?,
    };
    let (id, name) = (shown.entry.id.to_string(), crawls::called(&shown));
    let body = html! {
        p.crumbs { a href="/" { "Crawls" } " / " a href={ "/crawls/" (id) } { bdi { (name) } } }
        h1 { "Why, or why not?" }
        (form(&id, url))
        @if let Some(told) = &told { (explanation(told)) }
    };
    Ok(page(&looks, Page { title: "Explain a URL", at: "/", live: None, body }))
}

fn explanation(it: &Explanation) -> Markup {
    html! {
        section aria-labelledby="answer" {
            h2 #answer { "Answer" }
            p.conclusion { bdi { (it.conclusion) } }
            dl.told {
                (fact("URL", link(&it.url)))
                @if let Some(error) = &it.error { (fact("No page", html! { bdi { (error) } })) }
                @if let Some(canonical) = &it.canonical {
                    (fact("Canonical", html! {
                        (link(canonical))
                        @for change in &it.changes {
                            small { (change.rule) ": " bdi { (change.before) } " → " bdi { (if change.after.is_empty() { "(nothing)" } else { &change.after }) } }
                        }
                    }))
                }
                @if let Some(scope) = &it.scope { (fact("Scope", of_scope(scope))) }
                @if let Some(robots) = &it.robots { (fact("robots.txt", of_robots(robots))) }
                @if let Some(frontier) = &it.frontier { (fact("Frontier", of_frontier(frontier))) }
                @if let Some(host) = &it.host { (fact("Host", of_host(host))) }
                @for budget in &it.budgets {
                    (fact(budget.key, html! { (count(budget.used)) " of " (count(budget.limit)) " used, " (count(budget.left)) " left" }))
                }
                @if let Some(at) = &it.not_before { (fact("Not before", html! { (moment(at)) })) }
                @if let Some(record) = &it.last { (fact("Record", of_record(record))) }
                @if let Some(unseen) = &it.unseen_state { (fact("State", html! { (unseen) })) }
                @for note in &it.notes { (fact("Note", html! { bdi { (note) } })) }
            }
        }
    }
}

fn of_scope(scope: &ScopeView) -> Markup {
    html! {
        @if scope.allowed { "may be visited" } @else {
            "refused, " (scope.reason.map_or("out-of-scope", |reason| reason.as_str()))
            @if let Some(rule) = &scope.rule { ": " code { (rule) } }
        }
        @for check in scope.checks.iter().filter(|check| !check.ends_with(": passed")) { small { bdi { (check) } } }
    }
}

fn of_robots(robots: &RobotsView) -> Markup {
    html! {
        @match robots.allowed { Some(true) => "allowed", Some(false) => "disallowed", None => "not known" }
        @if let (Some(line), Some(rule)) = (robots.line, &robots.rule) { " by line " (line) ": " code { (rule) } } @else { " (" (robots.standing) ")" }
        small { bdi { (robots.origin) } "/robots.txt" @if let Some(until) = &robots.expires_at { ", good until " (moment(until)) } }
        @if let Some(delay) = robots.crawl_delay_s { small { "crawl-delay " (delay) " s" } }
    }
}

fn of_frontier(frontier: &FrontierView) -> Markup {
    html! {
        (frontier.state)
        @if let Some(n) = frontier.n_before { ", " (count(n)) " before it in its host's queue" }
        @if let Some(depth) = frontier.depth {
            small { "depth " (depth) ", " @match &frontier.via { Some(via) => { "found on " (link(via)) }, None => "a seed" } }
        }
        @for hop in &frontier.redirects { small { "redirected by " (link(hop.url.as_str())) " (" (hop.status) ")" } }
        @if let (Some(attempts @ 1..), Some(at)) = (frontier.attempts, &frontier.retry_at) {
            small { (plural(attempts.into(), "attempt")) " so far, again at " (moment(at)) }
        }
    }
}

fn of_host(host: &HostView) -> Markup {
    html! {
        bdi { (host.host) } ": " (count(host.fetched)) " fetched, " (plural(host.connections.into(), "connection")) ", " (span(Duration::try_from_secs_f64(host.interval_s).unwrap_or_default())) " between requests"
        small { "may be asked " @if host.wait_s > 0.0 { "at " (moment(&host.not_before)) } @else { "now" } }
        @if let Some(why) = &host.backoff { small { "backing off: " bdi { (why) } "; " (plural(host.errors_in_row.into(), "failure")) " in a row" } }
        @if let Some(until) = &host.quiet_until { small { "quiet hours until " (moment(until)) } }
        @if !host.may_retry { small { "its budget of retries is used up" } }
        @if host.given_up { small { "given up" } }
        @if let Some(rule) = &host.retired { small { bdi { (rule) } } }
    }
}

fn of_record(record: &Json) -> Markup {
    let text = |key: &str| record.get(key).and_then(Json::as_str);
    html! {
        (text("outcome").unwrap_or_default())
        @if let Some(status) = record.get("status").and_then(Json::as_u64) { ", " (status) }
        @for key in ["reason", "content_type"] { @if let Some(text) = text(key) { ", " bdi { (text) } } }
        @for key in ["rule", "error", "title"] { @if let Some(text) = text(key) { small { bdi { (text) } } } }
    }
}
