//! Passes over one crawl: the second asks only for what has changed, reaches the same pages, and sets
//! aside what the first wrote, whatever interrupts it.

use std::{
    collections::BTreeMap,
    fs,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::any};

use crate::support::{
    binary::{by_url, read_receipt, read_records, signal},
    ground::{Config, Ground, finish, reconciled},
};

/// A page: its markup, and what says whether it has changed.
#[derive(Clone)]
struct Page {
    body: String,
    etag: Option<&'static str>,
    last_modified: Option<&'static str>,
}

const DATE: &str = "Tue, 15 Nov 1994 08:12:31 GMT";

/// A server that honours conditions, and whose pages can be changed.
struct Server {
    inner: MockServer,
    pages: Arc<Mutex<BTreeMap<String, Page>>>,
    /// Requests that were told of.
    n_told: Mutex<usize>,
}

fn links(to: &[&str]) -> String {
    to.iter().map(|to| format!("<a href=\"{to}\">x</a>\n")).collect()
}

impl Server {
    async fn start() -> Self {
        let page = |etag, last_modified, to: &[&str]| Page { body: links(to), etag, last_modified };
        let pages: BTreeMap<String, Page> = [
            (
                "/",
                page(Some("\"strong\""), Some(DATE), &["/weak", "/dated", "/plain", "/moved", "/gone", "/sitemap.xml"]),
            ),
            ("/weak", page(Some("W/\"weak, and odd\""), None, &["/behind", "http://elsewhere.example/"])),
            ("/dated", page(None, Some(DATE), &["/", "/behind-too"])),
            ("/plain", page(None, None, &["/"])),
            ("/behind", page(Some("\"b\""), None, &[])),
            ("/behind-too", page(Some("\"b2\""), None, &[])),
            ("/listed", page(Some("\"l\""), None, &[])),
            // Nothing leads there but the sitemap that robots.txt names.
            ("/told", page(None, None, &[])),
        ]
        .map(|(path, page)| (path.to_owned(), page))
        .into();
        let pages = Arc::new(Mutex::new(pages));
        let (inner, served) = (MockServer::start().await, Arc::clone(&pages));
        let base = inner.uri();
        Mock::given(any()).respond_with(move |request: &Request| answer(&served, &base, request)).mount(&inner).await;
        Self { inner, pages, n_told: Mutex::new(0) }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.inner.uri())
    }

    /// Path, `If-None-Match` and `If-Modified-Since` of the requests since the last call.
    async fn asked(&self) -> BTreeMap<String, (String, String)> {
        let requests = self.inner.received_requests().await.unwrap();
        let n_known = std::mem::replace(&mut *self.n_told.lock().unwrap(), requests.len());
        let field = |request: &Request, name: &str| {
            request.headers.get(name).map_or(String::new(), |value| value.to_str().unwrap().to_owned())
        };
        let mut asked = BTreeMap::new();
        for request in requests.into_iter().skip(n_known) {
            let conditions = (field(&request, "if-none-match"), field(&request, "if-modified-since"));
            let before = asked.insert(request.url.path().to_owned(), conditions);
            assert!(before.is_none(), "{} is asked for once a pass", request.url);
        }
        asked
    }

    fn change(&self, path: &str, change: impl FnOnce(&mut Page)) {
        change(self.pages.lock().unwrap().get_mut(path).unwrap());
    }
}

fn answer(pages: &Mutex<BTreeMap<String, Page>>, base: &str, request: &Request) -> ResponseTemplate {
    match request.url.path() {
        "/robots.txt" => {
            let rules = format!("User-agent: *\nDisallow: /no\nSitemap: {base}/named.xml");
            return ResponseTemplate::new(200).set_body_raw(rules, "text/plain");
        }
        "/named.xml" => {
            let list = format!("<urlset><url><loc>{base}/told</loc></url></urlset>");
            return ResponseTemplate::new(200).set_body_raw(list, "application/xml");
        }
        "/moved" => {
            return ResponseTemplate::new(301).insert_header("location", "/behind").insert_header("etag", "\"m\"");
        }
        "/sitemap.xml" => {
            let list = format!("<urlset><url><loc>{base}/listed</loc></url></urlset>");
            return ResponseTemplate::new(200).set_body_raw(list, "application/xml");
        }
        _ => {}
    }
    let pages = pages.lock().unwrap();
    let Some(page) = pages.get(request.url.path()) else { return ResponseTemplate::new(404) };
    let given = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok());
    let same = match (given("if-none-match"), given("if-modified-since")) {
        (Some(tag), _) => page.etag == Some(tag),
        (None, Some(date)) => page.last_modified == Some(date),
        (None, None) => false,
    };
    let mut reply = ResponseTemplate::new(if same { 304 } else { 200 });
    if !same {
        reply = reply.set_body_raw(page.body.clone(), "text/html");
    }
    for (name, value) in [("etag", page.etag), ("last-modified", page.last_modified)] {
        if let Some(value) = value {
            reply = reply.insert_header(name, value);
        }
    }
    reply
}

