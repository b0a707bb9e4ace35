//! The file as lines: byte order marks, line ends, names of directives and their values.
//!
//! RFC 9309 section 2.2 wants `name: value` in UTF-8; section 2.3.2 wants what is broken skipped and
//! the rest used. What is taken beyond the grammar is what Google's published parser takes (names by
//! their beginning, common misspellings, a missing colon, half a byte order mark), and little more:
//! UTF-16 with a mark, and no-break spaces around a value. What a line means is `read`'s affair.

use std::borrow::Cow;

/// Longest line, bytes; what follows on it is ignored. Google's bound: eight times the 2,083 octets
/// that some browsers allow a URL, and one for its terminator.
pub(super) const MAX_LINE_BYTES: usize = 2083 * 8 - 1;

/// What a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Directive {
    UserAgent,
    Allow,
    Disallow,
    CrawlDelay,
    Sitemap,
    /// What the content may be used for (`Content-Signal`, `Content-Usage`, `LLM-Policy`,
    /// `DisallowAITraining`, `AllowAITraining`): the name, in lower case.
    Usage(&'static str),
}

/// Whole names, lower case. They go first: `DisallowAITraining: /` is about training, although it
/// begins like a rule.
const NAMES: [(Directive, &[&str]); 10] = [
    (Directive::UserAgent, &["user agent"]),
    (Directive::CrawlDelay, &["crawl-delay", "crawldelay", "crawl delay"]),
    (Directive::Sitemap, &["site map"]),
    (Directive::Usage("content-signal"), &["content-signal", "content-signals"]),
    (Directive::Usage("content-usage"), &["content-usage"]),
    (Directive::Usage("llm-policy"), &["llm-policy"]),
    (Directive::Usage("disallowaitraining"), &["disallowaitraining"]),
    (Directive::Usage("allowaitraining"), &["allowaitraining"]),
    (Directive::Allow, &["allow"]),
    (Directive::Disallow, &["disallow"]),
];

/// What a name of one word need only begin with, lower case, as in Google's parser: `Disallowed` and
/// `Sitemaps` are meant well. (Several words are more likely prose: `User-agent must match: …`.)
const BEGINNINGS: [(Directive, &[&str]); 4] = [
    (Directive::UserAgent, &["user-agent", "useragent"]),
    (Directive::Allow, &["allow"]),
    (Directive::Disallow, &["disallow", "dissallow", "dissalow", "disalow", "diasllow", "disallaw"]),
    (Directive::Sitemap, &["sitemap", "site-map"]),
];

/// What a line comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// Nothing, or a comment.
    Blank,
    /// A directive and its value.
    Says(Directive, &'a [u8]),
    /// `name: value` with a name that is nobody's.
    Unknown,
    /// No name, or no value that could be told from it.
    Broken,
}

/// The whole lines among the first `max_bytes`, and whether something is missing. Half a rule would
/// be another rule.
pub(super) fn first_lines(text: &[u8], max_bytes: usize) -> (&[u8], bool) {
    let is_end = |octet: &u8| matches!(octet, b'\n' | b'\r');
    match text.get(max_bytes) {
        None => (text, false),
        Some(next) if is_end(next) => (&text[..max_bytes], true),
        Some(_) => (&text[..text[..max_bytes].iter().rposition(is_end).map_or(0, |at| at + 1)], true),
    }
}

/// RFC 9309 wants UTF-8; a byte order mark tells which files are not. Of UTF-8's mark any beginning
/// is skipped.
pub(super) fn without_bom(text: &[u8]) -> Cow<'_, [u8]> {
    match encoding_rs::Encoding::for_bom(text) {
        Some((encoding, length)) if encoding != encoding_rs::UTF_8 => {
            match encoding.decode_without_bom_handling(&text[length..]).0 {
                Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                Cow::Owned(text) => Cow::Owned(text.into_bytes()),
            }
        }
        _ => {
            let length = text.iter().zip(b"\xEF\xBB\xBF").take_while(|(octet, mark)| octet == mark).count();
            Cow::Borrowed(&text[length..])
        }
    }
}

/// Lines that end in LF, CR or both.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = text.iter().position(|octet| matches!(octet, b'\n' | b'\r')) else { return rest.take() };
        let after = &text[end + 1..];
        rest = Some(if text[end] == b'\r' { after.strip_prefix(b"\n").unwrap_or(after) } else { after });
        Some(&text[..end])
    })
}

/// Reads one line, which is at most [`MAX_LINE_BYTES`] long: `name: value`, or `name value` if that
/// is all, without comment and white space around.
pub(super) fn parse_line(line: &[u8]) -> Line<'_> {
    let line = line.split(|octet| *octet == b'#').next().map(trim).unwrap_or_default();
    // A NUL ends a text in C, and so it does in the parsers that set the custom.
    let line = line.split(|octet| *octet == 0).next().map(trim).unwrap_or_default();
    if line.is_empty() {
        return Line::Blank;
    }
    let Some(at) = line.iter().position(|octet| *octet == b':') else {
        return spaced(line).map_or(Line::Broken, |(name, value)| named(name, value));
    };
    let (name, value) = (trim(&line[..at]), trim(&line[at + 1..]));
    if name.is_empty() {
        return Line::Broken;
    }
    // The colon of `Disallow /a:b` or `Sitemap http://…` is the value's.
    if name.iter().any(u8::is_ascii_whitespace)
        && whole_name(name).is_none()
        && let Some((name, value)) = spaced(line)
        && let known @ Line::Says(..) = named(name, value)
    {
        return known;
    }
    named(name, value)
}

