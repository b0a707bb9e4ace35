//! The gate: one place for all jobs of a process, that every request passes.
//!
//! A host is promised something by the process. So what was asked of it, and when, is remembered here
//! and not in each job: the rate, the connections, the pauses and the circuit of a host are one for
//! all [`Member`]s, and so are the limits of an address, of a registrable domain, and of all requests
//! together. Two jobs that ask one host are held to the stricter of their policies, each of which can
//! then say that it was kept.
//!
//! A member is a job, or a part of a process that asks for single URLs. It [`Member::open`]s a host,
//! asks with [`Member::try_enter`] whether it may send one request *at once*, and tells with
//! [`Member::leave`] how that went. Whoever is refused learns until when, or that something must become
//! free; in the second case [`Member::changes`] tells when to ask again, and [`Member::take_woken`] for
//! which hosts. Who has no loop of its own waits in [`Member::enter`].
//!
//! Deliberately not here: which URL is next, robots.txt, when a host is given up for good, budgets of
//! retries. Those are a crawl's own affair.
//!
//! Invariants:
//! - a wake-up is never lost: whoever was told to wait for something to become free is woken when
//!   anything that could let it in is;
//! - a member that is dropped, at whatever point, gives back all that it held;
//! - memory follows the hosts that are open and those that are still owed a pause, and has a bound
//!   ([`Options::max_hosts`]): beyond it a host that is new waits until another one may be forgotten.

mod desk;
mod group;
mod host;
#[cfg(test)]
mod interleavings;
mod member;
#[cfg(test)]
mod tests;

pub use member::{Member, Permit};

use std::{
    num::NonZeroU32,
    sync::{Arc, PoisonError},
    time::Duration,
};

use crate::{
    address::HostKey,
    clock::Timestamp,
    lock::{Mutex, MutexGuard},
};

/// What a process promises for all its jobs together.
#[derive(Debug, Clone)]
pub struct Options {
    /// Least time between requests of the process; zero is "unlimited".
    pub interval: Duration,
    /// How many may come at once after a pause.
    pub burst: NonZeroU32,
    /// Requests in flight of the process; `None` is no limit.
    pub connections: Option<NonZeroU32>,
    /// Most hosts remembered.
    pub max_hosts: usize,
}

impl Default for Options {
    /// No limits but that of memory: a million hosts, each below 1 kB.
    fn default() -> Self {
        Self { interval: Duration::ZERO, burst: NonZeroU32::MIN, connections: None, max_hosts: 1_000_000 }
    }
}

/// What one member promises besides its policy for each host.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Least time between all its requests; zero is "unlimited".
    pub interval: Duration,
    /// How many may come at once after a pause.
    pub burst: NonZeroU32,
    /// To all hosts that one address answers for.
    pub address: GroupLimit,
    /// To all hosts of one registrable domain.
    pub domain: GroupLimit,
}

impl Default for Limits {
    fn default() -> Self {
        let (address, domain) = (GroupLimit::default(), GroupLimit::default());
        Self { interval: Duration::ZERO, burst: NonZeroU32::MIN, address, domain }
    }
}

/// What is promised to several hosts together. The default promises nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GroupLimit {
    /// Least time between requests; zero is "unlimited".
    pub interval: Duration,
    /// Requests in flight.
    pub connections: Option<NonZeroU32>,
}

impl GroupLimit {
    fn is_none(&self) -> bool {
        *self == Self::default()
    }

    fn strictest(self, other: Self) -> Self {
        let connections = [self.connections, other.connections].into_iter().flatten().min();
        Self { interval: self.interval.max(other.interval), connections }
    }
}

/// Leave to send one request, which is in flight until the ticket is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket(u64);

/// Not now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// Not before that time.
    Until(Timestamp, Hold),
    /// Not before something changes: see [`Member::changes`].
    Busy(Hold),
}

impl Denied {
    /// Why.
    pub fn hold(self) -> Hold {
        let (Self::Until(_, hold) | Self::Busy(hold)) = self;
        hold
    }
}

/// What keeps a request back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hold {
    /// The host's interval, crawl-delay or delay has not passed.
    Interval,
    /// All connections to the host are in use.
    Connections,
    /// The host failed or asked for a pause.
    Resting,
    /// It has rested, and one request is trying whether it is well again.
    Probe,
    /// It is in its quiet hours.
    Quiet,
    /// The limit of its address, or its address is being learnt.
    Address,
    /// The limit of its registrable domain.
    Domain,
    /// The limit of a job's or of the process's requests together.
    AllHosts,
    /// No other host can be remembered.
    Memory,
    /// The operator has blocked it.
    Blocked,
}

impl Hold {
    /// In words, as logs say it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Interval => "politeness",
            Self::Connections => "connections busy",
            Self::Resting => "backoff",
            Self::Probe => "a probe is under way",
            Self::Quiet => "quiet hours",
            Self::Address => "the limit of its address",
            Self::Domain => "the limit of its domain",
            Self::AllHosts => "the limit of all hosts",
            Self::Memory => "no more hosts can be remembered",
            Self::Blocked => "blocked by the operator",
        }
    }
}

/// How things stand with a host; the default is a host that nobody has asked lately.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostView {
    /// Jobs that have it open.
    pub n_jobs: usize,
    /// Requests in flight.
    pub in_flight: u32,
    /// How many there may be.
    pub connections: Option<u32>,
    /// Time between two requests, `Crawl-delay` included.
    pub interval: Option<Duration>,
    /// The `Crawl-delay` that is honoured.
    pub crawl_delay: Option<Duration>,
    /// Until when it is left in peace because it failed or asked for a pause.
    pub rests_until: Option<Timestamp>,
    /// Failures since the last good answer.
    pub errors_in_row: u32,
    /// Until when the operator has blocked it.
    pub blocked_until: Option<Timestamp>,
}

/// The gate of a process. Clones are one gate.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Mutex<desk::Desk>>);

impl Gate {
    /// With nobody in it.
    pub fn new(options: Options, now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(desk::Desk::new(options, now))))
    }

    /// A new member. What all members together promise to addresses and domains is the strictest of
    /// what any of them does.
    pub fn join(&self, limits: Limits, now: Timestamp) -> Member {
        Member::new(self.clone(), limits, now)
    }

    /// Hosts that are remembered.
    pub fn n_hosts(&self) -> usize {
        self.desk().n_hosts()
    }

    /// How things stand with a host.
    pub fn view(&self, host: &HostKey, now: Timestamp) -> HostView {
        self.desk().view(host.id(), now)
    }

    /// Nobody asks the host before `until`. `false` if as many hosts are blocked as may be.
    pub fn block(&self, host: &HostKey, until: Timestamp) -> bool {
        self.desk().block(host.id(), until)
    }

    /// The host may be asked again.
    pub fn unblock(&self, host: &HostKey) {
        self.desk().unblock(host.id());
    }

    /// The host is asked as if it had never failed or asked for a pause; its interval is kept.
    pub fn pardon(&self, host: &HostKey, now: Timestamp) {
        self.desk().pardon(host.id(), now);
    }

    /// Nothing under this lock waits, and what panics under it leaves counts that are too high at worst.
    fn desk(&self) -> MutexGuard<'_, desk::Desk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Gate {
    /// Without limits for the process: what a process that runs one job needs.
    fn default() -> Self {
        Self::new(Options::default(), Timestamp::default())
    }
}
