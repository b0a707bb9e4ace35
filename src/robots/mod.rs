//! robots.txt (RFC 9309): what an origin asks of crawlers.
//!
//! Pure. [`Rules`] is one parsed file as one crawler reads it; [`Policy`] is what an attempt to get
//! the file means. Fetching is the engine's affair (a robots.txt is asked for under the same
//! politeness as a page), remembering is the frontier's: the policy is durable, so a restart asks
//! nobody twice.

mod policy;
mod rules;

pub use policy::{Policy, Standing};
pub use rules::{Decision, Rules};

/// How robots.txt is treated.
#[derive(Debug, Clone)]
pub struct Options {
    /// Obey it (the default) or don't ask for it.
    pub obey: bool,
    /// The product token that groups are matched against, e.g. `dragline`.
    pub agent: String,
    /// How long a file is good for; RFC 9309 section 2.4 asks for at most 24 hours.
    pub max_age: std::time::Duration,
    /// Bytes parsed; the rest is ignored (RFC 9309 section 2.5: at least 500 KiB).
    pub max_bytes: usize,
    /// Redirects followed (RFC 9309 section 2.3.1.2: at least five).
    pub max_redirects: u8,
    /// Attempts at an unreachable file before its origin is refused.
    pub max_attempts: u8,
    /// Whether `Sitemap:` lines are followed.
    pub follow_sitemaps: bool,
}
