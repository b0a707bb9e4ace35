//! Conditional requests: made from what is stored, answered from what is stored, and what their answers
//! change. RFC 9111 sections 3.2 and 4.3.
//!
//! Not decided here: when to ask (`reuse`).

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{
    Facts,
    freshness::{date_of, http_date},
    storing::connection_fields,
};

/// Fields that describe a body that is not replaced by a 304 (RFC 9111 section 3.2), or concern one
/// client only.
const KEPT_BY_304: [HeaderName; 5] = [
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::CONTENT_RANGE,
    header::SET_COOKIE,
    HeaderName::from_static("content-md5"),
];
/// The fields of a 304 made by us: RFC 9110 section 15.4.5.
const IN_304: [HeaderName; 8] = [
    header::AGE,
    header::CACHE_CONTROL,
    header::CONTENT_LOCATION,
    header::DATE,
    header::ETAG,
    header::EXPIRES,
    header::LAST_MODIFIED,
    header::VARY,
];

/// Whether the caller asks conditionally on its own account.
pub fn has_preconditions(request: &HeaderMap) -> bool {
    request.contains_key(header::IF_NONE_MATCH) || request.contains_key(header::IF_MODIFIED_SINCE)
}

/// Makes a request conditional on what is stored; both validators go, because not every server knows
/// entity tags.
pub fn add_validators(request: &mut HeaderMap, stored: &Facts) {
    if let Some(etag) = &stored.etag {
        request.insert(header::IF_NONE_MATCH, etag.clone());
    }
    if let Some(last_modified) = &stored.last_modified {
        request.insert(header::IF_MODIFIED_SINCE, last_modified.clone());
    }
}

/// Whether a stored response answers the caller's preconditions with 304 (RFC 9111 section 4.3.2,
/// RFC 9110 section 13.2.2). Statuses other than 200 have none.
pub fn not_modified(request: &HeaderMap, status: u16, response: &HeaderMap, stored: &Facts) -> bool {
    if status != 200 {
        return false;
    }
    if request.contains_key(header::IF_NONE_MATCH) {
        let tags = request.get_all(header::IF_NONE_MATCH).iter().flat_map(|line| entity_tags(line.as_bytes()));
        let own = stored.etag.as_ref().map(|etag| opaque(etag.as_bytes().trim_ascii()));
        return tags.into_iter().any(|tag| tag == b"*" || Some(opaque(tag)) == own);
    }
    let Some(since) = date_of(request, header::IF_MODIFIED_SINCE) else { return false };
    let modified = stored.last_modified.as_ref().and_then(http_date).or_else(|| date_of(response, header::DATE));
    modified.is_some_and(|modified| modified <= since)
}

/// The fields of a 304 that is made from a stored response.
pub fn fields_of_304(response: &HeaderMap) -> HeaderMap {
    let kept = response.iter().filter(|(name, _)| IN_304.contains(name));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Whether an answer (a 304 to somebody else's conditions, or one to HEAD) is of the representation that is stored: its validators, if
/// it names any, are the stored ones (RFC 9111 sections 4.3.4 and 4.3.5).
pub fn is_same_representation(stored: &Facts, answer: &HeaderMap) -> bool {
    let same = |name: HeaderName, own: &Option<HeaderValue>, equal: fn(&[u8], &[u8]) -> bool| {
        let said = answer.get(name);
        said.is_none_or(|said| own.as_ref().is_some_and(|own| equal(own.as_bytes(), said.as_bytes())))
    };
    let by_tag = |a: &[u8], b: &[u8]| opaque(a) == opaque(b);
    if answer.contains_key(header::ETAG) {
        return same(header::ETAG, &stored.etag, by_tag);
    }
    same(header::LAST_MODIFIED, &stored.last_modified, |a, b| a == b)
}

/// Brings the fields of a stored response up to date with those of a 304 (RFC 9111 section 3.2).
///
/// Without a `Date` or an `Age` in it the old ones go: they would make what was just confirmed look as
/// old as before. The entity tag stays: it is the one that the server was asked about, whatever name a
/// proxy or a compressor on the way has for it.
pub fn freshen(stored: &mut HeaderMap, answer: &HeaderMap) {
    stored.remove(header::AGE);
    stored.remove(header::DATE);
    let mut left_out = connection_fields(answer);
    left_out.extend(KEPT_BY_304);
    left_out.extend(stored.get(header::ETAG).map(|_| header::ETAG));
    for name in answer.keys().filter(|name| !left_out.contains(name)) {
        stored.remove(name);
        for value in answer.get_all(name) {
            stored.append(name.clone(), value.clone());
        }
    }
}

/// Entity tags of a list: commas inside quotes do not divide.
fn entity_tags(line: &[u8]) -> Vec<&[u8]> {
    let mut tags = Vec::new();
    let (mut start, mut quoted) = (0, false);
    for (at, &byte) in line.iter().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b',' if !quoted => {
                tags.push(line[start..at].trim_ascii());
                start = at + 1;
            }
            _ => {}
        }
    }
    tags.push(line[start..].trim_ascii());
    tags.retain(|tag| !tag.is_empty());
    tags
}

