//! The handles: what a job holds of the gate, and what one request does.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::{sync::watch, time::sleep_until};

use super::{
    super::{Conduct, HostState, Policy},
    Denied, Gate, Hold, Limits, Ticket,
};
use crate::{
    address::{HostId, HostKey},
    clock::{Clock, Timestamp},
};

/// A job's part in the gate. Clones are one member; the last one gives back all that it held.
#[derive(Debug, Clone)]
pub struct Member(Arc<Membership>);

#[derive(Debug)]
struct Membership {
    gate: Gate,
    number: u64,
    changes: watch::Receiver<()>,
}

/// Knows no time. What was under way may have been so until the next one that anybody tells.
impl Drop for Membership {
    fn drop(&mut self) {
        self.gate.desk().part(self.number);
    }
}

impl Member {
    pub(super) fn new(gate: Gate, limits: Limits, now: Timestamp) -> Self {
        let (number, changes) = gate.desk().join(limits, now);
        Self(Arc::new(Membership { gate, number, changes }))
    }

    /// The member wants to ask `host`, under `policy`, and knows `known` of it. As long as it is open,
    /// the policy holds for all who ask this host. Opened twice it is to be closed twice.
    ///
    /// # Errors
    /// [`Hold::Memory`], when no other host can be remembered: to be tried again then.
    pub fn open(
        &self,
        host: &HostKey,
        policy: &Policy,
        known: Option<&HostState>,
        now: Timestamp,
    ) -> Result<(), Denied> {
        self.0.gate.desk().open(self.0.number, host, policy, known, now)
    }

    /// The member wants to ask the host no more.
    pub fn close(&self, host: HostId) {
        self.0.gate.desk().close(self.0.number, host);
    }

    /// Whether one request may be sent to an open host *at once*; if so, it counts as sent, and
    /// [`Member::leave`] must follow with the ticket.
    ///
    /// # Errors
    /// Why not, and until when.
    pub fn try_enter(&self, host: HostId, now: Timestamp) -> Result<Ticket, Denied> {
        self.0.gate.desk().try_enter(self.0.number, host, now)
    }

    /// A request is over, and this is how it went; `None` when nobody was asked after all. What was given back
    /// before, as by closing the host, is over already.
    pub fn leave(&self, host: HostId, ticket: Ticket, conduct: Option<&Conduct>) {
        self.0.gate.desk().leave(host, ticket, conduct);
    }

    /// What robots.txt says to this member about the time between requests, and when that was heard.
    pub fn learn_crawl_delay(&self, host: HostId, delay: Option<Duration>, heard: Timestamp) {
        self.0.gate.desk().learn_crawl_delay(self.0.number, host, delay, heard);
    }

    /// Nobody asks the host before `at`.
    pub fn hold_until(&self, host: HostId, at: Timestamp) {
        self.0.gate.desk().hold_until(host, at);
    }

    /// Tells that something became free which this member waited for. To be looked at *before* asking:
    /// what changes after that is then not missed.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.0.changes.clone()
    }

    /// The open hosts about which something has changed since the last call.
    pub fn take_woken(&self) -> BTreeSet<HostId> {
        self.0.gate.desk().take_woken(self.0.number)
    }

    /// Waits until one request may be sent, but not if that is known to be later than `patience` allows.
    /// Any number of callers may wait at once. Dropping the future gives its place up.
    ///
    /// # Errors
    /// What keeps the request back for longer.
    pub async fn enter(
        &self,
        host: &HostKey,
        policy: &Policy,
        clock: Clock,
        patience: Option<Timestamp>,
    ) -> Result<Permit, Denied> {
        let mut changes = self.changes();
        let mut visit = None;
        loop {
            changes.borrow_and_update();
            let denied = match self.ask(&mut visit, host, policy, clock) {
                Ok((visit, ticket)) => return Ok(Permit { visit, ticket, clock, is_settled: false }),
                Err(denied) => denied,
            };
            let at = if let Denied::Until(at, _) = denied { Some(at) } else { None };
            if at.zip(patience).is_some_and(|(at, patience)| at > patience) {
                return Err(denied);
            }
            let until = at.or(patience);
            tokio::select! {
                _ = changes.changed() => {}
                () = sleep_until(clock.instant(until.unwrap_or_default())), if until.is_some() => {
                    if at.is_none() {
                        return Err(denied);
                    }
                }
            }
        }
    }

    fn ask(
        &self,
        visit: &mut Option<Visit>,
        host: &HostKey,
        policy: &Policy,
        clock: Clock,
    ) -> Result<(Visit, Ticket), Denied> {
        let now = clock.now();
        if visit.is_none() {
            self.open(host, policy, None, now)?;
            *visit = Some(Visit { member: self.clone(), host: host.id() });
        }
        let ticket = self.try_enter(host.id(), now)?;
        visit.take().map(|visit| (visit, ticket)).ok_or(Denied::Busy(Hold::Memory))
    }
}

/// An open host, closed again when it is dropped.
#[derive(Debug)]
struct Visit {
    member: Member,
    host: HostId,
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.member.close(self.host);
    }
}

/// Leave to send one request. Dropped without a word, the request counts as sent just then.
#[derive(Debug)]
pub struct Permit {
    visit: Visit,
    ticket: Ticket,
    clock: Clock,
    is_settled: bool,
}

impl Permit {
    /// How the request went; `None` when nobody was asked.
    pub fn settle(mut self, conduct: Option<&Conduct>) {
        self.is_settled = true;
        self.visit.member.leave(self.visit.host, self.ticket, conduct);
    }

    /// What robots.txt, which this request may have been for, says about the time between requests.
    pub fn learn_crawl_delay(&self, delay: Option<Duration>) {
        self.visit.member.learn_crawl_delay(self.visit.host, delay, self.clock.now());
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.is_settled {
            let mut desk = self.visit.member.0.gate.desk();
            desk.abandon(self.visit.host, self.ticket);
            desk.tell(self.clock.now());
        }
    }
}
