//! Crawls as people read them. Pure; names and reasons are foreign text.

use std::{fmt::Write as _, time::Duration};

use super::{
    super::human::{bytes, column, count, plain, plural, ranking},
    model::{Counts, Crawl, WaitingFor},
};
use crate::clock::Timestamp;

/// Why writing a text can't fail.
const IN_MEMORY: &str = "a String takes everything";
/// Characters of an id that are shown: its last group, which is random. The first ones are a time.
const SHORT_ID_CHARS: usize = 12;
/// Columns of the labels.
const LABEL: usize = 10;
/// Hosts named, those whose time comes first.
const MAX_NAMED: usize = 3;
/// A pause shorter than this is not worth a word.
const LEAST_PAUSE: Duration = Duration::from_secs(1);
/// Most characters shown of a name.
const MAX_NAME_CHARS: usize = 48;

/// The part of an id that people are shown and may write.
pub(super) fn short(id: &str) -> String {
    let chars: Vec<char> = id.chars().collect();
    plain(&chars[chars.len().saturating_sub(SHORT_ID_CHARS)..].iter().collect::<String>())
}

/// A name for people, on one line and not too long.
pub(super) fn name(name: &str) -> String {
    let shown = plain(name);
    if shown.chars().count() <= MAX_NAME_CHARS {
        return shown;
    }
    shown.chars().take(MAX_NAME_CHARS - 1).chain(['…']).collect()
}

/// A point in time without its fraction.
fn time(at: &str) -> String {
    let at = plain(at);
    match at.split_once('.') {
        Some((time, _)) => format!("{time}Z"),
        None => at,
    }
}

/// The table of a list.
pub(super) fn table(crawls: &[Crawl]) -> String {
    let head = ["id", "state", "fetched", "failed", "pending", "created", "name"].map(str::to_owned);
    let row = |crawl: &Crawl| {
        let number = |n: fn(&Counts) -> u64| crawl.counts.as_ref().map_or("-".to_owned(), |counts| count(n(counts)));
        let (fetched, failed) = (number(Counts::n_pages), number(|counts| counts.failed));
        let pending = number(|counts| counts.pending);
        [short(&crawl.id), plain(&crawl.state), fetched, failed, pending, time(&crawl.created_at), name(&crawl.name)]
    };
    let rows: Vec<[String; 7]> = std::iter::once(head).chain(crawls.iter().map(row)).collect();
    let width = |i: usize| column(rows.iter().map(|row| row[i].as_str()));
    let widths: [usize; 6] = std::array::from_fn(width);
    let mut text = String::new();
    for row in &rows {
        for (i, (cell, width)) in row.iter().zip(widths).enumerate() {
            // Numbers to the right.
            let written =
                if (2..5).contains(&i) { write!(text, "{cell:>width$}  ") } else { write!(text, "{cell:<width$}  ") };
            written.expect(IN_MEMORY);
        }
        writeln!(text, "{}", row[6]).expect(IN_MEMORY);
    }
    text
}

/// All that is known of a crawl but for its document.
pub(super) fn crawl(it: &Crawl) -> String {
    let mut text = format!("{}\n", name(&it.name));
    let mut line = |label: &str, value: &str| writeln!(text, "  {label:<LABEL$}{value}").expect(IN_MEMORY);
    line("id", &plain(&it.id));
    line("state", &plain(&it.state));
    if let Some(error) = &it.error {
        line("error", &plain(error));
    }
    if let Some(counts) = &it.counts {
        line("pages", &pages(counts));
        line("urls", &urls(counts));
        line("failed", &count(counts.failed));
        line("refused", &count(counts.refused));
    }
    if let Some(waiting) = it.waiting.as_ref().and_then(|waiting| waiting_for(waiting, &Moment::default())) {
        line("waiting", &waiting);
    }
    line("priority", &it.priority.to_string());
    line("owner", &name(&it.owner));
    line("created", &time(&it.created_at));
    if let Some(at) = &it.ended_at {
        line("ended", &time(at));
    }
    text
}

