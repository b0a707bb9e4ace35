//! The instrument's pages, looked at from outside: the same for ever, well-formed, and distributed as is said.

use std::{cell::RefCell, collections::BTreeMap, ops::Range};

use html5ever::{
    tendril::StrTendril,
    tokenizer::{BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts},
};
use sha2::{Digest, Sha256};
use url::Url;

use super::{map::Place, sites::Sites, *};

/// End tags that a tree builder implies where another element ends.
const IMPLIED: [&str; 5] = ["p", "li", "td", "th", "tr"];
const VOID: [&str; 4] = ["meta", "link", "br", "img"];

fn ask<'a>(authority: &'a str, target: &'a str) -> Ask<'a> {
    Ask { authority, target, attempt: 0, outage: None, accepts: "", is_secure: false }
}

/// What a tokenizer sees: anchors in order, elements that are open, complaints.
#[derive(Default)]
struct Reader {
    hrefs: RefCell<Vec<String>>,
    open: RefCell<Vec<String>>,
    complaints: RefCell<Vec<String>>,
    deepest: RefCell<usize>,
}

impl Reader {
    fn read(markup: &str) -> Self {
        let tokenizer = Tokenizer::new(Self::default(), TokenizerOpts { exact_errors: true, ..Default::default() });
        let input = BufferQueue::default();
        input.push_back(StrTendril::from(markup));
        let _ = tokenizer.feed(&input);
        tokenizer.end();
        tokenizer.sink
    }

    fn tag(&self, tag: &Tag) {
        let (name, mut open) = (tag.name.to_string(), self.open.borrow_mut());
        match tag.kind {
            TagKind::StartTag if VOID.contains(&name.as_str()) => {}
            TagKind::StartTag => {
                open.push(name);
                let mut deepest = self.deepest.borrow_mut();
                *deepest = open.len().max(*deepest);
            }
            TagKind::EndTag => loop {
                match open.pop() {
                    Some(top) if top == name => break,
                    Some(top) if IMPLIED.contains(&top.as_str()) => {}
                    other => {
                        self.complaints.borrow_mut().push(format!("</{name}> meets {other:?}"));
                        break;
                    }
                }
            },
        }
        let href = tag.attrs.iter().find(|attribute| &*attribute.name.local == "href");
        if let (TagKind::StartTag, "a", Some(href)) = (tag.kind, &*tag.name, href) {
            self.hrefs.borrow_mut().push(href.value.to_string());
        }
    }
}

