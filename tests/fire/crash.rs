//! Crashes: a crawl is killed at random moments and at failpoints, and goes on, over and over.

use serde_json::json;

use super::{Args, Results, Violations};

/// Every failpoint of the program, see `src/fault.rs`.
pub(crate) const FAILPOINTS: &[&str] = &[];

/// The long form.
pub(crate) fn run(args: &Args, results: &mut Results) -> Result<(), Violations> {
    let (rounds, seed) = (args.number("rounds", 100), args.number("seed", 1));
    results.push(&json!({"command": "crash", "rounds": rounds, "seed": seed, "failpoints": FAILPOINTS}));
    Err(Violations(vec!["it is not written yet".to_owned()]))
}
