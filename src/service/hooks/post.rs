//! All hooks: who gives events, asks or changes something comes here.

use std::{
    collections::{BTreeMap, HashSet},
    io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::{Notify, watch};
use uuid::Uuid;

use super::{
    Happened, Hook, Outcome,
    files::Files,
    hook::{Bounds, Heard, VERSION},
};
use crate::{
    clock::{Clock, Timestamp},
    config::{Base, HookEvent, HookSecret, OperatorHook, Webhooks},
    service::{api::Metrics, ledger::CrawlId},
    shutdown::blocking,
};

/// Before the names of the operator's hooks: no UUID begins like this.
const OPERATORS: &str = "operator-";

/// All hooks. Clones are one.
#[derive(Debug, Clone)]
pub(crate) struct Post(pub(super) Arc<Office>);

#[derive(Debug)]
pub(super) struct Office {
    pub(super) files: Files,
    pub(super) books: Mutex<Books>,
    base: watch::Receiver<Arc<Base>>,
    pub(super) bounds: Bounds,
    pub(super) per_caller: usize,
    pub(super) max: usize,
    pub(super) concurrency: usize,
    pub(super) clock: Clock,
    metrics: Metrics,
    /// Something may be due.
    pub(super) news: Notify,
}

#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) hooks: BTreeMap<String, Hook>,
    /// The last event of all.
    pub(super) seq: u64,
}

/// An attempt that is to be made.
pub(super) struct Attempt {
    pub(super) hook: String,
    pub(super) url: String,
    pub(super) secret: HookSecret,
    pub(super) event: Uuid,
    pub(super) body: String,
}

impl Post {
    /// With the hooks of the data folder at `data`, and those of the configuration.
    ///
    /// # Errors
    /// When the folder can't be read. A file in it that is damaged is no error.
    pub(crate) fn open(
        data: &Path,
        base: watch::Receiver<Arc<Base>>,
        clock: Clock,
        metrics: Metrics,
    ) -> io::Result<Self> {
        let (files, found) = Files::open(data)?;
        let options = base.borrow().settings().webhooks.clone();
        let Webhooks { queue, log, retry, max_age, .. } = options;
        let mut hooks = BTreeMap::new();
        for mut hook in found {
            hook.key = hook.secret.clone();
            hooks.insert(hook.id.clone(), hook);
        }
        let post = Self(Arc::new(Office {
            files,
            books: Mutex::new(Books { hooks, seq: 0 }),
            base,
            bounds: Bounds { queue, log, retry, max_age },
            per_caller: options.per_caller,
            max: options.max,
            concurrency: options.concurrency,
            clock,
            metrics,
            news: Notify::new(),
        }));
        // Those that are new are told of what happens from now on, and are made when it is known which event was the last.
        post.adopt(&options.operators, false);
        Ok(post)
    }

