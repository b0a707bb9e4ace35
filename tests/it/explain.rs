//! `dragline explain`: what it says of URLs of every fate agrees with what became of them.

use serde_json::{Value, json};

use crate::support::{
    ground::{Config, Ground},
    site::{Reply, Site},
};

/// What is explained of one URL.
async fn explain(ground: &Ground, url: &str) -> Value {
    let ended = ground.run(&["explain", url, "--config", "crawl.toml", "--json"]).await.with(0);
    serde_json::from_str(&ended.stdout).expect("one line of JSON")
}

fn conclusion(explanation: &Value) -> &str {
    explanation["conclusion"].as_str().expect("there is always one")
}

#[tokio::test]
async fn every_fate_is_explained() {
    let site = Site::new()
        .robots("User-agent: other\nDisallow: /\n\nUser-agent: *\nCrawl-delay: 0\nDisallow: /private\n")
        .page("/", &["/a", "/private/x", "/gone", "/old", "/skip.pdf", "http://elsewhere.example/", "/deep"])
        .page("/a", &["/b"])
        .page("/b", &[])
        .page("/deep", &["/deeper"])
        .page("/deeper", &["/deepest"])
        .redirect("/old", 301, "/a")
        .status("/gone", 410)
        .serve()
        .await;
    let ground = Ground::new();
    let config =
        Config::new(json!([site.url("/")])).set("scope.exclude", json!(["*.pdf"])).set("limits.depth", json!(2));
    ground.crawl(&config).await.with(0);

    let fetched = explain(&ground, &site.url("/a#part")).await;
    assert!(conclusion(&fetched).starts_with("it was fetched with 200 at "), "{fetched}");
    assert_eq!(fetched["canonical"], site.url("/a"));
    assert_eq!((&fetched["frontier"]["state"], &fetched["frontier"]["via"]), (&json!("done"), &json!(site.url("/"))));
    assert_eq!(fetched["last"]["outcome"], "fetched");
    assert_eq!(fetched["robots"]["standing"], "rules");

    let denied = explain(&ground, &site.url("/private/x")).await;
    assert!(conclusion(&denied).starts_with("it was refused as robots-denied"), "{denied}");
    assert_eq!((&denied["robots"]["allowed"], &denied["robots"]["line"]), (&json!(false), &json!(6)));
    assert!(denied["robots"]["age_s"].as_u64().is_some_and(|age| age < 60), "{denied}");

    let gone = explain(&ground, &site.url("/gone")).await;
    assert!(conclusion(&gone).starts_with("it failed as http-410 at "), "{gone}");
    let moved = explain(&ground, &site.url("/old")).await;
    assert!(conclusion(&moved).ends_with(&format!("redirects to {}", site.url("/a"))), "{moved}");
    let excluded = explain(&ground, &site.url("/skip.pdf")).await;
    assert!(conclusion(&excluded).contains("refused as excluded by scope.exclude[0] = \"*.pdf\""), "{excluded}");
    let elsewhere = explain(&ground, "http://elsewhere.example/").await;
    assert!(conclusion(&elsewhere).contains("refused as out-of-scope by scope.mode = host"), "{elsewhere}");
    let deep = explain(&ground, &site.url("/deepest")).await;
    assert!(conclusion(&deep).contains("refused as too-deep by limits.depth = 2"), "{deep}");
    let unseen = explain(&ground, &site.url("/nobody-links-here")).await;
    assert_eq!(conclusion(&unseen), "it may be fetched, but no page that was read so far, and no seed, leads to it");
    let mail = explain(&ground, "mailto:me@example.org").await;
    assert!(conclusion(&mail).starts_with("it can't be crawled: "), "{mail}");

    // For people the same, in lines.
    let text = ground.run(&["explain", &site.url("/gone"), "--config", "crawl.toml"]).await.with(0).stdout;
    assert!(
        text.contains("  frontier    done, depth 1, found on ") && text.contains("it failed as http-410"),
        "{text}"
    );
}

#[tokio::test]
async fn what_waits_is_explained_with_its_place() {
    let site = Site::new()
        .page("/", &["/1", "/2", "/3"])
        .page("/1", &[])
        .replies("/2", [Reply::status(500)])
        .page("/3", &[])
        .serve()
        .await;
    let ground = Ground::new();
    ground.crawl(&Config::new(json!([site.url("/")])).set("limits.pages", json!(1))).await.with(3);
    let waiting = explain(&ground, &site.url("/3")).await;
    assert_eq!((&waiting["frontier"]["state"], &waiting["frontier"]["n_before"]), (&json!("queued"), &json!(2)));
    assert!(conclusion(&waiting).starts_with("it waits: limits.pages = 1 is used up"), "{waiting}");
    assert_eq!(waiting["budgets"][0], json!({ "key": "limits.pages", "limit": 1, "used": 1, "left": 0 }));
    assert!(waiting["not_before"].is_string() && waiting["host"]["interval_s"].is_number(), "{waiting}");
}

#[tokio::test]
async fn without_a_crawl_the_rules_are_explained() {
    let ground = Ground::new();
    ground.write("crawl.toml", Config::new(json!(["http://127.0.0.1:9/"])).toml());
    let outside = explain(&ground, "http://user:secret@other.example/").await;
    assert!(!outside.to_string().contains("secret"), "{outside}");
    assert!(conclusion(&outside).starts_with("it is refused as out-of-scope"), "{outside}");
    assert_eq!(outside["frontier"], Value::Null);
    assert!(outside["notes"][0].as_str().is_some_and(|note| note.ends_with("holds no crawl that has begun")));
    assert!(!ground.out().exists(), "explaining makes no folder");
}
