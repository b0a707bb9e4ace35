//! Reading the file: groups, which of them concern us, and what they say (RFC 9309 section 2.2).
//!
//! Consecutive `User-agent` lines form one group, which the first `Allow` or `Disallow` closes for
//! further names. Other lines must not interfere with that (section 2.2.4). What other lines say
//! (`Crawl-delay`, usage signals) belongs to the names above them since the last line that said
//! something: in `User-agent: a`, `Crawl-delay: 1`, `User-agent: b`, `Crawl-delay: 2` each has its
//! own delay, although rules below would be for both. Groups that name our product token are
//! merged; if there is none, those that name `*` are.

use std::time::Duration;

use super::{
    MAX_CRAWL_DELAY, MAX_DEFECTS, MAX_RULES, MAX_SITEMAPS, MAX_WILDCARD_RULES, Signals,
    agent::{Addressee, Agent},
    index::Rule,
    lines::{Directive, Line, MAX_LINE_BYTES, first_lines, lines, parse_line, without_bom},
    octets::normalise_pattern,
};

/// What a file says to one crawler.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub rules: Vec<Rule>,
    pub crawl_delay: Option<Duration>,
    pub signals: Signals,
    pub sitemaps: Vec<String>,
    pub truncated: bool,
    /// The `User-agent` lines of the groups that concern us: number and value.
    pub names: Vec<(u32, String)>,
    /// Lines that were not understood: number and why.
    pub defects: Vec<(u32, Defect)>,
}

/// Why a line was not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defect {
    /// It is neither `name: value` nor `name value`.
    NoDirective,
    /// Its name is not one that concerns crawlers like us.
    UnknownName,
    /// A rule stands before the first `User-agent`.
    NoGroup,
    /// A pattern begins with neither `/` nor `*`, so it matches nothing.
    NoSlash,
    /// A crawl delay is no number of seconds.
    NoNumber,
    /// The line is longer than is read.
    TooLong,
}

impl Defect {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoDirective => "no directive",
            Self::UnknownName => "unknown name",
            Self::NoGroup => "stands before the first User-agent",
            Self::NoSlash => "the pattern begins with neither \"/\" nor \"*\", so it matches nothing",
            Self::NoNumber => "not a number of seconds",
            Self::TooLong => "longer than is read",
        }
    }
}

pub(super) fn read(text: &[u8], agent: &str, max_bytes: usize) -> Reading {
    let (text, cut) = first_lines(text, max_bytes);
    let text = without_bom(text);
    let mut reader = Reader { agent: Agent::new(agent), truncated: cut, ..Reader::default() };
    for (number, line) in (1..).zip(lines(&text)) {
        reader.take_line(number, line);
    }
    // A delay above all groups is meant for whoever goes by `*`, written or not.
    let goes_by_star = !reader.is_named && (!reader.everyone.names.is_empty() || !reader.has_names);
    let everyones_delay = reader.crawl_delay.filter(|_| goes_by_star);
    let ours = if reader.is_named { reader.named } else { reader.everyone };
    Reading {
        rules: ours.rules,
        crawl_delay: ours.crawl_delay.or(everyones_delay),
        signals: ours.signals,
        sitemaps: reader.sitemaps,
        truncated: reader.truncated || ours.truncated,
        names: ours.names,
        defects: reader.defects,
    }
}

/// Where we are in the file, and what it has said so far.
#[derive(Debug, Default)]
struct Reader<'a> {
    agent: Agent<'a>,
    /// To whom rules speak, and to whom the other lines of a group do.
    rules_to: Audience,
    others_to: Audience,
    /// Whether the next name opens another group.
    has_names: bool,
    /// Whether any group names us.
    is_named: bool,
    named: Group,
    everyone: Group,
    /// Said above all groups.
    crawl_delay: Option<Duration>,
    sitemaps: Vec<String>,
    defects: Vec<(u32, Defect)>,
    truncated: bool,
}

