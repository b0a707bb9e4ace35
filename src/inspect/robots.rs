//! What is said of one robots.txt and one URL.

use schemars::JsonSchema;
use serde::Serialize;

use crate::robots::{RuleLine, Signals, Survey};

/// What is answered about one URL.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Answer {
    pub(crate) allowed: bool,
    /// The pattern that decided, as written, and its line.
    pub(crate) rule: Option<String>,
    pub(crate) line: Option<u32>,
    /// Seconds.
    pub(crate) crawl_delay: Option<f64>,
    pub(crate) sitemaps: Vec<String>,
    /// The values of the `User-agent` lines that concern the crawler.
    pub(crate) group: Vec<String>,
    /// What is compared with patterns.
    pub(crate) path: String,
    /// What the file says about the use of what is at the URL.
    pub(crate) signals: Signals,
    /// Lines that were not understood.
    pub(crate) defects: Vec<Complaint>,
    /// Whether a bound left something out.
    pub(crate) truncated: bool,
    /// How the site stands to being crawled (`rules`, `allow-all`, `unreachable`), and the status of
    /// the answer that says so; `None` if no URL was asked.
    pub(crate) standing: Option<&'static str>,
    pub(crate) status: Option<u16>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Complaint {
    pub(crate) line: u32,
    pub(crate) why: &'static str,
}

/// What the file says about `url`, which may be a path. If it could not be had, nothing is allowed.
pub(crate) fn answer(survey: &Survey, is_unreachable: bool, url: &str) -> Answer {
    let path = path_of(url);
    let rules = &survey.rules;
    let decision = rules.decide(&path);
    Answer {
        allowed: decision.allowed && (!is_unreachable || path == "/robots.txt"),
        rule: decision.rule.map(str::to_owned),
        line: decision.line,
        crawl_delay: rules.crawl_delay().map(|delay| delay.as_secs_f64()),
        sitemaps: rules.sitemaps().to_vec(),
        group: survey.names.iter().map(|(_, name)| name.clone()).collect(),
        signals: rules.signals().at(&path),
        defects: survey.defects.iter().map(|(line, why)| Complaint { line: *line, why: why.as_str() }).collect(),
        truncated: rules.is_truncated(),
        standing: None,
        status: None,
        path,
    }
}

impl Answer {
    /// The rule that decided, as the file has it.
    pub(crate) fn deciding<'a>(&self, survey: &'a Survey) -> Option<&'a RuleLine> {
        survey.lines.iter().find(|rule| Some(rule.line) == self.line)
    }
}

/// The path with its query of a URL or a reference, as a crawl would ask for it. What can't be
/// parsed is taken apart as Google's parser does: scheme and authority go, then the fragment.
fn path_of(url: &str) -> String {
    let text = url.trim_matches(|c: char| c <= ' ');
    let base = url::Url::parse("http://localhost/").expect("a URL");
    let as_asked = |url: &url::Url| url[url::Position::BeforePath..url::Position::AfterQuery].to_owned();
    if let Ok(url) = url::Url::parse(text)
        && url.has_host()
    {
        let path = as_asked(&url);
        return if path.starts_with('/') { path } else { format!("/{path}") };
    }
    let is_reference = text.starts_with(['/', '?', '#']) || text.is_empty();
    let path = if is_reference && base.join(text).is_ok() { text.to_owned() } else { without_authority(text) };
    base.join(&path).map_or(path, |url| as_asked(&url))
}

/// `/b?c` of `//a/b?c#d`, `http://a/b?c` and `a/b?c`, whatever `a` is.
fn without_authority(text: &str) -> String {
    let text = text.split('#').next().unwrap_or_default();
    let is_path = ['/', '?', ';'];
    let text = text.strip_prefix("//").unwrap_or(text);
    let after_scheme = match text.split_once("://") {
        Some((scheme, rest)) if !scheme.contains(is_path) => rest,
        _ => text,
    };
    match after_scheme.find(is_path) {
        Some(at) if after_scheme[at..].starts_with('/') => after_scheme[at..].to_owned(),
        Some(at) => format!("/{}", &after_scheme[at..]),
        None => "/".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, expected: &str) {
        assert_eq!(path_of(url), expected, "{url:?}");
    }

    #[test]
    fn whatever_may_be_meant_by_a_url() {
        check("http://h", "/");
        check("HTTP://H:8080/A?b#c", "/A?b");
        check("https://h?", "/?");
        check("https://u:p@h/a;b", "/a;b");
        check("http://h/a b/é?ü=%3a", "/a%20b/%C3%A9?%C3%BC=%3a");
        check("http://h/a/../b/./c", "/b/c");
        check("ftp://h/a", "/a");
        check("/a?b#c", "/a?b");
        check("", "/");
        check("?a", "/?a");
        check("#a", "/");
        check("http://ex ample/a b", "/a%20b");
        check("http://[::/a", "/a");
        check("mailto:x", "/");
        check("example.com:80/a", "/a");
    }

    #[test]
    fn googles_published_cases_of_paths() {
        for (url, path) in [
            ("http://www.example.com/a/b?c=http://d.e/", "/a/b?c=http://d.e/"),
            ("http://www.example.com/a/b?c=d&e=f#fragment", "/a/b?c=d&e=f"),
            ("example.com", "/"),
            ("example.com/", "/"),
            ("example.com/a", "/a"),
            ("example.com/a/", "/a/"),
            ("example.com/a/b?c=d&e=f#fragment", "/a/b?c=d&e=f"),
            ("a", "/"),
            ("a/", "/"),
            ("/a", "/a"),
            ("a/b", "/b"),
            ("example.com?a", "/?a"),
            ("example.com/a;b#c", "/a;b"),
            ("//a/b/c", "/b/c"),
        ] {
            check(url, path);
        }
    }
}
