//! Every failpoint in turn: the process dies there, the disk fails there, a write stops in its middle; then
//! the crawl goes on as if nothing had been.
//!
//! What no crawl comes past is no failpoint: the sweep says so, and the list can't rot.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use dragline::vitro::{Options, Server, Web};
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
            Self::TornFile => "pages.sync=2*off->return(kill)",
            Self::NewFile => "pages.folder=1*off->return(kill)",
            Self::TornLog => "frontier.log.write=2*off->return(50% kill)",
            Self::Pass | Self::Crawl => "",
        };
        let ended = scene.run(out, &[], failpoints).await;
        ended.code == failpoints.is_empty().then_some(0)
    }
}

/// Strikes at every failpoint, in every way if it is to be thorough. Gives how often it struck and what went
/// wrong.
pub(crate) async fn sweep(is_thorough: bool) -> (u64, Vec<String>) {
    let options = Options {
        n_hosts: 3,
        pages_per_host: 12,
        latency: (Duration::ZERO, Duration::from_millis(1)),
        slow: Duration::ZERO,
        retry_after_permille: 0,
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
    let shared = Arc::new((scene, expected));
    let (mut n_struck, mut violations) = (0, Vec::new());
    let (mut names, mut tasks, mut of) = (FAILPOINTS.iter(), JoinSet::new(), BTreeMap::new());
    loop {
        while tasks.len() < AT_ONCE
            && let Some(name) = names.next()
        {
            let shared = Arc::clone(&shared);
            of.insert(tasks.spawn(async move { check(&shared.0, &shared.1, name, is_thorough).await }).id(), *name);
        }
        match tasks.join_next_with_id().await {
            None => return (n_struck, violations),
            Some(Ok((_, n))) => n_struck += n,
            Some(Err(error)) => violations.push(format!("{}: {}", of[&error.id()], message(error))),
        }
    }
}

/// Strikes at one failpoint.
async fn check(scene: &Scene, expected: &BTreeMap<String, Value>, name: &'static str, is_thorough: bool) -> u64 {
    let mut found = None;
    for before in ALL {
        let out = format!("{name}-{before:?}");
        let is_there = before.prepare(scene, &out).await;
        if is_there && scene.run(&out, before.more(), &format!("{name}=return(kill)")).await.code.is_none() {
            go_on(scene, expected, &out, before).await;
            found = Some(before);
            break;
        }
    }
    let before = found.unwrap_or_else(|| panic!("no crawl comes past it"));
    let mut faults = vec!["return(EIO)"];
    if WRITES.contains(&name) {
        faults.extend(["1*off->return(50% kill)", "return(50% ENOSPC)"]);
    }
    if is_thorough {
        faults.extend(["1*off->return(kill)", "3*off->return(ENOSPC)"]);
    }
    if is_thorough && WRITES.contains(&name) {
        faults.extend(["return(1 kill)", "return(50% kill)", "1*off->return(99% kill)", "return(100% kill)"]);
        faults.extend(["1*off->return(7 EDQUOT)", "return(100% EIO)"]);
    }
    for (n, fault) in faults.iter().enumerate() {
        let out = format!("{name}-{n}");
        assert!(before.prepare(scene, &out).await, "{before:?}");
        let ended = scene.run(&out, before.more(), &format!("{name}={fault}")).await;
        match ended.code {
            // It was not come past so often; or it is no more than a warning there (what can't be removed stays).
            Some(0) => {
                assert!(fault.contains("off->") || ended.stderr.contains("WARN"), "{fault} was not noticed: {ended:?}");
            }
            None => assert!(fault.contains("kill"), "{fault}: {ended:?}"),
            Some(6) => assert_tells(&ended, fault),
            Some(_) => panic!("{fault}: {ended:?}"),
        }
        go_on(scene, expected, &out, before).await;
    }
    1 + faults.len() as u64
}

/// The run ended with one message that names what the system said.
fn assert_tells(ended: &Ended, fault: &str) {
    assert!(!fault.contains("kill"), "{fault}: {ended:?}");
    assert_eq!(ended.stderr.matches("error: ").count(), 1, "{fault}: {ended:?}");
    let said = ["Input/output error", "No space left", "quota exceeded"];
    assert!(said.iter().any(|text| ended.stderr.contains(text)), "{fault}: {ended:?}");
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
