//! Writes a run.
//!
//! ```text
//!   blocks · filter: u64 words · index: first key u128 and place u64 of each block, and the end · footer
//! ```
//!
//! The footer has 64 bytes: magic, table, entries, blocks, where the filter and the index begin, XXH3 of filter
//! and index, and XXH3 of the footer itself. It is the last thing written, and nobody names the file before it is synced.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::{
    Key, Shape, Table,
    block::{Draft, seed},
    files,
    filter::Filter,
    run::Run,
};
use crate::{fault, frontier::FrontierError};

pub(super) const MAGIC: &[u8; 8] = b"dragrun3";
pub(super) const FOOTER_BYTES: usize = 64;
/// Bytes handed to the system in one go.
const CHUNK: usize = 256 << 10;
/// Bytes after which they are also asked to be on disk. Left to the end, gigabytes would have to go out at once,
/// and commits would wait behind them.
const SYNC_EVERY: u64 = 8 << 20;

#[derive(Debug)]
pub(super) struct RunWriter {
    id: u64,
    table: Table,
    shape: &'static Shape,
    path: PathBuf,
    file: File,
    draft: Draft,
    out: Vec<u8>,
    /// Bytes of the file before `out`.
    written: u64,
    synced: u64,
    firsts: Vec<Key>,
    places: Vec<u64>,
    filter: Option<Filter>,
    n_entries: u64,
    last: Option<Key>,
    is_finished: bool,
}

impl Drop for RunWriter {
    /// What was not finished is nobody's, and may be long.
    fn drop(&mut self) {
        if !self.is_finished {
            files::remove(&self.path);
        }
    }
}

impl RunWriter {
    /// For at most `n_most` entries, in a file that is not there.
    pub(super) fn create(folder: &Path, id: u64, table: Table, n_most: u64) -> Result<Self, FrontierError> {
        let (path, shape) = (files::run(folder, id), table.shape());
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path);
        Ok(Self {
            id,
            table,
            shape,
            file: file.map_err(|e| files::failed(&path, &e))?,
            path,
            draft: Draft::new(table == Table::Seen),
            out: Vec::with_capacity(CHUNK + shape.block_bytes),
            written: 0,
            synced: 0,
            firsts: Vec::new(),
            places: Vec::new(),
            filter: shape.has_filter.then(|| Filter::for_keys(n_most)),
            n_entries: 0,
            last: None,
            is_finished: false,
        })
    }

    /// Keys come in ascending order.
    pub(super) fn push(&mut self, key: Key, value: Option<&[u8]>) -> Result<(), FrontierError> {
        if self.last.is_some_and(|last| last >= key) {
            return Err(files::corrupted(&self.path, "it was to be made from entries that are in no order"));
        }
        self.last = Some(key);
        if let Some(filter) = &mut self.filter {
            filter.insert(key);
        }
        self.draft.push(key, value);
        self.n_entries += 1;
        if self.draft.is_full(self.shape) { self.seal() } else { Ok(()) }
    }

    fn seal(&mut self) -> Result<(), FrontierError> {
        let Some(first) = self.draft.first() else { return Ok(()) };
        let place = self.written + self.out.len() as u64;
        self.firsts.push(first);
        self.places.push(place);
        self.draft.seal(self.shape.is_packed, seed(self.id, place), &mut self.out);
        if self.out.len() >= CHUNK { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), FrontierError> {
        let mut written = || {
            fault::write_all("frontier.run.write", &mut self.file, &self.out)?;
            self.written += self.out.len() as u64;
            self.out.clear();
            if self.written - self.synced >= SYNC_EVERY {
                self.synced = self.written;
                self.file.sync_data()?;
            }
            Ok(())
        };
        written().map_err(|e| files::failed(&self.path, &e))
    }

    /// Completes the file and syncs it; `None`, and no file, if there is no entry.
    pub(super) fn finish(mut self) -> Result<Option<Run>, FrontierError> {
        if self.n_entries == 0 {
            return Ok(None);
        }
        if !self.draft.is_empty() {
            self.seal()?;
        }
        self.flush()?;
        let mut sum = Xxh3::new();
        let filter_at = self.written;
        let filter = self.filter.take();
        for words in filter.as_ref().map_or(&[][..], Filter::words).chunks(CHUNK / 8) {
            words.iter().for_each(|word| self.out.extend_from_slice(&word.to_le_bytes()));
            sum.update(&self.out);
            self.flush()?;
        }
        let index_at = self.written;
        self.places.push(filter_at);
        for first in &self.firsts {
            self.out.extend_from_slice(&first.to_le_bytes());
        }
        for place in &self.places {
            self.out.extend_from_slice(&place.to_le_bytes());
        }
        sum.update(&self.out);
        let numbers = [self.table as u64, self.n_entries, self.firsts.len() as u64, filter_at, index_at, sum.digest()];
        let mut footer = MAGIC.to_vec();
        numbers.iter().for_each(|number| footer.extend_from_slice(&number.to_le_bytes()));
        footer.extend_from_slice(&xxh3_64(&footer).to_le_bytes());
        debug_assert_eq!(footer.len(), FOOTER_BYTES);
        self.out.extend_from_slice(&footer);
        self.flush()?;
        let synced =
            fault::io("frontier.run.sync").and_then(|()| self.file.flush()).and_then(|()| self.file.sync_all());
        synced.map_err(|e| files::failed(&self.path, &e))?;
        let file = self.file.try_clone().map_err(|e| files::failed(&self.path, &e))?;
        self.is_finished = true;
        Ok(Some(Run {
            id: self.id,
            table: self.table,
            path: self.path.clone(),
            file,
            n_entries: self.n_entries,
            size: self.written,
            firsts: std::mem::take(&mut self.firsts),
            places: std::mem::take(&mut self.places),
            filter,
        }))
    }
}
