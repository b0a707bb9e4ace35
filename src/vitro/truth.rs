//! The truth: which URLs a crawler that makes no mistake concludes, and how each ends.
//!
//! From the seeds, over anchors, redirects and the sitemaps that robots.txt names, with every host
//! of the web in scope and robots.txt obeyed. Made from the plan of the web ([`Reach`]) and never from its
//! bytes, so that it is a second opinion on everything that reads them.
//!
//! A URL that answers 429, 500 or 503 once, or is met in an outage, counts as fetched: the crawler asks again. Documents that are
//! machinery (robots.txt, sitemaps, style sheets) are not pages and not in it.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Form, Reach, Web,
    curio::{Act, CURIOS},
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
    /// Takes memory and time in proportion to the number of pages. With [`Traps::Open`](super::Traps::Open) the
    /// calendars are left out.
    pub fn truth(&self, port: u16) -> Truth {
        self.truth_from(port, 0..self.n_hosts())
    }

    /// The truth for a crawl from the home pages of these hosts, the others being in scope too.
    pub fn truth_from(&self, port: u16, seeds: impl IntoIterator<Item = u32>) -> Truth {
        let form = Form::names(port);
        let reach = Reach { form, seeds: seeds.into_iter().collect(), stays: false, depth: None };
        let mut truth = Truth::default();
        self.reach(&reach, |found| {
            truth.pages.insert(found.url.to_owned(), found.expectation);
        });
        self.walk(&reach, |host, _, _| {
            if self.sites.has_sitemap(host) && truth.sitemaps.insert(self.url(form, host, Place::SitemapRoot)) {
                let files = (0..self.sites.n_sitemap_files(host)).map(Place::Sitemap);
                truth.sitemaps.extend(files.map(|file| self.url(form, host, file)));
            }
        });
        truth
    }
}

/// How the story of a place that was reached ends.
pub(super) fn expect(web: &Web, host: u32, place: Place) -> Expectation {
    if let Some(why) = web.sites.refusal(host, place) {
        return refused(why);
    }
    match place {
        Place::Page(n) => match page::kind(&web.sites, host, n) {
            Kind::Status(status) => failed(status),
            Kind::Redirect { status, .. } => redirected(status),
            Kind::Truncated => Expectation { truncated: true, ..fetched() },
            Kind::Plain | Kind::Slow | Kind::Once { .. } | Kind::Outage { .. } => fetched(),
        },
        Place::Curio(n) => match &CURIOS[n].act {
            Act::Status(status) if !(200..300).contains(status) => failed(*status),
            Act::Status(status) => Expectation { status: Some(*status), ..fetched() },
            Act::Nowhere => failed(302),
            Act::Redirect { status, .. } => redirected(*status),
            Act::Truncated => Expectation { truncated: true, ..fetched() },
            Act::Plain(_) | Act::Empty | Act::Index | Act::Page { .. } | Act::Once { .. } | Act::Slow => fetched(),
        },
        _ => fetched(),
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

pub(super) fn refused(why: Refusal) -> Expectation {
    Expectation { outcome: Outcome::Refused(why), status: None, truncated: false }
}
