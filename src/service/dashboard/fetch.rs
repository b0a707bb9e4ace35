//! One URL, fetched and told for people.

use axum::{extract::State, response::Response};
use maud::{Markup, html};

use super::{
    Dashboard,
    calls::{self, FetchQuery},
    gate::{Asked, Looks},
    page::{Page, alert, page, with_status},
    words::link,
};
use crate::{
    engine::courier::FetchResult,
    report::{Unit, moment},
    service::problem::Problem,
};

/// Beginning of a body that is shown, characters.
const MAX_SHOWN_CHARS: usize = 20_000;

/// The form; what it needs is in the heading beside it.
pub(super) fn form(url: &str) -> Markup {
    html! {
        form.line method="get" action="/fetch" {
            div.field {
                label for="fetch-url" { "URL" }
                input #fetch-url type="url" name="url" value=(url) required placeholder="https://example.com/" autocomplete="off";
            }
            button type="submit" { "Fetch" }
        }
    }
}

pub(super) async fn show(State(dashboard): State<Dashboard>, looks: Looks, Asked(asked): Asked) -> Response {
    let url = asked.typed("url").trim();
    let told = match url {
        "" => None,
        url => Some(calls::fetched(&dashboard.app, &FetchQuery::for_people(url)).await),
    };
    let body = html! {
        h1 { "Fetch a URL" }
        p.faint { "By the rules of crawls: robots.txt first, polite to its host, guarded, from the cache where that is fresh." }
        div.card { (form(url)) }
        @match &told {
            None => {},
            Some(Ok((result, _))) => (result_of(result)),
            Some(Err(problem)) => (alert(problem)),
        }
    };
    let shown = page(&looks, Page { title: "Fetch a URL", at: "/fetch", live: None, body });
    match told {
        Some(Err(problem)) => with_status(Problem::code(&problem), shown),
        _ => shown,
    }
}

fn result_of(result: &FetchResult) -> Markup {
    html! {
        section aria-labelledby="result" {
            h2 #result { "What came of it" }
            dl.told {
                (fact("Outcome", html! {
                    span class={ "swatch " (result.outcome) } aria-hidden="true" {} " " b { (result.outcome) }
                    @if let Some(reason) = &result.reason { ", " (reason) }
                }))
                (fact("URL", link(&result.url)))
                @if let Some(rule) = &result.rule { (fact("Rule", html! { bdi { (rule) } })) }
                @if let Some(error) = &result.error { (fact("In words", html! { bdi { (error) } })) }
                @if let Some(status) = result.status {
                    (fact("Status", html! { (status) @if let Some(version) = &result.http_version { ", " (version) } }))
                }
                @if let Some(last) = result.final_url.as_ref().filter(|last| **last != result.url) { (fact("Asked last", link(last))) }
                @if let Some(kind) = &result.content_type { (fact("Type", html! { bdi { (kind) } })) }
                @if let Some(bytes) = result.body_bytes {
                    (fact("Body", html! {
                        (Unit::Bytes.show(bytes))
                        @if let Some(wire) = result.wire_bytes { ", " (Unit::Bytes.show(wire)) " over the wire" }
                        @if result.truncated.is_some() { ", cut short" }
                    }))
                }
                @if let Some(address) = &result.remote_address { (fact("Address", html! { (address) })) }
                @if let Some(cache) = result.cache { (fact("Cache", html! { (cache) })) }
                (fact("Took", html! { (Unit::Millis.show(result.elapsed_ms)) ", " (result.attempts) @if result.attempts == 1 { " request" } @else { " requests" } }))
                (fact("Over at", html! { (moment(&result.ended_at)) }))
                @if let Some(digest) = &result.digest { (fact("Digest", html! { code { (digest) } })) }
            }
        }
        @if let Some(headers) = &result.headers { (headers_of(headers)) }
        @if let Some(body) = &result.body { (body_of(body)) }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "what is made in place is handed over")]
pub(super) fn fact(name: &str, value: Markup) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

fn headers_of(headers: &std::collections::BTreeMap<String, Vec<String>>) -> Markup {
    html! {
        section aria-labelledby="headers" {
            h2 #headers { "Header fields" }
            dl.told {
                @for (name, values) in headers { @for value in values { (fact(name, html! { bdi { (value) } })) } }
            }
        }
    }
}

fn body_of(body: &str) -> Markup {
    let shown: String = body.chars().take(MAX_SHOWN_CHARS).collect();
    html! {
        section aria-labelledby="body" {
            h2 #body { "Body" }
            details {
                summary { "As text" @if shown.len() < body.len() { ", its beginning" } }
                pre tabindex="0" aria-label="Body as text" { (shown) }
            }
        }
    }
}
