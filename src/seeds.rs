//! Chance for simulations, and the range of seeds that they run over.
//!
//! A seed is all that a simulated run depends on: whatever fails is printed with the one command that runs it
//! again. The short form runs over a few hundred seeds in every `cargo test`; two variables of the environment
//! make it long:
//!
//! - `DRAGLINE_SEEDS=17..18` runs these seeds instead;
//! - `DRAGLINE_SIMULATE_FOR=600` runs on from the first seed for so many seconds, and says how many it ran.
//!
//! Tests only.

use std::{
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    time::{Duration, Instant},
};

/// SplitMix64: small, quick, and the same everywhere.
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x2545_F491_4F6C_DD1D) ^ 0xD1B5_4A32_D192_ED03)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// One of `0..n`.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n.max(1)
    }

    /// One of a range of sizes.
    pub(crate) fn size(&mut self, range: Range<usize>) -> usize {
        let width = (range.end - range.start) as u64;
        range.start + usize::try_from(self.below(width)).expect("less than a usize")
    }

    /// True so many times of a hundred.
    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of these.
    pub(crate) fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.size(0..of.len())].clone()
    }

    /// So many milliseconds, at most.
    pub(crate) fn millis(&mut self, below: u64) -> Duration {
        Duration::from_millis(self.below(below))
    }
}

/// Runs `run` over `short`, or over what the environment says. `test` is the path of the test.
pub(crate) fn each(test: &str, short: Range<u64>, run: impl Fn(u64)) {
    let began = Instant::now();
    let seeds = variable("DRAGLINE_SEEDS").map_or(short, |text| {
        let (from, to) = text.split_once("..").expect("DRAGLINE_SEEDS is `from..to`");
        from.parse().expect("a number")..to.parse().expect("a number")
    });
    let seconds = variable("DRAGLINE_SIMULATE_FOR").map(|text| text.parse().expect("a number of seconds"));
    let time_is_up = |seed: u64| match seconds {
        Some(seconds) => began.elapsed() >= Duration::from_secs(seconds),
        None => seed >= seeds.end,
    };
    let mut seed = seeds.start;
    while !time_is_up(seed) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| run(seed))) {
            eprintln!("seed {seed} fails; again: DRAGLINE_SEEDS={seed}..{} cargo test --lib {test}", seed + 1);
            resume_unwind(panic);
        }
        seed += 1;
    }
    let took = began.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a count of runs")]
    let per_minute = (seed - seeds.start) as f64 / took * 60.0;
    println!("{test}: seeds {}..{seed} in {took:.1} s, {per_minute:.0} a minute", seeds.start);
}

#[expect(clippy::disallowed_methods, reason = "which seeds a test runs over is no part of the program")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
