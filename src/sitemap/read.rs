//! Which kind of document a body is, and the way to its reader.

use super::{
    Kind, Limits, Origin, Sitemap,
    defect::{DefectKind, Position},
    document,
    harvest::Harvest,
    list, root,
    source::Source,
    tokens::{Token, Tokens, name_of},
};

/// Reads the entries of a sitemap or feed. Any bytes will do; a document that is neither has no
/// entries.
pub fn parse(body: &[u8], origin: &Origin<'_>, limits: &Limits) -> Sitemap {
    let mut source = Source::new(body, origin.content_type, limits.max_decoded_bytes);
    let mut harvest = Harvest::new(*limits, origin.url);
    match root::xml_start(&mut source) {
        Some(start) => {
            if start > 0 {
                source.note_ahead(DefectKind::StrayBytes, start);
                source.advance(start);
            }
            let mut tokens = Tokens::new(source);
            document::read(&mut tokens, &mut harvest);
            source = tokens.source;
        }
        None => list::read(&mut source, &mut harvest),
    }
    conclude(source, harvest, body.is_empty())
}

fn conclude(source: Source<'_>, mut harvest: Harvest<'_>, is_empty: bool) -> Sitemap {
    let start = Position::default();
    match harvest.found.kind {
        Kind::Html => harvest.note(DefectKind::Html, start, ""),
        Kind::None if is_empty => harvest.note(DefectKind::Empty, start, ""),
        Kind::None => harvest.note(DefectKind::Unrecognized, start, ""),
        _ => {}
    }
    let mut found = harvest.found;
    found.truncated |= !source.is_complete;
    harvest.defects.merge(source.defects);
    found.defects = harvest.defects.into_sorted();
    found
}

/// Whether a body is worth [`parse`]: an XML document whose root is that of a sitemap or feed,
/// whatever `content_type` says, or a plain text of URLs that is not called anything else.
pub fn looks_like_sitemap(content_type: Option<&str>, body: &[u8]) -> bool {
    let mut source = Source::new(body, content_type, root::SNIFF_BYTES);
    if let Some(start) = root::xml_start(&mut source) {
        source.advance(start);
        return has_root(&mut Tokens::new(source));
    }
    let essence = content_type.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
    let may_be_text = ["", "text/plain", "application/octet-stream", "application/gzip", "application/x-gzip"]
        .iter()
        .any(|known| essence.eq_ignore_ascii_case(known));
    let text = source.rest();
    let is_end = ['\n', '\r'];
    // A last line that was cut says nothing.
    let end = if source.is_complete { text.len() } else { text.rfind(is_end).unwrap_or_default() };
    let lines = text[..end].split(is_end).map(str::trim);
    let mut lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#')).peekable();
    may_be_text && lines.peek().is_some() && lines.all(list::is_address)
}

/// Whether a known root comes before anything that begins a web page.
fn has_root(tokens: &mut Tokens<'_>) -> bool {
    loop {
        match tokens.next() {
            Token::Open { tag, .. } => {
                let (_, local) = root::split(name_of(tag));
                if root::kind_of(local, tag).is_some() {
                    return true;
                }
                // What a script prints before its sitemap are line breaks and bold warnings.
                if !["br", "b", "i", "strong"].iter().any(|name| local.eq_ignore_ascii_case(name)) {
                    return false;
                }
            }
            Token::End { .. } | Token::DocType { is_html: true, .. } => return false,
            _ => {}
        }
    }
}
