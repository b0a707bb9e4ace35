//! The work on one crawl, from its entry to its end.

use std::{path::PathBuf, sync::Arc, time::Duration};

use serde_json::json;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{MissedTickBehavior, interval},
};

use crate::{
    address::{CanonicalUrl, Canonicalizer},
    config::{Base, Document, Settings},
    engine::{
        End,
        event::{CrawlEvent, Outcome},
        stats::{Progress, Stage},
    },
    job::{self, Beginning, JobError, Surroundings, folder::FolderError},
    service::{
        api::{Counts, Metrics},
        board::Live,
        events::Events,
        history::History,
        ledger::{CrawlId, Entry, Next},
    },
    shutdown::{Shutdown, blocking},
    sink::Mark,
};

/// How often progress is told.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// A crawl that is ready to run, and waits for a word.
pub(super) struct Note {
    pub(super) id: CrawlId,
    pub(super) live: Live,
    pub(super) go: oneshot::Sender<()>,
}

/// What came of the work on a crawl.
pub(super) type Ran = Result<End, Trouble>;

/// Why a crawl could not go on, in words for anybody: without paths. The log has the rest.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) text: String,
}

impl Trouble {
    pub(super) fn said(text: &str) -> Self {
        Self { text: text.to_owned() }
    }
}

/// The work on a crawl as its entry, and the operator, have it now.
pub(super) struct Work {
    pub(super) entry: Entry,
    pub(super) base: Arc<Base>,
    pub(super) out: PathBuf,
    pub(super) surroundings: Surroundings,
}

/// What an entry means.
struct Meaning {
    settings: Settings,
    beginning: Beginning,
    more_seeds: Vec<CanonicalUrl>,
}

impl Work {
    /// # Errors
    /// What is wrong with its document by now, for whoever sent it.
    fn meaning(&self) -> Result<Meaning, Trouble> {
        let (entry, document) = (&self.entry, Document::of(self.entry.document.clone()));
        let settings = self.base.crawl(&document, &self.out).map_err(|errors| Trouble::said(&errors.to_string()))?;
        let canonicalizer = Canonicalizer::new(&settings.canonical);
        let more_seeds: Vec<_> = entry.more_seeds.iter().filter_map(|seed| canonicalizer.parse(seed).ok()).collect();
        let beginning = Beginning {
            recrawl: entry.next == Some(Next::Recrawl),
            // Some of them may have come when the crawl was over already: it finds out.
            reopen: entry.next == Some(Next::Reopen) || !more_seeds.is_empty(),
            ..Beginning::default()
        };
        Ok(Meaning { settings, beginning, more_seeds })
    }

    /// Crawls until the end, whatever it is.
    pub(super) async fn run(
        self,
        shutdown: Shutdown,
        events: Arc<Events>,
        metrics: Metrics,
        notes: mpsc::Sender<Note>,
    ) -> Ran {
        let id = self.entry.id;
        // Patterns are compiled, which may take a while.
        let Meaning { settings, beginning, more_seeds } = blocking(|| self.meaning())?;
        let prepared =
            job::prepare(&settings, beginning, &more_seeds, Some(id.to_string().into()), &self.surroundings).await;
        let mut prepared = match prepared {
            Ok(prepared) => prepared,
            // A process was killed between the crawl's end and the word in the ledger.
            Err(JobError::Folder(FolderError::Finished(_))) => return Ok(End::Finished),
            Err(error) => return Err(trouble(id, &error)),
        };
        prepared.heed(shutdown);
        let (outputs, on_disk) = watch::channel(Arc::from(prepared.outputs()));
        prepared.observe(observer(events.clone(), outputs));
        prepared.observe(Box::new(move |event| metrics.count(event)));
        let picture = prepared.picture();
        let (go, may_go) = oneshot::channel();
        let history = Arc::new(History::default());
        let live = Live {
            picture: picture.clone(),
            pass: prepared.pass(),
            history: history.clone(),
            outputs: on_disk,
            looks: prepared.looks(),
        };
        let note = Note { id, live, go };
        if notes.send(note).await.is_err() || may_go.await.is_err() {
            return Ok(End::Interrupted);
        }
        let (concluded, ()) = tokio::join!(prepared.run(), tell_progress(picture, &events, &history));
        concluded.map(|concluded| concluded.finished.end).map_err(|error| trouble(id, &error))
    }
}

fn trouble(id: CrawlId, error: &JobError) -> Trouble {
    tracing::error!(crawl = %id, %error, "a crawl can't go on");
    Trouble::said(match error {
        JobError::Folder(FolderError::Locked(_)) => "another process works on its folder",
        JobError::Folder(FolderError::Other { .. }) => "what it would crawl is not what it has begun to crawl",
        JobError::Folder(_) => "its folder can't be used; the log of the daemon says why",
        JobError::Seeds(_) | JobError::NoSeeds => "it has no seeds",
        JobError::Stack(_) => "it can't be put together; the log of the daemon says why",
        JobError::Engine { .. } => "its state or its outputs can't be written; the log of the daemon says why",
    })
}

/// Tells of pages, and of what is on disk.
fn observer(events: Arc<Events>, outputs: watch::Sender<Arc<[Mark]>>) -> crate::engine::Observer {
    Box::new(move |event| match event {
        CrawlEvent::Concluded(conclusion) => events.tell(
            "page",
            json!({
                "url": conclusion.url.as_str(),
                "outcome": conclusion.outcome.as_str(),
                "reason": reason(conclusion.outcome),
                "status": conclusion.status,
                "depth": conclusion.depth,
                "body_bytes": conclusion.body_bytes,
                "at": conclusion.at.rfc3339(),
            }),
        ),
        CrawlEvent::Committed { outputs: marks, .. } => {
            outputs.send_replace(marks.clone());
        }
        _ => {}
    })
}

/// Why a URL failed or was refused.
fn reason(outcome: Outcome) -> Option<String> {
    match outcome {
        Outcome::Failed(why) => Some(why.to_string()),
        Outcome::Refused(why) => Some(why.as_str().to_owned()),
        _ => None,
    }
}

/// Tells how far the crawl is, as long as that changes.
async fn tell_progress(mut picture: watch::Receiver<Progress>, events: &Events, history: &History) {
    let mut ticks = interval(PROGRESS_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut told, mut end) = (None, picture.clone());
    loop {
        // Whoever waits for the crawl does not wait for a tick.
        let is_over = tokio::select! {
            _ = ticks.tick() => false,
            _ = end.wait_for(|progress| progress.stage == Stage::Done) => true,
        };
        let counts = {
            let progress = picture.borrow_and_update();
            history.take(&progress);
            Counts::of(&progress)
        };
        if told.as_ref() != Some(&counts) {
            events.tell("progress", json!(counts));
            told = Some(counts);
        }
        if is_over || picture.changed().await.is_err() {
            return;
        }
    }
}