    pub(super) fn books(&self) -> MutexGuard<'_, Books> {
        self.0.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self, hook: &mut Hook) -> io::Result<()> {
        let written = blocking(|| self.0.files.write(hook));
        hook.is_dirty = written.is_err();
        if let Err(error) = &written {
            tracing::error!(hook = %hook.id, %error, "a webhook can't be written; it is tried again");
        }
        written
    }

    /// Puts the operator's hooks into force as the configuration has them now. One that is not in it any more is told
    /// nothing; its file stays, and with it what was still to be told when it comes back.
    pub(crate) fn set_operators(&self, operators: &[OperatorHook]) {
        self.adopt(operators, true);
        self.0.news.notify_one();
    }

    fn adopt(&self, operators: &[OperatorHook], with_new: bool) {
        let (now, mut books) = (self.0.clock.now(), self.books());
        let ids: HashSet<String> = operators.iter().map(|it| format!("{OPERATORS}{}", it.name)).collect();
        books.hooks.retain(|id, hook| !hook.owner.is_empty() || ids.contains(id));
        let seq = books.seq;
        for operator in operators {
            let id = format!("{OPERATORS}{}", operator.name);
            let known = books.hooks.remove(&id).or_else(|| self.0.files.find(&id));
            let is_new = known.is_none();
            if is_new && !with_new {
                continue;
            }
            let mut hook = known.unwrap_or_else(|| new_hook(id.clone(), String::new(), now, seq));
            let (url, events) = (operator.url.as_str().to_owned(), operator.events.clone());
            let has_changed = hook.url != url;
            // Whoever is there now has not said that it is gone.
            hook.gone_at = hook.gone_at.filter(|_| !has_changed);
            (hook.url, hook.events, hook.is_for_all, hook.key) = (url, events, true, Some(operator.secret.clone()));
            if is_new || has_changed {
                let _ = self.write(&mut hook);
            }
            books.hooks.insert(id, hook);
        }
    }

    /// Begins with what entries of the ledger have to tell: each hook takes what it has not taken before. `is_there`
    /// says which crawls there are.
    pub(crate) fn recover(&self, mut owed: Vec<Happened>, is_there: impl Fn(CrawlId) -> bool) {
        owed.sort_by_key(|happened| happened.seq);
        {
            let mut books = self.books();
            let last = books.hooks.values().map(|hook| hook.mark).chain(owed.iter().map(|it| it.seq)).max();
            books.seq = last.unwrap_or_default();
            for hook in books.hooks.values_mut() {
                for event in hook.undeleted(&is_there) {
                    tracing::warn!(hook = %hook.id, %event, "a deletion that did not come about is not told of");
                    hook.withdraw(event);
                    hook.is_dirty = true;
                }
            }
        }
        owed.iter().for_each(|happened| self.take(happened));
        let operators = self.0.base.borrow().settings().webhooks.operators.clone();
        self.set_operators(&operators);
    }

    /// The number of the next event.
    pub(crate) fn next_seq(&self) -> u64 {
        let mut books = self.books();
        books.seq += 1;
        books.seq
    }

    /// Whether anybody wants to hear of this, of a crawl of `owner`.
    pub(crate) fn is_wanted(&self, event: HookEvent, owner: &str) -> bool {
        let base = self.0.base.borrow().clone();
        self.books().hooks.values().any(|hook| hook.wants(event) && may_hear(&base, hook, owner))
    }

    /// Whether all that was taken is on disk.
    pub(crate) fn is_written(&self) -> bool {
        self.books().hooks.values().all(|hook| !hook.is_dirty)
    }

    /// Puts an event into the queues of all that it is for, and these to disk.
    pub(crate) fn take(&self, happened: &Happened) {
        self.put(happened, false);
        self.0.news.notify_one();
    }

    /// The same for what may turn out not to happen: it is told when it is [let go](Self::let_go).
    pub(crate) fn hold(&self, happened: &Happened) {
        self.put(happened, true);
    }

    fn put(&self, happened: &Happened, is_held: bool) {
        let base = self.0.base.borrow().clone();
        let mut books = self.books();
        for hook in books.hooks.values_mut() {
            if hook.wants(happened.event) && may_hear(&base, hook, &happened.owner) {
                let Some(n_dropped) = hook.take(happened, is_held, &self.0.bounds) else { continue };
                (0..n_dropped).for_each(|_| self.0.metrics.count_delivery(Outcome::Dropped));
                // What can't be written is written again, and stays in the entry until then.
                let _ = self.write(hook);
            } else {
                // Not for it, whatever it wants when the entries are offered the next time.
                hook.mark = hook.mark.max(happened.seq);
            }
        }
    }

    pub(crate) fn let_go(&self, event: Uuid) {
        self.books().hooks.values_mut().for_each(|hook| hook.let_go(event));
        self.0.news.notify_one();
    }

    pub(crate) fn withdraw(&self, event: Uuid) {
        let mut books = self.books();
        for hook in books.hooks.values_mut().filter(|hook| hook.told(event).is_some()) {
            hook.withdraw(event);
            let _ = self.write(hook);
        }
    }
}

