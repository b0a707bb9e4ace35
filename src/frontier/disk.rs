//! The frontier on disk: one redb file, one write transaction between two commits.
//!
//! redb is a B-tree with copy-on-write pages: a commit is one fsync'd switch of the root, so it
//! either happened or did not. Every page carries a checksum, and all are verified when an
//! existing file is opened: a flipped byte is an error that names the file, never a wrong answer.
//!
//! Eight tables. `seen`: fingerprint → done or place in the queue, 24 bytes a URL. `queue`: (host,
//! place) → the URL and how it was found. `hosts`: host → its record. `robots`: host
//! → the robots.txt of its origins. `directories`: (host, directory) → pages fetched, if they have a
//! limit. `retired`: (host, directory)
//! → one that is done with. `validators`: fingerprint → what a page left for the next pass. `meta`: format, the engine's
//! book, the next number of discovery, the length of the queue.

mod file;
mod passes;
mod shelves;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use redb::{Database, ReadableTable, TableDefinition, WriteTransaction};

use file::{builder, open_error, store};
use shelves::Shelves;

use super::{
    Discovery, Frontier, FrontierError, HostRecord, Known, MAX_RETIRED, Options, Place, QueuedUrl, Retired, Sifted,
    Status, Validators,
    recent::Recent,
    remember,
    stored::{self, FORMAT, Seen, queue_key},
};
use crate::{
    address::{CanonicalUrl, DirectoryKey, Fingerprint, HostId, Origin},
    robots::Policy,
};

const SEEN: TableDefinition<'_, u128, u64> = TableDefinition::new("seen");
const QUEUE: TableDefinition<'_, (u64, u64), &[u8]> = TableDefinition::new("queue");
const HOSTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("hosts");
const ROBOTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("robots");
const DIRECTORIES: TableDefinition<'_, (u64, u64), u64> = TableDefinition::new("directories");
const RETIRED: TableDefinition<'_, (u64, u64), &[u8]> = TableDefinition::new("retired");
const VALIDATORS: TableDefinition<'_, u128, &[u8]> = TableDefinition::new("validators");
const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");

/// A [`Frontier`] in an embedded store.
pub struct DiskFrontier {
    // The order matters: an open transaction must go before its database.
    txn: Option<WriteTransaction>,
    db: Database,
    path: PathBuf,
    recent: Recent,
    book: Vec<u8>,
    count: Count,
    seen_cache_bytes: u64,
}

#[derive(Debug, Clone, Copy)]
struct Count {
    next_seq: u64,
    n_queued: u64,
    max_queued: Option<u64>,
}

impl std::fmt::Debug for DiskFrontier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DiskFrontier")
            .field("path", &self.path)
            .field("n_queued", &self.count.n_queued)
            .finish_non_exhaustive()
    }
}

impl DiskFrontier {
    /// A new store in a file that must not exist. It becomes a frontier with the first commit.
    ///
    /// # Errors
    /// When the file exists or can't be written.
    pub fn create(path: &Path, options: &Options) -> Result<Self, FrontierError> {
        if path.exists() {
            return Err(FrontierError::Store(format!("{} exists already", path.display())));
        }
        let db = builder(options).create(path).map_err(|e| open_error(path, e))?;
        Self::new(db, path, options)
    }

    /// The store in an existing file, every page of it verified.
    ///
    /// # Errors
    /// When it is damaged, in use, of another format, or can't be read.
    pub fn open(path: &Path, options: &Options) -> Result<Self, FrontierError> {
        let corrupted = |what: String| FrontierError::Corrupted { path: path.to_owned(), what };
        // An empty file is what redb would take for a new store, and what a broken disk leaves.
        let length =
            std::fs::metadata(path).map_err(|e| FrontierError::Store(format!("{}: {e}", path.display())))?.len();
        if length == 0 {
            return Err(corrupted("the file is empty".into()));
        }
        // redb may panic on a file that was cut: that is a finding about the file, not a fault.
        let db = catch_unwind(AssertUnwindSafe(|| builder(options).open(path)))
            .map_err(|_| corrupted("its pages don't fit together".into()))?
            .map_err(|e| open_error(path, e))?;
        let frontier = Self::new(db, path, options)?;
        if frontier.book.is_empty() {
            return Err(corrupted("it was never committed to".into()));
        }
        Ok(frontier)
    }

