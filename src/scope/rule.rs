//! [`Rule`]: what decided about a URL, in the words of the configuration.
//!
//! Only refusals hold texts, and these are short ([`MAX_QUOTED_BYTES`]): what a page makes up must
//! not make records long.

use std::fmt;

use super::{Crossing, Mode, Role};
use crate::verdict::Refusal;

/// Most bytes of a URL's part that a rule quotes.
const MAX_QUOTED_BYTES: usize = 60;

/// What decided. Its text names the key, its value and, where it helps, what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// Given by the user.
    Seed,
    /// Within the mode's reach, or not.
    Mode(Mode),
    /// A redirect of what stands in the list.
    ListRedirect,
    /// Beyond the mode's reach.
    HopsOffSite {
        /// Allowed.
        max: u8,
        /// Of this URL.
        hops: u8,
    },
    /// The rule of the URL's role.
    Crossing {
        /// Which.
        role: Role,
        /// Its rule.
        crossing: Crossing,
    },
    /// Longer than allowed.
    UrlLength {
        /// Bytes allowed.
        max: usize,
    },
    /// More parameters than allowed.
    Parameters {
        /// Allowed.
        max: usize,
        /// Found.
        n: usize,
    },
    /// Its scheme is not listed.
    Scheme {
        /// Of the URL: `http` or `https`.
        scheme: &'static str,
    },
    /// Its port is not listed.
    Port {
        /// Of the URL.
        port: u16,
    },
    /// A pattern that matches.
    Pattern {
        /// `scope.include` or `scope.exclude`.
        list: &'static str,
        /// Its place in the list, from 0.
        index: usize,
        /// As written.
        pattern: Box<str>,
    },
    /// There are patterns, and none matches.
    NotIncluded,
    /// Its extension is excluded, or is not among those that are wanted.
    Extension {
        /// `scope.extensions` or `scope.exclude_extensions`.
        list: &'static str,
        /// Lower case, without the dot; empty for none.
        extension: Box<str>,
    },
    /// It looks made up.
    Trap(Trap),
}

/// The trap that a URL looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trap {
    /// The key: `traps.repeated_segments`.
    pub key: &'static str,
    /// Its value.
    pub bound: Box<str>,
    /// What was found: `` `a/b` 4 times in a row ``.
    pub found: Box<str>,
}

impl Rule {
    /// Whether another way to the same URL could lead to another verdict: the URL should be judged
    /// again when it is found again.
    pub fn depends_on_way(&self) -> bool {
        matches!(self, Self::HopsOffSite { .. } | Self::Crossing { .. } | Self::ListRedirect | Self::Mode(Mode::List))
    }
}

impl Role {
    /// The key of the rule for this role; of one without, the mode.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Redirect => "scope.redirects",
            Self::Sitemap => "scope.sitemaps",
            Self::Canonical => "scope.canonical",
            Self::Embedded => "scope.assets",
            Self::Seed | Self::Link | Self::SitemapEntry => "scope.mode",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seed => f.write_str("seeds"),
            Self::Mode(mode) => write!(f, "scope.mode = {}", mode.as_str()),
            Self::ListRedirect => f.write_str("scope.mode = list: a redirect of what is listed"),
            Self::HopsOffSite { max, hops } => {
                write!(f, "scope.hops_off_site = {max}: {hops} {} off-site", if *hops == 1 { "hop" } else { "hops" })
            }
            Self::Crossing { role, crossing } => write!(f, "{} = {}", role.key(), crossing.as_str()),
            Self::UrlLength { max } => write!(f, "limits.url_length = {max}"),
            Self::Parameters { max, n } => write!(f, "limits.parameters = {max}: {n} parameters"),
            Self::Scheme { scheme } => write!(f, "scope.schemes: {scheme} is not listed"),
            Self::Port { port } => write!(f, "scope.ports: {port} is not listed"),
            Self::Pattern { list, index, pattern } => write!(f, "{list}[{index}] = {pattern:?}"),
            Self::NotIncluded => f.write_str("scope.include: no pattern matches"),
            Self::Extension { list, extension } if *list == "scope.extensions" => {
                write!(f, "{list}: {extension:?} is not listed")
            }
            Self::Extension { list, extension } => write!(f, "{list}: {extension:?}"),
            Self::Trap(trap) => write!(f, "{trap}"),
        }
    }
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}: {}", self.key, self.bound, self.found)
    }
}

/// What one check says about a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What is checked, by the key that sets it: `scope.exclude`.
    pub check: &'static str,
    /// Why it refuses, if it does.
    pub refusal: Option<Refusal>,
    /// What fired: always for a refusal, otherwise where something lets the URL pass by name.
    pub rule: Option<Rule>,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.check)?;
        match self.refusal {
            Some(refusal) => write!(f, ": refused, {refusal}")?,
            None => f.write_str(": passed")?,
        }
        self.rule.as_ref().map_or(Ok(()), |rule| write!(f, " ({rule})"))
    }
}

/// A part of a URL in backquotes, cut when it is long.
pub(super) fn quoted(text: &str) -> String {
    if text.len() <= MAX_QUOTED_BYTES {
        return format!("`{text}`");
    }
    let end = (0..=MAX_QUOTED_BYTES).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    format!("`{}…`", &text[..end])
}
