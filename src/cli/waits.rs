//! For whom a crawl waits, in words: for the live display, the logs and the summary.

use std::time::Duration;

use super::human::{count, duration, plural};
use crate::{
    clock::Timestamp,
    engine::{
        stats::Waiting,
        waits::{Wait, WaitTally},
    },
};

/// Hosts named, those whose time comes first.
const MAX_NAMED: usize = 3;

/// Those who were waited for longest, in a summary.
const MAX_LONGEST: usize = 3;
/// Less than this is no reason why a crawl took its time.
const LEAST: Duration = Duration::from_secs(1);

/// `2 hosts: news.example until 12:03:10 UTC (crawl-delay 30s), …; 14 URLs left`. A time is told without
/// its date if that is the one with which `today` begins, in RFC 3339.
pub(super) fn tail(waits: &[Wait], n_pending: u64, today: &str) -> String {
    let named = waits
        .iter()
        .take(MAX_NAMED)
        .map(|wait| format!("{} until {} ({})", wait.host, time_of_day(wait.until, today), reason(wait)));
    let mut named: Vec<String> = named.collect();
    if let Some(n_others) = waits.len().checked_sub(MAX_NAMED).filter(|n| *n > 0) {
        named.push(format!("{} more", count(n_others as u64)));
    }
    let (hosts, named) = (plural(waits.len() as u64, "host"), named.join(", "));
    format!("{hosts}: {named}; {} left", plural(n_pending, "URL"))
}

fn reason(wait: &Wait) -> String {
    match wait.crawl_delay {
        Some(delay) if wait.why == Waiting::Politeness => format!("crawl-delay {}", duration(delay)),
        _ => wait.why.to_string(),
    }
}

/// `9m 30s (politeness 8m 0s, backoff 1m 30s): news.example 8m 0s, b.example 1m 2s`; nothing if it was too
/// short to matter.
pub(super) fn waited(tally: &WaitTally) -> Option<String> {
    let show = |us: u64| duration(Duration::from_micros(us));
    let why: Vec<String> = tally.why.iter().map(|(why, us)| format!("{why} {}", show(*us))).collect();
    let hosts = tally.longest(MAX_LONGEST).into_iter().map(|(host, us)| format!("{host} {}", show(us)));
    let hosts: Vec<String> = hosts.collect();
    let is_told = Duration::from_micros(tally.total_us) >= LEAST;
    is_told.then(|| format!("{} ({}): {}", show(tally.total_us), why.join(", "), hosts.join(", ")))
}

/// `12:03:10 UTC`; with its date if that is not today's.
fn time_of_day(at: Timestamp, today: &str) -> String {
    let at = at.rfc3339();
    let Some((date, time)) = at.split_once('T') else { return at };
    let time = time.get(..8).unwrap_or(time);
    if today.starts_with(date) { format!("{time} UTC") } else { format!("{date} {time} UTC") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{address::HostKey, engine::waits::Waited};

    /// 12:00:00 on 2026-11-24.
    const NOW: Timestamp = Timestamp(1_795_521_600_000_000);

    fn wait(host: &str, seconds: u64, why: Waiting) -> Wait {
        let until = NOW + Duration::from_secs(seconds);
        Wait { host: HostKey::new(host), until, why, crawl_delay: Some(Duration::from_secs(30)), n_urls: 7 }
    }

    #[test]
    fn it_says_for_whom_until_when_and_why() {
        let waits = [wait("news.example", 190, Waiting::Politeness), wait("b.example", 86_400, Waiting::Quiet)];
        let expected = "2 hosts: news.example until 12:03:10 UTC (crawl-delay 30s), \
                        b.example until 2026-11-25 12:00:00 UTC (quiet hours); 14 URLs left";
        assert_eq!(tail(&waits, 14, &NOW.rfc3339()), expected);
        let expected = "1 host: news.example until 12:03:10 UTC (crawl-delay 30s); 1 URL left";
        assert_eq!(tail(&waits[..1], 1, &NOW.rfc3339()), expected);
    }

    #[test]
    fn many_are_summed_up() {
        let waits: Vec<Wait> = (0..5).map(|n| wait(&format!("h{n}"), n, Waiting::Backoff)).collect();
        let text = tail(&waits, 1234, &NOW.rfc3339());
        assert!(text.ends_with("h2 until 12:00:02 UTC (backoff), 2 more; 1,234 URLs left"), "{text}");
    }

    #[test]
    fn it_says_what_took_so_long_if_anything_did() {
        let mut tally = WaitTally::default();
        let mut wait = |host: &str, why, ms| {
            tally.add(&Waited { host: HostKey::new(host), why, took: Duration::from_millis(ms) });
            waited(&tally)
        };
        assert_eq!(wait("a", Waiting::Politeness, 999), None);
        assert_eq!(wait("a", Waiting::Politeness, 1), Some("1.0s (politeness 1.0s): a 1.0s".into()));
        let expected = "1m 31s (politeness 1.0s, backoff 1m 30s): b 1m 30s, a 1.0s";
        assert_eq!(wait("b", Waiting::Backoff, 90_000).as_deref(), Some(expected));
    }
}
