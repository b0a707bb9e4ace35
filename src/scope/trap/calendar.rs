//! Traps in calendars: "next month", for ever.
//!
//! A year alone says nothing: `/2189/05/` may be a topic and a page, `?year=2100` a projection of
//! the climate. So a date counts only where something says "calendar": a word of the path or query,
//! a name in the query that calendars use, a year with its month; and a year that is a parameter
//! without any of this only when it is [`LONE_YEARS_AHEAD`] years away. The past is judged more
//! mildly than the future, since archives are real: it takes the word.

use super::trap;
use crate::scope::{
    Traps,
    rule::{Trap, quoted},
};

/// How far in the future the year of a parameter is a trap though nothing else says "calendar".
const LONE_YEARS_AHEAD: u16 = 100;
/// Words that make a path or query a calendar: they stand between characters that are no letters
/// (`calendar`, `my-calendar.php`, `cal_month`).
const WORDS: [&str; 8] = ["calendar", "calendars", "cal", "kalender", "calendrier", "calendario", "agenda", "schedule"];
/// Words that may; `/events/2137/10` can be the tenth page of an event, `/events/2137/10/05` is a day.
const EVENT_WORDS: [&str; 8] =
    ["events", "event", "termine", "veranstaltungen", "evenements", "eventos", "eventi", "whatson"];
/// The largest number of a week, which is more than a day's or a month's.
const MAX_WEEK: u8 = 53;
const YEARS: [&str; 7] = ["year", "yr", "jahr", "annee", "ano", "anno", "cal_year"];
const MONTHS: [&str; 10] = ["month", "mon", "monat", "mois", "mes", "mese", "week", "day", "tag", "cal_month"];
/// Names by which calendars hand on a date. A `maturity_date` is another thing.
const DATES: [&str; 10] = [
    "date",
    "day",
    "month",
    "week",
    "start_date",
    "startdate",
    "event_date",
    "eventdate",
    "tribe-bar-date",
    "eventdisplay",
];

/// The first date that is too far from `now_year` on what looks like a calendar.
pub(super) fn find(path: &str, query: &str, traps: &Traps, now_year: u16) -> Option<Trap> {
    if now_year == 0 || (traps.years_ahead.is_none() && traps.years_back.is_none()) {
        return None;
    }
    // Without four digits in a row there is no year, and most URLs end here.
    let (path_has, query_has) = (has_year(path), has_year(query));
    if !path_has && !query_has {
        return None;
    }
    let is_calendar = path.split('/').any(|segment| has_word(segment, &WORDS)) || query_says_calendar(query);
    let judge = |text: &str, year: u16| {
        let (key, bound) = far(traps, now_year, year)?;
        (year > now_year || is_calendar).then(|| trap(key, bound, format!("{} is of {year}", quoted(text))))
    };
    if path_has && (is_calendar || path.split('/').any(|segment| has_word(segment, &EVENT_WORDS))) {
        let dates = path_dates(path).filter(|(_, _, is_whole)| is_calendar || *is_whole);
        if let Some(found) = { dates }.find_map(|(text, year, _)| judge(text, year)) {
            return Some(found);
        }
    }
    if !query_has {
        return None;
    }
    let has_month = parameters(query).any(|(name, value)| is_any(name, &MONTHS) && is_between(value, MAX_WEEK));
    parameters(query).find_map(|(name, value)| {
        let whole_date = (is_calendar || is_any(name, &DATES)).then(|| date(value)).flatten();
        let (year, is_sure) = match whole_date {
            Some(year) => (year, true),
            None if is_any(name, &YEARS) => (year_alone(value)?, is_calendar || has_month),
            None => return None,
        };
        if is_sure || year > now_year.saturating_add(LONE_YEARS_AHEAD) { judge(value, year) } else { None }
    })
}

/// Whether four digits stand in a row.
fn has_year(text: &str) -> bool {
    let mut n_digits = 0;
    text.bytes().any(|byte| {
        n_digits = if byte.is_ascii_digit() { n_digits + 1 } else { 0 };
        n_digits == 4
    })
}

/// The key and bound that a year breaks.
fn far(traps: &Traps, now: u16, year: u16) -> Option<(&'static str, u16)> {
    let ahead = traps.years_ahead.filter(|max| year > now.saturating_add(*max));
    let back = || traps.years_back.filter(|max| year < now.saturating_sub(*max));
    ahead.map(|max| ("traps.years_ahead", max)).or_else(|| back().map(|max| ("traps.years_back", max)))
}

/// Whether one of `words` stands in a segment.
fn has_word(segment: &str, words: &[&str]) -> bool {
    segment.split(|c: char| !c.is_ascii_alphabetic()).any(|word| is_any(word, words))
}

/// `view=calendar`, `cal_month=5`, `tribe_events_cat=…`, but not any text that is searched for.
fn query_says_calendar(query: &str) -> bool {
    parameters(query).any(|(name, value)| has_word(name, &WORDS) || is_any(value, &WORDS))
}

