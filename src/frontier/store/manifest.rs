//! The manifest: what a store consists of.
//!
//! A line for people and for other versions, `dragline frontier <format> <XXH3 of the rest>`, and the rest in
//! postcard. It is replaced whole, after all that it names is on disk: that moment is when runs begin to count.

use std::path::Path;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::{Meta, N_TABLES, files};
use crate::frontier::{FrontierError, stored::FORMAT};

const TITLE: &str = "dragline frontier ";
/// Longest first line that is read.
const MAX_LINE: usize = 100;

/// What a store consists of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// The runs of each table, oldest first.
    pub(super) runs: [Vec<u64>; N_TABLES],
    /// The number that the next run gets.
    pub(super) next_run: u64,
    /// The first log whose commits are not in the runs.
    pub(super) log: u64,
    /// The number of its first frame.
    pub(super) frame: u64,
    /// The state before that log.
    pub(super) meta: Meta,
}

impl Manifest {
    pub(super) fn write(&self, folder: &Path) -> Result<(), FrontierError> {
        let rest = postcard::to_stdvec(self).expect("numbers and bytes always serialise");
        let mut bytes = format!("{TITLE}{FORMAT} {:016x}\n", xxh3_64(&rest)).into_bytes();
        bytes.extend_from_slice(&rest);
        files::replace(folder, files::MANIFEST, &bytes)
    }

    pub(super) fn read(folder: &Path) -> Result<Self, FrontierError> {
        let path = folder.join(files::MANIFEST);
        let bytes = match std::fs::read(&path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Err(files::corrupted(&path, "it is missing")),
            read => read.map_err(|e| files::failed(&path, &e))?,
        };
        let damaged = || files::corrupted(&path, "it is not what was written");
        let end = bytes.iter().take(MAX_LINE).position(|byte| *byte == b'\n').ok_or_else(damaged)?;
        let line = std::str::from_utf8(&bytes[..end]).map_err(|_| damaged())?;
        let (format, sum) = line.strip_prefix(TITLE).and_then(|line| line.split_once(' ')).ok_or_else(damaged)?;
        let found = format.parse().map_err(|_| damaged())?;
        if found != FORMAT {
            return Err(FrontierError::Format { path, found });
        }
        let rest = &bytes[end + 1..];
        if sum != format!("{:016x}", xxh3_64(rest)) {
            return Err(damaged());
        }
        postcard::from_bytes(rest).map_err(|_| damaged())
    }
}
