//! The memory that bodies may take, all together.
//!
//! A body reserves its declared length, or [`FIRST_BYTES`], before it is read, and more as it grows;
//! what it didn't need goes back when it is whole, the rest when the last clone of its [`Response`]
//! is dropped. Waiting happens inside the exchange's deadline, so nobody waits for ever.
//!
//! Bodies that grow hold a part and want more, and if all did, none would end. Therefore one of them
//! at a time may overdraw: it reads to its end without asking. The bound is the budget plus one
//! body of the greatest length.
//!
//! [`Response`]: super::Response

use std::{fmt, sync::Arc};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The unit of accounting, so that a budget of many GiB fits the semaphore's counters.
const UNIT_BYTES: usize = 1024;

/// Reserved for a body of unknown length, and the least step by which a reservation grows.
const FIRST_BYTES: usize = 64 * 1024;

/// The budget of one fetcher.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    units: Arc<Semaphore>,
    overdraft: Arc<Semaphore>,
    total_units: u32,
}

impl Budget {
    pub(super) fn new(budget_bytes: u64) -> Self {
        let units = budget_bytes.div_ceil(UNIT_BYTES as u64).max(1);
        let total_units = u32::try_from(units).unwrap_or(u32::MAX).min(1 << 28);
        Self {
            units: Arc::new(Semaphore::new(total_units as usize)),
            overdraft: Arc::new(Semaphore::new(1)),
            total_units,
        }
    }

    /// Bytes that are reserved, but for an overdraft.
    pub(super) fn held_bytes(&self) -> usize {
        (self.total_units as usize - self.units.available_permits()) * UNIT_BYTES
    }

    /// Reserves for the beginning of a body of `declared` bytes, of which at most `max_bytes` will be
    /// kept. The rest is reserved as it comes: a server that promises much and sends little takes little.
    pub(super) async fn reserve(&self, declared: Option<u64>, max_bytes: usize) -> Growing {
        let declared = declared.map(|n| usize::try_from(n).unwrap_or(usize::MAX));
        let wanted = units(declared.unwrap_or(FIRST_BYTES).min(FIRST_BYTES).min(max_bytes)).min(self.total_units);
        let permit = acquire(&self.units, wanted).await;
        Growing { budget: self.clone(), permit, overdraft: None }
    }
}

/// A reservation of a body that is still being read.
#[derive(Debug)]
pub(super) struct Growing {
    budget: Budget,
    permit: OwnedSemaphorePermit,
    overdraft: Option<OwnedSemaphorePermit>,
}

impl Growing {
    /// Whether there is room for `n_bytes` in all.
    pub(super) fn holds(&self, n_bytes: usize) -> bool {
        self.overdraft.is_some() || units(n_bytes) as usize <= self.permit.num_permits()
    }

    /// Makes room for `n_bytes` in all, waiting for others to finish if need be.
    pub(super) async fn grow_to(&mut self, n_bytes: usize) {
        if self.holds(n_bytes) {
            return;
        }
        let have = self.permit.num_permits();
        let needed = units(n_bytes) as usize;
        // By half at least, so that a long body asks seldom.
        let step = (needed - have).max(have / 2).max(FIRST_BYTES / UNIT_BYTES);
        let step = u32::try_from(step).unwrap_or(u32::MAX);
        if let Ok(more) = Arc::clone(&self.budget.units).try_acquire_many_owned(step) {
            self.permit.merge(more);
            return;
        }
        let least = u32::try_from(needed - have).unwrap_or(u32::MAX);
        let within = have.saturating_add(least as usize) <= self.budget.total_units as usize;
        tokio::select! {
            biased;
            more = acquire(&self.budget.units, least), if within => self.permit.merge(more),
            turn = acquire(&self.budget.overdraft, 1) => self.overdraft = Some(turn),
        }
    }

