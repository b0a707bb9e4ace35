//! The frontier: which URLs are known, and which are waiting.
//!
//! Two halves, so that neither waits for the other:
//!
//! - The [`Workbench`] is what may be asked *now*: the heads of the queues of active hosts, their
//!   policies and their robots.txt, ordered by time. In memory, pure, owned by the frontier task,
//!   which hands out [`Lease`]s from it.
//! - A [`Frontier`] is what is *known*: every URL ever seen, the queue of every host, how things
//!   stand with each host, and the engine's book. Durable, owned by the recorder, which is the
//!   only one to change it, in the same commit in which it declares the outputs written.
//!
//! They talk in messages: the recorder tells the workbench what is new and what is settled, the
//! workbench asks for the next part of a host's queue. A lease is never durable: a URL stays in
//! its queue until its outcome is committed, so whatever a crash interrupts is still waiting.
//!
//! Invariants:
//! - a URL is either unseen, queued exactly once, or done; done is for ever, until a new pass begins;
//! - [`Frontier::commit`] is atomic: after a crash everything since the last commit never happened;
//! - memory follows active hosts and the size of a batch, not the number of URLs known.

mod answers;
mod disk;
mod host;
mod memory;
mod recent;
mod retired;
mod store;
mod stored;
mod validators;
pub mod workbench;

#[cfg(test)]
mod contract;

pub use answers::{Audited, MAX_COUNTED, Sifted, Status, Waiting};
pub use disk::DiskFrontier;
use host::remember;
pub use host::{HostRecord, HostTally};
pub use memory::MemoryFrontier;
pub use recent::Recent;
pub use retired::{MAX_RETIRED, Retired, RetiredSet};
pub use store::{Table, TableSize};
pub use validators::Validators;
pub use workbench::{Lease, Task, Workbench};

use std::{path::PathBuf, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    address::{CanonicalUrl, DirectoryKey, Fingerprint, HostId, HostKey, Origin},
    clock::Timestamp,
    robots::Policy,
    scope::Role,
    verdict::{Refused, Verdict},
};

/// What a crawl knows, durably. One contract suite (`contract.rs`) is passed by every adapter.
///
/// Changes are visible to the caller at once and durable with the next [`Frontier::commit`].
/// Methods block on a store; the recorder calls them where blocking is allowed.
pub trait Frontier: Send {
    /// The book of the last commit, empty before the first.
    fn book(&self) -> &[u8];

    /// Sorts what was found into new and known: admits new URLs to their host's queue, remembers
    /// those that were refused, moves a queued one forward when a shorter way to it was found.
    ///
    /// # Errors
    /// When the store fails.
    fn sift(&mut self, found: Vec<Discovery>) -> Result<Sifted, FrontierError>;

    /// What it remembers of URLs that were found lately, for those who find them; none if it has no such memory.
    fn recent(&self) -> Option<Recent> {
        None
    }

    /// A URL's story has ended: takes it out of its queue. `true` when it was queued.
    ///
    /// # Errors
    /// When the store fails.
    fn conclude(&mut self, url: &CanonicalUrl) -> Result<bool, FrontierError>;

    /// A URL will be tried again: rewrites its queue entry with the attempts and time in `url`.
    ///
    /// # Errors
    /// When the store fails.
    fn postpone(&mut self, url: &QueuedUrl) -> Result<(), FrontierError>;

    /// At most `limit` URLs of a host's queue, in order, from the first one behind `after`.
    ///
    /// # Errors
    /// When the store fails or holds what it can't have written.
    fn head(&mut self, host: HostId, after: Option<Place>, limit: usize) -> Result<Vec<QueuedUrl>, FrontierError>;

    /// At most `limit` hosts that have queued URLs, in the order of their ids, behind `after`; with
    /// `max_depth` only those whose first URL is no deeper. There may be more behind where it stopped looking.
    ///
    /// # Errors
    /// When the store fails.
    fn waiting_hosts(
        &mut self,
        after: Option<HostId>,
        limit: usize,
        max_depth: Option<u16>,
    ) -> Result<Waiting, FrontierError>;

    /// What is known of a host, if anything is.
    ///
    /// # Errors
    /// When the store fails or holds what it can't have written.
    fn host(&mut self, host: HostId) -> Result<Option<HostRecord>, FrontierError>;