/// Names above a line, as far as they matter.
#[derive(Debug, Clone, Copy, Default)]
struct Audience {
    us: bool,
    everyone: bool,
    /// Whether something was said to it, so that the next name begins another.
    is_closed: bool,
}

impl Audience {
    fn add(&mut self, addressee: Addressee) {
        if self.is_closed {
            *self = Self::default();
        }
        self.us |= addressee == Addressee::Us;
        self.everyone |= addressee == Addressee::Everyone;
    }
}

impl Reader<'_> {
    fn take_line(&mut self, number: u32, line: &[u8]) {
        let is_cut = line.len() > MAX_LINE_BYTES;
        let parsed = parse_line(&line[..line.len().min(MAX_LINE_BYTES)]);
        if is_cut && parsed != Line::Blank {
            self.truncated = true;
            self.complain(number, Defect::TooLong);
        }
        match parsed {
            Line::Blank => {}
            Line::Broken => self.complain(number, Defect::NoDirective),
            Line::Unknown => self.complain(number, Defect::UnknownName),
            Line::Says(directive, value) => match directive {
                Directive::UserAgent => self.take_agent(number, value),
                Directive::Allow | Directive::Disallow => {
                    self.take_rule(number, directive == Directive::Allow, value);
                }
                Directive::CrawlDelay => self.take_crawl_delay(number, value),
                Directive::Usage(name) => self.take_usage(name, value),
                // Half an address would be another one.
                Directive::Sitemap if is_cut => {}
                Directive::Sitemap => self.take_sitemap(value),
            },
        }
    }

    fn complain(&mut self, number: u32, defect: Defect) {
        if self.defects.len() < MAX_DEFECTS {
            self.defects.push((number, defect));
        }
    }

    fn take_agent(&mut self, number: u32, value: &[u8]) {
        let addressee = self.agent.addressee(value);
        self.rules_to.add(addressee);
        self.others_to.add(addressee);
        self.has_names = true;
        let group = match addressee {
            Addressee::Others => return,
            Addressee::Everyone => &mut self.everyone,
            Addressee::Us => {
                self.is_named = true;
                &mut self.named
            }
        };
        if group.names.len() < MAX_DEFECTS {
            group.names.push((number, String::from_utf8_lossy(value).into_owned()));
        }
    }

    fn take_rule(&mut self, number: u32, allow: bool, value: &[u8]) {
        if !self.has_names {
            self.complain(number, Defect::NoGroup);
            return;
        }
        (self.rules_to.is_closed, self.others_to.is_closed) = (true, true);
        // An empty value makes no rule: "Disallow:" disallows nothing.
        let Some(pattern) = normalise_pattern(value) else {
            if !value.is_empty() {
                self.complain(number, Defect::NoSlash);
            }
            return;
        };
        let to = self.rules_to;
        if !(to.us || to.everyone) {
            return;
        }
        let written = (pattern.as_bytes() != value).then(|| String::from_utf8_lossy(value).into_owned().into());
        let rule = Rule { line: number, allow, pattern: pattern.into(), written };
        for group in self.addressed(to) {
            if let Some(folder) = folder_of_index(&rule) {
                group.add(folder);
            }
            group.add(rule.clone());
        }
    }

    fn take_crawl_delay(&mut self, number: u32, value: &[u8]) {
        let seconds = std::str::from_utf8(value).ok().and_then(|text| text.parse::<f64>().ok());
        let Some(seconds) = seconds.filter(|seconds| seconds.is_finite() && *seconds >= 0.0) else {
            self.complain(number, Defect::NoNumber);
            return;
        };
        let delay = Duration::from_secs_f64(seconds.min(MAX_CRAWL_DELAY.as_secs_f64()));
        if !self.has_names {
            self.crawl_delay = self.crawl_delay.max(Some(delay));
            return;
        }
        self.others_to.is_closed = true;
        for group in self.addressed(self.others_to) {
            // Of several delays the longest is honoured.
            group.crawl_delay = group.crawl_delay.max(Some(delay));
        }
    }

    /// A signal above all groups is for everyone, named or not: it says more about the content than
    /// about crawlers.
    fn take_usage(&mut self, name: &'static str, value: &[u8]) {
        let to = if self.has_names { self.others_to } else { Audience { us: true, everyone: true, is_closed: false } };
        self.others_to.is_closed |= self.has_names;
        for group in self.addressed(to) {
            group.signals.add_line(name, value);
        }
    }

    fn take_sitemap(&mut self, value: &[u8]) {
        if self.sitemaps.len() >= MAX_SITEMAPS {
            self.truncated = true;
        } else if !value.is_empty() {
            self.sitemaps.push(String::from_utf8_lossy(value).into_owned());
        }
    }

    fn addressed(&mut self, to: Audience) -> impl Iterator<Item = &mut Group> {
        let named = to.us.then_some(&mut self.named);
        named.into_iter().chain(to.everyone.then_some(&mut self.everyone))
    }
}

