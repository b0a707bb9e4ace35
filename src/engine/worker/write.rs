//! From a visit to its record.

use std::{borrow::Cow, collections::BTreeMap, fmt::Write as _};

use http::{HeaderMap, header::CONTENT_TYPE};
use sha2::{Digest, Sha256};

use super::{
    super::{
        Extras,
        event::Outcome,
        record::{Record, RecordMetadata, RecordTimings},
    },
    read::Reading,
};
use crate::{
    clock::Timestamp,
    fetch::{Response, Timings},
    frontier::{Discovery, Hop, Kind, QueuedUrl, Validators},
    parse::Page,
    verdict::{Refusal, Refused},
};

/// The record of a URL that answered.
pub(super) fn answered<'a>(
    queued: &'a QueuedUrl,
    response: &'a Response,
    outcome: Outcome,
    reading: &'a Reading,
    extras: &Extras,
    digest: &[u8],
) -> Record<'a> {
    let page = reading.page.as_ref();
    // What must not be used is not handed on; what it is, and where it leads, is.
    let content = page.filter(|_| !reading.is_reserved);
    Record {
        final_url: Cow::Borrowed(reading.redirect.as_deref().unwrap_or(queued.url.as_str())),
        reason: reason(outcome),
        error: reading.failure.as_ref().map(|(_, message)| message.as_str()),
        status: Some(response.status),
        http_version: Some(Cow::Owned(format!("{:?}", response.version))),
        remote_address: response.remote.map(|address| address.to_string()),
        proxy: response.proxy.as_deref(),
        content_type: response.header(CONTENT_TYPE),
        charset: page.map(|page| page.charset.name()),
        body_bytes: Some(response.body.len() as u64),
        wire_bytes: Some(response.wire_bytes),
        cache: response.cache,
        truncated: response.truncated,
        undecoded: response.undecoded.as_deref(),
        digest: Some(digest_text(digest)),
        title: content.and_then(|page| page.title.as_deref()),
        description: content.and_then(|page| page.description.as_deref()),
        language: page.and_then(|page| page.language.as_deref()),
        canonical: reading.canonical.as_deref(),
        robots: &reading.robots,
        usage: Some(&reading.usage).filter(|usage| !usage.is_empty()),
        usage_reserved: reading.is_reserved,
        sniffed_type: reading.sniffed_type.as_deref(),
        outlinks: reading.n_outlinks,
        outlinks_truncated: reading.outlinks_truncated,
        timings: Some(RecordTimings::of(&response.timings)),
        attempts: queued.attempts + 1,
        text: content.filter(|_| extras.text).and_then(|page| page.text.as_deref()),
        links: extras.links.then(|| reading.found.iter().map(|found| found.url.as_str()).collect()),
        link_details: content.filter(|_| extras.link_details).map(|_| reading.link_details.as_slice()),
        metadata: content.filter(|_| extras.metadata).map(metadata),
        headers: extras.headers.then(|| headers(&response.headers)),
        ..blank(queued, outcome, response.timings.sent_at)
    }
}

/// The record of a page that has not been modified: what it holds is said by the record of an earlier
/// pass.
pub(super) fn not_modified<'a>(
    queued: &'a QueuedUrl,
    response: &'a Response,
    reading: &'a Reading,
    known: &'a Validators,
    extras: &Extras,
) -> Record<'a> {
    let text = |field: &'a Option<Vec<u8>>| field.as_deref().map(String::from_utf8_lossy);
    Record {
        status: Some(response.status),
        http_version: Some(Cow::Owned(format!("{:?}", response.version))),
        remote_address: response.remote.map(|address| address.to_string()),
        wire_bytes: Some(response.wire_bytes),
        digest: Some(digest_text(&known.digest)),
        same_as_pass: Some(known.pass),
        etag: text(&known.etag),
        last_modified: text(&known.last_modified),
        timings: Some(RecordTimings::of(&response.timings)),
        attempts: queued.attempts + 1,
        links: extras.links.then(|| reading.found.iter().map(|found| found.url.as_str()).collect()),
        headers: extras.headers.then(|| headers(&response.headers)),
        ..blank(queued, Outcome::NotModified, response.timings.sent_at)
    }
}

