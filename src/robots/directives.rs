//! What a page asks of those who index it: `X-Robots-Tag` headers and `<meta name=robots>`.
//!
//! Both hold the same words, from the same source (the header is Google's, 2007, as is most of the
//! vocabulary). A header's value may begin with the product token that it is for; what follows is
//! for that crawler, until another token does (`otherbot: noindex, nofollow, dragline: none`). What
//! has no token before it is for everyone, and both kinds add up: the strictest words hold.
//!
//! Semicolons separate words as commas do. The words are kept in lower case as they were said, unknown ones too (`noarchive`,
//! `max-snippet:50`, `unavailable_after: 25 jun 2030 15:00:00 gmt`); nothing is obeyed here. At most
//! [`MAX_DIRECTIVES`] of at most [`MAX_DIRECTIVE_BYTES`] each are kept.

use super::{MAX_DIRECTIVE_BYTES, MAX_DIRECTIVES, agent::Agent};

/// Words that take a value after a colon, so that what stands before it is no product token.
const VALUED: [&str; 4] = ["unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"];

/// Words about one page, each once, in the order in which they were said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Directives {
    tokens: Vec<String>,
}

impl Directives {
    /// From the values of all `X-Robots-Tag` fields of an answer, as far as they concern the product
    /// token `agent`.
    pub fn from_headers<'a>(values: impl IntoIterator<Item = &'a [u8]>, agent: &str) -> Self {
        let mut directives = Self::default();
        for value in values {
            directives.add_header(&String::from_utf8_lossy(value), agent);
        }
        directives
    }

    fn add_header(&mut self, value: &str, agent: &str) {
        let mut is_ours = true;
        let mut items = value.split(',').flat_map(at_semicolons).map(str::trim);
        while let Some(item) = items.next() {
            let mut word = item;
            if let Some((name, rest)) = item.split_once(':')
                && !is_valued(name.trim())
                && is_product_token(name.trim())
            {
                is_ours = is_for(name.trim(), agent);
                word = rest.trim();
            }
            let date = word.split_once(':').filter(|(name, _)| name.trim().eq_ignore_ascii_case(VALUED[0]));
            let dated;
            if let Some((_, date)) = date
                && is_weekday(date.trim())
                && let Some(rest) = items.next()
            {
                // The comma was the date's: `Fri, 25 Jun 2030 15:00:00 GMT`.
                dated = format!("{word}, {rest}");
                word = &dated;
            }
            if is_ours {
                self.add(word);
            }
        }
    }

    /// Adds the tokens of a `<meta>` element that is for everyone or for us, see [`is_for`].
    pub fn add_meta<T: AsRef<str>>(&mut self, tokens: impl IntoIterator<Item = T>) {
        for token in tokens {
            self.add(token.as_ref());
        }
    }

    fn add(&mut self, word: &str) {
        let word = word.trim().to_lowercase();
        let token = match word.split_once(':') {
            Some((name, value)) if name.trim_end() == VALUED[0] => format!("{}: {}", VALUED[0], value.trim()),
            Some(("", _)) => return,
            Some((name, value)) => format!("{}:{}", name.trim(), value.trim()),
            None => word,
        };
        let fits = self.tokens.len() < MAX_DIRECTIVES && token.len() <= MAX_DIRECTIVE_BYTES;
        if !token.is_empty() && fits && !self.tokens.contains(&token) {
            self.tokens.push(token);
        }
    }

    /// All of them: lower case, each once.
    pub fn tokens(&self) -> &[String] {
        &self.tokens
    }

    /// All of them, given away.
    pub fn into_tokens(self) -> Vec<String> {
        self.tokens
    }

    /// Whether the page asks not to be in an index.
    pub fn noindex(&self) -> bool {
        self.says("noindex") || self.says("none")
    }

    /// Whether the page asks that its links be left alone.
    pub fn nofollow(&self) -> bool {
        self.says("nofollow") || self.says("none")
    }

    fn says(&self, word: &str) -> bool {
        self.tokens.iter().any(|token| token == word)
    }
}

/// Splits what stands between commas at semicolons, which some write instead; but what follows the
/// colon of a word that has a value is that value.
fn at_semicolons(item: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(item);
    std::iter::from_fn(move || {
        let all = rest.take()?;
        let Some((word, after)) = all.split_once(';') else { return Some(all) };
        let has_value = word.split(':').rev().skip(1).any(|name| is_valued(name.trim()));
        if has_value {
            return Some(all);
        }
        rest = Some(after);
        Some(word)
    })
}

