//! The search for hosts that wait: through the queues of all hosts, a part at a time.

use super::{
    super::{FrontierError, Place, Waiting},
    DiskFrontier, Table, host_of, key, remember_first, rest_of,
};
use crate::address::HostId;

/// How much one search for hosts looks at, in entries that are gone: nobody is served meanwhile.
const MAX_EFFORT: usize = 4096;
/// What going on to the next host costs of it: a block of each run is read.
const SEEK_EFFORT: usize = 64;

/// A search for hosts that wait.
struct Search {
    hosts: Vec<HostId>,
    /// What may still be looked at.
    effort: usize,
    /// The host whose entries were gone last, and before which place nothing is queued of it.
    gone: Option<(HostId, u64)>,
}

impl Search {
    fn passed(&mut self, host: HostId, rest: u64) {
        self.effort -= 1;
        self.gone = Some((host, rest.saturating_add(1)));
    }
}

impl DiskFrontier {
    /// See [`Frontier::waiting_hosts`](super::Frontier::waiting_hosts).
    pub(super) fn search_hosts(
        &mut self,
        after: Option<HostId>,
        limit: usize,
        max_depth: Option<u16>,
    ) -> Result<Waiting, FrontierError> {
        let Some(from) = after.map_or(Some(0), |host| host.0.checked_add(1)) else { return Ok(Waiting::default()) };
        let mut search = Search { hosts: Vec::new(), effort: MAX_EFFORT, gone: None };
        let mut scan = self.store.scan(Table::Queue, key(HostId(from), 0))?;
        let reached = loop {
            let Some((at, is_gone)) = scan.look() else { break None };
            let (host, rest) = (host_of(at), rest_of(at));
            if search.hosts.len() >= limit || search.effort == 0 {
                // It goes on with this host.
                break host.0.checked_sub(1).map(HostId);
            }
            if is_gone {
                search.passed(host, rest);
                match self.firsts.get(&host).filter(|first| **first > rest) {
                    Some(first) => scan.seek(key(host, *first))?,
                    None => scan.pass()?,
                }
                continue;
            }
            if max_depth.is_none_or(|most| Place::unpack(rest).depth <= most) {
                search.hosts.push(host);
            }
            search.effort = search.effort.saturating_sub(SEEK_EFFORT);
            let Some(next) = host.0.checked_add(1) else { break None };
            scan.seek(key(HostId(next), 0))?;
        };
        // Where a search was cut short, the next one need not come past the same again.
        if let Some((host, before)) = search.gone.filter(|_| search.effort == 0) {
            remember_first(&mut self.firsts, host, before);
        }
        Ok(Waiting { hosts: search.hosts, reached })
    }
}
