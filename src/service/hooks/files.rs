//! The files of hooks: one each, in `webhooks/` of the data folder, replaced whole and synced.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use super::hook::{Hook, VERSION};
use crate::job::whole::{self, Steps};

const FOLDER: &str = "webhooks";
const ENDING: &str = ".json";
/// What a file that can't be read is called from then on.
const DAMAGED: &str = ".damaged";
/// Longest file that is read.
const MAX_BYTES: u64 = 256 << 20;
/// Secrets are in them.
const MODE: u32 = 0o600;
const STEPS: Steps = Steps { write: "hooks.write", sync: "hooks.sync", rename: "hooks.rename", folder: "hooks.folder" };

/// Where they are.
#[derive(Debug)]
pub(super) struct Files {
    folder: PathBuf,
}

impl Files {
    /// All hooks in a data folder. One that can't be read is set aside, and said so: crawls do not wait for it.
    pub(super) fn open(data: &Path) -> io::Result<(Self, Vec<Hook>)> {
        let files = Self { folder: data.join(FOLDER) };
        fs::create_dir_all(&files.folder)?;
        let mut hooks = Vec::new();
        for entry in fs::read_dir(&files.folder)? {
            let name = entry?.file_name();
            let Some(id) = name.to_str().and_then(|name| name.strip_suffix(ENDING)) else { continue };
            match files.read(id) {
                Ok(hook) => hooks.push(hook),
                Err(why) => {
                    let path = files.path(id);
                    let aside = format!("{}{DAMAGED}", path.display());
                    let is_aside = fs::rename(&path, &aside).is_ok();
                    tracing::error!(
                        "{} is damaged: {why}; the webhook is told nothing, and the file {}",
                        path.display(),
                        if is_aside { format!("is {aside} now") } else { "stays where it is".to_owned() }
                    );
                }
            }
        }
        Ok((files, hooks))
    }

    fn path(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}{ENDING}"))
    }

    fn read(&self, id: &str) -> Result<Hook, String> {
        let mut bytes = Vec::new();
        let file = File::open(self.path(id)).map_err(|error| error.to_string())?;
        file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        let hook: Hook = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
        match () {
            () if hook.version != VERSION => Err(format!("it is of another version ({})", hook.version)),
            () if hook.id != id => Err(format!("it is the file of {}", hook.id)),
            () if hook.queue.iter().any(|it| !hook.messages.contains_key(&it.event)) => {
                Err("it speaks of an event that is not in it".to_owned())
            }
            () => Ok(hook),
        }
    }

    /// The file of one hook that may have been there before.
    pub(super) fn find(&self, id: &str) -> Option<Hook> {
        self.read(id).ok()
    }

    pub(super) fn write(&self, hook: &Hook) -> io::Result<()> {
        let bytes = serde_json::to_vec(hook).expect("plain data");
        whole::replace(&self.path(&hook.id), &bytes, MODE, STEPS)
    }

    pub(super) fn delete(&self, id: &str) -> io::Result<()> {
        crate::fault::io("hooks.delete")?;
        fs::remove_file(self.path(id))?;
        File::open(&self.folder)?.sync_all()
    }
}
