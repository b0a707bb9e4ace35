//! When next? A `governor` limiter that is asked and never waited on.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::Clock,
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed},
};

use crate::clock::Timestamp;

/// A token bucket on handed-in time. One a host, and one for all hosts together.
#[derive(Debug)]
pub struct Pacer {
    limiter: Option<Limiter>,
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, Dial, NoOpMiddleware<Duration>>;

impl Pacer {
    /// One token every `interval`, at most `burst` at once. A zero interval never makes anyone wait.
    pub fn new(interval: Duration, burst: NonZeroU32, now: Timestamp) -> Self {
        let limiter = Quota::with_period(interval).map(|quota| {
            let dial = Dial::default();
            dial.set(now);
            RateLimiter::direct_with_clock(quota.allow_burst(burst), dial)
        });
        Self { limiter }
    }

    /// Takes a token, or tells when there will be one.
    ///
    /// # Errors
    /// The time of the next token.
    pub fn take(&self, now: Timestamp) -> Result<(), Timestamp> {
        let Some(limiter) = &self.limiter else { return Ok(()) };
        limiter.clock().set(now);
        limiter.check().map_err(|not_until| {
            // Rounded up: a wake-up a microsecond early would find no token.
            now + not_until.wait_time_from(limiter.clock().now()) + Duration::from_micros(1)
        })
    }
}

/// A clock for governor that shows what it is set to.
#[derive(Debug, Clone, Default)]
struct Dial(Arc<AtomicU64>);

impl Dial {
    fn set(&self, now: Timestamp) {
        self.0.store(now.0, Ordering::Relaxed);
    }
}

impl Clock for Dial {
    type Instant = Duration;
    fn now(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp(1_700_000_000_000_000);

    #[test]
    fn one_a_second() {
        let pacer = Pacer::new(Duration::from_secs(1), NonZeroU32::MIN, START);
        assert_eq!(pacer.take(START), Ok(()));
        let next = pacer.take(START).unwrap_err();
        assert!(next.since(START) >= Duration::from_secs(1), "{next}");
        assert!(next.since(START) < Duration::from_millis(1001), "{next}");
        assert_eq!(pacer.take(next), Ok(()));
    }

    #[test]
    fn a_burst_and_then_the_rate() {
        let pacer = Pacer::new(Duration::from_millis(100), NonZeroU32::new(3).expect("3"), START);
        for _ in 0..3 {
            assert_eq!(pacer.take(START), Ok(()));
        }
        assert!(pacer.take(START).is_err());
        assert_eq!(pacer.take(START + Duration::from_millis(101)), Ok(()));
    }

    #[test]
    fn unlimited() {
        let pacer = Pacer::new(Duration::ZERO, NonZeroU32::MIN, START);
        assert!((0..1000).all(|_| pacer.take(START).is_ok()));
    }
}
