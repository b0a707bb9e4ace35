//! `dragline inspect links`: what a page says, as a crawl reads it.
//!
//! Links are listed as a browser would have them, all occurrences: fragments alone too, and those
//! that can't be resolved, without a URL. It asks nothing of a crawl's scope.
//!
//! Of a URL the header is read too: its links stand behind the page's. Plain text and PDFs are read
//! for the addresses in them, text only if a `Content-Type` or a server says so: what came without
//! either may be a piece of a page.

use std::fmt::Write as _;

use clap::Args;
use http::{HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};
use url::Url;

use super::{
    super::{
        Exit, complain,
        human::{column, plain},
    },
    Form, batch,
    input::{self, Reach},
    show, shown, shown_url,
};
use crate::{
    address::{join, join_in},
    parse::{self, FoundLinks, KindSet},
    robots::Directives,
};

/// Bounds of one page's harvest; a crawl's defaults.
const LIMITS: parse::Limits = parse::Limits { max_links: 50_000, max_meta_bytes: 4096, max_text_bytes: 0 };
/// Where a page is taken to be that nobody said the URL of.
const NO_BASE: &str = "http://localhost/";
/// Longest text of a link, bytes.
const MAX_LINK_TEXT_BYTES: usize = 1024;
/// Whose robots directives are read besides everybody's, if nobody else is named.
const AGENT: &str = "dragline";

/// Why writing a text can't fail.
const IN_MEMORY: &str = "a String takes everything";

/// The links of a page, and what its head says
#[derive(Debug, Args)]
#[command(after_long_help = "Examples:\n  dragline inspect links page.html --base https://www.example.org/\n  \
    dragline inspect links https://www.example.org/ --include a,img --json\n\n\
    Questions of --batch: {\"base\": URL, \"content_type\": text|null, \"body_base64\": text, \"include\": [kinds]|null}")]
pub(crate) struct LinksArgs {
    /// A file, "-" for standard input, or a URL
    #[arg(required_unless_present = "batch", conflicts_with = "batch")]
    input: Option<String>,
    /// The page's URL, against which links are resolved [default: the input, if it is a URL]
    #[arg(long, value_name = "URL")]
    base: Option<String>,
    /// What the Content-Type header says [default: what the answer said, if the input is a URL]
    #[arg(long, value_name = "TYPE")]
    content_type: Option<String>,
    /// Kinds of links, separated by commas ("a", "img", "script", …, "assets", "all")
    #[arg(long, value_name = "KINDS", value_delimiter = ',', default_value = "navigation")]
    include: Vec<String>,
    /// Read the meta elements of this robot too
    #[arg(long, value_name = "NAME", default_value = AGENT)]
    agent: String,
    #[command(flatten)]
    form: Form,
    #[command(flatten)]
    reach: Reach,
}

#[derive(Debug, Deserialize)]
struct Question {
    base: Option<String>,
    content_type: Option<String>,
    body_base64: Option<String>,
    include: Option<Vec<String>>,
    agent: Option<String>,
}

/// Something to be read.
struct Source<'a> {
    url: Url,
    /// Whether anybody said the URL.
    is_url_known: bool,
    content_type: Option<&'a str>,
    /// The answer's header, when a server was asked.
    headers: Option<&'a HeaderMap>,
    body: &'a [u8],
    /// Whether it is taken for a page without a look at what it is.
    is_page: bool,
}

#[derive(Debug, Default, Serialize)]
struct Answer {
    links: Vec<Link>,
    /// Whether anything was left out for a bound.
    truncated: bool,
    /// Whether alternates, metas or JSON-LD were; then `truncated` too.
    metadata_truncated: bool,
    title: Option<String>,
    description: Option<String>,
    language: Option<String>,
    charset: &'static str,
    /// Against what links were resolved.
    base: String,
    canonical: Option<String>,
    robots: Vec<String>,
    refresh: Option<Refresh>,
    alternates: Vec<Alternate>,
    open_graph: Vec<(String, String)>,
    usage: Vec<(String, String)>,
    json_ld: Vec<String>,
    /// What the body is: `html`, `text`, `pdf`, …
    body: &'static str,
    /// What was to be included and is no kind of link.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unknown: Vec<String>,
    #[serde(skip)]
    is_base_known: bool,
}

