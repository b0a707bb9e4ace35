//! Pauses that hosts are owed: how soon they are written down, and how often that costs a sync.

use super::*;
use event::CrawlEvent;

/// Every commit, and every pause that was heard, in the order in which they happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Note {
    Slowed(Timestamp),
    Committed(Timestamp),
}

async fn notes(crawl: Crawl, web: Web) -> (Vec<Note>, Duration) {
    let clock = Clock::starting_at(Timestamp(1_700_000_000_000_000));
    let web = Web { clock: Some(clock), ..web };
    let (mut job, _) = crawl.job(Arc::new(web), clock, politeness::Gate::default());
    let notes = Arc::new(Mutex::new(Vec::new()));
    let heard = notes.clone();
    job.observers.push(Box::new(move |event| match event {
        CrawlEvent::HostSlowed { .. } => heard.lock().unwrap().push(Note::Slowed(clock.now())),
        CrawlEvent::Committed { .. } => heard.lock().unwrap().push(Note::Committed(clock.now())),
        _ => {}
    }));
    let began = clock.now();
    run(job).await.expect("it works");
    let notes = notes.lock().unwrap().clone();
    (notes, clock.now().since(began))
}

#[tokio::test(start_paused = true)]
async fn many_hosts_that_fail_do_not_keep_the_disk_busy_and_are_written_down_soon() {
    let seeds: Vec<&'static str> = (0..300).map(|i| &*format!("http://h{i}/").leak()).collect();
    let pages: Vec<_> = seeds.iter().map(|seed| (*seed, Page::Error(ErrorKind::Connect, Phase::Connect))).collect();
    let crawl = Crawl::of(&seeds).with(|options| options.workbench.active_hosts = 300);
    let (notes, took) = notes(crawl, Web::new(&pages)).await;
    let n_slowed = notes.iter().filter(|note| matches!(note, Note::Slowed(_))).count();
    assert!(n_slowed >= 300, "{n_slowed}");
    let n_commits = notes.len() - n_slowed;
    let most = took.as_millis() / 100 + 5;
    assert!(n_commits as u128 <= most, "{n_commits} commits in {took:?}");
    for (i, note) in notes.iter().enumerate() {
        let Note::Slowed(at) = note else { continue };
        let committed =
            notes[i..].iter().find_map(|note| if let Note::Committed(at) = note { Some(*at) } else { None });
        let pause = committed.expect("the last thing is a commit").since(*at);
        assert!(pause <= Duration::from_millis(101), "a pause was in memory only for {pause:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_crawl_delay_is_written_down_soon() {
    let web = Web::new(&[
        ("http://a/robots.txt", Page::Text("User-agent: *\nCrawl-delay: 30\n")),
        ("http://a/", Page::Html(&[])),
    ]);
    let crawl =
        Crawl::of(&["http://a/"]).obeying_robots().with(|options| options.commit_every = Duration::from_secs(20));
    let (notes, _) = notes(crawl, web).await;
    let commits: Vec<u64> =
        notes.iter().filter_map(|note| if let Note::Committed(at) = note { Some(at.0) } else { None }).collect();
    // The seed's, and then before the page is asked for, which is not before half a minute has passed.
    let soon = 1_700_000_000_000_000..1_700_000_000_000_000 + 500_000;
    assert!(commits.iter().filter(|at| soon.contains(*at)).count() >= 2, "{commits:?}");
}
