//! Blocks: some sorted entries, and the smallest part of a run that is read.
//!
//! A block as it is searched:
//!
//! ```text
//!   n u16 · shared u8 · width u8 · the leading bytes that all keys share · n × the rest of a key
//!   numbers (width ≤ 8):  n × width bytes, little-endian
//!   texts (width = 255):  n × u32 where the text ends, its top bit if the key is gone · the texts
//! ```
//!
//! As it is stored: a byte that says whether it is packed, the above as it is or as a zstd frame after its
//! length, and an XXH3 of all that, seeded with the run's number and the block's place in it.

use std::cell::RefCell;

use xxhash_rust::xxh3::xxh3_64_with_seed;
use zstd::bulk::{Compressor, Decompressor};

use super::{Key, Shape};

/// Fast, and URLs of one host have so much in common that more effort gains little.
const LEVEL: i32 = 1;
const HEAD_BYTES: usize = 4;
const SUM_BYTES: usize = 8;
const TEXTS: u8 = 255;
const GONE: u32 = 1 << 31;

thread_local! {
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = RefCell::new(Compressor::new(LEVEL).ok());
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = RefCell::new(Decompressor::new().ok());
}

/// Entries on their way into a block.
#[derive(Debug)]
pub(super) struct Draft {
    is_numbers: bool,
    keys: Vec<Key>,
    ends: Vec<u32>,
    /// Texts one after another; numbers eight bytes each.
    values: Vec<u8>,
    width: u8,
}

impl Draft {
    pub(super) fn new(is_numbers: bool) -> Self {
        Self { is_numbers, keys: Vec::new(), ends: Vec::new(), values: Vec::new(), width: 0 }
    }

    pub(super) fn first(&self) -> Option<Key> {
        self.keys.first().copied()
    }

    /// Keys come in ascending order; numbers as little-endian bytes, eight at most; `None` is gone.
    pub(super) fn push(&mut self, key: Key, value: Option<&[u8]>) {
        debug_assert!(self.keys.last().is_none_or(|last| *last < key), "keys ascend");
        self.keys.push(key);
        if self.is_numbers {
            let bytes = value.unwrap_or_default();
            let significant = bytes.len() - bytes.iter().rev().take_while(|byte| **byte == 0).count();
            self.width = self.width.max(u8::try_from(significant).expect("numbers have eight bytes at most"));
            let mut padded = [0; 8];
            padded[..significant].copy_from_slice(&bytes[..significant]);
            self.values.extend_from_slice(&padded);
        } else {
            self.values.extend_from_slice(value.unwrap_or_default());
            let end = u32::try_from(self.values.len()).ok().filter(|end| *end < GONE).expect("blocks are short");
            self.ends.push(end | if value.is_none() { GONE } else { 0 });
        }
    }

    /// Bytes of the block as it is searched.
    pub(super) fn size(&self) -> usize {
        let n = self.keys.len();
        let keys = n * (16 - self.shared());
        keys + if self.is_numbers { n * usize::from(self.width) } else { n * 4 + self.values.len() }
    }

    /// Leading bytes that the first and the last key share, and so all between them.
    fn shared(&self) -> usize {
        match (self.keys.first(), self.keys.last()) {
            (Some(first), Some(last)) => ((first ^ last).leading_zeros() / 8).min(15) as usize,
            _ => 0,
        }
    }

    /// Appends the block to `out`, under a checksum with this [`seed`], and begins another.
    pub(super) fn seal(&mut self, is_packed: bool, seed: u64, out: &mut Vec<u8>) {
        let plain = self.plain();
        let from = out.len();
        let packed = is_packed
            .then(|| COMPRESSOR.with_borrow_mut(|it| it.as_mut()?.compress(&plain).ok()))
            .flatten()
            .filter(|packed| packed.len() + 4 < plain.len());
        match packed {
            Some(packed) => {
                out.push(1);
                out.extend_from_slice(&u32::try_from(plain.len()).expect("blocks are short").to_le_bytes());
                out.extend_from_slice(&packed);
            }
            None => {
                out.push(0);
                out.extend_from_slice(&plain);
            }
        }
        let sum = xxh3_64_with_seed(&out[from..], seed);
        out.extend_from_slice(&sum.to_le_bytes());
        *self = Self::new(self.is_numbers);
    }

    fn plain(&self) -> Vec<u8> {
        let shared = self.shared();
        let mut plain = Vec::with_capacity(HEAD_BYTES + 16 + self.size());
        plain.extend_from_slice(&u16::try_from(self.keys.len()).expect("blocks are short").to_le_bytes());
        plain.push(u8::try_from(shared).expect("keys have sixteen bytes"));
        plain.push(if self.is_numbers { self.width } else { TEXTS });
        plain.extend_from_slice(&self.keys.first().copied().unwrap_or_default().to_be_bytes()[..shared]);
        self.keys.iter().for_each(|key| plain.extend_from_slice(&key.to_be_bytes()[shared..]));
        if self.is_numbers {
            let width = usize::from(self.width);
            self.values.chunks_exact(8).for_each(|number| plain.extend_from_slice(&number[..width]));
        } else {
            self.ends.iter().for_each(|end| plain.extend_from_slice(&end.to_le_bytes()));
            plain.extend_from_slice(&self.values);
        }
        plain
    }

