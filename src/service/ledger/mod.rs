//! The ledger: which crawls the daemon has been given, and what is wanted of each.
//!
//! A crawl is a folder below the data folder, `crawls/<id>/`, with `crawl.json` (its [`Entry`]) and `out/`, the
//! output folder of `dragline run`. The entry says what is *wanted* (run, pause, cancel) and how the crawl *ended*;
//! what has been crawled is in the output folder's own state, and whether somebody works on it right now is nobody's
//! to write down. So whatever kills the process, the entries say what to go on with.
//!
//! [`Entry`] is pure: [`Entry::act`] says what becomes of it, or why that can't be. [`Shelf`] has the files: an
//! entry is replaced whole, and synced, before anybody is told that it has changed.
//!
//! Invariants:
//! - a crawl that was acknowledged is on disk: its folder gets its name when its entry is in it;
//! - a crawl that is deleted is gone from the ledger in one step, and its files by and by;
//! - the data folder has one owner, who holds its lock, and one version, which is written in it.

mod entry;
mod schedule;
mod shelf;

pub(crate) use entry::{Act, Change, CrawlId, Entry, How, Idempotency, Next, Owed, Unfit, Want};
pub(crate) use schedule::{Overlap, Schedule, next};
pub(crate) use shelf::{Held, Shelf, ShelfError};
