//! The text of `dragline inspect robots`, for people.
//!
//! Foreign text is shown without its control characters, so that a file can't write to the terminal
//! on its own account, and URLs without their credentials.

use std::fmt::Write as _;

use super::{
    super::human::{column, plain},
    robots::File,
    shown,
};
use crate::inspect::robots::Answer;

/// The file as the crawler reads it, and the verdicts.
pub(super) fn text(file: &File, agent: &str, verdicts: &[(String, Answer)]) -> String {
    let mut out = format!("{}\n", plain(&file.heading));
    let survey = &file.survey;
    if file.is_unreachable {
        out.push('\n');
    } else {
        let lines: Vec<String> =
            survey.names.iter().map(|(line, name)| format!("line {line} ({})", plain(name))).collect();
        let groups = if lines.is_empty() { "no group concerns it".to_owned() } else { lines.join(", ") };
        write(&mut out, format_args!("{}: {groups}\n\n", plain(agent)));
        rules(&mut out, file);
        facts(&mut out, file);
    }
    let urls: Vec<String> = verdicts.iter().map(|(url, _)| shown(url)).collect();
    let width = column(urls.iter().map(String::as_str));
    for (url, (_, answer)) in urls.iter().zip(verdicts) {
        let verdict = if answer.allowed { "allowed   " } else { "disallowed" };
        let why = match answer.deciding(survey) {
            Some(rule) => format!("line {}  {}: {}", rule.line, name(rule.allow), plain(&rule.pattern)),
            None if file.is_unreachable => "unreachable".to_owned(),
            None => "no rule".to_owned(),
        };
        write(&mut out, format_args!("{url:width$}  {verdict}  {why}\n"));
    }
    out
}

fn rules(out: &mut String, file: &File) {
    let survey = &file.survey;
    let width = survey.lines.iter().map(|rule| rule.line.to_string().len()).max().unwrap_or_default();
    for rule in &survey.lines {
        let (line, name, pattern) = (rule.line, name(rule.allow), plain(&rule.pattern));
        write(out, format_args!("  {line:width$}  {name:8}  {pattern}\n"));
    }
    if survey.lines.is_empty() {
        out.push_str("  no rules, so everything is allowed\n");
    }
    out.push('\n');
}

/// What stands beside the rules.
fn facts(out: &mut String, file: &File) {
    let survey = &file.survey;
    let before = out.len();
    if let Some(delay) = survey.rules.crawl_delay() {
        write(out, format_args!("crawl-delay     {} s\n", delay.as_secs_f64()));
    }
    for sitemap in survey.rules.sitemaps() {
        write(out, format_args!("sitemap         {}\n", shown(sitemap)));
    }
    for signal in survey.rules.signals().iter() {
        let path = signal.path.as_deref().map(|path| format!(" on {}", plain(path))).unwrap_or_default();
        write(out, format_args!("signal          {} {}{path}\n", signal.name, plain(&signal.value)));
    }
    for (line, why) in &survey.defects {
        write(out, format_args!("not understood  line {line}: {}\n", why.as_str()));
    }
    if survey.rules.is_truncated() {
        out.push_str("truncated       the file is larger than is read; the rest of it does not count\n");
    }
    if out.len() > before {
        out.push('\n');
    }
}

fn name(allow: bool) -> &'static str {
    if allow { "Allow" } else { "Disallow" }
}

fn write(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing to a string does not fail");
}
