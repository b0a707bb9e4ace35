//! How far it is, on a terminal: the step, and the lines read.

use std::time::Duration;

use super::super::human::{count, rate};
use crate::{
    clock::{Clock, Timestamp},
    telemetry::{Display, Terminal},
};

/// Lines between two looks at the clock.
const LOOK_EVERY: u64 = 4096;
const DRAW_EVERY: Duration = Duration::from_millis(200);

pub(super) struct Watch {
    screen: Option<Display>,
    clock: Clock,
    began: Timestamp,
    drawn_at: Timestamp,
    step: String,
}

impl Watch {
    /// On standard error, if somebody looks at it.
    pub(super) fn new(quiet: bool) -> Self {
        let screen = if quiet { None } else { Terminal::stderr().display() };
        let clock = Clock::system();
        let now = clock.now();
        Self { screen, clock, began: now, drawn_at: Timestamp::default(), step: String::new() }
    }

    pub(super) fn step(&mut self, step: impl Into<String>) {
        self.step = step.into();
        self.began = self.clock.now();
        if let Some(screen) = &self.screen {
            screen.draw(&[format!("{} …", self.step)]);
        }
    }

    /// So many lines were read in this step.
    pub(super) fn line(&mut self, n: u64) {
        if !n.is_multiple_of(LOOK_EVERY) || self.screen.is_none() {
            return;
        }
        let now = self.clock.now();
        if let Some(screen) = self.screen.as_ref().filter(|_| now.since(self.drawn_at) >= DRAW_EVERY) {
            let seconds = now.since(self.began).as_secs_f64().max(0.001);
            screen.draw(&[format!("{} · {} records · {} a second", self.step, count(n), rate(n as f64 / seconds))]);
            self.drawn_at = now;
        }
    }
}
