//! When the recorder commits, and how.

use std::{mem, time::Duration};

use super::Recorder;
use crate::{
    clock::Timestamp,
    engine::{EngineError, event::CrawlEvent},
};

/// Least time between two commits that are made because a host is to be left in peace: so many hosts may fail at
/// once that each of them alone would keep the disk busy with syncs. For so long, and the time of a commit, such
/// a pause is in memory only.
const PRESSING_EVERY: Duration = Duration::from_millis(100);

impl Recorder {
    /// When what is not committed has to be.
    pub(super) fn commit_due(&self) -> Timestamp {
        let due = self.committed_at + self.options.commit_every;
        self.commit_by.map_or(due, |by| by.min(due))
    }

    /// What was taken in has to be committed soon.
    pub(super) fn press(&mut self) {
        let by = self.committed_at + PRESSING_EVERY;
        self.commit_by = Some(self.commit_by.map_or(by, |before| before.min(by)));
    }

    /// The same, and before an attempt that is made at `next`: else a kill would cost the page two requests.
    pub(super) fn press_before(&mut self, next: Timestamp) {
        let now = self.clock.now();
        if next < now + 2 * PRESSING_EVERY {
            self.commit_by = Some(now);
        } else {
            self.press();
        }
    }

    /// Outputs first, then the frontier with their marks.
    pub(in crate::engine) fn commit(&mut self) -> Result<(), EngineError> {
        let started = self.clock.now();
        self.count_time();
        self.sink.sync()?;
        self.book.outputs = self.sink.marks();
        self.book.updated_at = started.rfc3339();
        self.write_hosts()?;
        self.groups.commit(self.frontier.as_mut())?;
        self.frontier.commit(&self.book.to_bytes())?;
        self.commit_by = None;
        let n_visits = mem::take(&mut self.n_uncommitted);
        self.committed_at = self.clock.now();
        let (took, outputs) = (self.committed_at.since(started), self.book.outputs.as_slice().into());
        self.tell(&CrawlEvent::Committed { n_visits, took, outputs });
        Ok(())
    }

    /// Hands what changed of hosts to the frontier, and keeps no more of them in memory than may be
    /// active.
    pub(super) fn write_hosts(&mut self) -> Result<(), EngineError> {
        for (record, changed) in self.hosts.values_mut() {
            if mem::take(changed) {
                self.frontier.set_host(record)?;
            }
        }
        if self.hosts.len() > self.options.workbench.active_hosts {
            self.hosts.clear();
        }
        Ok(())
    }
}
