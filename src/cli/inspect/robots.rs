//! `dragline inspect robots`: what a robots.txt says to one crawler, and about given URLs.

use clap::Args;
use serde::{Deserialize, Serialize};

use super::{
    super::{Exit, complain},
    Form, batch,
    input::{self, Reach},
    show,
};
use crate::{address::Canonicalizer, robots::Rules};

/// Bytes of a robots.txt that are read; a crawl's default.
const MAX_BYTES: usize = 512 * 1024;

/// What a robots.txt says to a crawler, and whether URLs may be asked for
#[derive(Debug, Args)]
pub(crate) struct RobotsArgs {
    /// A file, "-" for standard input, or the URL of a robots.txt
    #[arg(required_unless_present = "batch")]
    input: Option<String>,
    /// The product token of the crawler
    #[arg(long, value_name = "TOKEN", default_value = "dragline")]
    agent: String,
    /// A URL or path to judge
    #[arg(long, value_name = "URL", default_value = "/")]
    url: String,
    #[command(flatten)]
    form: Form,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, Deserialize)]
struct Question {
    robots: Option<String>,
    robots_base64: Option<String>,
    agent: Option<String>,
    url: Option<String>,
}

#[derive(Debug, Serialize)]
struct Answer {
    allowed: bool,
    rule: Option<String>,
    line: Option<u32>,
    crawl_delay: Option<f64>,
    sitemaps: Vec<String>,
}

pub(super) fn execute(args: &RobotsArgs) -> Exit {
    if args.form.batch {
        return batch::run(|question: Question| {
            let text = match (question.robots, question.robots_base64) {
                (Some(text), _) => text.into_bytes(),
                (None, Some(base64)) => batch::from_base64(&base64)?,
                (None, None) => return Err("neither `robots` nor `robots_base64`".to_owned()),
            };
            let agent = question.agent.as_deref().unwrap_or("dragline");
            answer(&text, agent, question.url.as_deref().unwrap_or("/"))
        });
    }
    let input = match input::read(args.input.as_deref().unwrap_or("-"), &args.reach) {
        Ok(input) => input,
        Err(exit) => return exit,
    };
    match answer(&input.body, &args.agent, &args.url) {
        Ok(answer) => show(&args.form, &answer, |answer| format!("{answer:#?}\n")),
        Err(why) => {
            complain(&format!("error: {why}"));
            Exit::Usage
        }
    }
}

fn answer(robots: &[u8], agent: &str, url: &str) -> Result<Answer, String> {
    let base = url::Url::parse("http://localhost/").expect("a URL");
    let url = Canonicalizer::default().resolve(&base, url).map_err(|error| format!("`{url}`: {error}"))?;
    let rules = Rules::parse(robots, agent, MAX_BYTES);
    let decision = rules.decide(url.path_and_query());
    Ok(Answer {
        allowed: decision.allowed,
        rule: decision.rule.map(str::to_owned),
        line: decision.line,
        crawl_delay: rules.crawl_delay().map(|delay| delay.as_secs_f64()),
        sitemaps: rules.sitemaps().to_vec(),
    })
}
