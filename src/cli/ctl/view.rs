//! What is shown of a crawl that is being watched: a live picture on a terminal, log lines elsewhere, or nothing.

use std::time::Duration;

use tokio::sync::watch;

use super::{
    super::progress::{Meter, Mode, REDRAW_EVERY, Rates, paint, ticker},
    model::{Counts, Crawl, WaitingFor},
    picture::{View, lines},
    text::{self, Moment},
};
use crate::{
    clock::{Clock, Timestamp},
    telemetry::Terminal,
};

/// Time between log lines.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// What was heard of the crawl. Texts are fit for a terminal.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Seen {
    pub(super) name: String,
    pub(super) state: String,
    pub(super) counts: Option<Counts>,
    pub(super) waiting: Option<WaitingFor>,
    /// Whether the daemon can't be heard right now.
    pub(super) is_away: bool,
}

impl Seen {
    pub(super) fn of(crawl: &Crawl) -> Self {
        let (name, state) = (text::name(&crawl.name), text::name(&crawl.state));
        Self { name, state, counts: crawl.counts, waiting: crawl.waiting.clone(), is_away: false }
    }
}

/// Where and how it is shown.
pub(super) struct Show {
    pub(super) mode: Mode,
    pub(super) terminal: Terminal,
    pub(super) clock: Clock,
}

impl Show {
    /// Shows for ever; what is on the screen goes when it is dropped.
    pub(super) async fn show(&self, seen: watch::Receiver<Seen>) {
        match self.mode {
            Mode::Terminal => self.draw(&seen).await,
            Mode::Lines => self.log(seen).await,
            Mode::Silent => std::future::pending().await,
        }
    }

    async fn draw(&self, seen: &watch::Receiver<Seen>) {
        let Some(screen) = self.terminal.display() else { return self.log(seen.clone()).await };
        let colours = self.terminal.has_colours();
        let (began, mut meter, mut ticker) = (self.clock.now(), Meter::default(), ticker(REDRAW_EVERY));
        loop {
            ticker.tick().await;
            let now = self.clock.now();
            // Some terminals wrap a line that is exactly as wide as they are.
            let width = self.terminal.width().map_or(0, |width| width.saturating_sub(1));
            let picture = {
                let seen = seen.borrow();
                let rates = rates(&mut meter, now, &seen);
                lines(&View { seen: &seen, rates, elapsed: now.since(began), moment: &Moment::at(now) }, width)
            };
            screen.draw(&paint(picture, colours));
        }
    }

    /// A line for each state, and one now and then.
    async fn log(&self, mut seen: watch::Receiver<Seen>) {
        let (mut meter, mut ticker, mut told) = (Meter::default(), ticker(LOG_EVERY), String::new());
        loop {
            let is_due = tokio::select! {
                _ = ticker.tick() => true,
                changed = seen.changed() => {
                    if changed.is_err() {
                        return std::future::pending().await;
                    }
                    false
                }
            };
            let now = self.clock.now();
            let it = seen.borrow_and_update();
            let rates = rates(&mut meter, now, &it);
            if is_due || it.state != told {
                log(&it, rates, now);
                it.state.clone_into(&mut told);
            }
        }
    }
}

fn rates(meter: &mut Meter, now: Timestamp, seen: &Seen) -> Rates {
    seen.counts.map_or_else(Rates::default, |counts| meter.note(now, counts.reading()))
}

fn log(seen: &Seen, rates: Rates, now: Timestamp) {
    let counts = seen.counts.unwrap_or_default();
    let waiting = seen.waiting.as_ref().and_then(|waiting| text::waiting_for(waiting, &Moment::at(now)));
    tracing::info!(
        target: "dragline::progress",
        job = seen.name,
        fetched = counts.fetched,
        not_modified = counts.not_modified,
        redirected = counts.redirected,
        failed = counts.failed,
        refused = counts.refused,
        pending = counts.pending,
        in_flight = counts.in_flight,
        pages_per_s = (rates.pages_per_s * 10.0).round() / 10.0,
        bytes_per_s = rates.bytes_per_s,
        waiting = waiting.unwrap_or_default(),
        "{}",
        seen.state,
    );
}
