//! The daemon itself: whether it takes crawls, what it holds, and its cache.

use axum::{
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};

use super::{
    Dashboard,
    calls::{self, CacheView, Load, Readiness},
    fetch::fact,
    gate::{Fields, Guest, Looks, Posted},
    page::{Page, alert, fragment, page, token, with_status},
    words::{ago, plural},
};
use crate::{
    report::{Unit, count, number},
    service::{door::Need, problem::Problem},
};

/// How often it is looked at anew, seconds.
const EVERY_S: u32 = 3;

pub(super) async fn show(State(dashboard): State<Dashboard>, looks: Looks) -> Response {
    show_with(&dashboard, &looks, &Fields::default(), None).await
}

async fn show_with(dashboard: &Dashboard, guest: &Guest, typed: &Fields, problem: Option<&Problem>) -> Response {
    let has_cache = dashboard.app.surroundings.cache.is_some();
    let body = html! {
        h1 { "Status" }
        @if let Some(problem) = problem { (alert(problem)) }
        (parts(dashboard).await.1)
        @if has_cache && guest.may(Need::Admin) { (purge_form(guest, typed)) }
        section aria-labelledby="programs" {
            h2 #programs { "For programs" }
            p {
                "The same as JSON: " code { "/v1/load" } ", " code { "/v1/cache" } ", " code { "/readyz" } ", " code { "/version" } "; metrics for Prometheus: "
                code { "/metrics" } "; every call: " code { "/openapi.json" } "."
            }
        }
    };
    page(guest, Page { title: "Status", at: "/status", live: Some("/status/live".to_owned()), body })
}

pub(super) async fn live(State(dashboard): State<Dashboard>) -> Response {
    let (say, parts) = parts(&dashboard).await;
    fragment(EVERY_S, &say, &parts)
}

async fn parts(dashboard: &Dashboard) -> (String, Markup) {
    let app = &dashboard.app;
    let (load, ready) = (calls::load(app).await, calls::readiness(app).await);
    let cache = match &app.surroundings.cache {
        Some(_) => calls::cache::view(app).await.ok(),
        None => None,
    };
    let is_well = load.accepting && ready.ready;
    let say = if is_well { "takes crawls" } else { "takes no crawls" };
    let markup = html! {
        div.pair {
            section #daemon-part aria-labelledby="daemon" data-part {
                h2 #daemon { "The daemon" }
                p.state {
                    @if is_well { span.badge.finished { "takes crawls" } } @else { span.badge.failed { "takes no crawls" } }
                    @if let Some(why) = load.why { (why) }
                }
                (of_daemon(dashboard, &load))
                (checks(&ready))
            }
            section #cache-part aria-labelledby="cache" data-part {
                h2 #cache { "Cache" }
                @match &cache {
                    Some(cache) => (of_cache(cache)),
                    None => p.none { "There is none: " code { "cache.enabled" } " turns it on." },
                }
            }
        }
    };
    (say.to_owned(), markup)
}

fn of_daemon(dashboard: &Dashboard, load: &Load) -> Markup {
    let app = &dashboard.app;
    html! {
        dl.told {
            (fact("Version", html! { (env!("CARGO_PKG_VERSION")) }))
            (fact("Started", ago(app.clock.now(), app.started_at)))
            (fact("Crawls running", html! { (load.running) " of " (load.max_running) @if load.idle { small { "another one would begin at once" } } }))
            (fact("Crawls that wait", html! { (load.queued) }))
            (fact("Crawls kept", html! { (count(load.crawls as u64)) " of " (count(load.max_crawls as u64)) }))
            (fact("Hosts remembered", html! { (count(load.hosts as u64)) }))
            (fact("Disk", html! {
                @match load.disk_free_bytes {
                    Some(free) => { (Unit::Bytes.show(free)) " free" }
                    None => "how much is free is not known",
                }
                small { "crawls begin while " (Unit::Bytes.show(load.disk_reserve_bytes)) " or more are (daemon.disk_reserve)" }
            }))
        }
    }
}

fn checks(ready: &Readiness) -> Markup {
    let name = |name: &'static str| match name {
        "foreman" => "The keeper of the crawls answers",
        "data" => "The data folder can be written",
        "disk" => "There is space on the disk",
        "stopping" => "It was not asked to stop",
        other => other,
    };
    html! {
        ul.checks {
            @for check in &ready.checks {
                li {
                    @if check.ok { span.badge.finished { "ok" } } @else { span.badge.failed { "wrong" } }
                    " " (name(check.name)) @if let Some(why) = check.why { ": " (why) }
                }
            }
        }
    }
}

fn of_cache(cache: &CacheView) -> Markup {
    let served = cache.hits + cache.stale + cache.revalidated + cache.collapsed;
    let asked = served + cache.misses;
    html! {
        dl.told {
            (fact("Holds", html! { (plural(cache.urls, "URL")) ", " (Unit::Bytes.show(cache.bytes)) }))
            (fact("Made room", html! { (plural(cache.evicted, "URL")) }))
            (fact("Answered from it", html! {
                @if asked == 0 { "nothing was asked of it yet" } @else { (number(100.0 * served as f64 / asked as f64)) " % of " (plural(asked, "request")) }
            }))
        }
        div.scroll role="region" aria-label="What came of requests" tabindex="0" {
            table.plain {
                caption { "What came of requests since the start" }
                thead { tr { th scope="col" { "Request" } th scope="col" { "Times" } } }
                tbody {
                    @for (name, n) in [
                        ("Fresh in the cache", cache.hits),
                        ("Stale, and good enough", cache.stale),
                        ("Asked whether it has changed: it had not", cache.revalidated),
                        ("Waited for another's exchange", cache.collapsed),
                        ("Not in the cache", cache.misses),
                        ("Not for the cache", cache.bypasses),
                    ] { tr { th scope="row" { (name) } td { (count(n)) } } }
                }
            }
        }
    }
}

fn purge_form(guest: &Guest, typed: &Fields) -> Markup {
    html! {
        section aria-labelledby="purge" {
            h2 #purge { "Have it forget" }
            form.line.card method="post" action="/cache/purge" {
                (token(guest))
                div.field {
                    label for="purge-url" { "One URL" }
                    input #purge-url name="url" value=(typed.typed("url")) required placeholder="https://example.com/" autocomplete="off" spellcheck="false";
                }
                button.plain type="submit" { "Forget it" }
            }
            details {
                summary { "Everything…" }
                form method="post" action="/cache/purge" {
                    (token(guest))
                    input type="hidden" name="all" value="yes";
                    p { "Every answer in the cache is then asked for anew." }
                    button.danger #purge-all type="submit" { "Forget everything" }
                }
            }
        }
    }
}

pub(super) async fn purge(
    State(dashboard): State<Dashboard>,
    looks: Looks,
    Posted(fields): Posted,
) -> Result<Response, Problem> {
    let url = fields.get("url");
    // A form without either is no order to forget everything.
    let purged = if url.is_some() || fields.get("all").is_some() {
        calls::cache::forget(&dashboard.app, url).await
    } else {
        Err(Problem::unprocessable("say which URL"))
    };
    match purged {
        Ok(_) => Ok(Redirect::to("/status").into_response()),
        Err(problem) => {
            let page = show_with(&dashboard, &looks, &fields, Some(&problem)).await;
            Ok(with_status(problem.code(), page))
        }
    }
}
