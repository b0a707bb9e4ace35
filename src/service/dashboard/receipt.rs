//! The receipt as a table: every URL that was discovered, in exactly one row, and the sum.
//!
//! Rows lead to the records that they count. It is the receipt's own numbers that are shown, and whether they add up
//! is asked anew here.

use maud::{Markup, html};

use super::words::encoded;
use crate::report::{Receipt, count, number};

/// Reasons that have a row of their own; the rest are one.
const MAX_REASONS: usize = 25;

/// The table; `at` is where the crawl is.
pub(super) fn table(receipt: &Receipt, at: &str) -> Markup {
    let totals = &receipt.totals;
    let sum = [totals.fetched, totals.not_modified, totals.redirected, totals.failed, totals.refused, totals.pending];
    let sum = sum.into_iter().fold(0, u64::saturating_add);
    let row = |name: &str, n: u64| total(at, name, n, totals.discovered);
    html! {
        section aria-labelledby="receipt" {
            h2 #receipt { "Receipt" }
            div.scroll role="region" aria-label="Rows of the receipt" tabindex="0" {
                table.receipt {
                    caption { "Each URL that was discovered is in one row" }
                    thead { tr { th scope="col" { "What became of it" } th scope="col" { "URLs" } th scope="col" { "Share" } } }
                    tbody {
                        (row("fetched", totals.fetched))
                        @if totals.not_modified > 0 || receipt.pass > 1 { (row("not-modified", totals.not_modified)) }
                        (row("redirected", totals.redirected))
                        (row("failed", totals.failed))
                        (reasons(at, "failed", receipt.failed.iter().map(|(why, n)| (why.clone(), *n)), totals.discovered))
                        (row("refused", totals.refused))
                        (reasons(at, "refused", receipt.refused.iter().map(|(why, n)| (why.to_string(), *n)), totals.discovered))
                        (row("pending", totals.pending))
                    }
                    tfoot {
                        tr { th scope="row" { "Sum" } td { (count(sum)) } td {} }
                        tr {
                            th scope="row" { "Discovered" }
                            td { (count(totals.discovered)) }
                            td { @if sum == totals.discovered { "they agree" } @else { strong.wrong { "they differ" } } }
                        }
                    }
                }
            }
        }
    }
}

fn total(at: &str, name: &str, n: u64, all: u64) -> Markup {
    html! {
        tr.total {
            th scope="row" {
                span class={ "swatch " (name) } aria-hidden="true" {} " "
                // What is pending has no record yet.
                @if n > 0 && name != "pending" { a href={ (at) "/pages?outcome=" (name) } { (name) } } @else { (name) }
            }
            td { (count(n)) }
            td { (share(n, all)) }
        }
    }
}

fn reasons(at: &str, outcome: &str, of: impl Iterator<Item = (String, u64)>, all: u64) -> Markup {
    let mut of: Vec<(String, u64)> = of.filter(|(_, n)| *n > 0).collect();
    of.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let rest = of.split_off(of.len().min(MAX_REASONS));
    let n_rest = rest.iter().fold(0, |sum: u64, (_, n)| sum.saturating_add(*n));
    html! {
        @for (why, n) in of {
            tr.part {
                th scope="row" { a href={ (at) "/pages?outcome=" (outcome) "&reason=" (encoded(&why)) } { (why) } }
                td { (count(n)) }
                td { (share(n, all)) }
            }
        }
        @if n_rest > 0 {
            tr.part { th scope="row" { (rest.len()) " more reasons" } td { (count(n_rest)) } td { (share(n_rest, all)) } }
        }
    }
}

fn share(n: u64, all: u64) -> String {
    let percent = if all == 0 { 0.0 } else { 100.0 * n as f64 / all as f64 };
    if n > 0 && percent < 0.05 { "< 0.1 %".to_owned() } else { format!("{} %", number(percent)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::stats::Tally;

    #[test]
    fn rows_lead_to_records_and_sums_are_asked_anew() {
        let failed = [("http-404".to_owned(), 3), ("a&b\"<x>".to_owned(), 1)].into();
        let tally = Tally { discovered: 10, fetched: 5, failed, ..Tally::default() };
        let mut receipt = Receipt::so_far("x", &tally);
        let page = table(&receipt, "/crawls/1").into_string();
        assert!(page.contains("/crawls/1/pages?outcome=failed&amp;reason=http-404"), "{page}");
        assert!(page.contains("a&amp;b&quot;&lt;x&gt;") && page.contains("they agree"), "{page}");
        receipt.totals.pending += 1;
        assert!(table(&receipt, "/crawls/1").into_string().contains("they differ"));
    }

    #[test]
    fn many_reasons_are_few_rows() {
        let failed = (0..1000).map(|n| (format!("http-{n}"), 1)).collect();
        let receipt = Receipt::so_far("x", &Tally { discovered: 1000, failed, ..Tally::default() });
        let page = table(&receipt, "/crawls/1").into_string();
        assert!(page.contains("975 more reasons") && page.len() < 20_000, "{page}");
    }

    #[test]
    fn shares_of_little_are_not_nothing() {
        let check = |n: u64, all: u64, expected: &str| assert_eq!(share(n, all), expected);
        check(0, 0, "0 %");
        check(0, 10, "0 %");
        check(1, 3, "33.3 %");
        check(1, 1_000_000, "< 0.1 %");
        check(7, 7, "100 %");
    }
}
