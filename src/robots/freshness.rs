//! For how long an answer is good, as its HTTP caching says (RFC 9111 sections 4.2 and 5.2.2), which
//! RFC 9309 section 2.4 lets a crawler follow.
//!
//! Within bounds: never longer than `robots.max_age`, never shorter than [`MIN_MAX_AGE`] (or
//! `robots.max_age`, if that is shorter), or a site that forbids caching would have its robots.txt
//! asked for with every page. An answer that says nothing is good for `robots.max_age`. Deliberately
//! not: heuristics from `Last-Modified`, and validators.

use std::time::{Duration, UNIX_EPOCH};

use http::{
    HeaderMap,
    header::{AGE, CACHE_CONTROL, DATE, EXPIRES, HeaderName},
};

use crate::clock::Timestamp;

/// Shortest time for which a robots.txt is gone by, whatever its caching says.
pub const MIN_MAX_AGE: Duration = Duration::from_secs(5 * 60);

/// How long an answer that arrived at `now` is good.
pub(super) fn lifetime(headers: &HeaderMap, now: Timestamp, max_age: Duration) -> Duration {
    asked(headers, now).map_or(max_age, |asked| asked.max(MIN_MAX_AGE).min(max_age))
}

/// What its header asks for.
fn asked(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let directives = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let mut said: Option<Duration> = None;
    for directive in directives.flat_map(|value| value.split(',')) {
        let (name, value) = directive.split_once('=').map_or((directive, ""), |(name, value)| (name, value));
        match name.trim().to_ascii_lowercase().as_str() {
            // `no-cache="Set-Cookie"` speaks of a field only.
            "no-store" | "no-cache" if value.is_empty() => return Some(Duration::ZERO),
            // The first one counts, or the shorter; RFC 9111 section 4.2.1 leaves the choice.
            "max-age" => {
                let seconds = delta_seconds(value.trim().trim_matches('"')).unwrap_or_default();
                said = Some(said.map_or(seconds, |said| said.min(seconds)));
            }
            _ => {}
        }
    }
    let date = |name: HeaderName| {
        let date = httpdate::parse_http_date(headers.get(name)?.to_str().ok()?.trim()).ok()?;
        date.duration_since(UNIX_EPOCH).ok()
    };
    let lasts = match said {
        Some(said) => said,
        None => {
            headers.get(EXPIRES)?;
            // What is no date has expired (section 5.3).
            let from = date(DATE).unwrap_or(Duration::from_micros(now.0));
            date(EXPIRES).map_or(Duration::ZERO, |until| until.saturating_sub(from))
        }
    };
    let age = headers.get(AGE).and_then(|age| delta_seconds(age.to_str().ok()?.trim())).unwrap_or_default();
    Some(lasts.saturating_sub(age))
}

/// RFC 9111 section 1.2.2: more than fits is "very long".
fn delta_seconds(text: &str) -> Option<Duration> {
    let is_number = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    is_number.then(|| Duration::from_secs(text.parse().unwrap_or(u64::from(u32::MAX))))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    /// 1994-11-15T08:12:31Z.
    const NOW: Timestamp = Timestamp(784_887_151_000_000);
    const DAY: u64 = 86_400;

    #[track_caller]
    fn check(fields: &[(&str, &str)], seconds: u64) {
        let headers: HeaderMap = fields
            .iter()
            .map(|(name, value)| {
                let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
                (name, HeaderValue::from_str(value).expect("a value"))
            })
            .collect();
        assert_eq!(lifetime(&headers, NOW, Duration::from_secs(DAY)).as_secs(), seconds, "{fields:?}");
    }

    #[test]
    fn as_caching_says_within_bounds() {
        check(&[], DAY);
        check(&[("cache-control", "public")], DAY);
        check(&[("cache-control", "public, Max-Age=3600")], 3600);
        check(&[("cache-control", "max-age=3600"), ("age", "600")], 3000);
        check(&[("cache-control", "max-age=99999999999999999999")], DAY);
        check(&[("cache-control", "max-age=7200, max-age=\"3600\"")], 3600);
        for short in ["no-store", "no-cache, max-age=3600", "max-age=0", "max-age=-1", "max-age=soon", "max-age=60"] {
            check(&[("cache-control", short)], 300);
        }
        check(&[("cache-control", "no-cache=\"set-cookie\", max-age=3600")], 3600);
        check(&[("expires", "Tue, 15 Nov 1994 09:12:31 GMT")], 3600);
        check(&[("expires", "Tue, 15 Nov 1994 09:12:31 GMT"), ("date", "Tue, 15 Nov 1994 08:42:31 GMT")], 1800);
        check(&[("expires", "0")], 300);
        check(&[("expires", "0"), ("cache-control", "max-age=3600")], 3600);
    }

    #[test]
    fn a_short_max_age_is_the_floor() {
        let headers = HeaderMap::from_iter([(CACHE_CONTROL, HeaderValue::from_static("no-store"))]);
        assert_eq!(lifetime(&headers, NOW, Duration::from_secs(1)), Duration::from_secs(1));
    }

    proptest! {
        #[test]
        fn any_values_are_bounded(value in "[ -~]{0,40}") {
            for name in [CACHE_CONTROL, EXPIRES, AGE, DATE] {
                let headers = HeaderMap::from_iter([(name, HeaderValue::from_str(&value).expect("visible"))]);
                let lasts = lifetime(&headers, NOW, Duration::from_secs(DAY)).as_secs();
                prop_assert!((300..=DAY).contains(&lasts));
            }
        }
    }
}
