//! The cabinet: one specimen of each oddity of the web, the same on every host that has a cabinet.
//!
//! A table. What a specimen's links lead to is written beside its markup and not derived from it,
//! because the [`super::Truth`] made from it is what checks those who do derive it.

/// A specimen.
#[derive(Debug)]
pub(super) struct Curio {
    /// Path and query, canonical.
    pub(super) path: &'static str,
    /// Whether the cabinet's index page links to it; the others are reached from a specimen.
    pub(super) listed: bool,
    /// What it does.
    pub(super) act: Act,
}

/// What a specimen does. In texts, `{here}` and `{next}` stand for the authority of its own host
/// and of the next one, `{NEXT}` for the latter in upper case.
#[derive(Debug)]
pub(super) enum Act {
    /// The page that links to all listed specimens, and out of the web.
    Index,
    /// A page with this markup in its body, in this encoding, with links that lead to these.
    Page { body: &'static str, links: &'static [Target], encoding: Encoding },
    /// This text, as `text/plain`.
    Plain(&'static str),
    /// This status, always.
    Status(u16),
    /// This status once, with a `Retry-After` of that many seconds, then a page.
    Once { status: u16, retry_after_s: Option<u32> },
    /// A redirect with this `Location`, leading there.
    Redirect { status: u16, location: &'static str, to: Target },
    /// 302 without a `Location`.
    Nowhere,
    /// A page that takes its time.
    Slow,
    /// A page whose body breaks off.
    Truncated,
    /// 200 with no body.
    Empty,
}

/// How a page's text becomes bytes, and how it says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// UTF-8 by header and meta.
    Utf8,
    /// windows-1252 by header alone.
    Windows1252Header,
    /// windows-1252 by meta alone.
    Windows1252Meta,
    /// Shift_JIS by meta alone.
    ShiftJis,
    /// UTF-16LE by byte order mark; the header says nothing.
    Utf16,
}

/// Where a link leads: a path (canonical), here or on the next host.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target {
    Here(&'static str),
    Next(&'static str),
}

use Act::{Empty, Index, Nowhere, Once, Page, Plain, Redirect, Slow, Status, Truncated};
use Target::{Here, Next};

const fn listed(path: &'static str, act: Act) -> Curio {
    Curio { path, listed: true, act }
}

const fn hidden(path: &'static str) -> Curio {
    Curio { path, listed: false, act: Page { body: "<p>Found.", links: &[], encoding: Encoding::Utf8 } }
}

const fn redirect(path: &'static str, status: u16, location: &'static str, to: Target) -> Curio {
    listed(path, Redirect { status, location, to })
}

const fn encoded(path: &'static str, encoding: Encoding, body: &'static str, links: &'static [Target]) -> Curio {
    listed(path, Page { body, links, encoding })
}

/// The link out of the web, on the index page. `.test` never resolves (RFC 6761).
pub(super) const ELSEWHERE: &str = "http://elsewhere.test/";
/// The index page's path.
pub(super) const INDEX: &str = "/curio/";

const MARKUP: &str = r##"
<A HREF='/curio/single-quoted' CLASS=x>single quotes, upper case</A>
<a href=/curio/unquoted>no quotes</a>
<a title="a > b" href="/curio/after-gt">a greater-than sign in an attribute</a>
<a href=" /curio/padded
">white space around</a>
<a href="/curio/list?page=2&amp;sort=a">an entity</a>
<a href="/curio/list?page=3&sort=a">a bare ampersand</a>
<a href="/curio/dup" href="/curio/dup-second">an attribute twice: the first counts</a>
<a href="dots/../././dotted">dot segments</a>
<a href="?page=4">a query alone</a>
<a href="#here">a fragment alone</a>
<a href="">nothing: the page itself</a>
<a href="http://{NEXT}/">an upper-case host</a>
<map name="m"><area href="/curio/area" alt="an area"></map>
<a href="mailto:nobody@vitro.test">mail</a> <a href="javascript:void(0)">a script</a>
<a href="tel:+49301234">a telephone</a> <a href="http://[not-a-host]/">no URL</a>
<!-- <a href="/curio/decoy-comment">commented out</a> -->
<script>document.write('<a href="/curio/decoy-script">in a script</a>');</script>
<textarea><a href="/curio/decoy-textarea">in a textarea</a></textarea>
<style>a::after { content: '<a href="/curio/decoy-style">' }</style>
<a name="here">no href</a>
<p>An unclosed <b>paragraph <a href="/curio/unclosed">and link
"##;

const BASE: &str = r#"<base href="/curio/deep/er/"><base href="/curio/decoy-base/">
<a href="../relative">up from the base</a> <a href="beside">beside</a>"#;

const PLAIN: &str = "Not markup: <a href=\"/curio/decoy-plain\">a link?</a> http://{here}/curio/decoy-text\n";

/// All specimens.
pub(super) const CURIOS: &[Curio] = &[
    listed(INDEX, Index),
    listed("/curio/204", Status(204)),
    listed("/curio/403", Status(403)),
    listed("/curio/404", Status(404)),
    listed("/curio/410", Status(410)),
    listed("/curio/500", Status(500)),
    listed("/curio/500-once", Once { status: 500, retry_after_s: None }),
    listed("/curio/503-once", Once { status: 503, retry_after_s: Some(1) }),
    listed("/curio/429-once", Once { status: 429, retry_after_s: Some(1) }),
    listed("/curio/slow", Slow),
    listed("/curio/truncated", Truncated),
    listed("/curio/empty", Empty),
    listed("/curio/plain.txt", Plain(PLAIN)),
    redirect("/curio/301-relative", 301, "landing", Here("/curio/landing")),
    redirect("/curio/302-absolute", 302, "http://{here}/curio/landing", Here("/curio/landing")),
    redirect("/curio/307-next-host", 307, "http://{next}/", Next("/")),
    redirect("/curio/308-fragment", 308, "/curio/landing#part", Here("/curio/landing")),
    redirect("/curio/chain-1", 301, "/curio/chain-2", Here("/curio/chain-2")),
    Curio {
        path: "/curio/chain-2",
        listed: false,
        act: Redirect { status: 302, location: "//{here}/curio/chain-3", to: Here("/curio/chain-3") },
    },
    Curio {
        path: "/curio/chain-3",
        listed: false,
        act: Redirect { status: 307, location: "http://{here}/curio/chain-end", to: Here("/curio/chain-end") },
    },
    hidden("/curio/chain-end"),
    redirect("/curio/loop-a", 302, "loop-b", Here("/curio/loop-b")),
    Curio {
        path: "/curio/loop-b",
        listed: false,
        act: Redirect { status: 302, location: "loop-a", to: Here("/curio/loop-a") },
    },
    listed("/curio/302-no-location", Nowhere),
    hidden("/curio/landing"),
    listed(
        "/curio/markup",
        Page {
            body: MARKUP,
            links: &[
                Here("/curio/single-quoted"),
                Here("/curio/unquoted"),
                Here("/curio/after-gt"),
                Here("/curio/padded"),
                Here("/curio/list?page=2&sort=a"),
                Here("/curio/list?page=3&sort=a"),
                Here("/curio/dup"),
                Here("/curio/dotted"),
                Here("/curio/markup?page=4"),
                Next("/"),
                Here("/curio/area"),
                Here("/curio/unclosed"),
            ],
            encoding: Encoding::Utf8,
        },
    ),
    hidden("/curio/single-quoted"),
    hidden("/curio/unquoted"),
    hidden("/curio/after-gt"),
    hidden("/curio/padded"),
    hidden("/curio/list?page=2&sort=a"),
    hidden("/curio/list?page=3&sort=a"),
    hidden("/curio/dup"),
    hidden("/curio/dotted"),
    hidden("/curio/markup?page=4"),
    hidden("/curio/area"),
    hidden("/curio/unclosed"),
    listed(
        "/curio/base",
        Page {
            body: BASE,
            links: &[Here("/curio/deep/relative"), Here("/curio/deep/er/beside")],
            encoding: Encoding::Utf8,
        },
    ),
    hidden("/curio/deep/relative"),
    hidden("/curio/deep/er/beside"),
    encoded(
        "/curio/escapes",
        Encoding::Utf8,
        r#"<a href="/curio/na%c3%afve">lower-case escapes</a> <a href="/curio/na%C3%AFve">upper-case</a>
<a href="/curio/na&iuml;ve">an entity</a> <a href="/%63urio/%7Etilde">escaped letters</a>"#,
        &[Here("/curio/na%C3%AFve"), Here("/curio/~tilde")],
    ),
    hidden("/curio/na%C3%AFve"),
    hidden("/curio/~tilde"),
    encoded(
        "/curio/windows-1252-header",
        Encoding::Windows1252Header,
        "<p>Crème brûlée – “fünf €”. <a href=\"/curio/café\">café</a>",
        &[Here("/curio/caf%C3%A9")],
    ),
    hidden("/curio/caf%C3%A9"),
    encoded(
        "/curio/windows-1252-meta",
        Encoding::Windows1252Meta,
        "<p>Žluťoučký – not that one. <a href=\"/curio/garçon\">garçon</a>",
        &[Here("/curio/gar%C3%A7on")],
    ),
    hidden("/curio/gar%C3%A7on"),
    encoded(
        "/curio/shift-jis",
        Encoding::ShiftJis,
        "<p>日本語のページです。<a href=\"/curio/日本\">日本</a>",
        &[Here("/curio/%E6%97%A5%E6%9C%AC")],
    ),
    hidden("/curio/%E6%97%A5%E6%9C%AC"),
    encoded(
        "/curio/utf-16",
        Encoding::Utf16,
        "<p>Šestnáct bitů. <a href=\"/curio/šest\">šest</a>",
        &[Here("/curio/%C5%A1est")],
    ),
    hidden("/curio/%C5%A1est"),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The table is written by hand; this is what keeps its two halves in step.
    #[test]
    fn every_link_leads_to_a_specimen_and_every_specimen_is_led_to() {
        let mut reached: Vec<&str> = CURIOS.iter().filter(|curio| curio.listed).map(|curio| curio.path).collect();
        for curio in CURIOS {
            let targets: &[Target] = match &curio.act {
                Page { links, .. } => links,
                Redirect { to, .. } => std::slice::from_ref(to),
                _ => &[],
            };
            for target in targets {
                if let Here(path) = target {
                    assert!(CURIOS.iter().any(|other| other.path == *path), "{path} does not exist");
                    reached.push(path);
                }
            }
        }
        for curio in CURIOS {
            assert!(reached.contains(&curio.path), "nothing leads to {}", curio.path);
        }
    }
}
