//! What is kept of a page from one pass to the next: enough to ask for it only if it has changed, and
//! to go on from it if it has not.
//!
//! It does not decide when a page may be asked for so, or what its links mean: they are bytes here,
//! packed by the engine.

use serde::{Deserialize, Serialize};

/// A page as it was when it was last fetched whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validators {
    /// The pass whose record holds what the page said, from 1.
    pub pass: u32,
    /// `ETag` as sent.
    pub etag: Option<Vec<u8>>,
    /// `Last-Modified` as sent.
    pub last_modified: Option<Vec<u8>>,
    /// SHA-256 of the decoded body.
    pub digest: [u8; 32],
    /// Whether it was read as what a sitemap is expected to be.
    pub is_sitemap: bool,
    /// Where it leads, packed.
    pub links: Vec<u8>,
}

pub(super) fn encode(validators: &Validators) -> Vec<u8> {
    postcard::to_stdvec(validators).expect("numbers and bytes always serialise")
}

/// # Errors
/// Says what does not fit when the bytes are not what [`encode`] gives.
pub(super) fn decode(bytes: &[u8]) -> Result<Validators, String> {
    postcard::from_bytes(bytes).map_err(|e| format!("validators do not decode: {e}"))
}
