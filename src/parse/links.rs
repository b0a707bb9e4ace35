//! The links found so far.
//!
//! Which references count, how many are kept, and the text of the anchor that is open. It does not
//! know elements.

use super::{
    Link, LinkKind, MAX_REFERENCE_BYTES, Options, Rel,
    text::{Collapsed, Gap, owned},
};

/// An `<a>` whose text is being read.
#[derive(Debug)]
struct OpenAnchor {
    /// Where its link is kept.
    index: usize,
    text: Collapsed,
    /// What stands for its images.
    alt: Collapsed,
    /// Blocks opened since and not closed yet.
    n_blocks: u32,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Links<'p> {
    options: &'p Options,
    pub(super) list: Vec<Link>,
    pub(super) truncated: bool,
    /// The first reference that was a fragment alone, and how many links came before it; unless
    /// fragments are kept anyway.
    pub(super) first_fragment: Option<(usize, Link)>,
    n_found: u32,
    open: Option<OpenAnchor>,
}

impl<'p> Links<'p> {
    pub(super) fn new(options: &'p Options) -> Self {
        Self { options, list: Vec::new(), truncated: false, first_fragment: None, n_found: 0, open: None }
    }

    /// Takes a reference of a wanted kind. `rel` is the attribute as written, `text` what describes
    /// the link if it is no anchor.
    pub(super) fn take(
        &mut self,
        href: &[u8],
        kind: LinkKind,
        said: Rel,
        rel: Option<&[u8]>,
        text: Option<&[u8]>,
    ) -> Option<usize> {
        let href = strip(href);
        if names_no_document(href) || (href.is_empty() && !may_be_empty(kind)) {
            return None;
        }
        let position = self.n_found;
        self.n_found = self.n_found.saturating_add(1);
        let is_dropped = !self.options.fragments && href.first() == Some(&b'#');
        if is_dropped && self.first_fragment.is_some() {
            return None;
        }
        if href.len() > MAX_REFERENCE_BYTES || (!is_dropped && self.list.len() >= self.options.limits.max_links) {
            self.truncated |= !is_dropped;
            return None;
        }
        let described = |text: Option<&[u8]>| {
            text.filter(|_| self.options.max_link_text_bytes > 0)
                .and_then(|text| Collapsed::of(text, self.options.max_link_text_bytes))
                .map(String::into_boxed_str)
        };
        let link =
            Link { href: owned(href), kind, rel: said, position, rel_text: described(rel), text: described(text) };
        if is_dropped {
            self.first_fragment = Some((self.list.len(), link));
            return None;
        }
        self.list.push(link);
        Some(self.list.len() - 1)
    }

    /// An `<a>` begins, and its link is kept at `index`. It ends any other, as in a browser.
    pub(super) fn open_anchor(&mut self, index: Option<usize>) {
        self.close_anchor();
        let max_bytes = self.options.max_link_text_bytes;
        if max_bytes > 0
            && let Some(index) = index
        {
            let (text, alt) = (Collapsed::new(max_bytes), Collapsed::new(max_bytes));
            self.open = Some(OpenAnchor { index, text, alt, n_blocks: 0 });
        }
    }

    /// An `<a>` ends, if one is open.
    pub(super) fn close_anchor(&mut self) {
        if let Some(OpenAnchor { index, text, alt, .. }) = self.open.take()
            && let Some(link) = self.list.get_mut(index)
        {
            link.text = text.finish().or_else(|| alt.finish()).map(String::into_boxed_str);
        }
    }

    #[inline]
    pub(super) fn has_open_anchor(&self) -> bool {
        self.open.is_some()
    }

    /// Text within the open anchor.
    pub(super) fn anchor_text(&mut self, piece: &[u8]) {
        if let Some(open) = &mut self.open {
            open.text.push(piece);
        }
    }

    /// An image within the open anchor is described so.
    pub(super) fn anchor_alt(&mut self, alt: &[u8]) {
        if let Some(open) = &mut self.open {
            open.alt.gap(Gap::Space);
            open.alt.push(alt);
        }
    }

    /// A block begins (`true`) or ends within the open anchor. The end of one that was begun
    /// outside ends an anchor that nobody closed; `is_item` says that its beginning does as well,
    /// because it can't stand within another of its like.
    pub(super) fn anchor_block(&mut self, begins: bool, is_item: bool) {
        let Some(open) = &mut self.open else { return };
        match (begins, open.n_blocks) {
            (true, 0) if is_item => self.close_anchor(),
            (true, _) => open.n_blocks = open.n_blocks.saturating_add(1),
            (false, 0) => self.close_anchor(),
            (false, _) => open.n_blocks -= 1,
        }
    }

    /// Forgets all links from the one at `index` on: what they stood in is gone.
    pub(super) fn drop_from(&mut self, index: usize) {
        self.open = None;
        self.list.truncate(index);
    }

    /// At the end of the page. When `base_differs` from the page's address, "#x" names a document,
    /// that of the base.
    pub(super) fn finish(mut self, base_differs: bool) -> (Vec<Link>, bool) {
        self.close_anchor();
        if base_differs && let Some((at, link)) = self.first_fragment {
            self.list.insert(at, link);
            self.truncated |= self.list.len() > self.options.limits.max_links;
            self.list.truncate(self.options.limits.max_links);
        }
        (self.list, self.truncated)
    }
}

/// Whether an empty reference of this kind leads anywhere: to the document itself. Elsewhere HTML
/// has it that nothing is fetched.
fn may_be_empty(kind: LinkKind) -> bool {
    matches!(kind, LinkKind::A | LinkKind::Area | LinkKind::Refresh | LinkKind::Form)
}

/// Without C0 controls and spaces at the ends, as the URL standard begins to parse.
pub(super) fn strip(reference: &[u8]) -> &[u8] {
    let start = reference.iter().position(|&byte| byte > b' ').unwrap_or(reference.len());
    let end = reference.iter().rposition(|&byte| byte > b' ').map_or(start, |last| last + 1);
    &reference[start..end]
}

/// Schemes that lead to no document on a server.
const NO_DOCUMENT: [&[u8]; 8] =
    [b"javascript:", b"mailto:", b"data:", b"tel:", b"about:", b"blob:", b"sms:", b"vbscript:"];

/// Whether the scheme is one that leads to no document on a server. Tabs and line ends within it
/// don't count, as in the URL standard.
fn names_no_document(reference: &[u8]) -> bool {
    let Some(first) = reference.first().map(u8::to_ascii_lowercase) else { return false };
    let letters = || reference.iter().filter(|byte| !matches!(byte, b'\t' | b'\n' | b'\r'));
    NO_DOCUMENT.iter().filter(|scheme| scheme[0] == first).any(|scheme| {
        let mut letters = letters();
        scheme.iter().all(|expected| letters.next().is_some_and(|letter| letter.eq_ignore_ascii_case(expected)))
    })
}
