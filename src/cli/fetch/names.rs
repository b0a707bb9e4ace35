//! Names of the files of `--output-dir`: what a URL's body is called.
//!
//! Pure. A name says where the body is from, for people (`www.example.org_docs_intro`), and is made one
//! of a kind by a digest of the whole URL. Servers choose URLs, so nothing of one is taken at its word:
//!
//! - a name is one component: it holds lower-case ASCII letters, digits, `.`, `_` and `-`, no two dots
//!   in a row, and begins with a letter, a digit or `_`;
//! - two URLs have two names, on file systems that know no upper case too. The digest is cryptographic:
//!   nobody can make up a URL whose name is another's;
//! - at most [`MAX_BYTES`] long, the name of a draft included;
//! - no device of Windows (`con`, `nul`, …);
//! - the extension follows the content type by a fixed list and is never the server's choice: what is
//!   on none is `.bin`.

use sha2::{Digest, Sha256};

use crate::address::CanonicalUrl;

/// Longest name, bytes. File systems take 255; the rest is for drafts and for tools that add to it.
const MAX_BYTES: usize = 200;
/// Most bytes of the host in it.
const MAX_HOST_BYTES: usize = 64;
/// Most bytes of path and query in it.
const MAX_PATH_BYTES: usize = 80;
/// Bytes of the digest in it: enough that no two URLs with the same can be found.
const DIGEST_BYTES: usize = 16;

/// Names that are devices on Windows, whatever extension follows.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];

/// Extensions by content type.
const EXTENSIONS: [(&str, &str); 40] = [
    ("application/atom+xml", "atom"),
    ("application/gzip", "gz"),
    ("application/javascript", "js"),
    ("application/json", "json"),
    ("application/ld+json", "jsonld"),
    ("application/msword", "doc"),
    ("application/pdf", "pdf"),
    ("application/rss+xml", "rss"),
    ("application/rtf", "rtf"),
    ("application/vnd.ms-excel", "xls"),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"),
    ("application/xhtml+xml", "xhtml"),
    ("application/xml", "xml"),
    ("application/yaml", "yaml"),
    ("application/zip", "zip"),
    ("application/zstd", "zst"),
    ("audio/mpeg", "mp3"),
    ("audio/ogg", "ogg"),
    ("font/woff", "woff"),
    ("font/woff2", "woff2"),
    ("image/avif", "avif"),
    ("image/bmp", "bmp"),
    ("image/gif", "gif"),
    ("image/jpeg", "jpg"),
    ("image/png", "png"),
    ("image/svg+xml", "svg"),
    ("image/vnd.microsoft.icon", "ico"),
    ("image/webp", "webp"),
    ("image/x-icon", "ico"),
    ("text/calendar", "ics"),
    ("text/css", "css"),
    ("text/csv", "csv"),
    ("text/html", "html"),
    ("text/javascript", "js"),
    ("text/markdown", "md"),
    ("text/plain", "txt"),
    ("text/xml", "xml"),
    ("video/mp4", "mp4"),
    ("video/webm", "webm"),
];

/// What the file with the body of `url` is called.
pub(super) fn name(url: &CanonicalUrl, content_type: Option<&str>) -> String {
    let host = plain(url.host_str(), MAX_HOST_BYTES);
    let path = plain(url.path_and_query(), MAX_PATH_BYTES);
    let guard = if is_device(&host) { "_" } else { "" };
    let between = if path.is_empty() { "" } else { "_" };
    let name = format!("{guard}{host}{between}{path}-{}.{}", digest(url), extension(content_type));
    debug_assert!(name.len() <= MAX_BYTES, "{name}");
    name
}

/// Of the whole URL, in hexadecimal.
fn digest(url: &CanonicalUrl) -> String {
    let digest = Sha256::digest(url.as_str().as_bytes());
    digest.iter().take(DIGEST_BYTES).map(|byte| format!("{byte:02x}")).collect()
}

/// `text` in the letters of names, its other characters as `_`, each run of them as one; none at its
/// ends.
fn plain(text: &str, max_bytes: usize) -> String {
    let mut plain = String::new();
    for c in text.chars() {
        let c = c.to_ascii_lowercase();
        let c = if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '_' };
        if c.is_ascii_alphanumeric() || !(plain.is_empty() || plain.ends_with(['_', '.', '-'])) {
            plain.push(c);
        }
        if plain.len() == max_bytes {
            break;
        }
    }
    plain.truncate(plain.trim_end_matches(['_', '.', '-']).len());
    plain
}

