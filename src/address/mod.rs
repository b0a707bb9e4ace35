//! Addresses: what a URL *is* to the crawler.
//!
//! Raw text becomes a [`CanonicalUrl`] exactly once, through a [`Canonicalizer`]; from there on two
//! spellings of one page are one value. Everything that remembers URLs remembers the
//! [`Fingerprint`] of the canonical form; everything that is owed to a server is owed to its
//! [`HostKey`]; a robots.txt speaks for one [`Origin`].
//!
//! Parsing and resolution follow the WHATWG URL standard (crate `url`). After the parser comes an
//! ordered list of small pure [`Rule`]s, each of which looks at one part of a URL: safe ones are on
//! by default, those that can merge two different pages are off ([`Rules`], [`Options`]).
//! `docs/ADDRESSES.md` has them with examples. A URL that is canonical already costs its parsing and
//! nothing else.
//!
//! Pure: no I/O, no clock. Not here: which URLs may be visited (`scope`), and what is a page.
//!
//! Invariants:
//! - a `CanonicalUrl` is `http` or `https`, has a host and no userinfo; it has a fragment only if
//!   [`Rule::Fragment`] is switched off, and then no accessor but those of the whole URL shows it;
//! - canonicalisation is idempotent, whichever rules are on;
//! - a rule that removes something leaves everything else as it was, byte by byte and in its order;
//! - userinfo is dropped before anything is stored or logged ([`without_userinfo`] for messages).

mod canonical;
mod canonicalizer;
mod directory;
mod encoding;
mod fingerprint;
mod host;
mod host_pattern;
mod parameters;
mod path;
mod percent;
mod query;
mod rule;
mod surt;
mod trace;
mod userinfo;

pub use canonical::{AddressError, CanonicalUrl};
pub use canonicalizer::{Canonicalizer, Options};
pub use directory::{DirectoryKey, MAX_LEVELS};
pub use encoding::{join, join_in};
pub use fingerprint::Fingerprint;
pub use host::{HostId, HostKey, Origin};
pub use host_pattern::HostPattern;
pub use parameters::{InvalidParameter, Parameter, SESSION_PARAMETERS, TRACKING_PARAMETERS};
pub use rule::{Rule, Rules, UnknownRule};
pub use trace::Change;
pub use userinfo::{redacted, without_userinfo};
