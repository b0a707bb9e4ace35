//! From raw to [`Settings`]: what values mean, one section after another.
//!
//! Kinds and bounds have been checked. Here patterns compile, URLs parse, files exist and values
//! agree with each other. A check whose key is already known to be bad stays silent: one mistake,
//! one message.

use std::{
    num::NonZeroU64,
    path::{Path, PathBuf},
};

use tracing_subscriber::EnvFilter;

use super::{
    Fault, Identity, Problem, cache, canonical, contact, cookies, daemon, fetch, hosts,
    layers::{Environment, Merged},
    links,
    load::Purpose,
    raw::{self, Raw},
    scope, seeds,
    settings::{Format, Frontier, Job, Limits, LogFormat, Outputs, Progress, Seeds, Settings, Store, Telemetry},
    traces,
    units::{Limit, Span},
    webhooks,
};
use crate::{address::Canonicalizer, robots, sink::Compression, sitemap};

/// Longest name of a job.
const MAX_NAME_BYTES: usize = 100;

/// What checks need: where values come from, the environment, and a place for what they find.
pub(crate) struct Checks<'a> {
    merged: &'a Merged,
    pub(crate) environment: &'a Environment,
    /// Where a value is missing that was given nowhere.
    home: String,
    problems: Vec<Problem>,
}

impl<'a> Checks<'a> {
    pub(crate) fn new(merged: &'a Merged, environment: &'a Environment, home: String, problems: Vec<Problem>) -> Self {
        Self { merged, environment, home, problems }
    }

    pub(crate) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    /// `key` (as printed, e.g. `scope.include[2]`) can't be meant.
    pub(crate) fn fail(&mut self, key: &str, message: impl Into<String>) {
        let origin = Some(self.merged.origin(key)).filter(|origin| origin != "default");
        let origin = origin.unwrap_or_else(|| self.home.clone());
        self.problems.push(Problem { origin, key: key.to_owned(), fault: Fault::Meaningless(message.into()) });
    }

