//! A soak: a long crawl at a steady pace over a web with everything that goes wrong in it, and no count of what
//! the process holds that grows with time.
//!
//! The web has no end for the time that is given: hosts that are slow, that fail, ask for pauses, break off,
//! redirect, and calendars that go on for ever. What is asserted: [`bounds`] finds nothing wrong, the
//! crawl stops when it is asked to, and its folder verifies.

use std::time::Duration;

use dragline::vitro::{Latency, Options, Traps};
use serde_json::json;

use super::{
    Args, Results, Violations,
    bounds::{self, Bound, Kind},
    memory::on_runtime,
    vitals::{self, Sign, crawl},
};
use crate::support::ground::Config;

/// A web of everything.
pub(crate) fn web(hosts: u32, pages_per_host: u32) -> Options {
    Options {
        n_hosts: hosts,
        pages_per_host,
        latency: Latency::Even(Duration::from_millis(5), Duration::from_millis(60)),
        slow: Duration::from_secs(2),
        traps: Traps::Open,
        cookie_permille: 300,
        ..Options::demo()
    }
}

/// How it is crawled: with everything on that holds something, and so that what is bounded comes to its bound.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    /// Requests a second.
    pub(crate) rate: u64,
    /// Hosts of the web.
    pub(crate) hosts: u64,
    pub(crate) active_hosts: u64,
    pub(crate) concurrency: u64,
    pub(crate) idle_connections: u64,
    pub(crate) commit_urls: u64,
}

impl Pace {
    const PER_HOST: u64 = 2;
    /// Places that there are before anybody has starved.
    const PLACES: u64 = 16;
    const CACHE_BYTES: u64 = 256 << 10;
    const COOKIES: u64 = 100;
    const SEEN_BYTES: u64 = 64 << 10;
    const BUFFER_BYTES: u64 = 1 << 20;
    const BODY_BYTES: u64 = 64 << 20;
    const NAMES: u64 = 1000;
    const HEAD: u64 = 16;
    /// Hosts that the gate remembers although nobody has them open, if nobody needs their place.
    const GATE_KEPT: u64 = 1024;
    /// Messages that the recorder takes in at once.
    const RECORDED_AT_ONCE: u64 = 256;
    /// Hosts that one page can name.
    const HOSTS_A_PAGE: u64 = 64;

    /// For a web of so many hosts, of which few have a place at a time: at this rate nobody needs more. As many
    /// connections are kept as those may have.
    pub(crate) fn of(hosts: u64) -> Self {
        let active_hosts = Self::PLACES.min(hosts / 2);
        let idle_connections = active_hosts * Self::PER_HOST;
        Self { rate: 150, hosts, active_hosts, concurrency: 8, idle_connections, commit_urls: 100 }
    }

    pub(crate) fn config(&self, config: Config) -> Config {
        config
            .set("limits.rate", format!("{}/s", self.rate))
            .set("limits.pages_per_directory", 100_000)
            .set("politeness.per_host", Self::PER_HOST)
            .set("cache.enabled", true)
            .set("cache.size", format!("{} KiB", Self::CACHE_BYTES >> 10))
            // The web says nothing of how long its pages are fresh, so that none would be kept.
            .set("cache.ttl", "1h")
            .set("cookies.enabled", true)
            .set("cookies.max", Self::COOKIES)
            // All hosts are of one domain.
            .set("cookies.max_per_domain", 2 * Self::COOKIES)
            .set("dns.cache_entries", Self::NAMES)
            .set("frontier.active_hosts", self.active_hosts)
            .set("frontier.head", Self::HEAD)
            .set("frontier.seen_cache", format!("{} KiB", Self::SEEN_BYTES >> 10))
            .set("frontier.buffer", format!("{} MiB", Self::BUFFER_BYTES >> 20))
            .set("frontier.commit_urls", self.commit_urls)
            // Later than so many are there, on a slow machine too.
            .set("frontier.commit_every", "5s")
            .set("fetch.concurrency", self.concurrency)
            .set("fetch.idle_connections", self.idle_connections)
            .set("fetch.memory", format!("{} MiB", Self::BODY_BYTES >> 20))
    }