    /// Whether another entry would be one too many for the count.
    pub(super) fn is_full(&self, shape: &Shape) -> bool {
        self.keys.len() == usize::from(u16::MAX) || self.size() + HEAD_BYTES + 16 + SUM_BYTES >= shape.block_bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

/// A block that was read and found whole.
#[derive(Debug, Default)]
pub(super) struct Block {
    plain: Vec<u8>,
    n: usize,
    shared: usize,
    width: usize,
    keys_at: usize,
    values_at: usize,
}

impl Block {
    /// Checks and unpacks what [`Draft::seal`] wrote with `seed`; the inside of this one is used again.
    ///
    /// # Errors
    /// When it is anything else.
    pub(super) fn read(&mut self, stored: &[u8], seed: u64, is_numbers: bool) -> Result<(), Damaged> {
        self.n = 0;
        let damaged = || Damaged;
        let (body, sum) = stored.split_last_chunk::<SUM_BYTES>().ok_or_else(damaged)?;
        if xxh3_64_with_seed(body, seed) != u64::from_le_bytes(*sum) {
            return Err(damaged());
        }
        self.plain.clear();
        match body.split_first() {
            Some((0, plain)) => self.plain.extend_from_slice(plain),
            Some((1, packed)) => {
                let (length, packed) = packed.split_first_chunk::<4>().ok_or_else(damaged)?;
                let length = u32::from_le_bytes(*length) as usize;
                // Before so much is made room for.
                if !matches!(zstd::zstd_safe::get_frame_content_size(packed), Ok(Some(n)) if n == length as u64) {
                    return Err(damaged());
                }
                self.plain.reserve(length);
                let unpacked =
                    DECOMPRESSOR.with_borrow_mut(|it| it.as_mut()?.decompress_to_buffer(packed, &mut self.plain).ok());
                if unpacked != Some(length) {
                    return Err(damaged());
                }
            }
            _ => return Err(damaged()),
        }
        self.lay_out(is_numbers).ok_or_else(damaged)
    }

    fn lay_out(&mut self, is_numbers: bool) -> Option<()> {
        let (head, rest) = self.plain.split_first_chunk::<HEAD_BYTES>()?;
        let (n, shared, width) = (usize::from(u16::from_le_bytes([head[0], head[1]])), usize::from(head[2]), head[3]);
        if n == 0 || shared > 15 || (is_numbers && width > 8) || (!is_numbers && width != TEXTS) {
            return None;
        }
        self.keys_at = HEAD_BYTES + shared;
        self.values_at = self.keys_at + n * (16 - shared);
        self.width = usize::from(width);
        self.shared = shared;
        let values = rest.len().checked_sub(self.values_at - HEAD_BYTES)?;
        let is_whole = if width == TEXTS {
            let texts = values.checked_sub(n * 4)?;
            let ends = &self.plain[self.values_at..self.values_at + n * 4];
            let mut before = 0;
            ends.chunks_exact(4).all(|end| {
                let end = u32::from_le_bytes([end[0], end[1], end[2], end[3]]) & !GONE;
                let ascends = end >= before;
                before = end;
                ascends
            }) && before as usize == texts
        } else {
            values == n * self.width
        };
        is_whole.then(|| self.n = n)
    }

    pub(super) fn len(&self) -> usize {
        self.n
    }

    /// The `i`-th key, below [`Block::len`].
    pub(super) fn key(&self, i: usize) -> Key {
        let rest = 16 - self.shared;
        let mut key = [0; 16];
        key[..self.shared].copy_from_slice(&self.plain[HEAD_BYTES..self.keys_at]);
        let at = self.keys_at + i * rest;
        key[self.shared..].copy_from_slice(&self.plain[at..at + rest]);
        Key::from_be_bytes(key)
    }

    /// The `i`-th value; `None` is gone. Numbers come as little-endian bytes.
    pub(super) fn value(&self, i: usize) -> Option<&[u8]> {
        if self.width != usize::from(TEXTS) {
            let at = self.values_at + i * self.width;
            return Some(&self.plain[at..at + self.width]);
        }
        let texts_at = self.values_at + self.n * 4;
        let end = self.end(i);
        let from = if i == 0 { 0 } else { self.end(i - 1) & !GONE };
        (end & GONE == 0).then(|| &self.plain[texts_at + from as usize..texts_at + end as usize])
    }

    fn end(&self, i: usize) -> u32 {
        let at = self.values_at + i * 4;
        u32::from_le_bytes(self.plain[at..at + 4].try_into().expect("four bytes"))
    }

    /// Index of the first key that is not before `key`.
    pub(super) fn lower_bound(&self, key: Key) -> usize {
        let bytes = key.to_be_bytes();
        let shared = &self.plain[HEAD_BYTES..self.keys_at];
        match shared.cmp(&bytes[..self.shared]) {
            std::cmp::Ordering::Less => return self.n,
            std::cmp::Ordering::Greater => return 0,
            std::cmp::Ordering::Equal => {}
        }
        let (rest, wanted) = (16 - self.shared, &bytes[self.shared..]);
        let keys = &self.plain[self.keys_at..self.values_at];
        let (mut low, mut high) = (0, self.n);
        while low < high {
            let middle = low.midpoint(high);
            if &keys[middle * rest..(middle + 1) * rest] < wanted { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// Index of `key`.
    pub(super) fn find(&self, key: Key) -> Option<usize> {
        let at = self.lower_bound(key);
        (at < self.n && self.key(at) == key).then_some(at)
    }
}

/// A block is not what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Damaged;

/// What a block's checksum begins with: it belongs into this run, at this place.
pub(super) fn seed(run: u64, place: u64) -> u64 {
    run.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ place
}

/// A number of a [`Block`].
pub(in crate::frontier) fn number(bytes: &[u8]) -> u64 {
    let mut padded = [0; 8];
    padded[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(padded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(is_numbers: bool, entries: &[(Key, Option<&[u8]>)], is_packed: bool) -> (Block, Vec<u8>) {
        let mut draft = Draft::new(is_numbers);
        entries.iter().for_each(|(key, value)| draft.push(*key, *value));
        let mut stored = Vec::new();
        draft.seal(is_packed, 77, &mut stored);
        let mut block = Block::default();
        block.read(&stored, 77, is_numbers).unwrap();
        (block, stored)
    }

    #[test]
    fn entries_come_back_and_are_found() {
        let texts: Vec<(Key, Option<&[u8]>)> =
            vec![(0, Some(b"")), (1 << 64, None), ((1 << 64) + 5, Some(b"text")), (Key::MAX, Some(b"last"))];
        let long: Vec<(Key, Option<&[u8]>)> = (0..100).map(|i| (i * 3, Some(&b"the same again"[..]))).collect();
        let none: Vec<(Key, Option<&[u8]>)> = vec![(9, None)];
        for (entries, is_packed) in [(&texts, false), (&texts, true), (&long, true), (&none, true)] {
            let (block, _) = block(false, entries, is_packed);
            assert_eq!(block.len(), entries.len());
            for (i, (key, value)) in entries.iter().enumerate() {
                assert_eq!((block.key(i), block.value(i)), (*key, *value));
                assert_eq!(block.find(*key), Some(i));
                assert_eq!(block.lower_bound(key.saturating_add(1)), if *key == Key::MAX { i } else { i + 1 });
            }
            assert_eq!(block.find(7), None);
        }
    }

    #[test]
    fn numbers_are_as_wide_as_the_widest() {
        let numbers = [(5, 0_u64), (6, 77), (900, 1 << 20), (Key::MAX / 2, u64::MAX)];
        for n in 1..=4 {
            let bytes: Vec<_> = numbers.iter().map(|(key, number)| (*key, number.to_le_bytes())).collect();
            let entries: Vec<_> = bytes.iter().map(|(key, bytes)| (*key, Some(&bytes[..]))).take(n).collect();
            let (block, stored) = block(true, &entries, false);
            for (i, (key, number)) in numbers.iter().take(n).enumerate() {
                assert_eq!(block.find(*key), Some(i));
                assert_eq!(super::number(block.value(i).unwrap()), *number);
            }
            let (width, keys) = [(0, 1), (1, 1), (3, 2), (8, 16)][n - 1];
            assert_eq!(stored.len(), 1 + 4 + (16 - keys) + n * (keys + width) + 8, "{n}");
        }
    }

    #[test]
    fn a_flip_of_any_bit_is_told() {
        let entries: Vec<(Key, Option<&[u8]>)> = (0..20).map(|i| (i * 3, Some(&b"the same again"[..]))).collect();
        let (_, stored) = block(false, &entries, true);
        for bit in 0..stored.len() * 8 {
            let mut bad = stored.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(Block::default().read(&bad, 77, false).is_err(), "bit {bit}");
        }
        assert!(Block::default().read(&stored, 78, false).is_err(), "it belongs elsewhere");
        assert!(Block::default().read(&stored, 77, true).is_err(), "it holds no numbers");
        for length in 0..stored.len() {
            assert!(Block::default().read(&stored[..length], 77, false).is_err());
        }
    }
}
