//! The words for "no": why a URL was not, or will not be, asked for.
//!
//! Ground vocabulary: scope, robots, guard, budgets and the engine all answer in it, records carry
//! it, the receipt counts by it.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// What is to be done with a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It may be asked for.
    Fetch,
    /// It may not, and a record says why.
    Refuse(Refusal),
}

/// A refusal with the rule that it rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub why: Refusal,
    /// The rule that fired, as people would look it up: `limits.pages_per_host = 5`,
    /// `robots.txt line 3: Disallow: /private`. None where the reason says it all.
    pub rule: Option<Arc<str>>,
}

impl Refused {
    /// With the rule that fired.
    pub fn by(why: Refusal, rule: impl Into<Arc<str>>) -> Self {
        Self { why, rule: Some(rule.into()) }
    }
}

impl From<Refusal> for Refused {
    fn from(why: Refusal) -> Self {
        Self { why, rule: None }
    }
}

/// Why a URL was judged and refused. Serialised in kebab-case, as in records and receipts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// Outside of the scope's mode (another host, another prefix, …).
    OutOfScope,
    /// An `exclude` pattern matched, or `include` patterns exist and none did; or its scheme, port
    /// or extension is one that the scope leaves out.
    Excluded,
    /// More hops beyond the scope's mode than `scope.hops_off_site`.
    TooFar,
    /// More parameters in its query than `limits.parameters`.
    TooManyParameters,
    /// It looks like one of endlessly many that a page makes up (`[traps]`).
    Trap,
    /// More links away from a seed than `limits.depth`.
    TooDeep,
    /// Longer than `limits.url_length`.
    UrlTooLong,
    /// The frontier holds `limits.queue` URLs already.
    QueueFull,
    /// robots.txt disallows it.
    RobotsDenied,
    /// robots.txt could not be had (5xx, network), which RFC 9309 reads as "disallow all".
    RobotsUnreachable,
    /// Its address is one that the guard does not let through.
    AddressRefused,
    /// The redirect chain that leads to it is longer than `fetch.max_redirects`.
    RedirectLimit,
    /// A redirect leads to it from `https`, it is `http`, and `fetch.downgrade` refuses that.
    InsecureRedirect,
    /// Its host has given `limits.pages_per_host` pages.
    HostPageLimit,
    /// Its host has given `limits.bytes_per_host` bytes.
    HostByteLimit,
    /// Its directory has given `limits.pages_per_directory` pages.
    DirectoryPageLimit,
    /// Its directory keeps answering with what is known already (`traps.same_content`).
    DuplicateContent,
    /// The site reserves the use that the crawl is for (`robots.signals`).
    UsageReserved,
    /// Its host failed `limits.errors_in_row` times in a row and was given up.
    HostGivenUp,
    /// Its port is one that browsers block.
    PortRefused,
}

impl Refusal {
    /// Every value, in the order of declaration.
    pub const ALL: [Self; 20] = [
        Self::OutOfScope,
        Self::Excluded,
        Self::TooFar,
        Self::TooManyParameters,
        Self::Trap,
        Self::TooDeep,
        Self::UrlTooLong,
        Self::QueueFull,
        Self::RobotsDenied,
        Self::RobotsUnreachable,
        Self::AddressRefused,
        Self::RedirectLimit,
        Self::InsecureRedirect,
        Self::HostPageLimit,
        Self::HostByteLimit,
        Self::DirectoryPageLimit,
        Self::DuplicateContent,
        Self::UsageReserved,
        Self::HostGivenUp,
        Self::PortRefused,
    ];

    /// The one that [`as_str`](Self::as_str) calls `name`.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|refusal| refusal.as_str() == name)
    }

    /// As in records: `out-of-scope`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OutOfScope => "out-of-scope",
            Self::Excluded => "excluded",
            Self::TooFar => "too-far",
            Self::TooManyParameters => "too-many-parameters",
            Self::Trap => "trap",
            Self::TooDeep => "too-deep",
            Self::UrlTooLong => "url-too-long",
            Self::QueueFull => "queue-full",
            Self::RobotsDenied => "robots-denied",
            Self::RobotsUnreachable => "robots-unreachable",
            Self::AddressRefused => "address-refused",
            Self::RedirectLimit => "redirect-limit",
            Self::InsecureRedirect => "insecure-redirect",
            Self::HostPageLimit => "host-page-limit",
            Self::HostByteLimit => "host-byte-limit",
            Self::DirectoryPageLimit => "directory-page-limit",
            Self::DuplicateContent => "duplicate-content",
            Self::UsageReserved => "usage-reserved",
            Self::HostGivenUp => "host-given-up",
            Self::PortRefused => "port-refused",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
