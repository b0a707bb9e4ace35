//! The rules of canonicalisation: their names, their order, and which of them are on.
//!
//! What each does is in the file of the part that it rewrites (`percent`, `path`, `query`) and in
//! [`Canonicalizer`](super::Canonicalizer). Here is what the configuration, `inspect url` and the
//! documentation are made from.

use std::{fmt, str::FromStr};

/// One step from what the URL standard's parser gives to the canonical form. The order is that in
/// which they are applied.
///
/// The examples assume that no other rule is on that would change them further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Rule {
    /// `http://h/a#b` → `http://h/a`: a fragment is never sent to a server (RFC 9110 section 7.1).
    /// Switched off, it stays part of the canonical URL, for sites that show one page per fragment.
    Fragment,
    /// `http://user:pw@h/` → `http://h/`: credentials are not part of a page's name, and they are
    /// not sent, stored or logged. Always on.
    Userinfo,
    /// `http://h:80/` → `http://h/`: RFC 3986 section 6.2.3. Done by the parser, always on.
    DefaultPort,
    /// `HTTP://H/A` → `http://h/A`: RFC 3986 section 6.2.2.1. Done by the parser, always on.
    Case,
    /// `/a/./b/../c` → `/a/c`, in all their spellings (`%2e%2E`): RFC 3986 section 6.2.2.3. Done by
    /// the parser, always on.
    DotSegments,
    /// `http://münchen.example/` → `http://xn--mnchen-3ya.example/` (UTS #46). Done by the parser,
    /// always on.
    Idn,
    /// `/%7euser/%c3%a9` → `/~user/%C3%A9`: RFC 3986 sections 6.2.2.1 and 6.2.2.2, in path and query.
    /// Hex digits of escapes in upper case; escapes of unreserved characters decoded.
    PercentEncoding,
    /// `http://h/a?` → `http://h/a`: no server tells the two apart by intent.
    EmptyQuery,
    /// `?b=1&a=2&a=1` → `?a=2&a=1&b=1`: parameters by name, those of one name in their order.
    /// Off: the order means something to some servers.
    SortedQuery,
    /// `?id=7&utm_source=x` → `?id=7`: see [`TRACKING_PARAMETERS`](super::TRACKING_PARAMETERS). Off: a
    /// site may use such a name for its content.
    TrackingParameters,
    /// `/a;jsessionid=1F?sid=2` → `/a`: see [`SESSION_PARAMETERS`](super::SESSION_PARAMETERS), as
    /// parameters of the query and of path segments, and `/(S(…))/` of ASP.NET. Off: see above.
    SessionParameters,
    /// `/a/index.html` → `/a/`: `index` and `default` with the extensions of pages. Off: a server
    /// need not serve one as the other.
    IndexFile,
    /// `/a//b` → `/a/b`, in the path only. Off: `//` is a path like any other, and some servers keep
    /// whole URLs in theirs.
    DuplicateSlashes,
    /// `http://www.example.com/` → `http://example.com/`, if the rest is a registrable domain or
    /// below one. Off: the two may differ, and where the bare name does not answer the site is lost.
    Www,
    /// `/A/B%2F` → `/a/b%2F`: letters of the path in lower case, escapes left alone. Off: most
    /// servers tell upper from lower case.
    LowercasePath,
}

impl Rule {
    /// All, in their order.
    pub const ALL: [Self; 15] = [
        Self::Fragment,
        Self::Userinfo,
        Self::DefaultPort,
        Self::Case,
        Self::DotSegments,
        Self::Idn,
        Self::PercentEncoding,
        Self::EmptyQuery,
        Self::SortedQuery,
        Self::TrackingParameters,
        Self::SessionParameters,
        Self::IndexFile,
        Self::DuplicateSlashes,
        Self::Www,
        Self::LowercasePath,
    ];

