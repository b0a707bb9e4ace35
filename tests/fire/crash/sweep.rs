//! Every failpoint in turn: the process dies there, the disk fails there, a write stops in its middle; then
//! the crawl goes on as if nothing had been.
//!
//! A strike that was set is none yet: it counts when it was seen to come up, by the signal that the process died of or
//! by what it told of the system's message. What no crawl comes past is no failpoint: the sweep says so, and the list
//! can't rot.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use dragline::vitro::{Latency, Options, Server, Web};
use serde_json::Value;
use tokio::task::JoinSet;

use super::{
    FAILPOINTS, WRITES, message,
    scene::{Scene, normalised},
};
use crate::support::{
    binary::read_receipt,
    ground::{Config, Ended, reconciled},
};

/// Failpoints at a time.
const AT_ONCE: usize = 4;

/// What has happened in a folder before the run that comes past a failpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// Nothing.
    Nothing,
    /// A run that died with a file longer than what was committed.
    TornFile,
    /// A run that died with a file that was just begun.
    NewFile,
    /// A run that died in the middle of a commit.
    TornLog,
    /// A whole crawl, which is to be done again.
    Pass,
    /// A whole crawl, which is to make way.
    Crawl,
}

const ALL: [Before; 6] =
    [Before::Nothing, Before::TornFile, Before::NewFile, Before::TornLog, Before::Pass, Before::Crawl];

impl Before {
    /// The arguments of the run that follows.
    fn more(self) -> &'static [&'static str] {
        match self {
            Self::Pass => &["--recrawl"],
            Self::Crawl => &["--fresh"],
            _ => &[],
        }
    }

    /// Brings a folder there. `false` if it can't be brought there.
    async fn prepare(self, scene: &Scene, out: &str) -> bool {
        let failpoints = match self {
            Self::Nothing => return true,
            // In a write, so that there is something behind what was committed, however the machine is loaded.
            Self::TornFile => "pages.write=2*off->return(50% kill)",
            Self::NewFile => "pages.folder=1*off->return(kill)",
            Self::TornLog => "frontier.log.write=2*off->return(50% kill)",
            Self::Pass | Self::Crawl => "",
        };
        let ended = scene.run(out, &[], failpoints).await;
        if failpoints.is_empty() { ended.code == Some(0) } else { ended.is_killed() }
    }
}

/// What a strike does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    /// The process dies before the step.
    Kill,
    /// It dies in the middle of the first such write.
    TornFirst,
    /// It dies in the middle of a later one.
    TornLater,
    /// The system says no.
    Error,
}

/// Strikes of one way at one failpoint.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Strikes {
    pub(crate) set: u64,
    /// Those that were seen to come up: the process died of SIGKILL, or told what the system had said.
    pub(crate) came_up: u64,
}

