//! Where a response points to, and how it is asked for: one pure function, [`next`].
//!
//! Reads the status and the `Location` field and no more: whether the target may be visited, and how
//! far a chain may go, is judged by the engine, hop by hop. Nothing is carried from one request to the
//! next but the method: credentials and cookies are put on each request anew, for its own origin.

use std::{borrow::Cow, fmt};

use http::{HeaderMap, Method, header::LOCATION};
use serde::{Deserialize, Serialize};

use crate::address::{AddressError, CanonicalUrl, Canonicalizer};

/// The longest `Location` that is looked at, bytes.
pub const MAX_LOCATION_BYTES: usize = 64 * 1024;
/// Most characters of a foreign scheme that a message quotes.
const MAX_SCHEME_CHARS: usize = 32;

/// What a response's redirect comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// It is no redirect: another status, or no `Location` at all.
    Stay,
    /// It leads there.
    Follow {
        /// How the target would be asked for.
        method: Method,
        /// The target, canonical; a URL's credentials are dropped.
        url: CanonicalUrl,
    },
    /// It is meant to lead somewhere, and leads nowhere.
    Stuck(DeadEnd),
}

/// Why a redirect leads nowhere, in words that don't quote the `Location` (it may hold secrets).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeadEnd {
    /// To the very URL that redirects: asking it again would be the same question.
    #[error("it redirects to itself")]
    Loop,
    /// A `Location` without a character in it.
    #[error("its Location is empty")]
    Empty,
    /// More than one `Location`, and they differ: one of them may be smuggled in.
    #[error("it has several Locations, which differ")]
    Several,
    /// Longer than [`MAX_LOCATION_BYTES`].
    #[error("its Location is longer than {MAX_LOCATION_BYTES} bytes")]
    TooLong,
    /// To something that is not `http` or `https`: `ftp:`, `javascript:`, `data:`, `file:`, …
    #[error("its Location has the scheme {0:?}")]
    Scheme(String),
    /// No valid URL.
    #[error("its Location is {0}")]
    Invalid(AddressError),
}

impl DeadEnd {
    /// The word for it in records.
    pub fn kind(&self) -> DeadEndKind {
        match self {
            Self::Loop => DeadEndKind::RedirectLoop,
            Self::Empty | Self::Several | Self::TooLong | Self::Scheme(_) | Self::Invalid(_) => {
                DeadEndKind::BadLocation
            }
        }
    }
}

/// The two reasons by which records and receipts count dead ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeadEndKind {
    /// It redirects to itself.
    RedirectLoop,
    /// Its `Location` names nothing that can be asked for.
    BadLocation,
}

impl DeadEndKind {
    /// As in records: `redirect-loop`, `bad-location`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RedirectLoop => "redirect-loop",
            Self::BadLocation => "bad-location",
        }
    }
}

impl fmt::Display for DeadEndKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether a status is a redirect to another URL (RFC 9110 section 15.4; the Fetch standard's "redirect
/// status"). 300 offers a choice, 304 is about a cache, 305 and 306 are not used any more: none is one.
pub fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// What follows from a response of `status` with `headers` to a request by `method` for `from`.
///
/// `Location` is read as browsers do: relative to the URL that was asked for, spaces around it dropped,
/// backslashes as slashes, bytes that are not UTF-8 percent-encoded, so that the server gets back the
/// bytes that it sent.
pub fn next(
    method: &Method,
    status: u16,
    headers: &HeaderMap,
    from: &CanonicalUrl,
    canonicalizer: &Canonicalizer,
) -> Next {
    if !is_redirect(status) {
        return Next::Stay;
    }
    let reference = match location(headers) {
        Ok(Some(reference)) => reference,
        Ok(None) => return Next::Stay,
        Err(why) => return Next::Stuck(why),
    };
    match canonicalizer.resolve_redirect(from, &reference) {
        Ok(url) if url == *from => Next::Stuck(DeadEnd::Loop),
        Ok(url) => Next::Follow { method: method_after(method, status), url },
        Err(AddressError::Scheme(scheme)) => {
            Next::Stuck(DeadEnd::Scheme(scheme.chars().take(MAX_SCHEME_CHARS).collect()))
        }
        Err(error @ AddressError::Invalid(_)) => Next::Stuck(DeadEnd::Invalid(error)),
    }
}

/// How the target is asked for (RFC 9110 section 15.4; the Fetch standard, HTTP-redirect fetch): 303 asks for
/// it by GET, 301 and 302 do so after a POST, 307 and 308 keep the method. HEAD stays HEAD. A crawl
/// sends GET and HEAD only, for which this is the method that there was.
pub fn method_after(method: &Method, status: u16) -> Method {
    let to_get = match status {
        303 => *method != Method::HEAD,
        301 | 302 => *method == Method::POST,
        _ => false,
    };
    if to_get { Method::GET } else { method.clone() }
}

/// What is done about a redirect from `https` to `http`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Downgrade {
    /// It is followed like any other, as a link to the same place would be.
    #[default]
    Follow,
    /// Its target is refused, unless something else leads there.
    Refuse,
}

