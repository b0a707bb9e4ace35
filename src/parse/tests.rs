//! Pages in, harvest out: a table of what the web serves, and bodies made to hurt.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use proptest::prelude::*;
use url::Url;

use super::*;

const PAGE_URL: &str = "https://example.org/dir/page.html?q=1";
const LIMITS: Limits = Limits { max_links: 1_000, max_meta_bytes: 200, max_text_bytes: 1_000 };

fn parse(body: &str) -> Page {
    parse_as(body.as_bytes(), Some("text/html; charset=utf-8"))
}

fn parse_as(body: &[u8], content_type: Option<&str>) -> Page {
    page(body, content_type, &Url::parse(PAGE_URL).unwrap(), &Options::new(LIMITS))
}

/// Everything there is to ask for.
fn everything(limits: Limits) -> Options {
    let kinds = KindSet::ALL;
    Options { kinds, max_link_text_bytes: 100, fragments: true, metadata: true, ..Options::new(limits) }
}

fn parse_all(body: &str) -> Page {
    page(body.as_bytes(), Some("text/html; charset=utf-8"), &Url::parse(PAGE_URL).unwrap(), &everything(LIMITS))
}

/// The references found in `body`, in order.
fn check(body: &str, expected: &[&str]) {
    let page = parse(body);
    let found: Vec<&str> = page.links.iter().map(|link| link.href.as_str()).collect();
    assert_eq!(found, expected, "{body}");
}

fn check_text(body: &str, expected: &str) {
    assert_eq!(parse(body).text.unwrap_or_default(), expected, "{body}");
}

#[test]
fn finds_links_wherever_browsers_have_them() {
    check("<a href=/a>x</a><A HREF='b' ReL=x>y<area href=\"c\">", &["/a", "b", "c"]);
    check("<a class=x href = /a title=y>x", &["/a"]);
    check("<a/href=/a/>", &["/a/"]);
    check("<a href>", &[""]);
    check("<a href=''>", &[""]);
    check("<a href=a href=b>", &["a"]);
    check("<a name=x>", &[]);
    check("<a href=a", &[]);
    check("</a href=a>", &[]);
    check("<ahref=a><abbr href=a><b href=a><ins cite=a>", &[]);
    check("<iframe src=/f></iframe><frame src=/g>", &["/f"]);
    check("<iframe src=/f><a href=/no></iframe><a href=/yes>", &["/f", "/yes"]);
    check("<noscript><a href=a></noscript><template><a href=b></template><a href=c>", &["a", "c"]);
    check("<select><option><a href=a></select>", &["a"]);
    check("<A\nHREF\n=\n\"a\nb\"\n>", &["a\nb"]);
    check("<a href='a'href='b'rel=c>", &["a"]);
}

#[test]
fn decodes_references_and_strips_their_ends() {
    check("<a href='/?a=1&amp;b=2&copy=3&amp'>", &["/?a=1&b=2&copy=3&"]);
    check("<a href=/&#x41;&#66;&eacute;>", &["/ABé"]);
    check("<a href='&nbsp;/a'>", &["\u{a0}/a"]);
    check("<a href=' \t\n/a b \u{1}'>", &["/a b"]);
    check("<a href='&#32;/a&#x20;'>", &["/a"]);
    check("<a href=\"/a\0b\">", &["/a\u{FFFD}b"]);
    check("<a href='/ü'>", &["/ü"]);
}

#[test]
fn leaves_out_what_is_not_markup() {
    check("<!-- <a href=a> --><a href=b>", &["b"]);
    check("<!--><a href=a>--><!---><a href=b><!-- --!><a href=c>", &["a", "b", "c"]);
    check("<!-- <!-- --><a href=a> -->", &["a"]);
    check("<!x <a href=a><a href=b>", &["b"]);
    check("<? <a href=a><a href=b>", &["b"]);
    check("<![CDATA[ <a href=a> ]]><a href=b>", &["b"]);
    check("<script><a href=a></script><a href=b>", &["b"]);
    check("<script><!-- <script> </script> <a href=a> --></script><a href=b>", &["b"]);
    check("<script>'</scripty>'<a href=a></SCRIPT\t><a href=b>", &["b"]);
    check("<script>x='</scr'+'ipt>';<a href=a></script x='<a href=c>'><a href=b>", &["b"]);
    for element in ["style", "textarea", "title", "xmp", "noembed", "noframes", "iframe"] {
        check(&format!("<{element}><a href=a></b></{element}x></{element}><a href=b>"), &["b"]);
    }
    check("<style/><a href=a></style><a href=b>", &["b"]);
    check("<title>&lt;/title><a href=a></title><a href=b>", &["b"]);
    check("<plaintext><a href=a></plaintext><a href=b>", &[]);
    check("<textarea><a href=a>", &[]);
    check("<p title='<a href=a>'><a href=b>", &["b"]);
    check("a < b <1 <> </> <a href=a>", &["a"]);
}

