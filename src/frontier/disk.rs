//! The frontier on disk: what [`store`](super::store) keeps, in the terms of a crawl.
//!
//! Seven tables. `Seen`: fingerprint → done, or the place in the queue. `Queue`: (host, place) → the URL and how it was found.
//! `Hosts`: host → its record. `Robots`: host → the robots.txt of its origins. `Directories`: (host, directory) → pages
//! fetched, if they have a limit. `Retired`: (host, directory) → one that is done with. `Validators`: fingerprint → what a page left
//! for the next pass. Beside them, in each commit: the engine's book, the next number of discovery, the length of the queue.
//!
//! The seen-test is the hot path: nearly all links of a page point to what is known. So what was seen lately is asked first
//! ([`Recent`]), and the rest of a batch is looked up by ascending fingerprints, which puts the links to one host side by side.

mod audit;
mod pass;
mod search;
mod sift;

use std::{collections::HashMap, path::Path};

use super::{
    Audited, Discovery, Frontier, FrontierError, HostRecord, MAX_COUNTED, MAX_RETIRED, Options, Place, QueuedUrl,
    Retired, Sifted, Status, Validators, Waiting,
    recent::Recent,
    remember,
    store::{self, Key, Meta, Store, Table, TableSize},
    stored::{self, Seen},
    validators,
};
use crate::{
    address::{CanonicalUrl, DirectoryKey, Fingerprint, HostId, Origin},
    robots::Policy,
};

/// Most hosts of which it is remembered where their queue begins.
const MAX_FIRSTS: usize = 65_536;

/// A [`Frontier`] in a store of its own.
#[derive(Debug)]
pub struct DiskFrontier {
    store: Store,
    path: Box<Path>,
    recent: Recent,
    count: Count,
    /// Before these places nothing is queued of a host. Spares a look at all that is done when its queue is read anew.
    firsts: HashMap<HostId, u64>,
}

/// Before `first` nothing is queued of a host.
fn remember_first(firsts: &mut HashMap<HostId, u64>, host: HostId, first: u64) {
    if firsts.len() >= MAX_FIRSTS {
        firsts.clear();
    }
    firsts.insert(host, first);
}

#[derive(Debug, Clone, Copy)]
struct Count {
    next_seq: u64,
    n_queued: u64,
    max_queued: Option<u64>,
}

impl DiskFrontier {
    /// A new store in a folder that must not exist. It becomes a frontier with the first commit.
    ///
    /// # Errors
    /// When the folder exists or can't be written.
    pub fn create(folder: &Path, options: &Options) -> Result<Self, FrontierError> {
        Ok(Self::new(Store::create(folder, store_options(options))?, folder, options))
    }

    /// The store in an existing folder. What is in it is checked when it is read, not before.
    ///
    /// # Errors
    /// When it is damaged, in use, of another format, or can't be read.
    pub fn open(folder: &Path, options: &Options) -> Result<Self, FrontierError> {
        let frontier = Self::new(Store::open(folder, store_options(options))?, folder, options);
        if frontier.book().is_empty() {
            return Err(frontier.corrupted("it was never committed to"));
        }
        Ok(frontier)
    }

    /// The store in an existing folder, to be read only: nothing of it changes, and nobody else may change it
    /// meanwhile. What would change it fails.
    ///
    /// # Errors
    /// When it is damaged, of another format, or can't be read.
    pub fn look(folder: &Path, options: &Options) -> Result<Self, FrontierError> {
        let frontier = Self::new(Store::look(folder)?, folder, options);
        if frontier.book().is_empty() {
            return Err(frontier.corrupted("it was never committed to"));
        }
        Ok(frontier)
    }

    /// What each table takes on disk, in files of its own; what is still in the log is not among it.
    pub fn tables(&self) -> Vec<TableSize> {
        self.store.sizes()
    }

