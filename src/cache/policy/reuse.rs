//! What to do with a request for which a stored response is at hand, or none: RFC 9111 sections 4, 4.2.4
//! and 5.2.1, RFC 5861.
//!
//! Not decided here: whether the stored response is for this request at all (URL, user, `vary`).

use http::HeaderMap;

use super::{Facts, Plan, age, directives::Directives};
use crate::clock::Timestamp;

/// What to do with a request.
///
/// `relaxed` is whether the caller can do with what is stale while somebody else revalidates it.
pub fn plan(stored: Option<&Facts>, request: &HeaderMap, relaxed: bool, now: Timestamp) -> Plan {
    let asked = Directives::of_request(request);
    let served = stored.filter(|_| !asked.no_store).and_then(|facts| by_age(facts, &asked, relaxed, now));
    match served {
        Some(plan) => plan,
        None if asked.only_if_cached => Plan::Unavailable,
        None => Plan::Ask,
    }
}

/// How the stored response may be served without waiting for the server, if it may.
fn by_age(facts: &Facts, asked: &Directives, relaxed: bool, now: Timestamp) -> Option<Plan> {
    let age = age(facts, now);
    // An age of zero is no age that somebody would want to be asked about, `max-age=0` all the same.
    let too_old = asked.max_age.is_some_and(|most| age > most || most.is_zero());
    if facts.validate_always || asked.no_cache || too_old {
        return None;
    }
    if age < facts.lifetime {
        let left = facts.lifetime.saturating_sub(age);
        return asked.min_fresh.is_none_or(|least| left >= least).then_some(Plan::Fresh);
    }
    let stale = age.saturating_sub(facts.lifetime);
    if facts.never_stale || asked.min_fresh.is_some() {
        return None;
    }
    if asked.max_stale.is_some_and(|most| stale <= most) {
        return Some(Plan::Stale);
    }
    // Somebody is to revalidate it; with `only-if-cached` nobody may.
    let revalidating = relaxed && !asked.only_if_cached && stale < facts.while_revalidate;
    revalidating.then_some(Plan::StaleWhileRevalidate)
}

