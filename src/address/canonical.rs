//! [`CanonicalUrl`]: a URL in canonical form and its parts. How it comes to be is in
//! [`Canonicalizer`](super::Canonicalizer).

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::{Position, Url};

use super::{Fingerprint, HostKey, Origin, host};

/// Why a piece of text names no page that can be crawled. No message quotes the text.
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
pub struct CanonicalUrl(pub(super) Url);

impl CanonicalUrl {
    /// The whole URL; with its fragment, if fragments are kept.
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

    /// As the `url` crate's type, for resolving and for requests. Neither uses a fragment.
    pub fn as_url(&self) -> &Url {
        &self.0
    }

    /// The host as text: as in the URL, so `example.com.` keeps its dot.
    pub fn host_str(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// To whom politeness is owed.
    pub fn host(&self) -> HostKey {
        HostKey::new(self.host_str())
    }

    /// The part of the host that somebody registered; see [`HostKey::registrable_domain`].
    pub fn registrable_domain(&self) -> Option<&str> {
        host::registrable_domain(self.host_str())
    }

    /// Whose robots.txt speaks for it.
    pub fn origin(&self) -> Origin {
        Origin::new(&self.0[..Position::BeforePath])
    }

    /// What a robots rule is matched against, and what a request asks for: path and query, without
    /// fragment.
    pub fn path_and_query(&self) -> &str {
        &self.0[Position::BeforePath..Position::AfterQuery]
    }

    /// The key under which it is known.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(host::without_root(self.host_str()), self.as_str())
    }

    /// The same origin's `/robots.txt`.
    pub fn robots_txt(&self) -> Self {
        let mut url = self.0.clone();
        url.set_fragment(None);
        url.set_query(None);
        url.set_path("/robots.txt");
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

#[cfg(test)]
mod tests {
    use super::super::{Canonicalizer, Options, Rule, Rules};

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

    #[test]
    fn a_kept_fragment_is_in_no_part() {
        let options = Options { rules: Rules::default().without(Rule::Fragment), ..Options::default() };
        let keeping = Canonicalizer::new(&options);
        for text in ["http://h/a/b?c#/d?e", "http://h/a/b?c#"] {
            let url = keeping.parse(text).expect("valid");
            assert_eq!(url.as_str(), text);
            assert_eq!(url.path_and_query(), "/a/b?c");
            assert_eq!(url.origin().as_str(), "http://h");
            assert_eq!(url.robots_txt().as_str(), "http://h/robots.txt");
            assert_eq!((url.host().as_str(), url.host_str()), ("h", "h"));
            assert_eq!(keeping.resolve(url.as_url(), "x").expect("valid").as_str(), "http://h/a/x");
            assert_ne!(url.fingerprint(), Canonicalizer::default().parse(text).expect("valid").fingerprint());
        }
    }
}
