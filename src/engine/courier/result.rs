//! What is told of a delivery: the result of one URL, as `dragline fetch` writes it and the daemon answers it.
//!
//! Its form is an interface that scripts rely on (`docs/schemas/fetch.schema.json`): fields are added and never
//! renamed.

use std::{borrow::Cow, collections::BTreeMap};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use http::{
    HeaderMap,
    header::{CONTENT_TYPE, LOCATION},
};
use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{Delivery, Failure, Hop, RobotsView};
use crate::{
    clock::Timestamp,
    engine::record::RecordTimings,
    fetch::{Response, Truncation, redirect::is_redirect},
};

/// What a result tells beyond the usual.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Show {
    /// How long the phases of the last request took.
    pub timings: bool,
    /// The header fields of the answer.
    pub headers: bool,
    /// Every URL on the way.
    pub redirects: bool,
    /// Whether the cache answered.
    pub cache: bool,
    /// What robots.txt says.
    pub robots: bool,
    /// A digest of the body: there is one.
    pub digest: bool,
}

/// One line of `dragline fetch`. Fields that don't apply, or that nobody asked for, are left out.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
#[schemars(title = "dragline fetch result")]
pub struct FetchResult {
    /// Which item of the input it is about, counted from 1.
    pub position: u64,
    /// Where the item was written, unless it was an argument: `urls.txt:3`, `stdin:3`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The URL, canonical; of an item that is no URL the text, without credentials.
    pub url: String,
    /// `fetched` (2xx), `redirected` (a redirect that was not to be followed), `failed`, `refused` (nobody
    /// was to be asked) or `invalid` (no URL).
    pub outcome: &'static str,
    /// Why it failed (`http-404`, `timeout`, `redirect-loop`, …) or was refused (`robots-denied`, …).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Cow<'static, str>>,
    /// The rule by which it was refused: `robots.txt line 3: Disallow: /private`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// In words, when there is no answer, or no file of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The last answer's status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The URL that was asked last: the same, or where redirects led.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub final_url: Option<String>,
    /// `HTTP/1.1`, `HTTP/2.0`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_version: Option<String>,
    /// The address and port that answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_address: Option<String>,
    /// `Content-Type` as sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Length of the body after decoding its content encodings, bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_bytes: Option<u64>,
    /// Length of the body over the wire, bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wire_bytes: Option<u64>,
    /// Why the body is not whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truncated: Option<Truncation>,
    /// SHA-256 of the decoded body, `sha256:` and 64 hex digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Requests made for it, those for robots.txt not counted.
    pub attempts: u32,
    /// Redirects followed.
    pub n_redirects: usize,
    /// When it was over: RFC 3339, UTC.
    pub ended_at: String,
    /// Time for all of it, waiting included, milliseconds.
    pub elapsed_ms: u64,
    /// How long the phases of the last request took (`--show timings`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timings: Option<RecordTimings>,
    /// Header fields of the answer, names in lower case (`--show headers`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<BTreeMap<String, Vec<String>>>,
    /// Every URL on the way, the first one included (`--show redirects`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hops: Option<Vec<HopResult>>,
    /// What the cache had to do with it: `hit`, `stale`, `revalidated` (the server said that it has not
    /// changed), `collapsed` (another's exchange was waited for), `miss`, or `off` without a cache
    /// (`--show cache`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<&'static str>,
    /// What robots.txt says about the URL that was asked last (`--show robots`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub robots: Option<RobotsResult>,
    /// The file's name in the folder of `--output-dir`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The decoded body, when it is UTF-8 (`--include-body`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The decoded body in base64, when it is not UTF-8 (`--include-body`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_base64: Option<String>,
}

/// One URL on the way.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct HopResult {
    /// Which.
    pub url: String,
    /// The last answer's status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Requests made for it.
    pub attempts: u32,
    /// Of the last request, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_ms: Option<f64>,
    /// The address and port that answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_address: Option<String>,
}