    /// Gives back what a body of `n_bytes` doesn't need.
    pub(super) fn settle(mut self, n_bytes: usize) -> Reservation {
        let (have, needed) = (self.permit.num_permits(), units(n_bytes));
        drop(self.permit.split(have.saturating_sub(needed as usize)));
        // The turn to overdraw is for the reading; what is held while others read should be paid for.
        let missing = needed.saturating_sub(u32::try_from(have).unwrap_or(u32::MAX));
        if let Ok(more) = Arc::clone(&self.budget.units).try_acquire_many_owned(missing) {
            self.permit.merge(more);
            self.overdraft = None;
        }
        Reservation(Some(Arc::new((self.permit, self.overdraft))))
    }
}

/// A body's share of the memory budget: given back when the last clone is dropped. The default holds
/// nothing.
#[derive(Clone, Default)]
pub struct Reservation(Option<Arc<(OwnedSemaphorePermit, Option<OwnedSemaphorePermit>)>>);

impl Reservation {
    /// Bytes held, in whole KiB.
    pub fn bytes(&self) -> u64 {
        self.0.as_ref().map_or(0, |held| (held.0.num_permits() * UNIT_BYTES) as u64)
    }
}

impl fmt::Debug for Reservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reservation({} bytes)", self.bytes())
    }
}

fn units(n_bytes: usize) -> u32 {
    u32::try_from(n_bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX)
}

async fn acquire(semaphore: &Arc<Semaphore>, n: u32) -> OwnedSemaphorePermit {
    Arc::clone(semaphore).acquire_many_owned(n).await.expect("the budget's semaphores are never closed")
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn what_is_not_needed_goes_back() {
        let budget = Budget::new(1024 * 1024);
        let growing = budget.reserve(None, usize::MAX).await;
        assert_eq!(budget.units.available_permits(), 1024 - 64);
        let held = growing.settle(1500);
        assert_eq!((held.bytes(), budget.units.available_permits()), (2048, 1022));
        let clone = held.clone();
        drop(held);
        assert_eq!(budget.units.available_permits(), 1022);
        drop(clone);
        assert_eq!(budget.units.available_permits(), 1024);
    }

    #[tokio::test]
    async fn a_declared_length_is_no_claim_on_more_than_the_beginning() {
        let budget = Budget::new(100 * 1024);
        assert_eq!(budget.reserve(Some(u64::MAX), 10 * 1024).await.settle(usize::MAX).bytes(), 10 * 1024);
        assert_eq!(budget.reserve(Some(u64::MAX), usize::MAX).await.settle(usize::MAX).bytes(), FIRST_BYTES as u64);
    }

    #[tokio::test]
    async fn one_may_overdraw_and_the_next_waits() {
        let budget = Budget::new(128 * 1024);
        let mut first = budget.reserve(None, usize::MAX).await;
        let mut second = budget.reserve(None, usize::MAX).await;
        assert!(budget.reserve(None, usize::MAX).now_or_never().is_none(), "the budget is spent");
        first.grow_to(10 << 20).now_or_never().expect("overdraws");
        first.grow_to(20 << 20).now_or_never().expect("still does");
        assert!(second.grow_to(100 * 1024).now_or_never().is_none(), "only one at a time");
        drop(first.settle(20 << 20));
        second.grow_to(100 * 1024).now_or_never().expect("room again");
    }

    #[tokio::test]
    async fn the_turn_to_overdraw_ends_with_the_reading_if_it_can() {
        let budget = Budget::new(128 * 1024);
        let mut first = budget.reserve(None, usize::MAX).await;
        let other = budget.reserve(None, usize::MAX).await;
        first.grow_to(10 << 20).now_or_never().expect("overdraws");
        let held = first.settle(1024);
        assert_eq!((held.bytes(), budget.overdraft.available_permits()), (1024, 1));
        drop(other);
        let mut third = budget.reserve(None, usize::MAX).await;
        third.grow_to(10 << 20).now_or_never().expect("overdraws");
        let held = third.settle(100 * 1024);
        assert_eq!((held.bytes(), budget.overdraft.available_permits()), (100 * 1024, 1));
    }

    #[tokio::test]
    async fn an_empty_budget_still_serves_one() {
        let budget = Budget::new(0);
        let mut growing = budget.reserve(None, usize::MAX).now_or_never().expect("the least unit");
        growing.grow_to(1 << 20).now_or_never().expect("overdraws");
    }
}
