//! One parsed robots.txt as one crawler reads it.
/// See the contract in `mod.rs`.
#[derive(Debug, Clone)]
pub struct Rules;
/// See the contract in `mod.rs`.
#[derive(Debug, Clone)]
pub struct Decision;
