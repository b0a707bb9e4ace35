//! The trails of a delivery's hops.

use super::{Delivery, Failure, Hop};
use crate::{
    clock::Timestamp,
    engine::trail::{Answered, Trail},
    fetch::Phase,
};

impl Delivery {
    /// One trail a hop, of a delivery that was over at `ended_at`. Of several attempts at a URL the steps of the last are
    /// told; what was before it is part of the wait for it.
    pub fn trails(&self, ended_at: Timestamp) -> Vec<Trail> {
        let (last, redirects) = self.hops.split_last().expect("an order has a URL");
        let mut trails: Vec<Trail> = redirects.iter().map(redirect).collect();
        let mut trail = begin(last);
        match &self.result {
            Ok(response) => {
                last.timings.iter().for_each(|timings| travel(&mut trail, last, timings, Phase::Body));
                trail.answered = Some(Answered::of(response));
                let is_success = (200..300).contains(&response.status);
                trail.outcome = if is_success { "fetched" } else { "failed" };
                trail.error = (!is_success).then(|| format!("http-{}", response.status));
            }
            Err(failure) => {
                let phase = if let Failure::Exchange(error) = failure { error.phase } else { Phase::Body };
                last.timings.iter().for_each(|timings| travel(&mut trail, last, timings, phase));
                trail.outcome = if failure.is_refusal() { "refused" } else { "failed" };
                trail.error = Some(failure.reason().to_owned());
            }
        }
        // Whatever it waited for when its time was over.
        trail.lap("rest", ended_at);
        trails.push(trail);
        trails
    }
}

fn redirect(hop: &Hop) -> Trail {
    let mut trail = begin(hop);
    hop.timings.iter().for_each(|timings| travel(&mut trail, hop, timings, Phase::Body));
    trail.outcome = "redirected";
    trail.answered = hop.status.map(|status| Answered {
        status,
        version: None,
        remote: hop.remote,
        body_bytes: None,
        cache: hop.cache,
    });
    trail
}

fn begin(hop: &Hop) -> Trail {
    let mut trail = Trail::begin("hop", hop.url.clone(), hop.began_at);
    trail.method = hop.method.clone();
    trail.attempt = hop.attempts.max(1);
    hop.allowed_at.iter().for_each(|allowed_at| trail.lap("robots", *allowed_at));
    trail
}

fn travel(trail: &mut Trail, hop: &Hop, timings: &crate::fetch::Timings, phase: Phase) {
    trail.lap("turn", timings.sent_at);
    if matches!(hop.cache, None | Some(crate::fetch::CacheStatus::Revalidated)) {
        trail.travelled(timings, phase);
    } else {
        trail.lap("cache", timings.ended_at);
    }
}
