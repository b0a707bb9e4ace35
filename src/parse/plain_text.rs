//! Links in plain text: what reads as a web address.
//!
//! An address begins with `http://` or `https://` where a word may begin, and ends before white
//! space, a control character, a quotation mark, an angle bracket, or punctuation that no address
//! has. Of its end is taken what belongs to the sentence around it: full stops, commas and the like,
//! and closing brackets that the address itself did not open. Nothing is guessed: `www.example.com`
//! is no link. Reads the text once; keeps no address above [`MAX_REFERENCE_BYTES`].

use url::Url;

use super::{FoundLinks, MAX_REFERENCE_BYTES, charset};

/// The links of a text file that came with this `Content-Type`, at most `max_links`.
pub fn text_links(body: &[u8], content_type: Option<&str>, url: &Url, max_links: usize) -> FoundLinks {
    let (_, text) = charset::decode(body, content_type, url);
    find(&text, max_links)
}

fn find(text: &str, max_links: usize) -> FoundLinks {
    let mut found = FoundLinks::default();
    let mut from = 0;
    while let Some(at) = text[from..].find("://").map(|at| from + at) {
        from = at + 3;
        let Some(start) = scheme_start(text, at) else { continue };
        let end = from + text[from..].find(ends_address).unwrap_or(text.len() - from);
        let address = if text[..start].ends_with('<') && text[end..].starts_with('>') {
            &text[start..end] // RFC 3986 appendix C: all that is between the angle brackets
        } else {
            trim(&text[start..end])
        };
        let is_whole = address.len() > from - start;
        from = end;
        if is_whole && (found.urls.len() == max_links || address.len() > MAX_REFERENCE_BYTES) {
            found.truncated = true;
            if found.urls.len() == max_links {
                break;
            }
        } else if is_whole {
            found.urls.push(address.to_owned());
        }
    }
    found
}

/// Where the `http` or `https` before `://` begins, unless it is the end of another word.
fn scheme_start(text: &str, colon: usize) -> Option<usize> {
    let before = &text.as_bytes()[..colon];
    let length = [5, 4].into_iter().find(|&length| {
        let tail = before.len().checked_sub(length).map(|start| &before[start..]);
        tail.is_some_and(|tail| tail.eq_ignore_ascii_case(&b"https"[..length]))
    })?;
    let start = colon - length;
    // Scripts without spaces between words write an address right behind a letter.
    let follows_a_word =
        before[..start].last().is_some_and(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte));
    (!follows_a_word).then_some(start)
}

/// What no address contains, although the URL standard would bear with some of it.
fn ends_address(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '<' | '>' | '"' | '`' | '{' | '}' | '|' | '\\' | '^')
        || matches!(c, '\u{2018}'..='\u{201F}' | '«' | '»' | '‹' | '›' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}')
        || matches!(c, '\u{3000}'..='\u{3003}' | '\u{3008}'..='\u{3011}' | '\u{3014}'..='\u{301F}')
        || matches!(
            c,
            '！' | '（'
                | '）'
                | '，'
                | '：'
                | '；'
                | '？'
                | '［'
                | '］'
                | '｛'
                | '｝'
                | '｡'
                | '｢'
                | '｣'
                | '､'
                | '…'
        )
        || matches!(c, '\u{FEFF}' | '\u{FFFD}' | '\u{FFFE}')
}

/// Without the punctuation at its end that belongs to the text around it.
fn trim(address: &str) -> &str {
    let count = |c: char| address.matches(c).count();
    let mut n_unopened =
        [('(', ')'), ('[', ']')].map(|(open, close)| (close, count(close).saturating_sub(count(open))));
    address.trim_end_matches(|last: char| match last {
        '.' | ',' | ';' | ':' | '!' | '?' | '\'' | '*' | '~' => true,
        _ => n_unopened.iter_mut().any(|(close, n)| {
            let is_unopened = last == *close && *n > 0;
            *n -= usize::from(is_unopened);
            is_unopened
        }),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: &[&str]) {
        assert_eq!(find(text, 100).urls, expected, "{text}");
    }

    #[test]
    fn an_address_ends_where_the_sentence_goes_on() {
        check(
            "See http://a.com/b. Or HTTPS://c.org/d?e=f#g, or http://h!",
            &["http://a.com/b", "HTTPS://c.org/d?e=f#g", "http://h"],
        );
        check(
            "(http://a/b) (http://a/b_(c)) http://a/b_(c). [http://a/] http://[::1]/x]",
            &["http://a/b", "http://a/b_(c)", "http://a/b_(c)", "http://a/", "http://[::1]/x"],
        );
        check(
            "<http://a/b.> <URL:http://c/> \"http://d/\" 'http://e/' `http://f/` “http://g/”",
            &["http://a/b.", "http://c/", "http://d/", "http://e/", "http://f/", "http://g/"],
        );
        check("[x](http://a/b), *http://c/*", &["http://a/b", "http://c/"]);
        check("詳細はhttps://例え.jp/道、または（http://b/）。", &["https://例え.jp/道", "http://b/"]);
        check("http://a/?u=http://b/c", &["http://a/?u=http://b/c"]);
        check("http://a/\nhttp://b/\r\n\thttp://c/", &["http://a/", "http://b/", "http://c/"]);
    }

    #[test]
    fn what_is_no_address() {
        check("ftp://a/ xhttp://a/ svn+http://a/ http:/a http:// https://. www.a.com ://", &[]);
        check("", &[]);
    }

    #[test]
    fn is_bounded() {
        let found = find(&"http://a/ ".repeat(5), 3);
        assert_eq!((found.urls.len(), found.truncated), (3, true));
        assert!(!find(&"http://a/ ".repeat(3), 3).truncated);
        let long = format!("http://a/{} http://b/", "x".repeat(MAX_REFERENCE_BYTES));
        assert_eq!(find(&long, 3), FoundLinks { urls: vec!["http://b/".to_owned()], truncated: true });
    }

    #[test]
    fn hostile_text_is_read_in_linear_time() {
        // Each of these takes minutes if anything in it is read again and again.
        for text in ["http://a".repeat(100_000), format!("http://a/{}", ")".repeat(1_000_000)), "://".repeat(200_000)] {
            find(&text, 1000);
        }
    }

    #[test]
    fn text_is_decoded_first() {
        let utf16: Vec<u8> = "\u{FEFF}http://é/".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let url = Url::parse("http://x/").unwrap();
        assert_eq!(text_links(&utf16, Some("text/plain"), &url, 9).urls, ["http://é/"]);
    }

    proptest! {
        #[test]
        fn links_are_parts_of_the_text_in_order(text in "(https?://|[a-z()<>.,' é]|\\PC){0,40}") {
            let mut rest = &*text;
            for url in find(&text, 100).urls {
                let at = rest.find(&*url);
                prop_assert!(at.is_some());
                rest = &rest[at.unwrap() + url.len()..];
                prop_assert!(url.len() > 7 && !url.contains(char::is_whitespace));
            }
        }
    }
}
