//! The house rules, enforced: which way imports run, and how a file opens and how long it is.
//!
//! Reads the sources as text, so that a rule holds for code that is compiled out as well, and for
//! tests. Deliberately not: what rustc, clippy or rustfmt can see (those lints are in `Cargo.toml`
//! and `clippy.toml`). Every rule is tried on a planted violation first.

mod source;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use source::{Token, root_paths, test_lines, tokens};

/// The storeys of the house, lowest first. A module imports from lower storeys only.
const STOREYS: [(&str, &[&str]); 5] = [
    ("ground", &["address", "clock", "fault", "heard", "lock", "seeds", "shutdown", "verdict"]),
    ("pure rules", &["parse", "robots", "scope", "sitemap"]),
    ("ports", &["cache", "fetch", "frontier", "politeness", "sink"]),
    ("engine", &["engine"]),
    ("edges", &["cli", "config", "inspect", "job", "report", "service", "telemetry", "vitro"]),
];

/// Modules of one storey that may know each other all the same, and why. In the storeys that are
/// not listed in [`CLOSED`] neighbours may meet, as long as they do not form a ring.
const NEIGHBOURS: [(&str, &str, &str); 2] = [
    ("cache", "fetch", "a CachedFetcher is a Fetcher that stands in front of another one"),
    ("frontier", "politeness", "what is owed to a host is durable, so the frontier keeps it beside the host's queue"),
];

/// Storeys whose modules do not know each other: each can be read, tested and replaced alone.
const CLOSED: [&str; 2] = ["pure rules", "ports"];

/// Names of functions that read the environment, after `env::`.
const ENVIRONMENT: [&str; 6] = ["var", "var_os", "vars", "vars_os", "set_var", "remove_var"];
/// Further ones that read it on somebody's behalf.
const ENVIRONMENT_BY_PROXY: [&str; 5] =
    ["from_default_env", "try_from_default_env", "from_env_lossy", "with_env_var", "FailScenario"];
/// The module that may speak the last of them: failpoints are for tests alone, and no configuration.
const FAILPOINTS: &str = "fault";
/// The module that reads which seeds a simulation runs over: it is compiled for tests only.
const SEEDS: &str = "seeds";

/// Folders that speak HTTP as clients, and why.
const HTTP_CLIENTS: [(&str, &str); 3] = [
    ("fetch/", "every exchange of a crawl, guarded and bounded in one place"),
    (
        "cli/ctl/",
        "the shell client speaks to the one daemon that its user names: guard, politeness and robots.txt are for strangers",
    ),
    (
        "telemetry/traces/",
        "the collector is the operator's own: behind the guard it could not be on loopback, and it is asked at no host's pace",
    ),
];

/// Longest file, in lines, test modules not counted.
const MAX_LINES: usize = 400;
/// Longest `main.rs`.
const MAX_MAIN_LINES: usize = 30;
/// Shortest essay of a `mod.rs`, in lines that say something.
const MIN_ESSAY_LINES: usize = 3;

#[test]
fn the_house_is_in_order() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = BTreeMap::new();
    collect(&src, &src, &mut files);
    assert!(files.len() > 20, "only {} files found under {}", files.len(), src.display());
    let violations = inspect(&files);
    assert!(violations.is_empty(), "{} violations:\n  {}", violations.len(), violations.join("\n  "));
}

/// Reads all `.rs` files into a map from path (relative to `src`, with slashes) to text.
fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).expect("src is readable") {
        let path = entry.expect("src is readable").path();
        if path.is_dir() {
            collect(root, &path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root).expect("below root").to_str().expect("UTF-8").replace('\\', "/");
            files.insert(name, fs::read_to_string(&path).expect("sources are UTF-8"));
        }
    }
}

/// Everything that is wrong with a set of files, one sentence each.
fn inspect(files: &BTreeMap<String, String>) -> Vec<String> {
    let mut violations = Vec::new();
    let mut imports = BTreeSet::new();
    for (path, text) in files {
        let tokens = tokens(text);
        let mut complain = |line: usize, what: &str| violations.push(format!("src/{path}:{line}: {what}"));
        looks(path, text, &tokens, &mut complain);
        foreign_names(path, &tokens, &mut complain);
        let Some(module) = module_of(path) else { continue };
        if storey_of(module).is_none() {
            complain(1, &format!("`{module}` is on no storey: give it one in tests/it/house.rs"));
            continue;
        }
        for import in root_paths(&tokens, depth_of(path)) {
            if let Err(why) = judge(module, &import.first) {
                complain(import.line, &why);
            }
            imports.insert((module.to_owned(), import.first));
        }
    }
    violations.extend(ring(&imports));
    if let Some(map) = files.get("lib.rs") {
        violations.extend(check_map(map, files));
    }
    violations
}

