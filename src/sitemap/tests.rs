//! Sitemaps and feeds from the outside of the module: leniency, bounds, defects, hostile bytes.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

const LIMITS: Limits = Limits { max_entries: 5, max_decoded_bytes: 1 << 20 };

fn read(body: &str) -> Sitemap {
    parse(body.as_bytes(), &Origin::default(), &LIMITS)
}

fn urls(entries: &[Entry]) -> Vec<&str> {
    entries.iter().map(|entry| &*entry.url).collect()
}

#[track_caller]
fn check(body: &str, pages: &[&str], sitemaps: &[&str], truncated: bool) {
    let found = read(body);
    let found = (urls(&found.pages), urls(&found.sitemaps), found.truncated);
    assert_eq!(found, (pages.to_vec(), sitemaps.to_vec(), truncated), "{body}");
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
    check_pages("<urlset><url><loc>http://h/?a=1&b&x;&#0;</loc></url></urlset>", &["http://h/?a=1&b&x;&#0;"]);
    check_pages(
        "<!DOCTYPE urlset [<!ENTITY x \"expanded\"><!ENTITY y \"&x;&x;&x;\">]><urlset><url>\
         <loc>http://h/?a=1&b=2&copy=3;&#0;&</loc><lastmod>&x;2005</lastmod></url></urlset>",
        &["http://h/?a=1&b=2&copy=3;&"],
    );
}

#[test]
fn entities_of_the_document_are_not_expanded() {
    let found = read(
        "<!DOCTYPE urlset [<!ENTITY a \"lol\"><!ENTITY long-name.x \"&a;&a;&a;\">]><urlset xmlns:xhtml=\"x\">\
         <url><loc>http://h/&long-name.x;</loc></url><url><loc>&a;</loc><loc>&a;/x</loc><loc>http://h/b&amp;</loc>\
         <xhtml:link rel=\"alternate\" hreflang=\"de\" href=\"http://h/&a;\"/></url></urlset>",
    );
    assert_eq!(urls(&found.pages), ["http://h/", "http://h/b&"]);
    assert_eq!(found.pages[1].extras, None);
    let kinds: Vec<_> = found.defects.iter().map(|defect| (defect.kind, defect.count)).collect();
    assert!(kinds.contains(&(DefectKind::DefinedEntity, 3)), "{kinds:?}");
    assert!(!kinds.iter().any(|(kind, _)| *kind == DefectKind::MissingAddress), "{kinds:?}");
}

#[test]
fn addresses_outside_of_entries() {
    check_pages(
        "<urlset><loc>http://h/a</loc><url><loc>http://h/b</loc></url><loc>http://h/c<loc> </loc><loc/></urlset>",
        &["http://h/a", "http://h/b", "http://h/c"],
    );
    check("<sitemapindex><loc>http://h/a</loc></sitemapindex>", &[], &["http://h/a"], false);
    check_pages("<urlset><x><loc>http://h/a</loc></x><image:loc>http://h/i</image:loc></urlset>", &[]);
    check_pages("<s:urlset xmlns:s=\"q\"><s:loc>http://h/a</s:loc></s:urlset>", &["http://h/a"]);
}

