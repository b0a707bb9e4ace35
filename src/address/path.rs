//! Rules on the path: sessions in it, index files, slashes, case.
//!
//! Each takes a path that starts with `/` and has no dot segments, as the URL standard's parser
//! leaves it, and returns another, or `None` when there is nothing to change. None of them decodes
//! anything, and none makes a dot segment: `/a/..;jsessionid=1/b` stays as it is, because without
//! the parameter it would be another place.

use super::parameters::Names;

/// Names of files that servers give for a folder, without extension.
const INDEX_STEMS: [&str; 2] = ["index", "default"];
/// Their extensions.
const INDEX_EXTENSIONS: [&str; 17] = [
    "html", "htm", "xhtml", "shtml", "php", "php3", "php4", "php5", "phtml", "asp", "aspx", "jsp", "jspx", "cfm",
    "cgi", "pl", "py",
];

/// [`SessionParameters`](super::Rule::SessionParameters) in the path: `;jsessionid=…` and the like in any segment, and whole
/// segments of ASP.NET.
pub(super) fn without_sessions(path: &str, names: &Names) -> Option<String> {
    if !path.contains([';', '(']) {
        return None;
    }
    let mut out = String::with_capacity(path.len());
    let mut segments = path[1..].split('/').peekable();
    while let Some(segment) = segments.next() {
        let start = out.len();
        out.push('/');
        push_without_parameters(&mut out, segment, names);
        if is_aspnet_session(&out[start + 1..]) {
            out.truncate(start);
            if segments.peek().is_none() {
                out.push('/');
            }
        }
    }
    (out != path).then_some(out)
}

/// Appends a segment without its session parameters.
fn push_without_parameters(out: &mut String, segment: &str, names: &Names) {
    let start = out.len();
    let mut parts = segment.split(';');
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        if !part.split_once('=').is_some_and(|(name, _)| names.contains(name)) {
            out.push(';');
            out.push_str(part);
        }
    }
    if is_dot_segment(&out[start..]) {
        out.truncate(start);
        out.push_str(segment);
    }
}

/// `.`, `..`, and their spellings with `%2e`.
fn is_dot_segment(segment: &str) -> bool {
    let without_dot = |text: &str| -> Option<usize> {
        let escape = text.get(..3).is_some_and(|head| head.eq_ignore_ascii_case("%2e"));
        if escape { Some(3) } else { text.starts_with('.').then_some(1) }
    };
    let Some(first) = without_dot(segment) else { return false };
    let rest = &segment[first..];
    rest.is_empty() || without_dot(rest) == Some(rest.len())
}

/// `(S(…))`, also with several of `A(…)`, `S(…)`, `F(…)`, or 24 letters and digits in brackets:
/// sessions without cookies of ASP.NET.
fn is_aspnet_session(segment: &str) -> bool {
    let Some(mut rest) = segment.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) else { return false };
    if rest.len() == 24 && rest.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return true;
    }
    let mut n_tickets = 0;
    while let Some(ticket) = rest.strip_prefix(['A', 'S', 'F', 'a', 's', 'f']).and_then(|rest| rest.strip_prefix('(')) {
        let Some((value, after)) = ticket.split_once(')') else { return false };
        if value.is_empty() || !value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) {
            return false;
        }
        rest = after;
        n_tickets += 1;
    }
    n_tickets > 0 && rest.is_empty()
}

/// [`IndexFile`](super::Rule::IndexFile): the folder instead of its index file.
pub(super) fn without_index_file(path: &str) -> Option<String> {
    let (folder, file) = path.rsplit_once('/')?;
    let (stem, extension) = file.split_once('.')?;
    let among = |words: &[&str], word: &str| words.iter().any(|known| known.eq_ignore_ascii_case(word));
    (among(&INDEX_STEMS, stem) && among(&INDEX_EXTENSIONS, extension)).then(|| format!("{folder}/"))
}

/// [`DuplicateSlashes`](super::Rule::DuplicateSlashes): one slash where there are several.
pub(super) fn single_slashes(path: &str) -> Option<String> {
    if !path.contains("//") {
        return None;
    }
    let mut out = String::with_capacity(path.len());
    for c in path.chars() {
        if c != '/' || !out.ends_with('/') {
            out.push(c);
        }
    }
    Some(out)
}

