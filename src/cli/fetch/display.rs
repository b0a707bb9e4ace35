//! How far it is: one line at the bottom of the terminal, redrawn by the clock.
//!
//! Only where somebody looks at standard error and results go elsewhere or between. It counts what the
//! run tells it, and nothing by itself.

use std::time::Duration;

use super::super::human::{bytes, count, duration};
use crate::{
    clock::{Clock, Timestamp},
    telemetry::{Display, Terminal},
};

/// Time between two redraws.
pub(super) const REDRAW_EVERY: Duration = Duration::from_millis(200);

/// What has happened so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    /// Items of the input that were taken up.
    pub(super) begun: u64,
    /// Results.
    pub(super) done: u64,
    /// Of them, URLs that ended with 2xx.
    pub(super) fetched: u64,
    /// Of them, URLs that gave any answer.
    pub(super) answered: u64,
    /// Of them, lines that are no URLs.
    pub(super) invalid: u64,
    /// Bytes of bodies.
    pub(super) bytes: u64,
    /// Bodies that could not be written.
    pub(super) unwritten: u64,
}

/// The line.
pub(super) struct Line {
    screen: Display,
    terminal: Terminal,
    clock: Clock,
    began: Timestamp,
}

impl Line {
    /// `None` where nobody looks.
    pub(super) fn on(terminal: &Terminal, clock: Clock) -> Option<Self> {
        let screen = terminal.display()?;
        Some(Self { screen, terminal: terminal.clone(), clock, began: clock.now() })
    }

    pub(super) fn draw(&self, counts: &Counts) {
        let text = text(counts, self.clock.now().since(self.began));
        // Some terminals wrap a line that is exactly as wide as they are.
        let width = self.terminal.width().map_or(usize::MAX, |width| width.saturating_sub(1));
        self.screen.draw(&[text.chars().take(width).collect()]);
    }
}

fn text(counts: &Counts, elapsed: Duration) -> String {
    let Counts { begun, done, fetched, bytes: n_bytes, .. } = *counts;
    let mut text = format!("{} done · {} fetched", count(done), count(fetched));
    if done > fetched {
        text += &format!(" · {} not", count(done - fetched));
    }
    text + &format!(" · {} under way · {} · {}", count(begun - done), bytes(n_bytes), duration(elapsed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line() {
        let check = |counts: Counts, expected: &str| assert_eq!(text(&counts, Duration::from_secs(83)), expected);
        check(Counts::default(), "0 done · 0 fetched · 0 under way · 0 B · 1m 23s");
        let counts = Counts { begun: 1300, done: 1234, fetched: 1200, bytes: 12_900_000, ..Counts::default() };
        check(counts, "1,234 done · 1,200 fetched · 34 not · 66 under way · 12.3 MiB · 1m 23s");
    }
}
