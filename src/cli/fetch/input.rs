//! The URLs to be fetched, one after another: arguments, standard input, files.
//!
//! Read line by line in a thread of its own, which waits when nobody takes what it has: a list may be
//! longer than memory, and a pipe may stay silent for an hour. A line that is no URL is an item too: its
//! result says what is wrong with it, and the others are fetched.

use std::{
    fmt::Write as _,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::PathBuf,
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use http::HeaderValue;
use percent_encoding::percent_decode_str;
use tokio::sync::mpsc;
use url::Url;

use crate::address::{CanonicalUrl, Canonicalizer, redacted};

/// Longest line, bytes.
const MAX_LINE_BYTES: u64 = 64 << 10;
/// Most characters told of a line that is no URL.
const MAX_SHOWN_CHARS: usize = 200;

/// One URL, or what stands in its place.
#[derive(Debug)]
pub(super) struct Item {
    /// Counted from 1 over all sources; blank lines and comments don't count.
    pub(super) position: u64,
    /// Where it was written, unless it was an argument: `urls.txt:3`, `stdin:3`.
    pub(super) source: Option<String>,
    /// What it says.
    pub(super) asked: Result<Asked, Bad>,
}

/// A URL and what came with it.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) url: CanonicalUrl,
    /// `Authorization`, when it holds a user name or a password.
    pub(super) authorization: Option<HeaderValue>,
}

/// Text that is no URL.
#[derive(Debug)]
pub(super) struct Bad {
    /// The text, without credentials, or its beginning.
    pub(super) text: String,
    /// What is wrong with it.
    pub(super) error: String,
}

/// Where URLs are read from.
#[derive(Debug)]
pub(super) enum Source {
    Argument(String),
    Stdin,
    File(PathBuf, File),
}

/// Opens what is to be read, arguments first.
///
/// # Errors
/// A file that can't be opened, in words.
pub(super) fn sources(urls: &[String], files: &[PathBuf]) -> Result<Vec<Source>, String> {
    let arguments = urls.iter().map(|text| match text.as_str() {
        "-" => Source::Stdin,
        _ => Source::Argument(text.clone()),
    });
    let files = files.iter().map(|path| {
        let file = File::open(path).map_err(|error| format!("{} can't be read: {error}", path.display()))?;
        Ok(Source::File(path.clone(), file))
    });
    arguments.map(Ok).chain(files).collect()
}

/// Reads all of them, until nobody listens any more. Blocks.
///
/// # Errors
/// Reading failed; what came before has been sent.
pub(super) fn read(sources: Vec<Source>, canonicalizer: Canonicalizer, to: &mpsc::Sender<Item>) -> io::Result<()> {
    let mut reader = Reader { canonicalizer, position: 0, to };
    for source in sources {
        let goes_on = match source {
            Source::Argument(text) => reader.send(None, reader.parse(text.trim().as_bytes())),
            Source::Stdin => reader.lines("stdin", io::stdin().lock())?,
            Source::File(path, file) => {
                let name = path.display().to_string();
                reader
                    .lines(&name, BufReader::new(file))
                    .map_err(|error| io::Error::new(error.kind(), format!("{name} can't be read: {error}")))?
            }
        };
        if !goes_on {
            break;
        }
    }
    Ok(())
}

struct Reader<'a> {
    canonicalizer: Canonicalizer,
    position: u64,
    to: &'a mpsc::Sender<Item>,
}

impl Reader<'_> {
    /// Whether there is more to do.
    fn lines(&mut self, name: &str, mut input: impl BufRead) -> io::Result<bool> {
        let mut line = Vec::new();
        for number in 1_u64.. {
            line.clear();
            if input.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line)? == 0 {
                break;
            }
            let is_cut = line.len() as u64 == MAX_LINE_BYTES && !line.ends_with(b"\n");
            if is_cut {
                input.skip_until(b'\n')?;
            }
            let text = if number == 1 { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&line) } else { &line };
            let text = text.trim_ascii();
            if text.is_empty() || text.starts_with(b"#") {
                continue;
            }
            let asked = match is_cut {
                true => Err(bad(text, format!("longer than {MAX_LINE_BYTES} bytes"))),
                false => self.parse(text),
            };
            if !self.send(Some(format!("{name}:{number}")), asked) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn parse(&self, text: &[u8]) -> Result<Asked, Bad> {
        let text = std::str::from_utf8(text).map_err(|_| bad(text, "not UTF-8"))?;
        let url = self.canonicalizer.parse(text).map_err(|error| {
            let hint = if text.contains("://") { "" } else { "; write http://… or https://…" };
            bad(text.as_bytes(), format!("{error}{hint}"))
        })?;
        Ok(Asked { url, authorization: authorization(text) })
    }

    /// Whether somebody took it.
    fn send(&mut self, source: Option<String>, asked: Result<Asked, Bad>) -> bool {
        self.position += 1;
        self.to.blocking_send(Item { position: self.position, source, asked }).is_ok()
    }
}

