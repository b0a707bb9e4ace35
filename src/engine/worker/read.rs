//! Reading an answer: what its header and body say, and where they lead.
//!
//! Every reference that was found is judged here, by the rule of its role. It decides nothing about
//! the URL itself and writes nothing.

use http::{
    Method,
    header::{CONTENT_LANGUAGE, CONTENT_TYPE},
};

use super::{
    super::{
        event::Failure,
        judge::{Lead, Place, Way},
        record::LinkDetail,
    },
    Worker,
};
use crate::{
    address::CanonicalUrl,
    clock::Timestamp,
    fetch::{
        ErrorKind, Response,
        redirect::{self, Next},
        retry,
    },
    frontier::{Hop, Kind, QueuedUrl},
    parse::{self, HeaderLinks, Page},
    robots::{Directives, Signals},
    scope::Role,
    sitemap,
};

/// RFC 9110 section 15.4.5.
pub(super) const NOT_MODIFIED: u16 = 304;

/// What was read of an answer, and where it leads.
#[derive(Default)]
pub(super) struct Reading {
    pub(super) page: Option<Page>,
    pub(super) found: Vec<Lead>,
    /// The redirects that lead to the one that was found, if the answer is one.
    pub(super) chain: Option<Vec<Hop>>,
    pub(super) n_outlinks: Option<usize>,
    pub(super) outlinks_truncated: bool,
    pub(super) redirect: Option<String>,
    /// What is wrong with the answer, where its status alone doesn't say it, and in words.
    pub(super) failure: Option<(Failure, String)>,
    /// The page's preferred address, by its head or by the answer's.
    pub(super) canonical: Option<String>,
    /// What robots are told, by header and page together.
    pub(super) robots: Vec<String>,
    /// What is said about the use of the content, wherever it is said.
    pub(super) usage: Signals,
    /// Whether that reserves what the crawl is for.
    pub(super) is_reserved: bool,
    /// The page's links, when they are asked for.
    pub(super) link_details: Vec<LinkDetail>,
    /// The body's MIME type, where it is not what the header says.
    pub(super) sniffed_type: Option<String>,
    /// When it had been parsed, and its links were to be judged.
    pub(super) parsed_at: Option<Timestamp>,
}

impl Worker {
    /// Reads an answer to the request for `queued`; `signals` are those of its robots.txt.
    pub(super) fn read(&self, queued: &QueuedUrl, response: &Response, signals: Option<&Signals>) -> Reading {
        match redirect::next(&Method::GET, response.status, &response.headers, &queued.url, &self.judge.canonicalizer) {
            Next::Stay => {}
            Next::Follow { url, .. } => return read_redirect(queued, response.status, url),
            Next::Stuck(why) => return failed(Failure::Redirect(why.kind()), why.to_string()),
        }
        if response.status == NOT_MODIFIED {
            let message = "it answered 304 (not modified) to a request that set no condition";
            return failed(Failure::Error(ErrorKind::Protocol), message.to_owned());
        }
        if !retry::is_success(response.status) {
            return Reading::default();
        }
        let mut reading = self.read_body(queued, response);
        self.hear(&mut reading, response, signals);
        reading
    }

    fn read_body(&self, queued: &QueuedUrl, response: &Response) -> Reading {
        let content_type = parse::content_type(&response.headers);
        let content_type = content_type.as_deref();
        let body = &response.body;
        // Sitemaps made by scripts often come as text/html.
        if queued.kind == Kind::Sitemap && sitemap::looks_like_sitemap(None, body) {
            return self.read_sitemap(queued, response);
        }
        let sniffed = parse::sniff(content_type, parse::no_sniff(&response.headers), body);
        let max_links = self.options.parse.limits.max_links;
        let nofollow = self.options.obey_nofollow && self.directives(response).nofollow();
        let reading = match sniffed.kind {
            parse::Kind::Html | parse::Kind::Xhtml => self.read_page(queued, response, content_type),
            _ if queued.kind == Kind::Sitemap || (!nofollow && sitemap::looks_like_sitemap(content_type, body)) => {
                self.read_sitemap(queued, response)
            }
            parse::Kind::Text if self.options.text_links && !nofollow => {
                let links = parse::text_links(body, content_type, queued.url.as_url(), max_links);
                self.read_list(queued, &links)
            }
            parse::Kind::Pdf if self.options.pdf_links && !nofollow => {
                self.read_list(queued, &parse::pdf_links(body, max_links))
            }
            _ => Reading::default(),
        };
        let sniffed_type = sniffed.by_body.then(|| sniffed.essence.into_owned());
        let reading = Reading { sniffed_type, ..reading };
        let header = parse::header_links(&response.headers, queued.url.as_url());
        let said_by_page = || {
            let mut said = Directives::default();
            reading.page.iter().for_each(|page| said.add_meta(&page.robots));
            said.nofollow()
        };
        let nofollow = nofollow || (self.options.obey_nofollow && said_by_page());
        if header.links.is_empty() || nofollow { reading } else { self.add_header_links(queued, reading, &header) }
    }

