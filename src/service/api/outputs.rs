//! What a crawl has written: receipt, report, records. As it lies on disk.

use std::{
    fs,
    io::{Read, SeekFrom},
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::{
    Json,
    body::Body,
    extract::{Path as InPath, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use super::{App, endpoint::Caller, extract, model::Counts};
use crate::{
    job::folder::{PASSES, RECEIPT, REPORT, passes_in},
    report::Receipt,
    service::{board::Shown, problem::Problem},
    sink::{Mark, is_output_name},
};

/// Longest receipt that is read, bytes.
const MAX_RECEIPT_BYTES: u64 = 64 << 20;

/// The files of a crawl.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct OutputList {
    outputs: Vec<Output>,
}

/// A file of a crawl.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Output {
    /// Its name, and where it can be had: below this path.
    pub(crate) file: String,
    /// How much of it is on disk for good.
    pub(crate) bytes: u64,
}

/// The receipt in a folder, if there is one.
pub(crate) fn read_receipt(out: &Path) -> Option<Receipt> {
    let mut text = String::new();
    fs::File::open(out.join(RECEIPT)).ok()?.take(MAX_RECEIPT_BYTES).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

/// Counts of a crawl that nobody works on.
pub(crate) fn counts(out: &Path) -> Option<Counts> {
    read_receipt(out).map(|receipt| Counts::of_totals(&receipt.totals, receipt.body_bytes))
}

/// How far the outputs of a crawl are, by whoever knows: the one who writes them, the receipt, or the state.
/// And which pass they are of.
pub(super) fn marks(shown: &Shown, out: &Path) -> (u32, Arc<[Mark]>) {
    if let Some(live) = &shown.live {
        return (live.pass, live.outputs.borrow().clone());
    }
    if let Some(receipt) = read_receipt(out) {
        return (receipt.pass, receipt.outputs.into());
    }
    let book = crate::job::folder::glimpse(out).ok().and_then(|seen| {
        let frontier = seen.frontier?.ok()?;
        crate::engine::Book::from_bytes(frontier.book()).ok()
    });
    book.map_or_else(|| (1, Arc::from([])), |book| (book.pass(), book.outputs.into()))
}

pub(crate) async fn receipt(
    State(app): State<App>,
    caller: Caller,
    InPath(id): InPath<String>,
) -> Result<Json<Receipt>, Problem> {
    let shown = extract::crawl(&app, &caller, &id)?;
    let out = app.crawls.shelf.out(shown.entry.id);
    let found = tokio::task::spawn_blocking(move || read_receipt(&out)).await.unwrap_or_default();
    let missing = "there is none while the crawl is being worked on, nor before it has begun";
    found.map(Json).ok_or_else(|| Problem::not_found(missing))
}

pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    InPath(id): InPath<String>,
) -> Result<Json<OutputList>, Problem> {
    let shown = extract::crawl(&app, &caller, &id)?;
    let out = app.crawls.shelf.out(shown.entry.id);
    let outputs = tokio::task::spawn_blocking(move || files(&shown, &out)).await.unwrap_or_default();
    Ok(Json(OutputList { outputs }))
}

pub(crate) fn files(shown: &Shown, out: &Path) -> Vec<Output> {
    let length = |file: &str| fs::metadata(out.join(file)).ok().filter(fs::Metadata::is_file).map(|it| it.len());
    let mut outputs: Vec<Output> =
        marks(shown, out).1.iter().map(|mark| Output { file: mark.file.clone(), bytes: mark.bytes }).collect();
    let mut add = |file: String| outputs.extend(length(&file).map(|bytes| Output { file, bytes }));
    add(RECEIPT.to_owned());
    add(REPORT.to_owned());
    for pass in passes_in(out) {
        let folder = format!("{PASSES}/{pass}");
        let names = fs::read_dir(out.join(&folder)).into_iter().flatten().filter_map(Result::ok);
        let mut names: Vec<String> = names.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort_unstable();
        names.into_iter().filter(|name| is_ours(name)).for_each(|name| add(format!("{folder}/{name}")));
    }
    outputs
}

fn is_ours(name: &str) -> bool {
    name == RECEIPT || name == REPORT || is_output_name(name)
}

/// The file that a path below a crawl's outputs means, and how much of it is to be shown; none if it means none that
/// dragline writes.
fn find(shown: &Shown, out: &Path, file: &str) -> Option<(PathBuf, u64)> {
    let (folder, name) = file.rsplit_once('/').unwrap_or(("", file));
    let is_pass = folder.strip_prefix(PASSES).and_then(|pass| pass.strip_prefix('/')?.parse::<u32>().ok()).is_some();
    if !is_ours(name) || !(folder.is_empty() || is_pass) {
        return None;
    }
    let path = out.join(file);
    let length = fs::symlink_metadata(&path).ok().filter(fs::Metadata::is_file)?.len();
    let mark = || marks(shown, out).1.iter().find(|mark| mark.file == name).map_or(0, |mark| mark.bytes);
    let is_growing = folder.is_empty() && is_output_name(name);
    Some((path, if is_growing { length.min(mark()) } else { length }))
}

pub(crate) async fn download(
    State(app): State<App>,
    caller: Caller,
    InPath((id, file)): InPath<(String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let shown = extract::crawl(&app, &caller, &id)?;
    let out = app.crawls.shelf.out(shown.entry.id);
    let kind = kind(&file);
    let found = tokio::task::spawn_blocking(move || find(&shown, &out, &file)).await.unwrap_or_default();
    let (path, length) = found.ok_or_else(|| Problem::not_found("the crawl has no such file"))?;
    // Only a GET has parts (RFC 9110, section 14.2), and without a validator none that is on a condition (13.1.5).
    let has_parts = method == Method::GET && !headers.contains_key(header::IF_RANGE);
    let range = headers.get(header::RANGE).filter(|_| has_parts);
    let part = match range.and_then(|range| range.to_str().ok()).map(|range| part(range, length)) {
        None | Some(Part::All) => None,
        Some(Part::None) => return Err(Problem::range(length)),
        Some(Part::Of(first, last)) => Some((first, last)),
    };
    let (first, n) = part.map_or((0, length), |(first, last)| (first, last - first + 1));
    let unreadable = |error: std::io::Error| Problem::internal("the file can't be read", &error);
    let mut opened = tokio::fs::File::open(&path).await.map_err(unreadable)?;
    opened.seek(SeekFrom::Start(first)).await.map_err(unreadable)?;
    let body = Body::from_stream(ReaderStream::with_capacity(opened.take(n), 64 << 10));
    let status = if part.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let mut response = (status, body).into_response();
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_LENGTH, HeaderValue::from(n));
    fields.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if kind.starts_with("text/html") {
        let policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox";
        fields.insert(HeaderName::from_static("content-security-policy"), HeaderValue::from_static(policy));
    }
    if let Some((first, last)) = part {
        let range = format!("bytes {first}-{last}/{length}");
        fields.insert(header::CONTENT_RANGE, HeaderValue::try_from(range).expect("numbers are ASCII"));
    }
    Ok(response)
}

fn kind(file: &str) -> &'static str {
    match file.rsplit('.').next() {
        Some("json") => "application/json",
        Some("html") => "text/html; charset=utf-8",
        Some("gz") => "application/gzip",
        Some("zst") => "application/zstd",
        _ => "application/jsonl",
    }
}

