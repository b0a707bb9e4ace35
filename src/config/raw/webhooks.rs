//! Who is told of crawls: `[webhooks]` and `[[webhook]]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Header;
use crate::config::units::Span;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Webhooks {
    /// Networks that webhooks reach besides the public internet, in CIDR notation, or "loopback".
    /// fetch.allow_addresses says nothing about them, fetch.deny_addresses holds for them too.
    pub(crate) allow: Vec<String>,
    /// Webhooks of callers, all together; 0 lets callers have none.
    #[schemars(range(min = 0, max = 10_000))]
    pub(crate) max: u32,
    /// Webhooks of one caller.
    #[schemars(range(min = 1, max = 1000))]
    pub(crate) per_caller: u32,
    /// How long a receiver may take to answer, the connection included.
    #[schemars(extend("x-min" = "1s", "x-max" = "5m"))]
    pub(crate) timeout: Span,
    /// Time to the second attempt; to each one after that it is three times as long, at most 6 hours.
    #[schemars(extend("x-min" = "100ms", "x-max" = "1h"))]
    pub(crate) retry: Span,
    /// How long an event is tried.
    #[schemars(extend("x-min" = "1m", "x-max" = "30d"))]
    pub(crate) max_age: Span,
    /// Events that wait for one receiver; of more the oldest are dropped.
    #[schemars(range(min = 1, max = 10_000))]
    pub(crate) queue: u32,
    /// Attempts that are remembered of each webhook.
    #[schemars(range(min = 1, max = 1000))]
    pub(crate) log: u32,
    /// Receivers that are being told at once.
    #[schemars(range(min = 1, max = 1000))]
    pub(crate) concurrency: u32,
}

impl Default for Webhooks {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            max: 100,
            per_caller: 10,
            timeout: Span::secs(15),
            retry: Span::secs(10),
            max_age: Span::secs(3 * 24 * 3600),
            queue: 256,
            log: 100,
            concurrency: 16,
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Webhook {
    /// By which it is known: letters, digits, ".", "-" and "_".
    pub(crate) name: String,
    /// Where events are sent.
    pub(crate) url: String,
    /// What they are signed with, "whsec_" and 24 to 64 bytes in Base64: a text, { env = "VARIABLE" } or
    /// { file = "path" }; it is never printed.
    pub(crate) secret: Header,
    /// Which events; none is all.
    pub(crate) events: Vec<HookEvent>,
}

/// What a webhook is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(rename = "WebhookEvent")]
pub enum HookEvent {
    /// It was acknowledged.
    #[serde(rename = "crawl.created")]
    Created,
    /// It is being worked on.
    #[serde(rename = "crawl.started")]
    Started,
    /// Nobody works on it before it is resumed.
    #[serde(rename = "crawl.paused")]
    Paused,
    /// Nothing was left.
    #[serde(rename = "crawl.finished")]
    Finished,
    /// A limit of its document was reached.
    #[serde(rename = "crawl.limit-reached")]
    LimitReached,
    /// It could not go on.
    #[serde(rename = "crawl.failed")]
    Failed,
    /// Somebody cancelled it.
    #[serde(rename = "crawl.cancelled")]
    Cancelled,
    /// It is gone, with all that it has written.
    #[serde(rename = "crawl.deleted")]
    Deleted,
}

impl Webhook {
    /// Every key set: what the reference shows as an example.
    pub(crate) fn example() -> Self {
        Self {
            name: "pipeline".into(),
            url: "https://pipeline.example/dragline".into(),
            secret: Header::Secret(super::Secret { env: Some("PIPELINE_SECRET".into()), file: None }),
            events: vec![HookEvent::Finished, HookEvent::LimitReached, HookEvent::Failed],
        }
    }
}
