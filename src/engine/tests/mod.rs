//! The whole engine over a web in memory, under paused time: hours of crawling in milliseconds.
//!
//! The web notes who asked for what and when, so that politeness is judged from the server's side; the
//! records are kept as a sink would get them. Not tested here: sockets, disks and signals.

use std::{
    collections::BTreeMap,
    num::{NonZeroU32, NonZeroU64},
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::sync::watch;

mod clocks;
mod directories;
mod front;
mod interleavings;
mod jobs;
mod pauses;
mod random;
mod redirects;
mod regressions;
mod simulation;
mod web;

use web::{Arrival, Page, Web};

use super::{trail::Sampler, *};
use crate::{
    address::Canonicalizer,
    clock::{Clock, Timestamp},
    fetch::{ErrorKind, Phase},
    frontier::{Frontier, Kind, MemoryFrontier},
    politeness,
    scope::{self, Scope},
    shutdown::Shutdown,
    sink::{Mark, Sink},
};

/// Records in memory, as a sink and as a reader.
#[derive(Clone, Default)]
struct Shelf(Arc<Mutex<Vec<serde_json::Value>>>);

impl Sink for Shelf {
    fn append(&mut self, record: &[u8]) -> Result<(), SinkError> {
        self.0.lock().unwrap().push(serde_json::from_slice(record).unwrap());
        Ok(())
    }
    fn sync(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
    fn marks(&self) -> Vec<Mark> {
        Vec::new()
    }
}

impl Shelf {
    /// URL → `outcome` or `outcome reason`; panics when a URL has two records.
    fn outcomes(&self) -> BTreeMap<String, String> {
        let mut outcomes = BTreeMap::new();
        for record in self.0.lock().unwrap().iter() {
            let text = |key: &str| record[key].as_str().unwrap_or_default().to_owned();
            let outcome = format!("{} {}", text("outcome"), text("reason")).trim().to_owned();
            assert_eq!(outcomes.insert(text("url"), outcome), None, "two records of {record}");
        }
        outcomes
    }

    fn record(&self, url: &str) -> serde_json::Value {
        self.0.lock().unwrap().iter().find(|record| record["url"] == url).cloned().unwrap_or_else(|| panic!("no {url}"))
    }
}

struct Crawl {
    options: Options,
    seeds: Vec<&'static str>,
    sitemaps: Vec<&'static str>,
    scope: scope::Options,
    shutdown: Shutdown,
}

impl Crawl {
    fn of(seeds: &[&'static str]) -> Self {
        let options = Options {
            concurrency: 8,
            max_body_bytes: 1 << 20,
            retries: 2,
            retry_base: Duration::from_secs(1),
            retry_max: Duration::from_secs(60),
            max_redirects: 5,
            downgrade: Downgrade::default(),
            validators: true,
            obey_nofollow: false,
            obey_rel: parse::Rel::default(),
            parse: parse::Options::new(parse::Limits { max_links: 1000, max_meta_bytes: 1000, max_text_bytes: 0 }),
            sitemaps: sitemap::Options::default(),
            robots: robots::Options { obey: false, ..robots::Options::default() },
            text_links: false,
            pdf_links: false,
            extras: Extras::default(),
            groups: groups::Options::default(),
            commit_every: Duration::from_secs(1),
            commit_visits: 100,
            max_bytes: None,
            max_duration: None,
            drain_deadline: Duration::from_secs(30),
            crawl: None,
            followed: Sampler::NONE,
            workbench: workbench::Options {
                active_hosts: 100,
                head: 16,
                session_budget: NonZeroU64::new(500).unwrap(),
                max_depth: None,
                max_pages: None,
                pages_per_host: None,
                bytes_per_host: None,
                pages_per_directory: None,
                same_content: None,
                directory_levels: 2,
                obey_robots: false,
                recalls: false,
                limits: politeness::gate::Limits::default(),
                politeness: politeness::Options::default(),
            },
        };
        let scope = scope::Options { mode: scope::Mode::Any, max_url_length: 1000, ..scope::Options::default() };
        Self { options, seeds: seeds.to_vec(), sitemaps: Vec::new(), scope, shutdown: Shutdown::new() }
    }

    fn obeying_robots(mut self) -> Self {
        self.options.robots.obey = true;
        self.options.workbench.obey_robots = true;
        self
    }

    fn with(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(&mut self.options);
        self
    }

    async fn run(self, mut web: Web) -> (Finished, Shelf, Arc<Web>) {
        let clock = Clock::starting_at(Timestamp(1_700_000_000_000_000));
        web.clock = Some(clock);
        let web = Arc::new(web);
        let (job, shelf) = self.job(web.clone(), clock, politeness::Gate::default());
        let finished =
            tokio::time::timeout(Duration::from_secs(86_400), run(job)).await.expect("it ends").expect("it works");
        let tally = &finished.book.tally;
        assert_eq!(shelf.outcomes().len() as u64, tally.n_concluded(), "the receipt and the records agree");
        assert_eq!(tally.n_pending(), finished.n_queued, "the book and the frontier agree");
        (finished, shelf, web)
    }

    /// What [`run`] is given.
    fn job(self, web: Arc<Web>, clock: Clock, gate: politeness::Gate) -> (Job, Shelf) {
        let canonicalizer = Canonicalizer::default();
        let seed = |kind| move |text: &&'static str| Seed { url: Canonicalizer::default().parse(text).unwrap(), kind };
        let mut seeds: Vec<Seed> = self.seeds.iter().map(seed(Kind::Page)).collect();
        seeds.extend(self.sitemaps.iter().map(seed(Kind::Sitemap)));
        let urls: Vec<CanonicalUrl> = seeds.iter().map(|seed| seed.url.clone()).collect();
        let frontier_options = crate::frontier::Options { max_queued: None, seen_cache_bytes: 0, buffer_bytes: 0 };
        let frontier: Box<dyn Frontier> = Box::new(MemoryFrontier::new(&frontier_options));
        let shelf = Shelf::default();
        let job = Job {
            stack: Stack { fetcher: web, scope: Scope::new(&self.scope, &urls).unwrap(), canonicalizer, clock },
            options: self.options,
            seeds,
            more_seeds: Vec::new(),
            frontier,
            sink: Box::new(shelf.clone()),
            book: Book::default(),
            observers: Vec::new(),
            progress: watch::Sender::new(stats::Progress::default()),
            shutdown: self.shutdown,
            gate,
            looks: looks().1,
        };
        (job, shelf)
    }
}

fn outcomes(expected: &[(&str, &str)]) -> BTreeMap<String, String> {
    expected.iter().map(|(url, outcome)| ((*url).to_owned(), (*outcome).to_owned())).collect()
}

#[tokio::test(start_paused = true)]
async fn every_url_ends_in_one_record() {
    let web = Web::new(&[
        ("http://a/", Page::Html(&["/1", "/2", "/1#x", "/missing", "/moved", "mailto:x@y", "http://b/out"])),
        ("http://a/1", Page::Html(&["/", "/2", "/broken"])),
        ("http://a/2", Page::Html(&[])),
        ("http://a/moved", Page::Redirect("/2")),
        ("http://a/broken", Page::Broken),
    ]);
    let mut crawl = Crawl::of(&["http://a/"]);
    crawl.scope.mode = scope::Mode::Host;
    let (finished, shelf, web) = crawl.run(web).await;
    assert_eq!(finished.end, End::Finished);
    let expected = outcomes(&[
        ("http://a/", "fetched"),
        ("http://a/1", "fetched"),
        ("http://a/2", "fetched"),
        ("http://a/missing", "failed http-404"),
        ("http://a/moved", "redirected"),
        ("http://a/broken", "failed closed"),
        ("http://b/out", "refused out-of-scope"),
    ]);
    assert_eq!(shelf.outcomes(), expected);
    assert_eq!(finished.book.tally.n_pending(), 0);
    assert_eq!(web.times("/broken").len(), 3, "two retries");
    assert_eq!(shelf.record("http://a/broken")["attempts"], 3);
    assert_eq!(shelf.record("http://a/moved")["final_url"], "http://a/2");
    assert_eq!(shelf.record("http://a/1")["via"], "http://a/");
}

#[tokio::test(start_paused = true)]
async fn one_request_at_a_time_and_one_a_second_by_default() {
    let links: &[&str] = &["/1", "/2", "/3", "/4", "/5", "/6", "/r"];
    let mut pages = vec![("http://a/", Page::Html(links)), ("http://a/r", Page::Redirect("/7"))];
    let names = ["http://a/1", "http://a/2", "http://a/3", "http://a/4", "http://a/5", "http://a/6", "http://a/7"];
    pages.extend(names.map(|url| (url, Page::Html(&[]))));
    pages.push(("http://a/robots.txt", Page::Text("")));
    let (_, _, web) = Crawl::of(&["http://a/"]).obeying_robots().run(Web::new(&pages)).await;
    let times = web.times("http://a/");
    assert_eq!(times.len(), 10, "robots.txt, seven pages, the seed and a redirect");
    for pair in times.windows(2) {
        let gap = pair[1].since(pair[0]);
        assert!(gap >= Duration::from_secs(1), "asked again after {gap:?}");
        assert!(gap < Duration::from_millis(1100), "waited {gap:?} for nothing");
    }
    assert_eq!(web.most_at_once(), 1);
}

#[tokio::test(start_paused = true)]
async fn connections_and_rate_are_kept() {
    let names: Vec<String> = (0..60).map(|i| format!("http://a/{i}")).collect();
    let links: Vec<&'static str> = names.iter().map(|name| &*name.clone().leak()).collect();
    let mut pages = vec![("http://a/", Page::Html(links.leak()))];
    pages.extend(names.iter().map(|name| (name.as_str(), Page::Html(&[]))));
    let mut web = Web::new(&pages);
    web.latency = Duration::from_secs(1);
    let crawl = Crawl::of(&["http://a/"]).with(|options| {
        let policy = &mut options.workbench.politeness.default;
        policy.connections = NonZeroU32::new(3).unwrap();
        policy.interval = Duration::from_millis(100);
    });
    let (finished, _, web) = crawl.run(web).await;
    assert_eq!(finished.book.tally.fetched, 61);
    assert_eq!(web.most_at_once(), 3);
    let times = web.times("http://a/");
    assert!(times.windows(2).all(|pair| pair[1].since(pair[0]) >= Duration::from_millis(100)));
}

#[tokio::test(start_paused = true)]
async fn many_hosts_are_asked_side_by_side() {
    let seeds: Vec<&'static str> = (0..50).map(|i| &*format!("http://h{i}/").leak()).collect();
    let pages: Vec<_> = seeds.iter().map(|seed| (*seed, Page::Html(&["/x"]))).collect();
    let mut crawl = Crawl::of(&seeds).with(|options| {
        options.workbench.active_hosts = 7;
        options.workbench.head = 1;
    });
    crawl.scope.mode = scope::Mode::Host;
    let (finished, shelf, web) = crawl.run(Web::new(&pages)).await;
    assert_eq!(shelf.outcomes().len(), 100);
    assert_eq!(finished.book.tally.fetched, 50);
    assert!(web.most_at_once() > 3, "{}", web.most_at_once());
}

#[tokio::test(start_paused = true)]
async fn robots_txt_is_asked_first_and_obeyed() {
    let web = Web::new(&[
        ("http://a/robots.txt", Page::Text("User-agent: *\nDisallow: /private\nCrawl-delay: 5\nSitemap: /map.txt")),
        ("http://a/", Page::Html(&["/private/x", "/open"])),
        ("http://a/open", Page::Html(&[])),
        ("http://a/map.txt", Page::Text("http://a/listed\n")),
        ("http://a/listed", Page::Html(&[])),
    ]);
    let (_, shelf, web) = Crawl::of(&["http://a/"]).obeying_robots().run(web).await;
    assert_eq!(web.urls()[0], "http://a/robots.txt");
    let expected = outcomes(&[
        ("http://a/", "fetched"),
        ("http://a/open", "fetched"),
        ("http://a/private/x", "refused robots-denied"),
        ("http://a/map.txt", "fetched"),
        ("http://a/listed", "fetched"),
    ]);
    assert_eq!(shelf.outcomes(), expected);
    let times = web.times("http://a/");
    assert!(times.windows(2).all(|pair| pair[1].since(pair[0]) >= Duration::from_secs(5)), "crawl-delay");
    assert_eq!(web.times("robots.txt").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_unreachable_robots_txt_refuses_the_host() {
    let web = Web::new(&[("http://a/robots.txt", Page::Status(503, None)), ("http://a/", Page::Html(&[]))]);
    let (_, shelf, web) = Crawl::of(&["http://a/"]).obeying_robots().run(web).await;
    assert_eq!(shelf.outcomes(), outcomes(&[("http://a/", "refused robots-unreachable")]));
    assert_eq!(web.urls(), vec!["http://a/robots.txt"; 3], "asked three times, and nothing else");
}

#[tokio::test(start_paused = true)]
async fn robots_txt_may_be_elsewhere() {
    let web = Web::new(&[
        ("http://a/robots.txt", Page::Redirect("http://b/moved.txt")),
        ("http://b/moved.txt", Page::Text("User-agent: *\nDisallow: /")),
        ("http://a/", Page::Html(&[])),
    ]);
    let (_, shelf, web) = Crawl::of(&["http://a/"]).obeying_robots().run(web).await;
    assert_eq!(shelf.outcomes(), outcomes(&[("http://a/", "refused robots-denied")]));
    assert_eq!(web.urls(), ["http://a/robots.txt", "http://b/moved.txt"]);
}

#[tokio::test(start_paused = true)]
async fn retry_after_slows_the_host() {
    let web = Web::new(&[
        ("http://a/", Page::Html(&["/busy", "/next"])),
        ("http://a/busy", Page::Status(429, Some("40"))),
        ("http://a/next", Page::Html(&[])),
    ]);
    let (_, shelf, web) = Crawl::of(&["http://a/"]).run(web).await;
    assert_eq!(shelf.outcomes()["http://a/busy"], "failed http-429");
    let log = web.log.lock().unwrap().clone();
    for pair in log.windows(2) {
        if pair[0].url.ends_with("/busy") {
            assert!(pair[1].at.since(pair[0].at) >= Duration::from_secs(40), "{pair:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_passes_is_tried_again() {
    let web = Web::new(&[("http://a/", Page::Flaky(2, 500))]);
    let (finished, shelf, _) = Crawl::of(&["http://a/"]).run(web).await;
    assert_eq!(shelf.outcomes(), outcomes(&[("http://a/", "fetched")]));
    assert_eq!(finished.book.tally.retries, 2);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_fails_too_often_is_given_up_and_accounted_for() {
    let links: Vec<&'static str> = (0..30).map(|i| &*format!("http://dead/{i}").leak()).collect();
    let mut pages = vec![("http://a/", Page::Html(links.clone().leak()))];
    pages.extend(links.iter().map(|link| (*link, Page::Status(504, None))));
    let (finished, shelf, web) = Crawl::of(&["http://a/"]).run(Web::new(&pages)).await;
    assert_eq!(shelf.outcomes().len(), 31);
    assert_eq!(web.times("http://dead/").len(), 20, "errors_in_row");
    let given_up = finished.book.tally.refused[&crate::verdict::Refusal::HostGivenUp];
    assert_eq!(given_up + finished.book.tally.n_failed(), 30);
}

#[tokio::test(start_paused = true)]
async fn depth_is_exact_and_too_deep_is_accounted_for() {
    // /3 is found at depth 3 by way of /1 and /2, and at depth 1 by way of the other seed.
    let web = Web::new(&[
        ("http://a/", Page::Html(&["/1"])),
        ("http://a/1", Page::Html(&["/2"])),
        ("http://a/2", Page::Html(&["/3"])),
        ("http://a/3", Page::Html(&["/4"])),
        ("http://b/", Page::Html(&["http://a/3"])),
    ]);
    let crawl = Crawl::of(&["http://a/", "http://b/"]).with(|options| options.workbench.max_depth = Some(2));
    let (_, shelf, _) = crawl.run(web).await;
    assert_eq!(shelf.record("http://a/3")["depth"], 1);
    assert_eq!(shelf.outcomes()["http://a/4"], "failed http-404");
    let web = Web::new(&[("http://a/", Page::Html(&["/1"])), ("http://a/1", Page::Html(&["/2"]))]);
    let crawl = Crawl::of(&["http://a/"]).with(|options| options.workbench.max_depth = Some(1));
    let (finished, shelf, _) = crawl.run(web).await;
    assert_eq!(finished.end, End::Finished);
    assert_eq!(shelf.outcomes()["http://a/2"], "refused too-deep");
}

#[tokio::test(start_paused = true)]
async fn limits_end_the_run_and_are_exact() {
    let names: Vec<String> = (0..40).map(|i| format!("http://h{}/{i}", i % 4)).collect();
    let links: Vec<&'static str> = names.iter().map(|name| &*name.clone().leak()).collect();
    let mut pages = vec![("http://a/", Page::Html(links.leak()))];
    pages.extend(names.iter().map(|name| (name.as_str(), Page::Html(&[]))));
    let crawl = Crawl::of(&["http://a/"]).with(|options| options.workbench.max_pages = Some(11));
    let (finished, ..) = crawl.run(Web::new(&pages)).await;
    assert_eq!(finished.end, End::LimitReached(Limit::Pages(11)));
    assert_eq!((finished.book.tally.fetched, finished.book.tally.n_pending()), (11, 30));

    let crawl = Crawl::of(&["http://a/"]).with(|options| options.max_duration = Some(Duration::from_secs(3)));
    let (finished, ..) = crawl.run(Web::new(&pages)).await;
    assert_eq!(finished.end, End::LimitReached(Limit::Duration(3)));

    let crawl = Crawl::of(&["http://a/"]).with(|options| options.workbench.pages_per_host = Some(2));
    let (finished, ..) = crawl.run(Web::new(&pages)).await;
    assert_eq!(finished.end, End::Finished);
    assert_eq!(finished.book.tally.fetched, 9);
    assert_eq!(finished.book.tally.refused[&crate::verdict::Refusal::HostPageLimit], 32);
}

#[tokio::test(start_paused = true)]
async fn redirect_loops_and_long_chains_end() {
    let web = Web::new(&[
        ("http://a/", Page::Html(&["/loop1", "/c1"])),
        ("http://a/loop1", Page::Redirect("/loop2")),
        ("http://a/loop2", Page::Redirect("/loop1")),
        ("http://a/c1", Page::Redirect("/c2")),
        ("http://a/c2", Page::Redirect("/c3")),
        ("http://a/c3", Page::Redirect("/c4")),
        ("http://a/c4", Page::Html(&[])),
    ]);
    let (_, shelf, _) = Crawl::of(&["http://a/"]).with(|options| options.max_redirects = 2).run(web).await;
    assert_eq!(shelf.outcomes()["http://a/loop2"], "redirected");
    assert_eq!(shelf.outcomes()["http://a/c4"], "refused redirect-limit");
    assert_eq!(shelf.record("http://a/c3")["redirects"][1]["url"], "http://a/c2");
}

#[tokio::test(start_paused = true)]
async fn a_url_at_the_end_of_a_long_chain_is_fetched_when_a_link_leads_to_it() {
    let chain: Vec<(String, Page)> =
        (0..6).map(|n| (format!("http://a/r{n}"), Page::Redirect(["r1", "r2", "r3", "r4", "r5", "end"][n]))).collect();
    let mut pages: Vec<(&str, Page)> = chain.iter().map(|(url, page)| (url.as_str(), page.clone())).collect();
    pages.extend([
        ("http://a/", Page::Html(&["r0", "late"])),
        ("http://a/late", Page::Html(&["later"])),
        ("http://a/later", Page::Html(&["latest"])),
        ("http://a/latest", Page::Html(&["end"])),
        ("http://a/end", Page::Text("the end")),
    ]);
    let (finished, shelf, _) = Crawl::of(&["http://a/"]).run(Web::new(&pages)).await;
    assert_eq!(shelf.record("http://a/end")["outcome"], "fetched");
    assert_eq!((finished.n_queued, finished.book.tally.n_refused()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_too_far_by_one_way_is_fetched_by_a_nearer_one() {
    let pages = [
        ("http://a/", Page::Html(&["http://b/", "late"])),
        ("http://b/", Page::Html(&["http://c/", "http://d/"])),
        ("http://a/late", Page::Html(&["later"])),
        ("http://a/later", Page::Html(&["http://c/"])),
        ("http://c/", Page::Text("found in the end")),
    ];
    let mut crawl = Crawl::of(&["http://a/"]);
    crawl.scope = scope::Options { hops_off_site: 1, ..scope::Options::default() };
    let (finished, shelf, _) = crawl.run(Web::new(&pages)).await;
    assert_eq!(shelf.record("http://b/")["outcome"], "fetched");
    assert_eq!(shelf.record("http://c/")["outcome"], "fetched");
    let far = shelf.record("http://d/");
    assert_eq!((&far["reason"], &far["depth"]), (&"too-far".into(), &2.into()), "{far}");
    assert_eq!(far["rule"], "scope.hops_off_site = 1: 2 hops off-site");
    assert_eq!(finished.n_queued, 0);
}

#[tokio::test(start_paused = true)]
async fn a_redirect_may_go_where_a_link_may_not() {
    let pages = [
        ("http://a/", Page::Html(&["http://b/x", "moved"])),
        ("http://a/moved", Page::Redirect("http://b/x")),
        ("http://b/x", Page::Text("moved here")),
    ];
    let mut crawl = Crawl::of(&["http://a/"]);
    crawl.scope = scope::Options { redirects: scope::Crossing::Any, ..scope::Options::default() };
    let (_, shelf, _) = crawl.run(Web::new(&pages)).await;
    assert_eq!(shelf.record("http://b/x")["outcome"], "fetched");
}

#[tokio::test(start_paused = true)]
async fn a_page_that_panics_is_a_record_and_not_the_end() {
    let web = Web::new(&[
        ("http://a/", Page::Html(&["/bad", "/good"])),
        ("http://a/bad", Page::Panics),
        ("http://a/good", Page::Html(&[])),
    ]);
    let (_, shelf, _) = Crawl::of(&["http://a/"]).run(web).await;
    assert_eq!(shelf.outcomes()["http://a/bad"], "failed internal");
    assert_eq!(shelf.outcomes()["http://a/good"], "fetched");
}

#[tokio::test(start_paused = true)]
async fn asked_to_stop_it_finishes_what_is_in_flight() {
    let mut web = Web::new(&[
        ("http://a/", Page::Html(&["/1", "/2"])),
        ("http://a/1", Page::Html(&[])),
        ("http://a/2", Page::Html(&[])),
    ]);
    web.latency = Duration::from_secs(5);
    let crawl = Crawl::of(&["http://a/"]);
    let shutdown = crawl.shutdown.clone();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        tokio::time::sleep(Duration::from_secs(8)).await;
        shutdown.request();
    });
    let (finished, shelf, web) = crawl.run(web).await;
    assert_eq!(finished.end, End::Interrupted);
    assert_eq!(shelf.outcomes(), outcomes(&[("http://a/", "fetched"), ("http://a/1", "fetched")]));
    assert_eq!(finished.book.tally.n_pending(), 1);
    assert_eq!(web.urls().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_in_flight_at_the_deadline_stays_queued() {
    let mut web = Web::new(&[("http://a/", Page::Html(&[]))]);
    web.latency = Duration::from_secs(1000);
    let crawl = Crawl::of(&["http://a/"]);
    let shutdown = crawl.shutdown.clone();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        shutdown.request();
    });
    let (finished, shelf, _) = crawl.run(web).await;
    assert_eq!(finished.end, End::Interrupted);
    assert!(shelf.outcomes().is_empty());
    assert_eq!(finished.book.tally.n_pending(), 1);
}
