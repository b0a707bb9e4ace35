//! Several jobs of one process: what a host is promised, it is promised by all of them together.

use super::*;
use crate::politeness::{Gate, RetryBudget, gate};

/// Runs crawls of one web at once, which meet in `gate`.
async fn together(crawls: Vec<Crawl>, mut web: Web, gate: gate::Options) -> (Vec<Finished>, Arc<Web>) {
    let clock = Clock::starting_at(Timestamp(1_700_000_000_000_000));
    web.clock = Some(clock);
    let web = Arc::new(web);
    let gate = Gate::new(gate, clock.now());
    let runs = crawls.into_iter().map(|crawl| {
        let (job, _) = crawl.job(web.clone(), clock, gate.clone());
        tokio::time::timeout(Duration::from_secs(86_400), run(job))
    });
    let finished = futures::future::join_all(runs).await;
    (finished.into_iter().map(|run| run.expect("it ends").expect("it works")).collect(), web)
}

const LEAVES: &[&str] = &["/1", "/2", "/3", "/4", "/5", "/6", "/7", "/8", "/9"];

fn site() -> Web {
    let leaves = LEAVES.iter().map(|leaf| (format!("http://a{leaf}"), Page::Html(&[])));
    let mut web = Web::new(&[("http://a/", Page::Html(LEAVES)), ("http://a/robots.txt", Page::Text(""))]);
    web.pages.extend(leaves);
    web
}

fn fetched(finished: &[Finished]) -> Vec<u64> {
    finished.iter().map(|finished| finished.book.tally.fetched).collect()
}

#[tokio::test(start_paused = true)]
async fn two_jobs_on_one_host_keep_one_promise() {
    let crawls = vec![Crawl::of(&["http://a/"]).obeying_robots(), Crawl::of(&["http://a/"]).obeying_robots()];
    let (finished, web) = together(crawls, site(), gate::Options::default()).await;
    assert_eq!(fetched(&finished), [10, 10]);
    assert_eq!(web.most_at_once(), 1, "one connection, whoever asks");
    let times = web.times("http://a/");
    assert_eq!(times.len(), 2 * 11);
    assert!(times.windows(2).all(|two| two[1].since(two[0]) >= Duration::from_millis(1050)), "{times:?}");
    let took = times.last().unwrap().since(times[0]);
    assert!(took < Duration::from_millis(22 * 1060), "no turn is wasted: {took:?}");
}

#[tokio::test(start_paused = true)]
async fn neither_job_starves() {
    let fast = |crawl: Crawl| crawl.with(|options| options.workbench.politeness.default.interval = Duration::ZERO);
    let crawls = vec![fast(Crawl::of(&["http://a/"])), fast(Crawl::of(&["http://a/"]))];
    let (finished, web) = together(crawls, site(), gate::Options::default()).await;
    assert_eq!(fetched(&finished), [10, 10]);
    assert_eq!(web.most_at_once(), 1);
    let urls = web.urls();
    let half = &urls[..urls.len() / 2];
    let twice = half.iter().filter(|url| half.iter().filter(|other| other == url).count() == 2).count();
    assert!(twice >= half.len() - 4, "both go on side by side: {urls:?}");
}

