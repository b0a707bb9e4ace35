//! `dragline explain`: why a URL of a crawl was fetched or was not, or what it waits for.
//!
//! Reads the crawl's configuration, its state if there is one that no other process holds, and the
//! record in its outputs. Nothing of the crawl is changed; opening the store takes its lock for a moment.

use super::{Exit, args::ExplainArgs, complain, print, with_config};
use crate::{
    config::{Flags, Sources},
    engine::explain::Explanation,
    job::explain::answer,
};

mod text;

pub(super) fn execute(args: &ExplainArgs) -> Exit {
    let mut flags = Flags::default();
    super::args::set(&mut flags, "job.out", "--out", args.out.as_ref());
    let sources = Sources { file: Some(args.config.clone()), flags, ..Sources::default() };
    with_config(&sources, |loaded| match answer(&loaded.settings, &args.urls) {
        Ok(explanations) => show(args, &explanations),
        Err(error) => {
            complain(&format!("error: {error}"));
            Exit::OutputRefused
        }
    })
}

fn show(args: &ExplainArgs, explanations: &[Explanation]) -> Exit {
    let mut out = String::new();
    for (i, explanation) in explanations.iter().enumerate() {
        if args.json {
            out += &serde_json::to_string(explanation).expect("plain data");
            out.push('\n');
        } else {
            out += if i > 0 { "\n" } else { "" };
            out += &text::text(explanation);
        }
    }
    print(out.as_bytes())
}
