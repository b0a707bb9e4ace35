//! Crawls: begin, list, read, change, control, delete.

use axum::{
    Json,
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value as Json_;
use sha2::{Digest, Sha256};

use super::{
    App,
    endpoint::Caller,
    extract::{self, Asked},
    model::{Crawl, CrawlList, SeedsAdded},
    outputs,
};
use crate::{
    address::Canonicalizer,
    config::{Document, Settings},
    service::{
        board::{Shown, State as CrawlState},
        door::Caller as Guest,
        foreman::NewCrawl,
        ledger::{Act, Change, CrawlId, Idempotency},
        problem::Problem,
    },
};

/// Priority of a crawl that has none.
pub(crate) const PRIORITY: u8 = 5;
const MAX_PRIORITY: u8 = 9;
/// Crawls in a page of the list, unless asked for less or more, and at most.
const PER_PAGE: usize = 50;
const MAX_PER_PAGE: usize = 500;
/// Longest word for a call.
const MAX_CALL_BYTES: usize = 255;
/// Most seeds in one call.
const MAX_SEEDS: usize = 10_000;

/// How a crawl is begun.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateQuery {
    /// Of those that wait, the ones with more go first.
    #[schemars(range(min = 0, max = 9))]
    priority: Option<u8>,
    /// Not to begin before it is resumed.
    #[serde(default)]
    paused: bool,
}

/// Which crawls are listed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    /// Only those in this state.
    state: Option<CrawlState>,
    /// `next` of the page before.
    cursor: Option<String>,
    /// At most so many.
    #[schemars(range(min = 1, max = 500))]
    limit: Option<usize>,
}

/// What is changed of a crawl beside its document.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeQuery {
    /// Of those that wait, the ones with more go first.
    #[schemars(range(min = 0, max = 9))]
    priority: Option<u8>,
}

/// Seeds for a crawl that has begun.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MoreSeeds {
    /// URLs of pages.
    #[schemars(length(min = 1, max = 10_000))]
    urls: Vec<String>,
}

pub(super) fn checked(priority: Option<u8>) -> Result<Option<u8>, Problem> {
    match priority {
        Some(priority) if priority > MAX_PRIORITY => {
            Err(Problem::bad_request(format!("a priority is a number from 0 to {MAX_PRIORITY}")))
        }
        priority => Ok(priority),
    }
}

pub(super) async fn create(
    State(app): State<App>,
    caller: Caller,
    Asked(asked): Asked<CreateQuery>,
    request: Request,
) -> Result<Response, Problem> {
    let priority = checked(asked.priority)?.unwrap_or(PRIORITY);
    let word = word(request.headers())?;
    let document = extract::document(&app, request).await?;
    let call = word.map(|key| Idempotency { key, digest: digest(document.tree(), priority, asked.paused) });
    let (shown, is_new) = begin(&app, &caller, &document, priority, asked.paused, call).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    let mut response = (status, tagged(&shown, whole(&app, &shown).await)).into_response();
    let place = format!("/v1/crawls/{}", shown.entry.id);
    response.headers_mut().insert(header::LOCATION, HeaderValue::try_from(place).expect("an id is ASCII"));
    Ok(response)
}

/// A new crawl of this caller's, or the one that the same call has made before; and whether it is new.
pub(crate) async fn begin(
    app: &App,
    caller: &Guest,
    document: &Document,
    priority: u8,
    is_paused: bool,
    idempotency: Option<Idempotency>,
) -> Result<(Shown, bool), Problem> {
    judge(app, document.clone()).await?;
    let (owner, document, most) = (caller.name.to_string(), document.tree().clone(), caller.crawls);
    let new = NewCrawl { owner, priority, document, is_paused, idempotency, most };
    Ok(app.crawls.create(new).await?)
}

/// What the caller calls the call (draft-ietf-httpapi-idempotency-key-header).
fn word(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let word = value.to_str().ok().filter(|word| !word.is_empty() && word.len() <= MAX_CALL_BYTES);
    let wrong =
        || Problem::bad_request(format!("an Idempotency-Key has 1 to {MAX_CALL_BYTES} visible ASCII characters"));
    word.map(|word| Some(word.to_owned())).ok_or_else(wrong)
}

