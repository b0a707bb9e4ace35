//! What broke once, each named after what it broke.

use std::collections::BTreeSet;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    engine::{
        pool,
        visit::{ToDispatcher, ToRecorder},
        worker::Worker,
    },
    frontier::{Discovery, Lease, Task},
    verdict::Verdict,
};

#[tokio::test(start_paused = true)]
async fn a_delayed_url_is_not_forgotten_behind_the_depth_barrier() {
    let web = Web::new(&[
        ("http://a/", Page::Html(&["/2", "/1"])),
        ("http://a/1", Page::Flaky(1, 500)),
        ("http://a/2", Page::Html(&["/3"])),
        ("http://a/3", Page::Html(&["/4"])),
        ("http://a/4", Page::Html(&[])),
    ]);
    let crawl = Crawl::of(&["http://a/"]).with(|options| {
        options.workbench.max_depth = Some(4);
        options.workbench.politeness.default.interval = Duration::from_millis(10);
    });
    let (finished, shelf, _) = crawl.run(web).await;
    assert_eq!((finished.end, finished.n_queued), (End::Finished, 0));
    assert_eq!(shelf.outcomes()["http://a/1"], "fetched");
}

#[tokio::test(start_paused = true)]
async fn a_delayed_url_is_not_forgotten_behind_the_limit_of_its_host() {
    let web = Web::new(&[
        ("http://a/", Page::Html(&["/f", "/1", "/2", "/3"])),
        ("http://a/f", Page::Flaky(1, 500)),
        ("http://a/1", Page::Html(&[])),
        ("http://a/2", Page::Html(&[])),
        ("http://a/3", Page::Html(&[])),
    ]);
    let crawl = Crawl::of(&["http://a/"]).with(|options| {
        options.workbench.pages_per_host = Some(3);
        options.retry_base = Duration::from_secs(50);
    });
    let (finished, ..) = crawl.run(web).await;
    assert_eq!((finished.end, finished.n_queued), (End::Finished, 0));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_too_deep_while_a_nearer_page_waits_for_another_attempt() {
    let web = Web::new(&[
        ("http://a/", Page::Html(&["/1"])),
        ("http://a/1", Page::Html(&["/x"])),
        ("http://a/late", Page::Flaky(1, 500)),
    ]);
    let crawl = Crawl::of(&["http://a/late", "http://a/"]).with(|options| {
        options.workbench.max_depth = Some(1);
        options.retry_base = Duration::from_secs(500);
    });
    let (_, shelf, _) = crawl.run(web).await;
    let at = |url: &str| shelf.record(url)["fetched_at"].as_str().unwrap().to_owned();
    assert_eq!(shelf.outcomes()["http://a/x"], "refused too-deep");
    assert!(at("http://a/x") > at("http://a/late"));
}

#[tokio::test(start_paused = true)]
async fn robots_redirects_do_not_grow_the_workbench() {
    let leak = |text: String| -> &'static str { text.leak() };
    let mut pages = Vec::new();
    let mut seeds = Vec::new();
    for i in 0..60 {
        let seed = leak(format!("http://h{i}/"));
        let www = leak(format!("http://www.h{i}/robots.txt"));
        pages.push((seed, Page::Html(&["/x", "/y"])));
        pages.push((leak(format!("http://h{i}/robots.txt")), Page::Redirect(www)));
        pages.push((www, Page::Text("")));
        seeds.push(seed);
    }
    let crawl = Crawl::of(&seeds).obeying_robots().with(|options| {
        options.workbench.active_hosts = 5;
        options.concurrency = 500;
    });
    let (finished, _, web) = crawl.run(Web::new(&pages)).await;
    assert_eq!(finished.n_queued, 0);
    let log = web.log.lock().unwrap();
    let host = |arrival: &Arrival| arrival.url.split('/').nth(2).unwrap().to_owned();
    for first in log.iter() {
        let near = log.iter().filter(|a| a.at >= first.at && a.at.since(first.at) < Duration::from_millis(900));
        let hosts: BTreeSet<String> = near.map(host).filter(|host| !host.starts_with("www")).collect();
        assert!(hosts.len() <= 10, "{} hosts at once: {hosts:?}", hosts.len());
    }
}

#[tokio::test(start_paused = true)]
async fn a_crawl_delay_is_not_forgotten_for_another_origin_of_the_host() {
    let web = Web::new(&[
        ("http://a/robots.txt", Page::Text("User-agent: *\nCrawl-delay: 20")),
        ("http://a:81/robots.txt", Page::Status(404, None)),
        ("http://a/", Page::Html(&["http://a:81/x", "/1", "/2"])),
        ("http://a/1", Page::Html(&[])),
        ("http://a/2", Page::Html(&[])),
        ("http://a:81/x", Page::Html(&[])),
    ]);
    let (_, _, web) = Crawl::of(&["http://a/"]).obeying_robots().run(web).await;
    let log = web.log.lock().unwrap();
    // From the first page on: before robots.txt was read nobody knew.
    for pair in log.windows(2) {
        assert!(pair[1].at.since(pair[0].at) >= Duration::from_secs(20), "{pair:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_short_lived_robots_txt_is_of_use_before_it_expires() {
    let web = Web::new(&[("http://a/robots.txt", Page::Text("")), ("http://a/", Page::Html(&[]))]);
    let crawl = Crawl::of(&["http://a/"]).obeying_robots().with(|options| {
        options.robots.max_age = Duration::from_secs(1);
        options.max_duration = Some(Duration::from_secs(600));
    });
    let (finished, _, web) = crawl.run(web).await;
    assert_eq!(finished.end, End::Finished);
    assert_eq!(web.times("robots.txt").len(), 1);
}

/// A recorder that takes nothing: workers must keep their leases, or the dispatcher would hand out
/// more and more of them and their visits would pile up.
#[tokio::test(start_paused = true)]
async fn a_slow_recorder_holds_the_workers_back() {
    let clock = Clock::starting_at(Timestamp(1_700_000_000_000_000));
    let web = Web { clock: Some(clock), ..Web::new(&[("http://a/", Page::Html(&[]))]) };
    let canonicalizer = Canonicalizer::default();
    let url = canonicalizer.parse("http://a/").unwrap();
    let stack = Stack { fetcher: Arc::new(web), scope: Scope::any(), canonicalizer, clock };
    let worker = Arc::new(Worker::new(stack, Crawl::of(&[]).options, 1, None));
    let found = Discovery {
        role: scope::Role::Link,
        fingerprint: url.fingerprint(),
        url: url.clone(),
        depth: 0,
        kind: Kind::Page,
        nesting: 0,
        hops_off_site: 0,
        via: None,
        redirects: Vec::new(),
        verdict: Verdict::Fetch,
        rule: None,
        depends_on_way: false,
    };
    let frontier_options = crate::frontier::Options { max_queued: None, seen_cache_bytes: 0, buffer_bytes: 0 };
    let queued = MemoryFrontier::new(&frontier_options).sift(vec![found]).unwrap().admitted.remove(0);
    let (leases, inbox) = mpsc::channel(9);
    for _ in 0..9 {
        leases
            .try_send(Lease {
                host: url.host(),
                task: Task::Visit(queued.clone(), None),
                ticket: None,
                may_retry: true,
                recalled: None,
                leased_at: Timestamp(0),
            })
            .unwrap();
    }
    let (to_dispatcher, mut returned) = mpsc::channel::<ToDispatcher>(99);
    let (to_recorder, _nobody_reads) = mpsc::channel::<ToRecorder>(2);
    let pool = pool::run(worker, 4, inbox, to_dispatcher, to_recorder, CancellationToken::new());
    assert!(tokio::time::timeout(Duration::from_secs(60), pool).await.is_err(), "it waits for the recorder");
    let n_returned = std::iter::from_fn(|| returned.try_recv().ok()).count();
    assert_eq!(n_returned, 2, "as many as there is room for visits");
}

#[tokio::test(start_paused = true)]
async fn a_sitemap_that_comes_as_html_is_read_and_its_pages_are_as_near_as_seeds() {
    const MAP: &str = "<?xml version='1.0'?><urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>\
                       <url><loc>http://a/listed</loc></url></urlset>";
    let web = Web::new(&[("http://a/map.php", Page::Raw(MAP)), ("http://a/listed", Page::Html(&["/deeper"]))]);
    let mut crawl = Crawl::of(&[]).with(|options| options.workbench.max_depth = Some(0));
    crawl.sitemaps = vec!["http://a/map.php"];
    let (_, shelf, _) = crawl.run(web).await;
    assert_eq!(shelf.outcomes()["http://a/listed"], "fetched");
    assert_eq!(shelf.outcomes()["http://a/deeper"], "refused too-deep");
}

#[tokio::test(start_paused = true)]
async fn what_a_sitemap_lists_is_visited_newest_first_and_its_translations_too() {
    const MAP: &str = "<urlset><url><loc>/old</loc><lastmod>2001</lastmod></url><url><loc>/plain</loc></url>\
                       <url><loc>/new</loc><lastmod>2002-02-02</lastmod>\
                       <xhtml:link rel='alternate' hreflang='de' href='/neu'/></url></urlset>";
    let text = Page::Html(&[]);
    let web = || {
        let pages = ["http://a/old", "http://a/plain", "http://a/new", "http://a/neu"].map(|url| (url, text.clone()));
        Web::new(&[&pages[..], &[("http://a/map.xml", Page::Raw(MAP))]].concat())
    };
    for (newest_first, expected) in
        [(true, ["map.xml", "new", "old", "plain", "neu"]), (false, ["map.xml", "old", "plain", "new", "neu"])]
    {
        let mut crawl = Crawl::of(&[]).with(|options| options.sitemaps.newest_first = newest_first);
        crawl.sitemaps = vec!["http://a/map.xml"];
        let (_, shelf, _) = crawl.run(web()).await;
        let records = shelf.0.lock().unwrap();
        let order: Vec<_> = records.iter().map(|record| record["url"].as_str().unwrap()).collect();
        assert_eq!(order, expected.map(|name| format!("http://a/{name}")));
    }
}

#[tokio::test(start_paused = true)]
async fn an_endless_chain_of_sitemap_indexes_ends() {
    let leak = |text: String| -> &'static str { text.leak() };
    let pages: Vec<_> = (0..50)
        .map(|n| {
            let next = format!("<sitemapindex><sitemap><loc>http://a/{}</loc></sitemap></sitemapindex>", n + 1);
            (leak(format!("http://a/{n}")), Page::Raw(leak(next)))
        })
        .collect();
    let mut crawl = Crawl::of(&[]);
    crawl.sitemaps = vec!["http://a/0"];
    let (finished, shelf, _) = crawl.run(Web::new(&pages)).await;
    assert_eq!(finished.end, End::Finished);
    assert_eq!(shelf.outcomes().len(), 5, "one and four below it");
}

#[tokio::test(start_paused = true)]
async fn a_long_base_makes_no_more_of_a_page_than_its_body_may_take() {
    let links: String = (0..2000).map(|n| format!("<a href={n}>")).collect();
    let body = format!("<base href='http://a/{}/'>{links}", "x".repeat(4_000)).leak();
    let crawl = Crawl::of(&["http://a/"]).with(|options| options.parse.limits.max_links = 10_000);
    let (finished, shelf, _) = crawl.run(Web::new(&[("http://a/", Page::Raw(body))])).await;
    // A body may take 1 MiB here, and so 261 such links.
    assert_eq!(finished.book.tally.discovered, 262);
    assert_eq!(shelf.record("http://a/")["outlinks_truncated"], true);
}

#[tokio::test(start_paused = true)]
async fn a_known_robots_txt_is_gone_by_while_it_cannot_be_had() {
    const PAGES: [&str; 4] = ["/1", "/2", "/no", "/3"];
    let web = || {
        let mut pages = vec![("http://a/robots.txt", Page::Fading(1, "User-agent: *\nDisallow: /no"))];
        pages.push(("http://a/", Page::Html(&PAGES)));
        pages.extend(["http://a/1", "http://a/2", "http://a/3", "http://a/no"].map(|url| (url, Page::Html(&[]))));
        Web::new(&pages)
    };
    let crawl = |grace: u64| {
        Crawl::of(&["http://a/"]).obeying_robots().with(move |options| {
            options.robots.max_age = Duration::from_secs(1);
            options.robots.grace = Duration::from_secs(grace);
        })
    };
    let (_, shelf, web_with_grace) = crawl(86_400).run(web()).await;
    let outcome = |shelf: &Shelf, url: &str| shelf.outcomes().get(url).cloned();
    assert_eq!(outcome(&shelf, "http://a/no").as_deref(), Some("refused robots-denied"));
    for url in ["http://a/1", "http://a/2", "http://a/3"] {
        assert_eq!(outcome(&shelf, url).as_deref(), Some("fetched"), "{url}");
    }
    assert!(web_with_grace.times("robots.txt").len() > 3, "it was asked for again, in vain");
    let (_, shelf, _) = crawl(0).run(web()).await;
    assert_eq!(outcome(&shelf, "http://a/3").as_deref(), Some("refused robots-unreachable"));
}
