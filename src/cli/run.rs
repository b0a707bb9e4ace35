//! `dragline run` and the end of `dragline crawl`: a checked configuration is crawled.

use std::{
    io::{self, IsTerminal},
    path::PathBuf,
};

use tokio::{
    runtime::Runtime,
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use super::{
    Exit, Start, assemble, complain,
    folder::{Folder, FolderError, Opened},
    progress::{self, Mode},
    summary,
};
use crate::{
    clock::Clock,
    config::{self, LogFormat, Settings},
    engine::{self, End, EngineError, Finished, Job, stats::Progress},
    report::{self, Receipt},
    shutdown::{Shutdown, Tasks},
    telemetry,
};

/// Crawls as `settings` say, or tells why it can't.
pub(super) fn execute(settings: Settings, start: Start) -> Exit {
    let Start { fresh, quiet } = start;
    let (name, out) = (&settings.job.name, settings.job.out.display());
    complain(&format!(
        "error: {name} can't be crawled to {out}: this build has no engine (fresh {fresh}, quiet {quiet})"
    ));
    drop(settings);
    Exit::Internal
}
