//! Runs the built program, and reads what it leaves behind.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    io::Read as _,
    path::Path,
    process::{Output, Stdio},
    time::Duration,
};

use serde_json::Value;
use tokio::process::{Child, Command};

/// A program that takes longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// The built program with nothing of this process's environment that it would listen to.
pub(crate) fn dragline() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dragline"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("DRAGLINE_") || name == "RUST_LOG" || name == "FAILPOINTS" {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Runs it with these arguments to its end.
pub(crate) async fn run<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Output {
    finish(dragline().args(args).spawn().expect("the program starts")).await
}

/// Waits for a running one to end.
pub(crate) async fn finish(child: Child) -> Output {
    tokio::time::timeout(PATIENCE, child.wait_with_output()).await.expect("the program ends in time").unwrap()
}

/// Sends a signal by name: `INT`, `TERM`, `KILL`.
pub(crate) async fn signal(child: &Child, name: &str) {
    let pid = child.id().expect("it is still running").to_string();
    let status = Command::new("kill").args(["-s", name, &pid]).status().await.unwrap();
    assert!(status.success(), "kill -s {name} {pid}");
}

/// The records in an output folder: each line of each `pages*.jsonl`, packed or not, file by file in
/// the order of their names.
///
/// # Panics
/// When a line is not JSON, or a file does not end in a line feed: half a record is a lost one.
pub(crate) fn read_records(folder: &Path) -> Vec<Value> {
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.starts_with("pages") && name.contains(".jsonl")
        })
        .collect();
    files.sort();
    let mut records = Vec::new();
    for file in files {
        let text = unpacked(&file);
        assert!(text.is_empty() || text.ends_with('\n'), "{} ends in half a record", file.display());
        records.extend(text.lines().map(|line| {
            serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{}: {error}: {line}", file.display()))
        }));
    }
    records
}

/// The text of a file, whose name says how it is packed.
fn unpacked(file: &Path) -> String {
    let bytes = fs::read(file).unwrap();
    let mut text = String::new();
    let read = match file.extension().and_then(OsStr::to_str) {
        Some("gz") => flate2::read::MultiGzDecoder::new(&*bytes).read_to_string(&mut text),
        Some("zst") => zstd::Decoder::new(&*bytes).unwrap().read_to_string(&mut text),
        _ => (&*bytes).read_to_string(&mut text),
    };
    read.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    text
}

/// The records by URL.
///
/// # Panics
/// When a URL has two.
pub(crate) fn by_url(records: Vec<Value>) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for record in records {
        let url = record["url"].as_str().unwrap_or_else(|| panic!("a record without a url: {record}")).to_owned();
        if let Some(first) = found.insert(url.clone(), record) {
            panic!("two records for {url}: {first} and {}", found[&url]);
        }
    }
    found
}

/// The receipt in an output folder.
pub(crate) fn read_receipt(folder: &Path) -> Value {
    let path = folder.join("receipt.json");
    let text = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

mod tests {
    use super::*;

    #[tokio::test]
    async fn the_program_runs() {
        let output = run(["--version"]).await;
        assert!(output.status.success(), "{output:?}");
    }

    #[tokio::test]
    async fn signals_arrive() {
        let mut command = Command::new("sleep");
        let child = command.arg("60").stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        signal(&child, "TERM").await;
        assert_eq!(finish(child).await.status.code(), None, "it ended by the signal");
    }

    #[test]
    fn records_of_all_files_are_read_in_order() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("pages-2.jsonl"), "{\"url\":\"c\"}\n").unwrap();
        fs::write(folder.path().join("pages-1.jsonl"), "{\"url\":\"a\"}\n{\"url\":\"b\"}\n").unwrap();
        fs::write(folder.path().join("other.jsonl"), "nothing").unwrap();
        fs::write(folder.path().join("receipt.json"), "{\"discovered\":3}").unwrap();
        let urls: Vec<String> = by_url(read_records(folder.path())).into_keys().collect();
        assert_eq!(urls, ["a", "b", "c"]);
        assert_eq!(read_receipt(folder.path())["discovered"], 3);
    }

    #[test]
    #[should_panic(expected = "half a record")]
    fn half_a_record_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("pages.jsonl"), "{\"url\":\"a\"}\n{\"url\"").unwrap();
        read_records(folder.path());
    }

    #[test]
    #[should_panic(expected = "two records for a")]
    fn a_second_record_is_noticed() {
        by_url(vec![serde_json::json!({"url": "a"}), serde_json::json!({"url": "a"})]);
    }
}
