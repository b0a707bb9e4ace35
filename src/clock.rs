//! Time as a value that is handed in: the only place that reads the system's clock.
//!
//! A [`Timestamp`] is wall-clock time that, inside one process, never steps: it is read once at the
//! start and moved on by the monotonic clock. Politeness therefore survives a clock that is set
//! back, and what is persisted is still a date that people and later runs understand. Under tokio's
//! paused time it stands still with everything else.

use std::{
    fmt,
    ops::{Add, Sub},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::fault;

/// Microseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The duration since `earlier`, zero when that is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// RFC 3339 in UTC with milliseconds: `2026-11-24T10:00:00.000Z`.
    pub fn rfc3339(self) -> String {
        let micros = i64::try_from(self.0).unwrap_or(i64::MAX);
        jiff::Timestamp::from_microsecond(micros).map_or_else(|_| String::new(), |t| format!("{t:.3}"))
    }

    /// The year in UTC; 0 for a time that no calendar reaches.
    pub fn year(self) -> u16 {
        self.rfc3339().split('-').next().and_then(|year| year.parse().ok()).unwrap_or_default()
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc3339())
    }
}

/// Tells the time. Cheap to copy; every task of a process uses copies of one.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    epoch: Timestamp,
    started: Instant,
}

impl Clock {
    /// Reads the system's clock once. Needs a tokio runtime for paused time only.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    pub fn system() -> Self {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let micros = since.map_or(0, |d| u64::try_from(d.as_micros()).unwrap_or(u64::MAX));
        let shift = fault::seconds("clock.start");
        let now = if shift < 0 { Timestamp(micros) - seconds(shift) } else { Timestamp(micros) + seconds(shift) };
        Self::starting_at(now)
    }

    /// A clock that says `epoch` now: for tests and simulations.
    pub fn starting_at(epoch: Timestamp) -> Self {
        Self { epoch, started: Instant::now() }
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        self.epoch + self.started.elapsed()
    }

    /// When the clock will say `at`, for tokio's timers.
    pub fn instant(&self, at: Timestamp) -> Instant {
        self.started + at.since(self.epoch)
    }
}

fn seconds(shift: i64) -> Duration {
    Duration::from_secs(shift.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_has_milliseconds_and_utc() {
        assert_eq!(Timestamp(1_000_000).rfc3339(), "1970-01-01T00:00:01.000Z");
        assert_eq!(Timestamp(1_000_000).year(), 1970);
        assert_eq!(Timestamp(1_800_000_000_000_000).year(), 2027);
        assert_eq!(Timestamp(u64::MAX).year(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn moves_with_tokio_time() {
        let clock = Clock::starting_at(Timestamp(5));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(clock.now(), Timestamp(1_000_005));
        assert_eq!(clock.instant(clock.now()), Instant::now());
    }
}