    /// Whether something is known to be wrong at `key` or below.
    pub(crate) fn is_bad(&self, key: &str) -> bool {
        self.problems.iter().any(|problem| {
            problem.key.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    }

    /// The value, or a message at `key`.
    pub(crate) fn ok<T, E: std::fmt::Display>(&mut self, key: &str, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.fail(key, error.to_string())).ok()
    }
}

/// The settings; `None` only if something was reported.
pub(crate) fn build(raw: &Raw, file: Option<&Path>, purpose: Purpose, checks: &mut Checks<'_>) -> Option<Settings> {
    let canonical = canonical::options(raw, checks);
    let canonicalizer = Canonicalizer::new(&canonical);
    let seeds = match purpose {
        Purpose::Crawl => seeds::check(raw, &canonicalizer, checks),
        Purpose::Fetch | Purpose::Daemon => Seeds::none(),
    };
    contact::demand(raw, &seeds, &canonicalizer, checks);
    let job = job(raw, file, &seeds, checks);
    let scope = scope::options(raw, checks);
    let politeness = hosts::politeness(raw, checks);
    let fetch = fetch::fetch(raw, &canonicalizer, &politeness, checks);
    let cache = cache::cache(raw, checks);
    check_agreement(raw, checks);
    let fetch = fetch?;
    if purpose == Purpose::Daemon && fetch.headers.values().any(http::HeaderValue::is_sensitive) {
        checks.fail(
            "fetch.headers",
            "a secret header would go to every server that a caller names: give it to its origin by [[auth]]",
        );
    }
    let (address_limit, domain_limit) = hosts::groups(raw);
    let traces = traces::traces(raw, &fetch.tls.roots, checks);
    let parse = links::parse_options(raw, fetch.max_body_bytes, checks);
    Some(Settings {
        job,
        limits: limits(raw),
        parse,
        links: links::links(raw),
        cookies: cookies::cookies(raw, checks),
        cache,
        robots: robots_options(&raw.robots),
        sitemaps: sitemap_options(&raw.sitemaps),
        frontier: frontier(&raw.frontier),
        recrawl_validators: raw.recrawl.validators,
        outputs: outputs(&raw.outputs),
        telemetry: telemetry(&raw.telemetry),
        traces,
        shutdown_deadline: raw.shutdown.deadline.0,
        daemon: daemon::daemon(raw, checks),
        webhooks: webhooks::webhooks(raw, &fetch.guard, checks),
        identity: Identity::of(raw, &seeds),
        seeds,
        canonical,
        scope,
        politeness,
        address_limit,
        domain_limit,
        fetch,
    })
}

fn job(raw: &Raw, file: Option<&Path>, seeds: &Seeds, checks: &mut Checks<'_>) -> Job {
    let given = &raw.job.name;
    let usable = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if given.len() > MAX_NAME_BYTES || given.starts_with('.') || !given.chars().all(usable) {
        let message = format!("expected at most {MAX_NAME_BYTES} letters, digits, \".\", \"-\" or \"_\"");
        checks.fail("job.name", message);
    }
    let stem = file.and_then(Path::file_stem).map(|stem| stem.to_string_lossy().into_owned());
    let host = || seeds.urls.iter().chain(&seeds.sitemaps).next().map(|url| url.host_str().to_owned());
    let derived = stem.or_else(host).unwrap_or_default();
    let derived: String = derived.chars().take(MAX_NAME_BYTES).map(|c| if usable(c) { c } else { '-' }).collect();
    let derived = derived.trim_matches(['.', '-']).to_owned();
    let name = [given, &derived, "crawl"].into_iter().find(|name| !name.is_empty()).expect("the last").to_owned();
    let out = if raw.job.out.is_empty() { format!("crawl-{name}") } else { raw.job.out.clone() };
    let contact = Some(raw.job.contact.clone()).filter(|contact| !contact.is_empty());
    Job { name, out: PathBuf::from(out), contact }
}

fn limits(raw: &Raw) -> Limits {
    let (raw, traps) = (&raw.limits, &raw.traps);
    Limits {
        pages: raw.pages.0.map(|n| n.0),
        bytes: raw.bytes.0.map(|n| n.0),
        duration: raw.duration.0.map(|Span(duration)| duration),
        depth: raw.depth.0.map(|n| u16::try_from(n.0).unwrap_or(u16::MAX)),
        queue: raw.queue.0.map(|n| n.0),
        pages_per_host: raw.pages_per_host.0.map(|n| n.0),
        bytes_per_host: raw.bytes_per_host.0.map(|n| n.0),
        pages_per_directory: raw.pages_per_directory.0.map(|n| n.0),
        directory_levels: raw.directory_levels,
        same_content: traps.same_content.0.map(|n| u32::try_from(n.0).unwrap_or(u32::MAX)),
        interval: raw.rate.interval(),
        bandwidth: raw.bandwidth.0.map(|n| n.0),
    }
}

/// Values that are fine alone and wrong together.
fn check_agreement(raw: &Raw, checks: &mut Checks<'_>) {
    if raw.fetch.memory.0 < raw.fetch.body.0 && !checks.is_bad("fetch.memory") && !checks.is_bad("fetch.body") {
        checks.fail("fetch.memory", format!("must hold at least one body: fetch.body is {}", raw.fetch.body));
    }
    if raw.politeness.backoff_max.0 < raw.politeness.backoff_base.0 && !checks.is_bad("politeness") {
        let base = raw.politeness.backoff_base;
        checks.fail("politeness.backoff_max", format!("must not be less than politeness.backoff_base, {base}"));
    }
    if raw.fetch.retry_max.0 < raw.fetch.retry_base.0 && !checks.is_bad("fetch") {
        checks.fail("fetch.retry_max", format!("must not be less than fetch.retry_base, {}", raw.fetch.retry_base));
    }
    if raw.politeness.adaptive_max.0 < raw.politeness.adaptive_min.0 && !checks.is_bad("politeness") {
        let min = raw.politeness.adaptive_min;
        checks.fail("politeness.adaptive_max", format!("must not be less than politeness.adaptive_min, {min}"));
    }
    let agent = &raw.robots.agent;
    if agent.is_empty() || !agent.bytes().all(|b| b.is_ascii_alphabetic() || matches!(b, b'-' | b'_')) {
        checks.fail("robots.agent", "expected letters, \"-\" and \"_\" only (RFC 9309 section 2.2.1)");
    }
    if let Some(unknown) = raw.robots.purposes.iter().find(|name| robots::Purpose::named(name).is_none()) {
        let known = robots::Purpose::ALL.map(|purpose| format!("{:?}", purpose.as_str())).join(", ");
        checks.fail("robots.purposes", format!("expected some of {known}, found {unknown:?}"));
    }
    if raw.robots.signals == raw::RobotsSignals::Obey && raw.robots.purposes.is_empty() && !checks.is_bad("robots") {
        checks.fail(
            "robots.purposes",
            "robots.signals = \"obey\" needs to know what the crawl is for, e.g. [\"search\"]",
        );
    }
    if let Err(error) = EnvFilter::try_new(&raw.telemetry.log) {
        checks.fail("telemetry.log", format!("not a log filter: {error}"));
    }
    if matches!(raw.outputs.format, raw::Format::None) && raw.outputs.compression != raw::Compression::None {
        checks.fail("outputs.compression", "there is nothing to compress: outputs.format is \"none\"");
    }
    if matches!(raw.outputs.format, raw::Format::None) && raw.outputs.rotate != Limit::NONE {
        checks.fail("outputs.rotate", "there is nothing to rotate: outputs.format is \"none\"");
    }
}

fn robots_options(raw: &raw::Robots) -> robots::Options {
    robots::Options {
        obey: raw.mode == raw::RobotsMode::Obey,
        agent: raw.agent.clone(),
        max_age: raw.max_age.0,
        grace: raw.grace.0,
        unreachable_retry: raw.unreachable_retry.0,
        max_bytes: to_usize(raw.max_size.0),
        max_redirects: raw.max_redirects,
        max_attempts: raw.attempts,
        follow_sitemaps: raw.sitemaps,
        purposes: match raw.signals {
            raw::RobotsSignals::Record => Vec::new(),
            raw::RobotsSignals::Obey => raw.purposes.iter().filter_map(|name| robots::Purpose::named(name)).collect(),
        },
    }
}

fn sitemap_options(raw: &raw::Sitemaps) -> sitemap::Options {
    sitemap::Options {
        limits: sitemap::Limits {
            max_entries: to_usize(raw.max_entries.into()),
            max_decoded_bytes: to_usize(raw.max_size.0),
        },
        max_nesting: raw.nesting,
        newest_first: raw.newest_first,
        alternates: raw.alternates,
    }
}

fn frontier(raw: &raw::Frontier) -> Frontier {
    Frontier {
        store: match raw.store {
            raw::Store::Disk => Store::Disk,
            raw::Store::Memory => Store::Memory,
        },
        active_hosts: to_usize(raw.active_hosts.into()),
        head: to_usize(raw.head.into()),
        session_budget: NonZeroU64::new(raw.session_budget.into()).unwrap_or(NonZeroU64::MIN),
        commit_every: raw.commit_every.0,
        commit_urls: to_usize(raw.commit_urls.into()),
        seen_cache_bytes: raw.seen_cache.0,
        buffer_bytes: raw.buffer.0,
    }
}

fn outputs(raw: &raw::Outputs) -> Outputs {
    Outputs {
        format: match raw.format {
            raw::Format::Jsonl => Format::Jsonl,
            raw::Format::None => Format::None,
        },
        compression: match raw.compression {
            raw::Compression::None => Compression::None,
            raw::Compression::Gzip => Compression::Gzip,
            raw::Compression::Zstd => Compression::Zstd,
        },
        rotate_bytes: raw.rotate.0.map(|size| size.0),
        text: raw.text,
        links: raw.links,
        link_details: raw.link_details,
        metadata: raw.metadata,
        headers: raw.headers,
        report: raw.report,
    }
}

fn telemetry(raw: &raw::Telemetry) -> Telemetry {
    Telemetry {
        log: raw.log.clone(),
        format: match raw.format {
            raw::LogFormat::Pretty => LogFormat::Pretty,
            raw::LogFormat::Compact => LogFormat::Compact,
            raw::LogFormat::Json => LogFormat::Json,
        },
        progress: match raw.progress {
            raw::Progress::Auto => Progress::Auto,
            raw::Progress::Never => Progress::Never,
        },
        interval: raw.interval.0,
    }
}

pub(crate) fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
