//! What can go wrong in an exchange, as answers to the questions that are asked of it.
//!
//! Vocabulary only: `classify` maps the client's errors to it. Kinds are few and stable, because
//! records, receipts and retries are written in them; the message carries the detail.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    Timings,
    retry::{self, ForHost, ForUrl, Purpose},
};
use crate::verdict::Refusal;

/// Where in the exchange it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Name resolution.
    Resolve,
    /// TCP connect or TLS handshake; also the guard's refusal of a literal address or a port.
    Connect,
    /// From the request's first byte to the end of the response's head.
    Head,
    /// While the body was read.
    Body,
}

/// What happened, in the words of records and receipts (kebab-case).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorKind {
    /// The name has no address, or the resolver failed.
    Dns,
    /// Every address of the name is one that the guard does not let through.
    AddressRefused,
    /// The port is one that browsers block.
    PortRefused,
    /// No TCP connection: refused, unreachable, reset while connecting.
    Connect,
    /// The TLS handshake failed.
    Tls,
    /// A time limit ran out.
    Timeout,
    /// The connection broke before the response's head was complete, or before any of the body.
    Closed,
    /// What came is not HTTP, breaks its rules or our bounds on header fields, or is a body that
    /// doesn't decode at all.
    Protocol,
    /// dragline's own bounds were reached: memory for bodies, threads for name look-ups. The host is not
    /// to blame.
    Busy,
    /// A proxy could not be reached, refused the login, or did not do its work. The host is not to blame.
    Proxy,
    /// A fault of dragline's own; the record says so instead of hiding it.
    Internal,
}

impl ErrorKind {
    /// As in records: `address-refused`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::AddressRefused => "address-refused",
            Self::PortRefused => "port-refused",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::Closed => "closed",
            Self::Protocol => "protocol",
            Self::Busy => "busy",
            Self::Proxy => "proxy",
            Self::Internal => "internal",
        }
    }
}

/// An exchange that gave no response.
#[derive(Debug, Clone)]
pub struct FetchError {
    /// What happened.
    pub kind: ErrorKind,
    /// Where.
    pub phase: Phase,
    /// In words, lower case, without the URL (records and logs name it beside).
    pub message: String,
    /// How far it came.
    pub timings: Timings,
}

impl FetchError {
    /// Whether the same request might succeed later.
    pub fn is_retryable(&self) -> bool {
        retry::judge(Purpose::Page, self.into()).url == ForUrl::Again
    }

    /// The refusal that it is, when nobody was asked.
    pub fn refusal(&self) -> Option<Refusal> {
        match self.kind {
            ErrorKind::AddressRefused => Some(Refusal::AddressRefused),
            ErrorKind::PortRefused => Some(Refusal::PortRefused),
            _ => None,
        }
    }

    /// Whether it is the host that is in trouble rather than this one URL.
    pub fn blames_host(&self) -> bool {
        retry::judge(Purpose::Page, self.into()).host == ForHost::Trouble
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for FetchError {}

/// A fetcher that can't be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// TLS has no usable protocol versions.
    #[error("set up tls: {0}")]
    Tls(#[from] rustls::Error),
    /// The resolver refused its settings.
    #[error("set up name resolution: {0}")]
    Names(String),
    /// The HTTP client refused its settings.
    #[error("set up the http client: {0}")]
    Client(#[from] reqwest::Error),
    /// Our certificate would be shown to a proxy.
    #[error("an https proxy would be shown the certificates for its servers")]
    ShownToProxy,
}
