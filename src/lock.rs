//! The mutex and the set of tasks of what is run under `shuttle`: code whose tasks meet, and must be right in
//! whatever order they come.
//!
//! In the program they are the standard library's and tokio's. In unit tests the mutex has a gap before and after
//! each stretch under the lock, where shuttle, if the test runs under it, may let another task go first; and the set's
//! tasks are shuttle's then. So the code under test is the real code, in the build that all other tests use. Tokio's
//! channels and cells need no such thing: they don't care whose executor polls them, and each call is one step (tokio
//! checks its own).
//!
//! Not for what is held across an `await`; nothing here is.

#[cfg(not(test))]
pub(crate) use std::sync::{Mutex, MutexGuard};

#[cfg(not(test))]
pub(crate) use tokio::task::JoinSet;

#[cfg(test)]
pub(crate) use gaps::{Mutex, MutexGuard};
#[cfg(test)]
pub(crate) use tasks::JoinSet;

/// Runs `test` under shuttle, in `n` random orders.
#[cfg(test)]
pub(crate) fn in_many_orders(n: usize, test: impl Fn() + Send + Sync + 'static) {
    let mut config = shuttle::Config::new();
    // Shuttle's own 60 KiB are too little for code that is not optimised.
    config.stack_size = 1 << 20;
    shuttle::Runner::new(shuttle::scheduler::RandomScheduler::new(n), config).run(test);
}

#[cfg(test)]
mod gaps {
    use std::{
        ops::{Deref, DerefMut},
        sync::{LockResult, PoisonError, TryLockError},
    };

    /// The standard library's, with gaps.
    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(std::sync::Mutex<T>);

    /// Leaves a gap after it has unlocked.
    #[derive(Debug)]
    pub(crate) struct MutexGuard<'a, T>(Option<std::sync::MutexGuard<'a, T>>);

    impl<T> Mutex<T> {
        pub(crate) const fn new(value: T) -> Self {
            Self(std::sync::Mutex::new(value))
        }

        pub(crate) fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
            gap();
            if !is_modelled() {
                return guarded(self.0.lock());
            }
            // All of shuttle's tasks are one thread: waiting for the lock would stop them all.
            loop {
                match self.0.try_lock() {
                    Ok(guard) => return guarded(Ok(guard)),
                    Err(TryLockError::Poisoned(poisoned)) => return guarded(Err(poisoned)),
                    Err(TryLockError::WouldBlock) => shuttle::thread::yield_now(),
                }
            }
        }
    }

    fn guarded<T>(locked: LockResult<std::sync::MutexGuard<'_, T>>) -> LockResult<MutexGuard<'_, T>> {
        let wrap = |guard| MutexGuard(Some(guard));
        locked.map(wrap).map_err(|poisoned| PoisonError::new(wrap(poisoned.into_inner())))
    }

    impl<T> Deref for MutexGuard<'_, T> {
        type Target = T;
        fn deref(&self) -> &T {
            self.0.as_ref().expect("there until it is dropped")
        }
    }

    impl<T> DerefMut for MutexGuard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            self.0.as_mut().expect("there until it is dropped")
        }
    }

    impl<T> Drop for MutexGuard<'_, T> {
        fn drop(&mut self) {
            drop(self.0.take());
            gap();
        }
    }

    /// Whether shuttle runs this.
    pub(super) fn is_modelled() -> bool {
        shuttle::current::try_get_current_task().is_some()
    }

    /// Where another task may go first: any access to a shuttle atomic is such a place.
    fn gap() {
        if is_modelled() && !std::thread::panicking() {
            shuttle::sync::atomic::AtomicBool::new(false).load(std::sync::atomic::Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tasks {
    use std::{
        collections::VecDeque,
        future::poll_fn,
        pin::Pin,
        task::{Poll, ready},
    };

    use shuttle::future::JoinHandle;

    /// Tokio's, or the same of shuttle's tasks: as much of it as is used.
    pub(crate) enum JoinSet<T> {
        Tokio(tokio::task::JoinSet<T>),
        Modelled(Modelled<T>),
    }

    /// Aborts what is left in it when it is dropped, as tokio's does.
    pub(crate) struct Modelled<T>(VecDeque<JoinHandle<T>>);

    impl<T> Drop for Modelled<T> {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                self.0.iter().for_each(JoinHandle::abort);
            }
        }
    }

    impl<T: Send + 'static> JoinSet<T> {
        pub(crate) fn new() -> Self {
            let is_modelled = super::gaps::is_modelled();
            if is_modelled {
                Self::Modelled(Modelled(VecDeque::new()))
            } else {
                Self::Tokio(tokio::task::JoinSet::new())
            }
        }

        pub(crate) fn spawn(&mut self, task: impl Future<Output = T> + Send + 'static) {
            match self {
                Self::Tokio(tasks) => drop(tasks.spawn(task)),
                Self::Modelled(tasks) => tasks.0.push_back(shuttle::future::spawn(task)),
            }
        }

        pub(crate) fn try_join_next(&mut self) -> Option<()> {
            match self {
                Self::Tokio(tasks) => tasks.try_join_next().map(drop),
                Self::Modelled(tasks) => {
                    let finished = tasks.0.iter().position(JoinHandle::is_finished)?;
                    tasks.0.remove(finished).map(drop)
                }
            }
        }

        pub(crate) async fn join_next(&mut self) -> Option<()> {
            match self {
                Self::Tokio(tasks) => tasks.join_next().await.map(drop),
                // The first one and not the next: who waits for all of them can't tell. It stays in the set
                // until it is over, because the caller may be dropped.
                Self::Modelled(tasks) => {
                    poll_fn(|context| {
                        let Some(first) = tasks.0.front_mut() else { return Poll::Ready(None) };
                        drop(ready!(Pin::new(first).poll(context)));
                        Poll::Ready(tasks.0.pop_front().map(drop))
                    })
                    .await
                }
            }
        }

        pub(crate) async fn shutdown(&mut self) {
            match self {
                Self::Tokio(tasks) => tasks.shutdown().await,
                Self::Modelled(tasks) => {
                    tasks.0.iter().for_each(JoinHandle::abort);
                    while self.join_next().await.is_some() {}
                }
            }
        }
    }
}
