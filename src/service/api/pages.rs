//! The records of a crawl, page by page.

use axum::{
    Json,
    extract::{Path as InPath, State},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

use super::{
    App,
    endpoint::Caller,
    extract::{self, Asked},
    outputs::marks,
};
use crate::{
    service::{door::Caller as Guest, problem::Problem},
    sink::{Place, read_records_before, read_records_from},
};

/// Records in an answer, unless asked for less or more, and at most.
const PER_PAGE: usize = 100;
const MAX_PER_PAGE: usize = 1000;
/// Bytes of records in an answer after which it ends.
const MAX_BYTES: usize = 8 << 20;
/// Bytes of records that are looked at for one answer: whoever filters may get few, or none, and a place to go on.
const MAX_LOOKED_AT_BYTES: usize = 64 << 20;

/// In which order records come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PageOrder {
    /// As they were written.
    #[default]
    Oldest,
    /// Those that were written last come first.
    Newest,
}

/// Which records.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PagesQuery {
    /// `next` of the answer before.
    pub(crate) cursor: Option<String>,
    /// At most so many.
    #[schemars(range(min = 1, max = 1000))]
    pub(crate) limit: Option<usize>,
    /// In which order; a cursor is of the list in the same order.
    #[serde(default)]
    pub(crate) order: PageOrder,
    /// Only those that ended so: `fetched`, `not-modified`, `redirected`, `failed`, `refused`.
    pub(crate) outcome: Option<String>,
    /// Only those that failed or were refused for this reason.
    pub(crate) reason: Option<String>,
    /// Only those whose last answer had this status.
    pub(crate) status: Option<u16>,
    /// Only those whose URL has this in it.
    pub(crate) url: Option<String>,
}

/// Some records.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PageList {
    /// As in pages.jsonl.
    #[schemars(with = "Vec<Value>")]
    pub(crate) pages: Vec<Box<RawValue>>,
    /// Where to go on. None when nothing is left and, if the oldest come first, nobody works on the crawl.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

/// What a record is judged by.
#[derive(Deserialize)]
struct Peek<'a> {
    #[serde(borrow)]
    url: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    outcome: std::borrow::Cow<'a, str>,
    #[serde(borrow, default)]
    reason: Option<std::borrow::Cow<'a, str>>,
    #[serde(default)]
    status: Option<u16>,
}

impl PagesQuery {
    fn has_filter(&self) -> bool {
        self.outcome.is_some() || self.reason.is_some() || self.status.is_some() || self.url.is_some()
    }

    fn admits(&self, line: &[u8]) -> bool {
        if !self.has_filter() {
            return true;
        }
        let Ok(record) = serde_json::from_slice::<Peek<'_>>(line) else { return false };
        self.outcome.as_ref().is_none_or(|outcome| *outcome == record.outcome)
            && self.reason.as_ref().is_none_or(|reason| record.reason.as_ref().is_some_and(|its| its == reason))
            && self.status.is_none_or(|status| record.status == Some(status))
            && self.url.as_ref().is_none_or(|part| record.url.contains(part.as_str()))
    }
}

/// The pass whose records a cursor is about: those of another one lie elsewhere.
fn pass_of(cursor: &str) -> Option<u32> {
    cursor.split('-').next()?.parse().ok()
}

fn parse(cursor: &str) -> Option<Place> {
    pass_of(cursor)?;
    let (_, place) = cursor.split_once('-')?;
    let (file, bytes) = place.split_once('-')?;
    Some(Place { file: file.parse().ok()?, bytes: bytes.parse().ok()? })
}

pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    InPath(id): InPath<String>,
    Asked(asked): Asked<PagesQuery>,
) -> Result<Json<PageList>, Problem> {
    read(&app, &caller, &id, asked).await.map(Json)
}

/// Some records of a crawl.
pub(crate) async fn read(app: &App, caller: &Guest, id: &str, asked: PagesQuery) -> Result<PageList, Problem> {
    let shown = extract::crawl(app, caller, id)?;
    let most = asked.limit.unwrap_or(PER_PAGE);
    if !(1..=MAX_PER_PAGE).contains(&most) {
        return Err(Problem::bad_request(format!("the limit is a number from 1 to {MAX_PER_PAGE}")));
    }
    let wrong = || Problem::bad_request("the cursor is not one of this list");
    let place = asked.cursor.as_deref().map(|cursor| parse(cursor).ok_or_else(wrong)).transpose()?;
    let out = app.crawls.shelf.out(shown.entry.id);
    let is_over = shown.state().is_over();
    let scan = app.scans.free().try_acquire_owned();
    let scan = scan.map_err(|_| Problem::unavailable("as many outputs are being read through as may be"))?;
    let of_pass = asked.cursor.as_deref().and_then(pass_of);
    let found = tokio::task::spawn_blocking(move || {
        let _scan = scan;
        let (pass, marks) = marks(&shown, &out);
        if of_pass.is_some_and(|of_pass| of_pass != pass) {
            return Ok(None);
        }
        let (mut pages, mut n_bytes, mut n_looked_at, mut is_cut) = (Vec::new(), 0, 0, false);
        let mut reached = place.unwrap_or_default();
        let mut each = |line: &[u8], next: Place| {
            reached = next;
            n_looked_at += line.len();
            if asked.admits(line)
                && let Ok(record) = serde_json::from_slice::<Box<RawValue>>(line)
            {
                n_bytes += line.len();
                pages.push(record);
            }
            is_cut = pages.len() >= most || n_bytes >= MAX_BYTES || n_looked_at >= MAX_LOOKED_AT_BYTES;
            !is_cut
        };
        let has_more = match asked.order {
            PageOrder::Oldest => {
                read_records_from(&out, &marks, place.unwrap_or_default(), &mut each)?;
                is_cut || !is_over
            }
            PageOrder::Newest => {
                read_records_before(&out, &marks, place, &mut each)?;
                is_cut
            }
        };
        let next = has_more.then(|| format!("{pass}-{}-{}", reached.file, reached.bytes));
        Ok::<_, crate::sink::SinkError>(Some(PageList { pages, next }))
    });
    let found = found.await.map_err(|error| Problem::internal("the records can't be read", &error))?;
    let found = found.map_err(|error| Problem::internal("the records can't be read", &error))?;
    found.ok_or_else(|| Problem::bad_request("the cursor is of an earlier pass, whose records are set aside"))
}
