//! Sorting what was found into new and known.

use super::{DiskFrontier, key};
use crate::{
    address::Fingerprint,
    frontier::{Discovery, FrontierError, Place, Sifted, store::Table, stored::Seen},
    verdict::Verdict,
};

impl DiskFrontier {
    pub(super) fn sift_batch(&mut self, mut found: Vec<Discovery>) -> Result<Sifted, FrontierError> {
        self.look_up(&mut found)?;
        let mut sifted = Sifted::default();
        for discovery in found {
            // What was looked up may have been pushed out again, and an earlier one of the batch may have changed it.
            let seen = match self.recent.get(discovery.fingerprint) {
                None => self.seen(discovery.fingerprint)?,
                seen => seen,
            };
            match seen {
                None => self.admit(discovery, &mut sifted),
                Some(seen) if !discovery.is_news_to(seen) => {}
                // The recent ones may lag behind: a URL remembered as queued may be done.
                Some(_) => match self.seen(discovery.fingerprint)? {
                    Some(Seen::Queued(place)) if discovery.improves(place) => {
                        self.advance(place, &discovery, &mut sifted)?;
                    }
                    _ => {}
                },
            }
        }
        Ok(sifted)
    }

    /// A URL that nobody has seen.
    fn admit(&mut self, mut found: Discovery, sifted: &mut Sifted) {
        found.refuse_if_full(self.count.n_queued, self.count.max_queued);
        match found.verdict {
            Verdict::Refuse(why) if !found.depends_on_way => {
                self.set_seen(found.fingerprint, Seen::Done);
                sifted.refused.push((found, why));
            }
            Verdict::Fetch | Verdict::Refuse(_) => {
                let queued = found.enqueue(self.count.next_seq);
                self.count.next_seq += 1;
                self.count.n_queued += 1;
                self.put(&queued);
                sifted.admitted.push(queued);
            }
        }
    }

    /// A queued URL to which a shorter way was found.
    fn advance(&mut self, from: Place, found: &Discovery, sifted: &mut Sifted) -> Result<(), FrontierError> {
        let host = found.url.host().id();
        let known = self.queued(host, from)?;
        let queued = found.nearer(&known);
        self.store.put(Table::Queue, key(host, from.pack()), None);
        self.put(&queued);
        sifted.moved.push((from, queued));
        Ok(())
    }

    /// Looks up by ascending fingerprints what the recent ones don't tell, and leaves only what may be news.
    fn look_up(&mut self, found: &mut Vec<Discovery>) -> Result<(), FrontierError> {
        let told = found.iter().map(|discovery| (discovery.fingerprint, discovery.forward_to()));
        let mut may_be_news = self.recent.may_be_news(told).into_iter();
        found.retain(|_| may_be_news.next().unwrap_or(true));
        let mut order: Vec<Fingerprint> = found.iter().map(|discovery| discovery.fingerprint).collect();
        order.sort_unstable();
        order.dedup();
        for fingerprint in order {
            if let Some(seen) = self.seen(fingerprint)? {
                self.recent.put(fingerprint, seen);
            }
        }
        Ok(())
    }
}
