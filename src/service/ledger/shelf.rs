//! The ledger's files.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use serde::{Serialize, de::DeserializeOwned};

use super::{CrawlId, Entry, Schedule};
use crate::{
    clock::Timestamp,
    job::whole::{self, Steps},
};

const LOCK: &str = "lock";
const VERSION: &str = "version";
/// What the data folder is written as.
const THIS_VERSION: &str = "1";
const CRAWLS: &str = "crawls";
const TRASH: &str = "trash";
const BLOCKED: &str = "blocked.json";
const SCHEDULES: &str = "schedules.json";
const ENTRY: &str = "crawl.json";
const OUT: &str = "out";
/// A file that is written to see whether one can be.
const PROBE: &str = ".probe";
/// Beginning of the name of a folder whose entry may not be in it yet.
const UNFINISHED: &str = ".new-";
/// Longest entry that is read, bytes.
const MAX_ENTRY_BYTES: u64 = 256 << 20;
/// Of entries: documents may hold what is nobody else's.
const MODE: u32 = 0o600;
/// How often the lock is tried, and the pause between: a process that is being replaced lets go of it soon.
const LOCK_ATTEMPTS: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(100);
const ENTRY_STEPS: Steps =
    Steps { write: "ledger.write", sync: "ledger.sync", rename: "ledger.rename", folder: "ledger.folder" };

/// Why the data folder can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ShelfError {
    #[error("{} can't be used: {source}", .path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("another daemon works on {}", .0.display())]
    Locked(PathBuf),
    #[error("{} was written by another version of dragline ({found}); this one knows {THIS_VERSION}", .path.display())]
    Version { path: PathBuf, found: String },
    #[error("{} is damaged: {why}\nnothing was changed; restore the file, or move it away (a crawl with its folder) to do without it", .path.display())]
    Damaged { path: PathBuf, why: String },
}

/// What the data folder holds.
#[derive(Debug, Default)]
pub(crate) struct Held {
    pub(crate) entries: Vec<Entry>,
    /// Hosts that nobody is to ask, and until when.
    pub(crate) blocked: BTreeMap<String, Timestamp>,
    pub(crate) schedules: BTreeMap<CrawlId, Schedule>,
}

/// The data folder, for as long as it is ours.
#[derive(Debug)]
pub(crate) struct Shelf {
    path: PathBuf,
    _lock: File,
    probing: Mutex<()>,
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> ShelfError + '_ {
    move |source| ShelfError::Io { path: path.to_owned(), source }
}

impl Shelf {
    /// Makes the data folder if need be, claims it, clears away what an earlier process began or did not end, and
    /// reads all entries.
    pub(crate) fn open(path: &Path) -> Result<(Self, Held), ShelfError> {
        for folder in [path.to_owned(), path.join(CRAWLS), path.join(TRASH)] {
            fs::create_dir_all(&folder).map_err(at(&folder))?;
        }
        let shelf = Self { path: path.to_owned(), _lock: lock(path)?, probing: Mutex::default() };
        shelf.check_version()?;
        let mut entries = Vec::new();
        let crawls = path.join(CRAWLS);
        for folder in fs::read_dir(&crawls).map_err(at(&crawls))? {
            let folder = folder.map_err(at(&crawls))?;
            let name = folder.file_name();
            let Some(name) = name.to_str() else { continue };
            if name.starts_with(UNFINISHED) {
                remove(&folder.path())?;
            } else if let Ok(id) = name.parse::<CrawlId>() {
                if folder.path().join(ENTRY).exists() {
                    entries.push(shelf.read(id)?);
                } else {
                    // A crawl gets its name when its entry is in it, so that nobody was ever told of this one.
                    tracing::warn!(crawl = %id, "a folder without an entry is done away with");
                    shelf.delete(id)?;
                }
            }
        }
        sync(&crawls)?;
        let blocked = shelf.read_list(BLOCKED)?;
        let schedules = shelf.read_list::<Vec<Schedule>>(SCHEDULES)?;
        let schedules = schedules.into_iter().map(|schedule| (schedule.id, schedule)).collect();
        Ok((shelf, Held { entries, blocked, schedules }))
    }

