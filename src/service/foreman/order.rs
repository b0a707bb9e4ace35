//! Orders: what callers want of the foreman, and what he says.

use std::sync::Arc;

use serde_json::Value as Json;
use tokio::sync::{mpsc, oneshot};

use super::{
    Foreman,
    calendar::{MAX_OF_OWNER, MAX_SCHEDULES, Set},
};
use crate::{
    address::HostKey,
    clock::Timestamp,
    config::HookEvent,
    service::{
        board::{Board, Shown},
        ledger::{Act, CrawlId, Entry, How, Idempotency, Schedule, Shelf, ShelfError, Unfit, Want},
    },
    shutdown::blocking,
};

/// Most hosts that are blocked.
const MAX_BLOCKED: usize = 10_000;

/// A crawl that somebody wants.
#[derive(Debug)]
pub(crate) struct NewCrawl {
    pub(crate) owner: String,
    pub(crate) priority: u8,
    pub(crate) document: Json,
    /// Not begun before it is resumed.
    pub(crate) is_paused: bool,
    pub(crate) idempotency: Option<Idempotency>,
    /// Crawls of this owner that may be under way or wait; `None` is no limit.
    pub(crate) most: Option<usize>,
}

/// What somebody wants.
pub(crate) enum Order {
    Create(Box<NewCrawl>, Reply<(Shown, bool)>),
    Act(CrawlId, Option<u64>, Act, Reply<Shown>),
    Delete(CrawlId, Option<u64>, Reply<()>),
    /// Nobody is to ask a host before that time; `None` lets it be asked again.
    Block(HostKey, Option<Timestamp>, Reply<()>),
    /// Something is done to a schedule.
    Schedule(CrawlId, Set, Reply<Option<Schedule>>),
    /// Only to see whether anybody is there.
    Hear(Reply<()>),
}

type Reply<T> = oneshot::Sender<Result<T, Refused>>;

/// Why something is not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("there is no such crawl")]
    Unknown,
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// Somebody else was quicker.
    #[error("the crawl has changed since: it is at revision {0}")]
    Changed(u64),
    #[error("it is being worked on: cancel it first")]
    Running,
    #[error("there are {0} crawls, as many as are kept: delete some that are over")]
    Full(usize),
    #[error("this key has {0} crawls that are not over, as many as it may have")]
    OwnersShare(usize),
    #[error("{MAX_BLOCKED} hosts are blocked, as many as may be")]
    TooManyBlocked,
    #[error("there are as many schedules as may be: {MAX_OF_OWNER} of a caller, {MAX_SCHEDULES} in all")]
    TooManySchedules,
    #[error("this idempotency key was used for another crawl")]
    OtherCall,
    #[error("the data folder can't be written")]
    Disk(#[source] ShelfError),
    #[error("the daemon is stopping")]
    Stopping,
}

/// Who gives orders to the foreman, and sees what he shows.
#[derive(Debug, Clone)]
pub(crate) struct Crawls {
    pub(super) orders: mpsc::Sender<Order>,
    pub(crate) board: Board,
    pub(crate) shelf: Arc<Shelf>,
}

impl Crawls {
    /// A new crawl, or the one that the same call has made before; and whether it is new.
    pub(crate) async fn create(&self, new: NewCrawl) -> Result<(Shown, bool), Refused> {
        self.order(|reply| Order::Create(Box::new(new), reply)).await
    }

    /// Does something to a crawl; if a revision is given, only if it is still at that.
    pub(crate) async fn act(&self, id: CrawlId, revision: Option<u64>, act: Act) -> Result<Shown, Refused> {
        self.order(|reply| Order::Act(id, revision, act, reply)).await
    }

    /// Does away with a crawl and all that it has written.
    pub(crate) async fn delete(&self, id: CrawlId, revision: Option<u64>) -> Result<(), Refused> {
        self.order(|reply| Order::Delete(id, revision, reply)).await
    }

    /// Has nobody ask a host before `until`, also after a restart; `None` lets it be asked again.
    pub(crate) async fn block(&self, host: HostKey, until: Option<Timestamp>) -> Result<(), Refused> {
        self.order(|reply| Order::Block(host, until, reply)).await
    }

    /// Does something to a schedule, and gives what there is then.
    pub(crate) async fn schedule(&self, id: CrawlId, set: Set) -> Result<Option<Schedule>, Refused> {
        self.order(|reply| Order::Schedule(id, set, reply)).await
    }

    /// Whether the foreman answers.
    pub(crate) async fn is_heard(&self) -> bool {
        self.order(Order::Hear).await.is_ok()
    }

    async fn order<T>(&self, order: impl FnOnce(Reply<T>) -> Order) -> Result<T, Refused> {
        let (reply, answer) = oneshot::channel();
        self.orders.send(order(reply)).await.map_err(|_| Refused::Stopping)?;
        answer.await.map_err(|_| Refused::Stopping)?
    }
}

impl Foreman {
    /// Does what an order says. Whoever gave it may have gone away.
    pub(super) fn take(&mut self, order: Order) {
        match order {
            Order::Create(new, reply) => drop(reply.send(self.create(*new))),
            Order::Act(id, revision, act, reply) => drop(reply.send(self.act(id, revision, act))),
            Order::Delete(id, revision, reply) => drop(reply.send(self.delete(id, revision))),
            Order::Block(host, until, reply) => drop(reply.send(self.block(&host, until))),
            Order::Schedule(id, set, reply) => drop(reply.send(self.set_schedule(id, set))),
            Order::Hear(reply) => drop(reply.send(Ok(()))),
        }
    }

