//! The links of a page, packed: they are kept so that a page that has not been modified still leads on.
//!
//! Each is the URL with a role in which it was found, before scope said anything about it: the next
//! pass judges it anew. One that was found in several roles is there once for each. Bounded: what is too
//! long is not kept, and its page is fetched whole again.
//!
//! The form: a byte for role and kind, the bytes shared with the URL before (the page's own, for the
//! first), the length of the rest, the rest; all of it one zstd frame.

use std::cell::RefCell;

use zstd::bulk::{Compressor, Decompressor};

use super::judge::Lead;
use crate::{address::CanonicalUrl, frontier::Kind, scope::Role};

/// Longest packed form that is kept.
pub(super) const MAX_PACKED_BYTES: usize = 64 << 10;
/// Longest form before it is compressed.
const MAX_PLAIN_BYTES: usize = 2 << 20;
/// Links are short and alike: more effort gains little.
const LEVEL: i32 = 1;

/// A link of a page that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeptLink {
    /// How it was found.
    pub(super) role: Role,
    /// What it was expected to be.
    pub(super) kind: Kind,
    /// Where it leads.
    pub(super) url: CanonicalUrl,
}

thread_local! {
    // A context costs more than what it packs here.
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = RefCell::new(Compressor::new(LEVEL).ok());
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = RefCell::new(Decompressor::new().ok());
}

/// Packs what was found on `page`; `None` when it is too long to be kept.
pub(super) fn pack(page: &CanonicalUrl, found: &[Lead]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(found.len() * 24);
    let mut before = page.as_str();
    for one in found {
        let url = one.url.as_str();
        for role in one.roles.iter() {
            let shared = url.bytes().zip(before.bytes()).take_while(|(a, b)| a == b).count();
            plain.push(tag(role, one.way.kind));
            put(&mut plain, shared);
            put(&mut plain, url.len() - shared);
            plain.extend_from_slice(&url.as_bytes()[shared..]);
            before = url;
        }
        if plain.len() > MAX_PLAIN_BYTES {
            return None;
        }
    }
    let packed = COMPRESSOR.with_borrow_mut(|it| it.as_mut()?.compress(&plain).ok())?;
    (packed.len() <= MAX_PACKED_BYTES).then_some(packed)
}

/// Reads what [`pack`] wrote; `None` when it is anything else.
pub(super) fn unpack(page: &CanonicalUrl, packed: &[u8]) -> Option<Vec<KeptLink>> {
    let plain = DECOMPRESSOR.with_borrow_mut(|it| it.as_mut()?.decompress(packed, MAX_PLAIN_BYTES + 4096).ok())?;
    let mut rest = plain.as_slice();
    let mut before = page.as_str().as_bytes().to_vec();
    let mut links = Vec::new();
    while let Some((tag, tail)) = rest.split_first() {
        rest = tail;
        let (role, kind) = untag(*tag)?;
        let (shared, length) = (take(&mut rest)?, take(&mut rest)?);
        let (suffix, tail) = rest.split_at_checked(length)?;
        rest = tail;
        if shared > before.len() {
            return None;
        }
        before.truncate(shared);
        before.extend_from_slice(suffix);
        let url = CanonicalUrl::from_stored(std::str::from_utf8(&before).ok()?).ok()?;
        links.push(KeptLink { role, kind, url });
    }
    Some(links)
}

const ROLES: [Role; 7] =
    [Role::Seed, Role::Link, Role::Redirect, Role::Sitemap, Role::SitemapEntry, Role::Canonical, Role::Embedded];
const SITEMAP: u8 = 0x80;

fn tag(role: Role, kind: Kind) -> u8 {
    let number = match role {
        Role::Seed => 0,
        Role::Link => 1,
        Role::Redirect => 2,
        Role::Sitemap => 3,
        Role::SitemapEntry => 4,
        Role::Canonical => 5,
        Role::Embedded => 6,
    };
    if kind == Kind::Sitemap { number | SITEMAP } else { number }
}

fn untag(tag: u8) -> Option<(Role, Kind)> {
    let role = ROLES.get(usize::from(tag & !SITEMAP))?;
    Some((*role, if tag & SITEMAP == 0 { Kind::Page } else { Kind::Sitemap }))
}

/// LEB128.
fn put(out: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

fn take(rest: &mut &[u8]) -> Option<usize> {
    let mut number = 0usize;
    for shift in [0, 7, 14, 21, 28] {
        let (byte, tail) = rest.split_first()?;
        *rest = tail;
        number |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{address::Canonicalizer, engine::judge::Way};

    fn url(text: &str) -> CanonicalUrl {
        Canonicalizer::default().parse(text).expect("valid")
    }

    fn found(role: Role, kind: Kind, text: &str) -> Lead {
        Lead::new(url(text), role, Way { depth: 3, kind, nesting: 0 })
    }

    fn check(links: &[Lead]) -> usize {
        let page = url("http://a.example/docs/index.html");
        let packed = pack(&page, links).expect("short enough");
        let expected: Vec<KeptLink> = links
            .iter()
            .flat_map(|it| it.roles.iter().map(|role| KeptLink { role, kind: it.way.kind, url: it.url.clone() }))
            .collect();
        assert_eq!(unpack(&page, &packed), Some(expected));
        packed.len()
    }

    #[test]
    fn links_come_back_as_they_were() {
        check(&[]);
        let mut links: Vec<Lead> = ROLES.map(|role| found(role, Kind::Page, "http://b.example/x?y=\u{fc}")).into();
        links.push(found(Role::Sitemap, Kind::Sitemap, "https://a.example/sitemap.xml"));
        links[1].roles.add(Role::Embedded);
        links[1].roles.add(Role::Canonical);
        check(&links);
        let menu: Vec<Lead> = (0..60)
            .map(|n| found(Role::Link, Kind::Page, &format!("http://a.example/docs/chapter-{}/page-{n}.html", n / 7)))
            .collect();
        let n_bytes = check(&menu);
        assert!(n_bytes < 400, "{n_bytes} bytes for 60 links");
    }

    #[test]
    fn what_is_too_long_is_not_kept() {
        let page = url("http://a.example/");
        let long = |n: u64| {
            // Noise, which does not pack.
            let hash = |i: u64| xxhash_rust::xxh3::xxh3_64(&(n << 8 | i).to_le_bytes());
            let noise: String = (0..60).map(|i| format!("{:016x}", hash(i))).collect();
            found(Role::Link, Kind::Page, &format!("http://a.example/{noise}"))
        };
        let links: Vec<Lead> = (0..400).map(long).collect();
        assert_eq!(pack(&page, &links), None);
    }

    proptest! {
        #[test]
        fn garbage_is_no_links(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let page = url("http://a.example/");
            let _ = unpack(&page, &bytes);
            // The same behind a frame that is whole.
            let _ = unpack(&page, &zstd::bulk::compress(&bytes, 1).expect("it packs"));
        }
    }
}
