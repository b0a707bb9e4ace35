//! From a checked configuration to a crawl that is ready to run, and from its end to the receipt.

use std::{path::PathBuf, sync::Arc};

use tokio::sync::watch;

use super::{
    Beginning, Concluded, JobError, Surroundings, assemble,
    cookies::Keeper,
    folder::{Folder, Opened},
};
use crate::{
    address::CanonicalUrl,
    config::{Settings, Store},
    engine::{self, Job, Looks, Observer, Seed, stats::Progress, trail::Sampler, vitals},
    fetch::cookies::CookieJar,
    frontier::Kind,
    report::{self, Receipt},
    shutdown::{Shutdown, Tasks},
    sink::Mark,
    telemetry::{self, traces::Traces},
};

/// A crawl that has its folder and all its parts, and has not asked anybody yet.
pub(crate) struct Prepared {
    job: Job,
    name: String,
    out: PathBuf,
    folder: Folder,
    keeper: Option<Keeper>,
    wants_report: bool,
    picture: watch::Receiver<Progress>,
    looks: Looks,
    /// The crawl's own; they end with it.
    tasks: Tasks,
}

/// Claims the folder and puts together what crawls into it. Of `more_seeds`, which are no part of the crawl's
/// identity, those that are not known yet are pages to begin from as well. `crawl` is what it is called in logs and
/// traces, where there are others.
///
/// # Errors
/// When the folder can't be crawled into, or the configuration leads nowhere. Nothing in the folder is changed then,
/// unless it is the folder that failed.
pub(crate) async fn prepare(
    settings: &Settings,
    beginning: Beginning,
    more_seeds: &[CanonicalUrl],
    crawl: Option<Arc<str>>,
    surroundings: &Surroundings,
) -> Result<Prepared, JobError> {
    let out = settings.job.out.clone();
    let folder = Folder::claim(&out).await?;
    // Everything that can fail without touching the folder comes first.
    let (seeds, identity) = assemble::seeds(settings)?;
    if seeds.is_empty() {
        return Err(JobError::NoSeeds);
    }
    let Surroundings { clock, gate, .. } = surroundings.clone();
    let tasks = Tasks::new();
    let jar = settings.cookies.as_ref().map(|cookies| Arc::new(CookieJar::new(cookies.options, clock)));
    let more_seeds: Vec<Seed> = more_seeds.iter().map(|url| Seed { url: url.clone(), kind: Kind::Page }).collect();
    let all = [seeds.as_slice(), &more_seeds].concat();
    let stack = assemble::stack(settings, &all, surroundings, jar.clone())?;
    let keeper = match (jar, &settings.cookies) {
        (Some(jar), Some(cookies)) => Some(Keeper::open(jar, folder.cookies(), &cookies.preset, beginning.fresh)?),
        _ => None,
    };
    let Opened { frontier, sink, book } = folder.open(settings, &identity, beginning)?;
    // A crawl in memory leaves nothing to go on with.
    let keeper = keeper.filter(|_| settings.frontier.store == Store::Disk);
    if let Some(keeper) = &keeper {
        keeper.watch(settings.frontier.commit_every, &tasks);
    }
    if book.runs > 0 {
        tracing::info!(crawl = crawl.as_deref(), folder = %out.display(), pending = book.tally.n_pending(), "resuming");
    } else if book.passes_before > 0 {
        tracing::info!(crawl = crawl.as_deref(), folder = %out.display(), pass = book.pass(), "crawling again");
    }
    let (progress, picture) = watch::channel(Progress::default());
    let every = settings.telemetry.interval;
    let watched = vitals::watch(crawl.clone(), picture.clone(), stack.fetcher.clone(), gate.clone(), every);
    tasks.spawn("vitals", watched);
    let (looks, looks_in) = engine::looks();
    let followed = surroundings.traces.as_ref().map_or(Sampler::NONE, Traces::sampler);
    let mut observers = vec![telemetry::log(crawl.clone())];
    observers.extend(surroundings.traces.as_ref().map(|traces| traces.observer(&settings.job.name, crawl.clone())));
    let job = Job {
        options: engine::Options { crawl, followed, ..assemble::options(settings) },
        seeds,
        more_seeds,
        stack,
        frontier,
        sink,
        book,
        observers,
        progress,
        shutdown: Shutdown::new(),
        gate,
        looks: looks_in,
    };
    let (name, wants_report) = (settings.job.name.clone(), settings.outputs.report);
    Ok(Prepared { job, name, out, folder, keeper, wants_report, picture, looks, tasks })
}

impl Prepared {
    /// What the crawl publishes of itself.
    pub(crate) fn picture(&self) -> watch::Receiver<Progress> {
        self.picture.clone()
    }

    /// By which its state is looked at while it runs.
    pub(crate) fn looks(&self) -> Looks {
        self.looks.clone()
    }

    /// By which it is asked to stop.
    pub(crate) fn shutdown(&self) -> Shutdown {
        self.job.shutdown.clone()
    }

    /// Has it heed `shutdown` instead of one of its own.
    pub(crate) fn heed(&mut self, shutdown: Shutdown) {
        self.job.shutdown = shutdown;
    }

    /// Has somebody else listen to it as well.
    pub(crate) fn observe(&mut self, observer: Observer) {
        self.job.observers.push(observer);
    }

    /// Which pass over the crawl it is, from 1.
    pub(crate) fn pass(&self) -> u32 {
        self.job.book.pass()
    }

    /// How far its outputs are.
    pub(crate) fn outputs(&self) -> &[Mark] {
        &self.job.book.outputs
    }

    /// Crawls until nothing is left, a limit is reached or somebody asks it to stop; then writes report and receipt.
    ///
    /// # Errors
    /// When the store or an output fails. What was committed before is safe.
    pub(crate) async fn run(self) -> Result<Concluded, JobError> {
        let finished = engine::run(self.job).await;
        let saved = self.keeper.as_ref().map_or(Ok(()), Keeper::save);
        // If the disk is full, both say so; the crawl says it better.
        let finished = finished.map_err(|source| JobError::Engine { source: Box::new(source), out: self.out })?;
        saved?;
        let receipt = Receipt::new(&self.name, &finished);
        let json =
            serde_json::to_string_pretty(&receipt).expect("maps with text keys, strings and numbers always serialise");
        let report = self.wants_report.then(|| self.folder.write_report(&report::html(&receipt))).transpose()?;
        self.folder.write_receipt(&(json + "\n"))?;
        drop(self.tasks);
        Ok(Concluded { finished, receipt, report })
    }
}
