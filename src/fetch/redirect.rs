//! Where a response points to.
//!
//! Reads the `Location` field and no more: whether the target may be visited, and how far a chain
//! may go, is judged by the engine, hop by hop.

use std::borrow::Cow;

use http::header::LOCATION;

use super::Response;

/// Whether a status is a redirect to another URL for a GET (RFC 9110 section 15.4). 300 offers a
/// choice and 304 is about a cache; neither is one.
pub fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// The reference that a redirect points to, still to be resolved against the request's URL.
///
/// `None` when the status is no redirect or `Location` is missing or empty. Bytes that are not
/// valid UTF-8 are percent-encoded, as browsers do, so that the server gets back the bytes it sent.
pub fn redirect_target(response: &Response) -> Option<Cow<'_, str>> {
    if !is_redirect(response.status) {
        return None;
    }
    let bytes = response.headers.get(LOCATION)?.as_bytes().trim_ascii();
    if bytes.is_empty() {
        return None;
    }
    Some(match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(escape_non_ascii(bytes)),
    })
}

fn escape_non_ascii(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() + 16);
    for &byte in bytes {
        if byte.is_ascii() {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn check(status: u16, location: &[u8], expected: Option<&str>) {
        let mut response = Response { status, ..Response::default() };
        response.headers.insert(LOCATION, HeaderValue::from_bytes(location).unwrap());
        assert_eq!(redirect_target(&response).as_deref(), expected);
    }

    #[test]
    fn targets() {
        for status in [301, 302, 303, 307, 308] {
            check(status, b"/next", Some("/next"));
        }
        for status in [200, 201, 300, 304, 305, 306, 404] {
            check(status, b"/next", None);
        }
        check(302, b"", None);
        check(302, b" /a b ", Some("/a b"));
        check(302, "/m\u{fc}nchen".as_bytes(), Some("/m\u{fc}nchen"));
        check(302, b"/m\xfcnchen", Some("/m%FCnchen"));
        assert_eq!(redirect_target(&Response { status: 301, ..Response::default() }), None);
    }
}
