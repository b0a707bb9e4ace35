//! `Cache-Control` (RFC 9111 section 5.2) and `Pragma`: from foreign bytes to directives.
//!
//! Names are compared without case, values may be tokens or quoted strings, members may be empty, and
//! a directive that can't be understood takes nobody along. What counts is decided to the safe side: a
//! number that is none, or two different ones, are no time at all. Fields are read up to
//! [`MAX_BYTES`]; what would be cut is read as `no-store`, because nobody knows what it said.

use std::time::Duration;

use http::{HeaderMap, HeaderName, header};

/// The most bytes of all `Cache-Control` lines together that are read.
pub const MAX_BYTES: usize = 16 << 10;
/// Times are cut to this: RFC 9111 section 1.2.2 asks for 2^31 at least, in seconds.
pub const MAX_DELTA: u64 = 1 << 31;

/// The directives of one message; those that are not understood are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directives {
    /// Whether there was any `Cache-Control` line.
    pub is_present: bool,
    /// `no-store`.
    pub no_store: bool,
    /// `no-cache` without field names.
    pub no_cache: bool,
    /// The field names of `no-cache="…"`.
    pub no_cache_fields: Vec<HeaderName>,
    /// `private` without field names.
    pub private: bool,
    /// The field names of `private="…"`.
    pub private_fields: Vec<HeaderName>,
    /// `public`.
    pub public: bool,
    /// `must-revalidate`.
    pub must_revalidate: bool,
    /// `proxy-revalidate`.
    pub proxy_revalidate: bool,
    /// `must-understand`.
    pub must_understand: bool,
    /// `only-if-cached`.
    pub only_if_cached: bool,
    /// `max-age`; zero if it is there and makes no sense.
    pub max_age: Option<Duration>,
    /// `s-maxage`, likewise.
    pub s_maxage: Option<Duration>,
    /// `min-fresh`; a time that makes no sense is the longest.
    pub min_fresh: Option<Duration>,
    /// `max-stale`; without a value, the longest time.
    pub max_stale: Option<Duration>,
    /// `stale-while-revalidate`.
    pub stale_while_revalidate: Option<Duration>,
    /// `stale-if-error`.
    pub stale_if_error: Option<Duration>,
}

/// The longest time there is.
const FOREVER: Duration = Duration::from_secs(MAX_DELTA);

impl Directives {
    /// Of all `Cache-Control` lines.
    pub fn of(headers: &HeaderMap) -> Self {
        let mut found = Self::default();
        let mut left = MAX_BYTES;
        for line in headers.get_all(header::CACHE_CONTROL) {
            found.is_present = true;
            match left.checked_sub(line.len()) {
                Some(rest) => left = rest,
                None => {
                    found.no_store = true;
                    break;
                }
            }
            for (name, value) in members(line.as_bytes()) {
                found.add(&name.to_ascii_lowercase(), value.as_ref());
            }
        }
        found
    }

    /// Of a request: without `Cache-Control`, `Pragma: no-cache` stands for `no-cache` (RFC 9111
    /// section 5.4).
    pub fn of_request(headers: &HeaderMap) -> Self {
        let mut found = Self::of(headers);
        let pragma = || headers.get_all(header::PRAGMA).iter().flat_map(|line| members(line.as_bytes()));
        if !found.is_present && pragma().any(|(name, _)| name.eq_ignore_ascii_case(b"no-cache")) {
            found.no_cache = true;
        }
        found
    }

    fn add(&mut self, name: &[u8], value: Option<&Value>) {
        match name {
            b"no-store" => self.no_store = true,
            b"no-cache" => qualified(value, &mut self.no_cache, &mut self.no_cache_fields),
            b"private" => qualified(value, &mut self.private, &mut self.private_fields),
            b"public" => self.public = true,
            b"must-revalidate" => self.must_revalidate = true,
            b"proxy-revalidate" => self.proxy_revalidate = true,
            b"must-understand" => self.must_understand = true,
            b"only-if-cached" => self.only_if_cached = true,
            b"max-age" => least(&mut self.max_age, seconds(value)),
            b"s-maxage" => least(&mut self.s_maxage, seconds(value)),
            b"stale-while-revalidate" => least(&mut self.stale_while_revalidate, seconds(value)),
            b"stale-if-error" => least(&mut self.stale_if_error, seconds(value)),
            b"max-stale" if value.is_none() => least(&mut self.max_stale, Some(FOREVER)),
            b"max-stale" => least(&mut self.max_stale, seconds(value)),
            b"min-fresh" => self.min_fresh = self.min_fresh.max(Some(seconds(value).unwrap_or(FOREVER))),
            _ => {}
        }
    }
}

/// A directive's value.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    /// A token, or what is said to be a quoted string, without its quotes.
    Text(Vec<u8>),
    /// Neither: white space around the `=`, an unfinished string, something after one.
    Broken,
}

/// Two different times are none (RFC 9111 section 4.2.1 calls such a response stale); one that is no
/// time is none either.
fn least(slot: &mut Option<Duration>, value: Option<Duration>) {
    let value = value.unwrap_or_default();
    *slot = Some(match *slot {
        Some(known) if known != value => Duration::ZERO,
        _ => value,
    });
}

/// RFC 9111 section 1.2.2: digits only; more than fits is the longest time.
fn seconds(value: Option<&Value>) -> Option<Duration> {
    match value? {
        Value::Text(text) => delta_seconds(text),
        Value::Broken => None,
    }
}

/// `delta-seconds`: digits only, cut to [`MAX_DELTA`].
pub(super) fn delta_seconds(text: &[u8]) -> Option<Duration> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = text.iter().fold(0u64, |sum, digit| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
    Some(Duration::from_secs(number.min(MAX_DELTA)))
}

