//! The one pass over a page's markup.
//!
//! Decodes, runs the tokenizer over the text and puts together what was harvested. What can be
//! known only at the end is settled here: the base, and with it the canonical address and whether
//! a fragment alone names this document or another.

use html5gum::Tokenizer;
use url::Url;

use super::{Limits, Page, charset, content_type::is_xhtml, emitter::TagEmitter, harvest};

/// Reads the page `body` that was found at `url` under the given `Content-Type`.
///
/// Any bytes give a page: malformed markup is read as browsers read it (WHATWG HTML, section 13.2,
/// tokenization; of the tree only what decides how to tokenize). `url` should be the final one,
/// after redirects.
pub fn page(body: &[u8], content_type: Option<&str>, url: &Url, limits: &Limits) -> Page {
    let (charset, text) = charset::decode(body, content_type, url);
    let mut harvest = harvest::Harvest::new(url, limits, is_xhtml(content_type));
    let Ok(()) = Tokenizer::new_with_emitter(&*text, TagEmitter::new(&mut harvest)).finish();

    let base = harvest.base.unwrap_or_else(|| url.clone());
    let mut links = harvest.links;
    let mut links_truncated = harvest.links_truncated;
    if let Some((at, link)) = harvest.first_fragment
        && !is_same_document(&base, url)
    {
        // With a <base> in force, "#x" leads to the base's document.
        links.insert(at, link);
        links_truncated |= links.len() > limits.max_links;
        links.truncate(limits.max_links);
    }
    let canonical = harvest.canonical.and_then(|reference| harvest::resolve(&base, &reference));
    Page {
        charset,
        title: harvest.title.and_then(super::text::Collapsed::finish),
        description: harvest.description,
        language: harvest.language,
        canonical: canonical.map(without_userinfo),
        robots: harvest.robots,
        links,
        links_truncated,
        base,
        text: harvest.text.and_then(super::text::Collapsed::finish),
    }
}

/// Whether two URLs differ in their fragments at most.
fn is_same_document(one: &Url, other: &Url) -> bool {
    let without_fragment = |url: &Url| url.as_str().split('#').next().map(str::len);
    let (one_end, other_end) = (without_fragment(one), without_fragment(other));
    one_end == other_end && one_end.is_none_or(|end| one.as_str()[..end] == other.as_str()[..end])
}

/// Credentials in an address are nobody's business.
fn without_userinfo(mut url: Url) -> String {
    // Fails only for URLs without a host, which have no credentials either.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.into()
}
