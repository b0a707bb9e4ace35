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
    NotUntil, Quota, RateLimiter,
    clock::Clock,
    middleware::StateInformationMiddleware,
    state::{InMemoryState, NotKeyed},
};

use crate::clock::Timestamp;

/// A token bucket on handed-in time. One a host, and one for all hosts together.
///
/// To look whether there is a token and to take it are two steps, because other limits may speak against a
/// request that this one allows. A token taken for a request that then has to wait would be one more than the
/// burst when the bucket is full again, or come just before the next.
#[derive(Debug)]
pub struct Pacer {
    limiter: Option<Limiter>,
    /// When there is a token again, if there was none left after the last was taken.
    next_at: Timestamp,
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, Dial, StateInformationMiddleware>;

impl Pacer {
    /// One token every `interval`, at most `burst` at once. A zero interval never makes anyone wait.
    pub fn new(interval: Duration, burst: NonZeroU32, now: Timestamp) -> Self {
        let limiter = Quota::with_period(interval).map(|quota| {
            let dial = Dial::default();
            dial.set(now);
            RateLimiter::direct_with_clock(quota.allow_burst(burst), dial).with_middleware()
        });
        Self { limiter, next_at: Timestamp::default() }
    }

    /// Whether there is a token. Takes nothing.
    ///
    /// # Errors
    /// The time of the next token.
    pub fn look(&self, now: Timestamp) -> Result<(), Timestamp> {
        if now < self.next_at { Err(self.next_at) } else { Ok(()) }
    }

    /// Takes the token that [`Pacer::look`] has seen.
    pub fn take(&mut self, now: Timestamp) {
        let Some(limiter) = &self.limiter else { return };
        limiter.clock().set(now);
        // Rounded up: a wake-up a microsecond early would find no token.
        let next = |not: NotUntil<Duration>| {
            let micros = not.wait_time_from(limiter.clock().now()).as_nanos().div_ceil(1000);
            now + Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
        };
        match limiter.check() {
            Ok(left) if left.remaining_burst_capacity() > 0 => {}
            // To ask once more takes nothing, and tells when.
            Ok(_) => self.next_at = limiter.check().map_or_else(next, |_| now),
            Err(not_until) => self.next_at = next(not_until),
        }
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

    /// Looks, and takes what there is.
    fn draw(pacer: &mut Pacer, now: Timestamp) -> Result<(), Timestamp> {
        pacer.look(now).map(|()| pacer.take(now))
    }

    #[test]
    fn one_a_second() {
        let mut pacer = Pacer::new(Duration::from_secs(1), NonZeroU32::MIN, START);
        assert_eq!(draw(&mut pacer, START), Ok(()));
        let next = pacer.look(START).unwrap_err();
        assert!(next.since(START) >= Duration::from_secs(1), "{next}");
        assert!(next.since(START) < Duration::from_millis(1001), "{next}");
        assert_eq!((pacer.look(next), draw(&mut pacer, next)), (Ok(()), Ok(())), "to look takes nothing");
        assert!(pacer.look(next).is_err());
    }

    #[test]
    fn a_burst_and_then_the_rate() {
        let mut pacer = Pacer::new(Duration::from_millis(100), NonZeroU32::new(3).expect("3"), START);
        for _ in 0..3 {
            assert_eq!(draw(&mut pacer, START), Ok(()));
        }
        assert!(pacer.look(START).is_err());
        assert_eq!(draw(&mut pacer, START + Duration::from_millis(101)), Ok(()));
        assert!(pacer.look(START + Duration::from_millis(101)).is_err());
    }

    #[test]
    fn unlimited() {
        let mut pacer = Pacer::new(Duration::ZERO, NonZeroU32::MIN, START);
        assert!((0..1000).all(|_| draw(&mut pacer, START).is_ok()));
    }
}
