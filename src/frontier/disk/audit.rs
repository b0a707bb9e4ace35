//! Reading a table to its end, and judging each entry: whether it decodes, and whether it can stand where it does.
//!
//! It holds no table against another; that is the business of whoever asks.

use super::{DiskFrontier, HostRecord, Key, Retired, host_of, rest_of};
use crate::{
    address::{Fingerprint, HostId, Origin},
    frontier::{
        Audited, FrontierError, Place,
        store::{self, Table},
        stored::{self, Seen},
        validators,
    },
    robots::Policy,
};

impl DiskFrontier {
    pub(super) fn audit_table(&mut self, table: Table, tell: &mut dyn FnMut(Audited)) -> Result<(), FrontierError> {
        match self.audit_entries(table, tell) {
            // What is merged ends at the first damage. There may be more, in this file and in others.
            Err(first @ FrontierError::Corrupted { .. }) => {
                let mut n_told = 0;
                self.store.for_each_damage(table, &mut |damage| {
                    n_told += 1;
                    tell(Audited::Damaged(damage));
                })?;
                if n_told == 0 {
                    tell(Audited::Damaged(first));
                }
                Ok(())
            }
            audited => audited,
        }
    }

    fn audit_entries(&mut self, table: Table, tell: &mut dyn FnMut(Audited)) -> Result<(), FrontierError> {
        let (path, next_seq) = (self.path.clone(), self.count.next_seq);
        let mut scan = self.store.scan(table, 0)?;
        while let Some((key, value)) = scan.next()? {
            match judge(table, key, &value, next_seq) {
                Ok(Some(entry)) => tell(entry),
                Ok(None) => {}
                Err(what) => tell(Audited::Damaged(FrontierError::Corrupted { path: path.to_path_buf(), what })),
            }
        }
        Ok(())
    }
}

/// What an entry says, if its table is one that is told; or what is wrong with it.
fn judge(table: Table, key: Key, value: &[u8], next_seq: u64) -> Result<Option<Audited>, String> {
    match table {
        Table::Seen => {
            let seen = Seen::unpack(store::number(value));
            return Ok(Some(Audited::Seen(Fingerprint(key), seen.place())));
        }
        Table::Queue => {
            let queued = stored::decode(Place::unpack(rest_of(key)), value)?;
            is_of(queued.host().id(), host_of(key), || format!("{} stands in the queue", queued.url))?;
            if queued.place.seq >= next_seq {
                let seq = queued.place.seq;
                return Err(format!("{} is queued as number {seq}, which is still to be given out", queued.url));
            }
            return Ok(Some(Audited::Queued(Box::new(queued))));
        }
        Table::Hosts => {
            let record: HostRecord =
                serde_json::from_slice(value).map_err(|e| format!("a host does not decode: {e}"))?;
            is_of(record.host.id(), host_of(key), || format!("{} is filed in the place", record.host))?;
        }
        Table::Robots => {
            let known: Vec<(Origin, Policy)> =
                serde_json::from_slice(value).map_err(|e| format!("a robots.txt does not decode: {e}"))?;
            for (origin, _) in &known {
                is_of(origin.host().id(), host_of(key), || {
                    format!("the robots.txt of {origin} is filed in the place")
                })?;
            }
        }
        Table::Directories => {
            <[u8; 8]>::try_from(value).map_err(|_| "a count of pages has the wrong length")?;
        }
        Table::Retired => {
            let retired: Retired =
                serde_json::from_slice(value).map_err(|e| format!("a retired directory does not decode: {e}"))?;
            if retired.key() != rest_of(key) {
                return Err(format!("{} is filed in the place of another directory", retired.directory));
            }
        }
        Table::Validators => {
            validators::decode(value)?;
        }
    }
    Ok(None)
}

fn is_of(found: HostId, filed: HostId, what: impl FnOnce() -> String) -> Result<(), String> {
    if found == filed { Ok(()) } else { Err(format!("{} of another host", what())) }
}
