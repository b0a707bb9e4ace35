//! A robots.txt as people look at it: what a crawl needs of it, and what is lost on the way there
//! (the lines that name us, rules in the order of the file, lines that were not understood).
//!
//! Deliberately not kept in [`Rules`]: a crawl remembers one of those for every origin.

use super::{
    Rules,
    read::{Defect, read},
};

/// One robots.txt on behalf of one crawler.
#[derive(Debug, Clone)]
pub struct Survey {
    /// What a crawl goes by.
    pub rules: Rules,
    /// The `User-agent` lines of the groups that concern us, line and value, at most
    /// [`MAX_DEFECTS`](super::MAX_DEFECTS). Empty when no group does.
    pub names: Vec<(u32, String)>,
    /// The rules of those groups, in the order of the file.
    pub lines: Vec<RuleLine>,
    /// What was not understood, line and reason, at most [`MAX_DEFECTS`](super::MAX_DEFECTS).
    pub defects: Vec<(u32, Defect)>,
}

/// A rule as it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleLine {
    /// From 1.
    pub line: u32,
    /// `Allow` or `Disallow`.
    pub allow: bool,
    /// As written.
    pub pattern: String,
}

impl Survey {
    /// As [`Rules::parse`].
    pub fn of(text: &[u8], agent: &str, max_bytes: usize) -> Self {
        let mut reading = read(text, agent, max_bytes);
        let rule = |rule: &super::index::Rule| RuleLine {
            line: rule.line,
            allow: rule.allow,
            pattern: rule.text().to_owned(),
        };
        let mut lines: Vec<RuleLine> = reading.rules.iter().map(rule).collect();
        // One line may have made two rules.
        lines.dedup_by_key(|rule| rule.line);
        let (names, defects) = (std::mem::take(&mut reading.names), std::mem::take(&mut reading.defects));
        Self { rules: Rules::of(reading), names, lines, defects }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_the_file_as_it_is() {
        let text =
            b"User-agent: a\nUser-agent: *\nDisallow: /%61\nAllow: /b/index.html\nNonsense\n\nUser-agent: *\nAllow: /";
        let survey = Survey::of(text, "dragline", 1 << 20);
        let rule = |line, allow, pattern: &str| RuleLine { line, allow, pattern: pattern.to_owned() };
        assert_eq!(survey.names, [(2, "*".to_owned()), (7, "*".to_owned())]);
        assert_eq!(survey.lines, [rule(3, false, "/%61"), rule(4, true, "/b/index.html"), rule(8, true, "/")]);
        assert_eq!(survey.defects, [(5, Defect::NoDirective)]);
        assert!(Survey::of(text, "b", 1 << 20).rules.decide("/b/").allowed);
    }
}
