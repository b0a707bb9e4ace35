//! When next?
/// See the contract in `mod.rs`.
#[derive(Debug)]
pub struct Pacer;