#[test]
fn an_address_within_an_element_of_its_own() {
    let loc = |inner: &str| format!("<urlset><url><loc>{inner}</loc></url></urlset>");
    check_pages(&loc("\n<a href='http://h/no'>http://h/?a&amp;<![CDATA[b]]></a>\n"), &["http://h/?a&b"]);
    check_pages(&loc("<p><a>http://h/a</a></p><b>label</b>"), &["http://h/a"]);
    check_pages(&loc("<b>label</b>http://h/a<i>label</i>"), &["http://h/a"]);
    check_pages("<rss><item><link><title>t</title></link><guid>http://h/g</guid></item></rss>", &["http://h/g"]);
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
    let found = parse(b"http://h/a\nhttp://h/b\n", &Origin::default(), &limits);
    assert_eq!((urls(&found.pages), found.truncated), (vec!["http://h/a"], true));
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
        let _ = parse(&body, &Origin::default(), &LIMITS);
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
        let found = read(&pieces.concat());
        prop_assert!(found.pages.len() + found.sitemaps.len() <= LIMITS.max_entries);
    }

    #[test]
    fn what_is_escaped_comes_out_as_it_was(addresses in prop::collection::vec("[!-~é]{1,30}", 0..5)) {
        let list: String = addresses
            .iter()
            .map(|address| format!("<url><loc>{}</loc></url>", quick_xml::escape::escape(address.as_str())))
            .collect();
        let found = read(&format!("<urlset>{list}</urlset>"));
        prop_assert_eq!(urls(&found.pages), addresses);
        prop_assert!(!found.truncated);
    }
}

fn first(body: &str) -> Entry {
    read(body).pages.into_iter().next().expect("there is one")
}

#[test]
fn fields_of_a_page() {
    let entry = first(
        "<urlset><url><loc>http://h/a</loc><lastmod> 2005-01-01T10:00+02:00\n</lastmod><changefreq>Monthly</changefreq>\
         <priority>0.8</priority></url></urlset>",
    );
    let day = parse_date("2005-01-01T08:00Z");
    assert_eq!((entry.lastmod.as_deref(), entry.modified), (Some("2005-01-01T10:00+02:00"), day));
    assert_eq!((entry.priority, entry.changefreq), (Some(0.8), Some(ChangeFrequency::Monthly)));
    let bare = first("<urlset><url><loc>http://h/a</loc><lastmod/><priority></priority></url></urlset>");
    assert_eq!(bare, Entry { url: "http://h/a".into(), ..Entry::default() });
    let odd = first("<urlset><url><lastmod>soon</lastmod><priority>0,3</priority><loc>a</loc></url></urlset>");
    assert_eq!((odd.lastmod.as_deref(), odd.modified, odd.priority), (Some("soon"), None, Some(0.3)));
}

#[test]
fn fields_of_extensions() {
    let entry = first(
        "<urlset xmlns:i='http://www.google.com/schemas/sitemap-image/1.1' xmlns:x='http://www.w3.org/1999/xhtml'><url>\
         <loc>http://h/a</loc><x:link rel='alternate' hreflang='de' href='/de?a&amp;b'/><x:link rel='alternate'/>\
         <i:image><i:loc>/1.png</i:loc><i:caption>c</i:caption></i:image><i:image><i:loc>/2.png</i:loc></i:image>\
         <video:video><video:thumbnail_loc>/t.png</video:thumbnail_loc><video:content_loc>/v.mp4</video:content_loc>\
         <video:player_loc allow_embed='yes'>/p</video:player_loc><video:title>no</video:title></video:video><news:news>\
         <news:publication><news:name>N</news:name><news:language>en</news:language></news:publication>\
         <news:publication_date>2008-12-23</news:publication_date><news:title>T</news:title></news:news></url></urlset>",
    );
    assert_eq!((entry.lastmod.as_deref(), entry.modified), (None, parse_date("2008-12-23")));
    let extras = *entry.extras.expect("some");
    assert_eq!(extras.images, ["/1.png", "/2.png", "/t.png"]);
    assert_eq!(extras.videos, ["/v.mp4", "/p"]);
    assert_eq!(extras.alternates, [Alternate { url: "/de?a&b".into(), hreflang: Some("de".into()) }]);
    let text = |text: &str| Some(text.to_owned());
    let news = News { name: text("N"), language: text("en"), publication_date: text("2008-12-23"), title: text("T") };
    assert_eq!(extras.news, Some(news));
}

