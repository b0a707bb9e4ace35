//! Random webs under random bounds: whatever the order of things, every URL has its one end.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;

use super::*;

/// A web as numbers: pages of a few hosts, and who links to whom.
#[derive(Debug, Clone)]
struct Shape {
    n_hosts: usize,
    links: Vec<Vec<usize>>,
    /// Of each page: 0 is a page, 1 redirects to its first link, 2 fails once and is a page without
    /// links then, 3 is never there.
    natures: Vec<u8>,
}

impl Shape {
    fn url(&self, page: usize) -> String {
        format!("http://h{}/{page}", page % self.n_hosts)
    }

    fn web(&self) -> Web {
        let leak = |text: String| -> &'static str { text.leak() };
        let pages: Vec<(String, Page)> = (0..self.links.len())
            .map(|page| {
                let targets: Vec<&'static str> =
                    self.links[page].iter().map(|target| leak(self.url(*target))).collect();
                let answer = match (self.natures[page], targets.first()) {
                    (1, Some(target)) => Page::Redirect(target),
                    (2, _) => Page::Flaky(1, 500),
                    (3, _) => Page::Status(410, None),
                    _ => Page::Html(targets.leak()),
                };
                (self.url(page), answer)
            })
            .collect();
        let pages: Vec<(&str, Page)> = pages.iter().map(|(url, page)| (url.as_str(), page.clone())).collect();
        Web::new(&pages)
    }

    /// Each page that can be reached, and how many links away from page 0 it is at least.
    fn depths(&self) -> BTreeMap<usize, u16> {
        let mut depths = BTreeMap::from([(0, 0)]);
        // A redirect costs no depth, so its target is looked at before anything deeper.
        let mut queue = VecDeque::from([(0, 0)]);
        while let Some((page, depth)) = queue.pop_front() {
            if depths[&page] < depth {
                continue;
            }
            let (targets, cost) = match self.natures[page] {
                1 if !self.links[page].is_empty() => (&self.links[page][..1], 0),
                0 | 1 => (&self.links[page][..], 1),
                _ => (&[][..], 1),
            };
            for target in targets {
                let there = depth + cost;
                if depths.get(target).is_none_or(|known| *known > there) {
                    depths.insert(*target, there);
                    if cost == 0 { queue.push_front((*target, there)) } else { queue.push_back((*target, there)) }
                }
            }
        }
        depths
    }

    fn outcome(&self, page: usize) -> &'static str {
        match self.natures[page] {
            1 if self.links[page].first() == Some(&page) => "failed redirect-loop",
            1 if !self.links[page].is_empty() => "redirected",
            3 => "failed http-410",
            _ => "fetched",
        }
    }
}

fn shape(max_hosts: usize) -> impl Strategy<Value = Shape> {
    (2usize..40, 1..=max_hosts).prop_flat_map(|(n_pages, n_hosts)| {
        let links = proptest::collection::vec(proptest::collection::vec(0..n_pages, 0..6), n_pages);
        let nature = prop_oneof![6 => Just(0u8), 1 => Just(1), 1 => Just(2), 1 => Just(3)];
        (links, proptest::collection::vec(nature, n_pages)).prop_map(move |(links, natures)| Shape {
            n_hosts,
            links,
            natures,
        })
    })
}

/// Crawls it under paused time.
fn crawl(shape: &Shape, change: impl FnOnce(&mut Options)) -> Shelf {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let seed: &'static str = shape.url(0).leak();
    let crawl = Crawl::of(&[seed]).with(|options| {
        options.workbench.politeness.default.errors_in_row = None;
        options.max_redirects = 1000;
        change(options);
    });
    runtime.block_on(crawl.run(shape.web())).1
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn everything_that_can_be_reached_is_recorded_once(
        shape in shape(5), head in 1usize..4, active_hosts in 1usize..4, connections in 1u32..4, concurrency in 1usize..6,
    ) {
        let shelf = crawl(&shape, |options| {
            options.concurrency = concurrency;
            options.workbench.head = head;
            options.workbench.active_hosts = active_hosts;
            options.workbench.politeness.default.connections = NonZeroU32::new(connections).unwrap();
            options.workbench.politeness.default.interval = Duration::from_millis(20);
        });
        let expected: BTreeMap<String, String> =
            shape.depths().into_keys().map(|page| (shape.url(page), shape.outcome(page).to_owned())).collect();
        prop_assert_eq!(shelf.outcomes(), expected);
    }

    #[test]
    fn on_one_host_depths_are_exact(
        shape in shape(1), head in 1usize..4, connections in 1u32..6, max_depth in 0u16..5,
    ) {
        let shelf = crawl(&shape, |options| {
            options.workbench.head = head;
            options.workbench.max_depth = Some(max_depth);
            options.workbench.politeness.default.connections = NonZeroU32::new(connections).unwrap();
            options.workbench.politeness.default.interval = Duration::ZERO;
        });
        let depths = shape.depths();
        // What is too deep is known only as far as one link behind the last level.
        let expected: BTreeMap<String, String> = depths
            .iter()
            .filter(|(_, depth)| **depth <= max_depth + 1)
            .map(|(page, depth)| {
                let outcome = if *depth > max_depth { "refused too-deep" } else { shape.outcome(*page) };
                (shape.url(*page), outcome.to_owned())
            })
            .collect();
        let found = shelf.outcomes();
        for (url, outcome) in &expected {
            // A page behind a redirect that is itself too deep is never heard of.
            if outcome != "refused too-deep" {
                prop_assert_eq!(found.get(url), Some(outcome), "{}", url);
            }
        }
        for (url, outcome) in &found {
            prop_assert_eq!(expected.get(url), Some(outcome), "{}", url);
        }
        for (page, depth) in depths.iter().filter(|(_, depth)| **depth <= max_depth) {
            prop_assert_eq!(&shelf.record(&shape.url(*page))["depth"], &serde_json::json!(depth));
        }
    }
}
