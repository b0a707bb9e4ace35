//! From flags to a round, and from its end to an exit code.

use std::{
    collections::HashSet,
    io::{self, IsTerminal},
    sync::Arc,
};

use tokio::sync::mpsc;

use super::{
    super::{Exit, check::written, complain, print, run, with_config},
    args::{FetchArgs, Format},
    display::{Counts, Line},
    folder::Folder,
    input::{self, Source},
    round::{Contact, End, Round},
    task::Desk,
};
use crate::{
    address::Canonicalizer,
    clock::Clock,
    config::{self, Purpose, Settings, Sources},
    engine::courier::FetchResult,
    job::assemble,
    shutdown::{Shutdown, Tasks},
    telemetry::Terminal,
};

/// Items that have been read and not begun.
const MAX_READ_AHEAD: usize = 64;

pub(in crate::cli) fn execute(args: FetchArgs) -> Exit {
    if args.schema {
        return print(schema().as_bytes());
    }
    let (file, flags) = (args.config.clone(), args.flags());
    let sources = Sources { file, flags, purpose: Purpose::Fetch, ..Sources::default() };
    with_config(&sources, |loaded| {
        begin(args, &loaded.settings).unwrap_or_else(|failure| {
            failure.message.iter().for_each(|message| complain(&format!("error: {message}")));
            failure.exit
        })
    })
}

/// The JSON Schema of results.
pub(in crate::cli) fn schema() -> String {
    serde_json::to_string_pretty(&written::<FetchResult>()).expect("plain data") + "\n"
}

/// Why nothing was fetched, or not all.
pub(super) struct Failure {
    exit: Exit,
    /// `None` when it has been told.
    message: Option<String>,
}

impl Failure {
    pub(super) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: Some(message.into()) }
    }
}

impl From<Exit> for Failure {
    fn from(exit: Exit) -> Self {
        Self { exit, message: None }
    }
}

fn begin(args: FetchArgs, settings: &Settings) -> Result<Exit, Failure> {
    // Everything that can be wrong is found before anybody is asked.
    let sources = input::sources(&args.urls, &args.input).map_err(|error| Failure::new(Exit::Usage, error))?;
    let folder = args.output_dir.as_ref().map(|dir| {
        let refused = |error| Failure::new(Exit::OutputRefused, format!("can't write to {}: {error}", dir.display()));
        Folder::open(dir).map_err(refused)
    });
    let folder = folder.transpose()?;
    let terminal = run::init_telemetry(settings, args.quiet)?;
    let runtime = run::runtime()?;
    if !settings.robots.obey {
        tracing::warn!("robots.txt is ignored, as --ignore-robots or robots.mode says: for your own servers only");
    }
    let ended = runtime.block_on(fetch(args, settings, folder, sources, terminal));
    // Nobody waits for standard input, which a thread of its own may still be reading.
    runtime.shutdown_background();
    ended
}

async fn fetch(
    args: FetchArgs,
    settings: &Settings,
    folder: Option<Folder>,
    sources: Vec<Source>,
    terminal: Terminal,
) -> Result<Exit, Failure> {
    let clock = Clock::system();
    let tasks = Tasks::new();
    let surroundings = assemble::surroundings(settings, clock, &tasks);
    let surroundings = surroundings.map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
    let (courier, secrets) = assemble::courier(settings, &surroundings);
    let is_seen = io::stdout().is_terminal();
    let format = args.format.unwrap_or(if is_seen { Format::Text } else { Format::Json });
    let may_draw = settings.telemetry.progress == config::Progress::Auto && !args.quiet;
    let display = may_draw.then(|| Line::on(&terminal, clock)).flatten();
    let (fail, max_body_bytes) = (args.fail, settings.fetch.max_body_bytes);
    let has_cache = settings.cache.is_some();
    let contact = Contact { settings: settings.clone(), hosts: HashSet::new() };
    let ordered = args.ordered.then_some(settings.fetch.concurrency);
    let desk = Arc::new(Desk { args, courier, folder, format, secrets, max_body_bytes, has_cache, clock });
    let max_waiting_bytes = usize::try_from(settings.fetch.memory_bytes).unwrap_or(usize::MAX);
    let mut round = Round::new(desk, contact, ordered, max_waiting_bytes, terminal, display);

    let (to, items) = mpsc::channel(MAX_READ_AHEAD);
    let canonicalizer = Canonicalizer::new(&settings.canonical);
    let reading = tokio::task::spawn_blocking(move || input::read(sources, canonicalizer, &to));
    let end = round.go(items).await?;
    surroundings.finish_traces(&Shutdown::new(), settings.shutdown_deadline).await;
    let counts = round.end();
    match end {
        End::Interrupted => {
            let n_left = counts.begun - counts.done;
            let urls = if n_left == 1 { "URL that was" } else { "URLs that were" };
            let message = format!("interrupted: {n_left} {urls} under way, and all that follow, have no result");
            return Err(Failure::new(Exit::Interrupted, message));
        }
        End::Unheard => return Ok(Exit::Finished),
        // All has been read, or reading failed.
        End::Finished => match reading.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(Failure::new(Exit::Usage, error.to_string())),
            Err(error) => return Err(Failure::new(Exit::Internal, error.to_string())),
        },
    }
    Ok(exit(&counts, fail))
}

/// The exit code when every item has its result: the worst that happened, our own troubles first.
fn exit(counts: &Counts, fail: bool) -> Exit {
    if counts.unwritten > 0 {
        Exit::OutputRefused
    } else if counts.invalid > 0 {
        Exit::Usage
    } else if fail && counts.fetched < counts.done {
        Exit::SomeFailed
    } else if counts.done > 0 && counts.answered == 0 {
        Exit::NothingFetched
    } else {
        Exit::Finished
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes() {
        let check =
            |fail: bool, counts: Counts, expected: Exit| assert_eq!(exit(&counts, fail), expected, "{counts:?}");
        let all = Counts { begun: 3, done: 3, fetched: 3, answered: 3, ..Counts::default() };
        check(false, all, Exit::Finished);
        check(true, all, Exit::Finished);
        check(true, Counts::default(), Exit::Finished);
        check(false, Counts { fetched: 0, ..all }, Exit::Finished);
        check(true, Counts { fetched: 2, ..all }, Exit::SomeFailed);
        check(false, Counts { fetched: 0, answered: 0, ..all }, Exit::NothingFetched);
        check(true, Counts { fetched: 0, answered: 0, ..all }, Exit::SomeFailed);
        check(true, Counts { fetched: 2, invalid: 1, ..all }, Exit::Usage);
        check(true, Counts { fetched: 2, invalid: 1, unwritten: 1, ..all }, Exit::OutputRefused);
    }
}