#[test]
fn dates_of_feeds() {
    let date = |body: &str| first(body).lastmod.unwrap_or_default();
    let item = |inner: &str| format!("<rss><channel><item><link>http://h/</link>{inner}</item></channel></rss>");
    assert_eq!(date(&item("<dc:date>2002</dc:date><pubDate>7 Sep 2002</pubDate>")), "7 Sep 2002");
    assert_eq!(date(&item("<dc:date>2002</dc:date><author><pubDate>2</pubDate></author>")), "2002");
    let entry = |inner: &str| format!("<feed><entry><link href='http://h/'/>{inner}</entry></feed>");
    assert_eq!(date(&entry("<published>2001</published><updated>2002</updated>")), "2002");
    assert_eq!(date(&entry("<issued>2001</issued><created>2000</created>")), "2001");
    assert_eq!(date(&entry("<source><updated>2002</updated></source>")), "");
}

#[test]
fn addresses_of_feeds() {
    let item = |inner: &str| format!("<rss><channel><item>{inner}</item></channel></rss>");
    check_pages(&item("<guid>http://h/g</guid>"), &["http://h/g"]);
    check_pages(&item("<guid isPermaLink='false'>http://h/g</guid>"), &[]);
    check_pages(&item("<guid>4711</guid><link/>"), &[]);
    check_pages(&item("<link href='http://h/a'/>"), &["http://h/a"]);
    check_pages(
        "<rdf:RDF xmlns='http://my.netscape.com/rdf/simple/0.9/'><channel><link>http://h/</link></channel>\
         <item rdf:about='http://h/b'><title/></item></rdf:RDF>",
        &["http://h/b"],
    );
    let media = item(
        "<link>http://h/</link><enclosure url='/v.mp4' type='video/mp4'/><media:content medium='image' url='/i.png'/>",
    );
    let extras = first(&media).extras.expect("some");
    assert_eq!((extras.videos, extras.images), (vec!["/v.mp4".to_owned()], vec!["/i.png".to_owned()]));
}

#[test]
fn bases_of_feeds() {
    check_pages(
        "<feed xml:base='http://h/x/'><entry xml:base='y/'><link href='1'/></entry><entry><link href='2'/></entry>\
         <entry><link href='http://i/3'/></entry></feed>",
        &["http://h/x/y/1", "http://h/x/2", "http://i/3"],
    );
    check_pages(
        "<rss xml:base='/relative'><channel><item xml:base='http://h/'><link>a</link></item><item><link>b</link></item></channel></rss>",
        &["http://h/a", "b"],
    );
}

#[track_caller]
fn check_kind(body: &str, kind: &str) {
    assert_eq!(read(body).kind.as_str(), kind, "{body}");
}

#[test]
fn kinds() {
    check_kind("<urlset/>", "urlset");
    check_kind("<sitemapindex></sitemapindex>", "index");
    check_kind("http://h/a", "text");
    check_kind("<rss/>", "rss");
    check_kind("<feed/>", "atom");
    check_kind("<!DOCTYPE html><html><body>404", "html");
    check_kind("<!doctype html><p>Not found", "html");
    check_kind("<h1>Not found</h1>", "html");
    check_kind("", "none");
    check_kind("Not found", "none");
    check_kind("<svg/>", "none");
    check_kind("<br />\n<b>Warning</b>: x in <b>y</b>\n<?xml version='1.0'?><urlset/>", "urlset");
    check_kind("{\"urls\": []}", "none");
}

#[test]
fn what_is_not_closed_ends_where_the_next_begins() {
    check(
        "<urlset><url><loc>http://h/a<lastmod>2005</lastmod><url><loc>http://h/b</loc></url></urlset>",
        &["http://h/a", "http://h/b"],
        &[],
        false,
    );
    check_pages("<urlset><url><loc>http://h/a<url><loc>http://h/b</loc></url></urlset>", &["http://h/a", "http://h/b"]);
    check_pages(
        "<urlset><url><loc>http://h/a</loc><loc>http://h/b</loc></url></urlset>",
        &["http://h/a", "http://h/b"],
    );
}

