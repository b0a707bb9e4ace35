//! A disk in memory that fails when it is told to, and forgets what was not committed.

use std::sync::{Arc, Mutex};

use crate::{
    address::{CanonicalUrl, DirectoryKey, Fingerprint, HostId, Origin},
    frontier::{
        self, Audited, Discovery, Frontier, FrontierError, HostRecord, MemoryFrontier, Place, QueuedUrl, Retired,
        Sifted, Status, Table, Validators, Waiting,
    },
    robots::Policy,
    sink::{Mark, Sink, SinkError},
};

const FILE: &str = "pages.jsonl";

/// What survives a process.
pub(super) struct Disk {
    committed: MemoryFrontier,
    lines: Vec<Vec<u8>>,
    n_synced: usize,
    /// Which operation from now on fails, and all after it.
    fails_in: Option<u64>,
    /// A commit that fails may have been done all the same.
    commits_when_it_fails: bool,
}

/// Clones are one disk.
#[derive(Clone)]
pub(super) struct Folder(Arc<Mutex<Disk>>);

impl Folder {
    pub(super) fn new() -> Self {
        let sizes = frontier::Options { max_queued: None, seen_cache_bytes: 0, buffer_bytes: 0 };
        let committed = MemoryFrontier::new(&sizes);
        let disk = Disk { committed, lines: Vec::new(), n_synced: 0, fails_in: None, commits_when_it_fails: false };
        Self(Arc::new(Mutex::new(disk)))
    }

    /// A new process opens it: outputs are cut back to what was committed.
    pub(super) fn open(&self, fails_in: Option<u64>, commits_when_it_fails: bool) -> (Store, Lines, Vec<u8>) {
        let mut disk = self.0.lock().unwrap();
        (disk.fails_in, disk.commits_when_it_fails) = (fails_in, commits_when_it_fails);
        let book = disk.committed.book().to_vec();
        let n_committed = if book.is_empty() {
            0
        } else {
            let book = crate::engine::Book::from_bytes(&book).unwrap();
            book.outputs.first().map_or(0, |mark| usize::try_from(mark.records).unwrap())
        };
        assert!(n_committed <= disk.n_synced, "records are committed that may not be on disk");
        disk.lines.truncate(n_committed);
        disk.n_synced = n_committed;
        let working = disk.committed.clone();
        drop(disk);
        (Store { folder: self.clone(), working }, Lines(self.clone()), book)
    }

    pub(super) fn lines(&self) -> Vec<serde_json::Value> {
        self.0.lock().unwrap().lines.iter().map(|line| serde_json::from_slice(line).unwrap()).collect()
    }

    pub(super) fn committed(&self) -> MemoryFrontier {
        self.0.lock().unwrap().committed.clone()
    }

    fn step(&self) -> Result<(), ()> {
        match &mut self.0.lock().unwrap().fails_in {
            None => Ok(()),
            Some(0) => Err(()),
            Some(n) => {
                *n -= 1;
                Ok(())
            }
        }
    }
}

/// The frontier of one process.
pub(super) struct Store {
    folder: Folder,
    working: MemoryFrontier,
}

impl Store {
    fn step(&mut self) -> Result<&mut MemoryFrontier, FrontierError> {
        self.folder.step().map_err(|()| FrontierError::Store("as planned".to_owned()))?;
        Ok(&mut self.working)
    }
}