fn outcomes(records: &BTreeMap<String, Value>) -> BTreeMap<&str, &str> {
    records.iter().map(|(url, record)| (url.as_str(), record["outcome"].as_str().unwrap())).collect()
}

async fn recrawl(ground: &Ground) -> BTreeMap<String, Value> {
    ground.run(&["run", "crawl.toml", "--recrawl"]).await.with(0);
    ground.reconciled()
}

#[tokio::test]
async fn a_second_pass_asks_only_for_what_has_changed() {
    let (server, ground) = (Server::start().await, Ground::new());
    // One connection, and depths that are exact, so that every pass goes the same way.
    let config = Config::new(json!([server.url("/")])).set("outputs.links", true).set("politeness.per_host", 1);
    let config = config.set("limits.depth", 9);
    // There is nothing to do again yet, so it is the first pass.
    ground.write("crawl.toml", config.toml());
    let first = recrawl(&ground).await;
    assert!(server.asked().await.values().all(|conditions| *conditions == Default::default()));
    assert_eq!(read_receipt(&ground.out())["pass"], 1);
    ground.run(&["run", "crawl.toml"]).await.with(6).saying("--recrawl");

    let second = recrawl(&ground).await;
    assert_eq!(first.keys().collect::<Vec<_>>(), second.keys().collect::<Vec<_>>(), "the same URLs");
    let asked = server.asked().await;
    let conditions = |tag: &str, date: &str| (tag.to_owned(), date.to_owned());
    assert_eq!(asked["/"], conditions("\"strong\"", DATE));
    assert_eq!(asked["/weak"], conditions("W/\"weak, and odd\"", ""));
    assert_eq!(asked["/dated"], conditions("", DATE));
    assert_eq!((&asked["/plain"], &asked["/moved"]), (&conditions("", ""), &conditions("", "")));
    assert!(asked.contains_key("/robots.txt"), "once a pass: what it names is found by asking");
    for (url, before) in &first {
        let now = &second[url];
        let path = url.strip_prefix(&server.url("")).unwrap_or_default();
        let has_validators =
            server.pages.lock().unwrap().get(path).is_some_and(|p| p.etag.or(p.last_modified).is_some());
        assert_eq!(
            now["outcome"],
            if has_validators { json!("not-modified") } else { before["outcome"].clone() },
            "{url}"
        );
        if has_validators {
            assert_eq!((&now["status"], &now["same_as_pass"]), (&json!(304), &json!(1)));
            for key in ["digest", "depth", "via", "links", "redirects"] {
                assert_eq!(now[key], before[key], "{key} of {url}");
            }
        }
    }
    let receipt = read_receipt(&ground.out());
    assert_eq!((&receipt["pass"], &receipt["totals"]["not_modified"]), (&json!(2), &json!(6)));
    // What the first pass wrote is all there.
    assert_eq!(reconciled(&ground.out().join("passes/1")), first);
    assert!(ground.out().join("passes/1/report.html").exists());

    // In the third, one page has changed, one is the same under another tag, and one is gone.
    server.change("/weak", |page| (page.body, page.etag) = (links(&["/behind", "/new"]), Some("\"w3\"")));
    server.change("/behind-too", |page| page.etag = Some("\"other\""));
    server.pages.lock().unwrap().remove("/behind");
    server.pages.lock().unwrap().insert("/new".into(), Page { body: "new".into(), etag: None, last_modified: None });
    let third = recrawl(&ground).await;
    let of = |path: &str| &third[&server.url(path)];
    assert_eq!((&of("/weak")["outcome"], &of("/weak")["same_as_pass"]), (&json!("fetched"), &Value::Null));
    assert_eq!((&of("/behind-too")["outcome"], &of("/behind-too")["same_as_pass"]), (&json!("fetched"), &json!(1)));
    assert_eq!((&of("/behind")["reason"], &of("/new")["outcome"]), (&json!("http-404"), &json!("fetched")));
    assert_eq!((&of("/dated")["outcome"], &of("/dated")["same_as_pass"]), (&json!("not-modified"), &json!(1)));
    assert_eq!(reconciled(&ground.out().join("passes/2")), second);

    // And in the fourth, what changed then is known.
    server.asked().await;
    let fourth = recrawl(&ground).await;
    let weak = &fourth[&server.url("/weak")];
    assert_eq!((&weak["outcome"], &weak["same_as_pass"]), (&json!("not-modified"), &json!(3)));
    assert_eq!(server.asked().await["/weak"].0, "\"w3\"");
    assert!(fourth.contains_key(&server.url("/new")));
    let told = ground.run(&["explain", &server.url("/weak"), "--config", "crawl.toml"]).await.with(0).stdout;
    assert!(told.contains("has not been modified"), "{told}");

    // From the start means from the start.
    ground.run(&["run", "crawl.toml", "--fresh"]).await.with(0);
    assert!(!ground.out().join("passes").exists());
    assert!(server.asked().await.values().all(|conditions| *conditions == Default::default()));
    assert_eq!(read_receipt(&ground.out())["pass"], 1);
}

