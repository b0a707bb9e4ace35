//! What can be wrong with a sitemap, and how often it was.
//!
//! A defect is no error: the document was read all the same, as far as possible. Bounded: one
//! record a kind, with a short example.

use super::MAX_VALUE_BYTES;

/// Longest example kept, bytes.
const MAX_EXAMPLE_BYTES: usize = 120;

macro_rules! kinds {
    ($($variant:ident $name:literal $text:literal;)*) => {
        /// A kind of defect.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum DefectKind {
            $(#[doc = $text] $variant,)*
        }

        impl DefectKind {
            /// In kebab-case, as `dragline inspect sitemap` spells it.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// In words, for people.
            pub fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

kinds! {
    Empty "empty" "empty document";
    Html "html" "a web page in place of a sitemap";
    Unrecognized "unrecognized" "neither a sitemap nor a feed";
    DamagedGzip "damaged-gzip" "gzip data that is damaged, incomplete or followed by something else";
    GzipInGzip "gzip-in-gzip" "gzip within gzip is not unpacked";
    WrongEncoding "wrong-encoding" "not in the encoding that was declared";
    NotUtf8 "not-utf-8" "not in UTF-8, which the protocol demands";
    MalformedBytes "malformed-bytes" "bytes that are none in the document's encoding";
    StrayBytes "stray-bytes" "something before the XML declaration or the root element";
    MalformedDeclaration "malformed-declaration" "XML declaration that does not end in ?>";
    DocumentType "document-type" "DOCTYPE: nothing that it defines is used";
    NoNamespace "no-namespace" "no namespace";
    WrongNamespace "wrong-namespace" "namespace is not that of sitemaps.org 0.9";
    WrongCase "wrong-case" "upper-case element name";
    UnknownRoot "unknown-root" "entries without the root element of a sitemap or feed";
    MixedKinds "mixed-kinds" "an index that lists pages, or a list of pages that lists sitemaps";
    UnescapedAmpersand "unescaped-ampersand" "unescaped ampersand";
    UnknownEntity "unknown-entity" "reference to an entity that XML does not have; not expanded";
    DefinedEntity "defined-entity" "address that is not whole without an entity that the document defines; left out";
    DoubleEscaped "double-escaped" "&amp; escaped twice";
    StrayLessThan "stray-less-than" "unescaped < in text";
    UnclosedMarkup "unclosed-markup" "comment, CDATA section or instruction that does not end";
    MalformedTag "malformed-tag" "tag that is not well-formed";
    TagTooLong "tag-too-long" "tag longer than 64 KiB; its attributes are ignored";
    MismatchedTag "mismatched-tag" "end tag that closes nothing, or elements that were never closed";
    TooDeep "too-deep" "elements nested more than 64 deep; reading ended";
    TrailingContent "trailing-content" "something after the root element";
    StrayAddress "stray-address" "address that stands in no entry";
    MissingAddress "missing-address" "entry without an address";
    EmptyAddress "empty-address" "empty address";
    SeveralAddresses "several-addresses" "entry with more than one address";
    AddressTooLong "address-too-long" "address longer than 8,192 bytes; left out";
    AddressOverLimit "address-over-limit" "address longer than 2,048 characters";
    AddressWhiteSpace "address-white-space" "white space within an address";
    RelativeAddress "relative-address" "relative URL";
    InvalidAddress "invalid-address" "not a URL";
    OtherScheme "other-scheme" "URL that is neither http nor https";
    OtherHost "other-host" "URL of another host";
    OutsideFolder "outside-folder" "URL outside of the sitemap's folder";
    UnencodedAddress "unencoded-address" "characters in an address that should be percent-encoded";
    NotAnAddress "not-an-address" "line that is no URL";
    InvalidLastmod "invalid-lastmod" "invalid lastmod";
    InvalidPriority "invalid-priority" "priority that is no number";
    PriorityOutOfRange "priority-out-of-range" "priority out of range (0.0 to 1.0)";
    InvalidChangefreq "invalid-changefreq" "invalid changefreq";
    ValueTooLong "value-too-long" "value longer than 512 bytes; left out";
    TooManyEntries "too-many-entries" "more entries than are read (50,000 in the protocol)";
    TooLarge "too-large" "more bytes than are read (50 MiB in the protocol)";
    TooMuchText "too-much-text" "more text than is kept; some was left out";
    Truncated "truncated" "truncated: the document breaks off";
}

/// A place in a document, after unpacking and decoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Position {
    /// Bytes of UTF-8 before it.
    pub byte: u64,
    /// Line feeds before it.
    pub line: u64,
}

/// Something wrong, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defect {
    /// What.
    pub kind: DefectKind,
    /// How often it was met.
    pub count: u64,
    /// Line of the first time, from 1.
    pub line: u64,
    /// Bytes before the element of the first time, counted after unpacking and decoding to UTF-8.
    pub byte: u64,
    /// The text at fault of the first time, cut short, where there is one.
    pub example: Option<String>,
}

/// Defects found so far, one of a kind.
#[derive(Debug, Default)]
pub(super) struct Defects(Vec<Defect>);

impl Defects {
    pub(super) fn note(&mut self, kind: DefectKind, at: Position, example: &str) {
        if let Some(known) = self.0.iter_mut().find(|known| known.kind == kind) {
            known.count += 1;
            return;
        }
        let example = example.trim();
        let end = example.floor_char_boundary(MAX_EXAMPLE_BYTES.min(MAX_VALUE_BYTES));
        let cut = if end < example.len() { "…" } else { "" };
        let example = (!example.is_empty()).then(|| format!("{}{cut}", &example[..end]));
        self.0.push(Defect { kind, count: 1, line: at.line + 1, byte: at.byte, example });
    }

    /// Adds what another part of the reader found. Of one kind, the one that came first stays.
    pub(super) fn merge(&mut self, other: Self) {
        for defect in other.0 {
            match self.0.iter_mut().find(|known| known.kind == defect.kind) {
                Some(known) => known.count += defect.count,
                None => self.0.push(defect),
            }
        }
    }

    /// In the order of first occurrence.
    pub(super) fn into_sorted(mut self) -> Vec<Defect> {
        self.0.sort_by_key(|defect| defect.byte);
        self.0
    }
}
