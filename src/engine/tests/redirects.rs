//! Redirects as outcomes: each hop is judged like any other URL, and what leads nowhere says so.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_redirect_that_leads_nowhere_is_typed() {
    let pages: &[(&str, &str, &str)] = &[
        ("http://a/self", "/self#again", "failed redirect-loop"),
        ("http://a/ftp", "ftp://a/file", "failed bad-location"),
        ("http://a/script", "javascript:alert(1)", "failed bad-location"),
        ("http://a/data", "data:text/html,hello", "failed bad-location"),
        ("http://a/file", "file:///etc/passwd", "failed bad-location"),
        ("http://a/empty", "", "failed bad-location"),
        ("http://a/garbage", "http://[/", "failed bad-location"),
        ("http://a/secret", "http://user:sesame@a/end", "redirected"),
    ];
    let mut web: Vec<(&str, Page)> = pages.iter().map(|(url, to, _)| (*url, Page::Redirect(to))).collect();
    web.extend([
        (
            "http://a/",
            Page::Html(&["self", "ftp", "script", "data", "file", "empty", "garbage", "secret", "lost", "same"]),
        ),
        ("http://a/lost", Page::Status(302, None)),
        ("http://a/same", Page::Status(304, None)),
        ("http://a/end", Page::Html(&[])),
    ]);
    let (finished, shelf, web) = Crawl::of(&["http://a/"]).run(Web::new(&web)).await;
    for (url, _, expected) in pages {
        assert_eq!(shelf.outcomes()[*url], *expected, "{url}");
        assert_eq!(web.times(url).len(), 1, "{url} is asked for once");
    }
    assert_eq!(shelf.outcomes()["http://a/lost"], "failed http-302");
    assert_eq!(shelf.outcomes()["http://a/same"], "failed protocol");
    assert_eq!(shelf.record("http://a/ftp")["error"], "its Location has the scheme \"ftp\"");
    assert_eq!(shelf.record("http://a/ftp")["status"], 301);
    assert!(shelf.record("http://a/same")["error"].as_str().unwrap().contains("no condition"));
    assert_eq!(finished.book.tally.failed["bad-location"], 6);
    assert_eq!(shelf.record("http://a/secret")["final_url"], "http://a/end", "without its credentials");
    assert!(!shelf.record("http://a/secret").to_string().contains("sesame"));
    assert!(!shelf.record("http://a/end").to_string().contains("sesame"));
}

#[tokio::test(start_paused = true)]
async fn a_loop_of_redirects_asks_for_each_url_once() {
    let web = Web::new(&[
        ("http://a/", Page::Redirect("http://b/")),
        ("http://b/", Page::Redirect("http://c/")),
        ("http://c/", Page::Redirect("http://a/")),
    ]);
    let (finished, shelf, web) = Crawl::of(&["http://a/"]).run(web).await;
    let expected = [("http://a/", "redirected"), ("http://b/", "redirected"), ("http://c/", "redirected")];
    assert_eq!(shelf.outcomes(), outcomes(&expected));
    assert_eq!((web.urls().len(), finished.end), (3, End::Finished));
}

#[tokio::test(start_paused = true)]
async fn each_hop_meets_scope_robots_and_guard() {
    let web = Web::new(&[
        ("http://a/robots.txt", Page::Text("")),
        ("http://b/robots.txt", Page::Text("User-agent: *\nDisallow: /private")),
        ("http://inside/robots.txt", Page::Error(ErrorKind::AddressRefused, Phase::Resolve)),
        ("http://a/", Page::Html(&["out", "private", "inside", "metadata"])),
        ("http://a/out", Page::Redirect("http://b/skipped.zip")),
        ("http://a/private", Page::Redirect("http://b/private/x")),
        ("http://a/inside", Page::Redirect("http://inside/")),
        ("http://a/metadata", Page::Redirect("http://a/late")),
        ("http://a/late", Page::Error(ErrorKind::AddressRefused, Phase::Resolve)),
    ]);
    let mut crawl = Crawl::of(&["http://a/"]).obeying_robots();
    crawl.scope.exclude = vec!["*.zip".into()];
    let (_, shelf, web) = crawl.run(web).await;
    let expected = outcomes(&[
        ("http://a/", "fetched"),
        ("http://a/out", "redirected"),
        ("http://a/private", "redirected"),
        ("http://a/inside", "redirected"),
        ("http://a/metadata", "redirected"),
        ("http://b/skipped.zip", "refused excluded"),
        ("http://b/private/x", "refused robots-denied"),
        ("http://inside/", "refused address-refused"),
        ("http://a/late", "refused address-refused"),
    ]);
    assert_eq!(shelf.outcomes(), expected);
    assert_eq!(shelf.record("http://b/private/x")["redirects"][0]["url"], "http://a/private");
    assert!(web.times("http://b/private").is_empty() && web.times("http://b/skipped").is_empty());
    assert_eq!(web.times("http://inside/").len(), 1, "robots.txt, and nothing after it was refused");
}

#[tokio::test(start_paused = true)]
async fn a_hop_to_a_host_waits_for_its_turn() {
    let web = Web::new(&[
        ("http://a/", Page::Redirect("http://b/1")),
        ("http://b/", Page::Html(&["2"])),
        ("http://b/1", Page::Redirect("http://b/3")),
    ]);
    let (_, _, web) = Crawl::of(&["http://a/", "http://b/"]).run(web).await;
    let times = web.times("http://b/");
    assert_eq!(times.len(), 4);
    assert!(times.windows(2).all(|pair| pair[1].since(pair[0]) >= Duration::from_secs(1)), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn a_downgrade_is_followed_or_refused_as_configured() {
    let pages = [
        ("https://a/", Page::Html(&["plain", "other", "same"])),
        ("https://a/plain", Page::Redirect("http://a/plain")),
        ("https://a/other", Page::Redirect("http://a/linked")),
        ("https://a/same", Page::Redirect("https://a/end")),
        ("http://a/plain", Page::Html(&[])),
        ("http://a/linked", Page::Html(&[])),
        ("https://a/end", Page::Html(&["http://a/linked"])),
    ];
    let (_, shelf, _) = Crawl::of(&["https://a/"]).run(Web::new(&pages)).await;
    assert_eq!(shelf.outcomes()["http://a/plain"], "fetched");

    let crawl = Crawl::of(&["https://a/"]).with(|options| options.downgrade = Downgrade::Refuse);
    let (finished, shelf, web) = crawl.run(Web::new(&pages)).await;
    assert_eq!(shelf.outcomes()["http://a/plain"], "refused insecure-redirect");
    assert_eq!(shelf.record("http://a/plain")["rule"], "fetch.downgrade = \"refuse\"");
    assert!(web.times("http://a/plain").is_empty());
    assert_eq!(shelf.outcomes()["http://a/linked"], "fetched", "a link leads there too");
    assert_eq!(finished.n_queued, 0);
}