fn pages(counts: &Counts) -> String {
    let mut text = format!("{} fetched", count(counts.fetched));
    if counts.not_modified > 0 {
        write!(text, ", {} not modified", count(counts.not_modified)).expect(IN_MEMORY);
    }
    if let Some(n) = counts.body_bytes {
        write!(text, " · {}", bytes(n)).expect(IN_MEMORY);
    }
    text
}

/// `1,647 done · 4,031 pending · 8 in flight · 5,678 known`.
pub(super) fn urls(counts: &Counts) -> String {
    let (done, pending) = (count(counts.n_concluded()), count(counts.pending));
    format!(
        "{done} done · {pending} pending · {} in flight · {} known",
        count(counts.in_flight),
        count(counts.discovered)
    )
}

/// When something is told, as the daemon writes times: RFC 3339, which sorts by itself.
#[derive(Debug, Clone, Default)]
pub(super) struct Moment {
    now: String,
    /// What is over before this is not worth a word.
    soon: String,
}

impl Moment {
    pub(super) fn at(now: Timestamp) -> Self {
        Self { now: now.rfc3339(), soon: (now + LEAST_PAUSE).rfc3339() }
    }
}

/// Why the rest waits: `3 hosts (politeness 2, backoff 1)`, or which they are when few are left and one of them is waited
/// for long enough. Times are told without their date if that is today's.
pub(super) fn waiting_for(waiting: &WaitingFor, moment: &Moment) -> Option<String> {
    if waiting.last.iter().any(|host| host.until >= moment.soon) {
        let named = waiting.last.iter().take(MAX_NAMED).map(|host| {
            format!("{} until {} ({})", name(&host.host), time_of_day(&host.until, moment), plain(&host.why))
        });
        let mut named: Vec<String> = named.collect();
        if let Some(n_others) = waiting.last.len().checked_sub(MAX_NAMED).filter(|n| *n > 0) {
            named.push(format!("{} more", count(n_others as u64)));
        }
        return Some(format!("for {}: {}", plural(waiting.last.len() as u64, "host"), named.join(", ")));
    }
    let n_hosts = waiting.hosts.values().fold(0, |sum: u64, n| sum.saturating_add(*n));
    let why = ranking(waiting.hosts.iter().map(|(why, n)| (plain(why), *n)), MAX_NAMED);
    let next_at = waiting.next_at.as_ref().filter(|at| **at >= moment.soon);
    let until = next_at.map(|at| format!(" · goes on at {}", time_of_day(at, moment))).unwrap_or_default();
    (n_hosts > 0).then(|| format!("{} ({why}){until}", plural(n_hosts, "host")))
}

/// `12:03:10 UTC`; with its date if that is not today's.
fn time_of_day(at: &str, moment: &Moment) -> String {
    let at = plain(at);
    let Some((date, time)) = at.split_once('T') else { return at };
    let time = time.get(..8).unwrap_or(time);
    if moment.now.starts_with(date) { format!("{time} UTC") } else { format!("{date} {time} UTC") }
}

/// How it ended, in one line: `docs: finished · 1,234 fetched, 12 failed, 345 refused`.
pub(super) fn end(it: &Crawl) -> String {
    let state = match (it.state.as_str(), &it.counts) {
        ("finished", Some(counts)) if counts.n_pages() == 0 => "finished, but no page was fetched".to_owned(),
        ("limit-reached", _) => "stopped at a limit".to_owned(),
        (state, _) => plain(state),
    };
    let mut text = format!("{}: {state}", name(&it.name));
    if let Some(error) = &it.error {
        write!(text, ": {}", plain(error)).expect(IN_MEMORY);
    }
    if let Some(counts) = &it.counts {
        let terms = [
            ("fetched", counts.fetched),
            ("not modified", counts.not_modified),
            ("redirected", counts.redirected),
            ("failed", counts.failed),
            ("refused", counts.refused),
            ("pending", counts.pending),
        ];
        let told = terms.into_iter().filter(|(label, n)| *label == "fetched" || *n > 0);
        let told: Vec<String> = told.map(|(label, n)| format!("{} {label}", count(n))).collect();
        write!(text, " · {}", told.join(", ")).expect(IN_MEMORY);
    }
    text
}
