//! Which encoding a page is in.
/// See the contract in `mod.rs`.
#[derive(Debug, Clone)]
pub struct Charset;
/// See the contract in `mod.rs`.
#[derive(Debug, Clone)]
pub enum CharsetSource {}