/// A server that calls what has not been modified by the name of what it holds by now would else never be
/// asked for that.
#[tokio::test]
async fn the_name_in_a_304_is_not_taken_for_the_name_of_what_is_known() {
    let (inner, ground) = (MockServer::start().await, Ground::new());
    let reply = |request: &Request| match request.headers.get("if-none-match") {
        Some(tag) if tag == "\"a\"" => ResponseTemplate::new(304).insert_header("etag", "\"b\""),
        Some(_) => ResponseTemplate::new(304),
        None => ResponseTemplate::new(200).set_body_raw("one", "text/html").insert_header("etag", "\"a\""),
    };
    Mock::given(any()).respond_with(reply).mount(&inner).await;
    let config = Config::new(json!([inner.uri()])).set("robots.mode", "ignore");
    ground.crawl(&config).await.with(0);
    for _ in 0..2 {
        let records = recrawl(&ground).await;
        assert!(records.values().all(|record| record["outcome"] == "not-modified"), "{records:?}");
    }
    let requests = inner.received_requests().await.unwrap();
    let asked: Vec<_> =
        requests.iter().map(|it| it.headers.get("if-none-match").map(|tag| tag.to_str().unwrap())).collect();
    assert_eq!(asked, [None, Some("\"a\""), Some("\"a\"")]);
}

#[tokio::test]
async fn a_url_found_in_two_roles_is_let_in_by_either_in_every_pass() {
    let (server, ground) = (Server::start().await, Ground::new());
    // Another host, for scope: as a link it leads too far, as an image it does not.
    let image = server.url("/behind").replace("127.0.0.1", "localhost");
    server.change("/", |page| page.body = format!("<a href=\"{image}\">see</a> <img src=\"{image}\">"));
    let config = Config::new(json!([server.url("/")]));
    ground.crawl(&config.set("links.kinds", json!(["navigation", "img"])).set("scope.assets", "any")).await.with(0);
    assert_eq!(outcomes(&ground.reconciled())[&*image], "fetched");
    let second = recrawl(&ground).await;
    assert_eq!(outcomes(&second)[&*server.url("/")], "not-modified");
    assert_eq!(outcomes(&second)[&*image], "not-modified");
}

#[tokio::test]
async fn without_validators_everything_is_fetched_again() {
    let (server, ground) = (Server::start().await, Ground::new());
    let config = Config::new(json!([server.url("/")])).set("recrawl.validators", false);
    ground.crawl(&config).await.with(0);
    let first = ground.reconciled();
    server.asked().await;
    let second = recrawl(&ground).await;
    assert_eq!(outcomes(&first), outcomes(&second));
    assert!(server.asked().await.values().all(|conditions| *conditions == Default::default()));
}

