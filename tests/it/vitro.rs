//! The glass web over real sockets: what it serves is what its truth says.
//!
//! A crawler of its own (raw sockets, html5ever, a hand-written reading of robots.txt and sitemaps)
//! walks the whole demo web; what it concludes must equal the truth, URL by URL.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use dragline::{
    address::Canonicalizer,
    engine::event::{Failure, Outcome},
    verdict::Refusal,
    vitro::{Expectation, Latency, Log, Options, Robots, Role, Server, Traps, Web},
};
use regex::Regex;
use url::Url;

use crate::support::{
    client::{Client, Got, get},
    reader,
};

/// The demo web without its pauses.
fn options() -> Options {
    Options { latency: Latency::NONE, slow: Duration::from_millis(1), ..Options::demo() }
}

async fn start(options: Options) -> Server {
    Server::start(Arc::new(Web::new(options)), 0).await.unwrap()
}

/// What a walk of the web concluded.
#[derive(Default)]
struct Walk {
    pages: BTreeMap<String, Expectation>,
    sitemaps: BTreeSet<String>,
    queue: VecDeque<Url>,
    seen: BTreeSet<String>,
    /// By authority: disallowed prefixes, or nothing when robots.txt is unreachable.
    robots: BTreeMap<String, Option<Vec<(bool, String)>>>,
}

impl Walk {
    async fn through(server: &Server) -> Self {
        let mut walk = Self::default();
        server.seeds().iter().for_each(|seed| walk.found(&Url::parse(seed).unwrap()));
        let mut client = Client::connect(server.addr()).await;
        while let Some(url) = walk.queue.pop_front() {
            let expectation = walk.visit(&url, server.addr(), &mut client).await;
            walk.pages.insert(url.into(), expectation);
        }
        walk
    }

    fn found(&mut self, url: &Url) {
        let url = Canonicalizer::default().parse(url.as_str()).unwrap();
        if self.seen.insert(url.as_str().to_owned()) {
            self.queue.push_back(url.as_url().clone());
        }
    }

    async fn visit(&mut self, url: &Url, addr: SocketAddr, client: &mut Client) -> Expectation {
        let refused = |why| Expectation { outcome: Outcome::Refused(why), status: None, truncated: false };
        if !url.host_str().unwrap().ends_with(".vitro.test") {
            return refused(Refusal::OutOfScope);
        }
        let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
        let target = &url[url::Position::BeforePath..];
        if !self.robots.contains_key(authority) {
            self.ask_robots(authority, addr).await;
        }
        match &self.robots[authority] {
            None => return refused(Refusal::RobotsUnreachable),
            Some(rules) => {
                // The longest match decides (RFC 9309 section 2.2.2).
                let decision =
                    rules.iter().filter(|(_, prefix)| target.starts_with(prefix)).max_by_key(|rule| rule.1.len());
                if decision.is_some_and(|(allow, _)| !allow) {
                    return refused(Refusal::RobotsDenied);
                }
            }
        }
        let mut got = client.get(authority, target, "Accept-Encoding: gzip\r\n").await;
        if matches!(got.status, 429 | 500 | 503) {
            got = client.get(authority, target, "Accept-Encoding: gzip\r\n").await;
        }
        if got.truncated {
            *client = Client::connect(addr).await;
        }
        self.conclude(url, &got)
    }

    fn conclude(&mut self, url: &Url, got: &Got) -> Expectation {
        let outcome = match (got.status, got.header("location")) {
            (300..400, Some(location)) => {
                let mut to = url.join(location).unwrap();
                to.set_fragment(None);
                self.found(&to);
                Outcome::Redirected
            }
            (200..300, _) => {
                if got.header("content-type").is_some_and(|mime| mime.starts_with("text/html")) {
                    reader::links(url, &reader::text(got)).into_iter().for_each(|link| self.found(&link));
                }
                Outcome::Fetched
            }
            (status, _) => Outcome::Failed(Failure::Status(status)),
        };
        Expectation { outcome, status: Some(got.status), truncated: got.truncated }
    }

    async fn ask_robots(&mut self, authority: &str, addr: SocketAddr) {
        let mut got = get(addr, authority, "/robots.txt").await;
        if let Some(location) = got.header("location").map(str::to_owned) {
            got = get(addr, authority, &location).await;
        }
        let text = String::from_utf8(got.body).unwrap();
        let rules = match got.status {
            200 => {
                Some(text.split("User-agent: *").nth(1).expect("a group for all").lines().filter_map(rule).collect())
            }
            404 => Some(Vec::new()),
            _ => None,
        };
        self.robots.insert(authority.to_owned(), rules);
        for sitemap in text.lines().filter_map(|line| line.strip_prefix("Sitemap: ")) {
            self.read_sitemaps(sitemap, authority, addr).await;
        }
    }

