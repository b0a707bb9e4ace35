//! For which hosts the crawl waited, and for which it would have to go on waiting.

use maud::{Markup, html};

use super::{
    LeftLine, Receipt,
    parts::{moment, table},
    units::Unit,
};

/// Less than this is no reason why a crawl took its time, milliseconds.
const LEAST: u64 = 1000;

/// A section, if the crawl waited at all.
pub(super) fn section(receipt: &Receipt) -> Option<Markup> {
    let waited = &receipt.waited;
    let total = millis(waited.seconds);
    let is_told = total >= LEAST || !waited.left.is_empty();
    let show = |seconds: f64| Unit::Millis.show(millis(seconds));
    let why: Vec<String> = waited.why.iter().map(|(why, seconds)| format!("{why} {}", show(*seconds))).collect();
    let hosts = waited.hosts.iter().map(|line| (line.host.clone(), vec![show(line.seconds)]));
    let left = waited.left.iter().map(|line| (line.host.clone(), vec![moment(&line.until), reason(line)]));
    is_told.then(|| {
        html! {
            section aria-labelledby="waited" {
                h2 #waited { "Waiting" }
                @if total >= LEAST {
                    p {
                        "For " (Unit::Millis.show(total)) " of the crawl time a worker was free, no host might be asked yet, and "
                        "nothing else stood in the way: " (why.join(", ")) "."
                    }
                    (table("Hosts whose turn was waited for most", &["Host", "Time"], hosts))
                }
                @if !waited.left.is_empty() {
                    p { "When it was stopped, these were left, and each had to wait." }
                    (table("Hosts that were left", &["Host", "Until", "Why"], left))
                }
            }
        }
    })
}

fn reason(line: &LeftLine) -> String {
    match line.crawl_delay_seconds {
        Some(seconds) if line.why == "politeness" => format!("crawl-delay {}", Unit::Millis.show(millis(seconds))),
        _ => line.why.clone(),
    }
}

fn millis(seconds: f64) -> u64 {
    let it = std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default();
    u64::try_from(it.as_millis()).unwrap_or(u64::MAX)
}
