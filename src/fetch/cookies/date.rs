//! Dates of cookies, as loosely as RFC 6265bis section 5.1.1 reads them.
//!
//! Not HTTP dates: anything that has a time, a day, a month and a year in it, in any order.

use jiff::{civil, tz::Offset};

use crate::clock::Timestamp;

const MONTHS: [&[u8; 3]; 12] =
    [b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"];

/// The moment that `text` names, in UTC; one before 1970 is 1970.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    for token in text.as_bytes().split(|&byte| is_delimiter(byte)).filter(|token| !token.is_empty()) {
        if time.is_none()
            && let Some(found) = time_of(token)
        {
            time = Some(found);
        } else if day.is_none()
            && let Some((found, _)) = digits(token, 1, 2)
        {
            day = Some(found);
        } else if month.is_none()
            && let Some(found) = month_of(token)
        {
            month = Some(found);
        } else if year.is_none()
            && let Some((found, _)) = digits(token, 2, 4)
        {
            year = Some(found);
        }
    }
    let year = match year? {
        year @ 0..=69 => year + 2000,
        year @ 70..=99 => year + 1900,
        year => year,
    };
    let (hour, minute, second) = time?;
    if year < 1601 || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let date = civil::Date::new(i16::try_from(year).ok()?, month?, i8::try_from(day?).ok()?).ok()?;
    let small = |number: u16| i8::try_from(number).expect("less than 60");
    let moment = date.at(small(hour), small(minute), small(second), 0);
    let seconds = u64::try_from(Offset::UTC.to_timestamp(moment).ok()?.as_second()).unwrap_or(0);
    Some(Timestamp(seconds.saturating_mul(1_000_000)))
}

fn is_delimiter(byte: u8) -> bool {
    matches!(byte, 0x09 | 0x20..=0x2F | 0x3B..=0x40 | 0x5B..=0x60 | 0x7B..=0x7E)
}

/// `1:02:3`, and after it anything but another digit.
fn time_of(token: &[u8]) -> Option<(u16, u16, u16)> {
    let (hour, rest) = digits_of(token, 1, 2)?;
    let (minute, rest) = digits_of(rest.strip_prefix(b":")?, 1, 2)?;
    let (second, _) = digits(rest.strip_prefix(b":")?, 1, 2)?;
    Some((hour, minute, second))
}

fn month_of(token: &[u8]) -> Option<i8> {
    let name = token.get(..3)?.to_ascii_lowercase();
    let index = MONTHS.iter().position(|month| month[..] == name[..])?;
    i8::try_from(index + 1).ok()
}

/// A number of so many digits, and what follows, which does not begin with another one.
fn digits(token: &[u8], min: usize, max: usize) -> Option<(u16, &[u8])> {
    digits_of(token, min, max).filter(|(_, rest)| !rest.first().is_some_and(u8::is_ascii_digit))
}

fn digits_of(token: &[u8], min: usize, max: usize) -> Option<(u16, &[u8])> {
    let n = token.iter().take(max).take_while(|byte| byte.is_ascii_digit()).count();
    let number = token[..n].iter().fold(0, |number, digit| number * 10 + u16::from(digit - b'0'));
    (n >= min).then_some((number, &token[n..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(parse(text).map(Timestamp::rfc3339).as_deref(), expected, "{text}");
        };
        check("Wed, 09 Jun 2021 10:18:14 GMT", Some("2021-06-09T10:18:14.000Z"));
        check("10:18:14 2021 june 9", Some("2021-06-09T10:18:14.000Z"));
        check("9-Jun-69 1:2:3", Some("2069-06-09T01:02:03.000Z"));
        check("9-Jun-70 1:2:3x", Some("1970-06-09T01:02:03.000Z"));
        check("9 Jun 1650 1:2:3", Some("1970-01-01T00:00:00.000Z"));
        for bad in [
            "",
            "now",
            "31 Feb 2021 1:2:3",
            "9 Jun 1600 1:2:3",
            "9 Jun 2021 24:0:0",
            "9 Jun 2021 1:2:345",
            "9 Jun 20215 1:2:3",
        ] {
            check(bad, None);
        }
    }
}