    async fn read_sitemaps(&mut self, first: &str, authority: &str, addr: SocketAddr) {
        let locations = Regex::new("<loc>([^<]+)</loc>").unwrap();
        let mut queue = vec![first.to_owned()];
        while let Some(sitemap) = queue.pop() {
            let got = get(addr, authority, Url::parse(&sitemap).unwrap().path()).await;
            assert_eq!(got.status, 200, "{sitemap}");
            let bytes = if sitemap.ends_with(".gz") { reader::gunzip(&got.body) } else { got.body };
            let xml = String::from_utf8(bytes).unwrap();
            for location in locations.captures_iter(&xml).map(|found| found[1].to_owned()) {
                match xml.contains("<sitemapindex") {
                    true => queue.push(location),
                    false => self.found(&Url::parse(&location).unwrap()),
                }
            }
            self.sitemaps.insert(sitemap);
        }
    }
}

fn rule(line: &str) -> Option<(bool, String)> {
    match line.split_once(": ")? {
        ("Disallow", prefix) => Some((false, prefix.to_owned())),
        ("Allow", prefix) => Some((true, prefix.to_owned())),
        _ => None,
    }
}

async fn check(options: Options) {
    let server = start(options).await;
    let truth = server.truth();
    let walk = Walk::through(&server).await;
    for (url, expectation) in &truth.pages {
        assert_eq!(walk.pages.get(url), Some(expectation), "{url}");
    }
    let unknown: Vec<_> = walk.pages.iter().filter(|(url, _)| !truth.pages.contains_key(*url)).collect();
    assert!(unknown.is_empty(), "not in the truth: {unknown:#?}");
    assert_eq!(walk.sitemaps, truth.sitemaps);
    server.stop().await;
}

#[tokio::test]
async fn the_demo_web_is_as_its_truth_says() {
    check(options()).await;
}

#[tokio::test]
async fn so_are_other_webs() {
    check(Options {
        seed: 7,
        n_hosts: 8,
        pages_per_host: 90,
        error_permille: 300,
        redirect_permille: 300,
        ..options()
    })
    .await;
    check(Options { seed: 3, n_hosts: 1, pages_per_host: 1, ..options() }).await;
    check(Options { n_hosts: 3, robots: Robots::Missing, ..options() }).await;
    check(Options { n_hosts: 2, robots: Robots::Plain, traps: Traps::Off, curios: false, ..options() }).await;
    check(Options { links_per_page: 5, ..Options::bench(3, 100) }).await;
}

#[tokio::test]
async fn the_demo_web_has_one_of_everything() {
    let server = start(options()).await;
    let truth = server.truth();
    assert!((250..400).contains(&truth.pages.len()), "{} URLs", truth.pages.len());
    for outcome in [
        Outcome::Fetched,
        Outcome::Redirected,
        Outcome::Failed(Failure::Status(404)),
        Outcome::Failed(Failure::Status(410)),
        Outcome::Failed(Failure::Status(500)),
        Outcome::Failed(Failure::Status(302)),
        Outcome::Refused(Refusal::RobotsDenied),
        Outcome::Refused(Refusal::RobotsUnreachable),
        Outcome::Refused(Refusal::OutOfScope),
    ] {
        assert!(truth.count(outcome) > 0, "{outcome:?}");
    }
    assert!(truth.pages.values().any(|expectation| expectation.truncated));
    assert!(truth.sitemaps.iter().any(|url| url.ends_with(".xml.gz")));
    let roles: Vec<Role> = (0..6).map(|host| server.web().role(host)).collect();
    assert_eq!(roles, [Role::Fenced, Role::Patient, Role::Bare, Role::Closed, Role::Indexed, Role::Moved]);
}

#[tokio::test]
async fn the_same_options_give_the_same_web() {
    let (one, other) = (Web::new(options()), Web::new(options()));
    assert_eq!(one.truth(80), other.truth(80));
    assert_ne!(one.truth(80), Web::new(Options { seed: 2, ..options() }).truth(80));
}

#[tokio::test]
async fn a_crawl_of_one_host_has_its_own_truth() {
    let web = Web::new(Options { cross_host_permille: 0, curios: false, ..options() });
    let truth = web.truth_from(8080, [4]);
    assert!(truth.pages.len() > 5 && truth.pages.keys().all(|url| url.starts_with("http://h4.vitro.test:8080/")));
}

