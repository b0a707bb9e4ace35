//! Traces: what was done for single URLs, step by step, for a collector that speaks OTLP.
//!
//! Off unless an endpoint is configured. Then a share of all URLs is followed ([`Sampler`]): each request for one
//! is a trace, a span of its own with one below it for each step; so is each commit, and each URL by hand, with a span
//! for each hop. They go to `<endpoint>/v1/traces` as protobuf over HTTP, in batches, from a task of their own.
//!
//! Built from what the engine tells ([`CrawlEvent::Followed`], [`CrawlEvent::Committed`]) and a courier brings
//! ([`Delivery`]). Spans are made here, after the fact, from times that were measured anyway; the engine knows nothing of
//! them. Deliberately not: spans of dragline's code (`tracing` is for logs here), logs and metrics over OTLP, and
//! trace headers to crawled hosts, for whom none of this is.
//!
//! Invariants:
//! - nobody waits for a collector: what finds no place in the queue is dropped, and counted ([`Counts`]);
//! - a collector that can't be reached is told of in the log when that begins and when it ends, and asked again after
//!   pauses that grow;
//! - the end of a process waits for the last spans no longer than [`Options::timeout`];
//! - no span holds more of a URL than its record, which is without logins.
//!
//! Files: `spans` (what is told becomes OTLP), `sender` (the task), `post` (one request to the collector).

mod post;
mod sender;
mod spans;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use http::HeaderMap;
use rustls::pki_types::CertificateDer;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{
    clock::{Clock, Timestamp},
    engine::{
        Observer,
        courier::Delivery,
        event::CrawlEvent,
        trail::{Sampler, Trail},
    },
    shutdown::Tasks,
};

pub use post::BuildError;

/// Where traces go, and how many.
#[derive(Debug, Clone)]
pub struct Options {
    /// The collector, without `/v1/traces`.
    pub endpoint: Url,
    /// Header fields for it.
    pub headers: HeaderMap,
    /// Certificate authorities that are trusted besides those of the program.
    pub roots: Vec<CertificateDer<'static>>,
    /// The share of the URLs that are followed.
    pub sample: f64,
    /// What says who we are: `service.name` and the like.
    pub resource: Vec<(String, String)>,
    /// Most traces that wait to be sent.
    pub queue: usize,
    /// For one request to the collector; and for what is left at the end.
    pub timeout: Duration,
}

/// What became of spans.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Taken by the collector.
    pub sent: u64,
    /// Not sent: the queue was full, or time was over.
    pub dropped: u64,
    /// Sent, and not taken.
    pub rejected: u64,
    /// Traces that wait.
    pub waiting: u64,
}

/// Takes what is to become traces. Cheap to clone; never waits.
#[derive(Debug, Clone)]
pub struct Traces(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    sampler: Sampler,
    clock: Clock,
    queue: mpsc::Sender<Told>,
    counters: Arc<Counters>,
    closing: CancellationToken,
    done: watch::Receiver<bool>,
    timeout: Duration,
}

#[derive(Debug, Default)]
struct Counters {
    /// All there ever were.
    told: AtomicU64,
    sent: AtomicU64,
    dropped: AtomicU64,
    rejected: AtomicU64,
    /// Whether the last request failed.
    is_down: AtomicBool,
}

/// What becomes a trace.
#[derive(Debug)]
enum Told {
    /// A request of a crawl.
    Followed { whose: Whose, trail: Arc<Trail> },
    /// A commit of a crawl.
    Committed { whose: Whose, n_visits: usize, from: Timestamp, to: Timestamp },
    /// A URL by hand: one trail a hop.
    Delivered { hops: Vec<Trail> },
}

impl Told {
    fn n_spans(&self) -> u64 {
        let of = |trail: &Trail| 1 + trail.steps.len() as u64;
        match self {
            Self::Followed { trail, .. } => of(trail),
            Self::Committed { .. } => 1,
            Self::Delivered { hops } => 1 + hops.iter().map(of).sum::<u64>(),
        }
    }
}

/// To which crawl it belongs.
#[derive(Debug, Clone)]
struct Whose {
    job: Arc<str>,
    /// The daemon's name for it.
    crawl: Option<Arc<str>>,
}

