//! The store under [`DiskFrontier`](super::DiskFrontier): seven tables of 16-byte keys in one folder.
//!
//! A general store does some ten thousand seen-tests a second where a crawler needs hundreds of
//! thousands, because it keeps every key ready to be changed. Here nothing on disk is ever changed.
//! What is new is kept in memory ([`Fresh`]) and appended to a *log*, one frame a commit. When
//! that is enough for a file of its own, a thread of the store, the [`keeper`], writes it down sorted, as a
//! *run* for each table, and merges runs of like size. That is a log-structured merge tree (O'Neil et al.
//! 1996) with few parts: keys are of one width, most are hashes already, and there is one writer.
//!
//! ```text
//!   <store>/
//!     manifest         which runs there are, from which log on commits are not in them, and the state there
//!     log-<n>          the commits since: a frame each, appended and synced
//!     seal             how far the last completed commit reached, so that a damaged log is told from a torn one
//!     run-<n>          sorted entries of one table: blocks, filter, index, footer
//!     lock             held by whoever has the store open
//! ```
//!
//! Invariants:
//! - a commit is one frame: it is whole or it is not there. A frame that is not whole, at the very end, is what a
//!   crash leaves, and is cut off; anywhere else it is damage;
//! - runs hold committed entries only. The manifest is replaced by renaming, after what it names is synced; files that
//!   it does not name are nobody's and are removed;
//! - every byte on disk is under a checksum that is compared before the byte is believed;
//! - of several entries of a key the youngest counts: fresh, then frozen, then the runs from the youngest on;
//! - opening reads the manifest, the runs' indices and filters, and the logs: never a run's entries;
//! - memory: up to four times [`Options::buffer_bytes`] of entries (twice, and twice again while the keeper is behind); 1.5 bytes an
//!   entry for filters and 24 a block for the index, and as much again for what is being merged.
//!
//! It is deliberately not a general store: one process, one thread that reads and writes, no
//! transactions that could be rolled back. Whoever fails to commit drops it.

mod block;
mod commit;
mod files;
mod filter;
mod fresh;
mod keeper;
mod log;
mod manifest;
mod merge;
mod open;
mod pass;
mod policy;
mod read;
mod run;
mod run_writer;
mod scan;

pub(super) use block::number;
pub(super) use commit::Store;
pub(super) use fresh::Fresh;
pub(super) use scan::Scan;

use serde::{Deserialize, Serialize};

/// Sorts as its big-endian bytes do.
pub(super) type Key = u128;

/// The tables. Their numbers are on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// Fingerprint → whether it is done, or its place: numbers, eight bytes at most.
    Seen,
    /// (Host, place) → a queued URL.
    Queue,
    /// Host → its record.
    Hosts,
    /// Host → the robots.txt of its origins.
    Robots,
    /// (Host, directory) → pages fetched.
    Directories,
    /// (Host, directory) → one that is done with.
    Retired,
    /// Fingerprint → what a page left for the next pass.
    Validators,
}

impl Table {
    /// All of them.
    pub const ALL: [Self; N_TABLES] =
        [Self::Seen, Self::Queue, Self::Hosts, Self::Robots, Self::Directories, Self::Retired, Self::Validators];

    fn at(self) -> usize {
        self as usize
    }

    /// In lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::Queue => "queue",
            Self::Hosts => "hosts",
            Self::Robots => "robots",
            Self::Directories => "directories",
            Self::Retired => "retired",
            Self::Validators => "validators",
        }
    }

    fn shape(self) -> &'static Shape {
        match self {
            // Small blocks, because a seen-test reads one for one entry; not packed, because hashes can't be.
            Self::Seen => &Shape { block_bytes: 4096, is_packed: false, has_filter: true, fan_out: 1 },
            // Read by ranges, so a filter would say nothing. Long runs are rewritten seldom: they are heavy.
            Self::Queue => &Shape { block_bytes: 16384, is_packed: true, has_filter: false, fan_out: 3 },
            Self::Retired => &Shape { block_bytes: 8192, is_packed: true, has_filter: false, fan_out: 1 },
            _ => &Shape { block_bytes: 8192, is_packed: true, has_filter: true, fan_out: 1 },
        }
    }
}

/// How many there are.
const N_TABLES: usize = 7;

/// What a table takes on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableSize {
    /// Which.
    pub name: &'static str,
    /// Files.
    pub n_runs: u64,
    /// Entries in them; an entry that was changed is counted once for each file that it is in.
    pub n_entries: u64,
    /// Bytes of them.
    pub bytes: u64,
}

/// How a table's runs are made.
#[derive(Debug)]
struct Shape {
    /// Bytes of a block before it is packed, about.
    block_bytes: usize,
    /// Whether blocks are packed with zstd.
    is_packed: bool,
    /// Whether runs have a filter that knows which keys they can't have.
    has_filter: bool,
    /// A run is merged with all younger ones when these are together this many times as long.
    fan_out: u64,
}

/// Sizes of a store's parts.
#[derive(Debug, Clone)]
pub(super) struct Options {
    /// Bytes of entries kept in memory before they become runs; as many again while they do.
    pub(super) buffer_bytes: usize,
}

/// What is committed with every frame, beside the entries.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Meta {
    /// The next number of discovery.
    pub(super) next_seq: u64,
    /// The length of the queue.
    pub(super) n_queued: u64,
    /// The engine's book.
    pub(super) book: Vec<u8>,
}
