//! Who is meant by a `User-agent` line (RFC 9309 section 2.2.1).
//!
//! Crawlers are known by a product token of letters, `-` and `_`, which is compared without regard
//! to case and as a whole: `googlebot` is not addressed by `Googlebot-News`. Of a line's value the
//! token at its start counts, as in Google's parser, so that `ExampleBot/1.0 (+https://…)` and
//! `ExampleBot *` address `ExampleBot`. Digits are taken as part of a token although the RFC allows
//! none, so that `bot2` is not read as `bot`.

/// To whom a `User-agent` line speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Addressee {
    Us,
    Everyone,
    Others,
}

/// The crawler on whose behalf a file is read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Agent<'a> {
    /// Without version: `dragline` of `dragline/1.0`.
    name: &'a str,
}

impl<'a> Agent<'a> {
    /// From a product token; a version after a slash is left out of it, and of a whole
    /// `User-Agent` in the manner of browsers (`Mozilla/5.0 (… compatible; ExampleBot/1.0 …)`) the
    /// compatible crawler is meant. A name that is no token
    /// (`Foo Bot`) is addressed by lines that have all of it as one word, so one with a space never
    /// is, as in Google's parser.
    pub(super) fn new(agent: &'a str) -> Self {
        let product = match agent.split_once("compatible;") {
            Some((_, product)) => product.split([';', ')']).next().unwrap_or_default(),
            None => agent,
        };
        let product = product.trim();
        let token = product.bytes().position(|octet| !is_token(octet)).unwrap_or(product.len());
        let (token, rest) = product.split_at(token);
        // What follows a name in a whole `User-Agent`: a version, a comment, another product's mark.
        let is_name = match rest.chars().next() {
            None | Some('/' | '(' | ';' | ',' | '+' | ':') => true,
            Some(' ') => rest.trim_start().starts_with(|c: char| c.is_ascii_digit() || matches!(c, '(' | '+' | '/')),
            Some(_) => false,
        };
        Self { name: if is_name { token } else { product.split('/').next().unwrap_or_default().trim() } }
    }

    /// To whom the value of a `User-agent` line speaks. `*` means everyone, also when more words
    /// follow it.
    pub(super) fn addressee(self, value: &[u8]) -> Addressee {
        let is_everyone = match value {
            [b'*'] => true,
            [b'*', after, ..] => after.is_ascii_whitespace(),
            _ => false,
        };
        if is_everyone {
            Addressee::Everyone
        } else if self.is_named_by(value) {
            Addressee::Us
        } else {
            Addressee::Others
        }
    }

    fn is_named_by(self, value: &[u8]) -> bool {
        if self.name.is_empty() {
            return false;
        }
        if self.name.bytes().all(is_token) {
            let end = value.iter().position(|octet| !is_token(*octet)).unwrap_or(value.len());
            return value[..end].eq_ignore_ascii_case(self.name.as_bytes());
        }
        let end = value.iter().position(|octet| octet.is_ascii_whitespace() || *octet == b'/').unwrap_or(value.len());
        std::str::from_utf8(&value[..end]).is_ok_and(|word| word.to_lowercase() == self.name.to_lowercase())
    }
}

fn is_token(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(agent: &str, ours: &[&str], others: &[&str]) {
        for (values, expected) in [(ours, Addressee::Us), (others, Addressee::Others)] {
            for value in values {
                assert_eq!(Agent::new(agent).addressee(value.as_bytes()), expected, "{agent} {value}");
            }
        }
    }

    #[test]
    fn by_its_token_as_a_whole() {
        let ours = ["foobot", "FOOBOT", "FooBot/2.1", "FooBot *", "foobot (x)", "FooBot*", "foobot;q"];
        check("FooBot", &ours, &["", "foo", "foobot-news", "foobot_x", "foobot2", "/foobot", "ツ", "x foobot"]);
        check("FooBot/1.0", &["foobot", "FooBot/9"], &["Foo"]);
        check("Mozilla/5.0 (compatible; FooBot/1.0; +https://h)", &["foobot"], &["Mozilla"]);
        for whole in [
            "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; FooBot/2.1; +http://h) Chrome/1 Safari/537.36",
            "FooBot (+http://h)",
            "FooBot 1.0",
            "FooBot; x",
        ] {
            check(whole, &["foobot"], &["Mozilla", "*x"]);
        }
        check("foo-bot_x", &["Foo-Bot_X"], &["foo", "foo-bot"]);
        check("bot2", &["Bot2/x"], &["bot", "bot22"]);
    }

    #[test]
    fn names_that_are_no_tokens() {
        check("Foo Bar", &[], &["Foo", "Foo Bar", "Bar"]);
        check("", &[], &["", "a"]);
        check("UnicödeBöt", &["unicödeböt", "UNICÖDEBÖT/1"], &["unic", "Unicödeböts"]);
        check("foo.bot", &["Foo.Bot"], &["foo"]);
    }

    #[test]
    fn everyone() {
        for value in ["*", "* ", "* who"] {
            assert_eq!(Agent::new("a").addressee(value.as_bytes()), Addressee::Everyone, "{value}");
        }
        check("*", &[], &["**", "a", "*a"]);
    }
}
