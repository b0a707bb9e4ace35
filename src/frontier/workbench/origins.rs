//! The robots.txt of one host's origins, as the workbench knows them.

use std::{sync::Arc, time::Duration};

use crate::{
    address::{CanonicalUrl, Origin},
    clock::Timestamp,
    frontier::MAX_ORIGINS,
    robots::{Policy, Signals},
    verdict::{Refusal, Refused},
};

/// What robots.txt says to a URL's turn.
#[derive(Debug)]
pub(super) enum Word {
    /// It may be asked for.
    Allowed,
    /// It may not.
    Refused(Refused),
    /// Nothing yet: robots.txt is being asked for.
    Pending,
    /// Nothing, or nothing any more: robots.txt is to be asked for.
    Unknown,
}

#[derive(Debug)]
enum Robots {
    Pending,
    /// Whether a URL was judged by it: an expired one is asked for again only then, or a host that is
    /// asked seldom enough would be asked for nothing else.
    Known(Policy, bool),
    Blocked(Refusal),
}

/// At most [`MAX_ORIGINS`], and those that are being asked for.
#[derive(Debug, Default)]
pub(super) struct Origins(Vec<(Origin, Robots)>);

impl Origins {
    pub(super) fn new(known: Vec<(Origin, Policy)>) -> Self {
        Self(known.into_iter().map(|(origin, policy)| (origin, Robots::Known(policy, true))).collect())
    }

    /// What the robots.txt of a URL's origin says to it.
    pub(super) fn judge(&self, url: &CanonicalUrl, now: Timestamp) -> Word {
        match self.get(&url.origin()) {
            None => Word::Unknown,
            Some(Robots::Pending) => Word::Pending,
            Some(Robots::Blocked(why)) => Word::Refused((*why).into()),
            Some(Robots::Known(policy, true)) if policy.is_expired(now) => Word::Unknown,
            Some(Robots::Known(policy, _)) => match policy.decide(url) {
                Ok(()) => Word::Allowed,
                Err(why) => Word::Refused(Refused { why, rule: policy.rule(url).map(Arc::from) }),
            },
        }
    }

    /// What a URL's robots.txt says about the use of what it answers, if it says anything.
    pub(super) fn signals(&self, url: &CanonicalUrl) -> Option<Arc<Signals>> {
        let Some(Robots::Known(policy, _)) = self.get(&url.origin()) else { return None };
        let signals = policy.signals(url.path_and_query());
        (!signals.is_empty()).then(|| Arc::new(signals))
    }

    /// A URL of the origin is being asked for, or was refused by its robots.txt.
    pub(super) fn used(&mut self, origin: &Origin) {
        if let Some((_, Robots::Known(_, used))) = self.0.iter_mut().find(|(known, _)| known == origin) {
            *used = true;
        }
    }

    /// An origin's robots.txt is being asked for; answers with the policy that was known before.
    pub(super) fn ask(&mut self, origin: Origin) -> Option<Policy> {
        self.set(origin, Robots::Pending)
    }

    /// What was learnt of an origin.
    pub(super) fn learn(&mut self, origin: Origin, policy: Result<Policy, Refusal>) {
        self.set(origin, policy.map_or_else(Robots::Blocked, |policy| Robots::Known(policy, false)));
    }

    /// The longest crawl-delay that any of them asks for.
    pub(super) fn crawl_delay(&self) -> Option<Duration> {
        let delays = self.0.iter().filter_map(|(_, robots)| match robots {
            Robots::Known(policy, _) => policy.crawl_delay(),
            Robots::Pending | Robots::Blocked(_) => None,
        });
        delays.max()
    }

    pub(super) fn is_any_pending(&self) -> bool {
        self.0.iter().any(|(_, robots)| matches!(robots, Robots::Pending))
    }

    /// Whether any of them was asked for and no URL since. Read from disk once more, it would count as used.
    pub(super) fn is_any_unused(&self) -> bool {
        self.0.iter().any(|(_, robots)| matches!(robots, Robots::Known(_, false)))
    }

    fn get(&self, origin: &Origin) -> Option<&Robots> {
        self.0.iter().find(|(known, _)| known == origin).map(|(_, robots)| robots)
    }

    fn set(&mut self, origin: Origin, robots: Robots) -> Option<Policy> {
        if let Some((_, known)) = self.0.iter_mut().find(|(known, _)| *known == origin) {
            return match std::mem::replace(known, robots) {
                Robots::Known(policy, _) => Some(policy),
                Robots::Pending | Robots::Blocked(_) => None,
            };
        }
        if self.0.len() >= MAX_ORIGINS
            && let Some(oldest) = self.0.iter().position(|(_, known)| !matches!(known, Robots::Pending))
        {
            self.0.remove(oldest);
        }
        self.0.push((origin, robots));
        None
    }
}
