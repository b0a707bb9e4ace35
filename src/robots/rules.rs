//! One parsed robots.txt as one crawler reads it.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{
    Signals,
    index::{Index, Rule},
    read::{Reading, read},
};

/// What one robots.txt says to one crawler. Serialises compactly, without what concerns others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rules {
    index: Index,
    crawl_delay: Option<Duration>,
    signals: Signals,
    sitemaps: Vec<String>,
    truncated: bool,
}

/// What the rules say about one path, and which rule says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision<'a> {
    /// Whether it may be asked for.
    pub allowed: bool,
    /// The line of the rule that decided, from 1; `None` when no rule matches.
    pub line: Option<u32>,
    /// That rule's pattern, as written.
    pub rule: Option<&'a str>,
}

impl Rules {
    /// Reads at most `max_bytes` of a file on behalf of the product token `agent`
    /// (RFC 9309 section 2.2). Any bytes parse; what is no rule is ignored.
    pub fn parse(text: &[u8], agent: &str, max_bytes: usize) -> Self {
        Self::of(read(text, agent, max_bytes))
    }

    pub(super) fn of(reading: Reading) -> Self {
        let Reading { rules, crawl_delay, signals, sitemaps, truncated, .. } = reading;
        Self { index: Index::new(rules), crawl_delay, signals, sitemaps, truncated }
    }

    /// Judges a path with its query, such as `/a?b=c`, as in a URL (RFC 9309 section 2.2.2).
    pub fn decide(&self, path_and_query: &str) -> Decision<'_> {
        let rule = match path_and_query {
            "/robots.txt" => None,
            "" => self.index.find("/"),
            path_and_query => self.index.find(path_and_query),
        };
        Decision {
            allowed: rule.is_none_or(|rule| rule.allow),
            line: rule.map(|rule| rule.line),
            rule: rule.map(Rule::text),
        }
    }

    /// How long to wait between two requests, at most [`MAX_CRAWL_DELAY`](super::MAX_CRAWL_DELAY).
    pub fn crawl_delay(&self) -> Option<Duration> {
        self.crawl_delay
    }

    /// What the file says about the use of content, each with the paths that it is about.
    pub fn signals(&self) -> &Signals {
        &self.signals
    }

    /// The values of `Sitemap:` lines, whichever group they stand in, as written and in order.
    pub fn sitemaps(&self) -> &[String] {
        &self.sitemaps
    }

    /// Number of rules that concern us.
    pub fn n_rules(&self) -> usize {
        self.index.rules().len()
    }

    /// Whether lines were left out because a bound was reached.
    pub fn is_truncated(&self) -> bool {
        self.truncated
    }
}

/// [`Rules`] as stored: the index is built again on reading.
#[derive(Serialize, Deserialize)]
struct Stored<R, S> {
    /// Line, whether it allows, pattern.
    rules: R,
    /// Of those whose pattern was written otherwise: their place in `rules`, and how.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    written: Vec<(usize, Box<str>)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    crawl_delay_us: Option<u64>,
    #[serde(default, skip_serializing_if = "Signals::is_empty")]
    signals: Signals,
    sitemaps: S,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
}

impl Serialize for Rules {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let rules: Vec<(u32, bool, &str)> =
            self.index.rules().iter().map(|rule| (rule.line, rule.allow, &*rule.pattern)).collect();
        let crawl_delay_us = self.crawl_delay.map(|delay| u64::try_from(delay.as_micros()).unwrap_or(u64::MAX));
        let written = |(at, rule): (usize, &Rule)| rule.written.clone().map(|text| (at, text));
        Stored {
            rules,
            written: self.index.rules().iter().enumerate().filter_map(written).collect(),
            crawl_delay_us,
            signals: self.signals.clone(),
            sitemaps: &self.sitemaps,
            truncated: self.truncated,
        }
        .serialize(s)
    }
}

