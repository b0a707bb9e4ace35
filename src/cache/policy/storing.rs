//! What may be stored, and which of its fields: RFC 9111 section 3.
//!
//! Not decided here: how much is stored, and whose it is. Only answers to GET are stored; one to HEAD
//! has no body to serve, and POST is beyond what a crawler reads twice.

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use super::{Facts, Mode, Rules, directives::Directives};

/// Statuses that may be kept without the server saying so (RFC 9110 section 15.1). 206 is none here:
/// parts are not stored.
const CACHEABLE_BY_DEFAULT: [u16; 11] = [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501];
/// Statuses whose rules of caching are kept here, which `must-understand` asks for.
const UNDERSTOOD: [u16; 14] = [200, 203, 204, 300, 301, 302, 303, 307, 308, 404, 405, 410, 414, 501];

/// Fields that concern one connection (RFC 9110 section 7.6.1) or a proxy on the way.
const OF_THE_CONNECTION: [&str; 10] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Whether such a status may be kept without being told so.
pub(super) fn is_cacheable_by_default(status: u16) -> bool {
    CACHEABLE_BY_DEFAULT.contains(&status)
}

/// Whether the answer to a request may be stored, and is worth it. Whether its body is whole is for
/// the caller to know.
pub fn may_store(
    rules: &Rules,
    method: &Method,
    request: &HeaderMap,
    status: u16,
    response: &HeaderMap,
    facts: &Facts,
) -> bool {
    let asked = Directives::of_request(request);
    let said = Directives::of(response);
    let is_final = (200..=599).contains(&status) && !matches!(status, 206 | 304);
    // A request that asks for no traces is its caller's wish, not the server's.
    if *method != Method::GET || !is_final || asked.no_store {
        return false;
    }
    // Whoever takes what is stale can use what nobody else can.
    let is_of_use = facts.lifetime.as_secs_f64() > 0.0 || facts.has_validator() || asked.max_stale.is_some();
    if rules.ignore_server {
        return is_of_use;
    }
    let is_shared = rules.mode == Mode::Shared;
    // `must-understand` is for those who do: they need not hear the `no-store` beside it.
    let forbidden = if said.must_understand { !UNDERSTOOD.contains(&status) } else { said.no_store };
    let authorized = request.contains_key(header::AUTHORIZATION);
    let is_anothers = is_shared && (said.private || (authorized && !allows_authorized(&said)));
    let allowed = said.public
        || (!is_shared && said.private)
        || response.contains_key(header::EXPIRES)
        || said.max_age.is_some()
        || (is_shared && said.s_maxage.is_some())
        || is_cacheable_by_default(status);
    !forbidden && !is_anothers && !super::vary::is_any(response) && allowed && is_of_use
}

/// RFC 9111 section 3.5.
fn allows_authorized(said: &Directives) -> bool {
    said.public || said.must_revalidate || said.s_maxage.is_some()
}

/// The fields of a response that are stored (RFC 9111 section 3.1): not those of the connection, nor
/// those that may not be served again without asking. `Set-Cookie` is among the latter by our own
/// choice: it is said to one client, and the cache has many.
pub fn stored_fields(rules: &Rules, response: &HeaderMap) -> HeaderMap {
    let said = Directives::of(response);
    let mut left_out = connection_fields(response);
    left_out.extend([header::SET_COOKIE, HeaderName::from_static("set-cookie2")]);
    if !rules.ignore_server {
        left_out.extend(said.no_cache_fields);
        if rules.mode == Mode::Shared {
            left_out.extend(said.private_fields);
        }
    }
    let kept = |name: &HeaderName| !left_out.contains(name);
    response.iter().filter(|(name, _)| kept(name)).map(|(name, value)| (name.clone(), detached(value))).collect()
}

/// A copy with bytes of its own: a value as it came is a slice of all that was read with it, and would keep
/// that from being freed, uncounted.
pub(super) fn detached(value: &HeaderValue) -> HeaderValue {
    let mut copy = HeaderValue::from_bytes(value.as_bytes()).expect("it was one before");
    copy.set_sensitive(value.is_sensitive());
    copy
}

