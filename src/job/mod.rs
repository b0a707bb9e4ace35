//! A crawl in a folder: all that lies between a checked configuration and the engine.
//!
//! [`prepare`] claims the output folder, opens or begins what is in it and puts the engine's parts together;
//! [`Prepared::run`] crawls, and writes the report and, last of all, the receipt. `dragline run` does that once, and
//! the daemon for each of its jobs, side by side: what these have in common is in [`Surroundings`].
//!
//! Knows nothing of terminals, signals and exit codes, nor of any API: whoever starts a crawl shows the picture
//! that it publishes, and asks it to stop by its [`Shutdown`].
//!
//! - `folder`: whose the output folder is, what is in it, and whether a crawl may go on there;
//! - `assemble`: settings carried to the parts that they are for, the fetch stack above all;
//! - `cookies`, `whole`: the jar between two runs, and files that are there whole or not at all;
//! - `explain`: what is known of one URL of such a crawl;
//! - `files`: how many of them the system lets us open.

pub(crate) mod assemble;
mod cookies;
mod crawl;
pub(crate) mod explain;
pub(crate) mod files;
pub(crate) mod folder;
pub(crate) mod whole;

pub(crate) use crawl::prepare;

use std::{path::PathBuf, sync::Arc, time::Duration};

use crate::{
    cache::CachedFetcher,
    clock::Clock,
    config,
    engine::{EngineError, Finished},
    fetch::Fetcher,
    politeness::Gate,
    report::Receipt,
    shutdown::Shutdown,
    telemetry::traces::Traces,
};

/// What is done with a crawl that the folder holds already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Beginning {
    /// Do away with it.
    pub(crate) fresh: bool,
    /// If it is over, do it again.
    pub(crate) recrawl: bool,
    /// If it is over, go on: there is more to be done.
    pub(crate) reopen: bool,
}

/// What the crawls of one process share.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub(crate) clock: Clock,
    /// Where they meet before a host.
    pub(crate) gate: Gate,
    /// What opens connections.
    pub(crate) http: Arc<dyn Fetcher>,
    /// What stands in front of it, if there is a cache.
    pub(crate) cache: Option<Arc<CachedFetcher>>,
    /// Where traces go, if there are any.
    pub(crate) traces: Option<Traces>,
}

impl Surroundings {
    /// Sends what is left of traces, for as long as that may take, and not when told to leave.
    pub(crate) async fn finish_traces(&self, shutdown: &Shutdown, deadline: Duration) {
        let Some(traces) = &self.traces else { return };
        tokio::select! {
            () = traces.finish(deadline) => {}
            () = shutdown.now() => tracing::warn!("what was left of traces is not sent"),
        }
    }
}

/// A run that came to an end of its own.
#[derive(Debug)]
pub(crate) struct Concluded {
    pub(crate) finished: Finished,
    pub(crate) receipt: Receipt,
    /// Where the report is, if one was asked for.
    pub(crate) report: Option<PathBuf>,
}

/// Why a crawl could not begin or go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JobError {
    #[error(transparent)]
    Folder(#[from] folder::FolderError),
    #[error("{0}")]
    Seeds(#[from] config::SeedError),
    #[error("there is nothing to begin with: files of seeds and standard input held no URL")]
    NoSeeds,
    #[error("{0}")]
    Stack(#[from] assemble::StackError),
    #[error("{source}\nwhat was committed is safe: mend this and run the same command again to resume in {}", .out.display())]
    Engine { source: Box<EngineError>, out: PathBuf },
}
