//! The task that sends: gathers what is told, and keeps at a collector that does not answer.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{
    BuildError, Counters, Options, Told,
    post::{Collector, Trouble},
    spans::Maker,
};

/// Most traces in one request, if so many may wait. With the steps of a page that is some 2 MiB at most.
const BATCH: usize = 256;
/// For so long traces gather before they are sent.
const LINGER: Duration = Duration::from_secs(1);
/// The first pause after a failure. It doubles.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest, and the longest that a collector may ask for.
const MAX_PAUSE: Duration = Duration::from_secs(60);

pub(super) struct Sender {
    collector: Collector,
    maker: Maker,
    waiting: mpsc::Receiver<Told>,
    batch: usize,
    counters: Arc<Counters>,
    closing: CancellationToken,
}

impl Sender {
    pub(super) fn new(
        options: &Options,
        waiting: mpsc::Receiver<Told>,
        counters: Arc<Counters>,
        closing: CancellationToken,
    ) -> Result<Self, BuildError> {
        let collector = Collector::new(options)?;
        let maker = Maker::new(options.resource.clone()).map_err(BuildError::Chance)?;
        Ok(Self { collector, maker, batch: BATCH.min(options.queue), waiting, counters, closing })
    }

    /// Sends until it is asked to end, and what waits then.
    pub(super) async fn run(mut self) {
        let mut batch = Vec::with_capacity(self.batch);
        loop {
            self.gather(&mut batch).await;
            if batch.is_empty() {
                return;
            }
            let spans: Vec<Span> = batch.drain(..).flat_map(|told| self.maker.spans(&told)).collect();
            self.send(spans).await;
        }
    }

    /// Waits for something to send, and for a while for what may come after it; empty when nothing will.
    async fn gather(&mut self, batch: &mut Vec<Told>) {
        let closing = self.closing.clone();
        let mut until = None;
        while batch.len() < self.batch {
            let (room, is_closed) = (self.batch - batch.len(), self.waiting.is_closed());
            let coming = timeout_at(until.unwrap_or_else(far), self.waiting.recv_many(batch, room));
            let came = tokio::select! {
                biased;
                came = coming => came,
                () = closing.cancelled(), if !is_closed => {
                    // From here on it ends when all that waits has been taken.
                    self.waiting.close();
                    continue;
                }
            };
            match came {
                Ok(0) | Err(_) => return,
                Ok(_) => until.get_or_insert_with(|| Instant::now() + LINGER),
            };
        }
    }

    /// Sends one batch, again and again while that may help.
    async fn send(&self, spans: Vec<Span>) {
        let n_spans = spans.len() as u64;
        let body = self.maker.request(spans);
        let mut pause = PAUSE;
        loop {
            let Trouble { why, passes } = match self.collector.post(body.clone()).await {
                Ok(rejected) => {
                    self.is_up();
                    let n_rejected = rejected.n_spans.min(n_spans);
                    if n_rejected > 0 {
                        tracing::debug!(n_rejected, why = rejected.why, "the collector of traces does not take all");
                    }
                    self.counters.rejected.fetch_add(n_rejected, Ordering::Relaxed);
                    self.counters.sent.fetch_add(n_spans - n_rejected, Ordering::Relaxed);
                    return;
                }
                Err(trouble) => trouble,
            };
            self.is_down(&why);
            let Some(asked) = passes else {
                self.counters.rejected.fetch_add(n_spans, Ordering::Relaxed);
                return;
            };
            if self.closing.is_cancelled() {
                self.counters.dropped.fetch_add(n_spans, Ordering::Relaxed);
                return;
            }
            tokio::select! {
                () = sleep(pause.max(asked.min(MAX_PAUSE))) => pause = (pause * 2).min(MAX_PAUSE),
                // One more attempt, the last.
                () = self.closing.cancelled() => {}
            }
        }
    }

    fn is_up(&self) {
        if self.counters.is_down.swap(false, Ordering::Relaxed) {
            let dropped = self.counters.dropped.load(Ordering::Relaxed);
            tracing::info!(dropped, "the collector takes traces again");
        }
    }

    fn is_down(&self, why: &str) {
        if !self.counters.is_down.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                why,
                "the collector takes no traces; what does not fit into the queue until it does is dropped"
            );
        }
    }
}

/// A time that does not come.
fn far() -> Instant {
    Instant::now() + Duration::from_secs(86_400 * 365)
}
