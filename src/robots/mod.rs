//! robots.txt (RFC 9309): what an origin asks of crawlers.
//!
//! Pure. [`Rules`] is one parsed file as one crawler reads it; [`Policy`] is what an attempt to get
//! the file means. Fetching is the engine's affair (a robots.txt is asked for under the same
//! politeness as a page), remembering is the frontier's: the policy is durable, so a restart asks
//! nobody twice.
//!
//! ```text
//! bytes ── read ──▶ lines of our groups ── octets ──▶ normalised patterns ── index ──▶ decide
//! ```
//!
//! Where RFC 9309 leaves room, Google's published parser is followed (common typos, a missing
//! colon, `*` and `$` counted in a pattern's length), and where both leave room, the reading that
//! asks for less.
//!
//! Invariants:
//! - any bytes parse, and every path is decided;
//! - a decision costs one binary search and one linear pass a wildcard pattern, of which there are
//!   at most [`MAX_WILDCARD_RULES`]; no pattern makes matching backtrack;
//! - `/robots.txt` itself may always be asked for.

mod index;
mod octets;
mod policy;
mod read;
mod rules;

pub use policy::{Policy, Standing, UNREACHABLE_MAX_AGE};
pub use rules::{Decision, Rules};

use std::time::Duration;

/// Most rules kept of one file: more than fit in the 500 KiB that RFC 9309 asks to be parsed.
pub const MAX_RULES: usize = 65_536;
/// Most rules kept of one file whose pattern has a `*` before its end. Each costs a pass over the
/// path, so they have a bound of their own; later ones are left out.
pub const MAX_WILDCARD_RULES: usize = 8_192;
/// Longest pattern or sitemap address, bytes; a line with a longer one is left out. No URL that is
/// crawled is as long.
pub const MAX_VALUE_BYTES: usize = 16_384;
/// Most `Sitemap:` lines kept of one file.
pub const MAX_SITEMAPS: usize = 1_024;
/// Longest crawl delay that is taken at its word; a longer one counts as this.
pub const MAX_CRAWL_DELAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How robots.txt is treated.
#[derive(Debug, Clone)]
pub struct Options {
    /// Obey it (the default) or don't ask for it.
    pub obey: bool,
    /// The product token that groups are matched against, e.g. `dragline`.
    pub agent: String,
    /// How long a file is good for; RFC 9309 section 2.4 asks for at most 24 hours.
    pub max_age: Duration,
    /// Bytes parsed; the rest is ignored (RFC 9309 section 2.5: at least 500 KiB).
    pub max_bytes: usize,
    /// Redirects followed (RFC 9309 section 2.3.1.2: at least five).
    pub max_redirects: u8,
    /// Attempts at an unreachable file before its origin is refused.
    pub max_attempts: u8,
    /// Whether `Sitemap:` lines are followed.
    pub follow_sitemaps: bool,
}

impl Default for Options {
    /// Obey as `dragline`, a day long, 512 KiB, five redirects, three attempts, sitemaps followed.
    fn default() -> Self {
        Self {
            obey: true,
            agent: "dragline".to_owned(),
            max_age: Duration::from_secs(24 * 60 * 60),
            max_bytes: 512 * 1024,
            max_redirects: 5,
            max_attempts: 3,
            follow_sitemaps: true,
        }
    }
}
