//! The files of a store: their names, and how each is written so that a crash leaves the old or the new.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use crate::{fault, frontier::FrontierError};

pub(super) const MANIFEST: &str = "manifest";
pub(super) const SEAL: &str = "seal";
pub(super) const LOCK: &str = "lock";

pub(super) fn log(folder: &Path, n: u64) -> PathBuf {
    folder.join(format!("log-{n:08}"))
}

pub(super) fn run(folder: &Path, id: u64) -> PathBuf {
    folder.join(format!("run-{id:08}"))
}

/// The number in a name that [`log`] or [`run`] made.
pub(super) fn number(name: &str, kind: &str) -> Option<u64> {
    name.strip_prefix(kind)?.strip_prefix('-')?.parse().ok()
}

/// Whether a file of this name in a store's folder is the store's.
pub(super) fn is_ours(name: &str) -> bool {
    [MANIFEST, SEAL, LOCK].contains(&name.strip_suffix(".new").unwrap_or(name))
        || number(name, "log").is_some()
        || number(name, "run").is_some()
}

/// Writes a file whole or not at all.
pub(super) fn replace(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), FrontierError> {
    let (path, draft) = (folder.join(name), folder.join(format!("{name}.new")));
    let written = || {
        let mut file = File::create(&draft)?;
        fault::write_all("frontier.manifest.write", &mut file, bytes)?;
        fault::io("frontier.manifest.sync")?;
        file.sync_all()?;
        fault::io("frontier.manifest.rename")?;
        fs::rename(&draft, &path)
    };
    written().map_err(|e| failed(&path, &e))?;
    sync_folder(folder)
}

pub(super) fn sync_folder(folder: &Path) -> Result<(), FrontierError> {
    let synced = fault::io("frontier.folder.sync").and_then(|()| File::open(folder)?.sync_all());
    synced.map_err(|e| failed(folder, &e))
}

/// Removes a file that nobody needs any more. It is no harm if it stays: the next one who opens the store removes it.
pub(super) fn remove(path: &Path) {
    let removed = fault::io("frontier.remove").and_then(|()| fs::remove_file(path));
    if let Err(e) = removed
        && e.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), error = %e, "a file of the frontier that is no longer needed can't be removed");
    }
}

pub(super) fn failed(path: &Path, error: &io::Error) -> FrontierError {
    FrontierError::Store(format!("{}: {error}", path.display()))
}

pub(super) fn corrupted(path: &Path, what: impl Into<String>) -> FrontierError {
    FrontierError::Corrupted { path: path.to_owned(), what: what.into() }
}
