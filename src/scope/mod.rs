//! Scope: which URLs a crawl may visit, judged by their text and by how they were found.
//!
//! A [`Scope`] is built once from [`Options`] and the seeds and then asked about every link of
//! every page, so judging what is accepted allocates nothing and costs the same whether there is
//! one seed or a million. It says nothing about robots.txt, budgets or addresses: those are judged
//! where they are known. Pure: the only thing of time that it knows is [`Options::now_year`].
//!
//! A [`Candidate`] (a URL and the [`Role`] in which it was found) gets a [`Ruling`]: the verdict,
//! its reason and the [`Rule`] that fired. The first "no" is the answer, in this order: the URL's
//! length, the [`Mode`] with its exceptions (hops, redirects, sitemaps, …), scheme, port, `exclude`
//! patterns, `include` patterns, extension, number of parameters, traps. [`Scope::explain`] tells
//! what each of them says. `docs/SCOPE.md` is the same for users.
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
//! - a seed is always within the mode's reach, and is exempt from what guesses or selects
//!   (`include`, `extensions`, traps); what forbids (`exclude`, schemes, length, …) holds for it too;
//! - an IP address has no subdomains and no registrable domain: it matches only itself;
//! - judging takes time linear in the URL's length, whatever is in it.

mod directory;
mod filter;
mod judge;
mod pattern;
mod reach;
mod rule;
mod surt;
#[cfg(test)]
mod tests;
mod trap;

pub use directory::{directory, group};
pub use filter::check_extension;
pub use judge::Scope;
pub use rule::{Rule, Step, Trap};
pub use surt::check_prefix;

use crate::{address::CanonicalUrl, verdict::Verdict};

/// What is judged, and in which role it was found.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// What.
    pub url: &'a CanonicalUrl,
    /// How it was found.
    pub role: Role,
    /// Links away from a seed. Not judged here but by the frontier when the URL's turn comes, since
    /// `limits.depth` may change between two runs of one crawl; it is here so that a candidate is all
    /// that is known of how a URL was found.
    pub depth: u16,
    /// Hops beyond the mode's reach on the way here, of the page it was found on: the
    /// [`Ruling::hops_off_site`] that the page itself got. 0 for what was found nowhere.
    pub hops_off_site: u8,
}

/// How a URL was found; each has its rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Given by the user.
    Seed,
    /// A link of a page (also a feed's entry, an alternate language, a link of a text or PDF).
    Link,
    /// The target of a redirect, of whatever redirects. It is no hop: a site that moves is one place.
    Redirect,
    /// A sitemap or an index of sitemaps itself: named by robots.txt or by another sitemap.
    Sitemap,
    /// A page that a sitemap lists. As a link, but that it has a name of its own.
    SitemapEntry,
    /// What a page says its canonical address is.
    Canonical,
    /// What a page is shown with: images, styles, scripts, frames.
    Embedded,
}

impl Role {
    /// Every role, in the order of declaration.
    pub const ALL: [Self; 7] =
        [Self::Seed, Self::Link, Self::Redirect, Self::Sitemap, Self::SitemapEntry, Self::Canonical, Self::Embedded];

    /// As `dragline explain` calls it: `sitemap-entry`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Seed => "seed",
            Self::Link => "link",
            Self::Redirect => "redirect",
            Self::Sitemap => "sitemap",
            Self::SitemapEntry => "sitemap-entry",
            Self::Canonical => "canonical",
            Self::Embedded => "embedded",
        }
    }
}

/// A verdict, its reason and the rule that fired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling {
    /// To be fetched, or why not.
    pub verdict: Verdict,
    /// What decided: for a refusal the rule that refuses, otherwise what lets the URL in.
    pub rule: Option<Rule>,
    /// Hops beyond the mode's reach of this URL, to be kept with it and handed back as
    /// [`Candidate::hops_off_site`] of what is found on it. 0 within reach.
    pub hops_off_site: u8,
}

/// How far from its seeds a crawl may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
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
    /// What starts with one of [`Options::surts`], and the seeds.
    Surt,
    /// The seeds themselves and where they redirect to; nothing that they link to.
    List,
    /// Everywhere.
    Any,
}

impl Mode {
    /// Every mode, as in the documentation.
    pub const ALL: [Self; 7] =
        [Self::Host, Self::Subdomains, Self::Domain, Self::Prefix, Self::Surt, Self::List, Self::Any];

    /// As in the configuration: `host`, `subdomains`, `domain`, `prefix`, `surt`, `list` or `any`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Subdomains => "subdomains",
            Self::Domain => "domain",
            Self::Prefix => "prefix",
            Self::Surt => "surt",
            Self::List => "list",
            Self::Any => "any",
        }
    }

    /// The mode that [`as_str`](Self::as_str) calls `name`.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == name)
    }
}

/// Where one of the roles with a rule of its own may lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Crossing {
    /// Nowhere, not even within the mode's reach.
    Never,
    /// Where a link may lead: within the mode, and off-site as far as hops are allowed.
    #[default]
    Scope,
    /// Also one step out of the mode, to a host of a seed's registrable domain.
    Domain,
    /// Also one step out of the mode, anywhere.
    Any,
}

