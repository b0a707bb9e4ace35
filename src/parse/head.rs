//! What a page says about itself: title, description, robots, refresh, and what others made of
//! meta elements since.
//!
//! Gathered as it comes; references are resolved when the base is known ([`Head::finish`]). Every
//! list and text is bounded by [`Options`] or a constant of [`super`]. It judges nothing.

use encoding_rs::Encoding;
use url::Url;

use super::{
    Alternate, MAX_ALTERNATES, MAX_JSON_LD, MAX_JSON_LD_BYTES, MAX_META_PAIRS, MAX_REFERENCE_BYTES, MAX_REFRESHES,
    MAX_ROBOTS_TOKENS, Metadata, Options, Refresh,
    emitter::Attributes,
    links::strip,
    tag::Attr,
    text::{Collapsed, owned},
};
use crate::address::join_in;

/// Names of meta elements that say what a page may be used for.
const USAGE: [&str; 9] = [
    "tdm-reservation",
    "tdm-policy",
    "content-signal",
    "content-usage",
    "llm-policy",
    "ai-policy",
    "ai-usage",
    "rsl",
    "rsl-license",
];

/// Prefixes of the names of Open Graph and of what follows its example.
const OPEN_GRAPH: [&str; 10] =
    ["og", "article", "book", "profile", "music", "video", "product", "place", "fb", "twitter"];

/// See the module.
#[derive(Debug)]
pub(super) struct Head<'p> {
    options: &'p Options,
    pub(super) title: Option<Collapsed>,
    pub(super) description: Option<String>,
    pub(super) language: Option<String>,
    pub(super) robots: Vec<String>,
    canonical: Option<String>,
    /// Refreshes up to the first that is sure to be obeyed: whether an address is one shows with the base.
    refreshes: Vec<(u32, Option<String>)>,
    alternates: Vec<(String, String)>,
    metadata: Metadata,
    json_ld: Option<Vec<u8>>,
    /// Bytes of JSON-LD that may still be kept.
    json_ld_room: usize,
}

/// What [`Head::finish`] resolves.
pub(super) struct Resolved {
    pub(super) canonical: Option<Url>,
    pub(super) refresh: Option<Refresh>,
    pub(super) metadata: Metadata,
}

impl<'p> Head<'p> {
    pub(super) fn new(options: &'p Options) -> Self {
        Self {
            options,
            title: None,
            description: None,
            language: None,
            robots: Vec::new(),
            canonical: None,
            refreshes: Vec::new(),
            alternates: Vec::new(),
            metadata: Metadata::default(),
            json_ld: None,
            json_ld_room: MAX_JSON_LD_BYTES,
        }
    }

    /// Takes the first canonical address.
    pub(super) fn canonical(&mut self, href: &[u8]) {
        let href = strip(href);
        if self.canonical.is_none() && !href.is_empty() && href.len() <= MAX_REFERENCE_BYTES {
            self.canonical = Some(owned(href));
        }
    }

    /// Takes an alternate in another language.
    pub(super) fn alternate(&mut self, language: &[u8], href: &[u8]) {
        let href = strip(href);
        if !self.options.metadata || href.is_empty() {
            return;
        }
        if self.alternates.len() >= MAX_ALTERNATES || href.len() > MAX_REFERENCE_BYTES {
            self.metadata.truncated = true;
        } else if let Some(language) = Collapsed::of(language, self.options.limits.max_meta_bytes) {
            self.alternates.push((language, owned(href)));
        }
    }

    /// Takes a refresh that may be the first that a browser obeys.
    pub(super) fn refresh(&mut self, seconds: u32, target: Option<&[u8]>) {
        let target = target.map(strip);
        let is_decided = self.refreshes.last().is_some_and(|(_, target)| target.is_none());
        let fits = target.is_none_or(|target| target.len() <= MAX_REFERENCE_BYTES);
        if fits && !is_decided && self.refreshes.len() < MAX_REFRESHES {
            self.refreshes.push((seconds, target.map(owned)));
        }
    }

    /// Takes a `<meta>` with content.
    pub(super) fn meta(&mut self, attributes: &Attributes, content: &[u8]) {
        if let Some(name) = attributes.get(Attr::Name).map(<[u8]>::trim_ascii) {
            let is = |expected: &[u8]| name.eq_ignore_ascii_case(expected);
            if is(b"description") && self.description.is_none() {
                self.description = Collapsed::of(content, self.options.limits.max_meta_bytes);
            } else if is(b"robots") || (!self.options.agent.is_empty() && is(self.options.agent.as_bytes())) {
                self.robots(content);
            }
        }
        // How a page may be used is heard whether its metadata is asked for or not.
        let names = [attributes.get(Attr::Property), attributes.get(Attr::Name)];
        for given in names.into_iter().flatten().flat_map(|names| names.split(u8::is_ascii_whitespace)) {
            self.pair(given, content);
        }
        let language = attributes.get(Attr::HttpEquiv).is_some_and(|of| of.eq_ignore_ascii_case(b"content-language"));
        if language && self.language.is_none() && !content.contains(&b',') {
            self.language = Collapsed::of(content, self.options.limits.max_meta_bytes);
        }
    }

