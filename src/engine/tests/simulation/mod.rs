//! The whole engine in a simulated world: stations, channels, timers, and everything that they stand on can fail.
//!
//! A seed makes a web that answers, hangs, breaks off, asks for pauses and makes parsers panic (`web`), one to three
//! jobs that meet at one gate, and for each of them a disk (`disk`) that fails at some operation, so that the run ends
//! there and the next one goes on from the last commit. Runs are asked to stop, and to leave at once, at random times.
//! The last life of each world has a good disk and is left alone, so that it comes to its end. Time is tokio's, paused, on
//! one thread.
//!
//! Then: each URL that can be reached has one record, and no other has any; the receipt, the records, the counts of hosts
//! and the store agree; nothing is committed that is not on disk; no task and no request is left; nobody was asked
//! too soon, too much (`promise`) or against robots.txt; and no wake-up was missed, which would cost an hour.
//!
//! Not here: sockets, real disks and kills (`tests/fire`), threads (`lock.rs`), and the workbench step by step
//! (`frontier/workbench/tests/simulation`).

mod disk;
mod promise;
mod web;

use std::collections::BTreeSet;

use super::*;
use crate::{
    politeness::{Gate, gate},
    seeds::{self, Chance},
};
use disk::Folder;
use web::Web;

/// Lives in which things go wrong.
const MAX_LIVES: usize = 4;
/// No pause or hang of these webs comes near to it, and a wake-up that was missed costs more.
const MAX_TIME: Duration = Duration::from_secs(3000);

#[test]
fn whatever_fails_every_url_ends_in_one_record() {
    seeds::each("engine::tests::simulation", 0..400, |seed| drop(simulate(seed)));
}

#[test]
fn a_seed_is_all_that_a_crawl_depends_on() {
    for seed in 0..30 {
        assert_eq!(simulate(seed).trace(), simulate(seed).trace(), "seed {seed}");
    }
}

fn simulate(seed: u64) -> Arc<Web> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut chance = Chance::new(seed);
        let clock = Clock::starting_at(Timestamp(1_700_000_000_000_000));
        let web = Arc::new(Web::new(&mut chance, clock));
        let n_jobs = chance.pick(&[1, 1, 2, 3]);
        let mut jobs: Vec<Simulated> = (0..n_jobs).map(|_| Simulated::new(&mut chance, &web)).collect();
        let mut gate = new_gate(&mut chance, clock);
        for life in 0..=MAX_LIVES {
            let is_last = life == MAX_LIVES;
            if chance.percent(50) {
                // A new process. What another job asked of a host, a job that has no state yet can't know.
                tokio::time::sleep(if n_jobs > 1 { web.policy.interval } else { Duration::ZERO }).await;
                gate = new_gate(&mut chance, clock);
                *web.process.lock().unwrap() += 1;
            }
            let runs =
                jobs.iter_mut().filter(|job| !job.is_over).map(|job| job.live(&mut chance, &web, &gate, is_last));
            let runs: Vec<_> = runs.collect();
            let all = futures::future::join_all(runs);
            tokio::time::timeout(MAX_TIME, all).await.expect("somebody was forgotten");
            for _ in 0..8 {
                tokio::task::yield_now().await;
            }
            assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0, "a task is left");
            assert!(web.is_quiet(), "a request is left");
            tokio::time::sleep(chance.millis(400)).await;
        }
        jobs.iter().for_each(|job| job.check(&web));
        web.check(n_jobs == 1);
        web
    })
}

fn new_gate(chance: &mut Chance, clock: Clock) -> Gate {
    let connections = if chance.percent(20) { NonZeroU32::new(2) } else { None };
    let interval = if chance.percent(10) { Duration::from_millis(30) } else { Duration::ZERO };
    Gate::new(gate::Options { connections, interval, ..gate::Options::default() }, clock.now())
}

/// One job through all of its lives.
struct Simulated {
    folder: Folder,
    options: Options,
    seeds: Vec<String>,
    finished: Arc<Mutex<Option<Finished>>>,
    is_over: bool,
}

impl Simulated {
    fn new(chance: &mut Chance, web: &Web) -> Self {
        let mut options = Crawl::of(&[]).options;
        options.concurrency = chance.size(1..7);
        options.retries = u32::try_from(chance.below(3)).unwrap();
        options.retry_max = Duration::from_secs(5);
        options.commit_every = chance.pick(&[50, 1000, 30_000].map(Duration::from_millis));
        options.commit_visits = chance.size(1..20);
        options.drain_deadline = chance.millis(2000);
        options.robots = robots::Options { obey: web.obey_robots, ..robots::Options::default() };
        if chance.percent(10) {
            options.robots.max_age = Duration::from_secs(1);
        }
        let bench = &mut options.workbench;
        bench.obey_robots = web.obey_robots;
        bench.active_hosts = chance.size(1..8);
        bench.head = chance.size(1..6);
        bench.politeness.default = web.policy.clone();
        bench.max_pages = if chance.percent(10) { Some(chance.below(20) + 1) } else { None };
        bench.max_depth = if chance.percent(15) { Some(chance.pick(&[0, 1, 3])) } else { None };
        bench.pages_per_host = if chance.percent(10) { Some(chance.below(5) + 1) } else { None };
        let (folder, seeds) = (Folder::new(), web.seeds(chance.size(1..4)));
        Self { folder, options, seeds, finished: Arc::default(), is_over: false }
    }

