//! The workbench: what may be asked now.
//!
//! A pure state machine over handed-in time. It holds a slot for each active host (head of its
//! queue, robots.txt, what is out) and a time-ordered queue of hosts. [`Workbench::next`]
//! takes the host whose turn it is and gives a [`Lease`]: something that may be done *at once*. A
//! host is in one place only: ready, waiting for a time, or resting until something about it
//! changes. That is politeness by ownership: nobody can ask a host that is not ready.
//!
//! Whether a host may be asked now is the [`gate`]'s to say, because other jobs of the
//! process may be asking it too. The gate is asked last, when all else speaks for a request, and what it
//! lets pass is leased. When another job leaves a place free, [`Workbench::changes`] tells.
//!
//! It never touches the store. What it wants to know it [`Ask`]s, and what the recorder tells it
//! arrives as [`News`], in the order in which the recorder did it. So both halves of the frontier
//! agree without sharing anything.
//!
//! Memory: at most `active_hosts` slots, at most `head` URLs in each, besides what is out. There are fewer as
//! long as fewer keep the workers busy: the front begins small and grows when a worker starves (`front.rs`).
//!
//! Fairness: ready hosts have their turns one after the other, whatever their size. A host that has had
//! `session_budget` leases gives its place to one that waits on disk, and so does one whose time is further
//! off than [`FAR`]; hosts on disk are met in the order of their ids, all of them in each pass, so that each
//! comes to its turn.
//!
//! With a depth limit, a URL is leased only when no URL of its host that is nearer is still out: any
//! of them could turn out to be a redirect, which costs no depth. No shorter way through its host can
//! be found then, so depths are exact and `limits.depth` cuts at the same place in every run. (A
//! shorter way through another, slower host may come too late: hosts don't wait for each other.) URLs that are too deep stay queued until nothing else is
//! left, because a shorter way may still turn up. So do URLs that are held: refused for the way by which
//! they were found, while another would do.

mod asleep;
mod bench;
mod front;
mod origins;
mod queue;
mod recall;
mod scan;
mod slot;
#[cfg(test)]
mod tests;
mod why;

pub use bench::Workbench;
pub use why::Why;

use std::{num::NonZeroU64, sync::Arc, time::Duration};

use super::{HostRecord, Place, QueuedUrl, Retired, Validators, Waiting};
use crate::{
    address::{CanonicalUrl, Fingerprint, HostId, HostKey, Origin},
    clock::Timestamp,
    politeness::{
        self, Conduct,
        gate::{self, Ticket},
    },
    robots::{Policy, Signals},
    verdict::{Refusal, Refused},
};

/// What a [`Workbench`] is built from.
#[derive(Debug, Clone)]
pub struct Options {
    /// Most hosts in memory (`frontier.active_hosts`).
    pub active_hosts: usize,
    /// Most URLs of one host in memory (`frontier.head`).
    pub head: usize,
    /// Leases that a host may have while others wait on disk for its place (`frontier.session_budget`).
    pub session_budget: NonZeroU64,
    /// Deepest level asked for (`limits.depth`).
    pub max_depth: Option<u16>,
    /// Pages fetched in all, at most (`limits.pages`).
    pub max_pages: Option<u64>,
    /// Pages fetched of one host, at most.
    pub pages_per_host: Option<u64>,
    /// Pages fetched of one directory (`limits.pages_per_directory`).
    pub pages_per_directory: Option<u64>,
    /// Pages in a chain after which a directory is a trap (`traps.same_content`).
    pub same_content: Option<u32>,
    /// Segments of a path that tell directories apart (`limits.directory_levels`).
    pub directory_levels: u16,
    /// Body bytes fetched of one host, about at most: what is out when it is reached still counts.
    pub bytes_per_host: Option<u64>,
    /// Whether robots.txt is asked for and obeyed.
    pub obey_robots: bool,
    /// Whether what an earlier pass left of a page is recalled before it is asked for: after that nothing stands
    /// between a host's turn and the request.
    pub recalls: bool,
    /// What is promised beyond each host: to all together (`limits.rate`), to addresses and domains.
    pub limits: gate::Limits,
    /// What is promised to hosts.
    pub politeness: politeness::Options,
}

