//! Whether a record can be true: what its outcome demands, and what can't stand beside what.
//!
//! It judges one record by itself. What the schema says is [`super::line`]'s.

use super::line::{Line, Outcome, Timings};
use crate::{
    address::CanonicalUrl,
    fetch::{ErrorKind, redirect::is_redirect},
    verdict::Refusal,
};

/// In records: what a digest begins with.
const DIGEST: &str = "sha256:";
/// Reasons of failures that are no status.
const FAILURES: [&str; 11] = [
    "dns",
    "connect",
    "tls",
    "timeout",
    "closed",
    "protocol",
    "busy",
    "proxy",
    "internal",
    "redirect-loop",
    "bad-location",
];

/// Says what is wrong with a record of the pass `pass`, whose URL is `url`.
pub(super) fn judge(line: &Line<'_>, url: &CanonicalUrl, pass: u32, complain: &mut dyn FnMut(String)) {
    if url.as_str() != line.url {
        complain(format!("its url is not canonical: {url} is"));
    }
    if !matches!(url.as_url().scheme(), "http" | "https") {
        complain("its url is neither http nor https".to_owned());
    }
    judge_outcome(line, pass, complain);
    judge_way(line, complain);
    match (line.status, line.digest.as_deref()) {
        (Some(_), None) => complain("it has a status and no digest".to_owned()),
        (None, Some(_)) => complain("it has a digest and no status".to_owned()),
        (Some(_), Some(digest)) if !is_digest(digest) => complain("its digest is not of the form sha256:…".to_owned()),
        _ => {}
    }
    if line.truncated.is_some() && line.body_bytes.is_none() {
        complain("it has a truncated body and no body_bytes".to_owned());
    }
    if line.timings.as_ref().is_some_and(|timings| !are_plausible(timings)) {
        complain("its timings are negative, or the first byte came after the last".to_owned());
    }
    if !is_time(&line.fetched_at) {
        complain(format!("its fetched_at is no time in RFC 3339, UTC, milliseconds: {:?}", line.fetched_at));
    }
}

fn judge_outcome(line: &Line<'_>, pass: u32, complain: &mut dyn FnMut(String)) {
    let status = line.status;
    let mut demand = |holds: bool, what: &str| {
        if !holds {
            complain(what.to_owned());
        }
    };
    let is_answer = line.http_version.is_some() && line.wire_bytes.is_some() && line.timings.is_some();
    match line.outcome {
        Outcome::Fetched => {
            demand(
                status.is_some_and(|status| (200..300).contains(&status)),
                "it was fetched, and its status is not 2xx",
            );
            demand(line.body_bytes.is_some(), "it was fetched and has no body_bytes");
        }
        Outcome::NotModified => {
            demand(status == Some(304), "it was not modified, and its status is not 304");
            demand(line.same_as_pass.is_some(), "it was not modified and has no same_as_pass");
        }
        Outcome::Redirected => {
            demand(status.is_some_and(is_redirect), "it was redirected, and its status is no redirect");
            demand(line.final_url != line.url, "it was redirected to itself");
        }
        Outcome::Failed => demand(is_failure(line.reason.as_deref(), status), "its reason is not that of its failure"),
        Outcome::Refused => {
            demand(line.reason.as_deref().and_then(Refusal::parse).is_some(), "its reason is no reason of a refusal");
            demand(status.is_none(), "it was refused and has a status");
        }
    }
    match line.outcome {
        Outcome::Fetched | Outcome::NotModified | Outcome::Redirected => {
            demand(line.reason.is_none(), "it did not fail and has a reason");
            demand(is_answer, "it was answered, and http_version, wire_bytes or timings are missing");
            demand(line.attempts > 0, "it was answered and never asked for");
        }
        Outcome::Failed => {
            demand(
                status.is_none() || is_answer,
                "it was answered, and http_version, wire_bytes or timings are missing",
            );
            let is_ours = line.reason.as_deref() == Some(ErrorKind::Internal.as_str());
            demand(line.attempts > 0 || is_ours, "it failed and was never asked for");
        }
        Outcome::Refused => {}
    }
    demand(line.rule.is_none() || line.outcome == Outcome::Refused, "it was not refused and has a rule");
    let is_elsewhere = line.outcome == Outcome::Redirected;
    demand(is_elsewhere || line.final_url == line.url, "it was not redirected, and its final_url is another");
    demand(
        line.same_as_pass.is_none_or(|same| (1..pass).contains(&same)),
        "it is said to be the same as in a pass that was not before",
    );
}

