//! The last minutes of a crawl that runs, for plots: samples of its picture, a bounded number of them.
//!
//! They are taken once a second by whoever tells of progress, and only when the picture has changed. Nothing here is
//! durable, and nothing is counted: each sample holds sums that the engine has counted, and what lies between two of
//! them is a rate.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use crate::{clock::Timestamp, engine::stats::Progress};

/// Samples that are kept: five minutes at one a second.
const MOST: usize = 300;
/// Time over which the rate of right now is taken, seconds.
const RATE_OVER_S: f64 = 10.0;

/// One look at the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Sample {
    at: Timestamp,
    n_pages: u64,
    n_failed: u64,
    n_pending: u64,
    /// Of answers since the sample before, milliseconds; none without any.
    median_ms: Option<f64>,
    /// Nine in ten took no longer.
    most_ms: Option<f64>,
}

/// Points of plots: seconds before now, and values.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Recent {
    pub(crate) pages_per_second: Vec<(f64, f64)>,
    pub(crate) failures_per_second: Vec<(f64, f64)>,
    pub(crate) pending: Vec<(f64, f64)>,
    pub(crate) median_ms: Vec<(f64, f64)>,
    pub(crate) most_ms: Vec<(f64, f64)>,
}

#[derive(Debug, Default)]
struct Kept {
    samples: VecDeque<Sample>,
    /// Answers by latency at the last sample.
    latencies: Vec<u64>,
}

/// The samples of one run.
#[derive(Debug, Default)]
pub(crate) struct History(Mutex<Kept>);

impl History {
    /// Takes a sample.
    pub(crate) fn take(&self, progress: &Progress) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let tally = &progress.tally;
        // What was counted before this run is no news.
        let is_first = kept.samples.is_empty();
        let before = if is_first { &tally.latency_ms } else { &kept.latencies };
        let news = tally.latency_ms.iter().enumerate();
        let news: Vec<u64> = news.map(|(i, n)| n.saturating_sub(before.get(i).copied().unwrap_or_default())).collect();
        let sample = Sample {
            at: progress.at,
            n_pages: tally.n_pages(),
            n_failed: tally.n_failed(),
            n_pending: tally.n_pending(),
            median_ms: quantile(&news, 0.5),
            most_ms: quantile(&news, 0.9),
        };
        kept.latencies.clone_from(&tally.latency_ms);
        if kept.samples.len() == MOST {
            kept.samples.pop_front();
        }
        kept.samples.push_back(sample);
    }

    /// Pages per second over the last seconds; none before there are two samples.
    pub(crate) fn rate(&self, now: Timestamp) -> Option<f64> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (first, last) = (kept.samples.front()?, kept.samples.back()?);
        let old = |sample: &&Sample| now.since(sample.at).as_secs_f64() >= RATE_OVER_S;
        let from = kept.samples.iter().rev().find(old).unwrap_or(first);
        let seconds = now.since(from.at).as_secs_f64();
        (kept.samples.len() > 1 && seconds > 0.0).then(|| last.n_pages.saturating_sub(from.n_pages) as f64 / seconds)
    }

    /// All of it, for plots.
    pub(crate) fn recent(&self, now: Timestamp) -> Recent {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut recent = Recent::default();
        let before = |sample: &Sample| now.since(sample.at).as_secs_f64();
        for (earlier, later) in kept.samples.iter().zip(kept.samples.iter().skip(1)) {
            let seconds = later.at.since(earlier.at).as_secs_f64().max(1e-3);
            let rate = |of: fn(&Sample) -> u64| of(later).saturating_sub(of(earlier)) as f64 / seconds;
            // A step, so that a single one is seen.
            let step = |rate: f64| [(before(earlier), rate), (before(later), rate)];
            recent.pages_per_second.extend(step(rate(|sample| sample.n_pages)));
            recent.failures_per_second.extend(step(rate(|sample| sample.n_failed)));
        }
        for sample in &kept.samples {
            recent.pending.push((before(sample), sample.n_pending as f64));
            recent.median_ms.extend(sample.median_ms.map(|ms| (before(sample), ms)));
            recent.most_ms.extend(sample.most_ms.map(|ms| (before(sample), ms)));
        }
        // The picture has not changed since the last sample.
        if let Some(last) = kept.samples.back().filter(|last| before(last) >= 1.5) {
            recent.pages_per_second.extend([(before(last), 0.0), (0.0, 0.0)]);
            recent.failures_per_second.extend([(before(last), 0.0), (0.0, 0.0)]);
            recent.pending.push((0.0, last.n_pending as f64));
        }
        recent
    }
}

