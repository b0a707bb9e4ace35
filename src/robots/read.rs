//! Reading the file: lines, groups, and which of them concern us (RFC 9309 sections 2.1 and 2.2).
//!
//! Consecutive `User-agent` lines form one group, which the first `Allow` or `Disallow` closes for
//! further names. Other lines (`Sitemap`, `Crawl-delay`, unknown ones) must not interfere with that
//! (section 2.2.4); a crawl delay belongs to the names above it. Groups that name our product token
//! are merged; if there is none, those that name `*` are.

use std::{borrow::Cow, time::Duration};

use super::{
    MAX_CRAWL_DELAY, MAX_RULES, MAX_SITEMAPS, MAX_VALUE_BYTES, MAX_WILDCARD_RULES, index::Rule,
    octets::normalise_pattern,
};

/// What a file says to one crawler.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub rules: Vec<Rule>,
    pub crawl_delay: Option<Duration>,
    pub sitemaps: Vec<String>,
    pub truncated: bool,
}

pub(super) fn read(text: &[u8], agent: &str, max_bytes: usize) -> Reading {
    let (text, cut) = first_lines(text, max_bytes);
    let text = without_bom(text);
    let mut reader = Reader { agent: product_token(agent.as_bytes()), truncated: cut, ..Reader::default() };
    for (number, line) in (1..).zip(lines(&text)) {
        if let Some((directive, value)) = parse_line(line) {
            reader.take(number, directive, value);
        }
    }
    let ours = if reader.is_named { reader.named } else { reader.everyone };
    Reading {
        rules: ours.rules,
        crawl_delay: ours.crawl_delay,
        sitemaps: reader.sitemaps,
        truncated: reader.truncated || ours.truncated,
    }
}

/// What a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Directive {
    UserAgent,
    Allow,
    Disallow,
    CrawlDelay,
    Sitemap,
}

/// Names of directives, lower case, with the misspellings that Google's parser accepts.
const DIRECTIVES: [(Directive, &[&str]); 5] = [
    (Directive::UserAgent, &["user-agent", "useragent", "user agent"]),
    (Directive::Allow, &["allow"]),
    (Directive::Disallow, &["disallow", "dissallow", "dissalow", "disalow", "diasllow", "disallaw"]),
    (Directive::CrawlDelay, &["crawl-delay", "crawldelay", "crawl delay"]),
    (Directive::Sitemap, &["sitemap", "site-map"]),
];

/// Where we are in the file, and what it has said so far.
#[derive(Debug, Default)]
struct Reader<'a> {
    agent: &'a [u8],
    /// Whether the group at hand names us, and whether it names everyone.
    to_us: bool,
    to_everyone: bool,
    /// Whether it has had a rule, so that the next name opens another.
    is_closed: bool,
    /// Whether any group names us.
    is_named: bool,
    named: Group,
    everyone: Group,
    sitemaps: Vec<String>,
    truncated: bool,
}

impl Reader<'_> {
    fn take(&mut self, line: u32, directive: Directive, value: &[u8]) {
        match directive {
            Directive::UserAgent => self.take_agent(value),
            Directive::Allow | Directive::Disallow => {
                self.is_closed = true;
                self.take_rule(line, directive == Directive::Allow, value);
            }
            Directive::CrawlDelay => {
                for group in self.addressed() {
                    group.take_crawl_delay(value);
                }
            }
            Directive::Sitemap => self.take_sitemap(value),
        }
    }

    fn take_agent(&mut self, value: &[u8]) {
        if std::mem::take(&mut self.is_closed) {
            (self.to_us, self.to_everyone) = (false, false);
        }
        match value {
            [b'*'] => self.to_everyone = true,
            [b'*', after, ..] if after.is_ascii_whitespace() => self.to_everyone = true,
            _ => {
                let ours = !self.agent.is_empty() && product_token(value).eq_ignore_ascii_case(self.agent);
                self.to_us |= ours;
                self.is_named |= ours;
            }
        }
    }

    fn take_rule(&mut self, line: u32, allow: bool, value: &[u8]) {
        let addressed = self.to_us || self.to_everyone;
        if !addressed {
            return;
        }
        if value.len() > MAX_VALUE_BYTES {
            self.truncated = true;
            return;
        }
        // An empty value makes no rule: "Disallow:" disallows nothing.
        let Some(pattern) = normalise_pattern(value) else { return };
        for group in self.addressed() {
            group.add(Rule { line, allow, pattern: pattern.as_str().into() });
        }
    }

    fn take_sitemap(&mut self, value: &[u8]) {
        if value.len() > MAX_VALUE_BYTES || self.sitemaps.len() >= MAX_SITEMAPS {
            self.truncated = true;
        } else if !value.is_empty() {
            self.sitemaps.push(String::from_utf8_lossy(value).into_owned());
        }
    }

    fn addressed(&mut self) -> impl Iterator<Item = &mut Group> {
        let named = self.to_us.then_some(&mut self.named);
        named.into_iter().chain(self.to_everyone.then_some(&mut self.everyone))
    }
}