    /// Open Graph, whose names stand in `property` and, by mistake or by Twitter's rules, in `name`;
    /// and what says how a page may be used.
    fn pair(&mut self, given: &[u8], content: &[u8]) {
        let Ok(given) = std::str::from_utf8(given) else { return };
        let is_usage = USAGE.iter().any(|usage| given.eq_ignore_ascii_case(usage));
        let is_graph = || {
            let prefix = given.split_once(':').map(|(prefix, _)| prefix);
            prefix.is_some_and(|prefix| OPEN_GRAPH.iter().any(|known| prefix.eq_ignore_ascii_case(known)))
        };
        let pairs = match () {
            () if is_usage => &mut self.metadata.usage,
            () if self.options.metadata && is_graph() => &mut self.metadata.open_graph,
            () => return,
        };
        let max_bytes = self.options.limits.max_meta_bytes;
        if pairs.len() >= MAX_META_PAIRS || given.len() > max_bytes {
            self.metadata.truncated = true;
        } else {
            pairs.push((given.to_ascii_lowercase(), Collapsed::of(content, max_bytes).unwrap_or_default()));
        }
    }

    /// Splits directives at commas and, since people write others or none, at semicolons and white
    /// space; but what follows a colon is one value up to a comma (`unavailable_after: 25 Jun 2030`).
    fn robots(&mut self, content: &[u8]) {
        for directive in content.split(|&byte| byte == b',') {
            let mut rest = directive.trim_ascii();
            while !rest.is_empty() && self.robots.len() < MAX_ROBOTS_TOKENS {
                let end = match rest.iter().position(|&byte| matches!(byte, b':' | b';') || byte.is_ascii_whitespace())
                {
                    Some(end) if rest[end..].trim_ascii_start().starts_with(b":") => rest.len(),
                    Some(end) => end,
                    None => rest.len(),
                };
                if let Some(mut token) = Collapsed::of(&rest[..end], self.options.limits.max_meta_bytes) {
                    token.make_ascii_lowercase();
                    if !self.robots.contains(&token) {
                        self.robots.push(token);
                    }
                }
                rest = rest[end..].trim_ascii_start();
                rest = rest.strip_prefix(b";").unwrap_or(rest).trim_ascii_start();
            }
        }
    }

    /// A `<script>` begins; if its `type` says so, it is JSON-LD.
    pub(super) fn begin_json_ld(&mut self, kind: Option<&[u8]>) {
        let essence = kind.and_then(|kind| kind.split(|&byte| byte == b';').next()).unwrap_or_default();
        if self.options.metadata && essence.trim_ascii().eq_ignore_ascii_case(b"application/ld+json") {
            self.json_ld = Some(Vec::new());
        }
    }

    #[inline]
    pub(super) fn is_in_json_ld(&self) -> bool {
        self.json_ld.is_some()
    }

    /// Text of the JSON-LD that is open. One that does not fit is dropped: half of it is no JSON.
    pub(super) fn json_ld_text(&mut self, piece: &[u8]) {
        let Some(text) = &mut self.json_ld else { return };
        if text.len() + piece.len() > self.json_ld_room || self.metadata.json_ld.len() >= MAX_JSON_LD {
            self.metadata.truncated = true;
            self.json_ld = None;
        } else {
            text.extend_from_slice(piece);
        }
    }

    /// The element's end.
    pub(super) fn end_json_ld(&mut self) {
        if let Some(text) = self.json_ld.take()
            && let trimmed = text.trim_ascii()
            && !trimmed.is_empty()
        {
            self.json_ld_room -= trimmed.len();
            self.metadata.json_ld.push(owned(trimmed));
        }
    }

    /// Resolves what refers elsewhere, on a page in `encoding`.
    pub(super) fn finish(&mut self, base: &Url, encoding: &'static Encoding) -> Resolved {
        let http = |reference: &str| super::harvest::resolve(base, reference, encoding);
        let mut metadata = std::mem::take(&mut self.metadata);
        let alternates = self.alternates.drain(..).filter_map(|(language, href)| {
            Some(Alternate { language, url: super::html::without_userinfo(http(&href)?) })
        });
        metadata.alternates = alternates.collect();
        // The standard's steps end before anything happens where there is no URL, or a script's.
        let refresh = self.refreshes.drain(..).find_map(|(seconds, target)| {
            let Some(target) = target else { return Some(Refresh { seconds, url: None }) };
            let url = join_in(base, &target, encoding).ok().filter(|url| url.scheme() != "javascript")?;
            Some(Refresh { seconds, url: Some(super::html::without_userinfo(url)) })
        });
        Resolved { canonical: self.canonical.take().and_then(|reference| http(&reference)), refresh, metadata }
    }
}
