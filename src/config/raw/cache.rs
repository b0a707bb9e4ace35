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
    /// How long a response is served.
    #[schemars(extend("x-min" = "1ms", "x-max" = "365days"))]
    pub(crate) ttl: Span,
}

impl Default for Cache {
    fn default() -> Self {
        Self { enabled: false, size: Bytes::mib(64), ttl: Span::secs(300) }
    }
}
