//! `dragline inspect url`: what an address is to a crawl.

use clap::Args;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{super::Exit, Form, batch, show};
use crate::address::Canonicalizer;

/// What an address comes to: resolved, canonical, its host and domain
#[derive(Debug, Args)]
pub(crate) struct UrlArgs {
    /// A URL or reference, or "-" for one a line on standard input
    #[arg(required_unless_present = "batch")]
    href: Option<String>,
    /// Resolve it against this URL
    #[arg(long, value_name = "URL")]
    base: Option<String>,
    #[command(flatten)]
    form: Form,
}

#[derive(Debug, Deserialize)]
struct Question {
    base: Option<String>,
    href: String,
}

#[derive(Debug, Default, Serialize)]
struct Answer {
    url: Option<String>,
    canonical: Option<String>,
    surt: Option<String>,
    host: Option<String>,
    registrable_domain: Option<String>,
    error: Option<String>,
}

pub(super) fn execute(args: &UrlArgs) -> Exit {
    if args.form.batch {
        return batch::run(|question: Question| Ok(answer(question.base.as_deref(), &question.href)));
    }
    let answer = answer(args.base.as_deref(), args.href.as_deref().unwrap_or_default());
    show(&args.form, &answer, |answer| format!("{answer:#?}\n"))
}

fn answer(base: Option<&str>, href: &str) -> Answer {
    let resolved = match base.map(Url::parse) {
        None => Url::parse(href),
        Some(Ok(base)) => base.join(href),
        Some(Err(error)) => return Answer { error: Some(format!("base: {error}")), ..Answer::default() },
    };
    let url = match resolved {
        Ok(url) => url,
        Err(error) => return Answer { error: Some(error.to_string()), ..Answer::default() },
    };
    match Canonicalizer::default().parse(url.as_str()) {
        Ok(canonical) => Answer {
            url: Some(url.to_string()),
            canonical: Some(canonical.to_string()),
            host: Some(canonical.host_str().to_owned()),
            ..Answer::default()
        },
        Err(error) => Answer { url: Some(url.to_string()), error: Some(error.to_string()), ..Answer::default() },
    }
}
