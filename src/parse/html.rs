//! The one pass over a page's markup.
//!
//! Decodes, runs the tokenizer over the text and puts together what was harvested. What can be
//! known only at the end is settled here: the base, and with it the canonical address and whether
//! a fragment alone names this document or another.

use url::Url;

use super::{Options, Page, charset, content_type::is_xhtml, emitter::TagEmitter, harvest::Harvest, scan::scan};

/// Reads the page `body` that was found at `url` under the given `Content-Type`.
///
/// Any bytes give a page: malformed markup is read as browsers read it (WHATWG HTML, section 13.2,
/// tokenization; of the tree only what decides how to tokenize and whether frames count). `url`
/// should be the final one, after redirects.
pub fn page(body: &[u8], content_type: Option<&str>, url: &Url, options: &Options) -> Page {
    let (charset, text) = charset::decode(body, content_type, url);
    let mut harvest = Harvest::new(url, charset.encoding, options, is_xhtml(content_type));
    scan(&text, TagEmitter::new(&mut harvest));

    let Harvest { links, mut head, base, text, .. } = harvest;
    let base = base.unwrap_or_else(|| url.clone());
    let (links, links_truncated) = links.finish(!is_same_document(&base, url));
    let resolved = head.finish(&base, charset.encoding);
    Page {
        charset,
        title: head.title.and_then(super::text::Collapsed::finish),
        description: head.description,
        language: head.language,
        canonical: resolved.canonical.map(without_userinfo),
        robots: head.robots,
        refresh: resolved.refresh,
        metadata: resolved.metadata,
        links,
        links_truncated,
        base,
        text: text.and_then(super::text::Collapsed::finish),
    }
}

/// Whether two URLs differ in their fragments at most.
fn is_same_document(one: &Url, other: &Url) -> bool {
    let without_fragment = |url: &Url| url.as_str().split('#').next().map(str::len);
    let (one_end, other_end) = (without_fragment(one), without_fragment(other));
    one_end == other_end && one_end.is_none_or(|end| one.as_str()[..end] == other.as_str()[..end])
}

/// Credentials in an address are nobody's business.
pub(super) fn without_userinfo(mut url: Url) -> String {
    // Fails only for URLs without a host, which have no credentials either.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.into()
}
