//! The bandwidth that all bodies share: a token bucket of bytes.
//!
//! It is paid after the fact: who has read something pays for it before reading on. TCP does the rest:
//! a body that isn't read isn't sent. Payers queue in the order in which they came, so a long body
//! can't starve a short one. What a payer that gives up has not paid, the next one pays: no byte goes
//! uncounted.
//!
//! Not here: how long is waited for it, which is bounded by the exchange's deadline.

use std::{
    num::NonZeroU32,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::Clock,
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed},
};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep},
};

/// Above this rate a token is a KiB: the limiter counts whole nanoseconds a token.
const COARSE_FROM: u64 = 1 << 20;

/// What may come at once after a silence: this part of what may come in a second.
const BURST_PARTS: u64 = 4;

/// Most that is paid in one piece.
const PIECE_BYTES: u64 = 16 * 1024;

/// The bandwidth of one fetcher, shared by its clones.
#[derive(Debug)]
pub(super) struct Bandwidth(Option<Bucket>);

#[derive(Debug)]
struct Bucket {
    limiter: RateLimiter<NotKeyed, InMemoryState, Ticks, NoOpMiddleware<Duration>>,
    /// Bytes of one token.
    token_bytes: u64,
    /// Most tokens taken at once.
    piece: NonZeroU32,
    /// Held by whoever is paying.
    turn: Mutex<()>,
    /// Bytes that nobody has paid for: less than a token, or of those who gave up.
    unpaid: AtomicU64,
}

impl Bandwidth {
    /// So many bytes a second; `None` is no limit.
    pub(super) fn new(bytes_per_second: Option<u64>) -> Self {
        Self(bytes_per_second.map(|rate| {
            let token_bytes = if rate > COARSE_FROM { 1024 } else { 1 };
            let tokens = |bytes: u64| {
                let n = u32::try_from(bytes / token_bytes).unwrap_or(u32::MAX);
                NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN)
            };
            let burst = tokens(rate / BURST_PARTS);
            let quota = Quota::per_second(tokens(rate)).allow_burst(burst);
            Bucket {
                limiter: RateLimiter::direct_with_clock(quota, Ticks(Instant::now())),
                token_bytes,
                piece: tokens(PIECE_BYTES).min(burst),
                turn: Mutex::new(()),
                unpaid: AtomicU64::new(0),
            }
        }))
    }

    /// Whether there is a limit.
    pub(super) fn is_limited(&self) -> bool {
        self.0.is_some()
    }

    /// Waits until `n_bytes` that came are paid for.
    pub(super) async fn pay(&self, n_bytes: u64) {
        let Some(bucket) = &self.0 else { return };
        let mut owed = Owed { bucket, n_bytes };
        let _turn = bucket.turn.lock().await;
        owed.n_bytes += bucket.unpaid.swap(0, Ordering::Relaxed);
        while owed.n_bytes >= bucket.token_bytes {
            let tokens = u32::try_from(owed.n_bytes / bucket.token_bytes).unwrap_or(u32::MAX);
            let tokens = NonZeroU32::new(tokens).unwrap_or(NonZeroU32::MIN).min(bucket.piece);
            match bucket.limiter.check_n(tokens).expect("a piece is no more than the burst") {
                Ok(()) => owed.n_bytes -= u64::from(tokens.get()) * bucket.token_bytes,
                // Rounded up: timers have milliseconds, and one too early would find too little.
                Err(not_yet) => {
                    sleep(not_yet.wait_time_from(bucket.limiter.clock().now()) + Duration::from_millis(1)).await;
                }
            }
        }
    }
}

/// What one payer has still to pay, and leaves behind.
struct Owed<'a> {
    bucket: &'a Bucket,
    n_bytes: u64,
}

impl Drop for Owed<'_> {
    fn drop(&mut self) {
        self.bucket.unpaid.fetch_add(self.n_bytes, Ordering::Relaxed);
    }
}

/// Tokio's time for governor, so that tests may pause it.
#[derive(Debug, Clone)]
struct Ticks(Instant);

impl Clock for Ticks {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, future::join_all};

    use super::*;

    async fn seconds(work: impl Future) -> f64 {
        let start = Instant::now();
        work.await;
        start.elapsed().as_secs_f64()
    }

    #[track_caller]
    fn check_near(seconds: f64, expected: f64) {
        assert!((expected * 0.98..expected * 1.1).contains(&seconds), "{seconds} s, not {expected} s");
    }

    #[tokio::test(start_paused = true)]
    async fn the_rate_holds_whatever_the_pieces() {
        for (rate, piece, n) in [(1_000, 1, 5_000), (1_000, 700, 10), (100_000, 400_000, 3), (50 << 20, 65_536, 4_000)]
        {
            let bandwidth = Bandwidth::new(Some(rate));
            let took = seconds(async {
                for _ in 0..n {
                    bandwidth.pay(piece).await;
                }
            });
            // All but the burst has to be waited for.
            let bytes = piece * n;
            check_near(took.await, bytes as f64 / rate as f64 - 0.25);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn many_share_it_in_turn() {
        let bandwidth = Bandwidth::new(Some(10_000));
        let start = Instant::now();
        let ends = join_all((0..10).map(|_| async {
            bandwidth.pay(5_000).await;
            start.elapsed().as_secs_f64()
        }));
        let ends = ends.await;
        check_near(ends[9], 4.75);
        assert!(ends.is_sorted() && ends[0] < 0.3 && ends[4] < 2.6, "{ends:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_leaves_the_debt() {
        let bandwidth = Bandwidth::new(Some(1_000));
        assert!(bandwidth.pay(10_000).now_or_never().is_none());
        check_near(seconds(bandwidth.pay(1)).await, 9.75);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silence_saves_no_more_than_the_burst() {
        let bandwidth = Bandwidth::new(Some(1_000));
        sleep(Duration::from_secs(3_600)).await;
        assert!(bandwidth.pay(250).now_or_never().is_some());
        check_near(seconds(bandwidth.pay(1_000)).await, 1.0);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_limit_nobody_waits() {
        let bandwidth = Bandwidth::new(None);
        assert!(!bandwidth.is_limited());
        assert!(bandwidth.pay(u64::MAX).now_or_never().is_some());
    }
}
