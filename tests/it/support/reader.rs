//! Links of a page, found by other means than dragline's: html5ever's tokenizer and a simple-minded
//! reading of charset labels.

use std::{cell::RefCell, io::Read as _, sync::LazyLock};

use encoding_rs::Encoding;
use html5ever::{
    tendril::StrTendril,
    tokenizer::{
        BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
        states::{Rawtext, Rcdata, ScriptData},
    },
};
use regex::Regex;
use url::Url;

use super::client::Got;

/// A charset label in a header field or in markup.
static LABEL: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"(?i)charset\s*=\s*["']?([a-z0-9_-]+)"#).expect("it is a valid pattern"));

/// Undoes gzip.
pub(crate) fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut out).expect("gzip");
    out
}

/// The text of an HTML answer.
pub(crate) fn text(got: &Got) -> String {
    let body = match got.header("content-encoding") {
        Some("gzip") => gunzip(&got.body),
        _ => got.body.clone(),
    };
    let label = |text: &str| {
        let label = LABEL.captures(text)?[1].to_owned();
        Some(Encoding::for_label(label.as_bytes()).unwrap_or_else(|| panic!("charset {label}")))
    };
    let head = String::from_utf8_lossy(&body[..body.len().min(1024)]).into_owned();
    let encoding = label(got.header("content-type").unwrap_or_default()).or_else(|| label(&head));
    // `decode` lets a byte order mark win over everything.
    encoding.unwrap_or(encoding_rs::UTF_8).decode(&body).0.into_owned()
}

/// Where the anchors of a page lead: absolute, without fragments, those that are http or https.
pub(crate) fn links(page: &Url, markup: &str) -> Vec<Url> {
    let tokenizer = Tokenizer::new(Anchors::default(), TokenizerOpts::default());
    let input = BufferQueue::default();
    input.push_back(StrTendril::from(markup));
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    let found = tokenizer.sink.0.into_inner();
    let base = found.base.and_then(|base| page.join(&base).ok()).unwrap_or_else(|| page.clone());
    found
        .hrefs
        .iter()
        .filter_map(|href| base.join(href.trim()).ok())
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        .map(|mut url| {
            url.set_fragment(None);
            url
        })
        .collect()
}

#[derive(Default)]
struct Anchors(RefCell<Found>);

#[derive(Default)]
struct Found {
    hrefs: Vec<String>,
    base: Option<String>,
}

impl TokenSink for Anchors {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let Token::TagToken(tag) = token else { return TokenSinkResult::Continue };
        if tag.kind == TagKind::EndTag {
            return TokenSinkResult::Continue;
        }
        let mut found = self.0.borrow_mut();
        match &*tag.name {
            "a" | "area" => found.hrefs.extend(href(&tag)),
            "base" if found.base.is_none() => found.base = href(&tag),
            "script" => return TokenSinkResult::RawData(ScriptData),
            "style" => return TokenSinkResult::RawData(Rawtext),
            "textarea" | "title" => return TokenSinkResult::RawData(Rcdata),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

fn href(tag: &Tag) -> Option<String> {
    tag.attrs.iter().find(|attr| &*attr.name.local == "href").map(|attr| attr.value.to_string())
}

mod tests {
    use super::*;

    #[test]
    fn anchors_and_nothing_else() {
        let page = Url::parse("http://h/d/p").unwrap();
        let markup = r##"<title><a href=/t></title><base href="/b/"><a href="x?a=1&amp;b#f">x</a><!-- <a href=/c> -->
            <script>"<a href=/s>"</script><a name=n><A HREF=' //o/ '><a href="mailto:x@y"><img src=/i><area href=z>"##;
        let links: Vec<String> = links(&page, markup).into_iter().map(String::from).collect();
        assert_eq!(links, ["http://h/b/x?a=1&b", "http://o/", "http://h/b/z"]);
    }
}
