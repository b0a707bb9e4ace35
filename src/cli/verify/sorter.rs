//! Sorting more than fits into memory: runs in a scratch file, merged.
//!
//! The bound is [`MAX_HELD`] entries of one sorter in memory, and [`READ_BYTES`] for each run while
//! they are merged. The file has no name once it is open, so nothing is left of a process that ends, and
//! there is none at all for what fits.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// Most entries of one sorter that are held in memory: 80 MiB of the largest kind.
pub(super) const MAX_HELD: usize = 1 << 20;
/// Bytes of a run that are read at once.
const READ_BYTES: usize = 64 << 10;

/// Something of a fixed size that can be put into a file.
pub(super) trait Entry: Copy + Ord {
    /// Its size there.
    const BYTES: usize;
    fn put(&self, into: &mut Vec<u8>);
    /// From exactly [`Entry::BYTES`] bytes.
    fn get(bytes: &[u8]) -> Self;
}

/// Takes entries in any order.
pub(super) struct Sorter<E> {
    held: Vec<E>,
    max_held: usize,
    folder: PathBuf,
    file: Option<File>,
    /// Where each run is in the file.
    runs: Vec<(u64, u64)>,
}

impl<E: Entry> Sorter<E> {
    /// With its scratch file, if it needs one, in `folder`.
    pub(super) fn new(folder: &Path) -> Self {
        Self::holding(folder, MAX_HELD)
    }

    fn holding(folder: &Path, max_held: usize) -> Self {
        Self { held: Vec::new(), max_held, folder: folder.to_owned(), file: None, runs: Vec::new() }
    }

    pub(super) fn push(&mut self, entry: E) -> io::Result<()> {
        self.held.push(entry);
        if self.held.len() >= self.max_held { self.spill() } else { Ok(()) }
    }

    fn spill(&mut self) -> io::Result<()> {
        self.held.sort_unstable();
        let file = match &self.file {
            Some(file) => file,
            None => self.file.insert(nameless(&self.folder)?),
        };
        let begin = self.runs.last().map_or(0, |(_, end)| *end);
        let mut at = begin;
        let mut bytes = Vec::with_capacity(READ_BYTES + E::BYTES);
        for entries in self.held.chunks(READ_BYTES / E::BYTES) {
            bytes.clear();
            entries.iter().for_each(|entry| entry.put(&mut bytes));
            file.write_all_at(&bytes, at)?;
            at += bytes.len() as u64;
        }
        self.runs.push((begin, at));
        self.held.clear();
        Ok(())
    }

    /// All of them, in order.
    pub(super) fn finish(mut self) -> io::Result<Sorted<E>> {
        self.held.sort_unstable();
        let mut sorted = Sorted { file: self.file, runs: Vec::new(), heap: BinaryHeap::new() };
        for (at, end) in self.runs {
            sorted.runs.push(Run { at, end, read: VecDeque::new() });
        }
        // What is still in memory is a run that is read already.
        sorted.runs.push(Run { at: 0, end: 0, read: self.held.into() });
        for run in 0..sorted.runs.len() {
            sorted.refill(run)?;
        }
        Ok(sorted)
    }
}

/// A file that nobody else can find.
fn nameless(folder: &Path) -> io::Result<File> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path = folder.join(format!("dragline-verify-{}-{number}", std::process::id()));
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}

struct Run<E> {
    at: u64,
    end: u64,
    read: VecDeque<E>,
}

/// Gives entries back in order.
pub(super) struct Sorted<E> {
    file: Option<File>,
    runs: Vec<Run<E>>,
    /// The first entry of each run.
    heap: BinaryHeap<Reverse<(E, usize)>>,
}

impl<E: Entry> Sorted<E> {
    /// The next one, which stays.
    pub(super) fn peek(&self) -> Option<E> {
        self.heap.peek().map(|Reverse((entry, _))| *entry)
    }

    pub(super) fn next(&mut self) -> io::Result<Option<E>> {
        let Some(Reverse((entry, run))) = self.heap.pop() else { return Ok(None) };
        self.refill(run)?;
        Ok(Some(entry))
    }

    fn refill(&mut self, run: usize) -> io::Result<()> {
        let of = &mut self.runs[run];
        if let (true, true, Some(file)) = (of.read.is_empty(), of.at < of.end, &self.file) {
            let most = (READ_BYTES / E::BYTES * E::BYTES) as u64;
            let length = most.min(of.end - of.at);
            let mut bytes = vec![0; usize::try_from(length).expect("at most READ_BYTES")];
            file.read_exact_at(&mut bytes, of.at)?;
            of.at += length;
            of.read.extend(bytes.chunks_exact(E::BYTES).map(E::get));
        }
        if let Some(entry) = of.read.pop_front() {
            self.heap.push(Reverse((entry, run)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Entry for u64 {
        const BYTES: usize = 8;
        fn put(&self, into: &mut Vec<u8>) {
            into.extend(self.to_be_bytes());
        }
        fn get(bytes: &[u8]) -> Self {
            Self::from_be_bytes(bytes.try_into().expect("eight"))
        }
    }

    #[test]
    fn what_does_not_fit_is_sorted_all_the_same() {
        let folder = tempfile::tempdir().expect("a folder");
        for (n, max_held) in [(0_u64, 10), (5, 10), (10, 10), (99_999, 1000), (30_000, 20_000)] {
            let mut sorter = Sorter::holding(folder.path(), max_held);
            // 7919 is prime, so that every number below n comes up once.
            (0..n).for_each(|i| sorter.push(i * 7919 % n).expect("room"));
            assert!(sorter.held.len() < max_held);
            let mut sorted = sorter.finish().expect("room");
            for expected in 0..n {
                assert_eq!(sorted.peek(), Some(expected));
                assert_eq!(sorted.next().expect("readable"), Some(expected));
            }
            assert_eq!(sorted.next().expect("readable"), None);
            assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0, "it has no name");
        }
    }
}