    fn check_version(&self) -> Result<(), ShelfError> {
        let path = self.path.join(VERSION);
        match fs::read_to_string(&path) {
            Ok(text) if text.trim() == THIS_VERSION => Ok(()),
            Ok(text) => Err(ShelfError::Version { path, found: text.trim().chars().take(20).collect() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let steps = Steps {
                    write: "ledger.version.write",
                    sync: "ledger.version.sync",
                    rename: "ledger.version.rename",
                    folder: "ledger.version.folder",
                };
                whole::replace(&path, format!("{THIS_VERSION}\n").as_bytes(), 0o666, steps).map_err(at(&path))
            }
            Err(error) => Err(at(&path)(error)),
        }
    }

    fn read(&self, id: CrawlId) -> Result<Entry, ShelfError> {
        let path = self.folder(id).join(ENTRY);
        let mut bytes = Vec::new();
        let file = File::open(&path).map_err(at(&path))?;
        file.take(MAX_ENTRY_BYTES).read_to_end(&mut bytes).map_err(at(&path))?;
        let damaged = |why: String| ShelfError::Damaged { path: path.clone(), why };
        let entry: Entry = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        if entry.id != id {
            return Err(damaged(format!("it is the entry of {}", entry.id)));
        }
        if entry.is_readable() { Ok(entry) } else { Err(damaged("it is of another version".to_owned())) }
    }

    fn folder(&self, id: CrawlId) -> PathBuf {
        self.path.join(CRAWLS).join(id.to_string())
    }

    /// Where the data is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a file can be made and written in the data folder right now.
    pub(crate) fn can_be_written(&self) -> bool {
        // One at a time: it is one file.
        let _alone = self.probing.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.path.join(PROBE);
        let written = File::create(&path).and_then(|mut file| file.write_all(b"ready?\n"));
        written.is_ok() && fs::remove_file(&path).is_ok()
    }

    /// The crawl's output folder.
    pub(crate) fn out(&self, id: CrawlId) -> PathBuf {
        self.folder(id).join(OUT)
    }

    /// Takes in a crawl that is new: it is on disk when this returns, or not there at all.
    pub(crate) fn add(&self, entry: &Entry) -> Result<(), ShelfError> {
        let crawls = self.path.join(CRAWLS);
        let unfinished = crawls.join(format!("{UNFINISHED}{}", entry.id));
        fs::create_dir(&unfinished).map_err(at(&unfinished))?;
        self.write(&unfinished, entry)?;
        let folder = self.folder(entry.id);
        crate::fault::io("ledger.add.rename").and_then(|()| fs::rename(&unfinished, &folder)).map_err(at(&folder))?;
        let named = crate::fault::io("ledger.add.folder").map_err(at(&crawls)).and_then(|()| sync(&crawls));
        if named.is_err() {
            // Whoever is told that there is no such crawl may ask for it again: then there must not be two.
            let _ = fs::rename(&folder, self.path.join(TRASH).join(entry.id.to_string()));
        }
        named
    }

    /// Replaces a crawl's entry.
    pub(crate) fn update(&self, entry: &Entry) -> Result<(), ShelfError> {
        self.write(&self.folder(entry.id), entry)
    }

    fn write(&self, folder: &Path, entry: &Entry) -> Result<(), ShelfError> {
        let path = folder.join(ENTRY);
        let bytes = serde_json::to_vec_pretty(entry).expect("plain data");
        whole::replace(&path, &bytes, MODE, ENTRY_STEPS).map_err(at(&path))
    }

    /// A list that is kept beside the crawls; empty before it was written first.
    fn read_list<T: DeserializeOwned + Default>(&self, name: &str) -> Result<T, ShelfError> {
        let path = self.path.join(name);
        match fs::read(&path) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map_err(|error| ShelfError::Damaged { path, why: error.to_string() })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(T::default()),
            Err(error) => Err(at(&path)(error)),
        }
    }

    fn write_list(&self, name: &str, list: &impl Serialize) -> Result<(), ShelfError> {
        let path = self.path.join(name);
        let bytes = serde_json::to_vec_pretty(list).expect("plain data");
        whole::replace(&path, &bytes, MODE, ENTRY_STEPS).map_err(at(&path))
    }

    /// Replaces the list of hosts that nobody is to ask.
    pub(crate) fn set_blocked(&self, blocked: &BTreeMap<String, Timestamp>) -> Result<(), ShelfError> {
        self.write_list(BLOCKED, blocked)
    }

    /// Replaces the list of schedules.
    pub(crate) fn set_schedules(&self, schedules: &BTreeMap<CrawlId, Schedule>) -> Result<(), ShelfError> {
        self.write_list(SCHEDULES, &schedules.values().collect::<Vec<_>>())
    }

    /// Takes a crawl from the ledger. Its files are where [`Shelf::empty_trash`] finds them.
    pub(crate) fn delete(&self, id: CrawlId) -> Result<(), ShelfError> {
        let (from, to) = (self.folder(id), self.path.join(TRASH).join(id.to_string()));
        crate::fault::io("ledger.delete").and_then(|()| fs::rename(&from, &to)).map_err(at(&from))?;
        sync(&self.path.join(CRAWLS))
    }