/// RFC 5861 section 4: whether a stored response may be served in the stead of an error: no answer, or
/// a 500, 502, 503 or 504. The request may allow it as well as the response.
pub fn may_stand_in(facts: &Facts, request: &HeaderMap, status: Option<u16>, now: Timestamp) -> bool {
    let asked = Directives::of_request(request);
    let is_error = matches!(status, None | Some(500 | 502 | 503 | 504));
    let most = facts.if_error.max(asked.stale_if_error.unwrap_or_default());
    let stale = facts.staleness(now).unwrap_or_default();
    is_error && !facts.never_stale && !asked.no_cache && !asked.no_store && stale < most
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cache::policy::{Mode, Rules, facts, tests::headers};

    fn stored(said: &str) -> Facts {
        facts(&Rules::default(), 200, &headers(&[("cache-control", said)]), Timestamp(0), Timestamp(0))
    }

    /// `after` seconds later, somebody asks with this `Cache-Control`.
    fn check(said: &str, asked: &str, relaxed: bool, after: u64, expected: Plan) {
        let now = Timestamp(0) + Duration::from_secs(after);
        let plan = plan(Some(&stored(said)), &headers(&[("cache-control", asked)]), relaxed, now);
        assert_eq!(plan, expected, "{said} / {asked} after {after}");
    }

    #[test]
    fn fresh_until_the_time_is_over() {
        check("max-age=10", "", false, 9, Plan::Fresh);
        check("max-age=10", "", false, 10, Plan::Ask);
        check("max-age=0", "", false, 0, Plan::Ask);
        check("max-age=10, no-cache", "", false, 0, Plan::Ask);
        check("max-age=10, must-revalidate", "", false, 9, Plan::Fresh);
        assert_eq!(plan(None, &HeaderMap::new(), true, Timestamp(0)), Plan::Ask);
    }

    #[test]
    fn the_request_may_want_it_fresher() {
        check("max-age=10", "max-age=5", false, 5, Plan::Fresh);
        check("max-age=10", "max-age=5", false, 6, Plan::Ask);
        check("max-age=10", "max-age=0", false, 0, Plan::Ask);
        check("max-age=10", "min-fresh=5", false, 5, Plan::Fresh);
        check("max-age=10", "min-fresh=6", false, 5, Plan::Ask);
        check("max-age=10", "no-cache", false, 0, Plan::Ask);
        check("max-age=10", "no-store", false, 0, Plan::Ask);
    }

    #[test]
    fn the_request_may_do_with_stale() {
        check("max-age=10", "max-stale=5", false, 15, Plan::Stale);
        check("max-age=10", "max-stale=5", false, 16, Plan::Ask);
        check("max-age=10", "max-stale", false, 100_000, Plan::Stale);
        check("max-age=10, must-revalidate", "max-stale", false, 11, Plan::Ask);
        check("max-age=10, no-cache", "max-stale", false, 11, Plan::Ask);
        check("max-age=10", "max-stale, max-age=5", false, 11, Plan::Ask);
        check("max-age=10", "max-stale, min-fresh=1", false, 11, Plan::Ask);
    }

    #[test]
    fn only_what_is_at_hand() {
        check("max-age=10", "only-if-cached", false, 9, Plan::Fresh);
        check("max-age=10, stale-while-revalidate=60", "only-if-cached", true, 11, Plan::Unavailable);
        check("max-age=10", "only-if-cached, max-stale", false, 11, Plan::Stale);
        assert_eq!(plan(None, &headers(&[("cache-control", "only-if-cached")]), true, Timestamp(0)), Plan::Unavailable);
    }

    #[test]
    fn stale_while_somebody_revalidates() {
        check("max-age=10, stale-while-revalidate=5", "", true, 14, Plan::StaleWhileRevalidate);
        check("max-age=10, stale-while-revalidate=5", "", true, 15, Plan::Ask);
        check("max-age=10, stale-while-revalidate=5", "", false, 14, Plan::Ask);
        check("max-age=10, stale-while-revalidate=5, must-revalidate", "", true, 14, Plan::Ask);
    }

    #[test]
    fn in_an_errors_stead() {
        let check = |said: &str, asked: &str, status, after, expected| {
            let now = Timestamp(0) + Duration::from_secs(after);
            let may = may_stand_in(&stored(said), &headers(&[("cache-control", asked)]), status, now);
            assert_eq!(may, expected, "{said} / {asked} {status:?}");
        };
        check("max-age=1, stale-if-error=5", "", None, 5, true);
        check("max-age=1, stale-if-error=5", "", None, 6, false);
        check("max-age=1, stale-if-error=5", "", Some(503), 5, true);
        check("max-age=1, stale-if-error=5", "", Some(501), 5, false);
        check("max-age=1, stale-if-error=5", "", Some(404), 5, false);
        check("max-age=1", "stale-if-error=5", None, 5, true);
        check("max-age=1", "", None, 1, false);
        check("max-age=1, stale-if-error=5, must-revalidate", "stale-if-error=9", None, 5, false);
        check("max-age=1, stale-if-error=5", "no-cache", None, 5, false);
    }

    #[test]
    fn a_shared_cache_may_less() {
        let shared = Rules { mode: Mode::Shared, ..Rules::default() };
        for said in ["max-age=1, proxy-revalidate", "s-maxage=1"] {
            let facts = facts(&shared, 200, &headers(&[("cache-control", said)]), Timestamp(0), Timestamp(0));
            let asked = headers(&[("cache-control", "max-stale")]);
            assert_eq!(plan(Some(&facts), &asked, true, Timestamp(5_000_000)), Plan::Ask, "{said}");
        }
    }
}
