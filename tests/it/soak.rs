//! The short forms of `tests/fire/soak.rs` and `tests/fire/memory.rs`: the same crawls, small, and of what they
//! say only what does not depend on how fast a machine is.

use std::time::Duration;

use dragline::vitro::Options;

use crate::fire::{
    soak,
    vitals::{Sign, crawl},
};

/// What no count may be above, whatever the crawl: its bound by configuration, or a small multiple of that.
fn check_bounds(sign: &Sign, concurrency: u64, active_hosts: u64, hosts: u64) {
    let most = |name: &str, most: u64| assert!(sign.of(name) <= most, "{name} is {}, over {most}", sign.of(name));
    most("dispatcher.permits", concurrency);
    // The dispatcher keeps a host for a moment after it has asked for it.
    most("bench.slots", 2 * active_hosts);
    most("recorder.hosts", 2 * active_hosts + 1);
    most("recorder.inbox", 2 * concurrency);
    most("dispatcher.inbox", 2 * concurrency);
    // Each connection is a task, and one that rests is kept for half a minute.
    most("tasks", 4 * concurrency + 2 * hosts + 64);
    most("sockets", concurrency + 2 * hosts + 16);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_soak_keeps_every_count_within_its_bound() {
    let most = Duration::from_secs(8);
    let config = |config| soak::pace(config, "300/s").set("telemetry.interval", "200ms").set("fetch.concurrency", 32);
    let watched = crawl(soak::web(20, 500), config, most, |sign| check_bounds(sign, 32, 256, 20)).await;
    assert_eq!(watched.faults(&[0, 4]), Vec::<String>::new());
    let last = watched.signs.last().expect("signs were logged");
    assert!(last.of("pages") > 0 && last.of("rss_bytes") > 0 && last.of("tasks") > 0, "{last:?}");
    for name in ["gate.hosts", "store.recent", "bench.slots", "fetch.body_bytes", "cache.urls", "fetch.cookies"] {
        assert!(last.counts.contains_key(name), "{name} is missing: {last:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crawl_holds_does_not_follow_the_hosts_that_it_knows() {
    let config = |config: crate::support::ground::Config| {
        let config = config.set("frontier.active_hosts", 64).set("frontier.head", 16).set("fetch.concurrency", 32);
        config.set("telemetry.interval", "100ms")
    };
    let watched = crawl(Options::bench(1000, 3), config, Duration::from_secs(60), |sign| {
        check_bounds(sign, 32, 64, 1000);
        assert!(sign.of("bench.urls") <= 64 * 2 * 16, "{sign:?}");
    });
    assert_eq!(watched.await.faults(&[0]), Vec::<String>::new());
}
