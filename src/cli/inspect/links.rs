//! `dragline inspect links`: what a page says, as a crawl reads it.
//!
//! Links are listed as a browser would have them, all occurrences: fragments alone too, and those
//! that can't be resolved, without a URL. It asks nothing of a crawl's scope.

use std::fmt::Write as _;

use clap::Args;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{
    super::{Exit, complain},
    Form, batch,
    input::{self, Reach},
    show,
};
use crate::{
    address::join_in,
    parse::{self, KindSet},
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
    #[arg(required_unless_present = "batch")]
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
    #[serde(default)]
    body_base64: String,
    include: Option<Vec<String>>,
    agent: Option<String>,
}

#[derive(Debug, Serialize)]
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
    /// What was to be included and is no kind of link.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unknown: Vec<String>,
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
            let body = batch::from_base64(&question.body_base64)?;
            let (kinds, unknown) = question.include.as_deref().map_or((KindSet::default(), Vec::new()), kinds);
            let agent = question.agent.as_deref().unwrap_or(AGENT);
            let base = question.base.as_deref().unwrap_or(NO_BASE);
            let answer = answer(base, question.content_type.as_deref(), &body, kinds, agent)?;
            Ok(Answer { unknown, ..answer })
        });
    }
    let (kinds, unknown) = kinds(&args.include);
    if !unknown.is_empty() {
        let known = KindSet::NAMES.join(", ");
        complain(&format!("error: no kind of link: {}; there are {known}", unknown.join(", ")));
        return Exit::Usage;
    }
    let input = match input::read(args.input.as_deref().unwrap_or("-"), &args.reach) {
        Ok(input) => input,
        Err(exit) => return exit,
    };
    let base = args.base.as_deref().or(input.url.as_ref().map(crate::address::CanonicalUrl::as_str)).unwrap_or(NO_BASE);
    let content_type = args.content_type.as_deref().or(input.content_type());
    match answer(base, content_type, &input.body, kinds, &args.agent) {
        Ok(answer) => show(&args.form, &answer, text),
        Err(why) => {
            complain(&format!("error: {why}"));
            Exit::Usage
        }
    }
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

fn answer(base: &str, content_type: Option<&str>, body: &[u8], kinds: KindSet, agent: &str) -> Result<Answer, String> {
    let url = Url::parse(base).map_err(|error| format!("base `{base}`: {error}"))?;
    let options = parse::Options {
        kinds,
        agent: agent.to_owned(),
        max_link_text_bytes: MAX_LINK_TEXT_BYTES,
        fragments: true,
        metadata: true,
        ..parse::Options::new(LIMITS)
    };
    let page = parse::page(body, content_type, &url, &options);
    let link = |link: parse::Link| Link {
        url: join_in(&page.base, &link.href, page.charset.encoding).ok().map(String::from),
        raw: link.href,
        kind: link.kind.as_str(),
        rel: link.rel_text,
        text: link.text,
        position: link.position,
    };
    Ok(Answer {
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
        alternates: page
            .metadata
            .alternates
            .into_iter()
            .map(|alternate| Alternate { language: alternate.language, url: alternate.url })
            .collect(),
        open_graph: page.metadata.open_graph,
        usage: page.metadata.usage,
        json_ld: page.metadata.json_ld,
        unknown: Vec::new(),
    })
}

/// For people: what the head says, then a line a link.
fn text(answer: &Answer) -> String {
    let mut out = String::new();
    let mut line = |name: &str, value: &str| {
        if !value.is_empty() {
            writeln!(out, "{name:<12} {value}").expect(IN_MEMORY);
        }
    };
    line("title", answer.title.as_deref().unwrap_or_default());
    line("description", answer.description.as_deref().unwrap_or_default());
    line("language", answer.language.as_deref().unwrap_or_default());
    line("charset", answer.charset);
    line("base", &answer.base);
    line("canonical", answer.canonical.as_deref().unwrap_or_default());
    line("robots", &answer.robots.join(", "));
    if let Some(Refresh { seconds, url }) = &answer.refresh {
        line("refresh", &format!("after {seconds} s to {}", url.as_deref().unwrap_or("itself")));
    }
    for Alternate { language, url } in &answer.alternates {
        line("alternate", &format!("{language} {url}"));
    }
    for (name, content) in answer.open_graph.iter().chain(&answer.usage) {
        line("meta", &format!("{name}: {content}"));
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
    let width = answer.links.iter().map(|link| link.kind.len()).max().unwrap_or_default();
    for link in &answer.links {
        let url = link.url.clone().unwrap_or_else(|| format!("(not a URL) {}", link.raw));
        let rel = link.rel.as_ref().map(|rel| format!("  [{rel}]")).unwrap_or_default();
        let text = link.text.as_ref().map(|text| format!("  {}", shorten(text))).unwrap_or_default();
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
