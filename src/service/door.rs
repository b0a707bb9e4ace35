//! The door: who comes in, and how often.
//!
//! A call passes four questions before anything is done for it: is it meant for this server (its Host header, against
//! DNS rebinding), does a page of another site make a browser send it, whose key does it bring, and does that key come
//! too often. Keys are known by their SHA-256 alone, and compared in constant time; all of them are looked at, so that
//! the time says nothing about which is near.

use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
    sync::Arc,
    time::Duration,
};

use axum::http::{HeaderMap, HeaderValue, Uri, header, uri::Authority};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter, clock::Clock as _};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::problem::Problem;
use crate::config::{CallerKey, Scopes};

/// Calls of one key that may come at once, in seconds of its rate.
const BURST_S: f64 = 2.0;
/// Who calls when no key is asked for.
const ANYBODY: &str = "local";

/// Which right a call needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Nothing,
    Read,
    Crawl,
    Fetch,
    Admin,
}

impl Need {
    fn is_met_by(self, scopes: Scopes) -> bool {
        match self {
            Self::Nothing => true,
            Self::Read => scopes.read,
            Self::Crawl => scopes.crawl,
            Self::Fetch => scopes.fetch,
            Self::Admin => scopes.admin,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Read => "read",
            Self::Crawl => "crawl",
            Self::Fetch => "fetch",
            Self::Admin => "admin",
        }
    }
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) name: Arc<str>,
    pub(crate) scopes: Scopes,
    /// Crawls of its own that may be under way or wait.
    pub(crate) crawls: Option<usize>,
}

impl Caller {
    /// Somebody who has shown no key, and may do nothing.
    pub(crate) fn nobody() -> Self {
        Self { name: "".into(), scopes: Scopes::default(), crawls: None }
    }

    /// Whether he may do what `need` says.
    pub(crate) fn may(&self, need: Need) -> bool {
        need.is_met_by(self.scopes)
    }

    /// Whether what `owner` made is there for this caller.
    pub(crate) fn may_see(&self, owner: &str) -> bool {
        self.scopes.admin || *self.name == *owner
    }
}

struct Key {
    digest: [u8; 32],
    caller: Caller,
    limiter: Option<DefaultDirectRateLimiter>,
}

/// Who is let in.
pub(crate) struct Door {
    keys: Vec<Key>,
    names: Vec<String>,
}

impl Door {
    pub(crate) fn new(keys: &[CallerKey], names: &[String]) -> Self {
        let key = |key: &CallerKey| Key {
            digest: key.digest,
            caller: Caller { name: key.name.as_str().into(), scopes: key.scopes, crawls: key.crawls },
            limiter: limiter(key.interval),
        };
        Self { keys: keys.iter().map(key).collect(), names: names.to_vec() }
    }

    /// Whether the call is meant for this server, and no page of another site is behind it.
    pub(crate) fn check_way(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        if headers.get_all(header::HOST).iter().count() > 1 {
            return Err(Problem::bad_request("one Host header is enough"));
        }
        let host = host(uri, headers).ok_or_else(|| Problem::bad_request("a Host header is needed"))?;
        let name = name_of(host);
        let is_ours = is_address(name) || name.eq_ignore_ascii_case("localhost");
        if !is_ours && !self.names.iter().any(|ours| ours.eq_ignore_ascii_case(name)) {
            return Err(Problem::misdirected("the Host header names a server that this is not (daemon.names)"));
        }
        let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
        let is_foreign = site.is_some_and(|site| site != b"same-origin" && site != b"none");
        let origin = headers.get(header::ORIGIN).map(|origin| origin.to_str().unwrap_or_default());
        let is_other = origin.is_some_and(|origin| origin.split_once("://").is_none_or(|(_, of)| of != host));
        if is_foreign || is_other {
            return Err(Problem::forbidden("a page of another site can't call this"));
        }
        Ok(())
    }

    /// Who calls, if no key is asked for.
    pub(crate) fn anybody(&self) -> Option<Caller> {
        let scopes = Scopes { read: true, crawl: true, fetch: true, admin: true };
        self.keys.is_empty().then(|| Caller { name: ANYBODY.into(), scopes, crawls: None })
    }

    /// Who calls, if he may do what `need` says.
    pub(crate) fn admit(&self, headers: &HeaderMap, need: Need) -> Result<Caller, Problem> {
        if let Some(anybody) = self.anybody() {
            return Ok(anybody);
        }
        if need == Need::Nothing {
            return Ok(Caller::nobody());
        }
        let given = given_key(headers).ok_or_else(|| {
            Problem::unauthorized("send the key as \"Authorization: Bearer <key>\" or \"X-API-Key: <key>\"")
        })?;
        self.admit_as(&digest_of(given), need)
    }

    /// The same for a key that is known by its digest: the one of a session.
    pub(crate) fn admit_as(&self, digest: &[u8; 32], need: Need) -> Result<Caller, Problem> {
        let key = self.find(digest).ok_or_else(|| Problem::unauthorized("this key is not known"))?;
        if let Some(limiter) = &key.limiter
            && let Err(not_until) = limiter.check()
        {
            let wait = not_until.wait_time_from(governor::clock::DefaultClock::default().now());
            return Err(Problem::too_many("this key calls more often than it may", wait.as_secs() + 1));
        }
        if !key.caller.may(need) {
            return Err(Problem::forbidden(format!("this needs a key with the scope \"{}\"", need.as_str())));
        }
        Ok(key.caller.clone())
    }

