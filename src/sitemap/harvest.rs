//! The entries found so far, their bounds, and what is wrong with their addresses.

use url::{ParseError, Url};

use super::{
    Entry, Limits, MAX_ADDRESS_BYTES, MAX_KEPT_BYTES, Sitemap,
    defect::{DefectKind, Defects, Position},
};
use crate::address::join;

/// What the protocol allows an address, characters.
const PROTOCOL_ADDRESS_CHARS: usize = 2_048;
/// What a kept value costs besides its text, bytes.
const OVERHEAD_BYTES: usize = 48;

/// Entries found so far.
pub(super) struct Harvest<'a> {
    limits: Limits,
    base: Option<&'a Url>,
    pub(super) found: Sitemap,
    pub(super) defects: Defects,
    /// Bytes left for entries, and for what belongs to them.
    left: usize,
    left_for_extras: usize,
    is_full: bool,
}

impl<'a> Harvest<'a> {
    pub(super) fn new(limits: Limits, base: Option<&'a Url>) -> Self {
        Self {
            limits,
            base,
            found: Sitemap::default(),
            defects: Defects::default(),
            left: MAX_KEPT_BYTES,
            left_for_extras: MAX_KEPT_BYTES,
            is_full: false,
        }
    }

    /// Where the document was found.
    pub(super) fn base(&self) -> Option<&'a Url> {
        self.base
    }

    /// Whether an entry had to be left out because there were enough, so that reading on is idle.
    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }

    pub(super) fn note(&mut self, kind: DefectKind, at: Position, example: &str) {
        self.defects.note(kind, at, example);
    }

    /// Notes a defect because of which entries are missing.
    pub(super) fn truncate(&mut self, kind: DefectKind, at: Position, example: &str) {
        self.found.truncated = true;
        self.note(kind, at, example);
    }

    /// Takes an entry that has an address, if it fits.
    pub(super) fn add(&mut self, entry: Entry, is_sitemap: bool, at: Position) {
        if entry.url.len() > MAX_ADDRESS_BYTES {
            return self.truncate(DefectKind::AddressTooLong, at, &entry.url);
        }
        if self.found.pages.len() + self.found.sitemaps.len() >= self.limits.max_entries {
            self.is_full = true;
            return self.truncate(DefectKind::TooManyEntries, at, &entry.url);
        }
        let text = entry.url.len() + entry.lastmod.as_ref().map_or(0, String::len);
        let Some(left) = self.left.checked_sub(size_of::<Entry>() + text) else {
            self.is_full = true;
            return self.truncate(DefectKind::TooMuchText, at, "");
        };
        self.left = left;
        self.inspect(&entry.url, at);
        if is_sitemap { self.found.sitemaps.push(entry) } else { self.found.pages.push(entry) }
    }

    /// Whether there is room for something of `n` bytes that belongs to an entry.
    pub(super) fn has_room_for(&mut self, n: usize, at: Position) -> bool {
        let left = self.left_for_extras.checked_sub(n + OVERHEAD_BYTES);
        match left {
            Some(left) => self.left_for_extras = left,
            None => self.note(DefectKind::TooMuchText, at, ""),
        }
        left.is_some()
    }

    /// Notes what is wrong with an address.
    fn inspect(&mut self, address: &str, at: Position) {
        if address.len() > PROTOCOL_ADDRESS_CHARS && address.chars().count() > PROTOCOL_ADDRESS_CHARS {
            self.note(DefectKind::AddressOverLimit, at, address);
        }
        let Some(base) = self.base else { return };
        if address.contains("&amp;") {
            self.note(DefectKind::DoubleEscaped, at, address);
        }
        if !address.bytes().all(|b| b.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&b)) {
            self.note(DefectKind::UnencodedAddress, at, address);
        }
        let url = match Url::parse(address) {
            Ok(url) => Ok(url),
            Err(ParseError::RelativeUrlWithoutBase) => {
                self.note(DefectKind::RelativeAddress, at, address);
                join(base, address)
            }
            Err(error) => Err(error),
        };
        let Ok(url) = url else { return self.note(DefectKind::InvalidAddress, at, address) };
        let folder = base.path().rfind('/').map_or("/", |end| &base.path()[..=end]);
        if !matches!(url.scheme(), "http" | "https") {
            self.note(DefectKind::OtherScheme, at, address);
        } else if url.host() != base.host() {
            self.note(DefectKind::OtherHost, at, address);
        } else if !url.path().starts_with(folder) {
            self.note(DefectKind::OutsideFolder, at, address);
        }
    }
}

/// An address without the white space around it, and without line breaks in it (with the
/// indentation that goes with them). The flag says whether there was white space within.
pub(super) fn tidy(address: &str) -> (String, bool) {
    let address = address.trim();
    if !address.contains(char::is_whitespace) {
        return (address.to_owned(), false);
    }
    let mut out = String::with_capacity(address.len());
    let mut rest = address;
    while let Some(start) = rest.find(char::is_whitespace) {
        let after = rest[start..].trim_start();
        let blank = &rest[start..rest.len() - after.len()];
        out.push_str(&rest[..start]);
        if !blank.contains(['\n', '\r']) {
            out.push_str(blank);
        }
        rest = after;
    }
    out.push_str(rest);
    (out, true)
}