impl TokenSink for Reader {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        match token {
            Token::TagToken(tag) => self.tag(&tag),
            Token::ParseError(error) => self.complaints.borrow_mut().push(error.into_owned()),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

/// Every so many pages of a web of many hosts: host and number.
fn sample(web: &Web, every: usize) -> impl Iterator<Item = (u32, u32)> {
    let all = (0..web.n_hosts()).flat_map(|host| (0..web.sites.size(host)).map(move |n| (host, n)));
    all.step_by(every)
}

#[test]
fn a_web_is_the_same_for_ever() {
    let digest = |options: Options, authority: &str| {
        let web = Web::new(options);
        let mut hasher = Sha256::new();
        let mut urls = 0;
        web.reach(&Reach { form: Form::addresses(4280), seeds: vec![0], stays: false, depth: None }, |found| {
            hasher.update(found.url);
            urls += 1;
        });
        for (host, n) in sample(&web, 97) {
            let path = Place::Page(n).path(1, host);
            let authority = if authority.is_empty() { Sites::address(host).to_string() } else { authority.to_owned() };
            let answer = web.answer(&ask(&authority, &path));
            hasher.update(answer.status.to_be_bytes());
            hasher.update(&answer.body);
        }
        let digest: String = hasher.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        format!("{urls} {digest}")
    };
    // Who changes these has changed what every benchmark is measured against: say so in the changelog.
    assert_eq!(digest(Options::instrument(50, 10_000), ""), "10000 bdd6532c25590999");
    let varied =
        Options { error_permille: 100, redirect_permille: 100, sitemaps: true, ..Options::instrument(7, 2_000) };
    assert_eq!(digest(varied.clone(), ""), digest(varied.clone(), ""));
    assert_ne!(digest(varied.clone(), ""), digest(Options { seed: 2, ..varied }, ""));
}

#[test]
fn pages_are_well_formed_and_link_where_the_plan_says() {
    let web = Web::new(Options::instrument(40, 20_000));
    for (host, n) in sample(&web, 61) {
        let address = Sites::address(host).to_string();
        for (authority, form) in
            [(format!("{address}:4280"), Form::addresses(4280)), (web.host_name(host).to_owned(), Form::names(80))]
        {
            let path = Place::Page(n).path(1, host);
            let answer = web.answer(&ask(&authority, &path));
            assert_eq!(answer.status, 200);
            let read = Reader::read(std::str::from_utf8(&answer.body).expect("UTF-8"));
            assert_eq!(*read.complaints.borrow(), Vec::<String>::new(), "{authority}{path}");
            assert!(read.open.borrow().is_empty() && *read.deepest.borrow() >= 6);
            let base = Url::parse(&web.url(form, host, Place::Page(n))).expect("a URL");
            let found: Vec<String> = read
                .hrefs
                .borrow()
                .iter()
                .filter(|href| !href.starts_with("mailto:"))
                .map(|href| {
                    let mut url = base.join(href).expect("a URL");
                    url.set_fragment(None);
                    url.into()
                })
                .collect();
            let home = web.home(form, host);
            let mut planned = vec![home.clone()];
            page::visit_links(&web.sites, host, n, |link| planned.push(web.url(form, link.host, link.place)));
            planned.push(home);
            assert_eq!(found, planned, "{authority}{path}");
        }
    }
}

#[test]
fn distributions_are_as_the_docs_say() {
    let web = Web::new(Options::instrument(100, 50_000));
    let (mut n_pages, mut n_links, mut n_own, mut n_bytes) = (0_u32, 0_u32, 0_u32, 0_usize);
    let mut targets: BTreeMap<u32, u32> = BTreeMap::new();
    let mut sizes = Vec::new();
    for (host, n) in sample(&web, 23) {
        n_pages += 1;
        page::visit_links(&web.sites, host, n, |link| {
            n_links += 1;
            n_own += u32::from(link.host == host);
            if let Place::Page(to) = link.place {
                *targets.entry(to * 100 / web.sites.size(link.host)).or_default() += 1;
            }
        });
        // The links of the head and the foot lead home.
        n_links += 2;
        n_own += 2;
        let path = Place::Page(n).path(1, host);
        let size = web.answer(&ask(web.host_name(host), &path)).body.len();
        n_bytes += size;
        sizes.push(size);
    }
    let mean = f64::from(n_links) / f64::from(n_pages);
    assert!((48.0..52.0).contains(&mean), "{mean} links a page");
    let own = f64::from(n_own) / f64::from(n_links);
    assert!((0.65..0.69).contains(&own), "{own} of them on the host");
    sizes.sort_unstable();
    assert!(sizes[0] >= 9_900 && sizes[sizes.len() - 1] <= 20_300, "{} to {}", sizes[0], sizes[sizes.len() - 1]);
    let mean = n_bytes / sizes.len();
    assert!((14_000..16_500).contains(&mean), "{mean} bytes a page");
    // A power law: the first hundredth of a host gets many times what an even choice would give it.
    let first = f64::from(targets[&0]) / f64::from(n_links);
    assert!((0.15..0.35).contains(&first), "{first} of all links lead to the first hundredth");
}

#[test]
fn links_and_bytes_can_be_chosen() {
    let check = |links_per_page, page_bytes, links: Range<u32>, bytes: Range<usize>| {
        let web = Web::new(Options { links_per_page, page_bytes, ..Options::instrument(5, 2_000) });
        for (host, n) in sample(&web, 41).filter(|(_, n)| *n > 0) {
            let mut n_links = 0;
            page::visit_links(&web.sites, host, n, |_| n_links += 1);
            let size = web.answer(&ask(web.host_name(host), &Place::Page(n).path(1, host))).body.len();
            assert!(links.contains(&n_links) && bytes.contains(&size), "{n_links} links, {size} bytes");
        }
    };
    check(0, 1_000, 0..9, 600..3_500);
    check(900, 1_000_000, 600..1_210, 660_000..1_340_000);
}

#[test]
fn every_host_is_what_its_exception_says() {
    let toml = "[[host]]\nhosts = \"1\"\nlatency = \"7ms\"\nbandwidth = \"9 KiB\"\nclose = true\nerrors = 1.0\n\
                [[host]]\nhosts = \"2\"\nencoding = \"zstd\"\ntls = true\nrobots = \"deny\"\n";
    let (_, exceptions) = knobs::read(toml).expect("it is fine");
    let web = Web::new(Options { exceptions, ..Options::instrument(3, 300) });
    let home = |authority, is_secure| web.answer(&Ask { accepts: "gzip, zstd", is_secure, ..ask(authority, "/") });
    let plain = home("127.0.0.1", false);
    assert_eq!((plain.delay, plain.bandwidth, plain.closes), (Duration::ZERO, 0, false));
    let slow = home("127.0.0.2:80", false);
    assert_eq!((slow.delay, slow.bandwidth, slow.closes), (Duration::from_millis(7), 9 * 1024, true));
    assert_eq!(home("127.0.0.3", false).status, 421, "it is asked by https only");
    let secure = home("127.0.0.3", true);
    assert_eq!(secure.headers["content-encoding"], "zstd");
    let markup = zstd::decode_all(&*secure.body).expect("zstd");
    let markup = String::from_utf8(markup).expect("UTF-8");
    assert!(markup.contains("http://127.0.0.1/") && markup.contains("HTTPS://127.0.0.3/"), "{markup}");
    assert!(!markup.contains("\"//127.0.0.1/"), "another scheme is spelled out");
    let n_failed = (web.sites.n_inner(1)..web.sites.size(1))
        .filter(|n| !matches!(page::kind(&web.sites, 1, *n), page::Kind::Plain))
        .count();
    assert_eq!(n_failed, (web.sites.size(1) - web.sites.n_inner(1)) as usize);
}
