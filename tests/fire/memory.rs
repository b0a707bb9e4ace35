//! Memory: a crawl of many pages from many hosts, whose memory is flat from some page on.
//!
//! What is asserted: from `--from` pages on, resident memory is never more than a tenth above what it was then
//! (the median of the five samples there).

use std::time::Duration;

use dragline::vitro::Options;
use serde_json::json;

use super::{
    Args, Results, Violations,
    vitals::{self, Sign, Watched, crawl},
};
use crate::support::ground::Config;

/// Much longer than it takes.
const PATIENCE: Duration = Duration::from_secs(4 * 3600);
/// Samples whose median is what the others are held against.
const SAMPLES: usize = 5;

/// One line a sample, for the curve; then the verdict.
#[expect(clippy::print_stdout, reason = "progress, for people")]
pub(crate) fn run(args: &Args, results: &mut Results) -> Result<(), Violations> {
    let number = |flag, default| args.number(flag, default);
    let (hosts, pages) = (number("hosts", 10_000), number("pages", 100));
    let from = number("from", 100_000);
    let options = Options {
        seed: number("seed", 1),
        ..Options::bench(u32::try_from(hosts).expect("few"), u32::try_from(pages).expect("few"))
    };
    // A cache or a buffer that fills is no growth, and these are full long before.
    let config = |config: Config| {
        config.set("fetch.concurrency", 256).set("frontier.seen_cache", "8 MiB").set("frontier.buffer", "4 MiB")
    };
    let watched = on_runtime(crawl(options, config, PATIENCE, |sign| {
        if sign.at.is_multiple_of(10) {
            println!("{:>6} s {:>10} pages {:>8} KiB", sign.at, sign.need("pages"), sign.need("rss_bytes") >> 10);
        }
    }));
    for Sign { at, counts } in &watched.signs {
        results.push(&json!({"memory": "sample", "at_s": at, "counts": counts}));
    }
    println!("{}", vitals::table(&watched.signs));
    let (base, most) = judge(&watched.signs, from);
    let last = watched.signs.last().cloned().unwrap_or_default();
    results.push(&json!({
        "memory": "result", "hosts": hosts, "pages": last.of("pages"), "seconds": last.at, "from_pages": from,
        "rss_bytes_there": base, "most_rss_bytes_after": most, "peak_rss_bytes": last.of("peak_rss_bytes"),
    }));
    println!("{base} bytes at {from} pages, at most {most} after that");
    let violations = violations(&watched, base, most);
    if violations.is_empty() { Ok(()) } else { Err(Violations(violations)) }
}

pub(crate) fn violations(watched: &Watched, base: u64, most: u64) -> Vec<String> {
    let mut violations = watched.faults(&[0]);
    if base == 0 {
        violations.push("there was no sample behind the page from which memory is to be flat".to_owned());
    }
    if most > base + base / 10 {
        violations.push(format!("resident memory rose from {base} to {most} bytes"));
    }
    violations
}

/// Resident memory from a page on: the median of the first samples, and the most of all.
pub(crate) fn judge(signs: &[Sign], from: u64) -> (u64, u64) {
    let settled: Vec<u64> =
        signs.iter().filter(|sign| sign.need("pages") >= from).map(|sign| sign.need("rss_bytes")).collect();
    let mut first = settled[..SAMPLES.min(settled.len())].to_vec();
    first.sort_unstable();
    let base = first.get(first.len() / 2).copied().unwrap_or_default();
    (base, settled.into_iter().max().unwrap_or_default())
}

/// The server and the reader of the log take turns with the crawler for the machine.
pub(crate) fn on_runtime<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().expect("threads").block_on(work)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_held_against_what_it_was_at_a_page() {
        let signs: Vec<Sign> = (0..50)
            .map(|at| Sign { at, counts: [("pages".into(), at * 100), ("rss_bytes".into(), at.min(20) + at)].into() })
            .collect();
        assert_eq!(judge(&signs, 2000), (42, 69));
        assert_eq!(judge(&signs, 9_999_999), (0, 0));
    }
}
