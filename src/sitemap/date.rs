//! Dates as sitemaps and feeds write them, to a time that can be compared.
//!
//! Read are the W3C profile of ISO 8601 in all its granularities (NOTE-datetime), with what is
//! commonly made of it (a space for the `T`, no zone, `+0100`, `20050101`), and the dates of
//! RFC 2822 and RFC 822, `asctime` and English dates of words. Deliberately not: numbers whose order
//! is a matter of country (`01/02/2005`).

use jiff::{civil::DateTime, tz::TimeZone};

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// RFC 2822 section 4.3, in hours.
const ZONES: [(&str, i64); 13] = [
    ("ut", 0),
    ("utc", 0),
    ("gmt", 0),
    ("z", 0),
    ("est", -5),
    ("edt", -4),
    ("cst", -6),
    ("cdt", -5),
    ("mst", -7),
    ("mdt", -6),
    ("pst", -8),
    ("pdt", -7),
    ("cet", 1),
];

/// Seconds since the Unix epoch; `None` if it is no date. What is missing counts as the least it
/// can be (2004 is its first second), a missing zone as UTC.
pub fn parse_date(text: &str) -> Option<i64> {
    let text = text.trim();
    iso(text).or_else(|| words(text))
}

/// A date and time in a zone.
#[derive(Default)]
struct Parts {
    date: (i64, i64, i64),
    time: (i64, i64, i64),
    offset_s: i64,
}

impl Parts {
    fn to_unix(&self) -> Option<i64> {
        let (year, month, day) = self.date;
        let (hour, minute, second) = self.time;
        let small = |n: i64| i8::try_from(n).ok();
        // A leap second is the last of its minute.
        let second = if second == 60 { 59 } else { second };
        let year = i16::try_from(year).ok()?;
        let local = DateTime::new(year, small(month)?, small(day)?, small(hour)?, small(minute)?, small(second)?, 0);
        let utc = TimeZone::UTC.to_timestamp(local.ok()?).ok()?;
        Some(utc.as_second() - self.offset_s)
    }
}

/// What is left of a text that is read from its start.
struct Cursor<'a>(&'a str);

impl Cursor<'_> {
    /// A number of at least `min` and at most `max` digits.
    fn number(&mut self, min: usize, max: usize) -> Option<i64> {
        let n = self.0.bytes().take(max).take_while(u8::is_ascii_digit).count();
        let number = self.0[..n].parse().ok().filter(|_| n >= min)?;
        self.0 = &self.0[n..];
        Some(number)
    }

    fn eat(&mut self, one_of: &[char]) -> bool {
        let rest = self.0.strip_prefix(one_of);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }
}

fn iso(text: &str) -> Option<i64> {
    let mut rest = Cursor(text);
    let mut parts = Parts { date: (rest.number(4, 4)?, 1, 1), ..Parts::default() };
    let separated = rest.eat(&['-', '/']);
    if separated || !rest.0.is_empty() {
        parts.date.1 = rest.number(if separated { 1 } else { 2 }, 2)?;
        if rest.eat(&['-', '/']) || !separated {
            parts.date.2 = rest.number(if separated { 1 } else { 2 }, 2)?;
        }
    }
    rest.0 = rest.0.trim_start();
    rest.eat(&['T', 't']);
    rest.0 = rest.0.trim_start();
    if rest.0.starts_with(|c: char| c.is_ascii_digit()) {
        parts.time = clock(&mut rest)?;
    }
    parts.offset_s = zone(rest.0.trim())?;
    parts.to_unix()
}