    /// Waits until all files are written and merged that are to be. No crawl needs it; measurements do.
    ///
    /// # Errors
    /// When one of them can't be written.
    pub fn settle(&mut self) -> Result<(), FrontierError> {
        self.store.settle()
    }

    /// Removes a store that nobody has open, whole or not, and nothing that is not its own. It is no error if there is none.
    ///
    /// # Errors
    /// When something can't be removed, or something else is in the folder.
    pub fn remove(folder: &Path) -> Result<(), FrontierError> {
        Store::remove(folder)
    }

    fn new(store: Store, folder: &Path, options: &Options) -> Self {
        let Meta { next_seq, n_queued, .. } = *store.meta();
        Self {
            path: folder.into(),
            recent: Recent::new(options.seen_cache_bytes),
            count: Count { next_seq, n_queued, max_queued: options.max_queued },
            firsts: HashMap::new(),
            store,
        }
    }

    /// Bytes of entries that are in memory because they are in no file of their own yet, about.
    pub fn buffered_bytes(&self) -> usize {
        self.store.buffered_bytes()
    }

    fn corrupted(&self, what: impl Into<String>) -> FrontierError {
        FrontierError::Corrupted { path: self.path.to_path_buf(), what: what.into() }
    }

    fn seen(&mut self, fingerprint: Fingerprint) -> Result<Option<Seen>, FrontierError> {
        Ok(self.store.number(fingerprint.0)?.map(Seen::unpack))
    }

    /// Remembers what is new of a URL.
    fn set_seen(&mut self, fingerprint: Fingerprint, seen: Seen) {
        self.store.put_number(fingerprint.0, seen.pack());
        self.recent.put(fingerprint, seen);
    }

    fn put(&mut self, queued: &QueuedUrl) {
        let host = queued.host().id();
        let place = queued.place.pack();
        if let Some(first) = self.firsts.get_mut(&host) {
            *first = place.min(*first);
        }
        self.set_seen(queued.fingerprint, Seen::Queued(queued.place));
        self.store.put(Table::Queue, key(host, place), Some(&stored::encode(queued)));
    }

    fn queued(&mut self, host: HostId, place: Place) -> Result<QueuedUrl, FrontierError> {
        let entry = self.store.get(Table::Queue, key(host, place.pack()))?;
        let entry = entry.ok_or_else(|| self.corrupted("a URL is seen as queued and is not in its queue"))?;
        stored::decode(place, &entry).map_err(|what| self.corrupted(what))
    }

    fn decode_host(&self, bytes: &[u8]) -> Result<HostRecord, FrontierError> {
        serde_json::from_slice(bytes).map_err(|e| self.corrupted(format!("a host does not decode: {e}")))
    }

    fn decode_robots(&self, bytes: &[u8]) -> Result<Vec<(Origin, Policy)>, FrontierError> {
        serde_json::from_slice(bytes).map_err(|e| self.corrupted(format!("a robots.txt does not decode: {e}")))
    }

    fn decode_retired(&self, bytes: &[u8]) -> Result<Retired, FrontierError> {
        serde_json::from_slice(bytes).map_err(|e| self.corrupted(format!("a retired directory does not decode: {e}")))
    }
}

fn store_options(options: &Options) -> store::Options {
    store::Options { buffer_bytes: usize::try_from(options.buffer_bytes).unwrap_or(usize::MAX) }
}

/// A host's entries are neighbours, in the order of `rest`.
fn key(host: HostId, rest: u64) -> Key {
    (u128::from(host.0) << 64) | u128::from(rest)
}

fn host_of(key: Key) -> HostId {
    HostId(u64::try_from(key >> 64).expect("64 bits are left"))
}

fn rest_of(key: Key) -> u64 {
    u64::try_from(key & u128::from(u64::MAX)).expect("64 bits are left")
}

fn encoded(value: &impl serde::Serialize) -> Result<Vec<u8>, FrontierError> {
    serde_json::to_vec(value).map_err(|e| FrontierError::Store(format!("an entry does not encode: {e}")))
}

