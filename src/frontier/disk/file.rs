//! The store's file: how it is opened, and what redb says when it can't be.

use std::path::Path;

use redb::{Builder, DatabaseError, StorageError};

use crate::frontier::{FrontierError, Options};

pub(super) fn builder(options: &Options) -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(usize::try_from(options.store_cache_bytes).unwrap_or(usize::MAX));
    builder.set_check_integrity_on_open(true);
    builder
}

pub(super) fn store(error: impl std::fmt::Display) -> FrontierError {
    FrontierError::Store(error.to_string())
}

pub(super) fn open_error(path: &Path, error: DatabaseError) -> FrontierError {
    match error {
        DatabaseError::DatabaseAlreadyOpen => FrontierError::InUse(path.to_owned()),
        DatabaseError::Storage(StorageError::Corrupted(what)) => {
            FrontierError::Corrupted { path: path.to_owned(), what }
        }
        // What redb says of a file that does not start like one of its own.
        DatabaseError::Storage(StorageError::Io(e)) if e.kind() == std::io::ErrorKind::InvalidData => {
            FrontierError::Corrupted { path: path.to_owned(), what: e.to_string() }
        }
        error => FrontierError::Store(format!("{}: {error}", path.display())),
    }
}
