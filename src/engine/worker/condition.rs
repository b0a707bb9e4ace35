//! Asking only for what has changed: the validators of an earlier pass, put on a request, and what a
//! page's answer leaves for the next one.
//!
//! A page is asked for conditionally only if all that a crawl would learn from it is at hand: which
//! record says what it holds, and where it leads.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED},
};

use super::{
    super::{
        judge::{Lead, Way},
        kept_links::{self, KeptLink},
        visit::Keep,
    },
    Worker,
    read::{Reading, page_way, way_from},
};
use crate::{
    fetch::{Request, Response},
    frontier::{Kind, QueuedUrl, Validators},
    scope::Role,
};

/// The longest `ETag` or `Last-Modified` that is kept, bytes.
const MAX_FIELD_BYTES: usize = 1024;

/// A page as an earlier pass knew it.
pub(super) struct Known {
    pub(super) validators: Validators,
    pub(super) links: Vec<KeptLink>,
}

impl Known {
    /// What an earlier pass left of the page, if that is enough to go on from.
    pub(super) fn of(queued: &QueuedUrl, left: Validators) -> Option<Self> {
        let links = kept_links::unpack(&queued.url, &left.links)?;
        (left.is_sitemap == (queued.kind == Kind::Sitemap)).then_some(Self { validators: left, links })
    }

    /// Sets the conditions (RFC 9110 sections 13.1.2 and 13.1.3), in the very words of the server.
    pub(super) fn put_on(&self, request: &mut Request) {
        let fields = [(IF_NONE_MATCH, &self.validators.etag), (IF_MODIFIED_SINCE, &self.validators.last_modified)];
        for (name, value) in fields {
            if let Some(value) = value.as_ref().and_then(|bytes| HeaderValue::from_bytes(bytes).ok()) {
                request.headers.insert(name, value);
            }
        }
    }
}

impl Worker {
    /// What the page leaves for the next pass.
    pub(super) fn keep(
        &self,
        queued: &QueuedUrl,
        response: &Response,
        reading: &Reading,
        digest: &[u8; 32],
        known: Option<&Known>,
    ) -> Keep {
        let whole = || {
            let is_whole = self.options.validators
                && response.truncated.is_none()
                && response.undecoded.is_none()
                && !reading.outlinks_truncated;
            let (etag, last_modified) = fields(&response.headers);
            if !is_whole || (etag.is_none() && last_modified.is_none()) {
                return None;
            }
            let links = kept_links::pack(&queued.url, &reading.found)?;
            let is_sitemap = queued.kind == Kind::Sitemap;
            Some(Validators { pass: self.pass, etag, last_modified, digest: *digest, is_sitemap, links })
        };
        match whole() {
            Some(validators) => Keep::This(Box::new(validators)),
            None if known.is_some() => Keep::Nothing,
            None => Keep::AsItIs,
        }
    }

    /// Where a page leads that has not been modified.
    pub(super) fn read_again(&self, queued: &QueuedUrl, known: &Known) -> Reading {
        let page = page_way(queued);
        let declared = queued.kind == Kind::Sitemap;
        let nesting = queued.nesting.saturating_add(1);
        let mut found: Vec<Lead> = Vec::with_capacity(known.links.len());
        for link in &known.links {
            let way = match (link.kind, link.role) {
                (Kind::Sitemap, _) if nesting > self.options.sitemaps.max_nesting => continue,
                (Kind::Sitemap, _) => Way { kind: Kind::Sitemap, nesting, ..way_from(queued) },
                (Kind::Page, _) => page,
            };
            let is_entry = matches!(link.role, Role::Sitemap | Role::SitemapEntry);
            let depth = if is_entry && declared { queued.depth() } else { way.depth };
            let way = Way { depth, ..way };
            match found.last_mut() {
                Some(last) if last.url == link.url && last.way == way => last.roles.add(link.role),
                _ => found.push(Lead::new(link.url.clone(), link.role, way)),
            }
        }
        Reading { found, ..Reading::default() }
    }
}

/// `ETag` and `Last-Modified`, if they are usable.
fn fields(headers: &HeaderMap) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
    let single = |name: HeaderName| {
        let mut values = headers.get_all(name).iter();
        let value = values.next().filter(|value| value.len() <= MAX_FIELD_BYTES)?;
        values.next().is_none().then(|| value.as_bytes().to_vec())
    };
    // RFC 9110 section 8.8.3. A `*` would match whatever there is.
    let is_tag = |bytes: &Vec<u8>| {
        let tag = bytes.strip_prefix(b"W/").unwrap_or(bytes);
        tag.len() >= 2 && tag.starts_with(b"\"") && tag.ends_with(b"\"") && !tag[1..tag.len() - 1].contains(&b'"')
    };
    let is_date =
        |bytes: &Vec<u8>| std::str::from_utf8(bytes).is_ok_and(|text| httpdate::parse_http_date(text).is_ok());
    (single(ETAG).filter(is_tag), single(LAST_MODIFIED).filter(is_date))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: &[(HeaderName, &'static str)], etag: Option<&str>, last_modified: Option<&str>) {
        let mut headers = HeaderMap::new();
        for (name, value) in given {
            headers.append(name, HeaderValue::from_static(value));
        }
        let found = fields(&headers);
        let text = |bytes: Option<Vec<u8>>| bytes.map(|bytes| String::from_utf8(bytes).expect("ASCII"));
        assert_eq!((text(found.0).as_deref(), text(found.1).as_deref()), (etag, last_modified), "{given:?}");
    }

    #[test]
    fn validators_are_taken_verbatim_or_not_at_all() {
        const DATE: &str = "Tue, 15 Nov 1994 08:12:31 GMT";
        check(&[(ETAG, "\"a\"")], Some("\"a\""), None);
        check(&[(ETAG, "W/\"a b,c\""), (LAST_MODIFIED, DATE)], Some("W/\"a b,c\""), Some(DATE));
        check(&[(ETAG, "\"\"")], Some("\"\""), None);
        for not_a_tag in ["*", "", "\"", "abc", "w/\"a\"", "\"a\", \"b\"", "W/"] {
            check(&[(ETAG, not_a_tag)], None, None);
        }
        check(&[(ETAG, "\"a\""), (ETAG, "\"b\"")], None, None);
        check(&[(LAST_MODIFIED, "yesterday")], None, None);
    }
}
