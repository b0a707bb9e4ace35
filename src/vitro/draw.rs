//! The markup of pages: ready-made slices, copied.
//!
//! A page costs a few microseconds, because nothing is formatted: sentences, surroundings of links and parts of paths
//! are texts that exist, and what is rolled is which.

use super::{
    Naming,
    curio::Encoding,
    dice::{Dice, Purpose},
    map::Place,
    page::{self, Link, Spelling},
    prose::{self, Prose},
    sites::Sites,
};

/// The end of every page.
const FOOT: &str =
    "<footer><a href=\"/\">Start</a> <a href=\"mailto:nobody@vitro.test\">Write to us</a></footer>\n</body>\n</html>\n";

/// Who is asked, as absolute links on a page must write it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standpoint<'a> {
    pub(super) host: u32,
    /// The `Host` header as sent.
    pub(super) authority: &'a str,
    /// `:8080`, or nothing.
    pub(super) port: &'a str,
    /// How it was addressed, and others are.
    pub(super) naming: Naming,
}

impl Standpoint<'_> {
    /// Appends the authority of `host`.
    pub(super) fn write_authority(&self, sites: &Sites, host: u32, out: &mut String) {
        if host == self.host {
            out.push_str(self.authority);
        } else {
            sites.write_host(host, self.naming, out);
            out.push_str(self.port);
        }
    }

    /// Appends a link as it is spelled; `from_home` tells which base a relative one is resolved against.
    pub(super) fn write_href(&self, sites: &Sites, link: Link, from_home: bool, out: &mut String) {
        let write_path = |out: &mut String| link.place.write_path(sites.options.seed, link.host, out);
        match link.spelling {
            Spelling::Root => write_path(out),
            Spelling::Relative => {
                // Ordinary pages lie one folder deep, the home page lies at the root.
                out.push_str(if from_home { "." } else { ".." });
                write_path(out);
            }
            Spelling::Dots => {
                out.push_str("/x/..");
                write_path(out);
            }
            Spelling::Fragment => {
                write_path(out);
                out.push_str("#part");
            }
            Spelling::Absolute | Spelling::SchemeRelative => {
                let scheme = sites.scheme(link.host);
                let is_left_out = link.spelling == Spelling::SchemeRelative && scheme == sites.scheme(self.host);
                out.push_str(if is_left_out { "//" } else { scheme });
                self.write_authority(sites, link.host, out);
                write_path(out);
            }
            Spelling::Upper => {
                let start = out.len();
                out.push_str(sites.scheme(link.host));
                self.write_authority(sites, link.host, out);
                out[start..].make_ascii_uppercase();
                write_path(out);
            }
        }
    }
}

/// A link's surroundings: what comes before a sentence, between it and the link's address, and after the link.
type Block = [&'static str; 3];

const PARAGRAPH: Block = ["<p>", " <a href=\"", "</a></p>\n"];
const BLOCKS: [Block; 8] = [
    PARAGRAPH,
    PARAGRAPH,
    [
        "<ul class=\"list\"><li><em>Note:</em> ",
        "<ul><li><a class=\"ref\" href=\"",
        "</a></li><li>a &lt; b &amp;&amp; c &gt; d</li></ul></li></ul>\n",
    ],
    [
        "<div class=\"card\"><div class='body'><h3>",
        "</h3><p><a href=\"",
        "</a> &mdash; <time datetime=\"2026-01-05\">5&nbsp;January</time></div></div>\n",
    ],
    ["<blockquote><p>&ldquo;", "&rdquo; <cite><a rel=\"noopener\" href=\"", "</a></cite></p></blockquote>\n"],
    ["<table><tr><th scope=row>", "<td><a href=\"", "</a><td>&#8364;&#x20;12</table>\n"],
    ["<p>", " <strong><a href=\"", "</a></strong><br>&copy; 2026</p>\n"],
    ["<dl><dt>", "</dt><dd><a title=\"1 &gt; 0\" href=\"", "</a></dd></dl>\n"],
];

/// The markup of ordinary page `n`, and where in it the last link of its content ends.
pub(super) fn draw(sites: &Sites, prose: &Prose, at: Standpoint<'_>, n: u32, encoding: Encoding) -> (String, usize) {
    let options = &sites.options;
    let mut dice = Dice::new(options.seed, Purpose::PageText, at.host, n);
    let n_bytes = match options.page_bytes {
        mean if options.is_even => mean - mean / 3 + dice.below(2 * (mean / 3)),
        mean => dice.spread(mean),
    } as usize;
    let mut html = String::with_capacity(n_bytes + 1_000);
    let title = [prose::word(&mut dice), " &amp; ", prose::word(&mut dice)];

    open(&mut html, &title, encoding);
    html.push_str("<meta name=\"description\" content=\"");
    html.push_str(prose.sentence(&mut dice));
    html.push_str("\">\n<link rel=\"canonical\" href=\"");
    let own = Link { host: at.host, place: Place::Page(n), spelling: Spelling::Absolute };
    at.write_href(sites, own, n == 0, &mut html);
    html.push_str("\">\n</head>\n<body>\n<header><nav><a href=\"/\">Home</a></nav></header>\n<main><article><h1>");
    title.iter().for_each(|part| html.push_str(part));
    html.push_str("</h1>\n");
    let blocks: &[Block] = if options.is_even { &BLOCKS } else { &[PARAGRAPH] };
    page::visit_links(sites, at.host, n, |link| {
        let [before, between, after] = match blocks {
            [only] => only,
            blocks => dice.pick(blocks),
        };
        html.push_str(before);
        html.push_str(prose.sentence(&mut dice));
        html.push_str(between);
        at.write_href(sites, link, n == 0, &mut html);
        html.push_str("\">");
        html.push_str(prose::word(&mut dice));
        html.push_str(after);
    });
    let links_end = html.len();
    html.push_str("<section id=\"part\"><p>");
    while html.len() + FOOT.len() < n_bytes {
        html.push_str(prose.sentence(&mut dice));
        html.push_str(if dice.below(5) == 0 { "</p>\n<p>" } else { " " });
    }
    html.push_str("</p></section></article></main>\n");
    html.push_str(FOOT);
    (html, links_end)
}

/// A page around a ready-made body.
pub(super) fn frame(title: &str, body: &str, encoding: Encoding) -> String {
    let mut html = String::with_capacity(600 + body.len());
    open(&mut html, &[title], encoding);
    html.push_str("</head>\n<body>\n");
    html.push_str(body);
    html.push_str(FOOT);
    html
}

fn open(html: &mut String, title: &[&str], encoding: Encoding) {
    html.push_str("<!doctype html>\n<html lang=\"en\">\n<head>\n");
    html.push_str(match encoding {
        Encoding::Utf8 => "<meta charset=\"utf-8\">\n",
        Encoding::Windows1252Meta => "<meta http-equiv=\"Content-Type\" content=\"text/html; charset=windows-1252\">\n",
        Encoding::ShiftJis => "<meta charset=\"Shift_JIS\">\n",
        Encoding::Windows1252Header | Encoding::Utf16 => "",
    });
    html.push_str("<title>");
    title.iter().for_each(|part| html.push_str(part));
    html.push_str("</title>\n<link rel=\"stylesheet\" href=\"/style.css\">\n");
}
