//! The dispatcher: the frontier task.
//!
//! One loop: take in what came back and what is new, hand out what may be done, sleep until
//! something changes. It owns the workbench alone, and never waits for a channel to have room: it
//! hands out no more leases than the pool has permits for, and keeps a question that the recorder
//! has no room for until the next turn.

use std::time::Duration;

use tokio::{
    sync::{mpsc, watch},
    time::sleep_until,
};
use tokio_util::sync::CancellationToken;

use super::{
    EngineError, Options,
    book::{End, Limit},
    stats::{Gauges, Held, HostLoad, Progress, Stage, Tally},
    visit::{ToDispatcher, ToRecorder},
    waits::{MAX_TAIL, MAX_TROUBLED, Stopwatch, Wait},
};
use crate::{
    clock::{Clock, Timestamp},
    frontier::{
        Lease, Workbench,
        workbench::{Fate, News, Next},
    },
    politeness::Gate,
    shutdown::Shutdown,
};

/// Most messages taken in one go.
const BATCH: usize = 256;
/// How often the picture is drawn anew.
const PICTURE_EVERY: Duration = Duration::from_millis(200);
/// How many hosts the picture names.
const BUSIEST: usize = 5;

/// The ends of the channels that the dispatcher holds.
pub(super) struct Wires {
    pub(super) leases: mpsc::Sender<Lease>,
    pub(super) inbox: mpsc::Receiver<ToDispatcher>,
    pub(super) to_recorder: mpsc::Sender<ToRecorder>,
    pub(super) progress: watch::Sender<Progress>,
    pub(super) shutdown: Shutdown,
    /// Drops what is in flight.
    pub(super) abort: CancellationToken,
}

pub(super) struct Dispatcher {
    bench: Workbench,
    clock: Clock,
    options: Options,
    wires: Wires,
    /// Leases handed out that have not come back.
    outstanding: usize,
    tally: Tally,
    /// Sizes that the recorder told last.
    recorder: Gauges,
    body_bytes: u64,
    /// When `limits.duration` will have passed.
    time_is_up_at: Option<Timestamp>,
    drawn_at: Timestamp,
    stopwatch: Stopwatch,
    /// For whom the crawl waits, as drawn last.
    tail: Option<Vec<Wait>>,
}

/// What the loop goes on with.
enum Turn {
    Sleep(Option<Timestamp>),
    End(End),
}

impl Dispatcher {
    pub(super) fn new(options: Options, gate: &Gate, tally: Tally, clock: Clock, wires: Wires) -> Self {
        let now = clock.now();
        let spent = Duration::from_millis(tally.active_ms);
        Self {
            bench: Workbench::new(options.workbench.clone(), gate, tally.n_pages(), now),
            time_is_up_at: options.max_duration.map(|most| now + most.saturating_sub(spent)),
            body_bytes: tally.body_bytes,
            clock,
            options,
            wires,
            outstanding: 0,
            tally,
            recorder: Gauges::new(),
            drawn_at: Timestamp::default(),
            stopwatch: Stopwatch::new(now),
            tail: None,
        }
    }

    /// The same for a crawl that an earlier process has worked on.
    pub(super) fn resumed(self) -> Self {
        let now = self.clock.now();
        Self { bench: self.bench.resumed(now), ..self }
    }

    /// Runs until nothing is left, a limit is reached or somebody asks to stop; then until what is
    /// in flight is over.
    pub(super) async fn run(mut self) -> Result<End, EngineError> {
        let mut batch = Vec::with_capacity(BATCH);
        let mut others = self.bench.changes();
        let end = loop {
            // Before the turn: what changes after it has looked is then not missed.
            others.borrow_and_update();
            let wake_at = match self.turn()? {
                Turn::End(end) => break end,
                Turn::Sleep(at) => at,
            };
            self.tell_waits();
            let redraw_at = self.draw(Stage::Crawling);
            let due = [wake_at, self.time_is_up_at, redraw_at].into_iter().flatten().min();
            let due = due.unwrap_or(Timestamp(u64::MAX)).min(self.clock.now() + Duration::from_secs(3600));
            tokio::select! {
                biased;
                () = self.wires.shutdown.requested() => break End::Interrupted,
                n_taken = self.wires.inbox.recv_many(&mut batch, BATCH) => {
                    if n_taken == 0 {
                        return Err(EngineError::Task("recorder"));
                    }
                }
                _ = others.changed() => {}
                () = sleep_until(self.clock.instant(due)) => {}
            }
            self.stopwatch.stop(self.clock.now());
            batch.drain(..).for_each(|message| self.take_in(message));
        };
        self.stopwatch.stop(self.clock.now());
        self.drain().await;
        self.tell_last_waits().await;
        Ok(end)
    }

    /// Hands out all that may be done now.
    fn turn(&mut self) -> Result<Turn, EngineError> {
        loop {
            let now = self.clock.now();
            if let Some(limit) = self.limit_reached(now) {
                return Ok(Turn::End(End::LimitReached(limit)));
            }
            if self.outstanding >= self.options.concurrency {
                self.send_asks()?;
                return Ok(Turn::Sleep(None));
            }
            match self.bench.next(now) {
                Next::Lease(lease) => {
                    self.outstanding += 1;
                    // There is a place for every permit.
                    self.wires.leases.try_send(*lease).map_err(|_| EngineError::Task("pool"))?;
                }
                Next::Drained => return Ok(Turn::End(End::Finished)),
                Next::WaitUntil(at) => {
                    let waits = self.send_asks()?;
                    self.stopwatch.start(now, self.bench.held_up_by());
                    return Ok(Turn::Sleep(Some(if waits { now + Duration::from_millis(5) } else { at })));
                }
                Next::Rest => {
                    let waits = self.send_asks()?;
                    return Ok(Turn::Sleep(waits.then(|| now + Duration::from_millis(5))));
                }
            }
        }
    }

