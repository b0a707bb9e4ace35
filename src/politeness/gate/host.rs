//! One host, as all members know it: how things stand with it, and who has it open.

use std::{net::IpAddr, sync::Arc, time::Duration};

use super::{
    super::{Conduct, HostState, Pacer, Policy},
    Denied, Hold, HostView, Ticket,
};
use crate::clock::Timestamp;

/// How long one who was let in last stands back for another who was told to wait before: long enough
/// for that one to be woken, too short to matter if it does not want to any more.
const COURTESY: Duration = Duration::from_millis(20);
/// How long a host in trouble is remembered when nobody has it open and nothing is owed to it any more.
const TROUBLE_KEPT: Duration = Duration::from_secs(300);

/// A member's part in a host.
#[derive(Debug)]
struct Share {
    member: u64,
    /// How often the member has opened it.
    n_open: u32,
    policy: Policy,
    crawl_delay: Option<Duration>,
    /// It was told to wait, and has not been let in since.
    waits: bool,
}

/// A request in flight.
#[derive(Debug)]
struct Flight {
    ticket: Ticket,
    member: u64,
    charge: Charge,
}

/// To whose counts a request in flight was added, besides the host's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Charge {
    pub(super) member: u64,
    pub(super) address: Option<IpAddr>,
    pub(super) domain: bool,
}

#[derive(Debug)]
pub(super) struct Host {
    state: HostState,
    shares: Vec<Share>,
    /// The strictest of the shares'; the last one when there is none.
    policy: Policy,
    pacer: Option<Pacer>,
    /// When the tokens that were taken will all have come back, each after the interval that was in force.
    full_at: Timestamp,
    /// When it had its last request, as far as is known, and when its last answer was over: terms that become
    /// stricter count from there.
    heard_at: Timestamp,
    ended_at: Timestamp,
    flights: Vec<Flight>,
    pub(super) address: Option<IpAddr>,
    pub(super) domain: Option<Arc<str>>,
    /// Where the desk has it among those that nobody has open.
    pub(super) filed_at: Option<Timestamp>,
    last: Option<u64>,
    stands_back_until: Option<Timestamp>,
    /// When an operator pardoned it all that it had done.
    pardoned_at: Option<Timestamp>,
}

impl Host {
    pub(super) fn new(policy: &Policy, domain: Option<Arc<str>>) -> Self {
        Self {
            state: HostState::default(),
            shares: Vec::new(),
            policy: policy.clone(),
            pacer: None,
            full_at: Timestamp::default(),
            heard_at: Timestamp::default(),
            ended_at: Timestamp::default(),
            flights: Vec::new(),
            address: None,
            domain,
            filed_at: None,
            last: None,
            stands_back_until: None,
            pardoned_at: None,
        }
    }

    /// A member opens it, with what it knows of it. Opened under several policies, it is held to the
    /// strictest of them until it is closed.
    pub(super) fn open(&mut self, member: u64, policy: &Policy, known: Option<&HostState>, now: Timestamp) {
        // Who knows nothing goes by what was heard last.
        let crawl_delay = known.map_or(self.state.crawl_delay, |known| known.crawl_delay);
        match self.share(member) {
            Some(share) => {
                share.n_open += 1;
                share.policy = share.policy.strictest(policy);
            }
            None => {
                let policy = policy.clone();
                self.shares.push(Share { member, n_open: 1, policy, crawl_delay, waits: false });
            }
        }
        match known {
            Some(known) if known.backing_off && self.pardoned_at.is_some_and(|at| known.troubled_at <= at) => {
                let mut known = known.clone();
                known.pardon();
                self.state.merge(&known);
            }
            Some(known) => self.state.merge(known),
            None => {}
        }
        self.agree(now);
    }

    /// It is asked as if it had never failed or asked for a pause, by those as well who come with what they remember of that.
    pub(super) fn pardon(&mut self, now: Timestamp) {
        self.pardoned_at = Some(now);
        self.state.pardon();
        self.agree(now);
        let interval = self.state.pace(&self.policy).0;
        self.state.hold_until(self.heard_at + interval);
    }