/// What robots.txt says.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct RobotsResult {
    /// Whether the URL may be asked for.
    pub allowed: bool,
    /// `rules`, `allow-all` (there is none), `unreachable` or `not-asked`.
    pub standing: &'static str,
    /// Where it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The rule that refuses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// What it asks for between two requests, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crawl_delay_ms: Option<u64>,
    /// Why it can't be had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl FetchResult {
    /// Of an item that is no URL.
    pub fn invalid(text: String, error: String, now: Timestamp) -> Self {
        Self { url: text, outcome: "invalid", error: Some(error), ended_at: now.rfc3339(), ..Self::default() }
    }

    /// Of a URL that is not asked for, for a reason of the command's own.
    pub fn refused(url: String, reason: &'static str, error: &str, now: Timestamp) -> Self {
        let (outcome, reason, error) = ("refused", Some(Cow::Borrowed(reason)), Some(error.to_owned()));
        Self { url, outcome, reason, error, ended_at: now.rfc3339(), ..Self::default() }
    }

    /// Of a URL whose work ended in a panic.
    pub fn internal(url: String, now: Timestamp) -> Self {
        let error = Some("this made dragline panic; please report it".to_owned());
        let reason = Some(Cow::Borrowed("internal"));
        Self { url, outcome: "failed", reason, error, ended_at: now.rfc3339(), ..Self::default() }
    }

    /// What was delivered, without its body.
    pub fn delivered(delivery: &Delivery, show: Show, has_cache: bool, at: [Timestamp; 2]) -> Self {
        let [began, ended] = at;
        let last = delivery.last();
        let mut result = Self {
            url: delivery.hops[0].url.to_string(),
            status: last.status,
            final_url: (last.attempts > 0).then(|| last.url.to_string()),
            remote_address: last.remote.map(|remote| remote.to_string()),
            attempts: delivery.attempts(),
            n_redirects: delivery.n_redirects(),
            ended_at: ended.rfc3339(),
            elapsed_ms: u64::try_from(ended.since(began).as_millis()).unwrap_or(u64::MAX),
            timings: last.timings.as_ref().filter(|_| show.timings).map(RecordTimings::of),
            hops: show.redirects.then(|| delivery.hops.iter().map(hop).collect()),
            robots: show.robots.then(|| robots(last.robots.as_ref())),
            cache: show.cache.then_some(match last.cache {
                Some(status) => status.as_str(),
                None if has_cache => "miss",
                None => "off",
            }),
            ..Self::default()
        };
        match &delivery.result {
            Ok(response) => result.answered(response, show),
            Err(failure) => result.unanswered(failure),
        }
        result
    }

    fn answered(&mut self, response: &Response, show: Show) {
        (self.outcome, self.reason) = match response.status {
            200..=299 => ("fetched", None),
            status if is_redirect(status) && response.headers.contains_key(LOCATION) => ("redirected", None),
            status => ("failed", Some(Cow::Owned(format!("http-{status}")))),
        };
        self.http_version = Some(format!("{:?}", response.version));
        self.content_type = response.headers.get(CONTENT_TYPE).map(|it| String::from_utf8_lossy(it.as_bytes()).into());
        self.body_bytes = Some(response.body.len() as u64);
        self.wire_bytes = Some(response.wire_bytes);
        self.truncated = response.truncated;
        self.headers = show.headers.then(|| headers(&response.headers));
        if show.digest {
            let digest = Sha256::digest(&response.body);
            let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            self.digest = Some(format!("sha256:{digits}"));
        }
    }

    fn unanswered(&mut self, failure: &Failure) {
        self.outcome = if failure.is_refusal() { "refused" } else { "failed" };
        self.reason = Some(Cow::Borrowed(failure.reason()));
        if let Failure::Refused { refused, .. } = failure {
            self.rule = refused.rule.as_ref().map(ToString::to_string);
        }
        self.error = Some(failure.to_string()).filter(|error| self.rule.as_ref() != Some(error));
    }

    /// Takes in the body.
    pub fn include(&mut self, body: &[u8]) {
        match std::str::from_utf8(body) {
            Ok(text) => self.body = Some(text.to_owned()),
            Err(_) => self.body_base64 = Some(BASE64.encode(body)),
        }
    }

    /// Notes which file holds the body, or why none does.
    pub fn note_file(&mut self, written: std::io::Result<String>) {
        match written {
            Ok(name) => self.file = Some(name),
            Err(error) => {
                self.outcome = "failed";
                self.reason = Some(Cow::Borrowed("file"));
                self.error = Some(format!("the body can't be written: {error}"));
            }
        }
    }

    /// As one line of JSON, with its end.
    pub fn to_line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).expect("strings and numbers always serialise");
        line.push(b'\n');
        line
    }
}

fn hop(hop: &Hop) -> HopResult {
    HopResult {
        url: hop.url.to_string(),
        status: hop.status,
        attempts: hop.attempts,
        total_ms: hop.timings.as_ref().map(|timings| RecordTimings::of(timings).total_ms),
        remote_address: hop.remote.map(|remote| remote.to_string()),
    }
}

fn robots(view: Option<&RobotsView>) -> RobotsResult {
    let Some(view) = view else {
        let (url, rule, crawl_delay_ms, error) = (None, None, None, None);
        return RobotsResult { allowed: true, standing: "not-asked", url, rule, crawl_delay_ms, error };
    };
    RobotsResult {
        allowed: view.refused.is_none(),
        standing: view.standing,
        url: Some(view.url.to_string()),
        rule: view.refused.as_ref().and_then(|refused| refused.rule.as_ref()).map(ToString::to_string),
        crawl_delay_ms: view.crawl_delay.map(|delay| u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)),
        error: view.trouble.clone(),
    }
}

fn headers(headers: &HeaderMap) -> BTreeMap<String, Vec<String>> {
    let mut map: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in headers {
        // What opens a session for us, when there is a jar of cookies.
        let shown = if value.is_sensitive() { "<secret>".into() } else { String::from_utf8_lossy(value.as_bytes()) };
        map.entry(name.to_string()).or_default().push(shown.into_owned());
    }
    map
}
