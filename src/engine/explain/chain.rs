//! The chain itself: each link asks the part of the engine that decides.

use super::{
    super::{
        Book, Options,
        stats::{HostTally, Tally},
    },
    Budget, Change, Explanation, FrontierView, HeldView, HostView, RobotsView, ScopeView,
};
use crate::{
    address::{self, CanonicalUrl, Canonicalizer, DirectoryKey},
    clock::Timestamp,
    frontier::{Frontier, FrontierError, HostRecord, Retired, RetiredSet, Status},
    robots::{Policy, Standing},
    scope::{Candidate, Role, Scope},
    verdict::{Refusal, Verdict},
};

/// What a crawl would decide with.
pub struct Inquiry<'a> {
    /// Makes URLs canonical.
    pub canonicalizer: &'a Canonicalizer,
    /// Which URLs may be visited; none if the seeds are not known.
    pub scope: Option<&'a Scope>,
    /// How the engine runs.
    pub options: &'a Options,
    /// The crawl's book, if it has begun.
    pub book: Option<&'a Book>,
    /// The time.
    pub now: Timestamp,
}

/// Explains `text`, with what `frontier` knows if there is one.
///
/// # Errors
/// When the store fails or holds what it can't have written.
pub fn explain(
    inquiry: &Inquiry<'_>,
    text: &str,
    frontier: Option<&mut dyn Frontier>,
) -> Result<Explanation, FrontierError> {
    let mut it = Explanation { url: text.to_owned(), ..Explanation::default() };
    let url = match inquiry.canonicalizer.explain(None, text) {
        Ok((url, changes)) => {
            it.changes = changes.into_iter().map(Change::from).collect();
            url
        }
        Err(error) => {
            it.error = Some(error.to_string());
            it.conclude();
            return Ok(it);
        }
    };
    it.canonical = Some(url.to_string());
    it.scope = inquiry.scope.map(|scope| scope_view(scope, &url));
    if let Some(frontier) = frontier {
        look(&mut it, inquiry, &url, frontier)?;
    }
    if !inquiry.options.robots.obey {
        it.robots = Some(RobotsView { standing: "ignored".into(), allowed: Some(true), ..unknown(&url) });
    } else if it.robots.is_none() {
        it.robots = Some(unknown(&url));
    }
    it.conclude();
    Ok(it)
}

/// What the store knows.
fn look(
    it: &mut Explanation,
    inquiry: &Inquiry<'_>,
    url: &CanonicalUrl,
    frontier: &mut dyn Frontier,
) -> Result<(), FrontierError> {
    let host = url.host().id();
    let status = frontier.status(url)?;
    let known = frontier.host(host)?;
    let mut retired = RetiredSet::default();
    let bench = &inquiry.options.workbench;
    let holds = |one: &Retired| one.rule.starts_with(&*bench.retires(one.why));
    frontier.retired(host)?.into_iter().filter(holds).for_each(|directory| retired.add(directory));
    let origin = url.origin();
    let policies = frontier.robots(host)?;
    it.robots = policies.iter().find(|(of, _)| *of == origin).map(|(_, policy)| robots_view(url, policy, inquiry.now));
    // Of a host that was never asked nothing is known; that it is in its quiet hours may be why.
    let is_quiet = bench.politeness.policy(url.host().as_str()).quiet.until(inquiry.now).is_some();
    let unasked = (is_quiet && matches!(status, Status::Queued { .. })).then(|| HostRecord::new(url.host()));
    it.host = known.as_ref().or(unasked.as_ref()).map(|record| HostView {
        retired: retired
            .refuse(url, inquiry.options.workbench.directory_levels)
            .and_then(|refused| refused.rule.map(|rule| rule.to_string())),
        ..host_view(record, inquiry)
    });
    it.budgets = budgets(inquiry, url, known.as_ref(), frontier)?;
    it.frontier = Some(frontier_view(&status));
    if let Status::Queued { queued, .. } = &status {
        it.too_deep = bench.max_depth.filter(|most| queued.held.is_none() && queued.place.depth > *most);
        let host = known.as_ref().map_or(Timestamp::default(), |record| record.state.not_before);
        let at = queued.not_before.max(host).max(inquiry.now);
        let at = bench.politeness.policy(url.host().as_str()).quiet.until(at).unwrap_or(at);
        it.not_before = Some(at.rfc3339());
    }
    Ok(())
}

fn frontier_view(status: &Status) -> FrontierView {
    let blank = FrontierView {
        state: "unseen",
        depth: None,
        n_before: None,
        kind: None,
        via: None,
        redirects: Vec::new(),
        attempts: None,
        retry_at: None,
        held: None,
    };
    match status {
        Status::Unseen => blank,
        Status::Done => FrontierView { state: "done", ..blank },
        Status::Queued { queued, n_before } => FrontierView {
            state: "queued",
            depth: Some(queued.depth()),
            n_before: Some(*n_before),
            kind: Some(queued.kind.as_str()),
            via: queued.via.as_deref().map(str::to_owned),
            redirects: queued.redirects.clone(),
            attempts: Some(queued.attempts),
            retry_at: (queued.attempts > 0).then(|| queued.not_before.rfc3339()),
            held: queued.held.as_ref().map(|held| HeldView {
                reason: held.refused.why,
                rule: held.refused.rule.as_deref().map(str::to_owned),
            }),
        },
    }
}

