//! From what is asked to what is answered. Pure: no clock, no sockets, no memory of earlier asks.

use std::net::Ipv4Addr;

use http::{HeaderValue, header};

use super::{
    Answer, Ask, Coding, Form, Naming, Options, Role,
    answers::{empty, html, once, redirect, text, typed},
    coding,
    curio::{Act, CURIOS, ELSEWHERE, Encoding},
    dice::{Dice, Purpose},
    draw::{self, Standpoint},
    map::Place,
    page::{self, Kind},
    prose::Prose,
    sites::Sites,
};

/// A web: all hosts, all pages, none of them stored.
#[derive(Debug)]
pub struct Web {
    pub(super) sites: Sites,
    prose: Prose,
}

/// What a request is for: looked up once, and then everything about it is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot<'a> {
    at: Standpoint<'a>,
    /// Nothing, if there is no such place on this host.
    place: Option<Place>,
    /// Of an ordinary page.
    kind: Option<Kind>,
}

impl Spot<'_> {
    pub(super) fn host(&self) -> u32 {
        self.at.host
    }

    /// Whether an answer depends on [`Ask::attempt`].
    pub(super) fn counts_attempts(&self) -> bool {
        match self.place {
            Some(Place::Curio(n)) => matches!(CURIOS[n].act, Act::Once { .. }),
            _ => matches!(self.kind, Some(Kind::Once { .. } | Kind::Outage { .. })),
        }
    }

    /// The outage that the first request for it begins, if it does: what status, and how many answers in
    /// a row have it.
    pub(super) fn outage(&self) -> Option<(u16, u32)> {
        match self.kind {
            Some(Kind::Outage { status, times }) => Some((status, times)),
            _ => None,
        }
    }
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

    /// What holds for host number `host`: the options, and exceptions from them.
    pub fn options_of(&self, host: u32) -> &Options {
        self.sites.of(host)
    }

    /// Whether some host is asked over TLS.
    pub fn is_secure(&self) -> bool {
        self.sites.any_secure()
    }

    /// How many hosts there are.
    pub fn n_hosts(&self) -> u32 {
        self.sites.n_hosts()
    }

    /// The name of host number `host`, below [`Web::n_hosts`]: `h1.vitro.test`.
    pub fn host_name(&self, host: u32) -> &str {
        self.sites.name(host)
    }

    /// The number of the host at this address: 0 at 127.0.0.1, 1 at 127.0.0.2, and so on.
    pub fn host_at(&self, address: Ipv4Addr) -> Option<u32> {
        self.sites.by_address(address)
    }

    /// What kind of site host number `host` is.
    pub fn role(&self, host: u32) -> Role {
        self.sites.role(host)
    }

    /// The home pages of all hosts, by name, as reached through `port`.
    pub fn seeds(&self, port: u16) -> Vec<String> {
        let form = Form::names(port);
        (0..self.n_hosts()).map(|host| self.home(form, host)).collect()
    }

    /// The home page of a host.
    pub fn home(&self, form: Form, host: u32) -> String {
        self.url(form, host, Place::Page(0))
    }

    pub(super) fn url(&self, form: Form, host: u32, place: Place) -> String {
        let scheme = self.sites.scheme(host);
        let mut url = String::with_capacity(80);
        url.push_str(scheme);
        self.sites.write_host(host, form.naming, &mut url);
        // As canonical URLs have it: the default port is not written.
        if form.port != if scheme == "http://" { 80 } else { 443 } {
            url.push_str(&format!(":{}", form.port));
        }
        place.write_path(self.options().seed, host, &mut url);
        url
    }

    /// The answer to one request.
    pub fn answer(&self, ask: &Ask<'_>) -> Answer {
        self.answer_at(ask, self.locate(ask.authority, ask.target))
    }

    /// What a request is for; nothing, if for no host of this web.
    pub(super) fn locate<'a>(&self, authority: &'a str, target: &str) -> Option<Spot<'a>> {
        let at = self.standpoint(authority)?;
        let place = Place::find(&self.sites, at.host, target);
        let kind = match place {
            Some(Place::Page(n)) => Some(page::kind(&self.sites, at.host, n)),
            _ => None,
        };
        Some(Spot { at, place, kind })
    }

    pub(super) fn answer_at(&self, ask: &Ask<'_>, spot: Option<Spot<'_>>) -> Answer {
        let Some(spot) = spot else {
            return text(421, "no such host in this web\n");
        };
        let options = self.sites.of(spot.at.host);
        Answer { bandwidth: options.bandwidth, closes: options.closes, ..self.content(ask, spot) }
    }

    fn content(&self, ask: &Ask<'_>, Spot { at, place, kind }: Spot<'_>) -> Answer {
        if ask.is_secure != self.sites.of(at.host).is_secure {
            return text(421, "this host is asked by the other scheme, http or https\n");
        }
        let Some(place) = place else {
            return text(404, "no such page\n");
        };
        if let Some(status) = ask.outage {
            return text(status, "out of order, as planned\n");
        }
        match place {
            Place::Page(n) => self.page(ask, at, n, kind.unwrap_or(Kind::Plain)),
            Place::Curio(n) => self.curio(ask, at, n),
            Place::Private { open } => {
                let body = if open { "<h1>Notice</h1>" } else { "<h1>Not for crawlers</h1>" };
                html(200, draw::frame("Private", body, Encoding::Utf8), Encoding::Utf8)
            }
            Place::Trap(month) => self.trap(at, month),
            Place::Style => typed("text/css", "body { max-width: 42em; margin: auto }\n"),
            Place::Robots => self.robots(at),
            Place::RobotsMoved => self.robots_file(at),
            Place::SitemapRoot => typed("application/xml", self.sites.sitemap(at.host, None, at.authority)),
            Place::Sitemap(n) => {
                let xml = self.sites.sitemap(at.host, Some(n), at.authority);
                match n % 2 {
                    1 => typed("application/gzip", coding::compress(xml.as_bytes(), Coding::Gzip)),
                    _ => typed("application/xml", xml),
                }
            }
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
        let naming = if name.starts_with("127.") { Naming::Addresses } else { Naming::Names };
        Some(Standpoint { host: self.sites.by_name(name)?, authority, port, naming })
    }

    fn page(&self, ask: &Ask<'_>, at: Standpoint<'_>, n: u32, kind: Kind) -> Answer {
        let options = self.sites.of(at.host);
        let mut dice = Dice::new(options.seed, Purpose::PageText, at.host, n ^ u32::MAX);
        let mut delay = options.latency.roll(&mut dice);
        let encoding = match dice.below(1000) < options.charset_permille {
            true => *dice.pick(&[Encoding::Windows1252Header, Encoding::Windows1252Meta]),
            false => Encoding::Utf8,
        };
        let is_coded = dice.below(1000) < options.coded_permille && coding::is_accepted(ask.accepts, options.coding);

        let mut answer = match kind {
            Kind::Status(status) => text(status, "an error, as planned\n"),
            Kind::Once { status, retry_after_s } if ask.attempt == 0 => once(status, retry_after_s),
            Kind::Redirect { status, link } => {
                let mut location = String::new();
                at.write_href(&self.sites, link, false, &mut location);
                redirect(status, &location)
            }
            Kind::Plain | Kind::Slow | Kind::Truncated | Kind::Once { .. } | Kind::Outage { .. } => {
                let (markup, links_end) = draw::draw(&self.sites, &self.prose, at, n, encoding);
                let mut answer = html(200, markup, encoding);
                if kind == Kind::Truncated {
                    // A single-byte encoding is never longer than UTF-8, so this is past the links in both.
                    answer.cut_at =
                        Some((links_end + answer.body.len().saturating_sub(links_end) / 2).min(answer.body.len() - 1));
                } else if is_coded {
                    answer = coding::encode(answer, options.coding);
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
        let found = |body: &str| html(200, draw::frame(curio.path, body, Encoding::Utf8), Encoding::Utf8);
        match &curio.act {
            Act::Index => found(&index()),
            Act::Page { body, encoding, .. } => {
                html(200, draw::frame("A curiosity", &self.fill(at, body), *encoding), *encoding)
            }
            Act::Plain(body) => typed("text/plain; charset=utf-8", self.fill(at, body)),
            Act::Status(204) => Answer { status: 204, ..empty() },
            Act::Status(status) => text(*status, "an error, as planned\n"),
            Act::Once { status, retry_after_s } if ask.attempt == 0 => once(*status, *retry_after_s),
            Act::Once { .. } => found("<p>Better now."),
            Act::Redirect { status, location, .. } => redirect(*status, &self.fill(at, location)),
            Act::Nowhere => text(302, "but where to?\n"),
            Act::Slow => Answer { delay: self.sites.of(at.host).slow, ..found("<p>Thank you for waiting.") },
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
        let next_host = (at.host + 1) % self.n_hosts();
        at.write_authority(&self.sites, next_host, &mut next);
        let (scheme, next_scheme) = (self.sites.scheme(at.host), self.sites.scheme(next_host));
        text.replace("http://{here}", &format!("{scheme}{{here}}"))
            .replace("http://{n", &format!("{next_scheme}{{n"))
            .replace("http://{N", &format!("{next_scheme}{{N"))
            .replace("{here}", at.authority)
            .replace("{NEXT}", &next.to_ascii_uppercase())
            .replace("{next}", &next)
    }

    fn trap(&self, at: Standpoint<'_>, month: u32) -> Answer {
        let path = |month| Place::Trap(month).path(self.options().seed, at.host);
        let (before, after) = (path(month.saturating_sub(1)), path(month + 1));
        let body = format!("<a href=\"{before}\">previous month</a> <a href=\"{after}\">next month</a>");
        html(200, draw::frame("Calendar", &body, Encoding::Utf8), Encoding::Utf8)
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
