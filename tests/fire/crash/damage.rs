//! Damage: any file of a stopped crawl has a byte flipped, is cut, zeroed in the middle, made longer, or is gone.
//!
//! The program either says which file it is, with exit code 6, or the damage did no harm and the crawl ends as one
//! whose files nobody touched. There is no third way: what is damaged is never used silently. A crawl that goes
//! on does not read its outputs again, so damage in them is for `dragline verify` to tell: of all of it, whichever
//! byte it is.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc, time::Duration};

use dragline::vitro::{Latency, Options, Server, Web};
use serde_json::Value;
use tokio::task::JoinSet;

use super::{
    message,
    scene::{Scene, Stroke, Struck, normalised},
};
use crate::{
    fire::dice::Dice,
    support::ground::{Config, contents, finish, reconciled},
};

/// Trials at a time.
const AT_ONCE: usize = 5;
/// What a trial may change although nothing is wrong.
const LOCK: &str = "lock";

/// What becomes of a file.
#[derive(Debug, Clone, Copy)]
enum Damage {
    Flip(u8),
    Cut,
    Zero,
    Longer,
    Gone,
}

/// What came of it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Told {
    pub(crate) trials: u64,
    /// Refused when the folder was opened, without a change to it.
    pub(crate) at_once: u64,
    /// Ended where the damage was met.
    pub(crate) later: u64,
    pub(crate) harmless: u64,
    /// Outputs of which `dragline verify` told.
    pub(crate) outputs: u64,
}

/// The folder of a crawl that was stopped, as a map from path to bytes.
type Folder = BTreeMap<String, Vec<u8>>;

struct Stage {
    scene: Scene,
    stopped: Folder,
    expected: BTreeMap<String, Value>,
}

/// Damages files of the state `n_trials` times. Gives what came of it and what went wrong.
pub(crate) async fn damage(seed: u64, n_trials: u64) -> (Told, Vec<String>) {
    let stage = Arc::new(stage(seed).await);
    let (mut dice, mut told, mut violations) = (Dice::new(seed), Told::default(), Vec::new());
    let (mut trials, mut n_begun) = (JoinSet::new(), 0);
    let files: Vec<_> = stage.stopped.keys().cloned().collect();
    loop {
        while trials.len() < AT_ONCE && n_begun < n_trials {
            // Every file has its turn.
            let name = files[usize::try_from(n_begun).unwrap() % files.len()].clone();
            let (stage, mut own) = (Arc::clone(&stage), Dice::new(dice.next()));
            trials.spawn(async move { stage.check(n_begun, &name, &mut own).await });
            n_begun += 1;
        }
        match trials.join_next().await {
            None => return (told, violations),
            Some(Ok(one)) => {
                told.trials += 1;
                told.at_once += one.at_once;
                told.later += one.later;
                told.harmless += one.harmless;
                told.outputs += one.outputs;
            }
            Some(Err(error)) => violations.push(format!("damage of seed {seed}: {}", message(error))),
        }
    }
}

/// A crawl that was killed in the middle, and what it must come to.
async fn stage(seed: u64) -> Stage {
    let options = Options {
        seed,
        n_hosts: 4,
        pages_per_host: 100,
        latency: Latency::Even(Duration::ZERO, Duration::from_millis(5)),
        slow: Duration::ZERO,
        retry_after_permille: 0,
        curios: false,
        ..Options::demo()
    };
    let server = Server::start(Arc::new(Web::new(options)), 0).await.unwrap();
    let config = Config::vitro(&server)
        .set("outputs.links", true)
        .set("frontier.commit_urls", 4)
        .set("frontier.buffer", "16 KiB")
        .set("fetch.retry_base", "20ms");
    let scene = Scene::new(server, &config);
    scene.run("expected", &[], "").await.with(0);
    let expected = reconciled(&scene.ground.path("expected"));
    let stroke = Stroke { requests: 100, pause: Duration::ZERO, is_calm: false, at: None };
    let (struck, _) = scene.strike(&[], Some(&stroke), 0).await;
    assert!(matches!(struck, Struck::AtMoment), "{struck:?}");
    scene.settle("out", &[]).await;
    let stopped = folder(&scene.out());
    assert!(stopped.keys().any(|name| name.contains("/run-")), "no run to damage: {:?}", stopped.keys());
    Stage { scene, stopped, expected }
}

