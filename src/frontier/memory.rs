//! The frontier in memory: for small crawls whose state need not outlive the process, and for
//! tests. Memory grows with the URLs known.

use std::collections::{BTreeMap, HashMap};

use super::{
    Audited, Discovery, Frontier, FrontierError, Held, HostRecord, MAX_COUNTED, MAX_RETIRED, Options, Place, QueuedUrl,
    Retired, Sifted, Status, Table, Validators, Waiting, remember,
    stored::{Seen, queue_key},
};
use crate::{
    address::{CanonicalUrl, DirectoryKey, Fingerprint, HostId, Origin},
    robots::Policy,
    verdict::{Refusal, Refused, Verdict},
};

/// A [`Frontier`] whose commits are promises to nobody.
#[derive(Debug, Default, Clone)]
pub struct MemoryFrontier {
    seen: HashMap<Fingerprint, Seen>,
    queue: BTreeMap<(u64, u64), QueuedUrl>,
    hosts: BTreeMap<HostId, HostRecord>,
    robots: HashMap<HostId, Vec<(Origin, Policy)>>,
    directories: HashMap<(HostId, DirectoryKey), u64>,
    retired: BTreeMap<(u64, u64), Retired>,
    validators: HashMap<Fingerprint, Validators>,
    next_seq: u64,
    max_queued: Option<u64>,
    book: Vec<u8>,
}

impl MemoryFrontier {
    /// An empty one.
    pub fn new(options: &Options) -> Self {
        Self { max_queued: options.max_queued, ..Self::default() }
    }

    fn admit(&mut self, mut found: Discovery, sifted: &mut Sifted) {
        found.refuse_if_full(self.n_queued(), self.max_queued);
        match found.verdict {
            Verdict::Refuse(why) if !found.depends_on_way => {
                self.seen.insert(found.fingerprint, Seen::Done);
                sifted.refused.push((found, why));
            }
            Verdict::Fetch | Verdict::Refuse(_) => {
                let queued = found.enqueue(self.next_seq);
                self.next_seq += 1;
                self.put(&queued);
                sifted.admitted.push(queued);
            }
        }
    }

    fn advance(&mut self, from: Place, found: &Discovery, sifted: &mut Sifted) {
        let key = queue_key(found.url.host().id(), from);
        let Some(known) = self.queue.remove(&key) else { return };
        let queued = found.nearer(&known);
        self.put(&queued);
        sifted.moved.push((from, queued));
    }

    fn put(&mut self, queued: &QueuedUrl) {
        self.seen.insert(queued.fingerprint, Seen::Queued(queued.place));
        self.queue.insert(queue_key(queued.host().id(), queued.place), queued.clone());
    }
}

impl Frontier for MemoryFrontier {
    fn book(&self) -> &[u8] {
        &self.book
    }

    fn sift(&mut self, found: Vec<Discovery>) -> Result<Sifted, FrontierError> {
        let mut sifted = Sifted::default();
        for discovery in found {
            match self.seen.get(&discovery.fingerprint) {
                None => self.admit(discovery, &mut sifted),
                Some(Seen::Queued(place)) if discovery.improves(*place) => {
                    let place = *place;
                    self.advance(place, &discovery, &mut sifted);
                }
                Some(_) => {}
            }
        }
        Ok(sifted)
    }

    fn conclude(&mut self, url: &CanonicalUrl) -> Result<bool, FrontierError> {
        let Some(Seen::Queued(place)) = self.seen.insert(url.fingerprint(), Seen::Done) else { return Ok(false) };
        Ok(self.queue.remove(&queue_key(url.host().id(), place)).is_some())
    }

    fn postpone(&mut self, url: &QueuedUrl) -> Result<(), FrontierError> {
        let Some(Seen::Queued(place)) = self.seen.get(&url.fingerprint) else { return Ok(()) };
        if let Some(queued) = self.queue.get_mut(&queue_key(url.host().id(), *place)) {
            (queued.attempts, queued.not_before) = (url.attempts, url.not_before);
        }
        Ok(())
    }