    /// Replaces what is known of a host.
    ///
    /// # Errors
    /// When the store fails.
    fn set_host(&mut self, record: &HostRecord) -> Result<(), FrontierError>;

    /// The robots.txt of a host's origins, at most [`MAX_ORIGINS`].
    ///
    /// # Errors
    /// When the store fails or holds what it can't have written.
    fn robots(&mut self, host: HostId) -> Result<Vec<(Origin, Policy)>, FrontierError>;

    /// Remembers an origin's robots.txt; beyond [`MAX_ORIGINS`] the oldest is forgotten.
    ///
    /// # Errors
    /// When the store fails.
    fn set_robots(&mut self, host: HostId, origin: &Origin, policy: &Policy) -> Result<(), FrontierError>;

    /// Pages fetched from a directory, as last set.
    ///
    /// # Errors
    /// When the store fails.
    fn directory_pages(&mut self, host: HostId, directory: DirectoryKey) -> Result<u64, FrontierError>;

    /// Sets the number of pages fetched from a directory.
    ///
    /// # Errors
    /// When the store fails.
    fn set_directory_pages(&mut self, host: HostId, directory: DirectoryKey, n_pages: u64)
    -> Result<(), FrontierError>;

    /// The directories of a host of which nothing more is asked for, at most [`MAX_RETIRED`].
    ///
    /// # Errors
    /// When the store fails or holds what it can't have written.
    fn retired(&mut self, host: HostId) -> Result<Vec<Retired>, FrontierError>;

    /// Remembers that nothing more of a directory is asked for.
    ///
    /// # Errors
    /// When the store fails.
    fn retire(&mut self, host: HostId, retired: &Retired) -> Result<(), FrontierError>;

    /// What an earlier pass left of a page, if anything.
    ///
    /// # Errors
    /// When the store fails or holds what it can't have written.
    fn validators(&mut self, url: Fingerprint) -> Result<Option<Validators>, FrontierError>;

    /// Replaces what is left of a page, or forgets it.
    ///
    /// # Errors
    /// When the store fails.
    fn set_validators(&mut self, url: Fingerprint, validators: Option<&Validators>) -> Result<(), FrontierError>;

    /// Begins a new pass, and commits that with `book`, in one step: no URL is known, no directory done
    /// with, nothing counted. What is owed to hosts stays, and their robots.txt, and validators; a host
    /// that was given up gets another chance.
    ///
    /// # Errors
    /// When the store fails; the frontier must then be dropped.
    fn begin_pass(&mut self, book: &[u8]) -> Result<(), FrontierError>;

    /// What is known of a URL, for those who ask why it was or was not fetched. Takes time in
    /// proportion to the host's queue.
    ///
    /// # Errors
    /// When the store fails or holds what it can't have written.
    fn status(&mut self, url: &CanonicalUrl) -> Result<Status, FrontierError>;

    /// Calls `each` for every host known, for the report at the end.
    ///
    /// # Errors
    /// When the store fails or holds what it can't have written.
    fn for_each_host(&mut self, each: &mut dyn FnMut(HostRecord)) -> Result<(), FrontierError>;

    /// Reads a table to its end, with what has not been committed, and judges every entry. Tells, in the order of their
    /// keys, of each URL of [`Table::Seen`] and of [`Table::Queue`], and of all that is damaged in any. Memory does not follow their number.
    ///
    /// # Errors
    /// When the store fails. Damage is told, and is no error.
    fn audit(&mut self, table: Table, tell: &mut dyn FnMut(Audited)) -> Result<(), FrontierError>;

