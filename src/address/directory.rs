//! Directories: the groups of one origin's URLs that share a beginning of their paths.

use url::Position;
use xxhash_rust::xxh3::xxh3_64;

use super::CanonicalUrl;

/// Most directories above one URL that are told apart, from the root down; its own directory comes
/// on top. No path that means anything is deeper.
pub const MAX_LEVELS: u16 = 32;

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
    /// The path, without the query.
    pub fn path(&self) -> &str {
        self.as_url().path()
    }

    /// Origin and path up to and including the path's last slash, but no more than `levels` segments
    /// of it: with 2, `http://h/a/b/c/d` is in `http://h/a/b/`, and `http://h/a/b` in `http://h/a/`.
    pub fn directory(&self, levels: u16) -> &str {
        self.ends_of_directories()
            .take(usize::from(levels) + 1)
            .last()
            .map_or(self.as_str(), |end| &self.as_str()[..end])
    }

    /// The directories that it is in, from the root down, its own last: at most [`MAX_LEVELS`] below
    /// the root, and its own.
    pub fn directories(&self) -> impl Iterator<Item = &str> {
        let own = self.directory(u16::MAX);
        let above = self.ends_of_directories().take(usize::from(MAX_LEVELS)).map(|end| &self.as_str()[..end]);
        above.filter(|directory| directory.len() < own.len()).chain([own])
    }

    /// Where the path's slashes are, and with them its directories' ends.
    fn ends_of_directories(&self) -> impl Iterator<Item = usize> {
        let start = self.as_url()[..Position::BeforePath].len();
        self.path().bytes().enumerate().filter(|(_, byte)| *byte == b'/').map(move |(at, _)| start + at + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Canonicalizer;

    fn url(text: &str) -> CanonicalUrl {
        Canonicalizer::default().parse(text).expect("valid")
    }

    fn check(text: &str, expected: &[&str]) {
        assert_eq!(url(text).directories().collect::<Vec<_>>(), expected, "{text}");
    }

    #[test]
    fn from_the_root_down() {
        check("http://h/", &["http://h/"]);
        check("http://h/a?b=/c/", &["http://h/"]);
        check("https://h:81/a/b/c.html", &["https://h:81/", "https://h:81/a/", "https://h:81/a/b/"]);
        check("http://h//a//", &["http://h/", "http://h//", "http://h//a/", "http://h//a//"]);
    }

    #[test]
    fn its_own_may_be_cut() {
        for (text, levels, expected) in [
            ("http://h", 2, "http://h/"),
            ("http://h/a", 2, "http://h/"),
            ("http://h/a/", 2, "http://h/a/"),
            ("http://h:81/a/b/c/d.html", 2, "http://h:81/a/b/"),
            ("http://h/a/b/c", 2, "http://h/a/b/"),
            ("http://h/a/b/c", 0, "http://h/"),
            ("http://h///?/x/", u16::MAX, "http://h///"),
        ] {
            assert_eq!(url(text).directory(levels), expected, "{text}");
        }
    }

    #[test]
    fn they_are_bounded() {
        let deep = url(&format!("http://h/{}x", "a/".repeat(1000)));
        assert_eq!(deep.directories().count(), usize::from(MAX_LEVELS) + 1);
        assert_eq!(deep.directories().last(), Some(deep.directory(u16::MAX)));
    }
}