/// For the weak comparison of RFC 9110 section 8.8.3.2.
fn opaque(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cache::policy::{Rules, facts, tests::headers},
        clock::Timestamp,
    };

    fn of(response: &HeaderMap) -> Facts {
        facts(&Rules::default(), 200, response, Timestamp(0), Timestamp(0))
    }

    const LATER: &str = "Thu, 02 Jan 2020 00:00:00 GMT";
    const MODIFIED: &str = "Wed, 01 Jan 2020 00:00:00 GMT";
    const EARLIER: &str = "Tue, 31 Dec 2019 00:00:00 GMT";

    #[test]
    fn preconditions_of_the_caller() {
        let response = headers(&[("etag", "W/\"a,b\""), ("last-modified", MODIFIED)]);
        let check = |request: &[(&str, &str)], expected| {
            assert_eq!(not_modified(&headers(request), 200, &response, &of(&response)), expected, "{request:?}");
        };
        check(&[("if-none-match", "\"x\", \"a,b\"")], true);
        check(&[("if-none-match", "W/\"a,b\"")], true);
        check(&[("if-none-match", "*")], true);
        check(&[("if-none-match", "\"x\""), ("if-modified-since", MODIFIED)], false);
        check(&[("if-none-match", "a,b")], false);
        check(&[("if-modified-since", MODIFIED)], true);
        check(&[("if-modified-since", LATER)], true);
        check(&[("if-modified-since", EARLIER)], false);
        check(&[("if-modified-since", "yesterday")], false);
        check(&[], false);
        assert!(!not_modified(&headers(&[("if-none-match", "*")]), 404, &response, &of(&response)));
    }

    #[test]
    fn validators_go_along() {
        let mut request = HeaderMap::new();
        add_validators(&mut request, &of(&headers(&[("etag", "\"a\""), ("last-modified", MODIFIED)])));
        assert_eq!(request, headers(&[("if-none-match", "\"a\""), ("if-modified-since", MODIFIED)]));
        let mut request = HeaderMap::new();
        add_validators(&mut request, &of(&headers(&[("etag", ""), ("last-modified", "never")])));
        assert!(request.is_empty());
    }

    #[test]
    fn a_304_brings_fields_up_to_date() {
        let mut stored = headers(&[("age", "9"), ("date", EARLIER), ("a", "1"), ("b", "1"), ("content-length", "5")]);
        stored.insert(header::ETAG, HeaderValue::from_static("\"a\""));
        let answer = headers(&[
            ("a", "2"),
            ("a", "3"),
            ("content-length", "0"),
            ("connection", "x"),
            ("x", "1"),
            ("etag", "\"a-gzip\""),
        ]);
        freshen(&mut stored, &answer);
        assert_eq!(stored, headers(&[("a", "2"), ("a", "3"), ("b", "1"), ("content-length", "5"), ("etag", "\"a\"")]));
    }

    #[test]
    fn whose_304_it_is() {
        let check = |stored: &[(&str, &str)], answer: &[(&str, &str)], expected| {
            assert_eq!(is_same_representation(&of(&headers(stored)), &headers(answer)), expected, "{answer:?}");
        };
        let stored = [("etag", "\"a\""), ("last-modified", MODIFIED)];
        check(&stored, &[], true);
        check(&stored, &[("etag", "W/\"a\"")], true);
        check(&stored, &[("etag", "\"a\""), ("last-modified", LATER)], true);
        check(&stored, &[("etag", "\"b\"")], false);
        check(&stored, &[("last-modified", LATER)], false);
        check(&[], &[("etag", "\"b\"")], false);
    }
}
