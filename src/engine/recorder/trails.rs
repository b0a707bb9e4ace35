//! The recorder's own steps on the trails of URLs that are followed.

use std::sync::Arc;

use super::Recorder;
use crate::{
    engine::{EngineError, event::CrawlEvent, visit::Visit},
    frontier::workbench::News,
};

impl Recorder {
    /// Records a visit, and tells of its trail, if it has one, when that is done.
    pub(super) fn take_down(&mut self, mut visit: Visit, news: &mut Vec<News>) -> Result<(), EngineError> {
        let Some(mut trail) = visit.trail.take() else { return self.record(visit, news) };
        trail.lap("inbox", self.clock.now());
        self.record(visit, news)?;
        trail.lap("record", self.clock.now());
        self.tell(&CrawlEvent::Followed(Arc::from(trail)));
        Ok(())
    }
}