#[tokio::test(start_paused = true)]
async fn what_one_job_is_told_the_other_obeys() {
    let web = Web::new(&[
        ("http://a/", Page::Html(&[])),
        ("http://a/busy", Page::Status(429, Some("60"))),
        ("http://a/other", Page::Html(&["/x", "/y"])),
        ("http://a/x", Page::Html(&[])),
        ("http://a/y", Page::Html(&[])),
    ]);
    let crawls = vec![Crawl::of(&["http://a/busy"]), Crawl::of(&["http://a/other"])];
    let (finished, web) = together(crawls, web, gate::Options::default()).await;
    assert_eq!(fetched(&finished), [0, 3]);
    let log = web.log.lock().unwrap();
    for (i, arrival) in log.iter().enumerate().filter(|(_, arrival)| arrival.url == "http://a/busy") {
        if let Some(next) = log.get(i + 1) {
            let pause = next.at.since(arrival.ended.unwrap());
            assert!(pause >= Duration::from_secs(60), "{pause:?} until {next:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_process_has_limits_of_its_own() {
    let names = ["http://a/", "http://b/", "http://c/", "http://d/"];
    let web = || {
        let mut web = Web::new(&names.map(|name| (name, Page::Html(&["/1", "/2"]))));
        web.pages.extend(names.iter().flat_map(|name| [1, 2].map(|n| (format!("{name}{n}"), Page::Html(&[])))));
        web
    };
    let crawls = || names.iter().map(|name| Crawl::of(&[*name])).collect::<Vec<_>>();
    let options = gate::Options { interval: Duration::from_millis(700), ..gate::Options::default() };
    let (finished, log) = together(crawls(), web(), options).await;
    assert_eq!(fetched(&finished), [3, 3, 3, 3]);
    let times = log.times("http://");
    assert!(times.windows(2).all(|two| two[1].since(two[0]) >= Duration::from_millis(700)), "{times:?}");

    let options = gate::Options { connections: NonZeroU32::new(2), ..gate::Options::default() };
    let (finished, log) = together(crawls(), web(), options).await;
    assert_eq!(fetched(&finished), [3, 3, 3, 3]);
    assert_eq!(log.most_at_once(), 2);
}

/// A wake-up that is missed costs an hour: then every dispatcher looks again.
#[tokio::test(start_paused = true)]
async fn whatever_holds_requests_back_nobody_is_forgotten() {
    let names: [&'static str; 8] = [
        "http://a.example.com/",
        "http://b.example.com/",
        "http://c.example.com/",
        "http://d.example.com/",
        "http://e.example.net/",
        "http://f.example.net/",
        "http://g.example.net/",
        "http://h.example.net/",
    ];
    let one = gate::GroupLimit { connections: NonZeroU32::new(1), ..gate::GroupLimit::default() };
    let slow = gate::GroupLimit { interval: Duration::from_millis(20), ..one };
    let none = gate::GroupLimit::default();
    let check = async |active_hosts, connections, max_hosts, address, domain| {
        let mut web = Web::new(&names.map(|name| (name, Page::Html(&["/1", "/2", "http://a.example.com/3"]))));
        web.pages.extend(names.iter().flat_map(|name| [1, 2, 3].map(|n| (format!("{name}{n}"), Page::Html(&[])))));
        web.pages.insert("http://b.example.com/1".into(), Page::Flaky(1, 503));
        web.pages.insert("http://f.example.net/2".into(), Page::Error(ErrorKind::Dns, Phase::Resolve));
        web.remote = Some("192.0.2.1:80".parse().expect("an address"));
        let crawl = || {
            Crawl::of(&names).obeying_robots().with(|options| {
                options.workbench.active_hosts = active_hosts;
                options.workbench.limits = gate::Limits { address, domain, ..gate::Limits::default() };
                let policy = &mut options.workbench.politeness.default;
                (policy.interval, policy.connections) =
                    (Duration::from_millis(1), NonZeroU32::new(2).expect("not zero"));
            })
        };
        let crawls = vec![crawl(), crawl(), crawl()];
        let began = tokio::time::Instant::now();
        let options = gate::Options { connections, max_hosts, ..gate::Options::default() };
        let (finished, web) = together(crawls, web, options).await;
        let what = (active_hosts, connections, max_hosts, address, domain);
        assert_eq!(fetched(&finished), [24; 3], "{what:?}");
        assert!(began.elapsed() < Duration::from_secs(600), "{:?} with {what:?}", began.elapsed());
        assert!(connections.is_none_or(|most| web.most_at_once() <= most.get() as usize), "{what:?}");
    };
    let limits = [(none, none), (one, none), (slow, none), (none, slow), (slow, one)];
    // A few of all combinations, so that each two meet somewhere.
    for (i, (address, domain)) in limits.into_iter().cycle().take(15).enumerate() {
        let connections = [None, NonZeroU32::new(1), NonZeroU32::new(3)][i / 5];
        check([1, 3, 100][i % 3], connections, [1, 4, 1000][(i + i / 5) % 3], address, domain).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_domain_is_asked_as_one() {
    let names = ["http://a.example.com/", "http://b.example.com/", "http://c.example.com/"];
    let mut web = Web::new(&names.map(|name| (name, Page::Html(&["/1", "/2"]))));
    web.pages.extend(names.iter().flat_map(|name| [1, 2].map(|n| (format!("{name}{n}"), Page::Html(&[])))));
    let limit = gate::GroupLimit { interval: Duration::from_millis(800), connections: NonZeroU32::new(1) };
    let crawl = Crawl::of(&names).with(|options| options.workbench.limits.domain = limit);
    let (finished, _, web) = crawl.run(web).await;
    assert_eq!(finished.book.tally.fetched, 9);
    let times = web.times("example.com");
    assert!(times.windows(2).all(|two| two[1].since(two[0]) >= Duration::from_millis(800)), "{times:?}");
    assert_eq!(web.most_at_once(), 1);
    assert!(times[8].since(times[0]) < Duration::from_millis(9 * 900), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_in_quiet_hours() {
    // The clock starts at 22:13:20 UTC.
    let quiet = politeness::Quiet::parse(&["22:13-23:00 UTC", "23:00-06:00 UTC"]).unwrap();
    let crawl = Crawl::of(&["http://a/"]).with(|options| options.workbench.politeness.default.quiet = quiet);
    let (finished, _, web) = crawl.run(site()).await;
    assert_eq!(finished.book.tally.fetched, 10);
    assert_eq!(web.times("http://a/")[0], Timestamp(1_700_028_000_000_000), "six in the morning, and not before");
}

#[tokio::test(start_paused = true)]
async fn the_picture_is_not_old_when_nothing_happens_for_hours() {
    let quiet = politeness::Quiet::parse(&["22:00-06:00 UTC"]).unwrap();
    let crawl = Crawl::of(&["http://a/"]).with(|options| options.workbench.politeness.default.quiet = quiet);
    let clock = Clock::starting_at(Timestamp(1_700_000_000_000_000));
    let web = Web { clock: Some(clock), ..site() };
    let (job, _) = crawl.job(Arc::new(web), clock, Gate::default());
    let progress = job.progress.subscribe();
    assert!(tokio::time::timeout(Duration::from_secs(60), run(job)).await.is_err(), "it waits for the morning");
    let progress = progress.borrow();
    assert_eq!(progress.tally.n_pending(), 1);
    let waiting: Vec<_> = progress.waiting.iter().map(|(why, n_hosts)| (*why, *n_hosts)).collect();
    assert_eq!(waiting, [(stats::Waiting::Quiet, 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_host_is_given_time() {
    let adaptive = politeness::Adaptive { factor: 10.0, min: Duration::ZERO, max: Duration::from_secs(4) };
    let crawl = Crawl::of(&["http://a/"]).with(|options| {
        options.workbench.politeness.default.interval = Duration::ZERO;
        options.workbench.politeness.default.adaptive = Some(adaptive);
    });
    let (_, _, web) = crawl.run(site()).await;
    let log = web.log.lock().unwrap();
    // It answers after 50 ms, so it is left alone for half a second.
    assert!(log.windows(2).all(|two| two[1].at.since(two[0].ended.unwrap()) >= Duration::from_millis(500)));
    assert!(log[9].at.since(log[0].at) < Duration::from_secs(9));
}

#[tokio::test(start_paused = true)]
async fn a_host_that_has_rested_is_tried_by_one_request() {
    let mut web = site();
    web.pages.insert("http://a/1".into(), Page::Flaky(2, 503));
    let crawl = Crawl::of(&["http://a/"]).with(|options| {
        let policy = &mut options.workbench.politeness.default;
        policy.interval = Duration::ZERO;
        policy.connections = NonZeroU32::new(3).unwrap();
    });
    let (finished, _, web) = crawl.run(web).await;
    assert_eq!(finished.book.tally.fetched, 10);
    assert_eq!(web.most_at_once(), 3);
    let log = web.log.lock().unwrap();
    let busy: Vec<&Arrival> = log.iter().filter(|arrival| arrival.url == "http://a/1").collect();
    let after = |end: Timestamp| log.iter().find(|arrival| arrival.at > end).expect("it goes on").clone();
    for failed in &busy[..busy.len() - 1] {
        let probe = after(failed.ended.unwrap());
        let during = log.iter().filter(|other| other.at > probe.at && other.at < probe.ended.unwrap()).count();
        let at_once = log.iter().filter(|other| other.at == probe.at).count();
        assert_eq!((at_once, during), (1, 0), "{probe:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn retries_of_a_host_have_a_budget() {
    let mut web = site();
    for leaf in LEAVES {
        web.pages.insert(format!("http://a{leaf}"), Page::Status(500, None));
    }
    let crawl = Crawl::of(&["http://a/"]).with(|options| {
        options.workbench.politeness.default.interval = Duration::from_millis(1);
        options.workbench.politeness.default.errors_in_row = None;
        options.workbench.politeness.default.retries = Some(RetryBudget { free: 3, percent: 10 });
    });
    let (finished, shelf, web) = crawl.run(web).await;
    assert_eq!((finished.book.tally.fetched, finished.book.tally.n_failed()), (1, 9));
    assert_eq!(web.urls().len(), 10 + 4, "three, and one for ten requests");
    let records = LEAVES.iter().map(|leaf| shelf.record(&format!("http://a{leaf}")));
    let (spent, tried): (Vec<_>, Vec<_>) = records.partition(|record| record["attempts"] == 1);
    assert!(spent.iter().all(|record| record["reason"] == "http-500"), "{spent:?}");
    assert!(spent.iter().all(|record| record["error"].as_str().is_some_and(|error| error.contains("budget"))));
    assert!(!spent.is_empty() && !tried.is_empty());
}
