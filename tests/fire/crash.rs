//! Crashes: a crawl is killed at random moments and at failpoints, and goes on, over and over.
//!
//! [`round`] plays one crawl of a glass web with kills that come from a seed, [`sweep`] strikes at each failpoint
//! in turn, [`damage`] spoils the files of a stopped crawl, [`scene`] is where they are played, [`torn`] tears ends of
//! outputs, and [`account`] holds requests against records.
//! The server lives in the harness, so its log survives every kill. After each kill: the folder opens, what
//! was committed before is still there, byte by byte, every line is whole and no URL has two, and no URL whose
//! record was committed is asked for again. After each crawl: the receipt reconciles with the lines, the
//! records are those of a crawl that nobody disturbed, and each page was asked for as often as its
//! record says and at most once more for each kill at which its answer was not out, or not for long.
//!
//! Deliberately not: a power cut. A killed process leaves what it wrote to the system; only the ends of
//! outputs that were not committed are torn in the way that a power cut may tear them.

mod account;
pub(crate) mod damage;
pub(crate) mod round;
pub(crate) mod scene;
pub(crate) mod sweep;
pub(crate) mod torn;

use std::{collections::BTreeMap, time::Instant};

use serde_json::json;
use tokio::task::{JoinError, JoinSet};
use torn::Torn;

use super::{Args, Results, Violations};

/// Every failpoint of the program, see `src/fault.rs`. A test holds the list against the sources.
pub(crate) const FAILPOINTS: &[&str] = &[
    "cookies.folder",
    "cookies.rename",
    "cookies.sync",
    "cookies.write",
    "folder.remove",
    "frontier.folder.sync",
    "frontier.log.cut",
    "frontier.log.sync",
    "frontier.log.write",
    "frontier.manifest.rename",
    "frontier.manifest.sync",
    "frontier.manifest.write",
    "frontier.remove",
    "frontier.run.sync",
    "frontier.run.write",
    "frontier.seal.write",
    "pages.cut",
    "pages.cut.sync",
    "pages.folder",
    "pages.open",
    "pages.remove",
    "pages.sync",
    "pages.write",
    "pass.folder",
    "pass.move",
    "pass.sync",
    "receipt.folder",
    "receipt.rename",
    "receipt.sync",
    "receipt.write",
    "report.folder",
    "report.rename",
    "report.sync",
    "report.write",
    "state.begin.folder",
    "state.begin.rename",
    "state.opened",
];

/// Those that are writes, and can stop in the middle.
pub(crate) const WRITES: &[&str] = &[
    "cookies.write",
    "frontier.log.write",
    "frontier.manifest.write",
    "frontier.run.write",
    "pages.write",
    "receipt.write",
    "report.write",
];

/// What rounds did.
#[derive(Debug, Default, Clone)]
pub(crate) struct Tally {
    pub(crate) rounds: u64,
    pub(crate) runs: u64,
    /// Kills at moments, and at each failpoint.
    pub(crate) at_moments: u64,
    pub(crate) at_failpoints: BTreeMap<&'static str, u64>,
    /// Kills at moments at which the server had nothing under way, which are among those at moments.
    pub(crate) calm: u64,
    /// Folders looked at after a kill, and ends of outputs that were torn before that.
    pub(crate) settled: u64,
    pub(crate) torn: Torn,
    /// Runs that began with a clock that was wrong.
    pub(crate) clock_steps: u64,
    pub(crate) records: u64,
    pub(crate) requests: u64,
    /// Pages that had been answered so long before a kill that their records had to be committed.
    pub(crate) due: u64,
    /// Most requests that one kill wasted.
    pub(crate) most_in_vain: u64,
}

impl Tally {
    pub(crate) fn n_kills(&self) -> u64 {
        self.at_moments + self.at_failpoints.values().sum::<u64>() + self.settled
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.rounds += other.rounds;
        self.runs += other.runs;
        self.at_moments += other.at_moments;
        for (name, n) in &other.at_failpoints {
            *self.at_failpoints.entry(name).or_default() += n;
        }
        self.calm += other.calm;
        self.settled += other.settled;
        self.torn.add(&other.torn);
        self.clock_steps += other.clock_steps;
        self.records += other.records;
        self.requests += other.requests;
        self.due += other.due;
        self.most_in_vain = self.most_in_vain.max(other.most_in_vain);
    }

