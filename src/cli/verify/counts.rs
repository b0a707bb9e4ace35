//! Counting records anew, and holding numbers against numbers.
//!
//! It knows nothing of how the engine counts: two ways that come to one number are worth more than one.
//! Its fields bear the names that they have in the book and in the receipt, so both are compared by name.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value as Json, json};

use super::{
    found::{Finding, Findings, Kind},
    line::{Line, Outcome},
};
use crate::report::Receipt;

/// Depths beyond this are counted together (docs/OUTPUTS.md).
const MAX_DEPTH_COUNTED: u16 = 200;
/// Floating numbers in text may lose their last digit.
const TOLERANCE: f64 = 1e-9;

/// What the records of a pass come to.
#[derive(Debug, Default, Serialize)]
pub(super) struct Counts {
    pub(super) fetched: u64,
    pub(super) not_modified: u64,
    pub(super) redirected: u64,
    pub(super) failed: BTreeMap<String, u64>,
    pub(super) refused: BTreeMap<String, u64>,
    pub(super) status: BTreeMap<u16, u64>,
    pub(super) depth: BTreeMap<u16, u64>,
    pub(super) body_bytes: u64,
    pub(super) wire_bytes: u64,
    pub(super) latency_ms: Vec<u64>,
    pub(super) size_bytes: Vec<u64>,
}

impl Counts {
    pub(super) fn add(&mut self, line: &Line<'_>) {
        let body_bytes = line.body_bytes.unwrap_or_default();
        let reason = || line.reason.clone().unwrap_or_default();
        match line.outcome {
            Outcome::Fetched => {
                self.fetched += 1;
                bump(&mut self.size_bytes, body_bytes);
            }
            Outcome::NotModified => self.not_modified += 1,
            Outcome::Redirected => self.redirected += 1,
            Outcome::Failed => *self.failed.entry(reason()).or_default() += 1,
            Outcome::Refused => *self.refused.entry(reason()).or_default() += 1,
        }
        if let Some(status) = line.status {
            *self.status.entry(status).or_default() += 1;
        }
        if let Some(latency) = latency_ms(line) {
            bump(&mut self.latency_ms, latency);
        }
        *self.depth.entry(line.depth.min(MAX_DEPTH_COUNTED)).or_default() += 1;
        self.body_bytes += body_bytes;
        self.wire_bytes += line.wire_bytes.unwrap_or_default();
    }

    fn n_failed(&self) -> u64 {
        self.failed.values().sum()
    }

    fn n_refused(&self) -> u64 {
        self.refused.values().sum()
    }

    /// As the book's tally names them.
    pub(super) fn as_tally(&self) -> Json {
        json!(self)
    }

    /// As the receipt names them, hosts apart.
    pub(super) fn as_receipt(&self) -> Json {
        let buckets = |counts: &[u64]| -> Json { counts.iter().map(|count| json!({"count": count})).collect() };
        let mut classes: BTreeMap<String, u64> = BTreeMap::new();
        for (status, n) in &self.status {
            let class = if (100..600).contains(status) { format!("{}xx", status / 100) } else { "other".to_owned() };
            *classes.entry(class).or_default() += n;
        }
        json!({
            "totals": {
                "fetched": self.fetched, "not_modified": self.not_modified, "redirected": self.redirected,
                "failed": self.n_failed(), "refused": self.n_refused(),
            },
            "failed": self.failed, "refused": self.refused, "status": self.status, "status_class": classes,
            "depth": self.depth, "body_bytes": self.body_bytes, "wire_bytes": self.wire_bytes,
            "latency_ms": buckets(&self.latency_ms), "size_bytes": buckets(&self.size_bytes),
        })
    }
}

/// Whole milliseconds to the first byte of the answer, if there was one.
pub(super) fn latency_ms(line: &Line<'_>) -> Option<u64> {
    let first = line.timings.as_ref().filter(|_| line.status.is_some())?.first_byte_ms?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, which no time comes near")]
    let whole = first as u64;
    Some(whole)
}

