//! Encodings: labels of the Encoding standard, pages of html5lib-tests, headers of WPT.
//!
//! Data and licences: `tests/conformance/charset/README.md`.

use std::{collections::BTreeMap, fs, path::PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::inspect;

fn data(name: &str) -> Vec<u8> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/charset");
    fs::read(folder.join(name)).expect("the data is there")
}

/// Cases that are known to be answered otherwise, with the reason.
fn expected_failures() -> BTreeMap<String, String> {
    let text = String::from_utf8(data("expected-failures.txt")).expect("UTF-8");
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(|line| line.split_once(' ').expect("a case and a reason")).map(|(a, b)| (a.into(), b.into())).collect()
}

fn question(content_type: Option<&str>, body: &[u8]) -> Value {
    json!({ "content_type": content_type, "body_base64": STANDARD.encode(body) })
}

/// Answers may have further fields.
fn is_the_same(expected: &Value, answer: &Value) -> bool {
    expected["encoding"] == answer["encoding"] && expected["source"] == answer["source"]
}

/// Asks all questions at once and compares each answer with what is right by `is_right`.
fn check(cases: &[(String, Value, Value)], is_right: impl Fn(&Value, &Value) -> bool) {
    let questions: Vec<_> = cases.iter().map(|(_, question, _)| question.clone()).collect();
    let mut known = expected_failures();
    let mut wrong = Vec::new();
    for ((name, question, expected), answer) in cases.iter().zip(inspect("charset", &questions)) {
        match (is_right(expected, &answer), known.remove(name).is_some()) {
            (true, false) | (false, true) => {}
            (true, true) => wrong.push(format!("{name} is listed and right")),
            (false, false) => {
                wrong.push(format!("{name}: {:.300} gave {answer}, not {expected}", question.to_string()));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn every_label_of_the_encoding_standard() {
    let text = String::from_utf8(data("labels.tsv")).expect("UTF-8");
    let mut cases = Vec::new();
    for (label, name) in text.lines().map(|line| line.split_once('\t').expect("label and name")) {
        let header = |value: &str| question(Some(value), b"<meta charset=big5>");
        let by_header = json!({ "encoding": name, "source": "header" });
        let shouted = label.to_ascii_uppercase();
        cases.push((label.to_owned(), header(&format!("text/html; charset={label}")), by_header.clone()));
        cases.push((label.to_owned(), header(&format!("text/html;charset=\"\t{shouted} \"")), by_header));
        let name = match name {
            "UTF-16LE" | "UTF-16BE" => "UTF-8",
            "x-user-defined" => "windows-1252",
            name => name,
        };
        let by_meta = json!({ "encoding": name, "source": "meta" });
        let metas = [
            format!("<!doctype html><meta charset='\n{shouted}\x0C'>"),
            format!("<meta http-equiv=content-type content='text/html; charset={label}'>"),
        ];
        cases.extend(metas.map(|meta| (label.to_owned(), question(None, meta.as_bytes()), by_meta.clone())));
    }
    assert_eq!(cases.len(), 228 * 4);
    check(&cases, is_the_same);
}

#[test]
fn pages_of_html5lib() {
    let mut cases = Vec::new();
    for file in ["tests1.dat", "tests2.dat", "test-yahoo-jp.dat"] {
        for (number, (body, encoding)) in (1..).zip(dat(&data(file))) {
            cases.push((format!("{file}#{number}"), question(None, &body), json!(encoding)));
        }
    }
    assert_eq!(cases.len(), 83);
    check(&cases, |expected, answer| {
        let found = answer["encoding"].as_str().expect("a name").to_ascii_lowercase();
        let is_declared = answer["source"] == "meta" || answer["source"] == "bom";
        expected == &found && is_declared || expected == "windows-1252" && !is_declared
    });
}

/// The cases of a file in the format of html5lib-tests: data, and the encoding in lower case.
fn dat(bytes: &[u8]) -> Vec<(Vec<u8>, String)> {
    let mut cases: Vec<(Vec<u8>, String)> = Vec::new();
    let mut is_data = false;
    for line in bytes.split(|&byte| byte == b'\n') {
        match line {
            b"#data" => {
                is_data = true;
                cases.push((Vec::new(), String::new()));
            }
            b"#encoding" => is_data = false,
            line if is_data => {
                let (data, _) = cases.last_mut().expect("a case was begun");
                data.extend_from_slice(line);
                data.push(b'\n');
            }
            b"" => {}
            line => cases.last_mut().expect("a case was begun").1 = String::from_utf8_lossy(line).to_ascii_lowercase(),
        }
    }
    cases
}

#[test]
fn headers_of_the_web_platform_tests() {
    let text = String::from_utf8(data("mime-types.jsonl")).expect("UTF-8");
    let mut cases = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let case: Value = serde_json::from_str(line).expect("JSON");
        let expected = match &case["encoding"] {
            Value::Null => json!({ "encoding": "UTF-8", "source": "default" }),
            name => json!({ "encoding": name, "source": "header" }),
        };
        cases.push((format!("mime-types.jsonl#{number}"), question(case["input"].as_str(), b"x"), expected));
    }
    assert_eq!(cases.len(), 28);
    check(&cases, is_the_same);
}
