//! The log: one frame a commit, appended and synced.
//!
//! ```text
//!   magic u32 · version u32 · length u64 · number u64 · XXH3 of the payload u64 · XXH3 of the 32 bytes before u64
//!   payload: next_seq u64 · n_queued u64 · length of the book u64 · the book · entries
//!   entry: table u8 · key u128 · length + 1 as LEB128, 0 if it is gone · the value
//! ```
//!
//! Frames are numbered through all logs of a store, so a missing one is noticed. After each commit the *seal* says how far it
//! reached. It is not synced: it outlives the process and not always the machine. So a log that ends before the seal is damaged, and one that ends
//! behind it in half a frame is what a crash leaves.

use std::{
    fs::{File, OpenOptions},
    io::{Seek, SeekFrom},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use xxhash_rust::xxh3::xxh3_64;

use super::{Fresh, Key, Meta, Table, files};
use crate::{fault, frontier::FrontierError};

const MAGIC: u32 = u32::from_le_bytes(*b"dlog");
const VERSION: u32 = 3;
const HEAD_BYTES: usize = 40;
const SEAL_BYTES: usize = 32;

/// What was changed since the last commit, on its way into a frame.
#[derive(Debug, Default)]
pub(super) struct Changes {
    entries: Vec<u8>,
}

impl Changes {
    pub(super) fn put(&mut self, table: Table, key: Key, value: Option<&[u8]>) {
        self.entries.push(table as u8);
        self.entries.extend_from_slice(&key.to_le_bytes());
        let mut length = value.map_or(0, |value| value.len() as u64 + 1);
        while length >= 0x80 {
            self.entries.push(length.to_le_bytes()[0] | 0x80);
            length >>= 7;
        }
        self.entries.push(length.to_le_bytes()[0]);
        self.entries.extend_from_slice(value.unwrap_or_default());
    }

    pub(super) fn put_number(&mut self, key: Key, number: u64) {
        self.put(Table::Seen, key, Some(&number.to_le_bytes()));
    }

    pub(super) fn size(&self) -> usize {
        self.entries.len()
    }
}

/// How far a completed commit reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seal {
    /// The number of its frame.
    frame: u64,
    log: u64,
    end: u64,
}

impl Seal {
    fn to_bytes(self) -> [u8; SEAL_BYTES] {
        let mut bytes = [0; SEAL_BYTES];
        bytes[..8].copy_from_slice(&self.frame.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.log.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.end.to_le_bytes());
        let sum = xxh3_64(&bytes[..24]);
        bytes[24..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let word = |i: usize| bytes.get(i..i + 8).map(|word| u64::from_le_bytes(word.try_into().expect("eight bytes")));
        let seal = Self { frame: word(0)?, log: word(8)?, end: word(16)? };
        (bytes == seal.to_bytes()).then_some(seal)
    }
}

/// The log that is written to.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) n: u64,
    path: PathBuf,
    file: File,
    seal_path: PathBuf,
    seal: File,
    end: u64,
    /// The number of the next frame.
    pub(super) next_frame: u64,
}

