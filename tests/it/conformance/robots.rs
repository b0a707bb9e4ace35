//! robots.txt: RFC 9309's own examples, and the published tests of four parsers.
//!
//! The data is in `tests/conformance/robots/`; its README names sources and licences. Deliberately
//! not here: cases of our own, which stand beside the code.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::{Value, json};

use super::inspect;

const FILES: [&str; 5] = ["rfc9309.json", "google.json", "protego.json", "texting_robots.json", "rep-cpp.json"];

fn load(file: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/robots").join(file);
    serde_json::from_slice(&fs::read(path).expect("the data is there")).expect("an array of cases")
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

#[test]
fn published_cases_are_answered_as_published() {
    let expected_failures: BTreeSet<(String, String)> =
        load("expected-failures.json").iter().map(|e| (text(&e["file"]), text(&e["case"]))).collect();
    let mut failures = BTreeSet::new();
    let mut report = String::new();
    for file in FILES {
        let cases = load(file);
        let questions: Vec<Value> = cases
            .iter()
            .map(|case| {
                json!({
                    "robots": case["robots"], "robots_base64": case["robots_base64"],
                    "agent": case["agent"], "url": case["url"],
                })
            })
            .collect();
        for (case, answer) in cases.iter().zip(inspect("robots", &questions)) {
            let wrong: Vec<String> = case["expect"]
                .as_object()
                .expect("fields")
                .iter()
                .filter(|(field, expected)| answer[*field] != **expected)
                .map(|(field, expected)| format!("{field} is {}, expected {expected}", answer[field]))
                .collect();
            let name = (file.to_owned(), text(&case["name"]));
            if wrong.is_empty() {
                continue;
            }
            if !expected_failures.contains(&name) {
                report += &format!("{file}: {}: {}\n", name.1, wrong.join(", "));
            }
            failures.insert(name);
        }
    }
    for (file, case) in expected_failures.difference(&failures) {
        report += &format!("{file}: {case}: is listed as failing and passes\n");
    }
    assert!(report.is_empty(), "\n{report}");
}
