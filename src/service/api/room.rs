//! The memory that bodies may take in answers.
//!
//! A body that is fetched is in the budget of fetchers (`fetch.memory`), and would stay there as long as its answer is
//! on the way to a caller who may be slow: then callers could keep crawls waiting. So an answer takes room of its own,
//! and holds it until its last byte is handed to the connection.

use std::sync::Arc;

use axum::body::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The unit of accounting, so that a budget of many GiB fits the semaphore's counters.
const UNIT_BYTES: u64 = 1024;

/// Room for bodies (`daemon.answers`).
#[derive(Debug)]
pub(super) struct Room {
    units: Arc<Semaphore>,
    total_units: u32,
}

/// Some of it, until it is dropped.
#[derive(Debug)]
pub(crate) struct Held(#[expect(dead_code, reason = "it is held, and nothing else")] OwnedSemaphorePermit);

impl Room {
    pub(super) fn new(bytes: u64) -> Self {
        let units = bytes.div_ceil(UNIT_BYTES).clamp(1, 1 << 28);
        let total_units = u32::try_from(units).expect("it is clamped");
        Self { units: Arc::new(Semaphore::new(total_units as usize)), total_units }
    }

    /// More than there is, is all there is: a body that alone is longer goes alone.
    fn units(&self, bytes: usize) -> u32 {
        let units = (bytes as u64).div_ceil(UNIT_BYTES).min(self.total_units.into());
        u32::try_from(units).expect("it is no more than all")
    }

    /// Bytes that are taken, and all there are.
    pub(super) fn load(&self) -> (u64, u64) {
        let (total, free) = (u64::from(self.total_units), self.units.available_permits() as u64);
        ((total - free) * UNIT_BYTES, total * UNIT_BYTES)
    }

    /// Waits for room for a body. Whoever holds some never waits for more, so it comes.
    pub(super) async fn take(&self, bytes: usize) -> Held {
        let permit = self.units.clone().acquire_many_owned(self.units(bytes)).await;
        Held(permit.expect("the semaphore is never closed"))
    }

    /// Room for so much, if there is some now.
    pub(super) fn try_take(&self, bytes: usize) -> Option<Held> {
        self.units.clone().try_acquire_many_owned(self.units(bytes)).ok().map(Held)
    }
}

impl Held {
    /// `bytes`, with their room until the last clone is gone.
    pub(super) fn with(self, bytes: impl AsRef<[u8]> + Send + 'static) -> Bytes {
        Bytes::from_owner(Kept { bytes, _held: self })
    }
}

struct Kept<B> {
    bytes: B,
    _held: Held,
}

impl<B: AsRef<[u8]>> AsRef<[u8]> for Kept<B> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn room_comes_back_with_the_last_byte() {
        let room = Room::new(10 << 10);
        let body = room.take(6 << 10).await.with(vec![b'x'; 6 << 10]);
        assert!(room.try_take(5 << 10).is_none());
        let part = body.slice(..3);
        drop(body);
        assert!(room.try_take(5 << 10).is_none(), "a part of it is still on the way");
        drop(part);
        let all = room.try_take(1 << 30).expect("what is longer than all there is goes alone");
        assert!(room.try_take(1).is_none());
        drop(all);
        assert!(room.try_take(1).is_some());
    }
}
