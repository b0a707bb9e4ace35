//! A random web for one simulated run: hosts, pages, what they answer, and what is promised to them.

use std::{net::IpAddr, num::NonZeroU32, time::Duration};

use http::HeaderMap;

use crate::{
    address::{CanonicalUrl, Canonicalizer, HostKey, HostPattern},
    clock::Timestamp,
    frontier::{Discovery, Kind, QueuedUrl},
    politeness::{self, Signal},
    robots::{self, Answer},
    scope::Role,
    seeds::Chance,
    verdict::{Refusal, Verdict},
};

/// What a page answers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Nature {
    Page,
    /// To its first link.
    Redirect,
    /// Fails so many times in this way, then is a page.
    Bad(u32, Signal),
    Gone,
}

/// What a host answers to a request for its robots.txt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Robots {
    Text(&'static str),
    Missing,
    Down,
    /// Down once.
    Flaky,
    /// It is that of another host.
    Elsewhere(usize),
}

#[derive(Debug)]
pub(super) struct Page {
    pub(super) url: CanonicalUrl,
    pub(super) host: usize,
    nature: Nature,
    /// Where it leads, and whether that way refuses what it leads to.
    links: Vec<(usize, Option<Refusal>)>,
}

#[derive(Debug)]
pub(super) struct Web {
    pub(super) hosts: Vec<HostKey>,
    pub(super) addresses: Vec<IpAddr>,
    pub(super) policies: Vec<politeness::Policy>,
    pub(super) robots: Vec<Robots>,
    pub(super) pages: Vec<Page>,
    robots_options: robots::Options,
}

/// What came of one request for a page.
pub(super) struct Came {
    pub(super) signal: Signal,
    /// It may be asked for again.
    pub(super) failed: bool,
    pub(super) fetched: bool,
    pub(super) found: Vec<Discovery>,
}

const DENYING: &str = "User-agent: *\nDisallow: /no";
const SLOW: &str = "User-agent: *\nCrawl-delay: 3";

impl Web {
    pub(super) fn new(chance: &mut Chance) -> Self {
        let n_hosts = if chance.percent(80) { chance.size(1..8) } else { chance.size(8..40) };
        let n_pages = chance.size(2..60).max(n_hosts);
        let name = |host: usize| format!("h{host}.{}.example", ["a", "b", "c"][host % 3]);
        let canonicalizer = Canonicalizer::default();
        let pages: Vec<Page> = (0..n_pages)
            .map(|page| {
                let host = if page < n_hosts { page } else { chance.size(0..n_hosts) };
                let folder = chance.pick(&["", "no/", "d1/", "d2/"]);
                let url = canonicalizer.parse(&format!("http://{}/{folder}{page}", name(host))).expect("valid");
                let links = (0..chance.size(0..7)).map(|_| {
                    let refused = match chance.below(12) {
                        0 => Some(Refusal::OutOfScope),
                        1 => Some(Refusal::TooFar),
                        _ => None,
                    };
                    (chance.size(0..n_pages), refused)
                });
                let links: Vec<_> = links.collect();
                let nature = match chance.below(16) {
                    0 if !links.is_empty() => Nature::Redirect,
                    1 => Nature::Gone,
                    2 => Nature::Bad(1, Signal::Faulty),
                    3 => Nature::Bad(1, Signal::Trouble),
                    4 => Nature::Bad(1, Signal::SlowDown(Some(Duration::from_secs(chance.below(9))))),
                    5 if chance.percent(20) => Nature::Bad(1, Signal::SlowDown(Some(Duration::from_secs(80)))),
                    5 => Nature::Bad(1, Signal::SlowDown(None)),
                    6 => Nature::Bad(9, chance.pick(&[Signal::Faulty, Signal::Trouble])),
                    _ => Nature::Page,
                };
                Page { url, host, nature, links }
            })
            .collect();
        let robots: Vec<Robots> = (0..n_hosts)
            .map(|_| match chance.below(9) {
                0 => Robots::Down,
                1 => Robots::Flaky,
                2 => Robots::Elsewhere(chance.size(0..n_hosts)),
                3 | 4 => Robots::Text(DENYING),
                5 => Robots::Text(SLOW),
                _ => Robots::Missing,
            })
            .collect();
        let policies = (0..n_hosts).map(|host| policy(chance, robots[host])).collect();
        let n_addresses = chance.size(1..4);
        let addresses = (0..n_hosts).map(|host| IpAddr::from([192, 0, 2, [1, 2, 3, 4][host % n_addresses]]));
        Self {
            hosts: (0..n_hosts).map(|host| HostKey::new(&name(host))).collect(),
            addresses: addresses.collect(),
            policies,
            robots,
            pages,
            robots_options: robots::Options::default(),
        }
    }

