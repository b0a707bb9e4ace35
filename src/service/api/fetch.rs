//! URLs for callers, through everything that a crawl's URL passes.

use std::{convert::Infallible, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use axum::{
    Json,
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures::{FutureExt, StreamExt, stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    App,
    endpoint::Caller,
    extract::{self, Asked},
    room::{Held, Room},
};
use crate::{
    address::{CanonicalUrl, Canonicalizer},
    clock::Clock,
    config::Settings,
    engine::courier::{Courier, Delivery, Failure, FetchResult, Order, Show},
    service::{places::Places, problem::Problem},
    shutdown::blocking,
};

/// URLs of one call that are under way or wait to be sent.
const AT_ONCE: usize = 16;
/// The same, of a call that wants bodies.
const AT_ONCE_WITH_BODY: usize = 2;
/// For all of one URL, unless asked for less or more, and at most.
const DEADLINE: Duration = Duration::from_secs(60);
/// How long people wait for a page.
const PATIENCE_MS: u64 = 30_000;
const MAX_DEADLINE_MS: u64 = 600_000;
/// From this size on a body is made a result where it can't hold up other tasks.
const LARGE_BODY_BYTES: usize = 256 * 1024;

/// Who fetches, and what is to be known for it.
pub(crate) struct Desk {
    courier: Courier,
    /// Headers for the origins of what is asked for.
    secrets: HeaderMap,
    settings: Arc<Settings>,
    canonicalizer: Canonicalizer,
    /// URLs at once.
    places: Places,
    /// For bodies in answers.
    room: Room,
    clock: Clock,
}

/// What is wanted of one URL.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FetchQuery {
    /// Which.
    url: String,
    /// A kept answer will do if it is no older than this, seconds. Without: as its server says.
    max_age: Option<u64>,
    /// For all of it, waiting included, milliseconds.
    #[schemars(range(min = 1, max = 600_000))]
    deadline_ms: Option<u64>,
    /// Whether the body is in the result.
    #[serde(default)]
    include_body: bool,
    /// `result`: what came of it; `body`: what the server sent, or a problem.
    #[serde(default)]
    form: Form,
}

impl FetchQuery {
    /// One URL, and its body in the result, for somebody who looks on.
    pub(crate) fn for_people(url: &str) -> Self {
        Self { url: url.to_owned(), include_body: true, deadline_ms: Some(PATIENCE_MS), ..Self::default() }
    }
}

/// What the answer is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Form {
    #[default]
    Result,
    Body,
}

/// What is wanted of several.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FetchRequest {
    /// Which (`daemon.batch` at most).
    #[schemars(length(min = 1))]
    urls: Vec<String>,
    /// A kept answer will do if it is no older than this, seconds. Without: as its server says.
    max_age: Option<u64>,
    /// For all of each, waiting included, milliseconds.
    #[schemars(range(min = 1, max = 600_000))]
    deadline_ms: Option<u64>,
    /// Whether bodies are in the results.
    #[serde(default)]
    include_body: bool,
    /// Whether redirects are followed.
    #[serde(default = "yes")]
    follow: bool,
}

fn yes() -> bool {
    true
}

/// What came of several.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct FetchBatch {
    /// One for each URL, in their order.
    results: Vec<FetchResult>,
}

/// How URLs are fetched.
#[derive(Debug, Clone, Copy)]
struct How {
    max_age: Option<u64>,
    deadline: Duration,
    include_body: bool,
    follow: bool,
    /// Whether room for the body in the answer is to be taken.
    takes_room: bool,
}

fn deadline(given: Option<u64>) -> Result<Duration, Problem> {
    match given {
        None => Ok(DEADLINE),
        Some(ms) if (1..=MAX_DEADLINE_MS).contains(&ms) => Ok(Duration::from_millis(ms)),
        Some(_) => Err(Problem::bad_request(format!("deadline_ms is a number from 1 to {MAX_DEADLINE_MS}"))),
    }
}

impl Desk {
    pub(crate) fn new(courier: Courier, secrets: HeaderMap, settings: Arc<Settings>, clock: Clock) -> Self {
        let canonicalizer = Canonicalizer::new(&settings.canonical);
        let places = Places::new(settings.daemon.fetches);
        let room = Room::new(settings.daemon.answer_bytes);
        Self { courier, secrets, settings, canonicalizer, places, room, clock }
    }

