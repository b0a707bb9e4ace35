//! Where a crawl is struck: its folder, its server, and what can be seen of it from the outside.
//!
//! Knows nothing of how dragline keeps its state. What is committed is seen by [`Scene::settle`]: the
//! program opens the folder, which cuts its outputs back to what was committed, and dies right there.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use dragline::{
    clock::Timestamp,
    vitro::{Arrival, Server},
};
use serde_json::Value;
use tokio::process::Child;

use crate::support::{
    binary::{by_url, read_records},
    ground::{Config, Ended, Ground, finish},
};

/// The failpoint behind the opening of a folder.
const OPENED: &str = "state.opened";
/// How often the harness looks at the server's log while it waits for its moment.
const LOOK_EVERY: Duration = Duration::from_micros(500);

/// A crawl to be struck.
pub(crate) struct Scene {
    pub(crate) ground: Ground,
    pub(crate) server: Server,
}

/// When a process is killed, by whatever comes first.
#[derive(Debug, Clone)]
pub(crate) struct Stroke {
    /// By the harness, after so many more requests and then this long.
    pub(crate) requests: u64,
    pub(crate) pause: Duration,
    /// And as soon as the server has nothing under way.
    pub(crate) is_calm: bool,
    /// By itself.
    pub(crate) at: Option<At>,
}

/// By how many seconds the clock is wrong when a run begins.
pub(crate) fn clock(seconds: i64) -> String {
    format!("clock.start=return({seconds})")
}

/// A hit of a failpoint.
#[derive(Debug, Clone)]
pub(crate) struct At {
    pub(crate) name: &'static str,
    /// Hits before it.
    pub(crate) after: u64,
    /// For a write, how much of it is done, in percent.
    pub(crate) part: Option<u64>,
}

/// How a run under a stroke ended.
#[derive(Debug)]
pub(crate) enum Struck {
    /// By itself.
    Ended(Ended),
    /// By the harness.
    AtMoment,
    /// By the failpoint.
    AtFailpoint,
}

/// What outputs hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Outputs(pub(crate) BTreeMap<String, Vec<u8>>);

impl At {
    /// As `FAILPOINTS` says it.
    fn text(&self) -> String {
        let before = if self.after > 0 { format!("{}*off->", self.after) } else { String::new() };
        let part = self.part.map_or(String::new(), |percent| format!("{percent}% "));
        format!("{}={before}return({part}kill)", self.name)
    }
}

impl Scene {
    /// A scene for crawls of `server` as `config` says.
    pub(crate) fn new(server: Server, config: &Config) -> Self {
        let ground = Ground::new();
        ground.write("crawl.toml", config.toml());
        Self { ground, server }
    }

    pub(crate) fn out(&self) -> PathBuf {
        self.ground.out()
    }

    /// Runs in the folder `out` with more arguments and these failpoints, to whatever end.
    pub(crate) async fn run(&self, out: &str, more: &[&str], failpoints: &str) -> Ended {
        finish(self.start(out, more, failpoints)).await
    }

    fn start(&self, out: &str, more: &[&str], failpoints: &str) -> Child {
        let args = [&["run", "crawl.toml", "--out", out], more].concat();
        self.ground.command(&args).env("FAILPOINTS", failpoints).spawn().expect("the program starts")
    }

    /// Runs in `out` until the stroke comes down or the program ends by itself. Also gives a time at which it was
    /// still running: the last that the harness knows of.
    pub(crate) async fn strike(&self, more: &[&str], stroke: Option<&Stroke>, shift: i64) -> (Struck, Timestamp) {
        let at = stroke.and_then(|stroke| stroke.at.as_ref()).map_or(String::new(), At::text);
        let log = self.server.log();
        let mut alive = log.clock().now();
        let mut child = self.start("out", more, &format!("{at};{}", clock(shift)));
        let mut is_running = |child: &mut Child| {
            let now = log.clock().now();
            let is_running = child.try_wait().unwrap().is_none();
            if is_running {
                alive = now;
            }
            is_running
        };
        let mut is_ours = false;
        if let Some(Stroke { requests, pause, is_calm, .. }) = stroke {
            let enough = log.n_seen() + requests;
            while is_running(&mut child) && log.n_seen() < enough {
                tokio::time::sleep(LOOK_EVERY).await;
            }
            tokio::time::sleep(*pause).await;
            let is_busy = || log.arrivals().iter().any(|arrival| arrival.ended.is_none());
            while *is_calm && is_running(&mut child) && is_busy() {
                tokio::time::sleep(LOOK_EVERY).await;
            }
            // It may have ended by itself meanwhile.
            is_ours = is_running(&mut child) && child.start_kill().is_ok();
        }
        let ended = finish(child).await;
        let struck = match ended.code {
            Some(_) => Struck::Ended(ended),
            None if !ended.is_killed() => panic!("it died of something else: {ended:?}"),
            None if is_ours => Struck::AtMoment,
            None => Struck::AtFailpoint,
        };
        (struck, alive)
    }