    /// What robots and users of the content are told, by header, page and robots.txt.
    fn hear(&self, reading: &mut Reading, response: &Response, signals: Option<&Signals>) {
        let mut directives = self.directives(response);
        let mut usage = signals.cloned().unwrap_or_default();
        usage.extend(&Signals::from_headers(&response.headers));
        if let Some(page) = &reading.page {
            directives.add_meta(&page.robots);
            let elements = page.metadata.usage.iter().map(|(name, content)| (&**name, &**content));
            usage.extend(&Signals::from_meta(elements));
        }
        reading.robots = directives.into_tokens();
        reading.is_reserved = self.options.robots.purposes.iter().any(|purpose| usage.reserves(*purpose) == Some(true));
        reading.usage = usage;
    }

    fn directives(&self, response: &Response) -> Directives {
        let values = response.headers.get_all("x-robots-tag").iter().map(http::HeaderValue::as_bytes);
        Directives::from_headers(values, &self.options.robots.agent)
    }

    fn read_page(&self, queued: &QueuedUrl, response: &Response, content_type: Option<&str>) -> Reading {
        let mut page = parse::page(&response.body, content_type, queued.url.as_url(), &self.options.parse);
        let parsed_at = Some(self.clock.now());
        if page.language.is_none() {
            page.language = response.header(CONTENT_LANGUAGE).map(str::to_owned);
        }
        let mut directives = self.directives(response);
        directives.add_meta(&page.robots);
        let whole_page = self.options.obey_nofollow && directives.nofollow();
        let follow = |link: &&parse::Link| !(whole_page || link.rel.says_any_of(self.options.obey_rel));
        let references = page.links.iter().filter(follow).map(|link| (role_of(link), &*link.href));
        let place = Place { base: &page.base, encoding: page.charset.encoding };
        let (found, cut) = self.judge.leads(&place, references, page_way(queued));
        let link_details = if self.options.extras.link_details { self.link_details(&page, &place) } else { Vec::new() };
        Reading {
            found,
            link_details,
            n_outlinks: Some(page.links.len()),
            outlinks_truncated: page.links_truncated || cut,
            canonical: page.canonical.clone(),
            page: Some(page),
            parsed_at,
            ..Reading::default()
        }
    }

    /// Links that name nothing that can be crawled are left out, as they are among the outlinks.
    fn link_details(&self, page: &Page, place: &Place<'_>) -> Vec<LinkDetail> {
        let mut room = self.judge.max_link_bytes;
        let detail = |link: &parse::Link| {
            let url = self.judge.canonicalizer.resolve_in(place.base, &link.href, place.encoding).ok()?;
            Some(LinkDetail {
                url: url.to_string(),
                kind: link.kind.as_str(),
                rel: link.rel_text.as_deref().map(str::to_owned),
                text: link.text.as_deref().map(str::to_owned),
                position: link.position,
            })
        };
        // Together they take no more than the URLs of a page may.
        let fits = |detail: &LinkDetail| match room.checked_sub(detail.url.len()) {
            Some(rest) => {
                room = rest;
                true
            }
            None => false,
        };
        page.links.iter().filter_map(detail).take_while(fits).collect()
    }

    /// URLs that stand in a text or a PDF.
    fn read_list(&self, queued: &QueuedUrl, links: &parse::FoundLinks) -> Reading {
        let parsed_at = Some(self.clock.now());
        let references = links.urls.iter().map(|url| (Role::Link, &**url));
        let place = Place::new(queued.url.as_url());
        let (found, cut) = self.judge.leads(&place, references, page_way(queued));
        Reading {
            n_outlinks: Some(links.urls.len()),
            outlinks_truncated: links.truncated || cut,
            found,
            parsed_at,
            ..Reading::default()
        }
    }

