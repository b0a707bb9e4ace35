//! The record: what the outputs say of one URL.

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    fetch::{CacheStatus, Timings, Truncation},
    frontier::Hop,
    robots::Signals,
};

/// One line of `pages.jsonl`: one URL, whatever became of it. Fields that don't apply are left out.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
#[schemars(title = "dragline page record")]
pub struct Record<'a> {
    /// The URL, canonical.
    pub url: Cow<'a, str>,
    /// Where the content is: the URL itself, or the target when it answered with a redirect (the
    /// target has a record of its own).
    pub final_url: Cow<'a, str>,
    /// The redirects that led to this URL when it was first found, oldest first.
    #[serde(skip_serializing_if = "<[Hop]>::is_empty")]
    pub redirects: &'a [Hop],
    /// The page on which it was first found; none for a seed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub via: Option<&'a str>,
    /// Links away from a seed.
    pub depth: u16,
    /// `page` or `sitemap`.
    pub kind: &'static str,
    /// `fetched`, `not-modified`, `redirected`, `failed` or `refused`.
    pub outcome: &'static str,
    /// Why it failed (`http-404`, `timeout`, …) or was refused (`robots-denied`, …).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Cow<'a, str>>,
    /// The rule by which it was refused: `scope.exclude[2] = "*.pdf"`, `limits.depth = 5`,
    /// `robots.txt line 3: Disallow: /private`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<&'a str>,
    /// In words, when it failed without an answer, or by one whose status does not say why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'a str>,
    /// The last answer's status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// `HTTP/1.1`, `HTTP/2.0`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_version: Option<Cow<'a, str>>,
    /// The address and port that answered; not known behind a proxy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_address: Option<String>,
    /// The proxy through which it was asked, without its login.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<&'a str>,
    /// `Content-Type` as sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<&'a str>,
    /// The body's MIME type by how it begins, where that is not what the header says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sniffed_type: Option<&'a str>,
    /// The encoding that the text was read in, by its WHATWG name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub charset: Option<&'a str>,
    /// Length of the body after decoding its content encodings, bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_bytes: Option<u64>,
    /// Length of the body over the wire, bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wire_bytes: Option<u64>,
    /// What the cache had to do with the answer: `hit`, `stale`, `revalidated`, `collapsed`; left out when
    /// it is the server's as it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<CacheStatus>,
    /// Why the body is not whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truncated: Option<Truncation>,
    /// The content encodings of a body that was kept as it came, because one of them is unknown or there
    /// are too many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undecoded: Option<&'a str>,
    /// SHA-256 of the decoded body, `sha256:` and 64 hex digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The earlier pass whose record says what is still so: of a page that has not been modified, or was
    /// fetched and has the same digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub same_as_pass: Option<u32>,
    /// `ETag` by which a page has not been modified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub etag: Option<Cow<'a, str>>,
    /// `Last-Modified` by which a page has not been modified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<Cow<'a, str>>,
    /// `<title>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<&'a str>,
    /// `<meta name=description>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<&'a str>,
    /// `<html lang>`, else `Content-Language`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<&'a str>,
    /// `<link rel=canonical>`, or a `Link` header that says so, resolved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canonical: Option<&'a str>,
    /// What robots are told by `X-Robots-Tag` and `<meta name=robots>`: `noindex`, `nofollow`, …
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub robots: &'a [String],
    /// What is said about the use of the content, in robots.txt, header and page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<&'a Signals>,
    /// Whether that reserves what the crawl is for (`robots.purposes`): title, description, text and
    /// the like are left out.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub usage_reserved: bool,
    /// Links to other documents on the page (or entries of the sitemap), all occurrences.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outlinks: Option<usize>,
    /// Whether there were more links than `limits.links_per_page`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub outlinks_truncated: bool,
    /// How long it took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timings: Option<RecordTimings>,
    /// Requests made for it.
    pub attempts: u32,
    /// When the last request was sent, or when it was refused: RFC 3339, UTC.
    pub fetched_at: String,
    /// Visible text, when `outputs.text` asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<&'a str>,
    /// Distinct URLs that the page links to, canonical, when `outputs.links` asks for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub links: Option<Vec<&'a str>>,
    /// The page's links in document order, all occurrences, when `outputs.link_details` asks for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link_details: Option<&'a [LinkDetail]>,
    /// What the head says for other programs, when `outputs.metadata` asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<RecordMetadata<'a>>,
    /// Response headers, names in lower case, when `outputs.headers` asks for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<BTreeMap<&'a str, Vec<Cow<'a, str>>>>,
}

/// One link of a page.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct LinkDetail {
    /// Where it leads, canonical.
    pub url: String,
    /// Mostly the name of its element: `a`, `img`, `link`, …
    pub kind: &'static str,
    /// `rel` as written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rel: Option<String>,
    /// What people read: its text, or the images' `alt`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Its ordinal on the page, from 0.
    pub position: u32,
}

/// What the head of a page says for other programs.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RecordMetadata<'a> {
    /// `<link rel=alternate hreflang>`: language and URL.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alternates: Vec<(&'a str, &'a str)>,
    /// Open Graph and its kin: name and content, in order, all occurrences.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub open_graph: Vec<(&'a str, &'a str)>,
    /// JSON-LD as written.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub json_ld: &'a [String],
    /// `<meta http-equiv=refresh>`: seconds, and the URL if it names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh: Option<(u32, Option<&'a str>)>,
}

/// Durations of one exchange, milliseconds; what did not take place is left out.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
pub struct RecordTimings {
    /// Name resolution.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_ms: Option<f64>,
    /// TCP connect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect_ms: Option<f64>,
    /// TLS handshake.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_ms: Option<f64>,
    /// From sending the request to the head of the answer, all of the above included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_byte_ms: Option<f64>,
    /// From sending the request to the last byte.
    pub total_ms: f64,
}

impl RecordTimings {
    /// What an exchange took, to the microsecond, which is what the clock gives.
    pub fn of(taken: &Timings) -> Self {
        Self {
            dns_ms: taken.dns.map(millis),
            connect_ms: taken.connect.map(millis),
            tls_ms: taken.tls.map(millis),
            first_byte_ms: taken.first_byte_at.map(|at| millis(at.since(taken.sent_at))),
            total_ms: millis(taken.ended_at.since(taken.sent_at)),
        }
    }
}

fn millis(duration: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "an exchange takes less than 2^52 microseconds")]
    let micros = duration.as_micros() as f64;
    micros / 1000.0
}

impl Record<'_> {
    /// As one line of JSON, without its end.
    pub fn to_line(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("strings and numbers always serialise")
    }
}
