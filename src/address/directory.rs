//! Directories: the groups of one origin's URLs that share a beginning of their paths.

use xxhash_rust::xxh3::xxh3_64;

use super::CanonicalUrl;

/// Most directories above one URL that are told apart, from the root down; its own directory comes
/// on top. No path that means anything is deeper.
pub const MAX_LEVELS: usize = 32;

/// A 64-bit hash of a directory: its origin and its path up to and including a slash. Two
/// directories of one host that collide share a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DirectoryKey(pub u64);

impl DirectoryKey {
    /// Of a directory as [`CanonicalUrl::directory`] gives it.
    pub fn of(directory: &str) -> Self {
        Self(xxh3_64(directory.as_bytes()))
    }
}

impl CanonicalUrl {
    /// Origin and path up to and including the path's last slash: `http://h/a/b?c` is in `http://h/a/`.
    pub fn directory(&self) -> &str {
        let text = self.without_query();
        // An http(s) URL's path starts with a slash, so one is always found.
        &text[..text.rfind('/').map_or(text.len(), |at| at + 1)]
    }

    /// The directories that it is in, from the root down, its own last: at most [`MAX_LEVELS`] and
    /// its own.
    pub fn directories(&self) -> impl Iterator<Item = &str> {
        let own = self.directory();
        let root = self.origin_len();
        let slashes = own[root..own.len() - 1].match_indices('/').map(move |(at, _)| &own[..=root + at]);
        slashes.take(MAX_LEVELS).chain([own])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Canonicalizer;

    fn check(text: &str, expected: &[&str]) {
        let url = Canonicalizer::default().parse(text).expect("valid");
        assert_eq!(url.directories().collect::<Vec<_>>(), expected, "{text}");
        assert_eq!(Some(url.directory()), expected.last().copied());
    }

    #[test]
    fn from_the_root_down() {
        check("http://h/", &["http://h/"]);
        check("http://h/a?b=/c/", &["http://h/"]);
        check("https://h:81/a/b/c.html", &["https://h:81/", "https://h:81/a/", "https://h:81/a/b/"]);
        check("http://h//a//", &["http://h/", "http://h//", "http://h//a/", "http://h//a//"]);
    }

    #[test]
    fn they_are_bounded() {
        let url = Canonicalizer::default().parse(&format!("http://h/{}x", "a/".repeat(1000))).expect("valid");
        assert_eq!(url.directories().count(), MAX_LEVELS + 1);
        assert_eq!(url.directories().last(), Some(url.directory()));
    }
}
