//! A run: the stations are put together, and taken apart when they are done.

use std::sync::Arc;

use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use super::{
    EngineError, Options, Seed,
    book::{Book, End},
    dispatcher::{Dispatcher, Wires},
    look::LooksIn,
    pool,
    recorder::{Observer, Recorder},
    stats::{HostTally, Progress, Stage},
    visit::{ToDispatcher, ToRecorder},
    waits::Wait,
    worker::{Stack, Worker},
};
use crate::{
    address::HostKey,
    frontier::{Frontier, FrontierError, Lease},
    politeness::Gate,
    shutdown::Shutdown,
    sink::Sink,
};

/// Everything that a run works on.
pub struct Job {
    /// How.
    pub options: Options,
    /// From where; used when the frontier has no seeds yet.
    pub seeds: Vec<Seed>,
    /// Seeds that came later. Those that are known already are passed over.
    pub more_seeds: Vec<Seed>,
    /// With what.
    pub stack: Stack,
    /// What is known.
    pub frontier: Box<dyn Frontier>,
    /// Where records go.
    pub sink: Box<dyn Sink>,
    /// The book of the last run, or a new one.
    pub book: Book,
    /// Who listens.
    pub observers: Vec<Observer>,
    /// Where the picture is drawn.
    pub progress: watch::Sender<Progress>,
    /// Who may ask it to stop.
    pub shutdown: Shutdown,
    /// Where it meets the other jobs of the process before a host.
    pub gate: Gate,
    /// Who looks at its state meanwhile.
    pub looks: LooksIn,
}

/// How a run ended, with the counts that were committed.
#[derive(Debug)]
pub struct Finished {
    /// How.
    pub end: End,
    /// The book as committed.
    pub book: Book,
    /// The hosts that the run waited for when it was told to stop, if few were left.
    pub tail: Vec<Wait>,
    /// URLs that are still queued, as the frontier counts them: independent of the book.
    pub n_queued: u64,
    /// Counts of the hosts, those with the most URLs first: at most as many as asked for, the last
    /// of which is followed by the sum of all others.
    pub hosts: Vec<(HostKey, HostTally)>,
}

/// Runs a crawl until nothing is left, a limit is reached or somebody asks it to stop.
///
/// # Errors
/// When the store or an output fails. All that was committed before is safe, and the crawl can be
/// resumed.
pub async fn run(job: Job) -> Result<Finished, EngineError> {
    let clock = job.stack.clock;
    let mut book = job.book;
    let goes_on = book.runs > 0;
    book.runs += 1;
    book.end = None;
    if book.started_at.is_empty() {
        book.started_at = clock.now().rfc3339();
    }
    let mut options = job.options;
    options.workbench.recalls = options.validators && book.pass() > 1;
    let tally = book.tally.clone();
    let (is_seeded, pass) = (book.seeded, book.pass());
    let mut recorder = Recorder::new(job.frontier, job.sink, book, job.observers, clock, options.clone());
    if is_seeded {
        recorder.commit()?;
    } else {
        recorder.seed(job.seeds, &job.stack.scope)?;
    }
    if !job.more_seeds.is_empty() {
        recorder.seed(job.more_seeds, &job.stack.scope)?;
    }

    let (concurrency, crawl) = (options.concurrency, options.crawl.clone());
    let (leases, leases_out) = mpsc::channel::<Lease>(concurrency);
    let (to_dispatcher, inbox) = mpsc::channel::<ToDispatcher>(2 * concurrency);
    let (to_recorder, recorder_inbox) = mpsc::channel::<ToRecorder>(2 * concurrency);
    let abort = CancellationToken::new();
    let progress = job.progress;
    let wires = Wires {
        leases,
        inbox,
        to_recorder: to_recorder.clone(),
        progress: progress.clone(),
        shutdown: job.shutdown,
        abort: abort.clone(),
    };
    let dispatcher = Dispatcher::new(options.clone(), &job.gate, tally, clock, wires);
    let dispatcher = if goes_on { dispatcher.resumed() } else { dispatcher };
    let worker = Arc::new(Worker::new(job.stack, options, pass, recorder.frontier.recent()));

    let mut stations = JoinSet::new();
    stations.spawn(async { dispatcher.run().await.map(Station::Dispatcher) });
    let pool = pool::run(worker, concurrency, leases_out, to_dispatcher.clone(), to_recorder, abort.clone());
    stations.spawn(async {
        pool.await;
        Ok(Station::Pool)
    });
    let looks = job.looks;
    stations.spawn(async {
        recorder.run(recorder_inbox, to_dispatcher, looks).await.map(|r| Station::Recorder(Box::new(r)))
    });

    let (mut end, mut recorder) = join(stations, &abort).await?;
    if end == End::Finished && recorder.frontier.n_queued() > 0 {
        // Never calls a crawl finished that is not: the next run goes on with what is left.
        tracing::error!(
            crawl = crawl.as_deref(),
            queued = recorder.frontier.n_queued(),
            "the frontier stopped early; this is a fault in dragline"
        );
        end = End::Interrupted;
    }
    recorder.book_mut().end = Some(end);
    recorder.commit()?;
    let hosts = top_hosts(recorder.frontier.as_mut())?;
    let book = recorder.book().clone();
    progress.send_modify(|progress| {
        progress.stage = Stage::Done;
        progress.tally = book.tally.clone();
        progress.in_flight = 0;
    });
    let tail = progress.borrow().tail.clone().filter(|_| end != End::Finished).unwrap_or_default();
    let n_queued = recorder.frontier.n_queued();
    Ok(Finished { end, book, tail, n_queued, hosts })
}

