//! What an attempt to get robots.txt means (RFC 9309 section 2.3.1).
/// See the contract in `mod.rs`.
#[derive(Debug, Clone)]
pub struct Policy;
/// See the contract in `mod.rs`.
#[derive(Debug, Clone)]
pub enum Standing {}