    /// Sends the workbench's questions to the recorder. `true` when some had to wait.
    fn send_asks(&mut self) -> Result<bool, EngineError> {
        while let Some(ask) = self.bench.next_ask() {
            match self.wires.to_recorder.try_send(ToRecorder::Ask(ask)) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(_)) => {
                    self.bench.put_back_ask(ask);
                    return Ok(true);
                }
                Err(mpsc::error::TrySendError::Closed(_)) => return Err(EngineError::Task("recorder")),
            }
        }
        Ok(false)
    }

    /// Tells the recorder for whom the crawl has waited, if it is time and there is room.
    fn tell_waits(&mut self) {
        let now = self.clock.now();
        if self.stopwatch.is_due(now)
            && let Ok(room) = self.wires.to_recorder.try_reserve()
        {
            room.send(ToRecorder::Waited(self.stopwatch.take(now)));
        }
    }

    /// The same when nothing else is left to be done: now it waits for room.
    async fn tell_last_waits(&mut self) {
        // Nobody waits for the dispatcher any more, so that it may wait for others.
        self.wires.inbox.close();
        let waited = self.stopwatch.take(self.clock.now());
        if !waited.is_empty() {
            // A recorder that is gone has ended the crawl with an error of its own.
            let _ = self.wires.to_recorder.send(ToRecorder::Waited(waited)).await;
        }
    }

    fn limit_reached(&self, now: Timestamp) -> Option<Limit> {
        if let Some(most) = self.options.workbench.max_pages
            && self.bench.n_fetched() >= most
        {
            return Some(Limit::Pages(most));
        }
        if let Some(most) = self.options.max_bytes
            && self.body_bytes >= most
        {
            return Some(Limit::Bytes(most));
        }
        let most = self.options.max_duration?;
        (now >= self.time_is_up_at?).then_some(Limit::Duration(most.as_secs()))
    }

    fn take_in(&mut self, message: ToDispatcher) {
        match message {
            ToDispatcher::Returned(returned) => {
                self.outstanding -= 1;
                self.bench.returned(*returned);
            }
            ToDispatcher::Recorded { news, tally, held } => {
                let now = self.clock.now();
                for item in news {
                    if let News::Settled { fate: Fate::Done { body_bytes, .. }, .. } = &item {
                        self.body_bytes += body_bytes;
                    }
                    self.bench.news(item, now);
                }
                if let Some(tally) = tally {
                    self.tally = *tally;
                    self.recorder = held;
                }
            }
        }
    }

    /// Waits for what is in flight, but not longer than the deadline, and not when told to leave.
    async fn drain(&mut self) {
        self.draw(Stage::Draining);
        let deadline = self.clock.now() + self.options.drain_deadline;
        let shutdown = self.wires.shutdown.clone();
        let mut batch = Vec::with_capacity(BATCH);
        while self.outstanding > 0 {
            tokio::select! {
                biased;
                n_taken = self.wires.inbox.recv_many(&mut batch, BATCH) => {
                    if n_taken == 0 {
                        return;
                    }
                    batch.drain(..).for_each(|message| self.take_in(message));
                    self.draw(Stage::Draining);
                }
                () = sleep_until(self.clock.instant(deadline)) => {
                    let crawl = self.options.crawl.as_deref();
                    tracing::warn!(crawl, in_flight = self.outstanding, "the deadline has passed; what is in flight stays queued");
                    self.wires.abort.cancel();
                    return;
                }
                () = shutdown.now() => {
                    self.wires.abort.cancel();
                    return;
                }
            }
        }
    }

    /// Draws the picture for displays, now and then. Tells when to call again, if it was too soon: what was
    /// drawn last would else be shown for as long as nothing happens.
    fn draw(&mut self, stage: Stage) -> Option<Timestamp> {
        let now = self.clock.now();
        if now.since(self.drawn_at) < PICTURE_EVERY && stage == Stage::Crawling {
            return Some(self.drawn_at + PICTURE_EVERY);
        }
        self.drawn_at = now;
        // What is drained is not waited for; what was waited for until then is still worth a word.
        if stage == Stage::Crawling {
            self.tail = self.bench.tail(MAX_TAIL).map(|waits| waits.into_iter().map(Wait::from).collect());
        }
        let waiting = self.bench.waiting().into_iter().map(|(why, n_hosts)| (why.into(), n_hosts)).collect();
        let busiest = self.bench.busiest(BUSIEST).into_iter();
        let busiest = busiest.map(|(host, in_flight, queued, fetched)| (host, HostLoad { in_flight, queued, fetched }));
        self.wires.progress.send_replace(Progress {
            at: now,
            tally: self.tally.clone(),
            in_flight: self.bench.in_flight(),
            hosts_active: self.bench.n_active(),
            waiting,
            next_at: self.bench.next_at(),
            tail: self.tail.clone(),
            troubled: self.bench.troubled(MAX_TROUBLED).into_iter().map(Wait::from).collect(),
            recorder: self.recorder.clone(),
            held: Held { bench: self.bench.sizes(), permits: self.outstanding, inbox: self.wires.inbox.len() },
            busiest: busiest.collect(),
            stage,
            max_pages: self.options.workbench.max_pages,
        });
        None
    }
}
