//! `srcset`: the images that a browser may choose from.
//!
//! HTML standard, "parsing a srcset attribute". Which candidate fits a screen is nobody's question
//! here, so descriptors are skipped and a candidate with senseless ones is listed all the same.

/// The URLs in a `srcset`, as written, in order.
pub(super) fn candidates(srcset: &[u8]) -> Candidates<'_> {
    Candidates { rest: srcset }
}

/// See [`candidates`].
#[derive(Debug)]
pub(super) struct Candidates<'s> {
    rest: &'s [u8],
}

impl<'s> Iterator for Candidates<'s> {
    type Item = &'s [u8];

    fn next(&mut self) -> Option<&'s [u8]> {
        let is_skipped = |byte: &u8| *byte == b',' || byte.is_ascii_whitespace();
        let start = self.rest.iter().position(|byte| !is_skipped(byte))?;
        let rest = &self.rest[start..];
        let end = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
        let (url, rest) = rest.split_at(end);
        let kept = url.iter().rposition(|&byte| byte != b',').map_or(0, |last| last + 1);
        // A comma right after the URL ends the candidate; else its descriptors are to come.
        self.rest = if kept < url.len() { rest } else { after_descriptors(rest) };
        Some(&url[..kept])
    }
}

/// What follows the comma that ends a candidate. Commas in parentheses are not it.
fn after_descriptors(rest: &[u8]) -> &[u8] {
    let mut is_in_parentheses = false;
    for (at, byte) in rest.iter().enumerate() {
        match byte {
            b'(' => is_in_parentheses = true,
            b')' => is_in_parentheses = false,
            b',' if !is_in_parentheses => return &rest[at + 1..],
            _ => {}
        }
    }
    &[]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_as_the_standard_says() {
        for (srcset, expected) in [
            ("a", &["a"][..]),
            ("a 1x, b 2x", &["a", "b"]),
            ("a,b", &["a,b"]),
            ("a, b", &["a", "b"]),
            ("a,, b", &["a", "b"]),
            (" , ,a 100w ,\n b\t2x,", &["a", "b"]),
            ("data:,x 1x, /b,c.png?d=1,2 2x", &["data:,x", "/b,c.png?d=1,2"]),
            ("a (1,2) x, b", &["a", "b"]),
            ("a (1, b", &["a"]),
            ("a x(1,2)y,b 1w 2h , c", &["a", "b", "c"]),
            ("", &[]),
            (" ,,\t", &[]),
        ] {
            let found: Vec<_> = candidates(srcset.as_bytes()).map(|url| std::str::from_utf8(url).unwrap()).collect();
            assert_eq!(found, expected, "{srcset}");
        }
    }
}