#[test]
fn markup_that_is_not_well_formed() {
    check_pages("<?xml version=\"1.0\"><urlset><url><loc>http://h/a</loc></url></urlset>", &["http://h/a"]);
    check_pages("<urlset xmlns=http://x><url><loc>http://h/?a<1</loc></url></urlset>", &["http://h/?a<1"]);
    check_pages("<urlset a=\"x><url><loc>http://h/a</loc></url></urlset>", &["http://h/a"]);
    check_pages("<urlset><url><loc>http://h/a</loc</url></urlset>", &["http://h/a"]);
    check_pages("<urlset><url>< loc>http://h/b</loc></url></urlset>", &[]);
    check_pages("<urlset><url><loc\n>http://h/a</loc\t></url ></urlset>", &["http://h/a"]);
    check_pages("<urlset><url><loc>http://h/<!-- > -->a<?x > ?>b</loc></url></urlset>", &["http://h/ab"]);
    check_pages("<urlset><url><loc>http://h/a</loc></url></urlset></urlset>\0\0trailing", &["http://h/a"]);
    check_pages("<!DOCTYPE u [<!-- ]> ' --><!ENTITY a \"]>'\">]><urlset><url><loc>a</loc></url></urlset>", &["a"]);
}

#[test]
fn white_space_in_addresses() {
    check_pages("<urlset><url><loc>\n  http://h/a\n   /b\r\n\t/c d \n</loc></url></urlset>", &["http://h/a/b/c d"]);
}

#[track_caller]
fn check_defects(body: &str, expected: &[&str]) {
    let url = Url::parse("http://h/s/map.xml").expect("a URL");
    let found = parse(body.as_bytes(), &Origin { url: Some(&url), content_type: None }, &LIMITS);
    let kinds: Vec<&str> = found.defects.iter().map(|defect| defect.kind.as_str()).collect();
    assert_eq!(kinds, expected, "{body}");
}

