//! The truth: which URLs a crawler that makes no mistake concludes, and how each ends.
//!
//! From the seeds, over anchors, redirects and the sitemaps that robots.txt names, with every host
//! of the web in scope and robots.txt obeyed. Made from the plan of the web and never from its
//! bytes, so that it is a second opinion on everything that reads them.
//!
//! A URL that answers 429, 500 or 503 once, or is met in an outage, counts as fetched: the crawler asks again. Documents that are
//! machinery (robots.txt, sitemaps, style sheets) are not pages and not in it.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};

use super::{
    Traps, Web,
    curio::{Act, CURIOS, ELSEWHERE, Target},
    map::Place,
    page::{self, Kind},
};
use crate::{
    engine::event::{Failure, Outcome},
    verdict::Refusal,
};

/// How one URL's story ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expectation {
    /// Its end.
    pub outcome: Outcome,
    /// The status of the last answer, if it is asked for at all.
    pub status: Option<u16>,
    /// Whether its body breaks off.
    pub truncated: bool,
}

/// What is so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Truth {
    /// Every URL that must have a record, canonical, and how it ends. One of them is outside of
    /// every scope that names hosts: `http://elsewhere.test/`, if there are curios.
    pub pages: BTreeMap<String, Expectation>,
    /// The sitemap documents read on the way.
    pub sitemaps: BTreeSet<String>,
}

impl Truth {
    /// How many URLs end as `outcome`.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.pages.values().filter(|expectation| expectation.outcome == outcome).count()
    }
}

impl Web {
    /// The truth for a crawl from all [`Web::seeds`] through `port`.
    ///
    /// Takes memory and time in proportion to the number of pages. With [`Traps::Open`] the
    /// calendars are left out.
    pub fn truth(&self, port: u16) -> Truth {
        self.truth_from(port, 0..self.n_hosts())
    }

    /// The truth for a crawl from the home pages of these hosts, the others being in scope too.
    pub fn truth_from(&self, port: u16, seeds: impl IntoIterator<Item = u32>) -> Truth {
        let mut walk = Walk { web: self, port, truth: Truth::default(), seen: HashSet::new(), queue: VecDeque::new() };
        seeds.into_iter().for_each(|host| walk.found(host, Place::Page(0)));
        while let Some((host, place)) = walk.queue.pop_front() {
            walk.visit(host, place);
        }
        walk.truth
    }
}

struct Walk<'a> {
    web: &'a Web,
    port: u16,
    truth: Truth,
    seen: HashSet<(u32, Place)>,
    queue: VecDeque<(u32, Place)>,
}

impl Walk<'_> {
    fn found(&mut self, host: u32, place: Place) {
        let left_out = matches!(place, Place::Trap(_)) && self.web.options().traps == Traps::Open;
        if !left_out && self.seen.insert((host, place)) {
            self.queue.push_back((host, place));
        }
    }

    fn visit(&mut self, host: u32, place: Place) {
        self.read_sitemaps(host);
        let expectation = match self.web.sites.refusal(host, place) {
            Some(why) => refused(why),
            None => match place {
                Place::Page(n) => self.visit_page(host, n),
                Place::Curio(n) => self.visit_curio(host, n),
                _ => fetched(),
            },
        };
        self.truth.pages.insert(self.web.url(self.port, host, place), expectation);
    }

    /// The first URL of a host has its robots.txt asked for, and that names the sitemaps.
    fn read_sitemaps(&mut self, host: u32) {
        let sites = &self.web.sites;
        if !sites.has_sitemap(host) || !self.seen.insert((host, Place::SitemapRoot)) {
            return;
        }
        self.truth.sitemaps.insert(self.web.url(self.port, host, Place::SitemapRoot));
        for file in 0..sites.n_sitemap_files(host) {
            self.truth.sitemaps.insert(self.web.url(self.port, host, Place::Sitemap(file)));
        }
        for entry in 0..sites.n_sitemap_entries(host) {
            self.found(host, sites.sitemap_entry(host, entry));
        }
    }

    fn visit_page(&mut self, host: u32, n: u32) -> Expectation {
        let expectation = match page::kind(&self.web.sites, host, n) {
            Kind::Status(status) => return failed(status),
            Kind::Redirect { status, link } => {
                self.found(link.host, link.place);
                return redirected(status);
            }
            Kind::Truncated => Expectation { truncated: true, ..fetched() },
            Kind::Plain | Kind::Slow | Kind::Once { .. } | Kind::Outage { .. } => fetched(),
        };
        for link in page::links(&self.web.sites, host, n) {
            self.found(link.host, link.place);
        }
        self.found(host, Place::Page(0));
        expectation
    }

    fn visit_curio(&mut self, host: u32, n: usize) -> Expectation {
        match &CURIOS[n].act {
            Act::Status(status) if !(200..300).contains(status) => return failed(*status),
            Act::Status(status) => return Expectation { status: Some(*status), ..fetched() },
            Act::Nowhere => return failed(302),
            Act::Redirect { status, to, .. } => {
                self.found_target(host, *to);
                return redirected(*status);
            }
            Act::Plain(_) | Act::Empty => {}
            Act::Truncated => return Expectation { truncated: true, ..fetched() },
            Act::Index => {
                for (n, _) in CURIOS.iter().enumerate().filter(|(_, curio)| curio.listed) {
                    self.found(host, Place::Curio(n));
                }
                self.truth.pages.insert(ELSEWHERE.to_owned(), refused(Refusal::OutOfScope));
            }
            Act::Page { links, .. } => links.iter().for_each(|target| self.found_target(host, *target)),
            Act::Once { .. } | Act::Slow => {}
        }
        // The foot of every page; of those without one, the way here came past the home page.
        self.found(host, Place::Page(0));
        fetched()
    }

    fn found_target(&mut self, host: u32, target: Target) {
        let (host, path) = match target {
            Target::Here(path) => (host, path),
            Target::Next(path) => ((host + 1) % self.web.n_hosts(), path),
        };
        let place = Place::find(&self.web.sites, host, path).expect("specimens lead to what exists on every host");
        self.found(host, place);
    }
}

fn fetched() -> Expectation {
    Expectation { outcome: Outcome::Fetched, status: Some(200), truncated: false }
}

fn redirected(status: u16) -> Expectation {
    Expectation { outcome: Outcome::Redirected, status: Some(status), truncated: false }
}

fn failed(status: u16) -> Expectation {
    Expectation { outcome: Outcome::Failed(Failure::Status(status)), status: Some(status), truncated: false }
}

fn refused(why: Refusal) -> Expectation {
    Expectation { outcome: Outcome::Refused(why), status: None, truncated: false }
}