/// `name value`: exactly two words.
fn spaced(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = line.iter().position(u8::is_ascii_whitespace)?;
    let value = trim(&line[at..]);
    (!value.iter().any(u8::is_ascii_whitespace)).then_some((&line[..at], value))
}

fn named<'a>(name: &[u8], value: &'a [u8]) -> Line<'a> {
    let is_word = !name.iter().any(u8::is_ascii_whitespace);
    let begins = |beginning: &&str| {
        is_word && name.get(..beginning.len()).is_some_and(|start| start.eq_ignore_ascii_case(beginning.as_bytes()))
    };
    whole_name(name)
        .or_else(|| BEGINNINGS.iter().find(|(_, all)| all.iter().any(begins)).map(|(directive, _)| *directive))
        .map_or(Line::Unknown, |directive| Line::Says(directive, value))
}

fn whole_name(name: &[u8]) -> Option<Directive> {
    let is_name = |known: &&str| known.as_bytes().eq_ignore_ascii_case(name);
    NAMES.iter().find(|(_, all)| all.iter().any(is_name)).map(|(directive, _)| *directive)
}

/// White space beyond ASCII that comes with pasted text: no-break, zero-width and ideographic space.
const PASTED_SPACES: [&[u8]; 3] = [b"\xC2\xA0", b"\xE2\x80\x8B", b"\xE3\x80\x80"];

/// Without white space and NUL, with which some servers pad, at both ends.
pub(super) fn trim(mut text: &[u8]) -> &[u8] {
    let is_blank = |octet: &u8| octet.is_ascii_whitespace() || matches!(octet, b'\0' | b'\x0B');
    while let Some(rest) = text
        .split_first()
        .and_then(|(first, rest)| is_blank(first).then_some(rest))
        .or_else(|| PASTED_SPACES.iter().find_map(|space| text.strip_prefix(*space)))
    {
        text = rest;
    }
    while let Some(rest) = text
        .split_last()
        .and_then(|(last, rest)| is_blank(last).then_some(rest))
        .or_else(|| PASTED_SPACES.iter().find_map(|space| text.strip_suffix(*space)))
    {
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, directive: Directive, value: &str) {
        assert_eq!(parse_line(line.as_bytes()), Line::Says(directive, value.as_bytes()), "{line:?}");
    }

    #[test]
    fn names_as_they_are_written() {
        check("User-Agent: a", Directive::UserAgent, "a");
        check(" \tuseragent :a\u{a0}", Directive::UserAgent, "a");
        check("user agent: a", Directive::UserAgent, "a");
        check("user-agent a", Directive::UserAgent, "a");
        check("DISALLOW:/ # all", Directive::Disallow, "/");
        for typo in ["disallowed", "dissallow", "dissalow", "disalow", "diasllow", "disallaw", "Disallows"] {
            check(&format!("{typo}: /a"), Directive::Disallow, "/a");
        }
        check("allow /a", Directive::Allow, "/a");
        check("site-map: /a", Directive::Sitemap, "/a");
        check("site map: /a", Directive::Sitemap, "/a");
        check("Sitemaps: /a", Directive::Sitemap, "/a");
        check("crawl delay: 1", Directive::CrawlDelay, "1");
        check("Content-Signal: ai-train=no", Directive::Usage("content-signal"), "ai-train=no");
        check("DisallowAITraining: /", Directive::Usage("disallowaitraining"), "/");
    }

    #[test]
    fn a_colon_may_be_the_values() {
        check("Sitemap http://h/a.xml", Directive::Sitemap, "http://h/a.xml");
        check("Disallow /a:b", Directive::Disallow, "/a:b");
        check("Disallow: /a:b c", Directive::Disallow, "/a:b c");
    }

    #[test]
    fn what_says_nothing() {
        for blank in ["", "  \t", "# Disallow: /", "\0\0", "\u{a0}"] {
            assert_eq!(parse_line(blank.as_bytes()), Line::Blank, "{blank:?}");
        }
        for broken in [":", ": /a", "Disallow", "Disallow /a /b", "<html>"] {
            assert_eq!(parse_line(broken.as_bytes()), Line::Broken, "{broken:?}");
        }
        for unknown in [
            "Noindex: /a",
            "X: /",
            "<p>User-agent: *",
            "\u{feff}Allow: /a",
            "crawl-delays: 1",
            "Host: a",
            "Disallow all of: /a",
        ] {
            assert_eq!(parse_line(unknown.as_bytes()), Line::Unknown, "{unknown:?}");
        }
    }

    #[test]
    fn any_beginning_of_the_mark_is_skipped() {
        for mark in [&b"\xEF\xBB\xBF"[..], b"\xEF\xBB", b"\xEF", b""] {
            assert_eq!(&*without_bom(&[mark, b"a"].concat()), b"a");
        }
        assert_eq!(&*without_bom(b"\xEF\x11\xBFa"), b"\x11\xBFa");
        assert_eq!(&*without_bom(b"\xFF\xFEa\0"), b"a");
    }
}
