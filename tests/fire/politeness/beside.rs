//! `dragline fetch` beside a crawl: a process of its own, on hosts of its own.

use std::time::Instant;

use super::{Part, Plan, part, terms::Terms, world::World};
use crate::support::ground::{Config, Ground};

/// Its hosts, of ten pages on average.
const N_HOSTS: u32 = 24;

/// Everything on them is asked for by one command.
pub(super) async fn fetch(plan: &Plan) -> Part {
    let began = Instant::now();
    let world = World::serve(plan.seed + 1, N_HOSTS, 10).await;
    let terms = Terms::FAST;
    world.promise(&terms.policy(), None);
    let ground = Ground::new();
    // Its keys about seeds, scope and outputs are not looked at.
    ground.write("fetch.toml", terms.configure(Config::vitro(&world.server)).toml());
    let urls: String = world
        .server
        .truth()
        .pages
        .into_keys()
        .filter(|url| url.contains(".vitro.test"))
        .map(|url| url + "\n")
        .collect();
    ground.write("urls.txt", urls);
    let args = ["fetch", "--input", "urls.txt", "--config", "fetch.toml", "--format", "json", "--quiet"];
    let ended = ground.run(&args).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    part("fetch beside", &world.ear, (0, 0), began)
}
