//! What a running crawl shows: a live picture on a terminal, log lines elsewhere, or nothing.
//!
//! A listener: it reads the picture that the engine publishes and counts nothing itself. The engine
//! draws only when something happens; so the picture is redrawn by the clock, and a crawl whose hosts
//! all want an hour of peace still tells when it goes on.

mod picture;
mod rates;

use std::time::Duration;

use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval_at},
};

use crate::{
    clock::{Clock, Timestamp},
    config,
    engine::stats::{Progress, Stage},
    telemetry::Terminal,
};
use picture::{View, lines};
pub(super) use picture::{framed, paint};
pub(super) use rates::{Meter, Rates, Reading};

/// Time between two redraws.
pub(super) const REDRAW_EVERY: Duration = Duration::from_millis(200);
/// Log lines of progress don't come more often.
const LEAST_INTERVAL: Duration = Duration::from_millis(100);

/// Where progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// As a few lines at the bottom of the screen.
    Terminal,
    /// As a log line now and then.
    Lines,
    /// Nowhere.
    Silent,
}

impl Mode {
    /// What fits `wanted` and where standard error leads; nothing when asked to be `quiet`.
    pub(super) fn choose(wanted: config::Progress, terminal: &Terminal, quiet: bool) -> Self {
        match wanted {
            _ if quiet => Self::Silent,
            config::Progress::Auto if terminal.is_interactive() => Self::Terminal,
            config::Progress::Auto | config::Progress::Never => Self::Lines,
        }
    }
}

/// How progress is shown.
#[derive(Debug, Clone)]
pub(super) struct Display {
    /// What the crawl is called.
    pub(super) job: String,
    /// Where.
    pub(super) mode: Mode,
    /// Time between log lines.
    pub(super) interval: Duration,
    /// The crawl's clock.
    pub(super) clock: Clock,
    /// The screen, shared with the logs.
    pub(super) terminal: Terminal,
}

impl Display {
    /// Shows `progress` until the crawl is done or its engine is gone, then clears the screen of it.
    /// So it does when it is dropped.
    pub(super) async fn show(self, mut progress: watch::Receiver<Progress>) {
        let picture = progress.clone();
        let over = async move {
            // An error says that nobody is left who could change it, which is an end as well.
            let _ = progress.wait_for(|progress| progress.stage == Stage::Done).await;
        };
        tokio::select! {
            biased;
            () = over => {}
            () = self.watch(&picture) => {}
        }
    }

    /// Shows for ever.
    async fn watch(&self, progress: &watch::Receiver<Progress>) {
        match self.mode {
            Mode::Terminal => self.draw(progress).await,
            Mode::Lines => self.log(progress).await,
            Mode::Silent => std::future::pending().await,
        }
    }

    async fn draw(&self, progress: &watch::Receiver<Progress>) {
        let Some(screen) = self.terminal.display() else { return self.log(progress).await };
        let colours = self.terminal.has_colours();
        let started = self.clock.now();
        let mut meter = Meter::default();
        let mut ticker = ticker(REDRAW_EVERY);
        loop {
            ticker.tick().await;
            let now = self.clock.now();
            // Some terminals wrap a line that is exactly as wide as they are.
            let width = self.terminal.width().map_or(0, |width| width.saturating_sub(1));
            let picture = {
                let progress = progress.borrow();
                let rates = meter.read(now, &progress);
                lines(&View { job: &self.job, progress: &progress, rates, now, elapsed: now.since(started) }, width)
            };
            screen.draw(&paint(picture, colours));
        }
    }

    async fn log(&self, progress: &watch::Receiver<Progress>) {
        // Counts are those of all runs: the first speeds need a picture from the beginning of this one.
        let first = progress.clone().wait_for(|progress| progress.at != Timestamp::default()).await.is_ok();
        let mut meter = Meter::default();
        if first {
            meter.read(self.clock.now(), &progress.borrow());
        }
        let mut ticker = ticker(self.interval.max(LEAST_INTERVAL));
        loop {
            ticker.tick().await;
            let progress = progress.borrow();
            let now = self.clock.now();
            let rates = meter.read(now, &progress);
            log(&self.job, &progress, &rates, now);
        }
    }
}

