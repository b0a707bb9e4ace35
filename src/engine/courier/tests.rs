//! The courier under paused time, with a web that is a table.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture, future::join_all};
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, LOCATION, RETRY_AFTER},
};
use tokio::time::{Instant, advance, sleep, timeout};

use super::*;
use crate::{
    address::Canonicalizer,
    cache::{self, CachedFetcher},
    clock::{Clock, Timestamp},
    fetch::{ErrorKind, Fetcher, Phase, Request},
    heard::n_heard,
    politeness::{self, Gate, Policy, gate},
};

const BODY: usize = 1 << 20;
const MS: Duration = Duration::from_millis(1);

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// What the web answers to one request.
#[derive(Clone)]
enum Reply {
    Answer(u16, Vec<(HeaderName, &'static str)>, &'static str),
    Error(ErrorKind),
    Panic,
}

fn answer(status: u16, body: &'static str) -> Reply {
    Reply::Answer(status, Vec::new(), body)
}

fn redirect(location: &'static str) -> Reply {
    Reply::Answer(302, vec![(LOCATION, location)], "")
}

/// A web that is a table: replies by URL, the last for ever; 404 for what is not in it, and no robots.txt.
struct Web {
    replies: Mutex<HashMap<&'static str, Vec<Reply>>>,
    asked: Mutex<Vec<(Duration, String, HeaderMap)>>,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
    takes: Duration,
    started: Instant,
    clock: Clock,
}

impl Web {
    fn new(replies: &[(&'static str, &[Reply])], takes: Duration) -> Arc<Self> {
        let replies = replies.iter().map(|(url, replies)| (*url, replies.to_vec())).collect();
        Arc::new(Self {
            replies: Mutex::new(replies),
            asked: Mutex::default(),
            in_flight: AtomicUsize::new(0),
            most_in_flight: AtomicUsize::new(0),
            takes,
            started: Instant::now(),
            clock: Clock::starting_at(Timestamp(1_700_000_000_000_000)),
        })
    }

    fn reply(&self, url: &str) -> Reply {
        let mut replies = self.replies.lock().unwrap();
        match replies.get_mut(url) {
            Some(list) if list.len() > 1 => list.remove(0),
            Some(list) => list[0].clone(),
            None => answer(404, ""),
        }
    }

    /// What was asked for, in order.
    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().map(|(_, url, _)| url.clone()).collect()
    }

    /// When each request for `url` came, since the start.
    fn times(&self, url: &str) -> Vec<Duration> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|(_, it, _)| it == url).map(|(at, ..)| *at).collect()
    }

    fn headers(&self, url: &str) -> HeaderMap {
        let asked = self.asked.lock().unwrap();
        asked.iter().find(|(_, it, _)| it == url).map(|(.., headers)| headers.clone()).expect("it was asked for")
    }
}

struct InFlight<'a>(&'a AtomicUsize);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Fetcher for Web {
    fn fetch(&self, request: Request) -> BoxFuture<'_, Result<Response, FetchError>> {
        async move {
            let url = request.url.to_string();
            self.asked.lock().unwrap().push((self.started.elapsed(), url.clone(), request.headers));
            let n = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
            self.most_in_flight.fetch_max(n, Ordering::SeqCst);
            let _guard = InFlight(&self.in_flight);
            let sent_at = self.clock.now();
            sleep(self.takes).await;
            let now = self.clock.now();
            let timings = Timings { sent_at, first_byte_at: Some(now), ended_at: now, ..Timings::default() };
            match self.reply(&url) {
                Reply::Answer(status, headers, body) => Ok(Response {
                    status,
                    headers: headers.iter().map(|(n, v)| (n.clone(), HeaderValue::from_static(v))).collect(),
                    body: Bytes::from_static(body.as_bytes()),
                    timings,
                    ..Response::default()
                }),
                Reply::Error(kind) => {
                    Err(FetchError { kind, phase: Phase::Connect, message: "it failed".to_owned(), timings })
                }
                Reply::Panic => panic!("planted"),
            }
        }
        .boxed()
    }
}

fn policies(interval: Duration, connections: u32) -> politeness::Options {
    let connections = NonZeroU32::new(connections).unwrap();
    politeness::Options { default: Policy { interval, connections, ..Policy::default() }, exceptions: Vec::new() }
}