    /// The URL that somebody wrote, or the result that says why it is none.
    fn read(&self, url: &str) -> Result<CanonicalUrl, Box<FetchResult>> {
        let now = self.clock.now();
        let shown = || crate::address::redacted(url).chars().take(2048).collect::<String>();
        let read = self.canonicalizer.parse(url);
        let read = read.map_err(|error| Box::new(FetchResult::invalid(shown(), error.to_string(), now)))?;
        if self.settings.is_public(&read) && !self.settings.can_be_reached() {
            let error = "the daemon has no job.contact, so it asks no host of the public internet";
            return Err(Box::new(FetchResult::refused(read.to_string(), "contact-missing", error, now)));
        }
        Ok(read)
    }

    async fn deliver(&self, url: CanonicalUrl, how: How) -> Delivery {
        let mut order = Order::get(url, self.settings.fetch.max_body_bytes);
        order.headers.clone_from(&self.secrets);
        if let Some(seconds) = how.max_age {
            let value = HeaderValue::try_from(format!("max-age={seconds}, max-stale")).expect("a number is ASCII");
            order.headers.insert(header::CACHE_CONTROL, value);
        }
        order.deadline = Some(how.deadline);
        order.follow = how.follow;
        self.courier.deliver(order).await
    }

    /// The URL that a caller wrote.
    ///
    /// # Errors
    /// Why it is none, or why nobody may ask for it.
    pub(super) fn url(&self, url: &str) -> Result<CanonicalUrl, Problem> {
        self.read(url).map_err(|result| Problem::bad_request(format!("url: {}", result.error.unwrap_or_default())))
    }

    /// What a server answers, whatever its status.
    ///
    /// # Errors
    /// Why nobody was asked, or nobody answered.
    pub(super) async fn bring(&self, url: CanonicalUrl) -> Result<crate::fetch::Response, Problem> {
        let _place = self.place(1)?;
        let how = How { max_age: None, deadline: DEADLINE, include_body: false, follow: true, takes_room: false };
        let told = |failure: &Failure| format!("{}: {failure}", failure.reason());
        match self.deliver(url, how).await.result {
            Ok(response) => Ok(response),
            Err(failure) if failure.is_refusal() => Err(Problem::forbidden(told(&failure))),
            Err(failure) => Err(Problem::upstream(told(&failure))),
        }
    }

    /// What came of a URL. Whatever happens, there is a result.
    async fn fetch(&self, url: &str, how: How) -> (FetchResult, Option<Held>) {
        let url = match self.read(url) {
            Ok(url) => url,
            Err(result) => return (*result, None),
        };
        let (text, began) = (url.to_string(), self.clock.now());
        let delivered = AssertUnwindSafe(self.deliver(url, how)).catch_unwind().await;
        let Ok(delivery) = delivered else {
            tracing::error!(url = text, "a fetch panicked; its URL is told as failed");
            return (FetchResult::internal(text, self.clock.now()), None);
        };
        let at = [began, self.clock.now()];
        let show = Show { timings: true, headers: true, redirects: false, cache: true, robots: false, digest: true };
        let conclude = || {
            let mut result = FetchResult::delivered(&delivery, show, self.settings.cache.is_some(), at);
            if let Ok(response) = &delivery.result
                && how.include_body
            {
                result.include(&response.body);
            }
            result
        };
        let size = delivery.result.as_ref().map_or(0, |response| response.body.len());
        let held = if how.takes_room { Some(self.room.take(size).await) } else { None };
        (if size >= LARGE_BODY_BYTES { blocking(conclude) } else { conclude() }, held)
    }

    /// Places for URLs that are taken, and all there are.
    pub(super) fn load(&self) -> (u64, u64) {
        self.places.load()
    }

    /// Bytes that bodies in answers take, and all that they may.
    pub(super) fn room(&self) -> (u64, u64) {
        self.room.load()
    }

    /// As the daemon was started with.
    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    fn place(&self, n: usize) -> Result<tokio::sync::OwnedSemaphorePermit, Problem> {
        let n = u32::try_from(n).unwrap_or(u32::MAX);
        let place = self.places.free().try_acquire_many_owned(n);
        place.map_err(|_| Problem::unavailable("as many URLs are being fetched as may be (daemon.fetches)"))
    }
}

/// What came of one URL, and the room that it takes.
pub(crate) async fn fetched(app: &App, asked: &FetchQuery) -> Result<(FetchResult, Option<Held>), Problem> {
    let _place = app.desk.place(1)?;
    let (result, held) = app.desk.fetch(&asked.url, how(asked)?).await;
    Ok((FetchResult { position: 1, ..result }, held))
}

