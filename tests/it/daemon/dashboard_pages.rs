//! The dashboard's pages of errors, schedules, hosts and the daemon itself, without a browser: what they say, what
//! their forms do, whom they refuse, and that none grows with what it tells of.

use std::time::Duration;

use serde_json::json;

use super::dashboard::{FORM, between, send, sign_in, text, with_keys};
use crate::support::{
    daemon::{Daemon, config},
    ground::Ground,
    site::{Reply, Site},
};

/// No page is longer than this, whatever it tells of.
const MOST_BYTES: usize = 400_000;
const HOSTILE: &str = "<script>alert(1)</script>\"'&<img src=x>";

/// The page at `target`, in which nothing that others chose is markup.
async fn page(daemon: &Daemon, target: &str, lines: &str) -> String {
    let got = daemon.call("GET", target, lines, b"").await;
    let page = text(&got);
    assert_eq!(got.status, 200, "{target}: {page}");
    assert!(!page.contains("<script>") && !page.contains("<img"), "{target}: {page}");
    assert!(page.len() < MOST_BYTES, "{target} has {} bytes", page.len());
    page
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_told_from_the_last_one_on() {
    let ground = Ground::new();
    // As long as a URL may be, and as much to be escaped as fits.
    let paths: Vec<String> = (0..120).map(|n| format!("/{n:03}/{}", "\"<'&%22".repeat(250))).collect();
    let links: Vec<&str> = paths.iter().map(String::as_str).collect();
    let title = format!("<title>{}{}\u{202e}\u{7}🦀</title>", HOSTILE.replace('<', "&lt;"), "x".repeat(5000));
    let kind = format!("text/{}", HOSTILE.repeat(20));
    let site = Site::new().page("/", &links).html("/odd", &title).reply("/kind", Reply::new(200, &kind, "x"));
    let site = site.status("/gone", 410).serve().await;
    let daemon = Daemon::start(&ground, &config().set("limits.url_length", 8000)).await;
    let seeds: Vec<String> = ["/", "/odd", "/kind", "/gone"].iter().map(|path| site.url(path)).collect();
    let document = json!({"seeds": {"urls": seeds}, "politeness": {"per_host": 1}, "fetch": {"retries": 0}});
    let id = daemon.begin(&document).await;
    daemon.until(&id, &["finished"]).await;
    let all = daemon.get(&format!("/v1/crawls/{id}/pages?limit=1000")).await.1;
    let all = all["pages"].as_array().unwrap();
    assert_eq!(all.len(), 124, "{all:?}");

    // The API reads them from behind, in steps of any length.
    for limit in [1, 7, 1000] {
        let (mut read, mut cursor) = (Vec::new(), String::new());
        loop {
            let got = daemon.get(&format!("/v1/crawls/{id}/pages?order=newest&limit={limit}{cursor}")).await.1;
            read.extend(got["pages"].as_array().unwrap().iter().cloned());
            let Some(next) = got["next"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        read.reverse();
        assert!(read == *all, "by {limit}");
    }

    let at = format!("/crawls/{id}");
    let first = page(&daemon, &format!("{at}/errors"), "").await;
    assert_eq!(first.matches("<th scope=\"row\"").count(), 50, "{first}");
    let last = all.iter().rev().find(|record| record["outcome"] == "failed").unwrap()["fetched_at"].as_str().unwrap();
    assert_eq!(between(&first, "<time datetime=\"", "\""), last);
    let mut n = 0;
    let mut target = format!("{at}/errors");
    loop {
        let page = page(&daemon, &target, "").await;
        n += page.matches("<th scope=\"row\"").count();
        let Some((before, _)) = page.split_once("\">Earlier</a>") else { break };
        target = before.rsplit_once("href=\"").unwrap().1.replace("&amp;", "&");
    }
    assert_eq!(n, 121);
    let gone = page(&daemon, &format!("{at}/errors?reason=http-410"), "").await;
    assert!(gone.matches("<th scope=\"row\"").count() == 1 && gone.contains("/gone"), "{gone}");
    let none = page(&daemon, &format!("{at}/errors?reason=%22%3E%3Cscript%3E"), "").await;
    assert!(none.contains("no URL of this crawl has failed"), "{none}");
    page(&daemon, &format!("{at}/pages"), "").await;
    page(&daemon, &format!("{at}/pages?outcome=failed"), "").await;
    let whole = page(&daemon, &at, "").await;
    assert!(whole.contains("they agree") && whole.contains("/pages?outcome=failed&amp;reason=http-404"), "{whole}");

    for cursor in ["x", "1-0", "1-0--1", "1-99999999999999999999-0", "%00", "2-0-0", "-", "1-0-0-0"] {
        for list in ["errors?", "pages?", "errors/live?"] {
            let got = daemon.call("GET", &format!("{at}/{list}cursor={cursor}"), "", b"").await;
            assert_eq!(got.status, 400, "{list}{cursor}");
        }
    }
    for cursor in ["1-18446744073709551615-18446744073709551615", "1-0-3", "1-0-18446744073709551615", "1-7-7"] {
        for list in ["errors?", "pages?"] {
            page(&daemon, &format!("{at}/{list}cursor={cursor}"), "").await;
        }
    }
    for file in
        ["..%2f..%2fcrawl.json", "../crawl.json", "%2e%2e/crawl.json", "state/lock", "/etc/passwd", "passes/../.."]
    {
        let got = daemon.call("GET", &format!("{at}/outputs/{file}"), "", b"").await;
        assert_eq!(got.status, 404, "{file}");
    }
    for (method, target, expected) in [
        ("HEAD", "/", 200),
        ("HEAD", "/hosts", 200),
        ("OPTIONS", "/", 405),
        ("DELETE", "/schedules", 405),
        ("POST", "/status", 405),
        ("GET", "/cache/purge", 405),
        ("GET", "/host/block", 405),
        ("BREW", "/hosts", 405),
    ] {
        let got = daemon.call(method, target, "", b"").await;
        assert_eq!(got.status, expected, "{method} {target}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn schedules_are_made_looked_at_and_done_away_with() {
    let ground = Ground::new();
    let daemon = with_keys(&ground).await;
    let (a, b) = (sign_in(&daemon, "a").await, sign_in(&daemon, "b").await);
    let boss = sign_in(&daemon, "boss").await;
    assert!(page(&daemon, "/schedules", &a).await.contains("None."));
    let document = "[seeds]\nurls = ['http://x.vitro.test/']\n[job]\nname = 'weekly'\n";
    let good = [("cron", "30 4 * * MON"), ("zone", "Europe/Berlin"), ("overlap", "queue"), ("document", document)];
    for (field, value, told) in [
        ("cron", HOSTILE, "five fields"),
        ("cron", "0 0 31 2 *", "never is such a time"),
        ("zone", HOSTILE, "is not known"),
        ("priority", "ten", "a number from 0 to 9"),
        ("priority", "10", "a number from 0 to 9"),
        ("document", "[seeds", "document"),
        ("document", "{\"seeds\": {\"urls\": []}, \"<script>\": 1}", "script"),
        ("document", "daemon.listen = '0.0.0.0:1'\nseeds.urls = ['http://x.vitro.test/']", "daemon"),
    ] {
        let mut fields = vec![(field, value)];
        fields.extend(good);
        let got = send(&daemon, "/schedules", "/schedules/new", &a, &fields).await;
        let page = text(&got);
        assert!(matches!(got.status, 400 | 422) && page.contains("role=\"alert\""), "{field} {value}: {page}");
        assert!(page.contains(told) && !page.contains("<script>") && !page.contains("<img"), "{told}: {page}");
        assert!(page.contains("30 4 * * MON") || field == "cron", "what was typed stays: {page}");
    }
    assert_eq!(send(&daemon, "/schedules", "/schedules/new", &b, &good).await.status, 403);
    let made = send(&daemon, "/schedules", "/schedules/new", &a, &good).await;
    assert_eq!(made.status, 303, "{}", text(&made));
    let at = made.header("location").unwrap().to_owned();
    let own = page(&daemon, &at, &a).await;
    for told in ["weekly", "30 4 * * MON", "Europe/Berlin", "Begin again when it is over", "not yet"] {
        assert!(own.contains(told), "{told} is not in {own}");
    }
    for (session, is_seen) in [(&a, true), (&b, false), (&boss, true)] {
        assert_eq!(page(&daemon, "/schedules", session).await.contains("weekly"), is_seen, "{session}");
        let got = daemon.call("GET", &at, session, b"").await;
        assert_eq!(got.status, if is_seen { 200 } else { 404 });
    }
    // What is somebody else's is not there; nor is what is no schedule at all.
    let b_and_not = [format!("{at}/pause"), format!("{at}/delete")];
    for target in &b_and_not {
        assert_eq!(send(&daemon, "/fetch", target, &b, &[]).await.status, 403, "b may begin nothing");
    }
    assert_eq!(send(&daemon, &at, &format!("{at}/explode"), &a, &[]).await.status, 404);
    assert_eq!(send(&daemon, &at, "/schedules/x/pause", &a, &[]).await.status, 404);
    assert_eq!(daemon.call("POST", &format!("{at}/delete"), &format!("{FORM}{a}"), b"").await.status, 403, "no token");

    let paused = send(&daemon, &at, &format!("{at}/pause"), &a, &[("back", "list")]).await;
    assert_eq!((paused.status, paused.header("location")), (303, Some("/schedules")));
    assert!(page(&daemon, &at, &a).await.contains(">paused<"));
    let resumed = send(&daemon, &at, &format!("{at}/resume"), &a, &[]).await;
    assert_eq!(resumed.header("location"), Some(at.as_str()));
    // A crawl's own document is a good beginning for a schedule.
    let begun = send(&daemon, "/", "/crawls", &a, &[("seeds", "http://y.vitro.test/?<b>"), ("name", "of-a")]).await;
    let id = begun.header("location").unwrap().rsplit('/').next().unwrap().to_owned();
    let from = page(&daemon, &format!("/schedules?from={id}"), &a).await;
    assert!(from.contains("http://y.vitro.test/?&lt;b&gt;"), "{from}");
    assert_eq!(daemon.call("GET", &format!("/schedules?from={id}"), &b, b"").await.status, 404);
    assert_eq!(send(&daemon, &at, &format!("{at}/delete"), &a, &[]).await.header("location"), Some("/schedules"));
    assert_eq!(daemon.call("GET", &at, &a, b"").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_blocks_pardons_and_purges_and_nobody_else_does() {
    let ground = Ground::new();
    let daemon = with_keys(&ground).await;
    let (a, boss) = (sign_in(&daemon, "a").await, sign_in(&daemon, "boss").await);
    let host = "/host?name=blocked.vitro.test";
    let block = [("name", "blocked.vitro.test"), ("seconds", "3600")];
    for act in ["/host/block", "/host/unblock", "/host/reset", "/cache/purge"] {
        assert_eq!(send(&daemon, "/hosts", act, &a, &block).await.status, 403, "{act}");
        assert_eq!(daemon.call("POST", act, &format!("{FORM}{boss}"), b"name=x").await.status, 403, "{act}, no token");
    }
    assert!(!page(&daemon, host, &a).await.contains("<button class=\"danger\""));
    let blocked = send(&daemon, host, "/host/block", &boss, &block).await;
    assert_eq!((blocked.status, blocked.header("location")), (303, Some(host)), "{}", text(&blocked));
    assert!(page(&daemon, host, &boss).await.contains("Blocked until"));
    assert!(page(&daemon, "/hosts", &boss).await.contains("blocked.vitro.test"));
    assert!(!page(&daemon, "/hosts", &a).await.contains("blocked.vitro.test"), "a's crawls do not want it");
    for seconds in ["0", "-1", "x", "99999999999999999999"] {
        let fields = [("name", "blocked.vitro.test"), ("seconds", seconds)];
        assert_eq!(send(&daemon, host, "/host/block", &boss, &fields).await.status, 400, "{seconds}");
    }
    for name in ["", "a/b", "a b", "<script>", "a:80", "\u{202e}"] {
        let got = send(&daemon, host, "/host/block", &boss, &[("name", name)]).await;
        assert!(got.status == 404 && !text(&got).contains("<script>"), "{name}");
    }
    assert_eq!(send(&daemon, host, "/host/unblock", &boss, &block).await.status, 303);
    assert_eq!(send(&daemon, host, "/host/reset", &boss, &block).await.status, 303);
    assert!(!page(&daemon, "/hosts", &boss).await.contains("blocked.vitro.test"));

    let status = page(&daemon, "/status", &boss).await;
    for told in ["takes crawls", "free", "Answered from it", env!("CARGO_PKG_VERSION"), "Forget everything"] {
        assert!(status.contains(told), "{told} is not in {status}");
    }
    assert!(!page(&daemon, "/status", &a).await.contains("Forget everything"));
    let wrong = send(&daemon, "/status", "/cache/purge", &boss, &[("url", HOSTILE)]).await;
    assert!(wrong.status == 400 && !text(&wrong).contains("<script>"), "{}", text(&wrong));
    assert_eq!(send(&daemon, "/status", "/cache/purge", &boss, &[]).await.status, 422, "not everything by mistake");
    for fields in [[("url", "http://x.vitro.test/")], [("all", "yes")]] {
        assert_eq!(send(&daemon, "/status", "/cache/purge", &boss, &fields).await.header("location"), Some("/status"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_signs_in_again_is_no_more_who_he_was() {
    let ground = Ground::new();
    let daemon = with_keys(&ground).await;
    let a = sign_in(&daemon, "a").await;
    let fields = [("key", "key-boss"), ("next", "/")];
    // The form of whoever is signed in has that session's token.
    let again = send(&daemon, "/", "/login", &a, &fields).await;
    assert_eq!(again.status, 303, "{}", text(&again));
    let cookie = again.header("set-cookie").unwrap();
    let boss = format!("Cookie: {}\r\n", cookie.split(';').next().unwrap());
    assert_ne!(a, boss);
    assert!(page(&daemon, "/", &boss).await.contains("boss"));
    assert_eq!(daemon.call("GET", "/", &a, b"").await.status, 303, "the session before is over");
    // A session that somebody else made up is none, and does not become one.
    let fixed = "Cookie: dragline=0000000000000000000000000000000000000000000000000000000000000000\r\n";
    assert_eq!(daemon.call("GET", "/", fixed, b"").await.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_hosts_are_no_long_page() {
    let ground = Ground::new();
    let site = Site::new().page("/", &[]).serve().await;
    let daemon = Daemon::start(&ground, &config()).await;
    let port = site.url("/").rsplit(':').next().unwrap().trim_end_matches('/').to_owned();
    let host = |n: usize| format!("h{n}-{}.vitro.test", "x".repeat(20));
    let seeds: Vec<String> = (0..10_000).map(|n| format!("http://{}:{port}/", host(n))).collect();
    // Each host is asked for its robots.txt and then rests for a minute: all of them are waited for.
    let document = json!({"seeds": {"urls": seeds}, "politeness": {"rate": "1/min"}});
    let id = daemon.begin(&document).await;
    let waits = async {
        while daemon.get("/v1/hosts").await.1["hosts"].as_array().is_none_or(|hosts| hosts.len() < 5) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waits).await.expect("hosts are asked, or waited for");
    for n in 0..300 {
        let target = format!("/v1/hosts/b{n}.vitro.test/block");
        assert_eq!(daemon.json("PUT", &target, None).await.0, 200);
    }
    let hosts = page(&daemon, "/hosts", "").await;
    assert_eq!(hosts.matches("<th scope=\"row\"").count(), 200);
    assert!(hosts.contains("more: the API lists up to 1,000"), "{hosts}");
    for target in ["/", "/live", "/hosts/live", &format!("/crawls/{id}"), &format!("/crawls/{id}/live")] {
        page(&daemon, target, "").await;
    }
    let form = page(&daemon, &format!("/crawls/{id}"), "").await;
    assert!(form.contains("This is its beginning"), "the document is cut");
    assert_eq!(send(&daemon, "/", &format!("/crawls/{id}/cancel"), "", &[]).await.status, 303);
}