/// Buckets by powers of two, the first one for 0.
fn bump(buckets: &mut Vec<u64>, value: u64) {
    let index = value.checked_ilog2().map_or(0, |log| log as usize + 1);
    if buckets.len() <= index {
        buckets.resize(index + 1, 0);
    }
    buckets[index] += 1;
}

/// How much of what is said is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// All of it: what is not expected should not be there.
    Whole,
    /// The maps and the lists that are expected, and of objects with fields those fields.
    Part,
}

/// Says where `said` is something else than `expected`, whose names are all looked at. In a map a number that is not
/// there is 0.
pub(super) fn compare(path: &str, expected: &Json, said: &Json, extent: Extent, differ: &mut dyn FnMut(String)) {
    match (expected, said) {
        (Json::Object(expected), Json::Object(said)) => {
            for (key, expected) in expected {
                compare_one(&join(path, key), Some(expected), said.get(key), extent, differ);
            }
            let is_map = matches!(last(path), "failed" | "refused" | "status" | "depth" | "status_class");
            let others = said.iter().filter(|(key, _)| !expected.contains_key(*key));
            for (key, said) in others.filter(|_| is_map || extent == Extent::Whole) {
                compare_one(&join(path, key), None, Some(said), extent, differ);
            }
        }
        (Json::Array(expected), Json::Array(said)) => {
            for i in 0..expected.len().max(said.len()) {
                let path = format!("{path}[{i}]");
                match (expected.get(i), said.get(i)) {
                    (None, Some(said)) => differ(surplus(&path, said)),
                    (expected, said) => compare_one(&path, expected, said, extent, differ),
                }
            }
        }
        _ if is_same(expected, said) => {}
        _ => differ(format!("{path} is {said}, and should be {expected}")),
    }
}

/// The same of what may not be on either side.
fn compare_one(
    path: &str,
    expected: Option<&Json>,
    said: Option<&Json>,
    extent: Extent,
    differ: &mut dyn FnMut(String),
) {
    let zero = json!(0);
    match (expected, said) {
        (Some(expected), Some(said)) => compare(path, expected, said, extent, differ),
        (Some(expected), None) if expected.is_number() => compare(path, expected, &zero, extent, differ),
        (None, Some(said)) if said.is_number() => compare(path, &zero, said, extent, differ),
        (Some(expected), None) => differ(format!("{path} is missing, and should be {expected}")),
        (None, Some(said)) => differ(surplus(path, said)),
        (None, None) => {}
    }
}

fn surplus(path: &str, said: &Json) -> String {
    format!("{path} is {said}, and should not be there")
}