enum Station {
    Dispatcher(End),
    Pool,
    Recorder(Box<Recorder>),
}

/// Waits for all stations. The first error ends them all.
async fn join(
    mut stations: JoinSet<Result<Station, EngineError>>,
    abort: &CancellationToken,
) -> Result<(End, Box<Recorder>), EngineError> {
    let mut end = None;
    let mut recorder = None;
    let mut failure = None;
    while let Some(joined) = stations.join_next().await {
        match joined {
            Ok(Ok(Station::Dispatcher(how))) => end = Some(how),
            Ok(Ok(Station::Recorder(it))) => recorder = Some(it),
            Ok(Ok(Station::Pool)) => {}
            Ok(Err(error)) => {
                abort.cancel();
                // A station that lost its neighbour only echoes what the neighbour says better.
                if failure.is_none() || matches!(failure, Some(EngineError::Task(_))) {
                    failure = Some(error);
                }
            }
            Err(_) => {
                abort.cancel();
                failure.get_or_insert(EngineError::Task("crawl engine"));
            }
        }
    }
    match (failure, end, recorder) {
        (Some(failure), ..) => Err(failure),
        (None, Some(end), Some(recorder)) => Ok((end, recorder)),
        _ => Err(EngineError::Task("crawl engine")),
    }
}

/// Most hosts named in the receipt.
const MAX_HOSTS: usize = 1000;

/// The hosts with the most URLs, and the rest in one sum under an empty name.
///
/// # Errors
/// When the store fails.
pub fn top_hosts(frontier: &mut dyn Frontier) -> Result<Vec<(HostKey, HostTally)>, FrontierError> {
    let mut hosts: Vec<(HostKey, HostTally)> = Vec::new();
    let mut others = HostTally::default();
    let trim = |hosts: &mut Vec<(HostKey, HostTally)>, others: &mut HostTally| {
        hosts.sort_by(|a, b| b.1.n_urls().cmp(&a.1.n_urls()).then_with(|| a.0.cmp(&b.0)));
        for (_, tally) in hosts.drain(MAX_HOSTS.min(hosts.len())..) {
            others.fetched += tally.fetched;
            others.not_modified += tally.not_modified;
            others.redirected += tally.redirected;
            others.failed += tally.failed;
            others.refused += tally.refused;
            others.body_bytes += tally.body_bytes;
            others.latency_sum_ms += tally.latency_sum_ms;
            others.latency_count += tally.latency_count;
        }
    };
    frontier.for_each_host(&mut |record| {
        hosts.push((record.host, record.tally));
        if hosts.len() >= 4 * MAX_HOSTS {
            trim(&mut hosts, &mut others);
        }
    })?;
    trim(&mut hosts, &mut others);
    if others != HostTally::default() {
        hosts.push((HostKey::none(), others));
    }
    Ok(hosts)
}