    /// The name in kebab case, as `inspect url` and `explain` speak it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fragment => "fragment",
            Self::Userinfo => "userinfo",
            Self::DefaultPort => "default-port",
            Self::Case => "case",
            Self::DotSegments => "dot-segments",
            Self::Idn => "idn",
            Self::PercentEncoding => "percent-encoding",
            Self::EmptyQuery => "empty-query",
            Self::SortedQuery => "sorted-query",
            Self::TrackingParameters => "tracking-parameters",
            Self::SessionParameters => "session-parameters",
            Self::IndexFile => "index-file",
            Self::DuplicateSlashes => "duplicate-slashes",
            Self::Www => "www",
            Self::LowercasePath => "lowercase-path",
        }
    }

    /// Whether it can be switched off.
    pub fn is_switchable(self) -> bool {
        !matches!(self, Self::Userinfo | Self::DefaultPort | Self::Case | Self::DotSegments | Self::Idn)
    }

    /// Whether it is on unless somebody says otherwise: it never makes one of two different pages.
    pub fn is_default(self) -> bool {
        !self.is_switchable() || matches!(self, Self::Fragment | Self::PercentEncoding | Self::EmptyQuery)
    }

    /// A URL that it changes, and what becomes of it.
    pub fn example(self) -> (&'static str, &'static str) {
        match self {
            Self::Fragment => ("http://h/a#b", "http://h/a"),
            Self::Userinfo => ("http://user:pw@h/", "http://h/"),
            Self::DefaultPort => ("http://h:80/", "http://h/"),
            Self::Case => ("HTTP://H/A", "http://h/A"),
            Self::DotSegments => ("http://h/a/./b/%2E./c", "http://h/a/c"),
            Self::Idn => ("http://münchen.example/", "http://xn--mnchen-3ya.example/"),
            Self::PercentEncoding => ("http://h/%7euser/%c3%a9", "http://h/~user/%C3%A9"),
            Self::EmptyQuery => ("http://h/a?", "http://h/a"),
            Self::SortedQuery => ("http://h/?b=1&a=2&a=1", "http://h/?a=2&a=1&b=1"),
            Self::TrackingParameters => ("http://h/?id=7&utm_source=x", "http://h/?id=7"),
            Self::SessionParameters => ("http://h/a;jsessionid=1F?sid=2", "http://h/a"),
            Self::IndexFile => ("http://h/a/index.html", "http://h/a/"),
            Self::DuplicateSlashes => ("http://h/a//b", "http://h/a/b"),
            Self::Www => ("http://www.example.com/", "http://example.com/"),
            Self::LowercasePath => ("http://h/A/B%2F", "http://h/a/b%2F"),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// There is no rule of this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown rule `{name}`; did you mean `{nearest}`?")]
pub struct UnknownRule {
    /// What was written.
    pub name: String,
    /// The rule whose name is most like it.
    pub nearest: Rule,
}

/// Longest name that is compared and quoted, characters: no rule's is as long.
const MAX_NAME: usize = 40;

/// By name; `_` is as good as `-`.
impl FromStr for Rule {
    type Err = UnknownRule;

    fn from_str(text: &str) -> Result<Self, UnknownRule> {
        let name: String = text.chars().take(MAX_NAME).collect();
        let kebab = name.replace('_', "-");
        let lower = kebab.to_ascii_lowercase();
        // Half of a name is nearer than another name of the same length.
        let is_part = |rule: &Self| lower.len() >= 3 && rule.as_str().contains(&*lower);
        let distance = |rule: &Self| (!is_part(rule), strsim::osa_distance(&lower, rule.as_str()));
        Self::ALL.into_iter().find(|rule| rule.as_str() == kebab).ok_or_else(|| {
            let nearest = Self::ALL.into_iter().min_by_key(distance).expect("there are rules");
            UnknownRule { name, nearest }
        })
    }
}

/// Which rules are on. Those that can't be switched off are in every set.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Rules(u16);

impl Rules {
    /// None but those that can't be switched off.
    pub fn least() -> Self {
        Self::of(|rule| !rule.is_switchable())
    }

    fn of(mut is_on: impl FnMut(Rule) -> bool) -> Self {
        Self(Rule::ALL.into_iter().filter(|rule| is_on(*rule)).fold(0, |bits, rule| bits | bit(rule)))
    }

    /// Whether `rule` is on.
    pub fn contains(self, rule: Rule) -> bool {
        self.0 & bit(rule) != 0
    }

    /// These and `rule`.
    #[must_use]
    pub fn with(self, rule: Rule) -> Self {
        Self(self.0 | bit(rule))
    }

    /// These without `rule`; one that can't be switched off stays.
    #[must_use]
    pub fn without(self, rule: Rule) -> Self {
        Self(if rule.is_switchable() { self.0 & !bit(rule) } else { self.0 })
    }

    /// In their order.
    pub fn iter(self) -> impl Iterator<Item = Rule> {
        Rule::ALL.into_iter().filter(move |rule| self.contains(*rule))
    }
}

fn bit(rule: Rule) -> u16 {
    1 << rule as u8
}

/// The safe ones.
impl Default for Rules {
    fn default() -> Self {
        Self::of(Rule::is_default)
    }
}

/// Exactly these, and those that can't be switched off.
impl FromIterator<Rule> for Rules {
    fn from_iter<I: IntoIterator<Item = Rule>>(rules: I) -> Self {
        rules.into_iter().fold(Self::least(), Self::with)
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Rule::as_str)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (i, rule) in Rule::ALL.into_iter().enumerate() {
            assert_eq!(rule as usize, i, "the order of ALL is that of the rules");
            assert_eq!(rule.as_str().parse(), Ok(rule));
            assert_eq!(rule.as_str().replace('-', "_").parse(), Ok(rule));
        }
        let check = |name: &str, nearest: Rule| {
            let error = name.parse::<Rule>().unwrap_err();
            assert_eq!((error.name.as_str(), error.nearest), (name, nearest));
        };
        check("sort-query", Rule::SortedQuery);
        check("Fragment", Rule::Fragment);
        check("tracking", Rule::TrackingParameters);
        let long = "x".repeat(1 << 20).parse::<Rule>().unwrap_err();
        assert_eq!(long.name.len(), MAX_NAME);
    }

    #[test]
    fn sets() {
        let none = Rules::from_iter([]);
        assert_eq!(none, Rules::least());
        assert!(none.contains(Rule::Userinfo) && !none.contains(Rule::Fragment));
        assert_eq!(none.without(Rule::Idn), none);
        assert_eq!(Rules::default().without(Rule::Fragment).with(Rule::Fragment), Rules::default());
        assert_eq!(Rules::from_iter(Rule::ALL).iter().count(), Rule::ALL.len());
    }
}