#[test]
fn svg_and_mathml_have_rules_of_their_own() {
    check("<svg><a href=a /><a xlink:href=b></a><a href=c xlink:href=d></svg>", &["a", "b", "c"]);
    check("<svg><title><a href=a></title><style><a href=b></style><script><a href=c></script></svg>", &["a", "b", "c"]);
    check("<svg/><title><a href=a></title><a href=b>", &["b"]);
    check("<svg><![CDATA[<a href=a>]]></svg><![CDATA[<a href=b>]]><a href=c>", &["c"]);
    check("<svg><foreignObject><style><a href=a></style></foreignObject><style><a href=b></style></svg>", &["b"]);
    check("<svg><g><div><style><a href=a></style><a href=b>", &["b"]);
    check("<div><svg><g></div><style><a href=a></style><a href=b>", &["b"]);
    check("<svg><font><style><a href=a></style></font><font size=1><style><a href=b></style>", &["a"]);
    check("<math><mi><style><a href=a></style></mi><style><a href=b></style></math>", &["b"]);
    check("<math><annotation-xml encoding=text/html><style><a href=a></style></math><a href=b>", &["b"]);
    check("<math><annotation-xml><style><a href=a></style></math>", &["a"]);
    check("<svg><iframe src=a></iframe><base href=b><area href=c><link rel=next href=d></svg>", &[]);
    assert_eq!(parse("<svg><title>icon</title></svg><title>page</title>").title.as_deref(), Some("page"));
}

#[test]
fn xhtml_closes_what_says_so() {
    let body = b"<script src='x'/><title/><a href='a'/><![CDATA[<a href='b'>]]><a href='c'/>";
    let hrefs = |page: Page| page.links.into_iter().map(|link| link.href).collect::<Vec<_>>();
    assert_eq!(hrefs(parse_as(body, Some("application/xhtml+xml"))), ["a", "c"]);
    assert_eq!(hrefs(parse_as(body, Some("text/html"))), [""; 0]);
}

#[test]
fn links_with_a_rel_that_names_a_document() {
    check("<link rel=next href=a><link rel='PREV x' href=b><link href=c rel=alternate>", &["a", "b", "c"]);
    check("<link rel=stylesheet href=a><link rel='alternate stylesheet' href=b><link rel=icon href=c>", &[]);
    check("<link rel=preload href=a><link rel=dns-prefetch href=//b><link href=c><link rel='' href=d>", &[]);
    check("<link rel=next>", &[]);
    assert_eq!(parse("<link rel=canonical href=a>").links[0].kind, LinkKind::Link);
}

#[test]
fn refreshes_lead_elsewhere() {
    check("<meta http-equiv=refresh content='0; url=/a'>", &["/a"]);
    check("<noscript><META CONTENT='1;URL=\"b&amp;c\"' HTTP-EQUIV=Refresh></noscript>", &["b&c"]);
    check("<meta http-equiv=refresh content=30><meta http-equiv=refresh><meta content='0;url=/a'>", &[]);
    check("<meta http-equiv=refresh content='0; url=javascript:x'>", &[]);
    assert_eq!(parse("<meta http-equiv=refresh content='0;a'>").links[0].kind, LinkKind::Refresh);
}

/// The links of every kind in `body`: what each is called and leads to.
fn check_kinds(body: &str, expected: &[(&str, &str)]) {
    let page = parse_all(body);
    let found: Vec<_> = page.links.iter().map(|link| (link.kind.as_str(), link.href.as_str())).collect();
    assert_eq!(found, expected, "{body}");
}

