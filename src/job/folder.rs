//! The output folder: whose it is, what is in it, and whether a crawl may go on there.
//!
//! It is claimed with a lock that the system lets go of when the process ends, however it ends.
//! Nothing in it is removed unless `--fresh` asks for it, and then only what dragline itself
//! writes. A state becomes a state with its first commit, under another name until then: a crawl
//! killed while it is being set up leaves nothing to trip over.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    Beginning,
    whole::{self, Steps},
};
use crate::{
    config::{Format, Identity, Settings, Store},
    engine::{Book, End, EngineError},
    fault,
    frontier::{self, DiskFrontier, Frontier, FrontierError, MemoryFrontier},
    sink::{self, JsonlSink, NullSink, Sink, SinkError},
};

mod glimpse;
mod passes;

pub(crate) use glimpse::{Glimpse, glimpse};
pub(crate) use passes::{PASSES, passes_in};

/// How often a lock that somebody else holds is tried, and the pause between.
const LOCK_ATTEMPTS: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(100);
pub(crate) const STATE: &str = "state";
const STORE: &str = "frontier";
const UNFINISHED_STORE: &str = "frontier.new";
const LOCK: &str = "lock";
pub(crate) const COOKIES: &str = "cookies.json";
pub(crate) const RECEIPT: &str = "receipt.json";
pub(crate) const REPORT: &str = "report.html";
/// Of files that others may read, before the umask.
const MODE: u32 = 0o666;