    /// Tells the sizes of what it holds in memory, by name. Cheap.
    fn held(&self, _tell: &mut dyn FnMut(&'static str, u64)) {}

    /// How many URLs are queued.
    fn n_queued(&self) -> u64;

    /// Makes everything since the last commit durable, together with the engine's `book`, or none
    /// of it.
    ///
    /// # Errors
    /// When the store fails; the frontier must then be dropped.
    fn commit(&mut self, book: &[u8]) -> Result<(), FrontierError>;
}

/// What can go wrong with a store.
#[derive(Debug, thiserror::Error)]
pub enum FrontierError {
    /// Reading or writing failed: disk full, I/O error, …
    #[error("the frontier's store failed: {0}")]
    Store(String),
    /// The file is not what was written. Nothing was changed.
    #[error("the frontier in {} is damaged: {what}", .path.display())]
    Corrupted {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// Another process has it open.
    #[error("the frontier in {} is in use by another process", .0.display())]
    InUse(PathBuf),
    /// Written by another version of dragline.
    #[error("the frontier in {} has format {found}, this version reads {}", .path.display(), stored::FORMAT)]
    Format {
        /// Which file.
        path: PathBuf,
        /// The format found.
        found: u32,
    },
}

/// Sizes of a frontier's parts.
#[derive(Debug, Clone)]
pub struct Options {
    /// Most URLs queued; further ones are refused. `None` is no limit.
    pub max_queued: Option<u64>,
    /// Bytes for fingerprints seen recently (`frontier.seen_cache`).
    pub seen_cache_bytes: u64,
    /// Bytes of changes kept in memory before they become files (`frontier.buffer`); as many again while they do.
    pub buffer_bytes: u64,
}

/// A place in a host's queue: by depth, then by discovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// Links away from a seed.
    pub depth: u16,
    /// Number of its discovery, below 2⁴⁸.
    pub seq: u64,
}

impl Place {
    /// The depth of those that are held: behind all others.
    pub const HELD: u16 = u16::MAX;
}

/// A URL that waits in its host's queue.
#[derive(Debug, Clone, PartialEq)]
pub struct QueuedUrl {
    /// Where in the queue.
    pub place: Place,
    /// The URL.
    pub url: CanonicalUrl,
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// What it is expected to be.
    pub kind: Kind,
    /// Sitemaps above it, if it is a sitemap.
    pub nesting: u8,
    /// Links in a row that led here from beyond the reach of the scope's mode.
    pub hops_off_site: u8,
    /// The page it was found on.
    pub via: Option<Arc<str>>,
    /// The redirects that led to it, oldest first.
    pub redirects: Vec<Hop>,
    /// Attempts so far.
    pub attempts: u32,
    /// Not before this, after a failed attempt.
    pub not_before: Timestamp,
    /// It is refused unless another way to it is found before the crawl ends.
    pub held: Option<Box<Held>>,
}

/// Why a queued URL is not asked for yet: the way by which it was found refuses it, and another
/// would not. It stands behind all others of its host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Why it will be refused, and the rule.
    pub refused: Refused,
    /// Links away from a seed; its place says nothing of that.
    pub depth: u16,
}

impl QueuedUrl {
    /// Links away from a seed.
    pub fn depth(&self) -> u16 {
        self.held.as_ref().map_or(self.place.depth, |held| held.depth)
    }

    /// Whose queue.
    pub fn host(&self) -> HostKey {
        self.url.host()
    }
}

/// What a URL is expected to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A page.
    Page,
    /// A sitemap: what it lists is visited, itself it is no page.
    Sitemap,
}

impl Kind {
    /// As in records: `page` or `sitemap`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Sitemap => "sitemap",
        }
    }
}

/// One redirect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Hop {
    /// The URL that answered with a redirect.
    pub url: String,
    /// Its status.
    pub status: u16,
}

/// A URL that was found, with what is thought of it.
#[derive(Debug, Clone)]
pub struct Discovery {
    /// The URL.
    pub url: CanonicalUrl,
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// How it was found.
    pub role: Role,
    /// Links away from a seed.
    pub depth: u16,
    /// What it is expected to be.
    pub kind: Kind,
    /// Sitemaps above it, if it is a sitemap.
    pub nesting: u8,
    /// Links in a row that led here from beyond the reach of the scope's mode.
    pub hops_off_site: u8,
    /// The page it was found on.
    pub via: Option<Arc<str>>,
    /// The redirects that led to it, oldest first.
    pub redirects: Vec<Hop>,
    /// Whether to ask for it.
    pub verdict: Verdict,
    /// The rule by which it is refused.
    pub rule: Option<Arc<str>>,
    /// Whether it is refused for the way by which it was found, so that another may do.
    pub depends_on_way: bool,
}

/// Most robots.txt remembered for one host (it has one for each scheme and port).
pub const MAX_ORIGINS: usize = 16;
