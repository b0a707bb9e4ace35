//! One round: a web, a configuration and a series of strokes from one seed; a crawl that is killed by
//! them goes on until it is done, and is then held against one that nobody disturbed.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::Arc,
    time::Duration,
};

use dragline::vitro::{Options, Server, Web};
use serde_json::{Value, json};

use super::{
    FAILPOINTS, Tally, WRITES,
    scene::{At, Outputs, Scene, Stroke, Struck, normalised, records},
};
use crate::{
    fire::dice::Dice,
    support::{
        binary::read_receipt,
        ground::{Config, contents, reconciled},
    },
};

/// Attempts at a robots.txt that answers 503, in one run: the first and `fetch.retries`.
const ATTEMPTS: u64 = 3;

/// How wrong a clock may be, seconds: an hour, or more than a year.
const SHIFTS: [i64; 4] = [-3_600, 3_600, -35_000_000, 35_000_000];

/// What happens in a pass, for the accounts at its end.
#[derive(Default)]
struct Account {
    /// Requests, by URL.
    asked: BTreeMap<String, u64>,
    /// Kills by which a request of a URL may have been in vain.
    in_vain: BTreeMap<String, u64>,
    n_runs: u64,
}

/// Plays the round of `seed`, with at most `max_kills` kills in each pass.
///
/// # Panics
/// When a promise is broken.
pub(crate) async fn play(seed: u64, max_kills: u64) -> Tally {
    let mut dice = Dice::new(seed);
    let server = Server::start(Arc::new(Web::new(web(&mut dice, seed))), 0).await.unwrap();
    let (config, most_in_vain) = config(&mut dice, &server);
    let scene = Scene::new(server, &config);
    let n_passes = if dice.percent(30) { 2 } else { 1 };
    let mut tally = Tally { rounds: 1, ..Tally::default() };
    let mut aside = BTreeMap::new();
    for pass in 1..=n_passes {
        play_pass(&scene, &mut dice, pass, max_kills, most_in_vain, &mut tally).await;
        let passes = scene.out().join("passes");
        let old = if passes.exists() { contents(&passes) } else { BTreeMap::new() };
        assert!(old == aside, "what was set aside has changed: {:?} and {:?}", old.keys(), aside.keys());
        aside.extend(
            finished_files(&scene.out())
                .map(|(name, bytes)| (scene.out().join(format!("passes/{pass}/{name}")), bytes)),
        );
    }
    compare(&scene, n_passes).await;
    tally
}

/// Receipt, report and outputs of a pass that is over.
fn finished_files(out: &Path) -> impl Iterator<Item = (String, Vec<u8>)> {
    let ours = ["receipt.json", "report.html"].map(str::to_owned).into_iter();
    let files = ours.map(|name| (name.clone(), fs::read(out.join(&name)).unwrap()));
    files.chain(Outputs::read(out).0)
}

