//! One round: a web, a configuration and a series of strokes from one seed; a crawl that is killed by
//! them goes on until it is done, and is then held against one that nobody disturbed.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::Arc,
    time::Duration,
};

use dragline::vitro::{Latency, Options, Server, Web};
use serde_json::{Value, json};

use super::{
    FAILPOINTS, Tally, WRITES,
    account::Account,
    scene::{At, Outputs, Scene, Stroke, Struck, normalised, records},
    torn::tear,
};
use crate::{
    fire::dice::Dice,
    support::{
        binary::read_receipt,
        ground::{Config, contents, reconciled},
    },
};

/// How wrong a clock may be, seconds: an hour, or more than a year.
const SHIFTS: [i64; 4] = [-3_600, 3_600, -35_000_000, 35_000_000];

/// Failpoints that are passed with something written to the outputs that is not committed: who dies there leaves an end
/// to be torn.
const BEHIND_OUTPUTS: &[&str] = &["pages.write", "pages.sync", "frontier.log.write", "frontier.log.sync"];

/// What its configuration promises of a crawl.
struct Terms {
    /// Requests that one kill may waste.
    most_in_vain: u64,
    commit_every: Duration,
    /// Hosts are asked so slowly that nothing is under way most of the time.
    is_leisurely: bool,
}