#[test]
fn every_kind_by_element_and_attribute() {
    check_kinds(
        "<body background=b><img src=a srcset='c 1x, d,e 2x,'><picture><source srcset=f></picture>\
         <video src=g poster=h><source src=i><track src=j></video><audio src=k></audio><bgsound src=l>\
         <object data=m></object><embed src=n><script src=o></script><input type=Image src=p><input src=no>",
        &[
            ("background", "b"),
            ("img", "a"),
            ("img", "c"),
            ("img", "d,e"),
            ("source", "f"),
            ("video", "g"),
            ("video", "h"),
            ("source", "i"),
            ("track", "j"),
            ("audio", "k"),
            ("audio", "l"),
            ("object", "m"),
            ("embed", "n"),
            ("script", "o"),
            ("input", "p"),
        ],
    );
    check_kinds(
        "<link rel=stylesheet href=a><link rel='shortcut icon' href=b><link rel=preload as=image href=c imagesrcset='d 1x'>\
         <link rel=manifest href=e><link rel=preconnect href=f><blockquote cite=g><q cite=h></q><ins cite=i><table background=j>",
        &[
            ("css", "a"),
            ("icon", "b"),
            ("preload", "c"),
            ("preload", "d"),
            ("preload", "e"),
            ("cite", "g"),
            ("cite", "h"),
            ("cite", "i"),
            ("background", "j"),
        ],
    );
    check_kinds(
        "<form action=a></form><form method=POST action=b></form><form method=dialog action=c></form><form action>x</form>\
         <form method=nonsense action=d><form action=nested></form><form action=e>",
        &[("form", "a"), ("form", ""), ("form", "d"), ("form", "e")],
    );
    check_kinds(
        "<svg><image href=a /><use xlink:href='b#c'/><feImage href=d /><script href=e /><img src=f></svg><image src=g>",
        &[("svg", "a"), ("svg", "b#c"), ("svg", "d"), ("script", "e"), ("img", "f"), ("img", "g")],
    );
    check_kinds(
        "<img src=''><script src></script><iframe src=' '></iframe><link rel=next href=''><img srcset=','>",
        &[],
    );
    check_kinds(
        "<img src='data:,x' srcset='data:,y 1x, a 2x'><a href='#x'><a href=blob:x><a href=about:x>",
        &[("img", "a"), ("a", "#x")],
    );
}

#[test]
fn frames_count_in_framesets_only() {
    check(
        "<frameset><frame src=a><frameset><FRAME src=b></frameset><a href=no><iframe src=no></frameset><a href=no>",
        &["a", "b"],
    );
    check("<head><title>x</title></head><noscript>no frames</noscript><frameset><frame src=a>", &["a"]);
    check("<html>\n<frameset><noframes><a href=no></noframes><frame src=a></frameset><noframes><a href=no>", &["a"]);
    check("<body><frameset><frame src=no></frameset><a href=a>", &["a"]);
    check("<p>x<frameset><frame src=no></frameset><a href=a>", &["a"]);
    check("<p><frameset><frame src=a></frameset>", &["a"]);
    check("<frame src=no><frameset><frame src=a></frameset>", &["a"]);
    check("<br><frameset><frame src=no></frameset>", &[]);
}

#[test]
fn templates_are_inert_unless_they_are_shadow_roots() {
    check(
        "<template><a href=a><template><a href=b></template><a href=c></template><a href=d></template><a href=e>",
        &["d", "e"],
    );
    check(
        "<template shadowrootmode=open><a href=a><template><a href=b></template><a href=c></template><a href=d>",
        &["a", "c", "d"],
    );
    check("<template><template shadowrootmode=open><a href=a></template></template>", &[]);
    let kinds = KindSet::NAVIGATION.union(KindSet::named("template").unwrap());
    let options = Options { kinds, ..Options::new(LIMITS) };
    let found = page(b"<template><a href=a></template>", None, &Url::parse(PAGE_URL).unwrap(), &options);
    assert_eq!(found.links.len(), 1);
}

/// The texts of the links in `body`.
fn check_link_texts(body: &str, expected: &[Option<&str>]) {
    let page = parse_all(body);
    let found: Vec<_> = page.links.iter().map(|link| link.text.as_deref()).collect();
    assert_eq!(found, expected, "{body}");
}