fn digest(document: &Json_, priority: u8, is_paused: bool) -> String {
    let digest = Sha256::digest(format!("{priority} {is_paused} {document}"));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Tells all that is wrong with a document. Patterns are compiled, which takes a while: a few documents at a time.
pub(super) async fn judge(app: &App, document: Document) -> Result<Settings, Problem> {
    let base = app.base.borrow().clone();
    let place = app.judges.free().acquire_owned().await;
    let judged = tokio::task::spawn_blocking(move || {
        let _place = place;
        base.crawl(&document, std::path::Path::new("out")).map_err(|errors| Problem::document(&errors))
    });
    judged.await.map_err(|error| Problem::internal("the document can't be judged", &error))?
}

pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Asked(asked): Asked<ListQuery>,
) -> Result<Json<CrawlList>, Problem> {
    let after = asked.cursor.as_deref().map(str::parse::<CrawlId>).transpose();
    let after = after.map_err(|_| Problem::bad_request("the cursor is not one of this list"))?;
    let most = asked.limit.unwrap_or(PER_PAGE);
    if !(1..=MAX_PER_PAGE).contains(&most) {
        return Err(Problem::bad_request(format!("the limit is a number from 1 to {MAX_PER_PAGE}")));
    }
    let (found, next) = find(&app, &caller, after, most, |state| asked.state.is_none_or(|it| state == it)).await?;
    let crawls = found.into_iter().map(|(_, crawl)| crawl).collect();
    Ok(Json(CrawlList { crawls, next: next.map(|id| id.to_string()) }))
}

/// Up to `most` crawls after `after` that this caller may see and whose state fits, newest first; and after which to go
/// on, if there are more.
pub(crate) async fn find(
    app: &App,
    caller: &Guest,
    after: Option<CrawlId>,
    most: usize,
    fits: impl Fn(CrawlState) -> bool,
) -> Result<(Vec<(Shown, Crawl)>, Option<CrawlId>), Problem> {
    let fits = |shown: &Shown| caller.may_see(&shown.entry.owner) && fits(shown.state());
    let mut found = app.crawls.board.list(after, most + 1, fits);
    let is_more = found.len() > most;
    found.truncate(most);
    let next = found.last().filter(|_| is_more).map(|shown| shown.entry.id);
    let shelf = app.crawls.shelf.clone();
    let told = tokio::task::spawn_blocking(move || {
        let tell = |shown: Shown| {
            let mut crawl = Crawl::of(&shown);
            if crawl.counts.is_none() {
                crawl.counts = outputs::counts(&shelf.out(shown.entry.id));
            }
            (shown, crawl)
        };
        found.into_iter().map(tell).collect()
    });
    Ok((told.await.map_err(|error| Problem::internal("the crawls can't be listed", &error))?, next))
}

/// A crawl with all that is known of it.
async fn whole(app: &App, shown: &Shown) -> Crawl {
    let mut crawl = Crawl::of(shown);
    crawl.document = Some(shown.entry.document.clone());
    crawl.more_seeds = Some(shown.entry.more_seeds.clone()).filter(|seeds| !seeds.is_empty());
    if crawl.counts.is_none() {
        let out = app.crawls.shelf.out(shown.entry.id);
        crawl.counts = tokio::task::spawn_blocking(move || outputs::counts(&out)).await.unwrap_or_default();
    }
    crawl
}

fn tag(shown: &Shown) -> HeaderValue {
    HeaderValue::try_from(format!("\"{}\"", shown.entry.revision)).expect("a number is ASCII")
}

fn tagged<T: serde::Serialize>(shown: &Shown, body: T) -> Response {
    ([(header::ETAG, tag(shown))], Json(body)).into_response()
}

pub(super) async fn read(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let shown = extract::crawl(&app, &caller, &id)?;
    // What is not over changes without a new revision: its counts do.
    let is_known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| *known == tag(&shown));
    if is_known && shown.state().is_over() {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag(&shown))]).into_response());
    }
    let crawl = whole(&app, &shown).await;
    Ok(tagged(&shown, crawl))
}

pub(super) async fn change(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Asked(asked): Asked<ChangeQuery>,
    request: Request,
) -> Result<Response, Problem> {
    let shown = extract::crawl(&app, &caller, &id)?;
    let revision = extract::if_match(request.headers(), shown.entry.revision);
    let patch = extract::document(&app, request).await?;
    let mut tree = shown.entry.document.clone();
    merge(&mut tree, patch.tree());
    let document = Document::of(tree);
    let after = judge(&app, document.clone()).await?;
    // As the operator has it by now the old one may be wrong, and this is how it is mended; the folder knows what it is.
    let before = judge(&app, Document::of(shown.entry.document.clone())).await;
    let differences = before.map(|before| before.identity.differences(&after.identity)).unwrap_or_default();
    if !differences.is_empty() {
        let detail = format!("that would be another crawl: {}", differences.join("; "));
        return Err(Problem::unprocessable(detail));
    }
    let document = Some(document.tree().clone()).filter(|tree| *tree != shown.entry.document);
    let change = Change { priority: checked(asked.priority)?, document };
    // The patch was laid over what was just read.
    let revision = revision.or_else(|| change.document.is_some().then_some(shown.entry.revision));
    answer(&app, app.crawls.act(shown.entry.id, revision, Act::Change(change)).await?).await
}

