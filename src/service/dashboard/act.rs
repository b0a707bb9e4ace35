//! What the buttons of a crawl do.

use axum::{
    extract::{Path, State},
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};

use super::{
    Dashboard, calls, crawl,
    gate::{Guest, Looks, Posted},
    page::{token, with_status},
};
use crate::service::{
    board::{Shown, State as CrawlState},
    door::Need,
    ledger::Act,
    problem::Problem,
};

/// The word of the one that has to be asked for twice.
const DELETE: &str = "delete";

/// What may sensibly be done to a crawl in some state: words of paths and of buttons.
fn sensible(state: CrawlState) -> &'static [(&'static str, &'static str)] {
    use CrawlState::{Cancelled, Cancelling, Failed, Finished, LimitReached, Paused, Pausing, Queued, Running};
    match state {
        Queued | Running => &[("pause", "Pause"), ("cancel", "Cancel")],
        Paused | Pausing => &[("resume", "Resume"), ("cancel", "Cancel")],
        Cancelling => &[],
        Cancelled | Failed => &[("resume", "Resume")],
        LimitReached => &[("resume", "Resume"), ("recrawl", "Recrawl")],
        Finished => &[("recrawl", "Recrawl")],
    }
}

/// The buttons.
pub(super) fn buttons(guest: &Guest, shown: &Shown) -> Markup {
    if !guest.may(Need::Crawl) {
        return html! {};
    }
    let (state, id) = (shown.state(), shown.entry.id);
    let can_be_deleted = shown.live.is_none() && !matches!(state, CrawlState::Running | CrawlState::Cancelling);
    html! {
        div.actions {
            @for (word, label) in sensible(state) {
                form method="post" action={ "/crawls/" (id) "/" (word) } {
                    (token(guest))
                    button.plain id={ "act-" (word) } type="submit" { (label) }
                }
            }
            @if can_be_deleted {
                details #delete {
                    summary { "Delete…" }
                    form method="post" action={ "/crawls/" (id) "/" (DELETE) } {
                        (token(guest))
                        p { "With all that it has written. This can't be undone." }
                        button.danger #act-delete type="submit" { "Delete it for good" }
                    }
                }
            }
        }
    }
}

pub(super) async fn act(
    State(dashboard): State<Dashboard>,
    looks: Looks,
    Path((id, word)): Path<(String, String)>,
    _: Posted,
) -> Result<Response, Problem> {
    let act = match word.as_str() {
        "pause" => Act::Pause,
        "resume" => Act::Resume,
        "cancel" => Act::Cancel,
        "recrawl" => Act::Recrawl,
        DELETE => {
            let removed = calls::remove(&dashboard.app, &looks.caller, &id, None).await;
            return answer(&dashboard, &looks, &id, removed, "/").await;
        }
        _ => return Err(Problem::not_found("there is no such thing to do")),
    };
    let done = calls::control(&dashboard.app, &looks.caller, &id, None, act).await;
    answer(&dashboard, &looks, &id, done.map(drop), &format!("/crawls/{id}")).await
}

/// Sends the browser on, or shows the crawl and why nothing was done.
async fn answer(
    dashboard: &Dashboard,
    guest: &Guest,
    id: &str,
    done: Result<(), Problem>,
    next: &str,
) -> Result<Response, Problem> {
    match done {
        Ok(()) => Ok(Redirect::to(next).into_response()),
        Err(problem) => {
            let page = crawl::show_with(dashboard, guest, id, Some(&problem)).await?;
            Ok(with_status(problem.code(), page))
        }
    }
}
