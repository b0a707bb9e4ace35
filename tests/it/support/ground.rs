//! A place where crawls of the built program take place: a scratch folder, configurations, how a
//! run ended, and whether its books are in order.
//!
//! [`reconcile`] is the auditor of the receipt: it counts the records anew, line by line, and knows
//! nothing of how the engine counts.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::Output,
    time::Duration,
};

use dragline::vitro::Server;
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use url::Url;

use super::binary::{self, by_url, dragline, read_receipt, read_records};

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// A condition that takes longer never comes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A scratch folder; crawls go into `out` in it.
pub(crate) struct Ground {
    dir: TempDir,
}

/// How a run ended, and what it said.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit code; none when a signal ended it.
    pub(crate) code: Option<i32>,
    /// The signal that ended it, if one did.
    pub(crate) signal: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// Whether SIGKILL ended it, and not some other signal.
    pub(crate) fn is_killed(&self) -> bool {
        self.signal == Some(9)
    }

    /// Itself, if it ended with `code`.
    #[track_caller]
    pub(crate) fn with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.stderr);
        self
    }

    /// Itself, if it also said `text`.
    #[track_caller]
    pub(crate) fn saying(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "{text:?} is not in: {}", self.stderr);
        self
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("it speaks UTF-8");
        let (code, signal) = (output.status.code(), output.status.signal());
        Self { code, signal, stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Ground {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    /// Leaves it where it is, for somebody to look at.
    pub(crate) fn keep(&mut self) -> PathBuf {
        self.dir.disable_cleanup(true);
        self.dir.path().to_owned()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn out(&self) -> PathBuf {
        self.path("out")
    }

    /// Writes a file.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).unwrap();
    }

    /// The program, about to run here.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = dragline();
        command.current_dir(self.dir.path()).args(args);
        command
    }

    pub(crate) fn start(&self, args: &[&str]) -> Child {
        self.command(args).spawn().expect("the program starts")
    }

    /// Runs to the end.
    pub(crate) async fn run(&self, args: &[&str]) -> Ended {
        finish(self.start(args)).await
    }

    /// Writes `config` and runs it to the end.
    pub(crate) async fn crawl(&self, config: &Config) -> Ended {
        self.write("crawl.toml", config.toml());
        self.run(&["run", "crawl.toml"]).await
    }

    /// Writes `config` and starts it.
    pub(crate) fn start_crawl(&self, config: &Config) -> Child {
        self.write("crawl.toml", config.toml());
        self.start(&["run", "crawl.toml"])
    }

    /// The records of `out` by URL, reconciled with its receipt.
    pub(crate) fn reconciled(&self) -> BTreeMap<String, Value> {
        reconciled(&self.out())
    }
}

/// Waits for a running crawl to end.
pub(crate) async fn finish(child: Child) -> Ended {
    binary::finish(child).await.into()
}

