//! Character references: XML's five entities and numbers, and nothing else.
//!
//! An entity that a document defines is never looked up, so none can expand; in a document that
//! defines some, references to entities that XML does not have are left out. Else what is no
//! reference stays as it is written: `?a=1&b=2;` is an address that somebody forgot to escape.

/// Longest name of a reference, bytes: `#x0010FFFF`.
const MAX_NAME_BYTES: usize = 12;
/// Longest name of an entity that a document defines, bytes; a reference to a longer one stays as it is.
const MAX_DEFINED_BYTES: usize = 256;

/// What was met while references were replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Oddity {
    /// `&` that begins no reference.
    Ampersand,
    /// `&name;` that XML does not know.
    Unknown,
    /// `&name;` that XML does not know, in a document that defines entities.
    Defined,
    /// `&amp;amp;` and the like.
    Double,
}

/// Appends `text` to `out` with its references replaced, and tells `odd` what was none. References
/// that XML does not know stay as they are if `keeps_unknown`, and else are left out.
pub(super) fn unescape(text: &str, out: &mut String, keeps_unknown: bool, mut odd: impl FnMut(Oddity)) {
    let mut pieces = text.split('&');
    out.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let max_bytes = if keeps_unknown { MAX_NAME_BYTES } else { MAX_DEFINED_BYTES };
        let name_end = piece.bytes().take(max_bytes + 1).position(|b| b == b';');
        let name = name_end.map(|end| &piece[..end]);
        let name = name.filter(|name| is_name(name) || (!keeps_unknown && may_be_defined(name)));
        match name.map(|name| (name, resolve(name))) {
            Some((name, Some(character))) => {
                out.push(character);
                let rest = &piece[name.len() + 1..];
                if character == '&' && ["amp;", "lt;", "gt;", "quot;", "#38;"].iter().any(|end| rest.starts_with(end)) {
                    odd(Oddity::Double);
                }
                out.push_str(rest);
            }
            Some((name, None)) => {
                odd(if keeps_unknown || name.starts_with('#') { Oddity::Unknown } else { Oddity::Defined });
                if keeps_unknown { out.extend(["&", piece]) } else { out.push_str(&piece[name.len() + 1..]) }
            }
            None => {
                odd(Oddity::Ampersand);
                out.extend(["&", piece]);
            }
        }
    }
}

fn is_name(name: &str) -> bool {
    let name = name.strip_prefix('#').unwrap_or(name);
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// Whether a document may define an entity of this name (XML 1.0, production 5, taken broadly).
fn may_be_defined(name: &str) -> bool {
    let is_start = |c: char| c.is_alphabetic() || matches!(c, '_' | ':');
    name.starts_with(is_start)
        && name.chars().all(|c| is_start(c) || c.is_alphanumeric() || matches!(c, '-' | '.' | '·'))
}

/// The character that `&name;` stands for.
fn resolve(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(digits) => u32::from_str_radix(digits, 16),
            None => number.parse(),
        };
        return char::from_u32(code.ok()?).filter(|c| *c != '\0');
    }
    let known = [("amp", '&'), ("lt", '<'), ("gt", '>'), ("quot", '"'), ("apos", '\'')];
    known.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, character)| character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str, expected_odd: &[Oddity]) {
        let (mut out, mut odd) = (String::new(), Vec::new());
        unescape(text, &mut out, true, |oddity| odd.push(oddity));
        assert_eq!((out.as_str(), odd.as_slice()), (expected, expected_odd), "{text}");
    }

    #[test]
    fn references_and_what_is_none() {
        check("a&amp;b&lt;&gt;&quot;&apos;&#233;&#xE9;&AMP;", "a&b<>\"'éé&", &[]);
        check("?a=1&b=2", "?a=1&b=2", &[Oddity::Ampersand]);
        check(
            "&copy=3;&x;&;&",
            "&copy=3;&x;&;&",
            &[Oddity::Ampersand, Oddity::Unknown, Oddity::Ampersand, Oddity::Ampersand],
        );
        check("&#0;&#xD800;&#99999999;", "&#0;&#xD800;&#99999999;", &[Oddity::Unknown; 3]);
        check("a&amp;amp;b", "a&amp;b", &[Oddity::Double]);
        check("é&é;", "é&é;", &[Oddity::Ampersand]);
        let mut out = String::new();
        unescape("a&x;b&c&amp;", &mut out, false, |_| {});
        assert_eq!(out, "ab&c&");
        let (mut out, mut odd) = (String::new(), Vec::new());
        unescape("&a-name_of.more;b&é;&-x;&y z;&#0;", &mut out, false, |oddity| odd.push(oddity));
        assert_eq!(out, "b&-x;&y z;");
        assert_eq!(odd, [Oddity::Defined, Oddity::Defined, Oddity::Ampersand, Oddity::Ampersand, Oddity::Unknown]);
    }
}