/// [`LowercasePath`](super::Rule::LowercasePath): letters in lower case, but not the digits of
/// escapes, which have a normal form of their own.
pub(super) fn lower_case(path: &str) -> Option<String> {
    let mut in_escape = 0;
    let bytes = path.as_bytes();
    let lower: String = path
        .char_indices()
        .map(|(at, c)| {
            let is_escape =
                c == '%' && matches!(bytes[at + 1..], [hi, lo, ..] if hi.is_ascii_hexdigit() && lo.is_ascii_hexdigit());
            if is_escape {
                in_escape = 3;
            }
            let keep = in_escape > 0;
            in_escape -= i32::from(keep);
            if keep { c } else { c.to_ascii_lowercase() }
        })
        .collect();
    (lower != path).then_some(lower)
}

#[cfg(test)]
mod tests {
    use super::{super::parameters::SESSION_PARAMETERS, *};

    fn check(rule: impl Fn(&str) -> Option<String>, path: &str, expected: &str) {
        assert_eq!(rule(path).as_deref().unwrap_or(path), expected, "{path}");
        assert_eq!(rule(path).is_none(), path == expected, "{path}");
        assert_eq!(rule(expected), None, "{path} → {expected}");
    }

    #[test]
    fn sessions() {
        let names = Names::new(&SESSION_PARAMETERS, &[]);
        let check = |path: &str, expected: &str| check(|path| without_sessions(path, &names), path, expected);
        check("/a;jsessionid=1F", "/a");
        check("/a;JSESSIONID=1F!2/b;v=1;jsessionid=3;w", "/a/b;v=1;w");
        check("/;jsessionid=1", "/");
        check("/a;jsessionid", "/a;jsessionid");
        check("/jsessionid=1/a;b=c", "/jsessionid=1/a;b=c");
        check("/a/..;jsessionid=1/b", "/a/..;jsessionid=1/b");
        check("/%2E;sid=1", "/%2E;sid=1");
        check("/%2e.;sid=1", "/%2e.;sid=1");
        check("/...;sid=1", "/...");
        check("/app/(S(lit3py55t21z5v55vlm25s55))/page.aspx", "/app/page.aspx");
        check("/(A(x-1)S(y)F(z_2))/a", "/a");
        check("/(abcdefghijklmnopqrstuvwx)/a", "/a");
        check("/(S(x));sid=1/a", "/a");
        check("/a/(S(x))", "/a/");
        check("/(S(x))", "/");
        check("/(S(x))//b", "//b");
        check("/(S())/(S(x)y)/(x)/f(x)/()/(S(x", "/(S())/(S(x)y)/(x)/f(x)/()/(S(x");
        check("/wiki/Rust_(film)", "/wiki/Rust_(film)");
    }

    #[test]
    fn index_files() {
        let check = |path: &str, expected: &str| check(without_index_file, path, expected);
        check("/index.html", "/");
        check("/a/Default.ASPX", "/a/");
        check("/a/index.php5", "/a/");
        check("/a/index", "/a/index");
        check("/a/index.html/", "/a/index.html/");
        check("/a/index.html.bak", "/a/index.html.bak");
        check("/a/myindex.html", "/a/myindex.html");
        check("/a/index.css", "/a/index.css");
    }

    #[test]
    fn slashes() {
        check(single_slashes, "//a///b/c//", "/a/b/c/");
        check(single_slashes, "/a/b", "/a/b");
        check(single_slashes, "/é//%2F/", "/é/%2F/");
    }

    #[test]
    fn letters() {
        check(lower_case, "/A%C3%A9B/%zZ%4", "/a%C3%A9b/%zz%4");
        check(lower_case, "/a%c3", "/a%c3");
        check(lower_case, "/%%41B", "/%%41b");
    }

    #[test]
    fn dots() {
        for (segment, expected) in
            [(".", true), ("%2e%2E", true), (".%2e", true), ("", false), ("...", false), ("a", false), ("%2ea", false)]
        {
            assert_eq!(is_dot_segment(segment), expected, "{segment}");
        }
    }
}
