//! What is secret and for one origin: `[[auth]]`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Header;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Auth {
    /// For whom: scheme, host and port, as in "https://example.com:8443". Nobody else gets it, by link,
    /// redirect, robots.txt or sitemap.
    pub(crate) origin: String,
    /// The user name of HTTP's basic authentication.
    pub(crate) user: String,
    /// Its password: a text, { env = "VARIABLE" } or { file = "path" }; it is never printed.
    pub(crate) password: Header,
    /// A bearer token, given like a password.
    pub(crate) bearer: Header,
    /// Further headers for this origin only, all of them secret, given like a password.
    pub(crate) headers: BTreeMap<String, Header>,
}

impl Auth {
    /// Every key set: what the reference shows as an example.
    pub(crate) fn example() -> Self {
        let secret = |name: &str| Header::Secret(super::Secret { env: Some(name.into()), file: None });
        Self {
            origin: "https://example.com".into(),
            user: "me".into(),
            password: secret("EXAMPLE_PASSWORD"),
            bearer: Header::default(),
            headers: BTreeMap::from([("x-api-key".into(), secret("EXAMPLE_KEY"))]),
        }
    }
}
