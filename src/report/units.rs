//! Numbers for people: counts, bytes and times, rounded, each with its unit.
//!
//! Nothing here is read by programs; exact numbers stand beside it in the receipt.

const BYTE_UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/// What the numbers of a histogram are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Bytes,
    Millis,
}

impl Unit {
    /// A value, as number and unit.
    fn split(self, value: u64) -> (String, &'static str) {
        match self {
            Self::Bytes => split_bytes(value),
            Self::Millis => split_millis(value),
        }
    }

    /// A value: `4 KiB`, `16.4 s`.
    pub(crate) fn show(self, value: u64) -> String {
        let (number, unit) = self.split(value);
        format!("{number} {unit}")
    }

    /// A range that begins with `from` and ends before `below`: `4–8 KiB`, `512 ms–1 s`.
    pub(super) fn range(self, from: u64, below: Option<u64>) -> String {
        let Some(below) = below else { return format!("≥ {}", self.show(from)) };
        if below - from <= 1 && from == 0 {
            return self.show(0);
        }
        let ((low, low_unit), (high, high_unit)) = (self.split(from), self.split(below));
        if low_unit == high_unit {
            format!("{low}–{high} {high_unit}")
        } else {
            format!("{low} {low_unit}–{high} {high_unit}")
        }
    }
}

fn split_bytes(value: u64) -> (String, &'static str) {
    let mut scaled = value as f64;
    let mut unit = BYTE_UNITS[0];
    for larger in &BYTE_UNITS[1..] {
        // 1023.95 would be shown as 1024.
        if scaled < 1023.95 {
            break;
        }
        scaled /= 1024.0;
        unit = larger;
    }
    (number(scaled), unit)
}

fn split_millis(value: u64) -> (String, &'static str) {
    let millis = value as f64;
    match value {
        ..1_000 => (value.to_string(), "ms"),
        1_000..120_000 => (number(millis / 1e3), "s"),
        120_000..7_200_000 => (number(millis / 60e3), "min"),
        7_200_000..172_800_000 => (number(millis / 3_600e3), "h"),
        _ => (number(millis / 86_400e3), "d"),
    }
}

/// A number with one decimal if that tells something: `4`, `4.1`, `131`.
pub(crate) fn number(value: f64) -> String {
    let text = if value >= 99.95 { format!("{value:.0}") } else { format!("{value:.1}") };
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// A count with its thousands apart: `12,345`.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count short enough for an axis: `950`, `1.5k`, `2M`; empty when it is no whole number.
pub(super) fn axis_count(value: f64) -> String {
    if (value - value.round()).abs() > 1e-6 {
        return String::new();
    }
    axis_number(value)
}

/// A number short enough for an axis.
pub(super) fn axis_number(value: f64) -> String {
    match value {
        v if v >= 1e15 => format!("{v:.0e}"),
        v if v >= 1e12 => format!("{}T", number(v / 1e12)),
        v if v >= 1e9 => format!("{}G", number(v / 1e9)),
        v if v >= 1e6 => format!("{}M", number(v / 1e6)),
        v if v >= 1e3 => format!("{}k", number(v / 1e3)),
        v if v > 0.0 && v < 1.0 => format!("{v:.2}"),
        v => number(v),
    }
}

/// A share in percent: `0 %`, `< 0.1 %`, `12.3 %`.
pub(super) fn percent(part: u64, whole: u64) -> String {
    if part == 0 || whole == 0 {
        return "0 %".to_owned();
    }
    let share = 100.0 * part as f64 / whole as f64;
    if share < 0.1 { "< 0.1 %".to_owned() } else { format!("{} %", number(share)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_name_a_shared_unit_once() {
        assert_eq!(Unit::Bytes.range(4096, Some(8192)), "4–8 KiB");
        assert_eq!(Unit::Bytes.range(512, Some(1024)), "512 B–1 KiB");
        assert_eq!(Unit::Bytes.range(0, Some(1)), "0 B");
        assert_eq!(Unit::Bytes.range(1, Some(2)), "1–2 B");
        assert_eq!(Unit::Bytes.range(1 << 63, None), "≥ 8 EiB");
        assert_eq!(Unit::Millis.range(1, Some(2)), "1–2 ms");
        assert_eq!(Unit::Millis.range(512, Some(1024)), "512 ms–1 s");
        assert_eq!(Unit::Millis.range(4096, Some(8192)), "4.1–8.2 s");
    }

    #[test]
    fn values_are_rounded_but_never_to_the_next_unit() {
        assert_eq!(Unit::Bytes.show(1023), "1023 B");
        assert_eq!(Unit::Bytes.show(1024 * 1024 - 1), "1 MiB");
        assert_eq!(Unit::Bytes.show(u64::MAX), "16 EiB");
        assert_eq!(Unit::Millis.show(90_000), "90 s");
        assert_eq!(Unit::Millis.show(180_000), "3 min");
    }

    #[test]
    fn counts_have_their_thousands_apart() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn an_axis_shows_whole_counts_only() {
        assert_eq!([0.0, 0.5, 950.0, 1500.0, 2e6].map(axis_count), ["0", "", "950", "1.5k", "2M"]);
    }

    #[test]
    fn a_share_of_nothing_is_nothing() {
        assert_eq!(percent(0, 0), "0 %");
        assert_eq!(percent(1, 3), "33.3 %");
        assert_eq!(percent(1, 1_000_000), "< 0.1 %");
    }
}
