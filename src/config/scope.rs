//! What may be visited: `[scope]`, `[traps]` and the bounds of URLs in `[limits]`.

use super::{
    build::Checks,
    raw::{self, Raw},
    units::{Bytes, Count, Limit},
};
use crate::scope::{self, Crossing, Mode, Options, Traps};

/// The options; the year is for those who have a clock.
pub(crate) fn options(raw: &Raw, checks: &mut Checks<'_>) -> Options {
    check_lists(&raw.scope, checks);
    let scope = &raw.scope;
    Options {
        mode: match scope.mode {
            raw::ScopeMode::Host => Mode::Host,
            raw::ScopeMode::Subdomains => Mode::Subdomains,
            raw::ScopeMode::Domain => Mode::Domain,
            raw::ScopeMode::Prefix => Mode::Prefix,
            raw::ScopeMode::Surt => Mode::Surt,
            raw::ScopeMode::List => Mode::List,
            raw::ScopeMode::Any => Mode::Any,
        },
        surts: scope.surts.clone(),
        include: scope.include.clone(),
        exclude: scope.exclude.clone(),
        schemes: scope.schemes.clone(),
        ports: scope.ports.iter().map(|port| port.0).collect(),
        extensions: scope.extensions.clone(),
        exclude_extensions: scope.exclude_extensions.clone(),
        hops_off_site: scope.hops_off_site,
        redirects: crossing(scope.redirects),
        sitemaps: crossing(scope.sitemaps),
        canonical: crossing(scope.canonical),
        assets: crossing(scope.assets),
        max_url_length: usize::try_from(raw.limits.url_length).unwrap_or(usize::MAX),
        max_parameters: count(raw.limits.parameters).map(usize::from),
        traps: traps(&raw.traps),
        now_year: 0,
    }
}

fn crossing(raw: raw::Crossing) -> Crossing {
    match raw {
        raw::Crossing::Never => Crossing::Never,
        raw::Crossing::Scope => Crossing::Scope,
        raw::Crossing::Domain => Crossing::Domain,
        raw::Crossing::Any => Crossing::Any,
    }
}

fn traps(raw: &raw::Traps) -> Traps {
    Traps {
        repeated_segments: count(raw.repeated_segments),
        recurring_segments: count(raw.recurring_segments),
        path_segments: count(raw.path_segments),
        query_length: raw.query_length.0.map(|Bytes(bytes)| usize::try_from(bytes).unwrap_or(usize::MAX)),
        nested_urls: count(raw.nested_urls),
        repeated_parameters: count(raw.repeated_parameters),
        repeated_pairs: count(raw.repeated_pairs),
        years_ahead: count(raw.years_ahead),
        years_back: count(raw.years_back),
        session_ids: raw.session_ids,
    }
}

/// The bounds of these keys fit.
fn count(limit: Limit<Count>) -> Option<u16> {
    limit.0.map(|Count(n)| u16::try_from(n).unwrap_or(u16::MAX))
}

/// Everything in a list that can't be meant, each by its place.
fn check_lists(scope: &raw::Scope, checks: &mut Checks<'_>) {
    for (key, patterns) in [("include", &scope.include), ("exclude", &scope.exclude)] {
        for (i, pattern) in patterns.iter().enumerate() {
            checks.ok(&format!("scope.{key}[{i}]"), check_patterns(std::slice::from_ref(pattern)));
        }
        // Together they have a bound of their own.
        let key = format!("scope.{key}");
        if !checks.is_bad(&key) {
            checks.ok(&key, check_patterns(patterns).map_err(|_| "the patterns are too many or too large together"));
        }
    }
    for (i, prefix) in scope.surts.iter().enumerate() {
        let checked = scope::check_prefix(prefix).map_err(|reason| format!("`{prefix}`: {reason}"));
        checks.ok(&format!("scope.surts[{i}]"), checked);
    }
    let is_surt = scope.mode == raw::ScopeMode::Surt;
    if !checks.is_bad("scope.mode") && !checks.is_bad("scope.surts") && is_surt == scope.surts.is_empty() {
        checks.fail(
            "scope.surts",
            if is_surt {
                "there are none: scope.mode \"surt\" needs them, such as surts = [\"(com,example,\"]"
            } else {
                "they are for scope.mode \"surt\": set it, or leave them out"
            },
        );
    }
    for (i, scheme) in scope.schemes.iter().enumerate() {
        if !matches!(scheme.as_str(), "http" | "https") {
            checks.fail(&format!("scope.schemes[{i}]"), format!("`{scheme}` is neither \"http\" nor \"https\""));
        }
    }
    for (key, extensions) in [("extensions", &scope.extensions), ("exclude_extensions", &scope.exclude_extensions)] {
        for (i, text) in extensions.iter().enumerate() {
            let checked = scope::check_extension(text).map_err(|reason| format!("`{text}`: {reason}"));
            checks.ok(&format!("scope.{key}[{i}]"), checked);
        }
    }
}

/// Compiles patterns as scope will; the first error counts.
fn check_patterns(patterns: &[String]) -> Result<(), String> {
    let options = Options { exclude: patterns.to_vec(), ..Options::default() };
    let errors = scope::Scope::new(&options, &[]).err().unwrap_or_default();
    errors.first().map_or(Ok(()), |error| Err(error.to_string()))
}