#[test]
fn links_have_the_text_that_people_read() {
    check_link_texts("<a href=a> Hello\n <b>wor</b>ld &amp; all </a> no", &[Some("Hello world & all")]);
    check_link_texts("<a href=a>x<a href=b>y</a>z</a>", &[Some("x"), Some("y")]);
    check_link_texts("<a href=a>x<a name=b>y</a>", &[Some("x")]);
    check_link_texts("<a href=a></a><a href=b> </a>", &[None, None]);
    check_link_texts("<a href=a><img src=b alt='c d'><img alt=e></a>", &[Some("c d e"), Some("c d")]);
    check_link_texts("<a href=a>x<img src=b alt=c></a>", &[Some("x"), Some("c")]);
    check_link_texts("<a href=a>x<script>no</script><style>no</style></a>", &[Some("x")]);
    check_link_texts("<ul><li><a href=a>x<li>y</ul>", &[Some("x")]);
    check_link_texts("<td><p><a href=a>x</p>y", &[Some("x")]);
    check_link_texts("<a href=a><div>x<p>y</p></div><br>z</a>no", &[Some("xyz")]);
    check_link_texts(
        "<area href=a alt=' b '><link rel=next href=c title=d><iframe src=e>no</iframe>",
        &[Some("b"), Some("d"), None],
    );
    check_link_texts("<svg><a href=a><title>x</title><text>y</text></a></svg>", &[Some("xy")]);
    check_link_texts("<a href=a>unclosed", &[Some("unclosed")]);
    check_link_texts(&format!("<a href=a>{}</a>", "é".repeat(1000)), &[Some(&"é".repeat(50))]);
    assert_eq!(parse("<a href=a rel=b>x</a>").links[0].text, None);
    assert_eq!(parse("<a href=a rel=b>x</a>").links[0].rel_text, None);
    let page = parse_all("<a href=a rel=' UGC\n sponsored'>x</a><a href='#b'>y</a><a href=c>");
    assert_eq!(page.links[0].rel_text.as_deref(), Some("UGC sponsored"));
    assert!(page.links[0].rel.ugc && page.links[0].rel.sponsored && !page.links[0].rel.nofollow);
    assert_eq!(page.links.iter().map(|link| link.position).collect::<Vec<_>>(), [0, 1, 2]);
    let positions: Vec<_> = parse("<a href=a><a href='#b'><a href=c>").links.iter().map(|l| l.position).collect();
    assert_eq!(positions, [0, 2]);
}

