//! From text to [`CanonicalUrl`]: an ordered list of small pure rules.

use std::{borrow::Cow, fmt};

use encoding_rs::Encoding;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::Url;

use super::{Fingerprint, HostKey, Origin};

/// One step of canonicalisation that can be switched. The URL standard's parser has already
/// lower-cased scheme and host, removed default ports and dot segments, and made IDN ASCII.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// `http://h/a#b` → `http://h/a`: a fragment is never sent to a server. Always on.
    Fragment,
    /// `http://user:pw@h/` → `http://h/`: credentials are not part of a page's name. Always on.
    Userinfo,
    /// `/%7euser/%c3%a9` → `/~user/%C3%A9`: RFC 3986 section 6.2.2 (upper-case hex digits, escapes
    /// of unreserved characters decoded).
    PercentEncoding,
}

/// Why a piece of text names no page that can be crawled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// The URL standard's parser fails on it.
    #[error("not a valid URL: {0}")]
    Invalid(#[from] url::ParseError),
    /// Valid, but not `http` or `https`.
    #[error("scheme `{0}` is not http or https")]
    Scheme(String),
}

/// An `http(s)` URL in canonical form. Compares, hashes and serialises as its text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CanonicalUrl(Url);

impl CanonicalUrl {
    /// The whole URL.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Reads back what [`as_str`](Self::as_str) gave; it does not canonicalise.
    ///
    /// # Errors
    /// When it is no URL at all.
    pub fn from_stored(text: &str) -> Result<Self, AddressError> {
        Ok(Self(Url::parse(text)?))
    }

    /// As the `url` crate's type, for resolving and for requests.
    pub fn as_url(&self) -> &Url {
        &self.0
    }

    /// The host as text.
    pub fn host_str(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// To whom politeness is owed.
    pub fn host(&self) -> HostKey {
        HostKey::new(self.host_str())
    }

    /// Whose robots.txt speaks for it.
    pub fn origin(&self) -> Origin {
        Origin::new(&self.0[..url::Position::BeforePath])
    }

    /// What a robots rule is matched against: path and query.
    pub fn path_and_query(&self) -> &str {
        &self.0[url::Position::BeforePath..]
    }

    /// Scheme, authority and path.
    pub(super) fn without_query(&self) -> &str {
        &self.0[..url::Position::AfterPath]
    }

    /// How much of the text is scheme and authority, bytes.
    pub(super) fn origin_len(&self) -> usize {
        self.0[..url::Position::BeforePath].len()
    }

    /// The key under which it is known.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.host_str(), self.as_str())
    }

    /// The same origin's `/robots.txt`.
    pub fn robots_txt(&self) -> Self {
        let mut url = self.0.clone();
        url.set_path("/robots.txt");
        url.set_query(None);
        Self(url)
    }
}

impl fmt::Display for CanonicalUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for CanonicalUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl Serialize for CanonicalUrl {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

/// Reads back what [`Serialize`] wrote; it does not canonicalise.
impl<'de> Deserialize<'de> for CanonicalUrl {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(d)?;
        Self::from_stored(&text).map_err(serde::de::Error::custom)
    }
}

/// Applies the rules that are on, in the order of [`Rule`].
#[derive(Debug, Clone)]
pub struct Canonicalizer {
    percent_encoding: bool,
}

impl Default for Canonicalizer {
    fn default() -> Self {
        Self { percent_encoding: true }
    }
}

impl Canonicalizer {
    /// Parses an absolute URL.
    ///
    /// # Errors
    /// When it is not a valid URL, or not `http(s)`.
    pub fn parse(&self, text: &str) -> Result<CanonicalUrl, AddressError> {
        self.apply(Url::parse(text)?)
    }

    /// Resolves a reference against a base, as a browser would.
    ///
    /// # Errors
    /// When the result is not a valid URL, or not `http(s)`.
    pub fn resolve(&self, base: &Url, reference: &str) -> Result<CanonicalUrl, AddressError> {
        self.apply(base.join(reference)?)
    }

    /// The same on a page that is not in UTF-8: the URL standard has the query written in the page's
    /// encoding (`é` is `%E9` on a page in windows-1252), and servers of such pages expect that.
    ///
    /// # Errors
    /// As [`Canonicalizer::resolve`].
    pub fn resolve_in(
        &self,
        base: &Url,
        reference: &str,
        page: &'static Encoding,
    ) -> Result<CanonicalUrl, AddressError> {
        let encoding = page.output_encoding();
        if encoding == encoding_rs::UTF_8 || reference.is_ascii() {
            return self.resolve(base, reference);
        }
        let encode: &dyn Fn(&str) -> Cow<'_, [u8]> = &|text| encoding.encode(text).0;
        self.apply(Url::options().base_url(Some(base)).encoding_override(Some(encode)).parse(reference)?)
    }

