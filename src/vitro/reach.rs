//! What can be reached: a walk over the plan of a web, from seeds, over links, redirects and declared sitemaps.
//!
//! Never over its bytes, so that it is a second opinion on everything that reads them. It costs two bytes a page and
//! one look a link: a million pages take seconds. robots.txt is obeyed; a redirect costs no depth; what a declared
//! sitemap lists stands at the depth of a seed, as everywhere in dragline.

use std::collections::BTreeMap;

use super::{
    Expectation, Form, Traps, Web,
    curio::{Act, CURIOS, ELSEWHERE, Target},
    map::Place,
    page::{self, Kind},
    truth,
};
use crate::verdict::Refusal;

/// Not reached.
const NOWHERE: u16 = u16::MAX;

/// From where, and how far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// How hosts are addressed.
    pub form: Form,
    /// The hosts whose home pages are seeds.
    pub seeds: Vec<u32>,
    /// Whether only these hosts are in scope, and not all of the web.
    pub stays: bool,
    /// Most links from a seed.
    pub depth: Option<u16>,
}

/// A URL that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found<'a> {
    /// The URL, canonical.
    pub url: &'a str,
    /// How many links from a seed, at least.
    pub depth: u16,
    /// How its story ends.
    pub expectation: Expectation,
}

impl Web {
    /// Everything that a crawl must conclude, with robots.txt obeyed, host by host. What is out of scope is left out,
    /// and so are calendars with [`Traps::Open`].
    pub fn reach(&self, reach: &Reach, mut each: impl FnMut(Found<'_>)) {
        let mut is_out_told = reach.stays;
        self.walk(reach, |host, place, depth| {
            let url = self.url(reach.form, host, place);
            each(Found { url: &url, depth, expectation: truth::expect(self, host, place) });
            let leads_out = matches!(place, Place::Curio(n) if matches!(CURIOS[n].act, Act::Index));
            if leads_out && !std::mem::replace(&mut is_out_told, true) {
                each(Found { url: ELSEWHERE, depth, expectation: truth::refused(Refusal::OutOfScope) });
            }
        });
    }

    /// How many URLs a crawl of all hosts asks for, from the home page of the first. Without a walk where that is so
    /// by construction.
    pub fn n_reachable(&self, form: Form) -> u64 {
        let is_plain = |host| {
            use super::Role::{Bare, Open};
            matches!(self.role(host), Bare | Open) && !self.sites.has_curios(host) && !self.sites.has_trap(host)
        };
        if self.options().host_tree && (0..self.n_hosts()).all(is_plain) {
            return (0..self.n_hosts()).map(|host| u64::from(self.sites.size(host) + self.sites.n_orphans(host))).sum();
        }
        let mut n = 0;
        self.reach(&Reach { form, seeds: vec![0], stays: false, depth: None }, |found| {
            n += u64::from(found.expectation.status.is_some());
        });
        n
    }

    /// Tells of each place that is reached, and how far it is.
    pub(super) fn walk(&self, reach: &Reach, mut each: impl FnMut(u32, Place, u16)) {
        let mut walk = Walk::new(self, reach);
        reach.seeds.iter().filter(|host| **host < self.n_hosts()).for_each(|host| walk.found(*host, Place::Page(0), 0));
        while let Some((host, place, depth)) = walk.next() {
            walk.visit(host, place, depth);
        }
        for host in 0..self.n_hosts() {
            let pages = walk.first[host as usize]..walk.first[host as usize + 1];
            for (n, depth) in (0..).zip(&walk.depths[pages]).filter(|(_, depth)| **depth != NOWHERE) {
                each(host, Place::Page(n), *depth);
            }
        }
        walk.others.iter().for_each(|((host, place), depth)| each(*host, *place, *depth));
    }
}

struct Walk<'a> {
    web: &'a Web,
    /// Hosts in scope; nothing if all are.
    hosts: Option<Vec<u32>>,
    deepest: u16,
    /// Where the pages of each host begin in `depths`.
    first: Vec<usize>,
    depths: Vec<u16>,
    /// What is no ordinary page.
    others: BTreeMap<(u32, Place), u16>,
    /// Hosts whose robots.txt has been read.
    is_entered: Vec<bool>,
    /// What is to be visited, by depth. Holds entries that have been found nearer since.
    queues: Vec<Vec<(u32, Place)>>,
    nearest: usize,
}

