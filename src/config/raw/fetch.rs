//! How pages are asked for: `[fetch]`.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::scope::Port;
use crate::config::units::{Bytes, Limit, Span};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Fetch {
    /// The User-Agent header. Empty: "dragline/<version> (+<contact>)".
    pub(crate) user_agent: String,
    /// The Accept-Language header, e.g. "de, en;q=0.5". Empty: none is sent.
    pub(crate) accept_language: String,
    /// Further headers of every request, as name = "value". A secret comes from the environment,
    /// name = { env = "VARIABLE" }, or from a file, name = { file = "path" }; it is never printed.
    pub(crate) headers: BTreeMap<String, Header>,
    /// Requests in flight, all hosts together.
    #[schemars(range(min = 1, max = 10_000))]
    pub(crate) concurrency: u32,
    /// Name resolution, connect and TLS handshake together.
    #[schemars(extend("x-min" = "10ms", "x-max" = "10m"))]
    pub(crate) connect_timeout: Span,
    /// From the moment when there is a connection for a request to the end of the response's head.
    #[schemars(extend("x-min" = "10ms", "x-max" = "1day"))]
    pub(crate) first_byte_timeout: Span,
    /// Longest silence while a body is read.
    #[schemars(extend("x-min" = "10ms", "x-max" = "1h"))]
    pub(crate) idle_timeout: Span,
    /// One whole exchange, from call to last byte.
    #[schemars(extend("x-min" = "10ms", "x-max" = "1day"))]
    pub(crate) timeout: Span,
    /// Least bytes a second of a body, as they come over the wire; one that comes more slowly is cut.
    #[schemars(extend("x-min" = "1 B", "x-max" = "1 GiB"))]
    pub(crate) min_rate: Limit<Bytes>,
    /// Over how much time that is measured, again and again. Waiting for `memory` or
    /// `limits.bandwidth` doesn't count.
    #[schemars(extend("x-min" = "100ms", "x-max" = "1h"))]
    pub(crate) min_rate_window: Span,
    /// Connections kept open without a request, all hosts together; each takes some 35 KiB, up to 450 after large
    /// bodies. Each host keeps as many as its `per_host` allows or, where many are asked, its share, one at least; for
    /// more, those of the host that was not asked for longest are closed. If more hosts than this are asked in turn, no
    /// connection is used twice.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(crate) idle_connections: u32,
    /// Most header fields of a response; one with more fails.
    #[schemars(range(min = 16, max = 4096))]
    pub(crate) max_headers: u32,
    /// Most bytes of a response's header fields.
    #[schemars(extend("x-min" = "4 KiB", "x-max" = "384 KiB"))]
    pub(crate) max_header_size: Bytes,
    /// Longest body kept, decoded; more is cut and the record says so.
    #[schemars(extend("x-min" = "1 KiB", "x-max" = "4 GiB"))]
    pub(crate) body: Bytes,
    /// Bytes of bodies in memory, all requests together; at least `body`.
    #[schemars(extend("x-min" = "64 KiB", "x-max" = "1 TiB"))]
    pub(crate) memory: Bytes,
    /// Most decoded bytes for one byte of a compressed body.
    #[schemars(range(min = 2, max = 100_000))]
    pub(crate) decode_ratio: u32,
    /// Attempts after the first, for failures that may pass.
    #[schemars(range(min = 0, max = 20))]
    pub(crate) retries: u8,
    /// The pause before the second attempt at a URL is a random share of this; it doubles with each.
    #[schemars(extend("x-min" = "10ms", "x-max" = "1h"))]
    pub(crate) retry_base: Span,
    /// The longest such pause, and the longest Retry-After that is kept for a URL alone.
    #[schemars(extend("x-min" = "10ms", "x-max" = "1day"))]
    pub(crate) retry_max: Span,
    /// Redirects in one chain.
    #[schemars(range(min = 0, max = 50))]
    pub(crate) max_redirects: u8,
    /// A redirect from https to http: "follow" it, or "refuse" its target.
    pub(crate) downgrade: Downgrade,
    /// What the address guard lets through besides the public internet: networks ("10.0.0.0/8"),
    /// addresses, or "loopback". A cloud's metadata service must be named by its address.
    pub(crate) allow_addresses: Vec<String>,
    /// What it never lets through, written likewise; this wins over allow_addresses.
    pub(crate) deny_addresses: Vec<String>,
    /// Ports that are asked although browsers block them.
    #[schemars(extend("x-expects" = "a list of ports, from 1 to 65535"))]
    pub(crate) allow_ports: Vec<Port>,
    /// Fixed answers of name resolution: host = "address". A host is a name or "*.suffix".
    pub(crate) resolve: BTreeMap<String, String>,
    /// Whether links marked nofollow, by rel, by a robots meta element or by X-Robots-Tag, are left alone.
    pub(crate) nofollow: bool,
}

impl Default for Fetch {
    fn default() -> Self {
        Self {
            user_agent: String::new(),
            accept_language: String::new(),
            headers: BTreeMap::new(),
            concurrency: 64,
            connect_timeout: Span::secs(10),
            first_byte_timeout: Span::secs(30),
            idle_timeout: Span::secs(15),
            timeout: Span::secs(60),
            min_rate: Limit(Some(Bytes(256))),
            min_rate_window: Span::secs(20),
            idle_connections: 1024,
            max_headers: 256,
            max_header_size: Bytes::kib(256),
            body: Bytes::mib(10),
            memory: Bytes::mib(256),
            decode_ratio: 200,
            retries: 2,
            retry_base: Span::secs(1),
            retry_max: Span::secs(120),
            max_redirects: 10,
            downgrade: Downgrade::Follow,
            allow_addresses: Vec::new(),
            deny_addresses: Vec::new(),
            allow_ports: Vec::new(),
            resolve: BTreeMap::new(),
            nofollow: false,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Downgrade {
    Follow,
    Refuse,
}

/// A value that may be secret, or where it is found.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Header {
    Text(String),
    Secret(Secret),
}

impl Default for Header {
    /// Not given.
    fn default() -> Self {
        Self::Text(String::new())
    }
}

impl Header {
    /// Whether it is more than an empty text.
    pub(crate) fn is_given(&self) -> bool {
        !matches!(self, Self::Text(text) if text.is_empty())
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("Text"), // It may be a secret.
            Self::Secret(place) => place.fmt(f),
        }
    }
}

/// Exactly one of the two.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Secret {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) env: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<String>,
}

impl JsonSchema for Header {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "header".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let source = |key: &str| {
            json_schema!({
                "type": "object", "properties": { key: { "type": "string" } }, "required": [key], "additionalProperties": false,
            })
        };
        json_schema!({
            "anyOf": [{ "type": "string" }, source("env"), source("file")],
            "x-expects": "a text, { env = \"VARIABLE\" } or { file = \"path\" }",
        })
    }
}
