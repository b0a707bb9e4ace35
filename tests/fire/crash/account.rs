//! Accounts of a pass: what was asked, as the server saw it, held against what is written down.
//!
//! The server's log is the witness. A page whose answer was out long before a kill must have its record committed;
//! only what was under way at the kill, or not long over, may be asked for again, and by each kill once. Nothing is
//! known here of how dragline commits, but how long it may take.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use dragline::{clock::Timestamp, vitro::Arrival};
use serde_json::Value;

/// What a record may need besides `frontier.commit_every` until it is committed: the way of an answer through a
/// process that others keep from the machine, the commit before it, syncs.
const MARGIN: Duration = Duration::from_secs(1);

/// Attempts at a robots.txt that answers 503, in one run: the first and `fetch.retries`.
const ATTEMPTS: usize = 3;

/// Requests, by URL.
pub(super) type Asked = BTreeMap<String, Vec<Arrival>>;

/// What happens in a pass.
#[derive(Default)]
pub(super) struct Account {
    /// An answer that has been out for longer is committed.
    uncommitted: Duration,
    /// Pages whose answer breaks off, although the server has said all that it meant to.
    broken: BTreeSet<String>,
    /// Requests, by URL.
    asked: BTreeMap<String, u64>,
    /// Kills by which a request of a URL may have been in vain.
    in_vain: BTreeMap<String, u64>,
}

/// What one kill cost.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Cost {
    /// Pages that were asked for and have no record, but for those that wait for another attempt.
    pub(super) n_lost: u64,
    /// Pages that had been answered for so long that they must have one.
    pub(super) n_due: u64,
}

impl Account {
    pub(super) fn new(commit_every: Duration, broken: BTreeSet<String>) -> Self {
        Self { uncommitted: commit_every + MARGIN, broken, ..Self::default() }
    }

    /// How long an answer may have been out without a record.
    pub(super) fn uncommitted(&self) -> Duration {
        self.uncommitted
    }

    pub(super) fn n_requests(&self) -> u64 {
        self.asked.values().sum()
    }

    /// Takes in the requests of a run, and gives those of them that were for pages. None was for one that was done before.
    pub(super) fn take(&mut self, asked: Asked, done: &BTreeSet<String>) -> Asked {
        let is_robots = |url: &str| url.ends_with("/robots.txt") || url.ends_with("/robots-moved.txt");
        let (robots, pages): (Asked, Asked) = asked.into_iter().partition(|(url, _)| is_robots(url));
        let over_and_over: Vec<_> = robots.iter().filter(|(_, asked)| asked.len() > ATTEMPTS).collect();
        assert!(over_and_over.is_empty(), "robots.txt was asked for over and over: {over_and_over:?}");
        let again: Vec<_> = pages.keys().filter(|url| done.contains(*url)).collect();
        assert!(again.is_empty(), "asked for although their records were committed: {again:?}");
        pages.iter().for_each(|(url, asked)| *self.asked.entry(url.clone()).or_default() += asked.len() as u64);
        pages
    }

    /// The run that asked for these pages was alive at `alive`, and then killed; `done` are the pages whose records are
    /// committed.
    ///
    /// # Errors
    /// When one of them must be and is not.
    pub(super) fn killed(&mut self, pages: &Asked, alive: Timestamp, done: &BTreeSet<String>) -> Result<Cost, String> {
        let mut cost = Cost::default();
        for (url, asked) in pages {
            let due = asked.iter().find(|it| self.is_due(url, it, alive));
            cost.n_due += u64::from(due.is_some());
            if done.contains(url) {
                continue;
            }
            if let Some(it) = due {
                let ago = alive.since(it.ended.unwrap_or_default());
                let why = format!("answered long before the kill, by {ago:?}, and still not written down");
                return Err(format!("{why}: {url}: {it:?}"));
            }
            // What waits for another attempt is in nobody's hands, and not lost: its attempts may be written down.
            let waits = asked.last().is_some_and(|it| !is_final(it) && it.ended.is_some_and(|ended| ended <= alive));
            cost.n_lost += u64::from(!waits);
            *self.in_vain.entry(url.clone()).or_default() += 1;
        }
        Ok(cost)
    }

    /// Whether the page's record must have been committed by `alive`: its answer was whole and one that is not asked for
    /// again, and the end of it had been out for long.
    fn is_due(&self, url: &str, it: &Arrival, alive: Timestamp) -> bool {
        let is_whole = !self.broken.contains(url);
        is_whole && is_final(it) && it.ended.is_some_and(|ended| alive.since(ended) > self.uncommitted)
    }

