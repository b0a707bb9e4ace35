//! What an attempt to get robots.txt means (RFC 9309 section 2.3.1).
/// See the contract in `mod.rs`.
#[derive(Debug, Clone)]
pub struct Policy;
impl serde::Serialize for Policy { fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> { s.serialize_unit() } }
impl<'de> serde::Deserialize<'de> for Policy { fn deserialize<D: serde::Deserializer<'de>>(_d: D) -> Result<Self, D::Error> { Ok(Self) } }
/// See the contract in `mod.rs`.
#[derive(Debug, Clone)]
pub enum Standing {}
