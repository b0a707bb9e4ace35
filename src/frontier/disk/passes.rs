//! What outlives a pass: validators stay, what is known of URLs goes.

use std::ops::Bound;

use redb::{ReadableTable, WriteTransaction};

use super::{Count, DIRECTORIES, DiskFrontier, HOSTS, QUEUE, RETIRED, ROBOTS, SEEN, VALIDATORS, store};
use crate::{
    address::Fingerprint,
    frontier::{FrontierError, Validators, recent::Recent, validators},
};

/// Hosts that are rewritten in one go.
const HOSTS_AT_ONCE: usize = 1024;

pub(super) fn write_validators(
    txn: &WriteTransaction,
    url: Fingerprint,
    kept: Option<&Validators>,
) -> Result<(), FrontierError> {
    let mut table = txn.open_table(VALIDATORS).map_err(store)?;
    match kept {
        Some(kept) => table.insert(url.0, validators::encode(kept).as_slice()).map_err(store)?,
        None => table.remove(url.0).map_err(store)?,
    };
    Ok(())
}

impl DiskFrontier {
    pub(super) fn read_validators(&self, url: Fingerprint) -> Result<Option<Validators>, FrontierError> {
        let table = self.txn_ref()?.open_table(VALIDATORS).map_err(store)?;
        let Some(bytes) = table.get(url.0).map_err(store)? else { return Ok(None) };
        validators::decode(bytes.value()).map(Some).map_err(|what| self.corrupted(what))
    }

    /// Leaves of a pass what the next one goes on from. Nothing of it is durable before a commit.
    pub(in crate::frontier) fn forget_pass(&mut self) -> Result<(), FrontierError> {
        let txn = self.txn_ref()?;
        txn.delete_table(SEEN).map_err(store)?;
        txn.delete_table(QUEUE).map_err(store)?;
        txn.delete_table(DIRECTORIES).map_err(store)?;
        txn.delete_table(RETIRED).map_err(store)?;
        self.begin_pass_of_hosts()?;
        self.ask_for_robots_anew()?;
        self.recent = Recent::new(self.seen_cache_bytes);
        self.count = Count { next_seq: 0, n_queued: 0, ..self.count };
        Ok(())
    }

    fn begin_pass_of_hosts(&self) -> Result<(), FrontierError> {
        let mut after = Bound::Unbounded;
        loop {
            let mut hosts = self.txn_ref()?.open_table(HOSTS).map_err(store)?;
            let mut batch = Vec::new();
            for entry in hosts.range((after, Bound::Unbounded)).map_err(store)?.take(HOSTS_AT_ONCE) {
                let (key, value) = entry.map_err(store)?;
                batch.push((key.value(), self.decode_host(value.value())?));
            }
            let Some((last, _)) = batch.last() else { return Ok(()) };
            after = Bound::Excluded(*last);
            for (key, mut record) in batch {
                record.begin_pass();
                let bytes = serde_json::to_vec(&record).map_err(store)?;
                hosts.insert(key, bytes.as_slice()).map_err(store)?;
            }
        }
    }

    /// A robots.txt is asked for once a pass, however fresh it is: the sitemaps that it names are found
    /// by asking.
    fn ask_for_robots_anew(&self) -> Result<(), FrontierError> {
        let mut after = Bound::Unbounded;
        loop {
            let mut table = self.txn_ref()?.open_table(ROBOTS).map_err(store)?;
            let mut batch = Vec::new();
            for entry in table.range((after, Bound::Unbounded)).map_err(store)?.take(HOSTS_AT_ONCE) {
                let (key, value) = entry.map_err(store)?;
                batch.push((key.value(), self.decode_robots(value.value())?));
            }
            let Some((last, _)) = batch.last() else { return Ok(()) };
            after = Bound::Excluded(*last);
            for (key, mut known) in batch {
                known.iter_mut().for_each(|(_, policy)| policy.ask_anew());
                let bytes = serde_json::to_vec(&known).map_err(store)?;
                table.insert(key, bytes.as_slice()).map_err(store)?;
            }
        }
    }
}
