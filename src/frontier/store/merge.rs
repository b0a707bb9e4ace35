//! Several neighbouring runs of a table become one, a step at a time.

use std::{path::Path, sync::Arc};

use super::{Table, run::Run, run_writer::RunWriter, scan::Merged};
use crate::frontier::FrontierError;

/// A merge that is under way.
#[derive(Debug)]
pub(super) struct Merge {
    pub(super) table: Table,
    /// The runs that become one, oldest first.
    pub(super) from: Vec<Arc<Run>>,
    /// Whether nothing older is left: then what is gone need not be remembered.
    is_oldest: bool,
    merged: Merged<'static>,
    writer: RunWriter,
}

impl Merge {
    pub(super) fn begin(
        folder: &Path,
        id: u64,
        table: Table,
        from: Vec<Arc<Run>>,
        is_oldest: bool,
    ) -> Result<Self, FrontierError> {
        let mut merged = Merged::new();
        for run in from.iter().rev() {
            merged.add_run(run, 0)?;
        }
        let n_most = from.iter().map(|run| run.n_entries).sum();
        let writer = RunWriter::create(folder, id, table, n_most)?;
        Ok(Self { table, from, is_oldest, merged, writer })
    }

    /// Entries that it reads in all.
    pub(super) fn n_entries(&self) -> u64 {
        self.from.iter().map(|run| run.n_entries).sum()
    }

    /// Takes at most `n` entries further; `true` when none is left.
    pub(super) fn step(&mut self, n: usize) -> Result<bool, FrontierError> {
        for _ in 0..n {
            let Some((key, source)) = self.merged.head() else { return Ok(true) };
            let value = self.merged.value(source);
            if value.is_some() || !self.is_oldest {
                self.writer.push(key, value)?;
            }
            self.merged.pass(key)?;
        }
        Ok(false)
    }

    /// The run that takes the place of the others, unless nothing is left.
    pub(super) fn finish(self) -> Result<Option<Run>, FrontierError> {
        self.writer.finish()
    }
}
