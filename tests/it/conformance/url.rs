//! Addresses: the URL standard's cases, RFC 3986's examples and equivalences, the Public Suffix
//! List's vectors, SURT.

use std::{collections::BTreeMap, path::Path};

use serde_json::{Value, json};

use super::inspect;

fn data(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/url").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn json_data(name: &str) -> Value {
    serde_json::from_str(&data(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// `<input>` or `<input> against <base>`, with control characters escaped: how the list names a case.
fn name(case: &Value) -> String {
    let text = |key: &str| case[key].as_str().map(|text| format!("<{}>", text.escape_default()));
    let input = text("input").expect("every case has an input");
    text("base").map_or(input.clone(), |base| format!("{input} against {base}"))
}

/// The list: paragraphs of cases, each under a comment that argues for them.
fn expected_failures() -> BTreeMap<String, String> {
    let mut argued = BTreeMap::new();
    let mut reason = String::new();
    let mut is_open = false;
    for line in data("expected_failures.txt").lines() {
        if let Some(words) = line.strip_prefix('#') {
            if !is_open {
                reason.clear();
            }
            is_open = true;
            reason.push_str(words);
        } else if !line.is_empty() {
            is_open = false;
            assert!(reason.len() > 60, "{line}: argue");
            argued.insert(line.to_owned(), reason.clone());
        }
    }
    argued
}

#[test]
fn cases_of_the_url_standard() {
    let cases: Vec<Value> = json_data("urltestdata.json")
        .as_array()
        .expect("a list")
        .iter()
        .filter(|case| case.is_object())
        .cloned()
        .collect();
    assert!(cases.len() > 800, "{}", cases.len());
    let questions: Vec<Value> = cases.iter().map(|case| json!({"base": case["base"], "href": case["input"]})).collect();
    let answers = inspect("url", &questions);
    let mut argued = expected_failures();
    let mut wrong = Vec::new();
    for (case, answer) in cases.iter().zip(&answers) {
        let mut passes = answer["url"] == case["href"] && answer["url"].is_null() == (case["failure"] == true);
        let is_web = matches!(case["protocol"].as_str(), Some("http:" | "https:"));
        if is_web {
            passes &= answer["host"] == case["hostname"] && answer["error"].is_null();
        } else {
            passes &= answer["canonical"].is_null() && answer["error"].is_string();
        }
        match (passes, argued.remove(&name(case))) {
            (true, None) | (false, Some(_)) => {}
            (false, None) => wrong.push(format!("{}: {answer}, expected {}", name(case), case["href"])),
            (true, Some(_)) => wrong.push(format!("{} passes: take it off the list", name(case))),
        }
        assert!(!is_web || passes, "what a crawler meets has no exceptions: {}: {answer}", name(case));
    }
    wrong.extend(argued.into_keys().map(|name| format!("{name} is no case")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn references_of_rfc_3986() {
    let data = json_data("rfc3986-5.4.json");
    let cases = data["cases"].as_array().expect("a list");
    let questions: Vec<Value> = cases.iter().map(|case| json!({"base": data["base"], "href": case[0]})).collect();
    for (case, answer) in cases.iter().zip(inspect("url", &questions)) {
        assert_eq!(answer["url"], case[1], "{case}");
    }
}

#[test]
fn equivalences_of_rfc_3986() {
    let data = json_data("rfc3986.json");
    for case in data.as_array().expect("a list") {
        let (key, are_same) = if case["same"].is_array() { ("same", true) } else { ("differ", false) };
        let questions: Vec<Value> =
            case[key].as_array().expect("a list").iter().map(|url| json!({"base": null, "href": url})).collect();
        let mut canonical: Vec<Value> =
            inspect("url", &questions).iter().map(|answer| answer["canonical"].clone()).collect();
        if are_same {
            assert!(canonical.iter().all(|url| *url == case["canonical"]), "{case}: {canonical:?}");
        } else {
            canonical.dedup();
            assert_eq!(canonical.len(), 2, "{case}");
        }
    }
}

#[test]
fn vectors_of_the_public_suffix_list() {
    let lines = data("test_psl.txt");
    let calls = lines.lines().filter_map(|line| line.strip_prefix("checkPublicSuffix(")?.strip_suffix(");"));
    let quoted = |text: &str| text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')).map(str::to_owned);
    let vectors: Vec<(Option<String>, Option<String>)> = calls
        .map(|call| call.split_once(", ").expect("two arguments"))
        .map(|(host, domain)| (quoted(host), quoted(domain)))
        .collect();
    assert!(vectors.len() > 70, "{}", vectors.len());
    // `null` is no host, and the URL standard has no host of one.
    let vectors: Vec<_> = vectors.into_iter().filter_map(|(host, domain)| Some((host?, domain))).collect();
    let questions: Vec<Value> =
        vectors.iter().map(|(host, _)| json!({"base": null, "href": format!("http://{host}/")})).collect();
    let domains = vectors.iter().map(|(_, domain)| domain.clone().unwrap_or_else(|| "com".to_owned()));
    let hosts: Vec<Value> = domains.map(|domain| json!({"base": null, "href": format!("http://{domain}/")})).collect();
    // Domains are given in ASCII; so are those that are expected, once they have been through the parser.
    for ((vector, answer), host) in vectors.iter().zip(inspect("url", &questions)).zip(inspect("url", &hosts)) {
        let expected = if vector.1.is_some() { host["host"].clone() } else { Value::Null };
        assert_eq!(answer["registrable_domain"], expected, "{vector:?}");
    }
}

#[test]
fn surts() {
    let data = json_data("surt.json");
    let cases = data.as_array().expect("a list");
    let questions: Vec<Value> = cases.iter().map(|case| json!({"base": null, "href": case[0]})).collect();
    for (case, answer) in cases.iter().zip(inspect("url", &questions)) {
        assert_eq!(answer["surt"], case[1], "{case}");
    }
}

#[test]
fn rules_by_name() {
    let ask =
        |href: &str, rules: Value| inspect("url", &[json!({"base": null, "href": href, "rules": rules})]).remove(0);
    let url = "http://www.example.com/a?utm_source=x&b=1#c";
    assert_eq!(ask(url, json!(null))["canonical"], "http://www.example.com/a?utm_source=x&b=1");
    assert_eq!(ask(url, json!([]))["canonical"], url);
    let answer = ask(url, json!(["www", "tracking_parameters"]));
    assert_eq!(answer["canonical"], "http://example.com/a?b=1#c");
    assert_eq!(answer["rules_applied"], json!(["tracking-parameters", "www"]));
    let answer = ask(url, json!(["idn", "tracking-params"]));
    assert_eq!(answer["error"], "unknown rule `tracking-params`; did you mean `tracking-parameters`?");
    assert_eq!(answer["url"], Value::Null);
}

#[test]
fn the_documentation_has_every_rule_and_parameter() {
    let docs =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ADDRESSES.md")).expect("it is there");
    let list =
        std::process::Command::new(env!("CARGO_BIN_EXE_dragline")).args(["inspect", "url", "--list-rules"]).output();
    let list = String::from_utf8(list.expect("the binary runs").stdout).expect("text");
    for line in list.lines() {
        let words: Vec<&str> = match line.strip_prefix("  ") {
            Some(line) => line.split_once(": ").expect("whose: names").1.split(", ").collect(),
            None => line.split_whitespace().take(1).map(|name| name.trim_end_matches(':')).collect(),
        };
        for word in words {
            assert!(docs.contains(&format!("`{word}`")), "docs/ADDRESSES.md lacks {word}");
        }
    }
}
