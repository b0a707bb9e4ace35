//! Queries in the encoding of the page that they stand on.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8};
use url::{ParseError, Url};

/// Resolves a reference that stands on a page in `page`, as a browser would: the URL standard has
/// the query written in the page's encoding (`é` is `%E9` on a page in windows-1252), and servers of
/// such pages expect that.
///
/// # Errors
/// When the result is no valid URL.
pub fn join_in(base: &Url, reference: &str, page: &'static Encoding) -> Result<Url, ParseError> {
    let encoding = page.output_encoding();
    if encoding == UTF_8 || reference.is_ascii() {
        return base.join(reference);
    }
    let encode: &dyn Fn(&str) -> Cow<'_, [u8]> = &|query| encoded(query, encoding);
    Url::options().base_url(Some(base)).encoding_override(Some(encode)).parse(reference)
}

/// A query in an encoding. What has no place in it is written as `%26%23…%3B` (URL standard,
/// "percent-encode after encoding"); a query has no `#` of its own that could be mistaken for it.
fn encoded<'q>(query: &'q str, encoding: &'static Encoding) -> Cow<'q, [u8]> {
    let (encoded, _, has_unmappable) = encoding.encode(query);
    if !has_unmappable {
        return encoded;
    }
    let mut out = Vec::with_capacity(encoded.len());
    let mut is_in_reference = false;
    for (i, &byte) in encoded.iter().enumerate() {
        match byte {
            b'&' if encoded.get(i + 1) == Some(&b'#') => is_in_reference = true,
            b'#' if is_in_reference => out.extend_from_slice(b"%26%23"),
            b';' if is_in_reference => {
                is_in_reference = false;
                out.extend_from_slice(b"%3B");
            }
            byte => out.push(byte),
        }
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(reference: &str, page: &'static Encoding, expected: &str) {
        let base = Url::parse("http://h/").expect("valid");
        assert_eq!(join_in(&base, reference, page).expect("valid").as_str(), expected);
    }

    #[test]
    fn queries_are_in_the_encoding_of_the_page() {
        check("/é?x=é", encoding_rs::WINDOWS_1252, "http://h/%C3%A9?x=%E9");
        check("/é?x=é", UTF_8, "http://h/%C3%A9?x=%C3%A9");
        check("/é?x=é", encoding_rs::UTF_16LE, "http://h/%C3%A9?x=%C3%A9");
        check("?a=日&b=é;c#é", encoding_rs::WINDOWS_1252, "http://h/?a=%26%2326085%3B&b=%E9;c#%C3%A9");
        check("?日", encoding_rs::SHIFT_JIS, "http://h/?%93%FA");
    }
}