fn options() -> Options {
    Options {
        robots: robots::Options::default(),
        max_origins: 100,
        max_redirects: 3,
        downgrade: Downgrade::Refuse,
        retries: 2,
        retry_base: secs(1),
        retry_max: secs(60),
    }
}

fn courier_with(web: &Arc<Web>, policies: politeness::Options, options: Options) -> Courier {
    let member = Gate::default().join(gate::Limits::default(), web.clock.now());
    let polite = Arc::new(PoliteFetcher::new(web.clone(), member, policies, 100, web.clock));
    Courier::new(polite.clone(), polite, Canonicalizer::default(), web.clock, options)
}

fn courier(web: &Arc<Web>) -> Courier {
    courier_with(web, policies(Duration::ZERO, 100), options())
}

fn order(url: &str) -> Order {
    Order::get(Canonicalizer::default().parse(url).unwrap(), BODY)
}

/// How an order for `url` ends: a status, or a reason.
async fn end(courier: &Courier, url: &str) -> String {
    ending(&courier.deliver(order(url)).await)
}

fn ending(delivery: &Delivery) -> String {
    match &delivery.result {
        Ok(response) => response.status.to_string(),
        Err(failure) => failure.reason().to_owned(),
    }
}

#[tokio::test(start_paused = true)]
async fn robots_txt_comes_first_and_once_for_any_number_at_once() {
    let pages: Vec<String> = (0..100).map(|i| format!("http://h/{i}")).collect();
    let web = Web::new(&[("http://h/robots.txt", &[answer(200, "User-agent: *\nDisallow: /7")])], MS * 50);
    let courier = courier(&web);
    let ends = join_all(pages.iter().map(|url| end(&courier, url))).await;
    assert_eq!(ends.iter().filter(|end| *end == "404").count(), 89, "{ends:?}");
    assert_eq!(ends.iter().filter(|end| *end == "robots-denied").count(), 11);
    let asked = web.asked();
    assert_eq!(asked[0], "http://h/robots.txt");
    assert_eq!(asked.iter().filter(|url| url.ends_with("robots.txt")).count(), 1);
    assert_eq!(asked.len(), 90);
}

#[tokio::test(start_paused = true)]
async fn urls_of_a_host_are_asked_for_in_the_order_in_which_they_came() {
    let pages: Vec<String> = (0..50).map(|i| format!("http://h/{i}")).collect();
    for connections in [1, 3] {
        let web = Web::new(&[], MS * 50);
        let courier = courier_with(&web, policies(secs(1), connections), options());
        join_all(pages.iter().map(|url| end(&courier, url))).await;
        assert_eq!(web.asked()[1..], pages, "{connections} connections");
    }
}