fn unknown(url: &CanonicalUrl) -> RobotsView {
    RobotsView {
        origin: url.origin().to_string(),
        standing: "unknown".into(),
        allowed: None,
        line: None,
        rule: None,
        fetched_at: None,
        age_s: None,
        expires_at: None,
        crawl_delay_s: None,
    }
}

fn host_view(record: &HostRecord, inquiry: &Inquiry<'_>) -> HostView {
    let policy = inquiry.options.workbench.politeness.policy(record.host.as_str());
    let (interval, _, connections) = record.state.pace(policy);
    let not_before = record.state.not_before.max(inquiry.now);
    HostView {
        delay_s: record.state.pause(policy).as_secs_f64(),
        latency_ms: record.state.latency.map(|latency| u64::try_from(latency.as_millis()).unwrap_or(u64::MAX)),
        circuit: record.state.circuit(inquiry.now).as_str(),
        quiet_until: policy.quiet.until(not_before).map(Timestamp::rfc3339),
        requests: record.state.requests,
        retries: record.state.retries,
        may_retry: record.state.may_retry(policy),
        host: record.host.to_string(),
        interval_s: interval.as_secs_f64(),
        connections: connections.get(),
        not_before: record.state.not_before.rfc3339(),
        wait_s: record.state.not_before.since(inquiry.now).as_secs_f64(),
        backing_off: record.state.backing_off,
        backoff: record.state.backoff.filter(|_| record.state.backing_off).map(|why| why.to_string()),
        errors_in_row: record.state.errors_in_row,
        given_up: record.state.given_up,
        fetched: record.tally.fetched,
        retired: None,
    }
}

/// The limits that are set, and what was used of each.
fn budgets(
    inquiry: &Inquiry<'_>,
    url: &CanonicalUrl,
    known: Option<&HostRecord>,
    frontier: &mut dyn Frontier,
) -> Result<Vec<Budget>, FrontierError> {
    let (options, bench) = (inquiry.options, &inquiry.options.workbench);
    let tally = inquiry.book.map(|book| &book.tally);
    let host = known.map(|record| &record.tally);
    let directory = match options.groups.pages_per_directory {
        Some(_) => frontier
            .directory_pages(url.host().id(), DirectoryKey::of(url.directory(options.groups.directory_levels)))?,
        None => 0,
    };
    let rows = [
        ("limits.pages", bench.max_pages, tally.map_or(0, Tally::n_pages)),
        ("limits.bytes", options.max_bytes, tally.map_or(0, |tally| tally.body_bytes)),
        ("limits.pages_per_host", bench.pages_per_host, host.map_or(0, HostTally::n_pages)),
        ("limits.bytes_per_host", bench.bytes_per_host, host.map_or(0, |tally| tally.body_bytes)),
        ("limits.pages_per_directory", options.groups.pages_per_directory.map(Into::into), directory),
    ];
    let budget = |(key, limit, used): (_, Option<u64>, u64)| {
        limit.map(|limit| Budget { key, limit, used, left: limit.saturating_sub(used) })
    };
    Ok(rows.into_iter().filter_map(budget).collect())
}

impl From<address::Change> for Change {
    fn from(change: address::Change) -> Self {
        Self { rule: change.rule.as_str().to_owned(), before: change.before, after: change.after }
    }
}

fn scope_view(scope: &Scope, url: &CanonicalUrl) -> ScopeView {
    let candidate = Candidate { url, role: Role::Link, depth: 0, hops_off_site: 0 };
    let ruling = scope.judge(&candidate);
    let reason = if let Verdict::Refuse(reason) = ruling.verdict { Some(reason) } else { None };
    let checks = scope.explain(&candidate).iter().map(ToString::to_string).collect();
    ScopeView { allowed: reason.is_none(), reason, rule: ruling.rule.map(|rule| rule.to_string()), checks }
}

fn robots_view(url: &CanonicalUrl, policy: &Policy, now: Timestamp) -> RobotsView {
    let decision = match &policy.standing {
        Standing::Rules(rules) => Some(rules.decide(url.path_and_query())),
        Standing::AllowAll | Standing::Unreachable => None,
    };
    RobotsView {
        origin: url.origin().to_string(),
        standing: policy.standing.as_str().to_owned(),
        allowed: Some(policy.decide(url).is_ok()),
        line: decision.filter(|_| policy.decide(url) != Err(Refusal::UsageReserved)).and_then(|decision| decision.line),
        rule: match policy.decide(url) {
            // A reserved use is no line of the rules.
            Err(Refusal::UsageReserved) => policy.rule(url),
            _ => decision.and_then(|decision| decision.rule.map(str::to_owned)),
        },
        fetched_at: Some(policy.fetched_at.rfc3339()),
        age_s: Some(now.since(policy.fetched_at).as_secs()),
        expires_at: Some(policy.expires_at.rfc3339()),
        crawl_delay_s: policy.crawl_delay().map(|delay| delay.as_secs_f64()),
    }
}
