//! One crawl by the built binary: its command line, its end, and what it wrote.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

/// No crawl of these tests takes longer, on the slowest machine.
const DEADLINE: Duration = Duration::from_secs(300);

/// How hard a crawl may ask.
#[derive(Clone, Copy)]
pub(super) struct Pace {
    /// `--rate`.
    pub(super) rate: &'static str,
    /// `--per-host`.
    pub(super) per_host: u32,
}

/// As fast as it goes.
pub(super) const UNLIMITED: Pace = Pace { rate: "unlimited", per_host: 16 };

/// A running `dragline crawl`. Killed when dropped.
pub(super) struct Crawl {
    child: Child,
    log: PathBuf,
}

impl Crawl {
    /// Starts, or resumes, a crawl of `seed` into the folder `out`.
    pub(super) fn start(seed: &str, out: &Path, pace: Pace) -> Self {
        Self::start_with(seed, out, pace, &[])
    }

    /// The same once more, as another pass.
    pub(super) fn again(seed: &str, out: &Path, pace: Pace) -> Self {
        Self::start_with(seed, out, pace, &["--recrawl"])
    }

    fn start_with(seed: &str, out: &Path, pace: Pace, more: &[&str]) -> Self {
        let log = out.with_extension("stderr");
        let stderr = File::options().create(true).append(true).open(&log).expect("writable");
        let child = Command::new(env!("CARGO_BIN_EXE_dragline"))
            .args(["crawl", seed, "--rate", pace.rate, "--per-host", &pace.per_host.to_string()])
            .args(["--concurrency", "32", "--allow-address", "loopback", "--robots", "obey"])
            .args(["--quiet", "--progress", "never"])
            .args(more)
            .args(["--user-agent", "dragline-tests/1.0 (+http://127.0.0.1/contact)"])
            .arg("--out")
            .arg(out)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .expect("cargo has built it");
        Self { child, log }
    }

    /// Whether it has not ended yet.
    pub(super) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("our child").is_none()
    }

    /// Sends a signal by its name: `INT`, `TERM`, `KILL`.
    pub(super) fn signal(&self, name: &str) {
        // `kill` is built into every shell; there need not be a program of that name.
        let pid = self.child.id().to_string();
        let done = Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &pid]).status().expect("a shell");
        assert!(done.success(), "kill -s {name} {pid}");
    }

    /// How it ended, and what it said since the output folder's first crawl.
    pub(super) fn wait(mut self) -> (ExitStatus, String) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let said = || fs::read_to_string(&self.log).unwrap_or_default();
            if let Some(status) = self.child.try_wait().expect("our child") {
                return (status, said());
            }
            assert!(Instant::now() < deadline, "the crawl takes longer than {DEADLINE:?}: {}", said());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for an exit code of 0.
    pub(super) fn finish(self) {
        let (status, said) = self.wait();
        assert!(status.success(), "the crawl ended with {status}: {said}");
    }
}

impl Drop for Crawl {
    fn drop(&mut self) {
        // Errors mean that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What `pages.jsonl` says of one URL, as far as it does not depend on the moment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Record {
    /// `fetched`, `not-modified`, `redirected`, `failed`, `refused`.
    pub(super) outcome: String,
    /// Of the last answer.
    pub(super) status: Option<u64>,
    /// Why it failed or was refused.
    pub(super) reason: Option<String>,
}

/// The records of a finished crawl by URL.
///
/// # Panics
/// When a line is no record, a URL has two, or `receipt.json` counts otherwise.
pub(super) fn records(out: &Path) -> BTreeMap<String, Record> {
    let text = fs::read_to_string(out.join("pages.jsonl")).expect("the crawl writes pages.jsonl");
    assert!(text.is_empty() || text.ends_with('\n'), "pages.jsonl ends in the middle of a record");
    let mut records = BTreeMap::new();
    for line in text.lines() {
        let json: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let text = |key: &str| json[key].as_str().map(str::to_owned);
        let record = Record {
            outcome: text("outcome").unwrap_or_else(|| panic!("no outcome: {line}")),
            status: json["status"].as_u64(),
            reason: text("reason"),
        };
        let url = text("url").unwrap_or_else(|| panic!("no url: {line}"));
        let twice = records.insert(url, record);
        assert!(twice.is_none(), "two records of one URL, the second is {line}");
    }
    check_receipt(out, &records);
    records
}

fn check_receipt(out: &Path, records: &BTreeMap<String, Record>) {
    let text = fs::read_to_string(out.join("receipt.json")).expect("the crawl writes receipt.json");
    let receipt: Value = serde_json::from_str(&text).expect("receipt.json is JSON");
    for outcome in ["fetched", "not-modified", "redirected", "failed", "refused"] {
        let n_records = records.values().filter(|record| record.outcome == outcome).count();
        assert_eq!(
            receipt["totals"][outcome.replace('-', "_")].as_u64(),
            Some(n_records as u64),
            "{outcome}: {}",
            receipt["totals"]
        );
    }
    assert_eq!(receipt["totals"]["discovered"].as_u64(), Some(records.len() as u64), "{}", receipt["totals"]);
    assert_eq!(receipt["totals"]["pending"].as_u64(), Some(0), "{}", receipt["totals"]);
}