    /// `Link` and `Refresh` headers lead where `<link>` and a meta refresh would.
    fn add_header_links(&self, queued: &QueuedUrl, mut reading: Reading, header: &HeaderLinks) -> Reading {
        let kinds = self.options.parse.kinds;
        let is_wanted = |link: &&parse::HeaderLink| {
            link.kind.is_some_and(|kind| kinds.contains(kind)) && !link.rel.says_any_of(self.options.obey_rel)
        };
        let role = |link: &parse::HeaderLink| match link.kind {
            _ if link.rel.canonical => Role::Canonical,
            Some(kind) if kind.is_embedded() => Role::Embedded,
            _ => Role::Link,
        };
        let wanted: Vec<_> = header.links.iter().filter(is_wanted).collect();
        let references = wanted.iter().map(|link| (role(link), &*link.href));
        let place = Place::new(queued.url.as_url());
        let (mut found, cut) = self.judge.leads(&place, references, page_way(queued));
        reading.found.append(&mut found);
        reading.n_outlinks = Some(reading.n_outlinks.unwrap_or_default() + wanted.len());
        reading.outlinks_truncated |= cut || header.truncated;
        if reading.canonical.is_none() {
            let canonical = header.links.iter().find(|link| link.rel.canonical);
            let url = canonical.and_then(|link| crate::address::join(queued.url.as_url(), &link.href).ok());
            reading.canonical = url.map(|url| crate::address::without_userinfo(url.as_str()).into_owned());
        }
        reading
    }

    fn read_sitemap(&self, queued: &QueuedUrl, response: &Response) -> Reading {
        let options = &self.options.sitemaps;
        let origin = sitemap::Origin { url: None, content_type: response.header(CONTENT_TYPE) };
        let mut read = sitemap::parse(&response.body, &origin, &options.limits);
        if options.newest_first {
            sitemap::newest_first(&mut read.pages);
            sitemap::newest_first(&mut read.sitemaps);
        }
        let parsed_at = Some(self.clock.now());
        // What a declared sitemap lists is offered as a seed is; a feed that a page links to is a page.
        let declared = queued.kind == Kind::Sitemap;
        let depth = queued.depth().saturating_add(u16::from(!declared));
        let way = Way { depth, ..page_way(queued) };
        let place = Place::new(queued.url.as_url());
        let pages = read.pages.iter().map(|page| &*page.url);
        let extras = read.pages.iter().filter_map(|page| page.extras.as_ref()).filter(|_| options.alternates);
        let alternates = extras.flat_map(|extras| extras.alternates.iter().map(|alternate| &*alternate.url));
        let references = pages.chain(alternates).map(|url| (Role::SitemapEntry, url));
        let (mut found, mut cut) = self.judge.leads(&place, references, way);
        // An index of indexes is against the protocol; a few are borne with, an endless chain is not.
        let nesting = queued.nesting.saturating_add(1);
        if nesting <= options.max_nesting {
            let sitemaps = read.sitemaps.iter().map(|sitemap| (Role::Sitemap, &*sitemap.url));
            let way = Way { kind: Kind::Sitemap, nesting, ..way };
            let (mut sitemaps, cut_too) = self.judge.leads(&place, sitemaps, way);
            found.append(&mut sitemaps);
            cut |= cut_too;
        }
        Reading {
            n_outlinks: Some(read.pages.len() + read.sitemaps.len()),
            outlinks_truncated: read.truncated || cut,
            found,
            parsed_at,
            ..Reading::default()
        }
    }
}

fn failed(failure: Failure, message: String) -> Reading {
    Reading { failure: Some((failure, message)), ..Reading::default() }
}

/// Where a redirect leads. It is no step away from the seed.
fn read_redirect(queued: &QueuedUrl, status: u16, target: CanonicalUrl) -> Reading {
    let mut chain = queued.redirects.clone();
    chain.push(Hop { url: queued.url.as_str().to_owned(), status });
    let redirect = Some(target.as_str().to_owned());
    let way = Way { depth: queued.depth(), ..way_from(queued) };
    let found = vec![Lead::new(target, Role::Redirect, way)];
    Reading { redirect, found, chain: Some(chain), ..Reading::default() }
}

/// How a page is found by a link on `queued`.
pub(super) fn page_way(queued: &QueuedUrl) -> Way {
    Way { kind: Kind::Page, nesting: 0, ..way_from(queued) }
}

/// How something is found by a link on `queued`.
pub(super) fn way_from(queued: &QueuedUrl) -> Way {
    Way { depth: queued.depth().saturating_add(1), kind: queued.kind, nesting: queued.nesting }
}

/// Which of scope's rules a link is judged by.
fn role_of(link: &parse::Link) -> Role {
    if link.rel.canonical {
        Role::Canonical
    } else if link.kind.is_embedded() {
        Role::Embedded
    } else {
        Role::Link
    }
}