/// Why a folder can't be crawled into. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FolderError {
    #[error("{} can't be used: {source}", .path.display())]
    Cookies { path: PathBuf, source: io::Error },
    #[error("{} can't be written: {source}", .path.display())]
    Unwritable { path: PathBuf, source: io::Error },
    #[error("another process is crawling into {}", .0.display())]
    Locked(PathBuf),
    #[error(
        "{} holds a finished crawl; use --recrawl to do it again, --fresh to start over, or --out for another folder",
        .0.display()
    )]
    Finished(PathBuf),
    #[error(
        "{} holds a crawl of another configuration:\n  {}\nuse --fresh to start over, or --out for another folder",
        .path.display(), .differences.join("\n  ")
    )]
    Other { path: PathBuf, differences: Vec<String> },
    #[error(
        "{} holds outputs but no state to go on from; use --fresh to start over, or --out for another folder",
        .0.display()
    )]
    NoState(PathBuf),
    #[error("{0}\nnothing was changed; restore the folder, or use --fresh to start over")]
    State(#[from] FrontierError),
    #[error("{0}\nnothing was changed; restore the folder, or use --fresh to start over")]
    Book(#[from] EngineError),
    #[error("{0}\nrestore the folder, or use --fresh to start over")]
    Output(#[from] SinkError),
}

/// A folder that is ours until it is dropped.
pub(crate) struct Folder {
    path: PathBuf,
    _lock: File,
}

/// What a crawl goes on from.
pub(crate) struct Opened {
    pub(crate) frontier: Box<dyn Frontier>,
    pub(crate) sink: Box<dyn Sink>,
    pub(crate) book: Book,
}

/// What there is to look at in a folder.
pub(crate) enum Seen {
    /// No crawl has begun in it.
    Nothing,
    /// Another process holds it.
    InUse,
    /// The state of a crawl, and its lock for as long as it is looked at.
    State { frontier: Box<dyn Frontier>, book: Box<Book>, lock: Folder },
}

impl Folder {
    /// Opens what is there to look at; makes nothing and changes nothing.
    pub(crate) fn look(settings: &Settings) -> Result<Seen, FolderError> {
        let store = settings.job.out.join(STATE).join(STORE);
        if !store.exists() {
            return Ok(Seen::Nothing);
        }
        let mut attempts = LOCK_ATTEMPTS;
        let folder = loop {
            attempts -= 1;
            // It may be done away with while it is looked at: nothing of it is made anew.
            match Self::try_hold(&settings.job.out) {
                Err(FolderError::Locked(_)) if attempts == 0 => return Ok(Seen::InUse),
                Err(FolderError::Locked(_)) => std::thread::sleep(LOCK_PAUSE),
                Err(FolderError::Unwritable { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                    return Ok(Seen::Nothing);
                }
                held => break held?,
            }
        };
        let frontier = DiskFrontier::look(&store, &frontier_options(settings))?;
        let book = Book::from_bytes(frontier.book())?;
        Ok(Seen::State { frontier: Box::new(frontier), book: Box::new(book), lock: folder })
    }

    /// Makes the folder if need be, and claims it.
    ///
    /// Waits for somebody who only looks (`dragline explain`), who holds it for a moment.
    pub(crate) async fn claim(path: &Path) -> Result<Self, FolderError> {
        for _ in 1..LOCK_ATTEMPTS {
            match Self::try_claim(path) {
                Err(FolderError::Locked(_)) => tokio::time::sleep(LOCK_PAUSE).await,
                claimed => return claimed,
            }
        }
        Self::try_claim(path)
    }

    fn try_claim(path: &Path) -> Result<Self, FolderError> {
        let state = path.join(STATE);
        make_folder(&state).map_err(|source| unwritable(&state, source))?;
        let lock_path = state.join(LOCK);
        let lock = OpenOptions::new().write(true).create(true).truncate(false).open(&lock_path);
        Self::held(path, &lock_path, lock)
    }

    /// The same of a folder that is there already.
    fn try_hold(path: &Path) -> Result<Self, FolderError> {
        let lock_path = path.join(STATE).join(LOCK);
        Self::held(path, &lock_path, OpenOptions::new().write(true).open(&lock_path))
    }

    fn held(path: &Path, lock_path: &Path, lock: io::Result<File>) -> Result<Self, FolderError> {
        let lock = lock.map_err(|source| unwritable(lock_path, source))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(FolderError::Locked(path.to_owned())),
            Err(TryLockError::Error(source)) => Err(unwritable(lock_path, source)),
        }
    }

    /// Opens what is there to go on from, or begins. `identity` says which crawl it is to be.
    pub(crate) fn open(
        &self,
        settings: &Settings,
        identity: &Identity,
        beginning: Beginning,
    ) -> Result<Opened, FolderError> {
        if beginning.fresh {
            self.clear()?;
        }
        let opened = self.open_or_begin(settings, identity, beginning)?;
        fault::io("state.opened").map_err(|source| unwritable(&self.path, source))?;
        // They speak of the last run, and outputs are about to grow.
        remove(&self.path.join(RECEIPT))?;
        remove(&self.path.join(REPORT))?;
        sync_folder(&self.path)?;
        Ok(opened)
    }

    fn open_or_begin(
        &self,
        settings: &Settings,
        identity: &Identity,
        beginning: Beginning,
    ) -> Result<Opened, FolderError> {
        let store = self.path.join(STATE).join(STORE);
        if store.exists() {
            // A process that was killed may have given it its name just before.
            sync_folder(&self.path.join(STATE))?;
            return self.resume(&store, settings, identity, beginning);
        }
        if self.holds_outputs()? {
            return Err(FolderError::NoState(self.path.clone()));
        }
        let book = Book { identity: identity.clone().into_map(), ..Book::default() };
        let frontier: Box<dyn Frontier> = match settings.frontier.store {
            Store::Memory => Box::new(MemoryFrontier::new(&frontier_options(settings))),
            Store::Disk => Box::new(self.begin(&store, settings, &book)?),
        };
        Ok(Opened { frontier, sink: self.sink(settings, &book)?, book })
    }

    fn begin(&self, store: &Path, settings: &Settings, book: &Book) -> Result<DiskFrontier, FolderError> {
        let unfinished = store.with_file_name(UNFINISHED_STORE);
        DiskFrontier::remove(&unfinished)?;
        let mut frontier = DiskFrontier::create(&unfinished, &frontier_options(settings))?;
        frontier.commit(&book.to_bytes())?;
        // It knows its files by their paths.
        drop(frontier);
        fault::io("state.begin.rename")
            .and_then(|()| fs::rename(&unfinished, store))
            .map_err(|source| unwritable(store, source))?;
        let state = self.path.join(STATE);
        fault::io("state.begin.folder")
            .and_then(|()| File::open(&state)?.sync_all())
            .map_err(|source| unwritable(&state, source))?;
        Ok(DiskFrontier::open(store, &frontier_options(settings))?)
    }

    fn resume(
        &self,
        store: &Path,
        settings: &Settings,
        identity: &Identity,
        beginning: Beginning,
    ) -> Result<Opened, FolderError> {
        let mut frontier = DiskFrontier::open(store, &frontier_options(settings))?;
        let mut book = Book::from_bytes(frontier.book())?;
        let differences = Identity::from_map(book.identity.clone()).differences(identity);
        if !differences.is_empty() {
            return Err(FolderError::Other { path: self.path.clone(), differences });
        }
        // Without a receipt the last process died between the two: this one writes it.
        let is_closed = passes::is_over(&book) && self.path.join(RECEIPT).exists();
        if is_closed && beginning.recrawl {
            book = passes::begin(&self.path, &mut frontier, &book)?;
        } else if is_closed && book.end == Some(End::Finished) && !beginning.reopen {
            return Err(FolderError::Finished(self.path.clone()));
        }
        passes::set_aside(&self.path, &mut frontier, &mut book)?;
        let sink = self.sink(settings, &book)?;
        Ok(Opened { frontier: Box::new(frontier), sink, book })
    }

    fn sink(&self, settings: &Settings, book: &Book) -> Result<Box<dyn Sink>, FolderError> {
        Ok(match settings.outputs.format {
            Format::None => Box::new(NullSink),
            Format::Jsonl => {
                let options = sink::Options {
                    compression: settings.outputs.compression,
                    rotate_bytes: settings.outputs.rotate_bytes,
                };
                Box::new(JsonlSink::open(&self.path, options, &book.outputs)?)
            }
        })
    }

    /// Removes what dragline writes, and nothing else. The state goes first: what is left of a
    /// removal that was cut short is never taken for a crawl to go on with.
    fn clear(&self) -> Result<(), FolderError> {
        let state = self.path.join(STATE);
        let (store, doomed) = (state.join(STORE), state.join(UNFINISHED_STORE));
        DiskFrontier::remove(&doomed)?;
        match fs::rename(&store, &doomed) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(unwritable(&store, e)),
            _ => sync_folder(&state)?,
        }
        DiskFrontier::remove(&doomed)?;
        remove(&state.join(COOKIES))?;
        for written in [state.join(COOKIES), self.path.join(RECEIPT), self.path.join(REPORT)] {
            remove(&whole::draft(&written))?;
        }
        for name in self.outputs()? {
            remove(&self.path.join(name))?;
        }
        passes::clear(&self.path)?;
        sync_folder(&self.path)
    }

    /// Where the job's cookies are kept.
    pub(crate) fn cookies(&self) -> PathBuf {
        self.path.join(STATE).join(COOKIES)
    }

    fn holds_outputs(&self) -> Result<bool, FolderError> {
        Ok(!self.outputs()?.is_empty() || !passes::files(&self.path).is_empty())
    }

    /// Names of the outputs in the folder.
    fn outputs(&self) -> Result<Vec<String>, FolderError> {
        let entries = fs::read_dir(&self.path).map_err(|source| unwritable(&self.path, source))?;
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        Ok(names.filter(|name| name == RECEIPT || name == REPORT || sink::is_output_name(name)).collect())
    }

    /// Writes `receipt.json` or `report.html` whole or not at all.
    fn write(&self, name: &str, text: &str, steps: Steps) -> Result<PathBuf, FolderError> {
        let path = self.path.join(name);
        whole::replace(&path, text.as_bytes(), MODE, steps).map_err(|source| unwritable(&path, source))?;
        Ok(path)
    }

    /// The last thing that a run writes: whoever finds one knows that nothing else is owed.
    pub(crate) fn write_receipt(&self, json: &str) -> Result<PathBuf, FolderError> {
        let steps =
            Steps { write: "receipt.write", sync: "receipt.sync", rename: "receipt.rename", folder: "receipt.folder" };
        self.write(RECEIPT, json, steps)
    }

    pub(crate) fn write_report(&self, html: &str) -> Result<PathBuf, FolderError> {
        let steps =
            Steps { write: "report.write", sync: "report.sync", rename: "report.rename", folder: "report.folder" };
        self.write(REPORT, html, steps)
    }
}

fn frontier_options(settings: &Settings) -> frontier::Options {
    frontier::Options {
        max_queued: settings.limits.queue,
        seen_cache_bytes: settings.frontier.seen_cache_bytes,
        buffer_bytes: settings.frontier.buffer_bytes,
    }
}

/// Makes a folder and those above it that are missing, and their names durable.
fn make_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let above = path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if above == path {
        // The working folder itself was removed.
        return Err(io::ErrorKind::NotFound.into());
    }
    make_folder(above)?;
    match fs::create_dir(path) {
        // Somebody else was quicker. Of what is no folder the system says so.
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => fs::metadata(path.join(".")).map(drop),
        Err(e) => Err(e),
        Ok(()) => File::open(above)?.sync_all(),
    }
}

/// Makes durable which names are in a folder.
fn sync_folder(path: &Path) -> Result<(), FolderError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(|source| unwritable(path, source))
}

fn remove(path: &Path) -> Result<(), FolderError> {
    match fault::io("folder.remove").and_then(|()| fs::remove_file(path)) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(unwritable(path, e)),
        _ => Ok(()),
    }
}

fn unwritable(path: &Path, source: io::Error) -> FolderError {
    FolderError::Unwritable { path: path.to_owned(), source }
}
