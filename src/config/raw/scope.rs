//! Sections that say which URLs may be visited: `[scope]` and `[traps]`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::Value as Json;

use crate::config::units::{Bytes, Count, Limit, Unit};

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Scope {
    /// How far from the seeds: "host" their hosts, "subdomains" these and all below them, "domain"
    /// their registrable domains, "prefix" the folders of their paths, "surt" what `surts` name,
    /// "list" the seeds alone and what they redirect to, "any" everywhere.
    pub(crate) mode: ScopeMode,
    /// With mode "surt": SURT prefixes of what is reached. "(com,example," is a domain and all below
    /// it, "(com,example,)" one host, "(com,example,)/docs/" a folder; http and https are one.
    pub(crate) surts: Vec<String>,
    /// If not empty, a URL must match one of these patterns: a glob over the whole URL, or over path
    /// and query if it starts with "/" ("*" crosses slashes), or a regular expression after "re:".
    /// Seeds are exempt.
    pub(crate) include: Vec<String>,
    /// A URL that matches one of these patterns is refused. The same kind of patterns.
    pub(crate) exclude: Vec<String>,
    /// If not empty, only URLs of these schemes: "http", "https".
    pub(crate) schemes: Vec<String>,
    /// If not empty, only URLs of these ports; 80 and 443 also where they are not written.
    #[schemars(extend("x-expects" = "a list of ports, from 1 to 65535"))]
    pub(crate) ports: Vec<Port>,
    /// If not empty, only URLs whose path ends with one of these extensions, such as "html"; "" is
    /// for those without any. Upper and lower case are one. Seeds and sitemaps are exempt.
    pub(crate) extensions: Vec<String>,
    /// A URL whose path ends with one of these extensions is refused, such as "zip" or "tar.gz".
    pub(crate) exclude_extensions: Vec<String>,
    /// Links that may be followed beyond the mode: with 1, pages that are linked from within it are
    /// fetched wherever they are, and theirs are not.
    #[schemars(range(min = 0, max = 100))]
    pub(crate) hops_off_site: u8,
    /// Where redirects may lead: "scope" where a link may, "domain" also to the registrable domains
    /// of the seeds, "any" anywhere, "never" nowhere.
    pub(crate) redirects: Crossing,
    /// Where sitemaps may be that robots.txt or other sitemaps name; the same words. The pages that
    /// they list are judged like links.
    pub(crate) sitemaps: Crossing,
    /// Where a page's canonical link may lead; the same words.
    pub(crate) canonical: Crossing,
    /// Where embedded assets may be, when such are fetched at all; the same words.
    pub(crate) assets: Crossing,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ScopeMode {
    #[default]
    Host,
    Subdomains,
    Domain,
    Prefix,
    Surt,
    List,
    Any,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Crossing {
    Never,
    #[default]
    Scope,
    Domain,
    Any,
}

/// A port: a number, or a text of one (in the environment and on the command line).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct Port(pub(crate) u16);

impl<'de> Deserialize<'de> for Port {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let number = Count::from_json(&Json::deserialize(d)?).and_then(|Count(number)| u16::try_from(number).ok());
        number.filter(|port| *port > 0).map(Self).ok_or_else(|| D::Error::custom("expected a port"))
    }
}

impl JsonSchema for Port {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "port".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["integer", "string"], "minimum": 1, "maximum": 65535, "pattern": "^[0-9]+$" })
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Traps {
    /// A run of path segments that stands so often in a row is a trap: /a/b/a/b/a/b. Numbers may
    /// stand more often: /tiles/0/0/0/0.
    #[schemars(extend("x-min" = 2, "x-max" = 1000))]
    pub(crate) repeated_segments: Limit<Count>,
    /// A path segment that stands so often in all is a trap: /nav/x/nav/y/nav/… Numbers don't count.
    #[schemars(extend("x-min" = 2, "x-max" = 250))]
    pub(crate) recurring_segments: Limit<Count>,
    /// Most segments of a path.
    #[schemars(extend("x-min" = 1, "x-max" = 30_000))]
    pub(crate) path_segments: Limit<Count>,
    /// Longest query, bytes. The whole URL is bounded by limits.url_length; some real links are long.
    #[schemars(extend("x-min" = "16 B", "x-max" = "64 KiB"))]
    pub(crate) query_length: Limit<Bytes>,
    /// A URL in a URL in a URL is a trap when so many are nested, or percent-encoded over.
    #[schemars(extend("x-min" = 1, "x-max" = 100))]
    pub(crate) nested_urls: Limit<Count>,
    /// A parameter whose name stands so often in the query is a trap.
    #[schemars(extend("x-min" = 2, "x-max" = 250))]
    pub(crate) repeated_parameters: Limit<Count>,
    /// A parameter that stands so often with the same value is a trap: page=2&page=2&…
    #[schemars(extend("x-min" = 2, "x-max" = 250))]
    pub(crate) repeated_pairs: Limit<Count>,
    /// Most years into the future of a date on what looks like a calendar: /calendar/2137/05.
    #[schemars(extend("x-min" = 0, "x-max" = 9999))]
    pub(crate) years_ahead: Limit<Count>,
    /// Most years into the past of a date on what looks like a calendar.
    #[schemars(extend("x-min" = 0, "x-max" = 9999))]
    pub(crate) years_back: Limit<Count>,
    /// Whether a path with two session IDs is a trap: /a;jsessionid=1/b;jsessionid=2.
    pub(crate) session_ids: bool,
    /// Pages in a chain, each found on the one before, whose bodies were met on their host before and
    /// that lead to URLs not met before (a link to a parent folder, an ignored end of paths), after
    /// which the rest of the directory in which the chain begins is refused.
    #[schemars(extend("x-min" = 2, "x-max" = 1_000_000))]
    pub(crate) same_content: Limit<Count>,
}

impl Default for Traps {
    fn default() -> Self {
        let count = |n| Limit(Some(Count(n)));
        Self {
            repeated_segments: count(3),
            recurring_segments: count(8),
            path_segments: count(32),
            query_length: Limit::NONE,
            nested_urls: count(3),
            repeated_parameters: count(16),
            repeated_pairs: count(4),
            years_ahead: count(10),
            years_back: count(100),
            session_ids: true,
            same_content: count(8),
        }
    }
}