/// With field names the directive concerns those fields only (RFC 9111 sections 5.2.2.4, 5.2.2.7); with
/// something else, or a name that is none, the whole response.
fn qualified(value: Option<&Value>, whole: &mut bool, fields: &mut Vec<HeaderName>) {
    let Some(Value::Text(text)) = value else {
        *whole = true;
        return;
    };
    let names = || text.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|name| !name.is_empty());
    let parsed: Result<Vec<_>, _> = names().map(HeaderName::from_bytes).collect();
    match parsed {
        Ok(parsed) if !parsed.is_empty() => fields.extend(parsed),
        _ => *whole = true,
    }
}

/// The members of a list of directives: names as written, without white space around them.
fn members(line: &[u8]) -> impl Iterator<Item = (&[u8], Option<Value>)> {
    let mut rest = line;
    std::iter::from_fn(move || {
        loop {
            if rest.is_empty() {
                return None;
            }
            let (member, after) = rest.split_at(end_of_member(rest));
            rest = after.strip_prefix(b",").unwrap_or(after);
            let member = member.trim_ascii();
            if !member.is_empty() {
                return Some(directive(member));
            }
        }
    })
}

/// Up to the comma that is not inside a quoted string.
fn end_of_member(text: &[u8]) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    for (at, &byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' if !quoted => return at,
            _ => {}
        }
    }
    text.len()
}

fn directive(member: &[u8]) -> (&[u8], Option<Value>) {
    let Some(at) = member.iter().position(|&byte| byte == b'=') else { return (member, None) };
    let (name, value) = (&member[..at], &member[at + 1..]);
    let value = if name.ends_with(b" ") || name.ends_with(b"\t") { Value::Broken } else { unquoted(value) };
    (name.trim_ascii(), Some(value))
}

fn unquoted(value: &[u8]) -> Value {
    let Some(inside) = value.strip_prefix(b"\"") else {
        let is_token = value.iter().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b','));
        return if is_token { Value::Text(value.to_vec()) } else { Value::Broken };
    };
    let mut text = Vec::with_capacity(inside.len());
    let mut bytes = inside.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'"' if bytes.as_slice().is_empty() => return Value::Text(text),
            b'"' => return Value::Broken,
            b'\\' => text.extend(bytes.next()),
            _ => text.push(byte),
        }
    }
    Value::Broken
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn parsed(lines: &[&str]) -> Directives {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::CACHE_CONTROL, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        Directives::of(&headers)
    }

    #[test]
    fn max_age_in_every_spelling() {
        let check = |line: &str, expected: Option<u64>| {
            assert_eq!(parsed(&[line]).max_age, expected.map(Duration::from_secs), "{line}");
        };
        check("max-age=3600", Some(3600));
        check("MAX-age=\"3600\"", Some(3600));
        check(",, foo , max-age=007 ,", Some(7));
        check("a=\"max-age=1, \\\" x\", max-age=2", Some(2));
        check("max-age=99999999999999999999999999", Some(MAX_DELTA));
        check("max-age=5, max-age=5", Some(5));
        for none in ["max-age=5, max-age=6", "max-age", "max-age=", "max-age=-1", "max-age='1'", "max-age=1.0"] {
            check(none, Some(0));
        }
        for none in ["max-age =1", "max-age= 1", "max-age=\"1", "max-age=\"1\"2", "max-age=1 2", "max-age=\u{fc}"] {
            check(none, Some(0));
        }
        check("no-max-age=1", None);
        check("x=\"max-age=1", None);
    }

    #[test]
    fn flags_and_fields() {
        let said = parsed(&["No-Store, private=\"a, B\"", "no-cache=\"set-cookie\", public, only-if-cached"]);
        assert!(said.no_store && said.public && said.only_if_cached && said.is_present);
        assert!(!said.private && !said.no_cache);
        assert_eq!(said.private_fields, ["a", "b"]);
        assert_eq!(said.no_cache_fields, ["set-cookie"]);
        let broken = parsed(&["no-cache=\"a b\", private=\"\""]);
        assert!(broken.no_cache && broken.private, "what is not understood concerns everything");
    }

    #[test]
    fn requests_directives() {
        let said = parsed(&["max-stale, min-fresh=x"]);
        assert_eq!((said.max_stale, said.min_fresh), (Some(FOREVER), Some(FOREVER)));
        assert_eq!(parsed(&["max-stale=x"]).max_stale, Some(Duration::ZERO));
        let mut headers = HeaderMap::new();
        headers.insert(header::PRAGMA, HeaderValue::from_static("x, No-Cache"));
        assert!(Directives::of_request(&headers).no_cache);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(""));
        assert!(!Directives::of_request(&headers).no_cache, "Cache-Control comes before Pragma");
    }

    #[test]
    fn more_than_is_read_is_not_stored() {
        let long = format!("x=\"{}\"", "y".repeat(MAX_BYTES));
        assert!(parsed(&["max-age=3600", &long]).no_store);
    }

    proptest! {
        #[test]
        fn any_bytes_do(line in proptest::collection::vec(any::<u8>(), 0..80)) {
            let mut headers = HeaderMap::new();
            if let Ok(value) = HeaderValue::from_bytes(&line) {
                headers.append(header::CACHE_CONTROL, value);
            }
            let alone = Directives::of(&headers);
            // A line of its own is never spoilt by another line.
            headers.append(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            let both = Directives::of(&headers);
            prop_assert!(both.no_store);
            prop_assert_eq!(Directives { no_store: true, is_present: true, ..alone }, both);
        }
    }
}
