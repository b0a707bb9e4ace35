//! The store: puts and commits.

use std::{fs::File, path::PathBuf};

use super::{
    Fresh, Key, Meta, Options, Table, files,
    keeper::{Frozen, Keeper},
    log::{Changes, Log},
    read::Sight,
};
use crate::frontier::FrontierError;

/// How many times as long as the entries in memory a log may be.
const MAX_LOG_SHARE: usize = 4;

/// An open store. See the module's essay.
#[derive(Debug)]
pub(in crate::frontier) struct Store {
    pub(super) folder: PathBuf,
    pub(super) options: Options,
    pub(super) fresh: Fresh,
    pub(super) changes: Changes,
    /// As of the last commit.
    pub(super) meta: Meta,
    pub(super) sight: Sight,
    /// `None` if it was opened to be looked at, and when a pass could not begin.
    pub(super) writing: Option<Writing>,
    pub(super) is_failed: bool,
}

/// What a store needs that is written to. The thread must have ended before the lock goes, so the order matters.
#[derive(Debug)]
pub(super) struct Writing {
    pub(super) keeper: Keeper,
    pub(super) log: Log,
    pub(super) _lock: File,
}

impl Store {
    pub(in crate::frontier) fn meta(&self) -> &Meta {
        &self.meta
    }

    /// Sets a key of [`Table::Seen`].
    pub(in crate::frontier) fn put_number(&mut self, key: Key, number: u64) {
        self.changes.put_number(key, number);
        self.fresh.put_number(key, number);
    }

    /// Sets a key of another table; `None` removes it.
    pub(in crate::frontier) fn put(&mut self, table: Table, key: Key, value: Option<&[u8]>) {
        self.changes.put(table, key, value);
        self.fresh.put(table, key, value.map(Box::from));
    }

    /// Bytes of entries in memory, about.
    pub(in crate::frontier) fn buffered_bytes(&self) -> usize {
        let frozen = self.sight.view.frozen.as_ref().map_or(0, |frozen| frozen.fresh.size());
        self.fresh.size() + frozen + self.changes.size()
    }

    /// Tells what there is on disk, and whether it is being written anew.
    pub(in crate::frontier) fn held(&self, tell: &mut dyn FnMut(&'static str, u64)) {
        let runs = || self.sight.view.runs.iter().flatten();
        tell("store.runs", runs().count() as u64);
        tell("store.run_bytes", runs().map(|run| run.size).sum());
        if let Some(writing) = &self.writing {
            tell("store.log_bytes", writing.log.size());
            tell("store.merging", u64::from(!writing.keeper.is_at_rest()));
        }
    }

    /// Makes everything since the last commit durable, with `meta`, or none of it.
    ///
    /// # Errors
    /// When it can't be written; the store must then be dropped. If only what comes after the commit failed, it counts.
    pub(in crate::frontier) fn commit(&mut self, meta: Meta) -> Result<(), FrontierError> {
        let writing = writing(&mut self.writing, self.is_failed)?;
        self.is_failed = true;
        writing.log.append(&self.changes, &meta)?;
        self.is_failed = false;
        self.changes = Changes::default();
        self.meta = meta;
        self.make_room()
    }

    /// Hands the fresh entries to the keeper when they are enough. Waits for it only when there would be too many.
    fn make_room(&mut self) -> Result<(), FrontierError> {
        let writing = writing(&mut self.writing, self.is_failed)?;
        // Entries that are changed over and over take room in the log alone.
        let log = usize::try_from(writing.log.size()).unwrap_or(usize::MAX) / MAX_LOG_SHARE;
        let size = self.fresh.size().max(log);
        if size < self.options.buffer_bytes {
            return Ok(());
        }
        if !writing.keeper.has_room() {
            if size < 2 * self.options.buffer_bytes {
                return Ok(());
            }
            writing.keeper.wait_for_room();
            writing.keeper.check()?;
        }
        self.is_failed = true;
        let log = Log::create(&self.folder, writing.log.n + 1, writing.log.next_frame)?;
        let log = std::mem::replace(&mut writing.log, log);
        self.is_failed = false;
        let fresh = std::mem::take(&mut self.fresh);
        writing.keeper.freeze(Frozen { fresh, meta: self.meta.clone(), log: log.n, next_frame: log.next_frame });
        self.refresh();
        Ok(())
    }

    /// Waits until the keeper has nothing left to do.
    ///
    /// # Errors
    /// When it has failed.
    pub(in crate::frontier) fn settle(&mut self) -> Result<(), FrontierError> {
        let writing = writing(&mut self.writing, self.is_failed)?;
        writing.keeper.wait_for_rest();
        writing.keeper.check()
    }
}

/// What is needed to write, if nothing has gone wrong.
pub(super) fn writing(writing: &mut Option<Writing>, is_failed: bool) -> Result<&mut Writing, FrontierError> {
    if is_failed {
        return Err(FrontierError::Store("an earlier commit failed".into()));
    }
    let writing = writing.as_mut().ok_or_else(|| FrontierError::Store("it was opened to be looked at".into()))?;
    writing.keeper.check()?;
    Ok(writing)
}

/// Names of the files in the folder that belong to no other.
pub(super) fn is_leftover(name: &str, manifest: &super::manifest::Manifest) -> bool {
    let is_named = |id: u64| manifest.runs.iter().flatten().any(|run| *run == id);
    name == format!("{}.new", files::MANIFEST)
        || files::number(name, "run").is_some_and(|id| !is_named(id))
        || files::number(name, "log").is_some_and(|n| n < manifest.log)
}
