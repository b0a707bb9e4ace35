//! A soak: a long crawl at a steady pace over a web with everything that goes wrong in it, and no count of what
//! the process holds that grows with time.
//!
//! The web has no end for the time that is given: hosts that are slow, that fail, ask for pauses, break off,
//! redirect, and calendars that go on for ever. What is asserted: [`vitals::growing`] finds nothing, the
//! crawl stops when it is asked to, and its folder verifies.

use std::time::Duration;

use dragline::vitro::{Options, Traps};
use serde_json::json;

use super::{
    Args, Results, Violations,
    memory::on_runtime,
    vitals::{self, Sign, crawl},
};
use crate::support::ground::Config;

/// A web of everything.
pub(crate) fn web(hosts: u32, pages_per_host: u32) -> Options {
    Options {
        n_hosts: hosts,
        pages_per_host,
        latency: (Duration::from_millis(5), Duration::from_millis(60)),
        slow: Duration::from_secs(2),
        traps: Traps::Open,
        ..Options::demo()
    }
}

/// A steady pace; everything is on that holds something.
pub(crate) fn pace(config: Config, rate: &str) -> Config {
    config
        .set("limits.rate", rate)
        .set("cache.enabled", true)
        .set("cache.size", "16 MiB")
        .set("cookies.enabled", true)
        .set("politeness.per_host", 2)
        .set("frontier.active_hosts", 256)
        // So that it is full soon.
        .set("frontier.seen_cache", "4 MiB")
        .set("frontier.buffer", "1 MiB")
        .set("fetch.concurrency", 64)
        .set("limits.pages_per_directory", 100_000)
}

#[expect(clippy::print_stdout, reason = "progress, for people")]
pub(crate) fn run(args: &Args, results: &mut Results) -> Result<(), Violations> {
    let minutes = args.number("minutes", 30);
    let (hosts, pages) = (args.number("hosts", 500), args.number("pages", 3000));
    let rate = format!("{}/s", args.number("rate", 150));
    let options = Options {
        seed: args.number("seed", 1),
        ..web(u32::try_from(hosts).expect("few"), u32::try_from(pages).expect("few"))
    };
    let most = Duration::from_secs(60 * minutes);
    let watched = on_runtime(crawl(
        options,
        |config| pace(config, &rate),
        most,
        |sign| {
            if sign.at.is_multiple_of(30) {
                let (tasks, sockets) = (sign.of("tasks"), sign.of("sockets"));
                let (pages, kib) = (sign.of("pages"), sign.of("rss_bytes") >> 10);
                println!("{:>6} s {pages:>8} pages {kib:>8} KiB {tasks:>5} tasks {sockets:>5} sockets", sign.at);
            }
        },
    ));
    for Sign { at, counts } in &watched.signs {
        results.push(&json!({"soak": "sample", "at_s": at, "counts": counts}));
    }
    println!("{}", vitals::table(&watched.signs));
    let last = watched.signs.last().cloned().unwrap_or_default();
    let growing = vitals::growing(&watched.signs);
    results.push(&json!({
        "soak": "result", "minutes": minutes, "hosts": hosts, "rate": rate, "samples": watched.signs.len(),
        "pages": last.of("pages"), "discovered": last.of("discovered"), "growing": growing,
    }));
    // Whether it was stopped, or came to its end.
    let violations: Vec<String> = watched.faults(&[0, 4]).into_iter().chain(growing).collect();
    if violations.is_empty() { Ok(()) } else { Err(Violations(violations)) }
}