/// `fetch` for `fetch/body.rs` and `fetch.rs`; none for the two roots.
fn module_of(path: &str) -> Option<&str> {
    let first = path.split('/').next().unwrap_or(path);
    let module = first.strip_suffix(".rs").unwrap_or(first);
    (!matches!(path, "lib.rs" | "main.rs")).then_some(module)
}

/// How many modules below the root a file is: `clock.rs` and `fetch/mod.rs` 1, `fetch/body.rs` 2.
fn depth_of(path: &str) -> usize {
    path.split('/').filter(|part| *part != "mod.rs").count()
}

fn storey_of(module: &str) -> Option<usize> {
    STOREYS.iter().position(|(_, modules)| modules.contains(&module))
}

/// Whether `from` may name `to`.
fn judge(from: &str, to: &str) -> Result<(), String> {
    let Some(target) = storey_of(to) else {
        return Err(format!("`crate::{to}` is no module of the crate: import an item from where it lives"));
    };
    let own = storey_of(from).expect("checked by the caller");
    let (storey, _) = STOREYS[own];
    if from == to {
        Ok(())
    } else if to == "config" && !["cli", "job", "service"].contains(&from) {
        Err(format!("`{from}` imports `config`: it owns its Options, and config fills them"))
    } else if target > own {
        Err(format!("`{from}` ({storey}) imports `{to}` ({}), which is above it", STOREYS[target].0))
    } else if target == own && CLOSED.contains(&storey) && !NEIGHBOURS.iter().any(|(a, b, _)| (*a, *b) == (from, to)) {
        Err(format!("`{from}` imports its neighbour `{to}` ({storey}): no reason is listed in tests/it/house.rs"))
    } else {
        Ok(())
    }
}

/// One complaint if modules import each other in a ring.
fn ring(imports: &BTreeSet<(String, String)>) -> Option<String> {
    let mut left: BTreeSet<_> = imports.iter().filter(|(from, to)| from != to).collect();
    loop {
        // Whoever imports nothing that is left is in no ring; without him others become so.
        let importers: BTreeSet<_> = left.iter().map(|(from, _)| from).collect();
        let kept: BTreeSet<_> = left.iter().copied().filter(|(_, to)| importers.contains(to)).collect();
        if kept.len() == left.len() {
            break;
        }
        left = kept;
    }
    let names: Vec<_> = left.iter().map(|(from, to)| format!("{from} -> {to}")).collect();
    (!names.is_empty()).then(|| format!("src: modules import each other in a ring: {}", names.join(", ")))
}

/// How a file opens, and how long it is.
fn looks(path: &str, text: &str, tokens: &[Token], complain: &mut dyn FnMut(usize, &str)) {
    if !text.starts_with("//!") {
        complain(1, "does not open with `//!`: what it is for, what it is not, what it keeps true");
    }
    let name = path.rsplit('/').next().unwrap_or(path);
    let essay = text.lines().take_while(|line| line.starts_with("//!"));
    if name == "mod.rs" && essay.filter(|line| line.len() > 10).count() < MIN_ESSAY_LINES {
        complain(1, &format!("a mod.rs is a contract and opens with an essay of {MIN_ESSAY_LINES} lines or more"));
    }
    if name == "tests.rs" || path.contains("/tests/") {
        return;
    }
    let limit = if path == "main.rs" { MAX_MAIN_LINES } else { MAX_LINES };
    let n_lines = text.lines().count() - test_lines(tokens);
    if n_lines > limit {
        complain(limit, &format!("{n_lines} lines without tests, {limit} are allowed: it is more than one thing"));
    }
}

/// Names that only one module may speak.
fn foreign_names(path: &str, tokens: &[Token], complain: &mut dyn FnMut(usize, &str)) {
    let module = module_of(path).unwrap_or_default();
    for (i, token) in tokens.iter().enumerate() {
        if token.text == "reqwest" && !HTTP_CLIENTS.iter().any(|(folder, _)| path.starts_with(folder)) {
            complain(
                token.line,
                "names reqwest: only fetch/ does, the shell client of the daemon, and what sends traces",
            );
        }
        let is_for_tests = module == SEEDS || (module == FAILPOINTS && token.text == "FailScenario");
        if module != "config" && !is_for_tests && reads_environment(&tokens[i..]) {
            complain(token.line, "reads the environment: only config does, and seeds for tests");
        }
    }
}

