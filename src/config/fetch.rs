//! How pages are asked for: `[fetch]`, checked.

use http::HeaderValue;

use super::{
    auth,
    build::{Checks, to_usize},
    dns, headers, hosts,
    raw::{self, Raw},
    settings::Fetch,
    transport,
};
use crate::{
    address::Canonicalizer,
    fetch::{Connections, MinRate, guard, redirect::Downgrade},
    politeness::{self, Policy},
};

/// What is promised to hosts says how many connections to one may be kept.
pub(crate) fn fetch(
    raw: &Raw,
    canonicalizer: &Canonicalizer,
    politeness: &politeness::Options,
    checks: &mut Checks<'_>,
) -> Option<Fetch> {
    let fetch = &raw.fetch;
    let user_agent = user_agent(raw, checks);
    let accept_language = auth::printable(&fetch.accept_language, "fetch.accept_language", checks);
    let headers = headers::headers(&fetch.headers, "fetch.headers", checks);
    let mut host_headers = Vec::new();
    for (i, rule) in raw.host.iter().enumerate() {
        let fields = auth::of_host(rule, &format!("host[{i}]"), checks);
        // What is wrong with a pattern is told where politeness is checked.
        let patterns = hosts::patterns(&rule.pattern).unwrap_or_default();
        host_headers.extend(patterns.into_iter().map(|pattern| (pattern, fields.clone())));
    }
    let guard = guard::Options {
        allow: entries("fetch.allow_addresses", &fetch.allow_addresses, checks),
        deny: entries("fetch.deny_addresses", &fetch.deny_addresses, checks),
        allow_ports: fetch.allow_ports.iter().map(|port| port.0).collect(),
    };
    let mut resolve = Vec::new();
    for (host, address) in &fetch.resolve {
        let key = format!("fetch.resolve.{host}");
        let name = host.strip_prefix("*.").unwrap_or(host);
        if hosts::canonical(name).is_none() {
            checks.fail(&key, format!("`{host}` is not a host name"));
        }
        match address.parse() {
            Ok(address) => resolve.push((canonical_pattern(host), address)),
            Err(_) => checks.fail(&key, format!("`{address}` is not an IP address")),
        }
    }
    let connections = |policy: &Policy| to_usize(policy.connections.get().into());
    let exceptions = politeness.exceptions.iter().map(|(pattern, policy)| (pattern.clone(), connections(policy)));
    Some(Fetch {
        user_agent: user_agent?,
        accept_language,
        headers,
        host_headers,
        auth: auth::auth(raw, canonicalizer, checks),
        tls: transport::tls(raw, canonicalizer, checks),
        proxy: transport::proxy(raw, checks),
        concurrency: to_usize(fetch.concurrency.into()),
        connect_timeout: fetch.connect_timeout.0,
        first_byte_timeout: fetch.first_byte_timeout.0,
        idle_timeout: fetch.idle_timeout.0,
        min_rate: fetch.min_rate.0.map(|rate| MinRate { bytes_per_second: rate.0, window: fetch.min_rate_window.0 }),
        idle_connections: to_usize(fetch.idle_connections.into()),
        max_header_fields: to_usize(fetch.max_headers.into()),
        max_header_bytes: to_usize(fetch.max_header_size.0),
        timeout: fetch.timeout.0,
        max_body_bytes: to_usize(fetch.body.0),
        memory_bytes: fetch.memory.0,
        max_decode_ratio: fetch.decode_ratio,
        retries: fetch.retries.into(),
        retry_base: fetch.retry_base.0,
        retry_max: fetch.retry_max.0,
        max_redirects: fetch.max_redirects,
        downgrade: match fetch.downgrade {
            raw::Downgrade::Follow => Downgrade::Follow,
            raw::Downgrade::Refuse => Downgrade::Refuse,
        },
        guard,
        dns: dns::dns(raw, checks),
        resolve,
        obey_nofollow: fetch.nofollow,
        connections: Connections { default: connections(&politeness.default), exceptions: exceptions.collect() },
    })
}

pub(crate) fn entries(key: &str, texts: &[String], checks: &mut Checks<'_>) -> Vec<guard::Entry> {
    let entry = |(i, text): (usize, &String)| checks.ok(&format!("{key}[{i}]"), text.parse());
    texts.iter().enumerate().filter_map(entry).collect()
}

/// A name, or `*.` and a suffix, as URLs have it: lower case, IDN in ASCII.
fn canonical_pattern(host: &str) -> String {
    let (wildcard, name) = host.strip_prefix("*.").map_or(("", host), |suffix| ("*.", suffix));
    format!("{wildcard}{}", hosts::canonical(name).unwrap_or_else(|| name.to_ascii_lowercase()))
}

fn user_agent(raw: &Raw, checks: &mut Checks<'_>) -> Option<HeaderValue> {
    let given = &raw.fetch.user_agent;
    if given.is_empty() {
        let text = default_user_agent(&raw.job.contact);
        return HeaderValue::from_str(&text)
            .map_err(|_| checks.fail("job.contact", "may hold printable ASCII only: it goes into a header"))
            .ok();
    }
    let value = HeaderValue::from_str(given).ok().filter(|value| value.to_str().is_ok());
    if value.is_none() {
        checks.fail("fetch.user_agent", "may hold printable ASCII only");
    }
    value
}

/// `dragline/<version> (+<contact>)`.
fn default_user_agent(contact: &str) -> String {
    let product = concat!("dragline/", env!("CARGO_PKG_VERSION"));
    if contact.is_empty() { product.to_owned() } else { format!("{product} (+{contact})") }
}