/// The value below which `share` of what is counted lies, in buckets by powers of two: bucket `i` counts
/// [2^(i-1), 2^i), bucket 0 counts 0. Inside of a bucket values are taken to be even.
fn quantile(counts: &[u64], share: f64) -> Option<f64> {
    let wanted = counts.iter().sum::<u64>() as f64 * share;
    let (mut before, mut from) = (0.0, 0.0);
    for (i, count) in counts.iter().enumerate() {
        let (n, below) = (*count as f64, if i == 0 { 1.0 } else { from * 2.0 });
        if n > 0.0 && before + n >= wanted {
            return Some(if i == 0 { 0.0 } else { from + (below - from) * (wanted - before) / n });
        }
        before += n;
        from = below;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::stats::Tally;

    fn progress(second: u64, fetched: u64, latency_ms: &[u64]) -> Progress {
        let failed = [("timeout".to_owned(), fetched / 10)].into();
        let tally = Tally { discovered: 1000, fetched, failed, latency_ms: latency_ms.to_vec(), ..Tally::default() };
        Progress { at: Timestamp(second * 1_000_000), tally, ..Progress::default() }
    }

    #[test]
    fn quantiles_of_buckets_by_powers_of_two() {
        let check = |counts: &[u64], share: f64, expected: Option<f64>| assert_eq!(quantile(counts, share), expected);
        check(&[], 0.5, None);
        check(&[0, 0], 0.5, None);
        check(&[7], 0.5, Some(0.0));
        check(&[0, 2], 0.5, Some(1.5));
        check(&[0, 0, 0, 10], 0.5, Some(6.0));
        check(&[5, 0, 0, 5], 0.9, Some(7.2));
    }

    #[test]
    fn rates_lie_between_samples_and_an_idle_crawl_has_none() {
        let history = History::default();
        let now = |second: u64| Timestamp(second * 1_000_000);
        assert_eq!((history.rate(now(1)), history.recent(now(1))), (None, Recent::default()));
        history.take(&progress(1, 100, &[0, 0, 50]));
        assert_eq!(history.rate(now(1)), None, "what was counted before is no rate");
        history.take(&progress(2, 110, &[0, 0, 60]));
        history.take(&progress(3, 130, &[0, 0, 60]));
        assert_eq!(history.rate(now(3)), Some(15.0));
        let recent = history.recent(now(3));
        assert_eq!(recent.pages_per_second, [(2.0, 10.0), (1.0, 10.0), (1.0, 20.0), (0.0, 20.0)]);
        assert_eq!(recent.failures_per_second, [(2.0, 1.0), (1.0, 1.0), (1.0, 2.0), (0.0, 2.0)]);
        assert_eq!(recent.pending, [(2.0, 890.0), (1.0, 879.0), (0.0, 857.0)]);
        assert_eq!(recent.median_ms, [(1.0, 3.0)]);
        let idle = history.recent(now(60));
        assert_eq!(idle.pages_per_second.last(), Some(&(0.0, 0.0)));
        assert_eq!(history.rate(now(60)), Some(0.0));
    }

    #[test]
    fn it_forgets_what_is_older_than_its_bound() {
        let history = History::default();
        (0..1000).for_each(|second| history.take(&progress(second, second, &[])));
        assert_eq!(history.recent(Timestamp(999_000_000)).pending.len(), MOST);
    }
}
