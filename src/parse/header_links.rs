//! Links in the header of an answer: `Link` (RFC 8288) and `Refresh`.
//!
//! Reads what servers send: several headers, several links in one, parameters quoted or not, commas
//! and semicolons within both, addresses without their angle brackets. A link about another resource
//! (`anchor`) is none of this page's; one without `rel` says nothing (RFC 8288 section 3.3); `rev` is
//! ignored as the RFC asks. It judges nothing and resolves nothing but the anchor. Each header is
//! read once; at most [`MAX_HEADER_LINKS`] are kept.

use std::borrow::Cow;

use http::{
    HeaderMap,
    header::{LINK, REFRESH},
};
use url::Url;

use super::{
    LinkKind, MAX_REFERENCE_BYTES, Rel,
    content_type::text,
    mime::{cut, quoted_string},
    refresh,
    relation::relations,
};
use crate::address::join;

/// Most links kept of one answer's header.
pub const MAX_HEADER_LINKS: usize = 1000;

/// Longest title kept, bytes.
const MAX_TITLE_BYTES: usize = 1024;

/// What the header of one answer links to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeaderLinks {
    /// The links, in order.
    pub links: Vec<HeaderLink>,
    /// Whether some were left out: more than [`MAX_HEADER_LINKS`], or longer than
    /// [`MAX_REFERENCE_BYTES`].
    pub truncated: bool,
}

/// One link of a header.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeaderLink {
    /// The reference as written, to be resolved against the page's URL (not its `<base>`).
    pub href: String,
    /// The relation types in lower case, separated by spaces; empty for `Refresh`.
    pub rel_text: String,
    /// What they say about following it.
    pub rel: Rel,
    /// Of which kind they make it, as those of a `<link>` would; `None` if they name neither a
    /// document nor a part of the page. [`LinkKind::Refresh`] for `Refresh`.
    pub kind: Option<LinkKind>,
    /// `hreflang`: the language of what it leads to.
    pub hreflang: Option<String>,
    /// `type`: the MIME type of what it leads to.
    pub media_type: Option<String>,
    /// `title*` or `title`, at most 1024 bytes.
    pub title: Option<String>,
}

/// The links in the header of an answer from `url`.
pub fn header_links(headers: &HeaderMap, url: &Url) -> HeaderLinks {
    let mut found = HeaderLinks::default();
    for value in headers.get_all(LINK) {
        read(&text(value.as_bytes()), url, &mut found);
    }
    for value in headers.get_all(REFRESH) {
        let value = text(value.as_bytes());
        let Some((_, Some(href))) = refresh::declarative(value.as_bytes()) else { continue };
        let href = String::from_utf8_lossy(href).into_owned();
        found.add(HeaderLink { href, kind: Some(LinkKind::Refresh), ..HeaderLink::default() });
    }
    found
}

impl HeaderLinks {
    fn add(&mut self, link: HeaderLink) {
        if self.links.len() == MAX_HEADER_LINKS || link.href.len() > MAX_REFERENCE_BYTES {
            self.truncated = true;
        } else {
            self.links.push(link);
        }
    }
}

/// RFC 8288 appendix B.2, "parsing a Link field".
fn read(value: &str, url: &Url, found: &mut HeaderLinks) {
    let mut rest = value;
    loop {
        rest = rest.trim_start_matches(|c: char| is_space(c) || c == ',');
        if rest.is_empty() {
            return;
        }
        let (href, after) = reference(rest);
        let (parameters, after) = parameters(after);
        rest = after;
        if let Some(link) = href.and_then(|href| parameters.into_link(href, url)) {
            found.add(link);
        }
    }
}

/// The target, and what follows it. `None` where something else stands.
fn reference(rest: &str) -> (Option<&str>, &str) {
    if let Some(bracketed) = rest.strip_prefix('<') {
        return match bracketed.split_once('>') {
            Some((href, after)) => (Some(href.trim_matches(|c| c <= ' ')), after),
            None => (None, ""),
        };
    }
    let (bare, after) = cut(rest, |c| is_space(c) || matches!(c, ';' | ',' | '"'));
    let is_address = ["http://", "https://", "/"]
        .iter()
        .any(|begin| bare.get(..begin.len()).is_some_and(|found| found.eq_ignore_ascii_case(begin)));
    (is_address.then_some(bare), after)
}

/// The parameters that matter, the first of each name.
#[derive(Default)]
struct Parameters<'v> {
    rel: Option<Cow<'v, str>>,
    anchor: Option<Cow<'v, str>>,
    hreflang: Option<Cow<'v, str>>,
    media_type: Option<Cow<'v, str>>,
    title: Option<Cow<'v, str>>,
    title_star: Option<Cow<'v, str>>,
}

