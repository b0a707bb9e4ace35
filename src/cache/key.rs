//! Which requests are alike: for the store, and for single-flight.
//!
//! Two users (jobs with other credentials, another cookie jar) never see each other's answers: what is
//! secret in a request is part of the key, as a hash, so that no secret is kept. Two requests share an
//! exchange when they would have sent the same bytes.

use http::{HeaderMap, HeaderName, header};
use sha2::{Digest, Sha256};

use crate::{address::CanonicalUrl, fetch::Request};

/// Fields that say who asks, marked sensitive or not.
const CREDENTIALS: [HeaderName; 3] = [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION];

/// Who asks: a hash of what is secret in the request; none if nothing is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct User(Option<[u8; 32]>);

impl User {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        Self(digest(headers, |name, is_sensitive| is_sensitive || CREDENTIALS.contains(name)))
    }
}

/// Requests of one flight: they would send the same, and want the same of the answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct FlightKey {
    url: CanonicalUrl,
    method: http::Method,
    max_body_bytes: usize,
    keep_raw: bool,
    headers: Option<[u8; 32]>,
}

impl FlightKey {
    pub(super) fn of(request: &Request) -> Self {
        Self {
            url: request.url.clone(),
            method: request.method.clone(),
            max_body_bytes: request.max_body_bytes,
            keep_raw: request.keep_raw,
            headers: digest(&request.headers, |_, _| true),
        }
    }
}

/// A hash of some of the fields, whatever the order of their names.
fn digest(headers: &HeaderMap, is_meant: impl Fn(&HeaderName, bool) -> bool) -> Option<[u8; 32]> {
    let mut fields: Vec<_> = headers.iter().filter(|(name, value)| is_meant(name, value.is_sensitive())).collect();
    if fields.is_empty() {
        return None;
    }
    // Stable: the order of a name's values counts.
    fields.sort_by_key(|(name, _)| name.as_str());
    let mut hash = Sha256::new();
    for (name, value) in fields {
        for part in [name.as_str().as_bytes(), value.as_bytes()] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
    }
    Some(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(*name, HeaderValue::from_static(value));
        }
        map
    }

    #[test]
    fn users_are_told_apart_by_what_is_secret() {
        let user = |fields| User::of(&headers(fields));
        let nobody = User::of(&HeaderMap::new());
        assert_eq!(user(&[("accept", "x")]), nobody);
        assert_ne!(user(&[("cookie", "a=1")]), nobody);
        assert_ne!(user(&[("cookie", "a=1")]), user(&[("cookie", "a=2")]));
        assert_ne!(user(&[("cookie", "a")]), user(&[("authorization", "a")]));
        assert_eq!(
            user(&[("cookie", "a"), ("authorization", "b"), ("accept", "x")]),
            user(&[("authorization", "b"), ("cookie", "a")])
        );
        let mut key = headers(&[("x-key", "a")]);
        assert_eq!(User::of(&key), nobody);
        key.get_mut("x-key").unwrap().set_sensitive(true);
        assert_ne!(User::of(&key), nobody);
        assert!(!format!("{:?}", user(&[("cookie", "swordfish")])).contains("swordfish"));
    }
}
