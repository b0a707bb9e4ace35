//! The short forms of `tests/fire/soak.rs` and `tests/fire/memory.rs`: the same crawls, small, and of what they
//! say only what does not depend on how fast a machine is.

use std::time::Duration;

use dragline::vitro::Options;

use crate::fire::{
    bounds::{Kind, broken},
    soak::{self, Pace},
    vitals::{crawl, table},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_short_soak_keeps_every_count_within_its_bound_and_comes_to_it() {
    let pace = Pace { rate: 300, commit_urls: 30, ..Pace::of(20) };
    let config = |config| pace.config(config).set("telemetry.interval", "100ms");
    let watched = crawl(soak::web(20, 500), config, Duration::from_secs(8), |_| ()).await;
    assert_eq!(watched.faults(&[0, 4]), Vec::<String>::new());
    assert_eq!(broken(&watched.signs, &pace.bounds()), Vec::<String>::new(), "{}", table(&watched.signs));
    let last = watched.signs.last().expect("signs were logged");
    assert!(last.need("pages") > 0 && last.need("rss_bytes") > 0 && last.need("tasks") > 0, "{last:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crawl_holds_does_not_follow_the_hosts_that_it_knows() {
    let pace = Pace { active_hosts: 64, concurrency: 32, idle_connections: 64, ..Pace::of(1300) };
    let bounds = pace.bounds();
    let gate = bounds.iter().find(|bound| bound.name == "gate.hosts").expect("it is bounded");
    assert_eq!(gate.kind, Kind::Full, "there are more hosts than the gate remembers");
    let config = |config| pace.config(config).set("telemetry.interval", "100ms").set("limits.rate", "unlimited");
    let web = Options { cookie_permille: 300, ..Options::bench(1300, 3) };
    let watched = crawl(web, config, Duration::from_secs(60), |_| ()).await;
    assert_eq!(watched.faults(&[0]), Vec::<String>::new());
    assert_eq!(broken(&watched.signs, &bounds), Vec::<String>::new(), "{}", table(&watched.signs));
}
