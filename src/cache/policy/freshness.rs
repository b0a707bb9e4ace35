//! How long a response is fresh, and how old it is: RFC 9111 sections 4.2.1 to 4.2.3.
//!
//! Not decided here: what follows from being stale (`reuse`).

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use httpdate::HttpDate;

use super::{
    Facts, Mode, Rules,
    directives::Directives,
    storing::{detached, is_cacheable_by_default},
};
use crate::clock::Timestamp;

/// A guess at freshness is this part of the time since the last change (RFC 9111 section 4.2.2 names
/// a tenth).
const HEURISTIC_DIVISOR: u32 = 10;

/// RFC 9111 section 4.2.4: by these the server says that stale is of no use, whoever would allow it.
fn forbids_stale(rules: &Rules, said: &Directives) -> bool {
    let shared = rules.mode == Mode::Shared && (said.proxy_revalidate || said.s_maxage.is_some());
    said.must_revalidate || said.no_cache || shared
}

/// What matters of a response with `status` and `headers` that was asked for and came at these times.
pub fn facts(rules: &Rules, status: u16, headers: &HeaderMap, asked_at: Timestamp, received_at: Timestamp) -> Facts {
    let said = Directives::of(headers);
    let obeyed = !rules.ignore_server;
    let (initial_age, lifetime) = match rules.ttl {
        // The override counts from when we got it.
        Some(ttl) => (Duration::ZERO, if may_be_fresh_by_ttl(status, headers, &said) { ttl } else { Duration::ZERO }),
        None => (initial_age(headers, asked_at, received_at), lifetime(rules, status, headers, &said, received_at)),
    };
    let text =
        |name: HeaderName| headers.get(name).filter(|value| !value.as_bytes().trim_ascii().is_empty()).map(detached);
    Facts {
        received_at,
        initial_age,
        lifetime,
        validate_always: obeyed && said.no_cache,
        never_stale: obeyed && forbids_stale(rules, &said),
        while_revalidate: said.stale_while_revalidate.unwrap_or_default(),
        if_error: said.stale_if_error.unwrap_or_default(),
        etag: text(header::ETAG),
        last_modified: text(header::LAST_MODIFIED).filter(|value| http_date(value).is_some()),
    }
}

/// RFC 9111 section 4.2.3, `current_age`.
pub fn age(facts: &Facts, now: Timestamp) -> Duration {
    facts.initial_age.saturating_add(now.since(facts.received_at))
}

/// An error is not made fresh by a fixed lifetime, unless its server says that it may be kept.
fn may_be_fresh_by_ttl(status: u16, headers: &HeaderMap, said: &Directives) -> bool {
    is_cacheable_by_default(status) || said.public || said.max_age.is_some() || headers.contains_key(header::EXPIRES)
}

/// RFC 9111 section 4.2.3: what `Date` says, or what `Age` says and the time it took, whichever is more.
fn initial_age(headers: &HeaderMap, asked_at: Timestamp, received_at: Timestamp) -> Duration {
    let apparent = date_of(headers, header::DATE).map(|date| received_at.since(date)).unwrap_or_default();
    let corrected = age_value(headers).unwrap_or_default().saturating_add(received_at.since(asked_at));
    apparent.max(corrected)
}

/// RFC 9111 section 5.1: the first member counts, and one that is no number is not there.
fn age_value(headers: &HeaderMap) -> Option<Duration> {
    let first = headers.get(header::AGE)?.as_bytes().split(|&byte| byte == b',').next()?;
    super::directives::delta_seconds(first.trim_ascii())
}

fn lifetime(rules: &Rules, status: u16, headers: &HeaderMap, said: &Directives, received_at: Timestamp) -> Duration {
    if let Some(s_maxage) = said.s_maxage.filter(|_| rules.mode == Mode::Shared) {
        return s_maxage;
    }
    if let Some(max_age) = said.max_age {
        return max_age;
    }
    let date = date_of(headers, header::DATE).unwrap_or(received_at);
    if headers.contains_key(header::EXPIRES) {
        // Several lines, or one that is no date, mean that it has expired (RFC 9111 section 5.3).
        return date_of(headers, header::EXPIRES).map(|expires| expires.since(date)).unwrap_or_default();
    }
    if !is_cacheable_by_default(status) && !said.public {
        return Duration::ZERO;
    }
    let unchanged = date_of(headers, header::LAST_MODIFIED).map(|last| date.since(last)).unwrap_or_default();
    (unchanged / HEURISTIC_DIVISOR).min(rules.heuristic_max)
}

