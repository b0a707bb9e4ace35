//! Plots of a crawl that runs: its last minutes, and all of it so far.

use maud::{Markup, PreEscaped, html};

use crate::{
    clock::Timestamp,
    report::{self, Receipt, Unit, count, number},
    service::{board::Live, history::Recent},
};

/// All plots.
pub(super) fn live(live: &Live, receipt: &Receipt, now: Timestamp) -> Markup {
    let recent = live.history.recent(now);
    html! {
        section aria-labelledby="plots" {
            h2 #plots { "How it goes" }
            div.plots {
                (speed(&recent))
                (pending(&recent))
                (latency(&recent))
                (report::status(receipt))
                (report::failures(receipt))
                (report::latency(receipt))
            }
        }
    }
}

fn speed(recent: &Recent) -> Markup {
    let (pages, failures) = (&recent.pages_per_second, &recent.failures_per_second);
    let title = "Area: pages per second, lately; line: failures per second";
    let plot = report::recent("plot-speed", title, pages, failures, &axis);
    let last = pages.last().zip(failures.last());
    let last = last.map(|((_, pages), (_, failures))| {
        format!("{} pages and {} failures a second", number(*pages), number(*failures))
    });
    figure("Pages per second", "The last minutes; line: failures.", plot, last)
}

fn pending(recent: &Recent) -> Markup {
    let points = &recent.pending;
    let plot = report::recent("plot-pending", "Area: URLs in the queue, lately", points, &[], &axis);
    let last = points.last().map(|(_, n)| format!("{} URLs wait", number(*n)));
    figure("Queue", "URLs that are known and not done.", plot, last)
}

fn latency(recent: &Recent) -> Markup {
    let (area, line) = (&recent.median_ms, &recent.most_ms);
    let title = "Area: the median time to the first byte, lately; line: nine in ten took no longer";
    let plot = report::recent("plot-recent-latency", title, area, line, &axis);
    let last = area.last().zip(line.last());
    let last = last
        .map(|((_, half), (_, most))| format!("half within {}, nine in ten within {}", millis(*half), millis(*most)));
    figure("Answers take", "Milliseconds to the first byte; area: half of them, line: nine in ten.", plot, last)
}

fn figure(name: &str, about: &str, plot: Option<String>, last: Option<String>) -> Markup {
    html! {
        figure {
            figcaption { (name) }
            p.faint { (about) @if let Some(last) = last { " Last: " (last) "." } }
            @match plot {
                Some(svg) => (PreEscaped(svg)),
                None => p.none { "Nothing to show yet." },
            }
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "what an axis shows is small and not negative"
)]
fn axis(value: f64) -> String {
    if value >= 1000.0 { count(value.round() as u64) } else { number(value) }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a time is not negative, and a saturating cast will do"
)]
fn millis(value: f64) -> String {
    Unit::Millis.show(value.round() as u64)
}
