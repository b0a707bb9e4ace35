//! The mutex of what is run under `shuttle`: code whose tasks meet behind a lock, and must be right in
//! whatever order they come.
//!
//! In the program it is the standard library's. In unit tests it is the same one with a gap before and after
//! each stretch under the lock, where shuttle, if the test runs under it, may let another task go first. So
//! the code under test is the real code, in the build that all other tests use. Tokio's channels and cells need no such gap:
//! they don't care whose executor polls them, and each call is one step (tokio checks its own).
//!
//! Not for what is held across an `await`; nothing here is.

#[cfg(not(test))]
pub(crate) use std::sync::{Mutex, MutexGuard};

#[cfg(test)]
pub(crate) use gaps::{Mutex, MutexGuard};

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

    fn is_modelled() -> bool {
        shuttle::current::try_get_current_task().is_some()
    }

    /// Where another task may go first: any access to a shuttle atomic is such a place.
    fn gap() {
        if is_modelled() && !std::thread::panicking() {
            shuttle::sync::atomic::AtomicBool::new(false).load(std::sync::atomic::Ordering::SeqCst);
        }
    }
}