impl Frontier for DiskFrontier {
    fn book(&self) -> &[u8] {
        &self.store.meta().book
    }

    fn sift(&mut self, found: Vec<Discovery>) -> Result<Sifted, FrontierError> {
        self.sift_batch(found)
    }

    fn conclude(&mut self, url: &CanonicalUrl) -> Result<bool, FrontierError> {
        let fingerprint = url.fingerprint();
        let before = self.seen(fingerprint)?;
        self.set_seen(fingerprint, Seen::Done);
        let Some(Seen::Queued(place)) = before else { return Ok(false) };
        self.store.put(Table::Queue, key(url.host().id(), place.pack()), None);
        self.count.n_queued =
            self.count.n_queued.checked_sub(1).ok_or_else(|| self.corrupted("more is queued than was counted"))?;
        Ok(true)
    }

    fn postpone(&mut self, url: &QueuedUrl) -> Result<(), FrontierError> {
        match self.seen(url.fingerprint)? {
            Some(Seen::Queued(place)) if place == url.place => self.put(url),
            Some(Seen::Queued(place)) => {
                let shorter = self.queued(url.host().id(), place)?;
                self.put(&QueuedUrl { attempts: url.attempts, not_before: url.not_before, ..shorter });
            }
            Some(Seen::Done) | None => {}
        }
        Ok(())
    }

    fn head(&mut self, host: HostId, after: Option<Place>, limit: usize) -> Result<Vec<QueuedUrl>, FrontierError> {
        let first = self.firsts.get(&host).copied().unwrap_or_default();
        let from = after.map_or(0, |place| place.pack() + 1).max(first);
        let mut scan = self.store.scan(Table::Queue, key(host, from))?;
        let mut entries = Vec::new();
        while entries.len() < limit
            && let Some(entry) = scan.next()?.filter(|(at, _)| host_of(*at) == host)
        {
            entries.push(entry);
        }
        if after.is_none()
            && let Some((at, _)) = entries.first()
        {
            remember_first(&mut self.firsts, host, rest_of(*at));
        }
        let decode = |(at, bytes): (Key, Vec<u8>)| stored::decode(Place::unpack(rest_of(at)), &bytes);
        entries.into_iter().map(|entry| decode(entry).map_err(|what| self.corrupted(what))).collect()
    }

    fn waiting_hosts(
        &mut self,
        after: Option<HostId>,
        limit: usize,
        max_depth: Option<u16>,
    ) -> Result<Waiting, FrontierError> {
        self.search_hosts(after, limit, max_depth)
    }

    fn host(&mut self, host: HostId) -> Result<Option<HostRecord>, FrontierError> {
        let bytes = self.store.get(Table::Hosts, key(host, 0))?;
        bytes.map(|bytes| self.decode_host(&bytes)).transpose()
    }

    fn set_host(&mut self, record: &HostRecord) -> Result<(), FrontierError> {
        self.store.put(Table::Hosts, key(record.host.id(), 0), Some(&encoded(record)?));
        Ok(())
    }

    fn robots(&mut self, host: HostId) -> Result<Vec<(Origin, Policy)>, FrontierError> {
        let bytes = self.store.get(Table::Robots, key(host, 0))?;
        bytes.map_or(Ok(Vec::new()), |bytes| self.decode_robots(&bytes))
    }

    fn set_robots(&mut self, host: HostId, origin: &Origin, policy: &Policy) -> Result<(), FrontierError> {
        let mut known = self.robots(host)?;
        remember(&mut known, origin, policy);
        self.store.put(Table::Robots, key(host, 0), Some(&encoded(&known)?));
        Ok(())
    }