#[test]
fn metadata_is_kept_as_it_was_written() {
    let page = parse_all(
        "<meta property='og:title' content=' A\n B '><meta property='og:image' content=/i><meta name=Twitter:Card content=c>\
         <meta name=TDM-Reservation content=1><meta name=llm-policy content><meta name=viewport content=no>\
         <link rel=alternate hreflang=de href=/de><link rel=alternate hreflang=x-default href='ftp:x'><link rel=alternate href=f>\
         <script type='application/LD+json; charset=utf-8'> {\"a\": \"&lt;</b>\"} </script><script>no</script>\
         <meta http-equiv=refresh content='7; url=/r'><meta http-equiv=refresh content='0; url=/s'>\
         <meta http-equiv=content-language content=fr>",
    );
    let pair = |name: &str, content: &str| (name.to_owned(), content.to_owned());
    let metadata = &page.metadata;
    let graph = [pair("og:title", "A B"), pair("og:image", "/i"), pair("twitter:card", "c")];
    assert_eq!(metadata.open_graph, graph);
    assert_eq!(metadata.usage, [pair("tdm-reservation", "1"), pair("llm-policy", "")]);
    let german = Alternate { language: "de".to_owned(), url: "https://example.org/de".to_owned() };
    assert_eq!(metadata.alternates, [german]);
    assert_eq!(metadata.json_ld, [r#"{"a": "&lt;</b>"}"#]);
    assert!(!metadata.truncated);
    assert_eq!(page.refresh, Some(Refresh { seconds: 7, url: Some("https://example.org/r".to_owned()) }));
    assert_eq!(page.language.as_deref(), Some("fr"));
    assert_eq!(parse_all("<meta http-equiv=refresh content=9>").refresh, Some(Refresh { seconds: 9, url: None }));
    assert_eq!(parse_all("<template><meta property=og:a content=b></template>").metadata, Metadata::default());
}

#[test]
fn metadata_is_bounded() {
    let page = parse_all(
        &("<meta property=og:a content=b><meta name=rsl content=c><link rel=alternate hreflang=d href=e>\
           <script type=application/ld+json>{}</script>"
            .repeat(500)),
    );
    let metadata = page.metadata;
    assert_eq!((metadata.open_graph.len(), metadata.usage.len()), (MAX_META_PAIRS, MAX_META_PAIRS));
    assert_eq!((metadata.alternates.len(), metadata.json_ld.len()), (MAX_ALTERNATES, MAX_JSON_LD));
    assert!(metadata.truncated);
    let script = |n: usize| format!("<script type=application/ld+json>{}</script>", "1".repeat(n));
    let metadata = parse_all(&(script(MAX_JSON_LD_BYTES + 1) + &script(MAX_JSON_LD_BYTES) + &script(1))).metadata;
    assert_eq!(metadata.json_ld.iter().map(String::len).collect::<Vec<_>>(), [MAX_JSON_LD_BYTES]);
    let srcset = parse_all(&format!("<img srcset='{}'>", "a 1x, ".repeat(MAX_REFERENCE_BYTES)));
    assert_eq!((srcset.links.len(), srcset.links_truncated), (LIMITS.max_links, true));
}

#[test]
fn references_that_name_no_document_are_dropped() {
    check("<a href='#x'><a href='#'><a href=' #'><a href=x#y>", &["x#y"]);
    check("<a href=JavaScript:x><a href=' \u{1}java\tscr\nipt:x'><a href='javascript&colon;x'>", &[]);
    check("<a href=mailto:a@b><a href=TEL:1><a href=data:,x><iframe src='data:text/html,x'></iframe>", &[]);
    check(
        "<a href=data><a href=telephone:1><a href=mailto><a href=java/script:x>",
        &["data", "telephone:1", "mailto", "java/script:x"],
    );
}

#[test]
fn nofollow_and_kinds() {
    let page = parse("<a href=a rel='x NoFollow'><a href=b rel=nofollows><area href=c rel=nofollow><iframe src=d>");
    let found: Vec<_> = page.links.iter().map(|link| (link.href.as_str(), link.kind, link.rel.nofollow)).collect();
    assert_eq!(
        found,
        [
            ("a", LinkKind::A, true),
            ("b", LinkKind::A, false),
            ("c", LinkKind::Area, true),
            ("d", LinkKind::Iframe, false),
        ]
    );
}

#[test]
fn the_base_is_the_first_that_is_valid() {
    for (body, expected) in [
        ("", PAGE_URL),
        ("<base href=/x/><base href=/y/>", "https://example.org/x/"),
        ("<base target=_top><base href=' sub/ '>", "https://example.org/dir/sub/"),
        (
            "<base href='http://['><base href='data:,x'><base href='javascript:x'><base href=/y/>",
            "https://example.org/y/",
        ),
        ("<template><base href=/x/></template><svg><base href=/y/></svg><base href=/z/>", "https://example.org/z/"),
        ("<a href=x><p><base href=//other.example>", "https://other.example/"),
        ("<base href>", PAGE_URL),
    ] {
        assert_eq!(parse(body).base.as_str(), expected, "{body}");
    }
}

#[test]
fn a_fragment_alone_names_the_base() {
    check("<a href=a><a href='#x'><a href=b><a href='#y'><base href=/other>", &["a", "#x", "b"]);
    check("<a href='#x'><base href='page.html?q=1#z'>", &[]);
}

#[test]
fn the_head_describes_the_page() {
    let page = parse(
        "<!doctype html><html lang=' de-AT '><head><title> A &amp;\n <b>B</b> </title><title>C</title>\
         <meta name=Description content='  what\n it is '><meta name=description content=no>\
         <link rel=canonical href='?p=1'><link rel=canonical href='?p=2'><base href=/base/>\
         <meta name=ROBOTS content='NoIndex, nofollow,noindex'><meta name=dragline content='none noarchive'>\
         <meta name=robots content='unavailable_after: 25 Jun 2030, max-snippet:-1 x'><meta name=googlebot content=all>",
    );
    assert_eq!(page.title.as_deref(), Some("A & <b>B</b>"));
    assert_eq!(page.description.as_deref(), Some("what it is"));
    assert_eq!(page.language.as_deref(), Some("de-AT"));
    assert_eq!(page.canonical.as_deref(), Some("https://example.org/base/?p=1"));
    assert_eq!(
        page.robots,
        ["noindex", "nofollow", "none", "noarchive", "unavailable_after: 25 jun 2030", "max-snippet:-1 x"]
    );
    let bare =
        parse("<html lang=''><title> </title><title>late</title><meta name=robots><link rel=canonical href='foo:x'>");
    assert_eq!((bare.title, bare.language, bare.canonical), (None, None, None));
    assert!(bare.robots.is_empty());
    let inert =
        parse("<template><title>t</title><meta name=robots content=none><link rel=canonical href=a></template>");
    assert_eq!((inert.title, inert.robots.len(), inert.canonical), (None, 0, None));
}

#[test]
fn everything_kept_is_bounded_in_whole_characters() {
    let long = "é".repeat(1_000);
    let page = parse(&format!(
        "<html lang={long}><title>{long}</title><meta name=description content={long}>\
         <meta name=robots content='{long}'>{long}"
    ));
    let bounded = "é".repeat(LIMITS.max_meta_bytes / 2);
    assert_eq!(page.title.as_ref(), Some(&bounded));
    assert_eq!(page.description.as_ref(), Some(&bounded));
    assert_eq!(page.language.as_ref(), Some(&bounded));
    assert_eq!(page.robots, [bounded]);
    assert_eq!(page.text.unwrap(), "é".repeat(LIMITS.max_text_bytes / 2));

    let mut many = String::new();
    for i in 0..=LIMITS.max_links {
        write!(many, "<a href={i}><meta name=robots content=x{i}>").unwrap();
    }
    let page = parse(&many);
    assert_eq!((page.links.len(), page.links_truncated), (LIMITS.max_links, true));
    assert_eq!(page.robots.len(), MAX_ROBOTS_TOKENS);

    let fits = parse(&format!("<a href={}>", "a".repeat(MAX_REFERENCE_BYTES)));
    assert_eq!((fits.links.len(), fits.links_truncated), (1, false));
    let long = parse(&format!("<a href={}><a href=b>", "a".repeat(MAX_REFERENCE_BYTES + 1)));
    assert_eq!((long.links.len(), long.links_truncated), (1, true));
    assert!(!parse(&format!("<a href='data:,{}'>", "a".repeat(MAX_REFERENCE_BYTES))).links_truncated);
}

#[test]
fn visible_text_reads_like_the_page() {
    check_text("<title>no</title><h1>One</h1><p>two <b>th</b>ree\n\n four<br>five", "One\ntwo three four\nfive");
    check_text("a<script>no</script><style>no</style><template>no</template><noscript>no</noscript>b", "ab");
    check_text("<table><tr><td>a</td><td>b</td></tr><tr><td>c</table>", "a b\nc");
    check_text("a<svg><title>no</title><text>no</text></svg><textarea>no</textarea><iframe>no</iframe> b", "a b");
    check_text("a &lt; b &amp; c<é", "a < b & c<é");
    check_text("<xmp><b>x</b></xmp>y<plaintext><i>", "<b>x</b>\ny\n<i>");
    check_text("", "");
    let without = Limits { max_text_bytes: 0, ..LIMITS };
    assert_eq!(page(b"<p>x", None, &Url::parse(PAGE_URL).unwrap(), &Options::new(without)).text, None);
}

#[test]
fn text_is_decoded_before_it_is_read() {
    let utf16: Vec<u8> = "\u{FEFF}<a href=ü>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (body, content_type, name, href) in [
        (&utf16[..], Some("text/html; charset=latin1"), "UTF-16LE", "ü"),
        (b"<a href=\xFC>", Some("text/html; charset=iso-8859-1"), "windows-1252", "ü"),
        (b"<meta charset=shift_jis><a href=\x93\xFA>", None, "Shift_JIS", "日"),
        (b"<a href=\xFF\xFE>", Some("text/html; charset=utf-8"), "UTF-8", "\u{FFFD}\u{FFFD}"),
    ] {
        let page = parse_as(body, content_type);
        assert_eq!((page.charset.name(), page.links[0].href.as_str()), (name, href));
    }
}

/// Bodies made to be slow. All together take seconds even unoptimized and on a loaded machine; a
/// single quadratic one would take many minutes.
#[test]
fn hostile_bodies_take_linear_time() {
    const N: usize = 200_000;
    const PATIENCE: Duration = Duration::from_secs(60);
    let begin = Instant::now();
    let nested = |open: &str, close: &str| open.repeat(N / 8) + &close.repeat(N / 8);
    for body in [
        "<".repeat(N),
        "</".repeat(N),
        "<!".repeat(N),
        "<!--".repeat(N),
        "<!--->".repeat(N),
        "&".repeat(N),
        "&#".repeat(N),
        "&notit".repeat(N / 4),
        "\0".repeat(N),
        "<a ".repeat(N),
        "<a href=".repeat(N),
        "<a href='".repeat(N),
        "<a href=&amp;x>".repeat(N / 8),
        "<a b=c ".repeat(N),
        format!("<a {}>", "href=x ".repeat(N)),
        format!("<{}>", "a".repeat(N)),
        format!("<a {}=1>", "b".repeat(N)),
        format!("<a href={}>", "c".repeat(N)),
        format!("<script>{}", "</script".repeat(N / 8)),
        format!("<script><!--{}", "<script ".repeat(N / 8)),
        format!("<title>{}", "</titl>".repeat(N / 8)),
        format!("<textarea></{}", "t".repeat(N)),
        nested("<div>", "</div>"),
        nested("<svg>", "</svg>"),
        nested("<svg><foreignObject>", "</math>"),
        nested("<template>", "</template>"),
        "<base href=http://[>".repeat(N / 20),
        "<meta name=robots content='a b,c:d'>".repeat(N / 20),
        format!("<meta name=robots content='{}'>", "a ".repeat(N)),
        format!("<meta http-equiv=refresh content='{}'>", "0".repeat(N)),
        format!("<link href=a rel='{}'>", "next ".repeat(N)),
        format!("<meta {}", "charset= ".repeat(N)),
        "<![CDATA[".repeat(N / 8),
        format!("<img srcset='{}'>", "a 1x,".repeat(N / 4)),
        format!("<img srcset='{}'>", ",(".repeat(N)),
        "<img srcset='a (,b 1x, c 2x'>".repeat(N / 20),
        "<a href=x>x".repeat(N / 8),
        format!("<a href=x>{}", "<p>".repeat(N / 3)),
        format!("<a href=x>{}", "x ".repeat(N)),
        format!("<a href=x>{}", "<img alt=y>".repeat(N / 8)),
        "<script type=application/ld+json>{}</script>".repeat(N / 40),
        format!("<script type=application/ld+json>{}", "[".repeat(8 * N)),
        "<meta property=og:image content=x>".repeat(N / 20),
        format!("<meta property='{}' content=x>", "og:a ".repeat(N)),
        "<link rel=alternate hreflang=de href=x>".repeat(N / 20),
        "<frameset>".repeat(N / 8),
        "<template shadowrootmode=open>".repeat(N / 20),
        "<form action=x>".repeat(N / 8),
    ] {
        parse_as(body.as_bytes(), None);
        parse_all(&body);
        parse_as(body.as_bytes(), Some("application/xhtml+xml; charset=utf-8"));
        assert!(begin.elapsed() < PATIENCE, "too slow: {}…", &body[..body.len().min(40)]);
    }
}

/// What the random bodies are made of, besides random bytes.
const PIECES: [&[u8]; 29] = [
    b"<a href=",
    b"<meta name=robots content='",
    b"<meta http-equiv=refresh content='0;",
    b"<meta charset=",
    b"<base href=",
    b"<link rel=canonical href=",
    b"<svg>",
    b"<a href=",
    b"</a>",
    b"<img alt=x srcset='a 1x,",
    b"<template>",
    b"<frameset>",
    b"<frame src=",
    b"<script type=application/ld+json>",
    b"<meta property=og:title content=",
    b"<title>",
    b"</title>",
    b"<script>",
    b"<!--",
    b"-->",
    b"<![CDATA[",
    b"&am",
    b"&#x110000;",
    b"'",
    b">",
    b" ",
    b"\x1B$B",
    b"\xE6\x97",
    b"\xFF\xFE",
];

/// Bytes in which markup is likelier than by chance.
fn markup() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::sample::select(&PIECES[..]).prop_map(<[u8]>::to_vec);
    let piece = prop_oneof![pieces, prop::collection::vec(any::<u8>(), 0..6)];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_bytes_panic_and_all_bounds_hold(
        body in prop_oneof![markup(), prop::collection::vec(any::<u8>(), 0..300)],
        content_type in prop::option::of(prop_oneof![
            Just("text/html".to_owned()),
            Just("application/xhtml+xml".to_owned()),
            Just("text/html; charset=iso-2022-jp".to_owned()),
            "text/[a-z]{0,4};? ?charset ?=[\"']?.{0,6}",
            ".{0,20}",
        ]),
        max_links in 0_usize..4,
        max_meta_bytes in 0_usize..8,
        max_text_bytes in 0_usize..8,
        asks_for_all in any::<bool>(),
    ) {
        let limits = Limits { max_links, max_meta_bytes, max_text_bytes };
        let options = if asks_for_all { everything(limits) } else { Options::new(limits) };
        let url = Url::parse(PAGE_URL).unwrap();
        is_html(content_type.as_deref(), &body);
        let page = page(&body, content_type.as_deref(), &url, &options);
        prop_assert!(page.links.len() <= max_links);
        prop_assert!(page.title.is_none_or(|title| title.len() <= max_meta_bytes));
        prop_assert!(page.description.is_none_or(|description| description.len() <= max_meta_bytes));
        prop_assert!(page.language.is_none_or(|language| language.len() <= max_meta_bytes));
        prop_assert!(page.robots.iter().all(|token| token.len() <= max_meta_bytes));
        prop_assert!(page.text.is_none_or(|text| text.len() <= max_text_bytes));
        prop_assert!(!page.base.cannot_be_a_base());
        prop_assert!(page.links.is_sorted_by_key(|link| link.position));
        let described = |link: &Link| [&link.text, &link.rel_text].into_iter().flatten().all(|text| text.len() <= 100);
        prop_assert!(page.links.iter().all(described));
        let metadata = page.metadata;
        let pairs = || metadata.open_graph.iter().chain(&metadata.usage);
        prop_assert!(pairs().all(|(name, content)| name.len() <= max_meta_bytes && content.len() <= max_meta_bytes));
        prop_assert!(asks_for_all || metadata == Metadata::default());
    }
}

