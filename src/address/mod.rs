//! Addresses: what a URL *is* to the crawler.
//!
//! Raw text becomes a [`CanonicalUrl`] exactly once, through a [`Canonicalizer`]; from there on two
//! spellings of one page are one value. Everything that remembers URLs remembers the
//! [`Fingerprint`] of the canonical form; everything that is owed to a server is owed to its
//! [`HostKey`]; a robots.txt speaks for one [`Origin`].
//!
//! Pure: no I/O, no clock. Parsing and resolution follow the WHATWG URL standard (crate `url`).
//!
//! Invariants:
//! - a `CanonicalUrl` is `http` or `https`, has a host, no userinfo and no fragment;
//! - canonicalisation is idempotent;
//! - userinfo is dropped before anything is stored or logged.

mod canonical;
mod directory;
mod fingerprint;
mod host;

pub use canonical::{AddressError, CanonicalUrl, Canonicalizer, Rule};
pub use directory::{DirectoryKey, MAX_LEVELS};
pub use fingerprint::Fingerprint;
pub use host::{HostId, HostKey, Origin};
