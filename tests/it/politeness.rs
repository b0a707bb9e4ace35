//! The short form of `cargo bench --bench fire -- politeness`: what it is made of is in `tests/fire/politeness`.

use crate::fire::{
    auditor::Rule,
    politeness::{self, Part, Plan, mutants},
};

/// Every one of the rules had something to judge in this part.
#[track_caller]
fn assert_judged(part: &Part, rules: &[Rule]) {
    for rule in rules {
        assert!(part.report.judged.get(rule).is_some_and(|n| *n > 0), "{rule:?} judged nothing: {}", part.json());
    }
}

/// Every one of them was what requests waited for.
#[track_caller]
fn assert_held(part: &Part, rules: &[Rule]) {
    for rule in rules {
        assert!(part.report.held.get(rule).is_some_and(|n| *n >= 5), "{rule:?} held nobody back: {}", part.json());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn crawls_that_are_killed_and_resumed_under_other_promises_break_none() {
    let plan = Plan::short(1);
    let parts = Box::pin(politeness::prove(&plan)).await;
    for part in &parts {
        assert_eq!(part.violations(), Vec::<String>::new(), "{}", part.json());
        assert!(part.report.requests > 100, "{}", part.json());
    }
    let [turns, beside, jobs, begin, end] = &parts[..] else { panic!("{} parts", parts.len()) };

    assert!(turns.report.requests >= plan.requests && turns.kills >= 3 && turns.stops >= 1, "{}", turns.json());
    let of_robots = [Rule::RobotsFirst, Rule::RobotsClosed, Rule::Disallowed];
    assert_judged(turns, &of_robots);
    assert_judged(turns, &[Rule::Probe]);
    let times = [Rule::Rate, Rule::CrawlDelay, Rule::Delay, Rule::Connections, Rule::RetryAfter, Rule::Backoff];
    assert_held(turns, &times);
    let grown = (1..=4).all(|n| turns.report.grown.get(&n).is_some_and(|judged| *judged >= 3));
    assert!(grown && turns.report.outlived > 0, "{}", turns.json());

    assert!(jobs.report.requests >= plan.requests / 8, "{}", jobs.json());
    for part in [beside, jobs] {
        assert_judged(part, &of_robots);
        assert_judged(part, &[Rule::Connections, Rule::RetryAfter, Rule::Backoff]);
        assert_held(part, &[Rule::Rate, Rule::CrawlDelay]);
    }
    assert!(jobs.report.grown.contains_key(&3), "{}", jobs.json());
    for part in [begin, end] {
        assert_judged(part, &[Rule::Quiet, Rule::Rate]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mutant_is_found() {
    assert_eq!(mutants::missed().await, Vec::<String>::new());
}
