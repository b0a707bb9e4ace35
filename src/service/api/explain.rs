//! Why a URL of a crawl was fetched or was not.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path as InPath, State},
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    App,
    endpoint::Caller,
    extract::{self, Asked},
};
use crate::{
    address::Canonicalizer,
    config::Document,
    engine::explain::Explanation,
    job::{
        explain::{answer, answer_of_running},
        folder::FolderError,
    },
    service::{door::Caller as Guest, problem::Problem},
};

/// Which URL.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExplainQuery {
    /// As somebody would write it.
    url: String,
}

pub(super) async fn explain(
    State(app): State<App>,
    caller: Caller,
    InPath(id): InPath<String>,
    Asked(asked): Asked<ExplainQuery>,
) -> Result<Json<Value>, Problem> {
    let explanation = explained(&app, &caller, &id, asked.url).await?;
    Ok(Json(explanation.map_or(Value::Null, |it| json!(it))))
}

/// What is known of a URL of a crawl.
pub(crate) async fn explained(
    app: &App,
    caller: &Guest,
    id: &str,
    url: String,
) -> Result<Option<Explanation>, Problem> {
    let shown = extract::crawl(app, caller, id)?;
    // What was done with a URL is looked for in all of the outputs.
    let scan = app.scans.free().try_acquire_owned();
    let scan = scan.map_err(|_| Problem::unavailable("as many outputs are being read through as may be"))?;
    // Whoever reads has a share of it: who asked may go before that ends.
    let scan = Arc::new(scan);
    let base = app.base.borrow().clone();
    let out = app.crawls.shelf.out(shown.entry.id);
    let folder = out.display().to_string();
    let settings = base.crawl(&Document::of(shown.entry.document.clone()), &out);
    let settings = Arc::new(settings.map_err(|errors| Problem::document(&errors))?);
    let unseen = |error: FolderError| Problem::internal("the crawl can't be looked at", &error);
    let seen = match &shown.live {
        Some(live) => {
            answer_of_running(settings.clone(), vec![url.clone()], &live.looks, scan.clone()).await.map_err(unseen)?
        }
        None => None,
    };
    // Nobody works on it, or no longer.
    let explanations = match seen {
        Some(explanations) => explanations,
        None => {
            let answered = tokio::task::spawn_blocking(move || {
                let _scan = scan;
                answer(&settings, &[url])
            });
            let answered = answered.await;
            answered.map_err(|error| Problem::internal("the URL can't be explained", &error))?.map_err(unseen)?
        }
    };
    Ok(explanations.into_iter().next().map(|mut explanation| {
        note_block(app, &mut explanation);
        for note in &mut explanation.notes {
            // Where things lie is nobody's business.
            *note = note.replace(&folder, "its folder");
        }
        explanation
    }))
}

/// That an operator has blocked its host is known to the gate alone.
fn note_block(app: &App, explanation: &mut Explanation) {
    let Some(host) = explanation.canonical.as_ref().and_then(|url| Canonicalizer::default().parse(url).ok()) else {
        return;
    };
    let host = host.host();
    if let Some(until) = app.surroundings.gate.view(&host, app.clock.now()).blocked_until {
        explanation.notes.push(format!("{host} is blocked until {}: nobody asks it before", until.rfc3339()));
    }
}