fn folder(out: &Path) -> Folder {
    let name = |path: &Path| path.strip_prefix(out).expect("it is in there").to_str().expect("UTF-8").to_owned();
    contents(out).into_iter().map(|(path, bytes)| (name(&path), bytes)).collect()
}

impl Stage {
    /// Damages one file of a copy of the folder, and goes on in it.
    async fn check(&self, n: u64, name: &str, dice: &mut Dice) -> Told {
        let out = format!("trial-{n}");
        let path = self.scene.ground.path(&out);
        for (name, bytes) in &self.stopped {
            let to = path.join(name);
            fs::create_dir_all(to.parent().expect("it is in a folder")).unwrap();
            fs::write(to, bytes).unwrap();
        }
        let what = spoil(&path.join(name), dice);
        if !name.starts_with("state/") {
            let ended = finish(self.scene.ground.start(&["verify", &out])).await;
            let is_behind = ended.code == Some(0) && ended.stdout.contains("behind what was committed");
            assert!(ended.code == Some(8) || is_behind, "{name}: {what}: {ended:?}");
            assert!(ended.stdout.contains(name), "it does not name the file: {name}: {what}: {ended:?}");
            fs::remove_dir_all(&path).unwrap();
            return Told { outputs: 1, ..Told::default() };
        }
        let damaged = folder(&path);
        let ended = self.scene.run(&out, &[], "").await;
        let case = format!("{name}: {what}: {ended:?}");
        let told = match ended.code {
            Some(0) => {
                let records = reconciled(&path);
                assert!(records.keys().eq(self.expected.keys()), "{case}: other URLs");
                for (url, record) in &records {
                    assert_eq!(normalised(record), normalised(&self.expected[url]), "{case}: {url}");
                }
                Told { harmless: 1, ..Told::default() }
            }
            Some(6) => {
                assert_eq!(ended.stderr.matches("error: ").count(), 1, "{case}");
                let file = name.rsplit('/').next().expect("a name");
                let is_told = ended.stderr.contains(file) || ended.stderr.contains("no state to go on from");
                assert!(is_told, "it does not name the file: {case}");
                let is_same = |(name, bytes): (&String, &Vec<u8>)| damaged.get(name) == Some(bytes);
                let untouched = folder(&path).iter().filter(|(name, _)| !name.ends_with(LOCK)).all(is_same);
                if untouched { Told { at_once: 1, ..Told::default() } } else { Told { later: 1, ..Told::default() } }
            }
            _ => panic!("{case}"),
        };
        fs::remove_dir_all(&path).unwrap();
        told
    }
}

/// Damages a file, and says how.
fn spoil(path: &Path, dice: &mut Dice) -> String {
    let mut bytes = fs::read(path).unwrap();
    let at = usize::try_from(dice.below(bytes.len() as u64)).unwrap();
    let how = dice.pick(&[
        Damage::Flip(1),
        Damage::Flip(0x10),
        Damage::Flip(0x80),
        Damage::Flip(0xFF),
        Damage::Cut,
        Damage::Zero,
        Damage::Longer,
        Damage::Gone,
    ]);
    let length = bytes.len();
    match how {
        Damage::Gone => fs::remove_file(path).unwrap(),
        Damage::Cut => bytes.truncate(at),
        Damage::Zero => bytes[at..].iter_mut().take(512).for_each(|byte| *byte = 0),
        Damage::Longer => bytes.extend((0..=dice.below(300)).map(|_| dice.next().to_be_bytes()[0])),
        Damage::Flip(bits) => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= bits;
            }
        }
    }
    if !matches!(how, Damage::Gone) {
        fs::write(path, bytes).unwrap();
    }
    format!("{how:?} at {at} of {length}")
}