    pub(super) fn create(&mut self, new: NewCrawl) -> Result<(Shown, bool), Refused> {
        let NewCrawl { owner, priority, document, is_paused, idempotency, most } = new;
        if let Some(call) = &idempotency
            && let Some(id) = self.calls.get(&(owner.clone(), call.key.clone()))
        {
            let shown = self.board.get(*id).ok_or(Refused::Unknown)?;
            let is_same = shown.entry.idempotency.as_ref() == Some(call);
            return if is_same { Ok((shown, false)) } else { Err(Refused::OtherCall) };
        }
        if self.entries.len() >= self.options.crawls {
            return Err(Refused::Full(self.entries.len()));
        }
        if let Some(most) = most {
            let n = self.entries.values().filter(|entry| entry.owner == owner && entry.ended.is_none()).count();
            if n >= most {
                return Err(Refused::OwnersShare(n));
            }
        }
        let want = if is_paused { Want::Pause } else { Want::Run };
        let mut entry = Entry::new(owner, priority, document, want, self.surroundings.clock.now());
        entry.idempotency = idempotency;
        self.note(&mut entry, HookEvent::Created);
        self.note_news(&mut entry);
        self.write(&mut entry, Shelf::add).map_err(disk)?;
        let id = entry.id;
        self.keep(entry);
        Ok((self.board.get(id).ok_or(Refused::Unknown)?, true))
    }

    fn block(&mut self, host: &HostKey, until: Option<Timestamp>) -> Result<(), Refused> {
        let (now, mut blocked) = (self.surroundings.clock.now(), self.blocked.clone());
        blocked.retain(|_, until| *until > now);
        match until {
            Some(until) => drop(blocked.insert(host.to_string(), until)),
            None => drop(blocked.remove(&host.to_string())),
        }
        if blocked.len() > MAX_BLOCKED {
            return Err(Refused::TooManyBlocked);
        }
        blocking(|| self.shelf.set_blocked(&blocked)).map_err(disk)?;
        self.board.show_blocked(blocked.clone());
        self.blocked = blocked;
        match until {
            Some(until) => drop(self.surroundings.gate.block(host, until)),
            None => self.surroundings.gate.unblock(host),
        }
        Ok(())
    }

    fn current(&self, id: CrawlId, revision: Option<u64>) -> Result<Entry, Refused> {
        let entry = self.entries.get(&id).ok_or(Refused::Unknown)?;
        match revision.filter(|revision| *revision != entry.revision) {
            Some(_) => Err(Refused::Changed(entry.revision)),
            None => Ok(entry.clone()),
        }
    }

    pub(super) fn act(&mut self, id: CrawlId, revision: Option<u64>, act: Act) -> Result<Shown, Refused> {
        let before = self.current(id, revision)?;
        let mut after = before.act(act)?;
        let running = self.running.get(&id);
        if after.want == Want::Cancel && after.ended.is_none() && running.is_none() {
            after = after.end(How::Cancelled, None, self.surroundings.clock.now());
        }
        if after != before {
            self.note_news(&mut after);
            self.write(&mut after, Shelf::update).map_err(disk)?;
            let is_told = running.filter(|_| needs_a_stop(&before, &after));
            // What goes on is begun again, as it is to be from now on.
            is_told.filter(|crawl| !crawl.shutdown.is_requested()).iter().for_each(|crawl| crawl.shutdown.request());
            self.entries.insert(id, after);
            self.show(id);
        }
        self.board.get(id).ok_or(Refused::Unknown)
    }

    fn delete(&mut self, id: CrawlId, revision: Option<u64>) -> Result<(), Refused> {
        let entry = self.current(id, revision)?;
        if self.running.contains_key(&id) {
            return Err(Refused::Running);
        }
        self.write_deletion(&entry, |shelf| shelf.delete(id)).map_err(disk)?;
        if let Some(call) = entry.idempotency {
            self.calls.remove(&(entry.owner, call.key));
        }
        self.entries.remove(&id);
        self.unwritten.remove(&id);
        self.board.take_down(id);
        if let Some(events) = self.events.remove(&id) {
            // Whoever watches it looks again, and finds that it is gone.
            events.tell("state", serde_json::json!({"state": "deleted"}));
        }
        let data = self.shelf.path().to_owned();
        // Millions of files may take minutes. What is left is removed at the next start.
        drop(tokio::task::spawn_blocking(move || {
            if let Err(error) = Shelf::empty_trash(&data) {
                tracing::warn!(%error, "what was deleted is not removed");
            }
        }));
        Ok(())
    }
}

/// Whether a run that is under way is of no use any more.
fn needs_a_stop(before: &Entry, after: &Entry) -> bool {
    after.want != Want::Run || after.document != before.document || after.more_seeds != before.more_seeds
}

pub(super) fn disk(error: ShelfError) -> Refused {
    tracing::error!(%error, "the ledger can't be written");
    Refused::Disk(error)
}
