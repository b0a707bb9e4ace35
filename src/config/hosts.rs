//! The promise to each host: `[politeness]` and the exceptions of `[[host]]`.

use std::num::NonZeroU32;

use super::{
    build::Checks,
    raw::{HostRule, Raw},
    units::{Count, Factor, Limit, Rate},
};
use crate::{
    address::{Canonicalizer, HostPattern},
    politeness::{Adaptive, Options, Policy, Quiet, RetryBudget, gate::GroupLimit},
};

/// The default policy and its exceptions, in order.
pub(crate) fn politeness(raw: &Raw, checks: &mut Checks<'_>) -> Options {
    let default = Policy {
        interval: raw.politeness.rate.interval().unwrap_or_default(),
        burst: positive(raw.politeness.burst),
        connections: positive(raw.politeness.per_host),
        honour_crawl_delay: raw.politeness.crawl_delay,
        max_delay: raw.politeness.max_delay.0,
        backoff_base: raw.politeness.backoff_base.0,
        backoff_max: raw.politeness.backoff_max.0,
        errors_in_row: raw.limits.errors_in_row.0.and_then(|n| u32::try_from(n.0).ok()).and_then(NonZeroU32::new),
        delay: raw.politeness.delay.0,
        adaptive: adaptive(raw, raw.politeness.adaptive),
        quiet: checks.ok("politeness.quiet", Quiet::parse(&raw.politeness.quiet)).unwrap_or_default(),
        retries: raw.politeness.retry_percent.0.map(|percent| RetryBudget {
            free: raw.politeness.retry_min,
            percent: u32::try_from(percent.0).unwrap_or(u32::MAX),
        }),
    };
    let mut exceptions = Vec::new();
    for (i, rule) in raw.host.iter().enumerate() {
        let key = format!("host[{i}].match");
        if checks.is_bad(&key) || checks.is_bad(&format!("host[{i}]")) && rule.pattern.is_empty() {
            continue;
        }
        let quiet = rule.quiet.as_ref().map(|texts| checks.ok(&format!("host[{i}].quiet"), Quiet::parse(texts)));
        let policy = Policy {
            adaptive: rule.adaptive.map_or(default.adaptive, |factor| adaptive(raw, factor)),
            quiet: quiet.map_or_else(|| default.quiet.clone(), Option::unwrap_or_default),
            ..exception(&default, rule)
        };
        let patterns = checks.ok(&key, patterns(&rule.pattern)).unwrap_or_default();
        exceptions.extend(patterns.into_iter().map(|pattern| (pattern, policy.clone())));
    }
    Options { default, exceptions }
}

/// What is promised to all hosts at an address, and to all of a registrable domain.
pub(crate) fn groups(raw: &Raw) -> (GroupLimit, GroupLimit) {
    let limit = |rate: Rate, connections: Limit<Count>| GroupLimit {
        interval: rate.interval().unwrap_or_default(),
        connections: connections.0.and_then(|n| u32::try_from(n.0).ok()).and_then(NonZeroU32::new),
    };
    let raw = &raw.politeness;
    (limit(raw.ip_rate, raw.ip_connections), limit(raw.domain_rate, raw.domain_connections))
}

fn adaptive(raw: &Raw, factor: Factor) -> Option<Adaptive> {
    let (min, max) = (raw.politeness.adaptive_min.0, raw.politeness.adaptive_max.0);
    factor.0.map(|factor| Adaptive { factor, min, max })
}

fn exception(default: &Policy, rule: &HostRule) -> Policy {
    Policy {
        interval: rule.rate.map_or(default.interval, |rate| rate.interval().unwrap_or_default()),
        burst: rule.burst.map_or(default.burst, positive),
        connections: rule.per_host.map_or(default.connections, positive),
        honour_crawl_delay: rule.crawl_delay.unwrap_or(default.honour_crawl_delay),
        max_delay: rule.max_delay.map_or(default.max_delay, |span| span.0),
        delay: rule.delay.map_or(default.delay, |span| span.0),
        ..default.clone()
    }
}

fn positive(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN)
}

/// The hosts that `text` means: a name, `*.name`, or a SURT prefix.
pub(crate) fn patterns(text: &str) -> Result<Vec<HostPattern>, String> {
    if text.is_empty() {
        return Err("is missing: which hosts is this for?".to_owned());
    }
    let unknown =
        || format!("`{text}` is neither a host, \"*.\" and a domain, nor a SURT prefix such as \"(com,example,)\"");
    let surt = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")).unwrap_or(text);
    if let Some(surt) = surt.strip_prefix('(') {
        return surt_patterns(surt).ok_or_else(unknown);
    }
    let (name, below) = text.strip_prefix("*.").map_or((text, false), |name| (name, true));
    let name = canonical(name).ok_or_else(unknown)?;
    Ok(vec![if below { HostPattern::Suffix(format!(".{name}")) } else { HostPattern::Exact(name) }])
}

/// `com,example,)` is one host; without the bracket it is that host and all below it.
fn surt_patterns(surt: &str) -> Option<Vec<HostPattern>> {
    let (labels, whole) = surt.strip_suffix(')').map_or((surt, false), |labels| (labels, true));
    let labels: Vec<&str> = labels.strip_suffix(',')?.split(',').rev().collect();
    let name = canonical(&labels.join("."))?;
    let mut patterns = vec![HostPattern::Exact(name.clone())];
    if !whole {
        patterns.push(HostPattern::Suffix(format!(".{name}")));
    }
    Some(patterns)
}

/// A host name as it stands in canonical URLs, if it is one.
pub(crate) fn canonical(name: &str) -> Option<String> {
    if name.is_empty() || name.contains(['/', '?', '#', '@', '\\', '*', ' ']) {
        return None;
    }
    let bracketed = name.parse::<std::net::Ipv6Addr>().map_or_else(|_| name.to_owned(), |ip| format!("[{ip}]"));
    let url = Canonicalizer::default().parse(&format!("http://{bracketed}/")).ok()?;
    (url.as_url().port().is_none() && !name.ends_with(":80")).then(|| url.host().as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[HostPattern]) {
        assert_eq!(patterns(text).unwrap_or_default(), expected, "{text}");
    }

    #[test]
    fn host_patterns() {
        let exact = |name: &str| HostPattern::Exact(name.to_owned());
        let below = |name: &str| HostPattern::Suffix(name.to_owned());
        check("Example.COM", &[exact("example.com")]);
        check("example.com.", &[exact("example.com")]);
        check("*.example.com", &[below(".example.com")]);
        check("(com,example,www,)", &[exact("www.example.com")]);
        check("http://(com,example,", &[exact("example.com"), below(".example.com")]);
        check("münchen.example", &[exact("xn--mnchen-3ya.example")]);
        check("::1", &[exact("[::1]")]);
        for bad in
            ["", "(com,example", "(com,example,)/path", "example.com:8080", "exa mple", "http://example.com", "a/b"]
        {
            check(bad, &[]);
        }
    }
}
