//! Configuration: from what people write to [`Settings`] that can't be wrong.
//!
//! Two stages. What is written (raw sections, everything optional) comes from four layers that the
//! `config` crate merges: defaults < file (TOML, YAML, JSON) < environment
//! (`DRAGLINE__SECTION__KEY`) < flags. What is meant ([`Settings`]) holds the `Options` of each
//! subsystem; no subsystem imports this module. [`Sources`] names the layers, [`Sources::load`]
//! goes from one stage to the other and reports *all* that is wrong at once, each [`Problem`] with
//! its file and line (or variable, or flag), its key and what was expected.
//!
//! The only reader of the environment. It reads the configuration file, files of secrets and files
//! of seeds; it opens no socket, creates nothing and prints nothing. Secrets are in [`Settings`]
//! only: no row, no message and no identity holds one.
//!
//! Stages in reading order: `raw` (what can be written), `schema` (made from it), `inspect` (unknown
//! keys, types, bounds, layer by layer), `layers` (origins, merging), `build` (meaning).

mod auth;
mod build;
mod cache;
mod canonical;
mod client;
mod contact;
mod cookies;
mod daemon;
mod dns;
mod document;
mod fetch;
mod headers;
mod hosts;
mod identity;
mod inspect;
mod layers;
mod lines;
mod links;
mod load;
mod path;
mod raw;
mod reference;
mod rows;
mod schema;
mod scope;
mod seeds;
mod settings;
mod traces;
mod transport;
mod units;
mod webhooks;

pub use client::{ClientVariables, KEY_VARIABLE, URL_VARIABLE};
pub use daemon::{CallerKey, Daemon, Scopes};
pub use document::{Base, Document, DocumentFormat};
pub use identity::Identity;
pub use layers::{Environment, Flags};
pub use load::{Purpose, Sources};
pub use reference::{json_schema, reference};
pub use rows::Row;
pub use seeds::SeedError;
pub use settings::{
    Cookies, Fetch, Format, Frontier, Job, Limits, Links, LogFormat, Outputs, Progress, Seeds, Settings, Store,
    Telemetry,
};
pub use webhooks::{HookEvent, HookSecret, OperatorHook, Webhooks, hook_url, judge_hook_url};

use std::fmt;

/// A configuration that was found good.
#[derive(Debug)]
pub struct Loaded {
    /// What it means.
    pub settings: Settings,
    /// Every effective value and where it comes from, in the order of the reference.
    pub rows: Vec<Row>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where it was written: `site.toml:12`, `environment DRAGLINE__…`, `flag --depth`, `default`.
    pub origin: String,
    /// Which key, e.g. `limits.depth`; empty when it is the file as a whole.
    pub key: String,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What can be wrong with a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Fault {
    /// There is no such key.
    #[error("unknown key{}", inspect::suggestion(.nearest.as_deref(), .others))]
    Unknown {
        /// The known key most like it, if any is.
        nearest: Option<String>,
        /// Without one, in a table that is one of several: all keys that such a table has.
        others: Vec<String>,
    },
    /// Of the wrong kind, or out of bounds.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// What may stand here.
        expected: String,
        /// What stands here.
        found: String,
    },
    /// Well formed, but it can't be meant.
    #[error("{0}")]
    Meaningless(String),
    /// The file can't be read or is not of its format.
    #[error("{0}")]
    Unreadable(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key.as_str() {
            "" => write!(f, "{}: {}", self.origin, self.fault),
            key => write!(f, "{}: {key}: {}", self.origin, self.fault),
        }
    }
}

/// All that is wrong with a configuration; displayed as one line each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct ConfigErrors(pub Vec<Problem>);
