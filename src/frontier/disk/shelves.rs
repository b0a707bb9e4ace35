//! The seen-set and the queues: the two tables that change together.

use redb::{ReadableTable, WriteTransaction};

use super::{Count, QUEUE, SEEN, store};
use crate::{
    address::Fingerprint,
    frontier::{
        Discovery, FrontierError, Known, Place, QueuedUrl, Sifted,
        stored::{self, Seen, queue_key},
    },
    verdict::Verdict,
};

/// The two tables that change together, open for one batch.
pub(super) struct Shelves<'txn> {
    pub(super) seen: redb::Table<'txn, u128, u64>,
    pub(super) queue: redb::Table<'txn, (u64, u64), &'static [u8]>,
}

impl<'txn> Shelves<'txn> {
    pub(super) fn open(txn: &'txn WriteTransaction) -> Result<Self, FrontierError> {
        Ok(Self { seen: txn.open_table(SEEN).map_err(store)?, queue: txn.open_table(QUEUE).map_err(store)? })
    }

    pub(super) fn seen(&self, url: u128) -> Result<Option<Seen>, FrontierError> {
        Ok(self.seen.get(url).map_err(store)?.map(|packed| Seen::unpack(packed.value())))
    }

    pub(super) fn for_each_seen(&self, each: &mut dyn FnMut(Fingerprint, Known)) -> Result<(), FrontierError> {
        for entry in self.seen.iter().map_err(store)? {
            let (fingerprint, packed) = entry.map_err(store)?;
            each(Fingerprint(fingerprint.value()), Seen::unpack(packed.value()).known());
        }
        Ok(())
    }

    pub(super) fn put(&mut self, queued: &QueuedUrl) -> Result<(), FrontierError> {
        self.seen.insert(queued.fingerprint.0, Seen::Queued(queued.place).pack()).map_err(store)?;
        let entry = stored::encode(queued);
        self.queue.insert(queue_key(queued.host().id(), queued.place), entry.as_slice()).map_err(store)?;
        Ok(())
    }

    /// A URL that nobody has seen.
    pub(super) fn admit(
        &mut self,
        mut found: Discovery,
        count: &mut Count,
        sifted: &mut Sifted,
    ) -> Result<Seen, FrontierError> {
        found.refuse_if_full(count.n_queued, count.max_queued);
        let why = match found.verdict {
            Verdict::Refuse(why) if !found.depends_on_way => why,
            Verdict::Fetch | Verdict::Refuse(_) => {
                let queued = found.enqueue(count.next_seq);
                count.next_seq += 1;
                count.n_queued += 1;
                self.put(&queued)?;
                let seen = Seen::Queued(queued.place);
                sifted.admitted.push(queued);
                return Ok(seen);
            }
        };
        self.seen.insert(found.fingerprint.0, Seen::Done.pack()).map_err(store)?;
        sifted.refused.push((found, why));
        Ok(Seen::Done)
    }

    /// A queued URL to which a shorter way was found. The inner error says what is damaged.
    pub(super) fn advance(
        &mut self,
        from: Place,
        found: &Discovery,
    ) -> Result<Result<QueuedUrl, String>, FrontierError> {
        let entry = self.queue.remove(queue_key(found.url.host().id(), from)).map_err(store)?;
        let Some(entry) = entry.map(|entry| stored::decode(from, entry.value())) else {
            return Ok(Err("a URL is seen as queued and is not in its queue".into()));
        };
        match entry {
            Err(what) => Ok(Err(what)),
            Ok(known) => {
                let queued = found.nearer(&known);
                self.put(&queued)?;
                Ok(Ok(queued))
            }
        }
    }
}
