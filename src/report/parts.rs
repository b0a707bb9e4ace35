//! What pages are put together from: tables that scroll by themselves, plots with their numbers, moments.

use maud::{Markup, PreEscaped, html};

use super::units::count;

/// Longest list of numbers under a plot.
const MAX_NUMBERS: usize = 240;

/// `2026-11-24T10:00:00.000Z` as `2026-11-24 10:00:00 UTC`; anything else as it is.
pub(crate) fn moment(rfc3339: &str) -> String {
    match rfc3339.strip_suffix('Z').and_then(|text| text.split_once('T')) {
        Some((date, time)) => format!("{date} {} UTC", time.split('.').next().unwrap_or(time)),
        None => rfc3339.to_owned(),
    }
}

/// A plot with its caption, and its numbers for those who can't see it or want them exactly.
pub(super) fn figure(
    name: &str,
    about: &str,
    column: &str,
    plot: Option<String>,
    numbers: Vec<(String, u64)>,
) -> Markup {
    let numbers: Vec<_> = numbers.into_iter().filter(|(_, n)| *n > 0).collect();
    let n_more = numbers.len().saturating_sub(MAX_NUMBERS);
    html! {
        figure {
            figcaption { (name) }
            p.faint { (about) }
            @if let Some(svg) = plot { (PreEscaped(svg)) }
            @if numbers.is_empty() {
                p.none { "None." }
            } @else {
                details {
                    summary { "Numbers" }
                    table {
                        thead { tr { th scope="col" { (column) } th scope="col" { "Count" } } }
                        tbody {
                            @for (label, n) in numbers.iter().take(MAX_NUMBERS) {
                                tr { th scope="row" { (label) } td { (count(*n)) } }
                            }
                        }
                    }
                    @if n_more > 0 { p.faint { (n_more) " more in receipt.json." } }
                }
            }
        }
    }
}

/// A table that scrolls by itself in a narrow window, with the keyboard as well.
pub(super) fn table(caption: &str, columns: &[&str], rows: impl Iterator<Item = (String, Vec<String>)>) -> Markup {
    html! {
        div.scroll role="region" aria-label=(caption) tabindex="0" {
            table {
                caption { (caption) }
                thead { tr { @for column in columns { th scope="col" { (column) } } } }
                tbody {
                    @for (name, cells) in rows {
                        tr { th scope="row" { bdi { (name) } } @for cell in cells { td { (cell) } } }
                    }
                }
            }
        }
    }
}
