//! The one pass over a page's markup.
/// See the contract in `mod.rs`.
pub fn page() {}