/// RFC 8288 appendix B.3, "parsing parameters": up to the comma that ends the link.
fn parameters(value: &str) -> (Parameters<'_>, &str) {
    let mut found = Parameters::default();
    let mut rest = value;
    loop {
        // Whatever is between the end of one parameter and the next semicolon is nobody's.
        rest = cut(rest, |c| matches!(c, ';' | ',' | '"')).1;
        if rest.starts_with('"') {
            rest = quoted_string(rest).1;
            continue;
        }
        let Some(after) = rest.strip_prefix(';') else { return (found, rest) };
        let (name, after) = cut(after.trim_start_matches(is_space), |c| matches!(c, '=' | ';' | ',') || is_space(c));
        let Some(after) = after.trim_start_matches(is_space).strip_prefix('=') else {
            rest = after;
            continue;
        };
        let after = after.trim_start_matches(is_space);
        let (value, after) = if after.starts_with('"') {
            quoted_string(after)
        } else {
            let (value, after) = cut(after, |c| matches!(c, ';' | ','));
            (Cow::Borrowed(value.trim_end_matches(is_space)), after)
        };
        rest = after;
        if let Some(place) = found.place(name) {
            place.get_or_insert(value);
        }
    }
}

impl<'v> Parameters<'v> {
    fn place(&mut self, name: &str) -> Option<&mut Option<Cow<'v, str>>> {
        Some(match &*name.to_ascii_lowercase() {
            "rel" => &mut self.rel,
            "anchor" => &mut self.anchor,
            "hreflang" => &mut self.hreflang,
            "type" => &mut self.media_type,
            "title" => &mut self.title,
            "title*" => &mut self.title_star,
            _ => return None,
        })
    }

    fn into_link(self, href: &str, url: &Url) -> Option<HeaderLink> {
        if self.anchor.is_some_and(|anchor| !is_of(&anchor, url)) {
            return None;
        }
        let rel = self.rel?;
        let names: Vec<_> = rel.trim_matches('\'').split_ascii_whitespace().map(str::to_ascii_lowercase).collect();
        let rel_text = names.join(" ");
        if rel_text.is_empty() {
            return None;
        }
        let (rel, kind) = relations(rel_text.as_bytes());
        let title = self.title_star.as_deref().and_then(extended).or_else(|| self.title.map(Cow::into_owned));
        Some(HeaderLink {
            href: href.to_owned(),
            rel_text,
            rel,
            kind,
            hreflang: self.hreflang.map(Cow::into_owned),
            media_type: self.media_type.map(Cow::into_owned),
            title: title.map(|mut title| {
                title.truncate(title.floor_char_boundary(MAX_TITLE_BYTES));
                title
            }),
        })
    }
}

/// Whether an anchor is the page itself or a part of it.
fn is_of(anchor: &str, url: &Url) -> bool {
    let is_same = |mut anchor: Url| {
        let mut url = url.clone();
        anchor.set_fragment(None);
        url.set_fragment(None);
        anchor == url
    };
    join(url, anchor).is_ok_and(is_same)
}