impl Log {
    /// Begins an empty log.
    pub(super) fn create(folder: &Path, n: u64, next_frame: u64) -> Result<Self, FrontierError> {
        let path = files::log(folder, n);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path);
        let file = file.map_err(|e| files::failed(&path, &e))?;
        // Its name must be on disk before what is in it counts.
        files::sync_folder(folder)?;
        Self::new(folder, n, path, file, 0, next_frame)
    }

    /// The seal before the first commit. From here on it is overwritten in its place.
    pub(super) fn begin_seal(&self) -> Result<(), FrontierError> {
        let seal = Seal { frame: 0, log: self.n, end: 0 };
        let sealed = self.seal.write_all_at(&seal.to_bytes(), 0).and_then(|()| self.seal.sync_all());
        sealed.map_err(|e| files::failed(&self.seal_path, &e))
    }

    /// Goes on with the last log of those that were replayed; what a crash left at its end is cut off.
    pub(super) fn resume(folder: &Path, replayed: &Replayed) -> Result<Self, FrontierError> {
        let path = files::log(folder, replayed.n);
        if replayed.n_torn > 0 {
            tracing::warn!(
                path = %path.display(), at = replayed.end, n_bytes = replayed.n_torn,
                "the last commit of the frontier was not finished; the crawl goes on from the one before"
            );
        }
        let opened = || {
            let mut file = OpenOptions::new().read(true).write(true).open(&path)?;
            if replayed.n_torn > 0 {
                fault::io("frontier.log.cut")?;
                file.set_len(replayed.end)?;
            }
            // What is read here is built upon. A process that was killed may not have synced it, and one whose sync
            // failed left pages that the system takes for clean: they are written once more.
            file.write_all_at(&replayed.unsealed, replayed.end - replayed.unsealed.len() as u64)?;
            file.sync_all()?;
            file.seek(SeekFrom::Start(replayed.end))?;
            Ok(file)
        };
        let file = opened().map_err(|e| files::failed(&path, &e))?;
        Self::new(folder, replayed.n, path, file, replayed.end, replayed.next_frame)
    }

    fn new(folder: &Path, n: u64, path: PathBuf, file: File, end: u64, next_frame: u64) -> Result<Self, FrontierError> {
        let seal_path = folder.join(files::SEAL);
        let seal = OpenOptions::new().write(true).create(true).truncate(false).open(&seal_path);
        let seal = seal.map_err(|e| files::failed(&seal_path, &e))?;
        Ok(Self { n, path, file, seal_path, seal, end, next_frame })
    }

    /// Bytes of the log.
    pub(super) fn size(&self) -> u64 {
        self.end
    }

    /// Makes `changes` and `meta` durable in one step. After an error the log must not be used.
    pub(super) fn append(&mut self, changes: &Changes, meta: &Meta) -> Result<(), FrontierError> {
        let length = 24 + meta.book.len() + changes.entries.len();
        let mut frame = Vec::with_capacity(HEAD_BYTES + length);
        frame.resize(HEAD_BYTES, 0);
        for number in [meta.next_seq, meta.n_queued, meta.book.len() as u64] {
            frame.extend_from_slice(&number.to_le_bytes());
        }
        frame.extend_from_slice(&meta.book);
        frame.extend_from_slice(&changes.entries);
        let sum = xxh3_64(&frame[HEAD_BYTES..]);
        frame[..4].copy_from_slice(&MAGIC.to_le_bytes());
        frame[4..8].copy_from_slice(&VERSION.to_le_bytes());
        for (i, number) in [length as u64, self.next_frame, sum].into_iter().enumerate() {
            frame[8 + i * 8..16 + i * 8].copy_from_slice(&number.to_le_bytes());
        }
        let head_sum = xxh3_64(&frame[..32]);
        frame[32..HEAD_BYTES].copy_from_slice(&head_sum.to_le_bytes());

        let written = fault::write_all("frontier.log.write", &mut self.file, &frame)
            .and_then(|()| fault::io("frontier.log.sync"))
            .and_then(|()| self.file.sync_data());
        written.map_err(|e| files::failed(&self.path, &e))?;
        self.end += frame.len() as u64;
        let seal = Seal { frame: self.next_frame, log: self.n, end: self.end };
        self.next_frame += 1;
        let sealed = fault::io("frontier.seal.write").and_then(|()| self.seal.write_all_at(&seal.to_bytes(), 0));
        sealed.map_err(|e| files::failed(&self.seal_path, &e))
    }
}

/// What the logs of a store say.
#[derive(Debug)]
pub(super) struct Replayed {
    pub(super) fresh: Fresh,
    /// Of the last frame, if there is one.
    pub(super) meta: Option<Meta>,
    /// The last log, where its last whole frame ends, and the number of the frame after that.
    n: u64,
    end: u64,
    next_frame: u64,
    /// Bytes behind the last whole frame.
    n_torn: u64,
    /// The frames at the end of the last log that no seal speaks of.
    unsealed: Vec<u8>,
}

