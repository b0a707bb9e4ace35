//! The engine: the only one who knows both how a page is got and where it goes.
//!
//! Three stations, joined by bounded channels, none of which owns what another needs:
//!
//! ```text
//!   dispatcher ── Lease ──▶ pool of workers ── Visit ──▶ recorder
//!       ▲  ▲                      │                        │
//!       │  └───── Returned ───────┘                        │
//!       └────────────────────── News ──────────────────────┘
//! ```
//!
//! - The dispatcher is the frontier task: it owns the workbench, and hands out a lease only for
//!   what may be done at once. It never waits for a channel, so the ring can't lock up.
//! - A worker does what one lease says. It owns nothing: whatever happens to it, its URL is
//!   still queued. It judges the links that it finds and serialises its record itself, because that
//!   is work that can be spread.
//! - The recorder owns the store and the outputs. It is the only one who writes, and it commits
//!   both together.
//!
//! [`event`] is what they tell the world, [`stats`] what is counted of it, [`visit`] what they tell
//! each other. [`run`] puts them together and ends when all have.
//!
//! Invariants:
//! - a URL's record is appended in the very batch that takes it out of its queue;
//! - no lease is outstanding that no permit is free for, so none grows stale in a channel;
//! - when asked to stop, nothing new is leased, and whatever is in flight at the deadline is left
//!   queued.

mod book;
pub mod courier;
mod dispatcher;
pub mod event;
pub mod explain;
pub mod groups;
mod judge;
mod kept_links;
mod look;
mod pool;
pub mod record;
mod recorder;
mod run;
pub mod stats;
pub mod trail;
pub mod visit;
pub mod vitals;
pub mod waits;
mod worker;

#[cfg(test)]
mod tests;

pub use book::{Book, End, Limit};
pub use look::{Looks, LooksIn, View, looks};
pub use recorder::Observer;
pub use run::{Finished, Job, run, top_hosts};
pub use worker::Stack;

use std::{sync::Arc, time::Duration};

use crate::{
    address::CanonicalUrl,
    fetch::redirect::Downgrade,
    frontier::{FrontierError, workbench},
    parse, robots,
    sink::SinkError,
    sitemap,
};

/// What a crawl is built from, beside the parts that do the work.
#[derive(Debug, Clone)]
pub struct Options {
    /// Requests in flight at once (`fetch.concurrency`).
    pub concurrency: usize,
    /// Most bytes kept of a body (`fetch.body`).
    pub max_body_bytes: usize,
    /// Attempts beyond the first (`fetch.retries`).
    pub retries: u32,
    /// The first pause before another attempt at a URL; it doubles (`fetch.retry_base`).
    pub retry_base: Duration,
    /// The longest such pause (`fetch.retry_max`).
    pub retry_max: Duration,
    /// Longest chain of redirects (`fetch.max_redirects`).
    pub max_redirects: usize,
    /// What is done about redirects from `https` to `http` (`fetch.downgrade`).
    pub downgrade: Downgrade,
    /// Whether all links of a page whose robots directives say `nofollow` are left alone
    /// (`fetch.nofollow`).
    pub obey_nofollow: bool,
    /// Links whose `rel` says any of what is set here are left alone (`links.obey_rel`).
    pub obey_rel: parse::Rel,
    /// Whether a page's validators and links are kept for the next pass, and a page is asked for only if
    /// it has changed (`recrawl.validators`).
    pub validators: bool,
    /// What is wanted of pages.
    pub parse: parse::Options,
    /// Whether URLs in plain text are links (`links.text_files`).
    pub text_links: bool,
    /// Whether the links of PDFs are followed (`links.pdf`).
    pub pdf_links: bool,
    /// How sitemaps are read.
    pub sitemaps: sitemap::Options,
    /// How robots.txt is treated.
    pub robots: robots::Options,
    /// What records hold beyond the usual.
    pub extras: Extras,
    /// What a group of URLs may give.
    pub groups: groups::Options,
    /// A commit is due this long after the last one … (`frontier.commit_every`)
    pub commit_every: Duration,
    /// … or after this many visits (`frontier.commit_urls`).
    pub commit_visits: usize,
    /// Body bytes in all, over all runs (`limits.bytes`).
    pub max_bytes: Option<u64>,
    /// Time spent crawling, over all runs (`limits.duration`).
    pub max_duration: Option<Duration>,
    /// How long what is in flight may take when asked to stop (`shutdown.deadline`).
    pub drain_deadline: Duration,
    /// Its name in logs, where there are several crawls.
    pub crawl: Option<Arc<str>>,
    /// Whose trails are kept (`traces.sample`).
    pub followed: trail::Sampler,
    /// Which URLs may be asked for when.
    pub workbench: workbench::Options,
}

/// Parts of a record that are left out unless asked for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Extras {
    /// The visible text.
    pub text: bool,
    /// The distinct links.
    pub links: bool,
    /// Kind, rel, text and position of every link.
    pub link_details: bool,
    /// What the head says for other programs: alternates, Open Graph, JSON-LD, refresh.
    pub metadata: bool,
    /// The response's headers.
    pub headers: bool,
}

/// A URL to start from.
#[derive(Debug, Clone)]
pub struct Seed {
    /// Which.
    pub url: CanonicalUrl,
    /// A page, or a sitemap.
    pub kind: crate::frontier::Kind,
}

/// What ends a crawl early. What was committed stays committed.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The store failed.
    #[error(transparent)]
    Frontier(#[from] FrontierError),
    /// An output failed.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// The engine's book does not decode.
    #[error("the crawl's book is damaged: {0}")]
    Book(String),
    /// A task of the engine's own ended when it should not have.
    #[error("the {0} stopped unexpectedly; this is a fault in dragline")]
    Task(&'static str),
}
