//! A crawl by the built program with its vital signs taken down, and the table of a series of them. What they must
//! be is for [`super::bounds`] to say.
//!
//! The server lives in the harness, the crawler is a process of its own. Its signs come from its log
//! (`dragline::vitals`), so they are what anybody sees who turns that on.

use std::{
    collections::BTreeMap,
    fs,
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use dragline::vitro::{Options, Server, Web};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

use crate::support::{
    binary::{dragline, signal},
    ground::Config,
};

/// How often signs are taken.
const EVERY: &str = "1s";

/// The signs at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sign {
    /// Seconds since the crawl was started.
    pub(crate) at: u64,
    /// All counts, by name: `rss_bytes`, `tasks`, `bench.slots`, …
    pub(crate) counts: BTreeMap<String, u64>,
}

impl Sign {
    /// A count, if it was logged: one that is missing is not 0.
    pub(crate) fn of(&self, name: &str) -> Option<u64> {
        self.counts.get(name).copied()
    }

    /// A count that every sign has.
    ///
    /// # Panics
    /// When this one has not.
    pub(crate) fn need(&self, name: &str) -> u64 {
        self.of(name).unwrap_or_else(|| panic!("{name} is missing: {self:?}"))
    }

    /// Of a line of the log; none of other lines.
    fn read(line: &str, at: u64) -> Option<Self> {
        let Value::Object(line) = serde_json::from_str(line).ok()? else { return None };
        let held: BTreeMap<String, u64> = serde_json::from_str(line.get("held")?.as_str()?).ok()?;
        let counts = line.iter().filter_map(|(name, value)| Some((name.clone(), value.as_u64()?)));
        Some(Self { at, counts: counts.chain(held).collect() })
    }
}

/// What a crawl left.
pub(crate) struct Watched {
    pub(crate) signs: Vec<Sign>,
    pub(crate) code: Option<i32>,
    /// What `dragline verify` ended with, and said.
    pub(crate) verified: (Option<i32>, String),
    /// Lines of the log that are no signs, the last few.
    pub(crate) log: Vec<String>,
}

/// Crawls a glass web until it is over, or for `most`; tells each sign.
pub(crate) async fn crawl(
    options: Options,
    change: impl FnOnce(Config) -> Config,
    most: Duration,
    mut each: impl FnMut(&Sign),
) -> Watched {
    let server = Server::start(Arc::new(Web::new(options)), 0).await.expect("a port");
    let folder = tempfile::tempdir().expect("a folder");
    let config = Config::vitro(&server).set("telemetry.format", "json").set("telemetry.interval", EVERY);
    let config = config.set("telemetry.log", "warn,dragline::vitals=debug");
    fs::write(folder.path().join("crawl.toml"), change(config).toml()).expect("writable");
    let run = |args: &[&str]| -> Command {
        let mut command = dragline();
        command.current_dir(folder.path()).args(args);
        command
    };
    let began = Instant::now();
    let mut child = run(&["run", "crawl.toml"]).stdout(Stdio::null()).spawn().expect("the program starts");
    let mut lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
    let (mut signs, mut log, mut is_stopped) = (Vec::new(), Vec::new(), false);
    loop {
        let left = if is_stopped { Duration::from_secs(60) } else { most.saturating_sub(began.elapsed()) };
        match tokio::time::timeout(left, lines.next_line()).await {
            Ok(Ok(Some(line))) => match Sign::read(&line, began.elapsed().as_secs()) {
                Some(sign) => {
                    each(&sign);
                    signs.push(sign);
                }
                None => {
                    log.push(line);
                    log.drain(..log.len().saturating_sub(20));
                }
            },
            Ok(Ok(None) | Err(_)) => break,
            Err(_) if is_stopped => panic!("it does not stop"),
            Err(_) => {
                is_stopped = true;
                signal(&child, "INT").await;
            }
        }
    }
    let code = child.wait().await.expect("it ends").code();
    let verdict = run(&["verify", "out", "--quiet"]).output().await.expect("it runs");
    let said = String::from_utf8_lossy(&verdict.stdout).into_owned() + &String::from_utf8_lossy(&verdict.stderr);
    Watched { signs, code, verified: (verdict.status.code(), said), log }
}

impl Watched {
    /// What is wrong with how it ended.
    pub(crate) fn faults(&self, codes: &[i32]) -> Vec<String> {
        let mut faults = Vec::new();
        if !self.code.is_some_and(|code| codes.contains(&code)) {
            faults.push(format!("the crawl ended with {:?}: {}", self.code, self.log.join("\n")));
        }
        if self.verified.0 != Some(0) {
            faults.push(format!("the folder does not verify: {}", self.verified.1));
        }
        faults
    }
}

/// All but the first fifth of a run, in which things are made for the first time.
pub(crate) fn settled(signs: &[Sign]) -> &[Sign] {
    &signs[signs.len() / 5..]
}

/// Of a count: the medians of the three thirds of a run, its first fifth left out.
pub(crate) fn thirds(signs: &[Sign], name: &str) -> [u64; 3] {
    let settled = settled(signs);
    let third = settled.len().div_ceil(3).max(1);
    let median = |part: &[Sign]| {
        let mut values: Vec<u64> = part.iter().filter_map(|sign| sign.of(name)).collect();
        values.sort_unstable();
        values.get(values.len() / 2).copied().unwrap_or_default()
    };
    let mut parts = settled.chunks(third).map(median);
    std::array::from_fn(|_| parts.next().unwrap_or_default())
}

/// A table of all counts, for people: name, least, medians of the thirds, most.
pub(crate) fn table(signs: &[Sign]) -> String {
    let Some(last) = signs.last() else { return String::new() };
    let mut table = format!("{:24} {:>12} {:>36} {:>12}\n", "count", "least", "thirds", "most");
    for name in last.counts.keys() {
        let values = || signs.iter().filter_map(|sign| sign.of(name));
        let (least, most) = (values().min().unwrap_or_default(), values().max().unwrap_or_default());
        let [a, b, c] = thirds(signs, name);
        table += &format!("{name:24} {least:>12} {:>36} {most:>12}\n", format!("{a} {b} {c}"));
    }
    table
}
