//! Shutdown in four words: stop, drain, persist, exit. And the one place that spawns tasks.
//!
//! [`Shutdown`] carries the two requests that a crawl can get: to stop (finish what is in flight,
//! start nothing) and to leave now. [`Tasks`] owns every task that is not in a `JoinSet`: each has
//! a name and a span, none outlives its owner.

use std::{future::Future, time::Duration};

use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument;

/// The two requests to end, in the order of urgency. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    stop: CancellationToken,
    now: CancellationToken,
}

impl Shutdown {
    /// Nobody has asked for anything yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks to stop and drain; asked a second time, to leave now.
    pub fn request(&self) {
        if self.stop.is_cancelled() {
            self.now.cancel();
        }
        self.stop.cancel();
    }

    /// Whether somebody asked to stop.
    pub fn is_requested(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Whether somebody asked to leave at once.
    pub fn is_now(&self) -> bool {
        self.now.is_cancelled()
    }

    /// Resolves when somebody asks to stop.
    pub async fn requested(&self) {
        self.stop.cancelled().await;
    }

    /// Resolves when somebody asks to leave at once.
    pub async fn now(&self) {
        self.now.cancelled().await;
    }
}

/// Named tasks with one owner. Dropping it cancels them all.
#[derive(Debug, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    cancel: CancellationToken,
}

impl Tasks {
    /// No tasks yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a task; it ends by itself or when its owner ends it.
    #[expect(clippy::disallowed_methods, reason = "the one place that spawns")]
    pub fn spawn<F>(&self, name: &'static str, task: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let cancelled = self.cancel.clone().cancelled_owned();
        let tracked = self.tracker.track_future(async move {
            tokio::select! {
                () = task => {}
                () = cancelled => {}
            }
        });
        tokio::spawn(tracked.instrument(tracing::debug_span!("task", name)));
    }

    /// How many are running.
    pub fn len(&self) -> usize {
        self.tracker.len()
    }

    /// Whether none is running.
    pub fn is_empty(&self) -> bool {
        self.tracker.is_empty()
    }

    /// Waits for all of them to end by themselves, and ends those that have not by `deadline`.
    /// Returns how many had to be ended.
    pub async fn finish(&self, deadline: Duration) -> usize {
        self.tracker.close();
        if tokio::time::timeout(deadline, self.tracker.wait()).await.is_ok() {
            return 0;
        }
        let left = self.tracker.len();
        self.cancel.cancel();
        self.tracker.wait().await;
        left
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

/// Runs blocking work (a store, a file, a large page) without stalling other tasks.
///
/// On the multi-threaded runtime the thread's other tasks move on; on a current-thread runtime, as
/// in tests and simulations under paused time, it simply runs.
pub fn blocking<T>(work: impl FnOnce() -> T) -> T {
    let multi = tokio::runtime::Handle::try_current()
        .is_ok_and(|handle| handle.runtime_flavor() == tokio::runtime::RuntimeFlavor::MultiThread);
    if multi { tokio::task::block_in_place(work) } else { work() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_second_request_means_now() {
        let shutdown = Shutdown::new();
        assert!(!shutdown.is_requested());
        shutdown.request();
        shutdown.requested().await;
        assert!(!shutdown.is_now());
        shutdown.request();
        shutdown.now().await;
    }

    #[tokio::test(start_paused = true)]
    async fn tasks_end_by_themselves_or_at_the_deadline() {
        let tasks = Tasks::new();
        tasks.spawn("quick", async {});
        tasks.spawn("stuck", std::future::pending());
        assert_eq!(tasks.finish(Duration::from_secs(1)).await, 1);
        assert!(tasks.is_empty());
    }
}
