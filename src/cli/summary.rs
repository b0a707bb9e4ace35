//! What is said to people when a crawl is over: the receipt in short, where things are, how to go on.
//!
//! A function of the committed counts; machines read `receipt.json`. The sum is shown as a sum: what
//! was discovered is what ended in one of five ways plus what is pending.

use std::{path::Path, time::Duration};

use console::{Style, style};

use super::{
    human::{bytes, count, duration, plural, ranking, rate},
    waits,
};
use crate::{
    config::Store,
    engine::{End, Finished, Limit, stats::Tally},
    sink::Mark,
    verdict::Refusal,
};

/// Reasons named behind a count.
const MAX_REASONS: usize = 6;
/// Output files named one by one.
const MAX_FILES: usize = 4;
/// Columns of the labels.
const LABEL: usize = 12;

/// The end of the crawl `job` as lines of text, without a last line end. Files are named as they are
/// reached from here: `out` is the output folder, `report` the page made from it, if one was made.
/// A crawl whose frontier was not on disk (`store`) is not told to go on.
pub(super) fn summary(
    job: &str,
    finished: &Finished,
    out: &Path,
    report: Option<&Path>,
    store: Store,
    colours: bool,
) -> String {
    let tally = &finished.book.tally;
    let mut text = headline(job, finished, colours) + "\n\n";
    text += &sum(tally, colours);
    text += "\n";
    let mut row = |label: &str, value: &str| text += &format!("  {label:<LABEL$}{value}\n");
    row("bytes", &format!("{} ({} over the wire)", bytes(tally.body_bytes), bytes(tally.wire_bytes)));
    row("time", &time(tally, finished.book.runs));
    if let Some(waited) = waits::waited(&tally.waited) {
        row("waited", &waited);
    }
    if tally.retries > 0 {
        row("retries", &count(tally.retries));
    }
    for (i, file) in files(&finished.book.outputs, out, report).iter().enumerate() {
        row(if i == 0 { "files" } else { "" }, file);
    }
    if !finished.tail.is_empty() {
        let left = waits::tail(&finished.tail, tally.n_pending(), &finished.book.updated_at);
        text += &format!("\nIt was waiting for {left}.\n");
    }
    if let Some(hint) = how_to_go_on(finished, store) {
        text += &format!("\n{hint}");
    }
    text.truncate(text.trim_end().len());
    text
}

fn headline(job: &str, finished: &Finished, colours: bool) -> String {
    let (colour, how) = match finished.end {
        End::Finished if finished.book.tally.n_pages() == 0 => {
            (Style::new().red(), "finished, but no page was fetched".into())
        }
        End::Finished => (Style::new().green(), "finished".into()),
        End::LimitReached(limit) => (Style::new().yellow(), format!("stopped at a limit: {}", stated(limit))),
        End::Interrupted => (Style::new().yellow(), "interrupted".to_owned()),
    };
    let (job, how) = (style(job).bold(), colour.apply_to(how));
    format!("{}: {}", job.force_styling(colours), how.force_styling(colours))
}

/// The sum, with reasons behind its terms and a rule above its result.
fn sum(tally: &Tally, colours: bool) -> String {
    let failed = ranking(tally.failed.iter().map(|(why, n)| (why.as_str(), *n)), MAX_REASONS);
    let refused = ranking(tally.refused.iter().map(|(why, n)| (why.as_str(), *n)), MAX_REASONS);
    let terms = [
        ("fetched", tally.fetched, String::new()),
        ("not modified", tally.not_modified, String::new()),
        ("redirected", tally.redirected, String::new()),
        ("failed", tally.n_failed(), failed),
        ("refused", tally.n_refused(), refused),
        ("pending", tally.n_pending(), String::new()),
    ];
    let total = count(tally.discovered);
    // A crawl that is done for the first time knows nothing of that.
    let told = terms.into_iter().filter(|(label, n, _)| *label != "not modified" || *n > 0);
    let terms: Vec<_> = told.map(|(label, n, reasons)| (label, count(n), reasons)).collect();
    let width = terms.iter().map(|(_, n, _)| n.len()).chain([total.len()]).max().unwrap_or_default();
    let mut text = String::new();
    for (label, n, reasons) in terms {
        // Codes around nothing would keep the blanks before them from being trimmed.
        let reasons =
            if reasons.is_empty() { reasons } else { style(reasons).dim().force_styling(colours).to_string() };
        let line = format!("  {label:<LABEL$}{n:>width$}  {reasons}");
        text += line.trim_end();
        text.push('\n');
    }
    text += &format!("  {}\n", "─".repeat(LABEL + width));
    text + &format!("  {:<LABEL$}{total:>width$}\n", "discovered")
}

fn time(tally: &Tally, runs: u32) -> String {
    let active = Duration::from_millis(tally.active_ms);
    let runs = if runs > 1 { format!(" in {runs} runs") } else { String::new() };
    let speed = if active.is_zero() {
        String::new()
    } else {
        format!(", {} pages/s", rate(tally.n_pages() as f64 / active.as_secs_f64()))
    };
    format!("{}{runs}{speed}", duration(active))
}