impl Options {
    /// How the rule begins that retires a directory for `why`.
    pub fn retires(&self, why: Refusal) -> String {
        let off = || "nothing".to_owned();
        match why {
            Refusal::DuplicateContent => {
                self.same_content.map_or_else(off, |most| format!("traps.same_content = {most} in "))
            }
            _ => self.pages_per_directory.map_or_else(off, |most| format!("limits.pages_per_directory = {most} in ")),
        }
    }

    /// The deepest level whose turn comes before nothing else is left.
    fn deepest_now(&self) -> u16 {
        self.max_depth.unwrap_or(Place::HELD).min(Place::HELD - 1)
    }
}

/// A host whose next time is at least this far off gives its place to one that waits on disk.
pub const FAR: Duration = Duration::from_secs(60);

/// A host that has something to be asked for and may not be asked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// Which.
    pub host: HostKey,
    /// Until when, at least.
    pub until: Timestamp,
    /// Why.
    pub why: Why,
    /// The `Crawl-delay` by which it is asked, if one is in force.
    pub crawl_delay: Option<Duration>,
    /// Its URLs in memory, or those that were when it gave its place up: there may be more.
    pub n_urls: usize,
}

/// What a workbench holds, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Hosts that the front has places for at present.
    pub places: usize,
    /// Hosts in memory.
    pub slots: usize,
    /// Those of them that have nothing left.
    pub idle: usize,
    /// Those that are being read from disk.
    pub opening: usize,
    /// Those that may have a turn at once.
    pub ready: usize,
    /// Those that wait for a time.
    pub waiting: usize,
    /// Those that rest until the gate wakes them.
    pub busy: usize,
    /// Hosts without a place whose time is far.
    pub asleep: usize,
    /// Hosts that were found on disk and wait for a place.
    pub in_line: usize,
    /// URLs in memory that are not leased.
    pub urls: usize,
    /// URLs that are leased or wait for another attempt.
    pub urls_out: usize,
    /// Leases that are not settled.
    pub leases: u64,
    /// Questions to the store that have no answer.
    pub asks: usize,
}

/// Permission to do one thing now.
#[derive(Debug, Clone, PartialEq)]
pub struct Lease {
    /// Which host's.
    pub host: HostKey,
    /// What to do.
    pub task: Task,
    /// The gate's leave, if one of the host's connections is held for it.
    pub ticket: Option<Ticket>,
    /// Whether its host's budget allows another attempt, should this one fail.
    pub may_retry: bool,
    /// What an earlier pass left of the page.
    pub recalled: Option<Box<Validators>>,
    /// When it was handed out.
    pub leased_at: Timestamp,
}

impl Lease {
    /// Which URL it is about.
    pub fn url(&self) -> &CanonicalUrl {
        match &self.task {
            Task::Visit(queued, _) | Task::Refuse(queued, _) => &queued.url,
            Task::Robots(errand) => &errand.url,
        }
    }
}

/// What a lease is for.
#[derive(Debug, Clone, PartialEq)]
pub enum Task {
    /// Ask for a URL; with what its robots.txt says about the use of what comes.
    Visit(QueuedUrl, Option<Arc<Signals>>),
    /// Ask for a robots.txt.
    Robots(Errand),
    /// Ask nobody: write the record that says why not.
    Refuse(QueuedUrl, Box<Refused>),
}

/// A robots.txt to be got.
#[derive(Debug, Clone, PartialEq)]
pub struct Errand {
    /// For which origin.
    pub origin: Origin,
    /// Where it is: the origin's `/robots.txt`, or where redirects led, also on another host.
    pub url: CanonicalUrl,
    /// Redirects so far.
    pub redirects: u8,
    /// Attempts so far.
    pub attempts: u8,
    /// What was known of it before, which may do for a while if it can't be had.
    pub known: Option<Policy>,
}

