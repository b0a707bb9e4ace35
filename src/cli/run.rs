//! `dragline run` and the end of `dragline crawl`: a checked configuration is crawled.

use std::{io, path::PathBuf, sync::Arc};

use tokio::{
    runtime::Runtime,
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use super::{
    Exit, Start, assemble, complain,
    cookies::Keeper,
    folder::{Folder, FolderError, Opened},
    progress::{Display, Mode},
    summary,
};
use crate::{
    clock::Clock,
    config::{self, LogFormat, Settings, Store},
    engine::{self, End, EngineError, Finished, Job, stats::Progress, vitals},
    fetch::cookies::CookieJar,
    politeness::Gate,
    report::{self, Receipt},
    shutdown::{Shutdown, Tasks},
    telemetry::{self, Terminal},
};

/// Crawls as `settings` say, or tells why it can't.
pub(super) fn execute(settings: &Settings, start: Start) -> Exit {
    let ready = init_telemetry(settings, start).and_then(|terminal| Ok((terminal, runtime()?)));
    match ready {
        Ok((terminal, runtime)) => {
            let crawled = runtime.block_on(crawl(settings, start, &terminal));
            end(runtime, crawled)
        }
        Err(exit) => exit,
    }
}

pub(super) fn init_telemetry(settings: &Settings, start: Start) -> Result<Terminal, Exit> {
    let log = if start.quiet { "error" } else { &settings.telemetry.log };
    telemetry::init(log_format(settings.telemetry.format), log).map_err(|error| {
        complain(&format!("error: {error}"));
        Exit::Usage
    })
}

pub(super) fn runtime() -> Result<Runtime, Exit> {
    Runtime::new().map_err(|error| {
        complain(&format!("error: the system gives no threads to run on: {error}"));
        Exit::Internal
    })
}

/// Ends the runtime, says what went wrong if anything did, and gives the exit code.
pub(super) fn end(runtime: Runtime, crawled: Result<Exit, Failure>) -> Exit {
    // Nobody waits for what may be left: connections that are being closed, standard input.
    runtime.shutdown_background();
    crawled.unwrap_or_else(|failure| {
        complain(&format!("error: {failure}"));
        failure.exit()
    })
}

/// Why a crawl could not begin or go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error("{0}")]
    Seeds(#[from] config::SeedError),
    #[error("there is nothing to begin with: files of seeds and standard input held no URL")]
    NoSeeds,
    #[error("{0}")]
    Stack(#[from] assemble::StackError),
    #[error("{source}\nwhat was committed is safe: mend this and run the same command again to resume in {}", .out.display())]
    Engine { source: Box<EngineError>, out: PathBuf },
    #[error("no signal handlers: {0}")]
    Signals(io::Error),
}

impl Failure {
    fn exit(&self) -> Exit {
        match self {
            Self::Folder(_) => Exit::OutputRefused,
            Self::Engine { source, .. } => match **source {
                EngineError::Frontier(_) | EngineError::Sink(_) | EngineError::Book(_) => Exit::OutputRefused,
                EngineError::Task(_) => Exit::Internal,
            },
            Self::Seeds(_) | Self::NoSeeds => Exit::Usage,
            Self::Stack(_) | Self::Signals(_) => Exit::Internal,
        }
    }
}

/// Crawls, from the claim of the folder to the receipt.
pub(super) async fn crawl(settings: &Settings, start: Start, terminal: &Terminal) -> Result<Exit, Failure> {
    let out = &settings.job.out;
    let folder = Folder::claim(out).await?;
    // Everything that can fail without touching the folder comes first.
    let (seeds, identity) = assemble::seeds(settings)?;
    if seeds.is_empty() {
        return Err(Failure::NoSeeds);
    }
    let clock = Clock::system();
    let tasks = Tasks::new();
    let jar = settings.cookies.as_ref().map(|cookies| Arc::new(CookieJar::new(cookies.options, clock)));
    let stack = assemble::stack(settings, &seeds, clock, jar.clone(), &tasks)?;
    let keeper = match (jar, &settings.cookies) {
        (Some(jar), Some(cookies)) => Some(Keeper::open(jar, folder.cookies(), &cookies.preset, start.fresh)?),
        _ => None,
    };
    let Opened { frontier, sink, book } = folder.open(settings, &identity, start)?;
    // A crawl in memory leaves nothing to go on with.
    let keeper = keeper.filter(|_| settings.frontier.store == Store::Disk);
    if let Some(keeper) = &keeper {
        keeper.watch(settings.frontier.commit_every, &tasks);
    }
    if book.runs > 0 {
        tracing::info!(folder = %out.display(), pending = book.tally.n_pending(), "resuming");
    } else if book.passes_before > 0 {
        tracing::info!(folder = %out.display(), pass = book.pass(), "crawling again");
    }

    let shutdown = Shutdown::new();
    listen(&tasks, &shutdown, start.quiet).map_err(Failure::Signals)?;
    let (progress, picture) = watch::channel(Progress::default());
    let display = Display {
        job: settings.job.name.clone(),
        mode: Mode::choose(settings.telemetry.progress, terminal, start.quiet),
        interval: settings.telemetry.interval,
        clock,
        terminal: terminal.clone(),
    };
    let gate = Gate::default();
    let watched = vitals::watch(picture.clone(), stack.fetcher.clone(), gate.clone(), settings.telemetry.interval);
    tasks.spawn("vitals", watched);
    let job = Job {
        options: assemble::options(settings),
        seeds,
        stack,
        frontier,
        sink,
        book,
        observers: vec![Box::new(telemetry::log)],
        progress,
        shutdown,
        gate,
    };
    let (finished, ()) = tokio::join!(engine::run(job), display.show(picture));
    let saved = keeper.as_ref().map_or(Ok(()), Keeper::save);
    // If the disk is full, both say so; the crawl says it better.
    let finished = finished.map_err(|source| Failure::Engine { source: Box::new(source), out: out.clone() })?;
    saved?;
    conclude(settings, start, &folder, &finished, terminal)
}

/// Writes the receipt and the report, and says how it went.
fn conclude(
    settings: &Settings,
    start: Start,
    folder: &Folder,
    finished: &Finished,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let receipt = Receipt::new(&settings.job.name, finished);
    let json =
        serde_json::to_string_pretty(&receipt).expect("maps with text keys, strings and numbers always serialise");
    let report = settings.outputs.report.then(|| folder.write_report(&report::html(&receipt))).transpose()?;
    folder.write_receipt(&(json + "\n"))?;
    if settings.telemetry.format == LogFormat::Json {
        let totals = &receipt.totals;
        tracing::info!(
            job = receipt.job,
            end = ?finished.end,
            discovered = totals.discovered,
            fetched = totals.fetched,
            not_modified = totals.not_modified,
            redirected = totals.redirected,
            failed = totals.failed,
            refused = totals.refused,
            pending = totals.pending,
            "the run is over"
        );
    } else if !start.quiet {
        let (job, store) = (&settings.job, settings.frontier.store);
        let text = summary::summary(&job.name, finished, &job.out, report.as_deref(), store, terminal.has_colours());
        terminal.write((text + "\n").as_bytes());
    }
    Ok(match finished.end {
        End::Finished if finished.book.tally.n_pages() == 0 => Exit::NothingFetched,
        End::Finished => Exit::Finished,
        End::LimitReached(_) => Exit::LimitReached,
        End::Interrupted => Exit::Interrupted,
    })
}

/// Ctrl-C and SIGTERM: the first asks to stop, the second to leave at once.
fn listen(tasks: &Tasks, shutdown: &Shutdown, quiet: bool) -> io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let shutdown = shutdown.clone();
    tasks.spawn("signals", async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            let again = shutdown.is_requested();
            shutdown.request();
            if !quiet {
                let what = if again {
                    "leaving at once"
                } else {
                    "stopping when what is in flight is done; once more to leave at once"
                };
                tracing::warn!("{what}");
            }
        }
    });
    Ok(())
}

fn log_format(format: LogFormat) -> telemetry::Format {
    match format {
        LogFormat::Pretty => telemetry::Format::Pretty,
        LogFormat::Compact => telemetry::Format::Compact,
        LogFormat::Json => telemetry::Format::Json,
    }
}
