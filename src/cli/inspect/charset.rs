//! `dragline inspect charset`: which encoding a page is in, how that is known, and what the body is.

use clap::Args;
use serde::{Deserialize, Serialize};

use super::{
    super::{Exit, human::plain},
    Form, batch,
    input::{self, Reach},
    show,
};
use crate::parse;

/// The encoding of a page, and what its body is
#[derive(Debug, Args)]
#[command(
    after_long_help = "Examples:\n  dragline inspect charset page.html --content-type 'text/html; charset=utf-8'\n  \
    curl -s https://www.example.org/ | dragline inspect charset -\n\n\
    Questions of --batch: {\"content_type\": text|null, \"body_base64\": text}"
)]
pub(crate) struct CharsetArgs {
    /// A file, "-" for standard input, or a URL
    #[arg(required_unless_present = "batch", conflicts_with = "batch")]
    input: Option<String>,
    /// What the header says [default: that of the answer, if the input is a URL]
    #[arg(long, value_name = "TEXT")]
    content_type: Option<String>,
    #[command(flatten)]
    form: Form,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, Deserialize)]
struct Question {
    content_type: Option<String>,
    body_base64: Option<String>,
    #[serde(default)]
    no_sniff: Option<bool>,
}

#[derive(Debug, Serialize)]
struct Answer {
    /// By its name in the Encoding standard.
    encoding: &'static str,
    /// `bom`, `header`, `meta`, `detected` or `default`.
    source: &'static str,
    /// `html`, `text`, `pdf`, …
    kind: &'static str,
    /// The MIME type: the header's, or what the body shows.
    mime_type: String,
    /// Whether the body decided what it is, and not the header.
    sniffed: bool,
}

pub(super) fn execute(args: &CharsetArgs) -> Exit {
    if args.form.batch {
        return batch::run(|question: Question| {
            let body = batch::body(question.body_base64.as_deref())?;
            Ok(answer(question.content_type.as_deref(), question.no_sniff.unwrap_or_default(), &body))
        });
    }
    let input = match input::read(args.input.as_deref().unwrap_or("-"), &args.reach, input::MAX_REDIRECTS) {
        Ok(input) => input,
        Err(exit) => return exit,
    };
    let content_type = args.content_type.clone().or_else(|| parse::content_type(&input.headers));
    let answer = answer(content_type.as_deref(), parse::no_sniff(&input.headers), &input.body);
    show(&args.form, &answer, |answer| text(answer, content_type.as_deref()))
}

fn answer(content_type: Option<&str>, no_sniff: bool, body: &[u8]) -> Answer {
    let charset = parse::charset(body, content_type);
    let sniffed = parse::sniff(content_type, no_sniff, body);
    Answer {
        encoding: charset.name(),
        source: charset.source.as_str(),
        kind: sniffed.kind.as_str(),
        mime_type: sniffed.essence.into_owned(),
        sniffed: sniffed.by_body,
    }
}

fn text(answer: &Answer, content_type: Option<&str>) -> String {
    let source = match answer.source {
        "bom" => "the byte order mark",
        "header" => "the header",
        "meta" => "a declaration in the page",
        "detected" => "nothing declares it: a guess from the bytes",
        _ => "nothing declares it, and plain ASCII shows nothing",
    };
    let decided_by = if answer.sniffed { "by its first bytes" } else { "by its header" };
    format!(
        "encoding      {} ({source})\nbody          {}, {} ({decided_by})\ncontent-type  {}\n",
        answer.encoding,
        answer.kind,
        plain(&answer.mime_type),
        plain(content_type.unwrap_or("none")),
    )
}
