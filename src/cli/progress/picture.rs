//! The live picture: a function of what the engine published, and nothing else.
//!
//! Every line has a label and fits the width it is given; what is least missed stands last, because
//! what does not fit is cut there.

use std::{collections::BTreeMap, time::Duration};

use console::style;

use super::{
    super::{
        human::{bytes, count, duration, plural, ranking, rate},
        waits,
    },
    rates::Rates,
};
use crate::{
    clock::Timestamp,
    engine::stats::{Progress, Stage, Waiting},
};

/// Columns of the labels.
const LABEL: usize = 10;
/// Reasons named in a line.
const MAX_REASONS: usize = 4;
/// A pause shorter than this is not worth a word.
const LEAST_PAUSE: Duration = Duration::from_secs(1);

/// What there is to see.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    /// What the crawl is called.
    pub(super) job: &'a str,
    /// What the engine says.
    pub(super) progress: &'a Progress,
    /// How fast it is.
    pub(super) rates: Rates,
    /// When.
    pub(super) now: Timestamp,
    /// How long this run has been at it.
    pub(super) elapsed: Duration,
}

/// The picture as lines of at most `width` columns each. All text is of single-column characters:
/// names of hosts are ASCII, and so is the rest but for a few signs.
pub(super) fn lines(view: &View<'_>, width: usize) -> Vec<String> {
    let progress = view.progress;
    let tally = &progress.tally;
    let failed = tally.failed.iter().map(|(why, n)| (why.as_str(), *n));
    let refused = tally.refused.iter().map(|(why, n)| (why.as_str(), *n));
    let rows = [
        ("pages", Some(pages(view))),
        ("urls", Some(urls(progress))),
        ("failed", reasoned(tally.n_failed(), &ranking(failed, MAX_REASONS))),
        ("refused", reasoned(tally.n_refused(), &ranking(refused, MAX_REASONS))),
        ("waiting", waiting(progress, view.now)),
        ("hosts", hosts(progress)),
        ("left", left(progress, view.rates)),
    ];
    framed(format!("{} · {} · {}", view.job, doing(progress), duration(view.elapsed)), rows, width)
}

/// A title and labelled lines, without those that have nothing to say, of at most `width` columns each.
pub(in crate::cli) fn framed(
    title: String,
    rows: impl IntoIterator<Item = (&'static str, Option<String>)>,
    width: usize,
) -> Vec<String> {
    let rows = rows.into_iter().filter_map(|(label, text)| Some(format!("  {label:<w$}{}", text?, w = LABEL - 2)));
    std::iter::once(title).chain(rows).map(|line| cut(line, width)).collect()
}

/// Makes the title stand out and the labels stand back.
pub(in crate::cli) fn paint(lines: Vec<String>, colours: bool) -> Vec<String> {
    if !colours {
        return lines;
    }
    let paint = |(i, line): (usize, String)| match line.split_at_checked(LABEL) {
        _ if i == 0 => style(line).bold().force_styling(true).to_string(),
        Some((label, text)) => format!("{}{text}", style(label).dim().force_styling(true)),
        None => line,
    };
    lines.into_iter().enumerate().map(paint).collect()
}

/// What a run is doing, in one word.
pub(super) fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Crawling => "crawling",
        Stage::Draining => "draining",
        Stage::Done => "done",
    }
}

/// Why hosts wait, and how many: `politeness 2, backoff 1`.
pub(super) fn reasons(waiting: &BTreeMap<Waiting, usize>) -> String {
    ranking(waiting.iter().map(|(why, n)| (why.to_string(), *n as u64)), usize::MAX)
}

fn doing(progress: &Progress) -> String {
    match progress.stage {
        Stage::Draining => format!("draining, {} in flight", plural(progress.in_flight as u64, "request")),
        other => stage(other).to_owned(),
    }
}

fn pages(view: &View<'_>) -> String {
    let most = view.progress.max_pages.map_or(String::new(), |most| format!(" of at most {}", count(most)));
    let (pages, bytes) = (rate(view.rates.pages_per_s), bytes(view.rates.bytes_per_s));
    let tally = &view.progress.tally;
    let same =
        if tally.not_modified > 0 { format!(", {} not modified", count(tally.not_modified)) } else { String::new() };
    format!("{} fetched{same}{most} · {pages}/s · {bytes}/s", count(tally.fetched))
}

fn urls(progress: &Progress) -> String {
    let tally = &progress.tally;
    let (done, pending) = (count(tally.n_concluded()), count(tally.n_pending()));
    let n_in_flight = count(progress.in_flight as u64);
    format!("{done} done · {pending} pending · {n_in_flight} in flight · {} known", count(tally.discovered))
}

