//! Why a URL of a crawl was fetched or was not.

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
    config::Document,
    engine::explain::Explanation,
    job::explain::answer,
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
    let base = app.base.borrow().clone();
    let out = app.crawls.shelf.out(shown.entry.id);
    let folder = out.display().to_string();
    let settings = base.crawl(&Document::of(shown.entry.document.clone()), &out);
    let settings = settings.map_err(|errors| Problem::document(&errors))?;
    let answered = tokio::task::spawn_blocking(move || answer(&settings, &[url]));
    let answered = answered.await.map_err(|error| Problem::internal("the URL can't be explained", &error))?;
    let explanations = answered.map_err(|error| Problem::internal("the crawl can't be looked at", &error))?;
    Ok(explanations.into_iter().next().map(|mut explanation| {
        for note in &mut explanation.notes {
            // Where things lie is nobody's business.
            *note = note.replace(&folder, "its folder");
        }
        explanation
    }))
}
