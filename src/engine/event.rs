//! The protocol: everything that happens in a crawl, as seen by those who listen.
//!
//! First file to read. The recorder tells the tale, in the order in which it commits; the tally
//! that becomes the receipt, the live display, the logs and the metrics are its listeners, and
//! nothing else counts anything.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{trail::Trail, waits::Waited};
use crate::{
    address::{CanonicalUrl, HostKey},
    clock::Timestamp,
    fetch::{ErrorKind, redirect::DeadEndKind},
    sink::Mark,
    verdict::Refusal,
};

/// Something that happened.
#[derive(Debug, Clone)]
pub enum CrawlEvent {
    /// URLs that nobody had seen before entered the frontier or were refused at once.
    Discovered {
        /// How many.
        n_urls: u64,
    },
    /// A URL's story ended: it has a record.
    Concluded(Arc<Conclusion>),
    /// A URL will be asked for again.
    Retrying {
        /// Which.
        url: CanonicalUrl,
        /// Attempts so far.
        attempts: u32,
        /// Not before.
        at: Timestamp,
        /// What went wrong this time.
        why: Failure,
    },
    /// A robots.txt was asked for.
    RobotsFetched {
        /// On which host.
        host: HostKey,
        /// What it means: `rules`, `allow-all`, `unreachable`.
        standing: &'static str,
    },
    /// A host is left in peace.
    HostSlowed {
        /// Which.
        host: HostKey,
        /// Until when.
        until: Timestamp,
        /// `asked for a pause` or `in trouble`.
        why: &'static str,
    },
    /// A host failed too often in a row; its remaining URLs will be refused.
    HostGivenUp {
        /// Which.
        host: HostKey,
    },
    /// Nothing more of a directory will be asked for; what is left in it will be refused.
    DirectoryRetired {
        /// Origin and path up to a slash.
        directory: String,
        /// The reason in the records of its URLs.
        why: Refusal,
        /// The rule that fired.
        rule: Arc<str>,
    },
    /// Only what is promised to a host held the crawl up for a while, and nobody could do anything else.
    Waited(Waited),
    /// A request of a URL that is followed was dealt with, from its lease to its record.
    Followed(Arc<Trail>),
    /// Outputs and frontier agree on disk up to here.
    Committed {
        /// Visits in the batch.
        n_visits: usize,
        /// How long it took.
        took: Duration,
        /// How far the outputs are on disk.
        outputs: Arc<[Mark]>,
    },
}

/// How a URL's story ended.
#[derive(Debug, Clone)]
pub struct Conclusion {
    /// Which URL.
    pub url: CanonicalUrl,
    /// Links away from a seed.
    pub depth: u16,
    /// The end.
    pub outcome: Outcome,
    /// The last answer's status, if there was one.
    pub status: Option<u16>,
    /// The page it was found on; none for a seed.
    pub via: Option<Arc<str>>,
    /// A digest of the body, if it has one that says something.
    pub content: Option<u64>,
    /// Decoded bytes of the body.
    pub body_bytes: u64,
    /// Bytes of the body over the wire.
    pub wire_bytes: u64,
    /// From request to first byte.
    pub latency: Option<Duration>,
    /// When it ended.
    pub at: Timestamp,
}

/// The five ends of a URL; their sum, with what is pending, is what was discovered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A success (2xx): the body was kept and read.
    Fetched,
    /// It has not been modified (304) since an earlier pass, whose record says what it holds.
    NotModified,
    /// A redirect (3xx with a `Location` that leads somewhere); its target is a URL of its own.
    Redirected,
    /// An answer that is no success, or none at all, after all attempts.
    Failed(Failure),
    /// Judged, and not asked for.
    Refused(Refusal),
}

impl Outcome {
    /// Whether it counts as a page, for budgets and for what its links lead to.
    pub fn is_page(self) -> bool {
        matches!(self, Self::Fetched | Self::NotModified)
    }

    /// As in records: `fetched`, `not-modified`, `redirected`, `failed`, `refused`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fetched => "fetched",
            Self::NotModified => "not-modified",
            Self::Redirected => "redirected",
            Self::Failed(_) => "failed",
            Self::Refused(_) => "refused",
        }
    }
}

/// Why a URL failed. As text: `http-404`, or the kind of the error or dead end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Failure {
    /// An answer with this status.
    Status(u16),
    /// No answer.
    Error(ErrorKind),
    /// A redirect that leads nowhere.
    Redirect(DeadEndKind),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Status(status) => write!(f, "http-{status}"),
            Self::Error(kind) => f.write_str(kind.as_str()),
            Self::Redirect(kind) => f.write_str(kind.as_str()),
        }
    }
}
