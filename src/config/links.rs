//! `[links]` and what else is wanted of pages.

use super::{
    build::Checks,
    raw::{LinkRel, Raw},
    settings::Links,
};
use crate::parse;

/// Longest text kept of a title, a description, a link and the like, bytes.
const MAX_META_BYTES: usize = 4096;
/// Longest text and `rel` kept of a link, bytes.
const MAX_LINK_TEXT_BYTES: usize = 1024;

/// What the parser is told.
pub(crate) fn parse_options(raw: &Raw, max_text_bytes: usize, checks: &mut Checks<'_>) -> parse::Options {
    parse::Options {
        kinds: kinds(raw, checks),
        agent: raw.robots.agent.clone(),
        max_link_text_bytes: if raw.outputs.link_details { MAX_LINK_TEXT_BYTES } else { 0 },
        metadata: raw.outputs.metadata,
        ..parse::Options::new(parse::Limits {
            max_links: usize::try_from(raw.limits.links_per_page).unwrap_or(usize::MAX),
            max_meta_bytes: MAX_META_BYTES,
            max_text_bytes: if raw.outputs.text { max_text_bytes } else { 0 },
        })
    }
}

/// Which links are followed.
pub(crate) fn links(raw: &Raw) -> Links {
    Links {
        obey_rel: parse::Rel {
            nofollow: raw.fetch.nofollow || raw.links.obey_rel.contains(&LinkRel::Nofollow),
            ugc: raw.links.obey_rel.contains(&LinkRel::Ugc),
            sponsored: raw.links.obey_rel.contains(&LinkRel::Sponsored),
            ..parse::Rel::default()
        },
        text_files: raw.links.text_files,
        pdf: raw.links.pdf,
    }
}

fn kinds(raw: &Raw, checks: &mut Checks<'_>) -> parse::KindSet {
    let mut kinds = parse::KindSet::NONE;
    for (i, name) in raw.links.kinds.iter().enumerate() {
        match parse::KindSet::named(name) {
            Some(named) => kinds = kinds.union(named),
            None => {
                let known = parse::KindSet::NAMES.join(", ");
                checks.fail(&format!("links.kinds[{i}]"), format!("`{name}` is no kind of link; there are {known}"));
            }
        }
    }
    kinds
}