/// A count with its reasons; nothing when it is zero.
fn reasoned(n: u64, reasons: &str) -> Option<String> {
    (n > 0).then(|| format!("{} ({reasons})", count(n)))
}

/// For whom the crawl waits, if few hosts are left, all of them must be waited for and one of them for long
/// enough to be worth a word: `2 hosts: news.example until 12:03:10 UTC (crawl-delay 30s), …`.
pub(super) fn tail(progress: &Progress, now: Timestamp) -> Option<String> {
    let waits = progress.tail.as_deref().filter(|_| progress.stage == Stage::Crawling)?;
    let is_long = waits.iter().any(|wait| wait.until.since(now) >= LEAST_PAUSE);
    is_long.then(|| waits::tail(waits, progress.tally.n_pending(), &now.rfc3339()))
}

/// Why the rest waits, and, if nothing else goes on meanwhile, until when.
fn waiting(progress: &Progress, now: Timestamp) -> Option<String> {
    let n_hosts: usize = progress.waiting.values().sum();
    if n_hosts == 0 || progress.stage != Stage::Crawling {
        return None;
    }
    if let Some(tail) = tail(progress, now) {
        return Some(format!("for {tail}"));
    }
    let pause = progress.next_at.map(|at| at.since(now)).filter(|pause| *pause >= LEAST_PAUSE);
    let until = match pause {
        Some(pause) if progress.in_flight == 0 => format!(" · goes on in {}", duration(pause)),
        _ => String::new(),
    };
    Some(format!("{} ({}){until}", plural(n_hosts as u64, "host"), reasons(&progress.waiting)))
}

fn hosts(progress: &Progress) -> Option<String> {
    let one = |(host, load): &(_, crate::engine::stats::HostLoad)| {
        format!("{host} ({} in flight, {} queued)", load.in_flight, count(load.queued as u64))
    };
    let busiest: Vec<String> = progress.busiest.iter().map(one).collect();
    (!busiest.is_empty()).then(|| format!("{} active · {}", count(progress.hosts_active as u64), busiest.join(" · ")))
}

/// How long it will take. What is pending now is the least there is to do; more may be found, up to
/// the most that may be fetched.
fn left(progress: &Progress, rates: Rates) -> Option<String> {
    let tally = &progress.tally;
    let pages = progress.max_pages.map(|most| (most.saturating_sub(tally.n_pages()), rates.pages_per_s));
    let known = (tally.n_pending(), rates.urls_per_s);
    let seconds = |(n, per_second): (u64, f64)| (per_second > 0.0).then(|| n as f64 / per_second);
    let (least, most) = (seconds(known), pages.and_then(seconds));
    let (word, seconds) = match (least, most) {
        (least, Some(most)) if least.is_none_or(|least| least >= most) => ("about", most),
        (Some(least), _) => ("at least", least),
        (None, _) => return None,
    };
    let is_over = progress.stage != Stage::Crawling || seconds <= 0.0;
    let time = Duration::try_from_secs_f64(seconds.ceil()).ok()?;
    (!is_over).then(|| format!("{word} {}", duration(time)))
}