/// Google's parser lets `Allow: /a/index.html` allow `/a/` too, and so does its custom of two
/// decades.
fn folder_of_index(rule: &Rule) -> Option<Rule> {
    let at = rule.pattern.rfind('/').filter(|at| rule.allow && rule.pattern[*at..].starts_with("/index.htm"))?;
    let pattern = format!("{}$", &rule.pattern[..=at]).into();
    Some(Rule { pattern, written: Some(rule.text().into()), ..*rule })
}

/// All groups of one audience, merged.
#[derive(Debug, Default)]
struct Group {
    rules: Vec<Rule>,
    n_wildcards: usize,
    crawl_delay: Option<Duration>,
    signals: Signals,
    names: Vec<(u32, String)>,
    truncated: bool,
}

impl Group {
    fn add(&mut self, rule: Rule) {
        let is_wildcard = rule.is_wildcard();
        if self.rules.len() >= MAX_RULES || (is_wildcard && self.n_wildcards >= MAX_WILDCARD_RULES) {
            self.truncated = true;
            return;
        }
        self.n_wildcards += usize::from(is_wildcard);
        self.rules.push(rule);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads on behalf of `dragline`; rules as `12+/a` (line, `+` for allow, pattern).
    fn rules(text: &[u8]) -> Vec<String> {
        let reading = read(text, "dragline", 1 << 20);
        reading.rules.iter().map(|r| format!("{}{}{}", r.line, if r.allow { '+' } else { '-' }, r.pattern)).collect()
    }

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        assert_eq!(rules(text.as_bytes()), expected, "{text:?}");
    }

    #[test]
    fn groups_that_name_us_are_merged_and_hide_the_others() {
        check(
            "User-agent: *\nDisallow: /all\nUser-agent: dragline\nDisallow: /a\n\nUser-agent: other\nDisallow: /o\n\
             User-agent: DragLine/2.0 (crawler)\nAllow: /b",
            &["4-/a", "9+/b"],
        );
        check(
            "User-agent: *\nDisallow: /a\nUser-agent: x\nDisallow: /b\nUser-agent: *\nDisallow: /c",
            &["2-/a", "6-/c"],
        );
        check("User-agent: *\nDisallow: /a\nUser-agent: dragline\n", &[]);
        check("User-agent: other\nDisallow: /", &[]);
        check("User-agent: dragline2\nUser-agent: drag\nUser-agent: my-dragline\nDisallow: /", &[]);
        check("User-agent: * (all)\nDisallow: /a", &["2-/a"]);
        check("User-agent: *bot\nDisallow: /a", &[]);
    }

    #[test]
    fn names_in_a_row_share_rules_whatever_stands_between() {
        check("User-agent: dragline\nUser-agent: x\nDisallow: /a", &["3-/a"]);
        check("User-agent: dragline\n\n# note\nSitemap: /s\nNoindex: /\nUser-agent: x\nDisallow: /a", &["7-/a"]);
        check("User-agent: dragline\nCrawl-delay: 3\nUser-agent: x\nDisallow: /a", &["4-/a"]);
        check("User-agent: dragline\nDisallow:\nUser-agent: x\nDisallow: /a", &[]);
    }

