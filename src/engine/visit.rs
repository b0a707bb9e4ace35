//! What the stations tell each other.

use super::{
    event::{Conclusion, Failure},
    stats::{Gauges, Tally},
    trail::Trail,
    waits::Waited,
};
use crate::{
    address::{HostKey, Origin},
    clock::Timestamp,
    frontier::{
        Discovery, QueuedUrl, Validators,
        workbench::{Ask, News, Returned},
    },
    politeness::Conduct,
    robots::Policy,
    verdict::Refusal,
};

/// To the recorder.
#[derive(Debug)]
pub enum ToRecorder {
    /// A worker has done what its lease said.
    Visit(Box<Visit>),
    /// The workbench wants to know something.
    Ask(Ask),
    /// The crawl had to wait for hosts.
    Waited(Vec<Waited>),
}

/// To the dispatcher.
#[derive(Debug)]
pub enum ToDispatcher {
    /// A worker's lease comes back: the host may be somebody else's.
    Returned(Box<Returned>),
    /// The recorder has done a batch of work.
    Recorded {
        /// What changed, in the order in which it did.
        news: Vec<News>,
        /// The counts, now and then.
        tally: Option<Box<Tally>>,
        /// Sizes of what recorder and store hold in memory, with the counts.
        held: Gauges,
    },
}

/// What came of one lease.
#[derive(Debug)]
pub struct Visit {
    /// The host it was of.
    pub host: HostKey,
    /// How the request went, if the host was contacted.
    pub conduct: Option<Conduct>,
    /// What it was about, and what became of it.
    pub subject: Subject,
    /// URLs found, judged.
    pub found: Vec<Discovery>,
    /// Its trail, if it is followed.
    pub trail: Option<Box<Trail>>,
}

/// What a page leaves for the next pass.
#[derive(Debug)]
pub enum Keep {
    /// What is there already, if anything is: what a failure can't know is not forgotten.
    AsItIs,
    /// This.
    This(Box<Validators>),
    /// Nothing: what is there is out of date.
    Nothing,
}

/// What a visit was about.
#[derive(Debug)]
pub enum Subject {
    /// A URL whose story has ended.
    Concluded {
        /// How.
        conclusion: Conclusion,
        /// Its record, serialised.
        record: Vec<u8>,
        /// What it leaves for the next pass.
        keep: Keep,
    },
    /// A URL that will be tried again.
    Again {
        /// As it is to be queued, attempts and time set.
        queued: QueuedUrl,
        /// What went wrong.
        why: Failure,
        /// When it did.
        at: Timestamp,
    },
    /// A robots.txt.
    Robots {
        /// Whose.
        origin: Origin,
        /// What was learnt; `None` while it is still being looked for.
        policy: Option<Result<Policy, Refusal>>,
    },
}