/// The names of the fields that concern the connection, those named by `Connection` included.
pub(super) fn connection_fields(headers: &HeaderMap) -> Vec<HeaderName> {
    let mut names: Vec<_> = OF_THE_CONNECTION.iter().map(|name| HeaderName::from_static(name)).collect();
    for line in headers.get_all(header::CONNECTION) {
        let listed = line.as_bytes().split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
        names.extend(listed.filter_map(|name| HeaderName::from_bytes(name).ok()));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cache::policy::{facts, tests::headers},
        clock::Timestamp,
    };

    fn stored(rules: Rules, request: &[(&str, &str)], status: u16, response: &[(&str, &str)]) -> bool {
        let (request, response) = (headers(request), headers(response));
        let facts = facts(&rules, status, &response, Timestamp(0), Timestamp(0));
        may_store(&rules, &Method::GET, &request, status, &response, &facts)
    }

    #[test]
    fn by_status_and_directive() {
        let private = Rules::default();
        let check = |status, said: &str, expected| {
            let fields = [("cache-control", said), ("etag", "\"a\"")];
            assert_eq!(stored(private, &[], status, &fields), expected, "{status} {said}");
        };
        check(200, "", true);
        check(404, "", true);
        check(403, "", false);
        check(403, "max-age=5", true);
        check(599, "max-age=5", true);
        check(599, "max-age=5, must-understand", false);
        check(200, "no-store, max-age=5", false);
        check(200, "no-store, must-understand, max-age=5", true);
        check(200, "no-cache", true);
        check(200, "private", true);
        check(206, "max-age=5", false);
        check(304, "max-age=5", false);
        check(199, "max-age=5", false);
        check(999, "max-age=5", false);
        assert!(!stored(private, &[], 200, &[]), "of no use");
        assert!(!stored(private, &[("cache-control", "no-store")], 200, &[("etag", "a")]));
        assert!(!stored(private, &[], 200, &[("etag", "a"), ("vary", "accept, *")]));
    }

    #[test]
    fn a_shared_cache_keeps_less() {
        let shared = Rules { mode: Mode::Shared, ..Rules::default() };
        assert!(!stored(shared, &[], 200, &[("cache-control", "private, max-age=5")]));
        assert!(stored(shared, &[], 200, &[("cache-control", "s-maxage=5")]));
        let user = [("authorization", "Basic eA==")];
        assert!(!stored(shared, &user, 200, &[("cache-control", "max-age=5")]));
        for allows in ["max-age=5, public", "s-maxage=5", "max-age=5, must-revalidate"] {
            assert!(stored(shared, &user, 200, &[("cache-control", allows)]), "{allows}");
        }
    }

    #[test]
    fn what_the_server_says_can_be_ignored() {
        let ignoring = Rules { ttl: Some(std::time::Duration::from_secs(9)), ignore_server: true, ..Rules::default() };
        assert!(stored(ignoring, &[], 200, &[("cache-control", "no-store"), ("vary", "*")]));
        assert!(!stored(ignoring, &[], 503, &[]));
        assert!(!stored(ignoring, &[("cache-control", "no-store")], 200, &[]), "the caller's word counts");
    }

    #[test]
    fn fields_of_the_connection_and_of_one_client_are_left_out() {
        let response = headers(&[
            ("connection", "a, close"),
            ("a", "1"),
            ("b", "2"),
            ("set-cookie", "x=y"),
            ("keep-alive", "timeout=5"),
            ("cache-control", "no-cache=\"c\", private=\"d\""),
            ("c", "3"),
            ("d", "4"),
        ]);
        let names = |rules: &Rules| {
            let mut names: Vec<_> = stored_fields(rules, &response).keys().map(ToString::to_string).collect();
            names.sort();
            names
        };
        assert_eq!(names(&Rules::default()), ["b", "cache-control", "d"]);
        assert_eq!(names(&Rules { mode: Mode::Shared, ..Rules::default() }), ["b", "cache-control"]);
    }
}