/// Without defects but for those of `inner`.
fn list(inner: &str) -> String {
    format!("<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">{inner}</urlset>")
}

#[test]
fn defects() {
    let page = |inner: &str| list(&format!("<url><loc>http://h/s/a</loc>{inner}</url>"));
    let loc = |address: &str| list(&format!("<url><loc>{address}</loc></url>"));
    check_defects(&page("<lastmod>2005-01-01</lastmod><priority>1.0</priority><changefreq>never</changefreq>"), &[]);
    check_defects("http://h/s/a\n\n# more\nhttp://h/s/b\n", &[]);
    check_defects(&loc("http://h/s/?a&b"), &["unescaped-ampersand"]);
    check_defects(&loc("http://h/s/&eacute;"), &["unknown-entity"]);
    check_defects(&loc("http://h/s/?a&amp;amp;b"), &["double-escaped"]);
    check_defects(&loc("/s/a"), &["relative-address"]);
    check_defects(&list("<loc>http://h/s/a</loc>"), &["stray-address"]);
    check_defects(&loc("http://other/s/a"), &["other-host"]);
    check_defects(&loc("http://h/a"), &["outside-folder"]);
    check_defects(&loc("http://h:99999/"), &["invalid-address"]);
    check_defects(&loc("ftp://h/s/"), &["other-scheme"]);
    check_defects(&loc("http://h/s/é"), &["unencoded-address"]);
    check_defects(&loc(""), &["empty-address"]);
    check_defects(&loc(&format!("http://h/s/{}", "x".repeat(2048))), &["address-over-limit"]);
    check_defects(&loc(&"x".repeat(8193)), &["address-too-long"]);
    check_defects(&list("<url/>"), &["missing-address"]);
    check_defects(&page("<lastmod>yesterday</lastmod>"), &["invalid-lastmod"]);
    check_defects(&page("<priority>1.1</priority>"), &["priority-out-of-range"]);
    check_defects(&page("<priority>high</priority>"), &["invalid-priority"]);
    check_defects(&page("<changefreq>mothly</changefreq>"), &["invalid-changefreq"]);
    check_defects(&page("<LASTMOD>2005</LASTMOD>"), &["wrong-case"]);
    check_defects("<urlset/>", &["no-namespace"]);
    check_defects("<urlset xmlns='http://www.google.com/schemas/sitemap/0.84'/>", &["wrong-namespace"]);
    check_defects(&format!(" {}", list("")), &["stray-bytes"]);
    check_defects(&format!("{}x", list("")), &["trailing-content"]);
    check_defects(list("<url>").trim_end_matches("</urlset>"), &["truncated"]);
    check_defects(&list("<sitemap><loc>http://h/s/a</loc></sitemap>"), &["mixed-kinds"]);
    check_defects(&list("</url>"), &["mismatched-tag"]);
    check_defects(&format!("<!DOCTYPE x>{}", list("")), &["document-type"]);
    check_defects("", &["empty"]);
    check_defects("<html>", &["html"]);
    check_defects("Not found", &["not-an-address", "unrecognized"]);
}

#[test]
fn a_defect_says_where_and_how_often() {
    let found = read(&list("\n<url><loc>a?b&c</loc></url>\n<url><loc>a&b</loc></url>"));
    let defect = &found.defects[0];
    assert_eq!((defect.count, defect.line, defect.byte), (2, 2, 66));
    assert_eq!(defect.example.as_deref(), Some("a?b&c"));
}

/// What makes documents large, deep or slow: read in linear time, with nothing kept.
#[test]
fn hostile_documents_take_linear_time() {
    const N: usize = 1 << 20;
    let limits = Limits::default();
    for (name, start, piece) in [
        ("less-than", "", "<"),
        ("ampersands", "<urlset><url><loc>", "&"),
        ("references", "<urlset><url><loc>", "&x;"),
        ("nesting", "", "<a>"),
        ("end tags", "<urlset>", "</x>"),
        ("one tag", "<urlset ", "a='b' "),
        ("xmlns", "<urlset ", "xmlns:a='b' "),
        ("tags of attributes", "<urlset>", "<x a='1' b='2' c=3 d/>"),
        ("quotes", "<urlset>", "<x a=\">"),
        ("both quotes", "<urlset>", "<x a='><x a=\">"),
        ("name", "<", "a"),
        ("end name", "</", "a"),
        ("doctype", "<!DOCTYPE urlset [", "<!ENTITY a '&b;&b;'>"),
        ("doctype quotes", "<!DOCTYPE urlset [", "\""),
        ("comment", "<urlset><!--", "-"),
        ("comments", "<urlset>", "<!---->"),
        ("cdata", "<urlset><url><loc><![CDATA[", "]"),
        ("cdatas", "<urlset><url><loc>", "<![CDATA[]]>"),
        ("instruction", "<?", "?"),
        ("white space", "<urlset><url><loc>", " "),
        ("lines", "http://h/", "\n"),
        ("blanks", "", " "),
        ("one line", "http://h/", "x"),
        ("empty entries", "<urlset>", "<url/>"),
        ("empty addresses", "<urlset>", "<url><loc/></url>"),
        ("addresses", "<urlset><url>", "<loc>a</loc>"),
        ("alternates", "<urlset><url>", "<link rel='alternate' href='a'/>"),
        ("images", "<urlset><url><image:image>", "<image:loc>a</image:loc>"),
        ("open addresses", "<urlset><url>", "<loc>"),
        ("white space in addresses", "<urlset><url><loc>", "a\n"),
        ("value white space", "<urlset ", "a  "),
        ("equals", "<urlset ", "=\""),
    ] {
        let body = format!("{start}{}", piece.repeat(N / piece.len()));
        let started = Instant::now();
        let found = parse(body.as_bytes(), &Origin::default(), &limits);
        let took = started.elapsed();
        // A debug build on a busy machine reads some megabytes a second.
        assert!(took < Duration::from_secs(5), "{name}: {took:?} for 1 MiB");
        assert!(found.pages.len() <= limits.max_entries, "{name}");
    }
}

#[test]
fn what_is_kept_is_bounded() {
    let limits = Limits { max_entries: 1 << 20, max_decoded_bytes: 1 << 30 };
    let page = format!("<url><loc>{}</loc></url>", "x".repeat(8000));
    let found = parse(list(&page.repeat(6000)).as_bytes(), &Origin::default(), &limits);
    assert!(found.truncated && found.pages.len() * 8000 < MAX_KEPT_BYTES);
    let image = "<image:image><image:loc>a</image:loc></image:image>".repeat(1_000_000);
    let found = parse(list(&format!("<url><loc>a</loc>{image}</url>")).as_bytes(), &Origin::default(), &limits);
    let n_images = found.pages[0].extras.as_ref().map_or(0, |extras| extras.images.len());
    assert!(n_images > 100_000 && n_images * 48 <= MAX_KEPT_BYTES, "{n_images}");
}

/// The same text, read by quick-xml: names of elements, and text and its references.
fn by_quick_xml(text: &str) -> Option<String> {
    use quick_xml::{Reader, events::Event};
    let mut reader = Reader::from_str(text);
    let mut out = String::new();
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) => out.extend(["<", tag.name().as_ref(), ">"]),
            Event::Empty(tag) => out.extend(["<", tag.name().as_ref(), "/>"]),
            Event::End(tag) => out.extend(["</", tag.name().as_ref(), ">"]),
            Event::Text(text) => out.push_str(&text),
            Event::CData(text) => out.push_str(&text),
            Event::GeneralRef(name) => out.extend(["&", &name, ";"]),
            Event::Eof => return Some(out),
            _ => {}
        }
    }
}