/// Whole numbers are counted, and agree or don't.
fn is_same(a: &Json, b: &Json) -> bool {
    if a == b {
        return true;
    }
    match (a.as_f64(), b.as_f64()) {
        (Some(x), Some(y)) if a.is_f64() || b.is_f64() => (x - y).abs() <= TOLERANCE * x.abs().max(y.abs()),
        _ => false,
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// Whether a receipt agrees with itself: its sum, and the sums of its parts.
pub(super) fn judge_receipt(receipt: &Receipt, pass: u32, file: &str, findings: &mut Findings) {
    let mut differ = |what: String| findings.add(Finding::new(Kind::ReceiptCount, pass, what).file(file));
    let totals = &receipt.totals;
    let sum = [totals.fetched, totals.not_modified, totals.redirected, totals.failed, totals.refused, totals.pending]
        .into_iter()
        .fold(0, u64::saturating_add);
    if totals.discovered != sum || !totals.balanced {
        differ(format!(
            "totals.discovered is {}, its parts are {sum}, and balanced is {}",
            totals.discovered, totals.balanced
        ));
    }
    let fetched = receipt.timeline.fetched.iter().fold(0, |sum: u64, n| sum.saturating_add(*n));
    if fetched != totals.fetched {
        differ(format!("timeline.fetched adds up to {fetched}, and totals.fetched is {}", totals.fetched));
    }
    if receipt.pass != pass {
        differ(format!("it is of pass {}, and lies where that of pass {pass} belongs", receipt.pass));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_to(extent: Extent, expected: &Json, said: &Json, differences: &[&str]) {
        let mut found = Vec::new();
        compare("", expected, said, extent, &mut |what| found.push(what));
        assert_eq!(found, differences);
    }

    fn check(expected: &Json, said: &Json, differences: &[&str]) {
        check_to(Extent::Part, expected, said, differences);
    }

    #[test]
    fn numbers_are_compared_by_name() {
        check(&json!({"a": 1, "b": [0, 2]}), &json!({"a": 1, "b": [0, 2], "more": 3}), &[]);
        check(&json!({"a": 0}), &json!({}), &[]);
        check(&json!({"a": 1.000_000_000_1}), &json!({"a": 1.0}), &[]);
        check(&json!({"a": 1}), &json!({}), &["a is 0, and should be 1"]);
        check(&json!({"a": {"b": "x"}}), &json!({"a": {"b": "y"}}), &["a.b is \"y\", and should be \"x\""]);
        check(&json!({"failed": {}}), &json!({"failed": {"dns": 2}}), &["failed.dns is 2, and should be 0"]);
        check(&json!({"status": {"200": 1}}), &json!({"status": {}}), &["status.200 is 0, and should be 1"]);
        let buckets = json!({"b": [{"count": 1, "from": 0}, {"count": 4, "from": 1}]});
        check(&json!({"b": [{"count": 1}, {"count": 4}]}), &buckets, &[]);
        check(&json!({"b": [{"count": 1}]}), &buckets, &["b[1] is {\"count\":4,\"from\":1}, and should not be there"]);
        check(&json!({"b": [1]}), &json!({"b": [1, 4]}), &["b[1] is 4, and should not be there"]);
        check(&json!({"b": [1, 4]}), &json!({"b": [1]}), &["b[1] is 0, and should be 4"]);
        check(&json!({"b": [{"count": 1}]}), &json!({"b": []}), &["b[0] is missing, and should be {\"count\":1}"]);
    }

    #[test]
    fn what_is_made_up_is_told() {
        let whole = |expected: Json, said: Json, differences: &[&str]| {
            check_to(Extent::Whole, &expected, &said, differences);
        };
        let hosts = json!({"hosts": [{"host": "a", "fetched": 1}], "waited": {"why": {"backoff": 1.5}}});
        whole(hosts.clone(), hosts.clone(), &[]);
        let mut said = hosts.clone();
        said["hosts"] = json!([{"host": "a", "fetched": 1}, {"host": "b", "count": 0}]);
        said["waited"]["why"]["weather"] = json!(2);
        said["waited"]["why"]["nothing"] = json!(0.0);
        said["retired"] = json!({"http://a/": "duplicate-content"});
        let expected = [
            "hosts[1] is {\"count\":0,\"host\":\"b\"}, and should not be there",
            "waited.why.weather is 2, and should be 0",
            "retired is {\"http://a/\":\"duplicate-content\"}, and should not be there",
        ];
        whole(hosts, said, &expected);
        whole(json!({"retired": {"x": "y"}}), json!({}), &["retired is missing, and should be {\"x\":\"y\"}"]);
    }

    #[test]
    fn counts_have_no_tolerance() {
        let n = 50_000_000_000_u64;
        check(&json!({"wire_bytes": n}), &json!({"wire_bytes": n}), &[]);
        let one_more = format!("wire_bytes is {}, and should be {n}", n + 1);
        check(&json!({"wire_bytes": n}), &json!({"wire_bytes": n + 1}), &[&one_more]);
        check(&json!({"seconds": 50_000_000_000.5}), &json!({"seconds": 50_000_000_000.25}), &[]);
        check(&json!({"seconds": 3}), &json!({"seconds": 3.0}), &[]);
    }

    #[test]
    fn buckets_are_those_of_the_receipt() {
        let mut buckets = Vec::new();
        [0, 1, 2, 3, 4, u64::MAX].into_iter().for_each(|value| bump(&mut buckets, value));
        assert_eq!(buckets[..4], [1, 1, 2, 1]);
        assert_eq!((buckets.len(), buckets[64]), (65, 1));
    }
}
