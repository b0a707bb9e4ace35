//! What an operator sees of a host, and may do to it: leave it in peace altogether, or pardon it its trouble.

use super::Desk;
use crate::{address::HostId, clock::Timestamp, politeness::gate::HostView};

/// Most hosts that may be blocked.
const MAX_BLOCKED: usize = 100_000;

impl Desk {
    pub(in crate::politeness::gate) fn view(&self, id: HostId, now: Timestamp) -> HostView {
        let blocked_until = self.blocked.get(&id).copied().filter(|until| *until > now);
        let known = self.hosts.get(&id).map(|host| host.view(now));
        HostView { blocked_until, ..known.unwrap_or_default() }
    }

    /// Nobody asks the host before `until`; `false` if there is no room for another one.
    pub(in crate::politeness::gate) fn block(&mut self, id: HostId, until: Timestamp) -> bool {
        let latest = self.latest;
        self.blocked.retain(|_, until| *until > latest);
        let has_room = self.blocked.len() < MAX_BLOCKED || self.blocked.contains_key(&id);
        if has_room {
            self.blocked.insert(id, until);
        }
        has_room
    }

    pub(in crate::politeness::gate) fn unblock(&mut self, id: HostId) {
        self.blocked.remove(&id);
        self.wake_members_of(id);
    }

    /// The host is asked as if it had never failed or asked for a pause; its interval is kept.
    pub(in crate::politeness::gate) fn pardon(&mut self, id: HostId, now: Timestamp) {
        self.tell(now);
        if let Some(host) = self.hosts.get_mut(&id) {
            host.pardon(now);
        }
        self.file(id);
        self.wake_members_of(id);
    }
}