async fn play_pass(scene: &Scene, dice: &mut Dice, pass: u64, max_kills: u64, most_in_vain: u64, tally: &mut Tally) {
    let more: &[&str] = if pass > 1 { &["--recrawl"] } else { &[] };
    let mut account = Account::default();
    let mut before = Outputs::default();
    let mut done = BTreeSet::new();
    for n_kills in 0.. {
        scene.server.log().clear();
        account.n_runs += 1;
        let stroke = (n_kills < max_kills).then(|| roll(dice));
        let shift = if dice.percent(25) { dice.pick(&SHIFTS) } else { 0 };
        let struck = scene.strike(more, stroke.as_ref(), shift).await;
        tally.clock_steps += u64::from(shift != 0);
        let is_over = is_over(&scene.out(), pass);
        match (struck, stroke.and_then(|stroke| stroke.at)) {
            (Struck::AtMoment, _) => tally.at_moments += 1,
            (Struck::AtFailpoint, Some(at)) => *tally.at_failpoints.entry(at.name).or_default() += 1,
            (Struck::Ended(ended), _) if ended.code == Some(0) => assert!(is_over, "it ended without a receipt"),
            (struck, at) => panic!("{struck:?} at {at:?}"),
        }
        if is_over {
            account.take(scene, &done);
            break;
        }
        scene.verify("out", "after a kill").await;
        let raw = Outputs::read(&scene.out());
        let expected =
            if dice.percent(30) && scene.out().exists() { Some(tear(scene, dice, more, &raw).await) } else { None };
        let committed = scene.settle("out", more).await;
        tally.settled += 1;
        if let Some(expected) = expected {
            assert!(committed == expected, "a torn end was not cut off where it should be");
            tally.torn += 1;
        } else {
            committed.assert_prefix_of(&raw, "what was committed is not what was written");
        }
        before.assert_prefix_of(&committed, "what was committed is gone");
        before = committed;
        let asked = account.take(scene, &done);
        done = records(&scene.out()).into_keys().collect();
        let lost: Vec<_> = asked.into_keys().filter(|url| !done.contains(url)).collect();
        tally.most_in_vain = tally.most_in_vain.max(lost.len() as u64);
        assert!(lost.len() as u64 <= most_in_vain, "{} requests were in vain: {lost:?}", lost.len());
        lost.into_iter().for_each(|url| *account.in_vain.entry(url).or_default() += 1);
    }
    scene.verify("out", "in the end").await;
    let records = reconciled(&scene.out());
    let pending = &read_receipt(&scene.out())["totals"]["pending"];
    assert_eq!(*pending, 0);
    account.check(&records);
    tally.records += records.len() as u64;
    tally.runs += account.n_runs;
    tally.requests += account.asked.values().sum::<u64>();
}

/// Whether a pass has been sealed with its receipt.
fn is_over(out: &Path, pass: u64) -> bool {
    out.join("receipt.json").exists() && read_receipt(out)["pass"] == pass
}

impl Account {
    /// Takes in the requests of a run. None of them was for a URL that was done before.
    fn take(&mut self, scene: &Scene, done: &BTreeSet<String>) -> BTreeMap<String, u64> {
        let (robots, asked): (BTreeMap<_, _>, BTreeMap<_, _>) = scene
            .asked()
            .into_iter()
            .partition(|(url, _)| url.ends_with("/robots.txt") || url.ends_with("/robots-moved.txt"));
        assert!(robots.values().all(|n| *n <= ATTEMPTS), "robots.txt was asked for over and over: {robots:?}");
        let again: Vec<_> = asked.keys().filter(|url| done.contains(*url)).collect();
        assert!(again.is_empty(), "asked for although their records were committed: {again:?}");
        asked.iter().for_each(|(url, n)| *self.asked.entry(url.clone()).or_default() += n);
        asked
    }

    /// Each page was asked for as often as its record says, and at most once more for each kill that it
    /// was in flight at.
    fn check(&self, records: &BTreeMap<String, Value>) {
        for (url, n) in &self.asked {
            let attempts = records.get(url).map_or(0, |record| record["attempts"].as_u64().unwrap());
            let in_vain = self.in_vain.get(url).copied().unwrap_or_default();
            assert!(
                (attempts..=attempts + in_vain).contains(n),
                "{url}: asked for {n} times, {attempts} are recorded and {in_vain} were in vain"
            );
        }
    }
}

/// What a power cut may do to bytes that were written and never synced: the end of a file is shorter, or
/// other bytes, or more. Gives what must be left, found out on a copy.
async fn tear(scene: &Scene, dice: &mut Dice, more: &[&str], raw: &Outputs) -> Outputs {
    let copy = scene.ground.path("copy");
    let _ = fs::remove_dir_all(&copy);
    for (path, bytes) in contents(&scene.out()) {
        let to = copy.join(path.strip_prefix(scene.out()).expect("it is in there"));
        fs::create_dir_all(to.parent().expect("it is in a folder")).unwrap();
        fs::write(to, bytes).unwrap();
    }
    let committed = scene.settle("copy", more).await;
    for (name, bytes) in &raw.0 {
        let Some(kept) = committed.0.get(name).map(Vec::len) else { continue };
        let mut torn = bytes.clone();
        let at = kept + usize::try_from(dice.below((bytes.len() - kept) as u64 + 1)).unwrap();
        match dice.below(3) {
            0 => torn.truncate(at),
            1 => torn[at..].iter_mut().for_each(|byte| *byte = 0),
            _ => torn.extend((0..dice.below(5_000)).map(|_| dice.next().to_be_bytes()[0])),
        }
        fs::write(scene.out().join(name), torn).unwrap();
    }
    committed
}