    /// One run: until its end, or until its disk fails or somebody stops it.
    fn live<'a>(
        &'a mut self,
        chance: &mut Chance,
        web: &Arc<Web>,
        gate: &Gate,
        is_last: bool,
    ) -> impl Future<Output = ()> + use<'a> {
        let fails_in = (!is_last && chance.percent(60)).then(|| chance.below(400));
        let (store, lines, book) = self.folder.open(fails_in, chance.percent(30));
        let shutdown = Shutdown::new();
        let stop_after = (!is_last && chance.percent(50)).then(|| chance.millis(20_000));
        let leave_after = chance.percent(40).then(|| chance.millis(3000));
        let urls: Vec<_> = self.seeds.iter().map(|seed| Canonicalizer::default().parse(seed).unwrap()).collect();
        let job = Job {
            stack: Stack {
                fetcher: web.clone(),
                scope: Scope::new(&scope::Options { mode: scope::Mode::Any, ..scope::Options::default() }, &urls)
                    .unwrap(),
                canonicalizer: Canonicalizer::default(),
                clock: web.clock,
            },
            options: self.options.clone(),
            seeds: urls.into_iter().map(|url| Seed { url, kind: Kind::Page }).collect(),
            more_seeds: Vec::new(),
            frontier: Box::new(store),
            sink: Box::new(lines),
            book: if book.is_empty() { Book::default() } else { Book::from_bytes(&book).unwrap() },
            observers: Vec::new(),
            progress: watch::Sender::new(stats::Progress::default()),
            shutdown: shutdown.clone(),
            gate: gate.clone(),
            looks: looks().1,
        };
        let stopping = async move {
            let Some(after) = stop_after else { return std::future::pending::<()>().await };
            tokio::time::sleep(after).await;
            shutdown.request();
            let Some(after) = leave_after else { return std::future::pending::<()>().await };
            tokio::time::sleep(after).await;
            shutdown.request();
            std::future::pending::<()>().await;
        };
        async move {
            let result = tokio::select! {
                biased;
                result = run(job) => result,
                () = stopping => unreachable!("it waits for ever in the end"),
            };
            match result {
                Err(error) => assert!(error.to_string().contains("as planned"), "{error}"),
                Ok(finished) => {
                    assert!(
                        finished.end == End::Interrupted
                            || finished.n_queued == 0
                            || matches!(finished.end, End::LimitReached(_))
                    );
                    self.is_over = finished.end != End::Interrupted;
                    assert!(self.is_over || !is_last, "nobody asked it to stop");
                    *self.finished.lock().unwrap() = Some(finished);
                }
            }
        }
    }

    fn check(&self, web: &Web) {
        assert!(self.is_over, "the last life comes to its end");
        let finished = self.finished.lock().unwrap();
        let finished = finished.as_ref().unwrap();
        let (tally, lines) = (&finished.book.tally, self.folder.lines());
        let mut outcomes: BTreeMap<String, &serde_json::Value> = BTreeMap::new();
        for line in &lines {
            assert!(outcomes.insert(line["url"].as_str().unwrap().to_owned(), line).is_none(), "two records: {line}");
        }
        let count = |outcome: &str| lines.iter().filter(|line| line["outcome"] == outcome).count() as u64;
        let counted = [tally.fetched, tally.redirected, tally.n_failed(), tally.n_refused()];
        assert_eq!(counted, ["fetched", "redirected", "failed", "refused"].map(count), "receipt and records differ");
        assert_eq!(tally.discovered, lines.len() as u64 + finished.n_queued, "a URL is lost");
        assert_eq!(self.folder.committed().n_queued(), finished.n_queued);
        let of_hosts: u64 = finished.hosts.iter().map(|(_, tally)| tally.n_urls()).sum();
        assert_eq!(of_hosts, lines.len() as u64, "hosts and records differ");
        let bench = &self.options.workbench;
        assert!(bench.max_pages.is_none_or(|most| tally.fetched <= most));
        if let Some(most) = bench.pages_per_host {
            assert!(finished.hosts.iter().all(|(_, tally)| tally.fetched <= most));
        }
        self.check_reach(web, finished, &outcomes);
    }

    /// A record for each URL to which a record leads, and for no other.
    fn check_reach(&self, web: &Web, finished: &Finished, outcomes: &BTreeMap<String, &serde_json::Value>) {
        let mut reached: BTreeSet<&str> = self.seeds.iter().map(String::as_str).collect();
        let mut queue: Vec<&str> = reached.iter().copied().collect();
        while let Some(url) = queue.pop() {
            let (Some(page), Some(record)) = (web.pages.get(url), outcomes.get(url)) else { continue };
            let is_cut = !record["truncated"].is_null();
            let links = match record["outcome"].as_str() {
                Some("fetched") if !is_cut => &page.links[..],
                Some("redirected") => &page.links[..1],
                _ => &[],
            };
            queue.extend(links.iter().map(String::as_str).filter(|link| reached.insert(link)));
        }
        let is_whole = finished.end == End::Finished;
        for url in &reached {
            assert!(outcomes.contains_key(*url) || !is_whole, "no record of {url}");
        }
        for url in outcomes.keys() {
            // Half a page leads to `/0`.
            assert!(reached.contains(url.as_str()) || url.ends_with("/0"), "nobody leads to {url}");
        }
    }
}
