//! Link relations: what a `rel` says about where a link leads.
//!
//! A table of relation names and how several of them in one `rel` add up. It does not look at the
//! link itself.

/// What the `rel` of a link says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Relations {
    /// It names a document: at least one relation does, and none makes it a resource of the page.
    pub(super) names_document: bool,
    /// It names the page's preferred address.
    pub(super) is_canonical: bool,
    /// It asks not to be followed.
    pub(super) nofollow: bool,
}

/// Reads a `rel`. Relations are those of the HTML standard, of the IANA registry of link relations
/// and of the microformats wiki that lead to a page; a style sheet or an icon is none, also where
/// it is an `alternate` one.
pub(super) fn relations(rel: &[u8]) -> Relations {
    let mut relations = Relations::default();
    let mut is_resource = false;
    for token in rel.split(u8::is_ascii_whitespace) {
        let mut name = [0; 24];
        let Some(name) = name.get_mut(..token.len()) else { continue };
        name.copy_from_slice(token);
        name.make_ascii_lowercase();
        match &*name {
            b"nofollow" => relations.nofollow = true,
            b"canonical" => (relations.is_canonical, relations.names_document) = (true, true),
            b"stylesheet" | b"icon" | b"apple-touch-icon" | b"mask-icon" | b"fluid-icon" | b"manifest" | b"preload"
            | b"modulepreload" => is_resource = true,
            name if names_document(name) => relations.names_document = true,
            _ => {}
        }
    }
    relations.names_document &= !is_resource;
    relations.is_canonical &= !is_resource;
    relations
}

fn names_document(relation: &[u8]) -> bool {
    matches!(
        relation,
        b"about"
            | b"alternate"
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
        for (rel, names_document, is_canonical, nofollow) in [
            ("next", true, false, false),
            ("PREV\tnofollow", true, false, true),
            ("Canonical", true, true, false),
            ("alternate stylesheet", false, false, false),
            ("icon alternate", false, false, false),
            ("next prefetch", true, false, false),
            ("prefetch", false, false, false),
            ("preconnect", false, false, false),
            ("predecessor-version", true, false, false),
            ("apple-touch-icon-precomposed-and-longer next", true, false, false),
            ("", false, false, false),
        ] {
            assert_eq!(relations(rel.as_bytes()), Relations { names_document, is_canonical, nofollow }, "{rel}");
        }
    }
}
