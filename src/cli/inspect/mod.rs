//! `dragline inspect`: how dragline judges one thing, for people who debug a site and scripts that
//! test one.
//!
//! Each subject (robots.txt, an address, a page's links, a sitemap, a charset, the address guard) is a file here, with
//! its flags, its question, its answer and the text that people read. A subject reads a file, `-`
//! (standard input) or a URL ([`input`]), and prints text, or with `--json` one line of JSON. With
//! `--batch` it reads questions as JSON lines from standard input and answers each in order
//! ([`batch`]): one process for thousands of cases. The forms of questions and answers are an
//! interface that others rely on; fields are added and never renamed.
//!
//! Nothing is judged here: every answer comes from the module that a crawl asks too. A URL is asked
//! for once, by hand: its robots.txt is not asked first, the address guard holds all the same.

mod batch;
mod charset;
mod guard;
mod input;
mod links;
mod robots;
mod robots_text;
mod sitemap;
mod text;
mod url;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::{Exit, human::plain, print};
use crate::address::{redacted, without_userinfo};

#[derive(Debug, Subcommand)]
pub(crate) enum InspectCommand {
    Robots(robots::RobotsArgs),
    Url(url::UrlArgs),
    Links(links::LinksArgs),
    Sitemap(sitemap::SitemapArgs),
    Charset(charset::CharsetArgs),
    Guard(guard::GuardArgs),
}

/// How questions come and answers go.
#[derive(Debug, Clone, Args)]
pub(crate) struct Form {
    /// Read questions from standard input, one JSON object a line, and answer each in order
    #[arg(long)]
    batch: bool,
    /// Print JSON, one object a line, instead of text
    #[arg(long)]
    json: bool,
}

pub(super) fn execute(command: &InspectCommand) -> Exit {
    match command {
        InspectCommand::Robots(args) => robots::execute(args),
        InspectCommand::Url(args) => url::execute(args),
        InspectCommand::Links(args) => links::execute(args),
        InspectCommand::Sitemap(args) => sitemap::execute(args),
        InspectCommand::Charset(args) => charset::execute(args),
        InspectCommand::Guard(args) => guard::execute(args),
    }
}

/// A URL for people: without credentials, and fit for a terminal.
fn shown_url(url: &str) -> String {
    plain(&without_userinfo(url))
}

/// The same of what may be a path, a URL or none: a path is no place for credentials, and stays.
fn shown(reference: &str) -> String {
    let is_path = reference.starts_with(['/', '?', '#']) && !reference.starts_with("//");
    if is_path { plain(reference) } else { plain(&redacted(reference)) }
}

/// Prints one answer as `form` asks for it.
fn show<A: Serialize>(form: &Form, answer: &A, text: impl FnOnce(&A) -> String) -> Exit {
    if form.json {
        let mut line = serde_json::to_vec(answer).expect("answers are plain data");
        line.push(b'\n');
        print(&line)
    } else {
        print(text(answer).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_not_shown() {
        let check = |reference: &str, expected: &str| assert_eq!(shown(reference), expected, "{reference}");
        check("http://me:pw@h/@x", "http://h/@x");
        check("//me:pw@h/x", "//h/x");
        check("http://me:p/w@h:x/", "http://h:x/");
        check("/@me/a", "/@me/a");
        check("?mail=me@h", "?mail=me@h");
        assert_eq!(shown_url("http://me:pw@h/\u{1b}[0m"), "http://h/%1B[0m");
        assert_eq!(shown_url("javascript:a@b"), "javascript:a@b");
    }
}
