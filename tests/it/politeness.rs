//! The short form of `cargo bench --bench fire -- politeness`: what it is made of is in `tests/fire/politeness`.

use crate::fire::politeness::{self, Plan, mutants};

#[tokio::test(flavor = "multi_thread")]
async fn crawls_that_are_killed_and_resumed_under_other_promises_break_none() {
    for part in Box::pin(politeness::prove(&Plan::short(1))).await {
        assert_eq!(part.violations(), Vec::<String>::new(), "{}", part.json());
        assert!(part.report.requests > 20, "{}", part.json());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mutant_is_found() {
    assert_eq!(mutants::missed().await, Vec::<String>::new());
}