/// The answer to "what now?".
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// This.
    Lease(Box<Lease>),
    /// Nothing before that time, unless something changes.
    WaitUntil(Timestamp),
    /// Nothing until something changes.
    Rest,
    /// Nothing is left at all.
    Drained,
}

/// What the workbench wants to know from the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// What is known of a host, and the head of its queue.
    Open {
        /// Which.
        host: HostId,
        /// How many URLs.
        limit: usize,
    },
    /// The next part of a host's queue.
    Head {
        /// Which.
        host: HostId,
        /// Behind this place.
        after: Option<Place>,
        /// How many URLs.
        limit: usize,
    },
    /// Hosts with something queued.
    Hosts {
        /// Behind this one.
        after: Option<HostId>,
        /// How many.
        limit: usize,
        /// Only those whose first URL is no deeper.
        max_depth: Option<u16>,
    },
    /// What an earlier pass left of a page.
    Page {
        /// The page's host.
        host: HostId,
        /// Which page.
        fingerprint: Fingerprint,
    },
}

/// What the recorder tells the workbench.
#[derive(Debug, Clone)]
pub enum News {
    /// A URL is new and queued.
    Admitted(QueuedUrl),
    /// A queued URL is now nearer to the front.
    Moved {
        /// Where it was.
        from: Place,
        /// As it is now.
        url: QueuedUrl,
    },
    /// What a leased URL came to.
    Settled {
        /// Its host.
        host: HostId,
        /// Which.
        fingerprint: Fingerprint,
        /// What it came to.
        fate: Fate,
    },
    /// An origin's robots.txt is known, or why nothing of the origin may be asked for.
    Robots {
        /// The origin's host.
        host: HostId,
        /// Which origin.
        origin: Origin,
        /// What was learnt.
        policy: Result<Policy, Refusal>,
    },
    /// Nothing more of a directory is to be asked for.
    Retired {
        /// The directory's host.
        host: HostId,
        /// Which, and why.
        retired: Retired,
    },
    /// The answer to [`Ask::Open`].
    Opened {
        /// Which.
        host: HostId,
        /// What is known of it, if anything is.
        known: Option<Box<Known>>,
        /// The head of its queue.
        head: Vec<QueuedUrl>,
        /// As asked.
        limit: usize,
    },
    /// The answer to [`Ask::Head`].
    Head {
        /// Which.
        host: HostId,
        /// The next part of its queue.
        urls: Vec<QueuedUrl>,
        /// As asked.
        limit: usize,
    },
    /// The answer to [`Ask::Hosts`].
    Hosts(Waiting),
    /// The answer to [`Ask::Page`].
    Page {
        /// The page's host.
        host: HostId,
        /// Which page.
        fingerprint: Fingerprint,
        /// What is left of it, if anything is.
        recalled: Option<Box<Validators>>,
    },
}

/// What the store knows of a host.
#[derive(Debug, Clone)]
pub struct Known {
    /// How things stand with it, and its counts.
    pub host: HostRecord,
    /// The robots.txt of its origins.
    pub robots: Vec<(Origin, Policy)>,
    /// Directories that are done with.
    pub retired: Vec<Retired>,
}

/// What a leased URL came to.
#[derive(Debug, Clone)]
pub enum Fate {
    /// It has a record.
    Done {
        /// Whether it counts as a page fetched.
        fetched: bool,
        /// Decoded body bytes.
        body_bytes: u64,
    },
    /// It will be tried again.
    Again(QueuedUrl),
}

/// A lease comes back.
#[derive(Debug, Clone)]
pub struct Returned {
    /// Which host's.
    pub host: HostId,
    /// The lease's.
    pub ticket: Option<Ticket>,
    /// How the request went, if the host was contacted at all.
    pub conduct: Option<Conduct>,
    /// A robots.txt to be looked for elsewhere, or again.
    pub errand: Option<Errand>,
}
