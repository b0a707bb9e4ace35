//! What the hot path costs, counted and not timed: instructions and allocations of each of its steps, held against a committed
//! baseline.
//!
//! This test runs its own binary under `valgrind --tool=callgrind`, which has a processor of its own making: the counts are the same whatever
//! else the machine does, and nearly the same on every machine of an architecture. They are those of the dev profile, whose
//! artefacts all tests share; what is counted is work that is done, not how well it was compiled.
//!
//! The baseline is `benches/results/hot-path.json`. `DRAGLINE_COST=update cargo test --test it cost::` writes it anew.
//!
//! Deliberately not: times (`cargo bench --bench micro`).

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde::{Deserialize, Serialize};

use crate::hot::{Hot, STEPS, corpus};

const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/results/hot-path.json");
/// How far instructions may be from the baseline. Tables of hashes are seeded anew in each process, and libraries' instructions
/// differ a little by what the processor can do.
const INSTRUCTIONS_PERCENT: f64 = 5.0;
/// How far allocations may be.
const ALLOCATIONS_PERCENT: f64 = 1.0;
/// Pages of the corpus.
const N_PAGES: usize = 20;
/// The allocator's functions that give memory.
const ALLOCATE: [&str; 5] = ["malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc"];

/// What one step costs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Cost {
    /// Of what, in words: `page`, `link`.
    unit: String,
    /// How many of them were done.
    n: u64,
    /// Of all of them.
    instructions: u64,
    /// Of all of them.
    allocations: u64,
}

/// The committed counts.
#[derive(Debug, Serialize, Deserialize)]
struct Baseline {
    /// Instructions are held against those of the same architecture only.
    arch: String,
    /// The compiler, for whoever looks for a reason.
    rustc: String,
    steps: BTreeMap<String, Cost>,
}

#[test]
#[cfg_attr(not(debug_assertions), ignore = "the baseline is one of the dev profile")]
fn no_step_of_the_hot_path_costs_more_or_less_than_it_did() {
    let found = Baseline { arch: std::env::consts::ARCH.to_owned(), rustc: rustc(), steps: count() };
    #[expect(clippy::disallowed_methods, reason = "a test's own switch, as insta has one")]
    if std::env::var("DRAGLINE_COST").is_ok_and(|it| it == "update") {
        fs::write(BASELINE, serde_json::to_string_pretty(&found).unwrap() + "\n").unwrap();
        return;
    }
    let baseline: Baseline = serde_json::from_str(&fs::read_to_string(BASELINE).unwrap()).unwrap();
    let complaints = judge(&baseline, &found);
    assert!(
        complaints.is_empty(),
        "the hot path costs something else than before ({} then, {} now):\n  {}\nif that is meant: DRAGLINE_COST=update cargo test --test it cost::",
        baseline.rustc,
        found.rustc,
        complaints.join("\n  ")
    );
}

/// What valgrind runs: each step twice, so that one that works only once is not mistaken for a cheap one.
#[test]
#[ignore = "the test beside it runs it under valgrind"]
fn drive() {
    let folder = tempfile::tempdir().unwrap();
    let mut hot = Hot::new(corpus::pages(N_PAGES), folder.path());
    for step in STEPS {
        let n: usize = (0..2).map(|_| (step.run)(&mut hot)).sum();
        println!("step {} {n}", step.name);
    }
}

