//! What is promised to hosts: `[politeness]` and `[[host]]`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::units::{Count, Factor, Limit, Rate, Span};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Politeness {
    /// Requests to one host.
    #[schemars(extend("x-min" = "1/h", "x-max" = "1000000/s"))]
    pub(crate) rate: Rate,
    /// Requests that may come at once after a pause.
    #[schemars(range(min = 1, max = 1000))]
    pub(crate) burst: u32,
    /// Connections to one host at once.
    #[schemars(range(min = 1, max = 1000))]
    pub(crate) per_host: u32,
    /// Rest between the end of a host's answer and the next request to it.
    #[schemars(extend("x-min" = "0s", "x-max" = "7days"))]
    pub(crate) delay: Span,
    /// The same in proportion to how long the host takes to answer: so many times its time to first
    /// byte, or "off".
    #[schemars(extend("x-min" = 0.01, "x-max" = 1000))]
    pub(crate) adaptive: Factor,
    /// The shortest such rest.
    #[schemars(extend("x-min" = "0s", "x-max" = "7days"))]
    pub(crate) adaptive_min: Span,
    /// The longest such rest.
    #[schemars(extend("x-min" = "0s", "x-max" = "7days"))]
    pub(crate) adaptive_max: Span,
    /// When hosts are not asked, by the clock of a zone: "22:00-06:00 Europe/Berlin", "Sat,Sun
    /// 00:00-24:00 UTC".
    pub(crate) quiet: Vec<String>,
    /// Requests to all hosts at one IP address together.
    #[schemars(extend("x-min" = "1/h", "x-max" = "1000000/s"))]
    pub(crate) ip_rate: Rate,
    /// Requests in flight to all hosts at one IP address together.
    #[schemars(extend("x-min" = 1, "x-max" = 100_000))]
    pub(crate) ip_connections: Limit<Count>,
    /// Requests to all hosts of one registrable domain together.
    #[schemars(extend("x-min" = "1/h", "x-max" = "1000000/s"))]
    pub(crate) domain_rate: Rate,
    /// Requests in flight to all hosts of one registrable domain together.
    #[schemars(extend("x-min" = 1, "x-max" = 100_000))]
    pub(crate) domain_connections: Limit<Count>,
    /// Whether a Crawl-delay in robots.txt is honoured.
    pub(crate) crawl_delay: bool,
    /// The longest Crawl-delay and Retry-After honoured; longer ones are cut to this.
    #[schemars(extend("x-min" = "0s", "x-max" = "7days"))]
    pub(crate) max_delay: Span,
    /// The first pause after a failing answer; it doubles each time.
    #[schemars(extend("x-min" = "1ms", "x-max" = "1h"))]
    pub(crate) backoff_base: Span,
    /// The longest such pause.
    #[schemars(extend("x-min" = "1ms", "x-max" = "7days"))]
    pub(crate) backoff_max: Span,
    /// Retries of a host's URLs, all together, that are allowed in any case.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub(crate) retry_min: u32,
    /// Further ones, in a hundred requests to the host; "unlimited" for no budget at all.
    #[schemars(extend("x-min" = 0, "x-max" = 10_000))]
    pub(crate) retry_percent: Limit<Count>,
}

impl Default for Politeness {
    fn default() -> Self {
        Self {
            rate: Rate::ONE_A_SECOND,
            burst: 1,
            per_host: 1,
            delay: Span::secs(0),
            adaptive: Factor(None),
            adaptive_min: Span::secs(0),
            adaptive_max: Span::secs(30),
            quiet: Vec::new(),
            ip_rate: Rate::UNLIMITED,
            ip_connections: Limit::NONE,
            domain_rate: Rate::UNLIMITED,
            domain_connections: Limit::NONE,
            crawl_delay: true,
            max_delay: Span::secs(120),
            backoff_base: Span::secs(2),
            backoff_max: Span::secs(300),
            retry_min: 100,
            retry_percent: Limit(Some(Count(20))),
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct HostRule {
    /// Which hosts: a name "example.com", its subdomains "*.example.com", or a SURT prefix,
    /// "(com,example,)" for the host, "(com,example," for it and all below it.
    #[serde(rename = "match")]
    pub(crate) pattern: String,
    /// Instead of fetch.user_agent.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) user_agent: String,
    /// Instead of fetch.accept_language.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) accept_language: String,
    /// Header fields instead of those of [fetch] with the same names; none of them secret.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) headers: BTreeMap<String, String>,
    /// Instead of politeness.rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-min" = "1/h", "x-max" = "1000000/s"))]
    pub(crate) rate: Option<Rate>,
    /// Instead of politeness.burst.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub(crate) burst: Option<u32>,
    /// Instead of politeness.per_host.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1000))]
    pub(crate) per_host: Option<u32>,
    /// Instead of politeness.delay.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-min" = "0s", "x-max" = "7days"))]
    pub(crate) delay: Option<Span>,
    /// Instead of politeness.adaptive.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-min" = 0.01, "x-max" = 1000))]
    pub(crate) adaptive: Option<Factor>,
    /// Instead of politeness.quiet; an empty list for no quiet hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) quiet: Option<Vec<String>>,
    /// Instead of politeness.crawl_delay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) crawl_delay: Option<bool>,
    /// Instead of politeness.max_delay.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-min" = "0s", "x-max" = "7days"))]
    pub(crate) max_delay: Option<Span>,
}

impl HostRule {
    /// Every key set: what the reference shows as an example.
    pub(crate) fn example() -> Self {
        Self {
            pattern: "*.example.com".into(),
            user_agent: "otherbot/1.0 (+https://example.org/bot)".into(),
            accept_language: "de, en;q=0.5".into(),
            headers: BTreeMap::from([("x-team".into(), "search".into())]),
            rate: Some(Rate::ONE_A_SECOND),
            burst: Some(1),
            per_host: Some(1),
            delay: Some(Span::secs(0)),
            adaptive: Some(Factor(None)),
            quiet: Some(vec!["22:00-06:00 Europe/Berlin".into()]),
            crawl_delay: Some(true),
            max_delay: Some(Span::secs(120)),
        }
    }
}
