//! `[daemon]` and `[[key]]`: where the daemon listens, and whom it answers.

use std::{collections::HashSet, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use rustls::ServerConfig;

use super::{
    build::{Checks, to_usize},
    hosts,
    raw::{self, KeyScope, Raw},
    transport,
    units::Rate,
};
use crate::fetch::tls;

/// `[daemon]` and `[[key]]`.
#[derive(Debug, Clone)]
pub struct Daemon {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The folder of its jobs.
    pub data: PathBuf,
    /// How it speaks TLS, if it does.
    pub tls: Option<Arc<ServerConfig>>,
    /// Further names by which it may be asked for, canonical.
    pub names: Vec<String>,
    /// Crawls that run at once.
    pub running: usize,
    /// Crawls that are kept.
    pub crawls: usize,
    /// Longest body of a call.
    pub max_body_bytes: usize,
    /// Connections of callers.
    pub connections: usize,
    /// How long a caller may take.
    pub timeout: Duration,
    /// URLs of one call to fetch.
    pub batch: usize,
    /// URLs being fetched for callers.
    pub fetches: usize,
    /// Bytes of bodies in answers.
    pub answer_bytes: u64,
    /// Events of each crawl that are kept.
    pub events: usize,
    /// Readers of events.
    pub readers: usize,
    /// Free space that is left alone.
    pub disk_reserve_bytes: u64,
    /// Whom it answers; none: everybody on this machine.
    pub keys: Vec<CallerKey>,
}

/// One of `[[key]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerKey {
    /// Whose.
    pub name: String,
    /// SHA-256 of the key.
    pub digest: [u8; 32],
    /// What it opens.
    pub scopes: Scopes,
    /// Least time between calls; zero is "unlimited".
    pub interval: Duration,
    /// Crawls that are not over; `None` is no limit.
    pub crawls: Option<usize>,
}

/// What a caller may do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scopes {
    /// Look.
    pub read: bool,
    /// Begin crawls, and control its own.
    pub crawl: bool,
    /// Fetch single URLs.
    pub fetch: bool,
    /// Control everybody's, and the daemon.
    pub admin: bool,
}

/// Before the digest of a key.
const SCHEME: &str = "sha256:";

/// The daemon's own settings.
pub(crate) fn daemon(raw: &Raw, checks: &mut Checks<'_>) -> Daemon {
    let keys = keys(raw, checks);
    let raw = &raw.daemon;
    let listen = raw.listen.parse::<SocketAddr>();
    let wrong =
        format!("expected an address and a port, such as \"127.0.0.1:7700\" or \"[::1]:7700\", found {:?}", raw.listen);
    let listen = checks.ok("daemon.listen", listen.map_err(|_| wrong));
    if let Some(listen) = listen.filter(|listen| !listen.ip().is_loopback() && keys.is_empty() && !checks.is_bad("key"))
    {
        let others = format!(
            "{listen} can be reached by others than this machine, so there must be a [[key]]: `dragline key` makes one"
        );
        checks.fail("daemon.listen", others);
    }
    if raw.data.is_empty() {
        checks.fail("daemon.data", "expected a folder");
    }
    let tls = tls(raw, checks);
    let mut names = Vec::new();
    for (i, name) in raw.names.iter().enumerate() {
        let known = hosts::canonical(name).ok_or_else(|| format!("{name:?} is no host name"));
        names.extend(checks.ok(&format!("daemon.names[{i}]"), known));
    }
    Daemon {
        listen: listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0))),
        data: PathBuf::from(&raw.data),
        tls,
        names,
        running: to_usize(raw.running.into()),
        crawls: to_usize(raw.crawls.into()),
        max_body_bytes: to_usize(raw.body.0),
        connections: to_usize(raw.connections.into()),
        timeout: raw.timeout.0,
        batch: to_usize(raw.batch.into()),
        fetches: to_usize(raw.fetches.into()),
        answer_bytes: raw.answers.0,
        events: to_usize(raw.events.into()),
        readers: to_usize(raw.readers.into()),
        disk_reserve_bytes: raw.disk_reserve.0,
        keys,
    }
}

fn tls(raw: &raw::Daemon, checks: &mut Checks<'_>) -> Option<Arc<ServerConfig>> {
    let (chain, key) = match (raw.tls_certificate.as_str(), raw.tls_key.as_str()) {
        ("", "") => return None,
        (chain, "") => {
            checks.fail("daemon.tls_key", format!("is needed: the private key of {chain}"));
            return None;
        }
        ("", key) => {
            checks.fail("daemon.tls_certificate", format!("is needed: the certificate of {key}"));
            return None;
        }
        files => files,
    };
    let chain_text = checks.ok("daemon.tls_certificate", transport::pem(chain))?;
    let key_text = checks.ok("daemon.tls_key", transport::pem(key))?;
    let made = tls::server(chain_text.as_bytes(), key_text.as_bytes());
    checks.ok("daemon.tls_certificate", made.map_err(|error| format!("file {chain} {error}")))
}

fn keys(raw: &Raw, checks: &mut Checks<'_>) -> Vec<CallerKey> {
    let (mut keys, mut seen) = (Vec::new(), HashSet::new());
    for (i, key) in raw.key.iter().enumerate() {
        let at = |field: &str| format!("key[{i}].{field}");
        let usable = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if !checks.is_bad(&at("name")) && (key.name.is_empty() || !key.name.chars().all(usable)) {
            checks.fail(&at("name"), "expected letters, digits, \".\", \"-\" or \"_\"");
        }
        if !seen.insert(&key.name) {
            checks.fail(&at("name"), format!("there are two keys named {:?}", key.name));
        }
        let digest = key.hash.strip_prefix(SCHEME).and_then(digest);
        let Some(digest) = digest else {
            if !checks.is_bad(&at("hash")) {
                checks
                    .fail(&at("hash"), "expected \"sha256:\" and 64 hexadecimal digits, as `dragline key` prints them");
            }
            continue;
        };
        if key.scopes.is_empty() && !checks.is_bad(&at("scopes")) {
            checks.fail(
                &at("scopes"),
                "a key without scopes opens nothing: expected some of \"read\", \"crawl\", \"fetch\", \"admin\"",
            );
        }
        keys.push(CallerKey {
            name: key.name.clone(),
            digest,
            scopes: scopes(&key.scopes),
            interval: key.rate.and_then(Rate::interval).unwrap_or(Duration::ZERO),
            crawls: key.crawls.and_then(|limit| limit.0).map(|n| to_usize(n.0)),
        });
    }
    keys
}

fn scopes(given: &[KeyScope]) -> Scopes {
    let admin = given.contains(&KeyScope::Admin);
    let has = |scope: KeyScope| admin || given.contains(&scope);
    Scopes { read: has(KeyScope::Read), crawl: has(KeyScope::Crawl), fetch: has(KeyScope::Fetch), admin }
}

/// 32 bytes in hexadecimal digits.
fn digest(text: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (byte, digits) in digest.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(digest)
}
