//! Clocks that step between two runs of one crawl: what one that was ahead has left in the store.

use std::path::Path;

use super::*;
use crate::frontier::DiskFrontier;

const NOW: Timestamp = Timestamp(1_700_000_000_000_000);
const A_YEAR_AHEAD: Timestamp = Timestamp(NOW.0 + 365 * 86_400 * 1_000_000);

/// A run by a clock that says `at`, on what the run before it has left in `folder`; asked to stop after a while, if so.
async fn live(folder: &Path, crawl: Crawl, web: Web, at: Timestamp, stop_after: Option<Duration>) -> (Shelf, Arc<Web>) {
    let clock = Clock::starting_at(at);
    let web = Arc::new(Web { clock: Some(clock), ..web });
    let shutdown = crawl.shutdown.clone();
    let (mut job, shelf) = crawl.job(web.clone(), clock, politeness::Gate::default());
    let options = crate::frontier::Options { max_queued: None, seen_cache_bytes: 0, buffer_bytes: 0 };
    if folder.exists() {
        job.frontier = Box::new(DiskFrontier::open(folder, &options).unwrap());
        job.book = Book::from_bytes(job.frontier.book()).unwrap();
    } else {
        job.frontier = Box::new(DiskFrontier::create(folder, &options).unwrap());
    }
    let mut stopping = tokio::task::JoinSet::new();
    if let Some(after) = stop_after {
        stopping.spawn(async move {
            tokio::time::sleep(after).await;
            shutdown.request();
        });
    }
    tokio::time::timeout(Duration::from_secs(86_400), run(job)).await.expect("it ends").expect("it works");
    (shelf, web)
}

#[tokio::test(start_paused = true)]
async fn what_a_clock_that_was_ahead_has_left_neither_hides_trouble_nor_keeps_robots_txt() {
    let seeds: Vec<&'static str> = (0..30).map(|i| &*format!("http://dead/{i}").leak()).collect();
    let web = || {
        let mut pages: Vec<_> = seeds.iter().map(|seed| (*seed, Page::Status(504, None))).collect();
        pages.push(("http://dead/robots.txt", Page::Text("")));
        Web::new(&pages)
    };
    let crawl = || {
        Crawl::of(&seeds).obeying_robots().with(|options| {
            options.retries = 0;
            options.workbench.politeness.default.errors_in_row = NonZeroU32::new(10);
        })
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("state");
    let (_, ahead) = live(&folder, crawl(), web(), A_YEAR_AHEAD, Some(Duration::from_secs(10))).await;
    let (shelf, web) = live(&folder, crawl(), web(), NOW, None).await;
    assert_eq!(web.times("robots.txt").len(), 1, "nobody knows how old the one of the first run is");
    let before = ahead.urls().len() - 1;
    assert!(before > 1, "{before} failures");
    // Its robots.txt can be had, so the errors in a row begin anew.
    let times: Vec<Timestamp> = web.times("http://dead/").split_off(1);
    assert_eq!(times.len(), 10, "ten errors in a row");
    let given_up = shelf.outcomes().values().filter(|outcome| *outcome == "refused host-given-up").count();
    assert_eq!(given_up, 30 - before - 10);
    for (i, pair) in times.windows(2).enumerate() {
        let least = Duration::from_secs(1 << i).min(Duration::from_secs(150));
        assert!(pair[1].since(pair[0]) >= least, "{:?} after {} failures", pair[1].since(pair[0]), i + 1);
    }
}

/// What broke: a time that was a year ahead was cut when a host was opened, and cut anew when it was opened again. So hosts
/// that had given their place up until then began to wait once more, and only one of them at a time came to its turn.
#[tokio::test(start_paused = true)]
async fn hosts_that_wait_for_the_time_of_a_clock_that_was_ahead_come_to_their_turn() {
    let seeds: Vec<&'static str> = (0..20).map(|i| &*format!("http://h{i}/").leak()).collect();
    let web = |page: Page| Web::new(&seeds.iter().map(|seed| (*seed, page.clone())).collect::<Vec<_>>());
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("state");
    let soon = Some(Duration::from_millis(1500));
    live(&folder, Crawl::of(&seeds), web(Page::Status(504, None)), A_YEAR_AHEAD, soon).await;
    let crawl = Crawl::of(&seeds).with(|options| options.workbench.active_hosts = 1);
    let (shelf, web) = live(&folder, crawl, web(Page::Html(&[])), NOW, None).await;
    assert_eq!(shelf.outcomes().values().filter(|outcome| *outcome == "fetched").count(), 20);
    let last = web.times("http://h").into_iter().max().unwrap();
    assert!(last.since(NOW) < Duration::from_secs(2 * 300), "{last}");
}