    /// Removes the files of crawls that were deleted: the longest work of all, and nobody waits for it.
    pub(crate) fn empty_trash(path: &Path) -> Result<(), ShelfError> {
        let trash = path.join(TRASH);
        for folder in fs::read_dir(&trash).map_err(at(&trash))? {
            remove(&folder.map_err(at(&trash))?.path())?;
        }
        Ok(())
    }
}

fn lock(path: &Path) -> Result<File, ShelfError> {
    let lock_path = path.join(LOCK);
    let lock = OpenOptions::new().write(true).create(true).truncate(false).open(&lock_path);
    let lock = lock.map_err(at(&lock_path))?;
    for attempt in 1.. {
        match lock.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) if attempt < LOCK_ATTEMPTS => std::thread::sleep(LOCK_PAUSE),
            Err(TryLockError::WouldBlock) => return Err(ShelfError::Locked(path.to_owned())),
            Err(TryLockError::Error(source)) => return Err(at(&lock_path)(source)),
        }
    }
    Ok(lock)
}

fn remove(folder: &Path) -> Result<(), ShelfError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(folder)(error)),
        _ => Ok(()),
    }
}

fn sync(folder: &Path) -> Result<(), ShelfError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::Want, *};

    fn entry(ms: u64) -> Entry {
        let now = Timestamp(1_800_000_000_000_000 + 1000 * ms);
        Entry::new("me".into(), 5, json!({"seeds": {"urls": ["https://example.com/"]}}), Want::Run, now)
    }

    #[test]
    fn what_was_added_is_there_again_and_what_was_deleted_is_not() {
        let data = tempfile::tempdir().unwrap();
        let (shelf, held) = Shelf::open(data.path()).unwrap();
        assert!(held.entries.is_empty() && held.blocked.is_empty());
        let all = [entry(1), entry(2), entry(3)];
        all.iter().for_each(|entry| shelf.add(entry).unwrap());
        let changed = all[1].end(super::super::How::Failed, Some("why".into()), Timestamp(7));
        shelf.update(&changed).unwrap();
        shelf.delete(all[2].id).unwrap();
        shelf.set_blocked(&BTreeMap::from([("a.test".to_owned(), Timestamp(9))])).unwrap();
        fs::create_dir_all(data.path().join("crawls/.new-half")).unwrap();
        fs::create_dir_all(data.path().join("crawls/somebody's own")).unwrap();
        drop(shelf);
        let (shelf, Held { mut entries, blocked, .. }) = Shelf::open(data.path()).unwrap();
        entries.sort_by_key(|entry| entry.id);
        assert_eq!(blocked, BTreeMap::from([("a.test".to_owned(), Timestamp(9))]));
        assert_eq!(entries, [all[0].clone(), changed]);
        assert!(!data.path().join("crawls/.new-half").exists() && data.path().join("crawls/somebody's own").exists());
        assert!(data.path().join("trash").join(all[2].id.to_string()).exists());
        Shelf::empty_trash(shelf.path()).unwrap();
        assert!(!data.path().join("trash").join(all[2].id.to_string()).exists());
    }

    #[test]
    fn what_is_not_ours_to_use_is_refused_by_name() {
        let data = tempfile::tempdir().unwrap();
        let (shelf, _) = Shelf::open(data.path()).unwrap();
        let error = Shelf::open(data.path()).unwrap_err().to_string();
        assert!(error.contains("another daemon"), "{error}");
        shelf.add(&entry(1)).unwrap();
        drop(shelf);
        let path = data.path().join("crawls").join(entry(1).id.to_string());
        let _ = path;
        fs::write(data.path().join("version"), "2\n").unwrap();
        let error = Shelf::open(data.path()).unwrap_err().to_string();
        assert!(error.contains("version") && error.contains("(2)"), "{error}");
    }

    #[test]
    fn a_damaged_entry_is_named_and_left_alone() {
        let data = tempfile::tempdir().unwrap();
        let (shelf, _) = Shelf::open(data.path()).unwrap();
        let entry = entry(1);
        shelf.add(&entry).unwrap();
        let path = shelf.folder(entry.id).join(ENTRY);
        drop(shelf);
        let whole = fs::read_to_string(&path).unwrap();
        for spoilt in [
            "",
            &whole[..whole.len() / 2],
            &whole.replace("\"version\": 1", "\"version\": 9"),
            &whole.replace("want", "wanna"),
        ] {
            fs::write(&path, spoilt).unwrap();
            let error = Shelf::open(data.path()).unwrap_err().to_string();
            assert!(error.contains("crawl.json") && error.contains("damaged"), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), spoilt);
        }
    }
}