    /// Each page was asked for as often as its record says, and at most once more for each kill that may have cost it an
    /// answer.
    ///
    /// # Errors
    /// When one was not.
    pub(super) fn check(&self, records: &BTreeMap<String, Value>) -> Result<(), String> {
        for (url, n) in &self.asked {
            let attempts = records.get(url).map_or(0, |record| record["attempts"].as_u64().unwrap());
            let in_vain = self.in_vain.get(url).copied().unwrap_or_default();
            if !(attempts..=attempts + in_vain).contains(n) {
                let recorded = format!("{attempts} are recorded and {in_vain} were in vain");
                return Err(format!("{url}: asked for {n} times, {recorded}"));
            }
        }
        Ok(())
    }
}

/// Whether nobody asks again after such an answer.
fn is_final(it: &Arrival) -> bool {
    !matches!(it.status, 0..=199 | 408 | 425 | 429 | 500..)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const T: Timestamp = Timestamp(1_000_000_000);
    const COMMIT_EVERY: Duration = Duration::from_millis(300);

    /// A request that was answered with `status` at the time `T`, if at all.
    fn arrival(status: u16, ended: bool) -> Arrival {
        Arrival {
            number: 0,
            at: T,
            host: "h".into(),
            path: "/".into(),
            connection: 0,
            in_flight: 1,
            status,
            retry_after: None,
            began: None,
            ended: ended.then_some(T),
        }
    }

    fn asked(arrivals: &[Arrival]) -> Asked {
        Asked::from([("http://h/".to_owned(), arrivals.to_vec())])
    }

    fn account(broken: &[&str]) -> Account {
        Account::new(COMMIT_EVERY, broken.iter().map(|url| (*url).to_owned()).collect())
    }

    #[test]
    fn what_was_answered_long_before_a_kill_is_written_down() {
        let check =
            |broken: &[&str], arrivals: &[Arrival], killed_after_ms: u64, done: bool, expected: Option<Cost>| {
                let alive = T + Duration::from_millis(killed_after_ms);
                let done = done.then(|| "http://h/".to_owned()).into_iter().collect();
                let cost = account(broken).killed(&asked(arrivals), alive, &done);
                assert_eq!(cost.ok(), expected, "{arrivals:?} {killed_after_ms}");
            };
        let (due, lost) = (Cost { n_due: 1, n_lost: 0 }, Cost { n_due: 0, n_lost: 1 });
        for status in [200, 204, 301, 304, 404, 410] {
            check(&[], &[arrival(status, true)], 1_301, false, None);
            check(&[], &[arrival(status, true)], 1_301, true, Some(Cost { ..due }));
            check(&[], &[arrival(status, true)], 1_299, false, Some(Cost { ..lost }));
            check(&[], &[arrival(500, true), arrival(status, true)], 1_301, false, None);
        }
        check(&[], &[arrival(200, false)], 9_999, false, Some(Cost { ..lost }));
        check(&["http://h/"], &[arrival(200, true)], 9_999, false, Some(Cost { ..lost }));
        for status in [0, 408, 425, 429, 500, 502, 503, 504] {
            check(&[], &[arrival(status, true)], 9_999, false, Some(Cost::default()));
            check(&[], &[arrival(status, false)], 9_999, false, Some(Cost { ..lost }));
            check(&[], &[arrival(status, true), arrival(200, false)], 9_999, false, Some(Cost { ..lost }));
        }
    }

    #[test]
    fn each_kill_excuses_one_request_of_a_page_and_no_other_is_excused() {
        let check = |runs: &[(usize, bool)], attempts: u64, is_kept: bool| {
            let (mut account, none) = (account(&[]), BTreeSet::new());
            for (n, is_lost) in runs {
                let pages = account.take(asked(&vec![arrival(200, true); *n]), &none);
                let done = if *is_lost { BTreeSet::new() } else { pages.keys().cloned().collect() };
                account.killed(&pages, T, &done).unwrap();
            }
            let records = BTreeMap::from([("http://h/".to_owned(), json!({ "attempts": attempts }))]);
            assert_eq!(account.check(&records).is_ok(), is_kept, "{runs:?} {attempts}");
        };
        check(&[(1, false)], 1, true);
        check(&[(2, false)], 1, false);
        check(&[(1, true), (1, false)], 1, true);
        check(&[(2, true), (1, false)], 1, false);
        check(&[(2, true), (1, false)], 2, true);
        check(&[(1, true), (1, true), (1, false)], 1, true);
        check(&[(1, false)], 2, false);
    }

    #[test]
    #[should_panic(expected = "although their records were committed")]
    fn what_is_done_is_not_asked_for_again() {
        account(&[]).take(asked(&[arrival(200, true)]), &["http://h/".to_owned()].into());
    }

    #[test]
    #[should_panic(expected = "over and over")]
    fn robots_txt_is_not_asked_for_over_and_over() {
        let robots = Asked::from([("http://h/robots.txt".to_owned(), vec![arrival(503, true); 4])]);
        account(&[]).take(robots, &BTreeSet::new());
    }
}
