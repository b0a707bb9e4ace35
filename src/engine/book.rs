//! The engine's book: what is committed together with the frontier, beside the frontier.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{EngineError, stats::Tally};
use crate::sink::Mark;

/// What a crawl knows of itself. Written whole at every commit, so it is small whatever the crawl.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Book {
    /// Which crawl this is: key and value of all that makes it the same job as another.
    pub identity: BTreeMap<String, String>,
    /// Passes over the same crawl that were set aside: this is the pass after them.
    #[serde(default)]
    pub passes_before: u32,
    /// Files of the pass before this one that may not have been moved yet, by name. Nothing is written
    /// while there are any.
    #[serde(default)]
    pub setting_aside: Vec<String>,
    /// Everything counted.
    pub tally: Tally,
    /// How far the outputs are.
    pub outputs: Vec<Mark>,
    /// Whether the seeds are in the frontier.
    pub seeded: bool,
    /// How many processes have worked on it.
    pub runs: u32,
    /// When the first one began, RFC 3339.
    pub started_at: String,
    /// When the last one ended or committed, RFC 3339.
    pub updated_at: String,
    /// How the last one ended; `None` while one works on it, and after a crash.
    pub end: Option<End>,
}

impl Book {
    /// Reads what [`Book::to_bytes`] wrote.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EngineError> {
        serde_json::from_slice(bytes).map_err(|e| EngineError::Book(e.to_string()))
    }

    /// The number of the pass that it is about, from 1.
    pub fn pass(&self) -> u32 {
        self.passes_before.saturating_add(1)
    }

    /// The form in which the frontier keeps it.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("maps with text keys, strings and numbers always serialise")
    }
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// Nothing was left to do.
    Finished,
    /// A limit was reached.
    LimitReached(Limit),
    /// Somebody asked it to stop.
    Interrupted,
}

/// A limit on the whole crawl, with its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// `limits.pages`.
    Pages(u64),
    /// `limits.bytes`.
    Bytes(u64),
    /// `limits.duration`, seconds.
    Duration(u64),
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Pages(n) => write!(f, "limits.pages = {n}"),
            Self::Bytes(n) => write!(f, "limits.bytes = {n}"),
            Self::Duration(seconds) => write!(f, "limits.duration = {seconds} s"),
        }
    }
}