#[derive(Debug, Serialize)]
struct Link {
    /// `None` if the reference can't be resolved.
    url: Option<String>,
    raw: String,
    kind: &'static str,
    rel: Option<Box<str>>,
    text: Option<Box<str>>,
    position: u32,
}

#[derive(Debug, Serialize)]
struct Refresh {
    seconds: u32,
    url: Option<String>,
}

#[derive(Debug, Serialize)]
struct Alternate {
    language: String,
    url: String,
}

pub(super) fn execute(args: &LinksArgs) -> Exit {
    if args.form.batch {
        return batch::run(|question: Question| {
            let body = batch::body(question.body_base64.as_deref())?;
            let (kinds, unknown) = question.include.as_deref().map_or((KindSet::default(), Vec::new()), kinds);
            let agent = question.agent.as_deref().unwrap_or(AGENT);
            let source = Source {
                url: base(question.base.as_deref().unwrap_or(NO_BASE))?,
                is_url_known: question.base.is_some(),
                content_type: question.content_type.as_deref(),
                headers: None,
                body: &body,
                is_page: question.content_type.is_none(),
            };
            Ok(Answer { unknown, ..source.answer(kinds, agent) })
        });
    }
    let (kinds, unknown) = kinds(&args.include);
    if !unknown.is_empty() {
        let known = KindSet::NAMES.join(", ");
        complain(&format!("error: no kind of link: {}; there are {known}", unknown.join(", ")));
        return Exit::Usage;
    }
    let input = match input::read(args.input.as_deref().unwrap_or("-"), &args.reach, input::MAX_REDIRECTS) {
        Ok(input) => input,
        Err(exit) => return exit,
    };
    let known = args.base.as_deref().or(input.url.as_ref().map(crate::address::CanonicalUrl::as_str));
    let url = match base(known.unwrap_or(NO_BASE)) {
        Ok(url) => url,
        Err(why) => {
            complain(&format!("error: {why}"));
            return Exit::Usage;
        }
    };
    let source = Source {
        url,
        is_url_known: known.is_some(),
        content_type: args.content_type.as_deref().or(input.content_type()),
        headers: input.url.is_some().then_some(&input.headers),
        body: &input.body,
        is_page: false,
    };
    show(&args.form, &source.answer(kinds, &args.agent), text)
}

fn base(base: &str) -> Result<Url, String> {
    Url::parse(base).map_err(|error| format!("base `{}`: {error}", shown(base)))
}

/// The kinds of these names, and the names that are none.
fn kinds(names: &[String]) -> (KindSet, Vec<String>) {
    let mut unknown = Vec::new();
    let mut kinds = KindSet::NONE;
    for name in names {
        match KindSet::named(name) {
            Some(named) => kinds = kinds.union(named),
            None => unknown.push(name.clone()),
        }
    }
    (kinds, unknown)
}

