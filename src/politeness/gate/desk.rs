//! Behind the gate's lock: who is in, which hosts are known, and what they share. Pure.

mod places;
mod room;
mod view;

use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
    sync::Arc,
};

use tokio::sync::watch;

use super::{
    super::{Conduct, HostState, Pacer, Policy},
    Denied, GroupLimit, Hold, Limits, Options, Ticket,
    group::{Asker, Group},
    host::{Charge, Host},
};
use crate::{
    address::{HostId, HostKey},
    clock::Timestamp,
};
use places::Places;
use room::SWEEP_FROM;

#[derive(Debug)]
pub(super) struct Desk {
    options: Options,
    members: HashMap<u64, Guest>,
    next_member: u64,
    next_ticket: u64,
    hosts: HashMap<HostId, Host>,
    /// Hosts that nobody has open, by when they may be forgotten.
    free: BTreeSet<(Timestamp, HostId)>,
    addresses: HashMap<IpAddr, Group>,
    domains: HashMap<Arc<str>, Group>,
    /// The strictest that any member promises.
    address_limit: GroupLimit,
    domain_limit: GroupLimit,
    /// The limiter of all requests of the process.
    all: Pacer,
    places: Places,
    /// Hosts that an operator has blocked, and until when.
    blocked: HashMap<HostId, Timestamp>,
    sweep_at: usize,
    /// The latest time that anybody has told.
    latest: Timestamp,
    /// Requests in the middle of which somebody went away since a time was told last.
    undated: Vec<(HostId, Charge)>,
}

/// A member, seen from behind the lock.
#[derive(Debug)]
struct Guest {
    limits: Limits,
    /// The limiter of all of its requests.
    till: Pacer,
    woken: BTreeSet<HostId>,
    changes: watch::Sender<()>,
}

/// Whether a limiter of all requests, of a member or of the process, has a token.
fn look(till: &Pacer, now: Timestamp) -> Result<(), Denied> {
    till.look(now).map_err(|at| Denied::Until(at, Hold::AllHosts))
}

/// Whether an operator lets a host be asked.
fn until_blocked(until: Timestamp, now: Timestamp) -> Result<(), Denied> {
    if until > now { Err(Denied::Until(until, Hold::Blocked)) } else { Ok(()) }
}

impl Desk {
    pub(super) fn new(options: Options, now: Timestamp) -> Self {
        Self {
            all: Pacer::new(options.interval, options.burst, now),
            options,
            members: HashMap::new(),
            next_member: 0,
            next_ticket: 0,
            hosts: HashMap::new(),
            free: BTreeSet::new(),
            addresses: HashMap::new(),
            domains: HashMap::new(),
            address_limit: GroupLimit::default(),
            domain_limit: GroupLimit::default(),
            places: Places::default(),
            blocked: HashMap::new(),
            sweep_at: SWEEP_FROM,
            latest: now,
            undated: Vec::new(),
        }
    }

    /// Somebody tells the time. Who went away without a word could not, and what he had under way may have been so
    /// until now: that is the date of it.
    pub(super) fn tell(&mut self, now: Timestamp) {
        self.latest = self.latest.max(now);
        for (id, charge) in std::mem::take(&mut self.undated) {
            let Some(host) = self.hosts.get_mut(&id) else { continue };
            host.distrust(self.latest);
            if let Some(group) = charge.address.and_then(|address| self.addresses.get_mut(&address)) {
                group.hold_until(self.latest + self.address_limit.interval);
            }
            let domain = host.domain.as_ref().filter(|_| charge.domain);
            if let Some(group) = domain.and_then(|domain| self.domains.get_mut(domain)) {
                group.hold_until(self.latest + self.domain_limit.interval);
            }
            self.file(id);
        }
    }

    pub(super) fn join(&mut self, limits: Limits, now: Timestamp) -> (u64, watch::Receiver<()>) {
        self.tell(now);
        let number = self.next_member;
        self.next_member += 1;
        let till = Pacer::new(limits.interval, limits.burst, now);
        let (changes, receiver) = watch::channel(());
        self.members.insert(number, Guest { limits, till, woken: BTreeSet::new(), changes });
        self.agree();
        (number, receiver)
    }

    /// A member is gone, and with it all that it held.
    pub(super) fn part(&mut self, member: u64) {
        self.members.remove(&member);
        self.places.part(member);
        let open: Vec<HostId> =
            self.hosts.iter().filter(|(_, host)| host.is_open_to(member)).map(|(id, _)| *id).collect();
        for id in open {
            self.abandon_all_of(member, id);
            while self.hosts.get(&id).is_some_and(|host| host.is_open_to(member)) {
                self.close(member, id);
            }
        }
        self.agree();
    }

