//! `dragline inspect url`: what an address is to a crawl.
//!
//! One reference, or one a line of a file or of standard input, or questions as JSON. Nothing is
//! fetched. Bounds: [`MAX_LINE_BYTES`] a line; memory is that of one.

use std::{
    fmt::Write,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use clap::Args;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{
    super::{Exit, complain, human::plain, print},
    Form, batch, show, shown, shown_url,
    text::Text,
};
use crate::address::{
    Canonicalizer, Change, Options, Rule, Rules, SESSION_PARAMETERS, TRACKING_PARAMETERS, UnknownRule, join,
};

/// Longest line of a file of references.
const MAX_LINE_BYTES: u64 = 16 << 20;

/// What an address comes to: resolved, canonical, its host and domain
#[derive(Debug, Args)]
#[command(
    after_long_help = "Examples:\n  dragline inspect url 'HTTP://Example.com:80/%7euser?b=2&a=1#top' --rules sorted-query\n  \
    dragline inspect url ../a --base https://www.example.org/b/c\n  \
    dragline inspect url --list-rules\n\n\
    Questions of --batch: {\"base\": text|null, \"href\": text, \"rules\": [names]|null}"
)]
pub(crate) struct UrlArgs {
    /// A URL or reference, or a file of them, one a line; "-" is standard input
    #[arg(required_unless_present_any = ["batch", "list_rules"], conflicts_with = "batch")]
    href: Option<String>,
    /// Resolve against this URL
    #[arg(long, value_name = "URL")]
    base: Option<String>,
    /// Exactly these rules, besides those that are always on [default: the safe ones]
    #[arg(long, value_name = "RULE", value_delimiter = ',')]
    rules: Option<Vec<String>>,
    /// Print the rules in their order, and the parameters that two of them drop
    #[arg(long)]
    list_rules: bool,
    #[command(flatten)]
    form: Form,
}

#[derive(Debug, Deserialize)]
struct Question {
    base: Option<Text>,
    href: Text,
    rules: Option<Vec<String>>,
}

#[derive(Debug, Default, Serialize)]
struct Answer {
    url: Option<String>,
    canonical: Option<String>,
    surt: Option<String>,
    host: Option<String>,
    registrable_domain: Option<String>,
    error: Option<String>,
    /// The rules that changed it.
    rules_applied: Vec<&'static str>,
    #[serde(skip)]
    changes: Vec<Change>,
}

impl Answer {
    fn error(why: &impl ToString) -> Self {
        Self { error: Some(why.to_string()), ..Self::default() }
    }
}

pub(super) fn execute(args: &UrlArgs) -> Exit {
    if args.list_rules {
        return print(list().as_bytes());
    }
    if args.form.batch {
        let mut inspector = Inspector::default();
        return batch::run(|question: Question| {
            let answer = match question.rules.as_deref().map_or(Ok(Rules::default()), rules) {
                Ok(rules) => inspector.answer(rules, question.base.as_ref().map(|base| &*base.0), &question.href.0),
                Err(error) => Answer::error(&error),
            };
            Ok(answer)
        });
    }
    let rules = match args.rules.as_deref().map_or(Ok(Rules::default()), rules) {
        Ok(rules) => rules,
        Err(error) => {
            complain(&format!("error: {error} (--list-rules shows all)"));
            return Exit::Usage;
        }
    };
    let href = args.href.as_deref().unwrap_or("-");
    let mut inspector = Inspector::default();
    let mut one = |reference: &str, separator: &str| {
        let answer = inspector.answer(rules, args.base.as_deref(), reference);
        let exit = show(&args.form, &answer, |answer| format!("{separator}{}", text(reference, answer)));
        (exit, answer.error.is_none())
    };
    let input: Box<dyn Read> = if href == "-" {
        Box::new(io::stdin().lock())
    } else if Url::parse(href).is_err() && Path::new(href).is_file() {
        match File::open(href) {
            Ok(file) => Box::new(file),
            Err(error) => {
                complain(&format!("error: {href} can't be read: {error}"));
                return Exit::Usage;
            }
        }
    } else {
        return match one(href, "") {
            (Exit::Finished, false) => Exit::Usage,
            (exit, _) => exit,
        };
    };
    lines(BufReader::new(input), one).unwrap_or_else(|error| {
        complain(&format!("error: {href} can't be read: {error}"));
        Exit::Usage
    })
}

/// Shows each line's answer; lines of nothing but white space have none.
fn lines(mut input: impl BufRead, mut one: impl FnMut(&str, &str) -> (Exit, bool)) -> io::Result<Exit> {
    let mut line = Vec::new();
    let mut all_good = true;
    let mut separator = "";
    for number in 1_u64.. {
        line.clear();
        if input.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if line.len() as u64 == MAX_LINE_BYTES && !line.ends_with(b"\n") {
            return Err(io::Error::other(format!("line {number} is longer than {MAX_LINE_BYTES} bytes")));
        }
        let reference = line.trim_ascii();
        if reference.is_empty() {
            continue;
        }
        let (exit, is_good) = one(&String::from_utf8_lossy(reference), separator);
        if exit != Exit::Finished {
            return Ok(exit);
        }
        separator = "\n";
        all_good &= is_good;
    }
    Ok(if all_good { Exit::Finished } else { Exit::Usage })
}