/// All groups of one audience, merged.
#[derive(Debug, Default)]
struct Group {
    rules: Vec<Rule>,
    n_wildcards: usize,
    crawl_delay: Option<Duration>,
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

    /// Of several delays the longest is honoured; what is no number of seconds is ignored.
    fn take_crawl_delay(&mut self, value: &[u8]) {
        let seconds = std::str::from_utf8(value).ok().and_then(|text| text.parse::<f64>().ok());
        if let Some(seconds) = seconds.filter(|seconds| seconds.is_finite() && *seconds >= 0.0) {
            let delay = Duration::from_secs_f64(seconds.min(MAX_CRAWL_DELAY.as_secs_f64()));
            self.crawl_delay = self.crawl_delay.max(Some(delay));
        }
    }
}

/// The whole lines among the first `max_bytes`, and whether something is missing. Half a rule would
/// be another rule.
fn first_lines(text: &[u8], max_bytes: usize) -> (&[u8], bool) {
    let is_end = |octet: &u8| matches!(octet, b'\n' | b'\r');
    match text.get(max_bytes) {
        None => (text, false),
        Some(next) if is_end(next) => (&text[..max_bytes], true),
        Some(_) => (&text[..text[..max_bytes].iter().rposition(is_end).map_or(0, |at| at + 1)], true),
    }
}

/// RFC 9309 wants UTF-8; a byte order mark tells which files are not.
fn without_bom(text: &[u8]) -> Cow<'_, [u8]> {
    match encoding_rs::Encoding::for_bom(text) {
        Some((encoding, length)) if encoding == encoding_rs::UTF_8 => Cow::Borrowed(&text[length..]),
        Some((encoding, length)) => match encoding.decode_without_bom_handling(&text[length..]).0 {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        },
        None => Cow::Borrowed(text),
    }
}

/// Lines that end in LF, CR or both.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = text.iter().position(|octet| matches!(octet, b'\n' | b'\r')) else { return rest.take() };
        let after = &text[end + 1..];
        rest = Some(if text[end] == b'\r' { after.strip_prefix(b"\n").unwrap_or(after) } else { after });
        Some(&text[..end])
    })
}

/// `name: value`, or `name value` if that is all, without comment and white space around.
fn parse_line(line: &[u8]) -> Option<(Directive, &[u8])> {
    let line = line.split(|octet| *octet == b'#').next().map(trim).unwrap_or_default();
    let (name, value) = match line.iter().position(|octet| *octet == b':') {
        Some(at) => (trim(&line[..at]), trim(&line[at + 1..])),
        None => {
            let at = line.iter().position(u8::is_ascii_whitespace)?;
            let value = trim(&line[at..]);
            (!value.iter().any(u8::is_ascii_whitespace)).then_some((&line[..at], value))?
        }
    };
    let known = DIRECTIVES.iter().find(|(_, names)| names.iter().any(|n| n.as_bytes().eq_ignore_ascii_case(name)));
    known.map(|(directive, _)| (*directive, value))
}

/// Without white space and NUL, with which some servers pad, at both ends.
fn trim(mut text: &[u8]) -> &[u8] {
    let is_blank = |octet: &u8| octet.is_ascii_whitespace() || matches!(octet, b'\0' | b'\x0B');
    while let [first, rest @ ..] = text
        && is_blank(first)
    {
        text = rest;
    }
    while let [rest @ .., last] = text
        && is_blank(last)
    {
        text = rest;
    }
    text
}

/// `ExampleBot` of `ExampleBot/1.0 (+https://example.org)`. Digits are taken as part of it although
/// section 2.2.1 allows none, so that `bot2` is not read as `bot`.
fn product_token(value: &[u8]) -> &[u8] {
    let is_token = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
    &value[..value.iter().position(|octet| !is_token(octet)).unwrap_or(value.len())]
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
        check("User-agent: *\nDisallowed: /a\nAllow-from: /b\nX: /c\n: /d\n:\n", &[]);
    }

    #[test]
    fn line_ends_are_counted_once() {
        check("User-agent: *\r\n\r\nDisallow: /a\rDisallow: /b\nDisallow: /c", &["3-/a", "4-/b", "5-/c"]);
    }

    #[test]
    fn marks_padding_and_bytes_that_are_no_text() {
        assert_eq!(rules(b"\xEF\xBB\xBFUser-agent: *\nDisallow: /a\0\0\n\0\0"), ["2-/a"]);
        assert_eq!(rules(b"User-agent: *\nDisallow: /\xFF\0z\n\xFE\xFD: x\n"), ["2-/%FF%00z"]);
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
        let long = with(&|_| format!("Disallow: /{}\nAllow: /a\n", "x".repeat(MAX_VALUE_BYTES)), 1);
        assert_eq!((long.rules.len(), long.truncated), (1, true));
        let maps = with(&|n| format!("Sitemap: /{n}\n"), MAX_SITEMAPS + 1);
        assert_eq!((maps.sitemaps.len(), maps.truncated), (MAX_SITEMAPS, true));
    }
}
