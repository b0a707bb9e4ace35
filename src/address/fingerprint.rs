//! The 128-bit key under which a URL is known.
//!
//! The upper 32 bits are a hash of the host, so that one host's keys are neighbours in a sorted
//! store; the lower 96 bits are a hash of the whole canonical URL. Two different URLs of one host
//! share a fingerprint with probability 2⁻⁹⁶: at 100 million URLs the chance of a single collision
//! is about 10⁻¹³, so a collision is not a way to lose a page.

use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use super::HostId;

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

    /// Whether it may be that of a URL of this host: of any other with probability 2⁻³².
    pub fn is_of(self, host: HostId) -> bool {
        self.0 >> 96 == u128::from(host.0 >> 32)
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

#[cfg(test)]
mod tests {
    use super::super::Canonicalizer;

    #[test]
    fn it_begins_with_its_host() {
        let parse = |text: &str| Canonicalizer::default().parse(text).expect("valid");
        for text in ["http://a.example/x", "https://a.example:8443/", "http://a.example./y"] {
            let url = parse(text);
            assert!(url.fingerprint().is_of(url.host().id()), "{text}");
            assert!(!url.fingerprint().is_of(parse("http://b.example/").host().id()), "{text}");
        }
    }
}
