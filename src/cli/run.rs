//! `dragline run` and the end of `dragline crawl`: a checked configuration is crawled.

use std::io;

use tokio::{
    runtime::Runtime,
    signal::unix::{SignalKind, signal},
};

use super::{
    Exit, Start, complain,
    progress::{Display, Mode},
    summary,
};
use crate::{
    clock::Clock,
    config::{LogFormat, Settings},
    engine::{End, EngineError},
    job::{self, Concluded, JobError, assemble},
    shutdown::{Shutdown, Tasks},
    telemetry::{self, Terminal},
};

/// Crawls as `settings` say, or tells why it can't.
pub(super) fn execute(settings: &Settings, start: Start) -> Exit {
    let ready = init_telemetry(settings, start.quiet).and_then(|terminal| Ok((terminal, runtime()?)));
    match ready {
        Ok((terminal, runtime)) => {
            let crawled = runtime.block_on(crawl(settings, start, &terminal));
            end(runtime, crawled)
        }
        Err(exit) => exit,
    }
}

pub(super) fn init_telemetry(settings: &Settings, quiet: bool) -> Result<Terminal, Exit> {
    let log = if quiet { "error" } else { &settings.telemetry.log };
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
    Job(#[from] JobError),
    #[error("no signal handlers: {0}")]
    Signals(io::Error),
}

impl Failure {
    fn exit(&self) -> Exit {
        match self {
            Self::Job(JobError::Folder(_)) => Exit::OutputRefused,
            Self::Job(JobError::Engine { source, .. }) => match **source {
                EngineError::Frontier(_) | EngineError::Sink(_) | EngineError::Book(_) => Exit::OutputRefused,
                EngineError::Task(_) => Exit::Internal,
            },
            Self::Job(JobError::Seeds(_) | JobError::NoSeeds) => Exit::Usage,
            Self::Job(JobError::Stack(_)) | Self::Signals(_) => Exit::Internal,
        }
    }
}

/// Crawls, from the claim of the folder to the receipt.
pub(super) async fn crawl(settings: &Settings, start: Start, terminal: &Terminal) -> Result<Exit, Failure> {
    let clock = Clock::system();
    let tasks = Tasks::new();
    let surroundings = assemble::surroundings(settings, clock, &tasks).map_err(JobError::Stack)?;
    let prepared = job::prepare(settings, start.beginning, &[], None, &surroundings).await?;
    let shutdown = prepared.shutdown();
    listen(&tasks, &shutdown, start.quiet).map_err(Failure::Signals)?;
    let display = Display {
        job: settings.job.name.clone(),
        mode: Mode::choose(settings.telemetry.progress, terminal, start.quiet),
        interval: settings.telemetry.interval,
        clock,
        terminal: terminal.clone(),
    };
    let picture = prepared.picture();
    let (concluded, ()) = tokio::join!(prepared.run(), display.show(picture));
    surroundings.finish_traces(&shutdown, settings.shutdown_deadline).await;
    Ok(tell(settings, start, &concluded?, terminal))
}

/// Says how it went.
fn tell(settings: &Settings, start: Start, concluded: &Concluded, terminal: &Terminal) -> Exit {
    let Concluded { finished, receipt, report } = concluded;
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
    match finished.end {
        End::Finished if finished.book.tally.n_pages() == 0 => Exit::NothingFetched,
        End::Finished => Exit::Finished,
        End::LimitReached(_) => Exit::LimitReached,
        End::Interrupted => Exit::Interrupted,
    }
}

/// Ctrl-C and SIGTERM: the first asks to stop, the second to leave at once.
pub(super) fn listen(tasks: &Tasks, shutdown: &Shutdown, quiet: bool) -> io::Result<()> {
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
