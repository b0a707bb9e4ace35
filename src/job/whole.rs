//! Files that are there whole or not at all: written to a draft, made durable, and renamed.
//!
//! A kill leaves the file as it was before, or as it was to be, and maybe a draft, which the next one
//! overwrites. Nothing ever reads a draft.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use crate::fault;

/// Ending of a draft's name, after the file's.
const DRAFT: &str = ".new";

/// Names of the failpoints before each step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Steps {
    pub(crate) write: &'static str,
    pub(crate) sync: &'static str,
    pub(crate) rename: &'static str,
    pub(crate) folder: &'static str,
}

/// Where the draft of the file at `path` is.
pub(crate) fn draft(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(DRAFT);
    name.into()
}

/// Replaces the file at `path`, which is made with `mode` (before the umask) if it is new.
///
/// # Errors
/// When the system won't. The file is as it was then, unless only its name may not be durable.
pub(crate) fn replace(path: &Path, bytes: &[u8], mode: u32, steps: Steps) -> io::Result<()> {
    let draft = draft(path);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&draft)?;
    fault::write_all(steps.write, &mut file, bytes)?;
    fault::io(steps.sync)?;
    file.sync_all()?;
    fault::io(steps.rename)?;
    fs::rename(&draft, path)?;
    fault::io(steps.folder)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
