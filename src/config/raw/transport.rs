//! The way to servers: `[proxy]`, `[tls]` and `[[client_certificate]]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Header;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Proxy {
    /// Proxies, at most 32: "http://user:password@host:3128", "https://…", "socks5://…" (names are resolved
    /// here), "socks5h://…" (by the proxy); or { env = "VARIABLE" } or { file = "path" }. A host keeps to
    /// one of them while it works. The variables HTTP_PROXY and the like are not read.
    #[schemars(extend("x-expects" = "a list of texts, { env = \"VARIABLE\" } or { file = \"path\" }"))]
    pub(crate) urls: Vec<Header>,
    /// What is asked without a proxy: hosts as in [[host]], and networks ("10.0.0.0/8"), which URLs with
    /// literal addresses are compared with.
    pub(crate) bypass: Vec<String>,
    /// Whether names that a proxy resolves are looked up here too, and refused by the address guard for
    /// what is found here.
    pub(crate) check_names: bool,
}

impl Default for Proxy {
    fn default() -> Self {
        Self { urls: Vec::new(), bypass: Vec::new(), check_names: true }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Tls {
    /// PEM files of certificate authorities that are trusted besides those of the program.
    pub(crate) roots: Vec<String>,
    /// The oldest version that is spoken.
    pub(crate) min_version: TlsVersion,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) enum TlsVersion {
    #[default]
    #[serde(rename = "1.2")]
    V1_2,
    #[serde(rename = "1.3")]
    V1_3,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ClientCertificate {
    /// For whom, as in "https://example.com". At most 8 certificates.
    pub(crate) origins: Vec<String>,
    /// A PEM file with the certificate, and its intermediates after it.
    pub(crate) certificate: String,
    /// A PEM file with its private key, without a passphrase.
    pub(crate) key: String,
}

impl ClientCertificate {
    /// Every key set: what the reference shows as an example.
    pub(crate) fn example() -> Self {
        Self {
            origins: vec!["https://example.com".into()],
            certificate: "/run/secrets/client.pem".into(),
            key: "/run/secrets/client.key".into(),
        }
    }
}
