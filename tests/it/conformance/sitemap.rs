//! Published examples of sitemaps and feeds: `tests/conformance/sitemap/`.

use std::io::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};

use super::inspect;

const CASES: &str = include_str!("../../conformance/sitemap/cases.jsonl");
const EXPECTED_FAILURES: &str = include_str!("../../conformance/sitemap/expected-failures.txt");

#[test]
fn published_sitemaps() {
    let cases: Vec<Value> = CASES.lines().map(|line| serde_json::from_str(line).expect("a case")).collect();
    let questions: Vec<Value> = cases.iter().map(question).collect();
    let answers = inspect("sitemap", &questions);
    let mut expected: Vec<&str> = EXPECTED_FAILURES
        .lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
        .map(|line| line.split_once('|').expect("a name and a reason").0.trim())
        .collect();
    let mut wrong = Vec::new();
    for (case, answer) in cases.iter().zip(&answers) {
        let name = case["name"].as_str().expect("a name");
        let is_expected = expected.iter().position(|known| *known == name).map(|at| expected.remove(at)).is_some();
        match (difference(case, answer), is_expected) {
            (Some(difference), false) => wrong.push(format!("{name}: {difference}")),
            (None, true) => wrong.push(format!("{name}: passes, and is listed as a failure")),
            _ => {}
        }
    }
    wrong.extend(expected.iter().map(|name| format!("{name}: listed, and no case")));
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

fn question(case: &Value) -> Value {
    let body = case["body"].as_str().expect("a body").as_bytes();
    let body = if case["gzip"] == true {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(body).expect("in memory");
        encoder.finish().expect("in memory")
    } else {
        body.to_vec()
    };
    json!({ "url": case["url"], "content_type": case["content_type"], "body_base64": STANDARD.encode(body) })
}

/// The first thing in which an answer is not what the case says.
fn difference(case: &Value, answer: &Value) -> Option<String> {
    for key in ["kind", "sitemaps"] {
        if answer[key] != case[key] {
            return Some(format!("{key} is {}, not {}", answer[key], case[key]));
        }
    }
    let list = |value: &Value| value.as_array().expect("a list").clone();
    if case["defects"].is_array() {
        let kinds: Value = list(&answer["defects"]).iter().map(|defect| defect["kind"].clone()).collect();
        if kinds != case["defects"] {
            return Some(format!("defects are {}", answer["defects"]));
        }
    }
    let (found, expected) = (list(&answer["entries"]), list(&case["entries"]));
    if found.len() != expected.len() {
        return Some(format!("{} entries, not {}", found.len(), expected.len()));
    }
    for (found, expected) in found.iter().zip(&expected) {
        for (key, expected) in expected.as_object().expect("an entry") {
            let found = match key.as_str() {
                "alternate_urls" => list(&found["alternates"]).iter().map(|it| it["url"].clone()).collect(),
                key => found[key].clone(),
            };
            if found != *expected {
                return Some(format!("{key} is {found}, not {expected}"));
            }
        }
    }
    None
}
