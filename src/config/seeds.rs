//! Seeds: checked inline and in files, read as one stream.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use super::{Settings, build::Checks, raw::Raw, settings::Seeds};
use crate::address::{AddressError, CanonicalUrl, Canonicalizer, redacted};

/// Longest line of a file of seeds, bytes.
const MAX_LINE_BYTES: u64 = 64 << 10;

/// Bad lines of one file of seeds that are told before the rest is passed over.
const MAX_BAD_LINES: usize = 10;

/// Why seeds can't be read.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// Opening or reading failed.
    #[error("{name} can't be read: {source}")]
    Io {
        /// The file, or `stdin`.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// A line is not a URL.
    #[error("{name}:{line}: `{text}`: {source}{}", hint(.text))]
    Line {
        /// The file, or `stdin`.
        name: String,
        /// Counted from 1.
        line: usize,
        /// What it says, without credentials.
        text: String,
        /// Why.
        source: AddressError,
    },
}

impl Seeds {
    /// Hands every seed page to `each`, made canonical as links are: inline ones, those of the files, and those of `stdin` if it
    /// is asked for. Nothing is held in memory; duplicates are passed on. Sitemaps are not read.
    ///
    /// # Errors
    /// At the first file that can't be read and the first line that is not a URL.
    pub fn read(
        &self,
        canonicalizer: &Canonicalizer,
        stdin: &mut dyn BufRead,
        each: &mut dyn FnMut(CanonicalUrl),
    ) -> Result<(), SeedError> {
        self.urls.iter().cloned().for_each(&mut *each);
        for path in &self.files {
            let name = path.display().to_string();
            let file = File::open(path).map_err(|source| SeedError::Io { name: name.clone(), source })?;
            lines(&name, canonicalizer, &mut BufReader::new(file), &mut |seed| seed.map(&mut *each))?;
        }
        if self.stdin {
            lines("stdin", canonicalizer, stdin, &mut |seed| seed.map(&mut *each))?;
        }
        Ok(())
    }
}

/// Characters of a bad line that are shown.
const MAX_SHOWN: usize = 200;

/// What to do about a text that has no scheme.
fn hint(text: &str) -> &'static str {
    if text.contains("://") { "" } else { "; write http://… or https://…" }
}

impl Settings {
    /// Whether the crawl has nothing to begin with but sitemaps.
    pub fn has_only_sitemaps(&self) -> bool {
        self.seeds.urls.is_empty() && self.seeds.files.is_empty() && !self.seeds.stdin
    }
}

/// Reads lines until the end or until `each` has had enough.
fn lines(
    name: &str,
    canonicalizer: &Canonicalizer,
    reader: &mut dyn BufRead,
    each: &mut dyn FnMut(Result<CanonicalUrl, SeedError>) -> Result<(), SeedError>,
) -> Result<(), SeedError> {
    let io = |source| SeedError::Io { name: name.to_owned(), source };
    let mut bytes = Vec::new();
    for line in 1.. {
        bytes.clear();
        if Read::take(&mut *reader, MAX_LINE_BYTES).read_until(b'\n', &mut bytes).map_err(io)? == 0 {
            break;
        }
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_start_matches('\u{feff}').trim();
        if bytes.len() as u64 == MAX_LINE_BYTES && !bytes.ends_with(b"\n") {
            return Err(io(io::Error::other(format!("line {line} is longer than {MAX_LINE_BYTES} bytes"))));
        }
        if !text.is_empty() && !text.starts_with('#') {
            let seed = canonicalizer.parse(text);
            let text = || redacted(text).chars().take(MAX_SHOWN).collect();
            each(seed.map_err(|source| SeedError::Line { name: name.to_owned(), line, text: text(), source }))?;
        }
    }
    Ok(())
}

/// Parses inline seeds and sees that there are any.
pub(crate) fn check(raw: &Raw, canonicalizer: &Canonicalizer, checks: &mut Checks<'_>) -> Seeds {
    let mut parse = |key: &str, urls: &[String]| -> Vec<CanonicalUrl> {
        let urls = urls.iter().enumerate();
        let parsed = urls.filter_map(|(i, text)| {
            let url = canonicalizer
                .parse(text.trim())
                .map_err(|error| format!("`{}`: {error}{}", redacted(text), hint(text)));
            checks.ok(&format!("seeds.{key}[{i}]"), url)
        });
        parsed.collect()
    };
    let seeds = Seeds {
        urls: parse("urls", &raw.seeds.urls),
        sitemaps: parse("sitemaps", &raw.seeds.sitemaps),
        files: raw.seeds.files.iter().map(PathBuf::from).collect(),
        stdin: raw.seeds.stdin,
    };
    let none = raw.seeds.urls.is_empty() && raw.seeds.files.is_empty() && raw.seeds.sitemaps.is_empty();
    if none && !seeds.stdin && !checks.is_bad("seeds") {
        checks.fail("seeds", "there are none: set seeds.urls, seeds.files, seeds.sitemaps or seeds.stdin");
    }
    seeds
}

/// Reads a file of seeds for the hosts in it, and tells what is wrong with it.
pub(crate) fn check_file(
    path: &Path,
    key: &str,
    canonicalizer: &Canonicalizer,
    checks: &mut Checks<'_>,
    each: &mut dyn FnMut(CanonicalUrl),
) {
    let name = path.display().to_string();
    let Some(file) = checks.ok(key, File::open(path).map_err(|source| SeedError::Io { name: name.clone(), source }))
    else {
        return;
    };
    let mut n_bad = 0;
    let end = lines(&name, canonicalizer, &mut BufReader::new(file), &mut |seed| {
        match seed {
            Ok(url) => each(url),
            Err(error) => {
                n_bad += 1;
                if n_bad > MAX_BAD_LINES {
                    return Err(SeedError::Io { name: name.clone(), source: io::Error::other("too many bad lines") });
                }
                checks.fail(key, error.to_string());
            }
        }
        Ok(())
    });
    checks.ok(key, end);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(stdin: &[u8], expected: Result<&[&str], &str>) {
        let seeds = Seeds { urls: vec![], files: vec![], stdin: true, sitemaps: vec![] };
        let mut found = Vec::new();
        let end = seeds.read(&Canonicalizer::default(), &mut &*stdin, &mut |url| found.push(url.to_string()));
        match expected {
            Ok(urls) => {
                assert!(end.is_ok(), "{end:?}");
                assert_eq!(found, urls);
            }
            Err(text) => assert!(end.is_err_and(|error| error.to_string().contains(text)), "{text}"),
        }
    }

    #[test]
    fn lines_of_stdin() {
        check(b"\xef\xbb\xbfhttp://a/\r\n# no\n\n  http://b/#x", Ok(&["http://a/", "http://b/"]));
        check(
            b"http://a/\nnonsense\n",
            Err("stdin:2: `nonsense`: not a valid URL: relative URL without a base; write http://"),
        );
        check(b"http://bob:hunter2@exa mple/\n", Err("`http://exa mple/`"));
        check(b"\xff\xfe", Err("stdin:1: "));
        check(&[b'a'; 70_000], Err("line 1 is longer than 65536 bytes"));
    }
}
