//! What of the true set of pages was fetched, by the server's log.
//!
//! A page is a URL of the true set that was answered with 200 and `text/html`. Everything else that was asked for (robots.txt,
//! what is no page, what is not there, `HEAD`) counts as other requests.

use std::collections::{BTreeSet, HashMap};

use super::site::Hit;

/// How complete a crawl was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Pages of the true set that were fetched at least once.
    pub(crate) n_pages: usize,
    /// Those that were not.
    pub(crate) missed: Vec<String>,
    /// Those that were fetched more than once.
    pub(crate) twice: Vec<String>,
    /// Pages that are not in the true set, fetched at least once.
    pub(crate) n_unknown: usize,
    /// All other requests.
    pub(crate) n_other: usize,
}

pub(crate) fn tally(pages: &BTreeSet<String>, hits: &[Hit]) -> Tally {
    let mut times: HashMap<&str, usize> = HashMap::new();
    for hit in hits.iter().filter(|hit| hit.is_page) {
        *times.entry(&hit.url).or_default() += 1;
    }
    let times_of = |url: &String| times.get(url.as_str()).copied().unwrap_or_default();
    let missed: Vec<String> = pages.iter().filter(|url| times_of(url) == 0).cloned().collect();
    Tally {
        n_pages: pages.len() - missed.len(),
        missed,
        twice: pages.iter().filter(|url| times_of(url) > 1).cloned().collect(),
        n_unknown: times.keys().filter(|url| !pages.contains(**url)).count(),
        n_other: hits.iter().filter(|hit| !hit.is_page).count(),
    }
}