#[test]
fn a_long_base_is_not_taken() {
    let long = |n: usize| format!("<base href='/{}'><base href=/b/><a href=x>", "a".repeat(n));
    let room = MAX_BASE_BYTES - "https://example.org/".len();
    assert_eq!(parse(&long(room)).base.as_str().len(), MAX_BASE_BYTES);
    assert_eq!(parse(&long(room + 1)).base.as_str(), "https://example.org/b/");
    // What counts is what each link is joined with, not what was written.
    let escaped = format!("<base href='/{}/'>", "é".repeat(room / 5));
    assert_eq!(parse(&escaped).base.as_str(), PAGE_URL);
}

#[test]
fn what_the_head_refers_to_is_in_the_encoding_of_the_page() {
    let body =
        b"<base href='/\xE9?\xE9'><link rel=canonical href='?c=\xE9'><meta http-equiv=refresh content='1;?r=\xE9'>\
        <link rel=alternate hreflang=fr href='///h/?a=\xE9'>";
    let url = Url::parse(PAGE_URL).unwrap();
    let page = page(body, Some("text/html; charset=windows-1252"), &url, &everything(LIMITS));
    assert_eq!(page.base.as_str(), "https://example.org/%C3%A9?%E9");
    assert_eq!(page.canonical.as_deref(), Some("https://example.org/%C3%A9?c=%E9"));
    assert_eq!(page.refresh.and_then(|refresh| refresh.url).as_deref(), Some("https://example.org/%C3%A9?r=%E9"));
    assert_eq!(page.metadata.alternates[0].url, "https://h/?a=%E9");
}

