//! robots.txt (RFC 9309) and its kin: what an origin, and a page, ask of crawlers.
//!
//! Pure. [`Rules`] is one parsed file as one crawler reads it; [`Policy`] is what an attempt to get
//! the file means, and for how long; [`Survey`] is the file as people look at it. [`Directives`] are
//! a page's own words (`X-Robots-Tag`, meta robots); [`Signals`] are words about the use of content,
//! in all three places. Fetching is the engine's affair (a robots.txt is asked for under the same
//! politeness as a page), remembering is the frontier's: the policy is durable, so a restart asks
//! nobody twice.
//!
//! ```text
//! bytes ── lines ──▶ read: groups, by agent ── octets ──▶ normalised patterns ── index ──▶ decide
//! ```
//!
//! Where RFC 9309 leaves room, Google's published parser is followed (common typos, a missing
//! colon, names by their beginning, `*` and `$` counted in a pattern's length, `index.html`), and
//! where both leave room, the reading that asks for less.
//!
//! Invariants:
//! - any bytes parse, in time linear in them, and every path is decided;
//! - a decision costs one binary search and one linear pass a wildcard pattern, of which there are
//!   at most [`MAX_WILDCARD_RULES`]; no pattern makes matching backtrack;
//! - `/robots.txt` itself may always be asked for.

mod agent;
mod directives;
mod freshness;
mod index;
mod lines;
mod octets;
mod policy;
mod read;
mod rules;
mod signals;
mod survey;

pub use directives::{Directives, is_for};
pub use freshness::MIN_MAX_AGE;
pub use policy::{Answer, Policy, Standing};
pub use read::Defect;
pub use rules::{Decision, Rules};
pub use signals::{Purpose, Signal, Signals, Source};
pub use survey::{RuleLine, Survey};

use std::time::Duration;

/// Most rules kept of one file: more than fit in the 500 KiB that RFC 9309 asks to be parsed.
pub const MAX_RULES: usize = 65_536;
/// Most rules kept of one file whose pattern has a `*` before its end. Each costs a pass over the
/// path, so they have a bound of their own; later ones are left out.
pub const MAX_WILDCARD_RULES: usize = 8_192;
/// Most `Sitemap:` lines kept of one file.
pub const MAX_SITEMAPS: usize = 1_024;
/// Longest crawl delay that is taken at its word; a longer one counts as this.
pub const MAX_CRAWL_DELAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Most lines of one file that are told as not understood, and most names of its groups.
pub const MAX_DEFECTS: usize = 100;
/// Most usage signals kept from one place (a robots.txt, a header, a page).
pub const MAX_SIGNALS: usize = 64;
/// Longest usage signal, bytes; what follows is cut off.
pub const MAX_SIGNAL_BYTES: usize = 1_024;
/// Most words kept of a page's `X-Robots-Tag` and meta robots.
pub const MAX_DIRECTIVES: usize = 64;
/// Longest of those words, bytes; a longer one is left out.
pub const MAX_DIRECTIVE_BYTES: usize = 256;

/// How robots.txt is treated.
#[derive(Debug, Clone)]
pub struct Options {
    /// Obey it (the default) or don't ask for it.
    pub obey: bool,
    /// The product token that groups are matched against, e.g. `dragline`.
    pub agent: String,
    /// How long a file is good for at most; RFC 9309 section 2.4 asks for 24 hours. Its HTTP caching
    /// may make it shorter.
    pub max_age: Duration,
    /// How much longer a known file is gone by while it can't be had (RFC 9309 section 2.3.1.4).
    pub grace: Duration,
    /// When a file that could not be had is asked for again.
    pub unreachable_retry: Duration,
    /// Bytes parsed; the rest is ignored (RFC 9309 section 2.5: at least 500 KiB).
    pub max_bytes: usize,
    /// Redirects followed (RFC 9309 section 2.3.1.2: at least five).
    pub max_redirects: u8,
    /// Attempts at an unreachable file before its origin is refused.
    pub max_attempts: u8,
    /// Whether `Sitemap:` lines are followed.
    pub follow_sitemaps: bool,
    /// The uses that the crawl is for and that a site may reserve in its robots.txt; URLs for which
    /// it reserves one of them are refused. Empty when such signals are only recorded.
    pub purposes: Vec<Purpose>,
}

impl Default for Options {
    /// Obey as `dragline`, a day long and a day of grace, again after ten minutes, 500 KiB, five
    /// redirects, three attempts, sitemaps followed, signals only recorded.
    fn default() -> Self {
        Self {
            obey: true,
            agent: "dragline".to_owned(),
            max_age: Duration::from_secs(24 * 60 * 60),
            grace: Duration::from_secs(24 * 60 * 60),
            unreachable_retry: Duration::from_secs(10 * 60),
            max_bytes: 500 * 1024,
            max_redirects: 5,
            max_attempts: 3,
            follow_sitemaps: true,
            purposes: Vec::new(),
        }
    }
}
