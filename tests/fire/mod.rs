//! Proofs under fire: programs that try to break a promise for as long as they are let.
//!
//! Each module has a short form, an ordinary test in `tests/it/` with a fixed seed, and a long form, a
//! command of `benches/fire.rs`. Both say what they were given (seed, rounds), so that what they find can be
//! found again. A command prints its progress for people and writes its results as JSON lines for the
//! documents; it returns what promises it saw broken, and never goes on silently after one.
//!
//! Deliberately not: measurements of speed.

pub(crate) mod auditor;
pub(crate) mod bounds;
pub(crate) mod crash;
pub(crate) mod daemon;
pub(crate) mod dice;
pub(crate) mod memory;
pub(crate) mod politeness;
pub(crate) mod soak;
pub(crate) mod vitals;

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Write},
};

use serde_json::Value;

/// Promises that were broken, one sentence each.
#[derive(Debug)]
pub(crate) struct Violations(pub(crate) Vec<String>);

/// Flags and their values: `--rounds 300 --seed 1`.
#[derive(Debug, Default)]
pub(crate) struct Args(BTreeMap<String, String>);

impl Args {
    pub(crate) fn parse(words: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut words = words.into_iter();
        let mut flags = BTreeMap::new();
        while let Some(word) = words.next() {
            let flag = word.strip_prefix("--").ok_or_else(|| format!("not a flag: {word}"))?;
            let value = words.next().ok_or_else(|| format!("no value: {word}"))?;
            flags.insert(flag.to_owned(), value);
        }
        Ok(Self(flags))
    }

    /// The value of `--<flag>`.
    pub(crate) fn text(&self, flag: &str) -> Option<&str> {
        self.0.get(flag).map(String::as_str)
    }

    /// The number after `--<flag>`, or `default`.
    pub(crate) fn number(&self, flag: &str, default: u64) -> u64 {
        self.text(flag).map_or(default, |value| {
            value.replace('_', "").parse().unwrap_or_else(|_| panic!("--{flag} takes a number, not {value:?}"))
        })
    }
}

/// Results, as lines of JSON in the file of `--out`, if there is one.
#[derive(Debug, Default)]
pub(crate) struct Results(Option<File>);

impl Results {
    pub(crate) fn open(args: &Args) -> Result<Self, String> {
        let open = |path: &str| File::create(path).map_err(|error: io::Error| format!("{path}: {error}"));
        args.text("out").map(open).transpose().map(Self)
    }

    /// Adds a line.
    pub(crate) fn push(&mut self, line: &Value) {
        if let Some(file) = &mut self.0 {
            writeln!(file, "{line}").unwrap_or_else(|error| panic!("results can't be written: {error}"));
        }
    }
}
