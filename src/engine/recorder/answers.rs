//! What the recorder tells those who ask what the store knows.
//!
//! Times in the store may be those of an earlier process whose clock was ahead. Where they come back they are
//! bounded by the clock of this one, *and written down so*. A bound that is only applied where a time is used would
//! move on each time that it is read: whoever gives its place up until then would have to wait anew.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::Recorder;
use crate::{
    address::{HostId, Origin},
    engine::{
        EngineError,
        look::{Look, View},
        stats,
    },
    frontier::{
        HostRecord, Place, QueuedUrl,
        workbench::{Ask, Known, News},
    },
    robots::Policy,
};

impl Recorder {
    /// Lets somebody look at the state. If that goes wrong it is not the crawl that ends.
    pub(super) fn look(&mut self, look: Look) -> Result<(), EngineError> {
        self.write_hosts()?;
        let view = View { options: &self.options, book: &self.book, frontier: self.frontier.as_mut() };
        if catch_unwind(AssertUnwindSafe(|| look(view))).is_err() {
            tracing::error!("looking at a crawl's state panicked; the crawl goes on. This is a fault in dragline");
        }
        Ok(())
    }

    pub(super) fn answer(&mut self, ask: Ask) -> Result<News, EngineError> {
        Ok(match ask {
            Ask::Open { host, limit } => {
                let record = match self.hosts.get(&host) {
                    Some((record, _)) => Some(record.clone()),
                    None => self.stored_host(host)?,
                };
                let robots = self.stored_robots(host)?;
                let retired = self.frontier.retired(host)?;
                let known = record.map(|host| Box::new(Known { host, robots, retired }));
                News::Opened { host, known, head: self.stored_head(host, None, limit)?, limit }
            }
            Ask::Head { host, after, limit } => News::Head { host, urls: self.stored_head(host, after, limit)?, limit },
            Ask::Hosts { after, limit, max_depth } => {
                News::Hosts(self.frontier.waiting_hosts(after, limit, max_depth)?)
            }
            Ask::Page { host, fingerprint } => {
                News::Page { host, fingerprint, recalled: self.frontier.validators(fingerprint)?.map(Box::new) }
            }
        })
    }

    /// The sizes of what it holds.
    pub(super) fn held(&self, inbox: usize) -> stats::Gauges {
        let (chains, directories) = self.groups.sizes();
        let counts = [
            ("recorder.hosts", self.hosts.len()),
            ("recorder.chains", chains),
            ("recorder.directories", directories),
            ("recorder.uncommitted", self.n_uncommitted),
            ("recorder.inbox", inbox),
        ];
        let mut held: stats::Gauges = counts.into_iter().map(|(name, n)| (name, n as u64)).collect();
        self.frontier.held(&mut |name, n| held.extend([(name, n)]));
        held
    }

    pub(super) fn stored_host(&mut self, host: HostId) -> Result<Option<HostRecord>, EngineError> {
        let mut record = self.frontier.host(host)?;
        if let Some(record) = &mut record {
            let policy = self.options.workbench.politeness.policy(record.host.as_str());
            if record.state.bound(policy, self.clock.now()) {
                self.frontier.set_host(record)?;
            }
        }
        Ok(record)
    }

    fn stored_robots(&mut self, host: HostId) -> Result<Vec<(Origin, Policy)>, EngineError> {
        let mut robots = self.frontier.robots(host)?;
        for (origin, policy) in &mut robots {
            if policy.bound(self.clock.now()) {
                self.frontier.set_robots(host, origin, policy)?;
            }
        }
        Ok(robots)
    }

    fn stored_head(&mut self, host: HostId, after: Option<Place>, limit: usize) -> Result<Vec<QueuedUrl>, EngineError> {
        let mut head = self.frontier.head(host, after, limit)?;
        let Some(first) = head.first() else { return Ok(head) };
        let policy = self.options.workbench.politeness.policy(first.host().as_str());
        let latest = self.clock.now() + policy.longest_pause();
        for queued in head.iter_mut().filter(|queued| queued.not_before > latest) {
            queued.not_before = latest;
            self.frontier.postpone(queued)?;
        }
        Ok(head)
    }
}