/// Reads the logs from number `from` on, in which the first frame has number `next_frame`. A frame that a crash left
/// unfinished at the very end never happened.
pub(super) fn replay(folder: &Path, from: u64, mut next_frame: u64) -> Result<Replayed, FrontierError> {
    let seal = read_seal(folder)?;
    let (mut fresh, mut meta) = (Fresh::default(), None);
    let mut n = from;
    loop {
        let path = files::log(folder, n);
        let bytes = match std::fs::read(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Err(files::corrupted(&path, "it is missing")),
            read => read.map_err(|e| files::failed(&path, &e))?,
        };
        let next = files::log(folder, n + 1);
        let is_last = !next.try_exists().map_err(|e| files::failed(&next, &e))?;
        let mut at = 0;
        while let Some((payload, length)) = frame(&bytes[at..], next_frame) {
            meta = Some(apply(payload, &mut fresh).ok_or_else(|| files::corrupted(&path, "a commit is damaged"))?);
            at += length;
            next_frame += 1;
        }
        let sealed = if seal.log == n { seal.end } else { 0 };
        let is_torn = at < bytes.len();
        if (at as u64) < sealed || (is_torn && (!is_last || goes_on(&bytes[at..], next_frame))) {
            return Err(files::corrupted(&path, format!("the commit at byte {at} is damaged")));
        }
        if is_last {
            if seal.log > n || seal.frame >= next_frame {
                return Err(files::corrupted(&files::log(folder, n + 1), "it is missing"));
            }
            let (end, n_torn) = (at as u64, (bytes.len() - at) as u64);
            let sealed = usize::try_from(sealed).expect("no longer than what was read");
            return Ok(Replayed { fresh, meta, n, end, next_frame, n_torn, unsealed: bytes[sealed..at].to_vec() });
        }
        n += 1;
    }
}

fn read_seal(folder: &Path) -> Result<Seal, FrontierError> {
    let path = folder.join(files::SEAL);
    match std::fs::read(&path) {
        Ok(bytes) => Seal::from_bytes(&bytes).ok_or_else(|| files::corrupted(&path, "it is damaged")),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Err(files::corrupted(&path, "it is missing")),
        Err(e) => Err(files::failed(&path, &e)),
    }
}

/// The payload of a whole frame with this number at the beginning of `bytes`, and the frame's length.
fn frame(bytes: &[u8], number: u64) -> Option<(&[u8], usize)> {
    let head = bytes.get(..HEAD_BYTES)?;
    let (length, found, sum) = head_of(head)?;
    let length = usize::try_from(length).ok()?;
    let payload = bytes.get(HEAD_BYTES..HEAD_BYTES.checked_add(length)?)?;
    (found == number && xxh3_64(payload) == sum).then_some((payload, HEAD_BYTES + length))
}

/// Length, number and checksum, if it is the head of a frame.
fn head_of(head: &[u8]) -> Option<(u64, u64, u64)> {
    let word = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().expect("eight bytes"));
    let is_one = word(0) == (u64::from(VERSION) << 32 | u64::from(MAGIC)) && word(32) == xxh3_64(&head[..32]);
    is_one.then(|| (word(8), word(16), word(24)))
}

/// Whether a later frame begins anywhere in `bytes`: then what is before it is no torn end.
fn goes_on(bytes: &[u8], next_frame: u64) -> bool {
    let later = |head: &[u8]| head_of(head).is_some_and(|(_, number, _)| number > next_frame);
    bytes.windows(HEAD_BYTES).skip(1).any(|head| head.starts_with(&MAGIC.to_le_bytes()) && later(head))
}

/// Takes in a payload; `None` if it is not what [`Log::append`] wrote.
fn apply(payload: &[u8], fresh: &mut Fresh) -> Option<Meta> {
    let mut rest = payload;
    let mut word = || {
        let (word, tail) = rest.split_first_chunk::<8>()?;
        rest = tail;
        Some(u64::from_le_bytes(*word))
    };
    let (next_seq, n_queued, book) = (word()?, word()?, usize::try_from(word()?).ok()?);
    let (book, mut rest) = rest.split_at_checked(book)?;
    while let Some((table, tail)) = rest.split_first() {
        let table = *Table::ALL.get(usize::from(*table))?;
        let (key, tail) = tail.split_first_chunk::<16>()?;
        let key = Key::from_le_bytes(*key);
        let (length, tail) = take_length(tail)?;
        let value = match length.checked_sub(1) {
            None => None,
            Some(length) => Some(tail.get(..length)?),
        };
        rest = &tail[value.map_or(0, <[u8]>::len)..];
        match (table, value) {
            (Table::Seen, Some(number)) => fresh.put_number(key, u64::from_le_bytes(number.try_into().ok()?)),
            (Table::Seen, None) => return None,
            (table, value) => fresh.put(table, key, value.map(Box::from)),
        }
    }
    Some(Meta { next_seq, n_queued, book: book.to_vec() })
}

fn take_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut length = 0_u64;
    for (i, byte) in bytes.iter().enumerate().take(9) {
        length |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Some((usize::try_from(length).ok()?, &bytes[i + 1..]));
        }
    }
    None
}