    #[test]
    fn rules_before_any_name_are_nobodys() {
        check("Disallow: /a\nUser-agent: *\nDisallow: /b", &["3-/b"]);
    }

    #[test]
    fn spellings() {
        check(
            "user agent: *\nDISALLOW:/a\ndisalow : /b\n\tdissallow:\t/c \nAllow /d\n",
            &["2-/a", "3-/b", "4-/c", "5+/d"],
        );
        check("useragent *\nDisallow: /a # why\nDisallow: # nothing\nDisallow /b /c\nDisallow", &["2-/a"]);
        check("User-agent: *\nDisallow: /a b\nDisallow: /c:d", &["2-/a%20b", "3-/c:d"]);
        check("User-agent: *\nDisallowed: /a\nAllow-from: /b\nX: /c\n: /d\n:\n", &["2-/a", "3+/b"]);
    }

    #[test]
    fn line_ends_are_counted_once() {
        check("User-agent: *\r\n\r\nDisallow: /a\rDisallow: /b\nDisallow: /c", &["3-/a", "4-/b", "5-/c"]);
    }

    #[test]
    fn marks_padding_and_bytes_that_are_no_text() {
        assert_eq!(rules(b"\xEF\xBB\xBFUser-agent: *\nDisallow: /a\0\0\n\0\0"), ["2-/a"]);
        assert_eq!(rules(b"User-agent: *\nDisallow: /\xFF\0z\n\xFE\xFD: x\n"), ["2-/%FF"]);
        let utf16: Vec<u8> = "\u{FEFF}User-agent: *\nDisallow: /é".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(rules(&utf16), ["2-/%C3%A9"]);
    }

    #[test]
    fn crawl_delay_belongs_to_the_names_above_it() {
        let delay = |text: &str| read(text.as_bytes(), "dragline", 1 << 20).crawl_delay.map(|d| d.as_millis());
        assert_eq!(delay("User-agent: *\nCrawl-delay: 2.5"), Some(2500));
        assert_eq!(delay("User-agent: *\nCrawl-delay: 9\nUser-agent: dragline\nDisallow: /"), None);
        assert_eq!(delay("User-agent: x\nDisallow:\nCrawl-delay: 9\nUser-agent: *\nCrawl-delay: 1"), Some(1000));
        assert_eq!(delay("User-agent: *\nCrawl-delay: 1\nCrawl-delay: 3\nCrawl-delay: 2"), Some(3000));
        assert_eq!(delay("User-agent: *\nCrawl-delay: 1e300"), Some(MAX_CRAWL_DELAY.as_millis()));
        for nonsense in ["-1", "NaN", "inf", "", "soon", "1,5", "10s", "\u{661}"] {
            assert_eq!(delay(&format!("User-agent: *\nCrawl-delay: {nonsense}")), None, "{nonsense}");
        }
    }

    #[test]
    fn sitemaps_are_everyones() {
        let reading = read(b"Sitemap: http://h/a.xml\nUser-agent: x\nsite-map:/b.xml\nSitemap:\n", "dragline", 1 << 20);
        assert_eq!(reading.sitemaps, ["http://h/a.xml", "/b.xml"]);
    }

