//! `dragline inspect sitemap`: the entries of a sitemap or feed, and what is wrong with it.
//!
//! Addresses are resolved against the sitemap's own and written as the URL standard serialises
//! them; where that differs from what was written, the written text stands beside it (`raw`). What is
//! no URL at all is left out and is a defect. Nothing is made canonical: that is for `inspect url`.

use std::fmt::Write as _;

use clap::Args;
use serde::Deserialize;
use url::Url;

use super::{
    super::{Exit, complain, human, human::plain},
    Form, batch,
    input::{self, Reach},
    show, shown, shown_url,
};
use crate::inspect::sitemap::{Answer, answer};

/// Entries that are shown to people.
const MAX_SHOWN: usize = 20;

/// The entries of a sitemap or feed, and what is wrong with it
#[derive(Debug, Args)]
#[command(
    after_long_help = "Examples:\n  dragline inspect sitemap sitemap.xml.gz --base https://www.example.org/sitemap.xml.gz\n  \
    dragline inspect sitemap https://www.example.org/sitemap.xml --json\n\n\
    Questions of --batch: {\"url\": URL, \"content_type\": text|null, \"body_base64\": text}"
)]
pub(crate) struct SitemapArgs {
    /// A file, "-" for standard input, or a URL
    #[arg(required_unless_present = "batch", conflicts_with = "batch")]
    input: Option<String>,
    /// Resolve its addresses against this URL, instead of the one that was asked
    #[arg(long, value_name = "URL")]
    base: Option<String>,
    #[command(flatten)]
    form: Form,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, Deserialize)]
struct Question {
    url: Option<String>,
    content_type: Option<String>,
    body_base64: Option<String>,
}

pub(super) fn execute(args: &SitemapArgs) -> Exit {
    if args.form.batch {
        return batch::run(|question: Question| {
            let body = batch::body(question.body_base64.as_deref())?;
            let url = question.url.as_deref().filter(|url| !url.is_empty()).map(base).transpose()?;
            Ok(answer(&body, url.as_ref(), question.content_type.as_deref()))
        });
    }
    let input = match input::read(args.input.as_deref().unwrap_or("-"), &args.reach, input::MAX_REDIRECTS) {
        Ok(input) => input,
        Err(exit) => return exit,
    };
    let url = match args.base.as_deref().map(base).transpose() {
        Ok(url) => url.or_else(|| input.url.as_ref().map(|url| url.as_url().clone())),
        Err(why) => {
            complain(&format!("error: {why}"));
            return Exit::Usage;
        }
    };
    show(&args.form, &answer(&input.body, url.as_ref(), input.content_type()), text)
}

fn base(url: &str) -> Result<Url, String> {
    Url::parse(url).map_err(|error| format!("`{}` is no URL: {error}", shown(url)))
}

/// For people: what it is, what is wrong, and the first entries in columns.
fn text(answer: &Answer) -> String {
    let mut out = String::new();
    let count = |n: usize, noun: &str| human::plural(n as u64, noun);
    let (pages, sitemaps) = (count(answer.entries.len(), "page"), count(answer.sitemaps.len(), "sitemap"));
    let cut = if answer.truncated { ", incomplete" } else { "" };
    line(&mut out, &format!("{:<9} {pages}, {sitemaps}{cut}", answer.kind));
    for defect in &answer.defects {
        let example = defect.example.as_deref().map(|example| format!(": {}", shown(example))).unwrap_or_default();
        let place = format!("line {}", defect.line);
        line(&mut out, &format!("defect    {:<10} {} × {}{example}", place, human::count(defect.count), defect.text));
    }
    for entries in [&answer.sitemap_entries, &answer.entries] {
        if entries.is_empty() {
            continue;
        }
        line(&mut out, &format!("\n{:<25} {:<8} {:<10} URL", "LASTMOD", "PRIORITY", "CHANGEFREQ"));
        for entry in entries.iter().take(MAX_SHOWN) {
            let priority = entry.priority.map(|priority| priority.to_string()).unwrap_or_default();
            let lastmod = entry.lastmod.as_deref().map(plain).unwrap_or_default();
            let changefreq = entry.changefreq.unwrap_or_default();
            line(&mut out, &format!("{lastmod:<25} {priority:<8} {changefreq:<10} {}", shown_url(&entry.url)));
        }
        if let Some(n) = entries.len().checked_sub(MAX_SHOWN).filter(|n| *n > 0) {
            line(&mut out, &format!("… and {} more (all of them with --json)", human::count(n as u64)));
        }
    }
    out
}

fn line(out: &mut String, text: &str) {
    writeln!(out, "{}", text.trim_end()).expect("a String takes everything");
}