    fn new(db: Database, path: &Path, options: &Options) -> Result<Self, FrontierError> {
        let mut frontier = Self {
            txn: None,
            db,
            path: path.to_owned(),
            recent: Recent::new(options.seen_cache_bytes),
            book: Vec::new(),
            count: Count { next_seq: 0, n_queued: 0, max_queued: options.max_queued },
            seen_cache_bytes: options.seen_cache_bytes,
        };
        frontier.txn = Some(frontier.db.begin_write().map_err(store)?);
        if let Some(format) = frontier.meta("format")? {
            let found = u32::try_from(frontier.number(&format)?).unwrap_or(u32::MAX);
            if found != FORMAT {
                return Err(FrontierError::Format { path: path.to_owned(), found });
            }
            let missing = || frontier.corrupted("a number is missing");
            let next_seq = frontier.number(&frontier.meta("next_seq")?.ok_or_else(missing)?)?;
            let n_queued = frontier.number(&frontier.meta("n_queued")?.ok_or_else(missing)?)?;
            let book = frontier.meta("book")?.ok_or_else(missing)?;
            frontier.count = Count { next_seq, n_queued, ..frontier.count };
            frontier.book = book;
        }
        Ok(frontier)
    }

    fn meta(&self, name: &str) -> Result<Option<Vec<u8>>, FrontierError> {
        let meta = self.txn_ref()?.open_table(META).map_err(store)?;
        let value = meta.get(name).map_err(store)?.map(|value| value.value().to_vec());
        Ok(value)
    }

    fn txn_ref(&self) -> Result<&WriteTransaction, FrontierError> {
        self.txn.as_ref().ok_or_else(|| FrontierError::Store("an earlier commit failed".into()))
    }

    fn number(&self, bytes: &[u8]) -> Result<u64, FrontierError> {
        bytes.try_into().map(u64::from_be_bytes).map_err(|_| self.corrupted("a number has the wrong length"))
    }

    fn corrupted(&self, what: impl Into<String>) -> FrontierError {
        FrontierError::Corrupted { path: self.path.clone(), what: what.into() }
    }

    fn decode_robots(&self, bytes: &[u8]) -> Result<Vec<(Origin, Policy)>, FrontierError> {
        serde_json::from_slice(bytes).map_err(|e| self.corrupted(format!("a robots.txt does not decode: {e}")))
    }

    fn decode_host(&self, bytes: &[u8]) -> Result<HostRecord, FrontierError> {
        serde_json::from_slice(bytes).map_err(|e| self.corrupted(format!("a host does not decode: {e}")))
    }
}

impl Frontier for DiskFrontier {
    fn book(&self) -> &[u8] {
        &self.book
    }

    fn sift(&mut self, mut found: Vec<Discovery>) -> Result<Sifted, FrontierError> {
        let recent = &mut self.recent;
        found.retain(|discovery| match recent.get(discovery.fingerprint) {
            None => true,
            Some(Seen::Done) => false,
            Some(Seen::Queued(place)) => discovery.improves(place),
        });
        let mut sifted = Sifted::default();
        if found.is_empty() {
            return Ok(sifted);
        }
        let mut shelves = Shelves::open(self.txn_ref()?)?;
        let mut count = self.count;
        let mut learnt = Vec::with_capacity(found.len());
        for discovery in found {
            let fingerprint = discovery.fingerprint;
            let seen = match shelves.seen(fingerprint.0)? {
                None => shelves.admit(discovery, &mut count, &mut sifted)?,
                Some(Seen::Queued(place)) if discovery.improves(place) => {
                    let moved = shelves.advance(place, &discovery)?.map_err(|what| self.corrupted(what))?;
                    let seen = Seen::Queued(moved.place);
                    sifted.moved.push((place, moved));
                    seen
                }
                Some(seen) => seen,
            };
            learnt.push((fingerprint, seen));
        }
        drop(shelves);
        self.count = count;
        learnt.into_iter().for_each(|(fingerprint, seen)| self.recent.put(fingerprint, seen));
        Ok(sifted)
    }

