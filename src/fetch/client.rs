//! The fetcher over reqwest.
/// See the contract in `mod.rs`.
#[derive(Debug)]
pub struct HttpFetcher;