/// What was written, one file a line.
fn files(outputs: &[Mark], out: &Path, report: Option<&Path>) -> Vec<String> {
    let records = |marks: &[Mark]| {
        let (n_records, n_bytes) = (marks.iter().map(|m| m.records).sum(), marks.iter().map(|m| m.bytes).sum());
        format!("{}, {}", plural(n_records, "record"), bytes(n_bytes))
    };
    // A single one is not worth a sum.
    let n_named = if outputs.len() <= MAX_FILES + 1 { outputs.len() } else { MAX_FILES };
    let (named, others) = outputs.split_at(n_named);
    let named = named.iter().map(|m| format!("{} ({})", out.join(&m.file).display(), records(std::slice::from_ref(m))));
    let mut lines: Vec<String> = named.collect();
    if !others.is_empty() {
        lines.push(format!("… and {} ({})", plural(others.len() as u64, "more file"), records(others)));
    }
    lines.push(out.join("receipt.json").display().to_string());
    lines.extend(report.map(|report| report.display().to_string()));
    lines
}

/// What to do about a crawl that fetched nothing, or to have the rest crawled.
fn how_to_go_on(finished: &Finished, store: Store) -> Option<String> {
    let tally = &finished.book.tally;
    if finished.end == End::Finished && tally.n_pages() == 0 {
        let hint = why_nothing(tally).map(|hint| hint + "\n").unwrap_or_default();
        return Some(hint + "To try again, add --fresh: the crawl is finished, every URL has its record.");
    }
    if finished.end == End::Finished || finished.book.tally.n_pending() == 0 {
        return None;
    }
    if store == Store::Memory {
        return Some("The frontier was kept in memory: this crawl can't be resumed.".to_owned());
    }
    Some(match finished.end {
        End::LimitReached(limit) => {
            format!("To go on, raise {} (now {}) and run the same command again.", key(limit), value(limit))
        }
        End::Finished | End::Interrupted => "Run the same command again to resume.".to_owned(),
    })
}

