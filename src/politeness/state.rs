//! How things stand with a host.
/// See the contract in `mod.rs`.
#[derive(Debug)]
pub struct Conduct;
/// See the contract in `mod.rs`.
#[derive(Debug)]
pub struct HostState;
/// See the contract in `mod.rs`.
#[derive(Debug)]
pub enum Signal {}
