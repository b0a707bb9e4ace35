//! Which kind of document a body is, and the harvest that all kinds add to.

use super::{
    Limits, MAX_ADDRESS_BYTES, Sitemap,
    decode::{Decoded, decode},
    xml,
};

/// How much of a document is looked at to tell its kind, bytes.
const SNIFF_BYTES: usize = 4_096;

/// Reads the entries of a sitemap or feed. Any bytes will do; a document that is neither has no
/// entries.
pub fn parse(body: &[u8], limits: &Limits) -> Sitemap {
    let Decoded { text, is_complete } = decode(body, limits.max_decoded_bytes);
    let mut harvest = Harvest { max_entries: limits.max_entries, found: Sitemap::default() };
    match xml_start(&text) {
        Some(at) => xml::read(&text[at..], &mut harvest),
        None => read_list(&text, is_complete, &mut harvest),
    }
    let mut found = harvest.found;
    found.truncated |= !is_complete;
    found
}

/// Whether a body is worth [`parse`]: an XML document whose root is that of a sitemap or feed,
/// whatever `content_type` says, or a plain text of URLs that is not called anything else.
pub fn looks_like_sitemap(content_type: Option<&str>, body: &[u8]) -> bool {
    let Decoded { text, is_complete } = decode(body, SNIFF_BYTES);
    if let Some(at) = xml_start(&text) {
        return is_sitemap_root(&text[at..]);
    }
    let essence = content_type.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
    let may_be_text = ["", "text/plain", "application/octet-stream", "application/gzip", "application/x-gzip"]
        .iter()
        .any(|known| essence.eq_ignore_ascii_case(known));
    let mut lines = whole_lines(&text, is_complete).peekable();
    may_be_text && lines.peek().is_some() && lines.all(is_address)
}

/// Where XML begins, if this is XML: at the first character that is not white space, or after stray
/// bytes at a declaration or a known root.
fn xml_start(text: &str) -> Option<usize> {
    let blank = text.len() - text.trim_start().len();
    if text[blank..].starts_with('<') {
        return Some(blank);
    }
    let head = &text[..text.floor_char_boundary(SNIFF_BYTES)];
    head.match_indices('<')
        .map(|(at, _)| at)
        .find(|&at| head[at..].starts_with("<?xml") || is_sitemap_root(&head[at..]))
}

fn is_sitemap_root(text: &str) -> bool {
    xml::root(text).is_some_and(|(name, attributes)| match name.as_str() {
        "urlset" | "sitemapindex" | "rss" | "feed" => true,
        // RSS 1.0 is one of many vocabularies of RDF.
        "rdf" => attributes.contains("purl.org/rss/"),
        _ => false,
    })
}

/// One URL a line; lines that are none are passed over.
fn read_list(text: &str, is_complete: bool, harvest: &mut Harvest) {
    for line in whole_lines(text, is_complete).filter(|line| is_address(line)) {
        if harvest.is_full() {
            return;
        }
        harvest.add_page(line);
    }
}

/// The lines that are not blank, trimmed, without a last one that was cut.
fn whole_lines(text: &str, is_complete: bool) -> impl Iterator<Item = &str> {
    let is_end = ['\n', '\r'];
    let end = if is_complete { text.len() } else { text.rfind(is_end).unwrap_or_default() };
    text[..end].split(is_end).map(str::trim).filter(|line| !line.is_empty())
}

fn is_address(line: &str) -> bool {
    let starts_with = |scheme: &str| line.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    starts_with("http://") || starts_with("https://")
}

/// Entries found so far, and how many there may be.
#[derive(Debug)]
pub(super) struct Harvest {
    max_entries: usize,
    found: Sitemap,
}

impl Harvest {
    pub(super) fn add_page(&mut self, address: &str) {
        if self.admits(address) {
            self.found.pages.push(address.to_owned());
        }
    }

    pub(super) fn add_sitemap(&mut self, address: &str) {
        if self.admits(address) {
            self.found.sitemaps.push(address.to_owned());
        }
    }