/// Ticks after every `period`. Ticks that were missed are left out.
pub(super) fn ticker(period: Duration) -> tokio::time::Interval {
    let mut ticker = interval_at(Instant::now() + period, period);
    ticker.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticker
}

/// One line for the log. The counts are those of all runs.
fn log(job: &str, progress: &Progress, rates: &Rates, now: Timestamp) {
    let tally = &progress.tally;
    let doing = picture::tail(progress, now).map(|tail| format!("waiting for {tail}"));
    tracing::info!(
        target: "dragline::progress",
        job,
        fetched = tally.fetched,
        not_modified = tally.not_modified,
        redirected = tally.redirected,
        failed = tally.n_failed(),
        refused = tally.n_refused(),
        pending = tally.n_pending(),
        in_flight = progress.in_flight,
        pages_per_s = (rates.pages_per_s * 10.0).round() / 10.0,
        bytes_per_s = rates.bytes_per_s,
        waiting = picture::reasons(&progress.waiting),
        "{}",
        doing.as_deref().unwrap_or(picture::stage(progress.stage)),
    );
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::heard::n_heard;

    /// How many lines of progress this test has logged.
    fn n_logged() -> usize {
        n_heard("dragline::progress")
    }

    fn display(mode: Mode) -> Display {
        let clock = Clock::starting_at(Timestamp(1));
        let terminal = Terminal::stderr();
        Display { job: "job".into(), mode, interval: Duration::from_secs(10), clock, terminal }
    }

    /// A picture that the engine drew.
    fn drawn() -> Progress {
        Progress { at: Timestamp(1), ..Progress::default() }
    }

    /// How many lines a display of 35 s logs, and whether it was over by itself after `end`.
    async fn n_lines(mode: Mode, end: impl FnOnce(watch::Sender<Progress>)) -> usize {
        let before = n_logged();
        let (sender, receiver) = watch::channel(drawn());
        let mut showing = Box::pin(display(mode).show(receiver));
        let cut = tokio::time::timeout(Duration::from_secs(35), &mut showing).await;
        assert!(cut.is_err(), "it must not end while the crawl goes on");
        let seen = n_logged() - before;
        end(sender);
        let over = tokio::time::timeout(Duration::from_millis(1), showing).await;
        assert!(over.is_ok(), "it must end with the crawl");
        seen
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_comes_every_interval_until_the_engine_is_gone() {
        assert_eq!(n_lines(Mode::Lines, drop).await, 3);
        assert_eq!(n_lines(Mode::Silent, drop).await, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn it_ends_when_the_crawl_is_done_though_the_sender_lives() {
        let kept = Mutex::new(None);
        let end = |sender: watch::Sender<Progress>| {
            sender.send_modify(|progress| progress.stage = Stage::Done);
            *kept.lock().unwrap() = Some(sender);
        };
        assert_eq!(n_lines(Mode::Lines, end).await, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn an_interval_of_nothing_is_no_panic_and_no_flood() {
        let (_sender, receiver) = watch::channel(drawn());
        let hasty = Display { interval: Duration::ZERO, ..display(Mode::Lines) };
        assert!(tokio::time::timeout(Duration::from_secs(1), hasty.show(receiver)).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_said_before_the_engine_has_drawn() {
        let before = n_logged();
        let (_sender, receiver) = watch::channel(Progress::default());
        assert!(tokio::time::timeout(Duration::from_secs(60), display(Mode::Lines).show(receiver)).await.is_err());
        assert_eq!(n_logged(), before);
    }

    #[test]
    fn it_can_be_a_task_of_its_own() {
        fn check<T: Send + 'static>(_: &T) {}
        let (_sender, receiver) = watch::channel(Progress::default());
        check(&display(Mode::Terminal).show(receiver));
    }

    #[test]
    fn quiet_wins_over_everything() {
        let pipe = Terminal::stderr();
        assert_eq!(Mode::choose(config::Progress::Auto, &pipe, true), Mode::Silent);
        assert_eq!(Mode::choose(config::Progress::Never, &pipe, false), Mode::Lines);
    }
}