    fn conclude(&mut self, url: &CanonicalUrl) -> Result<bool, FrontierError> {
        let fingerprint = url.fingerprint();
        let mut shelves = Shelves::open(self.txn_ref()?)?;
        let before = shelves
            .seen
            .insert(fingerprint.0, Seen::Done.pack())
            .map_err(store)?
            .map(|packed| Seen::unpack(packed.value()));
        let Some(Seen::Queued(place)) = before else { return Ok(false) };
        let queued = shelves.queue.remove(queue_key(url.host().id(), place)).map_err(store)?.is_some();
        drop(shelves);
        self.count.n_queued -= u64::from(queued);
        self.recent.put(fingerprint, Seen::Done);
        Ok(queued)
    }

    fn postpone(&mut self, url: &QueuedUrl) -> Result<(), FrontierError> {
        let mut shelves = Shelves::open(self.txn_ref()?)?;
        if let Some(Seen::Queued(place)) = shelves.seen(url.fingerprint.0)? {
            shelves.put(&QueuedUrl { place, ..url.clone() })?;
        }
        Ok(())
    }

    fn head(&mut self, host: HostId, after: Option<Place>, limit: usize) -> Result<Vec<QueuedUrl>, FrontierError> {
        let queue = self.txn_ref()?.open_table(QUEUE).map_err(store)?;
        let from = after.map_or(0, |place| place.pack() + 1);
        let range = queue.range((host.0, from)..=(host.0, u64::MAX)).map_err(store)?;
        range
            .take(limit)
            .map(|entry| {
                let (key, value) = entry.map_err(store)?;
                stored::decode(Place::unpack(key.value().1), value.value()).map_err(|what| self.corrupted(what))
            })
            .collect()
    }

    fn waiting_hosts(
        &mut self,
        after: Option<HostId>,
        limit: usize,
        max_depth: Option<u16>,
    ) -> Result<Vec<HostId>, FrontierError> {
        let queue = self.txn_ref()?.open_table(QUEUE).map_err(store)?;
        let mut hosts = Vec::new();
        let mut from = after.map_or(Some(0), |host| host.0.checked_add(1));
        while let Some(start) = from
            && hosts.len() < limit
        {
            let Some(first) = queue.range((start, 0)..).map_err(store)?.next() else { break };
            let (host, first) = first.map_err(store)?.0.value();
            if max_depth.is_none_or(|most| Place::unpack(first).depth <= most) {
                hosts.push(HostId(host));
            }
            from = host.checked_add(1);
        }
        Ok(hosts)
    }

    fn host(&mut self, host: HostId) -> Result<Option<HostRecord>, FrontierError> {
        let hosts = self.txn_ref()?.open_table(HOSTS).map_err(store)?;
        let record = hosts.get(host.0).map_err(store)?.map(|bytes| self.decode_host(bytes.value()));
        record.transpose()
    }

    fn set_host(&mut self, record: &HostRecord) -> Result<(), FrontierError> {
        let bytes =
            serde_json::to_vec(record).map_err(|e| FrontierError::Store(format!("a host does not encode: {e}")))?;
        let mut hosts = self.txn_ref()?.open_table(HOSTS).map_err(store)?;
        hosts.insert(record.host.id().0, bytes.as_slice()).map_err(store)?;
        Ok(())
    }

    fn robots(&mut self, host: HostId) -> Result<Vec<(Origin, Policy)>, FrontierError> {
        let robots = self.txn_ref()?.open_table(ROBOTS).map_err(store)?;
        let Some(bytes) = robots.get(host.0).map_err(store)? else { return Ok(Vec::new()) };
        self.decode_robots(bytes.value())
    }

    fn set_robots(&mut self, host: HostId, origin: &Origin, policy: &Policy) -> Result<(), FrontierError> {
        let mut known = self.robots(host)?;
        remember(&mut known, origin, policy);
        let bytes = serde_json::to_vec(&known).map_err(store)?;
        let mut robots = self.txn_ref()?.open_table(ROBOTS).map_err(store)?;
        robots.insert(host.0, bytes.as_slice()).map_err(store)?;
        Ok(())
    }

    fn directory_pages(&mut self, host: HostId, directory: DirectoryKey) -> Result<u64, FrontierError> {
        let directories = self.txn_ref()?.open_table(DIRECTORIES).map_err(store)?;
        let n_pages = directories.get((host.0, directory.0)).map_err(store)?;
        Ok(n_pages.map_or(0, |n_pages| n_pages.value()))
    }