    /// Notes that entries are missing.
    pub(super) fn truncate(&mut self) {
        self.found.truncated = true;
    }

    /// Whether an entry had to be left out because there were enough, so that reading on is idle.
    pub(super) fn is_full(&self) -> bool {
        self.found.truncated && self.n_entries() >= self.max_entries
    }

    fn n_entries(&self) -> usize {
        self.found.pages.len() + self.found.sitemaps.len()
    }

    fn admits(&mut self, address: &str) -> bool {
        if address.is_empty() {
            return false;
        }
        let fits = address.len() <= MAX_ADDRESS_BYTES && self.n_entries() < self.max_entries;
        self.found.truncated |= !fits;
        fits
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sitemap::MAX_DEPTH;

    const LIMITS: Limits = Limits { max_entries: 5, max_decoded_bytes: 1 << 20 };

    #[track_caller]
    fn check(body: &str, pages: &[&str], sitemaps: &[&str], truncated: bool) {
        let found = parse(body.as_bytes(), &LIMITS);
        let found = (found.pages, found.sitemaps, found.truncated);
        let owned = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(found, (owned(pages), owned(sitemaps), truncated), "{body}");
    }

    #[track_caller]
    fn check_pages(body: &str, pages: &[&str]) {
        check(body, pages, &[], false);
    }

    #[test]
    fn urlset() {
        check_pages(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n\
             <url>\n<loc>\n http://h/a?b=1&amp;c=&#x32;&#51; \n</loc><lastmod>2005-01-01</lastmod><priority>0.8</priority>\
             </url><!-- <url><loc>http://h/no</loc></url> --><url><loc><![CDATA[http://h/b?x&y]]></loc></url></urlset>\n",
            &["http://h/a?b=1&c=23", "http://h/b?x&y"],
        );
        check_pages("<urlset/>", &[]);
        check_pages("<urlset><url><loc></loc><loc> </loc></url><url/></urlset>", &[]);
    }

    #[test]
    fn sitemap_index() {
        check(
            "<sitemapindex><sitemap><loc>http://h/1.xml.gz</loc><lastmod>2004</lastmod></sitemap>\
             <sitemap><loc>http://h/2.xml</loc></sitemap></sitemapindex>",
            &[],
            &["http://h/1.xml.gz", "http://h/2.xml"],
            false,
        );
    }

    #[test]
    fn extensions_are_no_pages() {
        check_pages(
            "<urlset xmlns:image=\"i\" xmlns:video=\"v\" xmlns:xhtml=\"x\"><url><loc>http://h/a</loc>\
             <xhtml:link rel=\"alternate\" hreflang=\"de\" href=\"http://h/de\"/>\
             <image:image><image:loc>http://h/i.png</image:loc></image:image><image:loc>http://h/j.png</image:loc>\
             <video:video><video:content_loc>http://h/v</video:content_loc><loc>http://h/w</loc></video:video></url></urlset>",
            &["http://h/a"],
        );
    }

    #[test]
    fn prefixes_and_case_do_not_matter() {
        check_pages("<s:urlset xmlns:s=\"x\"><s:url><s:loc>http://h/a</s:loc></s:url></s:urlset>", &["http://h/a"]);
        check_pages("<URLSET><Url><LOC>http://h/a</LOC></Url></URLSET>", &["http://h/a"]);
        check_pages("<s:urlset><s:url><loc>http://h/a</loc></s:url></s:urlset>", &["http://h/a"]);
    }

    #[test]
    fn feeds() {
        check_pages(
            "<rss version=\"2.0\"><channel><link>http://h/</link><image><url>http://h/i</url><link>http://h/l</link></image>\
             <item><title>t</title><link>http://h/1</link><atom:link href=\"http://h/x\"/><guid>http://h/g</guid></item>\
             <item><link><![CDATA[http://h/2]]></link></item></channel></rss>",
            &["http://h/1", "http://h/2"],
        );
        check_pages(
            "<feed xmlns=\"http://www.w3.org/2005/Atom\"><link href=\"http://h/\"/><link rel=\"self\" href=\"http://h/s\"/>\
             <entry><link href=\"/1?a&amp;b&c\"/><link rel=\"edit\" href=\"/e\"/><source><link href=\"/z\"/></source></entry>\
             <entry><link rel=' Alternate ' type='text/html' href='http://h/2'></link></entry></feed>",
            &["/1?a&b&c", "http://h/2"],
        );
        check_pages(
            "<rdf:RDF xmlns=\"http://purl.org/rss/1.0/\"><channel><link>http://h/</link></channel>\
             <item><link>http://h/1</link></item></rdf:RDF>",
            &["http://h/1"],
        );
    }

    #[test]
    fn text_lists() {
        check_pages(
            "http://h/a\r\n\r\n  HTTPS://h/b \rnot a url\n# http://h/c\nhttp://h/d",
            &["http://h/a", "HTTPS://h/b", "http://h/d"],
        );
        check_pages("", &[]);
    }

    #[test]
    fn stray_bytes_before_the_document() {
        let document = "<urlset><url><loc>http://h/a</loc></url></urlset>";
        check_pages(&format!("\n \u{FEFF}\n<?xml version=\"1.0\"?>{document}"), &["http://h/a"]);
        check_pages(&format!("Warning: x < y in foo.php\n{document}"), &["http://h/a"]);
        check_pages(&format!("é\0<br/><?xml version=\"1.0\"?>{document}"), &["http://h/a"]);
    }

    #[test]
    fn unescaped_ampersands_and_unknown_entities_stay() {
        check_pages(
            "<!DOCTYPE urlset [<!ENTITY x \"expanded\"><!ENTITY y \"&x;&x;&x;\">]><urlset><url>\
             <loc>http://h/?a=1&b=2&copy=3;&x;&y;&#0;&</loc></url></urlset>",
            &["http://h/?a=1&b=2&copy=3;&x;&y;&#0;&"],
        );
    }

    #[test]
    fn missing_and_surplus_end_tags() {
        check_pages(
            "<urlset><url><loc>http://h/a</url></loc></x><url><loc>http://h/b</loc><lastmod></url></urlset>",
            &["http://h/a", "http://h/b"],
        );
        check("<urlset><url><loc>http://h/a</loc><url><loc>http://h/b</loc>", &["http://h/a", "http://h/b"], &[], true);
    }

    #[test]
    fn a_document_that_breaks_off_keeps_its_beginning() {
        let whole = "<urlset><url><loc>http://h/a</loc></url><url><loc>http://h/bcd</loc></url></urlset>";
        for end in 40..whole.len() {
            let pages: &[&str] = if end < whole.len() - 15 { &["http://h/a"] } else { &["http://h/a", "http://h/bcd"] };
            check(&whole[..end], pages, &[], true);
        }
    }

    #[test]
    fn a_page_of_html_has_no_entries() {
        check_pages("<!DOCTYPE html><html><url><loc>http://h/a</loc></url><p>http://h/b</p>", &[]);
    }

    #[test]
    fn entries_are_bounded() {
        let list: String = (0..6).map(|n| format!("http://h/{n}\n")).collect();
        check(&list, &["http://h/0", "http://h/1", "http://h/2", "http://h/3", "http://h/4"], &[], true);
        check_pages(&list[..5 * 11], &["http://h/0", "http://h/1", "http://h/2", "http://h/3", "http://h/4"]);
        let urls: String = (0..6).map(|n| format!("<url><loc>{n}</loc></url>")).collect();
        check(&format!("<urlset>{urls}</urlset>"), &["0", "1", "2", "3", "4"], &[], true);
    }

    #[test]
    fn addresses_and_depth_are_bounded() {
        let long = "x".repeat(MAX_ADDRESS_BYTES + 1);
        check(&format!("<urlset><url><loc>{long}</loc></url><url><loc>b</loc></url></urlset>"), &["b"], &[], true);
        check_pages(&format!("<urlset><url><loc>{}</loc></url></urlset>", &long[1..]), &[&long[1..]]);
        let deep = |n: usize| format!("{}<url><loc>a</loc></url>{}", "<x>".repeat(n), "</x>".repeat(n));
        check_pages(&deep(MAX_DEPTH - 2), &["a"]);
        check(&deep(MAX_DEPTH - 1), &[], &[], true);
        check(&"<x>".repeat(1 << 18), &[], &[], true);
    }

    #[test]
    fn bytes_are_bounded() {
        let limits = Limits { max_decoded_bytes: 14, ..LIMITS };
        let found = parse(b"http://h/a\nhttp://h/b\n", &limits);
        assert_eq!((found.pages, found.truncated), (vec!["http://h/a".to_owned()], true));
    }

    #[test]
    fn sniffing() {
        let xml = "<?xml version=\"1.0\"?><!-- c --><urlset xmlns=\"x\"><url>";
        for (content_type, body, expected) in [
            (Some("text/html"), xml, true),
            (None, "<sitemapindex>", true),
            (Some("application/rss+xml"), "<rss version='2.0'>", true),
            (None, "<a:feed xmlns:a='http://www.w3.org/2005/Atom'/>", true),
            (None, "<rdf:RDF xmlns='http://purl.org/rss/1.0/'>", true),
            (None, "<rdf:RDF xmlns='http://xmlns.com/foaf/0.1/'>", false),
            (Some("application/xml"), "<svg/>", false),
            (Some("text/xml"), "<!DOCTYPE html><html><body>", false),
            (Some("text/xml"), "<urlset", false),
            (Some("text/plain; charset=utf-8"), "http://h/a\n\nhttp://h/b", true),
            (None, "http://h/a", true),
            (Some("text/html"), "http://h/a", false),
            (Some("text/plain"), "see http://h/a", false),
            (Some("text/plain"), "http://h/a\nand more", false),
            (Some("text/plain"), "", false),
        ] {
            assert_eq!(looks_like_sitemap(content_type, body.as_bytes()), expected, "{content_type:?} {body}");
        }
        let long: String = (0..1000).map(|n| format!("http://h/{n}\n")).collect();
        assert!(looks_like_sitemap(Some("text/plain"), long.as_bytes()), "the last line seen is cut");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(body in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&body, &LIMITS);
            let _ = looks_like_sitemap(None, &body);
        }

        #[test]
        fn any_soup_of_tags_is_read_within_bounds(
            pieces in prop::collection::vec(
                prop::sample::select(vec![
                    "<urlset>", "</urlset>", "<url>", "</url>", "<loc>", "</loc>", "<sitemap>", "</sitemap>", "<item>",
                    "</item>", "<link>", "</link>", "<entry>", "<link href='u'/>", "http://h/", "&amp;", "&", "&x;", "<![CDATA[",
                    "]]>", "<!--", "-->", "<?xml ", "?>", "<!DOCTYPE", "[", ">", "<", "'", "é", "\0", " ", "<p:loc", "=",
                ]),
                0..60,
            ),
        ) {
            let found = parse(pieces.concat().as_bytes(), &LIMITS);
            prop_assert!(found.pages.len() + found.sitemaps.len() <= LIMITS.max_entries);
        }

        #[test]
        fn what_is_escaped_comes_out_as_it_was(addresses in prop::collection::vec("[!-~é]{1,30}", 0..5)) {
            let urls: String = addresses
                .iter()
                .map(|address| format!("<url><loc>{}</loc></url>", quick_xml::escape::escape(address.as_str())))
                .collect();
            let found = parse(format!("<urlset>{urls}</urlset>").as_bytes(), &LIMITS);
            prop_assert_eq!(found, Sitemap { pages: addresses, ..Sitemap::default() });
        }
    }
}
