//! How fast a body comes: the least rate that a server must keep.
//!
//! Only time in which the server was waited for counts, and only bytes of the wire: while we wait for
//! memory or bandwidth of our own, no server is slow. Measured window by window, so that a fast
//! beginning doesn't pay for a drip that follows.

use std::time::Duration;

use super::MinRate;

/// The pace of one body.
#[derive(Debug)]
pub(super) struct Pace {
    least: Option<MinRate>,
    /// Of this window.
    waited: Duration,
    n_bytes: u64,
    /// Of the windows before it.
    waited_before: Duration,
}

impl Pace {
    pub(super) fn new(least: Option<MinRate>) -> Self {
        Self { least, waited: Duration::ZERO, n_bytes: 0, waited_before: Duration::ZERO }
    }

    /// The server was waited for, and sent so much.
    pub(super) fn note(&mut self, waited: Duration, n_bytes: usize) {
        self.waited += waited;
        self.n_bytes += n_bytes as u64;
    }

    /// How long may be waited until there is something to judge.
    pub(super) fn until_verdict(&self) -> Option<Duration> {
        self.least.map(|least| least.window.saturating_sub(self.waited))
    }

    /// Whether a window is over in which too little came.
    pub(super) fn is_too_slow(&mut self) -> bool {
        let Some(least) = self.least.filter(|least| self.waited >= least.window) else { return false };
        let needed = u128::from(least.bytes_per_second) * self.waited.as_millis() / 1000;
        let came = u128::from(self.n_bytes);
        self.waited_before += self.waited;
        (self.waited, self.n_bytes) = (Duration::ZERO, 0);
        came < needed
    }

    /// How long the server was waited for in all.
    pub(super) fn waited(&self) -> Duration {
        self.waited_before + self.waited
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn pace() -> Pace {
        Pace::new(Some(MinRate { bytes_per_second: 100, window: 10 * SECOND }))
    }

    #[test]
    fn a_window_is_judged_when_it_is_over() {
        let mut pace = pace();
        pace.note(9 * SECOND, 0);
        assert!(!pace.is_too_slow());
        assert_eq!(pace.until_verdict(), Some(SECOND));
        pace.note(SECOND, 999);
        assert!(pace.is_too_slow());
    }

    #[test]
    fn each_window_by_itself() {
        let mut pace = pace();
        pace.note(10 * SECOND, 1_000_000);
        assert!(!pace.is_too_slow());
        pace.note(10 * SECOND, 999);
        assert!(pace.is_too_slow(), "what came before doesn't count");
        assert_eq!(pace.waited(), 20 * SECOND);
    }

    #[test]
    fn a_long_wait_is_held_to_the_same_rate() {
        let mut pace = pace();
        pace.note(20 * SECOND, 1_999);
        assert!(pace.is_too_slow());
        pace.note(20 * SECOND, 2_000);
        assert!(!pace.is_too_slow());
    }

    #[test]
    fn without_a_least_rate_nothing_is_too_slow() {
        let mut pace = Pace::new(None);
        pace.note(1_000_000 * SECOND, 0);
        assert!(!pace.is_too_slow() && pace.until_verdict().is_none());
    }
}
