//! What can go wrong between a shell and a daemon, and the exit code of it.

use std::{io, path::PathBuf, time::Duration};

use super::{
    super::{Exit, human::duration},
    problem::Problem,
};

/// Why a command ended early. What comes from the daemon is fit for a terminal.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// Flags, files or variables that can't be meant.
    #[error("{0}")]
    Usage(String),
    #[error(
        "no daemon answers at {url}: {why}\nstart one with `dragline serve`, or say where it is: --url or DRAGLINE_URL"
    )]
    Unreachable { url: String, why: String },
    #[error("the connection to {url} broke off: {why}")]
    Broken { url: String, why: String },
    #[error("{url} did not answer for {}", duration(*.waited))]
    Silent { url: String, waited: Duration },
    /// What answers is no daemon, or one from the future.
    #[error("what answers at {url} is no dragline daemon: {what}")]
    Foreign { url: String, what: String },
    #[error("{0}")]
    Problem(Problem),
    /// Which crawl is meant.
    #[error("{0}")]
    WhichCrawl(String),
    /// It may have been done all the same.
    #[error(
        "{0}\nit may have been done all the same: `dragline ctl crawls` tells; with --idempotency-key the call can be made again"
    )]
    Uncertain(Box<Trouble>),
    #[error("the daemon did not come back within {}: {last}", duration(*.waited))]
    GivenUp { waited: Duration, last: Box<Trouble> },
    /// What is there of it is of another file.
    #[error("{file} is another file at the daemon by now: it was begun anew several times")]
    OtherFile { file: String },
    #[error("{} can't be {what}: {source}", .file.display())]
    File { file: PathBuf, what: &'static str, source: io::Error },
    #[error("can't write to standard output: {0}")]
    Stdout(io::Error),
    /// Whoever read standard output has gone: he has what he wanted.
    #[error("nobody reads standard output any more")]
    ReaderGone,
    #[error("{0}")]
    Internal(String),
}

impl Trouble {
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::Unreachable { .. }
            | Self::Broken { .. }
            | Self::Silent { .. }
            | Self::Foreign { .. }
            | Self::Uncertain(_)
            | Self::GivenUp { .. } => Exit::NoDaemon,
            Self::OtherFile { .. } => Exit::Declined,
            Self::Problem(problem) if problem.is_senseless() => Exit::Usage,
            Self::Problem(_) | Self::WhichCrawl(_) => Exit::Declined,
            Self::File { .. } => Exit::OutputRefused,
            Self::ReaderGone => Exit::Finished,
            Self::Stdout(_) | Self::Internal(_) => Exit::Internal,
        }
    }

    /// What is to be said of it, if anything.
    pub(super) fn text(&self) -> Option<String> {
        (!matches!(self, Self::ReaderGone)).then(|| self.to_string())
    }

    /// Whether it may pass by itself: a daemon that is being started again looks like this.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Broken { .. } | Self::Silent { .. } => true,
            Self::Problem(problem) => problem.is_passing(),
            _ => false,
        }
    }

    /// How long the daemon asks to wait.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Problem(problem) => problem.retry_after,
            _ => None,
        }
    }

    /// Whether a call that ended so may have been done.
    pub(super) fn leaves_open_whether_it_was_done(&self) -> bool {
        matches!(self, Self::Broken { .. } | Self::Silent { .. })
    }
}
