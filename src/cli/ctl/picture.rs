//! The live picture of a crawl that a daemon works on: a function of what was heard of it, in the look of `dragline run`.

use std::time::Duration;

use super::{
    super::{
        human::{bytes, count, duration, rate},
        progress::{Rates, framed},
    },
    model::Counts,
    text::{self, Moment},
    view::Seen,
};

/// What there is to see.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) seen: &'a Seen,
    pub(super) rates: Rates,
    /// Since it is being watched.
    pub(super) elapsed: Duration,
    pub(super) moment: &'a Moment,
}

/// The picture as lines of at most `width` columns.
pub(super) fn lines(view: &View<'_>, width: usize) -> Vec<String> {
    let seen = view.seen;
    let counts = seen.counts.as_ref();
    let some = |n: u64| (n > 0).then(|| count(n));
    let rows = [
        ("pages", counts.map(|counts| pages(counts, view.rates))),
        ("urls", counts.map(text::urls)),
        ("failed", counts.and_then(|counts| some(counts.failed))),
        ("refused", counts.and_then(|counts| some(counts.refused))),
        ("waiting", seen.waiting.as_ref().and_then(|waiting| text::waiting_for(waiting, view.moment))),
        ("left", counts.and_then(|counts| left(counts, view.rates))),
    ];
    let away = if seen.is_away { " · the daemon is away" } else { "" };
    framed(format!("{} · {}{away} · {}", seen.name, seen.state, duration(view.elapsed)), rows, width)
}

fn pages(counts: &Counts, rates: Rates) -> String {
    let same =
        if counts.not_modified > 0 { format!(", {} not modified", count(counts.not_modified)) } else { String::new() };
    let (pages, bytes) = (rate(rates.pages_per_s), bytes(rates.bytes_per_s));
    format!("{} fetched{same} · {pages}/s · {bytes}/s", count(counts.fetched))
}

/// What is pending now is the least there is to do.
fn left(counts: &Counts, rates: Rates) -> Option<String> {
    if counts.pending == 0 || rates.urls_per_s <= 0.0 {
        return None;
    }
    let time = Duration::try_from_secs_f64((counts.pending as f64 / rates.urls_per_s).ceil()).ok()?;
    Some(format!("at least {}", duration(time)))
}

#[cfg(test)]
mod tests {
    use super::{
        super::model::{LastHost, WaitingFor},
        *,
    };
    use crate::clock::Timestamp;

    /// 12:00:00 on 2026-11-24.
    const NOW: Timestamp = Timestamp(1_795_521_600_000_000);

    fn picture(seen: &Seen) -> Vec<String> {
        let rates = Rates { pages_per_s: 12.34, bytes_per_s: 3 << 19, urls_per_s: 20.0 };
        lines(&View { seen, rates, elapsed: Duration::from_secs(83), moment: &Moment::at(NOW) }, 100)
    }

    #[test]
    fn everything_worth_a_look_is_there() {
        let counts = Counts {
            discovered: 5678,
            fetched: 1234,
            redirected: 56,
            failed: 12,
            refused: 345,
            pending: 4031,
            in_flight: 8,
            ..Counts::default()
        };
        let mut seen = Seen { name: "docs".into(), state: "running".into(), counts: Some(counts), ..Seen::default() };
        let hosts = [("politeness".to_owned(), 2), ("back\u{1b}off".to_owned(), 1)].into();
        seen.waiting = Some(WaitingFor { hosts, next_at: Some("2026-11-25T12:03:10.5Z".into()), last: Vec::new() });
        assert_eq!(
            picture(&seen),
            [
                "docs · running · 1m 23s",
                "  pages   1,234 fetched · 12.3/s · 1.5 MiB/s",
                "  urls    1,647 done · 4,031 pending · 8 in flight · 5,678 known",
                "  failed  12",
                "  refused 345",
                "  waiting 3 hosts (politeness 2, back\u{fffd}off 1) · goes on at 2026-11-25 12:03:10 UTC",
                "  left    at least 3m 22s",
            ]
        );
        let last =
            LastHost { host: "a.example".into(), until: "2026-11-24T12:03:10Z".into(), why: "quiet hours".into() };
        seen.waiting = Some(WaitingFor { last: vec![last], ..WaitingFor::default() });
        assert!(
            picture(&seen).contains(&"  waiting for 1 host: a.example until 12:03:10 UTC (quiet hours)".to_owned())
        );
    }

    #[test]
    fn a_crawl_that_has_not_begun_is_short() {
        let seen = Seen { name: "docs".into(), state: "queued".into(), is_away: true, ..Seen::default() };
        assert_eq!(picture(&seen), ["docs · queued · the daemon is away · 1m 23s"]);
    }
}