/// The date in a field that may be there once only.
pub(super) fn date_of(headers: &HeaderMap, name: HeaderName) -> Option<Timestamp> {
    let mut lines = headers.get_all(name).iter();
    let date = lines.next().and_then(http_date)?;
    lines.next().is_none().then_some(date)
}

/// Any of the three formats of RFC 9110 section 5.6.7.
pub(super) fn http_date(value: &HeaderValue) -> Option<Timestamp> {
    let date: HttpDate = value.to_str().ok()?.parse().ok()?;
    let since = std::time::SystemTime::from(date).duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(Timestamp(0) + since)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::policy::tests::headers;

    /// Wed, 01 Jan 2020 00:00:00 GMT.
    const NOW: Timestamp = Timestamp(1_577_836_800_000_000);

    fn check(rules: Rules, status: u16, fields: &[(&str, &str)], age: u64, lifetime: u64) {
        let facts = facts(&rules, status, &headers(fields), NOW - Duration::from_secs(2), NOW);
        let secs = (facts.initial_age.as_secs(), facts.lifetime.as_secs());
        assert_eq!(secs, (age, lifetime), "{status} {fields:?}");
    }

    const DATE: (&str, &str) = ("date", "Wed, 01 Jan 2020 00:00:00 GMT");
    const LAST_WEEK: (&str, &str) = ("last-modified", "Wed, 25 Dec 2019 00:00:00 GMT");

    #[test]
    fn lifetimes() {
        let private = Rules::default();
        let shared = Rules { mode: Mode::Shared, ..private };
        let both = ("cache-control", "max-age=5, s-maxage=7");
        check(private, 200, &[both], 2, 5);
        check(shared, 200, &[both], 2, 7);
        check(private, 200, &[DATE, ("expires", "Wed, 01 Jan 2020 00:01:00 GMT")], 2, 60);
        check(private, 200, &[DATE, ("expires", "Wednesday, 01-Jan-20 00:01:00 GMT")], 2, 60);
        check(private, 200, &[DATE, ("expires", "0")], 2, 0);
        check(private, 200, &[DATE, ("expires", "Tue, 31 Dec 2019 00:01:00 GMT"), LAST_WEEK], 2, 0);
        check(private, 200, &[both, ("expires", "0")], 2, 5);
        check(private, 200, &[DATE, LAST_WEEK], 2, 60_480);
        check(private, 200, &[DATE, ("last-modified", "Tue, 25 Dec 2001 00:00:00 GMT")], 2, 86_400);
        check(private, 200, &[DATE, ("last-modified", "Thu, 25 Dec 2031 00:00:00 GMT")], 2, 0);
        check(private, 500, &[DATE, LAST_WEEK], 2, 0);
        check(private, 500, &[DATE, LAST_WEEK, ("cache-control", "public")], 2, 60_480);
        check(private, 200, &[], 2, 0);
    }

    #[test]
    fn ages() {
        let private = Rules::default();
        check(private, 200, &[("age", "10")], 12, 0);
        check(private, 200, &[("age", "10, 20"), ("age", "30")], 12, 0);
        for none in ["-1", "x", "1.0", "", "10;a"] {
            check(private, 200, &[("age", none)], 2, 0);
        }
        check(private, 200, &[("age", "10"), ("date", "Tue, 31 Dec 2019 23:00:00 GMT")], 3600, 0);
        check(private, 200, &[("age", "10"), ("date", "Wed, 01 Jan 2020 01:00:00 GMT")], 12, 0);
    }

    #[test]
    fn a_fixed_lifetime_is_instead_of_all_that() {
        let fixed = Rules { ttl: Some(Duration::from_secs(60)), ..Rules::default() };
        check(fixed, 200, &[("age", "1000"), ("cache-control", "max-age=5"), ("expires", "0")], 0, 60);
        check(fixed, 404, &[], 0, 60);
        check(fixed, 503, &[], 0, 0);
        check(fixed, 503, &[("cache-control", "max-age=5")], 0, 60);
    }
}
