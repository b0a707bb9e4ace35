//! One `Set-Cookie` field, taken apart (RFC 6265bis section 5.6). Knows no host and no jar.

use super::{SameSite, date};
use crate::clock::Timestamp;

/// Longest name and value together, bytes.
pub(super) const MAX_PAIR_BYTES: usize = 4096;

/// Longest value of an attribute, bytes; longer ones are passed over.
const MAX_ATTRIBUTE_BYTES: usize = 1024;

/// Why a cookie is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Neither a name nor a value.
    #[error("it is empty")]
    Empty,
    /// A control character, or bytes that are not UTF-8.
    #[error("it holds a control character or is not UTF-8")]
    Characters,
    /// Name and value are too long.
    #[error("it is longer than {MAX_PAIR_BYTES} bytes")]
    Long,
    /// Its domain is not one of the host's.
    #[error("its domain is not the host's")]
    Domain,
    /// Its domain is a public suffix.
    #[error("its domain is a public suffix")]
    PublicSuffix,
    /// It is `Secure` and came over plain HTTP, or would cover one that is.
    #[error("it came over http, and it or what it would cover is secure")]
    Insecure,
    /// Its name's prefix, or `SameSite=None`, demands what it doesn't have.
    #[error("it does not keep what its prefix or SameSite=None demands")]
    Prefix,
}

/// What a server asked for.
#[derive(Default)]
pub(super) struct SetCookie<'a> {
    pub(super) name: &'a str,
    pub(super) value: &'a str,
    /// As given but for a leading dot; empty is none.
    pub(super) domain: &'a str,
    /// As given, if it begins with a slash.
    pub(super) path: Option<&'a str>,
    pub(super) secure: bool,
    pub(super) http_only: bool,
    pub(super) same_site: SameSite,
    expires: Option<Timestamp>,
    max_age: Option<i64>,
}

impl<'a> SetCookie<'a> {
    pub(super) fn parse(field: &'a [u8]) -> Result<Self, Rejection> {
        if field.iter().any(|&byte| byte != b'\t' && byte.is_ascii_control()) {
            return Err(Rejection::Characters);
        }
        let field = std::str::from_utf8(field).map_err(|_| Rejection::Characters)?;
        let (pair, attributes) = field.split_once(';').unwrap_or((field, ""));
        // Without a name, all of it is the value.
        let (name, value) = pair.split_once('=').unwrap_or(("", pair));
        let mut cookie = Self { name: trim(name), value: trim(value), ..Self::default() };
        check_pair(cookie.name, cookie.value)?;
        for attribute in attributes.split(';') {
            let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
            let (name, value) = (trim(name), trim(value));
            if value.len() <= MAX_ATTRIBUTE_BYTES {
                cookie.attribute(name, value);
            }
        }
        Ok(cookie)
    }

    fn attribute(&mut self, name: &str, value: &'a str) {
        match name.to_ascii_lowercase().as_str() {
            "expires" => self.expires = date::parse(value).or(self.expires),
            "max-age" => self.max_age = seconds(value).or(self.max_age),
            "domain" => self.domain = value.strip_prefix('.').unwrap_or(value),
            "path" => self.path = value.starts_with('/').then_some(value),
            "secure" => self.secure = true,
            "httponly" => self.http_only = true,
            "samesite" => {
                self.same_site = match value.to_ascii_lowercase().as_str() {
                    "none" => SameSite::None,
                    "lax" => SameSite::Lax,
                    "strict" => SameSite::Strict,
                    _ => SameSite::Default,
                }
            }
            _ => {}
        }
    }

    /// When it ends, seen from `now`: `Max-Age` counts before `Expires`.
    pub(super) fn expiry(&self, now: Timestamp) -> Option<Timestamp> {
        match (self.max_age, self.expires) {
            (Some(seconds), _) => Some(match u64::try_from(seconds) {
                Ok(seconds) if seconds > 0 => now + std::time::Duration::from_secs(seconds),
                _ => Timestamp(0),
            }),
            (None, expires) => expires,
        }
    }
}

/// What holds for every cookie, wherever it comes from.
pub(super) fn check_pair(name: &str, value: &str) -> Result<(), Rejection> {
    let is_control = |byte: u8| byte != b'\t' && byte.is_ascii_control();
    match () {
        () if name.is_empty() && value.is_empty() => Err(Rejection::Empty),
        () if name.bytes().chain(value.bytes()).any(is_control) => Err(Rejection::Characters),
        () if name.len() + value.len() > MAX_PAIR_BYTES => Err(Rejection::Long),
        () => Ok(()),
    }
}

/// Spaces and tabs are white space here, and nothing else.
fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// A number of seconds, cut where it is too large to count.
fn seconds(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let bound = if text.starts_with('-') { i64::MIN } else { i64::MAX };
    Some(text.parse().unwrap_or(bound))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values() {
        let check = |field: &[u8], expected: Result<(&str, &str), Rejection>| {
            let found = SetCookie::parse(field).map(|cookie| (cookie.name, cookie.value));
            assert_eq!(found, expected, "{}", field.escape_ascii());
        };
        check(b"a=b", Ok(("a", "b")));
        check(b" a \t= b=c ;x", Ok(("a", "b=c")));
        check(b"alone", Ok(("", "alone")));
        check(b"=v", Ok(("", "v")));
        check(b"a=", Ok(("a", "")));
        check(b"a=\"q;r\"", Ok(("a", "\"q")));
        check("a=ü".as_bytes(), Ok(("a", "ü")));
        for empty in [&b""[..], b"=", b" = ;Path=/", b";a=b"] {
            check(empty, Err(Rejection::Empty));
        }
        for bad in [&b"a=\0"[..], b"a=b\rc", b"a=b;\x7f", b"a=\xff"] {
            check(bad, Err(Rejection::Characters));
        }
        let long = |n: usize| format!("n={};Path=/", "v".repeat(n)).into_bytes();
        assert!(SetCookie::parse(&long(4095)).is_ok());
        check(&long(4096), Err(Rejection::Long));
    }

    #[test]
    fn the_last_attribute_of_a_name_counts() {
        let now = Timestamp(1_000_000_000_000_000);
        let cookie =
            SetCookie::parse(b"a=b; DOMAIN=.x; Domain = Y; path=/a; PATH=b; secure=no; HttpOnly; samesite=LAX")
                .unwrap();
        assert_eq!((cookie.domain, cookie.path, cookie.secure, cookie.http_only), ("Y", None, true, true));
        assert_eq!((cookie.same_site, cookie.expiry(now)), (SameSite::Lax, None));

        let check = |field: &str, expected: Option<u64>| {
            let cookie = SetCookie::parse(field.as_bytes()).unwrap();
            assert_eq!(cookie.expiry(now).map(|end| end.0 / 1_000_000), expected, "{field}");
        };
        check("a=b; max-age=10; expires=Wed, 09 Jun 2021 10:18:14 GMT", Some(1_000_000_010));
        check("a=b; max-age=1x; expires=Thu, 01 Jan 1970 00:00:07 GMT", Some(7));
        check("a=b; max-age=-1", Some(0));
        check("a=b; max-age=0", Some(0));
        check("a=b; max-age=-", None);
        check("a=b; max-age=+1", None);
        check("a=b; max-age=; expires=never", None);
        check(&format!("a=b; max-age=99999999999999999999; path={}", "p".repeat(2000)), Some(u64::MAX / 1_000_000));
    }
}