fn bad(text: &[u8], error: impl Into<String>) -> Bad {
    let text = String::from_utf8_lossy(text);
    let mut shown: String = redacted(&text).chars().take(MAX_SHOWN_CHARS).collect();
    if shown.len() < redacted(&text).len() {
        let _ = write!(shown, "…");
    }
    Bad { text: shown, error: error.into() }
}

/// Basic authentication (RFC 7617) by the user name and password of a URL, percent-decoded.
fn authorization(text: &str) -> Option<HeaderValue> {
    let url = Url::parse(text).ok()?;
    let (name, password) = (url.username(), url.password().unwrap_or_default());
    if name.is_empty() && password.is_empty() {
        return None;
    }
    let mut credentials: Vec<u8> = percent_decode_str(name).collect();
    credentials.push(b':');
    credentials.extend(percent_decode_str(password));
    let mut value = HeaderValue::from_str(&format!("Basic {}", BASE64.encode(credentials))).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read of `lines`: a URL, or what is wrong, each with its place.
    fn read_lines(lines: &[u8]) -> Vec<(u64, String, Result<String, String>)> {
        let (to, mut items) = mpsc::channel(1000);
        let mut reader = Reader { canonicalizer: Canonicalizer::default(), position: 0, to: &to };
        assert!(reader.lines("x", lines).unwrap());
        drop(to);
        let mut found = Vec::new();
        while let Ok(item) = items.try_recv() {
            let asked = item.asked.map(|it| it.url.to_string()).map_err(|bad| format!("{}: {}", bad.text, bad.error));
            found.push((item.position, item.source.unwrap(), asked));
        }
        found
    }

    fn check(line: &[u8], expected: Result<&str, &str>) {
        let found = read_lines(line);
        assert_eq!(found.len(), 1, "{found:?}");
        match (&found[0].2, expected) {
            (Ok(url), Ok(expected)) => assert_eq!(url, expected),
            (Err(error), Err(part)) => assert!(error.contains(part), "{error}"),
            (found, _) => panic!("{found:?}, not {expected:?}"),
        }
    }

    #[test]
    fn lines() {
        check(b"\xef\xbb\xbf http://H/x#y \r\n", Ok("http://h/x"));
        check(b"http://h/", Ok("http://h/"));
        check(b"http://me:secret@h/", Ok("http://h/"));
        check(b"example.org", Err("write http://"));
        check(b"ftp://me:secret@h/", Err("ftp://h/: scheme `ftp`"));
        check(b"http://me:sec/ret@h:x/", Err("http://h:x/: "));
        check(b"\xff\xfe", Err("not UTF-8"));
    }

    #[test]
    fn blank_lines_and_comments_are_passed_over_and_count_as_lines() {
        let found = read_lines(b"\n# list\nhttp://a/\n  \n  # more\nnope\nhttp://b/");
        let places: Vec<_> =
            found.iter().map(|(position, place, asked)| (*position, &**place, asked.is_ok())).collect();
        assert_eq!(places, [(1, "x:3", true), (2, "x:6", false), (3, "x:7", true)]);
    }

    #[test]
    fn an_endless_line_is_one_bad_line() {
        let mut lines = vec![b'a'; 300_000];
        lines.extend_from_slice(b"\nhttp://b/\n");
        let found = read_lines(&lines);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].2.as_ref().unwrap_err().len() < 300);
        assert_eq!(found[1].2.as_deref(), Ok("http://b/"));
        assert_eq!(found[1].1, "x:2");
    }

    #[test]
    fn credentials_of_a_url_become_basic_authentication() {
        let check = |text: &str, expected: Option<&str>| {
            let value = authorization(text);
            let credentials = value.as_ref().map(|value| {
                assert!(value.is_sensitive());
                let encoded = value.to_str().unwrap().strip_prefix("Basic ").unwrap();
                String::from_utf8(BASE64.decode(encoded).unwrap()).unwrap()
            });
            assert_eq!(credentials.as_deref(), expected, "{text}");
        };
        check("http://me:pw@h/", Some("me:pw"));
        check("http://me@h/", Some("me:"));
        check("http://:pw@h/", Some(":pw"));
        check("http://m%40e:p%3Aw%20@h/", Some("m@e:p:w "));
        check("http://h/@x", None);
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = sources(&[], &[PathBuf::from("/no/such/list")]).unwrap_err();
        assert!(error.contains("/no/such/list"), "{error}");
    }
}