/// Windows looks at what stands before the first dot.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default();
    let is_port = |stem: &str| {
        let number = stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt"));
        number.is_some_and(|number| number.len() == 1 && number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    stem.is_empty() || DEVICES.contains(&stem) || is_port(stem)
}

fn extension(content_type: Option<&str>) -> &'static str {
    let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match EXTENSIONS.iter().find(|(known, _)| *known == essence) {
        Some((_, extension)) => extension,
        None if essence.ends_with("+json") => "json",
        None if essence.ends_with("+xml") => "xml",
        None => "bin",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;
    use crate::address::Canonicalizer;

    fn url(text: &str) -> CanonicalUrl {
        Canonicalizer::default().parse(text).expect("valid")
    }

    /// The readable part, without digest and extension.
    fn check(text: &str, expected: &str) {
        let name = name(&url(text), Some("text/html"));
        let (readable, rest) = name.rsplit_once('-').expect("a digest");
        assert_eq!(readable, expected, "{text}");
        assert!(rest.len() == 2 * DIGEST_BYTES + 5 && rest.ends_with(".html"), "{name}");
    }

    #[test]
    fn names_tell_where_a_body_is_from() {
        check("https://www.example.org/", "www.example.org");
        check("https://www.example.org/docs/Intro.html?x=1&y=2", "www.example.org_docs_intro.html_x_1_y_2");
        check("http://[2001:db8::1]:8080/", "2001_db8_1");
        check("http://127.0.0.1:8080/a%2F..%2F..%2Fetc/passwd", "127.0.0.1_a_2f.2f.2fetc_passwd");
        check("http://h/%00%0a%1b[31m", "h_00_0a_1b_31m");
        check("http://h/...", "h");
        check("http://h/-rf", "h_rf");
        check("http://münchen.example/ü", "xn--mnchen-3ya.example_c3_bc".replace("--", "-").as_str());
    }

    #[test]
    fn no_device_and_no_hidden_file() {
        for host in ["con", "nul.example", "com1.example.org", "lpt9"] {
            let host_name = name(&url(&format!("http://{host}/")), None);
            assert!(host_name.starts_with('_'), "{host_name}");
        }
        assert!(!name(&url("http://com10.example/"), None).starts_with('_'));
        assert!(!name(&url("http://console.example/"), None).starts_with('_'));
    }

    #[test]
    fn the_type_says_the_extension_and_the_server_does_not() {
        let check = |content_type: Option<&str>, expected: &str| {
            let name = name(&url("http://h/run.exe"), content_type);
            assert!(name.ends_with(&format!(".{expected}")), "{name}");
        };
        check(Some("text/HTML; charset=utf-8"), "html");
        check(Some(" image/svg+xml "), "svg");
        check(Some("application/problem+json"), "json");
        check(Some("application/x-whatever+xml"), "xml");
        check(Some("application/x-sh"), "bin");
        check(Some("../../etc/cron.d/x"), "bin");
        check(None, "bin");
    }

    #[test]
    fn urls_that_look_alike_have_names_of_their_own() {
        let alike = [
            "http://h/a",
            "http://h/A",
            "https://h/a",
            "http://h:81/a",
            "http://h/a/",
            "http://h/a?",
            "http://h/a?b",
            "http://h/a_b",
            "http://h/%61%00",
            "http://h/é",
        ];
        let names: HashSet<String> = alike.iter().map(|text| name(&url(text), None).to_lowercase()).collect();
        let urls: HashSet<CanonicalUrl> = alike.iter().map(|text| url(text)).collect();
        assert_eq!(names.len(), urls.len(), "{names:?}");
    }

    proptest! {
        #[test]
        fn every_name_is_safe(host in "[a-z0-9-]{1,60}", path in "\\PC{0,400}", kind in "\\PC{0,40}") {
            prop_assume!(Canonicalizer::default().parse(&format!("http://{host}/{path}")).is_ok());
            let name = name(&url(&format!("http://{host}/{path}")), Some(&kind));
            prop_assert!(name.len() <= MAX_BYTES);
            prop_assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b)));
            prop_assert!(name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_'));
            prop_assert!(!name.contains("..") && !name.ends_with('.'));
            prop_assert!(!is_device(&name));
        }
    }
}
