//! What answers say beside their pages, seen in records: headers, directives, usage signals, types
//! that lie, plain text, details of links and metadata; and refusals with their rules.

use serde_json::{Value, json};

use crate::support::{
    ground::{Config, Ground},
    site::{Reply, Site},
};

/// A page under a content type, with further headers.
fn reply(content_type: &str, body: &str, headers: &[(&str, &str)]) -> Reply {
    headers.iter().fold(Reply::new(200, content_type, body), |reply, (name, value)| reply.header(name, value))
}

#[tokio::test]
async fn links_of_headers_texts_and_lying_types_are_followed() {
    let site = Site::new()
        .reply(
            "/",
            reply(
                "text/html",
                "<a href=/list.txt>x</a><a href=/file.bin>x</a><a href=/doc.pdf>x</a>",
                &[("Link", "</next>; rel=next, </style.css>; rel=stylesheet"), ("Refresh", "5; url=/refreshed")],
            ),
        )
        .page("/next", &[])
        .page("/refreshed", &[])
        .page("/from-text", &[])
        .page("/from-pdf", &[])
        .page("/from-bin", &[])
        .reply("/list.txt", reply("text/plain", "see http://127.0.0.1:{port}/from-text, please", &[]))
        .reply("/file.bin", reply("application/octet-stream", "<!doctype html><a href=/from-bin>x</a>", &[]))
        .reply(
            "/doc.pdf",
            reply("application/pdf", "%PDF-1.4 1 0 obj <</A<</URI(http://127.0.0.1:{port}/from-pdf)>>>>", &[]),
        )
        .serve()
        .await;
    let ground = Ground::new();
    let config = Config::new(json!([site.url("/")])).set("links.text_files", json!(true)).set("links.pdf", json!(true));
    ground.crawl(&config).await.with(0);
    let records = ground.reconciled();
    for path in ["/next", "/refreshed", "/from-text", "/from-pdf", "/from-bin"] {
        assert_eq!(records[&site.url(path)]["outcome"], "fetched", "{path}");
    }
    assert!(!records.contains_key(&site.url("/style.css")), "assets are not asked for");
    assert_eq!(records[&site.url("/file.bin")]["sniffed_type"], "text/html");
    assert_eq!(records[&site.url("/")].get("sniffed_type"), None);
}

#[tokio::test]
async fn directives_and_usage_signals_are_recorded() {
    let page =
        "<meta name=robots content=noarchive><meta name=tdm-reservation content=1><title>t</title><a href=/b>b</a>";
    let headers = [("X-Robots-Tag", "otherbot: noindex"), ("X-Robots-Tag", "nofollow")];
    let site = Site::new()
        .robots("User-agent: *\nContent-Signal: search=yes, ai-train=no\nAllow: /\n")
        .reply("/", reply("text/html", page, &headers))
        .page("/b", &[])
        .serve()
        .await;
    let ground = Ground::new();
    ground.crawl(&Config::new(json!([site.url("/")])).set("fetch.nofollow", json!(true))).await.with(0);
    let records = ground.reconciled();
    let record = &records[&site.url("/")];
    assert_eq!(record["robots"], json!(["nofollow", "noarchive"]));
    assert_eq!(records.len(), 1, "nofollow by X-Robots-Tag holds for the page: {records:#?}");
    let said = |signal: &Value| (signal["source"].clone(), signal["name"].clone(), signal["value"].clone());
    let usage: Vec<_> = record["usage"].as_array().expect("there are some").iter().map(said).collect();
    assert!(usage.contains(&(json!("robots"), json!("content-signal"), json!("search=yes, ai-train=no"))), "{usage:?}");
    assert!(usage.contains(&(json!("meta"), json!("tdm-reservation"), json!("1"))), "{usage:?}");
    assert_eq!((&record["title"], record.get("usage_reserved")), (&json!("t"), None));
}

#[tokio::test]
async fn reservations_bind_when_asked_to() {
    let site = Site::new()
        .robots("User-agent: *\nContent-Signal: /no/ ai-train=no\nAllow: /\n")
        .html("/", "<title>open</title><a href=/reserved>x</a>")
        .reply(
            "/reserved",
            reply("text/html", "<title>not for you</title><a href=/b>b</a>", &[("Content-Usage", "train-ai=n")]),
        )
        .page("/b", &[])
        .serve()
        .await;
    let ground = Ground::new();
    let config =
        Config::new(json!([site.url("/")])).set("robots.signals", "obey").set("robots.purposes", json!(["ai-train"]));
    ground.crawl(&config).await.with(0);
    let records = ground.reconciled();
    let reserved = &records[&site.url("/reserved")];
    assert_eq!((&reserved["usage_reserved"], reserved.get("title")), (&json!(true), None), "{reserved}");
    assert_eq!(records[&site.url("/b")]["outcome"], "fetched", "what it is is withheld, where it leads is not");
    assert_eq!(records[&site.url("/")]["title"], "open");
}