    fn head(&mut self, host: HostId, after: Option<Place>, limit: usize) -> Result<Vec<QueuedUrl>, FrontierError> {
        let from = after.map_or(0, |place| place.pack() + 1);
        Ok(self
            .queue
            .range((host.0, from)..=(host.0, u64::MAX))
            .take(limit)
            .map(|(_, queued)| queued.clone())
            .collect())
    }

    fn waiting_hosts(
        &mut self,
        after: Option<HostId>,
        limit: usize,
        max_depth: Option<u16>,
    ) -> Result<Waiting, FrontierError> {
        let mut hosts = Vec::new();
        let mut from = after.map_or(Some(0), |host| host.0.checked_add(1));
        while let Some(start) = from
            && hosts.len() < limit
            && let Some(((host, first), _)) = self.queue.range((start, 0)..).next()
        {
            if max_depth.is_none_or(|most| Place::unpack(*first).depth <= most) {
                hosts.push(HostId(*host));
            }
            from = host.checked_add(1);
        }
        let reached = if hosts.len() < limit { None } else { hosts.last().copied() };
        Ok(Waiting { hosts, reached })
    }

    fn host(&mut self, host: HostId) -> Result<Option<HostRecord>, FrontierError> {
        Ok(self.hosts.get(&host).cloned())
    }

    fn set_host(&mut self, record: &HostRecord) -> Result<(), FrontierError> {
        self.hosts.insert(record.host.id(), record.clone());
        Ok(())
    }

    fn robots(&mut self, host: HostId) -> Result<Vec<(Origin, Policy)>, FrontierError> {
        Ok(self.robots.get(&host).cloned().unwrap_or_default())
    }

    fn set_robots(&mut self, host: HostId, origin: &Origin, policy: &Policy) -> Result<(), FrontierError> {
        remember(self.robots.entry(host).or_default(), origin, policy);
        Ok(())
    }

    fn directory_pages(&mut self, host: HostId, directory: DirectoryKey) -> Result<u64, FrontierError> {
        Ok(self.directories.get(&(host, directory)).copied().unwrap_or_default())
    }

    fn set_directory_pages(
        &mut self,
        host: HostId,
        directory: DirectoryKey,
        n_pages: u64,
    ) -> Result<(), FrontierError> {
        self.directories.insert((host, directory), n_pages);
        Ok(())
    }

    fn retired(&mut self, host: HostId) -> Result<Vec<Retired>, FrontierError> {
        let range = self.retired.range((host.0, 0)..=(host.0, u64::MAX));
        Ok(range.take(MAX_RETIRED).map(|(_, retired)| retired.clone()).collect())
    }

    fn retire(&mut self, host: HostId, retired: &Retired) -> Result<(), FrontierError> {
        self.retired.insert((host.0, retired.key()), retired.clone());
        Ok(())
    }

    fn validators(&mut self, url: Fingerprint) -> Result<Option<Validators>, FrontierError> {
        Ok(self.validators.get(&url).cloned())
    }

    fn set_validators(&mut self, url: Fingerprint, validators: Option<&Validators>) -> Result<(), FrontierError> {
        match validators {
            Some(validators) => self.validators.insert(url, validators.clone()),
            None => self.validators.remove(&url),
        };
        Ok(())
    }

    fn begin_pass(&mut self, book: &[u8]) -> Result<(), FrontierError> {
        let before = std::mem::take(self);
        *self = Self {
            hosts: before.hosts,
            robots: before.robots,
            validators: before.validators,
            max_queued: before.max_queued,
            ..Self::default()
        };
        self.hosts.values_mut().for_each(HostRecord::begin_pass);
        self.robots.values_mut().flatten().for_each(|(_, policy)| policy.ask_anew());
        self.commit(book)
    }

    fn status(&mut self, url: &CanonicalUrl) -> Result<Status, FrontierError> {
        let place = match self.seen.get(&url.fingerprint()) {
            None => return Ok(Status::Unseen),
            Some(Seen::Done) => return Ok(Status::Done),
            Some(Seen::Queued(place)) => *place,
        };
        let host = url.host().id();
        let before = self.queue.range((host.0, 0)..queue_key(host, place)).map(drop);
        let n_before = before.zip(0..MAX_COUNTED).count() as u64;
        let queued = self.queue.get(&queue_key(host, place)).cloned();
        Ok(queued.map_or(Status::Done, |queued| Status::Queued { queued: Box::new(queued), n_before }))
    }