/// The next stroke.
fn roll(dice: &mut Dice) -> Stroke {
    let pause = Duration::from_micros(dice.below(20_000));
    if dice.percent(40) {
        let requests = if dice.percent(15) { 0 } else { dice.below(40) };
        return Stroke { requests, pause, at: None };
    }
    let name = dice.pick(FAILPOINTS);
    let part = (WRITES.contains(&name) && dice.percent(60)).then(|| dice.below(101));
    let after = if dice.percent(50) { 0 } else { dice.below(12) };
    Stroke { requests: 15 + dice.below(60), pause, at: Some(At { name, after, part }) }
}

/// A small web with some of everything.
fn web(dice: &mut Dice, seed: u64) -> Options {
    Options {
        seed,
        n_hosts: dice.pick(&[3, 6]),
        pages_per_host: dice.pick(&[25, 50]),
        page_bytes: dice.pick(&[800, 6_000]),
        latency: (Duration::ZERO, Duration::from_millis(dice.pick(&[2, 5, 10]))),
        slow: Duration::from_millis(40),
        error_permille: 120,
        redirect_permille: 120,
        // It asks for a whole second.
        retry_after_permille: 0,
        curios: dice.percent(15),
        ..Options::demo()
    }
}

/// How it is crawled, and how many requests one kill may waste by that.
fn config(dice: &mut Dice, server: &Server) -> (Config, u64) {
    let concurrency = dice.pick(&[2_u64, 8, 64]);
    let commit_urls = dice.pick(&[1_u64, 10, 40]);
    let config = Config::vitro(server)
        .set("outputs.compression", dice.pick(&["none", "gzip", "zstd"]))
        .set("outputs.rotate", dice.pick(&["unlimited", "64 KiB"]))
        .set("outputs.text", dice.percent(50))
        .set("outputs.links", dice.percent(50))
        .set("cookies.enabled", dice.percent(50))
        .set("frontier.commit_every", dice.pick(&["10ms", "40ms", "300ms"]))
        .set("frontier.commit_urls", commit_urls)
        .set("frontier.active_hosts", dice.pick(&[2, 1024]))
        .set("frontier.buffer", dice.pick(&["16 KiB", "1 MiB"]))
        .set("frontier.head", dice.pick(&[2, 64]))
        .set("fetch.concurrency", concurrency)
        .set("fetch.retry_base", "20ms")
        // What a clock that was wrong has left in the state is waited for so long at most.
        .set("politeness.max_delay", "1s")
        .set("politeness.backoff_max", "1s");
    // Not committed yet; in the recorder's hands and on the way to it; and in flight.
    (config, commit_urls + 5 * concurrency)
}

/// The same crawl, undisturbed, by now with a server that has nothing to happen only once.
async fn compare(scene: &Scene, n_passes: u64) {
    for pass in 1..=n_passes {
        let more: &[&str] = if pass > 1 { &["--recrawl"] } else { &[] };
        scene.run("undisturbed", more, "").await.with(0);
    }
    let (out, other) = (scene.out(), scene.ground.path("undisturbed"));
    let (records, expected) = (records(&out), reconciled(&other));
    let urls = |records: &BTreeMap<String, Value>| records.keys().cloned().collect::<BTreeSet<_>>();
    let differing: Vec<_> = urls(&records).symmetric_difference(&urls(&expected)).cloned().collect();
    assert!(differing.is_empty(), "in one of the two only: {differing:?}");
    for (url, record) in &records {
        assert_eq!(normalised(record), normalised(&expected[url]), "{url}");
    }
    let (receipt, expected) = (read_receipt(&out), read_receipt(&other));
    for key in ["totals", "failed", "refused", "status", "body_bytes", "pass", "end"] {
        assert_eq!(receipt[key], expected[key], "{key} of the receipts");
    }
    assert_eq!(receipt["end"], json!("finished"));
}
