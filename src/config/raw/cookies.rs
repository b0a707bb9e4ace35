//! The cookies of a job: `[cookies]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Cookies {
    /// Whether cookies are taken and sent back (RFC 6265bis).
    pub(crate) enabled: bool,
    /// Cookies to begin with: a file in Netscape's format (cookies.txt), or one that dragline saved.
    pub(crate) file: String,
    /// Cookies kept; beyond it those used longest ago go.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(crate) max: u32,
    /// Cookies kept of one registrable domain.
    #[schemars(range(min = 1, max = 10_000))]
    pub(crate) max_per_domain: u32,
}

impl Default for Cookies {
    fn default() -> Self {
        Self { enabled: false, file: String::new(), max: 3000, max_per_domain: 50 }
    }
}