/// Cuts what is wider than `width` columns and says so.
fn cut(mut line: String, width: usize) -> String {
    if let Some((end, _)) = line.char_indices().nth(width) {
        let keep = line[..end].char_indices().next_back().map_or(0, |(last, _)| last);
        line.truncate(keep);
        if width > 0 {
            line.push('…');
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        address::HostKey,
        engine::{
            stats::{Held, HostLoad, Tally},
            waits::Wait,
        },
        verdict::Refusal,
    };

    const NOW: Timestamp = Timestamp(1_000_000_000);

    fn tally() -> Tally {
        let mut tally = Tally { discovered: 5678, fetched: 1234, redirected: 56, ..Tally::default() };
        tally.failed = [("http-404", 8), ("timeout", 4)].map(|(why, n)| (why.to_owned(), n)).into();
        tally.refused = [(Refusal::OutOfScope, 340), (Refusal::RobotsDenied, 5)].into();
        tally
    }

    fn progress() -> Progress {
        Progress {
            at: NOW,
            tally: tally(),
            in_flight: 8,
            hosts_active: 12,
            waiting: [(Waiting::Politeness, 2), (Waiting::Backoff, 1)].into(),
            next_at: Some(NOW + Duration::from_secs(4)),
            troubled: Vec::new(),
            tail: None,
            held: Held::default(),
            recorder: [].into(),
            busiest: vec![(HostKey::new("a.example"), HostLoad { in_flight: 4, queued: 1100, fetched: 9 })],
            stage: Stage::Crawling,
            max_pages: None,
        }
    }

    fn rates() -> Rates {
        Rates { pages_per_s: 12.34, bytes_per_s: 3 << 19, urls_per_s: 20.0 }
    }

    fn picture(progress: &Progress, rates: Rates, width: usize) -> Vec<String> {
        lines(&View { job: "docs", progress, rates, now: NOW, elapsed: Duration::from_secs(83) }, width)
    }

    #[test]
    fn everything_worth_a_look_is_there() {
        assert_eq!(
            picture(&progress(), rates(), 200),
            [
                "docs · crawling · 1m 23s",
                "  pages   1,234 fetched · 12.3/s · 1.5 MiB/s",
                "  urls    1,647 done · 4,031 pending · 8 in flight · 5,678 known",
                "  failed  12 (http-404 8, timeout 4)",
                "  refused 345 (out-of-scope 340, robots-denied 5)",
                "  waiting 3 hosts (politeness 2, backoff 1)",
                "  hosts   12 active · a.example (4 in flight, 1,100 queued)",
                "  left    at least 3m 22s",
            ]
        );
    }

    #[test]
    fn a_crawl_that_only_begins_is_short() {
        let picture = picture(&Progress::default(), Rates::default(), 80);
        assert_eq!(picture.len(), 3, "{picture:#?}");
        assert_eq!(picture[1], "  pages   0 fetched · 0.0/s · 0 B/s");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in 0..90 {
            let picture = picture(&progress(), rates(), width);
            assert!(picture.iter().all(|line| line.chars().count() <= width), "{width}: {picture:#?}");
        }
        assert_eq!(picture(&progress(), rates(), 24)[0], "docs · crawling · 1m 23s");
        assert_eq!(picture(&progress(), rates(), 23)[0], "docs · crawling · 1m 2…");
        assert_eq!(picture(&progress(), rates(), 1)[1], "…");
    }

    #[test]
    fn a_crawl_that_can_only_wait_says_until_when() {
        let line = |progress: &Progress| waiting(progress, NOW);
        let idle = Progress { in_flight: 0, ..progress() };
        assert_eq!(line(&idle).as_deref(), Some("3 hosts (politeness 2, backoff 1) · goes on in 4.0s"));
        let wait = Wait {
            host: HostKey::new("a.example"),
            until: NOW + Duration::from_secs(30),
            why: Waiting::Quiet,
            crawl_delay: None,
            n_urls: 3,
        };
        let tail = Progress { tail: Some(vec![wait]), ..progress() };
        let expected = "for 1 host: a.example until 00:17:10 UTC (quiet hours); 4,031 URLs left";
        assert_eq!(line(&tail).as_deref(), Some(expected));
        let soon = Progress { next_at: Some(NOW + Duration::from_millis(900)), ..idle.clone() };
        assert_eq!(line(&soon).as_deref(), Some("3 hosts (politeness 2, backoff 1)"));
        assert_eq!(line(&Progress { stage: Stage::Draining, ..idle }), None);
    }

    #[test]
    fn draining_tells_what_it_waits_for() {
        let draining = Progress { stage: Stage::Draining, in_flight: 1, ..progress() };
        let picture = picture(&draining, rates(), 80);
        assert_eq!(picture[0], "docs · draining, 1 request in flight · 1m 23s");
        assert!(!picture.iter().any(|line| line.starts_with("  left") || line.starts_with("  waiting")), "{picture:?}");
    }

    #[test]
    fn what_is_left_is_bounded_by_the_limit_or_by_what_is_known() {
        let check = |max_pages, rates, expected: Option<&str>| {
            assert_eq!(left(&Progress { max_pages, ..progress() }, rates).as_deref(), expected, "{max_pages:?}");
        };
        // 100 pages at 12.34/s come before 4,031 URLs at 20/s.
        check(Some(1334), rates(), Some("about 9.0s"));
        check(Some(1_000_000), rates(), Some("at least 3m 22s"));
        check(None, rates(), Some("at least 3m 22s"));
        check(Some(1334), Rates { urls_per_s: 0.0, ..rates() }, Some("about 9.0s"));
        check(Some(1334), Rates::default(), None);
        check(Some(1234), rates(), None);
        check(None, Rates { urls_per_s: f64::MIN_POSITIVE, ..Rates::default() }, None);
    }

    #[test]
    fn colours_change_no_text() {
        let plain = picture(&progress(), rates(), 80);
        assert_eq!(paint(plain.clone(), false), plain);
        let painted = paint(plain.clone(), true);
        assert!(painted.iter().all(|line| line.contains('\x1b')), "{painted:?}");
        assert_eq!(painted.iter().map(|line| console::strip_ansi_codes(line)).collect::<Vec<_>>(), plain);
        assert_eq!(paint(cut_all(&plain, 5), true).len(), plain.len());
    }

    fn cut_all(lines: &[String], width: usize) -> Vec<String> {
        lines.iter().map(|line| cut(line.clone(), width)).collect()
    }
}