impl Traces {
    /// Starts the task that sends. Opens no connection.
    ///
    /// # Errors
    /// When the HTTP client can't be set up.
    pub fn start(options: &Options, clock: Clock, tasks: &Tasks) -> Result<Self, BuildError> {
        let (queue, waiting) = mpsc::channel(options.queue);
        let (is_done, done) = watch::channel(false);
        let (counters, closing) = (Arc::new(Counters::default()), CancellationToken::new());
        let (sampler, timeout) = (Sampler::share(options.sample), options.timeout);
        let sender = sender::Sender::new(options, waiting, counters.clone(), closing.clone())?;
        tasks.spawn("traces", async move {
            sender.run().await;
            is_done.send_replace(true);
        });
        Ok(Self(Arc::new(Shared { sampler, clock, queue, counters, closing, done, timeout })))
    }

    /// Which URLs are to be followed.
    pub fn sampler(&self) -> Sampler {
        self.0.sampler
    }

    /// Listens to a crawl: the job's name, and the daemon's for it.
    pub fn observer(&self, job: &str, crawl: Option<Arc<str>>) -> Observer {
        let (traces, whose) = (self.clone(), Whose { job: job.into(), crawl });
        Box::new(move |event| match event {
            CrawlEvent::Followed(trail) => {
                traces.tell(Told::Followed { whose: whose.clone(), trail: trail.clone() });
            }
            CrawlEvent::Committed { n_visits, took, .. } if *n_visits > 0 && traces.0.sampler.is_any() => {
                let to = traces.0.clock.now();
                let (whose, from) = (whose.clone(), to - *took);
                traces.tell(Told::Committed { whose, n_visits: *n_visits, from, to });
            }
            _ => {}
        })
    }

    /// A URL was fetched by hand.
    pub fn delivered(&self, delivery: &Delivery) {
        if self.0.sampler.follows(delivery.hops[0].url.fingerprint()) {
            self.tell(Told::Delivered { hops: delivery.trails(self.0.clock.now()) });
        }
    }

    fn tell(&self, told: Told) {
        self.0.counters.told.fetch_add(told.n_spans(), Ordering::Relaxed);
        if let Err(mpsc::error::TrySendError::Full(told) | mpsc::error::TrySendError::Closed(told)) =
            self.0.queue.try_send(told)
        {
            self.0.counters.dropped.fetch_add(told.n_spans(), Ordering::Relaxed);
        }
    }

    /// What has become of them so far.
    pub fn counts(&self) -> Counts {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Shared { queue, counters, .. } = &*self.0;
        Counts {
            sent: count(&counters.sent),
            dropped: count(&counters.dropped),
            rejected: count(&counters.rejected),
            waiting: (queue.max_capacity() - queue.capacity()) as u64,
        }
    }

    /// Whether the collector took what it was sent last.
    pub fn is_up(&self) -> bool {
        !self.0.counters.is_down.load(Ordering::Relaxed)
    }

    /// Takes no more, and sends what waits, for at most [`Options::timeout`] and `deadline`. Says so if something was
    /// lost.
    pub async fn finish(&self, deadline: Duration) {
        let patience = deadline.min(self.0.timeout);
        self.0.closing.cancel();
        let mut done = self.0.done.clone();
        // A task that is gone has nothing more to send.
        let in_time = tokio::time::timeout(patience, done.wait_for(|is_done| *is_done)).await.is_ok();
        if !in_time {
            // What is still under way will not be waited for.
            let Counts { sent, dropped, rejected, .. } = self.counts();
            let left = self.0.counters.told.load(Ordering::Relaxed).saturating_sub(sent + dropped + rejected);
            self.0.counters.dropped.fetch_add(left, Ordering::Relaxed);
        }
        let Counts { sent, dropped, rejected, .. } = self.counts();
        if in_time && dropped == 0 && rejected == 0 {
            tracing::debug!(sent, "all spans were sent");
        } else {
            tracing::warn!(sent, dropped, rejected, in_time, "not all spans were sent to the collector of traces");
        }
    }
}
