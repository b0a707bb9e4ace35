//! The frame of all pages, and problems as pages.

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use maud::{DOCTYPE, Markup, html};

use super::{
    assets,
    gate::{FORM_TOKEN, Guest},
};
use crate::service::{door::Need, problem::Problem};

/// What a browser may do with a page: show it, with our style and script, and send its forms back to us.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// A page without its frame.
pub(super) struct Page<'a> {
    pub(super) title: &'a str,
    /// Which of the pages that all others name it belongs to.
    pub(super) at: &'static str,
    /// Where parts of it are fetched anew.
    pub(super) live: Option<String>,
    pub(super) body: Markup,
}

/// The page in its frame.
pub(super) fn page(guest: &Guest, page: Page<'_>) -> Response {
    let Page { title, at, live, body } = page;
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " – dragline" }
                link rel="icon" type="image/svg+xml" href=(assets::ICON.path);
                link rel="stylesheet" href=(assets::STYLE.path);
                script src=(assets::SCRIPT.path) defer {}
            }
            body.dashboard {
                a.skip href="#main" { "Skip to content" }
                header.bar { (bar(guest, at)) }
                main #main data-live=[live] { (body) }
                p #announce.unseen role="status" aria-live="polite" {}
                footer {
                    "dragline " (env!("CARGO_PKG_VERSION")) ". Programs use the API below "
                    code { "/v1" } "; all times are UTC."
                }
            }
        }
    };
    sealed(markup)
}

/// What all pages lead to, and which right each needs.
const NAMED: [(&str, &str, Need); 5] = [
    ("/", "Crawls", Need::Read),
    ("/schedules", "Schedules", Need::Read),
    ("/hosts", "Hosts", Need::Read),
    ("/fetch", "Fetch", Need::Fetch),
    ("/status", "Status", Need::Read),
];

fn bar(guest: &Guest, at: &str) -> Markup {
    html! {
        a.brand href="/" { "dragline" }
        nav aria-label="Pages" {
            @for (path, name, need) in NAMED {
                @if guest.may(need) { a href=(path) aria-current=[(path == at).then_some("page")] { (name) } }
            }
        }
        @if guest.session.is_some() {
            form.out method="post" action="/logout" {
                (token(guest))
                span.faint { "Signed in as " b { bdi { (guest.caller.name) } } }
                button.plain type="submit" { "Sign out" }
            }
        }
    }
}

/// A part of a page that a script puts in place.
pub(super) fn fragment(every_s: u32, say: &str, parts: &Markup) -> Response {
    sealed(html! { div data-every=(every_s) data-say=(say) { (parts) } })
}

fn sealed(markup: Markup) -> Response {
    let mut response = markup.into_string().into_response();
    let fields = response.headers_mut();
    let mut field = |name: HeaderName, value: &'static str| {
        fields.insert(name, HeaderValue::from_static(value));
    };
    field(header::CONTENT_TYPE, "text/html; charset=utf-8");
    field(header::CONTENT_SECURITY_POLICY, POLICY);
    // Without a referrer browsers would send our own forms as of an unknown origin, and the door would refuse them.
    field(header::REFERRER_POLICY, "same-origin");
    field(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    response
}

/// The field by which a form is known as ours.
pub(super) fn token(guest: &Guest) -> Markup {
    html! { input type="hidden" name=(FORM_TOKEN) value=(guest.form_token); }
}

/// What went wrong, in a box that is read out.
pub(super) fn alert(problem: &Problem) -> Markup {
    html! {
        div.alert role="alert" {
            @if problem.errors.is_empty() {
                p { b { (problem.title) ": " } (problem.detail) "." }
            } @else {
                p { b { (problem.title) ":" } }
                ul {
                    @for wrong in &problem.errors {
                        li { (wrong.at) ": " @if !wrong.key.is_empty() { code { (wrong.key) } ": " } (wrong.message) }
                    }
                }
            }
        }
    }
}

/// A problem as a page; anything else as it is.
pub(super) fn of_problem(guest: &Guest, response: Response) -> Response {
    let Some(problem) = response.extensions().get::<Problem>() else { return response };
    let body = html! {
        h1 { (problem.title) }
        p { (problem.detail) "." }
        p { a href="/" { "Back to the start" } }
    };
    let mut dressed = page(guest, Page { title: problem.title, at: "", live: None, body });
    *dressed.status_mut() = response.status();
    for name in [header::RETRY_AFTER, header::CONTENT_RANGE] {
        if let Some(value) = response.headers().get(&name) {
            dressed.headers_mut().insert(name, value.clone());
        }
    }
    dressed
}

/// A page that says no.
pub(super) fn with_status(status: StatusCode, mut response: Response) -> Response {
    *response.status_mut() = status;
    response
}
