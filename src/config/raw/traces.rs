//! Traces: `[traces]`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Header;
use crate::config::units::Span;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Traces {
    /// Where a collector takes OTLP over HTTP, e.g. "http://127.0.0.1:4318"; spans go to /v1/traces below it. Empty:
    /// there are no traces. Guard and proxies are for crawled servers, not for it; [tls] roots are trusted.
    pub(crate) endpoint: String,
    /// Header fields for the collector, as name = "value". A secret comes from the environment,
    /// name = { env = "VARIABLE" }, or from a file, name = { file = "path" }; no value is ever printed.
    pub(crate) headers: BTreeMap<String, Header>,
    /// The share of the URLs that are followed, from none to all. Which is decided by the URL, so that all attempts at
    /// it are, and the same URLs in every pass.
    #[schemars(range(min = 0.0, max = 1.0), extend("x-expects" = "a number"))]
    pub(crate) sample: f64,
    /// Who we are: the attribute service.name.
    pub(crate) service: String,
    /// Further attributes of who we are, as "deployment.environment.name" = "staging". At most 32.
    pub(crate) attributes: BTreeMap<String, String>,
    /// Most traces that wait to be sent; further ones are dropped and counted.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(crate) queue: u32,
    /// For one request to the collector, and for all that is left when a run ends.
    #[schemars(extend("x-min" = "100ms", "x-max" = "1m"))]
    pub(crate) timeout: Span,
}

impl Default for Traces {
    fn default() -> Self {
        Self {
            endpoint: String::new(),
            headers: BTreeMap::new(),
            sample: 0.01,
            service: "dragline".into(),
            attributes: BTreeMap::new(),
            queue: 2048,
            timeout: Span::secs(5),
        }
    }
}
