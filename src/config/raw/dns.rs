//! How names are looked up: `[dns]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::units::Span;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Dns {
    /// The name servers, as "address" or "address:port"; none: those of the system.
    pub(crate) servers: Vec<String>,
    /// Which addresses are asked for, and of two which are tried first.
    pub(crate) family: Family,
    /// The whole of a look-up, all attempts together. It is part of fetch.connect_timeout.
    #[schemars(extend("x-min" = "10ms", "x-max" = "10m"))]
    pub(crate) timeout: Span,
    /// Attempts after the first; each has its share of the time.
    #[schemars(range(min = 0, max = 10))]
    pub(crate) retries: u8,
    /// Names that are remembered.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub(crate) cache_entries: u64,
    /// An answer is kept at least so long, even if its server says less.
    #[schemars(extend("x-min" = "0s", "x-max" = "1day"))]
    pub(crate) min_ttl: Span,
    /// An answer is kept at most so long.
    #[schemars(extend("x-min" = "0s", "x-max" = "7days"))]
    pub(crate) max_ttl: Span,
    /// That a name or its addresses don't exist is kept at most so long.
    #[schemars(extend("x-min" = "0s", "x-max" = "1day"))]
    pub(crate) negative_ttl: Span,
    /// That a look-up failed is kept so long.
    #[schemars(extend("x-min" = "0s", "x-max" = "5m"))]
    pub(crate) failure_ttl: Span,
}

impl Default for Dns {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            family: Family::Ipv6First,
            timeout: Span::secs(8),
            retries: 1,
            cache_entries: 16_384,
            min_ttl: Span::secs(5),
            max_ttl: Span::secs(3600),
            negative_ttl: Span::secs(60),
            failure_ttl: Span::secs(5),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Family {
    Ipv6First,
    Ipv4First,
    Ipv4,
    Ipv6,
}
