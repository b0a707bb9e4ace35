//! Everything rewritten at once, in one step: how a new pass begins.

use std::sync::Arc;

use super::{
    Meta, Store, Table,
    commit::{Writing, writing},
    files,
    keeper::{Keeper, View},
    log::{Changes, Log},
    manifest::Manifest,
    run_writer::RunWriter,
    scan::Merged,
};
use crate::frontier::FrontierError;

/// What becomes of an entry in the new pass: `None` drops it.
pub(in crate::frontier) type Change<'a> = &'a mut dyn FnMut(Table, Vec<u8>) -> Result<Option<Vec<u8>>, FrontierError>;

impl Store {
    /// Keeps of `tables` what `change` makes of their entries, and nothing of the others, and commits that with `meta`, in
    /// one step: the manifest's renaming.
    ///
    /// # Errors
    /// When it can't be written; the store must then be dropped, and is as of the last commit.
    pub(in crate::frontier) fn rewrite(
        &mut self,
        tables: &[Table],
        change: Change<'_>,
        meta: Meta,
    ) -> Result<(), FrontierError> {
        writing(&mut self.writing, self.is_failed)?;
        self.is_failed = true;
        let Some(Writing { keeper, log, _lock }) = self.writing.take() else { return Ok(()) };
        let (old, view) = keeper.stop()?;
        let log = Log::create(&self.folder, log.n + 1, log.next_frame)?;
        let mut manifest = Manifest {
            next_run: old.next_run,
            log: log.n,
            frame: log.next_frame,
            meta: meta.clone(),
            ..Manifest::default()
        };
        let mut new = View::default();
        for table in tables {
            manifest.next_run += 1;
            let run = self.rewrite_table(*table, &view, manifest.next_run, change)?;
            manifest.runs[table.at()].extend(run.iter().map(|run| run.id));
            new.runs[table.at()].extend(run.map(Arc::new));
        }
        files::sync_folder(&self.folder)?;
        manifest.write(&self.folder)?;
        self.forget(&view, &old, manifest.log);
        let keeper = Keeper::start(&self.folder, manifest, new)?;
        self.writing = Some(Writing { keeper, log, _lock });
        self.meta = meta;
        (self.fresh, self.changes) = (super::Fresh::default(), Changes::default());
        self.sight = super::read::Sight::default();
        self.is_failed = false;
        Ok(())
    }

    fn rewrite_table(
        &self,
        table: Table,
        view: &View,
        id: u64,
        change: Change<'_>,
    ) -> Result<Option<super::run::Run>, FrontierError> {
        let frozen = view.frozen.as_ref().map(|frozen| &frozen.fresh);
        let runs = &view.runs[table.at()];
        let n_most = self.fresh.len(table) as u64
            + frozen.map_or(0, |fresh| fresh.len(table) as u64)
            + runs.iter().map(|run| run.n_entries).sum::<u64>();
        let mut merged = Merged::new();
        merged.add_fresh(&self.fresh, table, 0)?;
        if let Some(frozen) = frozen {
            merged.add_fresh(frozen, table, 0)?;
        }
        for run in runs.iter().rev() {
            merged.add_run(run, 0)?;
        }
        let mut writer = RunWriter::create(&self.folder, id, table, n_most)?;
        while let Some((key, source)) = merged.head() {
            if let Some(value) = merged.value(source)
                && let Some(value) = change(table, value.to_vec())?
            {
                writer.push(key, Some(&value))?;
            }
            merged.pass(key)?;
        }
        writer.finish()
    }

    /// Removes what the new manifest does not name.
    fn forget(&self, view: &View, old: &Manifest, log: u64) {
        view.runs.iter().flatten().for_each(|run| files::remove(&run.path));
        (old.log..log).for_each(|n| files::remove(&files::log(&self.folder, n)));
    }
}