#[tokio::test]
async fn a_host_that_can_t_be_reached_takes_nothing_with_it() {
    let (server, ground) = (Server::start().await, Ground::new());
    let config = Config::new(json!([server.url("/")])).set("fetch.retries", 0).set("robots.mode", "ignore");
    ground.crawl(&config).await.with(0);
    let first = ground.reconciled();
    let held = std::mem::take(&mut *server.pages.lock().unwrap());
    server.asked().await;
    // Every page is a 404 in the second pass.
    ground.run(&["run", "crawl.toml", "--recrawl"]).await.with(5);
    assert_eq!(ground.reconciled().len(), 1);
    server.asked().await;
    *server.pages.lock().unwrap() = held;
    let third = recrawl(&ground).await;
    assert_eq!(third[&server.url("/")]["outcome"], "not-modified");
    assert_eq!(server.asked().await["/"].0, "\"strong\"");
    assert_eq!(third.keys().collect::<Vec<_>>(), first.keys().collect::<Vec<_>>());
}

#[tokio::test]
async fn a_pass_that_ended_at_a_limit_is_done_again_with_the_same_limit() {
    let (server, ground) = (Server::start().await, Ground::new());
    ground.crawl(&Config::new(json!([server.url("/")])).set("limits.pages", 3)).await.with(3);
    let first = ground.reconciled();
    for pass in 2..=3 {
        ground.run(&["run", "crawl.toml", "--recrawl"]).await.with(3);
        let records = ground.reconciled();
        let is_page = |record: &&Value| matches!(record["outcome"].as_str(), Some("fetched" | "not-modified"));
        assert_eq!(records.values().filter(is_page).count(), 3, "a page that has not been modified counts");
        assert_eq!(read_receipt(&ground.out())["pass"], pass);
    }
    assert_eq!(reconciled(&ground.out().join("passes/1")), first);
    // Without the flag it goes on where the pass stopped.
    let more = Config::new(json!([server.url("/")])).set("limits.pages", 5);
    ground.crawl(&more).await.with(3);
    assert_eq!(read_receipt(&ground.out())["pass"], 3);
}

/// Wherever a kill hits the second pass, both passes end whole.
#[tokio::test]
async fn killed_passes_go_on() {
    let (server, ground) = (Server::start().await, Ground::new());
    let config =
        Config::new(json!([server.url("/")])).set("frontier.commit_every", "10ms").set("outputs.rotate", "64 KiB");
    ground.crawl(&config).await.with(0);
    let first = ground.reconciled();
    for after in [0, 5, 10, 15, 20, 30, 40, 60, 90] {
        let child = ground.start(&["run", "crawl.toml", "--recrawl"]);
        tokio::time::sleep(Duration::from_millis(after)).await;
        if child.id().is_some() {
            signal(&child, "KILL").await;
        }
        let ended = finish(child).await;
        // It may have been quicker than the kill; then the next one begins another pass.
        assert!(matches!(ended.code, None | Some(0)), "{ended:?}");
    }
    let last = recrawl(&ground).await;
    let expected: Vec<&String> = first.keys().collect();
    assert_eq!(last.keys().collect::<Vec<_>>(), expected);
    let passes = read_receipt(&ground.out())["pass"].as_u64().unwrap();
    for pass in 1..passes {
        let folder = ground.out().join("passes").join(pass.to_string());
        assert_eq!(reconciled(&folder).keys().collect::<Vec<_>>(), expected, "pass {pass}");
    }
    assert!(!by_url(read_records(&ground.out())).is_empty());
    assert_eq!(fs::read_dir(ground.out().join("passes")).unwrap().count() as u64, passes - 1);
}

#[tokio::test]
async fn the_wait_for_a_folder_ends_when_it_is_asked_to() {
    let (server, ground) = (Server::start().await, Ground::new());
    let config = Config::new(json!([server.url("/")]));
    ground.crawl(&config).await.with(0);
    let lock = fs::OpenOptions::new().write(true).open(ground.out().join("state/lock")).unwrap();
    lock.lock().unwrap();
    let child = ground.start(&["run", "crawl.toml", "--recrawl"]);
    // It would wait for two seconds.
    tokio::time::sleep(Duration::from_millis(300)).await;
    signal(&child, "INT").await;
    let began = std::time::Instant::now();
    let ended = finish(child).await;
    assert!(ended.code == Some(4) || ended.code.is_none(), "{ended:?}");
    assert!(began.elapsed() < Duration::from_millis(1500), "{:?}", began.elapsed());
}