fn rules(names: &[String]) -> Result<Rules, UnknownRule> {
    names.iter().map(|name| name.trim()).filter(|name| !name.is_empty()).map(str::parse).collect()
}

/// Answers one question after another; most have the rules of the last one.
#[derive(Default)]
struct Inspector(Canonicalizer);

impl Inspector {
    fn answer(&mut self, rules: Rules, base: Option<&str>, href: &str) -> Answer {
        if self.0.rules() != rules {
            self.0 = Canonicalizer::new(&Options { rules, ..Options::default() });
        }
        let base = match base.map(Url::parse).transpose() {
            Ok(base) => base,
            Err(error) => return Answer::error(&format!("base: {error}")),
        };
        let url = match base.as_ref().map_or_else(|| Url::parse(href), |base| join(base, href)) {
            Ok(url) => url,
            Err(error) => return Answer::error(&error),
        };
        match self.0.explain(base.as_ref(), href) {
            Ok((canonical, changes)) => {
                let mut applied: Vec<&str> = changes.iter().map(|change| change.rule.as_str()).collect();
                applied.dedup();
                Answer {
                    url: Some(url.into()),
                    canonical: Some(canonical.to_string()),
                    surt: Some(canonical.surt()),
                    host: Some(canonical.host_str().to_owned()),
                    registrable_domain: canonical.registrable_domain().map(str::to_owned),
                    error: None,
                    rules_applied: applied,
                    changes,
                }
            }
            Err(error) => Answer { url: Some(url.into()), ..Answer::error(&error) },
        }
    }
}

/// One answer for people. The reference stands there when it came to nothing.
fn text(reference: &str, answer: &Answer) -> String {
    let mut text = String::new();
    let mut line = |label: &str, value: &str| writeln!(text, "{label:<11}{value}").expect("a String takes everything");
    if let Some(url) = &answer.url {
        // What is no web address may be one whose scheme was forgotten: `me:secret@example.org`.
        line("url", &if answer.canonical.is_some() { shown_url(url) } else { shown(url) });
    } else {
        line("reference", &shown(reference));
    }
    if let Some(canonical) = &answer.canonical {
        line("canonical", canonical);
        let width = answer.changes.iter().map(|change| change.rule.as_str().len()).max().unwrap_or(0);
        for Change { rule, before, after } in &answer.changes {
            let after = if after.is_empty() { "(nothing)" } else { after };
            line("", &format!("{rule:<width$}  {before} → {after}"));
        }
        line("surt", answer.surt.as_deref().unwrap_or_default());
        line("host", answer.host.as_deref().unwrap_or_default());
        line("domain", answer.registrable_domain.as_deref().unwrap_or("(none)"));
    }
    if let Some(error) = &answer.error {
        line("error", &plain(error));
    }
    text
}

/// The rules, and the lists of parameters.
fn list() -> String {
    let mut text = String::new();
    let mut line = |words: String| writeln!(text, "{words}").expect("a String takes everything");
    for rule in Rule::ALL {
        let default = match (rule.is_switchable(), rule.is_default()) {
            (false, _) => "always",
            (true, true) => "on",
            (true, false) => "off",
        };
        let (before, after) = rule.example();
        line(format!("{:<20} {default:<7} {before} → {after}", rule.as_str()));
    }
    for (rule, listed) in
        [(Rule::TrackingParameters, &TRACKING_PARAMETERS[..]), (Rule::SessionParameters, &SESSION_PARAMETERS[..])]
    {
        line(format!("\n{rule}:"));
        for (whose, names) in listed {
            line(format!("  {whose}: {}", names.join(", ")));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers() {
        let mut inspector = Inspector::default();
        let mut check = |rules: Rules, base, href, url: Option<&str>, canonical: Option<&str>, error: &str| {
            let answer = inspector.answer(rules, base, href);
            assert_eq!(answer.url.as_deref(), url);
            assert_eq!(answer.canonical.as_deref(), canonical);
            assert_eq!(answer.error.is_some(), !error.is_empty());
            assert!(answer.error.unwrap_or_default().contains(error));
        };
        let (some, safe) = (Rules::least(), Rules::default());
        check(safe, None, "http://u:p@h?#f", Some("http://u:p@h/?#f"), Some("http://h/"), "");
        check(some, None, "http://u:p@h?#f", Some("http://u:p@h/?#f"), Some("http://h/?#f"), "");
        check(safe, Some("http://h/a/b"), "../c", Some("http://h/c"), Some("http://h/c"), "");
        check(safe, None, "a", None, None, "relative URL without a base");
        check(safe, Some("a"), "http://h/", None, None, "base: ");
        check(safe, Some("mailto:a"), "mailto:b", Some("mailto:b"), None, "scheme `mailto` is not http");
        check(safe, None, "http://u:secret@h:x/", None, None, "invalid port");
    }

    #[test]
    fn names_of_rules() {
        assert_eq!(rules(&[]), Ok(Rules::least()));
        assert_eq!(rules(&[" sorted_query".into()]), Ok(Rules::least().with(Rule::SortedQuery)));
        assert_eq!(rules(&["wwww".into()]).unwrap_err().to_string(), "unknown rule `wwww`; did you mean `www`?");
    }
}
