//! The configuration as it is written: one struct a section, everything with a default.
//!
//! The doc comments of these fields are the documentation of the keys: the JSON Schema, the
//! reference file and the editor's hints are made from them. Bounds stand beside them (`range` for
//! plain numbers, `x-min` and `x-max` for values with a unit) and are checked from the schema. What
//! a value *means* (a pattern that compiles, a URL that parses) is checked in [`super::build`].

mod auth;
mod cache;
mod canonical;
mod cookies;
mod daemon;
mod dns;
mod fetch;
mod how;
mod links;
mod politeness;
mod scope;
mod traces;
mod transport;
mod webhooks;
mod what;

pub(crate) use auth::Auth;
pub(crate) use cache::{Cache, CacheMode};
pub(crate) use canonical::Canonical;
pub(crate) use cookies::Cookies;
pub(crate) use daemon::{Daemon, Key, KeyScope};
pub(crate) use dns::{Dns, Family};
pub(crate) use fetch::{Downgrade, Fetch, Header, Secret};
pub(crate) use how::{
    Frontier, LogFormat, Progress, Recrawl, Robots, RobotsMode, RobotsSignals, Shutdown, Sitemaps, Store, Telemetry,
};
pub(crate) use links::{LinkRel, Links};
pub(crate) use politeness::{HostRule, Politeness};
pub(crate) use scope::{Crossing, Scope, ScopeMode, Traps};
pub(crate) use traces::Traces;
pub(crate) use transport::{ClientCertificate, Proxy, Tls, TlsVersion};
pub use webhooks::HookEvent;
pub(crate) use webhooks::{Webhook, Webhooks};
pub(crate) use what::{Compression, Format, Job, Limits, Outputs, Seeds};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Configuration of a dragline crawl.
///
/// Durations are written like "10s" or "1m30s", sizes like "20 MiB" or "500 KB", rates like "5/s"
/// or "30/m". An empty text means that nothing is set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "dragline configuration")]
pub(crate) struct Raw {
    /// The crawl's name, place and contact.
    pub(crate) job: Job,
    /// Where the crawl starts. At least one of the four is needed.
    pub(crate) seeds: Seeds,
    /// Which spellings are one URL. Rules are applied in this order; those that are off by default can
    /// make one of two different pages. See docs/ADDRESSES.md.
    pub(crate) canonical: Canonical,
    /// Which URLs may be visited.
    pub(crate) scope: Scope,
    /// What looks like one of endlessly many URLs that a site makes up, and is refused; "unlimited"
    /// switches a rule off. Seeds are exempt, but for same_content.
    pub(crate) traps: Traps,
    /// What is promised to every host; [[host]] makes exceptions.
    pub(crate) politeness: Politeness,
    /// When to stop, and what to refuse. The first three end the run when they are reached, the others
    /// do not; "unlimited" switches one off.
    pub(crate) limits: Limits,
    /// Which links of a page are followed.
    pub(crate) links: Links,
    /// How pages are asked for.
    pub(crate) fetch: Fetch,
    /// The proxies through which servers are asked, if any.
    pub(crate) proxy: Proxy,
    /// TLS.
    pub(crate) tls: Tls,
    /// Cookies. A crawl is without unless they are asked for.
    pub(crate) cookies: Cookies,
    /// How names are looked up.
    pub(crate) dns: Dns,
    /// A cache of responses in memory, for runs that ask for one URL more than once.
    pub(crate) cache: Cache,
    /// How robots.txt is treated (RFC 9309).
    pub(crate) robots: Robots,
    /// How sitemaps and feeds are read.
    pub(crate) sitemaps: Sitemaps,
    /// The store of URLs known, done and pending.
    pub(crate) frontier: Frontier,
    /// What a crawl keeps for being done again (--recrawl).
    pub(crate) recrawl: Recrawl,
    /// What is written to the output folder.
    pub(crate) outputs: Outputs,
    /// Logs and the live display.
    pub(crate) telemetry: Telemetry,
    /// What was done for single URLs, step by step, sent to a collector (OpenTelemetry). See docs/OPERATIONS.md.
    pub(crate) traces: Traces,
    /// How a run stops.
    pub(crate) shutdown: Shutdown,
    /// `dragline serve`: where it listens, where it keeps its jobs, and how much it takes on.
    pub(crate) daemon: Daemon,
    /// Whom the daemon answers. Without any it answers this machine alone, and everybody on it.
    pub(crate) key: Vec<Key>,
    /// Webhooks: bounds for those of callers and for [[webhook]], and where they may lead.
    pub(crate) webhooks: Webhooks,
    /// Who is told of everybody's crawls.
    pub(crate) webhook: Vec<Webhook>,
    /// What is secret and for one origin only.
    pub(crate) auth: Vec<Auth>,
    /// Certificates of ours, for some origins.
    pub(crate) client_certificate: Vec<ClientCertificate>,
    /// Exceptions to [politeness] and [fetch] for some hosts; the first that matches wins.
    pub(crate) host: Vec<HostRule>,
}

impl Raw {
    /// The defaults, with an example in each list of sections: every key there is.
    pub(crate) fn example() -> Self {
        Self {
            key: vec![Key::example()],
            webhook: vec![Webhook::example()],
            auth: vec![Auth::example()],
            client_certificate: vec![ClientCertificate::example()],
            host: vec![HostRule::example()],
            ..Self::default()
        }
    }
}