/// RFC 7396.
fn merge(target: &mut Json_, patch: &Json_) {
    let Json_::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Json_::Object(serde_json::Map::new());
    }
    let Some(target) = target.as_object_mut() else { return };
    for (key, value) in patch {
        if value.is_null() {
            target.remove(key);
        } else {
            merge(target.entry(key.clone()).or_insert(Json_::Null), value);
        }
    }
}

async fn answer(app: &App, shown: Shown) -> Result<Response, Problem> {
    let crawl = whole(app, &shown).await;
    Ok(tagged(&shown, crawl))
}

async fn act(app: &App, caller: &Caller, id: &str, headers: &HeaderMap, act: Act) -> Result<Response, Problem> {
    let shown = extract::crawl(app, caller, id)?;
    let revision = extract::if_match(headers, shown.entry.revision);
    answer(app, control(app, caller, id, revision, act).await?).await
}

/// Does something to a crawl of this caller's; if a revision is given, only if it is still at that.
pub(crate) async fn control(
    app: &App,
    caller: &Guest,
    id: &str,
    revision: Option<u64>,
    act: Act,
) -> Result<Shown, Problem> {
    let shown = extract::crawl(app, caller, id)?;
    Ok(app.crawls.act(shown.entry.id, revision, act).await?)
}

/// Does away with a crawl of this caller's, on the same condition.
pub(crate) async fn remove(app: &App, caller: &Guest, id: &str, revision: Option<u64>) -> Result<(), Problem> {
    let shown = extract::crawl(app, caller, id)?;
    Ok(app.crawls.delete(shown.entry.id, revision).await?)
}

type Call = (State<App>, Caller, Path<String>, HeaderMap);

pub(super) async fn pause(call: Call) -> Result<Response, Problem> {
    let (State(app), caller, Path(id), headers) = call;
    act(&app, &caller, &id, &headers, Act::Pause).await
}

pub(super) async fn resume(call: Call) -> Result<Response, Problem> {
    let (State(app), caller, Path(id), headers) = call;
    act(&app, &caller, &id, &headers, Act::Resume).await
}

pub(super) async fn cancel(call: Call) -> Result<Response, Problem> {
    let (State(app), caller, Path(id), headers) = call;
    act(&app, &caller, &id, &headers, Act::Cancel).await
}

pub(super) async fn recrawl(call: Call) -> Result<Response, Problem> {
    let (State(app), caller, Path(id), headers) = call;
    act(&app, &caller, &id, &headers, Act::Recrawl).await
}

pub(super) async fn add_seeds(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let shown = extract::crawl(&app, &caller, &id)?;
    let revision = extract::if_match(request.headers(), shown.entry.revision);
    let MoreSeeds { urls } = extract::json(&app, request).await?;
    if urls.is_empty() || urls.len() > MAX_SEEDS {
        return Err(Problem::unprocessable(format!("expected 1 to {MAX_SEEDS} URLs")));
    }
    let settings = judge(&app, Document::of(shown.entry.document.clone())).await?;
    let canonicalizer = Canonicalizer::new(&settings.canonical);
    let mut seeds = Vec::new();
    for (n, url) in urls.iter().enumerate() {
        let seed = canonicalizer.parse(url);
        let seed = seed.map_err(|error| Problem::unprocessable(format!("urls[{n}] is no URL to crawl: {error}")))?;
        if settings.is_public(&seed) && !settings.can_be_reached() {
            return Err(Problem::unprocessable(format!(
                "urls[{n}]: job.contact is needed to crawl the public internet"
            )));
        }
        seeds.push(seed.as_str().to_owned());
    }
    let n_before = shown.entry.more_seeds.len();
    let shown = app.crawls.act(shown.entry.id, revision, Act::AddSeeds(seeds)).await?;
    let added = shown.entry.more_seeds.len().saturating_sub(n_before);
    let crawl = whole(&app, &shown).await;
    Ok(tagged(&shown, SeedsAdded { added, crawl }))
}

pub(super) async fn delete(call: Call) -> Result<StatusCode, Problem> {
    let (State(app), caller, Path(id), headers) = call;
    let shown = extract::crawl(&app, &caller, &id)?;
    remove(&app, &caller, &id, extract::if_match(&headers, shown.entry.revision)).await?;
    Ok(StatusCode::NO_CONTENT)
}