    fn for_each_host(&mut self, each: &mut dyn FnMut(HostRecord)) -> Result<(), FrontierError> {
        self.hosts.values().cloned().for_each(each);
        Ok(())
    }

    fn audit(&mut self, table: Table, tell: &mut dyn FnMut(Audited)) -> Result<(), FrontierError> {
        match table {
            Table::Seen => {
                // All of it is in memory anyway.
                let mut seen: Vec<_> = self.seen.iter().map(|(url, seen)| (*url, seen.place())).collect();
                seen.sort_unstable_by_key(|(url, _)| *url);
                seen.into_iter().for_each(|(url, place)| tell(Audited::Seen(url, place)));
            }
            Table::Queue => self.queue.values().for_each(|queued| tell(Audited::Queued(Box::new(queued.clone())))),
            // What is not stored is not damaged.
            Table::Hosts | Table::Robots | Table::Directories | Table::Retired | Table::Validators => {}
        }
        Ok(())
    }

    fn n_queued(&self) -> u64 {
        self.queue.len() as u64
    }

    fn commit(&mut self, book: &[u8]) -> Result<(), FrontierError> {
        book.clone_into(&mut self.book);
        Ok(())
    }
}

impl Discovery {
    /// Whether anything changes if the seen-set says this of it.
    pub(super) fn is_news_to(&self, seen: Seen) -> bool {
        seen.moves_to(self.forward_to())
    }

    /// The depth at which it would be asked for.
    pub(super) fn forward_to(&self) -> u16 {
        if self.verdict == Verdict::Fetch { self.depth } else { Place::HELD }
    }

    /// Whether this way is shorter than the one by which the URL is queued.
    pub(super) fn improves(&self, place: Place) -> bool {
        self.forward_to() < place.depth
    }

    /// Refuses it when as many URLs are queued as may be. What would only be held gets no more than
    /// half of the room, and is refused by its own rule beyond that.
    pub(super) fn refuse_if_full(&mut self, n_queued: u64, max_queued: Option<u64>) {
        let Some(most) = max_queued else { return };
        self.depends_on_way &= n_queued < most / 2;
        if n_queued >= most && self.verdict == Verdict::Fetch {
            self.verdict = Verdict::Refuse(Refusal::QueueFull);
            self.rule = Some(format!("limits.queue = {most}").into());
        }
    }

    pub(super) fn queued_at(&self, place: Place) -> QueuedUrl {
        QueuedUrl {
            place,
            url: self.url.clone(),
            fingerprint: self.fingerprint,
            kind: self.kind,
            nesting: self.nesting,
            hops_off_site: self.hops_off_site,
            via: self.via.clone(),
            redirects: self.redirects.clone(),
            attempts: 0,
            not_before: crate::clock::Timestamp::default(),
            held: None,
        }
    }

    /// As it is queued: in its place, or behind all others if it is held.
    pub(super) fn enqueue(&self, seq: u64) -> QueuedUrl {
        match self.verdict {
            Verdict::Fetch => self.queued_at(Place { depth: self.depth.min(Place::HELD - 1), seq }),
            Verdict::Refuse(why) => {
                let refused = Refused { why, rule: self.rule.clone() };
                let held = Some(Box::new(Held { refused, depth: self.depth }));
                QueuedUrl { held, ..self.queued_at(Place { depth: Place::HELD, seq }) }
            }
        }
    }

    /// `known`, reached by this shorter way; its attempts stay counted.
    pub(super) fn nearer(&self, known: &QueuedUrl) -> QueuedUrl {
        let place = Place { depth: self.depth.min(Place::HELD - 1), seq: known.place.seq };
        if known.held.is_some() {
            return self.queued_at(place);
        }
        QueuedUrl {
            kind: known.kind,
            nesting: known.nesting,
            hops_off_site: known.hops_off_site.min(self.hops_off_site),
            attempts: known.attempts,
            not_before: known.not_before,
            ..self.queued_at(place)
        }
    }
}