#[tokio::test]
async fn details_and_metadata_are_there_when_asked_for() {
    let page = "<title>t</title><meta property=og:title content=OG><link rel=alternate hreflang=de href=/de>\
        <script type='application/ld+json'>{\"@type\":\"Thing\"}</script>\
        <a href='/a?utm_source=x' rel='ugc nofollow'>some <b>text</b></a><a href='mailto:x'>m</a>";
    let site = Site::new().html("/", page).page("/a", &[]).page("/de", &[]).serve().await;
    let ground = Ground::new();
    let config = Config::new(json!([site.url("/")]))
        .set("outputs.link_details", json!(true))
        .set("outputs.metadata", json!(true))
        .set("canonical.tracking_parameters", json!(true));
    ground.crawl(&config).await.with(0);
    let records = ground.reconciled();
    let record = &records[&site.url("/")];
    let details = [
        json!({ "url": site.url("/de"), "kind": "link", "rel": "alternate", "position": 0 }),
        json!({ "url": site.url("/a"), "kind": "a", "rel": "ugc nofollow", "text": "some text", "position": 1 }),
    ];
    assert_eq!(record["link_details"], json!(details), "{record:#}");
    let metadata = &record["metadata"];
    assert_eq!(metadata["alternates"], json!([["de", site.url("/de")]]));
    assert_eq!(metadata["open_graph"], json!([["og:title", "OG"]]));
    assert_eq!(metadata["json_ld"], json!(["{\"@type\":\"Thing\"}"]));
}

#[tokio::test]
async fn every_refusal_names_its_rule() {
    let many: Vec<String> = (0..120).map(|n| format!("p{n}={n}")).collect();
    let links = [
        "/private/x".to_owned(),
        "/a.pdf".to_owned(),
        format!("/q?{}", many.join("&")),
        "/x/y/x/y/x/y/z".to_owned(),
        "/file.zip".to_owned(),
        "http://elsewhere.example/".to_owned(),
        format!("/{}", "l".repeat(3000)),
    ];
    let links: Vec<&str> = links.iter().map(String::as_str).collect();
    let site = Site::new().robots("User-agent: *\nDisallow: /private/\n").page("/", &links).serve().await;
    let ground = Ground::new();
    let config = Config::new(json!([site.url("/")]))
        .set("scope.exclude", json!(["*.pdf"]))
        .set("scope.exclude_extensions", json!(["zip"]));
    ground.crawl(&config).await.with(0);
    let records = ground.reconciled();
    let mut rules: Vec<(&str, &str)> = records
        .values()
        .filter(|record| record["outcome"] == "refused")
        .map(|record| (record["reason"].as_str().unwrap(), record["rule"].as_str().unwrap_or_default()))
        .collect();
    rules.sort_unstable();
    assert_eq!(
        rules,
        [
            ("excluded", "scope.exclude[0] = \"*.pdf\""),
            ("excluded", "scope.exclude_extensions: \"zip\""),
            ("out-of-scope", "scope.mode = host"),
            ("robots-denied", "robots.txt line 2: Disallow: /private/"),
            ("too-many-parameters", "limits.parameters = 100: 120 parameters"),
            ("trap", "traps.repeated_segments = 3: `x/y` 3 times in a row"),
            ("url-too-long", "limits.url_length = 2048"),
        ]
    );
}

#[tokio::test]
async fn a_url_in_two_roles_is_let_in_by_either() {
    let page = "<a href=http://localhost:{port}/big.jpg><img src=http://localhost:{port}/big.jpg></a>\
        <link rel=canonical href=/c><a href=/c>c</a>";
    let site = Site::new().html("/", page).page("/c", &[]).page("/big.jpg", &[]).serve().await;
    let ground = Ground::new();
    let config = Config::new(json!([site.url("/")]))
        .set("scope.assets", "any")
        .set("scope.canonical", "never")
        .set("links.kinds", json!(["navigation", "img"]));
    ground.crawl(&config).await.with(0);
    let records = ground.reconciled();
    assert_eq!(records[&site.url("/c")]["outcome"], "fetched");
    assert_eq!(records[&site.url_on("localhost", "/big.jpg")]["outcome"], "fetched", "{records:#?}");
}

#[tokio::test]
async fn nofollow_in_a_header_holds_for_all_that_has_links() {
    let headers = [("X-Robots-Tag", "nofollow"), ("Link", "</next>; rel=next")];
    let site = Site::new()
        .page("/", &["/list.txt"])
        .reply("/list.txt", reply("text/plain", "http://127.0.0.1:{port}/from-text", &headers))
        .serve()
        .await;
    let ground = Ground::new();
    let config =
        Config::new(json!([site.url("/")])).set("links.text_files", json!(true)).set("fetch.nofollow", json!(true));
    ground.crawl(&config).await.with(0);
    assert_eq!(ground.reconciled().len(), 2);
}

#[tokio::test]
async fn details_of_links_are_bounded_like_the_links() {
    // Each of many links is made long by the base.
    let base = format!("<base href=\"/{}/\">", "b".repeat(2000));
    let page = (0..2000).fold(base, |page, n| page + &format!("<a href={n}>x</a>"));
    let site = Site::new().html("/", &page).serve().await;
    let ground = Ground::new();
    let config = Config::new(json!([site.url("/")]))
        .set("outputs.link_details", json!(true))
        .set("fetch.body", "100 KiB")
        .set("limits.pages", json!(1));
    ground.crawl(&config).await.with(3);
    let records = ground.reconciled();
    let record = records.values().find(|record| record["depth"] == 0).expect("the seed's");
    let n_details = record["link_details"].as_array().expect("asked for").len();
    assert!((40..60).contains(&n_details), "{n_details}");
    assert_eq!(record["outlinks_truncated"], true);
}