/// Plays the round of `seed`, with at most `max_kills` kills in each pass.
///
/// # Panics
/// When a promise is broken.
pub(crate) async fn play(seed: u64, max_kills: u64) -> Tally {
    let mut dice = Dice::new(seed);
    let server = Server::start(Arc::new(Web::new(web(&mut dice, seed))), 0).await.unwrap();
    let (config, terms) = config(&mut dice, &server);
    let scene = Scene::new(server, &config);
    let n_passes = if dice.percent(30) { 2 } else { 1 };
    let mut tally = Tally { rounds: 1, ..Tally::default() };
    let mut aside = BTreeMap::new();
    for pass in 1..=n_passes {
        play_pass(&scene, &mut dice, pass, max_kills, &terms, &mut tally).await;
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

async fn play_pass(scene: &Scene, dice: &mut Dice, pass: u64, max_kills: u64, terms: &Terms, tally: &mut Tally) {
    let more: &[&str] = if pass > 1 { &["--recrawl"] } else { &[] };
    let mut account = Account::new(terms.commit_every, broken(scene));
    let mut before = Outputs::default();
    let mut done = BTreeSet::new();
    for n_kills in 0.. {
        scene.server.log().clear();
        tally.runs += 1;
        let stroke = (n_kills < max_kills).then(|| roll(dice, terms, account.uncommitted()));
        let shift = if dice.percent(25) { dice.pick(&SHIFTS) } else { 0 };
        let (struck, alive) = scene.strike(more, stroke.as_ref(), shift).await;
        tally.clock_steps += u64::from(shift != 0);
        let is_over = is_over(&scene.out(), pass);
        let is_calm = stroke.as_ref().is_some_and(|stroke| stroke.is_calm);
        let mut torn_percent = 30;
        match (struck, stroke.and_then(|stroke| stroke.at)) {
            (Struck::AtMoment, _) => {
                tally.at_moments += 1;
                tally.calm += u64::from(is_calm);
            }
            (Struck::AtFailpoint, Some(at)) => {
                *tally.at_failpoints.entry(at.name).or_default() += 1;
                torn_percent = if BEHIND_OUTPUTS.contains(&at.name) { 80 } else { torn_percent };
            }
            (Struck::Ended(ended), _) if ended.code == Some(0) => assert!(is_over, "it ended without a receipt"),
            (struck, at) => panic!("{struck:?} at {at:?}"),
        }
        if is_over {
            account.take(scene.asked(), &done);
            break;
        }
        scene.verify("out", "after a kill").await;
        let raw = Outputs::read(&scene.out());
        // Until this pass has been opened once, what lies there may be the last one's: over, synced, and written by nobody.
        let is_under_way = scene.out().exists() && (pass == 1 || n_kills > 0);
        let is_torn = dice.percent(torn_percent) && is_under_way;
        let expected = if is_torn { Some(tear(scene, dice, more, &raw).await) } else { None };
        let committed = scene.settle("out", more).await;
        tally.settled += 1;
        if let Some((expected, torn)) = expected {
            assert!(committed == expected, "a torn end was not cut off where it should be");
            tally.torn.add(&torn);
        } else {
            committed.assert_prefix_of(&raw, "what was committed is not what was written");
        }
        before.assert_prefix_of(&committed, "what was committed is gone");
        before = committed;
        let pages = account.take(scene.asked(), &done);
        done = records(&scene.out()).into_keys().collect();
        let cost = account.killed(&pages, alive, &done).unwrap_or_else(|why| panic!("{why}"));
        tally.due += cost.n_due;
        tally.most_in_vain = tally.most_in_vain.max(cost.n_lost);
        let most = terms.most_in_vain;
        assert!(cost.n_lost <= most, "{} requests were in vain, of {most} that may be: {pages:#?}", cost.n_lost);
    }
    scene.verify("out", "in the end").await;
    let records = reconciled(&scene.out());
    let pending = &read_receipt(&scene.out())["totals"]["pending"];
    assert_eq!(*pending, 0);
    account.check(&records).unwrap_or_else(|why| panic!("{why}"));
    tally.records += records.len() as u64;
    tally.requests += account.n_requests();
}

/// Pages whose answer breaks off.
fn broken(scene: &Scene) -> BTreeSet<String> {
    let pages = scene.server.truth().pages.into_iter();
    pages.filter(|(_, expected)| expected.truncated).map(|(url, _)| url).collect()
}

/// Whether a pass has been sealed with its receipt.
fn is_over(out: &Path, pass: u64) -> bool {
    out.join("receipt.json").exists() && read_receipt(out)["pass"] == pass
}

/// The next stroke. A crawl that takes its time is left until some of its answers must have been written down, and then
/// struck as soon as nothing is under way.
fn roll(dice: &mut Dice, terms: &Terms, uncommitted: Duration) -> Stroke {
    let pause = Duration::from_micros(dice.below(20_000));
    if terms.is_leisurely && dice.percent(60) {
        let pause = uncommitted + 10 * pause;
        return Stroke { requests: 5 + dice.below(25), pause, is_calm: true, at: None };
    }
    if dice.percent(40) {
        let requests = if dice.percent(15) { 0 } else { dice.below(40) };
        return Stroke { requests, pause, is_calm: false, at: None };
    }
    let names = if dice.percent(40) { BEHIND_OUTPUTS } else { FAILPOINTS };
    let name = dice.pick(names);
    let part = (WRITES.contains(&name) && dice.percent(60)).then(|| dice.below(101));
    let after = if dice.percent(50) { 0 } else { dice.below(12) };
    Stroke { requests: 15 + dice.below(60), pause, is_calm: false, at: Some(At { name, after, part }) }
}

/// A small web with some of everything.
fn web(dice: &mut Dice, seed: u64) -> Options {
    Options {
        seed,
        n_hosts: dice.pick(&[3, 6]),
        pages_per_host: dice.pick(&[25, 50]),
        page_bytes: dice.pick(&[800, 6_000]),
        latency: Latency::Even(Duration::ZERO, Duration::from_millis(dice.pick(&[2, 5, 10]))),
        slow: Duration::from_millis(40),
        error_permille: 120,
        redirect_permille: 120,
        // It asks for a whole second.
        retry_after_permille: 0,
        cookie_permille: 200,
        curios: dice.percent(15),
        ..Options::demo()
    }
}

/// How it is crawled, and what is promised by that.
fn config(dice: &mut Dice, server: &Server) -> (Config, Terms) {
    let concurrency = dice.pick(&[2_u64, 8, 64]);
    let is_leisurely = dice.percent(20);
    // Who takes his time commits when it is time, and not because there is so much to commit.
    let commit_urls = if is_leisurely { 1_000 } else { dice.pick(&[1_u64, 10, 40]) };
    let commit_every = Duration::from_millis(dice.pick(&[10, 40, 300]));
    let config = Config::vitro(server)
        .set("outputs.compression", dice.pick(&["none", "gzip", "zstd"]))
        .set("outputs.rotate", dice.pick(&["unlimited", "64 KiB"]))
        .set("outputs.text", dice.percent(50))
        .set("outputs.links", dice.percent(50))
        .set("cookies.enabled", dice.percent(50))
        .set("frontier.commit_every", format!("{}ms", commit_every.as_millis()))
        .set("frontier.commit_urls", commit_urls)
        .set("frontier.active_hosts", dice.pick(&[2, 1024]))
        .set("frontier.buffer", dice.pick(&["16 KiB", "1 MiB"]))
        .set("frontier.head", dice.pick(&[2, 64]))
        .set("fetch.concurrency", concurrency)
        .set("fetch.retry_base", "20ms")
        .set("politeness.rate", if is_leisurely { "10/s" } else { "unlimited" })
        // What a clock that was wrong has left in the state is waited for so long at most.
        .set("politeness.max_delay", "1s")
        .set("politeness.backoff_max", "1s");
    // Not committed yet; in the recorder's hands and on the way to it; and in flight.
    (config, Terms { most_in_vain: commit_urls + 5 * concurrency, commit_every, is_leisurely })
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