#[test]
fn semicolons_separate_robots_tokens_but_not_values() {
    let robots = |content: &str| parse(&format!("<meta name=robots content='{content}'>")).robots;
    assert_eq!(robots("noindex;nofollow"), ["noindex", "nofollow"]);
    assert_eq!(robots(";; noindex ; ;nofollow;,noarchive none;"), ["noindex", "nofollow", "noarchive", "none"]);
    assert_eq!(robots("noindex;unavailable_after: 1;2, none"), ["noindex", "unavailable_after: 1;2", "none"]);
}

#[test]
fn a_refresh_that_leads_nowhere_is_passed_over() {
    let refresh = |contents: &[&str]| {
        let metas = contents.iter().map(|content| format!("<meta http-equiv=refresh content='{content}'>"));
        parse(&metas.collect::<String>()).refresh.map(|refresh| (refresh.seconds, refresh.url))
    };
    let to = |seconds, url: &str| Some((seconds, Some(url.to_owned())));
    assert_eq!(refresh(&["1;url=http://[", "2;url=/a", "3;url=/b"]), to(2, "https://example.org/a"));
    assert_eq!(refresh(&["1;url=javascript:x", "2;url=java\tscript:y", "3;///h/a"]), to(3, "https://h/a"));
    assert_eq!(refresh(&["1;url=http://[", "2", "3;url=/b"]), Some((2, None)));
    assert_eq!(refresh(&["1;url=http://["]), None);
    let many = vec!["1;url=http://["; MAX_REFRESHES];
    assert_eq!(refresh(&[&many[..], &["2"]].concat()), None);
}