    fn directory_pages(&mut self, host: HostId, directory: DirectoryKey) -> Result<u64, FrontierError> {
        let Some(bytes) = self.store.get(Table::Directories, key(host, directory.0))? else { return Ok(0) };
        let bytes = bytes.try_into().map_err(|_| self.corrupted("a count of pages has the wrong length"))?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn set_directory_pages(
        &mut self,
        host: HostId,
        directory: DirectoryKey,
        n_pages: u64,
    ) -> Result<(), FrontierError> {
        self.store.put(Table::Directories, key(host, directory.0), Some(&n_pages.to_le_bytes()));
        Ok(())
    }

    fn retired(&mut self, host: HostId) -> Result<Vec<Retired>, FrontierError> {
        let mut scan = self.store.scan(Table::Retired, key(host, 0))?;
        let mut entries = Vec::new();
        while entries.len() < MAX_RETIRED
            && let Some((_, bytes)) = scan.next()?.filter(|(at, _)| host_of(*at) == host)
        {
            entries.push(bytes);
        }
        entries.into_iter().map(|bytes| self.decode_retired(&bytes)).collect()
    }

    fn retire(&mut self, host: HostId, retired: &Retired) -> Result<(), FrontierError> {
        self.store.put(Table::Retired, key(host, retired.key()), Some(&encoded(retired)?));
        Ok(())
    }

    fn validators(&mut self, url: Fingerprint) -> Result<Option<Validators>, FrontierError> {
        let Some(bytes) = self.store.get(Table::Validators, url.0)? else { return Ok(None) };
        validators::decode(&bytes).map(Some).map_err(|what| self.corrupted(what))
    }

    fn set_validators(&mut self, url: Fingerprint, validators: Option<&Validators>) -> Result<(), FrontierError> {
        self.store.put(Table::Validators, url.0, validators.map(validators::encode).as_deref());
        Ok(())
    }

    fn begin_pass(&mut self, book: &[u8]) -> Result<(), FrontierError> {
        self.forget_pass(book)
    }

    fn status(&mut self, url: &CanonicalUrl) -> Result<Status, FrontierError> {
        let place = match self.seen(url.fingerprint())? {
            None => return Ok(Status::Unseen),
            Some(Seen::Done) => return Ok(Status::Done),
            Some(Seen::Queued(place)) => place,
        };
        let host = url.host().id();
        let queued = Box::new(self.queued(host, place)?);
        let end = key(host, place.pack());
        let mut scan = self.store.scan(Table::Queue, key(host, 0))?;
        let mut n_before = 0;
        while n_before < MAX_COUNTED && scan.next()?.is_some_and(|(at, _)| at < end) {
            n_before += 1;
        }
        Ok(Status::Queued { queued, n_before })
    }

    fn for_each_host(&mut self, each: &mut dyn FnMut(HostRecord)) -> Result<(), FrontierError> {
        let path = self.path.clone();
        let mut scan = self.store.scan(Table::Hosts, 0)?;
        while let Some((_, bytes)) = scan.next()? {
            each(serde_json::from_slice(&bytes).map_err(|e| FrontierError::Corrupted {
                path: path.to_path_buf(),
                what: format!("a host does not decode: {e}"),
            })?);
        }
        Ok(())
    }

    fn audit(&mut self, table: Table, tell: &mut dyn FnMut(Audited)) -> Result<(), FrontierError> {
        self.audit_table(table, tell)
    }

    fn held(&self, tell: &mut dyn FnMut(&'static str, u64)) {
        tell("store.recent", self.recent.n_places() as u64);
        tell("store.firsts", self.firsts.len() as u64);
        tell("store.buffered_bytes", self.store.buffered_bytes() as u64);
        self.store.held(tell);
    }

    fn n_queued(&self) -> u64 {
        self.count.n_queued
    }

    fn commit(&mut self, book: &[u8]) -> Result<(), FrontierError> {
        let Count { next_seq, n_queued, .. } = self.count;
        self.store.commit(Meta { next_seq, n_queued, book: book.to_vec() })
    }
}
