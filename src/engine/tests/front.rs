//! Who is in memory, who starves, and what is told of a crawl that waits.

use super::{
    stats::{Stage, Waiting},
    *,
};
use crate::{address::HostPattern, politeness::Quiet};

const START: Timestamp = Timestamp(1_700_000_000_000_000);

fn seeds(names: &[String]) -> Vec<&'static str> {
    names.iter().map(|name| &*format!("http://{name}/").leak()).collect()
}

/// A page of each host that leads to `n` others of it.
fn site(seeds: &[&'static str], n: usize) -> Web {
    let links: Vec<&'static str> = (0..n).map(|i| &*format!("/{i}").leak()).collect();
    let links: &'static [&'static str] = links.leak();
    let mut web = Web::new(&seeds.iter().map(|seed| (*seed, Page::Html(links))).collect::<Vec<_>>());
    for seed in seeds {
        let seed = seed.trim_end_matches('/');
        web.pages.extend(links.iter().map(|link| (format!("{seed}{link}"), Page::Html(&[]))));
    }
    web
}

/// Runs it and looks at what is published every second of its time.
async fn watched(crawl: Crawl, mut web: Web, mut look: impl FnMut(&stats::Progress)) -> Finished {
    let clock = Clock::starting_at(START);
    web.clock = Some(clock);
    let (job, _) = crawl.job(Arc::new(web), clock, politeness::Gate::default());
    let progress = job.progress.subscribe();
    let looking = async {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            look(&progress.borrow());
        }
    };
    tokio::select! {
        finished = tokio::time::timeout(Duration::from_secs(86_400), run(job)) => finished.expect("it ends").expect("it works"),
        () = looking => unreachable!("it looks for ever"),
    }
}

