//! Tests of the website DSL and its responder, byte by byte.

use std::time::Duration;

use super::{
    audit::{assert_concurrency, assert_spacing},
    client::{Client, get},
    links,
    site::{Framing, Reply, Site},
};

#[tokio::test]
async fn a_site_answers_as_described() {
    let site = Site::new()
        .page("/", links!["/a?x=1&y=2", "/b"])
        .html("/a", "<p>a")
        .robots("User-agent: *\nDisallow:\n")
        .sitemap("/sitemap.xml", &["http://127.0.0.1:{port}/a?x&y"])
        .redirect("/r", 302, "http://127.0.0.1:{port}/a")
        .status("/gone", 410)
        .raw("/raw", "HTTP/1.1 200 Fine\r\nX: 1\r\n\r\nbytes")
        .serve()
        .await;
    let (addr, authority) = (site.addr(), site.addr().to_string());
    let home = get(addr, &authority, "/").await;
    assert_eq!((home.status, home.truncated), (200, false));
    let markup = String::from_utf8(home.body).unwrap();
    assert!(markup.contains("href=\"/a?x=1&amp;y=2\"") && markup.contains("href=\"/b\""), "{markup}");
    assert_eq!(get(addr, &authority, "/a").await.body, b"<p>a");
    assert_eq!(get(addr, &authority, "/robots.txt").await.body, b"User-agent: *\nDisallow:\n");
    let sitemap = String::from_utf8(get(addr, &authority, "/sitemap.xml").await.body).unwrap();
    assert!(sitemap.contains(&format!("<loc>{}</loc>", site.url("/a?x&amp;y"))), "{sitemap}");
    let redirect = get(addr, &authority, "/r").await;
    assert_eq!((redirect.status, redirect.header("location")), (302, Some(&*site.url("/a"))));
    assert_eq!(get(addr, &authority, "/gone").await.status, 410);
    assert_eq!(get(addr, &authority, "/nowhere").await.status, 404);
    let raw = get(addr, &authority, "/raw").await;
    assert_eq!((raw.head.as_str(), &*raw.body), ("HTTP/1.1 200 Fine\r\nX: 1\r\n\r\n", &b"bytes"[..]));
    let paths = ["/", "/a", "/robots.txt", "/sitemap.xml", "/r", "/gone", "/nowhere", "/raw"];
    assert_eq!(site.paths(), paths);
    let statuses: Vec<u16> = site.arrivals().iter().map(|arrival| arrival.status).collect();
    assert_eq!(statuses, [200, 200, 200, 200, 302, 410, 404, 0]);
}

#[tokio::test]
async fn framings_are_what_they_say() {
    let reply = |framing| Reply::html("0123456789").framed(framing);
    let site = Site::new()
        .reply("/length", reply(Framing::Length))
        .reply("/chunked", reply(Framing::Chunked(3)))
        .reply("/close", reply(Framing::UntilClose))
        .reply("/cut", reply(Framing::CutAt(4)))
        .serve()
        .await;
    for (path, body, truncated) in [
        ("/length", "0123456789", false),
        ("/chunked", "0123456789", false),
        ("/close", "0123456789", false),
        ("/cut", "0123", true),
    ] {
        let got = get(site.addr(), "h", path).await;
        assert_eq!((&*got.body, got.truncated), (body.as_bytes(), truncated), "{path}");
    }
}

#[tokio::test]
async fn replies_follow_each_other_and_hosts_are_told_apart() {
    let site = Site::new()
        .page("/", links!["/any"])
        .host("b.test")
        .replies("/", [Reply::status(503).header("Retry-After", "1"), Reply::html("b")])
        .serve()
        .await;
    let mut client = Client::connect(site.addr()).await;
    assert_eq!(client.get("a.test", "/", "").await.status, 200);
    let busy = client.get("B.test:80", "/", "User-Agent: me\r\n").await;
    assert_eq!((busy.status, busy.header("retry-after")), (503, Some("1")));
    assert_eq!(client.get("b.test", "/", "").await.body, b"b");
    assert_eq!(client.get("b.test", "/", "").await.body, b"b");
    assert_eq!(site.url_on("b.test", "/"), format!("http://b.test:{}/", site.addr().port()));
    let hosts: Vec<_> =
        site.arrivals().into_iter().map(|arrival| (arrival.host.to_string(), arrival.connection)).collect();
    assert_eq!(hosts, [("a.test".into(), 0), ("b.test".into(), 0), ("b.test".into(), 0), ("b.test".into(), 0)]);
    assert!(site.heads("/")[1].contains("User-Agent: me\r\n"));
}

#[tokio::test]
async fn arrivals_tell_time_and_concurrency() {
    let delay = Duration::from_millis(60);
    let site = Site::new().reply("/slow", Reply::html("").after(delay)).serve().await;
    let addr = site.addr();
    get(addr, "h", "/slow").await;
    get(addr, "h", "/slow").await;
    let one_by_one = site.arrivals();
    assert_spacing(&one_by_one, delay, Duration::from_millis(5));
    assert_concurrency(&one_by_one, 1);
    tokio::join!(get(addr, "h", "/slow"), get(addr, "h", "/slow"), get(addr, "other", "/slow"));
    let mut at_once: Vec<u32> = site.arrivals()[2..].iter().map(|arrival| arrival.in_flight).collect();
    at_once.sort_unstable();
    assert_eq!(at_once, [1, 1, 2], "two of one host, one of the other");
}