    /// The most of everything, by this configuration or by a constant of the program.
    pub(crate) fn bounds(&self) -> Vec<Bound> {
        let Self { concurrency, active_hosts, idle_connections, .. } = *self;
        // Somebody's robots.txt is read although he has no place, for each request that is led there.
        let slots = active_hosts + concurrency;
        let gate = Self::GATE_KEPT + active_hosts;
        let gate_kind = match self.hosts > gate {
            true => Kind::Full,
            false => Kind::Filling("the web has fewer hosts"),
        };
        let list = [
            ("cache.bytes", Self::CACHE_BYTES, Kind::Full),
            ("fetch.cookies", Self::COOKIES, Kind::Full),
            ("fetch.idle_connections", idle_connections, Kind::Full),
            ("store.recent", Self::SEEN_BYTES / 24, Kind::Full),
            ("bench.places", active_hosts, Kind::Full),
            ("dispatcher.permits", concurrency, Kind::Full),
            ("recorder.uncommitted", self.commit_urls, Kind::Swaying),
            ("gate.hosts", gate, gate_kind),
            (
                "cache.urls",
                Self::CACHE_BYTES / 512,
                Kind::Filling("pages have bodies, so that the bytes are at their bound first"),
            ),
            ("store.firsts", 65_536, Kind::Filling("the web has fewer hosts")),
            ("recorder.directories", 65_536, Kind::Filling("the web has fewer directories")),
            ("recorder.chains", 65_536, Kind::Filling("the web has no equal pages that lead on")),
            (
                "fetch.names",
                Self::NAMES,
                Kind::Filling("the addresses of the web's names are given, and not looked up"),
            ),
            ("bench.asleep", 65_536, Kind::Filling("the web has fewer hosts")),
            ("bench.slots", slots, Kind::Swaying),
            ("bench.opening", slots, Kind::Swaying),
            ("bench.waiting", slots, Kind::Swaying),
            ("bench.busy", slots, Kind::Swaying),
            ("bench.in_line", 256, Kind::Swaying),
            ("bench.urls", 2 * Self::HEAD * slots, Kind::Swaying),
            // On the way to a worker, with one, on the way to the recorder and back; and what the recorder has in hand.
            ("bench.leases", 6 * concurrency + Self::RECORDED_AT_ONCE, Kind::Swaying),
            ("recorder.hosts", 2 * active_hosts + 1 + Self::HOSTS_A_PAGE, Kind::Swaying),
            ("recorder.inbox", 2 * concurrency, Kind::Swaying),
            ("dispatcher.inbox", 2 * concurrency, Kind::Swaying),
            ("fetch.body_bytes", Self::BODY_BYTES, Kind::Swaying),
            ("store.buffered_bytes", 4 * Self::BUFFER_BYTES, Kind::Swaying),
            ("cache.flights", 2 * concurrency, Kind::Swaying),
            // Those that are kept, those in use, and those that are being closed.
            ("sockets", idle_connections + 2 * concurrency + 8, Kind::Swaying),
            // A connection is two tasks.
            ("tasks", 2 * (idle_connections + 2 * concurrency) + 64, Kind::Swaying),
        ];
        list.into_iter().map(|(name, most, kind)| Bound { name, most, kind }).collect()
    }
}

#[expect(clippy::print_stdout, reason = "progress, for people")]
pub(crate) fn run(args: &Args, results: &mut Results) -> Result<(), Violations> {
    let minutes = args.number("minutes", 30);
    let (hosts, pages) = (args.number("hosts", 500), args.number("pages", 3000));
    let pace = Pace { rate: args.number("rate", 150), ..Pace::of(hosts) };
    let bounds = pace.bounds();
    let options = Options {
        seed: args.number("seed", 1),
        ..web(u32::try_from(hosts).expect("few"), u32::try_from(pages).expect("few"))
    };
    let most = Duration::from_secs(60 * minutes);
    let watched = on_runtime(crawl(
        options,
        |config| pace.config(config),
        most,
        |sign| {
            if sign.at.is_multiple_of(30) {
                let (tasks, sockets) = (sign.need("tasks"), sign.need("sockets"));
                let (pages, kib) = (sign.need("pages"), sign.need("rss_bytes") >> 10);
                println!("{:>6} s {pages:>8} pages {kib:>8} KiB {tasks:>5} tasks {sockets:>5} sockets", sign.at);
            }
        },
    ));
    for Sign { at, counts } in &watched.signs {
        results.push(&json!({"soak": "sample", "at_s": at, "counts": counts}));
    }
    println!("{}", vitals::table(&watched.signs));
    let last = watched.signs.last().cloned().unwrap_or_default();
    let wrong = [bounds::broken(&watched.signs, &bounds), bounds::growing(&watched.signs, &bounds)].concat();
    let untried = bounds::untried(&bounds);
    println!("not tried, because the run is too small for it:\n  {}", untried.join("\n  "));
    results.push(&json!({
        "soak": "result", "minutes": minutes, "hosts": hosts, "rate": pace.rate, "samples": watched.signs.len(),
        "pages": last.of("pages"), "discovered": last.of("discovered"), "wrong": wrong, "bounds_not_tried": untried,
    }));
    // Whether it was stopped, or came to its end.
    let violations: Vec<String> = watched.faults(&[0, 4]).into_iter().chain(wrong).collect();
    if violations.is_empty() { Ok(()) } else { Err(Violations(violations)) }
}