/// Whether a path or a `use` tree that starts here reads the environment.
fn reads_environment(tokens: &[Token]) -> bool {
    let text = |i: usize| tokens.get(i).map_or("", |token| token.text.as_str());
    if ENVIRONMENT_BY_PROXY.contains(&text(0)) {
        return true;
    }
    if (text(0), text(1), text(2)) != ("env", ":", ":") {
        return false;
    }
    let tree_end = tokens.iter().position(|token| matches!(token.text.as_str(), "}" | ";")).unwrap_or(tokens.len());
    match text(3) {
        "{" => tokens[..tree_end].iter().any(|token| ENVIRONMENT.contains(&token.text.as_str())),
        name => ENVIRONMENT.contains(&name) || name == "*",
    }
}

/// Whether `lib.rs` lists every module, from the ground up.
fn check_map(map: &str, files: &BTreeMap<String, String>) -> Vec<String> {
    let tokens = tokens(map);
    let listed: Vec<&str> = tokens
        .windows(3)
        .filter(|three| three[0].text == "mod" && three[2].text == ";")
        .map(|three| three[1].text.as_str())
        .collect();
    let existing: BTreeSet<&str> = files.keys().filter_map(|path| module_of(path)).collect();
    let missing = existing.iter().filter(|module| !listed.contains(module));
    let mut violations: Vec<_> = missing.map(|module| format!("src/lib.rs: does not list `{module}`")).collect();
    let storeys: Vec<_> = listed.iter().filter_map(|module| storey_of(module)).collect();
    if !storeys.is_sorted() {
        violations.push("src/lib.rs: modules are not listed from the ground up".to_owned());
    }
    violations
}

/// Inspects one planted file, in a house that is in order otherwise.
fn plant(path: &str, text: &str) -> Vec<String> {
    inspect(&BTreeMap::from([(path.to_owned(), format!("//! Planted.\n{text}"))]))
}

/// The planted file is in order.
fn check_fine(path: &str, text: &str) {
    assert_eq!(plant(path, text), Vec::<String>::new(), "{path}: {text}");
}

/// The planted file causes exactly one complaint, in this place and with these words.
fn check_caught(path: &str, text: &str, line: usize, words: &str) {
    let found = plant(path, text);
    assert_eq!(found.len(), 1, "{path}: {text}: {found:?}");
    assert!(found[0].starts_with(&format!("src/{path}:{line}: ")) && found[0].contains(words), "{found:?}");
}

#[test]
fn imports_run_down() {
    check_fine("engine/worker.rs", "use crate::{fetch::{Fetcher, Request}, address::HostKey};");
    check_fine("report/html.rs", "use crate::engine::stats::Tally;");
    check_fine("cli/demo.rs", "use crate::{config, vitro};");
    check_fine("fetch/body.rs", "use super::Request; use crate::fetch::Response;");
    check_fine("frontier/disk.rs", "use crate::robots::Policy;");
    check_caught("scope.rs", "use crate::fetch::Fetcher;", 2, "above it");
    check_caught("scope.rs", "\nuse crate::{address::HostKey,\n engine::event};", 4, "`engine`");
    check_caught("fetch/retry.rs", "fn f() -> crate::engine::event::Outcome { todo() }", 2, "above it");
    check_caught("fetch/body.rs", "#[cfg(test)] mod tests { use crate::engine::stats; }", 2, "above it");
    check_caught("clock.rs", "use super::engine::stats;", 2, "above it");
    check_caught("fetch/body.rs", "use super::super::cli;", 2, "above it");
    check_caught("fetch/body.rs", "mod tests { use super::super::super::{cli}; }", 2, "above it");
    check_caught("clock.rs", "macro_rules! m { () => { $crate::engine::x() } }", 2, "above it");
    check_caught("engine/mod.rs", "//! One line more.\n//! And another one.\nuse crate::config::X;", 4, "Options");
    check_caught("telemetry.rs", "use crate::config::Options;", 2, "Options");
    check_fine("job/crawl.rs", "use crate::config::Settings;");
    check_caught("scope.rs", "use crate::Everything;", 2, "no module");
    check_caught("utils.rs", "", 1, "no storey");
}

