//! Numbers as people read them: `1,234`, `12.3 MiB`, `1m 23s`; and foreign text for terminals.
//!
//! For the display, the summary and texts only; machines get plain numbers, with their unit in the name.

use std::time::Duration;

pub(super) use crate::report::count;

/// In units of 1024: `17 B`, `12.3 MiB`.
pub(super) fn bytes(n: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if n < 1024 {
        return format!("{n} B");
    }
    let mut value = n as f64 / 1024.0;
    let mut unit = 0;
    // What would be rounded to 1024.0 is one of the next unit.
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// The two greatest units: `450ms`, `1.5s`, `1m 23s`, `2h 5m`, `3d 4h`.
pub(super) fn duration(it: Duration) -> String {
    let seconds = it.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes, seconds) {
        (0, 0, 0, 0) => format!("{}ms", it.as_millis()),
        (0, 0, 0, 1..10) => format!("{seconds}.{}s", it.subsec_millis() / 100),
        (0, 0, 0, _) => format!("{seconds}s"),
        (0, 0, _, _) => format!("{minutes}m {}s", seconds % 60),
        (0, _, _, _) => format!("{hours}h {}m", minutes % 60),
        _ => format!("{}d {}h", count(days), hours % 24),
    }
}

/// A rate: `0.3`, `12.3`, `1,234`.
pub(super) fn rate(per_second: f64) -> String {
    if per_second >= 999.95 {
        // Saturates, as `as` does; nothing is that fast.
        #[expect(clippy::cast_possible_truncation, reason = "rounded, and a saturating cast is what is wanted")]
        return count(per_second.round() as u64);
    }
    format!("{per_second:.1}")
}

/// `n` with its noun: `1 host`, `2 hosts`.
pub(super) fn plural(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(n), if n == 1 { "" } else { "s" })
}

/// Widest column that is made for foreign text; a longer cell stands out of it. What is wider is no
/// table any more, and the formatter takes no width beyond a `u16`.
const MAX_COLUMN_CHARS: usize = 60;

/// Foreign text for a terminal, on one line: nothing in it moves the cursor, changes colours or turns
/// the direction of what stands around it.
pub(super) fn plain(text: &str) -> String {
    let as_shown = |c: char| match c {
        '\t' | '\n' | '\r' => ' ',
        // Controls of C0 and C1, of direction, and separators of lines.
        _ if c.is_control() => char::REPLACEMENT_CHARACTER,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            char::REPLACEMENT_CHARACTER
        }
        _ => c,
    };
    text.chars().map(as_shown).collect()
}

/// How wide a column of these cells is.
pub(super) fn column<'a>(cells: impl IntoIterator<Item = &'a str>) -> usize {
    let widest = cells.into_iter().map(|cell| cell.chars().count()).max();
    widest.unwrap_or_default().min(MAX_COLUMN_CHARS)
}

/// The greatest counts first: `http-404 8, timeout 3, 2 others 5`. At most `most` are named.
pub(super) fn ranking<K: AsRef<str>>(counts: impl IntoIterator<Item = (K, u64)>, most: usize) -> String {
    let mut counts: Vec<(K, u64)> = counts.into_iter().filter(|(_, n)| *n > 0).collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.as_ref().cmp(b.0.as_ref())));
    let named = counts.iter().take(most).map(|(name, n)| format!("{} {}", name.as_ref(), count(*n)));
    let mut parts: Vec<String> = named.collect();
    let others = counts.get(most..).unwrap_or_default();
    if !others.is_empty() {
        let sum = others.iter().map(|(_, n)| n).sum();
        parts.push(format!("{} {}", plural(others.len() as u64, "other"), count(sum)));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_groups_of_three() {
        let check = |n, expected| assert_eq!(count(n), expected);
        check(0, "0");
        check(999, "999");
        check(1000, "1,000");
        check(123_456, "123,456");
        check(u64::MAX, "18,446,744,073,709,551,615");
    }

    #[test]
    fn bytes_have_the_greatest_unit_that_fits() {
        let check = |n, expected| assert_eq!(bytes(n), expected);
        check(0, "0 B");
        check(1023, "1023 B");
        check(1024, "1.0 KiB");
        check(1024 * 1024 - 1, "1.0 MiB");
        check(12_900_000, "12.3 MiB");
        check(u64::MAX, "16.0 EiB");
    }

    #[test]
    fn durations_have_two_units() {
        let check = |ms, expected| assert_eq!(duration(Duration::from_millis(ms)), expected);
        check(0, "0ms");
        check(999, "999ms");
        check(1_550, "1.5s");
        check(59_999, "59s");
        check(83_000, "1m 23s");
        check(3_600_000, "1h 0m");
        check(273_600_000, "3d 4h");
        assert_eq!(duration(Duration::MAX), "213,503,982,334,601d 7h");
    }

    #[test]
    fn foreign_text_writes_nothing_of_its_own() {
        let check = |text: &str, expected: &str| assert_eq!(plain(text), expected, "{text:?}");
        check("é 漢字 👍🏽", "é 漢字 👍🏽");
        check("a\tb\r\nc", "a b  c");
        check("\u{1b}[31mred\u{9b}0m\u{7f}", "\u{fffd}[31mred\u{fffd}0m\u{fffd}");
        check("a\u{202e}b\u{2066}c\u{200f}\u{2028}", "a\u{fffd}b\u{fffd}c\u{fffd}\u{fffd}");
    }

    #[test]
    fn a_column_has_a_width_that_the_formatter_takes() {
        let long = "a".repeat(65_536);
        assert_eq!((column([]), column(["é", "abc"]), column([&*long])), (0, 3, 60));
        let width = column([&*long]);
        assert_eq!(format!("{long:width$}").len(), 65_536);
    }

    #[test]
    fn rates_are_short() {
        let check = |per_second, expected| assert_eq!(rate(per_second), expected);
        check(0.0, "0.0");
        check(12.34, "12.3");
        check(999.96, "1,000");
        check(123_456.7, "123,457");
    }

    #[test]
    fn rankings_are_in_order_and_sum_up_the_rest() {
        let counts = [("b", 2), ("a", 2), ("none", 0), ("most", 1234), ("c", 1), ("d", 1)];
        assert_eq!(ranking(counts, 9), "most 1,234, a 2, b 2, c 1, d 1");
        assert_eq!(ranking(counts, 3), "most 1,234, a 2, b 2, 2 others 2");
        assert_eq!(ranking([("x", 0)], 3), "");
        assert_eq!((plural(1, "host"), plural(0, "host")), ("1 host".to_owned(), "0 hosts".to_owned()));
    }
}