    fn agree(&mut self) {
        let all = |limit: fn(&Limits) -> GroupLimit| {
            self.members.values().fold(GroupLimit::default(), |all, guest| all.strictest(limit(&guest.limits)))
        };
        self.address_limit = all(|limits| limits.address);
        self.domain_limit = all(|limits| limits.domain);
    }

    /// # Errors
    /// When no other host can be remembered.
    pub(super) fn open(
        &mut self,
        member: u64,
        key: &HostKey,
        policy: &Policy,
        known: Option<&HostState>,
        now: Timestamp,
    ) -> Result<(), Denied> {
        self.tell(now);
        let id = key.id();
        if !self.hosts.contains_key(&id) {
            self.make_room()?;
            self.hosts.insert(id, Host::new(policy, key.registrable_domain().map(Arc::from)));
        }
        if let Some(host) = self.hosts.get_mut(&id) {
            host.open(member, policy, known, now);
        }
        self.file(id);
        Ok(())
    }

    /// Whatever was done with a host: it stands among those that nobody has open, or does not, and at its
    /// time.
    fn file(&mut self, id: HostId) {
        let Some(host) = self.hosts.get_mut(&id) else { return };
        let at = host.forgettable_at();
        let before = std::mem::replace(&mut host.filed_at, at);
        if before != at {
            before.map(|before| self.free.remove(&(before, id)));
            at.map(|at| self.free.insert((at, id)));
        }
    }

    pub(super) fn close(&mut self, member: u64, id: HostId) {
        if self.hosts.get(&id).is_some_and(|host| host.n_open_of(member) == 1) {
            self.abandon_all_of(member, id);
        }
        let Some(host) = self.hosts.get_mut(&id) else { return };
        if host.close(member, self.latest) {
            let (address, domain) = (host.address, host.domain.clone());
            if let Some(group) = address.and_then(|address| self.addresses.get_mut(&address)) {
                group.forget((member, id));
            }
            if let Some(group) = domain.and_then(|domain| self.domains.get_mut(&domain)) {
                group.forget((member, id));
            }
            self.places.forget((member, id));
            if let Some(guest) = self.members.get_mut(&member) {
                guest.woken.remove(&id);
            }
            self.wake_members_of(id);
        }
        self.file(id);
    }

    /// Whether the member may send a request to the host now; if so, it is counted as sent.
    pub(super) fn try_enter(&mut self, member: u64, id: HostId, now: Timestamp) -> Result<Ticket, Denied> {
        self.tell(now);
        // Never opened, because nothing more could be remembered then.
        let Some(host) = self.hosts.get_mut(&id).filter(|host| host.is_open_to(member)) else {
            return Err(self.memory_denied());
        };
        let asker = (member, id);
        self.blocked.get(&id).map_or(Ok(()), |until| until_blocked(*until, now))?;
        host.ask(member, now)?;
        let address_limit = self.address_limit;
        if !address_limit.is_none() {
            match host.address {
                Some(address) => {
                    self.addresses.entry(address).or_default().ask(asker, address_limit, Hold::Address, now)?;
                }
                // The first answer tells the address, and until then nobody knows whose limit it is.
                None if host.in_flight() > 0 => return Err(Denied::Busy(Hold::Address)),
                None => {}
            }
        }
        let domain = host.domain.clone().filter(|_| !self.domain_limit.is_none());
        if let Some(domain) = &domain {
            self.domains.entry(domain.clone()).or_default().ask(asker, self.domain_limit, Hold::Domain, now)?;
        }
        self.places.ask(asker, self.options.connections, self.members.len(), now)?;
        let Some(guest) = self.members.get_mut(&member) else { return Err(Denied::Busy(Hold::Memory)) };
        look(&guest.till, now)?;
        look(&self.all, now)?;

        guest.till.take(now);
        self.all.take(now);
        self.places.enter(member);
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        let address = host.address.filter(|_| !address_limit.is_none());
        host.enter(member, ticket, Charge { member, address, domain: domain.is_some() }, now);
        if let Some(group) = address.and_then(|address| self.addresses.get_mut(&address)) {
            group.enter(asker, address_limit, now);
        }
        if let Some(group) = domain.and_then(|domain| self.domains.get_mut(&domain)) {
            group.enter(asker, self.domain_limit, now);
        }
        Ok(ticket)
    }