/// All strikes at all failpoints.
#[derive(Debug, Default)]
pub(crate) struct Swept(pub(crate) BTreeMap<(&'static str, Way), Strikes>);

impl Swept {
    /// How many were set, and how many of them came up.
    pub(crate) fn sum(&self) -> Strikes {
        self.0
            .values()
            .fold(Strikes::default(), |sum, it| Strikes { set: sum.set + it.set, came_up: sum.came_up + it.came_up })
    }

    /// How many of a way came up at a failpoint.
    pub(crate) fn came_up(&self, name: &'static str, way: Way) -> u64 {
        self.0.get(&(name, way)).map_or(0, |strikes| strikes.came_up)
    }

    /// What never came up and must: at each failpoint a kill and an error, and at each write a kill in its middle.
    pub(crate) fn missing(&self) -> Vec<String> {
        let each = FAILPOINTS.iter().flat_map(|name| [(*name, Way::Kill), (*name, Way::Error)]);
        let torn = WRITES.iter().map(|name| (*name, Way::TornFirst));
        let missing = each.chain(torn).filter(|(name, way)| self.came_up(name, *way) == 0);
        missing.map(|(name, way)| format!("{name}: no {way:?} came up")).collect()
    }

    /// What was set and never came up, for whoever wonders: hits that are later than the last.
    pub(crate) fn idle(&self) -> Vec<String> {
        let idle = self.0.iter().filter(|(_, strikes)| strikes.came_up == 0);
        idle.map(|((name, way), strikes)| format!("{name}: {way:?}, {} times", strikes.set)).collect()
    }

    fn add(&mut self, name: &'static str, way: Way, came_up: bool) {
        let strikes = self.0.entry((name, way)).or_default();
        strikes.set += 1;
        strikes.came_up += u64::from(came_up);
    }
}

/// Something to strike with.
#[derive(Debug, Clone, Copy)]
struct Fault {
    way: Way,
    /// As `src/fault.rs` reads it.
    action: &'static str,
}

impl Fault {
    /// What the system says with it.
    fn message(self) -> &'static str {
        let said = [("EIO", "Input/output error"), ("ENOSPC", "No space left"), ("EDQUOT", "quota exceeded")];
        said.iter().find(|(name, _)| self.action.contains(name)).map(|(_, said)| *said).expect("it is listed")
    }

    /// Whether it came up in a run that ended like this.
    ///
    /// # Panics
    /// When the run can't end like this, whether or not it came up.
    fn came_up(self, ended: &Ended) -> bool {
        let case = || format!("{}: {ended:?}", self.action);
        let came_up = match (self.way, ended.code) {
            (Way::Error, Some(6)) => {
                assert_eq!(ended.stderr.matches("error: ").count(), 1, "{}", case());
                assert!(ended.stderr.contains(self.message()), "it ended for another reason: {}", case());
                true
            }
            // It is no more than a warning there: what can't be removed stays.
            (Way::Error, Some(0)) => {
                ended.stderr.lines().any(|line| line.contains("WARN") && line.contains(self.message()))
            }
            (_, None) if self.way != Way::Error && ended.is_killed() => true,
            (_, Some(0)) => false,
            _ => panic!("{}", case()),
        };
        // A later hit may never be.
        assert!(came_up || self.action.contains("off->"), "it was not noticed: {}", case());
        came_up
    }
}

/// What each failpoint is struck with, besides the kill that tells in which run it is come past.
fn faults(is_write: bool, is_thorough: bool) -> Vec<Fault> {
    use Way::{Error, Kill, TornFirst, TornLater};
    let mut faults = vec![(Error, "return(EIO)")];
    if is_write {
        faults.extend([(TornFirst, "return(50% kill)"), (TornLater, "1*off->return(50% kill)")]);
        faults.push((Error, "return(50% ENOSPC)"));
    }
    if is_thorough {
        faults.extend([(Kill, "1*off->return(kill)"), (Error, "3*off->return(ENOSPC)")]);
    }
    if is_thorough && is_write {
        faults.extend([(TornFirst, "return(1 kill)"), (TornFirst, "return(99% kill)"), (Kill, "return(100% kill)")]);
        faults.extend([(TornLater, "1*off->return(99% kill)"), (Error, "1*off->return(7 EDQUOT)")]);
        faults.push((Error, "return(100% EIO)"));
    }
    faults.into_iter().map(|(way, action)| Fault { way, action }).collect()
}

/// Strikes at every failpoint, in every way if it is to be thorough. Gives what came up and what went wrong.
pub(crate) async fn sweep(is_thorough: bool) -> (Swept, Vec<String>) {
    let shared = Arc::new(stage().await);
    let (mut swept, mut violations) = (Swept::default(), Vec::new());
    let (mut names, mut tasks, mut of) = (FAILPOINTS.iter(), JoinSet::new(), BTreeMap::new());
    loop {
        while tasks.len() < AT_ONCE
            && let Some(name) = names.next()
        {
            let shared = Arc::clone(&shared);
            of.insert(tasks.spawn(async move { check(&shared.0, &shared.1, name, is_thorough).await }).id(), *name);
        }
        match tasks.join_next_with_id().await {
            None => break,
            Some(Ok((id, struck))) => struck.into_iter().for_each(|(way, came_up)| swept.add(of[&id], way, came_up)),
            Some(Err(error)) => violations.push(format!("{}: {}", of[&error.id()], message(error))),
        }
    }
    violations.extend(swept.missing());
    (swept, violations)
}

/// Where it is played, and the records of a crawl that nobody disturbed.
async fn stage() -> (Scene, BTreeMap<String, Value>) {
    let options = Options {
        n_hosts: 3,
        pages_per_host: 12,
        latency: Latency::Even(Duration::ZERO, Duration::from_millis(1)),
        slow: Duration::ZERO,
        retry_after_permille: 0,
        cookie_permille: 200,
        curios: false,
        ..Options::demo()
    };
    let server = Server::start(Arc::new(Web::new(options)), 0).await.unwrap();
    let config = Config::vitro(&server)
        .set("outputs.text", true)
        .set("outputs.rotate", "64 KiB")
        .set("cookies.enabled", true)
        .set("frontier.commit_urls", 4)
        .set("frontier.buffer", "16 KiB")
        .set("fetch.retry_base", "20ms");
    let scene = Scene::new(server, &config);
    scene.run("first", &[], "").await.with(0);
    scene.run("expected", &[], "").await.with(0);
    let expected = reconciled(&scene.ground.path("expected"));
    (scene, expected)
}

/// Strikes at one failpoint. Gives of each strike its way and whether it came up.
async fn check(
    scene: &Scene,
    expected: &BTreeMap<String, Value>,
    name: &'static str,
    is_thorough: bool,
) -> Vec<(Way, bool)> {
    let mut found = None;
    for before in ALL {
        let out = format!("{name}-{before:?}");
        let is_there = before.prepare(scene, &out).await;
        if is_there && scene.run(&out, before.more(), &format!("{name}=return(kill)")).await.is_killed() {
            go_on(scene, expected, &out, before).await;
            found = Some(before);
            break;
        }
    }
    let before = found.unwrap_or_else(|| panic!("no crawl comes past it"));
    let mut struck = vec![(Way::Kill, true)];
    for (n, fault) in faults(WRITES.contains(&name), is_thorough).into_iter().enumerate() {
        let out = format!("{name}-{n}");
        assert!(before.prepare(scene, &out).await, "{before:?}");
        let ended = scene.run(&out, before.more(), &format!("{name}={}", fault.action)).await;
        struck.push((fault.way, fault.came_up(&ended)));
        go_on(scene, expected, &out, before).await;
    }
    struck
}

/// The same command again, until the crawl is done: its outputs are those of one that nobody disturbed.
async fn go_on(scene: &Scene, expected: &BTreeMap<String, Value>, out: &str, before: Before) {
    let (path, pass) = (scene.ground.path(out), if before == Before::Pass { 2 } else { 1 });
    let is_over = || path.join("receipt.json").exists() && read_receipt(&path)["pass"] == pass;
    // What was struck while it was being removed is removed first.
    let removed = before == Before::Crawl && scene.run(out, before.more(), "").await.with(0).code.is_some();
    if !removed && !is_over() {
        scene.run(out, before.more(), "").await.with(0);
    }
    assert!(is_over());
    let records = reconciled(&path);
    assert!(records.keys().eq(expected.keys()), "other URLs than those of an undisturbed crawl");
    for (url, record) in &records {
        assert_eq!(normalised(record), normalised(&expected[url]), "{url}");
    }
    std::fs::remove_dir_all(&path).unwrap();
}
