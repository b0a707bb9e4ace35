//! Explaining: why a URL was fetched or was not, or what it waits for.
//!
//! [`explain`] walks the chain of decisions that a crawl would take for one URL, in the crawl's own
//! order and with the crawl's own parts, and writes down what each says: the canonical form and the
//! rules that made it, scope, robots.txt, the frontier, its host, the budgets. It fetches nothing and
//! changes nothing. What it can't know (a crawl that has not begun, or whose store another process
//! holds) is absent, not guessed.
//!
//! An [`Explanation`] is plain data, for a program as JSON and for people as text; the daemon's
//! answer will be the same. [`Explanation::conclude`] sums it up in a sentence.

mod chain;
mod conclusion;

pub use chain::{Inquiry, explain};

use serde::Serialize;
use serde_json::Value as Json;

#[cfg(doc)]
use crate::frontier::MAX_COUNTED;
use crate::{frontier::Hop, verdict::Refusal};

/// The decision chain for one URL. Times are RFC 3339 in UTC.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Explanation {
    /// As asked, without credentials.
    pub url: String,
    /// In one sentence: what became of it, or what it waits for.
    pub conclusion: String,
    /// Why it names no page that can be crawled.
    pub error: Option<String>,
    /// Its canonical form.
    pub canonical: Option<String>,
    /// The rules that changed it, in order.
    pub changes: Vec<Change>,
    /// What scope says.
    pub scope: Option<ScopeView>,
    /// What its origin's robots.txt says, as far as it is known.
    pub robots: Option<RobotsView>,
    /// Why the crawl's state could not be looked at, if there is one: what it knows is then not told.
    pub unseen_state: Option<String>,
    /// What the frontier knows of it; none without a frontier.
    pub frontier: Option<FrontierView>,
    /// How things stand with its host; none if nothing is known of it.
    pub host: Option<HostView>,
    /// What is left of the budgets that it counts against.
    pub budgets: Vec<Budget>,
    /// `limits.depth`, when it waits deeper than that.
    pub too_deep: Option<u16>,
    /// Before this it will not be asked for, when it waits.
    pub not_before: Option<String>,
    /// Its record, when its story has ended.
    pub last: Option<Json>,
    /// What could not be found out, and why.
    pub notes: Vec<String>,
}

/// One rule of canonicalisation that changed the URL.
#[derive(Debug, Clone, Serialize)]
pub struct Change {
    /// Its name in the configuration.
    pub rule: String,
    /// The part that it is about, before.
    pub before: String,
    /// And after; empty when nothing is left of it.
    pub after: String,
}

/// What scope says of the URL.
#[derive(Debug, Clone, Serialize)]
pub struct ScopeView {
    /// Whether it may be visited, as far as its text tells.
    pub allowed: bool,
    /// The reason that its record would give.
    pub reason: Option<Refusal>,
    /// The rule that fired.
    pub rule: Option<String>,
    /// Every check in order, with its outcome.
    pub checks: Vec<String>,
}

/// What a robots.txt says of the URL.
#[derive(Debug, Clone, Serialize)]
pub struct RobotsView {
    /// Whose robots.txt.
    pub origin: String,
    /// `rules`, `allow-all`, `unreachable`; `unknown` when it was not asked for yet, `ignored` when the
    /// configuration says so.
    pub standing: String,
    /// Whether it lets the URL be asked for, if that is known.
    pub allowed: Option<bool>,
    /// The line of the rule that decides, from 1.
    pub line: Option<u32>,
    /// That rule.
    pub rule: Option<String>,
    /// When it was learnt.
    pub fetched_at: Option<String>,
    /// How long ago that is, seconds.
    pub age_s: Option<u64>,
    /// From when on it must be learnt anew.
    pub expires_at: Option<String>,
    /// How long it asks to wait between requests, seconds.
    pub crawl_delay_s: Option<f64>,
}

/// What the frontier knows of the URL.
#[derive(Debug, Clone, Serialize)]
pub struct FrontierView {
    /// `unseen`, `queued` or `done`.
    pub state: &'static str,
    /// Links away from a seed.
    pub depth: Option<u16>,
    /// How many of its host's URLs stand before it; counted up to [`MAX_COUNTED`].
    pub n_before: Option<u64>,
    /// `page` or `sitemap`.
    pub kind: Option<&'static str>,
    /// The page that it was found on; none for a seed.
    pub via: Option<String>,
    /// The redirects that led to it.
    pub redirects: Vec<Hop>,
    /// Attempts so far.
    pub attempts: Option<u32>,
    /// When its next attempt may be made, after a failed one.
    pub retry_at: Option<String>,
    /// It waits for another way to it, and is refused by this when none is found.
    pub held: Option<HeldView>,
}

/// What refuses a URL unless another way to it is found.
#[derive(Debug, Clone, Serialize)]
pub struct HeldView {
    /// The reason that its record will give.
    pub reason: Refusal,
    /// The rule that fired.
    pub rule: Option<String>,
}

/// How things stand with the URL's host.
#[derive(Debug, Clone, Serialize)]
pub struct HostView {
    /// Which.
    pub host: String,
    /// Least time between two requests, seconds.
    pub interval_s: f64,
    /// Requests at once.
    pub connections: u32,
    /// Least time between the end of an answer and the next request, seconds: the policy's delay, or
    /// what the host's slowness makes of it.
    pub delay_s: f64,
    /// How long it takes to answer, smoothed, milliseconds.
    pub latency_ms: Option<u64>,
    /// `closed`, `resting`, `half-open` (one request at a time tries it) or `given-up`.
    pub circuit: &'static str,
    /// It is in its quiet hours, until then.
    pub quiet_until: Option<String>,
    /// Requests made.
    pub requests: u64,
    /// Retries of its URLs.
    pub retries: u64,
    /// Whether its budget allows another one.
    pub may_retry: bool,
    /// Nobody asks before this.
    pub not_before: String,
    /// How long that is from now, seconds.
    pub wait_s: f64,
    /// Whether that is because it failed or asked for a pause.
    pub backing_off: bool,
    /// Why, if so.
    pub backoff: Option<String>,
    /// Failures since the last good answer.
    pub errors_in_row: u32,
    /// Failed too often; its URLs are refused.
    pub given_up: bool,
    /// Pages fetched.
    pub fetched: u64,
    /// Its directory, or one above it, is done with: the rule that fired.
    pub retired: Option<String>,
}

/// A budget that the URL counts against.
#[derive(Debug, Clone, Serialize)]
pub struct Budget {
    /// The key that sets it.
    pub key: &'static str,
    /// How much there is.
    pub limit: u64,
    /// How much was used.
    pub used: u64,
    /// How much is left.
    pub left: u64,
}