/// A value in the form of RFC 8187: `UTF-8'en'%e2%82%ac`. `None` if it is none.
fn extended(value: &str) -> Option<String> {
    let mut parts = value.splitn(3, '\'');
    let (label, _language, encoded) = (parts.next()?, parts.next()?, parts.next()?);
    let encoding = encoding_rs::Encoding::for_label(label.as_bytes())?;
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let digit = |at: usize| char::from(*after.get(at)?).to_digit(16);
        let octet = || u8::try_from(digit(0)? << 4 | digit(1)?).ok();
        let escaped = if byte == b'%' { octet() } else { None };
        bytes.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    Some(encoding.decode_without_bom_handling(&bytes).0.into_owned())
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn links(values: &[&str]) -> HeaderLinks {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(LINK, HeaderValue::from_bytes(value.as_bytes()).expect("a header"));
        }
        header_links(&headers, &Url::parse("http://example.com/a/b?c").unwrap())
    }

    fn check(value: &str, expected: &[(&str, &str)]) {
        let found = links(&[value]);
        let found: Vec<_> = found.links.iter().map(|link| (&*link.href, &*link.rel_text)).collect();
        assert_eq!(found, expected, "{value}");
    }

    #[test]
    fn reads_the_examples_of_the_rfc() {
        // RFC 8288 section 3.5.
        let value = "<http://example.com/TheBook/chapter2>; rel=\"previous\"; title=\"previous chapter\"";
        check(value, &[("http://example.com/TheBook/chapter2", "previous")]);
        assert_eq!(links(&[value]).links[0].title.as_deref(), Some("previous chapter"));
        check("</>; rel=\"http://example.net/foo\"", &[("/", "http://example.net/foo")]);
        check("</terms>; rel=\"copyright\"; anchor=\"#foo\"", &[("/terms", "copyright")]);
        let value = "</TheBook/chapter2>; rel=\"previous\"; title*=UTF-8'de'letztes%20Kapitel, \
                     </TheBook/chapter4>; rel=\"next\"; title*=UTF-8'de'n%c3%a4chstes%20Kapitel";
        check(value, &[("/TheBook/chapter2", "previous"), ("/TheBook/chapter4", "next")]);
        assert_eq!(links(&[value]).links[1].title.as_deref(), Some("nächstes Kapitel"));
        let value = "<http://example.org/>; rel=\"start http://example.net/relation/other\"";
        check(value, &[("http://example.org/", "start http://example.net/relation/other")]);
        let value = "<https://example.org/>; rel=\"start\", <https://example.org/index>; rel=\"index\"";
        check(value, &[("https://example.org/", "start"), ("https://example.org/index", "index")]);
    }

    #[test]
    fn separators_may_be_anywhere() {
        check("</a,b;c>;title=\"x, <y>; rel=z\";rel=next,,</d>;rel=prev,", &[("/a,b;c", "next"), ("/d", "prev")]);
        check("</a>;;; REL = NEXT ;x;y=z , </b> ; rel='last'", &[("/a", "next"), ("/b", "last")]);
        check("</a>;rel=next last;rel=first", &[("/a", "next last")]);
        check("</a>;title=\"\\\"\\\\\";rel=next", &[("/a", "next")]);
        check("< /a >;rel=next", &[("/a", "next")]);
        check("<>;rel=self", &[("", "self")]);
    }

    #[test]
    fn broken_ones_are_borne_with() {
        check("/a; rel=next, http://b/?x=1; rel=prev", &[("/a", "next"), ("http://b/?x=1", "prev")]);
        check("</a> junk \"q,\" ; rel=next", &[("/a", "next")]);
        check("</a>;rel=\"next", &[("/a", "next")]);
        check("junk;rel=next, </a>;rel=next", &[("/a", "next")]);
        check("</a>, </b>;rev=made, </c>;rel, </d>;rel=\"\"", &[]);
        check("</a", &[]);
        check("", &[]);
        check(
            "</a>;rel=next;anchor=\"/other\", </b>;rel=next;anchor=\"http://EXAMPLE.com/a/b?c#d\"",
            &[("/b", "next")],
        );
        check("</a>;rel=next;anchor=\"http://[\"", &[]);
    }

    #[test]
    fn knows_what_a_relation_means() {
        let found = links(&[
            "</a>;rel=\"nofollow next\"",
            "</b>;rel=canonical;hreflang=de",
            "</c>;rel=preload;type=font/woff2",
        ]);
        let [next, canonical, preload] = &*found.links else { panic!("{found:?}") };
        assert!(next.rel.nofollow && next.kind == Some(LinkKind::Link) && !next.rel.canonical);
        assert!(canonical.rel.canonical && canonical.hreflang.as_deref() == Some("de"));
        assert!(preload.kind == Some(LinkKind::Preload) && preload.media_type.as_deref() == Some("font/woff2"));
    }

    #[test]
    fn refresh_is_read_as_in_a_page() {
        let mut headers = HeaderMap::new();
        headers.insert(REFRESH, HeaderValue::from_bytes(b"0;URL='/\xE9'").unwrap());
        let found = header_links(&headers, &Url::parse("http://example.com/").unwrap());
        let expected = HeaderLink { href: "/é".to_owned(), kind: Some(LinkKind::Refresh), ..HeaderLink::default() };
        assert_eq!(found.links, [expected]);
        headers.insert(REFRESH, HeaderValue::from_static("5"));
        assert_eq!(header_links(&headers, &Url::parse("http://example.com/").unwrap()), HeaderLinks::default());
    }

    #[test]
    fn is_bounded() {
        let found = links(&[&"</a>;rel=next,".repeat(MAX_HEADER_LINKS + 1)]);
        assert_eq!((found.links.len(), found.truncated), (MAX_HEADER_LINKS, true));
        let found = links(&[&format!("<{}>;rel=next", "a".repeat(MAX_REFERENCE_BYTES + 1))]);
        assert_eq!((found.links.len(), found.truncated), (0, true));
        let title = format!("</a>;rel=next;title=\"{}\"", "é".repeat(MAX_TITLE_BYTES));
        assert_eq!(links(&[&title]).links[0].title.as_ref().map(String::len), Some(MAX_TITLE_BYTES));
    }

    proptest! {
        #[test]
        fn never_panics(value in "(</a>|;|,|rel=next|title\\*=utf-8''%|\"|\\\\|[ -~é]){0,30}") {
            for link in links(&[&value]).links {
                prop_assert!(!link.rel_text.is_empty());
            }
        }
    }
}