impl Source<'_> {
    fn answer(&self, kinds: KindSet, agent: &str) -> Answer {
        let no_sniff = self.headers.is_some_and(parse::no_sniff);
        let parse::Sniffed { kind, by_body, .. } = parse::sniff(self.content_type, no_sniff, self.body);
        // A header that says nothing (`*/*`) is none.
        let is_text_certain = !by_body || self.headers.is_some();
        let answer = match kind {
            _ if self.is_page => self.page(kinds, agent),
            parse::Kind::Text if is_text_certain => {
                let found = parse::text_links(self.body, self.content_type, &self.url, LIMITS.max_links);
                self.list(found, "text")
            }
            parse::Kind::Pdf => self.list(parse::pdf_links(self.body, LIMITS.max_links), "pdf"),
            _ => self.page(kinds, agent),
        };
        let mut answer = Answer { body: kind.as_str(), is_base_known: self.is_url_known, ..answer };
        if let Some(headers) = self.headers {
            self.add_header(headers, kinds, agent, &mut answer);
        }
        answer
    }

    fn page(&self, kinds: KindSet, agent: &str) -> Answer {
        let options = parse::Options {
            kinds,
            agent: agent.to_owned(),
            max_link_text_bytes: MAX_LINK_TEXT_BYTES,
            fragments: true,
            metadata: true,
            ..parse::Options::new(LIMITS)
        };
        let page = parse::page(self.body, self.content_type, &self.url, &options);
        let link = |link: parse::Link| Link {
            url: join_in(&page.base, &link.href, page.charset.encoding).ok().map(String::from),
            raw: link.href,
            kind: link.kind.as_str(),
            rel: link.rel_text,
            text: link.text,
            position: link.position,
        };
        let alternate = |it: parse::Alternate| Alternate { language: it.language, url: it.url };
        Answer {
            links: page.links.into_iter().map(link).collect(),
            truncated: page.links_truncated || page.metadata.truncated,
            metadata_truncated: page.metadata.truncated,
            title: page.title,
            description: page.description,
            language: page.language,
            charset: page.charset.name(),
            base: page.base.to_string(),
            canonical: page.canonical,
            robots: page.robots,
            refresh: page.refresh.map(|refresh| Refresh { seconds: refresh.seconds, url: refresh.url }),
            alternates: page.metadata.alternates.into_iter().map(alternate).collect(),
            open_graph: page.metadata.open_graph,
            usage: page.metadata.usage,
            json_ld: page.metadata.json_ld,
            ..Answer::default()
        }
    }

    /// Of what is no page: the addresses that stand in it.
    fn list(&self, found: FoundLinks, kind: &'static str) -> Answer {
        let link = |(raw, position): (String, u32)| Link {
            url: Url::parse(&raw).ok().map(String::from),
            raw,
            kind,
            rel: None,
            text: None,
            position,
        };
        Answer {
            links: found.urls.into_iter().zip(0..).map(link).collect(),
            truncated: found.truncated,
            charset: parse::charset(self.body, self.content_type).name(),
            base: self.url.to_string(),
            ..Answer::default()
        }
    }

    /// What the header says besides; it is about the answer, so the page's `<base>` does not count.
    fn add_header(&self, headers: &HeaderMap, kinds: KindSet, agent: &str, answer: &mut Answer) {
        let found = parse::header_links(headers, &self.url);
        answer.truncated |= found.truncated;
        if answer.canonical.is_none() {
            let canonical = found.links.iter().find(|link| link.rel.canonical);
            answer.canonical = canonical.and_then(|link| join(&self.url, &link.href).ok()).map(String::from);
        }
        let next = answer.links.last().map_or(0, |link| link.position + 1);
        let wanted =
            found.links.into_iter().filter_map(|link| Some((link.kind.filter(|kind| kinds.contains(*kind))?, link)));
        answer.links.extend(wanted.zip(next..).map(|((kind, link), position)| Link {
            url: join(&self.url, &link.href).ok().map(String::from),
            raw: link.href,
            kind: kind.as_str(),
            rel: Some(link.rel_text).filter(|rel| !rel.is_empty()).map(String::into_boxed_str),
            text: link.title.map(String::into_boxed_str),
            position,
        }));
        let values = headers.get_all("x-robots-tag").iter().map(HeaderValue::as_bytes);
        let mut directives = Directives::from_headers(values, agent);
        directives.add_meta(&answer.robots);
        answer.robots = directives.into_tokens();
    }
}

/// For people: what the head says, then a line a link.
fn text(answer: &Answer) -> String {
    let mut out = String::new();
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            writeln!(out, "{name:<12} {}", plain(value)).expect(IN_MEMORY);
        }
    };
    line("title", answer.title.as_deref().unwrap_or_default());
    line("description", answer.description.as_deref().unwrap_or_default());
    line("language", answer.language.as_deref().unwrap_or_default());
    line("charset", answer.charset);
    let is_made_up = !answer.is_base_known && answer.base.starts_with(NO_BASE);
    let note = if is_made_up { " (links are resolved against this, because no --base was given)" } else { "" };
    line("base", &format!("{}{note}", shown_url(&answer.base)));
    line("canonical", &shown_url(answer.canonical.as_deref().unwrap_or_default()));
    line("robots", &answer.robots.join(", "));
    if let Some(Refresh { seconds, url }) = &answer.refresh {
        line("refresh", &format!("after {seconds} s to {}", shown_url(url.as_deref().unwrap_or("itself"))));
    }
    for Alternate { language, url } in &answer.alternates {
        line("alternate", &format!("{language} {}", shown_url(url)));
    }
    for (name, content) in answer.open_graph.iter().chain(&answer.usage) {
        line("meta", &format!("{name}: {}", shown_url(content)));
    }
    for json in &answer.json_ld {
        line("JSON-LD", &format!("{} bytes", json.len()));
    }
    let more = match (answer.truncated, answer.metadata_truncated) {
        (_, true) => " (some of these or of the metadata are left out)",
        (true, false) => ", and more that are left out",
        (false, false) => "",
    };
    line("links", &format!("{}{more}", answer.links.len()));
    let width = column(answer.links.iter().map(|link| link.kind));
    for link in &answer.links {
        let url = match &link.url {
            Some(url) => shown_url(url),
            None => format!("(not a URL) {}", shown(&link.raw)),
        };
        let rel = link.rel.as_ref().map(|rel| format!("  [{}]", plain(rel))).unwrap_or_default();
        let text = link.text.as_ref().map(|text| format!("  {}", plain(&shorten(text)))).unwrap_or_default();
        writeln!(out, "  {:<width$}  {url}{rel}{text}", link.kind).expect(IN_MEMORY);
    }
    out
}

