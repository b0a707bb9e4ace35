//! Pages: what kind each is, where its links lead, and its markup.
//!
//! [`links`] is what the truth follows and what the markup is written from; the spelling of a link
//! never changes where it leads.

use super::{
    curio::Encoding,
    dice::{Dice, Purpose},
    map::Place,
    prose::{self, Prose},
    sites::{ARITY, Sites},
};
use crate::vitro::Role;

/// What an ordinary page does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    /// Answers with this status, always.
    Status(u16),
    /// Answers with this status once, with that `Retry-After`.
    Once {
        status: u16,
        retry_after_s: Option<u32>,
    },
    /// Leads to an inner page, which is always plain.
    Redirect {
        status: u16,
        link: Link,
    },
    Slow,
    Truncated,
    /// The first request for it begins an outage of its host: so many answers have this status.
    Outage {
        status: u16,
        times: u32,
    },
}

/// A link to a place, and how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) host: u32,
    pub(super) place: Place,
    pub(super) spelling: Spelling,
}

/// How a link is written. The first four are for links on one host only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// `/a/b.html`
    Root,
    /// `../a/b.html`
    Relative,
    /// `/x/../a/./b.html`
    Dots,
    /// `/a/b.html#part`
    Fragment,
    /// `http://host/a/b.html`
    Absolute,
    /// `//host/a/b.html`
    SchemeRelative,
    /// `HTTP://HOST/a/b.html`
    Upper,
}

/// Most answers in a row that an outage spoils.
const MAX_OUTAGE: u32 = 4;

const OWN_SPELLINGS: [Spelling; 12] = [
    Spelling::Root,
    Spelling::Root,
    Spelling::Root,
    Spelling::Root,
    Spelling::Root,
    Spelling::Relative,
    Spelling::Relative,
    Spelling::Dots,
    Spelling::Fragment,
    Spelling::Absolute,
    Spelling::SchemeRelative,
    Spelling::Upper,
];
const OTHER_SPELLINGS: [Spelling; 4] =
    [Spelling::Absolute, Spelling::Absolute, Spelling::SchemeRelative, Spelling::Upper];

/// The kind of page `n` of `host`.
pub(super) fn kind(sites: &Sites, host: u32, n: u32) -> Kind {
    let is_leaf = n >= sites.n_inner(host) && n < sites.size(host);
    if !is_leaf || sites.role(host) == Role::Patient {
        return Kind::Plain;
    }
    let options = &sites.options;
    let mut dice = Dice::new(options.seed, Purpose::PageKind, host, n);
    let mut roll = dice.below(1000);
    let mut falls_in = |share: u32| {
        let inside = roll < share;
        roll = roll.saturating_sub(share);
        inside
    };
    if falls_in(options.error_permille) {
        return *dice.pick(&[
            Kind::Status(404),
            Kind::Status(410),
            Kind::Status(500),
            Kind::Once { status: 500, retry_after_s: None },
        ]);
    }
    if falls_in(options.redirect_permille) {
        let status = *dice.pick(&[301, 302, 307, 308]);
        return Kind::Redirect { status, link: roll_link(sites, host, &mut dice, Sites::n_inner) };
    }
    if falls_in(options.slow_permille) {
        return Kind::Slow;
    }
    if falls_in(options.truncated_permille) {
        return Kind::Truncated;
    }
    if falls_in(options.retry_after_permille) {
        return Kind::Once { status: 503, retry_after_s: Some(options.retry_after_s) };
    }
    if falls_in(options.outage_permille) {
        return Kind::Outage { status: *dice.pick(&[502, 503, 504]), times: 1 + dice.below(MAX_OUTAGE) };
    }
    // Of what is nothing else, so that half of all leaves are slow unless many are something else.
    if host < options.sluggish_hosts && falls_in(500) {
        return Kind::Slow;
    }
    Kind::Plain
}

