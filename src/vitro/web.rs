//! From what is asked to what is answered. Pure: no clock, no sockets, no memory of earlier asks.

use std::{io::Write as _, time::Duration};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::{HeaderMap, HeaderValue, header};

use super::{
    Answer, Ask, Options, Role,
    curio::{Act, CURIOS, ELSEWHERE, Encoding},
    dice::{Dice, Purpose},
    map::Place,
    page::{self, Kind, Standpoint},
    prose::Prose,
    sites::Sites,
};

/// A web: all hosts, all pages, none of them stored.
#[derive(Debug)]
pub struct Web {
    pub(super) sites: Sites,
    prose: Prose,
}

impl Web {
    /// The web that `options` describe.
    pub fn new(options: Options) -> Self {
        let prose = Prose::new(options.seed);
        Self { sites: Sites::new(options), prose }
    }

    /// What it was made from.
    pub fn options(&self) -> &Options {
        &self.sites.options
    }

    /// How many hosts there are.
    pub fn n_hosts(&self) -> u32 {
        self.sites.n_hosts()
    }

    /// The name of host number `host`, below [`Web::n_hosts`]: `h1.vitro.test`.
    pub fn host_name(&self, host: u32) -> &str {
        self.sites.name(host)
    }

    /// What kind of site host number `host` is.
    pub fn role(&self, host: u32) -> Role {
        self.sites.role(host)
    }

    /// The home pages of all hosts, by name, as reached through `port`.
    pub fn seeds(&self, port: u16) -> Vec<String> {
        (0..self.n_hosts()).map(|host| self.url(port, host, Place::Page(0))).collect()
    }

    pub(super) fn url(&self, port: u16, host: u32, place: Place) -> String {
        // As canonical URLs have it: the default port is not written.
        let port = if port == 80 { String::new() } else { format!(":{port}") };
        format!("http://{}{port}{}", self.host_name(host), place.path(self.options().seed, host))
    }

    /// The answer to one request.
    pub fn answer(&self, ask: &Ask<'_>) -> Answer {
        let Some(at) = self.standpoint(ask.authority) else {
            return text(421, "no such host in this web\n");
        };
        let Some(place) = Place::find(&self.sites, at.host, ask.target) else {
            return text(404, "no such page\n");
        };
        if let Some(status) = ask.outage {
            return text(status, "out of order, as planned\n");
        }
        match place {
            Place::Page(n) => self.page(ask, at, n),
            Place::Curio(n) => self.curio(ask, at, n),
            Place::Private { open } => {
                let body = if open { "<h1>Notice</h1>" } else { "<h1>Not for crawlers</h1>" };
                html(200, &page::frame("Private", body, Encoding::Utf8), Encoding::Utf8)
            }
            Place::Trap(month) => self.trap(at, month),
            Place::Style => typed("text/css", "body { max-width: 42em; margin: auto }\n"),
            Place::Robots => self.robots(at),
            Place::RobotsMoved => self.robots_file(at),
            Place::SitemapRoot => typed("application/xml", self.sites.sitemap(at.host, None, at.authority)),
            Place::Sitemap(n) => {
                let xml = self.sites.sitemap(at.host, Some(n), at.authority);
                if n % 2 == 1 { typed("application/gzip", gzip(xml.as_bytes())) } else { typed("application/xml", xml) }
            }
        }
    }

    /// Whether an answer depends on [`Ask::attempt`].
    pub fn counts_attempts(&self, authority: &str, target: &str) -> bool {
        let Some(at) = self.standpoint(authority) else { return false };
        match Place::find(&self.sites, at.host, target) {
            Some(Place::Page(n)) => {
                matches!(page::kind(&self.sites, at.host, n), Kind::Once { .. } | Kind::Outage { .. })
            }
            Some(Place::Curio(n)) => matches!(CURIOS[n].act, Act::Once { .. }),
            _ => false,
        }
    }