    fn json(&self) -> serde_json::Value {
        json!({
            "rounds": self.rounds, "runs": self.runs, "kills": self.n_kills(), "kills_at_moments": self.at_moments,
            "kills_at_calm_moments": self.calm, "kills_at_failpoints": self.at_failpoints, "kills_on_opening": self.settled,
            "torn": {"cut": self.torn.cut, "zeroed": self.torn.zeroed, "longer": self.torn.longer},
            "clock_steps": self.clock_steps, "records": self.records, "requests": self.requests,
            "pages_due_at_kills": self.due, "most_requests_in_vain": self.most_in_vain,
        })
    }
}

/// Rounds at a time: a crawl waits more than it works.
const AT_ONCE: usize = 5;

/// Plays the rounds of these seeds; what went wrong is one sentence each.
pub(crate) async fn play(
    seeds: impl IntoIterator<Item = u64>,
    max_kills: u64,
    mut each: impl FnMut(u64, &Tally),
) -> (Tally, Vec<String>) {
    let (mut tally, mut violations) = (Tally::default(), Vec::new());
    let (mut seeds, mut rounds) = (seeds.into_iter(), JoinSet::new());
    let mut of = BTreeMap::new();
    loop {
        while rounds.len() < AT_ONCE
            && let Some(seed) = seeds.next()
        {
            of.insert(rounds.spawn(round::play(seed, max_kills)).id(), seed);
        }
        match rounds.join_next_with_id().await {
            None => return (tally, violations),
            Some(Ok((id, one))) => {
                tally.add(&one);
                each(of[&id], &one);
            }
            Some(Err(error)) => {
                violations.push(format!("seed {}: {}", of[&error.id()], message(error)));
            }
        }
    }
}

/// What the one who panicked said.
pub(crate) fn message(error: JoinError) -> String {
    let why = error.into_panic();
    let text = why.downcast_ref::<String>().cloned();
    text.or_else(|| why.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

/// The long form.
#[expect(clippy::print_stdout, reason = "progress, for people")]
pub(crate) fn run(args: &Args, results: &mut Results) -> Result<(), Violations> {
    let (rounds, seed, kills) = (args.number("rounds", 100), args.number("seed", 1), args.number("kills", 12));
    let n_trials = args.number("trials", 2 * rounds);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let began = Instant::now();

    let (swept, mut violations) = runtime.block_on(sweep::sweep(true));
    let sweep::Strikes { set, came_up } = swept.sum();
    let (seconds, n_failpoints) = (began.elapsed().as_secs(), FAILPOINTS.len());
    println!("{seconds:>5} s  {set} strikes set at {n_failpoints} failpoints in turn, of which {came_up} came up");
    let (told, broken) = runtime.block_on(damage::damage(seed, n_trials));
    println!("{:>5} s  {told:?}", began.elapsed().as_secs());
    violations.extend(broken);

    let mut sum = Tally::default();
    let (tally, broken) = runtime.block_on(play(seed..seed + rounds, kills, |seed, one| {
        sum.add(one);
        let (seconds, kills, records) = (began.elapsed().as_secs(), one.n_kills(), one.records);
        let so_far = format!("so far {} rounds, {} kills", sum.rounds, sum.n_kills());
        println!("{seconds:>5} s  seed {seed}: {kills} kills, {records} records; {so_far}");
        results.push(&json!({"seed": seed, "round": one.json()}));
    }));
    violations.extend(broken);
    let line = json!({
        "command": "crash", "first_seed": seed, "kills_a_pass": kills, "seconds": began.elapsed().as_secs(),
        "strikes_set_in_turn": set, "strikes_in_turn": came_up, "failpoints": n_failpoints, "never_came_up": swept.idle(),
        "damaged": told.trials, "damage_told_at_once": told.at_once, "damage_told_later": told.later,
        "damage_harmless": told.harmless, "damaged_outputs_told": told.outputs, "rounds": tally.json(), "violations": violations,
    });
    println!("{line:#}");
    results.push(&line);
    if violations.is_empty() { Ok(()) } else { Err(Violations(violations)) }
}
