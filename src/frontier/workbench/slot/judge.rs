//! What is to be done with the first URL of a host's queue, but for when.

use super::{super::origins::Word, Options, QueuedUrl, Slot, Why};
use crate::{
    clock::Timestamp,
    verdict::{Refusal, Refused},
};

impl Slot {
    /// Everything that is judged before a URL is asked for, except for time.
    pub(super) fn judge(&self, queued: &QueuedUrl, now: Timestamp, options: &Options, flush: bool) -> Judgement {
        if !flush && is_parked(queued, options) {
            return Judgement::Rest(None);
        }
        if let Some(held) = &queued.held {
            return Judgement::Refuse(held.refused.clone());
        }
        if is_parked(queued, options) {
            let most = options.max_depth.unwrap_or_default();
            return Judgement::Refuse(Refused::by(Refusal::TooDeep, format!("limits.depth = {most}")));
        }
        if self.state.given_up {
            let rule = self.policy.errors_in_row.map(|most| format!("limits.errors_in_row = {most}").into());
            return Judgement::Refuse(Refused { why: Refusal::HostGivenUp, rule });
        }
        let nearest_out = self.queue.nearest_out();
        if options.max_depth.is_some() && nearest_out.is_some_and(|depth| queued.place.depth > depth) {
            return Judgement::Rest(Some(Why::Connections));
        }
        if let Some(most) = options.pages_per_host {
            if self.tally.n_pages() >= most {
                let rule = format!("limits.pages_per_host = {most}");
                return Judgement::Refuse(Refused::by(Refusal::HostPageLimit, rule));
            }
            if self.tally.n_pages() + self.queue.n_out() >= most {
                return Judgement::Rest(Some(Why::Connections));
            }
        }
        if let Some(most) = options.bytes_per_host.filter(|most| self.tally.body_bytes >= *most) {
            let rule = format!("limits.bytes_per_host = {most} B");
            return Judgement::Refuse(Refused::by(Refusal::HostByteLimit, rule));
        }
        if let Some(refused) = self.retired.refuse(&queued.url, options.directory_levels) {
            return Judgement::Refuse(refused);
        }
        if !options.obey_robots {
            return Judgement::Fetch;
        }
        match self.origins.judge(&queued.url, now) {
            Word::Allowed => Judgement::Fetch,
            Word::Refused(refused) => Judgement::Refuse(refused),
            Word::Pending => Judgement::Rest(Some(Why::Robots)),
            Word::Unknown => Judgement::AskRobots,
        }
    }
}

/// Whether a URL has to wait until nothing else is left.
pub(super) fn is_parked(queued: &QueuedUrl, options: &Options) -> bool {
    queued.place.depth > options.deepest_now()
}

/// What [`Slot::judge`] says.
pub(super) enum Judgement {
    Fetch,
    Refuse(Refused),
    AskRobots,
    Rest(Option<Why>),
}