    pub(super) fn politeness(&self) -> politeness::Options {
        let exact = |host: &HostKey| HostPattern::Exact(host.as_str().to_owned());
        let exceptions = self.hosts.iter().map(exact).zip(self.policies.iter().cloned()).collect();
        politeness::Options { default: politeness::Policy::default(), exceptions }
    }

    pub(super) fn host(&self, key: &HostKey) -> usize {
        self.hosts.iter().position(|host| host == key).expect("a host of this web")
    }

    pub(super) fn page(&self, url: &CanonicalUrl) -> &Page {
        self.pages.iter().find(|page| page.url == *url).expect("a page of this web")
    }

    /// The first page of each of the first hosts.
    pub(super) fn seeds(&self, n: usize) -> Vec<Discovery> {
        self.pages[..n.min(self.hosts.len())].iter().map(|page| discovery(page, Role::Seed, 0, None)).collect()
    }

    pub(super) fn answer(&self, queued: &QueuedUrl) -> Came {
        let page = self.page(&queued.url);
        let fine = |found| Came { signal: Signal::Fine, failed: false, fetched: true, found };
        match page.nature {
            Nature::Gone => Came { fetched: false, ..fine(Vec::new()) },
            Nature::Redirect => {
                let (target, refused) = page.links[0];
                let found = discovery(&self.pages[target], Role::Redirect, queued.depth(), refused);
                Came { fetched: false, ..fine(vec![found]) }
            }
            Nature::Bad(times, signal) if queued.attempts < times => {
                Came { signal, failed: true, fetched: false, found: Vec::new() }
            }
            Nature::Page | Nature::Bad(..) => {
                let link = |(target, refused): &(usize, Option<Refusal>)| {
                    discovery(&self.pages[*target], Role::Link, queued.depth() + 1, *refused)
                };
                fine(page.links.iter().map(link).collect())
            }
        }
    }

    /// Whether robots.txt, wherever it is, lets nobody ask for this page.
    pub(super) fn is_denied(&self, page: &Page) -> bool {
        let owner = match self.robots[page.host] {
            Robots::Elsewhere(other) => self.robots[other],
            own => own,
        };
        owner == Robots::Text(DENYING) && page.url.path_and_query().starts_with("/no")
    }

    pub(super) fn policy_of(&self, text: &str, status: u16, now: Timestamp) -> robots::Policy {
        let answer = Answer { status, headers: &HeaderMap::new(), body: text.as_bytes() };
        robots::Policy::from_response(&answer, now, &self.robots_options)
    }
}

fn discovery(page: &Page, role: Role, depth: u16, refused: Option<Refusal>) -> Discovery {
    Discovery {
        url: page.url.clone(),
        fingerprint: page.url.fingerprint(),
        role,
        depth,
        kind: Kind::Page,
        nesting: 0,
        hops_off_site: 0,
        via: None,
        redirects: Vec::new(),
        verdict: refused.map_or(Verdict::Fetch, Verdict::Refuse),
        rule: None,
        depends_on_way: refused == Some(Refusal::TooFar),
    }
}

fn policy(chance: &mut Chance, robots: Robots) -> politeness::Policy {
    let number = |n: usize| NonZeroU32::new(u32::try_from(n).expect("small")).expect("not zero");
    let is_slow = !matches!(robots, Robots::Missing | Robots::Down);
    politeness::Policy {
        interval: chance.pick(&[0, 0, 100, 1000, 2000].map(Duration::from_millis)),
        // A bucket whose terms change, as by a crawl-delay, has a rule of its own: it is tested beside the gate, with jobs of
        // unequal terms (`promises_are_kept_and_nobody_is_forgotten`).
        burst: number(if is_slow || chance.percent(70) { 1 } else { chance.size(2..4) }),
        connections: number(chance.pick(&[1, 1, 2, 3])),
        max_delay: Duration::from_secs(chance.pick(&[6, 6, 6, 90])),
        backoff_base: chance.pick(&[0, 500, 2000].map(Duration::from_millis)),
        backoff_max: Duration::from_secs(8),
        errors_in_row: chance.pick(&[None, NonZeroU32::new(3)]),
        delay: chance.pick(&[0, 0, 0, 700].map(Duration::from_millis)),
        ..politeness::Policy::default()
    }
}
