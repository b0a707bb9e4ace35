//! Making a store, and opening one.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::Path,
    sync::Arc,
};

use super::{
    Fresh, Meta, Options, Store, Table,
    commit::{Writing, is_leftover},
    files,
    keeper::{Keeper, View},
    log::{self, Changes, Log},
    manifest::Manifest,
    read::Sight,
    run::Run,
};
use crate::frontier::FrontierError;

impl Store {
    /// A new store in a folder that must not exist.
    ///
    /// # Errors
    /// When the folder exists or can't be written.
    pub(in crate::frontier) fn create(folder: &Path, options: Options) -> Result<Self, FrontierError> {
        fs::create_dir(folder).map_err(|e| files::failed(folder, &e))?;
        let lock = lock(folder)?;
        let manifest = Manifest { log: 1, frame: 1, ..Manifest::default() };
        let log = Log::create(folder, manifest.log, manifest.frame)?;
        log.begin_seal()?;
        manifest.write(folder)?;
        let keeper = Keeper::start(folder, manifest, View::default())?;
        Ok(Self::new(folder, options, Some(Writing { log, keeper, _lock: lock })))
    }

    /// The store in a folder. Runs' entries are not read; they are checked when they are.
    ///
    /// # Errors
    /// When it is damaged, in use, of another format, or can't be read. Nothing was changed then.
    pub(in crate::frontier) fn open(folder: &Path, options: Options) -> Result<Self, FrontierError> {
        // Read first: a folder that is no store gets no lock file.
        Manifest::read(folder)?;
        let lock = lock(folder)?;
        let manifest = Manifest::read(folder)?;
        let view = view(folder, &manifest)?;
        let mut replayed = log::replay(folder, manifest.log, manifest.frame)?;
        // Before anything is built upon names, or removed because of them.
        files::sync_folder(folder)?;
        let log = Log::resume(folder, &replayed)?;
        let entries = fs::read_dir(folder).map_err(|e| files::failed(folder, &e))?;
        for name in entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()) {
            if is_leftover(&name, &manifest) {
                files::remove(&folder.join(name));
            }
        }
        let meta = replayed.meta.take().unwrap_or_else(|| manifest.meta.clone());
        let writing = Writing { log, keeper: Keeper::start(folder, manifest, view)?, _lock: lock };
        let mut store = Self::new(folder, options, Some(writing));
        (store.fresh, store.meta) = (replayed.fresh, meta);
        store.refresh();
        Ok(store)
    }

    /// The store in a folder, to be read only: nothing of it changes, nor may anybody else change it meanwhile.
    ///
    /// # Errors
    /// When it is damaged, of another format, or can't be read.
    pub(in crate::frontier) fn look(folder: &Path) -> Result<Self, FrontierError> {
        let manifest = Manifest::read(folder)?;
        let view = view(folder, &manifest)?;
        let replayed = log::replay(folder, manifest.log, manifest.frame)?;
        let mut store = Self::new(folder, Options { buffer_bytes: 0 }, None);
        (store.fresh, store.meta) = (replayed.fresh, replayed.meta.unwrap_or(manifest.meta));
        store.sight.look(1, Arc::new(view));
        Ok(store)
    }

    /// Removes the files of a store, and its folder.
    ///
    /// # Errors
    /// When something can't be removed, or something else is in the folder.
    pub(in crate::frontier) fn remove(folder: &Path) -> Result<(), FrontierError> {
        let removed = || {
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                if entry.file_name().to_str().is_some_and(files::is_ours) {
                    fs::remove_file(entry.path())?;
                }
            }
            fs::remove_dir(folder)
        };
        match removed() {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(files::failed(folder, &e)),
            _ => Ok(()),
        }
    }

    fn new(folder: &Path, options: Options, writing: Option<Writing>) -> Self {
        Self {
            folder: folder.to_owned(),
            options,
            fresh: Fresh::default(),
            changes: Changes::default(),
            meta: Meta::default(),
            sight: Sight::default(),
            writing,
            is_failed: false,
        }
    }
}

fn view(folder: &Path, manifest: &Manifest) -> Result<View, FrontierError> {
    let mut view = View::default();
    for table in Table::ALL {
        for id in &manifest.runs[table.at()] {
            view.runs[table.at()].push(Arc::new(Run::open(folder, *id, table)?));
        }
    }
    Ok(view)
}

fn lock(folder: &Path) -> Result<File, FrontierError> {
    let path = folder.join(files::LOCK);
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
    let file = file.map_err(|e| files::failed(&path, &e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(FrontierError::InUse(folder.to_owned())),
        Err(TryLockError::Error(e)) => Err(files::failed(&path, &e)),
    }
}