    /// The outage that the first request for `target` begins, if it does: what status, and how many answers in
    /// a row have it.
    pub fn outage(&self, authority: &str, target: &str) -> Option<(u16, u32)> {
        let at = self.standpoint(authority)?;
        let Place::Page(n) = Place::find(&self.sites, at.host, target)? else { return None };
        match page::kind(&self.sites, at.host, n) {
            Kind::Outage { status, times } => Some((status, times)),
            _ => None,
        }
    }

    /// The number of the host that a `Host` header names.
    pub fn host_number(&self, authority: &str) -> Option<u32> {
        self.standpoint(authority).map(|at| at.host)
    }

    fn standpoint<'a>(&self, authority: &'a str) -> Option<Standpoint<'a>> {
        let (name, port) = match authority.rsplit_once(':') {
            Some((name, _)) => authority.split_at(name.len()),
            None => (authority, ""),
        };
        Some(Standpoint { host: self.sites.by_name(name)?, authority, port })
    }

    fn page(&self, ask: &Ask<'_>, at: Standpoint<'_>, n: u32) -> Answer {
        let options = self.options();
        let mut dice = Dice::new(options.seed, Purpose::PageText, at.host, n ^ u32::MAX);
        let (least, most) = options.latency;
        let mut delay = least + most.saturating_sub(least) * dice.below(1001) / 1000;
        let encoding = match dice.below(1000) < options.charset_permille {
            true => *dice.pick(&[Encoding::Windows1252Header, Encoding::Windows1252Meta]),
            false => Encoding::Utf8,
        };
        let zipped = dice.below(1000) < options.gzip_permille && ask.gzip;

        let kind = page::kind(&self.sites, at.host, n);
        let mut answer = match kind {
            Kind::Status(status) => text(status, "an error, as planned\n"),
            Kind::Once { status, retry_after_s } if ask.attempt == 0 => once(status, retry_after_s),
            Kind::Redirect { status, link } => {
                let mut location = String::new();
                at.write_href(&self.sites, link, false, &mut location);
                redirect(status, &location)
            }
            Kind::Plain | Kind::Slow | Kind::Truncated | Kind::Once { .. } | Kind::Outage { .. } => {
                let (markup, links_end) = page::draw(&self.sites, &self.prose, at, n, encoding);
                let mut answer = html(200, &markup, encoding);
                if kind == Kind::Truncated {
                    // A single-byte encoding is never longer than UTF-8, so this is past the links in both.
                    answer.cut_at =
                        Some((links_end + answer.body.len().saturating_sub(links_end) / 2).min(answer.body.len() - 1));
                } else if zipped {
                    answer = zip(answer);
                }
                answer
            }
        };
        if kind == Kind::Slow {
            delay += options.slow;
        }
        if answer.status == 200 && dice.below(1000) < options.cookie_permille {
            let cookie = HeaderValue::try_from(format!("page-{n}=read; Path=/")).expect("ASCII");
            answer.headers.insert(header::SET_COOKIE, cookie);
        }
        answer.delay = delay;
        answer
    }

    fn curio(&self, ask: &Ask<'_>, at: Standpoint<'_>, n: usize) -> Answer {
        let curio = &CURIOS[n];
        let found = |body: &str| html(200, &page::frame(curio.path, body, Encoding::Utf8), Encoding::Utf8);
        match &curio.act {
            Act::Index => found(&index()),
            Act::Page { body, encoding, .. } => {
                html(200, &page::frame("A curiosity", &self.fill(at, body), *encoding), *encoding)
            }
            Act::Plain(body) => typed("text/plain; charset=utf-8", self.fill(at, body)),
            Act::Status(204) => Answer { status: 204, ..empty() },
            Act::Status(status) => text(*status, "an error, as planned\n"),
            Act::Once { status, retry_after_s } if ask.attempt == 0 => once(*status, *retry_after_s),
            Act::Once { .. } => found("<p>Better now."),
            Act::Redirect { status, location, .. } => redirect(*status, &self.fill(at, location)),
            Act::Nowhere => text(302, "but where to?\n"),
            Act::Slow => Answer { delay: self.options().slow, ..found("<p>Thank you for waiting.") },
            Act::Truncated => {
                let answer = found("<p>There is an end that you will not read.");
                Answer { cut_at: Some(answer.body.len() / 2), ..answer }
            }
            Act::Empty => empty(),
        }
    }

    /// Puts hosts' names where a specimen's text leaves room for them.
    fn fill(&self, at: Standpoint<'_>, text: &str) -> String {
        let mut next = String::new();
        at.write_authority(&self.sites, (at.host + 1) % self.n_hosts(), &mut next);
        text.replace("{here}", at.authority).replace("{NEXT}", &next.to_ascii_uppercase()).replace("{next}", &next)
    }

    fn trap(&self, at: Standpoint<'_>, month: u32) -> Answer {
        let path = |month| Place::Trap(month).path(self.options().seed, at.host);
        let (before, after) = (path(month.saturating_sub(1)), path(month + 1));
        let body = format!("<a href=\"{before}\">previous month</a> <a href=\"{after}\">next month</a>");
        html(200, &page::frame("Calendar", &body, Encoding::Utf8), Encoding::Utf8)
    }

    fn robots(&self, at: Standpoint<'_>) -> Answer {
        match self.role(at.host) {
            Role::Moved => redirect(301, "/robots-moved.txt"),
            Role::Closed => text(503, "closed\n"),
            _ => self.robots_file(at),
        }
    }

    fn robots_file(&self, at: Standpoint<'_>) -> Answer {
        self.sites
            .robots_txt(at.host, at.authority)
            .map_or_else(|| text(404, "no such page\n"), |body| typed("text/plain; charset=utf-8", body))
    }
}