impl<'a> Walk<'a> {
    fn new(web: &'a Web, reach: &Reach) -> Self {
        let mut first = vec![0];
        for host in 0..web.n_hosts() {
            let n_pages = web.sites.size(host) + web.sites.n_orphans(host);
            first.push(first[host as usize] + n_pages as usize);
        }
        let mut hosts = reach.seeds.clone();
        hosts.sort_unstable();
        Self {
            web,
            hosts: reach.stays.then_some(hosts),
            deepest: reach.depth.unwrap_or(NOWHERE - 1).min(NOWHERE - 1),
            depths: vec![NOWHERE; first.last().copied().unwrap_or(0)],
            first,
            others: BTreeMap::new(),
            is_entered: vec![false; web.n_hosts() as usize],
            queues: Vec::new(),
            nearest: 0,
        }
    }

    /// What is nearest of what is to be visited.
    fn next(&mut self) -> Option<(u32, Place, u16)> {
        while let Some(queue) = self.queues.get_mut(self.nearest) {
            let Some((host, place)) = queue.pop() else {
                self.nearest += 1;
                continue;
            };
            let depth = u16::try_from(self.nearest).unwrap_or(NOWHERE);
            if *self.known(host, place) == depth {
                return Some((host, place, depth));
            }
        }
        None
    }

    /// How far a place is, as far as is known.
    fn known(&mut self, host: u32, place: Place) -> &mut u16 {
        match place {
            Place::Page(n) => &mut self.depths[self.first[host as usize] + n as usize],
            _ => self.others.entry((host, place)).or_insert(NOWHERE),
        }
    }

    fn found(&mut self, host: u32, place: Place, depth: u16) {
        let is_open_trap = matches!(place, Place::Trap(_)) && self.web.options().traps == Traps::Open;
        let is_out = self.hosts.as_ref().is_some_and(|hosts| hosts.binary_search(&host).is_err());
        if is_open_trap || is_out || depth > self.deepest {
            return;
        }
        let known = self.known(host, place);
        if *known <= depth {
            return;
        }
        *known = depth;
        let queue = usize::from(depth);
        if self.queues.len() <= queue {
            self.queues.resize_with(queue + 1, Vec::new);
        }
        self.queues[queue].push((host, place));
        self.nearest = self.nearest.min(queue);
    }

    fn visit(&mut self, host: u32, place: Place, depth: u16) {
        let web = self.web;
        self.enter(host);
        if web.sites.refusal(host, place).is_some() {
            return;
        }
        let further = depth + 1;
        match place {
            Place::Page(n) => match page::kind(&web.sites, host, n) {
                Kind::Status(_) => {}
                Kind::Redirect { link, .. } => self.found(link.host, link.place, depth),
                Kind::Plain | Kind::Slow | Kind::Truncated | Kind::Once { .. } | Kind::Outage { .. } => {
                    page::visit_links(&web.sites, host, n, |link| self.found(link.host, link.place, further));
                    self.found(host, Place::Page(0), further);
                }
            },
            Place::Curio(n) => match &CURIOS[n].act {
                Act::Redirect { to, .. } => self.found_target(host, *to, depth),
                Act::Index => {
                    for (n, _) in CURIOS.iter().enumerate().filter(|(_, curio)| curio.listed) {
                        self.found(host, Place::Curio(n), further);
                    }
                }
                Act::Page { links, .. } => links.iter().for_each(|to| self.found_target(host, *to, further)),
                _ => {}
            },
            _ => {}
        }
    }

