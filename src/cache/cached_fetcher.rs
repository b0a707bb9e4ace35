//! The cache as a fetcher around a fetcher.
/// See the contract in `mod.rs`.
#[derive(Debug)]
pub struct CachedFetcher;
