//! Quiet hours: when a host is *not* asked.
//!
//! Judged by the clock on the wall of the zone that is named: an instant is quiet when that clock shows
//! a time inside the window. So an hour that the clock shows twice (the end of summer time) is quiet
//! twice, and one that it leaves out is not missed. What is under way when a window begins is not
//! broken off.
//!
//! Pure: the time is handed in, and the zones are those of the IANA database that is compiled in.

use std::{fmt, str::FromStr, sync::Arc, time::Duration};

use jiff::{
    civil::{DateTime, Time},
    tz::TimeZone,
};

use crate::clock::Timestamp;

/// Windows of time, any of which is quiet. None of them by default.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Quiet(Arc<[Window]>);

/// `Sat,Sun 22:00-06:00 Europe/Berlin`: on the days named, or on any, from one time of day to another,
/// which is of the next day if it is not later.
#[derive(Debug, Clone, PartialEq)]
struct Window {
    text: String,
    /// On which days a window begins, Monday first.
    days: [bool; 7],
    /// Seconds of the day.
    from: u32,
    /// Seconds of the day, 86,400 for its end.
    to: u32,
    zone: TimeZone,
}

/// Why a text is no window.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuietError {
    /// It has another form.
    #[error("`{0}` is no quiet time; write it as \"22:00-06:00 Europe/Berlin\" or \"Sat,Sun 00:00-24:00 UTC\"")]
    Form(String),
    /// The IANA database has no such zone.
    #[error("`{0}` is no time zone of the IANA database, such as \"Europe/Berlin\" or \"UTC\"")]
    Zone(String),
    /// No second of the week is left.
    #[error("there is no time left at which the host may be asked")]
    Always,
}

const DAY: u32 = 86_400;
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
/// Steps from window to window before the search for an end is left to the next question: three
/// windows a day for a week, and some changes of the clock.
const MAX_STEPS: usize = 32;

impl Quiet {
    /// From texts, each of which is a window.
    ///
    /// # Errors
    /// At the first text that is none, and when nothing but quiet is left.
    pub fn parse<S: AsRef<str>>(texts: &[S]) -> Result<Self, QuietError> {
        let windows: Result<Vec<Window>, _> = texts.iter().map(|text| text.as_ref().parse()).collect();
        let quiet = Self(windows?.into());
        // A week in the middle of winter: one that is wholly quiet says what was meant.
        let start = Timestamp(1_704_672_000_000_000);
        let week = Duration::from_secs(8 * u64::from(DAY));
        match quiet.until(start) {
            Some(until) if until.since(start) >= week => Err(QuietError::Always),
            _ => Ok(quiet),
        }
    }