    /// The first URL of a host has its robots.txt asked for, and that names the sitemaps.
    fn enter(&mut self, host: u32) {
        if std::mem::replace(&mut self.is_entered[host as usize], true) {
            return;
        }
        for entry in 0..self.web.sites.n_sitemap_entries(host) {
            self.found(host, self.web.sites.sitemap_entry(host, entry), 0);
        }
    }

    fn found_target(&mut self, host: u32, target: Target, depth: u16) {
        let (host, path) = match target {
            Target::Here(path) => (host, path),
            Target::Next(path) => ((host + 1) % self.web.n_hosts(), path),
        };
        let place = Place::find(&self.web.sites, host, path).expect("specimens lead to what exists on every host");
        self.found(host, place, depth);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vitro::{Options, Robots};

    fn reached(options: Options, reach: &Reach) -> BTreeMap<String, u16> {
        let mut all = BTreeMap::new();
        Web::new(options).reach(reach, |found| {
            if found.expectation.status.is_some() {
                all.insert(found.url.to_owned(), found.depth);
            }
        });
        all
    }

    fn from_first() -> Reach {
        Reach { form: Form::addresses(4280), seeds: vec![0], stays: false, depth: None }
    }

    #[test]
    fn all_of_the_instrument_is_reached_from_the_first_host() {
        for options in [
            Options::instrument(1, 1),
            Options::instrument(200, 300),
            Options { sitemaps: true, error_permille: 200, redirect_permille: 200, ..Options::instrument(20, 2_000) },
        ] {
            let web = Web::new(options.clone());
            let n_urls = reached(options.clone(), &from_first()).len() as u64;
            assert_eq!(n_urls, web.n_reachable(Form::names(80)));
            assert!(n_urls >= u64::from(options.n_pages.unwrap_or(0)));
        }
    }

    #[test]
    fn where_robots_forbid_some_the_walk_counts() {
        let some = Options { robots: Robots::Some, ..Options::instrument(3, 3_000) };
        let all = reached(some.clone(), &from_first());
        assert!((2_400..2_750).contains(&all.len()), "{}", all.len());
        assert_eq!(all.len() as u64, Web::new(some).n_reachable(Form::names(80)));
        assert!(all.keys().all(|url| !url.contains("/people/")));
        assert_eq!(reached(Options { robots: Robots::Deny, ..Options::instrument(3, 300) }, &from_first()).len(), 0);
    }

    #[test]
    fn depth_and_hosts_bound_it() {
        let options = Options::instrument(5, 2_000);
        let all = reached(options.clone(), &from_first());
        for depth in 0..3 {
            let near = reached(options.clone(), &Reach { depth: Some(depth), ..from_first() });
            let expected: BTreeMap<_, _> =
                all.iter().filter(|it| *it.1 <= depth).map(|(a, b)| (a.clone(), *b)).collect();
            assert_eq!(near, expected);
        }
        let one = reached(options.clone(), &Reach { stays: true, seeds: vec![2], ..from_first() });
        assert_eq!(one.len(), Web::new(options).sites.size(2) as usize);
        assert!(one.keys().all(|url| url.starts_with("http://127.0.0.3:4280/")));
    }

    #[test]
    fn a_redirect_costs_no_depth() {
        let options = Options { redirect_permille: 1000, ..Options::instrument(1, 500) };
        let web = Web::new(options);
        let mut depths = BTreeMap::new();
        web.walk(&from_first(), |_, place, depth| {
            depths.insert(place, depth);
        });
        let mut n_redirects = 0;
        for (place, depth) in &depths {
            if let Place::Page(n) = place
                && let Kind::Redirect { link, .. } = page::kind(&web.sites, 0, *n)
            {
                n_redirects += 1;
                assert!(depths[&link.place] <= *depth);
            }
        }
        assert!(n_redirects > 300);
    }
}