impl Crossing {
    /// As in the configuration: `never`, `scope`, `domain` or `any`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Scope => "scope",
            Self::Domain => "domain",
            Self::Any => "any",
        }
    }
}

/// What a [`Scope`] is built from.
#[derive(Debug, Clone)]
pub struct Options {
    /// How far from the seeds.
    pub mode: Mode,
    /// What [`Mode::Surt`] reaches, as [`check_prefix`] has it; unused in other modes.
    pub surts: Vec<String>,
    /// If not empty, a URL other than a seed must match one of these patterns.
    pub include: Vec<String>,
    /// A URL that matches one of these patterns is refused.
    pub exclude: Vec<String>,
    /// If not empty, the only schemes.
    pub schemes: Vec<String>,
    /// If not empty, the only ports; that of a scheme counts where none is written.
    pub ports: Vec<u16>,
    /// If not empty, a URL other than a seed or a sitemap must have one of these extensions; the empty
    /// text stands for none. See [`check_extension`].
    pub extensions: Vec<String>,
    /// A URL with one of these extensions is refused.
    pub exclude_extensions: Vec<String>,
    /// Links that may be followed beyond the mode's reach.
    pub hops_off_site: u8,
    /// Where redirects may lead.
    pub redirects: Crossing,
    /// Where sitemaps may be.
    pub sitemaps: Crossing,
    /// Where a page's canonical link may lead.
    pub canonical: Crossing,
    /// Where embedded assets may be.
    pub assets: Crossing,
    /// Longest URL, bytes.
    pub max_url_length: usize,
    /// Most parameters of a query.
    pub max_parameters: Option<usize>,
    /// What looks made up.
    pub traps: Traps,
    /// The year now, by which calendars are judged; 0 when it is not known, and then they aren't.
    pub now_year: u16,
}

impl Default for Options {
    /// The seeds' hosts, no patterns, URLs of at most 4096 bytes and 100 parameters, traps guarded.
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            surts: Vec::new(),
            include: Vec::new(),
            exclude: Vec::new(),
            schemes: Vec::new(),
            ports: Vec::new(),
            extensions: Vec::new(),
            exclude_extensions: Vec::new(),
            hops_off_site: 0,
            redirects: Crossing::Scope,
            sitemaps: Crossing::Scope,
            canonical: Crossing::Scope,
            assets: Crossing::Scope,
            max_url_length: 4096,
            max_parameters: Some(100),
            traps: Traps::default(),
            now_year: 0,
        }
    }
}

/// Bounds of what a site has that does not make up URLs without end. `None` switches one off; the
/// number is the first that is refused for what repeats, the last that is allowed for what measures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traps {
    /// A run of path segments that stands so often in a row (`/a/b/a/b/a/b` is 3 times). Segments
    /// that are numbers or empty may stand twice as often less one: `/tiles/0/0/0`.
    pub repeated_segments: Option<u16>,
    /// A path segment that stands so often in all; numbers don't count.
    pub recurring_segments: Option<u16>,
    /// Most segments of a path.
    pub path_segments: Option<u16>,
    /// Longest query, bytes. Off by default: what is shared by link (source code, signatures) is real
    /// and long, and the URL's own length is bounded.
    pub query_length: Option<usize>,
    /// URLs within a URL within a URL, also counted by how often one is percent-encoded over.
    pub nested_urls: Option<u16>,
    /// A parameter whose name stands so often in the query.
    pub repeated_parameters: Option<u16>,
    /// A parameter that stands so often with one value.
    pub repeated_pairs: Option<u16>,
    /// Most years from now into the future, of a calendar.
    pub years_ahead: Option<u16>,
    /// Most years from now into the past, of a calendar.
    pub years_back: Option<u16>,
    /// Whether a path with two session IDs is one.
    pub session_ids: bool,
}

impl Default for Traps {
    /// All on but for the length of queries, with bounds that real sites keep.
    fn default() -> Self {
        Self {
            repeated_segments: Some(3),
            recurring_segments: Some(8),
            path_segments: Some(32),
            query_length: None,
            nested_urls: Some(3),
            repeated_parameters: Some(16),
            repeated_pairs: Some(4),
            years_ahead: Some(10),
            years_back: Some(100),
            session_ids: true,
        }
    }
}

impl Traps {
    /// None of them.
    pub fn off() -> Self {
        Self {
            repeated_segments: None,
            recurring_segments: None,
            path_segments: None,
            query_length: None,
            nested_urls: None,
            repeated_parameters: None,
            repeated_pairs: None,
            years_ahead: None,
            years_back: None,
            session_ids: false,
        }
    }
}

/// A pattern, prefix or extension that can't be meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} `{pattern}` is not valid: {reason}")]
pub struct PatternError {
    /// What it was meant as: `pattern`, `SURT prefix`, `extension`.
    pub kind: &'static str,
    /// As written.
    pub pattern: String,
    /// What the compiler of patterns says, on one line.
    pub reason: String,
}