    fn apply(&self, mut url: Url) -> Result<CanonicalUrl, AddressError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(AddressError::Scheme(url.scheme().to_owned()));
        }
        url.set_fragment(None);
        if !url.username().is_empty() || url.password().is_some() {
            // Both setters fail only for URLs without a host, and http(s) URLs have one.
            let _ = url.set_username("");
            let _ = url.set_password(None);
        }
        if self.percent_encoding {
            normalise_escapes(&mut url);
        }
        Ok(CanonicalUrl(url))
    }
}

/// [`Rule::PercentEncoding`] on path and query.
fn normalise_escapes(url: &mut Url) {
    if let Some(path) = normal_form(url.path()) {
        url.set_path(&path);
    }
    if let Some(query) = url.query().and_then(normal_form) {
        url.set_query(Some(&query));
    }
}

/// The RFC 3986 normal form of `text`, or `None` when it already has it.
fn normal_form(text: &str) -> Option<String> {
    if !text.contains('%') {
        return None;
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match rest.as_bytes() {
            [_, hi, lo, ..] if hi.is_ascii_hexdigit() && lo.is_ascii_hexdigit() => {
                let byte = u8::from_str_radix(&rest[1..3], 16).unwrap_or_default();
                // A stray percent sign and the digits that would follow it could form an escape, so could a stray percent sign and the digits that would follow it form an escape.
                let unreserved = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
                if unreserved && !ends_in_stray_percent(&out) {
                    out.push(char::from(byte));
                } else {
                    out.push_str(&rest[..3].to_ascii_uppercase());
                }
                rest = &rest[3..];
            }
            _ => {
                out.push('%');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    (out != text).then_some(out)
}

/// Whether `out` ends in `%` or in `%` and one hex digit, which one or two more would complete.
fn ends_in_stray_percent(out: &str) -> bool {
    match out.as_bytes() {
        [.., b'%'] => true,
        [.., b'%', hi] => hi.is_ascii_hexdigit(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(input: &str, expected: &str) {
        let url = Canonicalizer::default().parse(input).expect("valid");
        assert_eq!(url.as_str(), expected);
    }

    #[test]
    fn canonical_forms() {
        check("HTTP://EXAMPLE.com:80/a/../b#frag", "http://example.com/b");
        check("http://user:secret@h/", "http://h/");
        check("https://h:443/%7euser/%c3%a9", "https://h/~user/%C3%A9");
        check("http://h/a%2fb?x=%3d%41", "http://h/a%2Fb?x=%3DA");
        check("http://h/%2e%2E/x", "http://h/x");
        check("http://h/a%2Ehtml", "http://h/a.html");
        check("http://h/a%zz%4", "http://h/a%zz%4");
        check("http://h/%%341", "http://h/%%341");
        check("http://h?", "http://h/?");
        check("http://münchen.example/", "http://xn--mnchen-3ya.example/");
        check("http://0x7f.1/", "http://127.0.0.1/");
    }

    #[test]
    fn queries_are_in_the_encoding_of_the_page() {
        let base = Url::parse("http://h/").expect("valid");
        let check = |encoding, expected: &str| {
            let url = Canonicalizer::default().resolve_in(&base, "/é?x=é", encoding).expect("valid");
            assert_eq!(url.as_str(), expected);
        };
        check(encoding_rs::WINDOWS_1252, "http://h/%C3%A9?x=%E9");
        check(encoding_rs::UTF_8, "http://h/%C3%A9?x=%C3%A9");
        check(encoding_rs::UTF_16LE, "http://h/%C3%A9?x=%C3%A9");
    }

    #[test]
    fn other_schemes_are_refused() {
        let err = Canonicalizer::default().parse("mailto:a@b").unwrap_err();
        assert_eq!(err, AddressError::Scheme("mailto".into()));
    }

    #[test]
    fn parts() {
        let url = Canonicalizer::default().parse("https://a.example:8443/x/y?z=1").expect("valid");
        assert_eq!(url.host().as_str(), "a.example");
        assert_eq!(url.origin().as_str(), "https://a.example:8443");
        for text in
            ["https://a.example:8443/", "http://a.example/", "http://[::1]:80/", "http://[::1]:81/", "http://1.2.3.4/"]
        {
            let url = Canonicalizer::default().parse(text).expect("valid");
            assert_eq!(url.origin().host(), url.host(), "{text}");
        }
        assert_eq!(url.path_and_query(), "/x/y?z=1");
        assert_eq!(url.robots_txt().as_str(), "https://a.example:8443/robots.txt");
    }

    proptest! {
        #[test]
        fn idempotent(path in "[ -~]{0,40}") {
            let c = Canonicalizer::default();
            if let Ok(once) = c.parse(&format!("http://h/{path}")) {
                prop_assert_eq!(&c.parse(once.as_str()).expect("still valid"), &once);
            }
        }
    }
}
