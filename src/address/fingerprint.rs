//! The 128-bit key under which a URL is known.
//!
//! The upper 32 bits are a hash of the host, so that one host's keys are neighbours in a sorted
//! store; the lower 96 bits are a hash of the whole canonical URL. Two different URLs of one host
//! share a fingerprint with probability 2⁻⁹⁶: at 100 million URLs the chance of a single collision
//! is about 10⁻¹³, so a collision is not a way to lose a page.

use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// A canonical URL's 128-bit fingerprint (XXH3), host-prefixed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub u128);

impl Fingerprint {
    /// Of a canonical URL and the host that it names.
    pub(crate) fn of(host: &str, url: &str) -> Self {
        let prefix = xxh3_64(host.as_bytes()) >> 32;
        let rest = xxh3_128(url.as_bytes()) & ((1 << 96) - 1);
        Self((u128::from(prefix) << 96) | rest)
    }

    /// Big-endian bytes: their order is the order of the fingerprints.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }
}

impl std::fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}