/// Which part of a file a Range asks for (RFC 9110, section 14.2).
#[derive(Debug, PartialEq, Eq)]
enum Part {
    /// It is not understood, or asks for several: all of it may be sent.
    All,
    /// From this byte to that one.
    Of(u64, u64),
    /// There is none such.
    None,
}

fn part(range: &str, length: u64) -> Part {
    let Some((first, last)) = range.trim().strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Part::All;
    };
    let number = |text: &str| text.trim().parse::<u64>().ok();
    match (first.trim(), last.trim()) {
        ("", last) => match number(last) {
            None => Part::All,
            Some(0) => Part::None,
            Some(_) if length == 0 => Part::None,
            Some(n) => Part::Of(length.saturating_sub(n), length - 1),
        },
        (first, last) => {
            let (Some(first), is_open) = (number(first), last.is_empty()) else { return Part::All };
            let Some(last) = (if is_open { Some(u64::MAX) } else { number(last) }) else { return Part::All };
            if last < first {
                Part::All
            } else if first >= length {
                Part::None
            } else {
                Part::Of(first, last.min(length - 1))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_files() {
        let check = |range: &str, length: u64, expected: Part| assert_eq!(part(range, length), expected, "{range}");
        check("bytes=0-4", 10, Part::Of(0, 4));
        check("bytes=5-", 10, Part::Of(5, 9));
        check("bytes=5-99", 10, Part::Of(5, 9));
        check("bytes=-3", 10, Part::Of(7, 9));
        check("bytes=-30", 10, Part::Of(0, 9));
        check("bytes=10-", 10, Part::None);
        check("bytes=-0", 10, Part::None);
        check("bytes=0-", 0, Part::None);
        check("bytes=5-4", 10, Part::All);
        check("bytes=0-1,3-4", 10, Part::All);
        check("lines=0-1", 10, Part::All);
        check("bytes=x-", 10, Part::All);
        check("bytes=0-18446744073709551615", 10, Part::Of(0, 9));
    }
}
