//! Traps in queries: what a page appends to its own address again and again.

use super::{path::most_frequent, trap};
use crate::scope::{
    Traps,
    rule::{Trap, quoted},
};

/// Parameters at the beginning of a query among which repeated ones are looked for; queries with
/// more are refused by `limits.parameters`, unless that is switched off.
const MAX_COUNTED: usize = 256;

/// The first trap in `query`, or in a URL within path or query.
pub(super) fn find(path: &str, query: &str, traps: &Traps) -> Option<Trap> {
    too_long(query, traps).or_else(|| repeated(query, traps)).or_else(|| nested(path, query, traps))
}

fn too_long(query: &str, traps: &Traps) -> Option<Trap> {
    let max = traps.query_length?;
    (query.len() > max).then(|| trap("traps.query_length", max, format!("{} bytes", query.len())))
}

fn repeated(query: &str, traps: &Traps) -> Option<Trap> {
    let bounds = [traps.repeated_parameters, traps.repeated_pairs];
    let least = bounds.into_iter().flatten().min()?;
    // Most queries have too few parameters, and the buffer is better not made for them.
    if query.bytes().filter(|byte| *byte == b'&').count() + 1 < usize::from(least).max(2) {
        return None;
    }
    let mut buffer = [""; MAX_COUNTED];
    if let Some(bound) = traps.repeated_parameters {
        let names = query.split('&').map(|pair| pair.split('=').next().unwrap_or(pair)).filter(|name| !name.is_empty());
        if let Some((name, n)) = most_frequent(fill(&mut buffer, names), usize::from(bound).max(2)) {
            return Some(trap("traps.repeated_parameters", bound, format!("{} {n} times", quoted(name))));
        }
    }
    let bound = traps.repeated_pairs?;
    // Forms send empty fields; a name alone is a flag, and as empty.
    let pairs = query.split('&').filter(|pair| pair.split_once('=').is_some_and(|(_, value)| !value.is_empty()));
    let (pair, n) = most_frequent(fill(&mut buffer, pairs), usize::from(bound).max(2))?;
    Some(trap("traps.repeated_pairs", bound, format!("{} {n} times", quoted(pair))))
}

/// As much of `texts` as there is room for.
fn fill<'a, 'b>(buffer: &'b mut [&'a str], texts: impl Iterator<Item = &'a str>) -> &'b mut [&'a str] {
    let mut n = 0;
    for (place, text) in buffer.iter_mut().zip(texts) {
        *place = text;
        n += 1;
    }
    &mut buffer[..n]
}

/// `/login?next=%2Flogin%3Fnext%3D%252Flogin…`: each level encodes the one before once more. URLs
/// in the clear (`?u=http://h/?u=http://h/`) are counted within one parameter, since several
/// parameters may well hold one each.
fn nested(path: &str, query: &str, traps: &Traps) -> Option<Trap> {
    let bound = usize::from(traps.nested_urls?).max(1);
    for part in std::iter::once(path).chain(query.split('&')) {
        // Most have neither.
        if !part.contains(['%', ':']) {
            continue;
        }
        let level = encoding_level(part);
        if level >= bound {
            return Some(trap("traps.nested_urls", bound, format!("percent-encoded {level} times over")));
        }
        let n = part.matches("://").count() + encoded_urls(part);
        if n >= bound {
            return Some(trap("traps.nested_urls", bound, format!("{n} URLs in one")));
        }
    }
    None
}

/// How often the most encoded byte is percent-encoded: `%2F` once, `%252F` twice.
fn encoding_level(text: &str) -> usize {
    escapes(text).map(|escape| escape.level).max().unwrap_or(0)
}

/// How many `://` stand there percent-encoded, at whatever level.
fn encoded_urls(text: &str) -> usize {
    let mut n = 0;
    // How much of `://` ends where the last escape ended.
    let (mut n_met, mut end) = (0, 0);
    for escape in escapes(text) {
        let adjacent = if escape.start == end { n_met } else { 0 };
        n_met = match &escape.digits {
            b"3A" | b"3a" => 1,
            b"2F" | b"2f" if adjacent == 1 => 2,
            b"2F" | b"2f" if adjacent == 2 => {
                n += 1;
                0
            }
            _ => 0,
        };
        end = escape.end;
    }
    n
}

/// A byte of a text that is percent-encoded.
struct Escape {
    start: usize,
    end: usize,
    /// How many times over.
    level: usize,
    /// The two digits that are left.
    digits: [u8; 2],
}

/// The escapes of a text.
fn escapes(text: &str) -> impl Iterator<Item = Escape> {
    let text = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let start = at + text[at..].iter().position(|byte| *byte == b'%')?;
            at = start + 1;
            let mut level = 0;
            while text[at..].starts_with(b"25") {
                at += 2;
                level += 1;
            }
            match text[at..] {
                [hi, lo, ..] if hi.is_ascii_hexdigit() && lo.is_ascii_hexdigit() => {
                    at += 2;
                    return Some(Escape { start, end: at, level: level + 1, digits: [hi, lo] });
                }
                _ if level > 0 => return Some(Escape { start, end: at, level, digits: *b"25" }),
                _ => {}
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &str, expected: Option<&str>) {
        let found = find("/p", query, &Traps::default()).map(|trap| trap.to_string());
        assert_eq!(found.as_deref(), expected, "{query}");
    }

    #[test]
    fn names_and_pairs_that_repeat() {
        let names = |n: usize| (0..n).map(|i| format!("f[]={i}")).collect::<Vec<_>>().join("&");
        check(&names(15), None);
        check(&names(16), Some("traps.repeated_parameters = 16: `f[]` 16 times"));
        check("page=2&page=2&page=2&page=2", Some("traps.repeated_pairs = 4: `page=2` 4 times"));
        check("page=2&page=2&page=2", None);
        check("d=&d=&d=&d=&d=&x&x&x&x&x", None);
        check("", None);
    }

    #[test]
    fn urls_in_urls() {
        check(
            "next=%2Flogin%3Fnext%3D%252Flogin%253Fnext%253D%25252Fhome",
            Some("traps.nested_urls = 3: percent-encoded 3 times over"),
        );
        check("next=%2Flogin%3Fnext%3D%252Fhome", None);
        check("u=http://h/?u=http://h/?u=http://h/", Some("traps.nested_urls = 3: 3 URLs in one"));
        check("u=http%3A%2F%2Fa%3Fu=http%3a%2f%2fb%3Fu=http%3A%2F%2Fc", Some("traps.nested_urls = 3: 3 URLs in one"));
        check("filter=t%3Aa%2Fb%2F,t%3Ac%2Fd%2F,t%3Ae%2Ff%2F,t%3Ag%2Fh%2F", None);
        check("url=http://a/&image=http://b/&via=http://c/", None);
        check("q=100%25&r=50%&s=%zz%2", None);
        assert_eq!(encoding_level("%25%25%25%25"), 1);
        assert_eq!(encoding_level("%2525"), 2);
        let archive = find("/web/2020/http://h/web/2019/http://h/", "", &Traps::default());
        assert_eq!(archive, None);
    }

    #[test]
    fn length() {
        check(&"x".repeat(60_000), None);
        let traps = Traps { query_length: Some(1024), ..Traps::default() };
        let found = |n| find("/p", &"x".repeat(n), &traps).map(|trap| trap.to_string());
        assert_eq!(found(1024), None);
        assert_eq!(found(1025).as_deref(), Some("traps.query_length = 1024: 1025 bytes"));
    }
}
