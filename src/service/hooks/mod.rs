//! Webhooks: who is told of what happens to crawls, until he has heard it.
//!
//! An event belongs to a state of a crawl that is on disk: it is written *in* the crawl's entry, with the change that
//! it tells of ([`Entry::owed`](super::ledger::Entry)), and only then handed over to the [`Post`]. So a process that
//! is killed between the two neither loses an event nor tells of what did not happen: at the next start the entries
//! are offered again, and each hook takes what is later than the last event that it has taken (its mark). A deletion
//! has no entry that could hold it: it is put into the queues first, and held back until the crawl is gone; one whose
//! crawl is still there at the start did not happen.
//!
//! - [`Hook`] is one receiver: where, what for, its queue and its log. Pure: a state machine over times that are handed
//!   in. It is one file, replaced whole after each change.
//! - [`Post`] has all of them, for whoever gives events ([`Post::take`]), asks, or changes them.
//! - [`run`](Post::run) is the one task that tells receivers: the oldest event of each hook, many hooks at once.
//! - [`sign`] is how a receiver knows that it is us (the Standard Webhooks).
//!
//! Deliberately not: a bus. Pages are not told of; that is what the stream of events is for.
//!
//! Invariants:
//! - an event is told at least once, under the same id each time, unless it is older than `webhooks.max_age`, its hook
//!   is gone, or more than `webhooks.queue` wait behind it: then the log says so;
//! - a receiver hears one event at a time, in the order in which they happened;
//! - a receiver that is slow or down delays nobody else;
//! - no secret is in an answer (but the one that makes the hook), a log line or a message;
//! - no connection is opened past the guard of `webhooks.allow`, whoever named the URL.

mod desk;
mod files;
mod hook;
mod post;
mod round;
mod sign;
#[cfg(test)]
mod tests;

pub(crate) use desk::NewHook;
pub(crate) use hook::{Delivery, Hook, Outcome};
pub(crate) use post::{Post, event_id};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ledger::CrawlId;
use crate::{clock::Timestamp, config::HookEvent};

/// What a receiver is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "WebhookKind")]
pub(crate) enum Kind {
    /// Something happened to a crawl.
    Crawl(HookEvent),
    /// Nothing: somebody wants to see whether he hears.
    Ping(Ping),
}

/// See [`Kind::Ping`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "WebhookPing")]
pub(crate) enum Ping {
    #[serde(rename = "ping")]
    Ping,
}

/// Something that happened to a crawl, for all hooks that it is for.
#[derive(Debug, Clone)]
pub(crate) struct Happened {
    /// Which of all events.
    pub(crate) seq: u64,
    pub(crate) id: Uuid,
    pub(crate) event: HookEvent,
    pub(crate) at: Timestamp,
    pub(crate) crawl: CrawlId,
    /// Whose crawl.
    pub(crate) owner: String,
    /// What receivers get, byte for byte.
    pub(crate) body: String,
}

/// Why something is not done to a hook.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HookError {
    #[error("there is no such webhook")]
    Unknown,
    #[error("there is no such delivery, or it is not remembered any more")]
    UnknownDelivery,
    #[error("{0}")]
    Unfit(String),
    #[error(
        "there are as many webhooks as may be: {of_caller} of a caller (webhooks.per_caller), {in_all} in all (webhooks.max)"
    )]
    TooMany { of_caller: usize, in_all: usize },
    #[error("the queue of this webhook is full: {0} events wait (webhooks.queue)")]
    Full(usize),
    #[error("this event waits for its receiver already")]
    Waits,
    #[error("this webhook is the operator's: it is in the daemon's configuration")]
    Operators,
    #[error("the system gives no random bytes")]
    Random,
    #[error("the data folder can't be written")]
    Disk(#[source] std::io::Error),
}