#[test]
fn a_preloaded_image_needs_no_href() {
    let page =
        parse_all("<link rel=preload as=image imagesrcset='a 1x, b 2x'><link rel=stylesheet><link rel=canonical>");
    let found: Vec<_> = page.links.iter().map(|link| (link.kind, link.href.as_str())).collect();
    assert_eq!(found, [(LinkKind::Preload, "a"), (LinkKind::Preload, "b")]);
}

#[test]
fn the_text_of_an_anchor_is_not_that_of_a_template_in_it() {
    let texts = |body: &str, kinds| {
        let options = Options { kinds, ..everything(LIMITS) };
        let page = page(body.as_bytes(), None, &Url::parse(PAGE_URL).unwrap(), &options);
        page.links.into_iter().map(|link| link.text.unwrap_or_default().into_string()).collect::<Vec<_>>()
    };
    let anchors = KindSet::of(&[LinkKind::A]);
    assert_eq!(texts("<a href=x>a<template>b<img alt=i><a href=y>c</a><p>d</p></template>e</a>f", anchors), ["ae"]);
    assert_eq!(texts("<a href=x><template><img alt=i></template><img alt=j></a>", anchors), ["j"]);
    let with_templates = anchors.union(KindSet::named("template").unwrap());
    assert_eq!(texts("<template><a href=x>a<template>b</template>c</a></template>", with_templates), ["ac"]);
}
