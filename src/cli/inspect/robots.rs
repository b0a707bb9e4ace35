//! `dragline inspect robots`: what a robots.txt says to one crawler, and about given URLs.
//!
//! A file, `-`, or a URL: of a page's URL, its origin's `/robots.txt` is asked for, and the page is
//! judged. How a status reads is `robots::Policy`'s word, as in a crawl.

use std::time::Duration;

use clap::Args;
use serde::Deserialize;

use super::{
    super::{Exit, print},
    Form, batch,
    input::{self, Input, Reach},
    robots_text,
};
use crate::{
    address::Canonicalizer,
    clock::Clock,
    inspect::robots::{Answer, answer},
    robots::{self, Policy, Standing, Survey},
};

/// What a robots.txt says to a crawler, and whether URLs may be asked for
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  dragline inspect robots robots.txt --agent dragline --url /private/x\n  \
    dragline inspect robots https://www.example.org/some/page\n  \
    dragline inspect robots --batch < questions.jsonl\n\n\
    Questions of --batch: {\"robots\": text, \"agent\": text, \"url\": text}, with \"robots_base64\" for raw bytes")]
pub(crate) struct RobotsArgs {
    /// A file, "-" for standard input, or a URL: a robots.txt (*.txt), or a page, whose site's is meant
    #[arg(required_unless_present = "batch", conflicts_with = "batch")]
    input: Option<String>,
    /// The product token of the crawler
    #[arg(long, value_name = "TOKEN", default_value = "dragline")]
    agent: String,
    /// A URL or path to judge; may be repeated
    #[arg(long, value_name = "URL")]
    url: Vec<String>,
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

/// A robots.txt and how it was come by.
pub(super) struct File {
    /// What people read above everything else.
    pub(super) heading: String,
    /// Whether it could not be had, so that nothing is allowed.
    pub(super) is_unreachable: bool,
    standing: Option<&'static str>,
    status: Option<u16>,
    pub(super) survey: Survey,
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
            let survey = Survey::of(&text, agent, robots::Options::default().max_bytes);
            Ok(answer(&survey, false, question.url.as_deref().unwrap_or("/")))
        });
    }
    let source = args.input.as_deref().unwrap_or("-");
    let (source, page) = robots_txt_of(source);
    // As a crawl does by default: one too many, and there is no robots.txt.
    let input = match input::read(&source, &args.reach, robots::Options::default().max_redirects) {
        Ok(input) => input,
        Err(exit) => return exit,
    };
    let file = file(&source, &input, &args.agent);
    let mut urls = args.url.clone();
    urls.extend(page.filter(|_| urls.is_empty()));
    if args.form.json {
        if urls.is_empty() {
            urls.push("/".to_owned());
        }
        let answers = urls.iter().map(|url| file.answer(url));
        let lines = answers.map(|answer| serde_json::to_string(&answer).expect("answers are plain data") + "\n");
        return print(lines.collect::<String>().as_bytes());
    }
    let verdicts: Vec<(String, Answer)> = urls.into_iter().map(|url| (url.clone(), file.answer(&url))).collect();
    print(robots_text::text(&file, &args.agent, &verdicts).as_bytes())
}

/// The robots.txt of a page's origin, and the page; anything else stays what it is.
fn robots_txt_of(source: &str) -> (String, Option<String>) {
    match Canonicalizer::default().parse(source) {
        Ok(url) if !url.as_url().path().ends_with(".txt") => {
            (url.robots_txt().as_str().to_owned(), Some(source.to_owned()))
        }
        _ => (source.to_owned(), None),
    }
}

fn file(source: &str, input: &Input, agent: &str) -> File {
    let options = robots::Options { agent: agent.to_owned(), ..robots::Options::default() };
    let survey = |body: &[u8]| Survey::of(body, agent, options.max_bytes);
    let size = input.body.len();
    let Some(status) = input.status else {
        let survey = survey(&input.body);
        let heading = format!("{source}, {size} bytes");
        return File { heading, is_unreachable: false, standing: None, status: None, survey };
    };
    let answer = robots::Answer { status, headers: &input.headers, body: &input.body };
    let policy = Policy::from_response(&answer, Clock::system().now(), &options);
    let url = input.url.as_ref().map_or(source, |url| url.as_str());
    let kept = spoken(policy.expires_at.since(policy.fetched_at));
    let (means, body): (String, &[u8]) = match policy.standing {
        Standing::Rules(_) => (format!("{size} bytes"), &input.body),
        Standing::AllowAll => ("there is none, so everything is allowed".to_owned(), b""),
        Standing::Unreachable => ("it can't be had, so nothing is allowed".to_owned(), b""),
    };
    let heading = format!("{url}: status {status}, {means}; a crawl would keep to that for {kept}");
    File {
        heading,
        is_unreachable: matches!(policy.standing, Standing::Unreachable),
        standing: Some(policy.standing.as_str()),
        status: Some(status),
        survey: survey(body),
    }
}

/// A duration as people say it.
fn spoken(duration: Duration) -> String {
    match duration.as_secs() {
        seconds if seconds >= 3600 && seconds % 3600 == 0 => format!("{} h", seconds / 3600),
        seconds if seconds >= 60 && seconds % 60 == 0 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}

impl File {
    fn answer(&self, url: &str) -> Answer {
        let answer = answer(&self.survey, self.is_unreachable, url);
        Answer { standing: self.standing, status: self.status, ..answer }
    }
}