/// As much as has room beside a URL.
fn shorten(text: &str) -> String {
    const MAX_CHARS: usize = 60;
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("\"{}…\"", &text[..end]),
        None => format!("\"{text}\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source<'a>(content_type: Option<&'a str>, headers: Option<&'a HeaderMap>, body: &'a [u8]) -> Source<'a> {
        let url = Url::parse("http://h/d/p").expect("a URL");
        Source { url, is_url_known: true, content_type, headers, body, is_page: false }
    }

    fn links(answer: &Answer) -> Vec<(&str, &str, u32)> {
        answer.links.iter().map(|link| (link.kind, link.url.as_deref().unwrap_or("-"), link.position)).collect()
    }

    #[test]
    fn the_header_is_heard_behind_the_page() {
        let mut headers = HeaderMap::new();
        headers.append("link", HeaderValue::from_static("<n>; rel=next; title=N, <c>; rel=canonical, <s>; rel=icon"));
        headers.append("x-robots-tag", HeaderValue::from_static("noindex"));
        let body = b"<base href=/b/><meta name=robots content='nofollow, noindex'><a href=a>";
        let answer = source(Some("text/html"), Some(&headers), body).answer(KindSet::NAVIGATION, AGENT);
        assert_eq!(answer.canonical.as_deref(), Some("http://h/d/c"));
        assert_eq!(answer.robots, ["noindex", "nofollow"]);
        let found = links(&answer);
        assert_eq!(found[0], ("a", "http://h/b/a", 0));
        assert!(found[1..].iter().all(|(_, url, _)| url.starts_with("http://h/d/")), "{found:?}");
        assert!(found.iter().zip(0..).all(|((.., position), expected)| *position == expected), "{found:?}");
        assert_eq!((found[1].1, answer.links[1].rel.as_deref()), ("http://h/d/n", Some("next")));
    }

    #[test]
    fn what_is_no_page_is_read_as_what_it_is() {
        let text = b"See http://a/b and <a href=x>.";
        let answer = source(Some("text/plain"), None, text).answer(KindSet::NAVIGATION, AGENT);
        assert_eq!((answer.body, links(&answer)), ("text", vec![("text", "http://a/b", 0)]));
        for unknown in [None, Some(""), Some("*/*")] {
            let answer = source(unknown, None, text).answer(KindSet::NAVIGATION, AGENT);
            assert_eq!((answer.body, links(&answer)), ("text", vec![("a", "http://h/d/x", 0)]));
        }
        let pdf = b"%PDF-1.4\n1 0 obj\n<< /Type /Annot /A << /S /URI /URI (http://a/p) >> >>\nendobj\n";
        let answer = source(None, None, pdf).answer(KindSet::NAVIGATION, AGENT);
        assert_eq!((answer.body, links(&answer)), ("pdf", vec![("pdf", "http://a/p", 0)]));
    }

    #[test]
    fn text_for_people_holds_neither_escapes_nor_credentials() {
        let body = b"<title>a\x1b[31m</title><meta property=og:x content=\"\x9b\xe2\x80\xae\"><a href=http://me:pw@h/x>\x1b]0;t</a>";
        let answer = source(Some("text/html; charset=utf-8"), None, body).answer(KindSet::NAVIGATION, AGENT);
        let text = text(&answer);
        assert!(text.contains("http://h/x") && !text.contains("pw"), "{text}");
        assert!(text.chars().all(|c| c == '\n' || !c.is_control() && c != '\u{202e}'), "{text:?}");
    }
}