/// `hh:mm`, `hh:mm:ss` or `hh:mm:ss.fff`.
fn clock(rest: &mut Cursor<'_>) -> Option<(i64, i64, i64)> {
    let hour = rest.number(1, 2)?;
    rest.eat(&[':']);
    let minute = rest.number(2, 2)?;
    let has_seconds = rest.eat(&[':']) || rest.0.starts_with(|c: char| c.is_ascii_digit());
    let second = if has_seconds { rest.number(2, 2)? } else { 0 };
    if rest.eat(&['.', ',']) {
        rest.0 = rest.0.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    Some((hour, minute, second))
}

/// Seconds east of UTC.
fn zone(text: &str) -> Option<i64> {
    if text.is_empty() {
        return Some(0);
    }
    if let Some((_, hours)) = ZONES.iter().find(|(name, _)| text.eq_ignore_ascii_case(name)) {
        return Some(hours * 3600);
    }
    let sign = match text.chars().next()? {
        '+' => 1,
        '-' | '\u{2212}' => -1,
        // A military zone says nothing (RFC 2822 section 4.3).
        letter if letter.is_ascii_alphabetic() && text.len() == 1 => return Some(0),
        _ => return None,
    };
    let mut rest = Cursor(text.trim_start_matches(['+', '-', '\u{2212}']));
    let hours = rest.number(1, 2)?;
    rest.eat(&[':']);
    let minutes = rest.number(2, 2).unwrap_or(0);
    (rest.0.is_empty() && hours <= 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

/// `Sat, 07 Sep 2002 09:42:31 GMT` and the like: words in any order that names what they are.
fn words(text: &str) -> Option<i64> {
    let (mut day, mut month, mut year, mut time, mut offset) = (None, None, None, None, None);
    // A comment such as `(CET)` ends it.
    let text = text.split('(').next().unwrap_or_default();
    let is_break = |c: char| c.is_whitespace() || c == ',';
    for word in text.split(is_break).flat_map(date_parts).filter(|word| !word.is_empty()) {
        let lower = word.to_ascii_lowercase();
        let head = lower.get(..3).unwrap_or(&lower);
        let is_name = lower.trim_end_matches('.').bytes().all(|b| b.is_ascii_alphabetic());
        if word.contains(':') {
            let mut rest = Cursor(word);
            time = Some(clock(&mut rest)?);
            offset = if rest.0.is_empty() { offset } else { Some(zone(rest.0)?) };
        } else if let Some(at) = MONTHS.iter().position(|name| is_name && *name == head) {
            month = Some(i64::try_from(at).ok()? + 1);
        } else if is_name && WEEKDAYS.contains(&head) {
        } else if let Some(number) = ordinal(&lower) {
            if day.is_none() && number <= 31 && lower.len() <= 4 {
                day = Some(number);
            } else {
                year = Some(if lower.len() <= 2 { number + if number < 50 { 2000 } else { 1900 } } else { number });
            }
        } else {
            offset = Some(zone(word)?);
        }
    }
    let parts = Parts { date: (year?, month?, day?), time: time.unwrap_or_default(), offset_s: offset.unwrap_or(0) };
    parts.to_unix()
}

/// `07-Sep-2002` in its parts; any other word as it is.
fn date_parts(word: &str) -> impl Iterator<Item = &str> {
    let is_date = word.starts_with(|c: char| c.is_ascii_digit()) && word.bytes().any(|b| b.is_ascii_alphabetic());
    word.split(move |c| is_date && c == '-')
}

/// `7`, `7th`.
fn ordinal(word: &str) -> Option<i64> {
    let digits = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let suffix = &word[digits.len()..];
    let is_number = digits.len() <= 4 && digits.bytes().all(|b| b.is_ascii_digit());
    (is_number && ["", "st", "nd", "rd", "th"].contains(&suffix)).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        let expected = expected.map(|text| text.parse::<jiff::Timestamp>().expect("RFC 3339").as_second());
        assert_eq!(parse_date(text), expected, "{text}");
    }

    #[test]
    fn all_granularities() {
        check("1997", Some("1997-01-01T00:00:00Z"));
        check("1997-07", Some("1997-07-01T00:00:00Z"));
        check("1997-07-16", Some("1997-07-16T00:00:00Z"));
        check("1997-07-16T19:20+01:00", Some("1997-07-16T18:20:00Z"));
        check("1997-07-16T19:20:30+01:00", Some("1997-07-16T18:20:30Z"));
        check("1997-07-16T19:20:30.45+01:00", Some("1997-07-16T18:20:30Z"));
        check("2004-12-23T18:00:15-05:30", Some("2004-12-23T23:30:15Z"));
        check("2018-01-12T21:57:27Z", Some("2018-01-12T21:57:27Z"));
    }

    #[test]
    fn what_is_made_of_it() {
        check(" 2005-01-01 10:20 ", Some("2005-01-01T10:20:00Z"));
        check("2005-01-01T10:20:30", Some("2005-01-01T10:20:30Z"));
        check("2005-01-01t10:20:30z", Some("2005-01-01T10:20:30Z"));
        check("2005-01-01 10:20:30 +0100", Some("2005-01-01T09:20:30Z"));
        check("2005-01-01T10:20:30 UTC", Some("2005-01-01T10:20:30Z"));
        check("2005/1/2", Some("2005-01-02T00:00:00Z"));
        check("20050102", Some("2005-01-02T00:00:00Z"));
        check("20050102T030405Z", Some("2005-01-02T03:04:05Z"));
        check("2016-12-31T23:59:60Z", Some("2016-12-31T23:59:59Z"));
    }

    #[test]
    fn words_of_feeds() {
        check("Sat, 07 Sep 2002 09:42:31 GMT", Some("2002-09-07T09:42:31Z"));
        check("Sat, 07 Sep 02 09:42 EST", Some("2002-09-07T14:42:00Z"));
        check("7 September 1998 09:42:31 +0200 (CEST)", Some("1998-09-07T07:42:31Z"));
        check("07-Sep-2002 09:42:31 UTC", Some("2002-09-07T09:42:31Z"));
        check("Sun Nov  6 08:49:37 1994", Some("1994-11-06T08:49:37Z"));
        check("September 7th, 2002", Some("2002-09-07T00:00:00Z"));
        check("Sat, 07 Sep 2002 09:42:31-0800", Some("2002-09-07T17:42:31Z"));
    }

    #[test]
    fn no_dates() {
        for text in [
            "",
            "yesterday",
            "2005-13-01",
            "2005-02-30",
            "01/02/2005",
            "2005-01-01T25:00Z",
            "200",
            "2005-",
            "12 12 12",
            "Sat, 07 Foo 2002",
            "0.8",
            "２００５",
            "2005-01-01T10:20:30 nowhere",
            "-1",
            "99999999999999999999",
        ] {
            check(text, None);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "\\PC{0,40}", near in "[0-9TZ:+. a-z,-]{0,40}") {
            let _ = (parse_date(&text), parse_date(&near));
        }
    }
}
