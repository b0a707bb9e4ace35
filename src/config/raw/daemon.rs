//! The daemon and its callers: `[daemon]` and `[[key]]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::units::{Bytes, Count, Limit, Rate, Span, Unit};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Daemon {
    /// Address and port to listen at. One that others than this machine can reach needs a [[key]].
    pub(crate) listen: String,
    /// The folder that jobs are kept in, relative to the current folder.
    pub(crate) data: String,
    /// A file with the certificate that callers are shown, its intermediates after it (PEM): TLS. Read again on SIGHUP.
    pub(crate) tls_certificate: String,
    /// The file with its private key (PEM).
    pub(crate) tls_key: String,
    /// Names, besides addresses and "localhost", by which callers may ask for the daemon (their Host header).
    pub(crate) names: Vec<String>,
    /// Crawls that run at once; others wait in line.
    #[schemars(range(min = 1, max = 1000))]
    pub(crate) running: u32,
    /// Crawls that are kept, those that are over as well; beyond that none is taken until some are deleted.
    #[schemars(range(min = 1, max = 100_000))]
    pub(crate) crawls: u32,
    /// Longest body of a call.
    #[schemars(extend("x-min" = "1 KiB", "x-max" = "64 MiB"))]
    pub(crate) body: Bytes,
    /// Connections of callers at once.
    #[schemars(range(min = 1, max = 100_000))]
    pub(crate) connections: u32,
    /// How long a caller may take to send the head of a call, and how long its body; and to take an answer
    /// without a pause of this length.
    #[schemars(extend("x-min" = "1s", "x-max" = "1h"))]
    pub(crate) timeout: Span,
    /// URLs of one call to fetch.
    #[schemars(range(min = 1, max = 10_000))]
    pub(crate) batch: u32,
    /// URLs that are being fetched for callers at once.
    #[schemars(range(min = 1, max = 100_000))]
    pub(crate) fetches: u32,
    /// Bytes of bodies in answers that are being made or sent, as they were fetched; whoever asks for more waits, or is told to
    /// come back.
    #[schemars(extend("x-min" = "1 MiB", "x-max" = "1 TiB"))]
    pub(crate) answers: Bytes,
    /// Events of each crawl that are kept for readers who come back.
    #[schemars(range(min = 16, max = 1_000_000))]
    pub(crate) events: u32,
    /// Readers of events at once.
    #[schemars(range(min = 1, max = 100_000))]
    pub(crate) readers: u32,
    /// Free space below which no crawl is begun and the daemon is not ready.
    #[schemars(extend("x-min" = "0 B", "x-max" = "1 TiB"))]
    pub(crate) disk_reserve: Bytes,
}

impl Default for Daemon {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:7700".into(),
            data: "dragline-data".into(),
            tls_certificate: String::new(),
            tls_key: String::new(),
            names: Vec::new(),
            running: 4,
            crawls: 10_000,
            body: Bytes::mib(1),
            connections: 512,
            timeout: Span::secs(30),
            batch: 100,
            fetches: 256,
            answers: Bytes::mib(256),
            events: 1024,
            readers: 64,
            disk_reserve: Bytes::mib(256),
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Key {
    /// Whose key it is: letters, digits, ".", "-" and "_".
    pub(crate) name: String,
    /// What `dragline key` printed beside the key: "sha256:" and 64 hexadecimal digits.
    pub(crate) hash: String,
    /// What it opens: "read", "crawl", "fetch", "admin".
    pub(crate) scopes: Vec<KeyScope>,
    /// Calls with it.
    #[schemars(extend("x-min" = "1/h", "x-max" = "1000000/s"))]
    pub(crate) rate: Option<Rate>,
    /// Crawls of its own that are not over.
    #[schemars(extend("x-min" = 1, "x-max" = 100_000))]
    pub(crate) crawls: Option<Limit<Count>>,
}

/// What a key opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum KeyScope {
    /// To look at crawls, hosts and statistics.
    Read,
    /// To begin crawls, and to pause, cancel and delete one's own.
    Crawl,
    /// To fetch single URLs.
    Fetch,
    /// All of that, of everybody's crawls, and the daemon's own affairs.
    Admin,
}

impl Key {
    /// Every key set: what the reference shows as an example.
    pub(crate) fn example() -> Self {
        Self {
            name: "search-team".into(),
            hash: format!("sha256:{}", "0".repeat(64)),
            scopes: vec![KeyScope::Read, KeyScope::Crawl, KeyScope::Fetch],
            rate: Rate::from_text("20/s"),
            crawls: Some(Limit(Some(Count(50)))),
        }
    }
}