/// The commonest reason why nothing was fetched, with what can be done about it.
fn why_nothing(tally: &Tally) -> Option<String> {
    let (why, _) = tally.refused.iter().max_by_key(|(_, n)| **n).filter(|(_, n)| **n > tally.n_failed())?;
    let hint = match why {
        Refusal::AddressRefused => {
            "The address guard lets through public addresses only; --allow-address (fetch.allow_addresses) adds to them."
        }
        Refusal::PortRefused => {
            "Its port is one that browsers block; fetch.allow_ports lists those that are asked all the same."
        }
        Refusal::RobotsUnreachable => {
            "A robots.txt that can't be had (no connection, 5xx) disallows everything (RFC 9309); for a server of your own \
             there is --robots ignore (robots.mode)."
        }
        Refusal::RobotsDenied => {
            "robots.txt disallows it; for a server of your own there is --robots ignore (robots.mode)."
        }
        Refusal::OutOfScope | Refusal::Excluded => {
            "Every URL was out of scope; see scope.mode, scope.include, scope.exclude."
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

fn stated(limit: Limit) -> String {
    format!("{} = {}", key(limit), value(limit))
}

fn key(limit: Limit) -> &'static str {
    match limit {
        Limit::Pages(_) => "limits.pages",
        Limit::Bytes(_) => "limits.bytes",
        Limit::Duration(_) => "limits.duration",
    }
}

fn value(limit: Limit) -> String {
    match limit {
        Limit::Pages(n) => count(n),
        Limit::Bytes(n) => bytes(n),
        Limit::Duration(seconds) => duration(Duration::from_secs(seconds)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        address::HostKey,
        clock::Timestamp,
        engine::{
            Book,
            stats::Waiting,
            waits::{Wait, Waited},
        },
        verdict::Refusal,
    };

    fn finished(end: End) -> Finished {
        let mut tally = Tally { discovered: 5678, fetched: 1234, redirected: 56, ..Tally::default() };
        tally.failed = [("http-404", 8), ("timeout", 4)].map(|(why, n)| (why.to_owned(), n)).into();
        tally.refused = [(Refusal::OutOfScope, 340), (Refusal::RobotsDenied, 5)].into();
        (tally.body_bytes, tally.wire_bytes, tally.active_ms) = (12_900_000, 4_300_000, 83_000);
        let outputs = vec![Mark { file: "pages.jsonl".into(), bytes: 2048, records: 1647, crc32: None }];
        let n_queued = tally.n_pending();
        Finished {
            end,
            book: Book { tally, outputs, runs: 1, ..Book::default() },
            tail: vec![],
            n_queued,
            hosts: Vec::new(),
        }
    }

    fn plain(finished: &Finished) -> String {
        summary("docs", finished, Path::new("out"), Some(Path::new("out/report.html")), Store::Disk, false)
    }

    #[test]
    fn an_interrupted_crawl_in_full() {
        let text = plain(&finished(End::Interrupted));
        let expected = "\
docs: interrupted

  fetched     1,234
  redirected     56
  failed         12  http-404 8, timeout 4
  refused       345  out-of-scope 340, robots-denied 5
  pending     4,031
  ─────────────────
  discovered  5,678

  bytes       12.3 MiB (4.1 MiB over the wire)
  time        1m 23s, 14.9 pages/s
  files       out/pages.jsonl (1,647 records, 2.0 KiB)
              out/receipt.json
              out/report.html

Run the same command again to resume.";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_crawl_that_was_stopped_while_it_waited_says_for_whom() {
        let mut waiting = finished(End::Interrupted);
        let host = HostKey::new("news.example");
        let wait = Waited { host: host.clone(), why: Waiting::Politeness, took: Duration::from_secs(62) };
        waiting.book.tally.waited.add(&wait);
        let until = Timestamp(1_795_521_600_000_000);
        waiting.tail = vec![Wait { host, until, why: Waiting::Backoff, crawl_delay: None, n_urls: 3 }];
        waiting.book.updated_at = "2026-11-24T11:59:00.000Z".to_owned();
        let text = plain(&waiting);
        assert!(text.contains("  waited      1m 2s (politeness 1m 2s): news.example 1m 2s\n"), "{text}");
        let end = "It was waiting for 1 host: news.example until 12:00:00 UTC (backoff); 4,031 URLs left.\n\n\
                   Run the same command again to resume.";
        assert!(text.ends_with(end), "{text}");
    }

    #[test]
    fn a_limit_is_named_with_what_to_raise() {
        let check = |limit, headline: &str, hint: &str| {
            let text = plain(&finished(End::LimitReached(limit)));
            assert_eq!(text.lines().next(), Some(headline));
            assert_eq!(text.lines().last(), Some(hint));
        };
        check(
            Limit::Pages(1234),
            "docs: stopped at a limit: limits.pages = 1,234",
            "To go on, raise limits.pages (now 1,234) and run the same command again.",
        );
        check(
            Limit::Bytes(10 << 20),
            "docs: stopped at a limit: limits.bytes = 10.0 MiB",
            "To go on, raise limits.bytes (now 10.0 MiB) and run the same command again.",
        );
        check(
            Limit::Duration(90),
            "docs: stopped at a limit: limits.duration = 1m 30s",
            "To go on, raise limits.duration (now 1m 30s) and run the same command again.",
        );
    }

    #[test]
    fn nobody_is_told_to_go_on_in_vain() {
        let last = |finished: &Finished, store| {
            let text = summary("docs", finished, Path::new("out"), None, store, false);
            text.lines().last().map(str::to_owned)
        };
        let mut over = finished(End::Finished);
        assert_eq!(last(&over, Store::Disk).as_deref(), Some("              out/receipt.json"));
        over.end = End::Interrupted;
        let hint = "The frontier was kept in memory: this crawl can't be resumed.";
        assert_eq!(last(&over, Store::Memory).as_deref(), Some(hint));
        over.book.tally.discovered = over.book.tally.n_concluded();
        assert_eq!(last(&over, Store::Disk).as_deref(), Some("              out/receipt.json"));
    }

    #[test]
    fn a_crawl_without_pages_says_so() {
        let nothing =
            Finished { end: End::Finished, book: Book::default(), tail: vec![], n_queued: 0, hosts: Vec::new() };
        let text = plain(&nothing);
        assert!(text.starts_with("docs: finished, but no page was fetched\n"), "{text}");
        let mut guarded = nothing;
        guarded.book.tally.discovered = 1;
        guarded.book.tally.refused = [(Refusal::AddressRefused, 1)].into();
        assert!(plain(&guarded).contains("--allow-address"));
        assert!(text.contains("  time        0ms\n") && text.contains("  discovered  0\n"), "{text}");
    }

    #[test]
    fn many_files_are_summed_up() {
        let mark = |i| Mark { file: format!("pages-{i}.jsonl"), bytes: 1024, records: 10, crc32: None };
        let lines = |n| files(&(0..n).map(mark).collect::<Vec<_>>(), Path::new("out"), None);
        assert_eq!(lines(5).len(), 6);
        assert_eq!(
            lines(9)[3..],
            ["out/pages-3.jsonl (10 records, 1.0 KiB)", "… and 5 more files (50 records, 5.0 KiB)", "out/receipt.json"]
        );
        assert_eq!(lines(0), ["out/receipt.json"]);
    }

    #[test]
    fn colours_change_no_text() {
        let finished = finished(End::Interrupted);
        let report = Some(Path::new("out/report.html"));
        let painted = summary("docs", &finished, Path::new("out"), report, Store::Disk, true);
        assert!(painted.contains('\x1b'));
        assert_eq!(console::strip_ansi_codes(&painted), plain(&finished));
        assert!(!plain(&finished).contains('\x1b'));
    }
}
