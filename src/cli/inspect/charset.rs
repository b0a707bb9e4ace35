//! `dragline inspect charset`: which encoding a page is in, and how that is known.

use clap::Args;
use serde::{Deserialize, Serialize};

use super::{
    super::Exit,
    Form, batch,
    input::{self, Reach},
    show,
};
use crate::parse;

/// The encoding of a page
#[derive(Debug, Args)]
pub(crate) struct CharsetArgs {
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
    content_type: Option<String>,
    body_base64: String,
}

#[derive(Debug, Serialize)]
struct Answer {
    encoding: &'static str,
    source: &'static str,
}

pub(super) fn execute(args: &CharsetArgs) -> Exit {
    if args.form.batch {
        return batch::run(|question: Question| {
            Ok(answer(question.content_type.as_deref(), &batch::from_base64(&question.body_base64)?))
        });
    }
    match input::read(args.input.as_deref().unwrap_or("-"), &args.reach) {
        Ok(input) => show(&args.form, &answer(input.content_type(), &input.body), |answer| {
            format!("{} ({})\n", answer.encoding, answer.source)
        }),
        Err(exit) => exit,
    }
}

fn answer(content_type: Option<&str>, body: &[u8]) -> Answer {
    let charset = parse::charset(body, content_type);
    Answer { encoding: charset.name(), source: charset.source.as_str() }
}
