//! Directories that are done with: what is left in them is refused, with the rule, and nothing else.

use std::num::NonZeroU64;

use super::*;
use crate::verdict::Refusal;

/// A docs tree with a symbolic link to its parent, forty levels of which a server would give.
fn looping_web() -> Web {
    let mut web = Web::new(&[
        ("http://a/", Page::Html(&["docs/"])),
        ("http://a/docs/", Page::Html(&["loop/", "page"])),
        ("http://a/docs/page", Page::Text("a page")),
    ]);
    for depth in 1..=40 {
        let directory = format!("http://a/docs/{}", "loop/".repeat(depth));
        web.pages.insert(format!("{directory}page"), Page::Text("a page"));
        web.pages.insert(directory, Page::Html(&["loop/", "page"]));
    }
    web
}

#[tokio::test(start_paused = true)]
async fn a_loop_is_left_and_the_rest_of_the_host_is_not() {
    let options = groups::Options { same_content: NonZeroU32::new(5), memory_bytes: 1 << 16, ..Default::default() };
    let mut crawl = Crawl::of(&["http://a/"]).with(|engine| engine.groups = options);
    // The rule about repeated segments would see it first.
    crawl.scope.traps = scope::Traps::off();
    let (finished, shelf, _) = crawl.run(looping_web()).await;
    let tally = &finished.book.tally;
    assert!(tally.fetched < 20, "{}", tally.fetched);
    assert!(tally.refused[&Refusal::DuplicateContent] >= 1);
    assert_eq!(tally.retired["http://a/docs/loop/"], Refusal::DuplicateContent);
    assert_eq!(shelf.record("http://a/docs/page")["outcome"], "fetched");
    let refused = shelf.0.lock().unwrap().iter().find(|record| record["reason"] == "duplicate-content").cloned();
    assert_eq!(refused.unwrap()["rule"], "traps.same_content = 5 in http://a/docs/loop/");
    assert_eq!(finished.n_queued, 0);
}

#[tokio::test(start_paused = true)]
async fn a_directory_has_a_budget() {
    let mut web = Web::new(&[("http://a/", Page::Html(&["/d/0", "/d/1", "/d/2", "/d/3", "/e/0"]))]);
    for page in ["d/0", "d/1", "d/2", "d/3", "e/0"] {
        web.pages.insert(format!("http://a/{page}"), Page::Text("a page"));
    }
    let options =
        groups::Options { pages_per_directory: NonZeroU64::new(2), directory_levels: 2, ..Default::default() };
    let (finished, shelf, _) = Crawl::of(&["http://a/"]).with(|engine| engine.groups = options).run(web).await;
    assert_eq!(finished.book.tally.refused[&Refusal::DirectoryPageLimit], 2);
    assert_eq!(shelf.record("http://a/e/0")["outcome"], "fetched");
    assert_eq!(shelf.record("http://a/d/3")["rule"], "limits.pages_per_directory = 2 in http://a/d/");
}