    /// Whose key that is; counts as no call.
    pub(crate) fn owner(&self, digest: &[u8; 32]) -> Option<Caller> {
        self.find(digest).map(|key| key.caller.clone())
    }

    fn find(&self, digest: &[u8; 32]) -> Option<&Key> {
        let mut found = None;
        for key in &self.keys {
            if bool::from(key.digest.ct_eq(digest)) {
                found = Some(key);
            }
        }
        found
    }
}

/// By which a key is known.
pub(crate) fn digest_of(key: &[u8]) -> [u8; 32] {
    Sha256::digest(key).into()
}

fn limiter(interval: Duration) -> Option<DefaultDirectRateLimiter> {
    let quota = Quota::with_period(interval)?;
    let burst = (BURST_S / interval.as_secs_f64()).clamp(1.0, f64::from(u32::MAX));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    let burst = NonZeroU32::new(burst as u32).unwrap_or(NonZeroU32::MIN);
    Some(RateLimiter::direct(quota.allow_burst(burst)))
}

/// The name by which this server was asked for, without the port.
pub(crate) fn host_name<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    host(uri, headers).map(name_of)
}

fn host<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    let given = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    uri.authority().map(Authority::as_str).or(given).filter(|host| !host.is_empty())
}

/// Without the port.
fn name_of(host: &str) -> &str {
    let end = match host.rfind(']') {
        Some(bracket) => bracket + 1,
        None => host.rfind(':').unwrap_or(host.len()),
    };
    host[..end].trim_end_matches('.')
}

/// No name leads here that somebody else can change.
fn is_address(name: &str) -> bool {
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    bare.parse::<IpAddr>().is_ok() || name.parse::<SocketAddr>().is_ok()
}

fn given_key(headers: &HeaderMap) -> Option<&[u8]> {
    let bearer = |value: &HeaderValue| -> Option<usize> {
        let (scheme, _) = value.as_bytes().split_at_checked(7)?;
        scheme.eq_ignore_ascii_case(b"bearer ").then_some(7)
    };
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| Some(&value.as_bytes()[bearer(value)?..]));
    authorization.or_else(|| headers.get("x-api-key").map(HeaderValue::as_bytes)).map(<[u8]>::trim_ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap()))
            .collect::<HeaderMap>()
    }

    fn door() -> Door {
        let key = |name: &str, key: &str, scopes: Scopes| CallerKey {
            name: name.into(),
            digest: Sha256::digest(key).into(),
            scopes,
            interval: Duration::from_secs(3600),
            crawls: None,
        };
        let read = Scopes { read: true, ..Scopes::default() };
        Door::new(
            &[key("a", "sesame", read), key("b", "other", Scopes { crawl: true, ..read })],
            &["crawl.example".into()],
        )
    }

    #[test]
    fn only_calls_that_are_meant_for_it_come_in() {
        let check = |pairs: &[(&'static str, &str)], expected: u16| {
            let way = door().check_way(&Uri::from_static("/v1/crawls"), &headers(pairs));
            assert_eq!(way.map_or_else(|problem| problem.status(), |()| 200), expected, "{pairs:?}");
        };
        check(&[("host", "127.0.0.1:7700")], 200);
        check(&[("host", "[::1]:7700")], 200);
        check(&[("host", "LOCALHOST:7700")], 200);
        check(&[("host", "crawl.example.")], 200);
        check(&[("host", "evil.example:7700")], 421);
        check(&[("host", "127.0.0.1.evil.example")], 421);
        check(&[("host", "")], 400);
        check(&[], 400);
        check(&[("host", "localhost"), ("sec-fetch-site", "cross-site")], 403);
        check(&[("host", "localhost"), ("sec-fetch-site", "same-site")], 403);
        check(&[("host", "localhost"), ("sec-fetch-site", "same-origin")], 200);
        check(&[("host", "localhost:7700"), ("origin", "http://localhost:7700")], 200);
        check(&[("host", "localhost:7700"), ("origin", "http://localhost:8000")], 403);
        check(&[("host", "localhost:7700"), ("origin", "null")], 403);
        check(&[("host", "localhost"), ("origin", "http://localhost\u{ff}")], 403);
        check(&[("host", "localhost"), ("host", "evil.example")], 400);
    }

    #[test]
    fn a_key_opens_what_it_is_for_and_not_too_often() {
        let door = door();
        let status = |pairs: &[(&'static str, &str)], need: Need| {
            door.admit(&headers(pairs), need).map_or_else(|problem| problem.status(), |_| 200)
        };
        assert_eq!(status(&[], Need::Nothing), 200);
        assert_eq!(status(&[], Need::Read), 401);
        assert_eq!(status(&[("authorization", "Bearer wrong")], Need::Read), 401);
        assert_eq!(status(&[("authorization", "Basic sesame")], Need::Read), 401);
        assert_eq!(status(&[("authorization", "bearer")], Need::Read), 401);
        assert_eq!(status(&[("authorization", "bearer sesame")], Need::Read), 200);
        assert_eq!(status(&[("x-api-key", "sesame")], Need::Read), 429);
        assert_eq!(status(&[("x-api-key", "other")], Need::Admin), 403);
    }

    #[test]
    fn without_keys_everybody_on_the_machine_may() {
        let caller = Door::new(&[], &[]).admit(&HeaderMap::new(), Need::Admin).unwrap();
        assert!(caller.may_see("whoever"));
    }
}
