//! HTTP caching: the published suite of cache-tests.fyi, played against the cache in paused time.
//!
//! The data is in `tests/conformance/cache/`; its README names source and licence, and says how the parts of
//! the suite are played here: its client is this file, its server the fetcher behind the cache, its
//! pauses are steps of the clock. Deliberately not here: cases of our own, which stand beside the code.

mod client;
mod server;

use std::{collections::BTreeMap, fs, path::Path};

use dragline::cache::policy::Mode;
use serde_json::Value;

/// How a test ended, and what it was for.
struct Played {
    kind: String,
    fault: Option<String>,
}

fn data(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/cache").join(file);
    fs::read_to_string(path).expect("the data is there")
}

/// Whether a test is about such a cache at all.
fn applies(test: &Value, mode: Mode) -> bool {
    let is = |key: &str| test[key].as_bool().unwrap_or_default();
    let name = test["name"].as_str().expect("a name");
    let for_shared = name.contains("hared HTTP cache") || name.contains("HTTP shared cache");
    match mode {
        Mode::Private => !for_shared,
        Mode::Shared => !is("browser_only"),
    }
}

/// `cache` is a mode of browsers' `fetch()`, which this client does not have.
fn needs_a_browser(test: &Value) -> bool {
    test["requests"].as_array().expect("requests").iter().any(|request| request.get("cache").is_some())
}

async fn play(mode: Mode) -> BTreeMap<String, Played> {
    let suites: Vec<Value> = serde_json::from_str(&data("suite.json")).expect("JSON");
    let mut played = BTreeMap::new();
    for test in suites.iter().flat_map(|suite| suite["tests"].as_array().expect("tests")) {
        if !applies(test, mode) || needs_a_browser(test) {
            continue;
        }
        let kind = test["kind"].as_str().unwrap_or("required").to_owned();
        let fault = client::play(test, mode).await.err();
        played.insert(test["id"].as_str().expect("an id").to_owned(), Played { kind, fault });
    }
    played
}

/// The cases that are expected to fail in this mode, each below its reason.
fn expected(mode: &str) -> BTreeMap<String, String> {
    let (mut reason, mut cases) = (String::new(), BTreeMap::new());
    let mut was_reason = false;
    for line in data("expected-failures.txt").lines().filter(|line| !line.is_empty()) {
        if let Some(text) = line.strip_prefix("# ") {
            reason = if was_reason { format!("{reason} {text}") } else { text.to_owned() };
            was_reason = true;
            continue;
        }
        was_reason = false;
        let (modes, id) = line.split_once(' ').expect("`private`, `shared` or `both`, and an id");
        assert!(["private", "shared", "both"].contains(&modes), "{line}");
        assert!(reason.len() > 20, "{line} has no reason");
        if modes == mode || modes == "both" {
            assert!(cases.insert(id.to_owned(), reason.clone()).is_none(), "{line} is listed twice");
        }
    }
    cases
}

fn judge(mode: &str, played: &BTreeMap<String, Played>, counts: [(&str, usize, usize); 3]) {
    let expected = expected(mode);
    let mut report = String::new();
    for (id, Played { kind, fault }) in played {
        match (fault, expected.get(id)) {
            (Some(fault), None) => report += &format!("{kind} {id}: {fault}\n"),
            (None, Some(_)) => report += &format!("{kind} {id}: is listed as failing and passes\n"),
            _ => {}
        }
    }
    for id in expected.keys().filter(|id| !played.contains_key(*id)) {
        report += &format!("{id}: is listed and was not played\n");
    }
    let count = |kind: &str| {
        let of_kind = || played.values().filter(|one| one.kind == kind);
        (of_kind().filter(|one| one.fault.is_none()).count(), of_kind().count())
    };
    for (kind, passed, all) in counts {
        if count(kind) != (passed, all) {
            report += &format!("{mode}: {kind}: {:?} passed, expected {:?}\n", count(kind), (passed, all));
        }
    }
    assert!(report.is_empty(), "\n{report}");
}

#[tokio::test(start_paused = true)]
async fn a_private_cache() {
    let played = play(Mode::Private).await;
    judge("private", &played, [("required", 149, 154), ("optimal", 70, 82), ("check", 45, 88)]);
}

#[tokio::test(start_paused = true)]
async fn a_shared_cache() {
    let played = play(Mode::Shared).await;
    judge("shared", &played, [("required", 153, 158), ("optimal", 71, 86), ("check", 45, 88)]);
}
