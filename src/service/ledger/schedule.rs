//! Schedules: crawls that are begun again and again, by the clock of a zone. Pure.
//!
//! A schedule has one crawl: the first time it is made, after that it is done again (`recrawl`), so that what has not
//! changed is not sent for. Times that passed while no daemon ran count as one.

use jiff::{
    civil::DateTime,
    tz::{AmbiguousOffset, TimeZone},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::CrawlId;
use crate::clock::Timestamp;

/// One schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Schedule {
    pub(crate) id: CrawlId,
    pub(crate) owner: String,
    pub(crate) created_at: Timestamp,
    pub(crate) cron: String,
    pub(crate) zone: String,
    pub(crate) overlap: Overlap,
    pub(crate) priority: u8,
    pub(crate) document: Json,
    pub(crate) is_paused: bool,
    /// The crawl that it begins, once it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) crawl: Option<CrawlId>,
    /// The time that was dealt with last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fired_at: Option<Timestamp>,
    /// A time has come while the crawl was not over, and is still to be dealt with.
    #[serde(default)]
    pub(crate) is_owed: bool,
}

/// What is done when the time has come and the crawl is not over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Overlap {
    /// Nothing: the next time counts.
    #[default]
    Skip,
    /// It is begun again when it is over.
    Queue,
    /// It is ended, and begun again.
    Cancel,
}

impl Schedule {
    /// The first time after `after`; none if there never is one.
    pub(crate) fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        next(&self.cron, &self.zone, after).ok().flatten()
    }

    /// When it is due next, counted from what was dealt with last.
    pub(crate) fn due_at(&self) -> Option<Timestamp> {
        self.next_after(self.fired_at.unwrap_or(self.created_at))
    }
}

/// The first time after `after` that an expression of five fields means by the clock of a zone.
///
/// A time that the clock jumps over when summer time begins is as much later as the jump is long, and one that it shows
/// twice counts once.
///
/// # Errors
/// What is wrong with the expression or the zone.
pub(crate) fn next(cron: &str, zone: &str, after: Timestamp) -> Result<Option<Timestamp>, String> {
    if cron.split_whitespace().count() != 5 || !cron.is_ascii() {
        return Err("cron has five fields: minute, hour, day of month, month, day of week".to_owned());
    }
    let zone =
        TimeZone::get(zone).map_err(|_| format!("zone {zone:?} is not known; an example is \"Europe/Berlin\""))?;
    // The expression is about what a clock shows, so it is asked about a clock that shows UTC.
    let crontab = cronexpr::parse_crontab(&format!("{cron} UTC")).map_err(|error| {
        let first = error.to_string().lines().next().unwrap_or_default().to_owned();
        format!("cron can't be read: {first}")
    })?;
    let instant =
        jiff::Timestamp::from_microsecond(i64::try_from(after.0).unwrap_or(i64::MAX)).unwrap_or(jiff::Timestamp::MAX);
    let mut shown = zone.to_datetime(instant);
    // What the clock shows twice is found twice, and the second time is not after the first.
    for _ in 0..200 {
        let Some(found) = find(&crontab, shown) else { return Ok(None) };
        let at = match zone.to_ambiguous_timestamp(found).offset() {
            AmbiguousOffset::Gap { .. } => zone.to_ambiguous_timestamp(found).later(),
            _ => zone.to_ambiguous_timestamp(found).earlier(),
        };
        let at = at.ok().and_then(|at| u64::try_from(at.as_microsecond()).ok()).map(Timestamp);
        if let Some(at) = at.filter(|at| *at > after) {
            return Ok(Some(at));
        }
        shown = found;
    }
    Ok(None)
}

/// What the clock shows next, as the expression wants it.
fn find(crontab: &cronexpr::Crontab, shown: DateTime) -> Option<DateTime> {
    let as_utc = TimeZone::UTC.to_timestamp(shown).ok()?;
    let found = crontab.find_next(cronexpr::MakeTimestamp::from_second(as_utc.as_second()).ok()?).ok()?;
    let found = jiff::Timestamp::from_second(found.timestamp().as_second()).ok()?;
    Some(TimeZone::UTC.to_datetime(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp(u64::try_from(text.parse::<jiff::Timestamp>().unwrap().as_microsecond()).unwrap())
    }

    #[test]
    fn times_by_the_clock_of_a_zone() {
        let check = |cron: &str, zone: &str, after: &str, expected: &str| {
            let found = next(cron, zone, at(after)).unwrap().unwrap();
            assert_eq!(found, at(expected), "{cron} {zone} after {after}: {}", found.rfc3339());
        };
        check("30 4 * * *", "UTC", "2026-11-26T04:29:59Z", "2026-11-26T04:30:00Z");
        check("30 4 * * *", "UTC", "2026-11-26T04:30:00Z", "2026-11-27T04:30:00Z");
        check("30 4 * * *", "Europe/Berlin", "2026-11-26T00:00:00Z", "2026-11-26T03:30:00Z");
        check("30 4 * * *", "Europe/Berlin", "2026-07-26T00:00:00Z", "2026-07-26T02:30:00Z");
        check("*/15 * * * *", "UTC", "2026-11-26T10:14:30.5Z", "2026-11-26T10:15:00Z");
        check("0 9 * * MON", "America/New_York", "2026-11-26T00:00:00Z", "2026-11-30T14:00:00Z");
        check("0 0 29 2 *", "UTC", "2026-11-26T00:00:00Z", "2028-02-29T00:00:00Z");
        // The night without the hour from two to three: an hour later.
        check("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:30:00Z");
        // The night with two of them: the first counts, and the second is no second time.
        check("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z");
        check("30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z");
        check("30 2 * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", "2026-10-26T01:30:00Z");
    }

    #[test]
    fn what_is_no_schedule_is_told() {
        let check = |cron: &str, zone: &str, expected: &str| {
            let error = next(cron, zone, Timestamp(0)).unwrap_err();
            assert!(error.contains(expected), "{cron} {zone}: {error}");
        };
        check("* * * *", "UTC", "five fields");
        check("* * * * * *", "UTC", "five fields");
        check("61 * * * *", "UTC", "can't be read");
        check("@daily", "UTC", "five fields");
        check("0 0 * * *", "Mars/Olympus", "not known");
        assert_eq!(next("0 0 31 2 *", "UTC", at("2026-01-01T00:00:00Z")), Ok(None), "there never is one");
    }
}
