//! A random web that answers in random ways, and notes who asked for what and when.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU32,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::{FutureExt, future::BoxFuture};
use http::{HeaderMap, HeaderValue, header};

use super::promise::{self, Arrival, Told};
use crate::{
    clock::Clock,
    fetch::{ErrorKind, FetchError, Fetcher, Phase, Request, Response, Timings, Truncation},
    politeness,
    seeds::Chance,
};

const DENYING: &str = "User-agent: *\nDisallow: /no";

#[derive(Debug)]
pub(super) struct Page {
    host: String,
    /// Of every page; the first is where a redirect leads.
    pub(super) links: Vec<String>,
    is_redirect: bool,
    status: u16,
    panics: bool,
}

pub(super) struct Web {
    pub(super) pages: BTreeMap<String, Page>,
    robots: BTreeMap<String, (u16, &'static str)>,
    pub(super) policy: politeness::Policy,
    pub(super) obey_robots: bool,
    faults: u64,
    chance: Mutex<Chance>,
    log: Arc<Mutex<Vec<Arrival>>>,
    pub(super) clock: Clock,
    /// Which process asks.
    pub(super) process: Mutex<usize>,
}

impl Web {
    pub(super) fn new(chance: &mut Chance, clock: Clock) -> Self {
        let (n_hosts, n_pages) = (chance.size(1..6), chance.size(1..30));
        let host = |page: usize| format!("h{}.test", page % n_hosts);
        let url = |page: usize| {
            let folder = if page % 7 == 3 { "no/" } else { "" };
            format!("http://{}/{folder}{page}", host(page))
        };
        let pages = (0..n_pages).map(|page| {
            let links: Vec<String> = (0..chance.size(0..6)).map(|_| url(chance.size(0..n_pages))).collect();
            let is_redirect = !links.is_empty() && chance.percent(10);
            let status = chance.pick(&[200, 200, 200, 200, 200, 200, 404, 410]);
            let panics = chance.percent(2);
            (url(page), Page { host: host(page), links, is_redirect, status, panics })
        });
        let pages: BTreeMap<String, Page> = pages.collect();
        let robots = (0..n_hosts).map(|i| {
            let answer = chance.pick(&[(200, ""), (200, DENYING), (404, ""), (503, ""), (301, ""), (200, "")]);
            (host(i), answer)
        });
        let robots = robots.collect();
        let number = |n: usize| NonZeroU32::new(u32::try_from(n).unwrap()).unwrap();
        let policy = politeness::Policy {
            interval: chance.pick(&[0, 50, 1000].map(Duration::from_millis)),
            connections: number(chance.pick(&[1, 1, 2, 3])),
            delay: chance.pick(&[0, 0, 400].map(Duration::from_millis)),
            max_delay: Duration::from_secs(6),
            backoff_base: Duration::from_millis(500),
            backoff_max: Duration::from_secs(8),
            errors_in_row: chance.pick(&[None, Some(number(5))]),
            ..politeness::Policy::default()
        };
        Self {
            pages,
            robots,
            policy,
            obey_robots: chance.percent(60),
            faults: chance.pick(&[0, 5, 30]),
            chance: Mutex::new(Chance::new(chance.below(u64::MAX))),
            log: Arc::default(),
            clock,
            process: Mutex::new(0),
        }
    }

    pub(super) fn seeds(&self, n: usize) -> Vec<String> {
        self.pages.keys().take(n).cloned().collect()
    }

    /// Everybody is gone.
    pub(super) fn is_quiet(&self) -> bool {
        self.log.lock().unwrap().iter().all(|arrival| arrival.ended.is_some())
    }

    /// A digest of who asked for what and when.
    pub(super) fn trace(&self) -> u64 {
        xxhash_rust::xxh3::xxh3_64(format!("{:?}", self.log.lock().unwrap()).as_bytes())
    }

    /// Holds the log against what was promised.
    pub(super) fn check(&self, is_one_job: bool) {
        let log = self.log.lock().unwrap();
        let hosts: BTreeSet<&str> = log.iter().map(|arrival| arrival.host.as_str()).collect();
        for host in hosts {
            let of_host: Vec<&Arrival> = log.iter().filter(|arrival| arrival.host == host).collect();
            promise::check(&self.policy, is_one_job, &of_host);
        }
        if self.obey_robots {
            let denied = |arrival: &&Arrival| {
                self.robots.get(&arrival.host).is_some_and(|robots| robots.1 == DENYING) && arrival.url.contains("/no/")
            };
            assert_eq!(log.iter().find(denied).map(|arrival| &arrival.url), None, "robots.txt denies it");
        }
    }

