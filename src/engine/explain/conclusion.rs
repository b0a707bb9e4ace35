//! The sum of an explanation: one sentence, from the strongest fact to the weakest.

use serde_json::Value as Json;

use super::Explanation;
use crate::frontier::{Hop, MAX_COUNTED};

impl Explanation {
    /// Sums up what is known so far. Call it again when something was added.
    pub fn conclude(&mut self) {
        self.conclusion = self.sentence();
    }

    /// Takes in the record of a URL whose story has ended, and sums up anew.
    pub fn take_record(&mut self, record: Json) {
        if let Some(frontier) = &mut self.frontier {
            let number = |key: &str| record.get(key).and_then(Json::as_u64);
            frontier.depth = number("depth").and_then(|depth| u16::try_from(depth).ok());
            frontier.attempts = number("attempts").and_then(|attempts| u32::try_from(attempts).ok());
            frontier.via = record.get("via").and_then(Json::as_str).map(str::to_owned);
            let hops = record.get("redirects").cloned().map(serde_json::from_value::<Vec<Hop>>);
            frontier.redirects = hops.and_then(Result::ok).unwrap_or_default();
        }
        self.last = Some(record);
        self.conclude();
    }

    fn sentence(&self) -> String {
        if let Some(error) = &self.error {
            return format!("it can't be crawled: {error}");
        }
        if let Some(record) = &self.last {
            return ended(record);
        }
        if let Some(refusal) = self.refused_by_host() {
            return refusal;
        }
        let is_queued = self.frontier.as_ref().is_some_and(|frontier| frontier.state == "queued");
        // What is queued was let in: by its role or the way to it, which scope by itself doesn't know.
        if let Some(scope) = self.scope.as_ref().filter(|scope| !scope.allowed && !is_queued) {
            let reason = scope.reason.map_or("out-of-scope", |reason| reason.as_str());
            return format!("it is refused as {reason}{}", by(scope.rule.as_deref()));
        }
        if let Some(held) = self.frontier.as_ref().and_then(|frontier| frontier.held.as_ref()) {
            let rule = by(held.rule.as_deref());
            return format!(
                "it waits for another way to it, and is refused as {}{rule} when none is found",
                held.reason
            );
        }
        if let Some(most) = self.too_deep {
            return format!(
                "it waits for a shorter way to it, and is refused as too-deep by limits.depth = {most} when none is found"
            );
        }
        if let Some(robots) = self.robots.as_ref().filter(|robots| robots.allowed == Some(false)) {
            let line = robots.line.map_or(String::new(), |line| format!(", line {line}"));
            let rule = robots.rule.as_ref().map_or(String::new(), |rule| format!(": {rule}"));
            return match robots.standing.as_str() {
                "unreachable" => format!("it is refused: the robots.txt of {} can't be had", robots.origin),
                _ => format!("it is refused by the robots.txt of {}{line}{rule}", robots.origin),
            };
        }
        self.waiting()
    }

    fn refused_by_host(&self) -> Option<String> {
        let host = self.host.as_ref()?;
        if host.given_up {
            return Some(format!("it will be refused: {} failed too often in a row and was given up", host.host));
        }
        host.retired.as_ref().map(|rule| format!("it will be refused: {rule}"))
    }

    /// Of a URL that nothing speaks against.
    fn waiting(&self) -> String {
        let Some(frontier) = &self.frontier else {
            return match &self.unseen_state {
                Some(why) => format!("its text speaks for it; what the crawl knows of it is not told: {why}"),
                None => "it may be fetched; nothing is known of a crawl that met it".to_owned(),
            };
        };
        match frontier.state {
            "queued" => {
                if let Some(budget) = self.budgets.iter().find(|budget| budget.left == 0) {
                    return format!("it waits: {} = {} is used up", budget.key, budget.limit);
                }
                let place = match frontier.n_before.unwrap_or_default() {
                    0 => "it is next in its host's queue".to_owned(),
                    1 => "1 URL of its host stands before it".to_owned(),
                    n if n >= MAX_COUNTED => format!("{n} URLs or more of its host stand before it"),
                    n => format!("{n} URLs of its host stand before it"),
                };
                let time = self.not_before.as_ref().map_or(String::new(), |at| format!("; not before {at}"));
                let host = self.host.as_ref().and_then(|host| Some((host.host.as_str(), host.backoff.as_ref()?)));
                let quiet = self.host.as_ref().filter(|host| host.quiet_until.is_some());
                let why = match (host, quiet) {
                    (Some((host, why)), _) => format!(", because {host} is backed off from: {why}"),
                    (None, Some(host)) => format!(", because {} is in its quiet hours", host.host),
                    (None, None) => String::new(),
                };
                format!("it waits: {place}{time}{why}")
            }
            "done" => "its story has ended, but its record is not in the outputs".to_owned(),
            _ => "it may be fetched, but no page that was read so far, and no seed, leads to it".to_owned(),
        }
    }
}

/// ` by RULE`, if there is one.
fn by(rule: Option<&str>) -> String {
    rule.map_or(String::new(), |rule| format!(" by {rule}"))
}

/// What a record says.
fn ended(record: &Json) -> String {
    let text = |key: &str| record.get(key).and_then(Json::as_str).unwrap_or_default();
    let at = text("fetched_at");
    let status = record.get("status").and_then(Json::as_u64).map_or(String::new(), |status| format!(" with {status}"));
    let rule = by(record.get("rule").and_then(Json::as_str));
    match text("outcome") {
        "fetched" => format!("it was fetched{status} at {at}"),
        "not-modified" => format!("it was asked for at {at} and has not been modified since an earlier pass"),
        "redirected" => format!("it answered{status} at {at} and redirects to {}", text("final_url")),
        "failed" => format!("it failed as {} at {at}", text("reason")),
        "refused" => format!("it was refused as {}{rule} at {at}", text("reason")),
        outcome => format!("its story ended at {at}: {outcome}"),
    }
}
