//! Which requests a stored response is an answer to: `Vary`, RFC 9111 section 4.1.
//!
//! Values are compared in a normal form: lines joined, white space around commas gone, and the fields
//! whose lists have no order and no case (`Accept-Language`, `Accept-Encoding`, `Accept-Charset`)
//! sorted in lower case. Two requests whose normal forms differ may still want the same: that costs an
//! exchange, no more.

use http::{HeaderMap, HeaderName, header};

/// Most field names of a `Vary` that are remembered; a response with more is one for nobody else.
const MAX_NAMES: usize = 32;
/// What stands between the members of a list in normal form.
const COMMA: &[u8] = b",";

/// The selecting header fields of a stored response, and what they were, in normal form.
pub type Selecting = Vec<(HeaderName, Option<Vec<u8>>)>;

/// What `request` says in the fields that `response` varies by; none if nobody can tell (`*`).
pub fn selecting(request: &HeaderMap, response: &HeaderMap) -> Option<Selecting> {
    let mut found = Selecting::new();
    for name in names(response) {
        let name = HeaderName::from_bytes(name).ok().filter(|_| name != b"*" && found.len() < MAX_NAMES)?;
        if !found.iter().any(|(known, _)| *known == name) {
            let value = normal(request, &name);
            found.push((name, value));
        }
    }
    Some(found)
}

/// Whether `request` says the same in all of these fields.
pub fn matches(selecting: &Selecting, request: &HeaderMap) -> bool {
    selecting.iter().all(|(name, value)| normal(request, name) == *value)
}

/// Whether a response varies by what nobody can see.
pub(super) fn is_any(response: &HeaderMap) -> bool {
    selecting(&HeaderMap::new(), response).is_none()
}

fn names(response: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    response
        .get_all(header::VARY)
        .iter()
        .flat_map(|line| line.as_bytes().split(|&byte| byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|name| !name.is_empty())
}

fn normal(request: &HeaderMap, name: &HeaderName) -> Option<Vec<u8>> {
    let lines = request.get_all(name);
    lines.iter().next()?;
    let mut members: Vec<Vec<u8>> = lines
        .iter()
        .flat_map(|line| line.as_bytes().split(|&byte| byte == b','))
        .map(|member| member.trim_ascii().to_vec())
        .filter(|member| !member.is_empty())
        .collect();
    if [header::ACCEPT_LANGUAGE, header::ACCEPT_ENCODING, header::ACCEPT_CHARSET].contains(name) {
        members.iter_mut().for_each(|member| member.make_ascii_lowercase());
        members.sort();
    }
    Some(members.join(COMMA))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::policy::tests::headers;

    fn check(vary: &str, stored: &[(&str, &str)], asked: &[(&str, &str)], expected: Option<bool>) {
        let selecting = selecting(&headers(stored), &headers(&[("vary", vary)]));
        let matched = selecting.map(|selecting| matches(&selecting, &headers(asked)));
        assert_eq!(matched, expected, "{vary}: {stored:?} {asked:?}");
    }

    #[test]
    fn by_the_fields_that_are_named() {
        let one = [("foo", "1")];
        check("", &one, &[], Some(true));
        check("Foo", &one, &one, Some(true));
        check("Foo", &one, &[("foo", "2")], Some(false));
        check("Foo", &one, &[], Some(false));
        check("Foo", &[], &one, Some(false));
        check("Foo, bar", &one, &one, Some(true));
        check("Foo", &[("foo", "")], &[], Some(false));
        check(", *", &one, &one, None);
        check("Foo, *", &one, &one, None);
        check("not a name", &one, &one, None);
    }

    #[test]
    fn in_normal_form() {
        check("foo", &[("foo", "1, 2")], &[("foo", "1"), ("foo", " 2 ")], Some(true));
        check("foo", &[("foo", "1, 2")], &[("foo", "2, 1")], Some(false));
        check("foo", &[("foo", "a")], &[("foo", "A")], Some(false));
        check("accept-language", &[("accept-language", "en, de")], &[("accept-language", "De,EN")], Some(true));
        check("accept-language", &[("accept-language", "en, de")], &[("accept-language", "en")], Some(false));
    }

    #[test]
    fn a_flood_of_names_is_for_nobody() {
        let many: Vec<String> = (0..=MAX_NAMES).map(|n| format!("x{n}")).collect();
        check(&many.join(","), &[], &[], None);
    }
}
