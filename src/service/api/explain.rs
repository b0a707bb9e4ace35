//! Why a URL of a crawl was fetched or was not.

use std::path::Path;

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
    outputs::marks,
    pages::MAX_LOOKED_AT_BYTES,
};
use crate::{
    config::Document,
    engine::explain::Explanation,
    job::explain::answer,
    service::{board::Shown, door::Caller as Guest, problem::Problem},
    sink::{Place, read_records_before},
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
    // Whoever works on the crawl has its state, and what is on disk of its records can be read all the same.
    let scan = shown.live.as_ref().and_then(|_| app.scans.clone().try_acquire_owned().ok());
    let answered = tokio::task::spawn_blocking(move || {
        let mut explanations = answer(&settings, &[url])?;
        if shown.live.is_some() {
            let may_scan = scan.is_some();
            explanations.iter_mut().for_each(|it| take_written(&shown, &out, may_scan, it));
        }
        Ok::<_, crate::job::folder::FolderError>(explanations)
    });
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

/// What is written of a URL of a crawl that runs: its record, if one of the last is.
fn take_written(shown: &Shown, out: &Path, may_scan: bool, it: &mut Explanation) {
    let Some(canonical) = it.canonical.as_ref().filter(|_| it.unseen_state.is_some()) else { return };
    let begin = format!("{{\"url\":{}", json!(canonical));
    let (mut found, mut n_looked_at) = (None, 0);
    let mut each = |line: &[u8], _: Place| {
        n_looked_at += line.len();
        found = line.starts_with(begin.as_bytes()).then(|| serde_json::from_slice::<Value>(line).ok()).flatten();
        found.is_none() && n_looked_at < MAX_LOOKED_AT_BYTES
    };
    let is_read = may_scan && read_records_before(out, &marks(shown, out).1, None, &mut each).is_ok();
    let told = match found {
        Some(record) => {
            it.unseen_state = None;
            return it.take_record(record);
        }
        None if !is_read => "it is being worked on; pause it to look at its state",
        None if n_looked_at >= MAX_LOOKED_AT_BYTES => {
            "it is being worked on, and there is no record among the last ones; pause it to look at its state"
        }
        None => "it is being worked on, and there is no record yet; pause it to look at its queue",
    };
    it.unseen_state = Some(told.to_owned());
    it.conclude();
}
