//! The short form of `tests/fire/daemon.rs`.

use crate::fire::daemon;

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_it_is_told_what_to_do_a_daemon_loses_nothing_and_doubles_nothing() {
    let (tally, violations) = daemon::play(1, 6, |_| {}).await;
    assert!(violations.is_empty(), "{violations:#?}");
    assert!(tally.acknowledged > 5 && tally.finished > 0 && tally.calls > 50, "{tally:?}");
}