/// The dates of a path, with their years and whether they can be nothing else: `/2031-05`,
/// `/2031-05-12`, `/2031/05/12`; or may be: `/2031/05`.
fn path_dates(path: &str) -> impl Iterator<Item = (&str, u16, bool)> {
    let mut rest = path;
    std::iter::from_fn(move || {
        loop {
            rest = &rest[rest.find('/')? + 1..];
            let mut segments = rest.splitn(4, '/');
            let (segment, month, day) = (segments.next()?, segments.next(), segments.next());
            if let Some(year) = date(segment) {
                return Some((segment, year, true));
            }
            // Numbers beyond these are more likely something else.
            let year = year_alone(segment).filter(|year| (1000..3000).contains(year));
            let (Some(year), Some(month)) = (year, month.filter(|month| is_between(month, 12))) else { continue };
            let day = day.filter(|day| is_between(day, 31));
            let length = segment.len() + 1 + month.len() + day.map_or(0, |day| 1 + day.len());
            return Some((rest.get(..length).unwrap_or(segment), year, day.is_some()));
        }
    })
}

fn parameters(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').filter_map(|pair| pair.split_once('='))
}

fn is_any(text: &str, names: &[&str]) -> bool {
    names.iter().any(|name| text.eq_ignore_ascii_case(name))
}

/// One or two digits from 1 to `max`: `5`, `05`, `31`.
fn is_between(text: &str, max: u8) -> bool {
    let digits = matches!(text.len(), 1 | 2) && text.bytes().all(|byte| byte.is_ascii_digit());
    digits && text.parse::<u8>().is_ok_and(|n| (1..=max).contains(&n))
}

/// Four digits that don't begin with a zero.
fn year_alone(text: &str) -> Option<u16> {
    let digits = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    if digits { text.parse().ok() } else { None }
}

/// The year of `2031-05`, `2031-05-12`, `2031-W05`, `20310512`, and of these with a time after it.
fn date(text: &str) -> Option<u16> {
    let year = year_alone(text.get(..4)?)?;
    let rest = &text.as_bytes()[4..];
    let two = |at: usize| {
        let digits = rest.get(at..at + 2).filter(|two| two.iter().all(u8::is_ascii_digit))?;
        Some((digits[0] - b'0') * 10 + (digits[1] - b'0'))
    };
    let is_month = |n: Option<u8>| n.is_some_and(|n| (1..=12).contains(&n));
    let is_day = |n: Option<u8>| n.is_some_and(|n| (1..=31).contains(&n));
    let ends = |at: usize| rest.get(at).is_none_or(|byte| !byte.is_ascii_digit());
    let dashed = rest.first() == Some(&b'-') && is_month(two(1)) && ends(3);
    let week = rest.starts_with(b"-W") && two(2).is_some_and(|n| (1..=53).contains(&n)) && ends(4);
    let packed = is_month(two(0)) && is_day(two(2)) && ends(4);
    (dashed || week || packed).then_some(year)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let found = find(path, query, &Traps::default(), 2026).map(|trap| trap.to_string());
        assert_eq!(found.as_deref(), expected, "{text}");
    }

    #[test]
    fn far_dates_of_calendars() {
        check("/calendar/2137/05", Some("traps.years_ahead = 10: `2137/05` is of 2137"));
        check("/events/2137/05/12", Some("traps.years_ahead = 10: `2137/05/12` is of 2137"));
        check("/events/month/2037-05/", Some("traps.years_ahead = 10: `2037-05` is of 2037"));
        check("/my-calendar.php?date=20370512", Some("traps.years_ahead = 10: `20370512` is of 2037"));
        check("/x?year=2037&month=5", Some("traps.years_ahead = 10: `2037` is of 2037"));
        check("/x?tribe-bar-date=2037-05", Some("traps.years_ahead = 10: `2037-05` is of 2037"));
        check("/x?cal_date=2037-05-12T00:00", Some("traps.years_ahead = 10: `2037-05-12T00:00` is of 2037"));
        check("/x?view=calendar&yr=2037", Some("traps.years_ahead = 10: `2037` is of 2037"));
        check("/x?year=2189", Some("traps.years_ahead = 10: `2189` is of 2189"));
        check("/kalender/1801/1", Some("traps.years_back = 100: `1801/1` is of 1801"));
        check("/calendar?month=1850-03", Some("traps.years_back = 100: `1850-03` is of 1850"));
    }

    #[test]
    fn what_is_no_calendar_or_not_far() {
        for fine in [
            "/2024/01/15/title",
            "/calendar/2031/05",
            "/calendar/1969/07/20",
            "/archive/1789/07/14",
            "/book/2189/05/",
            "/events/4711/details",
            "/event/4711",
            "/event/2137/10",
            "/calendar/4711/",
            "/calendar/4711/1",
            "/events/9999-reasons",
            "/climate?year=2100",
            "/films?year=1925",
            "/x?id=2189&page=2",
            "/cal/abc",
            "/calories/2500/1",
            "/x?date=",
            "/issue?date=1850-03-01",
            "/x?year=1850&month=5",
            "/bond?maturity_date=2055-05-15",
            "/events/1850/05/12",
            "/x?date=99999999",
            "/v/20991301",
            "/",
        ] {
            check(fine, None);
        }
    }

    #[test]
    fn without_a_year_to_compare_with_nothing_is_far() {
        assert_eq!(find("/calendar/2137/05", "", &Traps::default(), 0), None);
    }
}
