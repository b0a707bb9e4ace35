//! Trying again: what came of one request, and what that means for its URL and its host, in one pure
//! table, [`judge`]. Pages, sitemaps and robots.txt go by it.
//!
//! No clock and no chance: the time and the jitter are handed in. How many attempts there are, and for
//! how long a server's wish is honoured, is the caller's. docs/POLITENESS.md prints the table; a test
//! compares the two.

use std::time::{Duration, UNIX_EPOCH};

use http::{
    HeaderMap,
    header::{DATE, RETRY_AFTER},
};

use super::{ErrorKind, FetchError, Phase, Response, Truncation};
use crate::clock::Timestamp;

/// What came of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happened {
    /// An answer, whole or not.
    Answer {
        /// Its status.
        status: u16,
        /// Why its body is not whole.
        cut: Option<Truncation>,
    },
    /// None.
    Failure {
        /// What went wrong.
        kind: ErrorKind,
        /// Where.
        phase: Phase,
    },
}

impl From<&Response> for Happened {
    fn from(response: &Response) -> Self {
        Self::Answer { status: response.status, cut: response.truncated }
    }
}

impl From<&FetchError> for Happened {
    fn from(error: &FetchError) -> Self {
        Self::Failure { kind: error.kind, phase: error.phase }
    }
}

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A page, a sitemap: anything whose URL waits in a queue.
    Page,
    /// A robots.txt. RFC 9309 section 2.3.1 has its own word for what is unreachable, and the request
    /// for it has no pause but its host's.
    RobotsTxt,
}

/// What that means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meaning {
    /// For the URL.
    pub url: ForUrl,
    /// For its host.
    pub host: ForHost,
}

/// What it means for the URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForUrl {
    /// This is its end: asking again would not help.
    Final,
    /// The same request may succeed later.
    Again,
}

/// What it means for the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForHost {
    /// It was not asked: nothing is owed to it, and nothing is known of it.
    Unasked,
    /// It is well.
    Fine,
    /// It answered, and badly: that may be this URL's fault, so no pause, but it counts.
    Faulty,
    /// It failed: it is left in peace for a while.
    Trouble,
    /// It asks for a pause.
    SlowDown,
}

/// The table.
pub fn judge(purpose: Purpose, happened: Happened) -> Meaning {
    let meaning = match happened {
        Happened::Answer { status, cut } => of_answer(status, cut),
        Happened::Failure { kind, phase } => of_failure(kind, phase),
    };
    match purpose {
        Purpose::Page => meaning,
        Purpose::RobotsTxt => of_robots(meaning, happened),
    }
}

/// Whether the body is what was asked for.
pub fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

fn of_answer(status: u16, cut: Option<Truncation>) -> Meaning {
    let (url, host) = match status {
        // The status says enough by itself where it is no success.
        200..=299 => match cut {
            Some(cut) if cut.failure().is_some() => (ForUrl::Again, ForHost::Fine),
            _ => (ForUrl::Final, ForHost::Fine),
        },
        // RFC 6585 section 4, RFC 9110 section 15.6.4: the server asks for a slower pace.
        429 | 503 => (ForUrl::Again, ForHost::SlowDown),
        // A gateway that has nobody behind it.
        502 | 504 => (ForUrl::Again, ForHost::Trouble),
        // RFC 9110 sections 15.5.9 and 15.6.1, RFC 8470 section 5.2.
        408 | 425 | 500 => (ForUrl::Again, ForHost::Faulty),
        501.. => (ForUrl::Final, ForHost::Faulty),
        _ => (ForUrl::Final, ForHost::Fine),
    };
    Meaning { url, host }
}

fn of_failure(kind: ErrorKind, phase: Phase) -> Meaning {
    let (url, host) = match kind {
        ErrorKind::AddressRefused | ErrorKind::PortRefused => (ForUrl::Final, ForHost::Unasked),
        ErrorKind::Dns | ErrorKind::Connect | ErrorKind::Timeout => (ForUrl::Again, ForHost::Trouble),
        // Certificates and versions don't change in a minute.
        ErrorKind::Tls => (ForUrl::Final, ForHost::Trouble),
        // A GET may be sent again wherever its answer broke off (RFC 9110 section 9.2.2).
        ErrorKind::Closed => (ForUrl::Again, ForHost::Faulty),
        ErrorKind::Protocol | ErrorKind::Internal => (ForUrl::Final, ForHost::Faulty),
        ErrorKind::Proxy => (ForUrl::Again, ForHost::Unasked),
        ErrorKind::Busy if phase == Phase::Resolve => (ForUrl::Again, ForHost::Unasked),
        ErrorKind::Busy => (ForUrl::Again, ForHost::Fine),
    };
    Meaning { url, host }
}

/// Of a robots.txt, 4xx say that there is none and all that is no answer, or 5xx, that it may be there.
fn of_robots(meaning: Meaning, happened: Happened) -> Meaning {
    let url = match happened {
        Happened::Answer { status: 500.., .. } => ForUrl::Again,
        Happened::Answer { status: 408 | 425, .. } => ForUrl::Final,
        _ => meaning.url,
    };
    let host = match (url, meaning.host) {
        (ForUrl::Again, ForHost::Faulty) => ForHost::Trouble,
        (ForUrl::Again, ForHost::Unasked) => ForHost::Fine,
        (_, host) => host,
    };
    Meaning { url, host }
}

