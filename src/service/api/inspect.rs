//! A robots.txt and a sitemap, as dragline reads them. They are fetched like any URL: politely, guarded, from the cache.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{App, endpoint::Caller, extract::Asked};
use crate::{
    inspect,
    robots::{self, Policy, Standing, Survey},
    service::problem::Problem,
};

/// Entries of a sitemap in an answer, unless asked for less or more, and at most.
const ENTRIES: usize = 1000;
const MAX_ENTRIES: usize = 50_000;

/// Which URL is judged.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RobotsQuery {
    /// A page; its site's robots.txt is asked for.
    url: String,
    /// The product token of the crawler; without, the daemon's own.
    agent: Option<String>,
}

/// Which sitemap is read.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SitemapQuery {
    /// Where it is.
    url: String,
    /// At most so many entries.
    #[schemars(range(min = 1, max = 50_000))]
    limit: Option<usize>,
}

/// What a robots.txt says.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct RobotsAnswer {
    /// Where it is.
    robots_url: String,
    #[serde(flatten)]
    answer: inspect::robots::Answer,
}

pub(super) async fn robots(
    State(app): State<App>,
    _: Caller,
    Asked(asked): Asked<RobotsQuery>,
) -> Result<Json<RobotsAnswer>, Problem> {
    let page = app.desk.url(&asked.url)?;
    let url = page.robots_txt();
    let settings = app.base.borrow().settings().robots.clone();
    let agent = asked.agent.unwrap_or_else(|| settings.agent.clone());
    let response = app.desk.bring(url.clone()).await?;
    let said = robots::Answer { status: response.status, headers: &response.headers, body: &response.body };
    let options = robots::Options { agent: agent.clone(), ..settings };
    let policy = Policy::from_response(&said, app.clock.now(), &options);
    let body: &[u8] = if matches!(policy.standing, Standing::Rules(_)) { &response.body } else { b"" };
    let survey = Survey::of(body, &agent, options.max_bytes);
    let is_unreachable = matches!(policy.standing, Standing::Unreachable);
    let answer = inspect::robots::answer(&survey, is_unreachable, page.as_str());
    let answer =
        inspect::robots::Answer { standing: Some(policy.standing.as_str()), status: Some(response.status), ..answer };
    Ok(Json(RobotsAnswer { robots_url: url.to_string(), answer }))
}

pub(super) async fn sitemap(
    State(app): State<App>,
    _: Caller,
    Asked(asked): Asked<SitemapQuery>,
) -> Result<Json<inspect::sitemap::Answer>, Problem> {
    let most = asked.limit.unwrap_or(ENTRIES);
    if !(1..=MAX_ENTRIES).contains(&most) {
        return Err(Problem::bad_request(format!("the limit is a number from 1 to {MAX_ENTRIES}")));
    }
    let url = app.desk.url(&asked.url)?;
    let response = app.desk.bring(url.clone()).await?;
    if !(200..300).contains(&response.status) {
        return Err(Problem::upstream(format!("the server answered with {}", response.status)));
    }
    let parsed = tokio::task::spawn_blocking(move || {
        let base: &Url = url.as_url();
        let kind = response.headers.get("content-type").and_then(|kind| kind.to_str().ok());
        let mut answer = inspect::sitemap::answer(&response.body, Some(base), kind);
        for entries in [&mut answer.entries, &mut answer.sitemap_entries] {
            answer.truncated |= entries.len() > most;
            entries.truncate(most);
        }
        answer.sitemaps.truncate(most);
        answer
    });
    parsed.await.map(Json).map_err(|error| Problem::internal("the sitemap can't be read", &error))
}