/// The body of the cabinet's index page.
fn index() -> String {
    let mut body = String::from("<h1>Curiosities</h1>\n<ul>\n");
    for curio in CURIOS.iter().filter(|curio| curio.listed) {
        body.push_str(&format!("<li><a href=\"{0}\">{0}</a></li>\n", curio.path));
    }
    body.push_str(&format!("</ul>\n<a href=\"{ELSEWHERE}\">the rest of the world</a>\n"));
    body
}

fn empty() -> Answer {
    Answer { status: 200, headers: HeaderMap::new(), body: Bytes::new(), delay: Duration::ZERO, cut_at: None }
}

fn typed(content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Answer { body: body.into(), ..empty() };
    answer.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

fn text(status: u16, body: &'static str) -> Answer {
    Answer { status, ..typed("text/plain; charset=utf-8", body) }
}

fn once(status: u16, retry_after_s: Option<u32>) -> Answer {
    let mut answer = text(status, "not now, ask again\n");
    if let Some(seconds) = retry_after_s {
        answer.headers.insert(header::RETRY_AFTER, seconds.into());
    }
    answer
}

fn redirect(status: u16, location: &str) -> Answer {
    let mut answer = text(status, "moved\n");
    // Locations are made of ASCII, except for what a client sent as its Host; that one gets an answer without.
    if let Ok(location) = HeaderValue::from_str(location) {
        answer.headers.insert(header::LOCATION, location);
    }
    answer
}

fn html(status: u16, markup: &str, encoding: Encoding) -> Answer {
    let (content_type, body) = match encoding {
        Encoding::Utf8 => ("text/html; charset=utf-8", markup.as_bytes().to_vec()),
        Encoding::Windows1252Header => {
            ("text/html; charset=windows-1252", encoding_rs::WINDOWS_1252.encode(markup).0.into_owned())
        }
        Encoding::Windows1252Meta => ("text/html", encoding_rs::WINDOWS_1252.encode(markup).0.into_owned()),
        Encoding::ShiftJis => ("text/html", encoding_rs::SHIFT_JIS.encode(markup).0.into_owned()),
        Encoding::Utf16 => {
            let units = std::iter::once(0xFEFF).chain(markup.encode_utf16());
            ("text/html", units.flat_map(u16::to_le_bytes).collect())
        }
    };
    Answer { status, ..typed(content_type, body) }
}

fn zip(answer: Answer) -> Answer {
    let mut answer = Answer { body: gzip(&answer.body).into(), ..answer };
    answer.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    answer.headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    answer
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 3), Compression::fast());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("writing to memory can't fail")
}