/// Whether it leads from an encrypted connection to one that is not.
pub fn is_downgrade(from: &CanonicalUrl, to: &CanonicalUrl) -> bool {
    from.as_url().scheme() == "https" && to.as_url().scheme() == "http"
}

/// The reference in the `Location` field, still to be resolved; `None` when there is no such field.
fn location(headers: &HeaderMap) -> Result<Option<Cow<'_, str>>, DeadEnd> {
    let mut values = headers.get_all(LOCATION).iter().map(|value| value.as_bytes().trim_ascii());
    let Some(bytes) = values.next() else { return Ok(None) };
    if values.any(|other| other != bytes) {
        return Err(DeadEnd::Several);
    }
    if bytes.is_empty() {
        return Err(DeadEnd::Empty);
    }
    if bytes.len() > MAX_LOCATION_BYTES {
        return Err(DeadEnd::TooLong);
    }
    Ok(Some(match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(escape_non_ascii(bytes)),
    }))
}

fn escape_non_ascii(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() + 16);
    for &byte in bytes {
        if byte.is_ascii() {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    const FROM: &str = "https://a.example/dir/page?q=1";

    fn from_status(status: u16, locations: &[&[u8]]) -> Next {
        let mut headers = HeaderMap::new();
        for location in locations {
            headers.append(LOCATION, HeaderValue::from_bytes(location).expect("a header's value"));
        }
        let canonicalizer = Canonicalizer::default();
        next(&Method::GET, status, &headers, &canonicalizer.parse(FROM).expect("valid"), &canonicalizer)
    }

    /// `expected` is where it leads, `-` if nowhere, or the dead end in words.
    fn check(location: &[u8], expected: &str) {
        let found = match from_status(302, &[location]) {
            Next::Stay => "-".to_owned(),
            Next::Follow { url, method } => {
                assert_eq!(method, Method::GET);
                url.to_string()
            }
            Next::Stuck(why) => format!("{}: {why}", why.kind()),
        };
        assert_eq!(found, expected, "{}", String::from_utf8_lossy(&location[..location.len().min(80)]));
    }

    #[test]
    fn only_five_statuses_redirect() {
        let to =
            |url: &str| Next::Follow { method: Method::GET, url: Canonicalizer::default().parse(url).expect("valid") };
        for status in 100..=999 {
            let expected =
                if [301, 302, 303, 307, 308].contains(&status) { to("https://a.example/next") } else { Next::Stay };
            assert_eq!(from_status(status, &[b"/next"]), expected, "{status}");
        }
    }

    #[test]
    fn locations_are_read_as_browsers_read_them() {
        check(b"/next", "https://a.example/next");
        check(b"next", "https://a.example/dir/next");
        check(b"//b.example", "https://b.example/");
        check(b"http:next", "http://next/");
        check(b"https:next", "https://a.example/dir/next");
        check(b"HTTP://B.Example:80/%7Ex", "http://b.example/~x");
        check(b" \t/a b\t ", "https://a.example/a%20b");
        check(b"\\\\b.example\\x", "https://b.example/x");
        check(b"/a\tb", "https://a.example/ab");
        check(b"?other", "https://a.example/dir/page?other");
        check(b"/%zz%", "https://a.example/%zz%");
        check("/m\u{fc}nchen".as_bytes(), "https://a.example/m%C3%BCnchen");
        check(b"/m\xfcnchen", "https://a.example/m%FCnchen");
        check("https://b\u{fc}cher.example/".as_bytes(), "https://xn--bcher-kva.example/");
        check(b"https://[2001:DB8::1]/", "https://[2001:db8::1]/");
        check(b"https://0x7f.1/", "https://127.0.0.1/");
    }

    #[test]
    fn credentials_of_a_location_are_dropped() {
        check(b"https://user:sesame@b.example/x", "https://b.example/x");
        check(b"//user@a.example/next", "https://a.example/next");
    }

    #[test]
    fn what_leads_nowhere_says_why() {
        assert_eq!(from_status(302, &[]), Next::Stay);
        check(b"", "bad-location: its Location is empty");
        check(b" \t ", "bad-location: its Location is empty");
        check(b"ftp://b.example/", "bad-location: its Location has the scheme \"ftp\"");
        check(b"javascript:alert(1)", "bad-location: its Location has the scheme \"javascript\"");
        check(b"data:text/html,x", "bad-location: its Location has the scheme \"data\"");
        check(b"file:///etc/passwd", "bad-location: its Location has the scheme \"file\"");
        check(b"mailto:sesame@b.example", "bad-location: its Location has the scheme \"mailto\"");
        check(b"https://", "bad-location: its Location is not a valid URL: empty host");
        check(b"https://b.example:99999/", "bad-location: its Location is not a valid URL: invalid port number");
        check(b"https://[::1/", "bad-location: its Location is not a valid URL: invalid IPv6 address");
        let long = [b"/".as_slice(), &[b'a'; MAX_LOCATION_BYTES]].concat();
        check(&long, "bad-location: its Location is longer than 65536 bytes");
        let scheme = format!("{}:x", "a".repeat(1000));
        check(scheme.as_bytes(), &format!("bad-location: its Location has the scheme {:?}", "a".repeat(32)));
    }

    #[test]
    fn a_redirect_to_itself_is_a_loop() {
        for itself in [FROM, "", "#part", "?q=1", "page?q=1", "//a.example:443/dir/page?q=1#x", "/dir/./page?q=1"] {
            if itself.is_empty() {
                continue;
            }
            check(itself.as_bytes(), "redirect-loop: it redirects to itself");
        }
        check(b"http://a.example/dir/page?q=1", "http://a.example/dir/page?q=1");
    }

    #[test]
    fn several_locations_must_agree() {
        assert!(matches!(from_status(301, &[b"/a", b" /a "]), Next::Follow { .. }));
        assert_eq!(from_status(301, &[b"/a", b"/b"]), Next::Stuck(DeadEnd::Several));
    }

    #[test]
    fn methods() {
        let check = |method: Method, status, expected: Method| {
            assert_eq!(method_after(&method, status), expected, "{method} {status}");
        };
        for status in [301, 302, 303, 307, 308] {
            check(Method::GET, status, Method::GET);
            check(Method::HEAD, status, Method::HEAD);
        }
        check(Method::POST, 301, Method::GET);
        check(Method::POST, 302, Method::GET);
        check(Method::PUT, 302, Method::PUT);
        check(Method::PUT, 303, Method::GET);
        check(Method::POST, 307, Method::POST);
        check(Method::POST, 308, Method::POST);
    }

    #[test]
    fn downgrades() {
        let url = |text: &str| Canonicalizer::default().parse(text).expect("valid");
        assert!(is_downgrade(&url("https://a/"), &url("http://b/")));
        assert!(!is_downgrade(&url("http://a/"), &url("http://b/")));
        assert!(!is_downgrade(&url("http://a/"), &url("https://a/")));
    }

    proptest! {
        #[test]
        fn any_location_leads_to_http_without_credentials_or_nowhere(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\t'), 0x20u8..=0x7e, 0x80u8..], 0..200),
        ) {
            if let Next::Follow { url, .. } = from_status(301, &[&bytes]) {
                prop_assert!(matches!(url.as_url().scheme(), "http" | "https"));
                prop_assert!(url.as_url().username().is_empty() && url.as_url().password().is_none());
            }
        }
    }
}
