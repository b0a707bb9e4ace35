//! The keeper: a thread that writes runs and merges them, so that commits never wait for it.
//!
//! It alone writes the manifest. Frozen entries come first, because the crawl may have to wait for them; then the smallest
//! merge, a step at a time, so that a merge of a hundred million entries holds nothing up. What it has made it shows in a new [`View`].

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
};

use super::{
    Fresh, Meta, N_TABLES, Table, files, manifest::Manifest, merge::Merge, policy, read::Discarded, run::Run,
    run_writer::RunWriter,
};
use crate::frontier::FrontierError;

/// Entries of one step of a merge.
const STEP: usize = 4096;
/// Most runs of a table; when there are more, what is new waits for a merge.
const MAX_RUNS: usize = 64;

/// Entries that are to become runs, with all that must be known to forget their logs.
#[derive(Debug)]
pub(super) struct Frozen {
    pub(super) fresh: Fresh,
    pub(super) meta: Meta,
    /// The last log that they are in.
    pub(super) log: u64,
    /// The number of the frame after them.
    pub(super) next_frame: u64,
}

/// What can be read beside the fresh entries. Never changed, only replaced.
#[derive(Debug, Default)]
pub(super) struct View {
    pub(super) frozen: Option<Arc<Frozen>>,
    /// The runs of each table, oldest first.
    pub(super) runs: [Vec<Arc<Run>>; N_TABLES],
}

#[derive(Debug)]
struct State {
    view: Arc<View>,
    /// Nothing is done any more after a failure; the store reports it with its next commit.
    is_failed: bool,
    /// What went wrong, until somebody was told.
    failure: Option<FrontierError>,
    is_stopped: bool,
    /// What the store wants to be rid of, in this thread and not in its own.
    discarded: Vec<Discarded>,
    /// Whether there is nothing to do.
    is_at_rest: bool,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// How often the view was replaced.
    version: AtomicU64,
}