/// How long the server asks to be left alone (RFC 9110 section 10.2.3): seconds or an HTTP date, which is
/// compared with the answer's own `Date`, if it has one, so that a clock that is wrong does no harm.
///
/// A date that has passed is zero; nonsense is `None`. Unbounded: the caller cuts it to what it is
/// willing to wait.
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit mean "very long", which is what the caller's bound is for.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::from(u32::MAX))));
    }
    let date = |text: &str| httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok();
    let said_at = headers.get(DATE).and_then(|value| date(value.to_str().ok()?.trim()));
    Some(date(text)?.saturating_sub(said_at.unwrap_or(Duration::from_micros(now.0))))
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

    const CUTS: [Truncation; 6] = [
        Truncation::BodyLimit,
        Truncation::DecodeRatio,
        Truncation::Incomplete,
        Truncation::Timeout,
        Truncation::TooSlow,
        Truncation::Busy,
    ];
    const PHASES: [Phase; 4] = [Phase::Resolve, Phase::Connect, Phase::Head, Phase::Body];

    /// Every kind: a new one does not compile until it has its place here.
    fn after(kind: ErrorKind) -> Option<ErrorKind> {
        match kind {
            ErrorKind::AddressRefused => Some(ErrorKind::PortRefused),
            ErrorKind::PortRefused => Some(ErrorKind::Dns),
            ErrorKind::Dns => Some(ErrorKind::Connect),
            ErrorKind::Connect => Some(ErrorKind::Tls),
            ErrorKind::Tls => Some(ErrorKind::Timeout),
            ErrorKind::Timeout => Some(ErrorKind::Closed),
            ErrorKind::Closed => Some(ErrorKind::Protocol),
            ErrorKind::Protocol => Some(ErrorKind::Busy),
            ErrorKind::Busy => Some(ErrorKind::Proxy),
            ErrorKind::Proxy => Some(ErrorKind::Internal),
            ErrorKind::Internal => None,
        }
    }

    fn cells(happened: Happened) -> String {
        let words = |Meaning { url, host }| {
            let host = match host {
                ForHost::Unasked => "not asked",
                ForHost::Fine => "well",
                ForHost::Faulty => "an error",
                ForHost::Trouble => "in trouble",
                ForHost::SlowDown => "slow down",
            };
            format!("{} | {host}", if url == ForUrl::Again { "again" } else { "final" })
        };
        format!("{} | {}", words(judge(Purpose::Page, happened)), words(judge(Purpose::RobotsTxt, happened)))
    }

    /// The whole table: neighbours that mean the same are one line.
    fn table() -> String {
        let mut rows: Vec<(String, String)> = Vec::new();
        let mut from = 100;
        while from < 1000 {
            let of = |status| cells(Happened::Answer { status, cut: None });
            let to = (from..1000).take_while(|status| of(*status) == of(from)).last().expect("itself");
            rows.push((if from == to { format!("{from}") } else { format!("{from} to {to}") }, of(from)));
            from = to + 1;
        }
        for cut in CUTS {
            rows.push((format!("2xx, `{}`", cut.as_str()), cells(Happened::Answer { status: 200, cut: Some(cut) })));
        }
        let mut next = Some(ErrorKind::AddressRefused);
        while let Some(kind) = next {
            let of = |phase: &Phase| cells(Happened::Failure { kind, phase: *phase });
            for alike in PHASES.chunk_by(|one, other| of(one) == of(other)) {
                let phases: Vec<String> = alike.iter().map(|phase| format!("{phase:?}").to_lowercase()).collect();
                let phases = if alike == PHASES { String::new() } else { format!(" ({})", phases.join(", ")) };
                rows.push((format!("`{}`{phases}", kind.as_str()), of(&alike[0])));
            }
            next = after(kind);
        }
        let head = "| what came | page | its host | robots.txt | its host |\n|---|---|---|---|---|\n";
        rows.iter().fold(head.to_owned(), |table, (what, cells)| table + &format!("| {what} | {cells} |\n"))
    }

    #[test]
    fn the_table_is_the_one_in_the_documentation() {
        let page = include_str!("../../docs/POLITENESS.md");
        let table = table();
        assert!(page.contains(&table), "docs/POLITENESS.md should hold this table:\n{table}");
    }

    #[test]
    fn a_status_that_is_no_success_says_enough_without_its_body() {
        for cut in CUTS {
            for status in (100..200).chain(300..1000) {
                for purpose in [Purpose::Page, Purpose::RobotsTxt] {
                    let of = |cut| judge(purpose, Happened::Answer { status, cut });
                    assert_eq!(of(Some(cut)), of(None), "{status} {cut:?}");
                }
            }
        }
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
    fn a_date_is_compared_with_the_clock_that_it_was_read_from() {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static("Tue, 15 Nov 1994 08:13:31 GMT"));
        headers.insert(DATE, HeaderValue::from_static("Tue, 15 Nov 1994 08:12:31 GMT"));
        for now in [0, 784_887_151_000_000, u64::MAX / 2] {
            assert_eq!(retry_after(&headers, Timestamp(now)), Some(Duration::from_secs(60)));
        }
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
