//! Outputs: where records go.
//!
//! A [`Sink`] appends records and can say, after [`Sink::sync`], how far each of its files is on
//! disk for good: its [`Mark`]s. The recorder commits the marks together with the frontier; a sink
//! that is opened with marks first cuts its files back to them. So a record is in the outputs
//! exactly once if and only if its URL is done in the frontier.
//!
//! A sink knows nothing of URLs, and never decides what is written.

mod jsonl;
mod reader;

pub use jsonl::{JsonlSink, is_output_name};
pub use reader::{Place, read_records, read_records_before, read_records_from};

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Appends records durably.
pub trait Sink: Send {
    /// Takes one record, a line without its end. It may stay in memory until the next sync.
    ///
    /// # Errors
    /// When it can't be written. The sink must then be dropped.
    fn append(&mut self, record: &[u8]) -> Result<(), SinkError>;

    /// Makes everything appended durable.
    ///
    /// # Errors
    /// When it can't be. The sink must then be dropped.
    fn sync(&mut self) -> Result<(), SinkError>;

    /// How far each file is, as of the last sync.
    fn marks(&self) -> Vec<Mark>;
}

/// How far a file is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Mark {
    /// Its name in the output folder.
    pub file: String,
    /// Its length, bytes.
    pub bytes: u64,
    /// Records in it.
    pub records: u64,
    /// CRC-32 (IEEE) of its bytes, packed as they are; none of a file that an older version began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crc32: Option<u32>,
}

/// What can go wrong with an output.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// Reading records back failed.
    #[error("reading {} failed: {source}", .path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Writing failed: disk full, no permission, …
    #[error("writing {} failed: {source}", .path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file holds less than what was committed.
    #[error("{} is damaged: {found} bytes of the {expected} that were committed are there", .path.display())]
    Short {
        /// Which file.
        path: PathBuf,
        /// Bytes committed.
        expected: u64,
        /// Bytes found.
        found: u64,
    },
}

/// How records are written.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// How files are compressed.
    pub compression: Compression,
    /// A file is closed at the first sync at which it is at least this long, bytes.
    pub rotate_bytes: Option<u64>,
}

/// How files are compressed: as a sequence of members or frames, so that a file can be cut at any
/// sync and is whole there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

/// A sink for crawls that want no records.
#[derive(Debug, Default)]
pub struct NullSink;

impl Sink for NullSink {
    fn append(&mut self, _record: &[u8]) -> Result<(), SinkError> {
        Ok(())
    }

    fn sync(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    fn marks(&self) -> Vec<Mark> {
        Vec::new()
    }
}