#[tokio::test(start_paused = true)]
async fn the_front_follows_the_workers_and_not_the_hosts() {
    let names: Vec<String> = (0..200).map(|i| format!("h{i}")).collect();
    let seeds = seeds(&names);
    for (interval, expected) in [(Duration::ZERO, 16..=16), (Duration::from_secs(20), 100..=200)] {
        let crawl = Crawl::of(&seeds).with(|options| {
            options.workbench.active_hosts = 1000;
            options.workbench.politeness.default.interval = interval;
        });
        let mut web = site(&seeds, 9);
        web.latency = Duration::from_secs(1);
        let mut most = 0;
        let finished = watched(crawl, web, |progress| most = most.max(progress.held.bench.slots)).await;
        assert_eq!(finished.book.tally.fetched, 2000);
        assert!(expected.contains(&most), "{most} hosts in memory for 8 workers and {interval:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn endless_hosts_and_quiet_ones_starve_nobody() {
    // Two hosts with far more than anybody has time for, two that are not to be asked for hours, and small ones.
    let names: Vec<String> = (0..30).map(|i| format!("small{i}")).collect();
    let (small, giants) = (seeds(&names), seeds(&["giant0".to_owned(), "giant1".to_owned()]));
    let quiet = seeds(&["a.quiet".to_owned(), "b.quiet".to_owned()]);
    let mut web = site(&small, 4);
    web.pages.extend(site(&giants, 600).pages);
    web.pages.extend(site(&quiet, 4).pages);
    let crawl = Crawl::of(&[&*giants, &*quiet, &*small].concat()).with(|options| {
        options.workbench.active_hosts = 2;
        options.workbench.session_budget = NonZeroU64::new(20).unwrap();
        let policy = &mut options.workbench.politeness;
        policy.default.interval = Duration::from_millis(100);
        let hours = Quiet::parse(&["00:00-23:30 UTC"]).unwrap();
        let hours = politeness::Policy { quiet: hours, ..policy.default.clone() };
        policy.exceptions.push((HostPattern::Suffix(".quiet".into()), hours));
    });
    let (finished, _, web) = crawl.run(web).await;
    assert_eq!(finished.end, End::Finished);
    let last = web.times("http://small").into_iter().max().unwrap();
    let before = web.times("http://giant").into_iter().filter(|at| *at < last).count();
    assert!(before < 400, "{before} URLs of the endless hosts before the last of the small ones");
    let first_quiet = web.times(".quiet").into_iter().min().unwrap();
    assert!(first_quiet.rfc3339().contains("T23:30:"), "{first_quiet}");
    let waited = &finished.book.tally.waited;
    assert!(waited.why.contains_key(&Waiting::Quiet), "{waited:?}");
}

fn slow_web() -> Web {
    let mut web = site(&["http://slow/", "http://fast/"], 3);
    web.pages.insert("http://slow/robots.txt".into(), Page::Text("User-agent: *\nCrawl-delay: 30"));
    web.pages.insert("http://fast/robots.txt".into(), Page::Text(""));
    web
}

#[tokio::test(start_paused = true)]
async fn a_crawl_that_waits_tells_for_whom_and_until_when() {
    let crawl = Crawl::of(&["http://slow/", "http://fast/"]).obeying_robots();
    let mut told = Vec::new();
    let finished = watched(crawl, slow_web(), |progress| {
        if let Some(tail) = progress.tail.as_ref().filter(|_| progress.stage == Stage::Crawling) {
            told.push((progress.at, progress.tally.n_pending(), tail.clone()));
        }
    })
    .await;
    assert!(finished.tail.is_empty(), "a crawl that is over waits for nobody");
    let (at, pending, tail) =
        told.iter().find(|(_, _, tail)| tail.len() == 1).expect("the slow one outlasts the fast one");
    assert_eq!((tail[0].host.as_str(), tail[0].why), ("slow", Waiting::Politeness));
    assert_eq!((tail[0].crawl_delay, *pending), (Some(Duration::from_secs(30)), tail[0].n_urls as u64));
    assert!(tail[0].until > *at && tail[0].until.since(START) <= Duration::from_secs(61), "{tail:?}");
    assert!(told.iter().any(|(_, _, tail)| tail.len() == 2), "{told:?}");
    // Five requests to the slow host have four pauses between them, and the fast one asks in the first.
    let waited = &finished.book.tally.waited;
    let total = Duration::from_micros(waited.total_us);
    assert!((Duration::from_secs(118)..Duration::from_secs(121)).contains(&total), "{waited:?}");
    assert_eq!(waited.why.keys().collect::<Vec<_>>(), [&Waiting::Politeness]);
    let longest = waited.longest(2);
    assert_eq!((longest[0].0.as_str(), longest[1].0.as_str()), ("slow", "fast"));
    assert_eq!(longest[0].1 + longest[1].1, waited.total_us);
    assert!(waited.total_us <= finished.book.tally.active_ms * 1000);
}

#[tokio::test(start_paused = true)]
async fn a_crawl_that_is_stopped_while_it_waits_says_what_it_waited_for() {
    let crawl = Crawl::of(&["http://slow/", "http://fast/"]).obeying_robots();
    let crawl = crawl.with(|options| options.max_duration = Some(Duration::from_secs(45)));
    let finished = watched(crawl, slow_web(), |_| {}).await;
    assert_eq!(finished.end, End::LimitReached(Limit::Duration(45)));
    assert_eq!(finished.tail.len(), 1, "{:?}", finished.tail);
    assert_eq!((finished.tail[0].host.as_str(), finished.tail[0].n_urls), ("slow", 3));
    let waited = Duration::from_micros(finished.book.tally.waited.total_us);
    assert!(waited > Duration::from_secs(43), "what was waited for last is counted too: {waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_crawl_that_never_waits_says_nothing_of_waiting() {
    let crawl = Crawl::of(&["http://a/"]).with(|options| {
        options.workbench.politeness.default.interval = Duration::ZERO;
    });
    let finished = watched(crawl, site(&["http://a/"], 50), |_| {}).await;
    assert_eq!(finished.book.tally.waited, waits::WaitTally::default());
}
