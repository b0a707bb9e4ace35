//! Scope: which URLs a crawl may visit, judged by their text alone.
//!
//! A [`Scope`] is built once from [`Options`] and the seeds and then asked about every link of
//! every page, so judging allocates nothing and costs the same whether there is one seed or a
//! million. It says nothing about robots.txt, budgets or addresses: those are judged where they
//! are known. Pure.
//!
//! A URL is judged in this order, and the first "no" is the answer: its length
//! ([`Refusal::UrlTooLong`]), the [`Mode`] ([`Refusal::OutOfScope`]), the `exclude` patterns, the
//! `include` patterns (both [`Refusal::Excluded`]).
//!
//! # Patterns
//!
//! - `re:` and a regular expression (crate `regex`): searched for anywhere in the whole URL.
//! - Anything else is a glob that must match from end to end: `*` (any text, slashes too), `?`
//!   (any one character), `[a-z]`, `{this,that}`, and `\` before a character that is meant
//!   literally, such as the question mark of `/search\?*`. A glob that starts with `/` is matched
//!   against path and query (`/private/*`), any other against the whole URL (`*.pdf`,
//!   `https://*.example.org/*`). One that could match no URL at all, such as `example.org/*`, is an
//!   error.
//!
//! Both are matched against canonical URLs, case-sensitively, in time linear in the URL's length.
//!
//! Invariants:
//! - a seed is always within the mode's reach, and is exempt from `include` (`exclude` and the
//!   length hold for it too);
//! - an IP address has no subdomains and no registrable domain: it matches only itself.
//!
//! [`Refusal::UrlTooLong`]: crate::verdict::Refusal::UrlTooLong
//! [`Refusal::OutOfScope`]: crate::verdict::Refusal::OutOfScope
//! [`Refusal::Excluded`]: crate::verdict::Refusal::Excluded

mod judge;
mod pattern;
mod reach;

pub use judge::Scope;

/// How far from its seeds a crawl may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// The seeds' origins' hosts, whatever the port or scheme.
    #[default]
    Host,
    /// The seeds' hosts and all of their subdomains.
    Subdomains,
    /// The seeds' registrable domains by the Public Suffix List. A host that has none (an IP
    /// address, a name without dots, a public suffix) stands for itself alone.
    Domain,
    /// Under the folder of a seed's path, on its origin: `http://h/docs/a.html` and
    /// `http://h/docs/` both reach all of `http://h/docs/`.
    Prefix,
    /// Everywhere.
    Any,
}

impl Mode {
    /// Every mode, from near to far as in the documentation.
    pub const ALL: [Self; 5] = [Self::Host, Self::Subdomains, Self::Domain, Self::Prefix, Self::Any];

    /// As in the configuration: `host`, `subdomains`, `domain`, `prefix` or `any`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Subdomains => "subdomains",
            Self::Domain => "domain",
            Self::Prefix => "prefix",
            Self::Any => "any",
        }
    }

    /// The mode that [`as_str`](Self::as_str) calls `name`.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == name)
    }
}

/// What a [`Scope`] is built from.
#[derive(Debug, Clone)]
pub struct Options {
    /// How far from the seeds.
    pub mode: Mode,
    /// If not empty, a URL other than a seed must match one of these patterns.
    pub include: Vec<String>,
    /// A URL that matches one of these patterns is refused.
    pub exclude: Vec<String>,
    /// Longest URL, bytes.
    pub max_url_length: usize,
}

impl Default for Options {
    /// The seeds' hosts, no patterns, URLs of at most 4096 bytes.
    fn default() -> Self {
        Self { mode: Mode::default(), include: Vec::new(), exclude: Vec::new(), max_url_length: 4096 }
    }
}

/// A pattern that does not compile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("pattern `{pattern}` is not valid: {reason}")]
pub struct PatternError {
    /// As written.
    pub pattern: String,
    /// What the compiler of patterns says, on one line.
    pub reason: String,
}
