//! A run: sorted entries of one table in a file that never changes.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use xxhash_rust::xxh3::xxh3_64;

use super::{
    Key, Table,
    block::{Block, Damaged, seed},
    files,
    filter::Filter,
    run_writer::{FOOTER_BYTES, MAGIC},
};
use crate::frontier::FrontierError;

/// One run, open for reading.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) id: u64,
    pub(super) table: Table,
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) n_entries: u64,
    /// Bytes of the file.
    pub(super) size: u64,
    /// The first key of each block, and where each block begins; the last place is where they end.
    pub(super) firsts: Vec<Key>,
    pub(super) places: Vec<u64>,
    pub(super) filter: Option<Filter>,
}

impl Run {
    /// Reads footer, filter and index, and checks them; entries are checked when they are read.
    pub(super) fn open(folder: &Path, id: u64, table: Table) -> Result<Self, FrontierError> {
        let path = files::run(folder, id);
        let file = match File::open(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Err(files::corrupted(&path, "it is missing")),
            opened => opened.map_err(|e| files::failed(&path, &e))?,
        };
        let size = file.metadata().map_err(|e| files::failed(&path, &e))?.len();
        let damaged = |part: &str| files::corrupted(&path, format!("its {part} is damaged"));
        let read = |at: u64, length: u64| -> Result<Vec<u8>, FrontierError> {
            let mut bytes = vec![0; usize::try_from(length).map_err(|_| damaged("index"))?];
            file.read_exact_at(&mut bytes, at).map_err(|e| files::failed(&path, &e))?;
            Ok(bytes)
        };
        let footer_at = size.checked_sub(FOOTER_BYTES as u64).ok_or_else(|| damaged("end"))?;
        let footer = read(footer_at, FOOTER_BYTES as u64)?;
        let word = |i: usize| u64::from_le_bytes(footer[i * 8..i * 8 + 8].try_into().expect("eight bytes"));
        if &footer[..8] != MAGIC || xxh3_64(&footer[..FOOTER_BYTES - 8]) != word(7) {
            return Err(damaged("end"));
        }
        let (n_entries, n_blocks, filter_at, index_at) = (word(2), word(3), word(4), word(5));
        let is_whole = word(1) == table as u64
            && filter_at <= index_at
            && n_blocks.checked_mul(24).and_then(|n| n.checked_add(8)?.checked_add(index_at)) == Some(footer_at);
        if !is_whole {
            return Err(damaged("index"));
        }
        let tail = read(filter_at, footer_at - filter_at)?;
        if xxh3_64(&tail) != word(6) {
            return Err(damaged("index"));
        }
        let (words, index) = tail.split_at(usize::try_from(index_at - filter_at).map_err(|_| damaged("index"))?);
        let (firsts, places) = index.split_at(usize::try_from(n_blocks * 16).map_err(|_| damaged("index"))?);
        let filter = table.shape().has_filter.then(|| Filter::from_bytes(words).ok_or_else(|| damaged("filter")));
        let run = Self {
            id,
            table,
            firsts: firsts.chunks_exact(16).map(|key| Key::from_le_bytes(key.try_into().expect("16 bytes"))).collect(),
            places: places.chunks_exact(8).map(|at| u64::from_le_bytes(at.try_into().expect("8 bytes"))).collect(),
            filter: filter.transpose()?,
            path: path.clone(),
            file,
            n_entries,
            size,
        };
        if run.is_sound(filter_at) { Ok(run) } else { Err(damaged("index")) }
    }

    /// Whether the index can be that of a run whose blocks end at `end`.
    fn is_sound(&self, end: u64) -> bool {
        let n_blocks = self.firsts.len() as u64;
        n_blocks > 0
            && (n_blocks..=n_blocks * u64::from(u16::MAX)).contains(&self.n_entries)
            && self.firsts.is_sorted_by(|a, b| a < b)
            && self.places.is_sorted_by(|a, b| a < b)
            && self.places.first() == Some(&0)
            && self.places.last() == Some(&end)
    }

    /// The block in which `key` is, if it is in the run at all.
    pub(super) fn block_of(&self, key: Key) -> Option<usize> {
        self.firsts.partition_point(|first| *first <= key).checked_sub(1)
    }

