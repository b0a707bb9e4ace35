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
pub(super) fn execute(settings: &Settings, start: Start) -> Exit {
    if let Err(exit) = init_telemetry(settings, start) {
        return exit;
    }
    match runtime() {
        Ok(runtime) => {
            let crawled = runtime.block_on(crawl(settings, start));
            end(runtime, crawled)
        }
        Err(exit) => exit,
    }
}

pub(super) fn init_telemetry(settings: &Settings, start: Start) -> Result<(), Exit> {
    let log = if start.quiet { "error" } else { &settings.telemetry.log };
    telemetry::init(log_format(settings.telemetry.format), log).map_err(|error| {
        complain(&format!("error: telemetry.log: {error}"));
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
    // What is left is name look-ups that hang in the system's resolver: nobody waits for them.
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
    #[error("{0}")]
    Stack(#[from] assemble::StackError),
    #[error("{source}\nwhat was committed is safe: mend this and run the same command again to resume in {}", .out.display())]
    Engine { source: EngineError, out: PathBuf },
    #[error("no signal handlers: {0}")]
    Signals(io::Error),
}

impl Failure {
    fn exit(&self) -> Exit {
        match self {
            Self::Folder(_) => Exit::OutputRefused,
            Self::Engine { source: EngineError::Frontier(_) | EngineError::Sink(_) | EngineError::Book(_), .. } => {
                Exit::OutputRefused
            }
            Self::Seeds(_) => Exit::Usage,
            Self::Stack(_) | Self::Engine { .. } | Self::Signals(_) => Exit::Internal,
        }
    }
}

/// Crawls, from the claim of the folder to the receipt.
pub(super) async fn crawl(settings: &Settings, start: Start) -> Result<Exit, Failure> {
    let out = &settings.job.out;
    let folder = Folder::claim(out)?;
    let Opened { frontier, sink, book } = folder.open(settings, start.fresh)?;
    if book.runs > 0 {
        tracing::info!(folder = %out.display(), pending = book.tally.n_pending(), "resuming");
    }
    let seeds = assemble::seeds(settings)?;
    let stack = assemble::stack(settings, &seeds, Clock::system())?;

    let shutdown = Shutdown::new();
    let tasks = Tasks::new();
    listen(&tasks, &shutdown, start.quiet).map_err(Failure::Signals)?;
    let (progress, picture) = watch::channel(Progress::default());
    let display = progress::show(picture, display_mode(settings, start), settings.telemetry.interval);
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
    };
    let (finished, ()) = tokio::join!(engine::run(job), display);
    let finished = finished.map_err(|source| Failure::Engine { source, out: out.clone() })?;
    conclude(settings, start, &folder, &finished)
}

/// Writes the receipt and the report, and says how it went.
fn conclude(settings: &Settings, start: Start, folder: &Folder, finished: &Finished) -> Result<Exit, Failure> {
    let receipt = Receipt::new(&settings.job.name, finished);
    let json =
        serde_json::to_string_pretty(&receipt).expect("maps with text keys, strings and numbers always serialise");
    folder.write_receipt(&(json + "\n"))?;
    let report = settings.outputs.report.then(|| folder.write_report(&report::html(&receipt))).transpose()?;
    if !start.quiet {
        let colours = io::stderr().is_terminal();
        complain(&summary::summary(&settings.job.name, finished, &settings.job.out, report.as_deref(), colours));
    }
    Ok(match finished.end {
        End::Finished if finished.book.tally.fetched == 0 => Exit::NothingFetched,
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

fn display_mode(settings: &Settings, start: Start) -> Mode {
    match settings.telemetry.progress {
        _ if start.quiet => Mode::Silent,
        config::Progress::Auto if io::stderr().is_terminal() => Mode::Terminal,
        config::Progress::Auto | config::Progress::Never => Mode::Lines,
    }
}

fn log_format(format: LogFormat) -> telemetry::Format {
    match format {
        LogFormat::Pretty => telemetry::Format::Pretty,
        LogFormat::Compact => telemetry::Format::Compact,
        LogFormat::Json => telemetry::Format::Json,
    }
}
