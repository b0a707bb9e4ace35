//! Scope: which URLs a crawl may visit, judged by their text alone.
//!
//! Pure. Says nothing about robots.txt, budgets or addresses: those are judged where they are known.

use crate::{
    address::{CanonicalUrl, Canonicalizer},
    verdict::{Refusal, Verdict},
};

/// How far from its seeds a crawl may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// The seeds' origins' hosts, whatever the port or scheme.
    #[default]
    Host,
    /// The seeds' hosts and all of their subdomains.
    Subdomains,
    /// The seeds' registrable domains by the Public Suffix List.
    Domain,
    /// Under the folder of a seed's path, on its origin.
    Prefix,
    /// Everywhere.
    Any,
}

/// What a [`Scope`] is built from.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// How far from the seeds.
    pub mode: Mode,
    /// If not empty, a URL must match one of these. A pattern is a glob over the whole URL
    /// (`*` crosses slashes), or a regular expression after `re:`.
    pub include: Vec<String>,
    /// A URL that matches one of these is refused. Same patterns.
    pub exclude: Vec<String>,
    /// Longest URL, bytes.
    pub max_url_length: usize,
}

/// A pattern that does not compile.
#[derive(Debug, thiserror::Error)]
#[error("pattern `{pattern}` is not valid: {reason}")]
pub struct PatternError {
    /// As written.
    pub pattern: String,
    /// What the compiler of patterns says, on one line.
    pub reason: String,
}
