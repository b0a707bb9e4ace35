//! Include and exclude patterns: many, compiled into one automaton a kind.
//!
//! What a pattern means is told in `mod.rs`. Here it is sorted into one of three sets (globs over
//! the whole URL, globs over path and query, regular expressions); a set answers in one pass over
//! the URL however many patterns it holds. All compilers are bounded and none backtracks.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use regex::{RegexBuilder, RegexSet, RegexSetBuilder};

use super::PatternError;
use crate::address::CanonicalUrl;

/// Longest pattern, bytes.
const MAX_PATTERN_BYTES: usize = 4096;
/// Largest compiled form of one regular expression, bytes.
const MAX_REGEX_BYTES: usize = 1 << 20;
/// Largest compiled form of all regular expressions of a list together, bytes.
const MAX_REGEX_SET_BYTES: usize = 64 << 20;

/// A list of patterns; the empty list matches nothing.
#[derive(Debug, Clone)]
pub(super) struct Patterns {
    url_globs: GlobSet,
    path_globs: GlobSet,
    regexes: RegexSet,
}

impl Patterns {
    /// Compiles all patterns; the errors are those of every bad one, in order.
    pub(super) fn new(patterns: &[String]) -> Result<Self, Vec<PatternError>> {
        let (mut urls, mut paths) = (GlobSetBuilder::new(), GlobSetBuilder::new());
        let (mut regexes, mut errors) = (Vec::new(), Vec::new());
        for pattern in patterns {
            let checked = match pattern.strip_prefix("re:") {
                Some(expression) => check_regex(expression).map(|()| regexes.push(expression)),
                None => compile_glob(pattern).map(|glob| {
                    let set = if pattern.starts_with('/') { &mut paths } else { &mut urls };
                    set.add(glob);
                }),
            };
            errors.extend(checked.err().map(|reason| PatternError { pattern: pattern.clone(), reason }));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        // Each pattern compiles; only together can they still be too large.
        let together = |reason| vec![PatternError { pattern: patterns.join(" "), reason }];
        Ok(Self {
            url_globs: urls.build().map_err(|e| together(one_line(&e.to_string())))?,
            path_globs: paths.build().map_err(|e| together(one_line(&e.to_string())))?,
            regexes: RegexSetBuilder::new(regexes)
                .size_limit(MAX_REGEX_SET_BYTES)
                .build()
                .map_err(|e| together(one_line(&e.to_string())))?,
        })
    }

    /// Whether any of them matches.
    pub(super) fn match_url(&self, url: &CanonicalUrl) -> bool {
        (!self.url_globs.is_empty() && self.url_globs.is_match(url.as_str()))
            || (!self.path_globs.is_empty() && self.path_globs.is_match(url.path_and_query()))
            || (!self.regexes.is_empty() && self.regexes.is_match(url.as_str()))
    }
}

fn check_regex(expression: &str) -> Result<(), String> {
    check_length(expression)?;
    let built = RegexBuilder::new(expression).size_limit(MAX_REGEX_BYTES).build();
    built.map(drop).map_err(|e| one_line(&e.to_string()))
}

fn compile_glob(pattern: &str) -> Result<globset::Glob, String> {
    check_length(pattern)?;
    check_can_match(pattern)?;
    let glob = GlobBuilder::new(pattern)
        .literal_separator(false)
        .backslash_escape(true)
        .build()
        .map_err(|e| one_line(&e.kind().to_string()))?;
    // Parsed is not yet compiled; compile it alone so that an error names the pattern.
    GlobSetBuilder::new().add(glob.clone()).build().map_err(|e| one_line(&e.to_string()))?;
    Ok(glob)
}

fn check_length(pattern: &str) -> Result<(), String> {
    match pattern.len() {
        0 => Err("it is empty".to_owned()),
        length if length > MAX_PATTERN_BYTES => {
            Err(format!("it is {length} bytes long, more than {MAX_PATTERN_BYTES}"))
        }
        _ => Ok(()),
    }
}

/// A glob whose literal beginning no canonical URL can have would silently do nothing.
fn check_can_match(pattern: &str) -> Result<(), String> {
    let literal = &pattern[..pattern.find(['*', '?', '[', '{', '\\']).unwrap_or(pattern.len())];
    let fits = |start: &str| start.starts_with(literal) || literal.starts_with(start);
    if ["http://", "https://", "/"].into_iter().any(fits) {
        Ok(())
    } else {
        Err("it can match no URL: start it with `/` for a path, with `http://` or `https://`, or with `*`".to_owned())
    }
}

/// The last line of a compiler's message, which is the one that says what is wrong.
fn one_line(message: &str) -> String {
    let last = message.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or(message);
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::address::Canonicalizer;

    fn url(text: &str) -> CanonicalUrl {
        Canonicalizer::default().parse(text).expect("valid")
    }

    fn check(pattern: &str, matching: &[&str], others: &[&str]) {
        let patterns = Patterns::new(&[pattern.to_owned()]).expect("valid pattern");
        for text in matching {
            assert!(patterns.match_url(&url(text)), "{pattern} should match {text}");
        }
        for text in others {
            assert!(!patterns.match_url(&url(text)), "{pattern} should not match {text}");
        }
    }

    #[test]
    fn a_glob_from_a_slash_is_over_path_and_query() {
        check("/private/*", &["http://h/private/", "https://x:1/private/a/b?c"], &["http://h/a/private/", "http://h/"]);
        check(r"/search\?*", &["http://h/search?q=1"], &["http://h/searchx", "http://h/search"]);
        check("/a?c", &["http://h/abc", "http://h/a?c"], &["http://h/abbc"]);
        check("/", &["http://h/", "http://g"], &["http://h/a", "http://h/?x"]);
    }

    #[test]
    fn another_glob_is_over_the_whole_url() {
        check("*.pdf", &["http://h/a/b.pdf", "http://h/?f=x.pdf"], &["http://h/a.pdf?x", "http://h/a.pdf/"]);
        check("https://*.example.org/*", &["https://a.example.org/b/c"], &["http://a.example.org/"]);
        check("http://h/a", &["http://h/a"], &["http://h/ab", "http://h/a?x"]);
        check("{http,https}://h/[0-9]*", &["https://h/7/x"], &["https://h/x7"]);
        check("**/print/**", &["http://h/a/print/b/c"], &["http://h/printed/"]);
        check("*", &["http://h/"], &[]);
    }

    #[test]
    fn a_regex_is_searched_for() {
        check("re:/[0-9]{4}/", &["http://h/x/2024/y"], &["http://h/x/24/y"]);
        check("re:^https", &["https://h/"], &["http://h/?u=https"]);
    }

    #[test]
    fn no_patterns_match_nothing() {
        assert!(!Patterns::new(&[]).expect("empty").match_url(&url("http://h/")));
    }

    #[test]
    fn every_bad_pattern_is_told_on_one_line() {
        let long = format!("/{}", "a".repeat(MAX_PATTERN_BYTES));
        let bad = ["re:(", "example.org/*", "/[z-a]", "", "re:", "re:(\\w{100}){100}{100}", "HTTP://h/*", "{a", &long];
        let mut all: Vec<String> = bad.iter().map(ToString::to_string).collect();
        all.insert(1, "/fine/*".to_owned());
        let errors = Patterns::new(&all).expect_err("bad patterns");
        assert_eq!(errors.iter().map(|e| e.pattern.as_str()).collect::<Vec<_>>(), bad);
        for error in &errors {
            assert!(!error.reason.is_empty() && !error.reason.contains('\n'), "{error}");
        }
        assert_eq!(errors[0].reason, "unclosed group");
    }

    #[test]
    fn a_pattern_made_to_backtrack_is_linear() {
        let hostile = format!("/{}b", "*a".repeat(1000));
        check(&hostile, &[], &[&format!("http://h/{}", "a".repeat(4000))]);
        check("re:(a*)*b$", &[], &[&format!("http://h/{}", "a".repeat(4000))]);
    }

    #[test]
    fn a_deeply_nested_pattern_is_no_more_than_an_error() {
        let nested = |open: &str, close: &str| format!("{}a{}", open.repeat(2000), close.repeat(2000));
        let errors = Patterns::new(&[nested("{", "}"), format!("re:{}", nested("(", ")"))]).expect_err("too deep");
        assert_eq!(errors.len(), 2);
    }

    proptest! {
        #[test]
        fn never_panics(pattern in any::<String>(), path in "[ -~]{0,20}") {
            if let Ok(patterns) = Patterns::new(&[pattern]) {
                let _ = patterns.match_url(&url(&format!("http://h/{path}")));
            }
        }

        #[test]
        fn a_url_without_special_characters_is_a_glob_of_itself(path in "[a-z0-9/.]{0,20}", other in "[a-z0-9/.]{0,20}") {
            let (one, two) = (url(&format!("http://h/{path}")), url(&format!("http://h/{other}")));
            let patterns = Patterns::new(&[one.as_str().to_owned()]).expect("valid");
            prop_assert!(patterns.match_url(&one));
            prop_assert_eq!(patterns.match_url(&two), one == two);
        }
    }
}
