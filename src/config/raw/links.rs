//! `[links]`: which links of a page are followed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which links of a page are followed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Links {
    /// Kinds of links, mostly by the name of their element: "a", "area", "link", "iframe", "frame",
    /// "refresh", "form", "img", "source", "video", "audio", "track", "object", "embed", "script", "css",
    /// "icon", "preload", "input", "svg", "background", "cite"; parts of some ("img-src", "srcset",
    /// "picture", "poster"); groups ("navigation", "media", "assets", "all"); and "template" for what
    /// stands in inert templates.
    pub(crate) kinds: Vec<String>,
    /// Links whose rel says any of these are left alone. fetch.nofollow adds "nofollow".
    pub(crate) obey_rel: Vec<LinkRel>,
    /// Whether URLs that stand in plain text (text/plain) are links.
    pub(crate) text_files: bool,
    /// Whether the links of PDF documents are followed.
    pub(crate) pdf: bool,
}

impl Default for Links {
    fn default() -> Self {
        Self { kinds: vec!["navigation".to_owned()], obey_rel: Vec::new(), text_files: false, pdf: false }
    }
}

/// What a link's rel may say about following it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LinkRel {
    Nofollow,
    Ugc,
    Sponsored,
}