/// Whether a word of this name takes a value.
fn is_valued(name: &str) -> bool {
    VALUED.iter().any(|valued| name.eq_ignore_ascii_case(valued))
}

/// Whether a `<meta>` element's name, or the token before a header's words, means the crawler
/// `agent`: `robots` and `*` mean every one.
pub fn is_for(name: &str, agent: &str) -> bool {
    use super::agent::Addressee::Others;
    name.eq_ignore_ascii_case("robots") || Agent::new(agent).addressee(name.as_bytes()) != Others
}

/// RFC 9309 section 2.2.1, with digits, or the star that some write.
fn is_product_token(name: &str) -> bool {
    name == "*" || (!name.is_empty() && name.bytes().all(|o| o.is_ascii_alphanumeric() || matches!(o, b'-' | b'_')))
}

fn is_weekday(text: &str) -> bool {
    const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    text.bytes().all(|octet| octet.is_ascii_alphabetic())
        && text.get(..3).is_some_and(|start| DAYS.contains(&start.to_ascii_lowercase().as_str()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(values: &[&str], expected: &[&str]) {
        let directives = Directives::from_headers(values.iter().map(|value| value.as_bytes()), "dragline");
        assert_eq!(directives.tokens(), expected, "{values:?}");
    }

    #[test]
    fn words() {
        check(&["noindex"], &["noindex"]);
        check(&["NoIndex , nofollow,,noindex"], &["noindex", "nofollow"]);
        check(&["noindex", "noarchive, nosnippet"], &["noindex", "noarchive", "nosnippet"]);
        check(&["max-snippet : 50, max-image-preview:Large"], &["max-snippet:50", "max-image-preview:large"]);
        check(&["", ",", " : ", ";", ";,;"], &[]);
    }

    #[test]
    fn semicolons_separate_words_but_not_values() {
        check(&["noindex;nofollow"], &["noindex", "nofollow"]);
        check(&["noindex ; nofollow;, noarchive;"], &["noindex", "nofollow", "noarchive"]);
        check(&["otherbot: noindex; nofollow; dragline: none; noarchive"], &["none", "noarchive"]);
        check(&["unavailable_after: 2030-06-25; 15:00, noindex"], &["unavailable_after: 2030-06-25; 15:00", "noindex"]);
        check(&["noindex; dragline: max-snippet : 50;x"], &["noindex", "max-snippet:50;x"]);
    }

    #[test]
    fn tokens_before_words() {
        check(&["otherbot: noindex, nofollow"], &[]);
        check(&["DragLine: noindex, nofollow"], &["noindex", "nofollow"]);
        check(&["otherbot: noindex, nofollow, dragline: noarchive", "nosnippet"], &["noarchive", "nosnippet"]);
        check(&["noarchive, otherbot: noindex"], &["noarchive"]);
        check(&["dragline-images: none", "*: noindex"], &["noindex"]);
        check(
            &["dragline: unavailable_after: 25 Jun 2030 15:00:00 PST"],
            &["unavailable_after: 25 jun 2030 15:00:00 pst"],
        );
    }

    #[test]
    fn dates_with_commas() {
        check(
            &["unavailable_after: Fri, 25 Jun 2030 15:00:00 GMT, noindex"],
            &["unavailable_after: fri, 25 jun 2030 15:00:00 gmt", "noindex"],
        );
        check(
            &["unavailable_after:Friday, 25-Jun-10 15:00:00 GMT"],
            &["unavailable_after: friday, 25-jun-10 15:00:00 gmt"],
        );
        check(&["unavailable_after: 2030-06-25, nofollow"], &["unavailable_after: 2030-06-25", "nofollow"]);
    }

    #[test]
    fn meta_and_header_add_up() {
        let mut directives = Directives::from_headers([&b"none"[..]], "dragline");
        directives.add_meta(["noindex", "none", "noarchive"]);
        assert_eq!(directives.tokens(), ["none", "noindex", "noarchive"]);
        assert!(directives.noindex() && directives.nofollow());
        assert!(!Directives::default().noindex());
        assert!(is_for("ROBOTS", "dragline") && is_for("Dragline", "dragline/1.0") && !is_for("googlebot", "dragline"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(value in prop::collection::vec(any::<u8>(), 0..200)) {
            let directives = Directives::from_headers([value.as_slice()], "dragline");
            prop_assert!(directives.tokens().len() <= MAX_DIRECTIVES);
        }
    }
}
