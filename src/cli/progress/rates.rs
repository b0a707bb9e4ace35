//! How fast a crawl is: differences of counts over a sliding window.
//!
//! Deliberately not an average over the whole run, which says nothing about now. Bounded: a sample
//! is taken at most every [`SAMPLE_EVERY`], and those older than [`WINDOW`] are dropped but for one.

use std::{collections::VecDeque, time::Duration};

use crate::{clock::Timestamp, engine::stats::Progress};

/// The time that a rate speaks of, or the time between two readings if that is longer.
const WINDOW: Duration = Duration::from_secs(10);
/// Least time between two samples; bounds how many there are.
const SAMPLE_EVERY: Duration = Duration::from_millis(100);
/// Nothing is said about less time than this: the first page of a second is no thousand a second.
const LEAST_SPAN: Duration = Duration::from_millis(500);

/// Speeds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(in crate::cli) struct Rates {
    /// Pages fetched a second.
    pub(in crate::cli) pages_per_s: f64,
    /// Body bytes a second: over the wire, or as whoever reads counts them.
    pub(in crate::cli) bytes_per_s: u64,
    /// URLs concluded a second, however they ended.
    pub(in crate::cli) urls_per_s: f64,
}

/// Counts at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::cli) struct Reading {
    pub(in crate::cli) n_pages: u64,
    pub(in crate::cli) n_bytes: u64,
    pub(in crate::cli) n_urls: u64,
}

/// Remembers enough of the past to tell [`Rates`].
#[derive(Debug, Default)]
pub(in crate::cli) struct Meter {
    samples: VecDeque<Sample>,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Timestamp,
    reading: Reading,
}

impl Meter {
    /// Takes note of `progress`, as it is at `now`, and tells the speeds up to then.
    pub(super) fn read(&mut self, now: Timestamp, progress: &Progress) -> Rates {
        // The engine has not published anything yet: its counts may begin anywhere, since they are
        // those of all runs.
        if progress.at == Timestamp::default() {
            return Rates::default();
        }
        let tally = &progress.tally;
        let (n_pages, n_urls) = (tally.n_pages(), tally.n_concluded());
        self.note(now, Reading { n_pages, n_bytes: tally.wire_bytes, n_urls })
    }

    /// The same of plain counts.
    pub(in crate::cli) fn note(&mut self, now: Timestamp, reading: Reading) -> Rates {
        let newest = Sample { at: now, reading };
        while self.samples.get(1).is_some_and(|second| now.since(second.at) >= WINDOW) {
            self.samples.pop_front();
        }
        if self.samples.back().is_none_or(|last| now.since(last.at) >= SAMPLE_EVERY) {
            self.samples.push_back(newest);
        }
        self.samples.front().map_or_else(Rates::default, |oldest| between(oldest, &newest))
    }
}

fn between(oldest: &Sample, newest: &Sample) -> Rates {
    let span = newest.at.since(oldest.at);
    if span < LEAST_SPAN {
        return Rates::default();
    }
    let (then, here) = (oldest.reading, newest.reading);
    let per_second = |then: u64, now: u64| now.saturating_sub(then) as f64 / span.as_secs_f64();
    #[expect(clippy::cast_possible_truncation, reason = "a saturating cast of a rounded number is what is wanted")]
    let bytes_per_s = per_second(then.n_bytes, here.n_bytes).round() as u64;
    Rates {
        pages_per_s: per_second(then.n_pages, here.n_pages),
        bytes_per_s,
        urls_per_s: per_second(then.n_urls, here.n_urls),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Refusal;

    /// A picture with `n` pages of 100 bytes and as many refusals.
    fn progress(n: u64) -> Progress {
        let mut progress = Progress { at: Timestamp(1), ..Progress::default() };
        progress.tally.fetched = n;
        progress.tally.wire_bytes = 100 * n;
        progress.tally.refused.insert(Refusal::TooDeep, n);
        progress
    }

    fn seconds(s: u64) -> Timestamp {
        Timestamp(s * 1_000_000)
    }

    #[test]
    fn rates_speak_of_the_window_only() {
        let mut meter = Meter::default();
        // 1,000 pages of earlier runs are no speed; then 5 pages/s for 20 s, then none.
        assert_eq!(meter.read(seconds(100), &progress(1000)), Rates::default());
        for s in 1..=20 {
            let rates = meter.read(seconds(100 + s), &progress(1000 + 5 * s));
            assert_eq!(rates, Rates { pages_per_s: 5.0, bytes_per_s: 500, urls_per_s: 10.0 }, "after {s} s");
        }
        assert!(meter.samples.len() <= 12, "{}", meter.samples.len());
        assert_eq!(meter.read(seconds(125), &progress(1100)).pages_per_s, 2.5);
        assert_eq!(meter.read(seconds(126), &progress(1100)).pages_per_s, 2.0);
        assert_eq!(meter.read(seconds(131), &progress(1100)).pages_per_s, 0.0);
    }

    #[test]
    fn readings_far_apart_compare_with_the_one_before() {
        let mut meter = Meter::default();
        meter.read(seconds(100), &progress(0));
        assert_eq!(meter.read(seconds(160), &progress(60)).pages_per_s, 1.0);
        assert_eq!(meter.read(seconds(220), &progress(180)).pages_per_s, 2.0);
    }

    #[test]
    fn a_picture_that_nobody_drew_does_not_count() {
        let mut meter = Meter::default();
        meter.read(seconds(100), &Progress::default());
        assert_eq!(meter.read(seconds(101), &progress(1_000_000)), Rates::default());
    }

    #[test]
    fn frequent_readings_stay_bounded() {
        let mut meter = Meter::default();
        for ms in 0..30_000 {
            meter.read(Timestamp((1 + ms) * 1000), &progress(ms));
        }
        assert!(meter.samples.len() <= 102, "{}", meter.samples.len());
    }
}