#[test]
fn neighbours_need_a_reason() {
    check_fine("cache/cached_fetcher.rs", "use crate::fetch::Fetcher;");
    check_fine("frontier/disk.rs", "use crate::politeness::HostState;");
    check_fine("shutdown.rs", "use crate::clock::Clock;");
    check_caught("fetch/client.rs", "use crate::cache::CachedFetcher;", 2, "neighbour");
    check_caught("robots/rules.rs", "use crate::{parse::Page, verdict};", 2, "neighbour");
    for (from, to, reason) in NEIGHBOURS {
        assert_eq!(storey_of(from), storey_of(to), "{from} and {to} need no exception");
        assert!(reason.len() > 30, "{from} -> {to}: argue");
    }
}

#[test]
fn rings_are_caught() {
    let file = |text: &str| format!("//! Planted.\n{text}");
    let two = [("clock.rs", file("use crate::shutdown::X;")), ("shutdown.rs", file("use crate::clock::Clock;"))];
    let found = inspect(&two.into_iter().map(|(path, text)| (path.to_owned(), text)).collect());
    assert_eq!(found, ["src: modules import each other in a ring: clock -> shutdown, shutdown -> clock"]);
}

#[test]
fn text_is_no_import() {
    check_fine("clock.rs", "// use crate::engine;\n/* crate::engine /* nested */ crate::cli */");
    check_fine("clock.rs", r##"const A: &str = "crate::engine \" crate::cli"; const B: &str = r#"crate::"cli"#;"##);
    check_fine("clock.rs", r"const Q: char = '\''; const P: char = '/'; /// Unlike [`crate::engine`].");
    check_caught("clock.rs", "fn f<'a>(x: &'a str) { crate::engine::f('\"', b\"x\", r#type) }", 2, "above it");
}

#[test]
fn names_of_one_module_only() {
    check_fine("fetch/client.rs", "use reqwest::Client;");
    check_fine("cli/ctl/client.rs", "use reqwest::Client;");
    check_fine("telemetry/traces/post.rs", "use reqwest::Client;");
    check_caught("telemetry.rs", "use reqwest::Client;", 2, "reqwest");
    check_caught("cli/run.rs", "use reqwest::Client;", 2, "reqwest");
    check_fine("config/mod.rs", "//! One line more.\n//! And another one.\nfn f() { std::env::var(\"X\"); }");
    check_fine("cli/mod.rs", "//! One line more.\n//! And another one.\nfn f() { std::env::args(); env!(\"X\"); }");
    check_caught("engine/worker.rs", "fn f(_: reqwest::Error) {}", 2, "reqwest");
    check_caught("main.rs", "fn main() { std::env::var_os(\"X\"); }", 2, "environment");
    check_fine("fault.rs", "fn f() { fail::FailScenario::setup(); }");
    check_caught("clock.rs", "fn f() { fail::FailScenario::setup(); }", 2, "environment");
    check_caught("fault.rs", "fn f() { std::env::var(\"X\"); }", 2, "environment");
    check_caught("telemetry.rs", "use std::env::{self, vars};", 2, "environment");
    check_caught("telemetry.rs", "fn f() { EnvFilter::from_default_env(); }", 2, "environment");
}

#[test]
fn files_open_with_an_essay_and_end_in_time() {
    let bare = BTreeMap::from([("clock.rs".to_owned(), "use std::fmt;\n".to_owned())]);
    assert!(inspect(&bare)[0].contains("does not open"), "{:?}", inspect(&bare));
    check_caught("sink/mod.rs", "//!\n//! Two lines.\n//!\n", 1, "essay");
    let code = "fn f() {}\n".repeat(395);
    let tests = format!("#[cfg(test)]\nmod tests {{\n{code}}}\n");
    check_fine("clock.rs", &code);
    check_fine("clock.rs", &format!("{code}{tests}"));
    check_fine("engine/tests.rs", &format!("{code}{code}"));
    check_caught("clock.rs", &format!("{code}{code}{tests}"), MAX_LINES, "791 lines");
    check_caught("main.rs", &code, MAX_MAIN_LINES, "30 are allowed");
}

#[test]
fn the_map_is_complete() {
    let house = |map: &str| {
        let files = [("lib.rs", map), ("clock.rs", "//! Time."), ("engine/event.rs", "//! Events.")];
        inspect(&files.map(|(path, text)| (path.to_owned(), text.to_owned())).into())
    };
    assert_eq!(house("//! The map.\npub mod clock;\npub mod engine;"), Vec::<String>::new());
    assert_eq!(house("//! The map.\npub mod clock;\n// pub mod engine;"), ["src/lib.rs: does not list `engine`"]);
    let upside_down = house("//! The map.\npub mod engine;\npub mod clock;");
    assert_eq!(upside_down, ["src/lib.rs: modules are not listed from the ground up"]);
}
