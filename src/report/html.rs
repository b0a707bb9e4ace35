//! The receipt as one page: summary, plots, tables.
//!
//! It loads nothing and runs nothing, and says so to the browser in a content security policy, so
//! that even markup that slipped through could not. All foreign text passes maud's escaping; the
//! only pre-escaped parts are the style sheet and the plots, which escape for themselves.

use std::time::Duration;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{
    Bucket, HostLine, Receipt, STYLE, left_alone,
    parts::{figure, moment, table},
    plots::{self, Bar, Paint},
    units::{self, Unit, count},
    waited,
};
use crate::engine::End;

/// Rows of a table of hosts.
const MAX_ROWS: usize = 10;
/// Bars of a plot; what is left is one more.
const MAX_BARS: usize = 12;

const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// The receipt as a page that is readable without a network, in a light or dark window of any width.
pub fn html(receipt: &Receipt) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { (receipt.job) " – dragline receipt" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header { (heading(receipt)) }
                main {
                    (account(receipt))
                    (sections(receipt))
                    (outputs(receipt))
                }
                footer { "dragline " (receipt.dragline) ". The same numbers, for programs: receipt.json." }
            }
        }
    }
    .into_string()
}

/// What there is to see of a crawl that nobody works on, after its account.
pub(crate) fn sections(receipt: &Receipt) -> Markup {
    html! {
        (all_plots(receipt))
        (hosts(receipt))
        @if let Some(section) = waited::section(receipt) { (section) }
        @if let Some(section) = left_alone::section(receipt) { (section) }
    }
}

fn heading(receipt: &Receipt) -> Markup {
    html! {
        h1 { bdi { (receipt.job) } }
        p.end { (end(receipt.end)) }
        @if !receipt.started_at.is_empty() {
            p.faint {
                time datetime=(receipt.started_at) { (moment(&receipt.started_at)) }
                " to "
                time datetime=(receipt.ended_at) { (moment(&receipt.ended_at)) }
                @if receipt.runs > 1 { ", in " (receipt.runs) " runs" }
                @if receipt.pass > 1 { "; pass " (receipt.pass) }
            }
        }
    }
}

fn end(end: End) -> String {
    match end {
        End::Finished => "Finished: nothing was left to do.".to_owned(),
        End::LimitReached(limit) => format!("Stopped at a limit: {limit}."),
        End::Interrupted => "Interrupted. Start it again to go on.".to_owned(),
    }
}

/// What became of every URL.
pub(crate) fn account(receipt: &Receipt) -> Markup {
    let totals = &receipt.totals;
    let parts = [
        ("fetched", totals.fetched, Paint::Fetched),
        ("not modified", totals.not_modified, Paint::NotModified),
        ("redirected", totals.redirected, Paint::Redirected),
        ("failed", totals.failed, Paint::Failed),
        ("refused", totals.refused, Paint::Refused),
        ("pending", totals.pending, Paint::Pending),
    ];
    // A first pass knows nothing of what has not been modified.
    let is_told = |paint, value| paint != Paint::NotModified || value > 0 || receipt.pass > 1;
    let parts: Vec<_> = parts.into_iter().filter(|(_, value, paint)| is_told(*paint, *value)).collect();
    let bar =
        |(label, value, paint): &(&str, u64, Paint)| Bar { label: (*label).to_owned(), value: *value, paint: *paint };
    let shares: Vec<Bar> = parts.iter().map(bar).collect();
    let strip = plots::strip("plot-account", "Shares of all URLs", &shares);
    html! {
        section aria-labelledby="account" {
            h2 #account { "What became of every URL" }
            ul.equation {
                li { b { (count(totals.discovered)) } " discovered" }
                @for (i, (label, value, paint)) in parts.into_iter().enumerate() {
                    li {
                        span.sign { (if i == 0 { "=" } else { "+" }) }
                        b { (count(value)) }
                        span { span class={ "swatch " (paint.name()) } aria-hidden="true" {} " " (label) }
                    }
                }
            }
            @if let Some(svg) = strip { div.strip { (PreEscaped(svg)) } }
            @if totals.balanced {
                p.faint { "The equation holds: each URL that was discovered is in exactly one of these." }
            } @else {
                p.warning { "The equation does not hold: more URLs ended than were discovered. This receipt can't be trusted." }
            }
            (facts(receipt))
        }
    }
}

