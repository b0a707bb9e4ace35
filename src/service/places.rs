//! A pool of places: so many may do something at once, and it can be told how many do.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// Clones are one pool.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    free: Arc<Semaphore>,
    size: usize,
}

impl Places {
    pub(crate) fn new(size: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(size)), size }
    }

    /// What places are taken from.
    pub(crate) fn free(&self) -> Arc<Semaphore> {
        self.free.clone()
    }

    /// Places that are taken, and all there are.
    pub(crate) fn load(&self) -> (u64, u64) {
        let taken = self.size.saturating_sub(self.free.available_permits());
        (taken as u64, self.size as u64)
    }
}