/// Runs `drive` under callgrind, which begins to count when a step begins and writes down what there is when it ends.
fn count() -> BTreeMap<String, Cost> {
    let folder = tempfile::tempdir().unwrap();
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--compress-strings=no", "--compress-pos=no"]);
    valgrind.arg(format!("--callgrind-out-file={}", folder.path().join("profile").display()));
    for step in STEPS {
        // In whichever way valgrind writes Rust's names, and not the closures inside.
        for end in ["", "::h????????????????"] {
            valgrind.arg(format!("--zero-before=*::step_{}{end}", step.name));
            valgrind.arg(format!("--dump-after=*::step_{}{end}", step.name));
        }
    }
    valgrind.arg(std::env::current_exe().unwrap());
    valgrind.args(["cost::drive", "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
    let output = valgrind.output().expect("valgrind is missing: install it, or run tests/run, which does");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let n_done: BTreeMap<&str, u64> = said.lines().filter_map(done).collect();
    let profiles: Vec<String> = files(folder.path()).iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let cost = |step: &crate::hot::Step| {
        let of_step: Vec<_> = profiles.iter().filter(|profile| is_of(profile, step.name)).map(|it| read(it)).collect();
        assert_eq!(of_step.len(), 2, "valgrind did not see {} begin and end twice", step.name);
        let sum = |of: fn(&(u64, u64)) -> u64| of_step.iter().map(of).sum();
        let (instructions, allocations) = (sum(|it| it.0), sum(|it| it.1));
        (step.name.to_owned(), Cost { unit: step.unit.to_owned(), n: n_done[step.name], instructions, allocations })
    };
    STEPS.iter().map(cost).collect()
}

/// `step parse 40`, behind whatever the harness of tests has written on the line.
fn done(line: &str) -> Option<(&str, u64)> {
    let (name, n) = line.split_once("step ")?.1.split_once(' ')?;
    Some((name, n.parse().ok()?))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// Whether a profile was written because that step ended: `desc: Trigger: --dump-after=it::hot::step_parse`.
fn is_of(profile: &str, step: &str) -> bool {
    let trigger = profile.lines().find(|line| line.starts_with("desc: Trigger:")).unwrap_or_default();
    trigger.contains("--dump-after=") && trigger.split("::").any(|part| part == format!("step_{step}"))
}

/// All instructions, and all calls of the allocator, of a profile whose names are written in full.
fn read(profile: &str) -> (u64, u64) {
    let (mut instructions, mut allocations, mut allocates) = (0, 0, false);
    for line in profile.lines() {
        if let Some(name) = line.strip_prefix("cfn=") {
            allocates = ALLOCATE.contains(&name);
        } else if let Some(calls) = line.strip_prefix("calls=") {
            let n: u64 = calls.split(' ').next().unwrap().parse().unwrap();
            allocations += if allocates { n } else { 0 };
        } else if let Some(totals) = line.strip_prefix("totals:") {
            instructions = totals.trim().parse().unwrap();
        }
    }
    (instructions, allocations)
}

/// What is beyond its margin, a sentence each.
fn judge(baseline: &Baseline, found: &Baseline) -> Vec<String> {
    let mut complaints = Vec::new();
    for name in baseline.steps.keys().filter(|name| !found.steps.contains_key(*name)) {
        complaints.push(format!("{name}: the baseline has it, the hot path has not"));
    }
    for (name, now) in &found.steps {
        let Some(then) = baseline.steps.get(name) else {
            complaints.push(format!("{name}: the baseline does not have it"));
            continue;
        };
        if then.n != now.n {
            complaints.push(format!("{name}: {} {}s were done, {} before", now.n, now.unit, then.n));
        }
        let mut compare = |what: &str, then: u64, now: u64, n: u64, unit: &str, margin: f64| {
            let percent = (now as f64 - then as f64) / then.max(1) as f64 * 100.0;
            if percent.abs() > margin {
                let each = |all: u64| all as f64 / n.max(1) as f64;
                complaints.push(format!(
                    "{name}: {:.1} {what} a {unit}, {:.1} before: {percent:+.1} %, and {margin} % are allowed",
                    each(now),
                    each(then)
                ));
            }
        };
        if baseline.arch == found.arch {
            compare("instructions", then.instructions, now.instructions, now.n, &now.unit, INSTRUCTIONS_PERCENT);
        }
        compare("allocations", then.allocations, now.allocations, now.n, &now.unit, ALLOCATIONS_PERCENT);
    }
    complaints
}

fn rustc() -> String {
    let told = Command::new("rustc").arg("--version").output().map(|it| it.stdout).unwrap_or_default();
    String::from_utf8_lossy(&told).trim().to_owned()
}

#[test]
fn the_made_up_pages_are_like_those_of_documentation() {
    let lengths: Vec<usize> = corpus::pages(N_PAGES).iter().map(|page| page.body.len()).collect();
    assert!(lengths.iter().all(|length| (12 << 10..20 << 10).contains(length)), "{lengths:?}");
    assert_eq!(corpus::pages(3)[2].body, corpus::pages(N_PAGES)[2].body, "they are the same each time");
}

#[test]
fn what_is_beyond_its_margin_is_named() {
    let with = |arch: &str, instructions, allocations| {
        let cost = Cost { unit: "page".to_owned(), n: 10, instructions, allocations };
        Baseline { arch: arch.to_owned(), rustc: String::new(), steps: [("parse".to_owned(), cost)].into() }
    };
    let baseline = with("x86_64", 10_000, 1_000);
    assert_eq!(judge(&baseline, &with("x86_64", 10_490, 1_009)), Vec::<String>::new());
    let dearer = judge(&baseline, &with("x86_64", 10_600, 1_020));
    assert_eq!(
        dearer,
        [
            "parse: 1060.0 instructions a page, 1000.0 before: +6.0 %, and 5 % are allowed",
            "parse: 102.0 allocations a page, 100.0 before: +2.0 %, and 1 % are allowed"
        ]
    );
    assert_eq!(judge(&baseline, &with("x86_64", 9_000, 1_000)).len(), 1, "what was won is to be kept");
    assert_eq!(
        judge(&baseline, &with("aarch64", 20_000, 1_000)),
        Vec::<String>::new(),
        "another machine's instructions"
    );
    let free = with("x86_64", 10_000, 0);
    assert_eq!(judge(&free, &free), Vec::<String>::new(), "what allocates nothing is compared, too");
    assert_eq!(judge(&free, &with("x86_64", 10_000, 1)).len(), 1);
    let fewer = Baseline { steps: BTreeMap::new(), ..with("x86_64", 0, 0) };
    assert_eq!((judge(&fewer, &baseline).len(), judge(&baseline, &fewer).len()), (1, 1));
}