fn facts(receipt: &Receipt) -> Markup {
    let fact = |name: &str, value: &str, note: Option<String>| {
        html! { div { dt { (name) } dd { (value) @if let Some(note) = note { small { (note) } } } } }
    };
    let active = Duration::try_from_secs_f64(receipt.active_seconds)
        .map_or(u64::MAX, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX));
    let totals = &receipt.totals;
    let asked = [totals.not_modified, totals.redirected, totals.failed];
    let asked = asked.into_iter().fold(totals.fetched, u64::saturating_add);
    html! {
        dl {
            (fact("Crawl time", &Unit::Millis.show(active), None))
            (fact("Pages per second", &units::number(receipt.pages_per_second), None))
            (fact("Bodies", &Unit::Bytes.show(receipt.body_bytes), Some(format!("{} over the wire", Unit::Bytes.show(receipt.wire_bytes)))))
            (fact("Median answer", median(&receipt.latency_ms).unwrap_or("–"), Some("to the first byte".to_owned())))
            (fact("Failed", &units::percent(totals.failed, asked), Some("of URLs asked for".to_owned())))
            (fact("Retries", &count(receipt.retries), None))
            (fact("robots.txt", &count(receipt.robots_fetched), Some("asked for".to_owned())))
        }
    }
}

/// The bucket in which the median is.
fn median(buckets: &[Bucket]) -> Option<&str> {
    let n: u128 = buckets.iter().map(|bucket| u128::from(bucket.count)).sum();
    let mut before = 0;
    buckets
        .iter()
        .find(|bucket| {
            before += u128::from(bucket.count);
            bucket.count > 0 && 2 * before >= n
        })
        .map(|bucket| bucket.label.as_str())
}

fn all_plots(receipt: &Receipt) -> Markup {
    html! {
        section aria-labelledby="plots" {
            h2 #plots { "How it went" }
            div.plots {
                (status(receipt))
                (failures(receipt))
                (pages_over_time(receipt))
                (reasons("Refusals", "URLs that were judged and not asked for, by reason.", "plot-refused", Paint::Refused,
                    receipt.refused.iter().map(|(why, n)| (why.to_string(), *n))))
                (latency(receipt))
                (histogram("Sizes", "Fetched pages by size of the decoded body.", "plot-sizes", &receipt.size_bytes, Unit::Bytes))
                (depth(receipt))
                (biggest(receipt))
            }
        }
    }
}

/// Answers by class of status.
pub(crate) fn status(receipt: &Receipt) -> Markup {
    let classes = bars(receipt.status_class.iter().map(|(class, n)| (class_name(class), *n)), |label| {
        match label.as_bytes().first() {
            Some(b'2') => Paint::Fetched,
            Some(b'3') => Paint::Redirected,
            Some(b'1') => Paint::Pending,
            _ => Paint::Failed,
        }
    });
    let plot = plots::bars("plot-status", "Bars: URLs by class of status", &classes);
    let numbers = receipt.status.iter().map(|(status, n)| (status.to_string(), *n)).collect();
    figure("Answers by status", "URLs by the class of their last answer.", "Status", plot, numbers)
}

/// Failed URLs by reason.
pub(crate) fn failures(receipt: &Receipt) -> Markup {
    let items = receipt.failed.iter().map(|(why, n)| (why.clone(), *n));
    reasons("Failures", "Failed URLs by reason.", "plot-failed", Paint::Failed, items)
}

/// Answers by latency.
pub(crate) fn latency(receipt: &Receipt) -> Markup {
    let about = "Answers by time from request to first byte.";
    histogram("Latency", about, "plot-latency", &receipt.latency_ms, Unit::Millis)
}

fn reasons(name: &str, about: &str, id: &str, paint: Paint, items: impl Iterator<Item = (String, u64)>) -> Markup {
    let items = ranked(items);
    let plot = plots::bars(id, &format!("Bars: {about}"), &bars(items.iter().cloned(), |_| paint));
    figure(name, about, "Reason", plot, items)
}

fn histogram(name: &str, about: &str, id: &str, buckets: &[Bucket], unit: Unit) -> Markup {
    let plot = plots::histogram(id, &format!("Histogram: {about}"), buckets, unit);
    let column = if unit == Unit::Bytes { "Size" } else { "Time" };
    figure(name, about, column, plot, buckets.iter().map(|bucket| (bucket.label.clone(), bucket.count)).collect())
}

fn pages_over_time(receipt: &Receipt) -> Markup {
    let timeline = &receipt.timeline;
    let active_ms = (receipt.active_seconds * 1000.0).max(0.0);
    let plot = plots::over_time("plot-time", "Area: pages per second over crawl time", timeline, active_ms);
    let starts = (0_u64..).map(|i| Unit::Millis.show(i.saturating_mul(timeline.bucket_ms)));
    let numbers = starts.zip(timeline.fetched.iter().copied()).collect();
    figure("Pages over time", "Pages fetched per second of crawl time.", "From", plot, numbers)
}

fn depth(receipt: &Receipt) -> Markup {
    let last = u16::try_from(MAX_BARS).unwrap_or(u16::MAX);
    let (mut shown, mut deeper) = (Vec::new(), 0_u64);
    for (depth, n) in &receipt.depth {
        if *depth < last {
            shown.push((depth_name(*depth), *n));
        } else {
            deeper = deeper.saturating_add(*n);
        }
    }
    if deeper > 0 {
        shown.push((format!("{last} or more"), deeper));
    }
    let plot = plots::bars("plot-depth", "Bars: URLs by depth", &bars(shown, |_| Paint::Redirected));
    let numbers = receipt.depth.iter().map(|(depth, n)| (depth.to_string(), *n)).collect();
    figure("Depth", "Concluded URLs by links away from a seed.", "Depth", plot, numbers)
}