fn by_tokens(text: &str) -> String {
    use tokens::Token;
    let mut tokens = tokens::Tokens::new(source::Source::new(text.as_bytes(), None, 1 << 20));
    let mut out = String::new();
    loop {
        match tokens.next() {
            Token::Open { tag, is_empty: false } => out.extend(["<", tokens::name_of(tag), ">"]),
            Token::Open { tag, is_empty: true } => out.extend(["<", tokens::name_of(tag), "/>"]),
            Token::Close(name) => out.extend(["</", name, ">"]),
            Token::Text(text) | Token::CData(text) => out.push_str(text),
            Token::DocType { .. } => {}
            Token::End { .. } => return out,
        }
    }
}

fn well_formed() -> impl Strategy<Value = String> {
    let attributes = prop::sample::select(vec!["", " a='1>2'", " b=\"'/\"", "\n c = '<' d=''", " e=\"&amp;\" "]);
    let leaf = prop::sample::select(vec![
        "text",
        " é ",
        "&amp;",
        "&x;",
        "<![CDATA[a]]]>",
        "<![CDATA[<b>&]]>",
        "<!-- <c> - ' -->",
        "<?pi <d> '?>",
        "<e/>",
        "<f g='/'/>",
        "]]",
        "-->",
        "\n",
    ])
    .prop_map(str::to_owned);
    leaf.prop_recursive(4, 40, 6, move |inner| {
        let name = prop::sample::select(vec!["a", "loc", "x:y", "é", "_1-2."]);
        (name, attributes.clone(), prop::collection::vec(inner, 0..6))
            .prop_map(|(name, attributes, inner)| format!("<{name}{attributes}>{}</{name}>", inner.concat()))
    })
}

proptest! {
    #[test]
    fn well_formed_documents_have_the_tokens_that_quick_xml_finds(inner in well_formed(), pad in 0..40_usize) {
        // Some of it lies on the seam of two chunks.
        let pad = " ".repeat(source::CHUNK_BYTES - 60 + pad);
        let text = format!("<?xml version=\"1.0\"?><!DOCTYPE r [<!ENTITY x \"]>\">]><r>{pad}{inner}</r>");
        if let Some(expected) = by_quick_xml(&text) {
            prop_assert_eq!(by_tokens(&text), expected, "{}", inner);
        }
    }
}
