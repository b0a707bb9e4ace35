//! `dragline inspect sitemap`: the entries of a sitemap or feed, and what is wrong with it.

use clap::Args;
use serde::{Deserialize, Serialize};

use super::{
    super::Exit,
    Form, batch,
    input::{self, Reach},
    show,
};
use crate::sitemap;

/// The entries of a sitemap or feed
#[derive(Debug, Args)]
pub(crate) struct SitemapArgs {
    /// A file, "-" for standard input, or a URL
    #[arg(required_unless_present = "batch")]
    input: Option<String>,
    #[command(flatten)]
    form: Form,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, Deserialize)]
struct Question {
    body_base64: String,
}

#[derive(Debug, Serialize)]
struct Answer {
    entries: Vec<Entry>,
    sitemaps: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Entry {
    url: String,
}

pub(super) fn execute(args: &SitemapArgs) -> Exit {
    if args.form.batch {
        return batch::run(|question: Question| Ok(answer(&batch::from_base64(&question.body_base64)?)));
    }
    match input::read(args.input.as_deref().unwrap_or("-"), &args.reach) {
        Ok(input) => show(&args.form, &answer(&input.body), |answer| format!("{answer:#?}\n")),
        Err(exit) => exit,
    }
}

fn answer(body: &[u8]) -> Answer {
    let found = sitemap::parse(body, &sitemap::Limits::default());
    Answer { entries: found.pages.into_iter().map(|url| Entry { url }).collect(), sitemaps: found.sitemaps }
}