/// For the one task that tells.
impl Post {
    pub(super) async fn news(&self) {
        self.0.news.notified().await;
    }

    pub(super) fn clock(&self) -> Clock {
        self.0.clock
    }

    pub(super) fn concurrency(&self) -> usize {
        self.0.concurrency
    }

    /// Up to `most` attempts that are due, those that have been due for longest first; and when the next one is.
    pub(super) fn begin(&self, most: usize) -> (Vec<Attempt>, Option<Timestamp>) {
        let (now, mut books) = (self.0.clock.now(), self.books());
        let mut next: Vec<(Timestamp, String)> =
            books.hooks.values().filter_map(|hook| Some((hook.next_at()?, hook.id.clone()))).collect();
        next.sort_unstable();
        let n_due = next.iter().take_while(|(at, _)| *at <= now).count();
        let later = next.get(n_due).map(|(at, _)| *at);
        let attempts = next.into_iter().take(n_due.min(most)).filter_map(|(_, id)| {
            let hook = books.hooks.get_mut(&id)?;
            let secret = hook.key.clone()?;
            let (event, body) = hook.begin()?;
            Some(Attempt { hook: id, url: hook.url.clone(), secret, event, body })
        });
        (attempts.collect(), later)
    }

    /// An attempt has come back.
    pub(super) fn conclude(&self, id: &str, heard: Heard, took: Duration) {
        let (now, mut books) = (self.0.clock.now(), self.books());
        // It may have been deleted meanwhile.
        let Some(hook) = books.hooks.get_mut(id) else { return };
        let outcome = hook.conclude(heard, took, now, chance(), &self.0.bounds);
        if let Some(outcome) = outcome {
            self.0.metrics.count_delivery(outcome);
            if outcome == Outcome::GivenUp {
                tracing::warn!(hook = id, "an event is given up: the receiver could not be told (webhooks.max_age)");
            }
        }
        let _ = self.write(hook);
    }

    /// Writes what could not be written; whether anything is left.
    pub(super) fn write_again(&self) -> bool {
        let mut books = self.books();
        for hook in books.hooks.values_mut().filter(|hook| hook.is_dirty) {
            let _ = self.write(hook);
        }
        books.hooks.values().any(|hook| hook.is_dirty)
    }
}

/// Whether a hook may hear of a crawl of `owner`: what whoever made it could see now. Keys come and go.
fn may_hear(base: &Base, hook: &Hook, owner: &str) -> bool {
    let keys = &base.settings().daemon.keys;
    if hook.owner.is_empty() {
        return true;
    }
    let key = keys.iter().find(|key| key.name == hook.owner);
    let (is_known, is_admin) =
        (keys.is_empty() || key.is_some(), keys.is_empty() || key.is_some_and(|key| key.scopes.admin));
    is_known && (hook.owner == owner || (hook.is_for_all && is_admin))
}

pub(super) fn new_hook(id: String, owner: String, now: Timestamp, mark: u64) -> Hook {
    Hook {
        version: VERSION,
        id,
        owner,
        is_for_all: false,
        url: String::new(),
        secret: None,
        events: Vec::new(),
        created_at: now,
        gone_at: None,
        mark,
        n_deliveries: 0,
        messages: BTreeMap::new(),
        queue: std::collections::VecDeque::new(),
        log: std::collections::VecDeque::new(),
        key: None,
        is_in_flight: false,
        is_dirty: false,
    }
}

/// A new event's id: a UUID of version 7.
pub(crate) fn event_id(now: Timestamp) -> Uuid {
    let (seconds, nanos) = (now.0 / 1_000_000, u32::try_from(now.0 % 1_000_000).unwrap_or_default() * 1000);
    Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanos))
}

/// A number from 0 to 1, so that receivers that fail together are not asked together.
fn chance() -> f64 {
    getrandom::u32().map_or(0.5, |n| f64::from(n) / f64::from(u32::MAX))
}