#[tokio::test]
async fn oddities_of_requests_are_answered() {
    let server = start(options()).await;
    let addr = server.addr();
    let mut client = Client::connect(addr).await;
    assert_eq!(client.get("h99.vitro.test", "/", "").await.status, 421);
    assert_eq!(client.get("127.0.0.1", "/", "").await.status, 200);
    assert_eq!(client.get("H2.Vitro.Test:1", "/curio/404", "").await.status, 404);
    assert_eq!(client.get("h0.vitro.test", "/no/such-page-1.html", "").await.status, 404);
    let plain = client.get("h1.vitro.test", "/robots.txt", "").await;
    assert!(String::from_utf8(plain.body).unwrap().contains("Crawl-delay: 1\n"));
    let trap = client.get(&format!("h0.vitro.test:{}", addr.port()), "/trap/2026/12", "").await;
    let page = Url::parse("http://h0.vitro.test/trap/2026/12").unwrap();
    let links: Vec<Url> = reader::links(&page, &reader::text(&trap));
    assert!(links.iter().any(|link| link.path() == "/trap/2027/01"), "{links:?}");
}

#[tokio::test]
async fn once_pages_fail_once_with_their_retry_after() {
    let server = start(options()).await;
    let mut client = Client::connect(server.addr()).await;
    for (target, status, retry_after) in
        [("/curio/500-once", 500, None), ("/curio/503-once", 503, Some("1")), ("/curio/429-once", 429, Some("1"))]
    {
        let first = client.get("h0.vitro.test", target, "").await;
        assert_eq!((first.status, first.header("retry-after")), (status, retry_after), "{target}");
        assert_eq!(client.get("h0.vitro.test", target, "").await.status, 200, "{target}");
        assert_eq!(client.get("h2.vitro.test", target, "").await.status, status, "another host: {target}");
    }
}

#[tokio::test]
async fn pages_set_cookies_of_their_own_where_that_is_asked_for() {
    for (cookie_permille, expected) in [(0, None), (1000, Some("page-0=read; Path=/"))] {
        let server = start(Options { cookie_permille, ..options() }).await;
        let home = Client::connect(server.addr()).await.get("h0.vitro.test", "/", "").await;
        assert_eq!(home.header("set-cookie"), expected);
    }
}

#[tokio::test]
async fn the_log_tells_who_asked_and_how_many_at_once() {
    let slow = Duration::from_millis(80);
    let server = start(Options { slow, ..options() }).await;
    let addr = server.addr();
    let ask = |host: &'static str| async move { get(addr, host, "/curio/slow").await.status };
    assert_eq!(tokio::join!(ask("h0.vitro.test"), ask("H0.vitro.test"), ask("h2.vitro.test")), (200, 200, 200));
    assert_eq!(ask("h0.vitro.test").await, 200);
    let arrivals = server.log().arrivals();
    let mut seen: Vec<_> = arrivals.iter().map(|arrival| (&*arrival.host, arrival.in_flight, arrival.status)).collect();
    assert_eq!(seen.pop(), Some(("h0.vitro.test", 1, 200)), "the first two have left");
    seen.sort_unstable();
    assert_eq!(seen, [("h0.vitro.test", 1, 200), ("h0.vitro.test", 2, 200), ("h2.vitro.test", 1, 200)]);
    let connections: BTreeSet<u64> = arrivals.iter().map(|arrival| arrival.connection).collect();
    assert_eq!(connections.len(), 4);
    assert!(arrivals.windows(2).all(|pair| pair[0].at <= pair[1].at));
    server.stop().await;
}

#[tokio::test]
async fn stopping_lets_answers_finish_and_closes_the_port() {
    let server = Server::start_with_log(
        Arc::new(Web::new(Options { slow: Duration::from_millis(150), ..options() })),
        0,
        Log::new(0),
    )
    .await
    .unwrap();
    let (addr, log) = (server.addr(), server.log().clone());
    let asking = get(addr, "h0.vitro.test", "/curio/slow");
    let stopping = async {
        while log.n_seen() == 0 {
            tokio::task::yield_now().await;
        }
        server.stop().await;
    };
    let (got, ()) = tokio::join!(asking, stopping);
    assert_eq!((got.status, got.truncated), (200, false));
    assert!(tokio::net::TcpStream::connect(addr).await.is_err());
}
