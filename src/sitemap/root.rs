//! Which kind of document this is: where it begins, and what its root says.

use super::{Kind, source::Source, tokens::name_of};

/// How far into a text its beginning is looked for behind stray bytes; how much of a body is
/// looked at to tell whether it is a sitemap. Bytes.
pub(super) const SNIFF_BYTES: usize = 4_096;

/// Elements with which web pages begin, `<html>` being optional in HTML.
const HTML_STARTS: [&str; 14] =
    ["html", "head", "body", "title", "meta", "script", "style", "div", "p", "h1", "center", "table", "font", "link"];

/// What a root element called `local` begins; `tag` is the whole tag.
pub(super) fn kind_of(local: &str, tag: &str) -> Option<Kind> {
    let is = |name: &str| local.eq_ignore_ascii_case(name);
    if is("urlset") {
        Some(Kind::Urlset)
    } else if is("sitemapindex") {
        Some(Kind::Index)
    } else if is("rss") {
        Some(Kind::Rss)
    } else if is("feed") {
        Some(Kind::Atom)
    // RSS 1.0 and 0.90 are two of many vocabularies of RDF.
    } else if is("rdf") && (tag.contains("purl.org/rss/") || tag.contains("my.netscape.com/rdf")) {
        Some(Kind::Rss)
    } else {
        None
    }
}

/// Whether a first element called `local` is one of a web page.
pub(super) fn starts_html(local: &str) -> bool {
    HTML_STARTS.iter().any(|name| local.eq_ignore_ascii_case(name))
}

/// `image:loc` as `("image", "loc")`, `loc` as `("", "loc")`.
pub(super) fn split(name: &str) -> (&str, &str) {
    name.split_once(':').unwrap_or(("", name))
}

/// Bytes before the XML, if this is XML: it begins at the first character that is not white space,
/// or after stray bytes at a declaration or a known root.
pub(super) fn xml_start(source: &mut Source<'_>) -> Option<usize> {
    source.want(SNIFF_BYTES);
    let text = source.rest();
    let is_blank = |c: char| c.is_whitespace() || c == '\u{FEFF}';
    let blank = text.len() - text.trim_start_matches(is_blank).len();
    if text[blank..].starts_with('<') {
        return Some(blank);
    }
    let head = &text[..text.floor_char_boundary(SNIFF_BYTES)];
    head.match_indices('<').map(|(at, _)| at).find(|&at| head[at..].starts_with("<?xml") || is_root(&head[at + 1..]))
}

/// Whether a whole tag of a known root stands here, behind its `<`.
fn is_root(text: &str) -> bool {
    text.split_once('>').is_some_and(|(tag, _)| kind_of(split(name_of(tag)).1, tag).is_some())
}