/// The record of a URL that was asked for in vain, or not at all.
pub(super) fn without_answer<'a>(
    queued: &'a QueuedUrl,
    outcome: Outcome,
    error: Option<&'a str>,
    taken: Option<&Timings>,
    at: Timestamp,
) -> Record<'a> {
    Record {
        error,
        timings: taken.map(RecordTimings::of),
        attempts: queued.attempts + u32::from(taken.is_some()),
        ..blank(queued, outcome, taken.map_or(at, |taken| taken.sent_at))
    }
}

/// The record of a URL that was refused when its turn came.
pub(super) fn refused_in_queue<'a>(queued: &'a QueuedUrl, refused: &'a Refused, at: Timestamp) -> Record<'a> {
    let record = blank(queued, Outcome::Refused(refused.why), at);
    Record { rule: refused.rule.as_deref(), attempts: queued.attempts, ..record }
}

/// The record of a URL that was refused when it was found.
pub(in crate::engine) fn refused(found: &Discovery, why: Refusal, at: Timestamp) -> Record<'_> {
    let outcome = Outcome::Refused(why);
    let record = base(found.url.as_str(), &found.redirects, found.via.as_deref(), found.depth, found.kind, outcome, at);
    Record { rule: found.rule.as_deref(), ..record }
}

fn blank(queued: &QueuedUrl, outcome: Outcome, at: Timestamp) -> Record<'_> {
    base(queued.url.as_str(), &queued.redirects, queued.via.as_deref(), queued.depth(), queued.kind, outcome, at)
}

fn base<'a>(
    url: &'a str,
    redirects: &'a [Hop],
    via: Option<&'a str>,
    depth: u16,
    kind: Kind,
    outcome: Outcome,
    at: Timestamp,
) -> Record<'a> {
    Record {
        url: Cow::Borrowed(url),
        final_url: Cow::Borrowed(url),
        redirects,
        via,
        depth,
        kind: kind.as_str(),
        outcome: outcome.as_str(),
        reason: reason(outcome),
        fetched_at: at.rfc3339(),
        ..Record::default()
    }
}

fn metadata(page: &Page) -> RecordMetadata<'_> {
    let said = &page.metadata;
    RecordMetadata {
        alternates: said.alternates.iter().map(|one| (&*one.language, &*one.url)).collect(),
        open_graph: said.open_graph.iter().map(|(name, content)| (&**name, &**content)).collect(),
        json_ld: &said.json_ld,
        refresh: page.refresh.as_ref().map(|refresh| (refresh.seconds, refresh.url.as_deref())),
    }
}

fn reason(outcome: Outcome) -> Option<Cow<'static, str>> {
    match outcome {
        Outcome::Fetched | Outcome::NotModified | Outcome::Redirected => None,
        Outcome::Failed(why) => Some(Cow::Owned(why.to_string())),
        Outcome::Refused(why) => Some(Cow::Borrowed(why.as_str())),
    }
}

/// SHA-256.
pub(super) fn digest(body: &[u8]) -> [u8; 32] {
    Sha256::digest(body).into()
}

fn digest_text(digest: &[u8]) -> String {
    digest.iter().fold(String::from("sha256:"), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string can't fail");
        text
    })
}

fn headers(headers: &HeaderMap) -> BTreeMap<&str, Vec<Cow<'_, str>>> {
    let mut fields: BTreeMap<&str, Vec<Cow<'_, str>>> = BTreeMap::new();
    for (name, value) in headers {
        // What opens a session for us, when there is a jar of cookies.
        let shown = if value.is_sensitive() { "<secret>".into() } else { String::from_utf8_lossy(value.as_bytes()) };
        fields.entry(name.as_str()).or_default().push(shown);
    }
    fields
}
