//! Which answers are worth another attempt, and when: one pure table.
//!
//! No clock and no chance: the time and the jitter are handed in. How many attempts there are and
//! how long a server's wish is honoured are the caller's; [`super::FetchError::is_retryable`] is the
//! same question for exchanges without an answer.

use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, header::RETRY_AFTER};

use crate::clock::Timestamp;

/// What a status code means for what comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusClass {
    /// 2xx: the body is what was asked for.
    Success,
    /// 3xx; `redirect::redirect_target` knows whether it leads anywhere.
    Redirect,
    /// The server asks for a slower pace: 429 (RFC 6585 section 4) and 503 (RFC 9110 section 15.6.4).
    Throttled,
    /// The same request may succeed later: 408, 425, 500, 502, 504.
    Transient,
    /// Asking again won't help: everything else.
    Final,
}

impl StatusClass {
    /// Whether another attempt is worth it.
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::Throttled | Self::Transient)
    }

    /// Whether the whole host is to be left in peace for a while, and not this URL alone.
    pub fn slows_host(self) -> bool {
        self == Self::Throttled
    }
}

/// The class of a status code.
pub fn classify(status: u16) -> StatusClass {
    match status {
        200..=299 => StatusClass::Success,
        300..=399 => StatusClass::Redirect,
        429 | 503 => StatusClass::Throttled,
        408 | 425 | 500 | 502 | 504 => StatusClass::Transient,
        _ => StatusClass::Final,
    }
}

/// How long the server asks to be left alone (RFC 9110 section 10.2.3): seconds or an HTTP date.
///
/// A date that has passed is zero; nonsense is `None`. Unbounded: the caller cuts it to what it is
/// willing to wait.
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit mean "very long", which is what the caller's bound is for.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::from(u32::MAX))));
    }
    let date = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(date.saturating_sub(Duration::from_micros(now.0)))
}

/// How long to wait before attempt number `attempt + 1`, after `attempt` failures (from 1): a random
/// share of a pause that doubles each time ("full jitter"; Brooker, *Exponential Backoff And Jitter*).
///
/// `jitter` is that share, from 0 to 1; the result is never more than `max`.
pub fn backoff(base: Duration, max: Duration, attempt: u32, jitter: f64) -> Duration {
    let doublings = attempt.saturating_sub(1).min(31);
    let pause = base.saturating_mul(1 << doublings).min(max);
    // `clamp` passes NaN on, and `mul_f64` would panic on it.
    let share = if jitter.is_nan() { 1.0 } else { jitter.clamp(0.0, 1.0) };
    pause.mul_f64(share).min(max)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn classes() {
        for (status, class) in [
            (200, StatusClass::Success),
            (206, StatusClass::Success),
            (301, StatusClass::Redirect),
            (304, StatusClass::Redirect),
            (404, StatusClass::Final),
            (403, StatusClass::Final),
            (408, StatusClass::Transient),
            (425, StatusClass::Transient),
            (429, StatusClass::Throttled),
            (500, StatusClass::Transient),
            (501, StatusClass::Final),
            (502, StatusClass::Transient),
            (503, StatusClass::Throttled),
            (504, StatusClass::Transient),
            (599, StatusClass::Final),
            (999, StatusClass::Final),
        ] {
            assert_eq!(classify(status), class, "{status}");
        }
        assert!(classify(503).is_retryable() && classify(503).slows_host());
        assert!(classify(500).is_retryable() && !classify(500).slows_host());
        assert!(!classify(404).is_retryable());
    }

    fn check_retry_after(value: &'static str, expected: Option<u64>) {
        // 1994-11-15T08:12:31Z, the date in RFC 9110's examples.
        let now = Timestamp(784_887_151_000_000);
        let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(value))]);
        assert_eq!(retry_after(&headers, now), expected.map(Duration::from_secs), "{value}");
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        check_retry_after("120", Some(120));
        check_retry_after(" 0 ", Some(0));
        check_retry_after("99999999999999999999999", Some(u64::from(u32::MAX)));
        check_retry_after("Tue, 15 Nov 1994 08:13:31 GMT", Some(60));
        check_retry_after("Tuesday, 15-Nov-94 08:13:31 GMT", Some(60));
        check_retry_after("Tue, 15 Nov 1994 08:00:00 GMT", Some(0));
        check_retry_after("soon", None);
        check_retry_after("-5", None);
        check_retry_after("1.5", None);
        check_retry_after("", None);
        assert_eq!(retry_after(&HeaderMap::new(), Timestamp(0)), None);
    }

    #[test]
    fn backoff_doubles_up_to_its_bound() {
        let (base, max) = (Duration::from_secs(2), Duration::from_secs(60));
        let full: Vec<_> = (0..8).map(|n| backoff(base, max, n, 1.0).as_secs()).collect();
        assert_eq!(full, [2, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(backoff(base, max, 3, 0.5), Duration::from_secs(4));
        assert_eq!(backoff(base, max, 3, 0.0), Duration::ZERO);
        assert_eq!(backoff(base, max, u32::MAX, 1.0), max);
        assert_eq!(backoff(Duration::MAX, Duration::MAX, u32::MAX, 0.0), Duration::ZERO);
        for odd in [f64::NAN, f64::INFINITY, -1.0, 7.0] {
            assert!(backoff(base, max, 9, odd) <= max);
        }
    }
}
