//! Cookies: a jar for one job, by the rules of RFC 6265bis.
//!
//! A [`CookieJar`] takes what servers set and gives back what goes with a request; the
//! [`IdentityFetcher`](super::IdentityFetcher) asks it for every exchange. It holds bounded numbers of
//! cookies in memory and knows no file: whoever owns it saves [`CookieJar::to_json`] and brings it back
//! with [`CookieJar::restore`].
//!
//! A crawler is no browser with windows: each of its requests is as if its URL had been typed in, so
//! `SameSite` is kept and keeps nothing back, and `HttpOnly` hides nothing from a program that runs no
//! scripts. Cookies of a public suffix are refused (the Public Suffix List, crate `psl`), and so are those
//! that are not UTF-8.
//!
//! Invariants:
//! - a cookie goes to the hosts, paths and schemes that it was set for, and to no others;
//! - no cookie outlives its expiry, or 400 days (RFC 6265bis section 5.5);
//! - at most `max` cookies, and `max_per_domain` of one registrable domain; those used longest ago go first;
//! - a value is in no message and in no `Debug` output.
//!
//! Reading order: `set_cookie` (a header field), `date`, `jar` (storage and retrieval), `file`.

mod date;
mod file;
mod jar;
mod set_cookie;
#[cfg(test)]
mod tests;

pub use file::CookieFileError;
pub use jar::CookieJar;
pub use set_cookie::Rejection;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// Bounds of a jar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CookieOptions {
    /// Cookies in all.
    pub max: usize,
    /// Cookies of one registrable domain (of one host, where there is none).
    pub max_per_domain: usize,
}

/// Whether other sites' requests were meant to carry it. Kept, and without effect here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SameSite {
    /// Not said.
    #[default]
    Default,
    /// `None`.
    None,
    /// `Lax`.
    Lax,
    /// `Strict`.
    Strict,
}

/// One cookie as it is stored (RFC 6265bis section 5.7).
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cookie {
    /// May be empty, when the value is not.
    pub name: String,
    /// May be empty, when the name is not.
    pub value: String,
    /// A host in lower case, without a leading dot.
    pub domain: String,
    /// Whether it is for that host alone, not for those below it.
    pub host_only: bool,
    /// Begins with a slash.
    pub path: String,
    /// Whether it is for `https` alone.
    #[serde(default)]
    pub secure: bool,
    /// Whether scripts were not to see it.
    #[serde(default)]
    pub http_only: bool,
    /// Whether other sites' requests were meant to carry it.
    #[serde(default)]
    pub same_site: SameSite,
    /// When it ends; none for the cookie of a session, which here is the job.
    #[serde(default)]
    pub expires: Option<Timestamp>,
    /// When it was set first.
    #[serde(default)]
    pub created: Timestamp,
    /// When it was last sent or set.
    #[serde(default)]
    pub last_used: Timestamp,
}

impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cookie").field("domain", &self.domain).field("path", &self.path).finish_non_exhaustive()
    }
}
