//! Groups of URLs for budgets: which directory, which family of look-alikes a URL belongs to.
//!
//! Pure text; who counts and when a group is retired is the frontier's affair. A key is a slice of
//! its URL, and begins with the origin, so that one host's groups are neighbours.

use crate::address::CanonicalUrl;

/// The directory of `url`: its origin and path up to the last slash, but no more than `levels`
/// segments of it (`limits.directory_levels`).
///
/// With 2 levels `http://h/a/b/c/d.html` belongs to `http://h/a/b/`, `http://h/a` to `http://h/`.
pub fn directory(url: &CanonicalUrl, levels: u16) -> &str {
    let (start, end) = path_bounds(url);
    let path = &url.as_str()[start..end];
    &url.as_str()[..start + cut(path, levels).0]
}

/// The family of `url`, whose members may all be one page under ever new addresses
/// (`traps.same_content`): with a path deeper than `levels` its [`directory`]; otherwise, with a
/// query, everything up to the question mark (all queries of one script); otherwise its directory.
pub fn group(url: &CanonicalUrl, levels: u16) -> &str {
    let (start, end) = path_bounds(url);
    let text = url.as_str();
    let (kept, was_cut) = cut(&text[start..end], levels);
    if !was_cut && text.as_bytes().get(end) == Some(&b'?') { &text[..=end] } else { &text[..start + kept] }
}

/// Where the path of a URL begins and ends, in its text.
pub(super) fn path_bounds(url: &CanonicalUrl) -> (usize, usize) {
    let start = url.as_str().len() - url.path_and_query().len();
    (start, start + url.as_url().path().len())
}

/// How much of a path is its directory of at most `levels` segments, and whether that left
/// directories out.
fn cut(path: &str, levels: u16) -> (usize, bool) {
    let mut slashes = path.bytes().enumerate().filter(|(_, byte)| *byte == b'/').map(|(at, _)| at + 1);
    let Some(mut kept) = slashes.next() else { return (path.len(), false) };
    for _ in 0..levels {
        match slashes.next() {
            Some(at) => kept = at,
            None => return (kept, false),
        }
    }
    (kept, slashes.next().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Canonicalizer;

    fn check(text: &str, levels: u16, expected_directory: &str, expected_group: &str) {
        let url = Canonicalizer::default().parse(text).expect("valid");
        assert_eq!(directory(&url, levels), expected_directory, "directory of {text}");
        assert_eq!(group(&url, levels), expected_group, "group of {text}");
    }

    #[test]
    fn directories_end_at_a_slash() {
        check("http://h", 2, "http://h/", "http://h/");
        check("http://h/a", 2, "http://h/", "http://h/");
        check("http://h/a/", 2, "http://h/a/", "http://h/a/");
        check("http://h:81/a/b/c/d.html", 2, "http://h:81/a/b/", "http://h:81/a/b/");
        check("http://h/a/b/c", 2, "http://h/a/b/", "http://h/a/b/");
        check("http://h/a/b/c", 0, "http://h/", "http://h/");
        check("http://h///", u16::MAX, "http://h///", "http://h///");
    }

    #[test]
    fn queries_of_one_script_are_a_group() {
        check("http://h/?q=/x/y/", 2, "http://h/", "http://h/?");
        check("http://h/a/search.php?q=1", 2, "http://h/a/", "http://h/a/search.php?");
        check("http://h/cal/2031/05/12?view=day", 2, "http://h/cal/2031/", "http://h/cal/2031/");
        check("http://[::1]/a?b", 1, "http://[::1]/", "http://[::1]/a?");
    }
}
