//! What a [`Frontier`] answers.

#[cfg(doc)]
use super::Frontier;
use super::{Discovery, FrontierError, Place, QueuedUrl};
use crate::{
    address::{Fingerprint, HostId},
    verdict::Refusal,
};

/// What [`Frontier::sift`] made of discoveries. URLs already known are left out.
#[derive(Debug, Default)]
pub struct Sifted {
    /// New, and queued.
    pub admitted: Vec<QueuedUrl>,
    /// New, and refused: done, and owed a record.
    pub refused: Vec<(Discovery, Refusal)>,
    /// Known and queued, and now nearer to the front: where it was, and how it is queued now.
    pub moved: Vec<(Place, QueuedUrl)>,
}

/// What [`Frontier::waiting_hosts`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Hosts with something queued, in the order of their ids.
    pub hosts: Vec<HostId>,
    /// There is nobody else up to this one; behind it nobody has looked. `None`: there are no others at all.
    pub reached: Option<HostId>,
}

/// What [`Frontier::audit`] tells of.
#[derive(Debug)]
pub enum Audited {
    /// A URL that was seen in this pass, and its place in its host's queue; without one its story has ended, and the
    /// outputs hold its record.
    Seen(Fingerprint, Option<Place>),
    /// A URL in its host's queue.
    Queued(Box<QueuedUrl>),
    /// Something that is not as it was written, or can't have been. It was passed over.
    Damaged(FrontierError),
}

/// How many of a host's URLs are counted at most before one: a queue may be long, and whoever asks is not to hold up a
/// crawl.
pub const MAX_COUNTED: u64 = 100_000;

/// What a frontier knows of a URL.
#[derive(Debug, Clone, PartialEq)]
pub enum Status {
    /// Nobody has met it.
    Unseen,
    /// It waits in its host's queue.
    Queued {
        /// As it is queued.
        queued: Box<QueuedUrl>,
        /// How many of its host's URLs stand before it; [`MAX_COUNTED`] stands for that many or more.
        n_before: u64,
    },
    /// Its story has ended: the outputs hold its record.
    Done,
}