/// Waits until `condition` holds.
#[track_caller]
pub(crate) fn until(what: &str, condition: impl Fn() -> bool) -> impl Future<Output = ()> {
    let what = format!("{what} at {}", std::panic::Location::caller());
    async move {
        let wait = async {
            while !condition() {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        assert!(tokio::time::timeout(PATIENCE, wait).await.is_ok(), "never came: {what}");
    }
}

/// A configuration: dotted keys and values.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    keys: BTreeMap<String, Value>,
}

impl Config {
    /// For loopback, into `out`, without politeness or chatter.
    pub(crate) fn new(seeds: impl Into<Value>) -> Self {
        Self { keys: BTreeMap::new() }
            .set("seeds.urls", seeds)
            .set("job.out", "out")
            .set("fetch.allow_addresses", json!(["loopback"]))
            .set("politeness.rate", "unlimited")
            .set("politeness.per_host", 4)
            .set("politeness.backoff_base", "20ms")
            .set("telemetry.progress", "never")
            .set("telemetry.log", "warn")
    }

    /// For a whole glass web, as fast as it goes.
    pub(crate) fn vitro(server: &Server) -> Self {
        Self::new(server.seeds())
            .set("scope.mode", "domain")
            .set("fetch.resolve", json!({"*.vitro.test": "127.0.0.1"}))
            .set("politeness.crawl_delay", false)
            .set("shutdown.deadline", "5s")
    }

    pub(crate) fn set(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.keys.insert(key.to_owned(), value.into());
        self
    }

    pub(crate) fn without(mut self, key: &str) -> Self {
        self.keys.remove(key);
        self
    }

    pub(crate) fn toml(&self) -> String {
        self.keys.iter().map(|(key, value)| format!("{key} = {}\n", toml(value))).collect()
    }

    pub(crate) fn json(&self) -> String {
        let mut sections: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
        for (key, value) in &self.keys {
            let (section, key) = key.split_once('.').expect("every key is in a section");
            sections.entry(section).or_default().insert(key.to_owned(), value.clone());
        }
        serde_json::to_string_pretty(&sections).unwrap()
    }

    /// Block style, so that it is no JSON.
    pub(crate) fn yaml(&self) -> String {
        let mut text = String::new();
        let mut last = "";
        for (key, value) in &self.keys {
            let (section, key) = key.split_once('.').expect("every key is in a section");
            if section != last {
                text += &format!("{section}:\n");
                last = section;
            }
            text += &format!("  {key}: {value}\n");
        }
        text
    }
}

fn toml(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let entries: Vec<String> = map.iter().map(|(key, value)| format!("\"{key}\" = {}", toml(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(toml).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

/// The records in `out` by URL.
///
/// # Panics
/// When the receipt disagrees with them in any number.
pub(crate) fn reconciled(out: &Path) -> BTreeMap<String, Value> {
    let receipt = read_receipt(out);
    let records = by_url(read_records(out));
    reconcile(&records, &receipt);
    let outputs = receipt["outputs"].as_array().unwrap();
    let n_records: u64 = outputs.iter().map(|mark| mark["records"].as_u64().unwrap()).sum();
    assert_eq!(n_records, records.len() as u64, "{outputs:?}");
    for mark in outputs {
        let file = out.join(mark["file"].as_str().unwrap());
        assert_eq!(mark["bytes"], fs::metadata(&file).unwrap().len(), "{}", file.display());
    }
    records
}

/// Counts of records in the receipt's words.
fn reconcile(records: &BTreeMap<String, Value>, receipt: &Value) {
    let mut totals =
        Counts::from([("fetched", 0), ("not_modified", 0), ("redirected", 0), ("failed", 0), ("refused", 0)].map(own));
    let (mut failed, mut refused, mut status, mut depth) = <(Counts, Counts, Counts, Counts)>::default();
    let mut hosts: BTreeMap<String, Counts> = BTreeMap::new();
    let (mut body_bytes, mut wire_bytes) = (0, 0);
    for (url, record) in records {
        let outcome = &record["outcome"].as_str().unwrap().replace('-', "_");
        *totals.entry(outcome.to_owned()).or_default() += 1;
        let reason = record["reason"].as_str().unwrap_or_default().to_owned();
        match outcome.as_str() {
            "failed" => *failed.entry(reason).or_default() += 1,
            "refused" => *refused.entry(reason).or_default() += 1,
            _ => assert_eq!(reason, "", "{record}"),
        }
        if let Some(code) = record["status"].as_u64() {
            *status.entry(code.to_string()).or_default() += 1;
        }
        *depth.entry(record["depth"].to_string()).or_default() += 1;
        let host = Url::parse(url).unwrap().host_str().unwrap().to_owned();
        let host = hosts.entry(host).or_default();
        *host.entry(outcome.to_owned()).or_default() += 1;
        *host.entry("body_bytes".to_owned()).or_default() += record["body_bytes"].as_u64().unwrap_or(0);
        body_bytes += record["body_bytes"].as_u64().unwrap_or(0);
        wire_bytes += record["wire_bytes"].as_u64().unwrap_or(0);
    }
    for (outcome, n) in &totals {
        assert_eq!(receipt["totals"][outcome], *n, "{outcome}: {}", receipt["totals"]);
    }
    let pending = receipt["totals"]["pending"].as_u64().unwrap();
    assert_eq!(receipt["totals"]["discovered"], records.len() as u64 + pending);
    assert_eq!(receipt["totals"]["balanced"], true);
    assert_eq!(receipt["failed"], json!(failed));
    assert_eq!(receipt["refused"], json!(refused));
    assert_eq!(receipt["status"], json!(status));
    assert_eq!(receipt["depth"], json!(depth));
    assert_eq!((&receipt["body_bytes"], &receipt["wire_bytes"]), (&json!(body_bytes), &json!(wire_bytes)));
    let mut named = receipt["hosts"].as_array().unwrap().clone();
    for (host, counts) in &hosts {
        let at = named.iter().position(|line| line["host"] == **host).unwrap_or_else(|| panic!("{host} is missing"));
        let line = named.swap_remove(at);
        for key in ["fetched", "not_modified", "redirected", "failed", "refused", "body_bytes"] {
            assert_eq!(line[key], counts.get(key).copied().unwrap_or(0), "{key} of {host}");
        }
    }
    let is_empty =
        |line: &Value| ["fetched", "not_modified", "redirected", "failed", "refused"].iter().all(|key| line[key] == 0);
    assert!(named.iter().all(is_empty), "hosts without records: {named:#?}");
}

type Counts = BTreeMap<String, u64>;

fn own((key, n): (&str, u64)) -> (String, u64) {
    (key.to_owned(), n)
}

/// Every file below `folder` with its bytes, for proofs that nothing was changed.
pub(crate) fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { drop(found.insert(path.clone(), fs::read(&path).unwrap())) }
        }
    }
    found
}