/// Where the links of page `n` lead, in document order, repetitions included.
pub(super) fn links(sites: &Sites, host: u32, n: u32) -> Vec<Link> {
    let mut links = Vec::with_capacity(16 + 2 * sites.options.links_per_page as usize);
    let mut dice = Dice::new(sites.options.seed, Purpose::PageLinks, host, n);
    let size = sites.size(host);
    if n < sites.n_inner(host) {
        let first = n * ARITY + 1;
        for child in first..first.saturating_add(ARITY).min(size) {
            links.push(Link { host, place: Place::Page(child), spelling: *dice.pick(&OWN_SPELLINGS) });
        }
    }
    if n == 0 {
        let mut push = |place| links.push(Link { host, place, spelling: Spelling::Root });
        if sites.has_curios(host) {
            push(Place::find(sites, host, super::curio::INDEX).expect("a host with curios has their index"));
        }
        if sites.has_private(host) {
            push(Place::Private { open: false });
            push(Place::Private { open: true });
        }
        if sites.has_trap(host) {
            push(Place::Trap(12 * 26 + 10));
        }
    }
    for _ in 0..dice.below(2 * sites.options.links_per_page + 1) {
        links.push(roll_link(sites, host, &mut dice, Sites::size));
    }
    links
}

/// A link to one of the first `n_pages(host)` pages of this or another host.
fn roll_link(sites: &Sites, host: u32, dice: &mut Dice, n_pages: fn(&Sites, u32) -> u32) -> Link {
    let n_hosts = sites.n_hosts();
    let goes_out = dice.below(1000) < sites.options.cross_host_permille && n_hosts > 1;
    let to = match dice.low_below(n_hosts) {
        _ if !goes_out => host,
        other if other == host => (host + 1) % n_hosts,
        other => other,
    };
    let spellings: &[Spelling] = if goes_out { &OTHER_SPELLINGS } else { &OWN_SPELLINGS };
    Link { host: to, place: Place::Page(dice.low_below(n_pages(sites, to))), spelling: *dice.pick(spellings) }
}

/// Who is asked, as absolute links on a page must write it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standpoint<'a> {
    pub(super) host: u32,
    /// The `Host` header as sent.
    pub(super) authority: &'a str,
    /// `:8080`, or nothing.
    pub(super) port: &'a str,
}

impl Standpoint<'_> {
    /// Appends the authority of `host`.
    pub(super) fn write_authority(&self, sites: &Sites, host: u32, out: &mut String) {
        if host == self.host {
            out.push_str(self.authority);
        } else {
            out.push_str(sites.name(host));
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
                out.push_str(if link.spelling == Spelling::Absolute { "http://" } else { "//" });
                self.write_authority(sites, link.host, out);
                write_path(out);
            }
            Spelling::Upper => {
                out.push_str("HTTP://");
                let start = out.len();
                self.write_authority(sites, link.host, out);
                out[start..].make_ascii_uppercase();
                write_path(out);
            }
        }
    }
}

/// The markup of ordinary page `n`, and where in it the last link of its content ends.
pub(super) fn draw(sites: &Sites, prose: &Prose, at: Standpoint<'_>, n: u32, encoding: Encoding) -> (String, usize) {
    let seed = sites.options.seed;
    let mut dice = Dice::new(seed, Purpose::PageText, at.host, n);
    let n_bytes = dice.spread(sites.options.page_bytes) as usize;
    let links = links(sites, at.host, n);
    let mut html = String::with_capacity(n_bytes + 1_000 + 200 * links.len());
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
    for link in links {
        html.push_str("<p>");
        html.push_str(prose.sentence(&mut dice));
        html.push_str(" <a href=\"");
        at.write_href(sites, link, n == 0, &mut html);
        html.push_str("\">");
        html.push_str(prose::word(&mut dice));
        html.push_str("</a></p>\n");
    }
    let links_end = html.len();
    html.push_str("<section id=\"part\"><p>");
    while html.len() < n_bytes {
        html.push_str(prose.sentence(&mut dice));
        html.push_str(if dice.below(5) == 0 { "</p>\n<p>" } else { " " });
    }
    html.push_str("</p></section></article></main>\n");
    close(&mut html);
    (html, links_end)
}

/// A page around a ready-made body.
pub(super) fn frame(title: &str, body: &str, encoding: Encoding) -> String {
    let mut html = String::with_capacity(600 + body.len());
    open(&mut html, &[title], encoding);
    html.push_str("</head>\n<body>\n");
    html.push_str(body);
    close(&mut html);
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

fn close(html: &mut String) {
    html.push_str("<footer><a href=\"/\">Start</a> <a href=\"mailto:nobody@vitro.test\">Write to us</a></footer>\n");
    html.push_str("</body>\n</html>\n");
}