    pub(super) fn may_have(&self, key: Key) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.may_have(key))
    }

    /// Reads a block and checks it.
    pub(super) fn read(&self, n: usize, bytes: &mut Vec<u8>, block: &mut Block) -> Result<(), FrontierError> {
        let (place, end) = (self.places[n], self.places[n + 1]);
        let length = end.checked_sub(place).and_then(|length| usize::try_from(length).ok());
        bytes.resize(length.ok_or_else(|| files::corrupted(&self.path, "its index is damaged"))?, 0);
        self.file.read_exact_at(bytes, place).map_err(|e| match e.kind() {
            std::io::ErrorKind::UnexpectedEof => files::corrupted(&self.path, "it is cut short"),
            _ => files::failed(&self.path, &e),
        })?;
        let read = block.read(bytes, seed(self.id, place), self.table == Table::Seen);
        read.map_err(|Damaged| files::corrupted(&self.path, format!("the block at byte {place} is damaged")))
    }
}

/// The last block read of a run: neighbours are asked for together.
#[derive(Debug)]
pub(super) struct Lens {
    pub(super) run: Arc<Run>,
    at: Option<usize>,
    block: Block,
    bytes: Vec<u8>,
}

impl Lens {
    pub(super) fn new(run: Arc<Run>) -> Self {
        Self { run, at: None, block: Block::default(), bytes: Vec::new() }
    }

    /// What the run says of a key: the outer `None` is nothing, the inner that it is gone.
    pub(super) fn get(&mut self, key: Key) -> Result<Option<Option<&[u8]>>, FrontierError> {
        if !self.run.may_have(key) {
            return Ok(None);
        }
        let Some(n) = self.run.block_of(key) else { return Ok(None) };
        self.load(n)?;
        Ok(self.block.find(key).map(|i| self.block.value(i)))
    }

    fn load(&mut self, n: usize) -> Result<(), FrontierError> {
        if self.at != Some(n) {
            self.at = None;
            self.run.read(n, &mut self.bytes, &mut self.block)?;
            self.at = Some(n);
        }
        Ok(())
    }
}

/// Walks through a run in order.
#[derive(Debug)]
pub(super) struct Cursor {
    lens: Lens,
    /// Index in the block at hand.
    i: usize,
    is_at_end: bool,
}

impl Cursor {
    /// At the first entry whose key is not before `key`.
    pub(super) fn seek(run: Arc<Run>, key: Key) -> Result<Self, FrontierError> {
        let mut cursor = Self { lens: Lens::new(run), i: 0, is_at_end: false };
        cursor.advance_to(key)?;
        Ok(cursor)
    }

    /// Goes on to the first entry whose key is not before `key`, never back.
    pub(super) fn advance_to(&mut self, key: Key) -> Result<(), FrontierError> {
        if self.key().is_some_and(|at| at >= key) || self.is_at_end {
            return Ok(());
        }
        let n = self.lens.run.block_of(key).unwrap_or(0);
        if self.lens.at.is_none_or(|at| at < n) {
            self.lens.load(n)?;
        }
        self.i = self.lens.block.lower_bound(key);
        self.settle()
    }

    pub(super) fn key(&self) -> Option<Key> {
        (!self.is_at_end && self.lens.at.is_some()).then(|| self.lens.block.key(self.i))
    }

    /// Of the entry at hand: `None` is gone.
    pub(super) fn value(&self) -> Option<&[u8]> {
        self.lens.block.value(self.i)
    }

    pub(super) fn next(&mut self) -> Result<(), FrontierError> {
        self.i += 1;
        self.settle()
    }

    /// Behind the end of a block comes the next one.
    fn settle(&mut self) -> Result<(), FrontierError> {
        while self.i >= self.lens.block.len() {
            let next = self.lens.at.map_or(0, |at| at + 1);
            if next >= self.lens.run.firsts.len() {
                self.is_at_end = true;
                return Ok(());
            }
            self.lens.load(next)?;
            self.i = 0;
        }
        Ok(())
    }
}
