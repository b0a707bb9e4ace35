//! What outlives a pass: hosts, robots.txt and validators stay, what is known of URLs goes.

use super::{Count, DiskFrontier, encoded};
use crate::{
    address::Origin,
    frontier::{
        FrontierError, HostRecord,
        store::{Meta, Table},
    },
    robots::Policy,
};

impl DiskFrontier {
    /// Leaves of a pass what the next one goes on from, and commits that with `book`, in one step.
    pub(super) fn forget_pass(&mut self, book: &[u8]) -> Result<(), FrontierError> {
        let path = self.path.clone();
        let unreadable =
            |e: serde_json::Error| FrontierError::Corrupted { path: path.to_path_buf(), what: e.to_string() };
        let mut change = |table: Table, bytes: Vec<u8>| match table {
            Table::Hosts => {
                let mut record: HostRecord = serde_json::from_slice(&bytes).map_err(unreadable)?;
                record.begin_pass();
                encoded(&record).map(Some)
            }
            // A robots.txt is asked for once a pass, however fresh it is: the sitemaps that it names are found by asking.
            Table::Robots => {
                let mut known: Vec<(Origin, Policy)> = serde_json::from_slice(&bytes).map_err(unreadable)?;
                known.iter_mut().for_each(|(_, policy)| policy.ask_anew());
                encoded(&known).map(Some)
            }
            _ => Ok(Some(bytes)),
        };
        let meta = Meta { next_seq: 0, n_queued: 0, book: book.to_vec() };
        self.store.rewrite(&[Table::Hosts, Table::Robots, Table::Validators], &mut change, meta)?;
        self.recent.clear();
        self.count = Count { next_seq: 0, n_queued: 0, ..self.count };
        self.firsts.clear();
        Ok(())
    }
}