impl Frontier for Store {
    fn book(&self) -> &[u8] {
        self.working.book()
    }
    fn sift(&mut self, found: Vec<Discovery>) -> Result<Sifted, FrontierError> {
        self.step()?.sift(found)
    }
    fn conclude(&mut self, url: &CanonicalUrl) -> Result<bool, FrontierError> {
        self.step()?.conclude(url)
    }
    fn postpone(&mut self, url: &QueuedUrl) -> Result<(), FrontierError> {
        self.step()?.postpone(url)
    }
    fn head(&mut self, host: HostId, after: Option<Place>, limit: usize) -> Result<Vec<QueuedUrl>, FrontierError> {
        self.step()?.head(host, after, limit)
    }
    fn waiting_hosts(
        &mut self,
        after: Option<HostId>,
        limit: usize,
        max_depth: Option<u16>,
    ) -> Result<Waiting, FrontierError> {
        self.step()?.waiting_hosts(after, limit, max_depth)
    }
    fn host(&mut self, host: HostId) -> Result<Option<HostRecord>, FrontierError> {
        self.step()?.host(host)
    }
    fn set_host(&mut self, record: &HostRecord) -> Result<(), FrontierError> {
        self.step()?.set_host(record)
    }
    fn robots(&mut self, host: HostId) -> Result<Vec<(Origin, Policy)>, FrontierError> {
        self.step()?.robots(host)
    }
    fn set_robots(&mut self, host: HostId, origin: &Origin, policy: &Policy) -> Result<(), FrontierError> {
        self.step()?.set_robots(host, origin, policy)
    }
    fn directory_pages(&mut self, host: HostId, directory: DirectoryKey) -> Result<u64, FrontierError> {
        self.step()?.directory_pages(host, directory)
    }
    fn set_directory_pages(&mut self, host: HostId, directory: DirectoryKey, n: u64) -> Result<(), FrontierError> {
        self.step()?.set_directory_pages(host, directory, n)
    }
    fn retired(&mut self, host: HostId) -> Result<Vec<Retired>, FrontierError> {
        self.step()?.retired(host)
    }
    fn retire(&mut self, host: HostId, retired: &Retired) -> Result<(), FrontierError> {
        self.step()?.retire(host, retired)
    }
    fn validators(&mut self, url: Fingerprint) -> Result<Option<Validators>, FrontierError> {
        self.step()?.validators(url)
    }
    fn set_validators(&mut self, url: Fingerprint, validators: Option<&Validators>) -> Result<(), FrontierError> {
        self.step()?.set_validators(url, validators)
    }
    fn begin_pass(&mut self, book: &[u8]) -> Result<(), FrontierError> {
        self.step()?.begin_pass(book)
    }
    fn status(&mut self, url: &CanonicalUrl) -> Result<Status, FrontierError> {
        self.step()?.status(url)
    }
    fn for_each_host(&mut self, each: &mut dyn FnMut(HostRecord)) -> Result<(), FrontierError> {
        self.step()?.for_each_host(each)
    }
    fn audit(&mut self, table: Table, tell: &mut dyn FnMut(Audited)) -> Result<(), FrontierError> {
        self.step()?.audit(table, tell)
    }
    fn n_queued(&self) -> u64 {
        self.working.n_queued()
    }
    fn commit(&mut self, book: &[u8]) -> Result<(), FrontierError> {
        let outcome = self.step().map(drop);
        let mut disk = self.folder.0.lock().unwrap();
        if outcome.is_ok() || std::mem::take(&mut disk.commits_when_it_fails) {
            self.working.commit(book)?;
            disk.committed = self.working.clone();
        }
        outcome
    }
}

/// The output of one process.
pub(super) struct Lines(Folder);

impl Lines {
    fn step(&self) -> Result<(), SinkError> {
        self.0.step().map_err(|()| SinkError::Io { path: FILE.into(), source: std::io::Error::other("as planned") })
    }
}

impl Sink for Lines {
    fn append(&mut self, record: &[u8]) -> Result<(), SinkError> {
        self.step()?;
        self.0.0.lock().unwrap().lines.push(record.to_vec());
        Ok(())
    }
    fn sync(&mut self) -> Result<(), SinkError> {
        self.step()?;
        let mut disk = self.0.0.lock().unwrap();
        disk.n_synced = disk.lines.len();
        Ok(())
    }
    fn marks(&self) -> Vec<Mark> {
        let disk = self.0.0.lock().unwrap();
        vec![Mark { file: FILE.into(), bytes: 0, records: disk.n_synced as u64, crc32: None }]
    }
}
