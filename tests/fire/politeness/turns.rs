//! One crawl in turns: the built program is started, killed or asked to stop after some requests, and started again
//! under other terms, until there were enough of them.

use std::time::{Duration, Instant};

use dragline::clock::Timestamp;
use tokio::process::Child;

use super::{
    Part, Plan, n_heard, part, tell,
    terms::{QuietMinute, TRANSIT, Terms},
    world::World,
};
use crate::{
    fire::dice::Dice,
    support::{
        binary::signal,
        ground::{Config, Ground, finish},
    },
};

/// How often it is looked whether a turn is over.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// A crawl that asks nobody for so long hangs.
const PATIENCE: Duration = Duration::from_secs(150);
/// Hosts that have a quiet minute.
const N_QUIET: u32 = 12;

/// How a turn ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Kill,
    Stop,
}

pub(super) async fn crawl_in_turns(plan: &Plan) -> Part {
    let began = Instant::now();
    let world = World::serve(plan.seed, plan.hosts, plan.pages).await;
    let ground = Ground::new();
    let config = Config::vitro(&world.server)
        .set("frontier.active_hosts", plan.hosts + 100)
        .set("fetch.concurrency", plan.in_flight)
        .set("limits.queue", 3_000_000)
        .set("outputs.report", false);
    let mut dice = Dice::new(plan.seed);
    let (mut kills, mut stops) = (0, 0);
    for turn in 0.. {
        let terms = Terms::ALL[turn % Terms::ALL.len()];
        let quiet = (plan.quiet && turn % 10 == 2).then(|| quiet_minute(&world));
        // A turn's share is a quarter to one and three quarters of the mean.
        let share = plan.requests / plan.turns * (25 + dice.below(150)) / 100;
        let ending = if dice.percent(25) { Ending::Stop } else { Ending::Kill };
        let last = n_heard(&world.ear) + share.max(1);
        world.promise(&terms.policy(), quiet.clone());
        let toml = terms.configure(config.clone()).toml() + &quiet.as_ref().map(QuietMinute::toml).unwrap_or_default();
        ground.write("crawl.toml", toml);
        let mut child = ground.start(&["run", "crawl.toml"]);
        let not_before = quiet.map_or(Timestamp::default(), |quiet| quiet.to + Duration::from_secs(3));
        let ended_by_itself = wait(&world, &mut child, last, not_before).await;
        if ended_by_itself {
            finish(child).await.with(0);
            break;
        }
        end(&world, child, ending).await;
        (kills, stops) = if ending == Ending::Kill { (kills + 1, stops) } else { (kills, stops + 1) };
        let report = world.ear.lock().unwrap().report();
        let rate = report.requests as f64 / began.elapsed().as_secs_f64();
        let (n, n_bad) = (report.requests, report.counts.values().sum::<u64>());
        let how = if ending == Ending::Kill { "killed" } else { "stopped" };
        tell(plan, &format!("turn {turn} ({}) {how}: {n} requests, {rate:.0}/s, {n_bad} violations", terms.name));
        if report.requests >= plan.requests {
            break;
        }
    }
    part("crawl in turns", &world.ear, (kills, stops), began)
}

fn quiet_minute(world: &World) -> QuietMinute {
    let web = world.server.web();
    let hosts = (0..N_QUIET.min(web.n_hosts() / 6)).map(|n| web.host_name(6 * n).to_owned());
    QuietMinute::after(world.log.clock().now(), hosts.collect())
}

/// Waits for the end of a turn. `true` when the crawl ended before.
async fn wait(world: &World, child: &mut Child, last: u64, not_before: Timestamp) -> bool {
    let mut seen = (0, Instant::now());
    loop {
        if child.try_wait().unwrap().is_some() {
            return true;
        }
        let n = n_heard(&world.ear);
        if n >= last && world.log.clock().now() >= not_before {
            return false;
        }
        if n > seen.0 {
            seen = (n, Instant::now());
        }
        assert!(seen.1.elapsed() < PATIENCE, "nothing was asked for {PATIENCE:?}, after {n} requests");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn end(world: &World, mut child: Child, ending: Ending) {
    let from = world.log.clock().now();
    match ending {
        Ending::Stop => {
            signal(&child, "TERM").await;
            finish(child).await.with(4);
        }
        Ending::Kill => {
            child.start_kill().unwrap();
            finish(child).await;
            let to = world.log.clock().now();
            tokio::time::sleep(TRANSIT).await;
            world.ear.lock().unwrap().died(from, to, |_| true);
        }
    }
}
