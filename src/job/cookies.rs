//! Where a job's cookies live between two runs: `state/cookies.json` in its output folder.
//!
//! The jar itself is in memory (`fetch/cookies`). It is written whole, to a draft that is renamed, for
//! the owner's eyes only: after each interval of commits in which it changed, and at the end. A crash
//! loses the cookies of that interval, and servers set them again.

use std::{
    fs::File,
    io::{self, Read},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::{
    folder::FolderError,
    whole::{self, Steps},
};
use crate::{
    fetch::cookies::{Cookie, CookieJar},
    shutdown::{Tasks, blocking},
};

/// Longest saved jar that is read: a million cookies fit.
const MAX_BYTES: u64 = 8 << 30;
/// For the owner alone.
const MODE: u32 = 0o600;
const STEPS: Steps =
    Steps { write: "cookies.write", sync: "cookies.sync", rename: "cookies.rename", folder: "cookies.folder" };

/// A jar and its file.
#[derive(Debug, Clone)]
pub(crate) struct Keeper {
    jar: Arc<CookieJar>,
    path: PathBuf,
    /// There is one draft, and the last save may meet one that is under way.
    saving: Arc<Mutex<()>>,
}

impl Keeper {
    /// Fills `jar` with what was saved at `path`, or else with the cookies that the configuration gives. If it is
    /// to be `fresh`, what was saved counts for nothing.
    pub(crate) fn open(
        jar: Arc<CookieJar>,
        path: PathBuf,
        preset: &[Cookie],
        fresh: bool,
    ) -> Result<Self, FolderError> {
        match File::open(&path) {
            _ if fresh => {
                jar.add(preset.iter().cloned());
            }
            Ok(file) => {
                let mut bytes = Vec::new();
                let read = file.take(MAX_BYTES).read_to_end(&mut bytes);
                let restored = read.and_then(|_| jar.restore(&bytes).map_err(io::Error::other));
                restored.map_err(|source| FolderError::Cookies { path: path.clone(), source })?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                jar.add(preset.iter().cloned());
            }
            Err(source) => return Err(FolderError::Cookies { path, source }),
        }
        Ok(Self { jar, path, saving: Arc::default() })
    }

    /// Saves the jar now and then, when it has changed, until `tasks` end.
    pub(crate) fn watch(&self, every: Duration, tasks: &Tasks) {
        let keeper = self.clone();
        tasks.spawn("cookies", async move {
            let mut saved = 0;
            loop {
                tokio::time::sleep(every).await;
                let revision = keeper.jar.revision();
                if revision != saved {
                    match blocking(|| keeper.save()) {
                        Ok(()) => saved = revision,
                        Err(error) => tracing::warn!(%error, "cookies are not saved"),
                    }
                }
            }
        });
    }

    /// Writes the jar whole, or leaves the file as it was.
    pub(crate) fn save(&self) -> Result<(), FolderError> {
        let _alone = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        whole::replace(&self.path, &self.jar.to_json(), MODE, STEPS)
            .map_err(|source| FolderError::Cookies { path: self.path.clone(), source })
    }
}
