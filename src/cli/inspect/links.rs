//! `dragline inspect links`: what a page says, as a crawl reads it.

use clap::Args;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{
    super::{Exit, complain},
    Form, batch,
    input::{self, Reach},
    show,
};
use crate::parse;

/// Bounds of one page's harvest; a crawl's defaults.
const LIMITS: parse::Limits = parse::Limits { max_links: 50_000, max_meta_bytes: 4096, max_text_bytes: 0 };

/// The links of a page, and what its head says
#[derive(Debug, Args)]
pub(crate) struct LinksArgs {
    /// A file, "-" for standard input, or a URL
    #[arg(required_unless_present = "batch")]
    input: Option<String>,
    /// The page's URL, against which links are resolved [default: the input, if it is a URL]
    #[arg(long, value_name = "URL")]
    base: Option<String>,
    #[command(flatten)]
    form: Form,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, Deserialize)]
struct Question {
    base: String,
    content_type: Option<String>,
    body_base64: String,
}

#[derive(Debug, Serialize)]
struct Answer {
    links: Vec<Link>,
    title: Option<String>,
    charset: &'static str,
    canonical: Option<String>,
    robots: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Link {
    url: Option<String>,
    raw: String,
    kind: String,
}

pub(super) fn execute(args: &LinksArgs) -> Exit {
    if args.form.batch {
        return batch::run(|question: Question| {
            let body = batch::from_base64(&question.body_base64)?;
            answer(&question.base, question.content_type.as_deref(), &body)
        });
    }
    let input = match input::read(args.input.as_deref().unwrap_or("-"), &args.reach) {
        Ok(input) => input,
        Err(exit) => return exit,
    };
    let base = args
        .base
        .as_deref()
        .or(input.url.as_ref().map(crate::address::CanonicalUrl::as_str))
        .unwrap_or("http://localhost/");
    match answer(base, input.content_type(), &input.body) {
        Ok(answer) => show(&args.form, &answer, |answer| format!("{answer:#?}\n")),
        Err(why) => {
            complain(&format!("error: {why}"));
            Exit::Usage
        }
    }
}

fn answer(base: &str, content_type: Option<&str>, body: &[u8]) -> Result<Answer, String> {
    let url = Url::parse(base).map_err(|error| format!("base `{base}`: {error}"))?;
    let page = parse::page(body, content_type, &url, &LIMITS);
    let link = |link: parse::Link| Link {
        url: page.base.join(&link.href).ok().map(String::from),
        raw: link.href,
        kind: format!("{:?}", link.kind),
    };
    Ok(Answer {
        charset: page.charset.name(),
        links: page.links.into_iter().map(link).collect(),
        title: page.title,
        canonical: page.canonical,
        robots: page.robots,
    })
}
