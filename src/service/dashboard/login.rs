//! The way in and out.

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Redirect, Response},
};
use maud::html;

use super::{
    Dashboard,
    gate::{Asked, Guest, Looks, Posted, Wire},
    page::{Page, page, token, with_status},
    words::is_ours,
};
use crate::service::{door::digest_of, problem::Problem};

/// Where to go after signing in.
const NEXT: &str = "next";

pub(super) async fn show(
    State(dashboard): State<Dashboard>,
    looks: Looks,
    uri: Uri,
    headers: HeaderMap,
    Asked(asked): Asked,
) -> Response {
    let is_open = dashboard.app.door.borrow().anybody().is_some();
    if is_open || looks.session.is_some() {
        return Redirect::to("/").into_response();
    }
    form(&looks, Wire::of(&dashboard.app, &uri, &headers), asked.typed(NEXT), None)
}

fn form(guest: &Guest, wire: Wire, next: &str, wrong: Option<&str>) -> Response {
    let body = html! {
        div.narrow {
            h1 { "Sign in" }
            @if let Some(wrong) = wrong { div.alert role="alert" { p #wrong { (wrong) } } }
            form.card method="post" action="/login" {
                (token(guest))
                input type="hidden" name=(NEXT) value=(next);
                // For programs that keep passwords.
                input type="text" name="username" value="dragline" autocomplete="username" hidden;
                div.field {
                    label for="key" { "Key" }
                    input #key type="password" name="key" required autofocus autocomplete="current-password"
                        aria-describedby="key-hint" aria-invalid=[wrong.map(|_| "true")];
                    p #key-hint.hint { "One of those that the daemon's configuration knows; " code { "dragline key" } " makes them." }
                }
                button type="submit" { "Sign in" }
            }
            @if wire == Wire::Unknown {
                p.faint { "If this page's address begins with http://, the browser will not keep you signed in: give the daemon a certificate, or put TLS in front of it." }
            }
        }
    };
    page(guest, Page { title: "Sign in", at: "", live: None, body })
}

pub(super) async fn enter(
    State(dashboard): State<Dashboard>,
    looks: Looks,
    uri: Uri,
    headers: HeaderMap,
    Posted(fields): Posted,
) -> Result<Response, Problem> {
    let (next, wire) = (fields.typed(NEXT), Wire::of(&dashboard.app, &uri, &headers));
    if !dashboard.lobby.may_try() {
        return Err(Problem::too_many("too many keys are being tried", 5));
    }
    let key = digest_of(fields.typed("key").trim().as_bytes());
    let is_known = dashboard.app.door.borrow().owner(&key).is_some();
    if !is_known {
        tracing::warn!("somebody tried to sign in with a key that is not known");
        let told = form(&looks, wire, next, Some("This key is not known."));
        return Ok(with_status(StatusCode::FORBIDDEN, told));
    }
    // Whoever signs in again leaves what he was signed in as.
    looks.session.iter().for_each(|session| dashboard.lobby.close(session));
    let opened = dashboard.lobby.open(key, dashboard.app.clock.now());
    let session = opened.map_err(|error| Problem::internal("no session can be made", &error))?;
    Ok(sent(if is_ours(next) { next } else { "/" }, &wire.set_cookie(Some(&session))))
}

pub(super) async fn leave(
    State(dashboard): State<Dashboard>,
    looks: Looks,
    uri: Uri,
    headers: HeaderMap,
    _: Posted,
) -> Response {
    looks.session.iter().for_each(|session| dashboard.lobby.close(session));
    sent("/login", &Wire::of(&dashboard.app, &uri, &headers).set_cookie(None))
}

fn sent(to: &str, cookie: &str) -> Response {
    let cookie = HeaderValue::try_from(cookie).expect("names, digits and signs are ASCII");
    ([(header::SET_COOKIE, cookie)], Redirect::to(to)).into_response()
}
