//! Schedules: the foreman looks at them now and then, and begins what is due.

use serde_json::Value as Json;

use super::{
    Foreman,
    order::{NewCrawl, Refused},
};
use crate::{
    clock::{Clock, Timestamp},
    service::ledger::{Act, Change, CrawlId, How, Idempotency, Overlap, Schedule},
    shutdown::blocking,
};

/// Most schedules, of all callers together.
pub(super) const MAX_SCHEDULES: usize = 1000;
/// Most schedules of one caller.
pub(super) const MAX_OF_OWNER: usize = 100;

/// What is done to a schedule.
#[derive(Debug)]
pub(crate) enum Set {
    /// It is new, or takes the place of the one before.
    Put(Box<Schedule>),
    /// It begins nothing any more, or does again.
    Pause(bool),
    Delete,
}

impl Foreman {
    pub(super) fn set_schedule(&mut self, id: CrawlId, set: Set) -> Result<Option<Schedule>, Refused> {
        let mut schedules = self.schedules.clone();
        match set {
            Set::Put(schedule) => {
                let of_owner = schedules.values().filter(|other| other.owner == schedule.owner).count();
                if !schedules.contains_key(&id) && (schedules.len() >= MAX_SCHEDULES || of_owner >= MAX_OF_OWNER) {
                    return Err(Refused::TooManySchedules);
                }
                schedules.insert(id, *schedule);
            }
            Set::Pause(is_paused) => {
                let now = self.surroundings.clock.now();
                let schedule = schedules.get_mut(&id).ok_or(Refused::Unknown)?;
                if schedule.is_paused && !is_paused {
                    // What passed while it was paused is not made up for.
                    schedule.fired_at = Some(now);
                }
                schedule.is_paused = is_paused;
            }
            Set::Delete => drop(schedules.remove(&id).ok_or(Refused::Unknown)?),
        }
        blocking(|| self.shelf.set_schedules(&schedules)).map_err(super::order::disk)?;
        self.schedules = schedules;
        self.show_schedules();
        Ok(self.schedules.get(&id).cloned())
    }

    pub(super) fn show_schedules(&self) {
        self.board.show_schedules(self.schedules.clone());
    }

    /// Begins what is due. Whatever was begun is written down before the schedule says so: killed between the two, it is
    /// found to be there.
    pub(super) fn keep_the_calendar(&mut self) {
        // The system's clock as it is now: a process may live long, and be suspended.
        let now = Clock::system().now();
        let due: Vec<(CrawlId, Option<Timestamp>)> = self
            .schedules
            .values()
            .filter(|schedule| !schedule.is_paused)
            .filter_map(|schedule| {
                let at = schedule.due_at().filter(|at| *at <= now);
                (at.is_some() || schedule.is_owed).then_some((schedule.id, at))
            })
            .collect();
        for (id, at) in due {
            let Some(schedule) = self.schedules.get(&id).cloned() else { continue };
            let after = self.fire(&schedule, at, now);
            if after != schedule {
                self.schedules.insert(id, after);
                if let Err(error) = blocking(|| self.shelf.set_schedules(&self.schedules)) {
                    tracing::error!(%error, "the schedules can't be written");
                }
                self.show_schedules();
            }
        }
    }

    /// The schedule after it has been dealt with. `at` is the time that has come, if one has.
    fn fire(&mut self, schedule: &Schedule, at: Option<Timestamp>, now: Timestamp) -> Schedule {
        let mut after = schedule.clone();
        if at.is_some() {
            // All that have passed are one.
            after.fired_at = Some(now);
        }
        let entry = schedule.crawl.and_then(|id| self.entries.get(&id)).cloned();
        let Some(entry) = entry else {
            match self.create_for(schedule, at.unwrap_or(now)) {
                Ok(id) => (after.crawl, after.is_owed) = (Some(id), false),
                Err(error) => {
                    // The next time is another chance; trying on and on would only fill the log.
                    after.is_owed = false;
                    tracing::error!(schedule = %schedule.id, %error, "a scheduled crawl can't be begun");
                }
            }
            return after;
        };
        if entry.ended.is_none() {
            after.is_owed = schedule.overlap != Overlap::Skip;
            if schedule.overlap == Overlap::Cancel && at.is_some() {
                self.try_act(schedule, entry.id, Act::Cancel);
            } else if schedule.overlap == Overlap::Skip {
                tracing::warn!(schedule = %schedule.id, "the crawl is not over, so that this time is passed over");
            }
            return after;
        }
        let how = entry.ended.as_ref().map(|ended| ended.how);
        if entry.document != schedule.document {
            self.try_act(
                schedule,
                entry.id,
                Act::Change(Change { document: Some(schedule.document.clone()), priority: None }),
            );
        }
        // What failed or was ended has something left to go on with.
        let act = if matches!(how, Some(How::Finished | How::LimitReached)) { Act::Recrawl } else { Act::Resume };
        self.try_act(schedule, entry.id, act);
        after.is_owed = false;
        after
    }

    fn try_act(&mut self, schedule: &Schedule, id: CrawlId, act: Act) {
        if let Err(error) = self.act(id, None, act) {
            tracing::error!(schedule = %schedule.id, crawl = %id, %error, "a scheduled crawl can't be begun");
        }
    }

    /// Crawls that are not over which a caller may have.
    fn most_of(&self, owner: &str) -> Option<usize> {
        let base = self.base.borrow();
        base.settings().daemon.keys.iter().find(|key| key.name == owner).and_then(|key| key.crawls)
    }

    fn create_for(&mut self, schedule: &Schedule, at: Timestamp) -> Result<CrawlId, Refused> {
        let document: Json = schedule.document.clone();
        // The same time makes one crawl, however often the process dies before the schedule knows of it.
        let key = format!("schedule {} of {}", schedule.id, at.rfc3339());
        let new = NewCrawl {
            owner: schedule.owner.clone(),
            priority: schedule.priority,
            document,
            is_paused: false,
            idempotency: Some(Idempotency { key, digest: String::new() }),
            most: self.most_of(&schedule.owner),
        };
        self.create(new).map(|(shown, _)| shown.entry.id)
    }
}