fn how(asked: &FetchQuery) -> Result<How, Problem> {
    let deadline = deadline(asked.deadline_ms)?;
    let include_body = asked.include_body;
    Ok(How { max_age: asked.max_age, deadline, include_body, follow: true, takes_room: include_body })
}

pub(super) async fn one(
    State(app): State<App>,
    _: Caller,
    Asked(asked): Asked<FetchQuery>,
) -> Result<Response, Problem> {
    if asked.form == Form::Result {
        let (result, held) = fetched(&app, &asked).await?;
        return Ok(match held {
            None => Json(result).into_response(),
            Some(held) => json_text(held.with(text_of(&result))),
        });
    }
    let desk = &app.desk;
    let _place = desk.place(1)?;
    let how = how(&asked)?;
    let url = desk.read(&asked.url).map_err(|result| Problem::bad_request(result.error.unwrap_or_default()))?;
    let delivery = desk.deliver(url, how).await;
    let cache = delivery.last().cache.map_or("miss", crate::fetch::CacheStatus::as_str);
    match delivery.result {
        Ok(response) if (200..300).contains(&response.status) => {
            let kind = response.headers.get(header::CONTENT_TYPE).cloned();
            let kind = kind.unwrap_or(HeaderValue::from_static("application/octet-stream"));
            let held = desk.room.take(response.body.len()).await;
            let mut answer = (StatusCode::OK, held.with(response.body)).into_response();
            answer.headers_mut().insert(header::CONTENT_TYPE, kind);
            answer.headers_mut().insert(HeaderName::from_static("dragline-cache"), HeaderValue::from_static(cache));
            Ok(answer)
        }
        Ok(response) => Err(Problem::upstream(format!("the server answered with {}", response.status))),
        Err(failure) if failure.is_refusal() => Err(Problem::forbidden(format!("{}: {failure}", failure.reason()))),
        Err(failure) => Err(Problem::upstream(format!("{}: {failure}", failure.reason()))),
    }
}

pub(super) async fn batch(State(app): State<App>, _: Caller, request: Request) -> Result<Response, Problem> {
    let asked: FetchRequest = extract::json(&app, request).await?;
    let most = app.base.borrow().settings().daemon.batch;
    if asked.urls.is_empty() || asked.urls.len() > most {
        return Err(Problem::unprocessable(format!("expected 1 to {most} URLs (daemon.batch)")));
    }
    let deadline = deadline(asked.deadline_ms)?;
    let how = How {
        max_age: asked.max_age,
        deadline,
        include_body: asked.include_body,
        follow: asked.follow,
        takes_room: false,
    };
    // Bodies that wait to be sent are in nobody's budget: few at a time, and each for many.
    let (at_once, weight) = if asked.include_body { (AT_ONCE_WITH_BODY, AT_ONCE) } else { (AT_ONCE, 1) };
    let at_once = asked.urls.len().min(at_once);
    let place = app.desk.place((at_once * weight).min(app.desk.settings.daemon.fetches))?;
    // All that a call may need is taken at once: if results in order waited for each other's room, none would end.
    let most = if asked.include_body { at_once * app.desk.settings.fetch.max_body_bytes } else { 0 };
    let held = app.desk.room.try_take(most);
    let held =
        held.ok_or_else(|| Problem::unavailable("bodies are on their way to as many as may be (daemon.answers)"))?;
    // In the order of the call, each sent when those before it are: no more than AT_ONCE are ever in memory.
    let results = stream::iter(asked.urls.into_iter().enumerate()).map(move |(n, url)| {
        let app = app.clone();
        async move {
            let (mut result, _) = app.desk.fetch(&url, how).await;
            result.position = n as u64 + 1;
            let mut text = if n == 0 { Vec::new() } else { vec![b','] };
            text.extend(text_of(&result));
            Bytes::from(text)
        }
    });
    let whole = stream::iter([Bytes::from_static(b"{\"results\":[")])
        .chain(results.buffered(at_once))
        .chain(stream::iter([Bytes::from_static(b"]}")]))
        .map(move |part| {
            let _ = (&place, &held);
            Ok::<_, Infallible>(part)
        });
    Ok(json_text(Body::from_stream(whole)))
}

fn text_of(result: &FetchResult) -> Vec<u8> {
    serde_json::to_vec(result).expect("strings and numbers always serialise")
}

fn json_text(text: impl IntoResponse) -> Response {
    let mut response = text.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