    /// When it is quiet at `now`: until when, at least.
    pub fn until(&self, now: Timestamp) -> Option<Timestamp> {
        let mut at = now;
        for _ in 0..MAX_STEPS {
            match self.0.iter().filter_map(|window| window.until(at)).max() {
                Some(until) => at = until,
                None => break,
            }
        }
        (at > now).then_some(at)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Window {
    /// When the window that `now` lies in ends, or when the clock is changed before that.
    fn until(&self, now: Timestamp) -> Option<Timestamp> {
        let instant = jiff::Timestamp::from_microsecond(i64::try_from(now.0).ok()?).ok()?;
        let left = self.left(self.zone.to_datetime(instant))?;
        let end = now + Duration::from_secs(u64::from(left.0)) - Duration::from_micros(u64::from(left.1));
        // After a change of the clock it shows something else than what was counted with.
        let change = self
            .zone
            .following(instant)
            .next()
            .and_then(|change| u64::try_from(change.timestamp().as_microsecond()).ok());
        Some(change.map_or(end, |change| end.min(Timestamp(change))))
    }

    /// Seconds that the wall clock has to go to the end of the window that it shows a time in, and the
    /// microseconds that have passed of the first of them.
    fn left(&self, wall: DateTime) -> Option<(u32, u32)> {
        let time = wall.time();
        let second = seconds(time);
        let micros = u32::try_from(time.subsec_nanosecond() / 1000).ok()?;
        let today = usize::try_from(wall.weekday().to_monday_zero_offset()).ok()?;
        let yesterday = (today + 6) % 7;
        let length = if self.to > self.from { self.to - self.from } else { DAY - self.from + self.to };
        let began_today = (self.days[today] && second >= self.from).then(|| second - self.from);
        let began_yesterday = self.days[yesterday].then(|| second + DAY - self.from);
        let passed = [began_today, began_yesterday].into_iter().flatten().filter(|passed| *passed < length);
        passed.map(|passed| length - passed).max().map(|left| (left, micros))
    }
}

fn seconds(time: Time) -> u32 {
    let part = |n: i8| u32::try_from(n).unwrap_or_default();
    part(time.hour()) * 3600 + part(time.minute()) * 60 + part(time.second())
}

impl FromStr for Window {
    type Err = QuietError;

    fn from_str(text: &str) -> Result<Self, QuietError> {
        let form = || QuietError::Form(text.to_owned());
        let words: Vec<&str> = text.split_whitespace().collect();
        let (days, span, zone) = match words[..] {
            [span, zone] => ([true; 7], span, zone),
            [days, span, zone] => (parse_days(days).ok_or_else(form)?, span, zone),
            _ => return Err(form()),
        };
        let (from, to) = span.split_once('-').ok_or_else(form)?;
        let (from, to) = (parse_time(from).ok_or_else(form)?, parse_time(to).ok_or_else(form)?);
        if from == to || from == DAY {
            return Err(form());
        }
        let zone = TimeZone::get(zone).map_err(|_| QuietError::Zone(zone.to_owned()))?;
        Ok(Self { text: words.join(" "), days, from, to, zone })
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for Quiet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(n, window)| write!(f, "{}{window}", if n > 0 { ", " } else { "" }))
    }
}

/// `Mon-Fri`, `Sat,Sun`, in English and in any case.
fn parse_days(text: &str) -> Option<[bool; 7]> {
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (mut day, last) = (parse_day(first)?, parse_day(last)?);
        days[day] = true;
        while day != last {
            day = (day + 1) % 7;
            days[day] = true;
        }
    }
    Some(days)
}

fn parse_day(text: &str) -> Option<usize> {
    DAYS.iter().position(|day| day.eq_ignore_ascii_case(text))
}

