//! Link relations: what a `rel` says about where a link leads.
//!
//! A table of relation names and how several of them in one `rel` add up. It does not look at the
//! link itself.

use super::LinkKind;

/// What the `rel` of a link says about following it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rel {
    /// `nofollow`: the author does not vouch for it.
    pub nofollow: bool,
    /// `ugc`: a user of the site wrote it.
    pub ugc: bool,
    /// `sponsored`: it was paid for.
    pub sponsored: bool,
    /// `canonical`, of a `<link>`: the page's preferred address.
    pub canonical: bool,
    /// `alternate`, of a `<link>`: the page in another form or language.
    pub alternate: bool,
}

impl Rel {
    /// Whether it says, about following the link, any of what the other does: `nofollow`, `ugc` or
    /// `sponsored`.
    pub fn says_any_of(self, other: Self) -> bool {
        (self.nofollow && other.nofollow) || (self.ugc && other.ugc) || (self.sponsored && other.sponsored)
    }
}

/// Reads the `rel` of an `<a>` or `<area>`.
pub(super) fn follow(rel: &[u8]) -> Rel {
    relations(rel).0
}

/// Reads the `rel` of a `<link>`: what it says, and of which kind it makes the link, `None` if it
/// names neither a document nor a resource. Relations are those of the HTML standard, of the IANA
/// registry of link relations and of the microformats wiki that lead to a page; a style sheet or an
/// icon is none, also where it is an `alternate` one.
pub(super) fn relations(rel: &[u8]) -> (Rel, Option<LinkKind>) {
    let mut said = Rel::default();
    let (mut is_document, mut is_css, mut is_icon, mut is_preload, mut is_fetched) =
        (false, false, false, false, false);
    for token in rel.split(u8::is_ascii_whitespace) {
        let mut name = [0; 32];
        let Some(name) = name.get_mut(..token.len()) else { continue };
        name.copy_from_slice(token);
        name.make_ascii_lowercase();
        match &*name {
            b"nofollow" => said.nofollow = true,
            b"ugc" => said.ugc = true,
            b"sponsored" => said.sponsored = true,
            b"canonical" => (said.canonical, is_document) = (true, true),
            b"alternate" => (said.alternate, is_document) = (true, true),
            b"stylesheet" => is_css = true,
            b"icon" | b"apple-touch-icon" | b"apple-touch-icon-precomposed" | b"mask-icon" | b"fluid-icon" => {
                is_icon = true;
            }
            b"manifest" | b"preload" | b"modulepreload" => is_preload = true,
            // What is fetched ahead is the next page as often as a script.
            b"prefetch" | b"prerender" => is_fetched = true,
            name if names_document(name) => is_document = true,
            _ => {}
        }
    }
    let is_resource = is_css || is_icon || is_preload;
    said.canonical &= !is_resource;
    said.alternate &= !is_resource;
    let kind = match () {
        () if is_css => Some(LinkKind::Css),
        () if is_icon => Some(LinkKind::Icon),
        () if is_preload => Some(LinkKind::Preload),
        () if is_document => Some(LinkKind::Link),
        () if is_fetched => Some(LinkKind::Preload),
        () => None,
    };
    (said, kind)
}

fn names_document(relation: &[u8]) -> bool {
    matches!(
        relation,
        b"about"
            | b"amphtml"
            | b"appendix"
            | b"archives"
            | b"author"
            | b"begin"
            | b"bookmark"
            | b"chapter"
            | b"child"
            | b"collection"
            | b"contents"
            | b"copyright"
            | b"describedby"
            | b"end"
            | b"first"
            | b"glossary"
            | b"help"
            | b"home"
            | b"index"
            | b"item"
            | b"last"
            | b"latest-version"
            | b"license"
            | b"next"
            | b"parent"
            | b"predecessor-version"
            | b"prev"
            | b"previous"
            | b"privacy-policy"
            | b"related"
            | b"replies"
            | b"search"
            | b"section"
            | b"shortlink"
            | b"sibling"
            | b"start"
            | b"subsection"
            | b"successor-version"
            | b"tag"
            | b"terms-of-service"
            | b"toc"
            | b"top"
            | b"up"
            | b"version-history"
            | b"via"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relations_name_documents_or_resources() {
        for (rel, kind, canonical, nofollow) in [
            ("next", Some(LinkKind::Link), false, false),
            ("PREV\tnofollow", Some(LinkKind::Link), false, true),
            ("Canonical", Some(LinkKind::Link), true, false),
            ("canonical icon", Some(LinkKind::Icon), false, false),
            ("alternate stylesheet", Some(LinkKind::Css), false, false),
            ("icon alternate", Some(LinkKind::Icon), false, false),
            ("shortcut\nicon", Some(LinkKind::Icon), false, false),
            ("next prefetch", Some(LinkKind::Link), false, false),
            ("prefetch", Some(LinkKind::Preload), false, false),
            ("preconnect", None, false, false),
            ("predecessor-version", Some(LinkKind::Link), false, false),
            ("a-relation-that-is-longer-than-all-that-mean-something next", Some(LinkKind::Link), false, false),
            ("", None, false, false),
        ] {
            let (said, found) = relations(rel.as_bytes());
            assert_eq!((found, said.canonical, said.nofollow), (kind, canonical, nofollow), "{rel}");
        }
        let said = follow(b"UGC sponsored noopener");
        assert!(said.ugc && said.sponsored && !said.nofollow);
    }
}