    /// Has the program open the folder `out` and die of it, and gives what it left: what is committed.
    pub(crate) async fn settle(&self, out: &str, more: &[&str]) -> Outputs {
        let ended = self.run(out, more, &format!("{OPENED}=return(kill)")).await;
        assert!(ended.is_killed(), "after a kill the folder does not open: {ended:?}");
        Outputs::read(&self.ground.path(out))
    }

    /// What `dragline verify` says of a folder, which is that it agrees.
    pub(crate) async fn verify(&self, out: &str, when: &str) {
        let ended = finish(self.ground.start(&["verify", out, "--json"])).await;
        // Killed before it began, there is nothing to verify.
        let is_nothing = ended.code == Some(6) && !self.ground.path(out).join("pages.jsonl").exists();
        // Killed behind its last commit, it owes the receipt and nothing else.
        let is_owed = ended.code == Some(8)
            && ended.stdout.contains("\"counts\":{\"missing\":1}")
            && ended.stdout.contains("the last run ended; the same command writes it");
        assert!(ended.code == Some(0) || is_nothing || is_owed, "{when} it does not verify: {ended:?}");
    }

    /// Requests since the log was cleared, by URL.
    pub(crate) fn asked(&self) -> BTreeMap<String, Vec<Arrival>> {
        let port = self.server.addr().port();
        let mut asked: BTreeMap<String, Vec<Arrival>> = BTreeMap::new();
        for arrival in self.server.log().arrivals() {
            asked.entry(format!("http://{}:{port}{}", arrival.host, arrival.path)).or_default().push(arrival);
        }
        asked
    }

    /// Leaves the folder of a scene that went wrong for somebody to look at, and says where it is.
    fn keep(&mut self) -> PathBuf {
        self.ground.keep()
    }
}

impl Drop for Scene {
    #[expect(clippy::print_stderr, reason = "for whoever looks into what went wrong")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            let kept = self.keep();
            eprintln!("what went wrong is kept in {}", kept.display());
        }
    }
}

impl Outputs {
    /// What the outputs in a folder hold.
    pub(crate) fn read(out: &Path) -> Self {
        let entries = fs::read_dir(out).into_iter().flatten().map(|entry| entry.unwrap());
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let ours = names.filter(|name| name.starts_with("pages"));
        Self(ours.map(|name| (name.clone(), fs::read(out.join(name)).unwrap())).collect())
    }

    /// Panics unless `longer` begins with this, file by file.
    #[track_caller]
    pub(crate) fn assert_prefix_of(&self, longer: &Self, what: &str) {
        for (name, bytes) in &self.0 {
            let all = longer.0.get(name).map_or(&[][..], Vec::as_slice);
            assert!(all.starts_with(bytes), "{what}: {name}: {} bytes are no beginning of {}", bytes.len(), all.len());
        }
    }
}

/// The records of a folder by URL; every line of every file is whole, and no URL has two.
pub(crate) fn records(out: &Path) -> BTreeMap<String, Value> {
    if out.exists() { by_url(read_records(out)) } else { BTreeMap::new() }
}

/// The record without what depends on the order in which things happened, and when.
pub(crate) fn normalised(record: &Value) -> Value {
    let mut record = record.clone();
    let fields = record.as_object_mut().expect("a record is an object");
    for name in ["via", "depth", "redirects", "timings", "attempts", "fetched_at", "rule"] {
        fields.remove(name);
    }
    record
}
