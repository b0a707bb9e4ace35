//! The cache of responses: `[cache]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::units::{Bytes, Span};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Cache {
    /// Whether responses are cached.
    pub(crate) enabled: bool,
    /// Bytes of responses held.
    #[schemars(extend("x-min" = "64 KiB", "x-max" = "1 TiB"))]
    pub(crate) size: Bytes,
    /// Bytes of one response; a larger one is not kept. More than `size` is `size`.
    #[schemars(extend("x-min" = "1 KiB", "x-max" = "1 GiB"))]
    pub(crate) entry_max: Bytes,
    /// Whose cache it is: "private" (one user's: a crawl's) or "shared" (as a proxy's, which keeps less).
    pub(crate) mode: CacheMode,
    /// How long a response is fresh, instead of what its server says; "0s": as the server says.
    #[schemars(extend("x-min" = "0s", "x-max" = "365days"))]
    pub(crate) ttl: Span,
    /// Whether no-store, no-cache, private, must-revalidate and "Vary: *" are not heard. Needs a ttl.
    pub(crate) ignore_server: bool,
    /// How long at most a response is held to be fresh when its server says only when it last changed.
    #[schemars(extend("x-min" = "0s", "x-max" = "365days"))]
    pub(crate) heuristic_max: Span,
    /// How long a response is kept after it has become stale, to ask whether it has changed.
    #[schemars(extend("x-min" = "0s", "x-max" = "365days"))]
    pub(crate) keep: Span,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum CacheMode {
    Private,
    Shared,
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            enabled: false,
            size: Bytes::mib(64),
            entry_max: Bytes::mib(8),
            mode: CacheMode::Private,
            ttl: Span::secs(0),
            ignore_server: false,
            heuristic_max: Span::secs(86_400),
            keep: Span::secs(86_400),
        }
    }
}
