//! What is asked of hooks by their owners: made, looked at, tried, done away with.

use std::{io, time::Duration};

use serde_json::json;
use uuid::Uuid;

use super::{
    Hook, HookError,
    hook::Bounds,
    post::{Post, event_id, new_hook},
    sign,
};
use crate::{
    config::{HookEvent, HookSecret},
    service::ledger::CrawlId,
    shutdown::blocking,
};

/// Bytes of a secret that is made here.
const SECRET_BYTES: usize = 32;

/// A hook that somebody wants.
#[derive(Debug)]
pub(crate) struct NewHook {
    pub(crate) owner: String,
    pub(crate) is_for_all: bool,
    pub(crate) url: String,
    /// None: one is made.
    pub(crate) secret: Option<HookSecret>,
    pub(crate) events: Vec<HookEvent>,
}

/// How things stand, for metrics.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Summary {
    pub(crate) hooks: usize,
    pub(crate) gone: usize,
    pub(crate) waiting: usize,
    /// How long the oldest event has waited.
    pub(crate) oldest: Duration,
}

impl Post {
    /// A new hook, and the secret that its owner gets to see once.
    pub(crate) fn create(&self, new: NewHook) -> Result<(Hook, String), HookError> {
        let secret = match new.secret {
            Some(secret) => secret,
            None => random_secret()?,
        };
        let (now, mut books) = (self.0.clock.now(), self.books());
        let of_callers = books.hooks.values().filter(|hook| !hook.owner.is_empty());
        let (of_caller, in_all) =
            (of_callers.clone().filter(|hook| hook.owner == new.owner).count(), of_callers.count());
        if of_caller >= self.0.per_caller || in_all >= self.0.max {
            return Err(HookError::TooMany { of_caller: self.0.per_caller, in_all: self.0.max });
        }
        let mut hook = new_hook(CrawlId::new(now).to_string(), new.owner, now, books.seq);
        (hook.url, hook.events, hook.is_for_all) = (new.url, new.events, new.is_for_all);
        (hook.secret, hook.key) = (Some(secret.clone()), Some(secret.clone()));
        blocking(|| self.0.files.write(&hook)).map_err(disk)?;
        books.hooks.insert(hook.id.clone(), hook.clone());
        Ok((hook, secret.reveal()))
    }

    /// Hooks that `fits`, oldest first.
    pub(crate) fn list(&self, fits: impl Fn(&Hook) -> bool) -> Vec<Hook> {
        let mut hooks: Vec<Hook> = self.books().hooks.values().filter(|hook| fits(hook)).cloned().collect();
        hooks.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        hooks
    }

    pub(crate) fn get(&self, id: &str) -> Option<Hook> {
        self.books().hooks.get(id).cloned()
    }

    /// Does away with a hook, and with what it was still to be told.
    pub(crate) fn delete(&self, id: &str) -> Result<(), HookError> {
        let mut books = self.books();
        let hook = books.hooks.get(id).ok_or(HookError::Unknown)?;
        if hook.owner.is_empty() {
            return Err(HookError::Operators);
        }
        blocking(|| self.0.files.delete(id)).map_err(disk)?;
        books.hooks.remove(id);
        Ok(())
    }

    /// Tells a hook something that means nothing; which event that is.
    pub(crate) fn ping(&self, id: &str) -> Result<Uuid, HookError> {
        let now = self.0.clock.now();
        let event = event_id(now);
        let body = json!({"id": sign::id(event), "type": "ping", "at": now.rfc3339()}).to_string();
        self.change(id, |hook, bounds| hook.ping(event, body, now, bounds).map(|()| event))
    }

    /// Tells a hook the event of a delivery once more; which event that is.
    pub(crate) fn redeliver(&self, id: &str, delivery: u64) -> Result<Uuid, HookError> {
        let now = self.0.clock.now();
        self.change(id, |hook, bounds| hook.redeliver(delivery, now, bounds))
    }

    fn change<T>(
        &self,
        id: &str,
        change: impl FnOnce(&mut Hook, &Bounds) -> Result<T, HookError>,
    ) -> Result<T, HookError> {
        let mut books = self.books();
        let hook = books.hooks.get_mut(id).ok_or(HookError::Unknown)?;
        let made = change(hook, &self.0.bounds)?;
        self.write(hook).map_err(HookError::Disk)?;
        drop(books);
        self.0.news.notify_one();
        Ok(made)
    }

    pub(crate) fn summary(&self) -> Summary {
        let (now, books) = (self.0.clock.now(), self.books());
        let oldest = books.hooks.values().filter_map(Hook::waits_since).min();
        Summary {
            hooks: books.hooks.len(),
            gone: books.hooks.values().filter(|hook| hook.gone_at.is_some()).count(),
            waiting: books.hooks.values().map(Hook::n_waiting).sum(),
            oldest: oldest.map(|oldest| now.since(oldest)).unwrap_or_default(),
        }
    }
}

fn random_secret() -> Result<HookSecret, HookError> {
    let mut bytes = [0_u8; SECRET_BYTES];
    getrandom::fill(&mut bytes).map_err(|_| HookError::Random)?;
    HookSecret::of(&bytes).ok_or(HookError::Random)
}

fn disk(error: io::Error) -> HookError {
    tracing::error!(%error, "a webhook can't be written");
    HookError::Disk(error)
}