    /// A request is over. Answers with whose counts it was added to; `None` when it was over before.
    pub(super) fn leave(&mut self, id: HostId, ticket: Ticket, conduct: Option<&Conduct>) -> Option<Charge> {
        let host = self.hosts.get_mut(&id)?;
        let charged = host.leave(ticket, conduct)?;
        let domain = host.domain.clone();
        if let Some(conduct) = conduct {
            self.latest = self.latest.max(conduct.ended_at);
            if let Some(address) = conduct.remote.filter(|_| !self.address_limit.is_none()) {
                let moved_from = host.address.replace(address).filter(|before| *before != address);
                if let Some(group) = moved_from.and_then(|before| self.addresses.get_mut(&before)) {
                    // Who waits there is woken below.
                    host.members().for_each(|member| group.forget((member, id)));
                }
                self.heard(address, conduct);
            }
        }
        let mut woken: Vec<Asker> = Vec::new();
        if let Some(group) = charged.address.and_then(|address| self.addresses.get_mut(&address)) {
            woken.extend(group.leave());
        }
        if let Some(group) = domain.filter(|_| charged.domain).and_then(|domain| self.domains.get_mut(&domain)) {
            if let Some(conduct) = conduct.filter(|_| self.domain_limit.connections.is_some_and(|n| n.get() == 1)) {
                group.hold_until(conduct.heard_at() + self.domain_limit.interval);
            }
            woken.extend(group.leave());
        }
        woken.extend(self.places.leave(charged.member, self.latest));
        woken.into_iter().for_each(|(member, host)| self.wake(member, host));
        self.wake_members_of(id);
        self.file(id);
        Some(charged)
    }

    /// A request that nobody will tell the end of. Something is owed for it from the time on that is told next.
    pub(super) fn abandon(&mut self, id: HostId, ticket: Ticket) {
        let charged = self.leave(id, ticket, None);
        self.undated.extend(charged.map(|charge| (id, charge)));
    }

    /// Who goes away in the middle of requests tells nobody how they went.
    fn abandon_all_of(&mut self, member: u64, id: HostId) {
        while let Some(ticket) = self.hosts.get(&id).and_then(|host| host.flight_of(member)) {
            self.abandon(id, ticket);
        }
    }

    /// An answer from an address: what is behind it is owed its interval from then on, also after an
    /// answer by which the address became known.
    fn heard(&mut self, address: IpAddr, conduct: &Conduct) {
        let limit = self.address_limit;
        let is_alone = limit.connections.is_some_and(|most| most.get() == 1);
        let at = if is_alone { conduct.heard_at() } else { conduct.sent_at };
        self.addresses.entry(address).or_default().hold_until(at + limit.interval);
    }

    pub(super) fn learn_crawl_delay(
        &mut self,
        member: u64,
        id: HostId,
        delay: Option<std::time::Duration>,
        heard: Timestamp,
    ) {
        let latest = self.latest;
        if let Some(host) = self.hosts.get_mut(&id) {
            host.learn_crawl_delay(member, delay, heard, latest);
            self.wake_members_of(id);
        }
        self.file(id);
    }

    pub(super) fn hold_until(&mut self, id: HostId, at: Timestamp) {
        if let Some(host) = self.hosts.get_mut(&id) {
            host.hold_until(at);
        }
        self.file(id);
    }

    pub(super) fn take_woken(&mut self, member: u64) -> BTreeSet<HostId> {
        self.members.get_mut(&member).map(|guest| std::mem::take(&mut guest.woken)).unwrap_or_default()
    }

    pub(super) fn n_hosts(&self) -> usize {
        self.hosts.len()
    }

    fn wake_members_of(&mut self, id: HostId) {
        let Some(host) = self.hosts.get(&id) else { return };
        let members: Vec<u64> = host.members().collect();
        members.into_iter().for_each(|member| self.wake(member, id));
    }

    fn wake(&mut self, member: u64, host: HostId) {
        if let Some(guest) = self.members.get_mut(&member) {
            guest.woken.insert(host);
            guest.changes.send_replace(());
        }
    }

    /// Whether those that nobody has open are known, each with its time.
    #[cfg(test)]
    pub(super) fn is_filed_well(&self) -> bool {
        let free = self.hosts.iter().filter_map(|(id, host)| Some((host.forgettable_at()?, *id)));
        self.free == free.collect()
    }

    #[cfg(test)]
    pub(super) fn n_groups(&self) -> usize {
        self.addresses.len() + self.domains.len()
    }
}
