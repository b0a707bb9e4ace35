//! `dragline run` and the end of `dragline crawl`: a checked configuration is crawled.

use super::{Exit, Start, complain};
use crate::config::Settings;

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