/// `HH:MM`, up to `24:00`, in seconds.
fn parse_time(text: &str) -> Option<u32> {
    let (hour, minute) = text.split_once(':')?;
    let is_number = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(hour) || !is_number(minute) {
        return None;
    }
    let (hour, minute): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
    let seconds = hour * 3600 + minute * 60;
    (minute < 60 && seconds <= DAY).then_some(seconds)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        let instant: jiff::Timestamp = text.parse().expect("a time");
        Timestamp(u64::try_from(instant.as_microsecond()).expect("after 1970"))
    }

    /// `expected` is empty when it is not quiet.
    fn check(windows: &[&str], now: &str, expected: &str) {
        let until = Quiet::parse(windows).expect("valid").until(at(now));
        assert_eq!(until, (!expected.is_empty()).then(|| at(expected)), "{windows:?} at {now}");
    }

    #[test]
    fn windows() {
        let night = &["22:00-06:00 UTC"];
        check(night, "2026-03-04T21:59:59.999Z", "");
        check(night, "2026-03-04T22:00:00Z", "2026-03-05T06:00:00Z");
        check(night, "2026-03-05T05:59:59.25Z", "2026-03-05T06:00:00Z");
        check(night, "2026-03-05T06:00:00Z", "");
        check(&["09:00-17:30 Asia/Kolkata"], "2026-03-05T03:30:00Z", "2026-03-05T12:00:00Z");
        check(&["09:00-17:30 Asia/Kolkata"], "2026-03-05T12:00:00Z", "");
        check(&[], "2026-03-05T12:00:00Z", "");
    }

    #[test]
    fn days() {
        // The 7th of March 2026 is a Saturday.
        let weekend = &["sat,Sun 00:00-24:00 UTC"];
        check(weekend, "2026-03-06T23:59:59Z", "");
        check(weekend, "2026-03-07T00:00:00Z", "2026-03-09T00:00:00Z");
        check(weekend, "2026-03-09T00:00:00Z", "");
        // A window belongs to the day on which it begins.
        check(&["Sat 22:00-06:00 UTC"], "2026-03-08T05:00:00Z", "2026-03-08T06:00:00Z");
        check(&["Sat 22:00-06:00 UTC"], "2026-03-07T05:00:00Z", "");
        check(&["Fri-Mon 12:00-13:00 UTC"], "2026-03-09T12:30:00Z", "2026-03-09T13:00:00Z");
        check(&["Fri-Mon 12:00-13:00 UTC"], "2026-03-10T12:30:00Z", "");
    }

    #[test]
    fn neighbours_and_overlaps_are_one_pause() {
        let windows = &["08:00-10:00 UTC", "10:00-12:00 UTC", "12:00-13:00 Europe/Berlin"];
        check(windows, "2026-01-05T08:30:00Z", "2026-01-05T12:00:00Z");
    }

    #[test]
    fn an_hour_that_is_shown_twice_is_quiet_twice() {
        // Berlin goes from 03:00 back to 02:00 at 01:00Z.
        let window = &["02:00-02:30 Europe/Berlin"];
        check(window, "2026-10-25T00:10:00Z", "2026-10-25T00:30:00Z");
        check(window, "2026-10-25T00:45:00Z", "");
        check(window, "2026-10-25T01:10:00Z", "2026-10-25T01:30:00Z");
        // Over the change: nine hours of night instead of eight.
        check(&["22:00-06:00 Europe/Berlin"], "2026-10-24T20:00:00Z", "2026-10-25T05:00:00Z");
    }

    #[test]
    fn an_hour_that_is_left_out_is_not_missed() {
        // Berlin goes from 02:00 on to 03:00 at 01:00Z.
        check(&["02:15-02:45 Europe/Berlin"], "2026-03-29T01:20:00Z", "");
        check(&["01:30-02:30 Europe/Berlin"], "2026-03-29T00:40:00Z", "2026-03-29T01:00:00Z");
        check(&["22:00-06:00 Europe/Berlin"], "2026-03-28T21:00:00Z", "2026-03-29T04:00:00Z");
    }

    #[test]
    fn what_is_no_window_is_refused() {
        for bad in [
            "",
            "22:00-06:00",
            "22-06 UTC",
            "22:00-22:00 UTC",
            "24:00-06:00 UTC",
            "22:00-24:01 UTC",
            "22:60-06:00 UTC",
            "Sam 22:00-06:00 UTC",
            "Sat, Sun 22:00-06:00 UTC",
            "+2:00-06:00 UTC",
            "22:00–06:00 UTC",
        ] {
            assert!(matches!(Quiet::parse(&[bad]), Err(QuietError::Form(_))), "{bad}");
        }
        assert_eq!(Quiet::parse(&["22:00-06:00 Mars/Olympus"]), Err(QuietError::Zone("Mars/Olympus".into())));
        assert_eq!(Quiet::parse(&["00:00-24:00 UTC"]), Err(QuietError::Always));
        assert_eq!(Quiet::parse(&["06:00-22:00 UTC", "22:00-06:00 UTC"]), Err(QuietError::Always));
        let text = "Sat,Sun 00:00-24:00 UTC";
        assert_eq!(
            Quiet::parse(&[text, "01:00-02:00 UTC"]).expect("valid").to_string(),
            format!("{text}, 01:00-02:00 UTC")
        );
    }

    proptest! {
        /// The end that is told is not quiet, and everything before it is.
        #[test]
        fn ends_are_ends(hours in 0u64..20_000, from in 0u32..24, to in 0u32..25, zone in 0usize..4) {
            prop_assume!(from != to && to - from.min(to) < 24);
            let zone = ["UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns"][zone];
            let quiet = Quiet::parse(&[format!("{from:02}:00-{to:02}:00 {zone}")]).expect("valid");
            let now = Timestamp(1_767_225_600_000_000) + Duration::from_secs(1800 * hours);
            if let Some(until) = quiet.until(now) {
                prop_assert_eq!(quiet.until(until), None);
                for minutes in (0..until.since(now).as_secs() / 60).step_by(7) {
                    prop_assert_eq!(quiet.until(now + Duration::from_secs(60 * minutes)), Some(until));
                }
            }
        }
    }
}
