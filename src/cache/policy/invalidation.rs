//! What a request that changes something makes of stored responses: RFC 9111 section 4.4.

use http::{HeaderMap, Method, header};
use url::Url;

/// Whether a request with this method and that answer changes what its URL stands for. A method that
/// nobody knows might.
pub fn invalidates(method: &Method, status: u16) -> bool {
    let is_safe = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE);
    !is_safe && (200..400).contains(&status)
}

/// The further URLs that it changes: `Location` and `Content-Location`, of the same origin only, because
/// nobody else's may be thrown out.
pub fn also_invalidated(asked: &Url, response: &HeaderMap) -> Vec<Url> {
    [header::LOCATION, header::CONTENT_LOCATION]
        .into_iter()
        .filter_map(|name| asked.join(response.get(name)?.to_str().ok()?).ok())
        .filter(|url| url.origin() == asked.origin())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::policy::tests::headers;

    #[test]
    fn unsafe_methods_that_succeed() {
        assert!(invalidates(&Method::POST, 200) && invalidates(&Method::DELETE, 303));
        assert!(invalidates(&Method::from_bytes(b"M-SEARCH").unwrap(), 204));
        assert!(!invalidates(&Method::POST, 500) && !invalidates(&Method::POST, 404));
        assert!(!invalidates(&Method::GET, 200) && !invalidates(&Method::OPTIONS, 200));
    }

    #[test]
    fn of_the_same_origin_only() {
        let asked = Url::parse("http://h/a/b").unwrap();
        let response = headers(&[("location", "c"), ("content-location", "https://h/d")]);
        assert_eq!(also_invalidated(&asked, &response), [Url::parse("http://h/a/c").unwrap()]);
        assert_eq!(also_invalidated(&asked, &headers(&[("location", "http://[")])), []);
    }
}
