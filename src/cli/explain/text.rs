//! An explanation as people read it: one line a link of the chain, the conclusion last.

use std::fmt::Write as _;

use serde_json::Value as Json;

use super::super::human;
use crate::engine::explain::{Explanation, FrontierView, HostView, RobotsView, ScopeView};

/// Width of the names on the left.
const NAME_WIDTH: usize = 11;

pub(super) fn text(it: &Explanation) -> String {
    let mut out = format!("{}\n", it.url);
    let mut line = |name: &str, text: &str| {
        writeln!(out, "  {name:NAME_WIDTH$} {text}").expect("a String takes everything");
    };
    if let Some(canonical) = &it.canonical {
        line("canonical", canonical);
    }
    for change in &it.changes {
        let after = if change.after.is_empty() { "(nothing)" } else { &change.after };
        line("", &format!("{}: {} → {after}", change.rule, change.before));
    }
    if let Some(scope) = &it.scope {
        line("scope", &scope_text(scope));
        // What passed is for programs: what fired says enough.
        scope.checks.iter().filter(|check| !check.ends_with(": passed")).for_each(|check| line("", check));
    }
    if let Some(robots) = &it.robots {
        line("robots.txt", &robots_text(robots, it.unseen_state.is_none()));
    }
    if let Some(frontier) = &it.frontier {
        line("frontier", &frontier_text(frontier));
        frontier.redirects.iter().for_each(|hop| line("", &format!("redirected by {} ({})", hop.url, hop.status)));
    }
    if let Some(host) = &it.host {
        line("host", &host_text(host));
    }
    for budget in &it.budgets {
        let (used, limit) = (human::count(budget.used), human::count(budget.limit));
        line("budget", &format!("{}: {used} of {limit} used, {} left", budget.key, human::count(budget.left)));
    }
    if let Some(record) = &it.last {
        line("record", &record_text(record));
    }
    it.notes.iter().for_each(|note| line("note", note));
    line("so", &it.conclusion);
    out
}

/// The few fields that sum a record up; `--json` has all of it.
fn record_text(record: &Json) -> String {
    let text = |key: &str| record.get(key).and_then(Json::as_str);
    let number = |key: &str| record.get(key).and_then(Json::as_u64);
    let mut parts = vec![text("outcome").unwrap_or_default().to_owned()];
    parts.extend(number("status").map(|status| status.to_string()));
    parts.extend(["reason", "rule", "content_type"].into_iter().filter_map(|key| text(key).map(str::to_owned)));
    parts.extend(number("body_bytes").map(human::bytes));
    parts.extend(text("title").map(|title| format!("{title:?}")));
    parts.join(", ")
}

fn scope_text(scope: &ScopeView) -> String {
    match (scope.allowed, scope.reason, &scope.rule) {
        (true, ..) => "may be visited".to_owned(),
        (false, Some(reason), Some(rule)) => format!("refused, {reason}: {rule}"),
        (false, reason, _) => format!("refused, {}", reason.map_or("out-of-scope", |reason| reason.as_str())),
    }
}

fn robots_text(robots: &RobotsView, is_told: bool) -> String {
    let mut text = match robots.allowed {
        Some(true) => "allowed".to_owned(),
        Some(false) => "disallowed".to_owned(),
        None if is_told => return format!("not asked for yet: {}/robots.txt", robots.origin),
        None => return "not known".to_owned(),
    };
    match (robots.line, &robots.rule) {
        (Some(line), Some(rule)) => write!(text, " by line {line}: {rule}").expect("a String takes everything"),
        _ => write!(text, " ({})", robots.standing).expect("a String takes everything"),
    }
    if let (Some(age), Some(expires_at)) = (robots.age_s, &robots.expires_at) {
        let age = human::duration(std::time::Duration::from_secs(age));
        write!(text, "; {}/robots.txt, {age} old, good until {expires_at}", robots.origin)
            .expect("a String takes everything");
    }
    if let Some(delay) = robots.crawl_delay_s {
        write!(text, "; crawl-delay {delay} s").expect("a String takes everything");
    }
    text
}

fn frontier_text(frontier: &FrontierView) -> String {
    let mut text = frontier.state.to_owned();
    if let Some(n) = frontier.n_before {
        write!(text, ", {} before it in its host's queue", human::count(n)).expect("a String takes everything");
    }
    if let Some(depth) = frontier.depth {
        let via = frontier.via.as_deref().map_or("a seed".to_owned(), |via| format!("found on {via}"));
        write!(text, ", depth {depth}, {via}").expect("a String takes everything");
    }
    if let (Some(attempts @ 1..), Some(at)) = (frontier.attempts, &frontier.retry_at) {
        write!(text, "; {} so far, again at {at}", human::plural(attempts.into(), "attempt"))
            .expect("a String takes everything");
    }
    text
}

fn host_text(host: &HostView) -> String {
    let connections = human::plural(host.connections.into(), "connection");
    let mut text = format!(
        "{}: {} fetched, {connections}, {} s between requests, may be asked {}",
        host.host,
        human::count(host.fetched),
        host.interval_s,
        if host.wait_s > 0.0 { format!("at {}", host.not_before) } else { "now".to_owned() }
    );
    if let Some(why) = &host.backoff {
        let failures = human::plural(host.errors_in_row.into(), "failure");
        write!(text, " (backing off: {why}; {failures} in a row)").expect("a String takes everything");
    }
    if host.delay_s > 0.0 {
        write!(text, "; {:.3} s of rest after an answer", host.delay_s).expect("a String takes everything");
    }
    if host.circuit == "half-open" {
        text.push_str("; one request at a time tries whether it is well again");
    }
    if let Some(until) = &host.quiet_until {
        write!(text, "; quiet hours until {until}").expect("a String takes everything");
    }
    if !host.may_retry {
        write!(text, "; its budget of retries is used up, {} of them", human::count(host.retries))
            .expect("a String takes everything");
    }
    if host.given_up {
        text.push_str("; given up");
    }
    if let Some(rule) = &host.retired {
        write!(text, "; {rule}").expect("a String takes everything");
    }
    text
}
