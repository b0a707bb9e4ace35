//! Waiting for a daemon that went away: it is being started again, or it is gone for good.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::trouble::Trouble;

/// The first pause; each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest one.
const MAX_PAUSE: Duration = Duration::from_secs(5);
/// Pauses that nothing is said of: a daemon that is quick to come back was never missed.
const N_SILENT: u32 = 2;

/// How long it has been away, and how long it may be.
pub(super) struct Backoff {
    patience: Duration,
    since: Option<Instant>,
    n_pauses: u32,
    is_told: bool,
    /// Who tells people.
    say: fn(&str),
}

impl Backoff {
    pub(super) fn new(patience: Duration, say: fn(&str)) -> Self {
        Self { patience, since: None, n_pauses: 0, is_told: false, say }
    }

    /// It is there.
    pub(super) fn reset(&mut self) {
        if std::mem::take(&mut self.is_told) {
            (self.say)("the daemon is back");
        }
        (self.since, self.n_pauses) = (None, 0);
    }

    /// Waits a while if `trouble` may pass and there is patience left.
    pub(super) async fn pause(&mut self, trouble: Trouble) -> Result<(), Trouble> {
        if !trouble.is_passing() {
            return Err(trouble);
        }
        let since = *self.since.get_or_insert_with(Instant::now);
        let left = self.patience.saturating_sub(since.elapsed());
        if left.is_zero() {
            return Err(Trouble::GivenUp { waited: self.patience, last: Box::new(trouble) });
        }
        if self.n_pauses >= N_SILENT && !std::mem::replace(&mut self.is_told, true) {
            let text = trouble.to_string();
            let first = text.lines().next().unwrap_or_default();
            (self.say)(&format!("{first}; waiting for it to come back"));
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << self.n_pauses.min(10)).min(MAX_PAUSE);
        self.n_pauses += 1;
        sleep(trouble.retry_after().unwrap_or(pause).max(pause).min(left)).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn away() -> Trouble {
        Trouble::Unreachable { url: "http://h/".into(), why: "connection refused".into() }
    }

    #[tokio::test(start_paused = true)]
    async fn it_waits_longer_and_longer_and_then_no_more() {
        let began = Instant::now();
        let mut backoff = Backoff::new(Duration::from_secs(60), |_| {});
        let mut n = 0;
        let end = loop {
            match backoff.pause(away()).await {
                Ok(()) => n += 1,
                Err(end) => break end,
            }
        };
        assert!(matches!(end, Trouble::GivenUp { .. }), "{end}");
        assert_eq!((began.elapsed(), n), (Duration::from_secs(60), 16));
        backoff.reset();
        assert!(backoff.pause(away()).await.is_ok(), "after it was there there is patience again");
        assert!(backoff.pause(Trouble::Internal(String::new())).await.is_err(), "that does not pass");
    }
}