/// How it was found.
fn judge_way(line: &Line<'_>, complain: &mut dyn FnMut(String)) {
    match &line.via {
        None if line.depth > 0 => complain(format!("it has depth {} and no via", line.depth)),
        Some(via) if CanonicalUrl::from_stored(via).is_err() => complain("its via is no URL".to_owned()),
        None | Some(_) => {}
    }
    let Some(last) = line.redirects.last() else { return };
    if line.via.as_deref() != Some(&last.url) {
        complain("its via is not the last of its redirects".to_owned());
    }
    for hop in &line.redirects {
        if !is_redirect(hop.status) || CanonicalUrl::from_stored(&hop.url).is_err() {
            complain(format!("its redirects hold what is none: {} with status {}", hop.url, hop.status));
        }
    }
}

fn is_failure(reason: Option<&str>, status: Option<u16>) -> bool {
    match reason.map(|reason| (reason, reason.strip_prefix("http-"))) {
        Some((_, Some(code))) => status.is_some_and(|status| code == status.to_string()),
        Some((reason, None)) => FAILURES.contains(&reason),
        None => false,
    }
}

fn is_digest(digest: &str) -> bool {
    let hex = digest.strip_prefix(DIGEST).unwrap_or_default();
    hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn are_plausible(timings: &Timings) -> bool {
    let parts = [timings.dns_ms, timings.connect_ms, timings.tls_ms, timings.first_byte_ms];
    let is_time = |ms: f64| ms.is_finite() && ms >= 0.0;
    let is_first = timings.first_byte_ms.is_none_or(|first| first <= timings.total_ms);
    is_time(timings.total_ms) && parts.into_iter().flatten().all(is_time) && is_first
}

/// `2026-11-24T10:00:00.000Z`, and a date that there is.
fn is_time(text: &str) -> bool {
    let has_form = text.bytes().enumerate().all(|(i, byte)| match i {
        4 | 7 => byte == b'-',
        10 => byte == b'T',
        13 | 16 => byte == b':',
        19 => byte == b'.',
        23 => byte == b'Z',
        _ => byte.is_ascii_digit(),
    });
    has_form && text.len() == 24 && text.parse::<jiff::Timestamp>().is_ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn base(outcome: &str) -> Value {
        json!({"url": "http://h/", "final_url": "http://h/", "depth": 1, "kind": "page", "outcome": outcome,
            "via": "http://h/0", "attempts": 1, "fetched_at": "2026-11-26T10:00:00.000Z"})
    }

    fn answered(outcome: &str, status: u16) -> Value {
        with(
            base(outcome),
            json!({"status": status, "http_version": "HTTP/1.1", "wire_bytes": 1, "body_bytes": 1,
            "digest": format!("sha256:{}", "0".repeat(64)), "timings": {"first_byte_ms": 1.0, "total_ms": 1.0}}),
        )
    }

    fn with(mut record: Value, more: Value) -> Value {
        let Value::Object(more) = more else { unreachable!() };
        for (key, value) in more {
            if value.is_null() { drop(record.as_object_mut().expect("one").remove(&key)) } else { record[key] = value }
        }
        record
    }

    /// How often it is complained about.
    fn check(record: &Value, expected: &[&str]) {
        let text = record.to_string();
        let line: Line<'_> = serde_json::from_str(&text).expect("a record");
        let url = CanonicalUrl::from_stored(&line.url).expect("a URL");
        let mut complaints = Vec::new();
        judge(&line, &url, 2, &mut |what| complaints.push(what));
        assert_eq!(complaints.len(), expected.len(), "{complaints:?}: {text}");
        for (complaint, expected) in complaints.iter().zip(expected) {
            assert!(complaint.contains(expected), "{complaint:?} {expected:?}");
        }
    }

    #[test]
    fn records_that_can_be_true() {
        check(&answered("fetched", 204), &[]);
        check(&with(answered("fetched", 200), json!({"same_as_pass": 1})), &[]);
        check(&with(answered("not-modified", 304), json!({"same_as_pass": 1, "body_bytes": null})), &[]);
        check(&with(answered("redirected", 308), json!({"final_url": "http://h/1"})), &[]);
        check(&with(answered("failed", 404), json!({"reason": "http-404"})), &[]);
        check(&with(answered("failed", 304), json!({"reason": "protocol", "error": "it answered 304"})), &[]);
        check(&with(answered("failed", 302), json!({"reason": "redirect-loop"})), &[]);
        check(&with(base("failed"), json!({"reason": "dns", "timings": {"total_ms": 0.5}})), &[]);
        check(&with(base("failed"), json!({"reason": "internal", "attempts": 0})), &[]);
        check(&with(base("refused"), json!({"reason": "too-deep", "rule": "limits.depth = 0", "attempts": 0})), &[]);
        let redirects = json!([{"url": "http://h/1", "status": 301}, {"url": "http://h/0", "status": 302}]);
        check(&with(answered("fetched", 200), json!({"redirects": redirects})), &[]);
        check(&with(answered("fetched", 200), json!({"via": null, "depth": 0})), &[]);
    }

    #[test]
    fn records_that_can_t() {
        check(&answered("fetched", 404), &["status is not 2xx"]);
        check(&answered("failed", 404), &["reason is not that"]);
        check(&with(answered("failed", 404), json!({"reason": "http-403"})), &["reason is not that"]);
        check(&with(answered("failed", 404), json!({"reason": "nonsense"})), &["reason is not that"]);
        check(&with(answered("fetched", 200), json!({"reason": "http-404"})), &["has a reason"]);
        check(&answered("not-modified", 304), &["no same_as_pass"]);
        check(&with(answered("fetched", 200), json!({"same_as_pass": 2})), &["a pass that was not before"]);
        check(&answered("redirected", 301), &["redirected to itself"]);
        check(&with(answered("fetched", 200), json!({"final_url": "http://h/1"})), &["final_url is another"]);
        check(&with(base("refused"), json!({"reason": "dns"})), &["no reason of a refusal"]);
        check(&with(answered("fetched", 200), json!({"digest": null})), &["no digest"]);
        check(&with(answered("fetched", 200), json!({"digest": "sha256:0"})), &["not of the form"]);
        check(&with(answered("fetched", 200), json!({"attempts": 0})), &["never asked for"]);
        check(&with(answered("fetched", 200), json!({"rule": "x"})), &["has a rule"]);
        check(
            &with(answered("fetched", 200), json!({"timings": {"first_byte_ms": 2.0, "total_ms": 1.0}})),
            &["timings"],
        );
        check(&with(answered("fetched", 200), json!({"fetched_at": "2026-02-30T10:00:00.000Z"})), &["no time"]);
        check(&with(answered("fetched", 200), json!({"fetched_at": "yesterday"})), &["no time"]);
        check(&with(answered("fetched", 200), json!({"via": null})), &["no via"]);
        check(&with(answered("fetched", 200), json!({"via": "nowhere"})), &["via is no URL"]);
        let redirects = json!([{"url": "http://h/9", "status": 200}]);
        check(&with(answered("fetched", 200), json!({"redirects": redirects})), &["not the last", "hold what is none"]);
        check(
            &with(answered("fetched", 200), json!({"url": "http://H/", "final_url": "http://H/"})),
            &["not canonical"],
        );
        check(
            &with(base("refused"), json!({"reason": "excluded", "url": "ftp://h/", "final_url": "ftp://h/"})),
            &["neither"],
        );
    }
}