    fn set_directory_pages(
        &mut self,
        host: HostId,
        directory: DirectoryKey,
        n_pages: u64,
    ) -> Result<(), FrontierError> {
        let mut directories = self.txn_ref()?.open_table(DIRECTORIES).map_err(store)?;
        directories.insert((host.0, directory.0), n_pages).map_err(store)?;
        Ok(())
    }

    fn retired(&mut self, host: HostId) -> Result<Vec<Retired>, FrontierError> {
        let table = self.txn_ref()?.open_table(RETIRED).map_err(store)?;
        let range = table.range((host.0, 0)..=(host.0, u64::MAX)).map_err(store)?;
        range
            .take(MAX_RETIRED)
            .map(|entry| {
                let (_, value) = entry.map_err(store)?;
                serde_json::from_slice(value.value())
                    .map_err(|e| self.corrupted(format!("a retired directory does not decode: {e}")))
            })
            .collect()
    }

    fn retire(&mut self, host: HostId, retired: &Retired) -> Result<(), FrontierError> {
        let bytes = serde_json::to_vec(retired).map_err(store)?;
        let mut table = self.txn_ref()?.open_table(RETIRED).map_err(store)?;
        table.insert((host.0, retired.key()), bytes.as_slice()).map_err(store)?;
        Ok(())
    }

    fn validators(&mut self, url: Fingerprint) -> Result<Option<Validators>, FrontierError> {
        self.read_validators(url)
    }

    fn set_validators(&mut self, url: Fingerprint, validators: Option<&Validators>) -> Result<(), FrontierError> {
        passes::write_validators(self.txn_ref()?, url, validators)
    }

    fn begin_pass(&mut self, book: &[u8]) -> Result<(), FrontierError> {
        self.forget_pass()?;
        self.commit(book)
    }

    fn status(&mut self, url: &CanonicalUrl) -> Result<Status, FrontierError> {
        let shelves = Shelves::open(self.txn_ref()?)?;
        let place = match shelves.seen(url.fingerprint().0)? {
            None => return Ok(Status::Unseen),
            Some(Seen::Done) => return Ok(Status::Done),
            Some(Seen::Queued(place)) => place,
        };
        let host = url.host().id();
        let entry = shelves.queue.get(queue_key(host, place)).map_err(store)?;
        let entry = entry.ok_or_else(|| self.corrupted("a URL is seen as queued and is not in its queue"))?;
        let queued = stored::decode(place, entry.value()).map_err(|what| self.corrupted(what))?;
        let before = shelves.queue.range((host.0, 0)..queue_key(host, place)).map_err(store)?;
        Ok(Status::Queued { queued: Box::new(queued), n_before: before.count() as u64 })
    }

    fn for_each_host(&mut self, each: &mut dyn FnMut(HostRecord)) -> Result<(), FrontierError> {
        let hosts = self.txn_ref()?.open_table(HOSTS).map_err(store)?;
        for entry in hosts.iter().map_err(store)? {
            each(self.decode_host(entry.map_err(store)?.1.value())?);
        }
        Ok(())
    }

    fn for_each_seen(&mut self, each: &mut dyn FnMut(Fingerprint, Known)) -> Result<(), FrontierError> {
        Shelves::open(self.txn_ref()?)?.for_each_seen(each)
    }

    fn n_queued(&self) -> u64 {
        self.count.n_queued
    }

    fn commit(&mut self, book: &[u8]) -> Result<(), FrontierError> {
        let txn = self.txn.take().ok_or_else(|| FrontierError::Store("an earlier commit failed".into()))?;
        {
            let mut meta = txn.open_table(META).map_err(store)?;
            let numbers =
                [("format", u64::from(FORMAT)), ("next_seq", self.count.next_seq), ("n_queued", self.count.n_queued)];
            for (name, number) in numbers {
                meta.insert(name, number.to_be_bytes().as_slice()).map_err(store)?;
            }
            meta.insert("book", book).map_err(store)?;
        }
        txn.commit().map_err(store)?;
        book.clone_into(&mut self.book);
        self.txn = Some(self.db.begin_write().map_err(store)?);
        Ok(())
    }
}