impl<'de> Deserialize<'de> for Rules {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let stored = Stored::<Vec<(u32, bool, Box<str>)>, Vec<String>>::deserialize(d)?;
        let rule = |(line, allow, pattern)| Rule { line, allow, pattern, written: None };
        let mut rules: Vec<Rule> = stored.rules.into_iter().map(rule).collect();
        for (at, text) in stored.written {
            if let Some(rule) = rules.get_mut(at) {
                rule.written = Some(text);
            }
        }
        Ok(Self {
            index: Index::new(rules),
            signals: stored.signals,
            crawl_delay: stored.crawl_delay_us.map(Duration::from_micros),
            sitemaps: stored.sitemaps,
            truncated: stored.truncated,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAX_BYTES: usize = 512 * 1024;

    fn parse(text: &str, agent: &str) -> Rules {
        Rules::parse(text.as_bytes(), agent, MAX_BYTES)
    }

    #[track_caller]
    fn check(rules: &Rules, allowed: &[&str], denied: &[&str]) {
        for (paths, expected) in [(allowed, true), (denied, false)] {
            for path in paths {
                assert_eq!(rules.decide(path).allowed, expected, "{path}: {:?}", rules.decide(path));
            }
        }
    }

    /// The paths that a pattern matches and some that it does not.
    #[track_caller]
    fn check_pattern(pattern: &str, matching: &[&str], others: &[&str]) {
        check(&parse(&format!("User-agent: *\nDisallow: {pattern}"), "dragline"), others, matching);
    }

    #[test]
    fn rfc_9309_section_5_1() {
        let text = "User-Agent: *\nDisallow: *.gif$\nDisallow: /example/\nAllow: /publications/\n\n\
            User-Agent: foobot\nDisallow:/\nAllow:/example/page.html\nAllow:/example/allowed.gif\n\n\
            User-Agent: barbot\nUser-Agent: bazbot\nDisallow: /example/page.html\n\nUser-Agent: quxbot\n";
        check(
            &parse(text, "dragline"),
            &["/", "/publications/", "/a.gif?b", "/publications/x.html"],
            &["/example/", "/example/page.html", "/a.gif"],
        );
        check(&parse(text, "FooBot"), &["/example/page.html", "/example/allowed.gif"], &["/", "/example/", "/x.gif"]);
        for agent in ["barbot", "bazbot"] {
            check(&parse(text, agent), &["/", "/a.gif", "/example/"], &["/example/page.html"]);
        }
        check(&parse(text, "quxbot"), &["/", "/a.gif", "/example/page.html"], &[]);
    }

    #[test]
    fn rfc_9309_section_5_2_longest_match() {
        let text = "User-Agent: foobot\nAllow: /example/page/\nDisallow: /example/page/disallowed.gif";
        check(&parse(text, "foobot"), &["/example/page/", "/example/page/a.gif"], &["/example/page/disallowed.gif"]);
    }

    #[test]
    fn rfc_9309_section_2_2_1_merges_groups() {
        let text = "user-agent: ExampleBot\ndisallow: /foo\ndisallow: /bar\n\nuser-agent: ExampleBot\ndisallow: /baz\n";
        check(&parse(text, "examplebot"), &["/"], &["/foo", "/bar", "/baz"]);
    }

    #[test]
    fn rfc_9309_section_2_2_3_special_characters() {
        check_pattern("/this/path/exactly$", &["/this/path/exactly"], &["/this/path/exactly/", "/this/path/exactly?"]);
        check_pattern("/this/*/exactly", &["/this/path/exactly", "/this/a/b/exactly!"], &["/this/exactly"]);
        check_pattern("/path/file-with-a-%2A.html", &["/path/file-with-a-*.html"], &["/path/file-with-a-b.html"]);
        check_pattern("/path/foo-%24", &["/path/foo-$", "/path/foo-$x"], &["/path/foo-"]);
    }

    #[test]
    fn rfc_9309_section_2_2_2_escapes() {
        check_pattern("/foo/bar?baz=https://foo.bar", &["/foo/bar?baz=https%3A%2F%2Ffoo.bar"], &["/foo/bar?baz="]);
        check_pattern("/foo/bar?baz=https%3A%2F%2Ffoo.bar", &["/foo/bar?baz=https://foo.bar"], &["/foo/bar"]);
        check_pattern("/foo/bar/ツ", &["/foo/bar/%E3%83%84", "/foo/bar/%e3%83%84/x"], &["/foo/bar/%E3%83%85"]);
        check_pattern("/foo/bar/%E3%83%84", &["/foo/bar/ツ"], &["/foo/bar/"]);
        check_pattern("/foo/bar/%62%61%7A", &["/foo/bar/baz", "/foo/bar/b%61z"], &["/foo/bar/"]);
        check_pattern("/a%2Fb", &["/a%2fb"], &["/a/b"]);
        check_pattern("/*url=http%3A", &["/go?url=http%3a%2F"], &["/go?url=x"]);
        check_pattern("/*/secret", &["/a/secret", "/a?b=/secret"], &["/secret"]);
        check_pattern("/*?f[0]=*x", &["/s?f%5B0%5D=ax"], &["/s?f%5B1%5D=ax"]);
    }

    #[test]
    fn googles_table_of_paths() {
        check_pattern("/", &["/", "/a", "/a?b"], &[]);
        check_pattern("/*", &["/", "/a", "/a?b"], &[]);
        check_pattern("/$", &["/"], &["/a", "/?"]);
        for fish in ["/fish", "/fish*"] {
            check_pattern(
                fish,
                &["/fish", "/fish.html", "/fish/salmon.html", "/fishheads/yummy.html", "/fish.php?id=anything"],
                &["/Fish.asp", "/catfish", "/?id=fish", "/desert/fish"],
            );
        }
        check_pattern(
            "/fish/",
            &["/fish/", "/fish/?id=anything", "/fish/salmon.htm"],
            &["/fish", "/fish.html", "/animals/fish/", "/Fish/Salmon.asp"],
        );
        check_pattern(
            "/*.php",
            &["/index.php", "/folder/filename.php?parameters", "/folder/any.php.file.html", "/filename.php/"],
            &["/", "/windows.PHP"],
        );
        check_pattern(
            "/*.php$",
            &["/filename.php", "/folder/filename.php"],
            &["/filename.php?parameters", "/filename.php/", "/filename.php5", "/windows.PHP"],
        );
        check_pattern("/fish*.php", &["/fish.php", "/fishheads/catfish.php?parameters"], &["/Fish.PHP"]);
    }

    #[test]
    fn googles_table_of_precedence() {
        let rules =
            |allow: &str, deny: &str| parse(&format!("User-agent: *\nAllow: {allow}\nDisallow: {deny}"), "dragline");
        check(&rules("/p", "/"), &["/page"], &["/"]);
        check(&rules("/folder", "/folder"), &["/folder/page"], &[]);
        check(&rules("/page", "/*.htm"), &["/page"], &["/page.htm"]);
        check(&rules("/page", "/*.ph"), &["/page.php5"], &["/x.ph"]);
        check(&rules("/$", "/"), &["/"], &["/page.htm"]);
    }

    #[test]
    fn robots_txt_itself_is_always_allowed() {
        check(
            &parse("User-agent: *\nDisallow: /", "dragline"),
            &["/robots.txt"],
            &["/robots.txt?x", "/robots.txt/", ""],
        );
    }

    #[test]
    fn a_decision_names_its_rule() {
        let rules = parse("User-agent: *\n\nDisallow: /%61*z", "dragline");
        assert_eq!(rules.decide("/abz"), Decision { allowed: false, line: Some(3), rule: Some("/%61*z") });
        assert_eq!(rules.decide("/b"), Decision { allowed: true, line: None, rule: None });
    }

    #[test]
    fn stored_rules_decide_as_before() {
        let text = "User-agent: *\nDisallow: /%%341\nDisallow: /a?b=%2F\nDisallow: /c$\nAllow: /c*d\n\
            Allow: /%64/index.html\nContent-Signal: /x ai-train=no";
        let rules = parse(text, "dragline");
        let json = serde_json::to_string(&rules).expect("serialises");
        assert_eq!(serde_json::from_str::<Rules>(&json).expect("deserialises"), rules);
    }

    /// Hostile files of the size that is read; each must take no longer than a page of its size.
    #[test]
    fn hostile_files_take_linear_time() {
        let fill = |piece: &str| piece.repeat(MAX_BYTES / piece.len() + 1);
        let files = [
            format!("User-agent: *\nDisallow: /{}", fill("*a")),
            fill("User-agent: *\nDisallow: /*a*a*a*a*a*a*a*b\n"),
            fill("User-agent: *\nDisallow: /*a*a*b$\nAllow: /*\n"),
            fill("User-agent: dragline\n"),
            fill("Disallow: /a$\nUser-agent: *\n"),
            fill("Content-Signal: /*a*a*a*b ai-train=no\n"),
            fill("\0"),
            fill("\r"),
            fill("\u{a0}"),
            fill(" "),
            fill(":"),
            fill("#"),
            fill("User-agent: *\nDisallow: /%%%%\n"),
        ];
        for file in files {
            let rules = parse(&file, "dragline");
            let path = format!("/{}", "a".repeat(2_000));
            let _ = (rules.decide(&path), rules.signals().at(&path));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_parse_and_any_path_is_decided(text in prop::collection::vec(any::<u8>(), 0..300), path in any::<String>()) {
            let _ = Rules::parse(&text, "dragline", 200).decide(&path);
        }

        #[test]
        fn any_patterns_parse_store_and_decide(patterns in prop::collection::vec(any::<String>(), 0..6), path in any::<String>()) {
            let lines: String = patterns.iter().map(|p| format!("Disallow: {p}\n")).collect();
            let rules = parse(&format!("User-agent: *\n{lines}"), "dragline");
            let json = serde_json::to_string(&rules).expect("serialises");
            let again: Rules = serde_json::from_str(&json).expect("deserialises");
            prop_assert_eq!(again.decide(&path), rules.decide(&path));
        }

        /// Google's algorithm, written anew: all prefixes of the path that the pattern so far can match.
        #[test]
        fn decides_as_a_naive_reader_does(
            rules in prop::collection::vec((any::<bool>(), "[/*][a-c/*]{0,5}\\$?"), 0..8),
            path in "/[a-c/]{0,9}",
        ) {
            let matches = |pattern: &str| {
                let body = pattern.strip_suffix('$').unwrap_or(pattern);
                let mut ends = vec![0];
                for octet in body.bytes() {
                    ends = match octet {
                        b'*' => (ends.first().copied().unwrap_or(path.len() + 1)..=path.len()).collect(),
                        octet => ends.iter().filter(|end| path.as_bytes().get(**end) == Some(&octet)).map(|end| end + 1).collect(),
                    };
                }
                if body.len() < pattern.len() { ends.contains(&path.len()) } else { !ends.is_empty() }
            };
            let best = rules.iter().filter(|(_, pattern)| matches(pattern)).map(|(allow, pattern)| (pattern.len(), *allow)).max();
            let line = |(allow, pattern): &(bool, String)| format!("{}: {pattern}\n", if *allow { "Allow" } else { "Disallow" });
            let text = format!("User-agent: *\n{}", rules.iter().map(line).collect::<String>());
            let decided = parse(&text, "dragline");
            let decision = decided.decide(&path);
            prop_assert_eq!((decision.allowed, decision.rule.map(str::len)), (best.is_none_or(|(_, allow)| allow), best.map(|(length, _)| length)));
        }

        #[test]
        fn a_path_that_is_disallowed_literally_is_denied(path in "/[ -\"%-)+-~é]{0,20}[a-z]") {
            // Without `#`, `*` and `$`, and without an escape that the rule's end could cut.
            let rules = parse(&format!("User-agent: *\nDisallow: {path}"), "dragline");
            prop_assume!(path != "/robots.txt");
            prop_assert!(!rules.decide(&path).allowed);
            let below = path + "/x";
            prop_assert!(!rules.decide(&below).allowed);
        }
    }
}