    /// What an operator sees.
    pub(super) fn view(&self, now: Timestamp) -> HostView {
        let (interval, _, connections) = self.state.pace(&self.policy);
        let not_before = Some(self.state.not_before).filter(|at| *at > now);
        HostView {
            n_jobs: self.shares.len(),
            in_flight: self.in_flight(),
            connections: Some(connections.get()),
            interval: Some(interval),
            crawl_delay: self.state.crawl_delay,
            rests_until: not_before.filter(|_| self.state.backing_off),
            errors_in_row: self.state.errors_in_row,
            blocked_until: None,
        }
    }

    /// A member closes it. `true` when that was its last time.
    pub(super) fn close(&mut self, member: u64, now: Timestamp) -> bool {
        let Some(share) = self.share(member) else { return false };
        share.n_open = share.n_open.saturating_sub(1);
        if share.n_open > 0 {
            return false;
        }
        self.shares.retain(|share| share.member != member);
        self.agree(now);
        true
    }

    /// The strictest policy of those who have it open is the one in force.
    fn agree(&mut self, now: Timestamp) {
        let before = self.state.pace(&self.policy);
        if let Some((first, others)) = self.shares.split_first() {
            self.policy = others.iter().fold(first.policy.clone(), |policy, share| policy.strictest(&share.policy));
            let delays = self.shares.iter().filter(|share| share.policy.honour_crawl_delay);
            self.state.crawl_delay = delays.filter_map(|share| share.crawl_delay).max();
        }
        let (interval, burst, connections) = self.state.pace(&self.policy);
        if (interval, burst) != (before.0, before.1) {
            // A new bucket is full, and the old one need not be. What was taken from it comes back first, whoever
            // comes and goes meanwhile, or so much as the new one can hold.
            self.pacer = None;
            self.state.hold_until(self.full_at.min(now + interval * burst.get()));
            self.state.hold_until(self.heard_at + interval);
        }
        self.state.hold_until(self.ended_at + self.state.pause(&self.policy));
        debug_assert!(connections.get() > 0);
    }

    /// Whether the member may send one request now.
    pub(super) fn ask(&mut self, member: u64, now: Timestamp) -> Result<(), Denied> {
        let answer = self.judge(member, now);
        if answer.is_err()
            && let Some(share) = self.share(member)
        {
            share.waits = true;
        }
        answer
    }

    fn judge(&mut self, member: u64, now: Timestamp) -> Result<(), Denied> {
        let quiet = self.share(member).and_then(|share| share.policy.quiet.until(now));
        let (interval, burst, connections) = self.state.pace(&self.policy);
        if self.in_flight() >= connections.get() {
            return Err(Denied::Busy(Hold::Connections));
        }
        if now < self.state.not_before {
            let hold = if self.state.backing_off { Hold::Resting } else { Hold::Interval };
            return Err(Denied::Until(self.state.not_before, hold));
        }
        if let Some(until) = quiet {
            return Err(Denied::Until(until, Hold::Quiet));
        }
        if (self.state.backing_off || self.state.on_trial) && self.in_flight() > 0 {
            return Err(Denied::Busy(Hold::Probe));
        }
        self.stand_back(member, now)?;
        let pacer = self.pacer.get_or_insert_with(|| Pacer::new(interval, burst, now));
        pacer.look(now).map_err(|at| Denied::Until(at, Hold::Interval))
    }

    /// Whoever was let in last lets another one go first that was told to wait, for a moment.
    fn stand_back(&mut self, member: u64, now: Timestamp) -> Result<(), Denied> {
        let others_wait = self.shares.iter().any(|share| share.waits && share.member != member);
        if self.last != Some(member) || !others_wait {
            return Ok(());
        }
        let until = *self.stands_back_until.get_or_insert(now + COURTESY);
        if now < until {
            return Err(Denied::Until(until, Hold::Connections));
        }
        // Nobody came: they may have thought better of it.
        self.shares.iter_mut().filter(|share| share.member != member).for_each(|share| share.waits = false);
        Ok(())
    }