#[tokio::test(start_paused = true)]
async fn robots_txt_itself_is_asked_for_once_and_always_allowed() {
    let web = Web::new(&[("http://h/robots.txt", &[answer(200, "User-agent: *\nDisallow: /")])], MS);
    assert_eq!(end(&courier(&web), "http://h/robots.txt").await, "200");
    assert_eq!(web.asked(), ["http://h/robots.txt"]);
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_dropped_or_fails_hands_over() {
    let web = Web::new(&[("http://h/", &[answer(200, "x")])], secs(2));
    let courier = courier(&web);
    let hasty = timeout(secs(1), courier.deliver(order("http://h/")));
    let (hasty, patient) = tokio::join!(hasty, courier.deliver(order("http://h/")));
    assert!(hasty.is_err());
    assert_eq!(ending(&patient), "200");
    assert_eq!(web.times("http://h/robots.txt"), [secs(0), secs(1)]);

    let web =
        Web::new(&[("http://h/robots.txt", &[Reply::Panic, answer(404, "")]), ("http://h/", &[answer(200, "")])], MS);
    let courier = self::courier(&web);
    let first = std::panic::AssertUnwindSafe(courier.deliver(order("http://h/"))).catch_unwind().await;
    assert!(first.is_err());
    assert_eq!(end(&courier, "http://h/").await, "200");
}

#[tokio::test(start_paused = true)]
async fn an_unreachable_robots_txt_closes_its_origin() {
    let check = async |reply: Reply, n_requests: usize, detail: &str| {
        let web = Web::new(&[("http://h/robots.txt", &[reply]), ("http://h/", &[answer(200, "")])], MS);
        let courier = courier(&web);
        let delivery = courier.deliver(order("http://h/")).await;
        assert_eq!(ending(&delivery), "robots-unreachable");
        assert!(delivery.result.unwrap_err().to_string().contains(detail));
        assert_eq!(end(&courier, "http://h/other").await, "robots-unreachable");
        assert_eq!(web.asked(), vec!["http://h/robots.txt"; n_requests]);
    };
    check(answer(503, ""), 3, "status 503").await;
    check(answer(500, ""), 3, "status 500").await;
    check(Reply::Error(ErrorKind::Connect), 3, "it failed").await;
    check(Reply::Error(ErrorKind::Protocol), 1, "it failed").await;
}

#[tokio::test(start_paused = true)]
async fn what_the_guard_refuses_is_a_refusal_and_is_not_remembered() {
    for (kind, reason) in [(ErrorKind::AddressRefused, "address-refused"), (ErrorKind::PortRefused, "port-refused")] {
        let robots = [Reply::Error(kind), answer(404, "")];
        let web =
            Web::new(&[("http://h/robots.txt", &robots), ("http://h/", &[answer(200, ""), Reply::Error(kind)])], MS);
        let courier = courier(&web);
        let delivery = courier.deliver(order("http://h/")).await;
        assert_eq!((ending(&delivery).as_str(), delivery.attempts()), (reason, 0));
        assert!(delivery.result.unwrap_err().is_refusal());
        assert_eq!(end(&courier, "http://h/").await, "200");
        let delivery = courier.deliver(order("http://h/")).await;
        assert_eq!((ending(&delivery).as_str(), delivery.attempts()), (reason, 1));
        assert!(delivery.result.unwrap_err().is_refusal(), "also where robots.txt is known");
    }
}

#[tokio::test(start_paused = true)]
async fn an_ignored_robots_txt_is_not_asked_for() {
    let web = Web::new(&[("http://h/robots.txt", &[answer(200, "User-agent: *\nDisallow: /")])], MS);
    let robots = robots::Options { obey: false, ..robots::Options::default() };
    let courier = courier_with(&web, policies(Duration::ZERO, 1), Options { robots, ..options() });
    assert_eq!(end(&courier, "http://h/").await, "404");
    assert_eq!(web.asked(), ["http://h/"]);
}

#[tokio::test(start_paused = true)]
async fn a_file_is_asked_for_again_when_it_is_too_old() {
    let web = Web::new(&[("http://h/", &[answer(200, "")])], MS);
    let courier = courier(&web);
    end(&courier, "http://h/").await;
    advance(secs(23 * 3600)).await;
    end(&courier, "http://h/").await;
    assert_eq!(web.times("http://h/robots.txt").len(), 1);
    advance(secs(2 * 3600)).await;
    end(&courier, "http://h/").await;
    assert_eq!(web.times("http://h/robots.txt").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn each_hop_asks_its_own_origin() {
    let web = Web::new(
        &[
            ("http://a/", &[redirect("http://b/x")]),
            ("http://b/robots.txt", &[redirect("http://c/r.txt")]),
            ("http://c/r.txt", &[answer(200, "User-agent: *\nDisallow: /x")]),
            ("http://b/x", &[answer(200, "never")]),
        ],
        MS,
    );
    let delivery = courier(&web).deliver(order("http://a/")).await;
    assert_eq!(ending(&delivery), "robots-denied");
    assert_eq!(web.asked(), ["http://a/robots.txt", "http://a/", "http://b/robots.txt", "http://c/r.txt"]);
    assert_eq!((delivery.n_redirects(), delivery.hops[0].status, delivery.last().attempts), (1, Some(302), 0));
    assert!(delivery.last().robots.as_ref().is_some_and(|view| view.refused.is_some()));
}

#[tokio::test(start_paused = true)]
async fn chains_end() {
    let web = Web::new(
        &[
            ("http://h/1", &[redirect("/2")]),
            ("http://h/2", &[redirect("/3")]),
            ("http://h/3", &[redirect("/4")]),
            ("http://h/4", &[redirect("/5")]),
            ("http://h/5", &[answer(200, "")]),
            ("http://h/a", &[redirect("/b")]),
            ("http://h/b", &[redirect("/a")]),
            ("http://h/self", &[redirect("/self")]),
            ("http://h/ftp", &[redirect("ftp://h/")]),
            ("https://s/", &[redirect("http://h/5")]),
        ],
        MS,
    );
    let courier = courier(&web);
    let check = async |url: &str, expected: &str| assert_eq!(end(&courier, url).await, expected, "{url}");
    check("http://h/1", "redirect-limit").await;
    check("http://h/2", "200").await;
    check("http://h/a", "redirect-loop").await;
    check("http://h/self", "redirect-loop").await;
    check("http://h/ftp", "bad-location").await;
    check("https://s/", "insecure-redirect").await;
    let stays = courier.deliver(Order { follow: false, ..order("http://h/1") }).await;
    assert_eq!((ending(&stays).as_str(), stays.n_redirects()), ("302", 0));
    let follows =
        courier_with(&web, policies(Duration::ZERO, 1), Options { downgrade: Downgrade::Follow, ..options() });
    assert_eq!(end(&follows, "https://s/").await, "200");
}

#[tokio::test(start_paused = true)]
async fn secrets_stay_with_their_origin() {
    let web = Web::new(
        &[
            ("http://a/", &[redirect("/same")]),
            ("http://a/same", &[redirect("http://b/")]),
            ("http://b/", &[redirect("http://a/back")]),
        ],
        MS,
    );
    let mut secret = HeaderValue::from_static("sesame");
    secret.set_sensitive(true);
    let x_key = HeaderName::from_static("x-key");
    let headers = HeaderMap::from_iter([
        (AUTHORIZATION, HeaderValue::from_static("Basic eA==")),
        (x_key.clone(), secret),
        (ACCEPT, HeaderValue::from_static("text/plain")),
    ]);
    courier(&web).deliver(Order { headers, ..order("http://a/") }).await;
    let has = |url: &str| {
        let headers = web.headers(url);
        [AUTHORIZATION, x_key.clone(), ACCEPT].map(|name| headers.contains_key(name))
    };
    assert_eq!(has("http://a/"), [true, true, true]);
    assert_eq!(has("http://a/same"), [true, true, true]);
    assert_eq!(has("http://b/"), [false, false, true]);
    assert_eq!(has("http://a/back"), [false, false, true], "they don't come back either");
    assert_eq!(has("http://a/robots.txt"), [false, false, false]);
    assert_eq!(has("http://b/robots.txt"), [false, false, false]);
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_tried_again_and_only_that() {
    let check = async |replies: &[Reply], expected: &str, attempts: u32| {
        let web = Web::new(&[("http://h/", replies)], MS);
        let delivery = courier(&web).deliver(order("http://h/")).await;
        assert_eq!((ending(&delivery).as_str(), delivery.attempts()), (expected, attempts));
        assert_eq!(web.times("http://h/").len(), attempts as usize);
    };
    check(&[answer(500, ""), answer(200, "")], "200", 2).await;
    check(&[Reply::Error(ErrorKind::Timeout), Reply::Error(ErrorKind::Closed), answer(200, "")], "200", 3).await;
    check(&[answer(502, "")], "502", 3).await;
    check(&[Reply::Error(ErrorKind::Dns)], "dns", 3).await;
    check(&[Reply::Error(ErrorKind::Tls), answer(200, "")], "tls", 1).await;
    check(&[answer(404, ""), answer(200, "")], "404", 1).await;
    check(&[Reply::Error(ErrorKind::AddressRefused)], "address-refused", 1).await;
}

#[tokio::test(start_paused = true)]
async fn retry_after_holds_the_whole_host() {
    let wait = Reply::Answer(503, vec![(RETRY_AFTER, "30")], "");
    let web = Web::new(&[("http://h/", &[wait, answer(200, "")]), ("http://other/", &[answer(200, "")])], MS);
    let courier = courier_with(&web, policies(MS, 1), options());
    let slow = courier.deliver(order("http://h/"));
    let later = async {
        sleep(secs(1)).await;
        (end(&courier, "http://other/").await, end(&courier, "http://h/more").await)
    };
    let (slow, _) = tokio::join!(slow, later);
    assert_eq!((ending(&slow).as_str(), slow.attempts()), ("200", 2));
    let [first, second] = web.times("http://h/")[..] else { panic!("two attempts") };
    assert!(second - first >= secs(30) && second - first < secs(31), "{:?}", second - first);
    assert!(web.times("http://h/more")[0] >= first + secs(30));
    assert!(web.times("http://other/")[0] < secs(2), "another host does not wait");
}

#[tokio::test(start_paused = true)]
async fn every_request_keeps_the_hosts_pace() {
    let web = Web::new(&[("http://h/a", &[redirect("/b")]), ("http://h/b", &[answer(200, "")])], MS * 10);
    let courier = courier_with(&web, policies(secs(1), 1), options());
    let urls = ["http://h/a", "http://h/x", "http://h/y", "http://h:81/z"];
    join_all(urls.iter().map(|url| end(&courier, url))).await;
    let mut times: Vec<Duration> = web.asked.lock().unwrap().iter().map(|(at, ..)| *at).collect();
    times.sort();
    assert_eq!(times.len(), 7, "two robots.txt, four pages, one hop: {:?}", web.asked());
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= secs(1)), "{times:?}");
    assert_eq!(web.most_in_flight.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_crawl_delay_is_kept_from_the_first_page_on() {
    let web = Web::new(&[("http://h/robots.txt", &[answer(200, "User-agent: *\nCrawl-delay: 7")])], MS);
    for interval in [Duration::ZERO, secs(1)] {
        let courier = courier_with(&web, policies(interval, 5), options());
        let before = web.asked().len();
        join_all(["http://h/1", "http://h/2", "http://h/3"].iter().map(|url| end(&courier, url))).await;
        let times: Vec<Duration> = web.asked.lock().unwrap()[before..].iter().map(|(at, ..)| *at).collect();
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= secs(7)), "{times:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_deadline_ends_waiting_too() {
    let web = Web::new(&[("http://h/", &[answer(200, "")])], secs(3));
    let courier = courier_with(&web, policies(secs(60), 1), options());
    let delivery = courier.deliver(Order { deadline: Some(secs(10)), ..order("http://h/") }).await;
    assert_eq!(ending(&delivery), "deadline");
    assert_eq!(web.started.elapsed(), secs(10));
    assert_eq!(delivery.hops.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_order_gives_its_turn_back() {
    let web = Web::new(&[("http://h/", &[answer(200, "")])], secs(1000));
    let courier = courier_with(&web, policies(MS, 1), options());
    // One that is asking, and one that waits for it.
    let both = join_all([courier.deliver(order("http://h/robots.txt")), courier.deliver(order("http://h/robots.txt"))]);
    assert!(timeout(secs(5), both).await.is_err());
    assert_eq!(web.in_flight.load(Ordering::SeqCst), 0);
    let next = courier.deliver(order("http://h/robots.txt"));
    assert!(timeout(secs(5), next).await.is_err(), "it takes long");
    assert_eq!(web.times("http://h/robots.txt").len(), 2, "the second was let in, the waiting one never was");
}

#[tokio::test(start_paused = true)]
async fn requests_in_flight_are_bounded() {
    let web = Web::new(&[], secs(1));
    let gate =
        Gate::new(gate::Options { connections: NonZeroU32::new(5), ..gate::Options::default() }, web.clock.now());
    let member = gate.join(gate::Limits::default(), web.clock.now());
    let polite = Arc::new(PoliteFetcher::new(web.clone(), member, policies(Duration::ZERO, 100), 100, web.clock));
    let courier = Courier::new(polite.clone(), polite, Canonicalizer::default(), web.clock, options());
    let urls: Vec<String> = (0..50).map(|i| format!("http://h{i}/")).collect();
    join_all(urls.iter().map(|url| end(&courier, url))).await;
    assert_eq!(web.most_in_flight.load(Ordering::SeqCst), 5);
}

/// The same with a cache in front of what waits for its turn.
fn cached_courier(web: &Arc<Web>, policies: politeness::Options) -> Courier {
    let member = Gate::default().join(gate::Limits::default(), web.clock.now());
    let polite = Arc::new(PoliteFetcher::new(web.clone(), member, policies, 100, web.clock));
    let bounds = cache::Options {
        max_bytes: 1 << 20,
        entry_max_bytes: 1 << 18,
        keep: secs(86_400),
        rules: cache::policy::Rules::default(),
    };
    let cached = Arc::new(CachedFetcher::new(polite.clone(), bounds, web.clock));
    Courier::new(cached, polite, Canonicalizer::default(), web.clock, options())
}

#[tokio::test(start_paused = true)]
async fn waiting_for_room_breaks_no_hosts_pace() {
    let web = Web::new(&[], secs(10));
    let gate =
        Gate::new(gate::Options { connections: NonZeroU32::new(2), ..gate::Options::default() }, web.clock.now());
    let member = gate.join(gate::Limits::default(), web.clock.now());
    let polite = Arc::new(PoliteFetcher::new(web.clone(), member, policies(secs(1), 5), 100, web.clock));
    let robots = robots::Options { obey: false, ..robots::Options::default() };
    let courier =
        Courier::new(polite.clone(), polite, Canonicalizer::default(), web.clock, Options { robots, ..options() });
    // Two take all the room for ten seconds, in which the others' times come.
    let urls = ["http://a/", "http://b/", "http://h/1", "http://h/2", "http://h/3"];
    join_all(urls.iter().map(|url| end(&courier, url))).await;
    let mut times: Vec<Duration> = urls[2..].iter().flat_map(|url| web.times(url)).collect();
    times.sort();
    assert_eq!((times.len(), web.most_in_flight.load(Ordering::SeqCst)), (3, 2));
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= secs(1)), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn a_redirect_that_asks_for_a_pause_gets_it() {
    let web = Web::new(&[("http://h/a", &[Reply::Answer(302, vec![(LOCATION, "/b"), (RETRY_AFTER, "20")], "")])], MS);
    assert_eq!(end(&courier(&web), "http://h/a").await, "404");
    let (from, to) = (web.times("http://h/a")[0], web.times("http://h/b")[0]);
    assert!(to - from >= secs(20), "{from:?}, {to:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_stale_is_served_where_the_server_allows_it_and_renewed_at_the_hosts_pace() {
    let kept = |how| Reply::Answer(200, vec![(CACHE_CONTROL, how)], "kept");
    let web = Web::new(
        &[
            ("http://h/late", &[kept("max-age=1, stale-while-revalidate=600")]),
            ("http://h/ill", &[kept("max-age=1, stale-if-error=600"), answer(503, "")]),
        ],
        MS,
    );
    let courier = cached_courier(&web, policies(secs(5), 1));
    for url in ["http://h/late", "http://h/ill"] {
        assert_eq!(end(&courier, url).await, "200");
    }
    sleep(secs(60)).await;
    let started = web.started.elapsed();
    for url in ["http://h/late", "http://h/ill"] {
        let delivery = courier.deliver(order(url)).await;
        assert_eq!((ending(&delivery).as_str(), delivery.last().cache), ("200", Some(CacheStatus::Stale)), "{url}");
        if url.ends_with("late") {
            assert_eq!(web.started.elapsed(), started, "nobody waits for what is at hand");
        }
    }
    sleep(secs(60)).await;
    let mut times: Vec<Duration> = web.asked.lock().unwrap().iter().map(|(at, ..)| *at).collect();
    times.sort();
    assert_eq!(times.len(), 5, "robots.txt, and each page twice: {:?}", web.asked());
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= secs(5)), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn who_shares_a_failing_answer_shares_the_next_attempt() {
    let web = Web::new(&[("http://h/", &[answer(503, ""), answer(200, "")])], MS);
    let courier = cached_courier(&web, policies(MS, 5));
    let ends = join_all((0..5).map(|_| end(&courier, "http://h/"))).await;
    assert_eq!(ends, ["200"; 5]);
}

#[tokio::test(start_paused = true)]
async fn one_origins_crawl_delay_is_not_forgotten_for_another_of_its_host() {
    let web = Web::new(&[("http://h:81/robots.txt", &[answer(200, "User-agent: *\nCrawl-delay: 7")])], MS);
    let courier = courier_with(&web, policies(MS, 5), options());
    for url in ["http://h:81/1", "http://h:82/1", "http://h:81/2", "http://h:82/2"] {
        assert_eq!(end(&courier, url).await, "404");
    }
    let times: Vec<Duration> = web.asked.lock().unwrap().iter().map(|(at, ..)| *at).collect();
    assert_eq!(times.len(), 6, "{:?}", web.asked());
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= secs(7)), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn a_long_wait_is_told_once() {
    let heard = || n_heard("dragline::engine::courier::polite");
    let n_told = async |seconds: &'static str| {
        let before = heard();
        let wait = Reply::Answer(503, vec![(RETRY_AFTER, seconds)], "");
        let web = Web::new(&[("http://h/1", &[wait, answer(200, "")])], MS);
        let courier = courier_with(&web, policies(MS, 1), options());
        join_all(["http://h/1", "http://h/2", "http://h/3"].iter().map(|url| end(&courier, url))).await;
        heard() - before
    };
    assert_eq!(n_told("40").await, 1);
    assert_eq!(n_told("4").await, 0);
}