    fn answer(&self, url: &str, host: &str) -> (Duration, Result<Response, (ErrorKind, Phase)>) {
        let mut chance = self.chance.lock().unwrap();
        let latency = chance.millis(300) + Duration::from_millis(1);
        if chance.percent(self.faults) {
            let busy = |status: u16, pause: Option<&'static str>| {
                let mut headers = HeaderMap::new();
                pause.map(|pause| headers.insert(header::RETRY_AFTER, HeaderValue::from_static(pause)));
                Ok(Response { status, headers, ..Response::default() })
            };
            return match chance.below(8) {
                0 => (latency, Err((ErrorKind::Closed, Phase::Head))),
                1 => (Duration::from_secs(20), Err((ErrorKind::Timeout, Phase::Head))),
                2 => (latency, Err((ErrorKind::Connect, Phase::Connect))),
                3 => (latency, Err((ErrorKind::Dns, Phase::Resolve))),
                4 => (latency, busy(500, None)),
                5 => (latency, busy(503, None)),
                6 => (latency, busy(429, Some("3"))),
                _ => {
                    let half = Response { truncated: Some(Truncation::Incomplete), ..html(200, "<a href='/0'>") };
                    (latency, Ok(half))
                }
            };
        }
        drop(chance);
        if url.ends_with("/robots.txt") {
            let (status, text) = self.robots.get(host).copied().unwrap_or((404, ""));
            let mut response = Response { body: text.as_bytes().into(), status, ..Response::default() };
            response.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
            if status == 301 {
                response.headers.insert(header::LOCATION, HeaderValue::from_static("http://h0.test/robots.txt"));
            }
            return (latency, Ok(response));
        }
        let Some(page) = self.pages.get(url) else { return (latency, Ok(html(404, ""))) };
        assert_eq!(page.host, host);
        if page.is_redirect {
            let mut response = html(301, "");
            response.headers.insert(header::LOCATION, HeaderValue::from_str(&page.links[0]).unwrap());
            return (latency, Ok(response));
        }
        let links: String = page.links.iter().map(|link| format!("<a href='{link}'>x</a>")).collect();
        if page.panics {
            // Without the hook, which would print.
            std::panic::resume_unwind(Box::new("as planned"));
        }
        (latency, Ok(html(page.status, &links)))
    }
}

fn html(status: u16, text: &str) -> Response {
    let mut response = Response { status, body: text.as_bytes().to_vec().into(), ..Response::default() };
    response.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
    response
}

/// What an answer says about its host, as `docs/POLITENESS.md` has it.
fn told(answer: &Result<Response, (ErrorKind, Phase)>, is_robots: bool) -> Told {
    match answer {
        Ok(response) => match response.status {
            429 | 503 => {
                let asked = response.header(header::RETRY_AFTER).and_then(|text| text.parse().ok());
                Told::Trouble(asked.map(Duration::from_secs))
            }
            500 if !is_robots => Told::Error,
            500.. => Told::Trouble(None),
            _ => Told::Well,
        },
        Err((ErrorKind::Closed, _)) if !is_robots => Told::Error,
        Err(_) => Told::Trouble(None),
    }
}

/// A request is over when its future is gone, however that came.
struct OnTheWire {
    log: Arc<Mutex<Vec<Arrival>>>,
    number: usize,
    clock: Clock,
}

impl Drop for OnTheWire {
    fn drop(&mut self) {
        let arrival = &mut self.log.lock().unwrap()[self.number];
        arrival.ended = Some(self.clock.now());
        if std::thread::panicking() {
            arrival.told = Some(Told::Panicked);
        }
    }
}

impl Fetcher for Web {
    fn fetch(&self, request: Request) -> BoxFuture<'_, Result<Response, FetchError>> {
        async move {
            let (clock, sent_at) = (self.clock, self.clock.now());
            let (url, host) = (request.url.as_str().to_owned(), request.url.host().as_str().to_owned());
            let process = *self.process.lock().unwrap();
            let arrival =
                Arrival { host: host.clone(), url: url.clone(), at: sent_at, ended: None, told: None, process };
            let number = {
                let mut log = self.log.lock().unwrap();
                log.push(arrival);
                log.len() - 1
            };
            let on_the_wire = OnTheWire { log: Arc::clone(&self.log), number, clock };
            let (latency, answer) = self.answer(&url, &host);
            tokio::time::sleep(latency).await;
            let ended_at = clock.now();
            self.log.lock().unwrap()[number].told = Some(told(&answer, url.ends_with("/robots.txt")));
            drop(on_the_wire);
            let timings = Timings { sent_at, first_byte_at: Some(ended_at), ended_at, ..Timings::default() };
            match answer {
                Ok(response) => Ok(Response { timings, ..response }),
                Err((kind, phase)) => {
                    let timings = Timings { first_byte_at: None, ..timings };
                    Err(FetchError { kind, phase, message: "as planned".into(), timings })
                }
            }
        }
        .boxed()
    }
}