fn biggest(receipt: &Receipt) -> Markup {
    let mut items = ranked(receipt.hosts.iter().map(|line| (line.host.clone(), line.counts.n_urls())));
    let named = items.split_off(items.len().min(MAX_BARS));
    let others = receipt.other_hosts.map_or(0, |others| others.n_urls());
    let rest = named.iter().fold(others, |sum, (_, n)| sum.saturating_add(*n));
    if rest > 0 {
        items.push(("all others".to_owned(), rest));
    }
    let labels = items.iter().map(|(host, n)| (plots::shorten_host(host), *n));
    let plot = plots::bars("plot-hosts", "Bars: URLs by host", &bars(labels, |_| Paint::Redirected));
    figure("Hosts", "Concluded URLs by host, the biggest first.", "Host", plot, items)
}

/// The first of them as bars, and the sum of the rest as one more.
fn bars(items: impl IntoIterator<Item = (String, u64)>, paint: impl Fn(&str) -> Paint) -> Vec<Bar> {
    let mut items: Vec<(String, u64)> = items.into_iter().collect();
    if items.len() > MAX_BARS + 1 {
        let rest = items.split_off(MAX_BARS);
        let sum = rest.iter().fold(0_u64, |sum, (_, n)| sum.saturating_add(*n));
        items.push((format!("{} more", rest.len()), sum));
    }
    items.into_iter().map(|(label, value)| Bar { paint: paint(&label), label, value }).collect()
}

fn ranked(items: impl Iterator<Item = (String, u64)>) -> Vec<(String, u64)> {
    let mut items: Vec<_> = items.collect();
    items.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    items
}

fn class_name(class: &str) -> String {
    let meaning = match class {
        "1xx" => "informational",
        "2xx" => "success",
        "3xx" => "redirect",
        "4xx" => "client error",
        "5xx" => "server error",
        other => return other.to_owned(),
    };
    format!("{class} {meaning}")
}

fn depth_name(depth: u16) -> String {
    match depth {
        0 => "0 (seeds)".to_owned(),
        1 => "1 link".to_owned(),
        n => format!("{n} links"),
    }
}

fn hosts(receipt: &Receipt) -> Markup {
    let by = |key: &dyn Fn(&HostLine) -> u64| {
        let mut hosts: Vec<&HostLine> = receipt.hosts.iter().filter(|line| key(line) > 0).collect();
        hosts.sort_by_key(|line| std::cmp::Reverse(key(line)));
        hosts.truncate(MAX_ROWS);
        hosts
    };
    html! {
        section aria-labelledby="hosts" {
            h2 #hosts { "Hosts" }
            @if receipt.hosts.is_empty() {
                p.none { "No host was asked for anything." }
            } @else {
                (host_table("Biggest", &by(&|line| line.counts.n_urls())))
                (host_table("Slowest, by mean latency", &by(&|line| line.counts.mean_latency_ms.unwrap_or(0))))
                (host_table("Most failing", &by(&|line| line.counts.failed)))
                p.faint {
                    (count(receipt.hosts.len() as u64)) @if receipt.hosts.len() == 1 { " host is" } @else { " hosts are" } " named in receipt.json"
                    @if let Some(others) = &receipt.other_hosts {
                        "; the smaller ones have " (count(others.n_urls())) " URLs and "
                        (Unit::Bytes.show(others.body_bytes)) " together"
                    }
                    "."
                }
            }
        }
    }
}

fn host_table(caption: &str, lines: &[&HostLine]) -> Markup {
    if lines.is_empty() {
        return html! {};
    }
    let rows = lines.iter().map(|line| {
        let c = &line.counts;
        let latency = c.mean_latency_ms.map_or_else(|| "–".to_owned(), |ms| Unit::Millis.show(ms));
        let cells = [
            count(c.fetched.saturating_add(c.not_modified)),
            count(c.redirected),
            count(c.failed),
            count(c.refused),
            Unit::Bytes.show(c.body_bytes),
            latency,
        ];
        (line.host.clone(), cells.to_vec())
    });
    table(caption, &["Host", "Pages", "Redirected", "Failed", "Refused", "Bodies", "Latency"], rows)
}

fn outputs(receipt: &Receipt) -> Markup {
    let rows = receipt
        .outputs
        .iter()
        .map(|mark| (mark.file.clone(), vec![count(mark.records), Unit::Bytes.show(mark.bytes), count(mark.bytes)]));
    html! {
        section aria-labelledby="outputs" {
            h2 #outputs { "Outputs" }
            @if receipt.outputs.is_empty() {
                p.none { "No files were written." }
            } @else {
                (table("Files in the output folder", &["File", "Records", "Size", "Bytes"], rows))
            }
        }
    }
}
