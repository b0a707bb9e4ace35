//! A look at a folder that leaves no trace in it: for those who judge what is there.
//!
//! Nothing is made, not even a lock that is missing. A lock that is there is held, shared, so that no
//! crawl begins meanwhile and several may look at once.

use std::{
    fs::{File, TryLockError},
    io,
    path::Path,
};

use super::{FolderError, LOCK, LOCK_ATTEMPTS, LOCK_PAUSE, STATE, STORE, unwritable};
use crate::frontier::{self, DiskFrontier, Frontier, FrontierError};

/// Nothing is sifted.
const SEEN_CACHE_BYTES: u64 = 1 << 16;

/// What is there, for as long as it is held.
pub(crate) struct Glimpse {
    /// The state, or why it can't be opened; none if there is none.
    pub(crate) frontier: Option<Result<Box<dyn Frontier>, FrontierError>>,
    /// The lock, if there is one.
    pub(crate) lock: Option<File>,
}

/// Looks at `out`, which is a folder.
///
/// # Errors
/// When a crawl holds it, or its lock can't be read.
pub(crate) fn glimpse(out: &Path) -> Result<Glimpse, FolderError> {
    let state = out.join(STATE);
    let lock = hold(out, &state.join(LOCK))?;
    let store = state.join(STORE);
    let options = frontier::Options { max_queued: None, seen_cache_bytes: SEEN_CACHE_BYTES, buffer_bytes: 0 };
    let open = || DiskFrontier::look(&store, &options).map(|frontier| Box::new(frontier) as Box<dyn Frontier>);
    Ok(Glimpse { frontier: store.exists().then(open), lock })
}

fn hold(out: &Path, path: &Path) -> Result<Option<File>, FolderError> {
    let lock = match File::open(path) {
        Ok(lock) => lock,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(unwritable(path, source)),
    };
    for attempt in 1.. {
        match lock.try_lock_shared() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) if attempt < LOCK_ATTEMPTS => std::thread::sleep(LOCK_PAUSE),
            Err(TryLockError::WouldBlock) => return Err(FolderError::Locked(out.to_owned())),
            Err(TryLockError::Error(source)) => return Err(unwritable(path, source)),
        }
    }
    Ok(Some(lock))
}