    /// The member sends one request.
    pub(super) fn enter(&mut self, member: u64, ticket: Ticket, charge: Charge, now: Timestamp) {
        self.pacer.iter_mut().for_each(|pacer| pacer.take(now));
        self.flights.push(Flight { ticket, member, charge });
        self.last = Some(member);
        self.stands_back_until = None;
        if let Some(share) = self.share(member) {
            share.waits = false;
        }
        // Requests that don't wait for each other's answers are kept apart from here on, whatever tokens
        // are left over.
        let (interval, burst, _) = self.state.pace(&self.policy);
        if burst.get() == 1 {
            self.state.hold_until(now + interval);
        }
        self.full_at = self.full_at.max(now) + interval;
        self.heard_at = self.heard_at.max(now);
    }

    /// A request is over. Answers with whose counts it was added to; `None` when it was over before.
    pub(super) fn leave(&mut self, ticket: Ticket, conduct: Option<&Conduct>) -> Option<Charge> {
        let at = self.flights.iter().position(|flight| flight.ticket == ticket)?;
        let flight = self.flights.swap_remove(at);
        if let Some(conduct) = conduct {
            self.heard_at = self.heard_at.max(conduct.heard_at());
            self.ended_at = self.ended_at.max(conduct.ended_at);
            self.state.settle(conduct, &self.policy);
        }
        Some(flight.charge)
    }

    /// Somebody went away in the middle of a request: the host may have been asked just now.
    pub(super) fn distrust(&mut self, now: Timestamp) {
        (self.heard_at, self.ended_at) = (self.heard_at.max(now), self.ended_at.max(now));
        self.state.distrust(&self.policy, now);
    }

    /// What robots.txt asks of the member.
    pub(super) fn learn_crawl_delay(&mut self, member: u64, delay: Option<Duration>, heard: Timestamp, now: Timestamp) {
        let before = self.state.pace(&self.policy).0;
        if let Some(share) = self.share(member) {
            share.crawl_delay = delay;
        }
        self.agree(now);
        let interval = self.state.pace(&self.policy).0;
        if interval > before {
            self.state.hold_until(heard + interval);
        }
    }

    pub(super) fn hold_until(&mut self, at: Timestamp) {
        self.state.hold_until(at);
    }

    /// Until when something is owed to it, as far as is known.
    pub(super) fn owed_until(&self) -> Timestamp {
        self.state.not_before.max(self.state.refilled_at).max(self.full_at)
    }

    /// When it may be forgotten, as far as is known, and there is room until then; `None` while it is open.
    pub(super) fn forgettable_at(&self) -> Option<Timestamp> {
        let is_free = self.shares.is_empty() && self.flights.is_empty();
        // Its backoff grows with each failure in a row, whichever job meets the next one.
        let trouble = if self.state.errors_in_row > 0 { TROUBLE_KEPT } else { Duration::ZERO };
        is_free.then(|| self.owed_until() + trouble)
    }

    /// Whether the member has it open.
    pub(super) fn is_open_to(&self, member: u64) -> bool {
        self.shares.iter().any(|share| share.member == member)
    }

    /// How often the member has it open.
    pub(super) fn n_open_of(&self, member: u64) -> u32 {
        self.shares.iter().find(|share| share.member == member).map_or(0, |share| share.n_open)
    }

    /// A request of the member in flight.
    pub(super) fn flight_of(&self, member: u64) -> Option<Ticket> {
        self.flights.iter().find(|flight| flight.member == member).map(|flight| flight.ticket)
    }

    pub(super) fn in_flight(&self) -> u32 {
        u32::try_from(self.flights.len()).unwrap_or(u32::MAX)
    }

    /// Who has it open.
    pub(super) fn members(&self) -> impl Iterator<Item = u64> + '_ {
        self.shares.iter().map(|share| share.member)
    }

    fn share(&mut self, member: u64) -> Option<&mut Share> {
        self.shares.iter_mut().find(|share| share.member == member)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_small() {
        let bytes = size_of::<Host>() + size_of::<Share>();
        assert!(bytes <= 700, "{bytes} bytes of a host that one job has open, besides its pacer");
    }
}
