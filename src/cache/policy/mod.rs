//! What a cache may do with requests and responses, by RFC 9111 and RFC 5861: pure functions.
//!
//! No clock, no I/O, no store: everything is a function of header fields, a status and times that are
//! handed in. Whoever calls them keeps the responses ([`super::CachedFetcher`]). Not decided here: which
//! request may see whose answers, and how long what is stale is kept; both are the store's.
//!
//! Reading order: `directives` (`Cache-Control` as foreign bytes), `freshness` (how long, how old),
//! `storing` (what may be kept, and which of its fields), `vary` (for whom), `reuse` (what to do with a
//! request, [`Plan`]), `validation` (conditional requests and their answers), `invalidation`.
//!
//! Invariants: whatever the fields say, no function panics; what can't be understood makes a response
//! stale or keeps it out of the store, never fresher.

pub mod directives;
mod freshness;
mod invalidation;
#[cfg(test)]
mod properties;
mod reuse;
mod storing;
mod validation;
mod vary;

pub use freshness::{age, facts};
pub use invalidation::{also_invalidated, invalidates};
pub use reuse::{may_stand_in, plan};
pub use storing::{may_store, stored_fields};
pub use validation::{add_validators, fields_of_304, freshen, has_preconditions, is_same_representation, not_modified};
pub use vary::{Selecting, matches, selecting};

use std::time::Duration;

use http::HeaderValue;

use crate::clock::Timestamp;

/// Whose cache it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// One user's: `private` is stored, `s-maxage` and `proxy-revalidate` do not count.
    #[default]
    Private,
    /// Many users': as a proxy's.
    Shared,
}

/// What the policy is told by configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Whose cache it is.
    pub mode: Mode,
    /// Instead of what the server says of freshness: how long a response is fresh.
    pub ttl: Option<Duration>,
    /// Whether `no-store`, `no-cache`, `private`, `must-revalidate` and the like are not heard, nor
    /// `Vary: *`. Makes sense with a `ttl` only.
    pub ignore_server: bool,
    /// Longest freshness that is guessed from `Last-Modified`.
    pub heuristic_max: Duration,
}

impl Default for Rules {
    fn default() -> Self {
        Self { mode: Mode::Private, ttl: None, ignore_server: false, heuristic_max: Duration::from_secs(86_400) }
    }
}

/// What of a stored response matters for using it again, worked out once when it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// When its head was there.
    pub received_at: Timestamp,
    /// RFC 9111 section 4.2.3, `corrected_initial_age`.
    pub initial_age: Duration,
    /// RFC 9111 section 4.2.1.
    pub lifetime: Duration,
    /// It must be validated before each use: `no-cache`.
    pub validate_always: bool,
    /// It must not be used when stale, whatever else would allow it.
    pub never_stale: bool,
    /// RFC 5861 section 3: how long after its freshness it may be served while it is revalidated.
    pub while_revalidate: Duration,
    /// RFC 5861 section 4: how long after its freshness it may be served in an error's stead.
    pub if_error: Duration,
    /// `ETag` as sent.
    pub etag: Option<HeaderValue>,
    /// `Last-Modified` as sent.
    pub last_modified: Option<HeaderValue>,
}

impl Facts {
    /// Whether the server can be asked if it has changed.
    pub fn has_validator(&self) -> bool {
        self.etag.is_some() || self.last_modified.is_some()
    }

    /// How long it has been stale; none while it is fresh.
    pub fn staleness(&self, now: Timestamp) -> Option<Duration> {
        age(self, now).checked_sub(self.lifetime)
    }
}

/// What is to be done with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// The stored response is fresh enough.
    Fresh,
    /// It is stale, and the request says that this will do (`max-stale`).
    Stale,
    /// It is stale and may be served while somebody revalidates it.
    StaleWhileRevalidate,
    /// The server has to be asked; validators of the stored response go along if there is one.
    Ask,
    /// The request wants no exchange and nothing at hand will do: 504.
    Unavailable,
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue};

    /// Header fields from text, several of one name included.
    pub(super) fn headers(fields: &[(&str, &str)]) -> HeaderMap {
        let parse = |(name, value): &(&str, &str)| {
            (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap())
        };
        let mut map = HeaderMap::new();
        for (name, value) in fields.iter().map(parse) {
            map.append(name, value);
        }
        map
    }
}