impl Shared {
    fn new(view: View) -> Self {
        let state = State {
            view: Arc::new(view),
            is_failed: false,
            failure: None,
            is_stopped: false,
            discarded: Vec::new(),
            is_at_rest: false,
        };
        Self { state: Mutex::new(state), changed: Condvar::new(), version: AtomicU64::new(1) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(&self, state: &mut State, view: View) {
        state.view = Arc::new(view);
        self.version.fetch_add(1, Ordering::Release);
        self.changed.notify_all();
    }
}

/// The store's end of it. Dropping it stops the thread and waits for it.
#[derive(Debug)]
pub(super) struct Keeper {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<Manifest>>,
}

impl Keeper {
    /// Begins with the store that `manifest` describes.
    pub(super) fn start(folder: &Path, manifest: Manifest, view: View) -> Result<Self, FrontierError> {
        let shared = Arc::new(Shared::new(view));
        let work =
            Work { folder: folder.to_owned(), manifest, shared: shared.clone(), merges: Vec::new(), rests: false };
        let thread = std::thread::Builder::new().name("frontier-keeper".into()).spawn(move || work.run());
        let thread = thread.map_err(|e| files::failed(folder, &e))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Changes when there is something new to see.
    pub(super) fn version(&self) -> u64 {
        self.shared.version.load(Ordering::Acquire)
    }

    pub(super) fn view(&self) -> Arc<View> {
        self.shared.lock().view.clone()
    }

    /// Whether all went well so far.
    pub(super) fn check(&self) -> Result<(), FrontierError> {
        let mut state = self.shared.lock();
        if state.is_failed { Err(failure(&mut state)) } else { Ok(()) }
    }

    /// Whether nothing is being written or merged.
    pub(super) fn is_at_rest(&self) -> bool {
        self.shared.lock().is_at_rest
    }

    /// Whether new entries can be taken at once.
    pub(super) fn has_room(&self) -> bool {
        has_room(&self.shared.lock().view)
    }

    /// Waits until new entries can be taken, or something has gone wrong.
    pub(super) fn wait_for_room(&self) {
        let mut state = self.shared.lock();
        while !has_room(&state.view) && !state.is_failed {
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until there is nothing left to do, or something has gone wrong.
    pub(super) fn wait_for_rest(&self) {
        let mut state = self.shared.lock();
        while !state.is_at_rest && !state.is_failed {
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes entries over, if there is room.
    pub(super) fn freeze(&self, frozen: Frozen) {
        let mut state = self.shared.lock();
        let view = View { frozen: Some(Arc::new(frozen)), runs: state.view.runs.clone() };
        state.is_at_rest = false;
        self.shared.show(&mut state, view);
    }

    /// Lets go of something where nobody waits for it.
    pub(super) fn discard(&self, discarded: Discarded) {
        self.shared.lock().discarded.push(discarded);
        self.shared.changed.notify_all();
    }

    /// Stops at the next step; what the store consists of then.
    pub(super) fn stop(mut self) -> Result<(Manifest, Arc<View>), FrontierError> {
        let manifest = self.halt().ok_or_else(|| FrontierError::Store("the frontier's keeper panicked".into()))?;
        let mut state = self.shared.lock();
        if state.is_failed { Err(failure(&mut state)) } else { Ok((manifest, state.view.clone())) }
    }

    fn halt(&mut self) -> Option<Manifest> {
        self.shared.lock().is_stopped = true;
        self.shared.changed.notify_all();
        self.thread.take()?.join().ok()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.halt();
    }
}

fn failure(state: &mut State) -> FrontierError {
    let again = || FrontierError::Store("the frontier's files can't be written any more".into());
    state.failure.take().unwrap_or_else(again)
}

fn has_room(view: &View) -> bool {
    view.frozen.is_none() && view.runs.iter().all(|runs| runs.len() < MAX_RUNS)
}

/// The thread's end of it.
struct Work {
    folder: PathBuf,
    manifest: Manifest,
    shared: Arc<Shared>,
    merges: Vec<Merge>,
    /// A merge failed: the disk may be full, and nothing depends on it. None is begun before the next run is written.
    rests: bool,
}

impl Work {
    fn run(mut self) -> Manifest {
        while let Some(view) = self.next() {
            // Whoever waits for the keeper must not wait for ever.
            let turned = catch_unwind(AssertUnwindSafe(|| self.turn(&view)));
            if let Err(e) =
                turned.unwrap_or_else(|_| Err(FrontierError::Store("the frontier's keeper panicked".into())))
            {
                self.merges.clear();
                let mut state = self.shared.lock();
                (state.is_failed, state.failure) = (true, Some(e));
                self.shared.changed.notify_all();
                break;
            }
        }
        self.manifest
    }

    /// Waits until there is something to do; `None` when it is to stop.
    fn next(&self) -> Option<Arc<View>> {
        let mut state = self.shared.lock();
        loop {
            if state.is_stopped {
                return None;
            }
            if !state.discarded.is_empty() {
                let discarded = std::mem::take(&mut state.discarded);
                drop(state);
                drop(discarded);
                state = self.shared.lock();
                continue;
            }
            if state.view.frozen.is_some() || !self.merges.is_empty() || self.plan(&state.view).is_some() {
                state.is_at_rest = false;
                return Some(state.view.clone());
            }
            state.is_at_rest = true;
            self.shared.changed.notify_all();
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn turn(&mut self, view: &View) -> Result<(), FrontierError> {
        if let Some(frozen) = &view.frozen {
            return self.write_down(view, frozen);
        }
        match self.merge(view) {
            // What can be read can be merged later, unless the next entries could only wait for it. The crawl goes
            // on as long as its commits find room.
            Err(e @ FrontierError::Store(_)) if has_room(view) => {
                tracing::warn!(error = %e, "files of the frontier can't be merged; the crawl goes on with more of them");
                self.merges.clear();
                self.rests = true;
                Ok(())
            }
            merged => merged,
        }
    }

    fn merge(&mut self, view: &View) -> Result<(), FrontierError> {
        if let Some((table, from)) = self.plan(view) {
            let runs = view.runs[table.at()][from..].to_vec();
            let id = self.take_id();
            let merge = Merge::begin(&self.folder, id, table, runs, from == 0)?;
            self.merges.push(merge);
        }
        let smallest = self.merges.iter().enumerate().min_by_key(|(_, merge)| merge.n_entries()).map(|(i, _)| i);
        if let Some(i) = smallest
            && self.merges[i].step(STEP)?
        {
            let merge = self.merges.swap_remove(i);
            let (table, from) = (merge.table, merge.from.clone());
            self.replace(table, &from, merge.finish()?)?;
        }
        Ok(())
    }

    /// A table, and from which of its runs on they are to be merged. Runs that are being merged are left alone, and so
    /// are those before them.
    fn plan(&self, view: &View) -> Option<(Table, usize)> {
        if self.rests {
            return None;
        }
        Table::ALL.into_iter().find_map(|table| {
            let runs = &view.runs[table.at()];
            let is_busy = |run: &Arc<Run>| self.merges.iter().any(|merge| merge.from.iter().any(|it| it.id == run.id));
            let free = runs.iter().rposition(is_busy).map_or(0, |i| i + 1);
            let sizes: Vec<u64> = runs[free..].iter().map(|run| run.n_entries).collect();
            let is_crowded = runs.len() >= MAX_RUNS && free == 0;
            policy::due(&sizes, table.shape().fan_out).or(is_crowded.then_some(0)).map(|from| (table, free + from))
        })
    }

    fn take_id(&mut self) -> u64 {
        // A file of this number may be there, of a process that was killed; it is nobody's.
        self.manifest.next_run += 1;
        self.manifest.next_run
    }

    /// Frozen entries become runs, and their logs are forgotten.
    fn write_down(&mut self, view: &View, frozen: &Frozen) -> Result<(), FrontierError> {
        let mut runs = view.runs.clone();
        let mut manifest = self.manifest.clone();
        for table in Table::ALL {
            let n = frozen.fresh.len(table) as u64;
            if n == 0 {
                continue;
            }
            let is_oldest = runs[table.at()].is_empty();
            let id = self.take_id();
            let mut writer = RunWriter::create(&self.folder, id, table, n)?;
            if table == Table::Seen {
                for (key, number) in frozen.fresh.sorted_numbers() {
                    writer.push(key, Some(&number.to_le_bytes()))?;
                }
            }
            for (key, value) in frozen.fresh.sorted(table) {
                if value.is_some() || !is_oldest {
                    writer.push(*key, value.as_deref())?;
                }
            }
            if let Some(run) = writer.finish()? {
                manifest.runs[table.at()].push(run.id);
                runs[table.at()].push(Arc::new(run));
            }
        }
        files::sync_folder(&self.folder)?;
        self.rests = false;
        let old_logs = manifest.log..=frozen.log;
        (manifest.log, manifest.frame, manifest.meta) = (frozen.log + 1, frozen.next_frame, frozen.meta.clone());
        self.install(manifest, View { frozen: None, runs })?;
        old_logs.for_each(|n| files::remove(&files::log(&self.folder, n)));
        Ok(())
    }

    /// A merged run takes the place of those that it was made from.
    fn replace(&mut self, table: Table, from: &[Arc<Run>], made: Option<Run>) -> Result<(), FrontierError> {
        let (mut manifest, view) = (self.manifest.clone(), self.shared.lock().view.clone());
        let mut runs = view.runs.clone();
        let is_old = |id: u64| from.iter().any(|run| run.id == id);
        let at = runs[table.at()].iter().position(|run| is_old(run.id)).unwrap_or(0);
        runs[table.at()].retain(|run| !is_old(run.id));
        if let Some(run) = made {
            runs[table.at()].insert(at, Arc::new(run));
        }
        manifest.runs[table.at()] = runs[table.at()].iter().map(|run| run.id).collect();
        files::sync_folder(&self.folder)?;
        self.install(manifest, View { frozen: view.frozen.clone(), runs })?;
        from.iter().for_each(|run| files::remove(&run.path));
        Ok(())
    }

    fn install(&mut self, mut manifest: Manifest, view: View) -> Result<(), FrontierError> {
        manifest.next_run = self.manifest.next_run;
        manifest.write(&self.folder)?;
        self.manifest = manifest;
        let mut state = self.shared.lock();
        // Entries may have been frozen while a merge was written down.
        let frozen =
            if view.frozen.is_none() && self.is_written(&state.view) { None } else { state.view.frozen.clone() };
        self.shared.show(&mut state, View { frozen, runs: view.runs });
        Ok(())
    }

    /// Whether the frozen entries of a view are in the runs of the manifest.
    fn is_written(&self, view: &View) -> bool {
        view.frozen.as_ref().is_none_or(|frozen| frozen.log < self.manifest.log)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Key, *};

    /// A store whose queue has `n` runs of one entry each, with a folder where the next run is to be written.
    fn crowded(folder: &Path, n: u64) -> (Work, Arc<View>) {
        let (folder, shared) = (folder.to_owned(), Arc::new(Shared::new(View::default())));
        let mut work = Work { folder, manifest: Manifest::default(), shared, merges: Vec::new(), rests: false };
        for key in 0..n {
            let mut fresh = Fresh::default();
            fresh.put(Table::Queue, Key::from(key), Some(Box::default()));
            let (view, next_frame) = (work.shared.lock().view.clone(), work.manifest.frame + 1);
            let frozen = Frozen { fresh, meta: Meta::default(), log: work.manifest.log, next_frame };
            work.write_down(&view, &frozen).unwrap();
        }
        std::fs::create_dir(files::run(&work.folder, work.manifest.next_run + 1)).unwrap();
        let view = work.shared.lock().view.clone();
        (work, view)
    }

    #[test]
    fn a_merge_that_finds_no_room_waits_unless_commits_would_wait_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let (mut work, view) = crowded(folder.path(), MAX_RUNS as u64 - 1);
        work.turn(&view).expect("the next commit has room");
        assert!(work.rests && work.merges.is_empty() && work.plan(&view).is_none());

        let folder = tempfile::tempdir().unwrap();
        let (mut work, view) = crowded(folder.path(), MAX_RUNS as u64);
        assert!(matches!(work.turn(&view), Err(FrontierError::Store(_))), "nobody could commit any more");
    }
}