    #[test]
    fn half_a_line_at_the_bound_is_left_out() {
        let text = b"User-agent: *\nDisallow: /a\nDisallow: /bcd\n";
        for (max_bytes, n_rules, truncated) in
            [(text.len(), 2, false), (text.len() - 1, 2, true), (text.len() - 3, 1, true), (14, 0, true), (0, 0, true)]
        {
            let reading = read(text, "dragline", max_bytes);
            assert_eq!((reading.rules.len(), reading.truncated), (n_rules, truncated), "{max_bytes}");
        }
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let with = |line: &dyn Fn(usize) -> String, n: usize| {
            let text: String = (0..n).map(line).collect();
            read(format!("User-agent: *\n{text}").as_bytes(), "dragline", usize::MAX)
        };
        let plain = with(&|n| format!("Disallow: /{n}\n"), MAX_RULES + 1);
        assert_eq!((plain.rules.len(), plain.truncated), (MAX_RULES, true));
        let wild = with(&|n| format!("Disallow: /*{n}\n"), MAX_WILDCARD_RULES + 1);
        assert_eq!((wild.rules.len(), wild.truncated), (MAX_WILDCARD_RULES, true));
        let long = with(&|_| format!("Disallow: /{0}\nAllow: /a\nSitemap: /{0}\n", "x".repeat(MAX_LINE_BYTES)), 1);
        assert_eq!((long.rules.len(), long.sitemaps.len(), long.truncated), (2, 0, true));
        assert_eq!(long.rules[0].pattern.len(), MAX_LINE_BYTES - "Disallow: ".len());
        let maps = with(&|n| format!("Sitemap: /{n}\n"), MAX_SITEMAPS + 1);
        assert_eq!((maps.sitemaps.len(), maps.truncated), (MAX_SITEMAPS, true));
    }

    #[test]
    fn each_name_has_its_own_delay() {
        let text = "User-agent: a\nCrawl-delay: 1\nUser-agent: b\nCrawl-delay: x\nUser-agent: c\nCrawl-delay: 2\n\
            User-agent: d\nDisallow: /d\nCrawl-delay: 3\n";
        for (agent, delay) in [("a", 1), ("b", 2), ("c", 2), ("d", 3)] {
            let reading = read(text.as_bytes(), agent, 1 << 20);
            assert_eq!(reading.crawl_delay, Some(Duration::from_secs(delay)), "{agent}");
            assert_eq!(reading.rules.len(), 1, "{agent}: a delay does not split the group");
        }
        let top = b"Crawl-delay: 9\nUser-agent: a\nCrawl-delay: 1\nUser-agent: *\nDisallow: /";
        for (agent, delay) in [("a", 1), ("b", 9)] {
            assert_eq!(read(top, agent, 1 << 20).crawl_delay, Some(Duration::from_secs(delay)), "{agent}");
        }
    }

    #[test]
    fn signals_belong_to_their_group_or_to_everyone() {
        let text = "Content-Usage: train-ai=n\nUser-agent: *\nContent-Signal: search=yes\nDisallow: /a\n\
            User-agent: x\nContent-Signal: search=no\nAllow: /\n";
        let said = |agent: &str| {
            let reading = read(text.as_bytes(), agent, 1 << 20);
            reading.signals.iter().map(|signal| signal.value.clone()).collect::<Vec<_>>()
        };
        assert_eq!(said("dragline"), ["train-ai=n", "search=yes"]);
        assert_eq!(said("x"), ["train-ai=n", "search=no"]);
    }

    #[test]
    fn training_is_not_crawling() {
        check("User-agent: *\nDisallowAITraining: /\nAllowAITraining: /a\nDisallow: /b", &["4-/b"]);
    }

    #[test]
    fn an_index_opens_its_folder() {
        let reading = read(b"User-agent: *\nAllow: /a/index.html\nDisallow: /b/index.html", "dragline", 1 << 20);
        let rules: Vec<_> = reading.rules.iter().map(|rule| (&*rule.pattern, rule.text(), rule.line)).collect();
        assert_eq!(
            rules,
            [
                ("/a/$", "/a/index.html", 2),
                ("/a/index.html", "/a/index.html", 2),
                ("/b/index.html", "/b/index.html", 3)
            ]
        );
    }

    #[test]
    fn what_was_not_understood_is_told() {
        let text = b"Disallow: /x\nUser-agent: *\nDisallow: fish\nHost: h\n<p>\nCrawl-delay: soon\nDisallow:\n# x";
        let reading = read(text, "dragline", 1 << 20);
        use Defect::{NoDirective, NoGroup, NoNumber, NoSlash, UnknownName};
        assert_eq!(reading.defects, [(1, NoGroup), (3, NoSlash), (4, UnknownName), (5, NoDirective), (6, NoNumber)]);
        assert_eq!(reading.names, [(2, "*".to_owned())]);
    }
}
