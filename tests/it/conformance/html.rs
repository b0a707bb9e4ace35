//! The links of html5lib-tests' documents (`tests/conformance/html/`).

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::json;

use super::inspect;

#[derive(Deserialize)]
struct Case {
    id: String,
    html: String,
    links: BTreeSet<(String, String)>,
}

#[test]
fn documents_have_the_links_of_the_published_trees() {
    let cases: Vec<Case> =
        serde_json::from_str(include_str!("../../conformance/html/cases.json")).expect("a list of cases");
    let expected_failures: BTreeMap<&str, &str> = include_str!("../../conformance/html/expected-failures.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(' '))
        .collect();
    let questions: Vec<_> = cases
        .iter()
        .map(|case| {
            let body = STANDARD.encode(&case.html);
            let content_type = "text/html; charset=utf-8";
            json!({"base": "http://h/", "content_type": content_type, "body_base64": body, "include": ["all"]})
        })
        .collect();
    let mut wrong = Vec::new();
    for (case, answer) in cases.iter().zip(inspect("links", &questions)) {
        let links = answer["links"].as_array().expect("a list");
        let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
        let found: BTreeSet<_> = links.iter().map(|link| (text(&link["kind"]), text(&link["raw"]))).collect();
        let is_expected_to_fail = expected_failures.contains_key(&*case.id);
        if (found == case.links) == is_expected_to_fail {
            wrong.push(format!("{}: {:?}\n  expected {:?}\n  found    {found:?}", case.id, case.html, case.links));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert!(cases.len() > 600);
}
