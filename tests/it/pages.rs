//! The links of real pages, as an independent HTML5 parser finds them.
//!
//! `tests/truth/links.py` builds trees with html5lib and lists the links of every kind; so does
//! `dragline inspect links --batch`. The pages are documentation: Debian's `sqlite3-doc` and
//! `python3-doc`, and that of Rust where rustup put it. A sample of them is compared; with
//! `DRAGLINE_TEST_ALL_PAGES` set, all that are there and Debian's other documentation too.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{conformance::inspect, docs_site::python};

/// Pages taken of each folder.
const SAMPLE: usize = 60;
/// Set, it asks for all pages.
const ALL_PAGES: &str = "DRAGLINE_TEST_ALL_PAGES";

/// A link's kind and reference, and how often the page has it.
type Links = BTreeMap<(String, String), usize>;

#[test]
fn real_pages_have_the_links_that_html5lib_finds() {
    #[expect(
        clippy::disallowed_methods,
        reason = "all pages take many minutes, which only who asks for them will wait"
    )]
    let all = std::env::var_os(ALL_PAGES).is_some();
    let debian: &[&str] =
        if all { &["/usr/share/doc"] } else { &["/usr/share/doc/sqlite3", "/usr/share/doc/python3-doc/html"] };
    let folders = debian.iter().map(PathBuf::from).chain(rust_docs());
    let mut pages = Vec::new();
    for folder in folders {
        let mut found = Vec::new();
        collect(&folder, &mut found);
        found.sort();
        let step = if all { 1 } else { found.len().div_ceil(SAMPLE).max(1) };
        pages.extend(found.into_iter().step_by(step));
    }
    assert!(pages.len() >= SAMPLE, "only {} pages: install sqlite3-doc, or run tests/run, which does", pages.len());

    let mut wrong = Vec::new();
    let mut n_links = 0;
    for pages in pages.chunks(1_000) {
        for (page, (expected, found)) in pages.iter().zip(truth(pages).into_iter().zip(ours(pages))) {
            n_links += found.values().sum::<usize>();
            // A tree may have an element twice that the page has once: it was closed in the wrong place.
            let is_right = expected.keys().eq(found.keys()) && found.iter().all(|(link, n)| *n <= expected[link]);
            if !is_right {
                let missing = expected.keys().filter(|link| !found.contains_key(*link)).take(5);
                let extra = found.keys().filter(|link| !expected.contains_key(*link)).take(5);
                let (missing, extra): (Vec<_>, Vec<_>) = (missing.collect(), extra.collect());
                wrong.push(format!("{}: missing {missing:?}, extra {extra:?}", page.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {} pages:\n{}", wrong.len(), pages.len(), wrong.join("\n"));
    assert!(n_links > pages.len(), "{n_links} links");
}

/// Where rustup keeps the documentation, if it does.
fn rust_docs() -> Option<PathBuf> {
    let answer = Command::new("rustc").args(["--print", "sysroot"]).output().ok()?;
    let sysroot = String::from_utf8(answer.stdout).ok()?;
    Some(Path::new(sysroot.trim()).join("share/doc/rust/html")).filter(|folder| folder.is_dir())
}

fn collect(folder: &Path, pages: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        // Links between folders are not followed: they lead round in circles.
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder {
            collect(&path, pages);
        } else if path.extension().is_some_and(|extension| extension == "html" || extension == "htm") && path.is_file()
        {
            pages.push(path);
        }
    }
}

/// What html5lib finds.
fn truth(pages: &[PathBuf]) -> Vec<Links> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/truth/links.py");
    let mut child = Command::new(python())
        .arg("-B")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python starts");
    // The script reads all names before it answers.
    let names: Vec<_> = pages.iter().map(|page| page.to_str().expect("UTF-8")).collect();
    child.stdin.take().expect("piped").write_all(names.join("\n").as_bytes()).expect("it reads");
    let answer = child.wait_with_output().expect("it ends");
    assert!(answer.status.success(), "the script failed");
    let lines = String::from_utf8(answer.stdout).expect("JSON is UTF-8");
    lines.lines().map(|line| count(&serde_json::from_str(line).expect("JSON lines"), "0", "1")).collect()
}

/// What dragline finds.
fn ours(pages: &[PathBuf]) -> Vec<Links> {
    let question = |page: &PathBuf| {
        let body = STANDARD.encode(fs::read(page).expect("it is there"));
        let content_type = "text/html; charset=utf-8";
        json!({"base": "http://h/", "content_type": content_type, "body_base64": body, "include": ["all"]})
    };
    let questions: Vec<_> = pages.iter().map(question).collect();
    inspect("links", &questions).iter().map(|answer| count(answer, "kind", "raw")).collect()
}

/// The links of an answer, which are lists or objects.
fn count(answer: &Value, kind: &str, reference: &str) -> Links {
    let mut links = Links::new();
    let text = |link: &Value, key: &str| {
        let value = key.parse::<usize>().map_or_else(|_| &link[key], |index| &link[index]);
        value.as_str().expect("a text").to_owned()
    };
    for link in answer["links"].as_array().expect("a list") {
        *links.entry((text(link, kind), text(link, reference))).or_default() += 1;
    }
    links
}
