//! Looking things up: fresh, then frozen, then the runs from the youngest on.

use std::sync::Arc;

use super::{
    Key, Scan, Store, Table, TableSize,
    block::{Block, number},
    keeper::View,
    run::{Lens, Run},
    scan::Merged,
};
use crate::frontier::FrontierError;

/// The view that the store looks at, and a lens for each run that is asked for single keys.
#[derive(Debug, Default)]
pub(super) struct Sight {
    version: u64,
    pub(super) view: Arc<View>,
    /// By table, the youngest run first.
    lenses: [Vec<Lens>; super::N_TABLES],
}

/// What a store no longer looks at. Letting go of it may take long: it may be the last to hold a file of gigabytes.
#[derive(Debug)]
pub(super) struct Discarded {
    _view: Arc<View>,
    _lenses: Vec<Lens>,
}

impl Sight {
    /// Looks at another view. Gives what was looked at before.
    pub(super) fn look(&mut self, version: u64, view: Arc<View>) -> Discarded {
        let mut discarded = Vec::new();
        for (lenses, runs) in self.lenses.iter_mut().zip(&view.runs) {
            let mut known = std::mem::take(lenses);
            let mut lens = |run: &Arc<Run>| {
                let at = known.iter().position(|lens| lens.run.id == run.id);
                at.map_or_else(|| Lens::new(run.clone()), |at| known.swap_remove(at))
            };
            *lenses = runs.iter().rev().map(&mut lens).collect();
            discarded.append(&mut known);
        }
        self.version = version;
        Discarded { _view: std::mem::replace(&mut self.view, view), _lenses: discarded }
    }
}

impl Store {
    /// Takes notice of what the keeper has made.
    pub(super) fn refresh(&mut self) {
        let Some(writing) = &self.writing else { return };
        let version = writing.keeper.version();
        if version != self.sight.version {
            let discarded = self.sight.look(version, writing.keeper.view());
            writing.keeper.discard(discarded);
        }
    }

    /// What [`Table::Seen`] says of a key.
    pub(in crate::frontier) fn number(&mut self, key: Key) -> Result<Option<u64>, FrontierError> {
        if let Some(known) = self.fresh.number(key) {
            return Ok(Some(known));
        }
        self.refresh();
        if let Some(known) = self.sight.view.frozen.as_ref().and_then(|frozen| frozen.fresh.number(key)) {
            return Ok(Some(known));
        }
        for lens in &mut self.sight.lenses[Table::Seen.at()] {
            if let Some(Some(bytes)) = lens.get(key)? {
                return Ok(Some(number(bytes)));
            }
        }
        Ok(None)
    }

    /// What a table says of a key.
    pub(in crate::frontier) fn get(&mut self, table: Table, key: Key) -> Result<Option<Vec<u8>>, FrontierError> {
        if let Some(known) = self.fresh.get(table, key) {
            return Ok(known.map(<[u8]>::to_vec));
        }
        self.refresh();
        let frozen = self.sight.view.frozen.as_ref();
        if let Some(known) = frozen.and_then(|frozen| frozen.fresh.get(table, key)) {
            return Ok(known.map(<[u8]>::to_vec));
        }
        for lens in &mut self.sight.lenses[table.at()] {
            if let Some(known) = lens.get(key)? {
                return Ok(known.map(<[u8]>::to_vec));
            }
        }
        Ok(None)
    }

    /// What each table takes on disk.
    pub(in crate::frontier) fn sizes(&self) -> Vec<TableSize> {
        let size = |table: Table| {
            let runs = &self.sight.view.runs[table.at()];
            TableSize {
                name: table.name(),
                n_runs: runs.len() as u64,
                n_entries: runs.iter().map(|run| run.n_entries).sum(),
                bytes: runs.iter().map(|run| run.size).sum(),
            }
        };
        Table::ALL.into_iter().map(size).collect()
    }

    /// Reads every block of a table's runs, and tells of each that is not as it was written.
    ///
    /// # Errors
    /// When one can't be read at all.
    pub(in crate::frontier) fn for_each_damage(
        &mut self,
        table: Table,
        tell: &mut dyn FnMut(FrontierError),
    ) -> Result<(), FrontierError> {
        self.refresh();
        let (mut bytes, mut block) = (Vec::new(), Block::default());
        for run in &self.sight.view.runs[table.at()] {
            for n in 0..run.firsts.len() {
                match run.read(n, &mut bytes, &mut block) {
                    Err(damage @ FrontierError::Corrupted { .. }) => tell(damage),
                    read => read?,
                }
            }
        }
        Ok(())
    }

    /// A table from a key on, in order.
    pub(in crate::frontier) fn scan(&mut self, table: Table, from: Key) -> Result<Scan<'_>, FrontierError> {
        self.refresh();
        let mut merged = Merged::new();
        merged.add_fresh(&self.fresh, table, from)?;
        if let Some(frozen) = &self.sight.view.frozen {
            merged.add_fresh(&frozen.fresh, table, from)?;
        }
        for run in self.sight.view.runs[table.at()].iter().rev() {
            merged.add_run(run, from)?;
        }
        Ok(Scan::new(merged))
    }
}
